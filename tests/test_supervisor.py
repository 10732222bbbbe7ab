"""The Supervisor with real actors and real threads."""

import re
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.clock import SystemClock
from ratcam.errors import ExitStatus
from ratcam.ports import Clock
from ratcam.supervisor import RestartPolicy, Supervisor
from tests.deadline import wait_until
from tests.fakes import FakeClock

QUICK = RestartPolicy(first_wait_s=0.01, longest_wait_s=0.05, most_failures=4, stop_limit_s=0.5, stop_total_s=2.0)


class Worker(Supervised):
    """Reports its life to a log that outlives it."""

    def __init__(self, *, address: Address, on_death: OnDeath, log: SimpleQueue[str]) -> None:
        super().__init__(address=address, on_death=on_death)
        self.log = log
        self.fails_at_stop = False

    def on_start(self) -> None:
        self.log.put(f"{self.address.name} starts")

    def on_receive(self, message: object) -> None:
        match message:
            case Exception():
                raise message
            case threading.Event():
                message.wait(30)
            case "fail at the stop":
                self.fails_at_stop = True
            case _:
                self.log.put(f"{self.address.name} got {message}")

    def on_stop(self) -> None:
        if self.fails_at_stop:
            raise ValueError("cannot stop")
        self.log.put(f"{self.address.name} stops")


class House:
    """A supervisor on a thread, with workers."""

    def __init__(
        self,
        *names: str,
        policy: RestartPolicy = QUICK,
        clock: Clock | None = None,
        optional: tuple[str, ...] = (),
    ) -> None:
        self.log: SimpleQueue[str] = SimpleQueue()
        self.supervisor = Supervisor(clock=clock or SystemClock(), policy=policy, tick_s=0.01)
        self.addresses = {name: Address(name) for name in names}
        self.status: list[ExitStatus] = []
        for name, address in self.addresses.items():
            self.supervisor.add(
                address,
                lambda address, on_death: Worker.start(address=address, on_death=on_death, log=self.log),
                is_optional=name in optional,
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


def test_each_failure_doubles_the_wait_up_to_the_longest(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(monotonic_s=0.0)
    policy = RestartPolicy(first_wait_s=10.0, longest_wait_s=60.0, most_failures=5, window_s=1e6, hang_timeout_s=1e6)
    with running(House("a", policy=policy, clock=clock)) as house:
        house.said(1)
        for failure in range(5):
            house.addresses["a"].tell(ValueError("bang"))
            wait_until(lambda count=failure + 1: caplog.text.count("restarting it in") == count, what="a failure")
            clock.advance(100.0)
            assert house.said(1) == ["a starts"]
    waits_s = [float(found) for found in re.findall(r"restarting it in (\d+\.\d)", caplog.text)]
    assert len(waits_s) == 5
    for wait_s, nominal_s in zip(waits_s, (10, 20, 40, 60, 60), strict=True):
        assert 0.8 * nominal_s <= wait_s <= 1.2 * nominal_s


def test_a_failure_is_forgotten_after_the_window(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock(monotonic_s=0.0)
    policy = RestartPolicy(first_wait_s=1.0, most_failures=1, window_s=60.0, hang_timeout_s=1e6)
    with running(House("a", policy=policy, clock=clock)) as house:
        house.said(1)
        for number in range(4):
            house.addresses["a"].tell(ValueError("bang"))
            house.addresses["a"].tell(number)
            wait_until(lambda count=number + 1: caplog.text.count("restarting it in") == count, what="a failure")
            clock.advance(2.0)
            assert house.said(2) == ["a starts", f"a got {number}"]
            clock.advance(61.0)
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK


def test_all_children_together_stop_within_the_total_limit() -> None:
    policy = RestartPolicy(stop_limit_s=0.4, stop_total_s=0.6)
    release = threading.Event()
    names = [f"child {number}" for number in range(12)]
    with running(House(*names, policy=policy)) as house:
        house.said(12)
        for address in house.addresses.values():
            address.tell(release)
        wait_until(lambda: all(address.busy_s(time.monotonic()) > 0 for address in house.addresses.values()))
        began_s = time.monotonic()
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.FAILED
        assert time.monotonic() - began_s < 12 * policy.stop_limit_s / 2
    release.set()


def test_a_child_that_fails_while_stopping_is_said_and_ends_with_a_non_zero_status(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running(House("a", "b")) as house:
        house.said(2)
        house.addresses["b"].tell("fail at the stop")
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.FAILED
        assert house.said(1) == ["a stops"], "the others still stopped"
    assert "b failed while stopping" in caplog.text
    assert "cannot stop" in caplog.text


def test_a_child_that_waits_for_its_restart_at_a_stop_still_handles_its_mailbox(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = RestartPolicy(first_wait_s=1000.0, longest_wait_s=1000.0)
    with running(House("a", "b", policy=policy)) as house:
        house.said(2)
        house.addresses["a"].tell(ValueError("bang"))
        wait_until(lambda: "a failed" in caplog.text, what="the failure")
        house.addresses["a"].tell("the end of a clip")
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
        said = house.said(4)
        assert sorted(said) == ["a got the end of a clip", "a starts", "a stops", "b stops"]
        assert said.index("a starts") < said.index("a got the end of a clip") < said.index("a stops")


def test_a_child_that_cannot_be_started_is_tried_again_like_one_that_failed(caplog: pytest.LogCaptureFixture) -> None:
    house = House("a")
    tries: list[str] = []
    address = Address("b")

    def start(address: Address, on_death: OnDeath) -> None:
        tries.append("b")
        if len(tries) < 3:
            raise RuntimeError("can't start new thread")
        Worker.start(address=address, on_death=on_death, log=house.log)

    house.supervisor.add(address, start)
    with running(house):
        assert house.said(2) == ["a starts", "b starts"]
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
        assert house.said(2) == ["b stops", "a stops"]
    assert caplog.text.count("can't start new thread")
    assert len(tries) == 3


def test_a_child_that_can_never_be_started_ends_everything_in_order() -> None:
    house = House("a")

    def start(address: Address, on_death: OnDeath) -> None:
        raise RuntimeError("can't start new thread")

    house.supervisor.add(Address("b"), start)
    with running(house):
        assert house.end() is ExitStatus.FAILED
        assert house.said(2) == ["a starts", "a stops"]


def test_children_are_stopped_also_when_the_watch_itself_is_interrupted() -> None:
    house = House("a")

    def start(address: Address, on_death: OnDeath) -> None:
        raise KeyboardInterrupt

    house.supervisor.add(Address("b"), start)
    with pytest.raises(KeyboardInterrupt):
        house.supervisor.run()
    assert house.said(2) == ["a starts", "a stops"]


# --- children that others can do without ----------------------------------------------------------------------------


def test_an_optional_child_that_hangs_is_left_behind_and_its_address_closed(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    policy = RestartPolicy(hang_timeout_s=0.1, stop_limit_s=0.5, stop_total_s=1.0)
    release = threading.Event()
    with running(House("a", "spare", policy=policy, optional=("spare",))) as house:
        house.said(2)
        house.addresses["spare"].tell(release)
        wait_until(lambda: "going on without spare" in caplog.text, what="the hang is noticed")
        wait_until(lambda: not house.addresses["spare"].feed("more", 0.0), what="closed: nothing piles up")
        house.addresses["a"].tell("hello")
        assert house.said(1) == ["a got hello"]
        release.set()
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
    assert caplog.text.count("spare hangs") == 1
    assert "Thread" in capfd.readouterr().err, "the stacks of all threads were printed"


def test_an_optional_child_that_fails_too_often_is_given_up_and_the_others_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running(House("a", "spare", optional=("spare",))) as house:
        house.said(2)
        for _ in range(QUICK.most_failures + 1):
            house.addresses["spare"].tell(ValueError("bang"))
        wait_until(lambda: "spare failed 5 times" in caplog.text, what="it is given up")
        wait_until(lambda: not house.addresses["spare"].feed("more", 0.0), what="its address is closed")
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
        assert house.said(QUICK.most_failures + 1) == [*["spare starts"] * QUICK.most_failures, "a stops"]


def test_optional_children_stop_last_wherever_they_were_added_and_handle_what_the_others_left_them() -> None:
    with running(House("a", "spare", "b", optional=("spare",))) as house:
        house.said(3)
        house.addresses["spare"].tell("a last word")
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
        assert house.said(4) == ["spare got a last word", "b stops", "a stops", "spare stops"]


def test_an_optional_child_that_does_not_stop_takes_no_time_from_the_others_and_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = RestartPolicy(stop_limit_s=20.0, stop_total_s=20.0, optional_stop_s=0.1)
    release = threading.Event()
    with running(House("a", "spare", "other", policy=policy, optional=("spare", "other"))) as house:
        house.said(3)
        for name in ("spare", "other"):
            house.addresses[name].tell(release)
            wait_until(lambda name=name: house.addresses[name].busy_s(time.monotonic()) > 0)
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
        assert house.said(1) == ["a stops"]
    assert "spare did not stop in time" in caplog.text
    release.set()


def test_an_optional_child_that_fails_while_stopping_is_said_and_is_no_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running(House("a", "spare", optional=("spare",))) as house:
        house.said(2)
        house.addresses["spare"].tell("fail at the stop")
        house.supervisor.request_stop("enough")
        assert house.end() is ExitStatus.OK
    assert "spare failed while stopping" in caplog.text
