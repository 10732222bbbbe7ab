from itertools import pairwise

import numpy as np
import pytest

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.field import pack, unpack
from ratcam.motion.gather import Gatherer, Step

ROWS, COLUMNS = 30, 40
PI = 640  # 16 pixels a block, where a decoder's blocks would have 8
DECODED = 320


def feed(
    gatherer: Gatherer, at_s: float, *, sad: float = 0, x: int = 0, width: int = PI, place: int = 0
) -> Step | None:
    plane = np.zeros((ROWS, COLUMNS))
    plane[3, place] = 1
    payload = pack(plane * x, plane * 0, plane * sad)
    return gatherer.feed(unpack(payload, COLUMNS, ROWS), width=width, pts_90k=round(at_s * TICKS_PER_S))


@pytest.mark.parametrize(("fps", "each"), [(5, 1), (10, 1), (13, 1), (15, 2), (20, 2), (25, 2), (30, 3), (60, 5)])
def test_steps_are_about_a_tenth_of_a_second_apart_at_any_rate(fps: int, each: int) -> None:
    gatherer = Gatherer()
    due = [number for number in range(60) if feed(gatherer, number / fps, sad=50)]
    assert {after - before for before, after in pairwise(due)} == {each}


def test_fields_in_between_are_joined_by_the_greatest_sad() -> None:
    gatherer = Gatherer()
    feed(gatherer, 0, sad=1)
    feed(gatherer, 0.03, sad=70, place=4)
    feed(gatherer, 0.06, sad=30, place=4)
    step = feed(gatherer, 0.09, sad=20, place=5)
    assert step is not None
    assert (step.sad[3, 4], step.sad[3, 5]) == (70, 20)
    assert step.elapsed_s == pytest.approx(0.09)


def test_doubled_pictures_change_nothing() -> None:
    once, twice = Gatherer(), Gatherer()
    for number in range(10):
        first = feed(once, number / 10, sad=number + 1)
        feed(twice, number / 10 - 0.04, sad=0)
        second = feed(twice, number / 10, sad=number + 1)
        if first is not None and second is not None:
            assert np.array_equal(first.sad, second.sad)
            assert (number < 2) or first.elapsed_s == pytest.approx(second.elapsed_s)


def test_pictures_without_any_change_are_news_after_a_while() -> None:
    gatherer = Gatherer()
    feed(gatherer, 0)
    steps = [feed(gatherer, number / 20) for number in range(1, 10)]
    assert [step is not None for step in steps] == [False] * 4 + [True] + [False] * 4
    assert not any(step.sad.any() for step in steps if step is not None)


def test_what_happens_in_a_long_gap_counts_as_one_second() -> None:
    gatherer = Gatherer()
    feed(gatherer, 0, sad=5)
    step = feed(gatherer, 3600, sad=5)
    assert step is not None
    assert step.elapsed_s == 1.0


def test_a_pis_vectors_are_believed_and_joined() -> None:
    gatherer = Gatherer()
    feed(gatherer, 0, sad=5)
    feed(gatherer, 0.04, sad=5, x=2, place=7)
    step = feed(gatherer, 0.08, sad=5, x=-4, place=8)
    assert step is not None
    assert step.moved is not None
    assert np.argwhere(step.moved).tolist() == [[3, 7], [3, 8]]
    assert not step.is_camera


def test_a_software_encoders_vectors_are_not_believed() -> None:
    gatherer = Gatherer()
    steps = [feed(gatherer, number / 10, sad=5, x=2, width=DECODED) for number in range(100)]
    assert all(step is None or step.moved is None for step in steps)


def test_where_the_grid_says_nothing_the_numbers_tell_a_pi_by_being_even() -> None:
    gatherer = Gatherer()
    shape = (45, 80)

    def step(number: int, value: int) -> Step | None:
        x = np.zeros(shape)
        x[5, :10] = value
        field = unpack(pack(x, x * 0, x * 0 + 9), 80, 45)
        return gatherer.feed(field, width=1280, pts_90k=number * 9000)

    believed = [found is not None and found.moved is not None for found in (step(number, 4) for number in range(6))]
    assert believed == [False, False, True, True, True, True]
    assert all(found is None or found.moved is None for found in (step(number, 3) for number in range(6, 9)))
    assert all(found is None or found.moved is None for found in (step(number, 4) for number in range(9, 20)))


def test_a_picture_that_is_displaced_as_a_whole_is_the_camera() -> None:
    gatherer = Gatherer()
    feed(gatherer, 0)
    field = unpack(
        pack(np.full((ROWS, COLUMNS), 4), np.zeros((ROWS, COLUMNS)), np.full((ROWS, COLUMNS), 500)), COLUMNS, ROWS
    )
    step = gatherer.feed(field, width=PI, pts_90k=9000)
    assert step is not None
    assert step.is_camera
