"""VectorActor: keeps fields and never keeps anyone waiting."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest

from ratcam.actors.supervised import Address
from ratcam.actors.vectors import MOST_WAITING, MOST_WAITING_BYTES, RETRY_S, RunStarts, VectorActor, VectorsAddress
from ratcam.messages import CameraId, ChildFailed, MotionField, RunId, StreamEnded, StreamStarted
from ratcam.motion.field import pack
from ratcam.store.vector_format import kept_files, read_fields, read_head
from ratcam.store.vectors import VectorFiles
from tests.deadline import wait_until
from tests.fakes import FakeClock

KITCHEN = CameraId("kitchen")
ZERO = np.zeros((8, 12))
PAYLOAD = pack(ZERO, ZERO, ZERO)


class Rig:
    """An actor on real files; `stop` waits for its end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = FakeClock()
        self.runs = RunStarts()
        self.address = VectorsAddress("vectors kitchen")
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.ticks = 0

    def start(self) -> None:
        VectorActor.start(
            address=self.address,
            on_death=self.deaths.put,
            camera=KITCHEN,
            runs=self.runs,
            vectors=VectorFiles(root=self.root, camera=KITCHEN, limit_bytes=10_000_000),
            clock=self.clock,
        )

    def stop(self) -> None:
        self.address.request_stop()
        assert self.deaths.get(timeout=10).reason == ""

    @staticmethod
    def start_of(run_id: int) -> StreamStarted:
        return StreamStarted(
            camera=KITCHEN, run_id=RunId(run_id), width=192, height=128, fps=10.0, started_unix_s=1.8e9 + run_id
        )

    def begin(self, run_id: int) -> None:
        assert self.address.feed(self.start_of(run_id), 0.0)

    def see(self, *numbers: int, run_id: int = 1) -> None:
        for number in numbers:
            message = MotionField(
                camera=KITCHEN, run_id=RunId(run_id), pts_90k=number * 9000, columns=12, rows=8, payload=PAYLOAD
            )
            assert self.address.feed(message, 0.0)

    def tick(self) -> None:
        """Let the actor do what is due, and wait until it has: data come after a ping."""
        self.ticks += 1
        self.address.ping(self.clock.monotonic_s())
        assert Address.feed(self.address, self.start_of(1000 + self.ticks), 0.0)
        wait_until(lambda: RunId(1000 + self.ticks) in self.runs.starts, what="the actor reads")

    def kept(self) -> list[tuple[int, int]]:
        """(run, number) of each field on disk."""
        return [
            (read_head(path).run_id, field.pts_90k // 9000)
            for path in kept_files(self.root)
            if path.stat().st_size
            for field in read_fields(path)
        ]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "vectors")
    yield rig
    rig.address.close()


def test_fields_are_on_disk_when_the_actor_has_stopped(rig: Rig) -> None:
    rig.start()
    rig.begin(1)
    rig.see(*range(20))
    rig.stop()
    assert rig.kept() == [(1, number) for number in range(20)]


def test_nobody_waits_when_no_one_reads_and_the_fields_beyond_the_limit_are_shed(rig: Rig) -> None:
    rig.begin(1)
    rig.see(*range(MOST_WAITING + 50))
    assert rig.address.shed == 50
    rig.begin(2)
    rig.start()
    rig.stop()
    assert rig.kept() == [(1, number) for number in range(MOST_WAITING)]


def test_fields_are_shed_also_for_their_bytes_however_few_they_are(rig: Rig) -> None:
    large = MotionField(
        camera=KITCHEN, run_id=RunId(1), pts_90k=0, columns=12, rows=8, payload=bytes(MOST_WAITING_BYTES // 4)
    )
    for _ in range(6):
        assert rig.address.feed(large, 0.0)
    assert rig.address.shed == 2


def test_that_fields_are_left_out_is_said_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.start()
    rig.begin(1)
    for _ in range(2):
        rig.address.shed += 1
        rig.tick()
        rig.tick()
    rig.stop()
    assert caplog.text.count("some are left out") == 1


def test_the_beginning_of_a_run_that_overtakes_fields_of_the_last_mixes_nothing_up(rig: Rig) -> None:
    rig.begin(1)
    rig.see(0, 1)
    assert rig.address.feed(StreamEnded(camera=KITCHEN, run_id=RunId(1), reason="lost"), 0.0)
    rig.begin(2)
    rig.see(0, run_id=2)
    rig.start()
    rig.stop()
    assert rig.kept() == [(1, 0), (1, 1), (2, 0)]


def test_fields_of_a_run_that_nobody_knows_are_left_out(rig: Rig) -> None:
    rig.start()
    rig.see(0, 1)
    rig.stop()
    assert rig.kept() == []


def test_the_next_incarnation_goes_on_with_the_run(rig: Rig) -> None:
    rig.start()
    rig.begin(1)
    rig.see(0)
    rig.address.feed("what is this?", 0.0)
    assert "TypeError" in rig.deaths.get(timeout=10).reason
    rig.start()
    rig.see(1)
    rig.stop()
    assert rig.kept() == [(1, 0), (1, 1)]


def test_what_waits_is_written_when_the_camera_falls_silent(rig: Rig) -> None:
    rig.start()
    rig.begin(1)
    rig.see(0, 1)
    rig.clock.advance(11)

    def is_kept() -> bool:
        rig.address.ping(rig.clock.monotonic_s())
        rig.clock.advance(1)
        return rig.kept() == [(1, 0), (1, 1)]

    wait_until(is_kept)
    rig.stop()


def test_a_disk_that_refuses_is_logged_once_survived_and_tried_again(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.root.write_text("in the way")
    rig.start()
    rig.begin(1)
    with caplog.at_level(logging.ERROR):
        for number in range(0, 2400, 400):  # each begins a batch of its own
            rig.see(number)
            rig.clock.advance(RETRY_S / 4)
        wait_until(lambda: "cannot be kept" in caplog.text)
        rig.root.unlink()
        rig.clock.advance(2 * RETRY_S)
        rig.see(5000, 5001)
        rig.stop()
    assert caplog.text.count("cannot be kept") == 1
    assert (1, 5000) in rig.kept()
    assert (1, 5001) in rig.kept()


def test_an_actor_that_fails_writes_what_waits_before_its_address_is_read_again(rig: Rig) -> None:
    rig.start()
    rig.begin(1)
    rig.see(0, 1)
    assert Address.feed(rig.address, "what is this?", 0.0), "behind the fields"
    assert "TypeError" in rig.deaths.get(timeout=10).reason
    assert rig.kept() == [(1, 0), (1, 1)]


def test_after_a_disk_that_refused_has_taken_something_that_is_said_and_a_new_refusal_too(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.start()
    rig.begin(1)
    with caplog.at_level(logging.INFO):
        for round_ in (1, 2):
            rig.root.write_text("in the way")
            rig.see(round_ * 10_000, round_ * 10_000 + 400)
            wait_until(lambda count=round_: caplog.text.count("cannot be kept") == count, what="a refusal")
            rig.root.unlink()
            rig.clock.advance(RETRY_S + 1)
            rig.see(round_ * 10_000 + 1000, round_ * 10_000 + 1400)
            wait_until(lambda count=round_: caplog.text.count("kept again") == count, what="a success")
            shutil.rmtree(rig.root)
    rig.stop()
    assert (caplog.text.count("cannot be kept"), caplog.text.count("kept again")) == (2, 2)
