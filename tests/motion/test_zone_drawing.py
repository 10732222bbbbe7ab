"""The picture of the zones: where its grid, zones and numbers are, on a picture of any size."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ratcam.motion.polygon import read_polygon
from ratcam.motion.zone_drawing import draw
from ratcam.motion.zones import MODES, ZoneSettings

LEFT, TOP, LONG = 70, 70, 1280
"""Where the picture begins on the sheet, and how long its long side is."""
GREY = Image.new("RGB", (640, 360), (120, 120, 120))
Pixels = npt.NDArray[np.int64]


def zone(name: str, polygon: str, mode: str = "watch") -> ZoneSettings:
    return ZoneSettings(name=name, polygon=read_polygon(polygon), mode=mode)


def shown(still: Image.Image, *zones: ZoneSettings, are_examples: bool = False) -> Pixels:
    """The picture without its margins."""
    scale = LONG / max(still.size)
    width, height = round(still.width * scale), round(still.height * scale)
    sheet = draw(still, zones, are_examples=are_examples)
    return np.asarray(sheet, np.int64)[TOP : TOP + height, LEFT : LEFT + width]


def at(picture: Pixels, x: float, y: float) -> Pixels:
    """The mean colour of 26 x 26 pixels, one period of any hatching, around a place in per cent."""
    row, column = round(y * (picture.shape[0] - 1) / 100), round(x * (picture.shape[1] - 1) / 100)
    return picture[max(0, row - 13) : row + 13, max(0, column - 13) : column + 13].mean(axis=(0, 1)).astype(np.int64)


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (1920, 1080), (97, 55)])
def test_the_grid_lies_at_every_ten_per_cent(size: tuple[int, int]) -> None:
    picture = shown(Image.new("RGB", size, (120, 120, 120)))
    for axis in (0, 1):
        profile = picture.sum(axis=2).mean(axis=1 - axis)
        for step in range(1, 10):
            line = step * (profile.size - 1) / 10
            around = profile[round(line) - 8 : round(line) + 9]
            assert abs(int(around.argmax()) - 8) <= 2, (axis, step)
            between = profile[round(line) - 30 : round(line) - 20]
            assert around.max() > between.mean() + 60, (axis, step)


def test_numbers_stand_on_all_four_sides_of_every_line() -> None:
    sheet = np.asarray(draw(GREY, ()).convert("L"), np.int64)
    for step in range(11):
        x, y = LEFT + round(step * 1279 / 10), TOP + round(step * 719 / 10)
        assert sheet[15:55, x - 25 : x + 25].max() > 200, step
        assert sheet[TOP + 720 + 15 : TOP + 720 + 55, x - 25 : x + 25].max() > 200, step
        assert sheet[max(0, y - 15) : y + 15, 5:65].max() > 200, step
        assert sheet[max(0, y - 15) : y + 15, LEFT + 1280 + 5 : LEFT + 1280 + 65].max() > 200, step


def test_each_mode_has_its_colour_inside_and_the_rest_none() -> None:
    boxes = ("5,20 30,20 30,80 5,80", "38,20 62,20 62,80 38,80", "70,20 95,20 95,80 70,80")
    picture = shown(GREY, *(zone(mode, box, mode) for mode, box in zip(MODES, boxes, strict=True)))
    watch, ignore, preclude = (at(picture, x, 35) for x in (15, 45, 85))
    assert watch[1] > watch[0] + 10
    assert watch[1] > watch[2]
    assert ignore[0] > ignore[1] > ignore[2] + 20
    assert preclude[0] > preclude[1] + 20
    assert preclude[2] > preclude[1] + 20
    outside = at(picture, 34, 35)
    assert outside.max() - outside.min() <= 2


def test_what_no_zone_watches_is_darker_only_if_a_zone_watches() -> None:
    box = "10,20 40,20 40,80 10,80"
    plain, examples = shown(GREY), shown(GREY, zone("a", box), are_examples=True)
    watching, ignoring = shown(GREY, zone("a", box)), shown(GREY, zone("a", box, "ignore"))
    assert (at(plain, 75, 35) == at(ignoring, 75, 35)).all()
    assert (at(plain, 75, 35) == at(examples, 75, 35)).all()
    assert at(watching, 75, 35).max() < at(plain, 75, 35).min() * 0.75
    assert at(watching, 25, 35)[1] > at(plain, 25, 35)[1] - 5


def test_an_outline_runs_along_the_polygon_and_follows_it_where_it_turns_in() -> None:
    arch = "20,20 80,20 80,80 70,80 70,30 30,30 30,80 20,80"
    picture = shown(GREY, zone("arch", arch, "ignore"))
    for x, y in ((50, 20), (50, 30), (70, 55), (80, 55), (25, 80)):
        row, column = round(y * 719 / 100), round(x * 1279 / 100)
        near = picture[row - 5 : row + 6, column - 5 : column + 6].reshape(-1, 3)
        assert any(abs(near - np.array((255, 170, 40))).sum(axis=1) <= 6), (x, y)
    inside = at(picture, 45, 55)
    assert inside.max() - inside.min() <= 2, "the arch is open below"


def test_a_dark_still_is_brightened_and_a_bright_one_left_alone() -> None:
    night = Image.fromarray(np.tile(np.arange(64, dtype=np.uint8) // 2, (64, 1)))
    assert 65 < shown(night)[:, :].mean() < 110
    assert at(shown(GREY), 35, 45).tolist() == pytest.approx([120, 120, 120], abs=1)


def test_a_name_does_not_hide_a_small_zone() -> None:
    small = zone("a-very-long-name-for-a-mousehole", "50,50 52,50 52,52 50,52")
    picture = shown(GREY, small)
    column, row = round(51 * 12.79), round(51 * 7.19)
    green = picture[row - 5 : row + 5, column - 8 : column + 8].mean(axis=(0, 1))
    assert green[1] > green[0] + 15


def test_an_example_says_its_corners() -> None:
    box = zone("door", "10,40 35,40 35,90 10,90")
    assert not (shown(GREY, box, are_examples=True) == shown(GREY, box)).all()
    above_corner = shown(GREY, box, are_examples=True)[round(40 * 7.19) - 55 : round(40 * 7.19) - 25, 100:160]
    assert above_corner.max() > 230
    assert above_corner.min() < 40


@given(st.integers(1, 700), st.integers(1, 700), st.integers(0, 255), st.sampled_from(("L", "RGB", "RGBA", "P")))
@settings(max_examples=12, deadline=None)
def test_any_picture_can_be_drawn_on(width: int, height: int, grey: int, mode: str) -> None:
    still = Image.new("L", (width, height), grey).convert(mode)
    zones = (
        zone("a" * 32, "0,0 0.01,0 0.01,0.01"),
        zone("all", "0,0 100,0 100,100 0,100", "ignore"),
        zone("line", "0,50 100,50 100,50.01", "preclude"),
        zone("corner", "99.9,99.9 100,99.9 100,100"),
    )
    sheet = draw(still, zones)
    assert sheet.mode == "RGB"
    assert max(sheet.size) <= LONG + 2 * LEFT + 112
    assert min(sheet.size) >= 160
