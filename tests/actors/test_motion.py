"""MotionActor with real fields and real JPEGs."""

import io
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest
from PIL import Image

from ratcam.actors.motion import MotionActor
from ratcam.actors.supervised import Address
from ratcam.messages import (
    Arm,
    CameraId,
    ChildFailed,
    Disarm,
    MotionContinues,
    MotionEnded,
    MotionField,
    MotionPeaked,
    MotionStarted,
    RunId,
    Snapshot,
    StreamEnded,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.motion.field import pack
from ratcam.motion.settings import MotionSettings
from ratcam.store.armed import TinyArmedStore
from tests.deadline import wait_until
from tests.fakes import FakeClock, Listener, jpeg

KITCHEN = CameraId("kitchen")
COLUMNS, ROWS = 20, 15
STEP = 9000
"""One picture at 10 a second."""


class Watch:
    """A motion actor and those it tells."""

    def __init__(self, folder: Path) -> None:
        self.armed = TinyArmedStore(state_dir=folder)
        self.bot, self.recorder, self.proxy = Listener("bot"), Listener("recorder"), Listener("proxy")
        self.address = Address("motion", data_limit=1000)
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.pictures = 0

    def start(self) -> None:
        MotionActor.start(
            address=self.address,
            on_death=self.deaths.put,
            camera=KITCHEN,
            settings=MotionSettings(settle_s=0.5, picture_after_s=1.0),
            hold_s=2.0,
            clock=FakeClock(),
            armed=self.armed,
            proxy=self.proxy.address,
            recorder=self.recorder.address,
            bot=self.bot.address,
        )

    def begin(self, run_id: int = 1) -> None:
        self.pictures = 0
        self.feed(
            StreamStarted(camera=KITCHEN, run_id=RunId(run_id), width=312, height=232, fps=10.0, started_unix_s=0.0)
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

    def give_still(self, asked: object, still: bytes | None = None) -> None:
        """Answer a request for a still."""
        assert isinstance(asked, TakeSnapshot)
        self.address.tell(
            Snapshot(
                camera=KITCHEN,
                run_id=RunId(1),
                request_id=asked.request_id,
                pts_90k=0,
                jpeg=jpeg(312, 232) if still is None else still,
                reason="" if still is None else "it failed",
            )
        )


@pytest.fixture(name="watch")
def make_watch(tmp_path: Path) -> Generator[Watch]:
    watch = Watch(tmp_path)
    watch.armed.set_armed(KITCHEN, armed=True)
    watch.start()
    yield watch
    watch.address.request_stop()
    for listener in (watch.bot, watch.recorder, watch.proxy):
        listener.stop()


def started(watch: Watch) -> MotionStarted:
    message = watch.bot.wait_for(MotionStarted)[-1]
    assert isinstance(message, MotionStarted)
    return message


def ended(watch: Watch) -> MotionEnded:
    message = watch.bot.wait_for(MotionEnded)[-1]
    assert isinstance(message, MotionEnded)
    return message


def test_an_event_is_told_to_the_bot_and_the_recorder_with_strength_and_place(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(2, moves=True)
    watch.see(5, moves=False)
    begun, over = started(watch), ended(watch)
    assert begun.score >= 1.0
    assert 9000 * 10 <= begun.pts_90k <= 9000 * 15
    assert 10 * 16 <= begun.box.x0 < begun.box.x1 <= 14 * 16
    assert 4 * 16 <= begun.box.y0 < begun.box.y1 <= 8 * 16
    assert over.event_id == begun.event_id
    assert over.peak_score >= begun.score
    assert 1.5 <= over.duration_s <= 4.5, "2 s of motion and what the accumulator holds of it"
    assert watch.recorder.of(MotionStarted) == [begun]
    assert watch.recorder.wait_for(MotionEnded) == [over]


def test_a_running_event_is_confirmed_to_the_recorder_every_second_of_media_time(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(6, moves=True)
    confirmed = watch.recorder.wait_for(MotionContinues, 5)
    times = [message.pts_90k for message in confirmed if isinstance(message, MotionContinues)]
    assert [later - earlier for earlier, later in pairwise(times)] == [90_000] * (len(times) - 1)


def test_motion_that_begins_again_soon_belongs_to_the_same_event(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.see(2.5, moves=False)
    watch.see(1, moves=True)
    watch.see(8, moves=False)
    ended(watch)
    assert len(watch.bot.of(MotionStarted)) == 1


def test_nothing_is_an_event_while_disarmed_and_disarming_ends_one(watch: Watch) -> None:
    watch.address.tell(Disarm(camera=KITCHEN))
    watch.begin()
    watch.see(3, moves=True)
    watch.see(5, moves=False)
    watch.feed(Arm(camera=KITCHEN))
    watch.see(3, moves=True)
    started(watch)
    assert len(watch.bot.of(MotionStarted)) == 1
    watch.address.tell(Disarm(camera=KITCHEN))
    assert ended(watch).reason == "disarmed"


def test_the_picture_is_of_the_strongest_moment_and_shows_where(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.proxy.answer = watch.give_still
    watch.see(0.5, moves=True)
    watch.proxy.wait_for(TakeSnapshot)
    watch.see(1.5, moves=True)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.event_id == started(watch).event_id
    assert peaked.score >= started(watch).score
    picture = Image.open(io.BytesIO(peaked.heat_map_jpeg)).convert("RGB")
    assert picture.size == (312, 232)
    pixels = np.asarray(picture).astype(int)
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    assert colour[80:112, 176:208].mean() > 40, "tinted where it moved"
    assert colour[180:, :100].mean() < 8, "grey elsewhere"


def test_a_still_that_comes_after_the_event_is_over_still_makes_its_picture(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.see(6, moves=False)
    over = ended(watch)
    assert watch.bot.of(MotionPeaked) == []
    watch.give_still(watch.proxy.of(TakeSnapshot)[-1])
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.event_id == over.event_id


@pytest.mark.parametrize("still", [b"", b"not a picture"])
def test_an_event_without_a_usable_still_goes_without_a_picture(
    watch: Watch, caplog: pytest.LogCaptureFixture, still: bytes
) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.proxy.answer = lambda asked: watch.give_still(asked, still)
    watch.see(0.5, moves=True)
    watch.see(8, moves=False)
    ended(watch)
    wait_until(lambda: "picture" in caplog.text, what="a line in the log")
    assert watch.bot.of(MotionPeaked) == []


def test_the_end_of_a_run_ends_the_event_and_the_next_run_settles_first(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.feed(StreamEnded(camera=KITCHEN, run_id=RunId(1), reason="killed"))
    assert ended(watch).reason == "the camera stopped"
    watch.begin(run_id=2)
    watch.see(1, moves=True, run_id=2)
    second = watch.bot.wait_for(MotionStarted, 2)[1]
    assert isinstance(second, MotionStarted)
    assert (second.run_id, second.pts_90k >= 45_000) == (2, True)


def test_an_actor_that_dies_in_an_event_is_armed_again_and_finds_it_again(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    started(watch)
    watch.address.tell("not a message")
    assert "str" in watch.deaths.get(timeout=10).reason
    watch.start()
    watch.see(2, moves=True)
    first, second = watch.bot.wait_for(MotionStarted, 2)
    assert isinstance(first, MotionStarted)
    assert isinstance(second, MotionStarted)
    assert first.event_id != second.event_id


def test_a_field_of_the_wrong_size_is_ignored_and_said_once(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.begin()
    for number in range(5):
        watch.feed(
            MotionField(
                camera=KITCHEN, run_id=RunId(1), pts_90k=number, columns=COLUMNS, rows=ROWS, payload=b"too short"
            )
        )
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    started(watch)
    assert caplog.text.count("cannot be used") == 1
