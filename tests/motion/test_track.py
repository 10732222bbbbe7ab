"""The track detector as a whole, on fields that are made by hand."""

import numpy as np
import pytest

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.choose import new_detector
from ratcam.motion.detector import Detector, Guard, Observation
from ratcam.motion.field import field_size, pack
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import SimpleDetector
from ratcam.motion.track import TrackDetector
from ratcam.motion.zones import ZoneSettings

WIDTH, HEIGHT = 640, 360
COLUMNS, ROWS = 80, 45


class Stream:
    """Ten pictures a second of noise, in which things can be put."""

    def __init__(self, detector: Detector | None = None, fps: float = 10) -> None:
        self.detector = detector or new_detector(MotionSettings())
        self.fps = fps
        self.number = -1
        self.chance = np.random.default_rng(5)

    def feed(self, *things: tuple[int, int], strength: float = 4000, share: float = 0) -> Observation:
        """One picture with things of 2x2 blocks at (row, column), and so large a share of blocks that flash."""
        self.number += 1
        sad = np.abs(self.chance.normal(100, 30, (ROWS, COLUMNS)))
        if share:
            sad[self.chance.random(sad.shape) < share] += strength
        for row, column in things:
            sad[row : row + 2, column : column + 2] += strength
        zero = np.zeros_like(sad)
        return self.see(pack(zero, zero, sad))

    def see(self, payload: bytes) -> Observation:
        pts_90k = round(self.number * TICKS_PER_S / self.fps)
        return self.detector.feed(payload, columns=COLUMNS, rows=ROWS, width=WIDTH, height=HEIGHT, pts_90k=pts_90k)

    def quiet(self, seconds: float) -> list[Observation]:
        return [self.feed() for _ in range(round(seconds * self.fps))]

    def walk(self, steps: int, *, row: int = 20, column: int = 10) -> list[Observation]:
        return [self.feed((row, column + step // 2)) for step in range(steps)]


def zone(mode: str, left: float, right: float, **more: float) -> ZoneSettings:
    polygon = ((left, 0.0), (right, 0.0), (right, 100.0), (left, 100.0))
    sensitivity = int(more["sensitivity"]) if "sensitivity" in more else None
    return ZoneSettings(
        name=f"{mode}{left:g}",
        polygon=polygon,
        mode=mode,
        sensitivity=sensitivity,
        min_seconds=more.get("min_seconds", 0),
    )


def begun(seen: list[Observation]) -> int | None:
    return next((number for number, one in enumerate(seen) if one.moving), None)


def test_the_settings_choose_the_detector() -> None:
    assert isinstance(new_detector(MotionSettings(detector="simple")), SimpleDetector)
    assert isinstance(new_detector(MotionSettings()), TrackDetector)


def test_noise_is_no_motion() -> None:
    seen = Stream().quiet(60)
    assert not any(one.moving for one in seen)
    assert max(one.score for one in seen) < 0.5


def test_a_walker_is_motion_in_its_third_picture_and_where_it_is() -> None:
    stream = Stream()
    stream.quiet(5)
    seen = stream.walk(8)
    assert begun(seen) == 2
    assert seen[1].score < 1 <= seen[2].score
    box = seen[-1].box
    assert box is not None
    assert box[0] <= 13 * 8 < box[2]
    assert box[1] <= 20 * 8 < box[3]
    assert (box[2] - box[0]) * (box[3] - box[1]) < 80 * 80


@pytest.mark.parametrize("fps", [5, 10, 12.5, 25, 30])
def test_a_walker_is_found_within_half_a_second_at_any_rate(fps: float) -> None:
    stream = Stream(fps=fps)
    stream.quiet(5)
    first = begun([stream.feed((20, 10 + int(number / fps * 5))) for number in range(round(fps))])
    assert first is not None
    assert first / fps <= 0.5


def test_motion_ends_when_its_evidence_is_gone_and_the_hold_over() -> None:
    stream = Stream()
    stream.quiet(5)
    assert stream.walk(20)[-1].moving
    tail = stream.quiet(4)
    last = max(number for number, one in enumerate(tail) if one.moving)
    assert 0.9 <= last / 10 <= 1.9
    assert not tail[-1].area


def test_a_flash_is_no_motion_and_says_so() -> None:
    stream = Stream()
    stream.quiet(5)
    for _ in range(5):
        seen = [stream.feed(share=0.8), stream.feed(share=0.8), *stream.quiet(0.5)]
        assert seen[0].guard is Guard.LIGHT
        assert not any(one.moving for one in seen)


def test_a_walker_is_found_after_a_flash() -> None:
    stream = Stream()
    stream.quiet(5)
    stream.feed(share=0.8)
    first = begun(stream.walk(12))
    assert first is not None
    assert first <= 7


def test_what_appears_here_and_there_is_no_motion() -> None:
    stream = Stream()
    stream.quiet(5)
    seen = [stream.feed((5 + 7 * number % 35, 3 + 29 * number % 70)) for number in range(100)]
    assert not any(one.moving for one in seen)


def test_nothing_begins_until_the_camera_has_settled() -> None:
    stream = Stream(new_detector(MotionSettings(settle_s=2.0)))
    seen = stream.walk(30)
    assert begun(seen) in range(20, 25)
    assert seen[5].guard is Guard.SETTLING


def test_doubled_pictures_change_nothing() -> None:
    once, twice = Stream(), Stream(fps=20)
    for number in range(150):
        thing = ((20, 10 + number // 4),) if number % 100 > 60 else ()
        first = once.feed(*thing)
        second = twice.feed(*thing)
        twice.number += 1
        assert twice.see(bytes(field_size(COLUMNS, ROWS))).score == second.score
        assert second.score == pytest.approx(first.score, abs=1e-5)


def test_a_time_before_the_last_one_begins_anew() -> None:
    stream = Stream()
    stream.quiet(3)
    assert stream.walk(6)[-1].moving
    stream.number = -1
    seen = stream.feed()
    assert (seen.moving, seen.score, seen.area) == (False, 0.0, 0)


def test_another_grid_begins_anew() -> None:
    stream = Stream()
    stream.quiet(3)
    assert stream.walk(6)[-1].moving
    seen = stream.detector.feed(bytes(field_size(20, 15)), columns=20, rows=15, width=320, height=240, pts_90k=10**7)
    assert not seen.moving
    assert stream.detector.accumulator.shape == (15, 20)


def test_the_accumulator_is_full_where_it_moved_and_fades() -> None:
    stream = Stream()
    stream.quiet(3)
    for _ in range(30):
        stream.feed((20, 10))
    held = stream.detector.accumulator
    assert held[20, 10] > 200
    assert held[40, 70] == 0
    stream.quiet(5)
    assert held[20, 10] > 200
    assert stream.detector.accumulator.max() < 1


def test_stages_say_what_each_one_left() -> None:
    stream = Stream()
    stream.quiet(3)
    seen = stream.walk(5)[-1]
    assert [name for name, _ in seen.stages] == ["floor", "crowd", "guard", "path"]
    assert all(count > 0 for _, count in seen.stages)


def test_more_sensitivity_finds_what_less_does_not() -> None:
    found: list[bool] = []
    for sensitivity in (1, 5, 9):
        stream = Stream(new_detector(MotionSettings(sensitivity=sensitivity)))
        stream.quiet(5)
        found.append(any(stream.feed((20, 10 + number // 2), strength=250).moving for number in range(20)))
    assert not found[0]
    assert found[2]


# --- zones ------------------------------------------------------------------------------------------------------------


def walked(*zones: ZoneSettings, column: int = 10, steps: int = 8) -> list[Observation]:
    stream = Stream(new_detector(MotionSettings(), zones))
    stream.quiet(5)
    return stream.walk(steps, column=column)


def test_only_what_is_in_a_watched_zone_counts_and_it_is_named() -> None:
    inside = walked(zone("watch", 0, 50))
    assert inside[-1].moving
    assert inside[-1].zone == "watch0"
    assert not any(one.moving for one in walked(zone("watch", 50, 100)))


def test_nothing_counts_in_an_ignored_zone() -> None:
    assert not any(one.moving or one.score for one in walked(zone("ignore", 0, 50)))
    assert walked(zone("ignore", 0, 50), column=60)[-1].moving


def test_a_precluding_zone_silences_all_others() -> None:
    stream = Stream(new_detector(MotionSettings(), (zone("preclude", 50, 100),)))
    stream.quiet(5)
    alone = [stream.feed((20, 10 + number // 2)) for number in range(6)]
    assert alone[-1].moving
    stream.quiet(4)
    both = [stream.feed((20, 10 + number // 2), (20, 60 + number // 2)) for number in range(10)]
    assert both[-1].guard is Guard.PRECLUDED
    assert not both[-1].moving


def test_a_zones_shortest_time_delays_it() -> None:
    first = begun(walked(zone("watch", 0, 100, min_seconds=1.0), steps=30))
    assert first in (12, 13)


def test_a_zone_has_its_own_sensitivity() -> None:
    for sensitivity, is_found in ((1, False), (9, True)):
        stream = Stream(new_detector(MotionSettings(), (zone("watch", 0, 100, sensitivity=sensitivity),)))
        stream.quiet(5)
        seen = [stream.feed((20, 10 + number // 2), strength=250) for number in range(20)]
        assert any(one.moving for one in seen) is is_found


# --- what is learned --------------------------------------------------------------------------------------------------


def gusts(stream: Stream, hours: float) -> None:
    """A twig that moves three times in 20 s: too seldom to be usual."""
    for number in range(round(hours * 3600 * stream.fps)):
        stream.feed(*([(40, 2)] if number % 100 < 3 else []))


def test_what_steadily_moves_in_one_place_is_usual_there_after_minutes() -> None:
    stream = Stream(fps=5)
    stream.quiet(5)
    seen = [stream.feed((40, 2)) for _ in range(5 * 600)]
    assert seen[20].moving
    assert not seen[-1].moving
    assert stream.walk(6)[-1].moving


def test_a_twig_is_faded_out_after_hours_and_counts_again_when_it_is_forgotten() -> None:
    stream = Stream(TrackDetector(MotionSettings(fade_out_hours=0.1)), fps=5)
    gusts(stream, 0.2)
    learned = stream.detector.learned
    assert learned[40:42, 2:4].all()
    assert learned.sum() < 40
    assert not any(stream.feed((40, 2)).score for _ in range(3))
    stream.quiet(20)
    stream.detector.forget_learned()
    assert any(stream.feed((40, 2)).moving for _ in range(3))


def test_habits_outlive_a_restart_also_if_given_before_the_first_field() -> None:
    stream = Stream(TrackDetector(MotionSettings(fade_out_hours=0.05)), fps=5)
    assert stream.detector.habits() is None
    gusts(stream, 0.1)
    habits = stream.detector.habits()
    assert habits is not None
    other = Stream()
    other.detector.restore(habits)
    other.feed()
    assert np.array_equal(other.detector.learned, stream.detector.learned)
    other.detector.reset()
    other.feed()
    assert other.detector.learned.any()


def test_calibration_says_how_quiet_the_camera_is() -> None:
    stream = Stream(fps=5)
    stream.quiet(590)
    assert stream.detector.quiet is None
    stream.quiet(20)
    quiet = stream.detector.quiet
    assert quiet is not None
    assert quiet.trigger == 1.0
    assert quiet.margin > 2
    silent = Stream(new_detector(MotionSettings(auto_calibrate=False)), fps=5)
    silent.quiet(610)
    assert silent.detector.quiet is None
