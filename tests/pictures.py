"""Real H.264 for the tests: short streams encoded with libx264, one access unit a picture, and their decoded hashes."""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit of a stream; satisfies `ratcam.media.ring.TimedUnit`."""

    pts_90k: int
    is_key: bool
    data: bytes


@cache
def stream(*, count: int = 100, fps: int = 10, gop: int = 10, width: int = 64, height: int = 48) -> tuple[Picture, ...]:
    """`count` pictures, every one different, a key picture every `gop`; SPS and PPS before each; no reordering."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, fps)
    encoder.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x264-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0:repeat-headers=1:annexb=1",
    }
    found: list[Picture] = []
    noise = np.random.default_rng(7).integers(0, 60, (height, width), dtype=np.uint8)
    for number in range(count):
        luma = np.roll(noise, number, axis=1) + np.uint8(number % 190)
        frame = av.VideoFrame.from_ndarray(np.dstack([luma] * 3), format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        found += [_picture(packet, fps) for packet in encoder.encode(frame)]
    found += [_picture(packet, fps) for packet in encoder.encode(None)]
    assert len(found) == count
    return tuple(found)


def _picture(packet: av.Packet, fps: int) -> Picture:
    assert packet.pts is not None
    return Picture(packet.pts * 90_000 // fps, packet.is_keyframe, bytes(packet))


@cache
def hashes_of_stream(*, count: int = 100, gop: int = 10) -> list[str]:
    """`hashes_of_units(stream(...))`, decoded once."""
    return hashes_of_units(stream(count=count, gop=gop))


def hashes_of_units(units: tuple[Picture, ...]) -> list[str]:
    """A hash of each decoded picture of a stream that begins with a key picture."""
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.data))]
    frames += decoder.decode(None)
    return [_hash(frame) for frame in frames]


def hashes_of_file(path: Path) -> list[str]:
    """A hash of each decoded picture of a file."""
    with av.open(str(path)) as box:
        return [_hash(frame) for frame in box.decode(video=0)]


def times_of_file(path: Path) -> list[float]:
    """When each picture of a file is shown, in seconds."""
    with av.open(str(path)) as box:
        video: VideoStream = box.streams.video[0]
        return [float(frame.pts * (video.time_base or 0)) for frame in box.decode(video) if frame.pts is not None]


def _hash(frame: av.VideoFrame) -> str:
    return hashlib.sha1(frame.to_ndarray(format="gray").tobytes(), usedforsecurity=False).hexdigest()
