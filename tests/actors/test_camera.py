"""The camera process from within: the actor over a real socket, and the process itself."""

import itertools
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ratcam.actors.camera import QUEUE_BYTES, CameraActor
from ratcam.camera_main import STOP_S
from ratcam.channel import CameraEnd, ChannelClosedError, MainEnd
from ratcam.clock import SystemClock
from ratcam.errors import CameraError
from ratcam.messages import (
    AccessUnit,
    MotionField,
    RequestKeyFrame,
    Snapshot,
    StreamEnded,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.motion.field import BlockField, unpack
from ratcam.ports import CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings
from ratcam.wire import Configure, FromCamera, Heartbeat, Stop
from tests.actors.units import CAMERA, RUN, field_of, unit_of
from tests.cameras.clips import write_clip
from tests.deadline import wait_until


@dataclass
class FakeSource:
    """Implements `ports.CameraSource`: pictures of a given size as fast as they are taken."""

    most: int
    size: int = 100
    fails_at: int = -1
    delivered: int = 0
    is_open: bool = False
    keys_requested: int = 0
    may_go_on: threading.Event = field(default_factory=threading.Event)
    waits_at: int = -1

    def open(self) -> SourceInfo:
        self.is_open = True
        return SourceInfo(width=16, height=16, fps=10.0)

    def next_picture(self) -> CapturedPicture | None:
        if self.delivered == self.fails_at:
            raise CameraError("The cable is out. Put it back.")
        if self.delivered == self.waits_at:
            self.may_go_on.wait(10)
        if self.delivered >= self.most:
            return None
        unit = unit_of(self.delivered, self.size)
        self.delivered += 1
        return CapturedPicture(
            pts_90k=unit.pts_90k, data=unit.data, field=bytes(8), field_pts_90k=unit.pts_90k, columns=1, rows=1
        )

    def still_jpeg(self) -> tuple[int, bytes]:
        if not self.delivered:
            raise CameraError("There is no picture yet.")
        return 42, b"jpeg"

    def request_key_frame(self) -> None:
        self.keys_requested += 1

    def close(self) -> None:
        self.is_open = False


@dataclass
class Rig:
    """A CameraActor and the main process's end of its channel."""

    source: FakeSource
    may_shed: bool = True
    finished: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.main = MainEnd(ours, camera=CAMERA, run_id=RUN)
        self.camera = CameraEnd(theirs)
        self.actor = CameraActor.start(
            source=self.source,
            channel=self.camera,
            camera=CAMERA,
            run_id=RUN,
            clock=SystemClock(),
            may_shed=self.may_shed,
            finished=self.finished,
        )

    def read_all(self) -> list[FromCamera]:
        """Everything up to and with the StreamEnded."""
        messages: list[FromCamera] = []
        while not (messages and isinstance(messages[-1], StreamEnded)):
            message = self.main.receive()
            if message is not None:
                messages.append(message)
        return messages

    def close(self) -> None:
        self.main.shutdown()
        self.actor.stop()
        self.main.close()
        self.camera.close()


@pytest.fixture
def rigs() -> Iterator[list[Rig]]:
    made: list[Rig] = []
    yield made
    for rig in made:
        rig.close()


# --- the actor ------------------------------------------------------------------------------------------------------


def test_a_stream_is_its_start_its_pictures_and_its_end(rigs: list[Rig]) -> None:
    rigs.append(rig := Rig(FakeSource(most=25)))
    messages = [m for m in rig.read_all() if not isinstance(m, Heartbeat)]
    assert isinstance(messages[0], StreamStarted)
    assert messages[1:-1] == list(itertools.chain(*((unit_of(n), field_of(n)) for n in range(25))))
    assert messages[-1] == StreamEnded(
        camera=CAMERA, run_id=RUN, reason="the source has come to its end", is_final=True
    )
    assert rig.finished.wait(5)
    assert not rig.source.is_open


def test_a_failing_source_ends_the_stream_with_its_words(rigs: list[Rig]) -> None:
    rigs.append(rig := Rig(FakeSource(most=25, fails_at=4)))
    ended = rig.read_all()[-1]
    assert ended == StreamEnded(camera=CAMERA, run_id=RUN, reason="The cable is out. Put it back.")
    assert not rig.source.is_open


def test_a_main_process_that_stands_still_costs_whole_gops_and_is_told(rigs: list[Rig]) -> None:
    # The source stops once while nobody reads, so that what follows finds room again.
    source = FakeSource(most=400, size=100_000, waits_at=200)
    rigs.append(rig := Rig(source))
    wait_until(lambda: source.delivered == 200, what="the source to run ahead")
    messages: list[FromCamera] = []
    while len(messages) < 40:
        message = rig.main.receive()
        if message is not None:
            messages.append(message)
    source.may_go_on.set()
    messages += rig.read_all()
    units = [m for m in messages if isinstance(m, AccessUnit)]
    assert len(units) < 390
    assert sum(len(unit.data) for unit in units if unit.pts_90k < 200 * 9000) < QUEUE_BYTES + 3_000_000
    for before, after in itertools.pairwise(units):
        assert after.pts_90k == before.pts_90k + 9000 or after.is_key, "a gap must end on a key unit"
    assert any(after.pts_90k != before.pts_90k + 9000 for before, after in itertools.pairwise(units))
    assert isinstance(messages[-1], StreamEnded)


def test_at_full_speed_the_source_waits_for_the_main_process(rigs: list[Rig]) -> None:
    source = FakeSource(most=200, size=100_000)
    rigs.append(rig := Rig(source, may_shed=False))
    units = [m for m in rig.read_all() if isinstance(m, AccessUnit)]
    assert [unit.pts_90k for unit in units] == [9000 * number for number in range(200)]


def test_commands_are_answered_while_it_captures(rigs: list[Rig]) -> None:
    source = FakeSource(most=5, waits_at=5)
    rigs.append(rig := Rig(source))
    wait_until(lambda: source.delivered == 5)
    rig.actor.tell(RequestKeyFrame(camera=CAMERA))
    rig.actor.tell(TakeSnapshot(camera=CAMERA, request_id="me"))
    answer = None
    while not isinstance(answer, Snapshot):
        answer = rig.main.receive()
    assert answer == Snapshot(camera=CAMERA, run_id=RUN, request_id="me", pts_90k=42, jpeg=b"jpeg")
    assert source.keys_requested == 1
    source.may_go_on.set()
    rig.read_all()


def test_a_still_before_the_first_picture_fails_with_the_sources_words(rigs: list[Rig]) -> None:
    source = FakeSource(most=5, waits_at=0)
    rigs.append(rig := Rig(source))
    rig.actor.tell(TakeSnapshot(camera=CAMERA, request_id="me"))
    answer = None
    while answer is None:
        answer = rig.main.receive()
    assert isinstance(answer, Snapshot)
    assert (answer.jpeg, answer.reason) == (b"", "There is no picture yet.")
    source.may_go_on.set()


def test_a_stop_ends_the_stream_and_closes_the_source(rigs: list[Rig]) -> None:
    source = FakeSource(most=10**9)
    rigs.append(rig := Rig(source))
    wait_until(lambda: source.delivered > 10)
    stopping = threading.Thread(target=rig.actor.stop)
    stopping.start()
    ended = rig.read_all()[-1]
    stopping.join(5)
    assert ended == StreamEnded(camera=CAMERA, run_id=RUN, reason="the camera was stopped")
    assert not source.is_open


def test_the_main_processs_death_ends_the_stream(rigs: list[Rig]) -> None:
    source = FakeSource(most=10**9)
    rigs.append(rig := Rig(source))
    wait_until(lambda: source.delivered > 10)
    rig.main.shutdown()
    assert rig.finished.wait(5)
    wait_until(lambda: not source.is_open, what="the source to be closed")


# --- the process ----------------------------------------------------------------------------------------------------


def _spawn(
    settings: CameraSettings, *program: str, has_vectors: bool = False
) -> tuple[subprocess.Popen[bytes], MainEnd]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", *(program or ("-m", "ratcam.camera_main")), "--fd", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            stderr=subprocess.PIPE,
        )
    main = MainEnd(ours, camera=CAMERA, run_id=RUN)
    main.send(Configure(camera=CAMERA, run_id=RUN, settings=settings, has_vectors=has_vectors))
    return process, main


def _read_until(main: MainEnd, kind: type[object]) -> None:
    while not isinstance(main.receive(), kind):
        pass


def test_the_process_ends_when_the_main_process_is_gone() -> None:
    process, main = _spawn(CameraSettings(width=160, height=96))
    _read_until(main, AccessUnit)
    main.close()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"Traceback" not in errors


@pytest.mark.parametrize("has_vectors", [True, False])
def test_the_process_reads_vectors_if_it_is_told_to(tmp_path: Path, has_vectors: bool) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    settings = CameraSettings(source=f"file:{clip}", pace="fast", loop=False)
    process, main = _spawn(settings, has_vectors=has_vectors)
    fields: list[BlockField] = []
    while not isinstance(message := main.receive(), StreamEnded):
        if isinstance(message, MotionField):
            fields.append(unpack(message.payload, message.columns, message.rows))
    process.communicate(timeout=10)
    main.close()
    assert any(it.sad.any() for it in fields)
    assert any(it.x.any() for it in fields) == has_vectors


def test_the_process_ends_in_order_when_told_to() -> None:
    process, main = _spawn(CameraSettings(width=160, height=96))
    _read_until(main, AccessUnit)
    main.send(Stop())
    _read_until(main, StreamEnded)
    with pytest.raises(ChannelClosedError):
        while True:
            main.receive()
    _, errors = process.communicate(timeout=10)
    main.close()
    assert process.returncode == 0
    assert b"Traceback" not in errors


def test_a_device_that_hangs_in_a_call_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    hangs = tmp_path / "hangs"
    device = (  # a demo camera whose stills never come, in an otherwise real process
        "import sys, threading\n"
        "from ratcam import camera_main\n"
        "class Hanging(camera_main.DemoSource):\n"
        "    def still_jpeg(self):\n"
        f"        open({str(hangs)!r}, 'w').close()\n"
        "        threading.Event().wait()\n"
        "camera_main.DemoSource = Hanging\n"
        "sys.exit(camera_main.main(sys.argv[1:]))"
    )
    process, main = _spawn(CameraSettings(width=160, height=96), "-c", device)
    _read_until(main, AccessUnit)
    main.send(TakeSnapshot(camera=CAMERA, request_id="me"))
    wait_until(hangs.exists, what="the device to hang")
    main.close()
    _, errors = process.communicate(timeout=STOP_S + 5)
    assert process.returncode == 1
    assert b"does not stop within" in errors


def test_the_process_ends_when_nobody_ever_speaks_to_it() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-I", "-m", "ratcam.camera_main", "--fd", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
        )
    ours.close()
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert b"Traceback" not in errors
