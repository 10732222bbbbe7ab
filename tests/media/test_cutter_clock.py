"""ClipCutter when the camera's clock is set: lengths hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.cutter import Appended, ClipCutter, Closed, Event, Opened
from ratcam.media.timebase import TICKS_PER_S as S
from tests.media.players import Unit
from tests.media.written import annex_b, made_pps, made_slice, made_sps

KEY = annex_b(made_sps(), made_pps(), made_slice(idr=True))
OTHER = annex_b(made_slice(frame_num=1))
TENTH = S // 10
HOUR = 36_000
"""In tenths of a second."""


def unit(tenths: int, *, key: bool = False) -> Unit:
    return Unit(pts_90k=tenths * TENTH, is_key=key, data=KEY if key else OTHER)


def counted(cutter: ClipCutter[Unit], units: list[Unit]) -> tuple[list[int], bool]:
    """How many units each part has, and whether the clip has ended by itself."""
    events: list[Event[Unit]] = [event for one in units for event in cutter.feed(one)]
    has_ended = cutter.is_done
    events += cutter.finish()
    counts = dict.fromkeys((event.part for event in events if isinstance(event, Opened)), 0)
    for event in events:
        if isinstance(event, Appended):
            counts[event.part] += len(event.units)
    return list(counts.values()), has_ended


def run_of(jump: int, at: int, *, count: int = 300, gop: int = 10) -> list[Unit]:
    """A key unit a second; from the `at`th unit on the clock is `jump` tenths of a second later than before."""
    return [unit(10 * HOUR + n + (jump if n >= at else 0), key=n % gop == 0) for n in range(count)]


@given(
    st.one_of(st.integers(-9 * HOUR, -111), st.integers(HOUR + 1, 9 * HOUR)),
    st.integers(0, 49),
    st.integers(51, 200),
    st.sampled_from([10, 300]),
)
def test_a_clip_lasts_as_long_as_it_is_to_when_the_clock_jumps(jump: int, at: int, length: int, gop: int) -> None:
    """Wherever in a GOP. At the jump one picture's distance is unknown."""
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    cutter.end_at((10 * HOUR + length) * TENTH + (jump * TENTH if at == 0 else 0))
    (count,), has_ended = counted(cutter, run_of(jump, at, gop=gop))
    assert has_ended
    assert length <= count <= length + 1


@pytest.mark.parametrize("back", [30, 50, 99])
def test_a_clock_set_back_a_little_is_seen_at_the_next_key_unit(back: int) -> None:
    """It might be pictures in another order until then, so the time up to it is not counted."""
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    cutter.end_at((10 * HOUR + 100) * TENTH)
    at_key: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    at_key.end_at((10 * HOUR + 100) * TENTH)
    assert counted(at_key, run_of(-back, 40)) == ([101], True)
    (count,), has_ended = counted(cutter, run_of(-back, 35))
    assert has_ended
    assert 100 <= count <= 106


def test_parts_last_as_long_as_they_are_to_when_the_clock_jumps() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=5 * S)
    assert counted(cutter, run_of(-HOUR, 70)) == ([50, 60, 50, 50, 50, 40], False)


def test_a_part_is_due_when_it_has_lasted_its_length_by_a_clock_that_was_set_back() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=5 * S)
    found: list[bool] = []
    for one in run_of(-HOUR, 20, count=60, gop=100):
        cutter.feed(one)
        found.append(cutter.is_due)
    assert found == [False] * 51 + [True] * 9


def test_a_gop_is_handed_on_in_pieces_also_after_the_clock_was_set_back() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    events = [event for one in run_of(-HOUR, 15, count=70, gop=100) for event in cutter.feed(one)]
    events += cutter.finish()
    assert [len(event.units) for event in events if isinstance(event, Appended)] == [21, 20, 20, 9]


def test_an_end_that_is_told_after_the_jump_is_one_of_the_new_clock() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    units = run_of(-HOUR, 20)
    for one in units[:25]:
        cutter.feed(one)
    cutter.end_at(units[30].pts_90k)
    events = [event for one in units[25:] for event in cutter.feed(one)]
    assert events[-1] == Closed(part=1, end_pts_90k=units[30].pts_90k, is_last=True)


def test_a_pause_of_less_than_an_hour_is_a_pause() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    cutter.end_at((10 * HOUR + 100) * TENTH)
    assert counted(cutter, run_of(HOUR - 1, 40)) == ([40], True)


def test_pictures_that_are_shown_seconds_before_others_are_no_jump() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    cutter.end_at(100 * TENTH)
    units = [unit(0, key=True), unit(99), *(unit(time) for time in range(1, 99)), unit(100)]
    assert counted(cutter, units) == ([100], True)


def test_pictures_in_another_order_and_inexact_times_of_key_units_are_no_jump() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    cutter.end_at(100 * TENTH)
    times = [n + shift for n in range(0, 150, 3) for shift in (2, 0, 1)]
    units = [unit(time, key=number % 15 == 0) for number, time in enumerate([0, *times])]
    (count,), has_ended = counted(cutter, units)
    assert has_ended
    assert 98 <= count <= 102
