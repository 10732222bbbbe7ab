"""A process whose system calls are looked at.

python -m tests.crash.one_clip FOLDER UNITS write      a clip from first to last
python -m tests.crash.one_clip FOLDER UNITS leave      all of its GOPs and some bytes of another, unfinished
python -m tests.crash.one_clip FOLDER UNITS finish     as `leave`, and the file is finished, but keeps its name
python -m tests.crash.one_clip FOLDER UNITS recover    what is found in the folder
"""

import sys
from pathlib import Path

from ratcam.recovering import recover_file
from ratcam.store.clip_files import DirectoryClipFiles
from tests.crash.clips import CAMERA, SEGMENT, begin, gops_of, load_units, recover_folder, write_clip


def main(folder: str, source: str, action: str) -> None:
    """Do it."""
    files = DirectoryClipFiles(Path(folder), CAMERA)
    units = load_units(Path(source))
    if action == "recover":
        assert all(path for _, path in recover_folder(files))
        return
    if action == "by-hand":
        assert all(recover_file(path, to=None) for path in Path(folder).iterdir())
        return
    if action == "write":
        write_clip(files, SEGMENT, gops_of(units))
        return
    recording, spool = begin(units[0], frames=1800), files.create(SEGMENT)
    spool.append([recording.header()])
    for gop in gops_of(units):
        spool.append(recording.append(gop))
    if action == "leave":
        spool.append([b"\0\0\1"])
    else:
        for patch in recording.finish(None):
            spool.patch(patch.offset, patch.data)


if __name__ == "__main__":
    main(*sys.argv[1:])
