"""Peak memory of recording 600 s: `python -m benchmarks.recording_memory record|read UNITS TARGET` prints it in KB.

In a process of its own, which imports little: what others need and give back would hide what a recording takes.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ratcam.media.mp4 import Mp4Recording
from ratcam.media.ring import TimedUnit

FRAMES, GOP, STEP_90K = 18_000, 30, 3000


class Unit(NamedTuple):
    """An access unit; satisfies `TimedUnit`."""

    pts_90k: int
    is_key: bool
    data: bytes


def write_units(path: Path, units: Sequence[TimedUnit]) -> None:
    """Write whole GOPs of units for another process: each behind its length."""
    path.write_bytes(b"".join(len(unit.data).to_bytes(4, "big") + unit.data for unit in units))


def _gops(path: str) -> Iterator[list[Unit]]:
    """The GOPs of the file, again and again, at uneven times; only one is in memory."""
    with Path(path).open("rb") as file:
        for first in range(0, FRAMES, GOP):
            gop: list[Unit] = []
            for number in range(first, first + GOP):
                head = file.read(4)
                if not head:
                    file.seek(0)
                    head = file.read(4)
                data = file.read(int.from_bytes(head, "big"))
                gop.append(Unit(number * STEP_90K + (number * 7919 % 601 if number else 0), number == first, data))
            yield gop


def main() -> None:
    """Do as the command line says."""
    how, source, target = sys.argv[1:]
    recording: Mp4Recording | None = None
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for gop in _gops(source):
        if how == "read":
            continue
        if recording is None:
            recording = Mp4Recording(
                first=gop[0].data, created_unix_s=0, title="bench", expected_frames=FRAMES, gop_frames=GOP
            )
            os.write(descriptor, recording.header())
        os.writev(descriptor, recording.append(gop))
    if recording is not None:
        for patch in recording.finish(None):
            os.pwrite(descriptor, patch.data, patch.offset)
    os.close(descriptor)
    # Not getrusage: its maximum counts what the parent process had when it forked.
    status = Path("/proc/self/status").read_text()
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


if __name__ == "__main__":
    main()
