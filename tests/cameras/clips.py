"""Small videos made on the spot, and what their pictures look like decoded."""
# PyAV's stubs leave the parameter of Packet open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import hashlib
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

SIZE = (160, 96)


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    frames: int = 20,
    fps: int = 10,
    b_frames: int = 0,
    pixels: str = "yuv420p",
    times: Sequence[int] | None = None,
) -> Path:
    """A bright square that moves right by 4 pixels a picture over a still texture; a key frame every 10 pictures.

    `times` are those of the pictures in 1/fps s; without, one follows the other.
    """
    width, height = SIZE
    texture = np.random.default_rng(3).integers(60, 120, (height, width), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.gop_size = 10
        stream.codec_context.max_b_frames = b_frames
        if codec == "libx264":
            stream.codec_context.options = {"preset": "veryfast", "x264-params": "scenecut=0:b-adapt=0"}
        for number in range(frames):
            planes = np.full((height * 3 // 2, width), 128, np.uint8)
            planes[:height] = texture
            left = 8 + 4 * number % (width - 56)
            planes[16:64, left : left + 48] = np.minimum(texture[16:64, :48] + 110, 255)
            frame = VideoFrame.from_ndarray(planes, format="yuv420p")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, fps)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def picture_hashes(video: Path | bytes) -> list[str]:
    """The hash of every decoded picture in presentation order; bytes are an Annex B stream."""
    opened = av.open(io.BytesIO(video), format="h264") if isinstance(video, bytes) else av.open(str(video))
    with opened as container:
        assert isinstance(container, InputContainer)
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in container.decode(video=0)]
