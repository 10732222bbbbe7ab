"""A process that writes clips without end is killed again and again, and what it leaves is recovered and judged.

    python -m tests.crash.kills FOLDER UNITS KILLS SEED KEEP_EVERY

One line of JSON for each kill: where the writer was, and what was recovered. Every KEEP_EVERYth folder is kept. The
writer is forked, not started: a thousand kills take a minute or two. This process has one thread only.
"""

import json
import mmap
import os
import random
import shutil
import signal
import struct
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ratcam.media.ring import TimedUnit
from ratcam.store.clip_files import DirectoryClipFiles
from tests.crash.clips import CAMERA, gops_of, load_units, part, pictures_in, recover_folder, write_clip

STEPS = ("create", "header", "gop", "index", "commit", "rename", "end")
LONGEST_S = 0.12
"""How long a writer may live: some clips from first to last."""
LONGEST_RECOVERY_S = 0.004
PARTS = 500
_STATE = struct.Struct("=II")
"""Of a part: GOPs that are on disk, 1 if it has its final name."""


class Progress:
    """What the writer has done, in memory that outlives it."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 4 + _STATE.size * PARTS)

    def step(self, part_number: int, step: str) -> None:
        """The writer begins a step of a part; the one before it is done."""
        synced, _ = self.of(part_number)
        if self.last_step() == "gop":
            synced += 1
        _STATE.pack_into(self._shared, 4 + _STATE.size * part_number, synced, int(step == "end"))
        struct.pack_into("=I", self._shared, 0, 1 + STEPS.index(step))

    def last_step(self) -> str:
        """The step that the writer was in; empty before the first."""
        (number,) = struct.unpack_from("=I", self._shared)
        return STEPS[number - 1] if number else ""

    def has_begun(self) -> bool:
        """Whether the writer has."""
        return bool(self.last_step())

    def of(self, part_number: int) -> tuple[int, bool]:
        """(GOPs of a part that are on disk, whether it is finished)."""
        synced, is_finished = _STATE.unpack_from(self._shared, 4 + _STATE.size * part_number)
        return synced, bool(is_finished)


def gops_in(part_number: int) -> int:
    """How many GOPs a part gets."""
    return 1 + part_number * 7 % 4


def write_for_ever(folder: Path, gops: Sequence[Sequence[TimedUnit]], progress: Progress) -> None:
    """Clip after clip."""
    files = DirectoryClipFiles(folder, CAMERA)
    for number in range(1, PARTS):
        write_clip(
            files, part(number), gops[: gops_in(number)], lambda step, number=number: progress.step(number, step)
        )


def killed_after(life_s: float, run: Callable[[], None], has_begun: Callable[[], bool]) -> bool:
    """Run something in a process of its own and kill it so long after it has begun; False if it ended before."""
    child = os.fork()
    if child == 0:
        try:
            run()
            os._exit(0)
        except Exception as exc:  # noqa: BLE001  # the parent shows it
            os.write(2, f"the writer failed: {exc!r}\n".encode())
            os._exit(1)
    while not has_begun():
        pass
    ends_s = time.perf_counter() + life_s
    while time.perf_counter() < ends_s:
        pass  # busy: the moment of death is spread finer than a sleep could
    os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or status == 0, status
    return os.WIFSIGNALED(status)


def recover_once(folder: Path) -> None:
    """All of a folder's recordings."""
    for _ in recover_folder(DirectoryClipFiles(folder, CAMERA)):
        pass


def judged(folder: Path, units: Sequence[TimedUnit], gop: int, progress: Progress) -> dict[str, int]:
    """Recover a folder and compare it with what the writer had told."""
    found = {segment.part: path for segment, path in recover_folder(DirectoryClipFiles(folder, CAMERA))}
    result = {"parts": len(found), "unplayable": 0, "lost": 0, "frames": 0}
    for number in range(1, PARTS):
        synced, is_finished = progress.of(number)
        path = found.pop(number, None)
        if path is None:
            result["unplayable"] += synced > 0
            if not synced:
                break
            continue
        frames = pictures_in(path.read_bytes(), units)
        if is_finished:
            assert frames == gop * gops_in(number), (number, frames)
        result["frames"] += frames
        result["lost"] = max(result["lost"], gop * synced - frames)
        assert frames <= gop * min(synced + 1, gops_in(number)), (number, frames, synced)
    assert not any(found.values()), found
    return result


def main(folder: str, source: str, kills: str, seed: str, keep_every: str) -> None:
    """Kill, recover, judge, tell."""
    units = load_units(Path(source))
    gops = gops_of(units)
    choose = random.Random(int(seed))
    for number in range(1, int(kills) + 1):
        place, progress = Path(folder) / str(number), Progress()
        life_s = choose.uniform(0, LONGEST_S)
        assert killed_after(
            life_s,
            partial(write_for_ever, place, gops, progress),
            progress.has_begun,
        )
        step = progress.last_step()
        if number % 4 == 0:  # a recovery may be killed as well
            killed_after(choose.uniform(0, LONGEST_RECOVERY_S), partial(recover_once, place), lambda: True)
        result = judged(place, units, len(gops[0]), progress)
        print(json.dumps({"kill": number, "step": step, **result}), flush=True)  # noqa: T201
        if number % int(keep_every):
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
