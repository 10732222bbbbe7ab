"""A motion actor, those that it tells, and what it sees."""

from pathlib import Path
from queue import SimpleQueue

import numpy as np

from ratcam.actors.habit_keeper import HabitKeeper
from ratcam.actors.learned_blocks import LearnedBlocks
from ratcam.actors.motion import MakeDetector, MotionActor, RunView
from ratcam.actors.supervised import Address
from ratcam.messages import (
    CameraId,
    ChildFailed,
    ForgetLearned,
    MotionEnded,
    MotionField,
    MotionStarted,
    MotionStatus,
    RunId,
    Snapshot,
    StreamStarted,
    TakeSnapshot,
    TellMotionStatus,
)
from ratcam.motion.choose import new_detector
from ratcam.motion.field import pack
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings
from ratcam.ports import LearnedStore
from ratcam.store.armed import TinyArmedStore
from tests.fakes import FakeClock, FakeLearnedStore, Listener, jpeg

KITCHEN = CameraId("kitchen")
COLUMNS, ROWS = 20, 15
STEP = 9000
"""One picture at 10 a second."""


class Watch:
    """A motion actor and those it tells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.armed = TinyArmedStore(state_dir=folder)
        self.bot, self.recorder, self.proxy = Listener("bot"), Listener("recorder"), Listener("proxy")
        self.address = Address("motion", data_limit=1000)
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.view = RunView()
        self.clock = FakeClock()
        self.pictures = 0
        self.settings = MotionSettings(detector="simple", settle_s=0.5, picture_after_s=1.0)
        self.zones: tuple[ZoneSettings, ...] = ()
        self.learned = FakeLearnedStore()
        self.learned_store: LearnedStore = self.learned
        self.make_detector: MakeDetector = new_detector
        self.habits = Address("habits")
        self.keeper_deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.blocks: LearnedBlocks | None = None

    def start(self) -> None:
        """Begin an incarnation; the first comes with what outlives them all."""
        if self.blocks is None:
            self.blocks = LearnedBlocks(store=self.learned_store, camera=KITCHEN, keeper=self.habits)
            HabitKeeper.start(
                address=self.habits, on_death=self.keeper_deaths.put, store=self.learned_store, motion=self.address
            )
        MotionActor.start(
            address=self.address,
            on_death=self.deaths.put,
            camera=KITCHEN,
            settings=self.settings,
            zones=self.zones,
            hold_s=2.0,
            clock=self.clock,
            view=self.view,
            armed=self.armed,
            learned=self.blocks,
            proxy=self.proxy.address,
            recorder=self.recorder.address,
            bot=self.bot.address,
            make_detector=self.make_detector,
        )

    def stop(self) -> None:
        """Stop as a daemon does: what the detector leaves to the keeper is kept."""
        self.address.request_stop()
        assert self.deaths.get(timeout=10).reason == ""
        self.habits.request_stop()
        assert self.keeper_deaths.get(timeout=10).reason == ""

    def begin(self, run_id: int = 1, *, rotation: int = 0) -> None:
        self.pictures = 0
        self.feed(
            StreamStarted(
                camera=KITCHEN,
                run_id=RunId(run_id),
                width=312,
                height=232,
                fps=10.0,
                started_unix_s=0.0,
                rotation=rotation,
            )
        )

    def feed(self, message: object) -> None:
        assert self.address.feed(message, timeout_s=10)

    def see(self, seconds: float, *, moves: bool, run_id: int = 1, speed: float = 8.0) -> None:
        """So many seconds of pictures, still or with a thing of 4x4 blocks that moves."""
        x = np.zeros((ROWS, COLUMNS))
        if moves:
            x[4:8, 10:14] = speed
        payload = pack(x, np.zeros_like(x), np.zeros_like(x))
        for _ in range(round(seconds * 10)):
            self.feed(
                MotionField(
                    camera=KITCHEN,
                    run_id=RunId(run_id),
                    pts_90k=self.pictures * STEP,
                    columns=COLUMNS,
                    rows=ROWS,
                    payload=payload,
                )
            )
            self.pictures += 1

    def give_still(
        self, asked: object, still: bytes | None = None, *, run_id: int = 1, is_behind_fields: bool = False
    ) -> None:
        """Answer a request for a still; at once, or behind all pictures that were shown before."""
        assert isinstance(asked, TakeSnapshot)
        put = self.feed if is_behind_fields else self.address.tell
        put(
            Snapshot(
                camera=KITCHEN,
                run_id=RunId(run_id),
                request_id=asked.request_id,
                pts_90k=0,
                jpeg=jpeg(312, 232) if still is None else still,
                reason="" if still is None else "it failed",
            )
        )


def status(watch: Watch, question: TellMotionStatus | ForgetLearned | None = None) -> MotionStatus:
    """Ask how the detector is, once it has handled all that it was fed."""
    before = len(watch.bot.of(MotionStatus))
    watch.feed(question or TellMotionStatus(camera=KITCHEN, request_id="q"))
    message = watch.bot.wait_for(MotionStatus, before + 1)[-1]
    assert isinstance(message, MotionStatus)
    return message


def started(watch: Watch) -> MotionStarted:
    message = watch.bot.wait_for(MotionStarted)[-1]
    assert isinstance(message, MotionStarted)
    return message


def ended(watch: Watch) -> MotionEnded:
    message = watch.bot.wait_for(MotionEnded)[-1]
    assert isinstance(message, MotionEnded)
    return message


def moving_event(watch: Watch, seconds: float = 1.0) -> None:
    """An event of so long that goes on."""
    watch.begin()
    watch.see(1, moves=False)
    watch.see(seconds, moves=True)
    started(watch)
