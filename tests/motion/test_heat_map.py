import io
import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ratcam.motion.heat_map import HeatMapError, draw, ramp_colour, render
from ratcam.motion.settings import MotionSettings

SETTINGS = MotionSettings(tint_strength=0.75)
SIZE = (320, 240)
HOT = (slice(4, 9), slice(5, 10))  # rows 64 to 144, columns 80 to 160 in pixels


def jpeg(size: tuple[int, int] = SIZE, colour: tuple[int, int, int] = (60, 140, 90)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", quality=95)
    return out.getvalue()


def accumulator(level: float = 200.0, size: tuple[int, int] = SIZE) -> npt.NDArray[np.float32]:
    plane = np.zeros((-(-size[1] // 16), -(-size[0] // 16)), np.float32)
    plane[HOT] = level
    return plane


def colourfulness(image: Image.Image, at: tuple[int, int]) -> int:
    pixel = image.getpixel(at)
    assert isinstance(pixel, tuple)
    return int(max(pixel)) - int(min(pixel))


def test_where_it_is_hot_the_picture_is_coloured_and_elsewhere_grey() -> None:
    image = draw(jpeg(), accumulator(), box=None, settings=SETTINGS)
    assert colourfulness(image, (120, 100)) > 80
    for at in ((10, 10), (300, 20), (200, 200), (40, 100), (120, 200)):
        assert colourfulness(image, at) == 0
    grey = image.getpixel((10, 10))
    assert grey == (grey[0],) * 3 if isinstance(grey, tuple) else False
    assert abs(int(np.asarray(image)[10, 10, 0]) - round(0.299 * 60 + 0.587 * 140 + 0.114 * 90)) <= 2


def test_a_still_picture_stays_grey_everywhere() -> None:
    pixels = np.asarray(draw(jpeg(), accumulator(0.0), box=None, settings=SETTINGS))
    assert (pixels.max(axis=2) == pixels.min(axis=2)).all()


def test_an_accumulator_that_has_not_seen_anything_leaves_the_still_grey() -> None:
    pixels = np.asarray(draw(jpeg(), np.zeros((0, 0), np.float32), box=None, settings=SETTINGS))
    assert (pixels.max(axis=2) == pixels.min(axis=2)).all()


def test_more_motion_is_lighter_and_more_yellow() -> None:
    faint = np.asarray(draw(jpeg(), accumulator(6), box=None, settings=SETTINGS))[100, 120]
    strong = np.asarray(draw(jpeg(), accumulator(200), box=None, settings=SETTINGS))[100, 120]
    assert int(strong[0]) > int(faint[0])
    assert int(strong[1]) > int(strong[2])
    assert int(faint[1]) < int(faint[2])


def test_the_colours_only_get_lighter_along_the_ramp() -> None:
    lightness = [
        0.299 * red + 0.587 * green + 0.114 * blue
        for red, green, blue in (ramp_colour(level / 50) for level in range(51))
    ]
    assert all(before < after for before, after in itertools.pairwise(lightness))


def test_without_tint_the_picture_is_grey() -> None:
    pixels = np.asarray(draw(jpeg(), accumulator(), box=None, settings=replace(SETTINGS, tint_strength=0.0)))
    assert (pixels.max(axis=2) == pixels.min(axis=2)).all()


def test_the_tint_fades_smoothly_at_the_edge_of_the_motion() -> None:
    red = np.asarray(draw(jpeg(), accumulator(), box=None, settings=SETTINGS))[100, 60:120, 0].astype(int)
    assert np.abs(np.diff(red)).max() < 40


def test_the_still_shows_through_the_tint() -> None:
    half = Image.new("RGB", SIZE, (20, 20, 20))
    half.paste((230, 230, 230), (0, 0, 120, 240))
    out = io.BytesIO()
    half.save(out, "JPEG", quality=95)
    pixels = np.asarray(draw(out.getvalue(), accumulator(), box=None, settings=SETTINGS))
    assert int(pixels[100, 105].sum()) > int(pixels[100, 135].sum()) + 100


def test_the_box_is_drawn_on_its_edge_and_not_inside() -> None:
    image = draw(jpeg(), accumulator(0.0), box=(80, 64, 160, 144), settings=SETTINGS)
    assert image.getpixel((80, 100)) == (255, 255, 255)
    assert image.getpixel((159, 100)) == (255, 255, 255)
    assert image.getpixel((120, 64)) == (255, 255, 255)
    assert image.getpixel((120, 143)) == (255, 255, 255)
    assert image.getpixel((120, 100)) != (255, 255, 255)
    assert image.getpixel((160, 100)) == (20, 20, 20)


def test_a_still_of_another_size_is_tinted_to_scale() -> None:
    image = draw(jpeg((640, 480)), accumulator(), box=(80, 64, 160, 144), settings=SETTINGS, picture_size=SIZE)
    assert image.size == (640, 480)
    assert colourfulness(image, (240, 200)) > 80
    assert colourfulness(image, (120, 100)) == 0
    assert image.getpixel((161, 200)) == (255, 255, 255)


@pytest.mark.parametrize("size", [(1920, 1080), (1912, 1088), (1905, 1073)])
def test_blocks_cut_by_the_edge_do_not_shift_the_tint(size: tuple[int, int]) -> None:
    plane = np.zeros((68, 120), np.float32)
    plane[60:64, 100:104] = 100
    pixels = np.asarray(draw(jpeg(size), plane, box=None, settings=SETTINGS))
    rows, columns = np.nonzero(pixels.max(axis=2) - pixels.min(axis=2) > 40)
    assert abs(float(rows.mean()) - 62 * 16) < 3
    assert abs(float(columns.mean()) - 102 * 16) < 3


def test_the_result_is_a_jpeg_of_the_stills_size() -> None:
    with Image.open(io.BytesIO(render(jpeg(), accumulator(), box=(0, 0, 320, 240), settings=SETTINGS))) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", SIZE, "RGB")


def test_better_quality_is_a_larger_file() -> None:
    low, high = (
        len(render(jpeg(), accumulator(), box=None, settings=replace(SETTINGS, jpeg_quality=quality)))
        for quality in (30, 95)
    )
    assert low < high


@settings(max_examples=25)
@given(
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    box=st.one_of(st.none(), st.tuples(*[st.integers(-50, 300)] * 4)),
    rows=st.integers(1, 8),
    columns=st.integers(1, 8),
)
def test_any_still_box_and_grid_can_be_drawn(
    width: int, height: int, box: tuple[int, int, int, int] | None, rows: int, columns: int
) -> None:
    plane = np.full((rows, columns), 99, np.float32)
    assert draw(jpeg((width, height)), plane, box=box, settings=SETTINGS).size == (width, height)


@pytest.mark.parametrize("still", [b"", b"not a picture", jpeg()[:300]])
def test_a_still_that_cannot_be_read_is_refused(still: bytes) -> None:
    with pytest.raises(HeatMapError, match="cannot be read"):
        render(still, accumulator(), box=None, settings=SETTINGS)


@pytest.mark.parametrize(
    ("rotation", "turn"),
    [(90, Image.Transpose.ROTATE_270), (180, Image.Transpose.ROTATE_180), (270, Image.Transpose.ROTATE_90)],
)
def test_a_turned_still_is_tinted_where_it_moved(rotation: int, turn: Image.Transpose) -> None:
    """The accumulator and the box are those of the coded picture, 312 x 232 pixels: blocks at its edges are cut."""
    size, box = (312, 232), (80, 64, 160, 144)
    upright = draw(jpeg(size), accumulator(size=size), box=box, settings=SETTINGS)
    still = io.BytesIO()
    with Image.open(io.BytesIO(jpeg(size))) as plain:
        plain.transpose(turn).save(still, "JPEG", quality=95)
    turned = draw(
        still.getvalue(),
        accumulator(size=size),
        box=box,
        settings=SETTINGS,
        picture_size=size,
        rotation=rotation,
    )
    assert turned.size == (size if rotation == 180 else (232, 312))
    difference = np.abs(np.asarray(turned).astype(int) - np.asarray(upright.transpose(turn)))
    assert difference.max() <= 4, "but for the JPEG of the still"
