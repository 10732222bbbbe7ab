"""When the proxy starts the next run, and what it knows of an earlier incarnation: step by step, on a fake clock.

The test itself is the actor's loop: it takes what comes to the address and hands it over.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ratcam.actors.camera_proxy import (
    CAMERA_PROCESS,
    FIRST_WAIT_S,
    HEALTHY_S,
    LONGEST_WAIT_S,
    SNAPSHOT_S,
    CameraProxy,
    Outage,
)
from ratcam.actors.camera_run import RunDelivers, RunGone, RunLost
from ratcam.actors.supervised import Address
from ratcam.messages import CameraId, CameraLost, CameraRecovered, RunId, Snapshot, TakeSnapshot
from ratcam.settings import CameraSettings
from tests.cameras.clips import write_clip
from tests.deadline import wait_until
from tests.fakes import FakeClock

CAMERA = CameraId("kitchen")
PATIENT = CameraSettings(width=160, height=96, fps=20, stall_timeout_s=1e9, start_timeout_s=1e9)
MISSING = ("/does/not/exist",)


@dataclass
class Bench:
    """Incarnations of a proxy whose messages and time are handed to them by the test."""

    settings: CameraSettings = PATIENT
    command: tuple[str, ...] = CAMERA_PROCESS
    clock: FakeClock = field(default_factory=FakeClock)
    outage: Outage = field(default_factory=Outage)
    begun: int = 0
    """How many runs were begun."""

    def __post_init__(self) -> None:
        self.address, self.heard = Address("camera"), Address("bot")
        self.proxy = self.incarnation()

    def incarnation(self) -> CameraProxy:
        self.proxy = CameraProxy(
            address=self.address,
            on_death=print,
            settings=self.settings,
            camera=CAMERA,
            clock=self.clock,
            next_run_id=self._next_run,
            outage=self.outage,
            units=(),
            fields=(),
            listeners=(self.heard,),
            snapshots=(self.heard,),
            command=self.command,
        )
        return self.proxy

    def _next_run(self) -> RunId:
        self.begun += 1
        return RunId(self.begun)

    def handle(self, *kinds: type[object]) -> None:
        """Let the proxy handle its next messages, which must be of these kinds."""
        for kind in kinds:
            deadline = threading.Timer(20, self.address.tell, ("nothing came",))
            deadline.start()
            message = self.address.take()
            deadline.cancel()
            assert isinstance(message, kind), message
            self.proxy.on_receive(message)

    def told(self) -> list[object]:
        """What the bot was told since this was asked last."""
        end = object()
        self.heard.tell(end)
        return list(iter(self.heard.take, end))

    def fail(self) -> None:
        """What the base class does with an actor that raised."""
        self.proxy.on_failure(None, None, None)

    def wait_before_next_run(self) -> float:
        """Let time pass in small steps until the next run is begun; how long that took."""
        before, begin_s = self.begun, self.clock.monotonic_s()
        while self.begun == before:
            self.clock.advance(0.05)
            self.proxy.on_tick(self.clock.monotonic_s())
            assert self.clock.monotonic_s() - begin_s < 1000
        return self.clock.monotonic_s() - begin_s


@pytest.fixture(name="bench")
def make_bench() -> Iterator[Callable[..., Bench]]:
    """Makes benches; afterwards ends the runs that are left."""
    made: list[Bench] = []

    def make(settings: CameraSettings = PATIENT, command: tuple[str, ...] = CAMERA_PROCESS) -> Bench:
        made.append(Bench(settings=settings, command=command))
        return made[-1]

    yield make
    for one in made:
        one.fail()


def test_the_wait_before_a_run_doubles_up_to_a_minute(bench: Callable[..., Bench]) -> None:
    here = bench(command=MISSING)
    here.proxy.on_start()
    waits = [here.wait_before_next_run() for _ in range(13)]
    wanted = [min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**number) for number in range(13)]
    assert waits == pytest.approx(wanted, abs=0.06)
    assert waits[-1] == pytest.approx(LONGEST_WAIT_S, abs=0.06)


@pytest.mark.parametrize(("delivered_s", "wait_s"), [(HEALTHY_S, FIRST_WAIT_S), (HEALTHY_S - 1, 8 * FIRST_WAIT_S)])
def test_a_run_that_delivered_for_long_makes_the_next_wait_short_again(
    bench: Callable[..., Bench], tmp_path: Path, delivered_s: float, wait_s: float
) -> None:
    is_mended, pids = tmp_path / "mended", tmp_path / "pids"
    script = (
        "import os, sys\n"
        f"if not os.path.exists({str(is_mended)!r}): sys.exit(3)\n"
        f"open({str(pids)!r}, 'w').write(str(os.getpid()))\n"
        "from ratcam.camera_main import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    here = bench(command=(sys.executable, "-I", "-c", script))
    here.proxy.on_start()
    for number in range(3):
        here.handle(RunLost, RunGone)
        if number == 2:
            is_mended.touch()
        here.wait_before_next_run()
    here.handle(RunDelivers)
    here.clock.advance(delivered_s)
    os.kill(int(pids.read_text()), signal.SIGKILL)
    here.handle(RunLost, RunGone)
    assert here.wait_before_next_run() == pytest.approx(wait_s, abs=0.06)


def test_a_still_that_does_not_come_is_refused_in_time(bench: Callable[..., Bench]) -> None:
    here = bench(command=MISSING)
    here.proxy.on_receive(TakeSnapshot(camera=CAMERA, request_id="one"))
    here.clock.advance(1)
    here.proxy.on_receive(TakeSnapshot(camera=CAMERA, request_id="two"))
    for request_id, passes_s in (("one", SNAPSHOT_S - 1), ("two", 1.0)):
        here.clock.advance(passes_s - 0.01)
        here.proxy.on_tick(here.clock.monotonic_s())
        assert here.told() == []
        here.clock.advance(0.01)
        here.proxy.on_tick(here.clock.monotonic_s())
        (refused,) = here.told()
        assert isinstance(refused, Snapshot)
        assert (refused.request_id, refused.jpeg, refused.reason) == (request_id, b"", "The camera did not answer.")


def test_the_outage_of_a_failed_incarnation_ends_with_the_next_ones_first_picture(bench: Callable[..., Bench]) -> None:
    here = bench()
    here.proxy.on_start()
    here.handle(RunDelivers)
    here.fail()
    assert here.told() == [CameraLost(camera=CAMERA, reason="the camera's watcher failed")]
    here.clock.advance(7)
    here.incarnation().on_start()
    here.handle(RunLost, RunGone)  # of the former's run: nothing to this one
    here.handle(RunDelivers)
    assert here.told() == [CameraRecovered(camera=CAMERA, blind_s=7.0)]


def test_an_outage_outlives_the_incarnation_that_told_of_it(bench: Callable[..., Bench]) -> None:
    here = bench(command=MISSING)
    here.proxy.on_start()
    (lost,) = here.told()
    assert isinstance(lost, CameraLost)
    here.fail()
    here.command = CAMERA_PROCESS
    here.clock.advance(7)
    here.incarnation().on_start()
    here.handle(RunDelivers)
    assert here.told() == [CameraRecovered(camera=CAMERA, blind_s=7.0)], "and no second CameraLost"


def test_a_still_asked_of_a_failed_incarnation_is_refused(bench: Callable[..., Bench]) -> None:
    here = bench(command=MISSING)
    here.proxy.on_receive(TakeSnapshot(camera=CAMERA, request_id="one"))
    here.fail()
    lost, refused = here.told()
    assert isinstance(lost, CameraLost)
    assert isinstance(refused, Snapshot)
    assert (refused.request_id, refused.jpeg) == ("one", b"")


@pytest.mark.parametrize("has_heard", [True, False])
def test_a_file_that_has_ended_is_not_played_again_by_the_next_incarnation(
    bench: Callable[..., Bench], tmp_path: Path, has_heard: bool
) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=5)
    here = bench(CameraSettings(source=f"file:{clip}", loop=False, pace="fast"))
    here.proxy.on_start()
    if has_heard:
        here.handle(RunDelivers, RunLost, RunGone)
    else:
        wait_until(lambda: here.outage.is_finished)
    here.fail()
    here.incarnation().on_start()
    assert here.begun == 1
    here.proxy.on_receive(TakeSnapshot(camera=CAMERA, request_id="late"))
    (refused,) = here.told()
    assert isinstance(refused, Snapshot), "and no CameraLost: an end is no outage"
    assert refused.reason == "The camera has ended."
