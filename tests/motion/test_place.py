import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.motion.detector import PixelBox
from ratcam.motion.place import place_in_words
from ratcam.motion.sighting import EVERYWHERE

WIDTH, HEIGHT = 640, 360
FIELDS = [
    ["upper left", "upper middle", "upper right"],
    ["middle left", "centre", "middle right"],
    ["lower left", "lower middle", "lower right"],
]
TURNED = {
    "upper left": "upper right",
    "upper middle": "middle right",
    "upper right": "lower right",
    "middle left": "upper middle",
    "centre": "centre",
    "middle right": "lower middle",
    "lower left": "upper left",
    "lower middle": "middle left",
    "lower right": "lower left",
    "left half": "upper half",
    "upper half": "right half",
    "right half": "lower half",
    "lower half": "left half",
    "middle": "middle",
    EVERYWHERE: EVERYWHERE,
}
"""What each place is called when the picture is turned by 90 degrees clockwise."""
boxes = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH), st.integers(1, HEIGHT)
).map(lambda box: (box[0], box[1], min(WIDTH, box[0] + box[2]), min(HEIGHT, box[1] + box[3])))


@pytest.mark.parametrize(("row", "column"), [*itertools.product(range(3), range(3))])
def test_a_small_box_is_in_one_of_nine_fields(row: int, column: int) -> None:
    x, y = WIDTH * (2 * column + 1) // 6, HEIGHT * (2 * row + 1) // 6
    assert place_in_words((x - 8, y - 8, x + 8, y + 8), WIDTH, HEIGHT) == FIELDS[row][column]


@pytest.mark.parametrize(("row", "column"), [*itertools.product(range(3), range(3))])
def test_a_box_that_fills_a_field_is_there(row: int, column: int) -> None:
    box = (300 * column, 200 * row, 300 * (column + 1), 200 * (row + 1))
    assert place_in_words(box, 900, 600) == FIELDS[row][column]


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 640, 360), "all over the picture"),
        ((60, 40, 600, 330), "all over the picture"),
        ((0, 0, 320, 360), "left half"),
        ((330, 20, 640, 350), "right half"),
        ((0, 0, 640, 180), "upper half"),
        ((0, 250, 640, 360), "lower half"),
        ((300, 0, 340, 360), "middle"),
        ((0, 170, 640, 190), "middle"),
        ((0, 0, 320, 180), "upper left"),
        ((320, 180, 640, 360), "lower right"),
        ((160, 90, 480, 270), "centre"),
        ((0, 100, 300, 250), "middle left"),
    ],
)
def test_a_large_box_is_in_the_part_that_it_fills(box: PixelBox, place: str) -> None:
    assert place_in_words(box, WIDTH, HEIGHT) == place


def test_the_picture_is_described_as_a_person_sees_it() -> None:
    upper_left = (0, 0, 16, 16)
    places = [place_in_words(upper_left, WIDTH, HEIGHT, rotation) for rotation in (0, 90, 180, 270, 360)]
    assert places == ["upper left", "upper right", "lower right", "lower left", "upper left"]


@given(boxes, st.sampled_from([0, 90, 180, 270]))
def test_a_quarter_turn_of_the_picture_turns_every_place(box: PixelBox, rotation: int) -> None:
    before = place_in_words(box, WIDTH, HEIGHT, rotation)
    after = place_in_words(box, WIDTH, HEIGHT, rotation + 90)
    assert after == TURNED[before] or _is_on_a_border(box)


def _is_on_a_border(box: PixelBox) -> bool:
    """Whether the centre lies between two fields, or the size between large and small: each of both is right then."""
    x0, y0, x1, y1 = box
    centres = ((x0 + x1) / 2 / WIDTH, (y0 + y1) / 2 / HEIGHT)
    sizes = ((x1 - x0) / WIDTH, (y1 - y0) / HEIGHT)
    return any(abs(centre - border) < 1e-9 for centre in centres for border in (1 / 3, 2 / 3, 0.42, 0.58)) or any(
        abs(size - border) < 1e-9 for size in sizes for border in (0.4, 0.7)
    )


@given(boxes, st.integers(2, 5))
def test_a_place_does_not_depend_on_the_size_of_the_picture(box: PixelBox, times: int) -> None:
    x0, y0, x1, y1 = box
    larger = (x0 * times, y0 * times, x1 * times, y1 * times)
    small, large = place_in_words(box, WIDTH, HEIGHT), place_in_words(larger, WIDTH * times, HEIGHT * times)
    assert small == large or _is_on_a_border(box)


@given(st.tuples(*[st.integers(-2000, 2000)] * 4), st.integers(0, 2000), st.integers(0, 2000))
def test_any_box_has_a_place_unless_nothing_of_it_is_in_the_picture(box: PixelBox, width: int, height: int) -> None:
    is_inside = max(0, box[0]) < min(width, box[2]) and max(0, box[1]) < min(height, box[3])
    place = place_in_words(box, width, height)
    assert (place in TURNED) == is_inside
    assert bool(place) == is_inside


def test_what_lies_outside_the_picture_does_not_count() -> None:
    assert place_in_words((0, 0, 900, 16), 90, 90) == place_in_words((0, 0, 90, 16), 90, 90) == "upper half"
