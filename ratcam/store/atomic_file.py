"""Files that are replaced as a whole: after a crash or a power cut there is the old content or the new, nothing else.

The order is the guarantee: write a new file beside the old one, sync it, keep the old one by a hard link, rename, sync
the directory. The temporary file is removed first and created exclusively, because after a power cut it may be a second
name of the file itself. All functions raise `OSError`; the stores say in words what it means.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

_NO_HARD_LINKS = frozenset((errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))
"""What `link` fails with on a file system without hard links (FAT), or for a file of another user."""


class Signature(NamedTuple):
    """What tells one version of a file from the next: a replaced file has another inode, an edited one another time."""

    inode: int
    mtime_ns: int
    size: int


def signature_of(path: Path) -> Signature | None:
    """The signature of the file at `path` (a link is not followed); None when there is no file."""
    try:
        return _signature(path.lstat())
    except FileNotFoundError:
        return None


def read_file(path: Path, *, limit_bytes: int) -> tuple[bytes, Signature] | None:
    """The whole content of a regular file and its signature, or None when there is none.

    Never follows a symbolic link at `path` and never waits for a pipe or device.

    Raises:
        OSError: it cannot be read, is no regular file, or is longer than `limit_bytes`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor, "rb", closefd=True) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        data = file.read(limit_bytes + 1)
    if len(data) > limit_bytes:
        raise OSError(errno.EFBIG, f"it is longer than {limit_bytes} bytes", str(path))
    return data, _signature(status)


def replace_file(path: Path, data: bytes, *, backup: Path | None = None) -> Signature:
    """Make `data` the content of `path`, mode 0600, on disk on return; the content before it is kept as `backup`.

    With a `backup` and no file at `path` yet, an old backup is removed: it is not the content before this one.
    Only one writer at a time may call this for one path. Returns the new file's signature.

    Raises:
        OSError: the disk refused. `path` is unchanged, unless the last step (syncing the directory) failed: then it
            is new, but may be the old one again after a power cut.
    """
    temporary = _temporary(path)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            give_to_owner_of(path.parent, descriptor)
            _write_all(descriptor, data)
            os.fsync(descriptor)
            signature = _signature(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        if backup is not None:
            keep(path, backup)
        temporary.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    return signature


def keep(path: Path, backup: Path) -> None:
    """Let `backup` have the present content of `path`, by a second name or else by a copy; without a file, remove it.

    Raises:
        OSError: the disk refused.
    """
    spare = _temporary(backup)
    spare.unlink(missing_ok=True)
    if signature_of(path) is None:
        backup.unlink(missing_ok=True)
        return
    try:
        os.link(path, spare, follow_symlinks=False)
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        replace_file(backup, path.read_bytes())
        return
    spare.rename(backup)
    # rename() of two names of one file does nothing at all, which leaves the spare name behind.
    spare.unlink(missing_ok=True)


def make_private_dir(path: Path) -> None:
    """Create a directory (mode 0700) and its missing parents; one that exists is left as it is."""
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Put the names in a directory on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def give_to_owner_of(directory: Path, descriptor: int) -> None:
    """Let a file that root creates belong to the directory's owner, so that the daemon can read what `sudo` wrote."""
    if os.geteuid() == 0:
        owner = directory.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def _signature(status: os.stat_result) -> Signature:
    return Signature(inode=status.st_ino, mtime_ns=status.st_mtime_ns, size=status.st_size)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        written = os.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rest = rest[written:]
