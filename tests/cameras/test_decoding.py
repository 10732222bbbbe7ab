"""Stills and single pictures of streams that say absurd things: refused in words, or shown as well as can be."""

import io
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from ratcam.cameras import decoding
from ratcam.cameras.decoding import FieldDecoder, decode_picture
from ratcam.cameras.thumbnails import LibavThumbnails
from ratcam.errors import CameraError
from ratcam.motion.field import unpack
from tests.motion.scene_runs import Encoding, decoded_fields, encode
from tests.scene import key_unit


def absurd(*_: object) -> tuple[int, int]:
    return 1 << 30, 1 << 30


def fed(unit: bytes) -> FieldDecoder:
    decoder = FieldDecoder()
    assert decoder.feed(unit, 0)
    return decoder


@pytest.mark.parametrize("aspect", [Fraction(110), Fraction(1, 300)])
def test_a_stream_whose_samples_have_a_broken_shape_has_stills(aspect: Fraction) -> None:
    _, jpeg = fed(key_unit(640, 480, aspect=aspect)).still_jpeg()
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.size == ((640 * 16, 480) if aspect > 1 else (40, 480))


def test_a_still_that_no_jpeg_can_hold_is_refused_in_words() -> None:
    with pytest.raises(CameraError, match="cannot be made a JPEG"):
        fed(key_unit(4112, 16, aspect=Fraction(16))).still_jpeg()


def test_a_size_that_no_memory_can_hold_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = fed(key_unit())
    monkeypatch.setattr(decoding, "fitted", absurd)
    with pytest.raises(CameraError, match="cannot be made a JPEG"):
        decoder.still_jpeg()
    with pytest.raises(CameraError, match="cannot be decoded"):
        decode_picture(key_unit(), most_side=320)


@pytest.mark.parametrize("exception", [OSError("encoder error -2"), ValueError("too large"), MemoryError()])
def test_a_thumbnail_that_cannot_be_saved_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, exception: Exception
) -> None:
    def fails(*_arguments: object, **_options: object) -> None:
        raise exception

    monkeypatch.setattr(Image.Image, "save", fails)
    with pytest.raises(CameraError, match="cannot be made a JPEG"):
        LibavThumbnails().jpeg_of(key_unit(), 0)


# --- what changed -----------------------------------------------------------------------------------------------------


def sads(*, fps: float, gop: int, seconds: float = 2.0) -> list[bool]:
    """For each picture of a thing that moves whether its field has a sad."""
    pictures: list[np.ndarray] = []
    for number in range(round(seconds * fps)):
        picture = np.full((240, 320), 90, np.uint8)
        left = 20 + round(number * 60 / fps)
        picture[100:130, left : left + 30] = 200
        pictures.append(picture)
    units = encode(pictures, fps=fps, encoding=Encoding(gop=gop))
    return [
        bool(unpack(it.payload, it.columns, it.rows).sad.any()) for it in decoded_fields(units, width=320, height=240)
    ]


def test_pictures_are_compared_about_ten_times_a_second() -> None:
    assert [number for number, has in enumerate(sads(fps=30, gop=300)[:13]) if has] == [3, 6, 9, 12]
    assert [number for number, has in enumerate(sads(fps=25, gop=300)[:9]) if has] == [2, 4, 6, 8]
    assert all(sads(fps=10, gop=300)[1:])


def test_a_key_frame_is_not_compared_and_the_next_picture_is_compared_with_it() -> None:
    seen = sads(fps=10, gop=5)
    assert [number for number, has in enumerate(seen) if not has] == [0, 5, 10, 15]


def test_in_a_stream_of_key_frames_they_are_compared() -> None:
    assert sum(sads(fps=10, gop=1)) >= 9


@pytest.mark.parametrize(("size", "grid"), [((320, 240), (40, 30)), ((1280, 720), (80, 45)), ((1920, 1088), (60, 34))])
def test_the_blocks_of_a_field_follow_the_size_of_the_picture(size: tuple[int, int], grid: tuple[int, int]) -> None:
    (field,) = FieldDecoder().feed(key_unit(*size), 0)
    assert (field.columns, field.rows) == grid
    assert not unpack(field.payload, *grid).sad.any()


def test_fields_without_vectors_have_the_same_sad() -> None:
    picture = np.full((240, 320), 90, np.uint8)
    units = encode(
        [np.roll(picture + np.uint8(60) * (np.arange(320) < 40).astype(np.uint8), 4 * n, 1) for n in range(12)], fps=10
    )
    with_them, without = FieldDecoder(has_vectors=True), FieldDecoder()
    for data, pts_90k in units:
        for one, other in zip(with_them.feed(data, pts_90k), without.feed(data, pts_90k), strict=True):
            first, second = (unpack(it.payload, it.columns, it.rows) for it in (one, other))
            assert np.array_equal(first.sad, second.sad)
            assert not second.x.any()
            assert not second.y.any()


def test_a_picture_that_is_not_compared_costs_no_memory_and_those_that_are_no_more_and_more() -> None:
    pictures = [np.full((240, 320), 90, np.uint8) for _ in range(30)]
    for number, picture in enumerate(pictures):
        picture[100:130, 4 * number : 4 * number + 30] = 200
    units = encode(pictures, fps=30, encoding=Encoding(gop=30))
    decoder = FieldDecoder()
    empty: set[int] = set()

    def go_round(number: int) -> None:
        for data, pts_90k in units:
            for it in decoder.feed(data, pts_90k + number * 90_000):
                if not any(it.payload):
                    empty.add(id(it.payload))

    tracemalloc.start()
    try:
        for number in range(4):
            go_round(number)
        before = tracemalloc.get_traced_memory()[0]
        for number in range(4, 24):
            go_round(number)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(empty) == 1, "all share their bytes"
    assert grown < 10_000
