import io
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ratcam.motion.detector import PixelBox
from ratcam.motion.heat_map import HeatMapError, draw, ramp_colour, render
from ratcam.motion.settings import MotionSettings

SETTINGS = MotionSettings(tint_strength=0.75)
SIZE = (320, 240)
FRAME = (0, 229, 255)
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


def lightness(colour: npt.NDArray[Any]) -> float:
    """CIE L* of an sRGB colour, 0 to 100."""
    share = colour.astype(float) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ np.array([0.2126, 0.7152, 0.0722]))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


def frame_of(pixels: npt.NDArray[Any]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right of the frame, last pixels inclusive."""
    rows, columns = np.nonzero((pixels == FRAME).all(axis=2))
    return int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())


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
    plane = accumulator(200)
    plane[HOT[0], 14:19] = 12
    pixels = np.asarray(draw(jpeg(), plane, box=None, settings=SETTINGS))
    strong, faint = pixels[100, 120], pixels[100, 264]
    assert lightness(strong) > lightness(faint) + 10
    assert int(strong[1]) > int(strong[2])
    assert int(faint[1]) < int(faint[2])


@pytest.mark.parametrize("ground", [5, 128, 250])
def test_the_stronger_place_is_the_lighter_one_on_any_ground(ground: int) -> None:
    plane = np.zeros((15, 20), np.float32)
    for number in range(4):
        plane[:, 5 * number : 5 * number + 5] = 60.0 * (number + 1)
    still = jpeg(colour=(ground, ground, ground))
    pixels = np.asarray(draw(still, plane, box=None, settings=SETTINGS))
    found = [lightness(pixels[120, 80 * number + 40]) for number in range(4)]
    assert all(after > before + 3 for before, after in itertools.pairwise(found))


def test_the_tint_does_not_depend_on_any_detector_s_levels() -> None:
    pictures = [
        np.asarray(
            draw(jpeg(), accumulator(), box=None, settings=replace(SETTINGS, trigger_level=level, trigger_area=9))
        )
        for level in (0.5, 200.0)
    ]
    assert (pictures[0] == pictures[1]).all()


def test_weak_motion_is_tinted_fully_and_a_trace_faintly() -> None:
    weak, trace = (
        np.asarray(draw(jpeg(), accumulator(level), box=None, settings=SETTINGS))[100, 120] for level in (30.0, 1.0)
    )
    assert lightness(weak) > lightness(trace) + 20
    assert int(trace.max()) - int(trace.min()) < 60 < int(weak.max()) - int(weak.min())


def test_the_ramp_s_lightness_rises_evenly() -> None:
    """CIE L* of 21 colours; the eye takes equal steps of it for equal."""
    steps = np.diff([lightness(np.array(ramp_colour(level / 20))) for level in range(21)])
    assert steps.min() > 0.6 * steps.mean()
    assert steps.max() < 1.4 * steps.mean()


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


def test_the_frame_is_drawn_around_the_box_and_not_inside() -> None:
    box = (80, 64, 160, 144)
    framed = np.asarray(draw(jpeg(), accumulator(0.0), box=box, settings=SETTINGS))
    plain = np.asarray(draw(jpeg(), accumulator(0.0), box=None, settings=SETTINGS))
    assert (framed[64:144, 80:160] == plain[64:144, 80:160]).all()
    top, left, bottom, right = frame_of(framed)
    assert 54 <= top < 64
    assert 70 <= left < 80
    assert 144 <= bottom < 154
    assert 160 <= right < 170


@pytest.mark.parametrize("box", [(0, 0, 8, 8), (632, 472, 640, 480), (320, 240, 328, 248), (0, 300, 8, 304)])
def test_the_frame_of_a_tiny_thing_can_be_found_on_a_phone_and_lies_in_the_picture(box: PixelBox) -> None:
    image = draw(jpeg((640, 480)), np.zeros((60, 80), np.float32), box=box, settings=SETTINGS)
    top, left, bottom, right = (side * 360 / 640 for side in frame_of(np.asarray(image)))
    assert bottom - top >= 30
    assert right - left >= 30
    assert top <= box[1] * 360 / 640 < box[3] * 360 / 640 <= bottom + 1
    assert left <= box[0] * 360 / 640 < box[2] * 360 / 640 <= right + 1


def test_the_frame_of_all_the_picture_lies_on_its_edge() -> None:
    image = np.asarray(draw(jpeg(), accumulator(0.0), box=(0, 0, 320, 240), settings=SETTINGS))
    assert frame_of(image) == (0, 0, 239, 319)


@pytest.mark.parametrize("ground", [0, 60, 128, 200, 255])
def test_the_frame_shows_on_any_ground(ground: int) -> None:
    still = jpeg((640, 480), (ground, ground, ground))
    image = draw(still, np.zeros((60, 80), np.float32), box=(320, 240, 328, 248), settings=SETTINGS)
    small = np.asarray(image.resize((360, 270), Image.Resampling.LANCZOS)).astype(int)
    colour = small.max(axis=2) - small.min(axis=2)
    assert (colour > 60).sum() >= 100, "a frame of some 130 pixels"


def test_a_mouse_of_one_block_colours_a_spot_that_a_phone_shows() -> None:
    plane = np.zeros((60, 80), np.float32)
    plane[30, 40] = 90
    still = jpeg((640, 480), (40, 40, 40))
    image = draw(still, plane, box=None, settings=SETTINGS).resize((360, 270), Image.Resampling.LANCZOS)
    pixels = np.asarray(image).astype(int)
    rows, columns = np.nonzero(pixels.max(axis=2) - pixels.min(axis=2) > 40)
    assert rows.size >= 80, "some 9x9 pixels"
    assert abs(float(rows.mean()) - 30.5 * 8 * 360 / 640) < 1
    assert abs(float(columns.mean()) - 40.5 * 8 * 360 / 640) < 1
    assert np.ptp(rows) < 20, "and not much more"


def test_a_dark_still_is_lifted_and_keeps_its_order() -> None:
    night = Image.new("L", SIZE, 12)
    for number in range(8):
        night.paste(12 + 6 * number, (40 * number, 200, 40 * number + 40, 240))
    out = io.BytesIO()
    night.save(out, "JPEG", quality=95)
    pixels = np.asarray(draw(out.getvalue(), accumulator(0.0), box=None, settings=SETTINGS))[..., 0].astype(int)
    assert pixels[100, 100] >= 50, "dim, but there"
    steps = np.diff([pixels[220, 40 * number + 20] for number in range(8)])
    assert (steps >= 6).all(), "what could be told apart still can"


@pytest.mark.parametrize("level", [100, 180, 240])
def test_a_still_that_is_light_enough_keeps_its_greys(level: int) -> None:
    pixels = np.asarray(draw(jpeg(colour=(level, level, level)), accumulator(0.0), box=None, settings=SETTINGS)).astype(
        int
    )
    assert np.abs(pixels - level).max() <= 1


def test_a_black_still_stays_black() -> None:
    assert np.asarray(draw(jpeg(colour=(0, 0, 0)), accumulator(0.0), box=None, settings=SETTINGS)).max() <= 2


def test_a_still_of_another_size_is_tinted_to_scale() -> None:
    image = draw(jpeg((640, 480)), accumulator(), box=(80, 64, 160, 144), settings=SETTINGS, picture_size=SIZE)
    assert image.size == (640, 480)
    assert colourfulness(image, (240, 200)) > 80
    assert colourfulness(image, (120, 100)) == 0
    top, left, bottom, right = frame_of(np.asarray(image))
    assert (110 <= top < 128, 288 <= bottom < 306) == (True, True)
    assert (142 <= left < 160, 320 <= right < 338) == (True, True)


@pytest.mark.parametrize(("side", "size"), [(8, (640, 360)), (8, (636, 356)), (16, (1280, 720)), (32, (1920, 1080))])
def test_blocks_of_any_size_are_tinted_where_they_are(side: int, size: tuple[int, int]) -> None:
    plane = np.zeros((-(-size[1] // side), -(-size[0] // side)), np.float32)
    plane[20:24, 40:44] = 100
    pixels = np.asarray(draw(jpeg(size), plane, box=None, settings=SETTINGS)).astype(int)
    rows, columns = np.nonzero(pixels.max(axis=2) - pixels.min(axis=2) > 40)
    assert abs(float(rows.mean()) - 22 * side) < 2
    assert abs(float(columns.mean()) - 42 * side) < 2


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
