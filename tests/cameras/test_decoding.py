"""Stills and single pictures of streams that say absurd things: refused in words, or shown as well as can be."""

import io
from fractions import Fraction

import pytest
from PIL import Image

from ratcam.cameras import decoding
from ratcam.cameras.decoding import FieldDecoder, decode_picture
from ratcam.cameras.thumbnails import LibavThumbnails
from ratcam.errors import CameraError
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
