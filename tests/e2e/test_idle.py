"""What the daemon writes while nothing moves: nothing. Counted by the kernel, and looked for in the state folder."""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import os
import time
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import av
import pytest

from ratcam.simulator.simulator import Simulator
from tests.deadline import wait_until
from tests.e2e.daemon import Home, media
from tests.moving_square import HEIGHT, WIDTH, texture

OWN = Path("/proc/self/io")
SETTLED_S, IDLE_S = 3.0, 12.0
needs_counters = pytest.mark.skipif(not OWN.exists(), reason="no /proc/self/io here")


def written_bytes(counters: Path) -> int:
    """How many bytes a process has given the kernel for files on block devices; counted when they are given."""
    fields = dict(line.split(": ") for line in counters.read_text().splitlines())
    return int(fields["write_bytes"])


def files_of(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Inode, size and time of change of everything in a folder, itself included."""
    found: dict[str, tuple[int, int, int]] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        facts = path.stat()
        found[str(path)] = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
    return found


def is_counted(folder: Path) -> bool:
    """Whether the kernel counts what is written to this folder's file system."""
    before = written_bytes(OWN)
    with (folder / "probe").open("wb") as probe:
        probe.write(bytes(65536))
        probe.flush()
        os.fsync(probe.fileno())
    return written_bytes(OWN) >= before + 65536


def write_still(path: Path) -> Path:
    """Two seconds in which nothing moves."""
    picture = texture(HEIGHT, WIDTH, 1)
    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=10, options={"bf": "0", "g": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            for packet in stream.encode(frame):
                box.mux(packet)
        for packet in stream.encode(None):
            box.mux(packet)
    return path


@pytest.fixture(name="still")
def make_still(tmp_path: Path, simulator: Simulator) -> Generator[Home]:
    """A daemon on a looped video of a still scene, not yet started."""
    home = Home(tmp_path, f"file:{write_still(tmp_path / 'still.mp4')}", simulator)
    yield home
    home.daemon.stop()


def state_of(home: Home) -> tuple[dict[str, tuple[int, int, int]], list[int]]:
    """The state folder's files, and what the daemon and its camera process have written."""
    pids = [home.daemon.pid, *home.camera_pids()]
    return files_of(home.folder / "state"), [written_bytes(Path(f"/proc/{pid}/io")) for pid in pids]


def unchanged_for(home: Home, seconds: float, *, timeout_s: float) -> tuple[dict[str, tuple[int, int, int]], list[int]]:
    """Wait until the state has been the same for so long; the state."""
    state, since_s = state_of(home), time.monotonic()

    def has_settled() -> bool:
        nonlocal state, since_s
        now = state_of(home)
        if now != state:
            state, since_s = now, time.monotonic()
        return time.monotonic() - since_s >= seconds

    wait_until(has_settled, timeout_s=timeout_s, what=f"{seconds:g} s without a change")
    return state


@needs_counters
def test_while_armed_and_nothing_moves_not_a_byte_is_written(still: Home, simulator: Simulator) -> None:
    if not is_counted(still.folder):
        pytest.skip(f"writes to the file system of {still.folder} are not counted, as on a tmpfs")
    ada = simulator.add_private_chat("Ada")
    still.start()
    still.enrol(ada)
    still.ask(ada, "/arm", "Armed")
    wait_until(lambda: len(still.camera_pids()) == 1, what="a camera process")
    files, written = unchanged_for(still, SETTLED_S, timeout_s=30)
    began_s = time.monotonic()
    wait_until(lambda: time.monotonic() >= began_s + IDLE_S, timeout_s=2 * IDLE_S)
    assert state_of(still) == (files, written), "the daemon and its camera have written nothing"
    assert [name for name in files if "/clips/" in name] == []

    # The same counters do count a clip, which holds what was kept in memory meanwhile.
    still.ask(ada, "/video 1", "Recording the next 1 s")
    assert still.hear(ada, media("video")).media is not None
    assert state_of(still)[1][0] > written[0]
    assert still.daemon.errors == []
