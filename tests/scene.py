"""A scene of four quarters of different grey, coded: which way it is turned shows in the corners."""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

CORNERS = (200, 150, 100, 50)
"""The luma of the quarters from the top left one on, clockwise."""


def scene(width: int, height: int, *, square: int | None = None) -> VideoFrame:
    """The picture; with a dark square of 16 pixels, `square` pixels from the left, in its middle."""
    luma = np.empty((height, width), np.uint8)
    luma[: height // 2, : width // 2], luma[: height // 2, width // 2 :] = CORNERS[:2]
    luma[height // 2 :, width // 2 :], luma[height // 2 :, : width // 2] = CORNERS[2:]
    if square is not None:
        luma[height // 2 - 8 : height // 2 + 8, square : square + 16] = 20
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = luma
    return VideoFrame.from_ndarray(planes, format="yuv420p")


def scene_jpeg(width: int = 64, height: int = 48) -> bytes:
    """The picture as a JPEG that no decoder of video has touched."""
    out = io.BytesIO()
    scene(width, height).to_image().save(out, "JPEG", quality=95)
    return out.getvalue()


def key_unit(width: int = 64, height: int = 48, *, aspect: Fraction | None = None) -> bytes:
    """The scene as one key unit with its SPS and PPS."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = width, height, "yuv420p", Fraction(1, 10)
    if aspect is not None:
        encoder.sample_aspect_ratio = aspect
    encoder.options = {"tune": "zerolatency", "x264-params": "repeat-headers=1:annexb=1"}
    packets = [*encoder.encode(scene(width, height)), *encoder.encode(None)]
    assert len(packets) == 1
    return bytes(packets[0])


def write_turned(
    path: Path,
    rotation: int,
    *,
    size: tuple[int, int] = (128, 96),
    codec: str = "libx264",
    aspect: Fraction | None = None,
    frames: int = 20,
) -> Path:
    """A clip of the scene at 10 pictures a second, in which players turn the pictures clockwise."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 10
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(-rotation)  # FFmpeg counts the other way round
        for number in range(frames):
            for packet in stream.encode(scene(*size, square=8 + 4 * number % (size[0] - 24))):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def turn(source: Path, target: Path, rotation: int) -> Path:
    """A copy of a clip in which players turn the pictures clockwise."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        stream.set_display_rotation(-rotation)  # FFmpeg counts the other way round
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return target


def corners(picture: bytes | Image.Image) -> tuple[int, ...]:
    """The grey in the middle of the four quarters of a picture or JPEG, from the top left one on, clockwise."""
    if isinstance(picture, bytes):
        with Image.open(io.BytesIO(picture)) as opened:
            picture = opened.convert("L")
    grey = picture.convert("L")
    across, down = grey.width, grey.height
    places = ((1, 1), (3, 1), (3, 3), (1, 3))
    return tuple(_grey(grey, across * x // 4, down * y // 4) for x, y in places)


def _grey(image: Image.Image, x: int, y: int) -> int:
    value = image.getpixel((x, y))
    assert isinstance(value, int)
    return value


def shown_corners(rotation: int) -> tuple[int, ...]:
    """The corners of the scene turned clockwise, as grey of 0 to 255: video has 16 for black and 235 for white."""
    turns = rotation // 90
    turned = CORNERS[-turns:] + CORNERS[:-turns] if turns else CORNERS
    return tuple(round((luma - 16) * 255 / 219) for luma in turned)


def is_shown(picture: bytes | Image.Image, rotation: int = 0) -> bool:
    """Whether a picture is the scene turned clockwise by so much, but for what coding costs."""
    return all(abs(a - b) <= 8 for a, b in zip(corners(picture), shown_corners(rotation), strict=True))
