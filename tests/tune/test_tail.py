"""The tail of quiet scores: a line through what chance does, and how far to trust it."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from ratcam.motion.detector import Guard
from ratcam.motion.settings import MotionSettings
from ratcam.tune.choices import Choice
from ratcam.tune.tail import Tail, quiet_mask, spell_hours, tail_of
from ratcam.tune.tracks import GUARDS, Found, Track

CHOICE = Choice(name="A", motion=MotionSettings(), zones=(), hold_s=5.0, source="", changed=())
FPS = 10


def track_of(scores: npt.NDArray[np.float64], *, events: tuple[Found, ...] = (), trigger: float = 1.0) -> Track:
    size = scores.size
    return Track(
        choice=CHOICE,
        times_s=np.arange(size) / FPS,
        scores=scores.astype(np.float32),
        triggers=np.full(size, trigger, np.float32),
        moving=np.zeros(size, np.bool_),
        guards=np.zeros(size, np.uint8),
        stages=(),
        events=events,
        nearly=(),
        faded=0,
    )


def bursts(hours: float, count: int, height: float, *, length: int = 15) -> npt.NDArray[np.float64]:
    """So many runs of pictures at one score, over a ground of nothing."""
    scores = np.zeros(round(hours * 3600 * FPS))
    for start in np.linspace(100, scores.size - 100, count).astype(int):
        scores[start : start + length] = height
    return scores


def event(start_s: float, end_s: float) -> Found:
    return Found(
        start_s=start_s, end_s=end_s, peak_s=start_s, peak_score=2, area_percent=1, place="", zone="", travel=0
    )


def quiet_scores(hours: float, slope: float, seed: int = 1) -> npt.NDArray[np.float64]:
    """One excursion in ten seconds on average, of exponential height, over a ground of almost nothing."""
    chance = np.random.default_rng(seed)
    scores = np.zeros(round(hours * 3600 * FPS))
    at = np.flatnonzero(chance.random(scores.size) < 1 / (10 * FPS))
    scores[at] = chance.exponential(slope, at.size)
    return scores


@pytest.mark.parametrize("slope", [0.04, 0.08, 0.12])
def test_the_slope_and_the_rate_of_an_exponential_tail_are_found(slope: float) -> None:
    tail = tail_of([(track_of(quiet_scores(10, slope)), None)])
    assert tail.slope == pytest.approx(slope, rel=0.25)
    level = 6 * slope
    truly = 168 * 360 * np.exp(-level / slope)
    assert tail.per_week(level) == pytest.approx(truly, rel=0.5)
    assert not tail.warnings


def test_the_trigger_for_a_rate_is_where_the_line_has_that_rate() -> None:
    tail = tail_of([(track_of(quiet_scores(10, 0.08)), None)])
    for per_week in (0.1, 1.0, 50.0):
        assert tail.per_week(tail.trigger_for(per_week)) == pytest.approx(per_week)
    assert tail.trigger_for(0.1) > tail.trigger_for(1.0) > tail.trigger_for(50.0)


def test_half_an_hour_of_quiet_is_said_to_be_too_little() -> None:
    tail = tail_of([(track_of(quiet_scores(0.5, 0.08)), None)])
    assert tail.quiet_hours == pytest.approx(0.5, rel=0.01)
    assert "30 minutes of quiet pictures only: it is a guess" in tail.warnings[0]


def test_a_score_that_never_left_its_ground_gives_no_line_and_no_number() -> None:
    tail = tail_of([(track_of(np.zeros(5000)), None)])
    assert not tail.is_known
    assert tail.at_trigger is None
    assert "the score hardly ever left its ground" in tail.why_unknown


def test_a_minute_of_quiet_is_no_reason_for_any_line() -> None:
    tail = tail_of([(track_of(quiet_scores(0.02, 0.3)), None)])
    assert not tail.is_known
    assert "72 seconds of quiet pictures are too little" in tail.why_unknown


def test_events_do_not_count_as_quiet_unless_they_are_known_to_be_false() -> None:
    scores = quiet_scores(1, 0.08)
    scores[10_000:10_050] = 3.0
    track = track_of(scores, events=(event(1000.0, 1004.9),))
    assert tail_of([(track, None)]).highest < 2
    assert tail_of([(track, ())]).highest == 3.0


def test_pictures_near_motion_are_not_quiet() -> None:
    quiet = quiet_mask(track_of(np.zeros(1000), events=(event(50.0, 60.0),)), None)
    assert quiet[479]
    assert not quiet[481:620].any()
    assert quiet[621]


def test_what_calibration_did_to_the_trigger_is_undone() -> None:
    scores = quiet_scores(10, 0.08)
    plain = tail_of([(track_of(scores), None)])
    raised = tail_of([(track_of(scores / 1.5, trigger=1.5), None)])
    assert raised.slope == pytest.approx(plain.slope, rel=0.01)
    assert raised.highest == pytest.approx(plain.highest, rel=0.01)


def test_an_excursion_that_lasts_is_one_and_recordings_do_not_run_together() -> None:
    scores = np.zeros(36_000)
    for second in range(0, 3600, 60):
        scores[second * FPS : (second + 5) * FPS] = 0.5 + second / 1e5
    one = tail_of([(track_of(scores), None)])
    assert one.peaks <= 60
    assert tail_of([(track_of(scores), None), (track_of(scores), None)]).quiet_hours == pytest.approx(2.0, rel=0.01)


def test_no_recording_of_quiet_at_all_is_survived() -> None:
    track = track_of(np.ones(100), events=(event(0.0, 10.0),))
    tail = tail_of([(track, None)])
    assert (tail.quiet_hours, tail.is_known) == (0.0, False)
    assert replace(tail) == tail
    assert isinstance(tail, Tail)


@pytest.mark.parametrize(
    ("hours", "words"), [(9.24, "9.2 hours"), (0.5, "30 minutes"), (0.01, "36 seconds"), (0.0, "0 seconds")]
)
def test_hours_are_told_in_the_unit_that_suits_them(hours: float, words: str) -> None:
    assert spell_hours(hours) == words


@pytest.mark.parametrize("count", [5, 50, 500])
def test_many_false_alarms_at_one_score_are_counted_and_not_called_quiet(count: int) -> None:
    tail = tail_of([(track_of(bursts(8, count, 1.25)), ())])
    assert tail.reached == count
    assert tail.at_trigger is not None
    assert tail.at_trigger == pytest.approx(count / 8 * 168, rel=0.01)
    low, high = tail.range_at_trigger or (0, 0)
    assert low < tail.at_trigger < high
    assert "hardly ever" not in tail.why_unknown
    if not tail.is_known:
        assert f"{count} times" in tail.why_unknown


def test_of_false_alarms_above_a_common_score_the_line_is_still_found() -> None:
    chance = np.random.default_rng(2)
    scores = np.zeros(8 * 36_000)
    starts = np.arange(300, scores.size - 300, 500)
    for start in starts:
        scores[start : start + 5] = min(1.25, 0.2 + chance.exponential(0.15))
    tail = tail_of([(track_of(scores), ())])
    assert tail.at_trigger is not None
    assert tail.at_trigger >= tail.reached / 8 * 168 > 0


def test_no_forecast_is_below_what_was_seen() -> None:
    scores = quiet_scores(8, 0.05)
    for start in range(10_000, 280_000, 30_000):
        scores[start : start + 10] = 1.4
    tail = tail_of([(track_of(scores), ())])
    assert tail.reached == 9
    assert tail.at_trigger is not None
    assert tail.at_trigger >= 9 / 8 * 168 * 0.99


def test_false_alarms_within_the_hold_of_an_event_are_one() -> None:
    scores = np.zeros(36_000)
    for start in (10_000, 10_030, 20_000):
        scores[start : start + 5] = 1.5
    assert tail_of([(track_of(scores), ())]).reached == 2


def test_a_score_that_a_guard_held_back_could_not_have_alarmed() -> None:
    track = track_of(bursts(8, 50, 1.25))
    held = replace(track, guards=np.full(track.scores.size, GUARDS.index(Guard.CROWD), np.uint8))
    tail = tail_of([(held, ())])
    assert (tail.reached, tail.highest) == (0, 0.0)
    assert tail.quiet_hours == pytest.approx(8, rel=0.01)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("slope", [0.05, 0.07, 0.1])
def test_chance_in_every_picture_is_forecast_within_the_range(slope: float, seed: int) -> None:
    """Independent pictures: what merges into one excursion must not lengthen the tail."""
    scores = np.random.default_rng(seed).exponential(slope, 8 * 36_000)
    tail = tail_of([(track_of(scores), None)])
    truly = 168 * 36_000 * np.exp(-1 / slope)
    low, high = tail.range_at_trigger or (0.0, 0.0)
    assert low / 2 <= truly <= high * 2
    assert tail.at_trigger == pytest.approx(truly, rel=4)
    wanted = slope * np.log(168 * 36_000)
    assert tail.trigger_for(1.0) == pytest.approx(wanted, rel=0.15)


@pytest.mark.parametrize("jump_s", [1e9, 4e13])
def test_times_that_jump_are_survived(jump_s: float) -> None:
    track = track_of(quiet_scores(1, 0.08))
    times = track.times_s.copy()
    times[18_000:] += jump_s
    tail = tail_of([(replace(track, times_s=times), None)])
    assert tail.quiet_hours == pytest.approx(1.0, rel=0.01)
    assert tail.is_known


def test_a_warning_and_the_reason_for_no_line_do_not_stand_together() -> None:
    for scores in (np.zeros(500), quiet_scores(0.02, 0.3), quiet_scores(0.5, 0.08), quiet_scores(10, 0.08)):
        tail = tail_of([(track_of(scores), None)])
        assert len(tail.warnings) + bool(tail.why_unknown) <= 1
