"""One daemon for each state directory."""

import os
from pathlib import Path
from types import TracebackType

from ratcam.errors import StoreError
from ratcam.store.lock import open_lock_file, try_lock, unlock


class InstanceLock:
    """Held by a daemon from `acquire` until `release` or its death, however that comes about.

    Child processes do not inherit it. The file `state_dir`/lock holds the owner's process id; it is never deleted.
    """

    def __init__(self, *, state_dir: Path) -> None:
        self._path = state_dir / "lock"
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the directory, creating it (mode 0700) if need be; does nothing if this object has it already.

        Raises:
            StoreError: another process has it, or the directory cannot be used, or others may write in it.
        """
        if self._descriptor >= 0:
            return
        directory = self._path.parent
        try:
            descriptor = open_lock_file(self._path)
        except OSError as exc:
            raise StoreError(
                f"{directory} cannot be used for Ratcam's state: {exc.strerror or exc}. "
                "Mend its rights, or choose another [daemon] state_dir."
            ) from exc
        try:
            if directory.stat().st_mode & 0o022:
                raise StoreError(
                    f"Others may write in {directory}, and so decide who is authorised. Type: chmod 700 {directory}"
                )
            if not try_lock(descriptor):
                owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
                raise StoreError(
                    f"Another ratcam (process {owner}) uses {directory}. "
                    "Stop it, or give this one another [daemon] state_dir."
                )
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as exc:
            os.close(descriptor)
            raise StoreError(f"{self._path} cannot be written: {exc.strerror or exc}.") from exc
        except StoreError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def release(self) -> None:
        """Let another daemon have it. Idempotent."""
        if self._descriptor >= 0:
            unlock(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "InstanceLock":
        """As `acquire`."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """As `release`."""
        self.release()
