"""MotionActor: what it says of its detector, and what it keeps of what that has learned."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ratcam.actors import learned_blocks
from ratcam.actors.learned_blocks import SAVE_EVERY_S
from ratcam.messages import (
    ForgetLearned,
    LearnedPlace,
    Margin,
    MotionField,
    MotionStarted,
    MotionStatus,
    StreamEnded,
    TellMotionStatus,
)
from ratcam.messages import RunId as Run
from ratcam.motion.choose import new_detector
from ratcam.motion.detector import Calibration, Guard, Observation
from ratcam.motion.field import pack
from ratcam.motion.kept_habits import Habits
from ratcam.motion.learned_places import places_of
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings, as_coded
from ratcam.store.learned import TinyLearnedStore
from tests.actors.watch import COLUMNS, KITCHEN, ROWS, Watch, started, status
from tests.deadline import wait_until

NOWHERE = LearnedPlace(place="", blocks=0)
FORGET = ForgetLearned(camera=KITCHEN, request_id="f")
TREE = Habits(columns=COLUMNS, rows=ROWS, payload=b"tree")
DOOR = ZoneSettings(name="door", polygon=((0.0, 0.0), (50.0, 0.0), (50.0, 30.0), (0.0, 30.0)))


@dataclass
class TunedDetector:
    """Implements `Detector`: sees what a test says, and has learned it; knows no blocks between runs."""

    zones: tuple[ZoneSettings, ...] = ()
    quiet: Calibration | None = None
    guard: Guard = Guard.NONE
    zone: str = ""
    is_moving: bool = False
    memory: Habits | None = None
    fields: int = 0
    accumulator: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((ROWS, COLUMNS), np.float32))

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """A tree in the upper right corner, where one was learned."""
        if not self.fields:
            return np.zeros((0, 0), np.bool_)
        blocks = np.zeros((ROWS, COLUMNS), np.bool_)
        blocks[0:2, 17:20] = self.memory is not None and self.memory.payload == TREE.payload
        return blocks

    def feed(self, payload: bytes, *, columns: int, rows: int, width: int, height: int, pts_90k: int) -> Observation:
        self.fields += 1
        return Observation(
            pts_90k=pts_90k,
            score=2.0 if self.is_moving else 0.0,
            moving=self.is_moving,
            area=3,
            box=(0, 0, 48, 16),
            guard=self.guard,
            zone=self.zone,
        )

    def reset(self) -> None:
        self.fields = 0

    def forget_learned(self) -> None:
        self.memory = None if self.memory is None else replace(self.memory, payload=b"nothing")

    def habits(self) -> Habits | None:
        return self.memory

    def restore(self, habits: Habits) -> None:
        self.memory = habits


@dataclass
class Bench:
    """A motion actor whose detectors a test tunes."""

    watch: Watch
    made: list[TunedDetector] = field(default_factory=list[TunedDetector])

    @property
    def detector(self) -> TunedDetector:
        return self.made[-1]

    def make(self, settings: MotionSettings, zones: tuple[ZoneSettings, ...]) -> TunedDetector:
        self.made.append(TunedDetector(zones=zones))
        return self.made[-1]

    def seen(self, pictures: int = 1) -> None:
        """Show so many pictures and wait until the detector has them."""
        before = self.detector.fields
        self.watch.see(pictures / 10, moves=False)
        wait_until(lambda: self.detector.fields == before + pictures, what="the pictures are seen")

    def stop(self) -> None:
        self.watch.stop()


@pytest.fixture(name="bench")
def make_bench(tmp_path: Path) -> Generator[Bench]:
    watch = Watch(tmp_path)
    watch.settings = replace(watch.settings, detector="track")
    watch.armed.set_armed(KITCHEN, armed=True)
    watch.zones = (DOOR,)
    bench = Bench(watch)
    watch.make_detector = bench.make
    yield bench
    for address in (watch.address, watch.habits):
        address.request_stop()
    for listener in (watch.bot, watch.recorder, watch.proxy):
        listener.stop()


def test_the_margin_is_told_once_it_is_learned(bench: Bench) -> None:
    bench.watch.start()
    assert (status(bench.watch).is_learning, status(bench.watch).quiet) == (True, None)
    bench.detector.quiet = Calibration(quiet=0.21, trigger=1.0, margin=4.8)
    told = status(bench.watch, TellMotionStatus(camera=KITCHEN, request_id="mine"))
    assert (told.request_id, told.is_learning) == ("mine", False)
    assert told.quiet == Margin(quiet_score=0.21, trigger=1.0, margin=4.8)


@pytest.mark.parametrize("other", [{"auto_calibrate": False}, {"detector": "simple"}])
def test_who_does_not_calibrate_is_not_learning(bench: Bench, other: dict[str, object]) -> None:
    bench.watch.settings = replace(bench.watch.settings, **other)  # pyright: ignore[reportArgumentType]
    bench.watch.start()
    assert (status(bench.watch).is_learning, status(bench.watch).quiet) == (False, None)


@pytest.mark.parametrize("guard", [Guard.LIGHT, Guard.CAMERA, Guard.CROWD, Guard.PRECLUDED])
def test_what_held_motion_back_a_moment_ago_is_told_for_ten_seconds(bench: Bench, guard: Guard) -> None:
    bench.watch.start()
    bench.watch.begin()
    bench.seen()
    assert status(bench.watch).guard == "none"
    bench.detector.guard = guard
    bench.seen()
    bench.detector.guard = Guard.NONE
    bench.seen(99)
    assert status(bench.watch).guard == guard.value
    bench.seen()
    assert status(bench.watch).guard == "none"


def test_settling_and_what_an_earlier_run_saw_are_no_news(bench: Bench) -> None:
    bench.watch.start()
    bench.watch.begin()
    bench.seen()
    bench.detector.guard = Guard.SETTLING
    bench.seen()
    assert status(bench.watch).guard == "none"
    bench.detector.guard = Guard.LIGHT
    bench.seen()
    bench.watch.feed(StreamEnded(camera=KITCHEN, run_id=Run(1), reason="killed"))
    wait_until(lambda: bench.detector.fields == 0, what="the run is over")
    assert status(bench.watch).guard == "none"


def test_what_was_learned_is_restored_at_the_start_and_listed_as_places_of_the_upright_picture(bench: Bench) -> None:
    bench.watch.learned.kept[KITCHEN] = TREE
    bench.watch.start()
    bench.watch.begin()
    bench.seen()
    assert status(bench.watch).learned == (LearnedPlace(place="upper right", blocks=6),)
    bench.watch.begin(run_id=2, rotation=180)
    bench.watch.see(0.1, moves=False, run_id=2)
    wait_until(lambda: len(bench.made) == 2 and bench.detector.fields == 1, what="a detector for the turned picture")
    assert status(bench.watch).learned == (LearnedPlace(place="lower left", blocks=6),)


@pytest.mark.parametrize("is_changed", [False, True])
def test_what_was_learned_is_saved_once_an_hour_and_at_the_stop_if_it_has_changed(
    bench: Bench, *, is_changed: bool
) -> None:
    watch = bench.watch
    watch.start()
    watch.begin()
    bench.seen()
    for at_s in (100.0, 100.0 + SAVE_EVERY_S - 1):
        watch.address.ping(at_s)
        bench.seen()  # pictures come after a ping
        bench.detector.memory = TREE
    assert watch.learned.kept == {}
    watch.address.ping(100.0 + SAVE_EVERY_S)
    bench.seen()
    wait_until(lambda: watch.learned.kept == {KITCHEN: TREE}, what="it is saved")
    bench.detector.memory = replace(TREE, payload=b"two trees" if is_changed else b"tree")
    bench.stop()
    assert watch.learned.kept == {KITCHEN: bench.detector.memory}
    assert watch.learned.saves == 1 + is_changed


def test_a_store_that_refuses_is_logged_and_hinders_nothing(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    bench.watch.learned.refuses = True
    bench.watch.start()
    bench.watch.begin()
    bench.detector.is_moving = True
    bench.seen()
    started(bench.watch)
    bench.detector.memory = TREE
    assert status(bench.watch, FORGET).is_kept is False
    bench.stop()
    assert "The disk refuses." in caplog.text


def test_what_was_learned_can_be_forgotten_also_on_disk(bench: Bench) -> None:
    bench.watch.learned.kept[KITCHEN] = TREE
    bench.watch.start()
    bench.watch.begin()
    bench.seen()
    assert status(bench.watch).learned
    told = status(bench.watch, FORGET)
    assert (told.request_id, told.learned, told.is_kept) == ("f", (), True)
    assert bench.watch.learned.kept[KITCHEN].payload == b"nothing"


def test_what_is_forgotten_before_the_first_picture_does_not_come_back(bench: Bench) -> None:
    bench.watch.learned.kept[KITCHEN] = TREE
    bench.watch.start()
    status(bench.watch)
    bench.detector.memory = None  # as a detector that knows no grid yet
    assert status(bench.watch, FORGET).is_kept
    assert bench.watch.learned.kept[KITCHEN].payload == b""


def test_without_pictures_nobody_knows_what_is_learned_and_that_is_not_nothing(bench: Bench) -> None:
    bench.watch.learned.kept[KITCHEN] = TREE
    bench.watch.start()
    assert status(bench.watch).learned is None
    bench.watch.begin()
    bench.seen()
    assert status(bench.watch).learned == (LearnedPlace(place="upper right", blocks=6),)
    bench.watch.feed(StreamEnded(camera=KITCHEN, run_id=Run(1), reason="killed"))
    assert status(bench.watch).learned is None


def test_the_detector_goes_on_while_the_disk_takes_its_time(bench: Bench) -> None:
    watch = bench.watch
    watch.learned.is_free.clear()
    watch.start()
    watch.begin()
    bench.seen()
    bench.detector.memory = TREE
    watch.address.tell(FORGET)
    watch.address.ping(100.0)
    bench.seen()
    watch.address.ping(100.0 + SAVE_EVERY_S)
    bench.seen()
    assert status(watch).request_id == "q", "other questions are answered"
    assert watch.learned.kept == {}
    watch.learned.is_free.set()
    told = watch.bot.wait_for(MotionStatus, 2)[-1]
    assert isinstance(told, MotionStatus)
    assert (told.request_id, told.is_kept) == ("f", True), "a reset is answered when the disk has"


def test_what_was_learned_outlives_a_failure_and_the_disk_is_not_asked_again(bench: Bench) -> None:
    bench.watch.start()
    bench.watch.begin()
    bench.seen()
    bench.detector.memory = TREE
    bench.watch.feed("not a message")
    assert bench.watch.deaths.get(timeout=10).reason
    bench.watch.start()
    wait_until(lambda: len(bench.made) == 2 and bench.detector.memory == TREE, what="it goes on with the tree")
    assert bench.watch.learned.loads == 1
    wait_until(lambda: bench.watch.learned.kept == {KITCHEN: TREE}, what="it is on disk")


def test_what_could_not_be_read_is_forgotten_all_the_same(bench: Bench) -> None:
    bench.watch.learned.kept[KITCHEN] = TREE
    bench.watch.learned.refuses = True
    bench.watch.start()
    status(bench.watch)
    bench.watch.learned.refuses = False
    assert status(bench.watch, FORGET).is_kept
    assert bench.watch.learned.kept[KITCHEN].payload == b""


def test_the_places_of_blocks_are_found_once_as_long_as_the_blocks_are_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def counted(mask: npt.NDArray[np.bool_], width: int, height: int, rotation: int) -> tuple[tuple[str, int], ...]:
        asked.append(rotation)
        return places_of(mask, width, height, rotation)

    monkeypatch.setattr(learned_blocks, "places_of", counted)
    bench.watch.make_detector = new_detector
    bench.watch.start()
    bench.watch.begin()
    bench.watch.see(0.1, moves=False)
    assert [status(bench.watch).learned for _ in range(3)] == [()] * 3
    assert len(asked) == 1


def test_zones_lie_where_they_did_after_a_restart_within_the_run_of_a_turned_camera(bench: Bench) -> None:
    bench.watch.start()
    bench.watch.begin(rotation=90)
    bench.watch.feed("not a message")
    assert bench.watch.deaths.get(timeout=10).reason
    bench.watch.start()
    bench.watch.see(0.1, moves=False)
    wait_until(lambda: bench.detector.fields == 1, what="the next picture is seen")
    assert bench.detector.zones == as_coded((DOOR,), 90)


def test_the_place_of_an_event_is_that_of_the_upright_picture(bench: Bench) -> None:
    bench.watch.start()
    bench.watch.begin(rotation=180)
    bench.watch.see(0.1, moves=False)
    wait_until(lambda: len(bench.made) == 2 and bench.detector.fields == 1, what="a detector for the turned picture")
    bench.detector.is_moving = True
    bench.seen()
    assert started(bench.watch).seen.place == "lower right"


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_zones_are_drawn_on_the_picture_as_shown(bench: Bench, rotation: int) -> None:
    bench.watch.start()
    bench.watch.begin(rotation=rotation)
    bench.watch.see(0.1, moves=False)
    wait_until(lambda: bool(bench.made) and bench.detector.fields == 1, what="the first picture is seen")
    assert bench.detector.zones == as_coded((DOOR,), rotation)
    assert len(bench.made) == (1 if rotation == 0 else 2), "the calibration of an upright camera is not thrown away"


def test_an_event_names_its_zone_and_place_to_the_bot_and_the_recorder(bench: Bench) -> None:
    bench.watch.start()
    bench.watch.begin()
    bench.seen()
    bench.detector.is_moving, bench.detector.zone = True, "door"
    bench.seen()
    seen = started(bench.watch).seen
    assert (seen.zone, seen.place, seen.area, seen.area_percent) == ("door", "upper left", 3, 1.0)
    assert bench.watch.recorder.wait_for(MotionStarted) == [started(bench.watch)]


def a_clock_ticks(watch: Watch, seconds: int, *, first_s: int) -> None:
    """Pictures, five a second, of sensor noise and of hands that move in the upper right corner."""
    noise = np.random.default_rng(first_s)
    still = np.zeros((ROWS, COLUMNS))
    for number in range(first_s * 5, (first_s + seconds) * 5):
        sad = noise.normal(400, 20, (ROWS, COLUMNS))
        if number % 3 == 0:
            sad[0:2, 17:20] += 4000
        payload = pack(still, still, sad)
        watch.feed(
            MotionField(
                camera=KITCHEN,
                run_id=Run(1),
                pts_90k=number * 18_000,
                columns=COLUMNS,
                rows=ROWS,
                payload=payload,
            )
        )


@contextmanager
def watching(folder: Path) -> Generator[Watch]:
    """A motion actor with a real detector and a real store, until it has stopped."""
    watch = Watch(folder)
    watch.learned_store = TinyLearnedStore(state_dir=folder)
    watch.settings = MotionSettings(detector="track", fade_out_hours=0.01)
    watch.start()
    watch.begin()
    a_clock_ticks(watch, 1, first_s=0)
    yield watch
    watch.stop()
    for listener in (watch.bot, watch.recorder, watch.proxy):
        listener.stop()


def test_a_clock_that_the_detector_has_learned_is_listed_kept_over_a_restart_and_forgotten(tmp_path: Path) -> None:
    with watching(tmp_path) as watch:
        a_clock_ticks(watch, 180, first_s=1)
        (clock,) = learned = status(watch).learned or (NOWHERE,)
        assert clock.place == "upper right"
    with watching(tmp_path) as watch:
        assert status(watch).learned == learned
        assert status(watch, FORGET).learned == ()
    with watching(tmp_path) as watch:
        assert status(watch).learned == ()
