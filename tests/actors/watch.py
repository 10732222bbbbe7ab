"""A motion actor, those that it tells, and what it sees."""

from pathlib import Path
from queue import SimpleQueue

import numpy as np

from ratcam.actors.motion import MotionActor, RunView
from ratcam.actors.supervised import Address
from ratcam.messages import (
    CameraId,
    ChildFailed,
    MotionEnded,
    MotionField,
    MotionStarted,
    RunId,
    Snapshot,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.motion.field import pack
from ratcam.motion.settings import MotionSettings
from ratcam.store.armed import TinyArmedStore
from tests.fakes import FakeClock, Listener, jpeg

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
        self.pictures = 0

    def start(self) -> None:
        MotionActor.start(
            address=self.address,
            on_death=self.deaths.put,
            camera=KITCHEN,
            settings=MotionSettings(settle_s=0.5, picture_after_s=1.0),
            hold_s=2.0,
            clock=FakeClock(),
            view=self.view,
            armed=self.armed,
            proxy=self.proxy.address,
            recorder=self.recorder.address,
            bot=self.bot.address,
        )

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

    def give_still(self, asked: object, still: bytes | None = None, *, run_id: int = 1) -> None:
        """Answer a request for a still."""
        assert isinstance(asked, TakeSnapshot)
        self.address.tell(
            Snapshot(
                camera=KITCHEN,
                run_id=RunId(run_id),
                request_id=asked.request_id,
                pts_90k=0,
                jpeg=jpeg(312, 232) if still is None else still,
                reason="" if still is None else "it failed",
            )
        )


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
