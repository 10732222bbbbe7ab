"""What truly moved, and how well events agree with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.errors import BadInputError
from ratcam.tune.truth import agree, check_inside, read_truth, together


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("12-15.5,40-44", ((12.0, 15.5), (40.0, 44.0))),
        ("40-44, 12-15.5", ((12.0, 15.5), (40.0, 44.0))),
        ("1:20-1:25.5", ((80.0, 85.5),)),
        ("1:00:00-1:00:01", ((3600.0, 3601.0),)),
        ("none", ()),
    ],
)
def test_intervals_are_read_in_seconds_or_by_the_clock(text: str, intervals: tuple[tuple[float, float], ...]) -> None:
    assert read_truth(text) == intervals


@pytest.mark.parametrize("text", ["", "12", "a-b", "12-", "-3-4", "5-4", "1-2,", "1e3-2e3", "5-5", "0-0"])
def test_what_is_no_interval_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInputError, match=r"--motion"):
        read_truth(text)


def test_an_event_in_time_is_found_and_one_far_off_is_a_false_alarm() -> None:
    how = agree([(10.4, 12.0), (30.0, 31.0)], [(10.0, 13.0), (50.0, 52.0)])
    assert (how.true, how.found, how.false_alarms, how.recall) == (2, 1, 1, 0.5)
    assert how.latencies_s == (pytest.approx(0.4),)
    assert how.f1 == 0.5


def test_an_event_that_began_a_little_before_is_found_at_once_and_no_false_alarm() -> None:
    how = agree([(8.5, 17.0)], [(10.0, 13.0), (15.0, 16.0)])
    assert (how.found, how.false_alarms, how.latencies_s) == (2, 0, (0.0, 0.0))


def test_motion_that_never_ends_is_a_false_alarm_in_every_pause() -> None:
    how = agree([(0.0, 100.0)], [(10.0, 13.0), (50.0, 60.0)])
    assert (how.found, how.false_alarms) == (2, 3)


def test_false_motions_within_two_seconds_are_one_alarm() -> None:
    assert agree([(1.0, 1.2), (2.5, 2.6), (9.0, 9.1)], []).false_alarms == 2


def test_false_motions_that_the_hold_joins_to_one_event_are_one_alarm() -> None:
    motions = [(1.0, 1.2), (5.0, 5.6), (30.0, 31.0)]
    assert agree(motions, []).false_alarms == 3
    assert agree(motions, [], join_s=5.0).false_alarms == 2


def test_an_event_that_lags_a_little_is_no_false_alarm_though_it_found_nothing() -> None:
    how = agree([(14.0, 14.8)], [(10.0, 13.0)])
    assert (how.found, how.false_alarms) == (0, 0)


def test_with_nothing_to_find_there_is_no_recall_and_no_f1() -> None:
    for motions in ([], [(1.0, 2.0)]):
        assert agree(motions, []).f1 is None
        assert agree(motions, []).recall is None
    assert agree([], [(1.0, 2.0)]).f1 == 0.0


@pytest.mark.parametrize("interval", [(100.0, 104.0), (6.0, 60.0)])
def test_what_moved_must_lie_within_its_recording(interval: tuple[float, float]) -> None:
    with pytest.raises(BadInputError, match=r"a\.mp4 lasts 0:08\.0: .* lies beyond its end"):
        check_inside(((1.0, 2.0), interval), 8.0, "a.mp4")


def test_what_moved_until_a_little_after_the_end_lies_within_the_recording() -> None:
    check_inside(((1.0, 2.0), (6.0, 9.0)), 8.0, "a.mp4")


_INTERVALS = st.lists(st.tuples(st.floats(0, 500), st.floats(0, 20)).map(lambda it: (it[0], it[0] + it[1])), max_size=8)


@given(_INTERVALS, _INTERVALS)
def test_figures_stay_in_their_bounds_whatever_the_intervals(
    events: list[tuple[float, float]], truth: list[tuple[float, float]]
) -> None:
    how = agree(events, truth)
    assert 0 <= how.found <= how.true == len(truth)
    assert 0 <= how.false_alarms <= len(events) + len(truth)
    assert how.f1 is None if not truth else 0 <= (how.f1 or 0.0) <= 1
    assert all(late >= 0 for late in how.latencies_s)
    double = together([how, how])
    assert (double.true, double.found) == (2 * how.true, 2 * how.found)
