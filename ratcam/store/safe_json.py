"""A TinyDB storage that survives crashes, full disks and other processes: `SafeJsonStorage`.

TinyDB's own JSONStorage writes over the file in place, so a crash or a full disk destroys it; and a storage that hands
TinyDB its cached objects lets a change that failed half-way stay in force, which in a list of who may command is a
privilege. Here the file is replaced as a whole and what is kept in memory is the committed text, parsed for each read.
"""

import contextlib
import logging
import os
import shlex
import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinydb.storages import Storage

from ratcam.errors import StoreError
from ratcam.store.atomic_file import Signature, keep, make_private_dir, read_file, replace_file, signature_of
from ratcam.store.json_format import SCHEMA, NewerSchemaError, Tables, decode, encode
from ratcam.store.lock import FileLock

_LIMIT_BYTES = 8 * 1024 * 1024
"""A file is written as a whole on every change; a larger one would wear out a memory card."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Committed:
    signature: Signature | None
    data: bytes | None
    """None: there is no file."""


def _accept(_tables: Tables) -> None:
    """The check of a storage that has none."""


class SafeJsonStorage(Storage):
    """One JSON file (mode 0600) in a directory of its owner only (created with mode 0700).

    A write is on disk on return or did not happen. The state before the last write is kept as `.bak`. A damaged file
    is moved aside as `.corrupt-<UTC>` and the backup is put in its place, with a warning in the log; when both are
    damaged, or a newer version wrote the file, every read and write raises and the files are left alone: nothing is in
    force. Reads need no lock. Hold `lock` from a read to the write that rests on it. Threads may share an object.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        kind: str,
        check: Callable[[Tables], None] = _accept,
        limit_bytes: int = _LIMIT_BYTES,
    ) -> None:
        """`kind` is written into the file; `check` raises ValueError for content that is damaged for its owner."""
        self._path = Path(path)
        self._backup = self._path.with_name(f"{self._path.name}.bak")
        self._kind = kind
        self._check = check
        self._limit_bytes = limit_bytes
        self._committed: _Committed | None = None
        self._generation = 0
        self._guard = threading.Lock()
        self.lock = FileLock(self._path.with_name(f"{self._path.name}.lock"))

    def read(self) -> dict[str, dict[str, Any]] | None:
        """The committed tables as new objects; None when there is no file.

        Raises:
            StoreError: the file cannot be read, both it and its backup are damaged, or a newer version wrote it.
        """
        with self._in_words("read"):
            committed = self._committed
            if committed is None or signature_of(self._path) != committed.signature:
                committed = self._load()
            return None if committed.data is None else self._decode(committed.data)

    def read_again(self) -> dict[str, dict[str, Any]] | None:
        """As `read`, but surely from the disk: for a change, which must not rest on a guess from signatures."""
        self._forget()
        return self.read()

    def write(self, data: Mapping[str, Mapping[str, Mapping[str, object]]]) -> None:
        """Replace the file.

        Raises:
            StoreError: the content is not JSON or not accepted by the check, the file is damaged or newer, the disk
                refused, or somebody who holds no lock changed the file since it was read.
        """
        text = self._encode(data)
        with self.lock, self._in_words("written"):
            if self._committed is None:
                self.read()
            known = self._committed
            self._forget()
            if known is not None and signature_of(self._path) != known.signature:
                raise StoreError(
                    f"{self._path} was changed by somebody else meanwhile. Nothing was changed; try again."
                )
            make_private_dir(self._path.parent)
            signature = replace_file(self._path, text, backup=self._backup)
            with self._guard:
                self._generation += 1
                self._committed = _Committed(signature=signature, data=text)

    def is_changed(self) -> bool:
        """Whether the file is another one than this object last read or wrote; True before the first read."""
        committed = self._committed
        try:
            return committed is None or signature_of(self._path) != committed.signature
        except OSError:
            return True

    def _encode(self, data: Mapping[str, Mapping[str, Mapping[str, object]]]) -> bytes:
        try:
            text = encode(data, kind=self._kind)
            self._decode(text)
        except (TypeError, ValueError, RecursionError) as exc:
            raise StoreError(f"{self._path}: this cannot be stored: {exc}. Nothing was changed.") from exc
        if len(text) > self._limit_bytes:
            raise StoreError(f"{self._path} would be longer than {self._limit_bytes} bytes. Nothing was changed.")
        return text

    def _decode(self, data: bytes) -> Tables:
        return decode(data, kind=self._kind, check=self._check)

    def _forget(self) -> None:
        with self._guard:
            self._generation += 1
            self._committed = None

    def _load(self) -> _Committed:
        generation = self._generation
        found = self._try_load()
        if isinstance(found, ValueError):
            with self.lock:
                found = self._try_load()  # another process may have repaired it while this one waited
                if isinstance(found, ValueError):
                    found = self._restore(found)
        with self._guard:
            if self._generation == generation:  # else a slow reader would put its old text over a newer one
                self._committed = found
        return found

    def _try_load(self) -> _Committed | ValueError:
        content = read_file(self._path, limit_bytes=self._limit_bytes)
        if content is None:
            return _Committed(signature=None, data=None)
        data, signature = content
        try:
            self._decode(data)
        except ValueError as exc:
            return exc
        return _Committed(signature=signature, data=data)

    def _restore(self, damage: ValueError) -> _Committed:
        content = read_file(self._backup, limit_bytes=self._limit_bytes)
        if content is None:
            raise self._beyond_repair(damage, "there is no backup of it") from damage
        data, _ = content
        try:
            self._decode(data)
        except ValueError as exc:
            raise self._beyond_repair(damage, f"so is its backup {self._backup} ({exc})") from exc
        aside = self._move_aside_name()
        # A second name first and then a replacement: at no moment is there no file, which would mean an empty store.
        keep(self._path, aside)
        signature = replace_file(self._path, data)
        logger.warning(
            "%s was damaged (%s). It is kept as %s, and the state before its last change is in force again.",
            self._path,
            damage,
            aside.name,
        )
        return _Committed(signature=signature, data=data)

    def _move_aside_name(self) -> Path:
        stem = f"{self._path.name}.corrupt-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        aside = self._path.with_name(stem)
        number = 1
        while aside.exists():
            number += 1
            aside = self._path.with_name(f"{stem}-{number}")
        return aside

    def _beyond_repair(self, damage: ValueError, backup: str) -> StoreError:
        path, spare = shlex.quote(str(self._path)), shlex.quote(str(self._backup))
        return StoreError(
            f"{self._path} is damaged ({damage}), and {backup}. Nothing in it is in force and nothing was changed. "
            f"Repair it, or begin with an empty one: mv {path} {path}.damaged; rm -f {spare}"
        )

    @contextlib.contextmanager
    def _in_words(self, action: str) -> Generator[None, None, None]:
        try:
            yield
        except NewerSchemaError as exc:
            raise StoreError(
                f"{self._path} was written by a newer Ratcam (format {exc.schema}, this one knows {SCHEMA}). "
                "It was left alone. Update Ratcam, or give this one another [daemon] state_dir."
            ) from exc
        except OSError as exc:
            raise StoreError(
                f"{self._path} cannot be {action}: {exc.strerror or exc}. This change may not have been kept. "
                f"Look at the free space and the rights of {self._path.parent}."
            ) from exc
