"""A camera process of the power-cut test: records in real time until it is stopped.

    python -m tests.crash.camera FOLDER UNITS PROGRESS

PROGRESS is a file whose first 24 bytes tell, as three doubles, when the first picture was taken (monotonic seconds),
how many pictures are on disk, and whether the end of UNITS was reached.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

from ratcam.store.clip_files import DirectoryClipFiles
from tests.crash.clips import CAMERA, SEGMENT, begin, gops_of, load_units

PROGRESS = struct.Struct("=3d")


def main(folder: str, source: str, progress: str) -> None:
    """Write each GOP when its last picture would have been taken."""
    units = load_units(Path(source))
    with Path(progress).open("r+b") as file:
        shared = mmap.mmap(file.fileno(), PROGRESS.size)
    recording = begin(units[0], frames=len(units))
    spool = DirectoryClipFiles(Path(folder), CAMERA).create(SEGMENT)
    began_s = time.monotonic()
    PROGRESS.pack_into(shared, 0, began_s, 0, 0)
    spool.append([recording.header()])
    synced = 0
    for gop in gops_of(units):
        taken_s = (gop[-1].pts_90k - units[0].pts_90k) / 90_000
        time.sleep(max(0.0, began_s + taken_s - time.monotonic()))
        spool.append(recording.append(gop))
        synced += len(gop)
        PROGRESS.pack_into(shared, 0, began_s, synced, 0)
    PROGRESS.pack_into(shared, 0, began_s, synced, 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
