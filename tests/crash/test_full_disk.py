"""A disk without a free byte: the recording is finished nevertheless, in the room that was reserved at its start."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ratcam.store.clip_files import DirectoryClipFiles
from tests.crash.clips import CAMERA, SEGMENT, begin, gops_of, pictures_in, recover_folder
from tests.crash.loop_image import NoDiskError, new_disk, new_memory_disk, scratch
from tests.media.recordings import top_boxes
from tests.pictures import stream

UNITS = stream(count=120, fps=30, gop=30, width=320, height=240)
MINUTE = 1800
"""Pictures that room for an index is reserved for: some pages of it."""


def fill(folder: Path) -> int:
    """Take every free byte; the size of what was taken."""
    taken = 0
    descriptor = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        for size in (1 << 20, 1 << 12, 1, 1):
            while True:
                try:
                    taken += os.write(descriptor, bytes(size))
                    os.fsync(descriptor)
                except OSError as exc:
                    assert exc.errno == errno.ENOSPC
                    break
    finally:
        os.close(descriptor)
    with pytest.raises(OSError, match="No space"):
        (folder / "one-more").write_bytes(b"x" * 5000)
    return taken


def finish_on_a_full_disk(folder: Path) -> None:
    files = DirectoryClipFiles(folder / "clips", CAMERA)
    recording, spool = begin(UNITS[0], frames=MINUTE), files.create(SEGMENT)
    spool.append([recording.header()])
    for gop in gops_of(UNITS):
        spool.append(recording.append(gop))
    assert fill(folder) > 4096
    for patch in recording.finish(None):
        spool.patch(patch.offset, patch.data)
    path, size = spool.commit()
    content = Path(path).read_bytes()
    assert (Path(path).suffix, size) == (".mp4", len(content))
    assert [kind for kind, _ in top_boxes(content)] == ["ftyp", "free", "moov", "free", "mdat"]
    assert pictures_in(content, UNITS) == len(UNITS)


def recover_on_a_full_disk(folder: Path) -> None:
    files = DirectoryClipFiles(folder / "clips", CAMERA)
    recording, spool = begin(UNITS[0], frames=MINUTE), files.create(SEGMENT)
    spool.append([recording.header()])
    first, *others = gops_of(UNITS)
    spool.append(recording.append(first))
    assert fill(folder) > 4096
    with pytest.raises(OSError, match="No space"):
        for gop in others:
            spool.append(recording.append(gop))
    with pytest.raises(OSError, match="No space"):
        (folder / "one-more").write_bytes(b"x" * (1 << 20))
    ((segment, path),) = recover_folder(files)
    assert segment == SEGMENT
    assert path is not None
    assert pictures_in(path.read_bytes(), UNITS) >= len(first)


@pytest.mark.parametrize("run", [finish_on_a_full_disk, recover_on_a_full_disk])
@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
def test_a_recording_is_finished_on_a_disk_without_a_free_byte(kind: str, run: Callable[[Path], None]) -> None:
    try:
        if kind == "ext4":
            with new_disk(megabytes=16) as disk:
                run(disk.folder)
        else:
            with scratch() as place, new_memory_disk(place / "memory", kilobytes=4000) as folder:
                run(folder)
    except NoDiskError as exc:
        pytest.skip(str(exc))
