"""The Supervisor with real actors and real threads."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.clock import SystemClock
from ratcam.errors import ExitStatus
from ratcam.supervisor import RestartPolicy, Supervisor
from tests.deadline import wait_until

QUICK = RestartPolicy(first_wait_s=0.01, longest_wait_s=0.05, most_failures=4, stop_limit_s=0.5, stop_total_s=2.0)


class Worker(Supervised):
    """Reports its life to a log that outlives it."""

    def __init__(self, *, address: Address, on_death: OnDeath, log: SimpleQueue[str]) -> None:
        super().__init__(address=address, on_death=on_death)
        self.log = log

    def on_start(self) -> None:
        self.log.put(f"{self.address.name} starts")

    def on_receive(self, message: object) -> None:
        match message:
            case Exception():
                raise message
            case threading.Event():
                message.wait(30)
            case _:
                self.log.put(f"{self.address.name} got {message}")

    def on_stop(self) -> None:
        self.log.put(f"{self.address.name} stops")


class House:
    """A supervisor on a thread, with workers."""

    def __init__(self, *names: str, policy: RestartPolicy = QUICK) -> None:
        self.log: SimpleQueue[str] = SimpleQueue()
        self.supervisor = Supervisor(clock=SystemClock(), policy=policy, tick_s=0.01)
        self.addresses = {name: Address(name) for name in names}
        self.status: list[ExitStatus] = []
        for address in self.addresses.values():
            self.supervisor.add(
                address, lambda address, on_death: Worker.start(address=address, on_death=on_death, log=self.log)
            )
        self.thread = threading.Thread(target=lambda: self.status.append(self.supervisor.run()))

    def said(self, count: int) -> list[str]:
        return [self.log.get(timeout=10) for _ in range(count)]

    def end(self) -> ExitStatus:
        self.thread.join(15)
        assert not self.thread.is_alive()
        return self.status[0]


@contextmanager
def running(house: House) -> Generator[House]:
    house.thread.start()
    try:
        yield house
    finally:
        house.supervisor.request_stop("the test is over")
        house.thread.join(15)


def test_children_start_in_order_and_stop_in_reverse() -> None:
    with running(House("a", "b", "c")) as house:
        assert sorted(house.said(3)) == ["a starts", "b starts", "c starts"]
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
        assert house.said(3) == ["c stops", "b stops", "a stops"]


def test_a_child_that_fails_is_restarted_and_its_sibling_is_not() -> None:
    with running(House("a", "b")) as house:
        house.said(2)
        house.addresses["a"].tell(ValueError("bang"))
        house.addresses["a"].tell("hello")
        assert house.said(2) == ["a starts", "a got hello"]
        house.addresses["b"].tell("hello")
        assert house.said(1) == ["b got hello"]
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK


def test_a_child_that_fails_too_often_ends_everything_with_a_non_zero_status(caplog: pytest.LogCaptureFixture) -> None:
    with running(House("a", "b")) as house:
        for _ in range(QUICK.most_failures + 1):
            house.addresses["b"].tell(ValueError("bang"))
        assert house.end() is ExitStatus.FAILED
    assert "b failed 5 times" in caplog.text
    said: list[str] = []
    while not house.log.empty():
        said.append(house.log.get())
    assert said.count("b starts") == QUICK.most_failures + 1
    assert said[-1] == "a stops"


def test_a_hung_child_ends_everything_with_a_non_zero_status(capfd: pytest.CaptureFixture[str]) -> None:
    policy = RestartPolicy(hang_timeout_s=0.1, stop_limit_s=0.2, stop_total_s=1.0)
    release = threading.Event()
    with running(House("a", policy=policy)) as house:
        house.addresses["a"].tell(release)
        assert house.end() is ExitStatus.FAILED
    release.set()
    assert "Thread" in capfd.readouterr().err, "the stacks of all threads were printed"


def test_a_child_that_does_not_stop_in_time_is_left_behind() -> None:
    release = threading.Event()
    with running(House("a", "b")) as house:
        house.said(2)
        house.addresses["b"].tell(release)
        wait_until(lambda: house.addresses["b"].busy_s(time.monotonic()) > 0)
        house.supervisor.request_stop("enough")
        began_s = time.monotonic()
        assert house.end() is ExitStatus.FAILED
        assert time.monotonic() - began_s < 5
        assert house.said(1) == ["a stops"], "the others still stopped in order"
    release.set()


def test_stop_requests_are_idempotent_and_a_stop_before_the_run_ends_it_at_once() -> None:
    house = House("a")
    house.supervisor.request_stop("early")
    house.supervisor.request_stop("again")
    with running(house):
        assert house.end() is ExitStatus.OK


def test_a_thousand_failures_over_time_never_give_two_living_incarnations() -> None:
    policy = RestartPolicy(first_wait_s=0.0, longest_wait_s=0.0, most_failures=10_000)
    with running(House("a", "b", policy=policy)) as house:
        for _ in range(300):
            for address in house.addresses.values():
                address.tell(ValueError("bang"))
        for address in house.addresses.values():
            address.tell("alive")
        said: list[str] = []
        while {"a got alive", "b got alive"} - set(said):
            said.append(house.log.get(timeout=20))
        assert said.count("a starts") == 301
        assert sum(thread.name.startswith("Worker") for thread in threading.enumerate()) == 2
