"""Thumbnails: what the key unit shows, small, upright, in the right shape."""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import io
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from ratcam.cameras.libav import X264Encoder
from ratcam.cameras.thumbnails import MOST_BYTES, MOST_SIDE, LibavThumbnails
from ratcam.errors import CameraError, MissingDependencyError
from ratcam.media.access_unit import is_idr
from ratcam.ports import ThumbnailMaker
from tests.media.splitter import AccessUnitSplitter
from tests.scene import is_shown, key_unit

MAKER: ThumbnailMaker = LibavThumbnails()
STREAMS = Path(__file__).parents[2] / ".." / "shared" / "streams"

DAMAGED = {"Error_I_P.264"}
"""Slices of its first picture are missing: what a decoder shows there it makes up."""


def first_picture_of_all(stream: Path, width: int, height: int) -> Image.Image:
    """The first picture that a decoder gives that is fed the whole stream."""
    with av.open(str(stream), format="h264") as opened:
        frame = next(opened.decode(video=0))
        return frame.reformat(width=width, height=height, format="rgb24").to_image()


def assert_alike(jpeg: bytes, meant: Image.Image) -> None:
    with Image.open(io.BytesIO(jpeg)) as shown:
        difference = ImageStat.Stat(ImageChops.difference(shown.convert("L"), meant.convert("L"))).mean[0]
    assert difference < 8


def size_of(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        picture.load()
        assert picture.format == "JPEG"
        return picture.size


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_thumbnail_shows_the_scene_upright(rotation: int) -> None:
    jpeg = MAKER.jpeg_of(key_unit(640, 480), rotation)
    assert size_of(jpeg) == ((320, 240) if rotation in (0, 180) else (240, 320))
    assert is_shown(jpeg, rotation)
    assert all(not is_shown(jpeg, other) for other in (0, 90, 180, 270) if other != rotation)


@pytest.mark.parametrize(
    ("coded", "aspect", "rotation", "shown"),
    [
        ((1280, 720), None, 0, (320, 180)),
        ((1920, 1080), None, 90, (180, 320)),
        ((64, 48), None, 0, (64, 48)),
        ((1440, 1080), Fraction(4, 3), 0, (320, 180)),
        ((720, 576), Fraction(16, 15), 270, (240, 320)),
        ((96, 128), Fraction(2), 0, (192, 128)),
        ((3000, 16), None, 0, (320, 2)),
    ],
)
def test_a_thumbnail_has_the_shape_that_a_player_shows(
    coded: tuple[int, int], aspect: Fraction | None, rotation: int, shown: tuple[int, int]
) -> None:
    jpeg = MAKER.jpeg_of(key_unit(*coded, aspect=aspect), rotation)
    assert size_of(jpeg) == shown
    assert max(shown) <= MOST_SIDE


def test_a_picture_of_noise_becomes_a_small_file_too() -> None:
    noise = np.random.default_rng(5).integers(16, 236, (720 * 3 // 2, 720), np.uint8)
    # Every 2x2 pixels alike, so that noise is left when the picture is made smaller.
    noise[:720] = np.repeat(np.repeat(noise[:720:3, ::3], 3, axis=0), 3, axis=1)[:720, :720]
    encoder = X264Encoder(width=720, height=720, fps=10, bitrate_kbit=50_000)
    jpeg = MAKER.jpeg_of(encoder.encode_planes(noise, 0), 0)
    assert size_of(jpeg) == (320, 320)
    assert len(jpeg) <= MOST_BYTES < 200_000


@pytest.mark.parametrize("unit", [b"", b"\0\0\0\1\x65\x88", b"no video at all", key_unit()[:20]])
def test_what_cannot_be_decoded_is_refused_in_words(unit: bytes) -> None:
    with pytest.raises(CameraError):
        MAKER.jpeg_of(unit, 0)


def test_without_pyav_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match="pip install"):
        MAKER.jpeg_of(key_unit.__doc__.encode() if key_unit.__doc__ else b"x", 0)


def test_a_thumbnail_of_720p_costs_a_few_milliseconds() -> None:
    unit = key_unit(1280, 720)
    times: list[float] = []
    for _ in range(5):
        began_s = time.thread_time()
        MAKER.jpeg_of(unit, 0)
        times.append(time.thread_time() - began_s)
    assert min(times) < 0.1


@pytest.mark.skipif(not STREAMS.exists(), reason="no ../shared")
@pytest.mark.parametrize("name", [path.name for path in sorted(STREAMS.glob("*")) if path.suffix != ".md"])
def test_the_first_picture_of_a_real_stream_makes_a_thumbnail(name: str) -> None:
    """Of every stream whose first IDR picture has its parameter sets with it."""
    data = (STREAMS / name).read_bytes()
    splitter = AccessUnitSplitter()
    units = [*splitter.feed(data), *splitter.finish()]
    first = next((unit for unit in units if is_idr(unit)), None)
    if first is None or units.index(first) != 0:
        return
    jpeg = MAKER.jpeg_of(first, 0)
    width, height = size_of(jpeg)
    assert max(width, height) <= MOST_SIDE
    if name not in DAMAGED:
        assert_alike(jpeg, first_picture_of_all(STREAMS / name, width, height))
