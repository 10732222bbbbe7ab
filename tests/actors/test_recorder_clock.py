"""RecorderActor alone, when the camera's clock is set: clips last as long as they are to."""

from collections.abc import Generator
from dataclasses import replace
from itertools import pairwise

import pytest

from ratcam.messages import AccessUnit, MotionContinues, MotionEnded, RecordClip, SegmentAppended, SegmentClosed
from tests.actors.desk import ADA, Desk, fresh_desk
from tests.actors.studio import CAMERA, ended, moving, started, unit
from tests.pictures import stream

HOUR = 36_000
"""In pictures, of which there are ten a second."""


@pytest.fixture(name="desk")
def make_desk() -> Generator[Desk]:
    with fresh_desk() as desk:
        yield desk


def by_a_clock_set(by: int, at: int, *, count: int = 300) -> list[AccessUnit]:
    """Pictures that begin ten hours after 0; from the `at`th on the clock is `by` pictures later than before."""
    units = map(unit, stream(count=count))
    return [
        replace(one, pts_90k=one.pts_90k + (10 * HOUR + (by if number >= at else 0)) * 9000)
        for number, one in enumerate(units)
    ]


def moved(units: list[AccessUnit], number: int) -> MotionContinues:
    return moving("one", units[number].pts_90k)


def over(units: list[AccessUnit], number: int) -> MotionEnded:
    return ended("one", units[number].pts_90k)


def recorded(desk: Desk, units: list[AccessUnit]) -> tuple[int, int]:
    """The first picture of the clip, and how many, all in a row."""
    desk.start()
    desk.stop()
    desk.closed(1)
    numbers = {one.pts_90k: number for number, one in enumerate(units)}
    found = [
        numbers[one.pts_90k]
        for message in desk.muxer.of(SegmentAppended)
        if isinstance(message, SegmentAppended)
        for one in message.units
    ]
    assert all(later == sooner + 1 for sooner, later in pairwise(found))
    assert len([one for one in desk.muxer.of(SegmentClosed) if isinstance(one, SegmentClosed) and one.is_last]) == 1
    return found[0], len(found)


@pytest.mark.parametrize("by", [-HOUR, 2 * HOUR])
@pytest.mark.parametrize("at", [30, 35])
def test_a_requested_clip_lasts_its_seconds(desk: Desk, by: int, at: int) -> None:
    units = by_a_clock_set(by, at)
    desk.feed(started(), *units[:25], RecordClip(camera=CAMERA, chat=ADA, seconds=3.0), *units[25:])
    # From the key picture before the request to 3 s after it; of the jump itself the length is not known.
    assert recorded(desk, units) == (20, 4 + 30 + 1)


@pytest.mark.parametrize("by", [-HOUR, 2 * HOUR])
def test_a_requested_clip_that_waits_for_a_key_picture_lasts_its_seconds(desk: Desk, by: int) -> None:
    units = by_a_clock_set(by, 45)
    desk.feed(started(), *units[41:43], RecordClip(camera=CAMERA, chat=ADA, seconds=3.0), *units[43:])
    assert recorded(desk, units) == (50, 30)


@pytest.mark.parametrize("by", [-HOUR, 2 * HOUR])
def test_a_request_while_the_pre_roll_is_of_two_clocks_lasts_its_seconds(desk: Desk, by: int) -> None:
    units = by_a_clock_set(by, 25)
    desk.feed(started(), *units[10:28], RecordClip(camera=CAMERA, chat=ADA, seconds=3.0), *units[28:])
    first, count = recorded(desk, units)
    assert first in (10, 20)
    assert first + count == 28 - 1 + 30
    (closed,) = desk.closed(1)
    assert closed.segment.started_unix_s == desk.clock.unix_s(), "not known, but neither in an hour nor hours ago"


@pytest.mark.parametrize("at", [30, 35])
def test_the_post_roll_is_as_long_when_the_clock_is_set_back_in_it(desk: Desk, at: int) -> None:
    units = by_a_clock_set(-HOUR, at)
    desk.settings = replace(desk.settings, post_roll_s=2.0)
    desk.feed(started(), *units[:21], moved(units, 20), *units[21:28], over(units, 27), *units[28:])
    assert recorded(desk, units) == (20, 7 + 20 + 1)


def test_an_event_whose_end_is_told_by_the_old_clock_ends_within_a_minute(desk: Desk) -> None:
    """The detector is another actor: it may tell of the end when the recorder has seen the new clock already."""
    units = by_a_clock_set(-HOUR, 30, count=600)
    desk.feed(started(), *units[:21], moved(units, 20), *units[21:40], over(units, 29), *units[40:])
    first, count = recorded(desk, units)
    assert first == 20
    assert count < 350


def test_an_event_that_goes_on_by_the_new_clock_is_recorded_to_its_end(desk: Desk) -> None:
    units = by_a_clock_set(-HOUR, 30)
    desk.feed(started(), *units[:21], moved(units, 20), *units[21:40], moved(units, 39))
    desk.feed(*units[40:51], over(units, 50), *units[51:])
    assert recorded(desk, units) == (20, 30 + 10)
