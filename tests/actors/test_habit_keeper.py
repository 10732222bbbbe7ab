"""HabitKeeper: what becomes of habits on their way to the disk."""

from collections.abc import Generator
from queue import SimpleQueue

import pytest

from ratcam.actors.habit_keeper import HabitKeeper
from ratcam.actors.supervised import Address
from ratcam.messages import CameraId, ChildFailed, HabitsSaved, SaveHabits
from ratcam.motion.kept_habits import Habits
from tests.fakes import FakeLearnedStore, Listener

KITCHEN = CameraId("kitchen")
TREE = Habits(columns=3, rows=2, payload=b"tree")


class Desk:
    """A keeper, its store, and the actor that it answers."""

    def __init__(self) -> None:
        self.store, self.motion, self.address = FakeLearnedStore(), Listener("motion"), Address("habits")
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        HabitKeeper.start(address=self.address, on_death=self.deaths.put, store=self.store, motion=self.motion.address)

    def save(self, habits: Habits, request_id: str = "") -> None:
        self.address.tell(SaveHabits(camera=KITCHEN, request_id=request_id, habits=habits))

    def stop(self) -> None:
        self.address.request_stop()
        assert self.deaths.get(timeout=10).reason == ""


@pytest.fixture(name="desk")
def make_desk() -> Generator[Desk]:
    desk = Desk()
    yield desk
    desk.address.request_stop()
    desk.motion.stop()


def test_habits_are_saved_in_order_and_who_asks_is_answered(desk: Desk) -> None:
    desk.save(TREE)
    desk.save(Habits(columns=3, rows=2, payload=b"nothing"), "f")
    assert desk.motion.wait_for(HabitsSaved) == [HabitsSaved(camera=KITCHEN, request_id="f", is_kept=True)]
    assert desk.store.kept[KITCHEN].payload == b"nothing"


def test_a_disk_that_refuses_is_logged_and_told_and_the_next_is_saved(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.store.refuses = True
    desk.save(TREE, "f")
    assert desk.motion.wait_for(HabitsSaved) == [HabitsSaved(camera=KITCHEN, request_id="f", is_kept=False)]
    assert "The disk refuses." in caplog.text
    desk.store.refuses = False
    desk.save(TREE, "g")
    assert desk.motion.wait_for(HabitsSaved, 2)[1] == HabitsSaved(camera=KITCHEN, request_id="g", is_kept=True)


def test_what_waits_at_the_stop_is_saved(desk: Desk) -> None:
    desk.store.is_free.clear()
    desk.save(TREE)
    desk.address.request_stop()
    desk.store.is_free.set()
    assert desk.deaths.get(timeout=10).reason == ""
    assert desk.store.kept == {KITCHEN: TREE}
