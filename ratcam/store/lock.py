"""A lock between threads and between processes, on a file of its own."""

import fcntl
import os
import threading
import time
from pathlib import Path
from types import TracebackType

from ratcam.errors import StoreError
from ratcam.store.atomic_file import give_to_owner_of, make_private_dir

_POLL_S = 0.005


class FileLock:
    """A re-entrant lock, held between `__enter__` and `__exit__` by one thread of one process.

    It is never taken on the data file itself: replacing that file would let a second owner in. flock, not lockf: a
    lockf lock is lost as soon as the process closes any descriptor of the file. A killed process holds nothing.
    """

    def __init__(self, path: Path, *, timeout_s: float = 10.0) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self._thread_lock = threading.RLock()
        self._depth = 0
        self._descriptor = -1

    def __enter__(self) -> None:
        """Take the lock; the file and its directory are created if need be.

        Raises:
            StoreError: another one held it for the whole time-out, or the file cannot be opened.
        """
        if not self._thread_lock.acquire(timeout=self._timeout_s):
            raise self._busy()
        try:
            if self._depth == 0:
                self._descriptor = self._lock_file()
            self._depth += 1
        except BaseException:
            self._thread_lock.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let it go."""
        self._depth -= 1
        if self._depth == 0:
            unlock(self._descriptor)
            self._descriptor = -1
        self._thread_lock.release()

    def _lock_file(self) -> int:
        try:
            descriptor = open_lock_file(self._path)
        except OSError as exc:
            raise StoreError(f"{self._path} cannot be opened: {exc.strerror or exc}. Nothing was changed.") from exc
        deadline_s = time.monotonic() + self._timeout_s
        while not try_lock(descriptor):
            if time.monotonic() >= deadline_s:
                os.close(descriptor)
                raise self._busy()
            time.sleep(_POLL_S)
        return descriptor

    def _busy(self) -> StoreError:
        return StoreError(
            f"{self._path} has been locked by another ratcam for {self._timeout_s:g} s. Nothing was changed; try again."
        )


def open_lock_file(path: Path) -> int:
    """Open a lock file, creating it (mode 0600) if need be; no child process inherits the descriptor.

    Raises:
        OSError: it cannot be opened, or is a symbolic link.
    """
    make_private_dir(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    give_to_owner_of(path.parent, descriptor)
    return descriptor


def try_lock(descriptor: int) -> bool:
    """Take the lock of an open lock file without waiting; False when another one holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def unlock(descriptor: int) -> None:
    """Let the lock go and close its file.

    Closing alone would not do: a child process that is just being started holds a copy until its program begins.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)
