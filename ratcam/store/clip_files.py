"""The folder of a camera's recordings: spool files while they are written, MP4 files until they are handed over."""

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ratcam.messages import CameraId, ChatId, ClipCause, ClipId, EventId, RunId, Segment
from ratcam.ports import SpoolFile
from ratcam.store.atomic_file import sync_directory

_log = logging.getLogger(__name__)

BROKEN_KEPT = 5
"""How many files that cannot be played are kept, for a person to look at: more would fill the disk."""
_SPOOL = ".spool"
_FINISHED = ".mp4"
_BROKEN = ".broken"
_WRITEV_LIMIT = 1024
"""Buffers that one writev takes at most (IOV_MAX on Linux)."""


def file_stem(segment: Segment) -> str:
    """A file name, without suffix, that says all that a segment's record holds: it must survive without a database.

    But not the rotation, which the file itself holds.
    """
    cause = f"m-{segment.cause.event_id}" if segment.cause.event_id is not None else f"r{segment.cause.chat}"
    fields = (
        segment.camera,
        round(segment.started_unix_s * 1000),
        segment.run_id,
        segment.clip_id,
        segment.part,
        cause,
    )
    return "~".join(str(field) for field in fields)


def segment_of(stem: str) -> Segment | None:
    """The segment that `file_stem` named, also with a `+N` behind it; None for any other name."""
    fields = stem.partition("+")[0].split("~")
    if len(fields) != 6:
        return None
    camera, started_ms, run_id, clip_id, part, cause = fields
    try:
        return Segment(
            camera=CameraId(camera),
            run_id=RunId(int(run_id)),
            clip_id=ClipId(clip_id),
            part=int(part),
            cause=ClipCause(event_id=EventId(cause[2:]))
            if cause.startswith("m-")
            else ClipCause(chat=ChatId(int(cause[1:]))),
            started_unix_s=int(started_ms) / 1000,
        )
    except ValueError:
        return None


class _File:
    """Implements `ports.SpoolFile` on one open file."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.is_closed = False
        self._descriptor = descriptor

    def append(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Write at the end, all or an OSError; synced."""
        for start in range(0, len(buffers), _WRITEV_LIMIT):
            self._write_all(buffers[start : start + _WRITEV_LIMIT])
        os.fdatasync(self._descriptor)

    def _write_all(self, buffers: Sequence[bytes | memoryview]) -> None:
        expected = sum(len(buffer) for buffer in buffers)
        written = os.writev(self._descriptor, buffers)
        if written < expected:
            # A disk that is nearly full takes a part. The rest fails with the reason, or goes through.
            rest = memoryview(b"".join(buffers))[written:]
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def patch(self, offset: int, data: bytes) -> None:
        """Write in place; synced."""
        view = memoryview(data)
        while view:
            done = os.pwrite(self._descriptor, view, offset)
            view, offset = view[done:], offset + done
        os.fdatasync(self._descriptor)

    def truncate(self, size: int) -> None:
        """Cut to `size` bytes; synced, so that an index written next never comes to stand before what was cut."""
        if size != self.size():
            os.ftruncate(self._descriptor, size)
            os.fdatasync(self._descriptor)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`."""
        return os.pread(self._descriptor, size, offset)

    def commit(self) -> tuple[str, int]:
        """Rename to .mp4; the directory is synced too, unless the disk fails that: then that is logged."""
        final = self.path.with_suffix(_FINISHED)
        size = self.size()
        # A writer that was killed may have finished the file in the page cache only: then nothing was patched here.
        os.fdatasync(self._descriptor)
        self.close()
        if final != self.path:
            self.path.rename(final)
            self.path = final
            try:
                sync_directory(final.parent)
            except OSError as exc:
                # At worst a power cut gives it its old name back, under which it is found at the next start.
                _log.error("the new name of %s may not outlast a power cut: %s", final, exc)
        return str(final), size

    def size(self) -> int:
        """Its bytes."""
        return os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Close as it is. Idempotent."""
        if not self.is_closed:
            self.is_closed = True
            # The number will be another file's: whoever still uses this object must not reach that one.
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Create a folder (mode 0700) and its missing parents, and put their names on disk."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_directory(folder.parent)


class DirectoryClipFiles:
    """Implements `ports.ClipFiles` in one folder, which is created (mode 0700) when first needed."""

    def __init__(self, folder: Path, camera: CameraId) -> None:
        self._folder = folder
        self._camera = camera
        self._open: list[_File] = []

    def create(self, segment: Segment) -> SpoolFile:
        """A new spool file (mode 0600) under a name that is not taken; the name is on disk on return.

        A sync of the file does not put its name on disk, and without that a power cut loses all of it.
        """
        _make_folder(self._folder)
        stem, number = file_stem(segment), 1
        while True:
            # A part that goes on after the muxer's restart gets a name of its own.
            name = stem if number == 1 else f"{stem}+{number}"
            path = self._folder / (name + _SPOOL)
            number += 1
            if path.with_suffix(_FINISHED).exists() or path.with_suffix(_BROKEN).exists():
                continue
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                continue
            file = self._remember(_File(path, descriptor))
            try:
                sync_directory(self._folder)
            except OSError:
                file.close()
                path.unlink(missing_ok=True)
                raise
            return file

    def leftovers(self) -> Iterator[tuple[Segment, SpoolFile, int]]:
        """Every recording of this camera in the folder, oldest first; files that are still open here are closed.

        Each file is closed when the next one is asked for. What is deleted meanwhile is left out.
        """
        for file in self._open:
            file.close()
        for segment, path in self._named((_SPOOL, _FINISHED)):
            try:
                if path.is_symlink() or not path.is_file():
                    continue
                file = self._remember(_File(path, os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)))
            except FileNotFoundError:
                continue
            except OSError as exc:
                _log.error("the recording %s cannot be opened and is not delivered: %s", path, exc)
                continue
            try:
                yield segment, file, file.size()
            finally:
                file.close()

    def set_aside(self, spool: SpoolFile) -> str:
        """Rename to .broken and delete all but the newest `BROKEN_KEPT` of this camera."""
        if not isinstance(spool, _File):
            raise TypeError("not a spool file of this folder")
        broken = spool.path.with_suffix(_BROKEN)
        spool.close()
        spool.path.rename(broken)
        for _, path in self._named((_BROKEN,))[:-BROKEN_KEPT]:
            path.unlink(missing_ok=True)
        return str(broken)

    def _named(self, suffixes: tuple[str, ...]) -> list[tuple[Segment, Path]]:
        """What is here of this camera by its name, oldest first."""
        if not self._folder.is_dir():
            return []
        found = [(segment_of(path.stem), path) for path in self._folder.iterdir() if path.suffix in suffixes]
        mine = [(segment, path) for segment, path in found if segment is not None and segment.camera == self._camera]
        return sorted(mine, key=lambda item: (item[0].started_unix_s, item[0].part, item[1].name))

    def _remember(self, file: _File) -> _File:
        self._open = [other for other in self._open if not other.is_closed]
        self._open.append(file)
        return file
