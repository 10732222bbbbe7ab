"""What holds for every detector and any input: through `choose.new_detector`, as everybody makes them."""

import gc
import tracemalloc
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.choose import new_detector
from ratcam.motion.detector import Detector, Habits, Observation
from ratcam.motion.field import FieldError, field_size, pack
from ratcam.motion.settings import MotionSettings
from ratcam.motion.track import TrackDetector
from ratcam.motion.zones import ZoneSettings
from tests.motion.scene_catalogue import movers, nuisance_alone
from tests.motion.scene_runs import Field, Result, feed, in_size, luma_fields, measure, moving
from tests.motion.scenes import Scene

KINDS = ("track", "simple")
BOTH = pytest.mark.parametrize("kind", KINDS)
STEP = TICKS_PER_S // 10
SMALL = (480, 272)


def detector_of(kind: str) -> Detector:
    return new_detector(MotionSettings(detector=kind))


def random_field(
    random: np.random.Generator, columns: int, rows: int, *, loud: float, number: int, block: int = 16
) -> Field:
    """A field of any loudness: from noise as a sensor has it to every block torn about."""
    shape = (rows, columns)
    sad = np.clip(random.normal(60, 12, shape) + loud * random.exponential(3000, shape), 0, 65535)
    x, y = (np.where(random.random(shape) < loud, random.integers(-64, 65, shape), 0) for _ in "xy")
    return Field(
        payload=pack(x, y, sad),
        columns=columns,
        rows=rows,
        width=columns * block,
        height=rows * block,
        pts_90k=number * STEP,
    )


def visited(random: np.random.Generator, number: int, busy: range) -> Field:
    """A quiet picture of 20 x 15 blocks; while it is busy, 3x3 of them change and move."""
    field = random_field(random, 20, 15, loud=0.0, number=number)
    if number not in busy:
        return field
    block = np.zeros((15, 20), bool)
    block[6:9, 8:11] = True
    vectors = np.where(block, -4 + 8 * (number // 20 % 2), 0)
    return replace(field, payload=pack(vectors, vectors, random.integers(500, 4000, (15, 20)) * block + 60))


def is_sound(seen: Observation, field: Field, detector: Detector) -> None:
    """What must be true of any observation."""
    assert seen.pts_90k == field.pts_90k
    assert np.isfinite(seen.score)
    assert seen.score >= 0
    assert 0 <= seen.area <= field.columns * field.rows
    if seen.box is not None:
        x0, y0, x1, y1 = seen.box
        assert 0 <= x0 < x1 <= field.width
        assert 0 <= y0 < y1 <= field.height
    if seen.moving:
        assert seen.box is not None
    if isinstance(detector, TrackDetector) and seen.score >= 1:
        assert seen.moving, "a score of 1.0 says that there is motion"
    for _, blocks in seen.stages:
        assert 0 <= blocks <= field.columns * field.rows
    accumulator = detector.accumulator
    assert accumulator.shape == (field.rows, field.columns)
    assert accumulator.dtype == np.float32
    assert np.isfinite(accumulator).all()
    assert float(accumulator.min()) >= 0
    assert float(accumulator.max()) <= 255
    assert not accumulator.flags.writeable
    assert detector.learned.shape in {(field.rows, field.columns), (0, 0)}
    quiet = detector.quiet
    assert quiet is None or all(np.isfinite([quiet.quiet, quiet.trigger, quiet.margin]))


# --- any field -------------------------------------------------------------------------------------------------------


@st.composite
def streams(draw: st.DrawFn) -> list[Field]:
    """Some pictures of one size, each with any bytes at any time, forward or back, on any of the block sizes."""
    columns, rows = draw(st.integers(1, 24)), draw(st.integers(1, 18))
    block = draw(st.sampled_from((8, 16, 32)))
    width = draw(st.integers((columns - 1) * block + 1, columns * block))
    height = draw(st.integers((rows - 1) * block + 1, rows * block))
    size = field_size(columns, rows)
    now_90k = draw(st.integers(0, 1 << 40))
    fields: list[Field] = []
    for _ in range(draw(st.integers(1, 8))):
        now_90k = max(0, now_90k + draw(st.one_of(st.just(STEP), st.just(0), st.integers(-(1 << 33), 1 << 36))))
        pattern = draw(st.one_of(st.binary(min_size=1, max_size=16), st.binary(min_size=size, max_size=size)))
        payload = (pattern * (size // len(pattern) + 1))[:size]
        fields.append(Field(payload=payload, columns=columns, rows=rows, width=width, height=height, pts_90k=now_90k))
    return fields


@BOTH
@settings(deadline=None, max_examples=60)
@given(fields=streams())
def test_any_bytes_at_any_time_give_a_sound_observation(kind: str, fields: list[Field]) -> None:
    detector = detector_of(kind)
    for field in fields:
        is_sound(feed(detector, field), field, detector)


@BOTH
@pytest.mark.parametrize("grid", [(1, 1), (120, 1), (1, 90), (2, 2), (41, 31), (120, 68)])
def test_any_grid_is_survived_loud_or_quiet(kind: str, grid: tuple[int, int]) -> None:
    random = np.random.default_rng(grid)
    detector = detector_of(kind)
    for number in range(60):
        loud = (0.0, 0.02, 0.3, 1.0)[number // 15]
        field = random_field(random, *grid, loud=loud, number=number)
        is_sound(feed(detector, field), field, detector)


@BOTH
@pytest.mark.parametrize("value", [0, 255], ids=["zeros", "ones"])
def test_the_same_extreme_for_ever_is_survived_and_leaves_no_motion_for_ever(kind: str, value: int) -> None:
    detector = detector_of(kind)
    extreme = Field(payload=bytes([value]) * field_size(40, 30), columns=40, rows=30, width=640, height=480, pts_90k=0)
    for number in range(100):
        field = replace(extreme, pts_90k=number * STEP)
        is_sound(feed(detector, field), field, detector)
    quiet = replace(extreme, payload=bytes(field_size(40, 30)))
    after = [feed(detector, replace(quiet, pts_90k=(100 + number) * STEP)) for number in range(100)]
    assert not after[-1].moving


@BOTH
def test_a_payload_of_another_length_is_refused_and_changes_nothing(kind: str) -> None:
    random = np.random.default_rng(7)
    fields = [random_field(random, 20, 15, loud=0.1, number=number) for number in range(40)]
    plain, disturbed = detector_of(kind), detector_of(kind)
    for field in fields:
        with pytest.raises(FieldError):
            feed(disturbed, replace(field, payload=field.payload[:-1]))
        assert feed(disturbed, field) == feed(plain, field)


# --- evidence is bounded ---------------------------------------------------------------------------------------------


@BOTH
def test_evidence_is_bounded_however_long_it_is_loud(kind: str) -> None:
    """The score does not run away, and motion ends as soon after an hour of it as after some seconds."""

    def released_after(seconds: int) -> tuple[float, int]:
        random, detector = np.random.default_rng(8), detector_of(kind)
        busy = range(60, 60 + seconds * 10)
        seen = [feed(detector, visited(random, number, busy)) for number in range(busy.stop + 100)]
        left = next((number for number in range(100) if not seen[busy.stop + number].moving), 100)
        return max(it.score for it in seen), left

    short, long = released_after(3), released_after(90)
    assert long[0] <= 3 * max(short[0], 1.0)
    assert long[1] <= short[1] + 15


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 1 << 30),
    settle_s=st.sampled_from((0.0, 0.5, 4.0)),
    flit_s=st.sampled_from((0.0, 1.2)),
    min_seconds=st.sampled_from((0.0, 0.7)),
)
def test_motion_begins_at_a_score_of_one_whatever_holds_it_back(
    seed: int, settle_s: float, flit_s: float, min_seconds: float
) -> None:
    """Any two bodies that walk, stand or leap: a score of 1.0 is motion, and motion does not begin below."""
    random = np.random.default_rng(seed)
    left = ZoneSettings(
        name="left",
        polygon=((0.0, 0.0), (60.0, 0.0), (60.0, 100.0), (0.0, 100.0)),
        mode="watch",
        sensitivity=None,
        min_seconds=min_seconds,
    )
    detector = new_detector(MotionSettings(settle_s=settle_s, flit_s=flit_s), (left,) if seed % 2 else ())
    pace = random.uniform(-3, 3, (2, 2))
    place = random.uniform(5, 25, (2, 2))
    was_moving = False
    for number in range(80):
        field = random_field(random, 40, 30, loud=0.0, number=number)
        sad = random.normal(60, 12, (30, 40))
        for row, column in np.clip(place + pace * (number % 23 - 11) * (number > 20), 0, 26).astype(int):
            sad[row : row + 3, column : column + 3] += 3000 * (number > 20)
        seen = feed(detector, replace(field, payload=pack(sad * 0, sad * 0, np.clip(sad, 0, 65535))))
        is_sound(seen, field, detector)
        if seen.moving and not was_moving:
            assert seen.score >= 1
        was_moving = seen.moving


# --- a changed grid --------------------------------------------------------------------------------------------------


@BOTH
@settings(deadline=None, max_examples=25)
@given(
    grids=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 30)), min_size=2, max_size=2, unique=True),
    seed=st.integers(0, 1 << 30),
)
def test_a_detector_whose_grid_changes_goes_on_like_a_new_one(
    kind: str, grids: list[tuple[int, int]], seed: int
) -> None:
    random = np.random.default_rng(seed)
    used, new = detector_of(kind), detector_of(kind)
    for number in range(25):
        feed(used, random_field(random, *grids[0], loud=0.2, number=number))
    for number in range(25, 60):
        field = random_field(random, *grids[1], loud=(0.0, 0.2)[number > 40], number=number)
        assert feed(used, field) == feed(new, field)
        assert np.array_equal(used.accumulator, new.accumulator)


@BOTH
def test_a_detector_whose_time_goes_back_goes_on_like_a_new_one(kind: str) -> None:
    random = np.random.default_rng(9)
    used, new = detector_of(kind), detector_of(kind)
    for number in range(1000, 1040):
        feed(used, random_field(random, 30, 20, loud=0.1, number=number))
    for number in range(60):
        field = random_field(random, 30, 20, loud=(0.0, 0.2)[number > 40], number=number)
        a, b = feed(used, field), feed(new, field)
        assert (a.moving, a.area, a.box) == (b.moving, b.area, b.box)
        assert a.score == pytest.approx(b.score)


@BOTH
def test_a_reset_detector_goes_on_like_a_new_one(kind: str) -> None:
    random = np.random.default_rng(10)
    used, new = detector_of(kind), detector_of(kind)
    for number in range(40):
        feed(used, random_field(random, 30, 20, loud=0.1, number=number))
    used.reset()
    for number in range(40, 100):
        field = random_field(random, 30, 20, loud=(0.0, 0.2)[number > 80], number=number)
        a, b = feed(used, field), feed(new, field)
        assert (a.moving, a.area, a.box) == (b.moving, b.area, b.box)


@BOTH
def test_the_same_fields_give_the_same_observations(kind: str) -> None:
    random = np.random.default_rng(11)
    fields = [random_field(random, 30, 20, loud=0.03, number=number) for number in range(80)]
    one, other = detector_of(kind), detector_of(kind)
    assert [feed(one, field) for field in fields] == [feed(other, field) for field in fields]


# --- what is handed out ----------------------------------------------------------------------------------------------


@BOTH
def test_later_pictures_never_change_what_was_handed_out(kind: str) -> None:
    random = np.random.default_rng(12)
    detector = detector_of(kind)
    handed_out: list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = []
    learned: list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]] = []
    for number in range(80):
        feed(detector, visited(random, number, range(60, 80)))
        handed_out.append((detector.accumulator, detector.accumulator.copy()))
        learned.append((detector.learned, detector.learned.copy()))
    detector.reset()
    detector.forget_learned()
    assert handed_out[-1][1].any()
    for given_out, copy in [*handed_out, *learned]:
        assert np.array_equal(given_out, copy)


@BOTH
def test_memory_does_not_grow_with_the_pictures(kind: str) -> None:
    random = np.random.default_rng(13)
    fields = [random_field(random, 40, 23, loud=(0.0, 0.05)[number % 40 > 30], number=number) for number in range(120)]
    detector = detector_of(kind)
    number = 0

    def go_on(pictures: int) -> None:
        nonlocal number
        for _ in range(pictures):
            feed(detector, replace(fields[number % 120], pts_90k=number * STEP))
            number += 1

    go_on(1200)  # every buffer and table has its size by then
    gc.collect()
    tracemalloc.start()
    try:
        go_on(120)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        go_on(2400)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000, f"{grown} bytes more after 2400 pictures"


# --- habits ----------------------------------------------------------------------------------------------------------


@BOTH
@settings(deadline=None, max_examples=40)
@given(columns=st.integers(-2, 25), rows=st.integers(-2, 25), payload=st.binary(max_size=700))
def test_any_habits_are_taken_or_ignored(kind: str, columns: int, rows: int, payload: bytes) -> None:
    random = np.random.default_rng(15)
    detector = detector_of(kind)
    detector.restore(Habits(columns=columns, rows=rows, payload=payload))
    for number in range(3):
        field = random_field(random, 20, 15, loud=0.1, number=number)
        is_sound(feed(detector, field), field, detector)
        detector.restore(Habits(columns=columns, rows=rows, payload=payload))


@BOTH
def test_habits_that_were_kept_come_back_as_they_were(kind: str) -> None:
    random = np.random.default_rng(16)
    fields = [random_field(random, 20, 15, loud=0.2, number=number) for number in range(120)]
    detector, later = detector_of(kind), detector_of(kind)
    for field in fields:
        feed(detector, field)
    kept = detector.habits()
    if kept is None:
        assert kind == "simple"
        return
    later.restore(kept)
    feed(later, fields[0])
    again = later.habits()
    assert again is not None
    assert (again.columns, again.rows, again.payload) == (kept.columns, kept.rows, kept.payload)
    assert np.array_equal(later.learned, detector.learned)


# --- the same scene otherwise ----------------------------------------------------------------------------------------


def cat(width: int, height: int) -> Scene:
    """Somebody whom even the simple detector finds."""
    return in_size(movers()["cat"], width, height)


def uses_vectors(kind: str) -> bool:
    """Whether the detector looks at a software encoder's vectors."""
    return kind == "simple"


def outcome(kind: str, scene: Scene, fields: tuple[Field, ...]) -> Result:
    truth = scene.truth()
    detector = detector_of(kind)
    return measure(moving([feed(detector, field) for field in fields], truth), truth)


@BOTH
@pytest.mark.parametrize("what", ["picture", "field"])
def test_the_same_events_are_found_where_every_other_one_is_missing(kind: str, what: str) -> None:
    """A picture that was never taken, or a field that was lost after it was made from the picture before."""
    scene = replace(cat(*SMALL), fps=20.0)
    whole = luma_fields(scene, has_vectors=uses_vectors(kind))
    half = luma_fields(replace(scene, fps=10.0), has_vectors=uses_vectors(kind)) if what == "picture" else whole[::2]
    got = outcome(kind, scene, whole), outcome(kind, replace(scene, fps=10.0), half)
    assert [it.events for it in got] == [1, 1]
    assert [it.found for it in got] == [1, 1]
    assert [it.alarms for it in got] == [0, 0]
    assert abs(got[0].latencies_s[0] - got[1].latencies_s[0]) <= 0.5


@BOTH
def test_the_same_events_are_found_where_pictures_are_missing_at_random(kind: str) -> None:
    scene = cat(*SMALL)
    random = np.random.default_rng(14)
    some = tuple(field for field in luma_fields(scene, has_vectors=uses_vectors(kind)) if random.random() < 0.6)
    got = outcome(kind, scene, some)
    assert (got.found, got.alarms) == (1, 0)


@BOTH
def test_the_same_events_are_found_where_every_picture_comes_twice(kind: str) -> None:
    """As from a camera that fills up its rate: the second of a pair has neither vectors nor change."""
    scene = cat(*SMALL)
    doubled: list[Field] = []
    for field in luma_fields(scene, has_vectors=uses_vectors(kind)):
        nothing = bytes(field_size(field.columns, field.rows))
        doubled += [field, replace(field, payload=nothing, pts_90k=field.pts_90k + STEP // 2)]
    got = outcome(kind, scene, tuple(doubled))
    assert (got.found, got.alarms) == (1, 0), got


@BOTH
def test_the_same_events_are_found_in_pictures_of_twice_the_size(kind: str) -> None:
    got = [
        outcome(kind, cat(*size), luma_fields(cat(*size), has_vectors=uses_vectors(kind)))
        for size in (SMALL, (960, 544))
    ]
    assert [it.found for it in got] == [1, 1]
    assert [it.alarms for it in got] == [0, 0]
    assert abs(got[0].latencies_s[0] - got[1].latencies_s[0]) <= 0.5


@pytest.mark.parametrize("fps", [5.0, 15.0, 25.0])
def test_the_track_detector_finds_the_same_at_any_rate(fps: float) -> None:
    scene = replace(cat(*SMALL), fps=fps)
    got = outcome("track", scene, luma_fields(scene))
    assert (got.found, got.alarms) == (1, 0)
    assert got.latencies_s[0] <= 1.0


@pytest.mark.parametrize("fps", [5.0, 25.0])
def test_a_lamp_is_no_motion_to_the_track_detector_at_any_rate(fps: float) -> None:
    scene = replace(in_size(nuisance_alone("light"), *SMALL), fps=fps)
    detector = detector_of("track")
    assert not any(feed(detector, field).moving for field in luma_fields(scene))
