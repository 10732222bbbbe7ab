"""The track detector on drawn scenes: what is no motion, and what must be found.

From two origins: decoded H.264, and the fields of a Raspberry Pi's encoder. Some numbers were chosen while looking at
these scenes; `python -m benchmarks.motion_quality --seed N` does the same at length, with scenes that nobody has seen.
"""

from collections.abc import Callable

import pytest

from ratcam.motion.events import EventEnded, EventStarted, EventTracker
from ratcam.motion.settings import MotionSettings
from tests.motion.scene_catalogue import SENSORS, mouse, movers, nuisance_alone, pendulum, still
from tests.motion.scene_runs import (
    ENCODINGS,
    Encoding,
    Field,
    Result,
    in_size,
    luma_fields,
    measure,
    moving,
    observe,
    pi_fields,
)
from tests.motion.scenes import Scene

SMALL = (480, 272)
"""As small as a camera's second stream often is, and quick to draw."""
BOTH = pytest.mark.parametrize("fields", [luma_fields, pi_fields], ids=["luma", "pi"])
SETTINGS = MotionSettings(detector="track")

Feeder = Callable[[Scene], tuple[Field, ...]]


def moments_of_motion(scene: Scene, fields: tuple[Field, ...]) -> list[float]:
    """When there was motion, in seconds: the first second of each."""
    seen = observe(fields, SETTINGS)
    times = [it.pts_90k / 90000 for it in seen if it.moving]
    return [now for before, now in zip([-9.0, *times], times, strict=False) if now - before > 1.0]


def result(scene: Scene, fields: tuple[Field, ...]) -> Result:
    truth = scene.truth()
    return measure(moving(observe(fields, SETTINGS), truth), truth)


# --- what is no motion ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", SENSORS)
def test_nothing_moves_where_nothing_happens(background: str) -> None:
    scene = in_size(still(background, seconds=12, noise=1.5), *SMALL)
    assert moments_of_motion(scene, luma_fields(scene)) == []


@BOTH
def test_a_lamp_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("light"), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_an_even_lamp_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("light", where=1), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_a_blinking_lamp_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("blink", where=1), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_an_infrared_filter_that_swings_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("irsw"), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_lightning_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("lightning"), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_flicker_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("flick"), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_a_shaken_camera_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("shake"), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@BOTH
def test_rain_is_no_motion(fields: Feeder) -> None:
    scene = in_size(nuisance_alone("rain", where=1), *SMALL)
    assert moments_of_motion(scene, fields(scene)) == []


@pytest.mark.parametrize("kind", ["exposure", "cloud", "osd", "tree", "thread", "beam"])
def test_a_nuisance_is_no_motion(kind: str) -> None:
    scene = in_size(nuisance_alone(kind), *SMALL)
    assert moments_of_motion(scene, luma_fields(scene)) == []


@pytest.mark.parametrize("kind", ["exposure", "cloud", "thread", "beam"])
def test_a_nuisance_is_no_motion_in_a_pis_fields(kind: str) -> None:
    scene = in_size(nuisance_alone(kind), *SMALL)
    assert moments_of_motion(scene, pi_fields(scene)) == []


def test_most_insects_at_the_lens_are_no_motion() -> None:
    """Three in ten may be.

    A moth that crosses the picture in a second differs from a rat in flight, which must be found within half a second,
    in its blur alone, and of that the change of a block says nothing. What tells them apart is that most moths leap
    further; not all do.
    """
    scenes = [in_size(nuisance_alone("insect", where=where), *SMALL) for where in range(8)]
    alarmed = [scene.nuisances[0].seed for scene in scenes if moments_of_motion(scene, luma_fields(scene))]
    assert len(alarmed) <= 0.3 * len(scenes), alarmed


@pytest.mark.parametrize("name", ["crf 30 ultrafast", "700 kbit/s", "B-frames, 3 refs"])
def test_how_a_camera_encodes_is_no_motion(name: str) -> None:
    scene = in_size(nuisance_alone("light"), *SMALL)
    assert moments_of_motion(scene, luma_fields(scene, ENCODINGS[name])) == []


# --- what must be found -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("area", [32, 72, 241])
def test_a_mouse_is_found_within_a_second_in_decoded_pictures(area: float) -> None:
    is_found_within(1.0, mouse(area), luma_fields(mouse(area)))


@pytest.mark.parametrize("area", [127, 448])
def test_a_mouse_is_found_within_a_second_in_a_pis_fields(area: float) -> None:
    is_found_within(1.0, mouse(area), pi_fields(mouse(area)))


def test_a_mouse_is_found_in_the_light_of_an_infrared_lamp() -> None:
    scene = mouse(127, "night")
    is_found_within(1.0, scene, luma_fields(scene))


def test_a_mouse_is_found_however_the_camera_encodes() -> None:
    scene = mouse(241, "garden")
    is_found_within(1.0, scene, luma_fields(scene, Encoding(crf=None, kbit=700, preset="fast", b_frames=2, refs=3)))


@BOTH
@pytest.mark.parametrize(
    ("who", "within_s"),
    [("creeper", 4.0), ("rat", 0.5), ("cat", 1.0), ("person", 1.0), ("near person", 1.0)],
)
def test_whoever_moves_is_found_in_time(fields: Feeder, who: str, within_s: float) -> None:
    scene = movers()[who] if who == "creeper" else in_size(movers()[who], *SMALL)
    is_found_within(within_s, scene, fields(scene))


@BOTH
@pytest.mark.parametrize("who", ["person with lamp", "mouse as the lamp comes on"])
def test_who_moves_as_the_lamp_comes_on_is_found(fields: Feeder, who: str) -> None:
    scene = in_size(movers()[who], *SMALL)
    is_found_within(1.5, scene, fields(scene))


def test_a_mouse_is_found_in_the_rain() -> None:
    """It takes 2.5 s, longer than for others: where streaks of its size and strength fall all over the picture a hit is
    worth a fraction, and asking less of it makes alarms of the rain itself."""
    scene = in_size(movers()["mouse in rain"], *SMALL)
    is_found_within(2.5, scene, luma_fields(scene))


@BOTH
def test_the_score_tells_a_cat_from_a_mouse_and_its_peak_is_where_most_moved(fields: Feeder) -> None:
    little, large = mouse(72), in_size(movers()["cat"], *SMALL)
    peaks: list[float] = []
    for scene in (little, large):
        seen = observe(fields(scene), SETTINGS)
        assert all(it.moving for it in seen if it.score >= 1)
        peak = max(seen, key=lambda it: it.score)
        assert peak.area >= 0.5 * max(it.area for it in seen if it.moving)
        peaks.append(peak.score)
    assert peaks[1] > 1.3 * peaks[0] > 1.3


@BOTH
def test_a_lamp_that_blinks_is_not_motion_and_the_pendulum_in_its_steady_light_is(fields: Feeder) -> None:
    scene = in_size(pendulum(), *SMALL)
    got = result(scene, fields(scene))
    assert (got.events, got.found, got.alarms) == (2, 2, 0), got
    assert max(got.latencies_s) <= 0.4


@BOTH
def test_a_visit_is_one_event_from_about_its_beginning_to_about_its_end(fields: Feeder) -> None:
    scene = in_size(movers()["cat"], *SMALL)
    tracker = EventTracker(hold_90k=90000)
    begun: list[float] = []
    ended: list[float] = []
    for seen in observe(fields(scene), SETTINGS):
        match tracker.feed(seen):
            case EventStarted() as event:
                begun.append(event.start_90k / 90000)
            case EventEnded() as event:
                ended.append(event.end_90k / 90000)
            case None:
                pass
    there = [number / scene.fps for number, label in enumerate(scene.labels()) if label]
    assert len(begun) == len(ended) == 1
    assert 0 <= begun[0] - there[0] <= 1.0
    assert -0.5 <= ended[0] - there[-1] <= 1.5


def is_found_within(seconds: float, scene: Scene, fields: tuple[Field, ...]) -> None:
    """Every event of the scene is found in time, and there is no alarm besides, from the first picture on."""
    got = result(scene, fields)
    assert got.events >= 1
    assert (got.found, got.alarms) == (got.events, 0), got
    assert max(got.latencies_s) <= seconds
    early = next(first for first, _, label in scene.truth()["labels"] if label) / scene.fps
    assert [moment for moment in moments_of_motion(scene, fields) if moment < early] == []
