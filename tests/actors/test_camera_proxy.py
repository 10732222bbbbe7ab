"""The camera proxy with real camera processes: whatever happens to them, the stream goes on."""

import io
import itertools
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import pytest
from PIL import Image

from ratcam.actors.camera_proxy import CameraProxy, Outage
from ratcam.actors.supervised import Address
from ratcam.clock import SystemClock
from ratcam.messages import (
    AccessUnit,
    CameraId,
    CameraLost,
    CameraRecovered,
    ChildFailed,
    MotionField,
    RunId,
    Snapshot,
    StreamEnded,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.settings import CameraSettings
from tests.cameras.clips import write_clip
from tests.deadline import wait_until
from tests.fakes import Listener

CAMERA = CameraId("kitchen")
SMALL = CameraSettings(width=160, height=96, fps=20, stall_timeout_s=1.0, start_timeout_s=10.0)
WITH_PIDS = """
import os, sys
with open({path!r}, "a") as pids:
    pids.write(f"{{os.getpid()}}\\n")
{body}
"""
REAL = "from ratcam.camera_main import main\nsys.exit(main(sys.argv[1:]))"


@dataclass
class Stage:
    """A proxy with everybody around it, ticking as under a supervisor."""

    settings: CameraSettings
    pid_file: Path
    body: str = REAL
    address: Address = field(default_factory=lambda: Address("camera"))
    deaths: SimpleQueue[ChildFailed] = field(default_factory=SimpleQueue[ChildFailed])
    outage: Outage = field(default_factory=Outage)

    def __post_init__(self) -> None:
        self.units = Listener("units")
        self.fields = Listener("fields")
        self.bot = Listener("bot")
        self.runs = itertools.count(1)

    def start_proxy(self) -> None:
        script = WITH_PIDS.format(path=str(self.pid_file), body=self.body)
        CameraProxy.start(
            address=self.address,
            on_death=self.deaths.put,
            settings=self.settings,
            camera=CAMERA,
            clock=SystemClock(),
            next_run_id=lambda: RunId(next(self.runs)),
            outage=self.outage,
            units=(self.units.address,),
            fields=(self.fields.address,),
            listeners=(self.bot.address,),
            snapshots=(self.bot.address,),
            command=(sys.executable, "-I", "-c", script),
        )

    def pids(self) -> list[int]:
        return [int(line) for line in self.pid_file.read_text().split()] if self.pid_file.exists() else []

    def newest_pid(self, count: int) -> int:
        wait_until(lambda: len(self.pids()) >= count, what=f"{count} camera processes")
        return self.pids()[count - 1]

    def stop_proxy(self) -> ChildFailed:
        self.address.request_stop()
        return self.deaths.get(timeout=10)

    def wait_for_unit_of_run(self, run: int) -> None:
        wait_until(
            lambda: any(isinstance(m, AccessUnit) and m.run_id == run for m in tuple(self.units.heard)),
            what=f"an access unit of run {run}",
            timeout_s=20,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """Starts a stage; afterwards stops what it began and checks that no camera process is left."""
    stages: list[Stage] = []

    def make(settings: CameraSettings = SMALL, body: str = REAL) -> Stage:
        made = Stage(settings=settings, pid_file=tmp_path / "pids", body=body)
        stages.append(made)
        made.start_proxy()
        return made

    with _ticking(stages):
        yield make
    for made in stages:
        made.address.request_stop()
        made.deaths.get(timeout=10)
        for listener in (made.units, made.fields, made.bot):
            listener.stop()
    wait_until(lambda: not any(_is_alive(pid) for made in stages for pid in made.pids()), what="no process left")


@contextmanager
def _ticking(stages: list[Stage]) -> Generator[None]:
    done = threading.Event()
    clock = SystemClock()

    def tick() -> None:
        while not done.wait(0.02):
            for made in tuple(stages):
                made.address.ping(clock.monotonic_s())

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _order(messages: list[object]) -> list[tuple[int, str]]:
    """(run, kind) of a lane, repeats of a kind once."""
    stream = (StreamStarted, AccessUnit, MotionField, StreamEnded)
    kinds = [(int(m.run_id), type(m).__name__) for m in messages if isinstance(m, stream)]
    return [kind for kind, _ in itertools.groupby(kinds)]


def test_pictures_and_fields_come_in_order_after_the_start(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.units.wait_for(AccessUnit, 25)
    here.fields.wait_for(MotionField, 25)
    assert _order(here.units.heard) == [(1, "StreamStarted"), (1, "AccessUnit")]
    assert _order(here.fields.heard) == [(1, "StreamStarted"), (1, "MotionField")]
    units = [m for m in here.units.heard if isinstance(m, AccessUnit)][:25]
    assert [unit.pts_90k for unit in units] == [4500 * number for number in range(25)]
    assert [number for number, unit in enumerate(units) if unit.is_key] == [0, 20]
    started = here.units.heard[0]
    assert isinstance(started, StreamStarted)
    assert (started.width, started.height, started.fps) == (160, 96, 20.0)
    assert abs(started.started_unix_s - SystemClock().unix_s()) < 30
    assert here.bot.heard == []


def test_a_killed_camera_process_is_replaced_every_time(stage: Callable[..., Stage]) -> None:
    here = stage()
    for run in range(1, 6):
        here.wait_for_unit_of_run(run)
        os.kill(here.newest_pid(run), signal.SIGKILL)
        wait_until(lambda run=run: len(here.bot.of(CameraLost)) >= run, what="CameraLost")
    here.wait_for_unit_of_run(6)
    kinds = ["StreamStarted", "AccessUnit", "StreamEnded"]
    assert _order(here.units.heard)[:15] == [(run, kind) for run in range(1, 6) for kind in kinds]
    assert _order(here.fields.heard)[:3] == [(1, "StreamStarted"), (1, "MotionField"), (1, "StreamEnded")]
    assert [type(m).__name__ for m in here.bot.heard] == ["CameraLost", "CameraRecovered"] * 5
    lost, recovered = here.bot.heard[:2]
    assert isinstance(lost, CameraLost)
    assert "signal 9" in lost.reason
    assert isinstance(recovered, CameraRecovered)
    assert 0.1 < recovered.blind_s < 10


def test_a_camera_process_that_hangs_is_killed_and_replaced(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.wait_for_unit_of_run(1)
    pid = here.newest_pid(1)
    os.kill(pid, signal.SIGSTOP)
    here.wait_for_unit_of_run(2)
    assert not _is_alive(pid)
    (lost,) = here.bot.of(CameraLost)
    assert isinstance(lost, CameraLost)
    assert lost.reason == "no picture for 1 s"
    (recovered,) = here.bot.wait_for(CameraRecovered)
    assert isinstance(recovered, CameraRecovered)
    assert 1.0 < recovered.blind_s < 10


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            "import socket; s = socket.socket(fileno=int(sys.argv[2])); s.sendall(bytes(range(256))); input()",
            "not a message",
        ),
        (
            "import socket; from ratcam.wire import *\n"
            "s = socket.socket(fileno=int(sys.argv[2])); f = Frame(kind=Kind.STOP, run_id=1)\n"
            "s.sendall(pack_header(f, 0)); s.recv(1 << 16); s.recv(1)",
            "does not send STOP",
        ),
        (
            "import socket; from ratcam.wire import *\n"
            "s = socket.socket(fileno=int(sys.argv[2])); f = Frame(kind=Kind.ACCESS_UNIT, run_id=1, b=b'x')\n"
            "s.sendall(pack_header(f, 0) + b'x'); s.recv(1 << 16); s.recv(1)",
            "before it began",
        ),
        ("sys.exit(3)", "status 3"),
        (
            "import socket; socket.socket(fileno=int(sys.argv[2])).close(); import time; time.sleep(60)",
            "closed its channel",
        ),
    ],
)
def test_a_camera_process_that_misbehaves_is_replaced_and_reported_once(
    stage: Callable[..., Stage], body: str, reason: str
) -> None:
    here = stage(body=body)
    here.newest_pid(3)
    (lost,) = here.bot.wait_for(CameraLost)
    assert isinstance(lost, CameraLost)
    assert reason in lost.reason
    assert here.units.heard == []
    wait_until(lambda: not any(_is_alive(pid) for pid in here.pids()[:2]), what="the first two processes to be gone")


def test_a_camera_process_that_never_delivers_is_replaced(stage: Callable[..., Stage]) -> None:
    settings = CameraSettings(stall_timeout_s=1.0, start_timeout_s=2.0)
    here = stage(settings, body="import time; time.sleep(60)")
    here.newest_pid(2)
    (lost,) = here.bot.wait_for(CameraLost)
    assert isinstance(lost, CameraLost)
    assert lost.reason == "no picture for 2 s"


def test_a_missing_file_is_reported_in_words(stage: Callable[..., Stage], tmp_path: Path) -> None:
    here = stage(CameraSettings(source=f"file:{tmp_path / 'nowhere.mp4'}"))
    (lost,) = here.bot.wait_for(CameraLost)
    assert isinstance(lost, CameraLost)
    assert "There is no file" in lost.reason
    assert "nowhere.mp4" in lost.reason
    assert here.units.heard == []


def test_an_unknown_source_is_reported_with_those_that_exist(stage: Callable[..., Stage]) -> None:
    here = stage(CameraSettings(source="webcam"))
    (lost,) = here.bot.wait_for(CameraLost)
    assert isinstance(lost, CameraLost)
    assert "webcam" in lost.reason
    assert "demo; file:PATH" in lost.reason


@pytest.mark.parametrize("pace", ["fast", "realtime"])
def test_the_end_of_a_file_is_the_end_and_no_outage(stage: Callable[..., Stage], tmp_path: Path, pace: str) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=20, fps=40)
    here = stage(CameraSettings(source=f"file:{clip}", loop=False, pace=pace))
    (ended,) = here.units.wait_for(StreamEnded)
    assert isinstance(ended, StreamEnded)
    assert ended.is_final
    assert len(here.units.of(AccessUnit)) == 20
    here.fields.wait_for(StreamEnded)
    assert len(here.fields.of(MotionField)) == 20
    here.address.tell(TakeSnapshot(camera=CAMERA, request_id="late"))
    (snapshot,) = here.bot.wait_for(Snapshot)
    assert isinstance(snapshot, Snapshot)
    assert snapshot.jpeg == b""
    assert here.bot.of(CameraLost) == []
    assert len(here.pids()) == 1


def test_at_full_speed_not_a_picture_is_lost_to_a_slow_receiver(tmp_path: Path, stage: Callable[..., Stage]) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=300)
    here = stage(CameraSettings(source=f"file:{clip}", loop=False, pace="fast"))
    here.units.wait_for(StreamEnded)
    assert [m.pts_90k for m in here.units.heard if isinstance(m, AccessUnit)] == [9000 * n for n in range(300)]


def test_a_snapshot_is_a_jpeg_and_answers_its_request(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.wait_for_unit_of_run(1)
    for request in ("one", "two"):
        here.address.tell(TakeSnapshot(camera=CAMERA, request_id=request))
    snapshots = here.bot.wait_for(Snapshot, 2)
    assert [s.request_id for s in snapshots if isinstance(s, Snapshot)] == ["one", "two"]
    for snapshot in snapshots:
        assert isinstance(snapshot, Snapshot)
        image = Image.open(io.BytesIO(snapshot.jpeg))
        assert (image.format, image.size) == ("JPEG", (160, 96))


def test_a_snapshot_asked_for_while_the_camera_starts_waits_for_its_first_picture(
    stage: Callable[..., Stage],
) -> None:
    here = stage()
    here.address.tell(TakeSnapshot(camera=CAMERA, request_id="one"))
    (snapshot,) = here.bot.wait_for(Snapshot)
    assert isinstance(snapshot, Snapshot)
    assert Image.open(io.BytesIO(snapshot.jpeg)).size == (160, 96)


def test_a_snapshot_under_way_when_the_camera_is_lost_is_answered_by_the_next_run(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.wait_for_unit_of_run(1)
    pid = here.newest_pid(1)
    os.kill(pid, signal.SIGSTOP)
    here.address.tell(TakeSnapshot(camera=CAMERA, request_id="one"))
    os.kill(pid, signal.SIGKILL)
    (snapshot,) = here.bot.wait_for(Snapshot)
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.run_id, Image.open(io.BytesIO(snapshot.jpeg)).size) == (2, (160, 96))


def test_a_stop_ends_the_run_in_order_and_in_time(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.wait_for_unit_of_run(1)
    begin_s = SystemClock().monotonic_s()
    assert here.stop_proxy().reason == ""
    assert SystemClock().monotonic_s() - begin_s < 3
    assert not _is_alive(here.newest_pid(1))
    (ended,) = here.units.wait_for(StreamEnded)
    assert isinstance(ended, StreamEnded)
    assert (ended.reason, ended.is_final) == ("the camera was stopped", False)
    assert here.bot.heard == []
    here.deaths.put(ChildFailed(name="camera", reason=""))  # for the fixture, which stops it once more


def test_a_stop_ends_a_hanging_camera_process_in_time(stage: Callable[..., Stage]) -> None:
    here = stage(CameraSettings(width=160, height=96, fps=20, stall_timeout_s=60))
    here.wait_for_unit_of_run(1)
    os.kill(here.newest_pid(1), signal.SIGSTOP)
    begin_s = SystemClock().monotonic_s()
    here.stop_proxy()
    assert SystemClock().monotonic_s() - begin_s < 3
    assert not _is_alive(here.newest_pid(1))
    here.units.wait_for(StreamEnded)
    here.deaths.put(ChildFailed(name="camera", reason=""))  # for the fixture, which stops it once more


def test_a_proxy_that_fails_leaves_no_camera_process_and_its_successor_starts_one(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.wait_for_unit_of_run(1)
    here.address.tell("nonsense")
    assert "TypeError" in here.deaths.get(timeout=10).reason
    assert not _is_alive(here.newest_pid(1))
    here.start_proxy()
    here.wait_for_unit_of_run(2)
    assert _order(here.units.heard)[:4] == [
        (1, "StreamStarted"),
        (1, "AccessUnit"),
        (1, "StreamEnded"),
        (2, "StreamStarted"),
    ]
    here.bot.wait_for(CameraRecovered)
    assert [type(m).__name__ for m in here.bot.heard] == ["CameraLost", "CameraRecovered"]


def test_the_camera_process_gets_no_secrets_and_no_watchdog(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY", "RATCAM_TELEGRAM_TOKEN"):
        monkeypatch.setenv(name, "hush-hush")
    monkeypatch.setenv("RATCAM_HARMLESS", "1")
    seen = tmp_path / "environment"
    here = stage(body=f"open({str(seen)!r}, 'w').write(repr(dict(os.environ)) + repr(sys.argv))")
    here.newest_pid(2)
    text = seen.read_text()
    assert "RATCAM_HARMLESS" in text
    assert "hush-hush" not in text
    assert "bitrate" not in text


def test_signals_to_the_whole_service_leave_the_camera_process_to_its_proxy(stage: Callable[..., Stage]) -> None:
    here = stage()
    here.wait_for_unit_of_run(1)
    pid = here.newest_pid(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    before = len(here.units.heard)
    wait_until(lambda: len(here.units.heard) > before + 10, what="the stream to go on")
    assert here.bot.heard == []
    assert os.getsid(pid) == pid
