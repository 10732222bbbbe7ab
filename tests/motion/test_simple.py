import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.detector import Detector, Observation
from ratcam.motion.field import FieldError, field_size, pack, unpack
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import FULL_SCALE, SimpleDetector, box_of, decay_factor, hysteresis, median3x3, norm, score

COLUMNS, ROWS = 10, 8
WIDTH, HEIGHT = 157, 120  # the last column and row of blocks are cut by the edge
STEP = TICKS_PER_S // 10
SETTINGS = MotionSettings(
    time_window_s=2.0, trigger_level=12.0, release_level=3.0, trigger_area=5, release_area=1, settle_s=0.0
)
STILL = bytes(field_size(COLUMNS, ROWS))


def mover(*, left: int = 3, top: int = 2, width: int = 3, height: int = 3, speed: int = 5) -> bytes:
    x = np.zeros((ROWS, COLUMNS))
    x[top : top + height, left : left + width] = speed
    return pack(x, np.zeros_like(x), np.zeros_like(x))


class Stream:
    """Feeds a detector pictures a tenth of a second apart."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.pts_90k = 0

    def feed(self, payload: bytes, *, after: int = STEP) -> Observation:
        self.pts_90k += after
        return self.detector.feed(payload, columns=COLUMNS, rows=ROWS, width=WIDTH, height=HEIGHT, pts_90k=self.pts_90k)


# --- stages ---------------------------------------------------------------------------------------------------------


def test_the_norm_is_the_length_of_the_vector_even_at_its_extremes() -> None:
    field = unpack(pack(np.array([[3, -128, 0]]), np.array([[-4, -128, 0]]), np.zeros((1, 3))), 3, 1)
    assert norm(field).tolist() == [[5.0, pytest.approx(math.hypot(128, 128)), 0.0]]


@given(
    rows=st.integers(1, 7),
    columns=st.integers(1, 7),
    seed=st.integers(0, 2**32 - 1),
    distinct=st.integers(1, 200),
)
def test_the_median_is_that_of_the_sorted_nine(rows: int, columns: int, seed: int, distinct: int) -> None:
    plane = np.random.default_rng(seed).integers(0, distinct, (rows, columns)).astype(np.float32)
    padded = np.pad(plane, 1, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).reshape(rows, columns, 9)
    assert np.array_equal(median3x3(plane), np.median(windows, axis=2))


def plane_with(blocks: tuple[slice, slice]) -> npt.NDArray[np.float32]:
    plane = np.zeros((ROWS, COLUMNS), np.float32)
    plane[blocks] = 9
    return plane


def test_the_median_deletes_a_mover_of_two_by_two_blocks() -> None:
    assert not median3x3(plane_with((slice(3, 5), slice(4, 6)))).any()


def test_the_median_leaves_a_cross_of_five_blocks_of_a_mover_of_three_by_three() -> None:
    left = median3x3(plane_with((slice(2, 5), slice(3, 6))))
    assert {(int(row), int(column)) for row, column in np.argwhere(left)} == {(2, 4), (3, 3), (3, 4), (3, 5), (4, 4)}


def test_a_mover_of_two_by_two_blocks_survives_the_median_in_a_corner() -> None:
    assert median3x3(plane_with((slice(0, 2), slice(0, 2))))[0, 0] == 9


@pytest.mark.parametrize("fps", [5, 10, 30])
@pytest.mark.parametrize("window_s", [1.0, 2.0, 30.0])
def test_full_scale_falls_below_one_after_the_window_and_not_long_before(fps: int, window_s: float) -> None:
    value = np.float32(FULL_SCALE)
    for _ in range(round(fps * window_s) - 1):
        value = value * np.float32(decay_factor(1 / fps, window_s))
    assert value >= 1
    value = value * np.float32(decay_factor(1 / fps, window_s))
    assert 0.9 < value < 1


def test_nothing_decays_in_no_time() -> None:
    assert decay_factor(0.0, 2.0) == 1.0


def test_everything_decays_over_a_day() -> None:
    assert decay_factor(86_400.0, 0.1) == 0.0


@pytest.mark.parametrize("area", [1, 2, 5, 6])
def test_the_score_is_the_area_th_largest_value_in_levels(area: int) -> None:
    accumulator = np.array([[6, 30, 12], [0, 24, 18]], np.float32)
    assert score(accumulator, trigger_level=12.0, trigger_area=area) == sorted(accumulator.ravel())[-area] / 12


def test_a_picture_of_fewer_blocks_than_the_trigger_area_never_scores() -> None:
    assert score(np.full((2, 2), 255, np.float32), trigger_level=1.0, trigger_area=5) == 0.0


@given(
    values=st.lists(st.floats(0, 255, width=32), min_size=1, max_size=30),
    level=st.floats(0.1, 255),
    area=st.integers(1, 12),
)
def test_the_score_reaches_one_exactly_when_enough_blocks_reach_the_level(
    values: list[float], level: float, area: int
) -> None:
    accumulator = np.array([values], np.float32)
    reached = sum(value >= level for value in values) >= area
    assert (score(accumulator, trigger_level=level, trigger_area=area) >= 1.0) == reached


@pytest.mark.parametrize(
    ("was_moving", "triggered", "released_blocks", "moves"),
    [
        (False, False, 0, False),
        (False, False, 9, False),  # between the levels nothing begins
        (False, True, 9, True),
        (True, True, 9, True),
        (True, False, 9, True),  # between the levels nothing ends
        (True, False, 2, True),
        (True, False, 1, False),
        (True, False, 0, False),
        (True, True, 0, True),
    ],
)
def test_motion_begins_with_the_trigger_and_lasts_while_enough_blocks_hold_out(
    was_moving: bool, triggered: bool, released_blocks: int, moves: bool
) -> None:
    result = hysteresis(was_moving=was_moving, triggered=triggered, released_blocks=released_blocks, release_area=2)
    assert result is moves


def test_the_box_holds_all_blocks_that_are_set() -> None:
    mask = np.zeros((ROWS, COLUMNS), np.bool_)
    mask[1, 2] = mask[4, 3] = True
    assert box_of(mask, WIDTH, HEIGHT) == (32, 16, 64, 80)


def test_the_box_is_cut_to_the_picture() -> None:
    assert box_of(np.ones((ROWS, COLUMNS), np.bool_), WIDTH, HEIGHT) == (0, 0, WIDTH, HEIGHT)


def test_no_blocks_have_no_box() -> None:
    assert box_of(np.zeros((ROWS, COLUMNS), np.bool_), WIDTH, HEIGHT) is None


# --- the detector ---------------------------------------------------------------------------------------------------


def test_nothing_moves_in_a_still_stream() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    seen = [stream.feed(STILL) for _ in range(20)]
    assert all((one.score, one.moving, one.area, one.box) == (0.0, False, 0, None) for one in seen)


def test_sustained_movement_triggers_when_it_has_added_up() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    seen = [stream.feed(mover()) for _ in range(8)]
    # 5 pixels a picture add up to 5, 8.8, 11.7, 13.9 of a trigger level of 12
    assert [one.moving for one in seen] == [False, False, False, True, True, True, True, True]
    assert [one.score >= 1 for one in seen] == [one.moving for one in seen]
    assert seen[3].area == 5
    assert seen[3].box == (48, 32, 96, 80)


def test_motion_lasts_until_the_accumulator_is_below_the_release_level() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    began = [stream.feed(mover()) for _ in range(10)][-1]
    assert began.moving
    tail: list[Observation] = []
    while not tail or tail[-1].moving:
        tail.append(stream.feed(STILL))
    level = began.score * SETTINGS.trigger_level
    expected = math.log(level / SETTINGS.release_level) / math.log(256) * SETTINGS.time_window_s * 10
    assert len(tail) == math.ceil(expected)
    assert not tail[-1].area
    assert tail[-2].score < 1  # the hysteresis held it
    assert tail[-2].area == 5


def test_few_blocks_trigger_nothing_however_fast_they_are() -> None:
    stream = Stream(SimpleDetector(replace(SETTINGS, trigger_area=6)))
    seen = [stream.feed(mover(speed=120)) for _ in range(20)]
    assert not any(one.moving for one in seen)
    assert seen[-1].area == 5


def test_a_mover_of_two_by_two_blocks_is_not_seen() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    assert not any(stream.feed(mover(width=2, height=2, speed=100)).score for _ in range(20))


def test_a_key_frame_without_vectors_only_fades_the_accumulator() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    for _ in range(6):
        stream.feed(mover())
    before = stream.detector.accumulator.copy()
    seen = stream.feed(STILL)
    assert seen.moving
    assert np.allclose(stream.detector.accumulator, before * decay_factor(0.1, 2.0))


def test_the_same_movement_at_other_rates_adds_up_alike() -> None:
    levels: list[float] = []
    for fps, speed in ((10, 12), (20, 6), (30, 4)):
        stream = Stream(SimpleDetector(replace(SETTINGS, time_window_s=4.0)))
        for _ in range(4 * fps):
            stream.feed(mover(speed=speed), after=TICKS_PER_S // fps)
        levels.append(float(stream.detector.accumulator.max()))
    assert max(levels) / min(levels) < 1.15


def test_sad_is_not_looked_at() -> None:
    zeros = np.zeros((ROWS, COLUMNS))
    stream = Stream(SimpleDetector(SETTINGS))
    assert not any(stream.feed(pack(zeros, zeros, zeros + 65535)).score for _ in range(10))


def test_nothing_triggers_until_the_camera_has_settled() -> None:
    stream = Stream(SimpleDetector(replace(SETTINGS, settle_s=1.0)))
    seen = [stream.feed(mover()) for _ in range(15)]
    assert [one.moving for one in seen] == [False] * 10 + [True] * 5
    assert seen[9].score > 1


def test_settling_begins_anew_after_a_reset() -> None:
    detector = SimpleDetector(replace(SETTINGS, settle_s=1.0))
    stream = Stream(detector)
    for _ in range(15):
        stream.feed(mover())
    detector.reset()
    assert detector.accumulator.shape == (0, 0)
    assert [stream.feed(mover()).moving for _ in range(15)] == [False] * 10 + [True] * 5


def test_a_picture_before_the_last_one_resets() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    for _ in range(10):
        stream.feed(mover())
    seen = stream.feed(mover(), after=-1)
    assert not seen.moving
    assert float(stream.detector.accumulator.max()) == 5.0


def test_the_same_time_twice_fades_nothing_in_between() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    stream.feed(mover())
    stream.feed(mover(), after=0)
    assert float(stream.detector.accumulator.max()) == 10.0


def test_a_long_gap_fades_everything_and_ends_the_motion() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    for _ in range(10):
        stream.feed(mover())
    assert not stream.feed(STILL, after=10 * TICKS_PER_S).moving
    assert float(stream.detector.accumulator.max()) < 1e-6


def test_another_grid_resets() -> None:
    detector = SimpleDetector(SETTINGS)
    stream = Stream(detector)
    for _ in range(10):
        stream.feed(mover())
    seen = detector.feed(bytes(field_size(4, 3)), columns=4, rows=3, width=64, height=48, pts_90k=stream.pts_90k + STEP)
    assert not seen.moving
    assert detector.accumulator.shape == (3, 4)
    assert not detector.accumulator.any()


def test_a_payload_of_the_wrong_length_changes_nothing() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    for _ in range(10):
        stream.feed(mover())
    before = stream.detector.accumulator.copy()
    with pytest.raises(FieldError):
        stream.feed(STILL[:-1])
    assert np.array_equal(stream.detector.accumulator, before)
    assert stream.feed(mover()).moving


def test_an_accumulator_once_handed_out_stays_as_it_is() -> None:
    stream = Stream(SimpleDetector(SETTINGS))
    stream.feed(mover())
    first = stream.detector.accumulator
    stream.feed(mover())
    assert float(first.max()) == 5.0
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = 1


@given(
    payloads=st.lists(st.one_of(st.binary(min_size=48, max_size=48), st.binary(max_size=60)), max_size=12),
    steps=st.lists(st.integers(-TICKS_PER_S, 10**12), min_size=12, max_size=12),
    settings=st.builds(
        MotionSettings,
        time_window_s=st.floats(0.1, 60),
        trigger_level=st.floats(0.1, 255),
        release_level=st.floats(0.1, 255),
        trigger_area=st.integers(1, 10),
        release_area=st.integers(1, 10),
        settle_s=st.floats(0, 5),
    ),
)
def test_any_input_is_survived_or_refused_and_the_accumulator_stays_in_bounds(
    payloads: list[bytes], steps: list[int], settings: MotionSettings
) -> None:
    detector = SimpleDetector(settings)
    pts_90k = 0
    for payload, step in zip(payloads, steps, strict=False):
        pts_90k += step
        try:
            seen = detector.feed(payload, columns=3, rows=3, width=48, height=40, pts_90k=pts_90k)
        except FieldError:
            assert len(payload) != 48
            continue
        accumulator = detector.accumulator
        assert bool(((accumulator >= 0) & (accumulator <= FULL_SCALE)).all())  # false for NaN
        assert 0 <= seen.score <= FULL_SCALE / settings.trigger_level
        assert (seen.box is None) == (seen.area == 0)
        if seen.moving:
            assert seen.box is not None
