"""The contract between Ratcam's actors and Pykka: what an upgrade of Pykka must keep."""

import threading
import time
from queue import SimpleQueue

import pykka
import pytest

from ratcam.actors.supervised import CONTROL_LIMIT, Address, OnDeath, Supervised
from ratcam.messages import ChildFailed
from tests.deadline import wait_until


class Diary(Supervised):
    """Writes down what it gets; breaks when told to."""

    def __init__(self, *, address: Address, on_death: OnDeath, lines: list[object], break_at: str = "") -> None:
        super().__init__(address=address, on_death=on_death)
        self.lines = lines
        self.break_at = break_at

    def on_start(self) -> None:
        if self.break_at == "start":
            raise ValueError("cannot start")
        if self.break_at == "exit at start":
            raise SystemExit(3)

    def on_receive(self, message: object) -> None:
        match message:
            case Exception():
                raise message
            case "exit":
                raise SystemExit(3)
            case threading.Event():
                assert message.wait(10)
            case _:
                self.lines.append(message)

    def on_tick(self, now_s: float) -> None:
        self.lines.append(("tick", now_s))

    def on_stop(self) -> None:
        if self.break_at == "stop":
            raise ValueError("cannot stop")
        self.lines.append("stopped")

    def on_failure(self, exception_type: object, exception_value: object, traceback: object) -> None:
        self.lines.append("failed")


class Stage:
    """One address, its deaths and its lines."""

    def __init__(self, **limits: int) -> None:
        self.address = Address("diary", **limits)
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.lines: list[object] = []

    def start(self, break_at: str = "") -> None:
        Diary.start(address=self.address, on_death=self.deaths.put, lines=self.lines, break_at=break_at)

    def death(self) -> ChildFailed:
        return self.deaths.get(timeout=10)


@pytest.fixture(name="stage")
def make_stage() -> Stage:
    return Stage()


def test_messages_arrive_in_order_and_a_stop_comes_after_them(stage: Stage) -> None:
    for number in range(50):
        stage.address.tell(number)
    stage.address.request_stop()
    stage.start()
    assert stage.death().reason == ""
    assert stage.lines == [*range(50), "stopped"]


def test_control_messages_overtake_data_but_a_stop_overtakes_neither(stage: Stage) -> None:
    assert stage.address.feed("data", timeout_s=0)
    stage.address.tell("control")
    stage.address.request_stop()
    stage.start()
    stage.death()
    assert stage.lines == ["control", "data", "stopped"]


def test_an_exception_ends_the_actor_and_the_next_incarnation_goes_on_with_the_next_message(stage: Stage) -> None:
    for message in ("one", ValueError("bang"), "two"):
        stage.address.tell(message)
    stage.start()
    death = stage.death()
    assert (death.name, "bang" in death.reason) == ("diary", True)
    assert stage.lines == ["one", "failed"]
    stage.start()
    stage.address.request_stop()
    assert stage.death().reason == ""
    assert stage.lines == ["one", "failed", "two", "stopped"]


def test_what_is_told_while_no_incarnation_lives_is_kept(stage: Stage) -> None:
    stage.address.tell(ValueError("bang"))
    stage.start()
    stage.death()
    stage.address.tell("meanwhile")
    stage.start()
    stage.address.request_stop()
    stage.death()
    assert "meanwhile" in stage.lines


def test_system_exit_in_a_message_ends_this_actor_only(stage: Stage) -> None:
    other = Stage()
    other.start()
    stage.start()
    stage.address.tell("exit")
    assert "SystemExit" in stage.death().reason
    other.address.tell("still here")
    other.address.request_stop()
    other.death()
    assert other.lines == ["still here", "stopped"]


@pytest.mark.parametrize("break_at", ["start", "exit at start"])
def test_a_failing_start_is_reported_and_leaves_nobody_registered(stage: Stage, break_at: str) -> None:
    stage.start(break_at)
    assert stage.death().reason
    assert stage.lines == ["failed"]
    assert not [ref for ref in pykka.ActorRegistry.get_all() if ref.actor_class is Diary]


def test_a_failing_stop_is_reported(stage: Stage) -> None:
    stage.start("stop")
    stage.address.request_stop()
    assert "cannot stop" in stage.death().reason


def test_death_is_reported_when_the_actor_does_no_more(stage: Stage) -> None:
    stage.start()
    stage.address.tell(ValueError("bang"))
    stage.death()
    assert stage.lines == ["failed"], "on_failure ran before the report"


def test_feed_waits_for_room_and_says_when_there_is_none() -> None:
    stage = Stage(data_limit=2)
    assert stage.address.feed("a", timeout_s=0)
    assert stage.address.feed("b", timeout_s=0)
    began_s = time.monotonic()
    assert not stage.address.feed("c", timeout_s=0.05)
    assert time.monotonic() - began_s >= 0.05
    stage.start()
    assert stage.address.feed("d", timeout_s=5), "room is made as the actor reads"
    stage.address.request_stop()
    stage.death()
    assert stage.lines == ["a", "b", "d", "stopped"]


def test_a_closed_address_takes_nothing_and_wakes_those_who_wait_for_room() -> None:
    stage = Stage(data_limit=1)
    stage.address.feed("a", timeout_s=0)
    results: SimpleQueue[bool] = SimpleQueue()
    feeder = threading.Thread(target=lambda: results.put(stage.address.feed("b", timeout_s=30)))
    feeder.start()
    stage.address.close()
    assert results.get(timeout=5) is False
    feeder.join(5)
    stage.address.tell("ignored")
    stage.start()
    stage.death()
    assert stage.lines == ["stopped"]


def test_control_messages_nobody_reads_are_bounded(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage()
    for number in range(CONTROL_LIMIT + 5):
        stage.address.tell(number)
    stage.address.request_stop()
    stage.start()
    stage.death()
    assert len(stage.lines) == CONTROL_LIMIT + 1
    assert "diary does not read its messages" in caplog.text


def test_pings_never_pile_up(stage: Stage) -> None:
    for now_s in range(1000):
        stage.address.ping(float(now_s))
    stage.address.request_stop()
    stage.start()
    stage.death()
    assert stage.lines == [("tick", 999.0), "stopped"]


def test_an_actor_is_busy_while_it_handles_a_message(stage: Stage) -> None:
    stage.start()
    release = threading.Event()
    stage.address.tell(release)
    wait_until(lambda: stage.address.busy_s(time.monotonic()) > 0.02, what="busy")
    release.set()
    stage.address.request_stop()
    stage.death()
    assert stage.address.busy_s(time.monotonic()) == 0.0


def test_a_message_of_a_kind_the_actor_does_not_take_is_a_bug() -> None:
    address = Address("plain")
    deaths: SimpleQueue[ChildFailed] = SimpleQueue()
    Supervised.start(address=address, on_death=deaths.put)
    address.tell("what is this")
    assert "does not take str" in deaths.get(timeout=10).reason


def test_feed_takes_what_fits_the_bytes_of_the_lane_and_no_more() -> None:
    stage = Stage(data_limit=1000, data_bytes=100)
    assert [stage.address.feed(size, timeout_s=0, size=size) for size in (60, 41, 40, 1, 0)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    stage.start()
    assert stage.address.feed(100, timeout_s=5, size=100), "room is made as the actor reads"
    stage.address.request_stop()
    stage.death()
    assert stage.lines == [60, 40, 0, 100, "stopped"]


def test_a_message_larger_than_the_lane_is_taken_when_nothing_waits_and_then_nothing_else_is() -> None:
    stage = Stage(data_bytes=100)
    assert stage.address.feed("large", timeout_s=0, size=1000)
    assert not stage.address.feed("small", timeout_s=0, size=1)
    stage.start()
    assert stage.address.feed("second", timeout_s=5, size=1000)
    stage.address.request_stop()
    stage.death()
    assert stage.lines == ["large", "second", "stopped"]


def test_what_was_taken_from_the_lane_gives_its_bytes_back() -> None:
    address = Address("diary", data_bytes=100)
    for number in range(100):
        assert address.feed(number, timeout_s=0, size=50)
        assert not address.feed("too much", timeout_s=0, size=100)
        assert number == 0 or address.take() == number - 1
