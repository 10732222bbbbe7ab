"""What follows from replays: which step or configuration is advised, and what is expected of it."""

from dataclasses import replace

import numpy as np
import pytest

from ratcam.motion.detector import Guard
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings
from ratcam.tune.choices import Choice
from ratcam.tune.findings import Findings, findings
from ratcam.tune.ladder import steps_of
from ratcam.tune.recordings import Recording
from ratcam.tune.summary import json_of, text_of
from ratcam.tune.tracks import GUARDS, Found, Interval, Replayed, Seen, Track
from ratcam.tune.truth import NOTHING, read_truth

FPS = 10
A = Choice(name="A", motion=MotionSettings(), zones=(), hold_s=5.0, source="the defaults", changed=())
B = replace(A, name="B", motion=MotionSettings(sensitivity=3), changed=(("sensitivity", "3"),))
EVERYWHERE = ((0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0))


def track(choice: Choice, motions: list[Interval], *, hours: float, score: float = 1.3) -> Track:
    """A track of a detector that says motion in these seconds, with one event for each."""
    size = round(hours * 3600 * FPS)
    moving = np.zeros(size, np.bool_)
    for start_s, end_s in motions:
        moving[round(start_s * FPS) : round(end_s * FPS) + 1] = True
    return Track(
        choice=choice,
        times_s=np.arange(size) / FPS,
        scores=np.where(moving, score, 0.0).astype(np.float32),
        triggers=np.ones(size, np.float32),
        moving=moving,
        guards=np.full(size, GUARDS.index(Guard.NONE), np.uint8),
        stages=(("floor", 500), ("crowd", 90), ("guard", 40), ("path", 60)),
        events=tuple(
            Found(
                start_s=start_s,
                end_s=end_s,
                peak_s=start_s,
                peak_score=score,
                area_percent=1,
                place="",
                zone="",
                travel=0.2,
            )
            for start_s, end_s in motions
        ),
        nearly=(),
        faded=0,
    )


def replayed(*tracks: Track, ladder: dict[int, list[Interval]] | None = None) -> Replayed:
    (first, *_) = tracks
    return Replayed(
        recording=Recording(name="night.mp4", paths=(), is_kept=False),
        width=640,
        height=480,
        columns=80,
        rows=60,
        rotation=0,
        first_s=0.0,
        lasts_s=first.times_s.size / FPS,
        pictures=first.times_s.size,
        tracks=tracks,
        ladder={
            number: Seen(events=tuple(motions), motions=tuple(motions)) for number, motions in (ladder or {}).items()
        },
    )


def spread(number: int, hours: float = 8.0) -> list[Interval]:
    return [(100 + at, 101 + at) for at in np.linspace(0, hours * 3600 - 300, number).tolist()]


def quiet_night(*, present: int, steps: dict[int, int], motion: str = NOTHING, per_week: float = 1.0) -> Findings:
    one = replayed(
        track(A, spread(present), hours=8), ladder={number: spread(count) for number, count in steps.items()}
    )
    return findings((A,), [one], [read_truth(motion)], per_week)


FALSE = {1: 0, 2: 0, 3: 0, 4: 3, 6: 60, 7: 70, 8: 80, 9: 90}


def test_known_false_alarms_choose_the_mildest_step_that_has_few_enough() -> None:
    found = quiet_night(present=20, steps=FALSE)
    assert found.advice.lines == ("[motion]", "sensitivity = 3")
    assert any("sensitivity = 3 gives 0 false alarms" in sentence for sentence in found.advice.because)
    assert not any("change nothing" in sentence for sentence in found.advice.because)


def test_a_step_may_have_as_many_false_alarms_as_are_wanted() -> None:
    assert quiet_night(present=20, steps=FALSE, per_week=100).advice.lines == ("[motion]", "sensitivity = 4")


def test_when_no_step_has_few_enough_the_quietest_is_told_with_what_it_gives() -> None:
    found = quiet_night(present=20, steps={number: 30 - number for number in FALSE} | {1: 12, 2: 12, 3: 12, 4: 15})
    assert found.advice.lines == ("[motion]", "sensitivity = 3")
    assert not any("change nothing" in sentence for sentence in found.advice.because)
    assert any("No step gives as few as" in sentence for sentence in found.advice.because)


def test_a_present_step_that_is_the_quietest_and_not_quiet_enough_is_not_called_good() -> None:
    found = quiet_night(present=20, steps=dict.fromkeys(FALSE, 20))
    assert found.advice.lines == ("[motion]", "sensitivity = 5")
    assert not any("change nothing" in sentence for sentence in found.advice.because)


def test_a_present_step_without_false_alarms_is_kept() -> None:
    found = quiet_night(present=0, steps=FALSE | {4: 0})
    assert found.advice.lines == ("[motion]", "sensitivity = 5")
    assert any("change nothing" in sentence for sentence in found.advice.because)


@pytest.mark.parametrize("present", [1, 5, 200])
def test_no_figure_to_expect_is_below_what_is_known(present: int) -> None:
    found = quiet_night(present=present, steps=FALSE)
    at_trigger = found.tails[0].at_trigger
    assert at_trigger is not None
    assert at_trigger >= present / 8 * 168 * 0.99
    assert f"highest score {1.3:.2f}" in text_of(found)


def test_where_nothing_moves_steps_are_told_by_false_alarms_an_hour_and_not_by_f1() -> None:
    said = text_of(quiet_night(present=20, steps=FALSE))
    assert "F1 0.00" not in said
    assert "an hour" in said
    rows = {line.split()[0]: line.split() for line in said.splitlines() if line[:1].isdigit() and "/" in line}
    assert rows["6"][-1] == "-"
    assert "7.5" in rows["6"]
    assert '"f1": null' in json_of(quiet_night(present=20, steps=FALSE))


def test_false_alarms_are_counted_as_the_events_are() -> None:
    pairs = [part for start_s, _ in spread(10) for part in ((start_s, start_s + 0.5), (start_s + 3, start_s + 3.5))]
    events = tuple((start_s, start_s + 3.5) for start_s, _ in spread(10))
    one = replayed(track(A, [], hours=8), ladder={})
    one = replace(one, ladder={number: Seen(events=events, motions=tuple(pairs)) for number in FALSE})
    found = findings((A,), [one], [()], 1.0)
    assert [how.false_alarms for how in found.rung_agreements] == [rung.count for rung in found.rungs]


def test_a_better_second_configuration_is_told_with_its_lines() -> None:
    truth = [(1000.0, 1010.0), (5000.0, 5010.0)]
    one = replayed(
        track(A, [*truth, *spread(30)], hours=8),
        track(B, truth, hours=8),
        ladder={number: [truth[0], *spread(30)] for number in FALSE},
    )
    found = findings((A, B), [one], [tuple(truth)], 1.0)
    assert found.advice.lines == ("[motion]", "sensitivity = 3")
    assert any(sentence.startswith("B is better: it finds 2 of 2") for sentence in found.advice.because)


def test_of_the_second_configuration_and_a_step_that_does_as_well_the_one_that_was_asked_for_is_advised() -> None:
    one = replayed(track(A, spread(30), hours=8), track(B, [], hours=8), ladder={number: [] for number in FALSE})
    found = findings((A, replace(B, changed=(("flit_s", "2"),))), [one], [()], 1.0)
    assert found.advice.lines == ("[motion]", "flit_s = 2")
    assert found.advice.because == ("B is better: it gives 0 false alarms; A gives 30 false alarms.",)


def test_a_range_within_one_figure_is_not_told_twice() -> None:
    one = replayed(track(A, [], hours=8), ladder={})
    quiet = np.random.default_rng(1).exponential(0.02, one.tracks[0].scores.size).astype(np.float32)
    one = replace(one, tracks=(replace(one.tracks[0], scores=quiet),))
    said = text_of(findings((A,), [one], None, 1.0))
    assert "False alarms to expect: fewer than one in ten weeks." in said


def test_a_worse_second_configuration_is_not_advised() -> None:
    truth = [(1000.0, 1010.0)]
    one = replayed(track(A, truth, hours=8), track(B, [], hours=8), ladder={number: [] for number in FALSE})
    found = findings((A, B), [one], [tuple(truth)], 1.0)
    assert found.advice.lines == ("[motion]", "sensitivity = 5")
    assert any(sentence.startswith("A is better") for sentence in found.advice.because)


def test_without_the_truth_it_is_said_that_two_configurations_cannot_be_judged() -> None:
    one = replayed(track(A, spread(3), hours=1), track(B, [], hours=1), ladder={})
    assert any("--motion" in sentence for sentence in findings((A, B), [one], None, 1.0).advice.because)


def test_the_stages_begin_with_all_blocks_and_never_grow() -> None:
    found = findings((A,), [replayed(track(A, [], hours=0.01), ladder={})], None, 1.0)
    stages = found.stages(0)
    assert next(iter(stages.items())) == ("all blocks", 80 * 60 * 360)
    assert list(stages.values()) == sorted(stages.values(), reverse=True)


def test_a_configuration_that_watches_nothing_is_told() -> None:
    blind = replace(A, zones=(ZoneSettings(name="all", polygon=EVERYWHERE, mode="ignore"),))
    found = findings((blind,), [replayed(track(blind, [], hours=1), ladder={})], None, 1.0)
    assert any("Nothing is watched" in sentence for sentence in found.advice.because)
    assert "Nothing is watched" in text_of(found)
    assert len(steps_of(blind)) == 9
