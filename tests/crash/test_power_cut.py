"""Power cuts: the disk as it is at one instant of a recording, without what was only in memory.

The disk is an ext4 file system in a file. A copy of the file is the disk after a cut: what the kernel holds of the
mounted file system and has not written is not in it. The writer is stopped while the copy is made, and the copy is made
again until the file did not change meanwhile, so that it is the disk at one instant.
"""

import filecmp
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ratcam.store.clip_files import DirectoryClipFiles
from tests.crash.camera import PROGRESS
from tests.crash.clips import CAMERA, pictures_in, recover_folder, save_units
from tests.crash.long import chosen
from tests.crash.loop_image import NoDiskError, make_image, mounted, scratch
from tests.deadline import wait_until
from tests.media.players import complaints, needs_ffmpeg
from tests.pictures import Picture, stream

ROOT = Path(__file__).parents[2]
FPS = GOP = 30
SECONDS = chosen(short=5, long=12)
CUTS = chosen(short=4, long=16)


def source() -> tuple[Picture, ...]:
    return stream(count=FPS * (SECONDS + 1), fps=FPS, gop=GOP, width=640, height=480)


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def cut(image: Path, copy: Path) -> None:
    """Copy the disk as it is at one instant."""
    for _ in range(20):
        subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
        if filecmp.cmp(image, copy, shallow=False):
            return
    raise AssertionError("the disk does not stand still")


def recovered(image: Path, folder: Path, units: tuple[Picture, ...]) -> int:
    """How many pictures there are after the power is back; 0 if there is no recording."""
    with mounted(image, folder) as disk:
        found = [path for _, path in recover_folder(DirectoryClipFiles(disk.folder / "clips", CAMERA))]
        if not found or found[0] is None:
            return 0
        assert len(found) == 1
        assert complaints(found[0]) == ""
        return pictures_in(found[0].read_bytes(), units)


@needs_ffmpeg
def test_a_power_cut_costs_at_most_one_gop_and_a_second() -> None:
    units = source()
    cuts: list[tuple[Path, int, int]] = []
    with scratch() as folder, ExitStack() as cleanup:
        save_units(units, folder / "units")
        try:
            make_image(folder / "image", megabytes=64, block_bytes=4096)
            disk = cleanup.enter_context(mounted(folder / "image", folder / "disk"))
        except NoDiskError as exc:
            pytest.skip(str(exc))
        shared = folder / "progress"
        shared.write_bytes(bytes(PROGRESS.size))
        command = [sys.executable, "-m", "tests.crash.camera", str(disk.folder / "clips"), str(folder / "units")]
        with subprocess.Popen([*command, str(shared)], cwd=ROOT) as camera:
            try:
                wait_until(lambda: PROGRESS.unpack(shared.read_bytes())[0] > 0, what="the recording begins")
                began_s = PROGRESS.unpack(shared.read_bytes())[0]
                chance = random.Random(3)
                for number, due_s in enumerate(sorted(began_s + chance.uniform(1.1, SECONDS) for _ in range(CUTS))):
                    wait_until(lambda due_s=due_s: time.monotonic() >= due_s, timeout_s=60)
                    os.kill(camera.pid, signal.SIGSTOP)
                    wait_until(lambda: is_stopped(camera.pid), what="the writer stands still")
                    taken = int((time.monotonic() - began_s) * FPS)
                    synced = int(PROGRESS.unpack(shared.read_bytes())[1])
                    cut(folder / "image", folder / f"cut{number}")
                    os.kill(camera.pid, signal.SIGCONT)
                    cuts.append((folder / f"cut{number}", taken, synced))
            finally:
                camera.kill()
        for number, (copy, taken, synced) in enumerate(cuts):
            kept = recovered(copy, folder / f"after{number}", units)
            print(f"cut when {taken} pictures were taken and {synced} on disk: {kept} kept")  # noqa: T201
            assert kept >= synced, "what was reported as written is there"
            assert kept >= taken - GOP - FPS
        assert len(cuts) == CUTS
