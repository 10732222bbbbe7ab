"""Groups of blocks and where they lie."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ratcam.motion.learned_places import groups_of, places_of

MASKS = arrays.arrays(np.bool_, st.tuples(st.integers(0, 14), st.integers(0, 14)))
Group = tuple[int, tuple[int, int, int, int]]


def flooded(mask: npt.NDArray[np.bool_]) -> set[Group]:
    """The groups, by walking from block to block."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    found: set[Group] = set()
    while left:
        group = [left.pop()]
        for row, column in group:
            near = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & left
            left -= near
            group.extend(near)
        rows, columns = [row for row, _ in group], [column for _, column in group]
        found.add((len(group), (min(columns), min(rows), max(columns) + 1, max(rows) + 1)))
    return found


@given(MASKS)
def test_every_group_is_found_with_its_size_and_its_box(mask: npt.NDArray[np.bool_]) -> None:
    groups = groups_of(mask)
    assert set(groups) == flooded(mask)
    assert sum(blocks for blocks, _ in groups) == mask.sum()


def test_a_group_that_winds_through_the_whole_grid_is_one() -> None:
    mask = np.zeros((67, 120), np.bool_)
    mask[::2] = True
    mask[1::4, -1] = True
    mask[3::4, 0] = True
    assert groups_of(mask) == ((int(mask.sum()), (0, 0, 120, 67)),)


def test_places_are_named_for_the_upright_picture_the_largest_first() -> None:
    mask = np.zeros((45, 80), np.bool_)
    mask[1:3, 75:78] = True
    mask[40, 5] = mask[41, 6] = True
    assert places_of(mask, 640, 360) == (("upper right", 6), ("lower left", 2))
    assert places_of(mask, 640, 360, 180) == (("lower left", 6), ("upper right", 2))
    assert places_of(mask, 640, 360, 90) == (("lower right", 6), ("upper left", 2))


def test_two_groups_in_one_place_count_together() -> None:
    mask = np.zeros((45, 80), np.bool_)
    mask[2, 2] = mask[2, 9] = mask[5, 5] = True
    assert places_of(mask, 640, 360) == (("upper left", 3),)


def test_nothing_learned_is_no_place_and_everything_is_one() -> None:
    assert places_of(np.zeros((45, 80), np.bool_), 640, 360) == ()
    assert places_of(np.zeros((0, 0), np.bool_), 640, 360) == ()
    assert places_of(np.ones((45, 80), np.bool_), 640, 360) == (("all over the picture", 45 * 80),)
