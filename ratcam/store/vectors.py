"""Keeps the motion fields of the last nights: a ring of small files, from which `ratcam tune` detects once more.

Their format is that of `vector_format`. Z_RLE packs noise as well as any strategy and takes half the time.
"""

import errno
import logging
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

from ratcam.media.timebase import ticks
from ratcam.messages import CameraId, MotionField, StreamStarted
from ratcam.motion.field import FieldError, unpack
from ratcam.store.atomic_file import give_to_owner_of, make_private_dir, sync_directory
from ratcam.store.vector_format import (
    MOST_BATCH_BYTES,
    SUFFIX,
    KeptHead,
    batch_bytes,
    fits,
    head_bytes,
    kept_files,
    record_parts,
)

BATCH_S = 30.0
"""How much is lost at most in a power cut, and how often a card is written to."""
LEAVE_FREE_BYTES = 100_000_000
"""Clips and the outbox need the disk more: below that the oldest kept files go, and then nothing is kept."""

logger = logging.getLogger(__name__)


def free_bytes(folder: Path) -> int:
    """How much may still be written to the disk of a folder.

    Raises:
        OSError: the folder cannot be asked.
    """
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


class VectorFiles:
    """Keeps one camera's fields in `root`/CAMERA; all files under `root` together have at most `limit_bytes`.

    Files have mode 0600. What is appended is on disk when its batch is full: after `BATCH_S` of media time, or sooner
    where much moves. The oldest files, of whatever camera, are deleted first; a file has an eighth of the limit at
    most, so that little is lost at a time. So do they while the disk has less than `LEAVE_FREE_BYTES`. For one thread;
    only one object may write to a camera's folder.
    """

    def __init__(
        self, *, root: Path, camera: CameraId, limit_bytes: int, free_bytes: Callable[[Path], int] = free_bytes
    ) -> None:
        self._root = root
        self._folder = root / camera
        self._limit_bytes = limit_bytes
        self._free_bytes = free_bytes
        self._batch_bytes = min(MOST_BATCH_BYTES, max(4096, limit_bytes // 64))
        self._path: Path | None = None
        self._head: KeptHead | None = None
        self._can_keep = False
        """Whether a file can say what these fields are of."""
        self._batch: _Batch | None = None

    def append(self, start: StreamStarted, field: MotionField) -> bool:
        """Keep one field of the run that `start` began; whether a batch has come to disk with it.

        A field that is none is ignored, and so, with a line in the log, are those of pictures too large for a file.

        Raises:
            OSError: the disk refused a batch, which is lost; what is appended next begins a new file.
        """
        head = KeptHead(
            start.width,
            start.height,
            field.columns,
            field.rows,
            start.rotation,
            start.fps,
            start.started_unix_s,
            start.run_id,
        )
        if head != self._head:
            self.close()
            self._head = head
            self._can_keep = fits(head)
            if not self._can_keep:
                logger.warning(
                    "motion fields of %dx%d blocks, of pictures of %dx%d, are not kept: no file can describe them",
                    *(head.columns, head.rows, head.width, head.height),
                )
        try:
            planes = unpack(field.payload, field.columns, field.rows)
        except FieldError:
            return False
        if not self._can_keep:
            return False
        if self._batch is None:
            self._batch = _Batch(field.pts_90k)
        self._batch.add(record_parts(field.pts_90k, planes))
        if self._batch.size >= self._batch_bytes or field.pts_90k - self._batch.first_90k >= ticks(BATCH_S):
            return self.flush()
        return False

    def flush(self) -> bool:
        """Write what waits for its batch to be full; False if nothing waits.

        Raises:
            OSError: as `append`.
        """
        batch, self._batch = self._batch, None
        if batch is None or self._head is None:
            return False
        data = batch.finish()
        try:
            self._write(self._head, batch_bytes(data))
        except OSError:
            self._path = None
            raise
        return True

    def close(self) -> None:
        """Write what waits; the next field begins a new file. Idempotent.

        Raises:
            OSError: as `append`.
        """
        try:
            self.flush()
        finally:
            self._path = self._head = None

    def _write(self, head: KeptHead, data: bytes) -> None:
        if self._path is not None and not self._path.exists():
            self._path = None  # somebody tidied up
        if self._path is not None and self._path.stat().st_size + len(data) > self._limit_bytes // 8:
            self._path = None
        beginning = b"" if self._path is not None else head_bytes(head)
        self._make_room(len(beginning) + len(data))
        if self._path is None:
            self._path = self._new_file()
        try:
            _append(self._path, beginning + data)
        except OSError:
            if beginning:
                self._path.unlink(missing_ok=True)
            raise
        if beginning:
            sync_directory(self._folder)

    def _new_file(self) -> Path:
        make_private_dir(self._root)
        make_private_dir(self._folder)
        number = 1 + max((_number(path) for path in kept_files(self._root)), default=0)
        path = self._folder / f"{number:08d}{SUFFIX}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            give_to_owner_of(self._folder, descriptor)
        finally:
            os.close(descriptor)
        return path

    def _make_room(self, size: int) -> None:
        files = sorted((path for path in kept_files(self._root) if path != self._path), key=_number)
        total = sum(_size(path) for path in files) + size + (_size(self._path) if self._path else 0)
        make_private_dir(self._root)
        free = self._free_bytes(self._root) - size
        for path in files:
            if total <= self._limit_bytes and free >= LEAVE_FREE_BYTES:
                break
            total -= _size(path)
            free += _size(path)
            path.unlink(missing_ok=True)
        if total > self._limit_bytes:
            raise OSError(errno.EFBIG, "what [motion] keep_vectors_mb allows is too little for half a minute")
        if free < LEAVE_FREE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Batch:
    """Records on their way into one zlib stream: packed as they come, so that the work is spread."""

    def __init__(self, first_90k: int) -> None:
        self.first_90k = first_90k
        self.size = 0
        self._packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
        self._parts: list[bytes] = []

    def add(self, record: Iterable[bytes]) -> None:
        for part in record:
            self._keep(self._packer.compress(part))

    def finish(self) -> bytes:
        self._keep(self._packer.flush())
        return b"".join(self._parts)

    def _keep(self, packed: bytes) -> None:
        if packed:
            self._parts.append(packed)
            self.size += len(packed)


def _append(path: Path, data: bytes) -> None:
    """Put so much behind what a file has, all or nothing; on disk on return."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    try:
        end = os.fstat(descriptor).st_size
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fdatasync(descriptor)
        except OSError:
            os.ftruncate(descriptor, end)
            raise
    finally:
        os.close(descriptor)


def _number(path: Path) -> int:
    return int(path.stem) if path.stem.isascii() and path.stem.isdigit() else 0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
