"""The `ratcam recover` command: recordings that were interrupted, made playable by hand."""

import errno
import os
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from ratcam.errors import BadInputError, ExitStatus
from ratcam.media.errors import StreamError
from ratcam.media.recovery import Recovery, recover
from ratcam.media.timebase import seconds
from ratcam.store.atomic_file import give_to_owner_of, sync_directory
from ratcam.store.lock import try_lock, unlock

UNFINISHED_SUFFIXES = (".spool", ".broken")
"""Of recordings that were not finished; they become .mp4."""
_MEDIA_FOLDER = "media"
"""In a state folder; everything that is recorded lies in it."""
COPY_BYTES = 1 << 20
_NAME_IN_PART = 40
"""Characters of the result's name in that of the copy under way: with them it has at most 255 bytes."""
_NO_HARD_LINKS = frozenset((errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK))
"""What `link` fails with on a file system without hard links (FAT), or for a file of another user."""


def recover_files(
    paths: Sequence[Path], *, to: Path | None, say: Callable[[str], None], complain: Callable[[str], None]
) -> ExitStatus:
    """Make each recording a progressive MP4; a file that cannot be recovered does not stop the others.

    In place every step is on disk before the next, and the file is playable between any two of them, so a power cut
    costs nothing but the command, which may be given again. A recording that ends in .spool or .broken gets the name
    .mp4. No other file is ever replaced or changed.

    Args:
        paths: recordings, interrupted or not.
        to: a folder for the results, which leaves the recordings as they are; None: in place.
        say: takes a line for each file that is fine now, or was before.
        complain: takes a line for each that is not.

    Returns:
        OK, or BAD_INPUT if there is a file that could not be recovered.
    """
    status = ExitStatus.OK
    for path in paths:
        try:
            say(recover_file(path, to=to))
        except BadInputError as exc:
            status = exc.exit_status
            complain(f"ratcam: {exc}")
    return status


def recover_file(path: Path, *, to: Path | None) -> str:
    """Make one recording a progressive MP4, in place or as a copy in the folder `to`; returns what was done.

    Raises:
        BadInputError: it cannot be, and why; neither it nor any other file was changed, unless it was the disk that
            failed, in which case the recording can still be recovered.
    """
    try:
        place = path.resolve(strict=True)
        descriptor = os.open(place, (os.O_RDONLY if to else os.O_RDWR) | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadInputError(f"cannot recover {path}: it is not a file")
            with nullcontext() if to else _kept_from_daemons(path, place):
                return _recover(path, place, descriptor, to)
        finally:
            os.close(descriptor)
    except StreamError as exc:
        raise BadInputError(f"cannot recover {path}: {exc}") from exc
    except OSError as exc:
        raise BadInputError(f"cannot recover {path}: {exc.strerror or exc}") from exc


def _recover(path: Path, place: Path, descriptor: int, to: Path | None) -> str:
    size = os.fstat(descriptor).st_size
    found = recover(lambda offset, length: os.pread(descriptor, length, offset), size)
    is_named = place.suffix not in UNFINISHED_SUFFIXES
    if not found.patches and is_named:
        where = ", so it is not copied" if to else ""
        return f"{path}: nothing to do, it is finished ({_extent(found)}){where}"
    final = (to or place.parent) / (place.name if is_named else place.with_suffix(".mp4").name)
    if final != place and os.path.lexists(final) and not _is_of_a_rename_cut_short(place, final, to):
        raise _taken(path, final)
    if to is None:
        if final != place and not os.access(place.parent, os.W_OK | os.X_OK):
            raise BadInputError(f"cannot recover {path}: its folder may not be changed; to have a copy, give --to DIR")
        _mend(path, place, descriptor, final, found)
    else:
        _copy(path, descriptor, final, found)
    cut = size - found.truncate_to
    where = path if final == place else f"{path} -> {final}"
    if not found.patches:
        return f"{where}: was finished already ({_extent(found)}), only its name was not"
    return f"{where}: recovered {_extent(found)}; " + (
        f"{cut} bytes that were not whole are cut off" if cut else "nothing had to be cut off"
    )


def _mend(path: Path, place: Path, descriptor: int, final: Path, found: Recovery) -> None:
    if found.truncate_to < os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, found.truncate_to)
        os.fdatasync(descriptor)
    _apply(descriptor, found)
    if final != place:
        os.fdatasync(descriptor)
        _give_name(path, place, final)


def _copy(path: Path, descriptor: int, final: Path, found: Recovery) -> None:
    part = final.with_name(f".{final.name[:_NAME_IN_PART]}.{os.getpid()}.part")
    try:
        target = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise BadInputError(f"cannot recover {path}: cannot write in {final.parent}: {exc.strerror or exc}") from exc
    try:
        try:
            give_to_owner_of(final.parent, target)
            at = 0
            while at < found.truncate_to:
                data = os.pread(descriptor, min(COPY_BYTES, found.truncate_to - at), at)
                if not data:
                    raise BadInputError(f"cannot recover {path}: it was cut short while it was copied")
                _write(target, data, at)
                at += len(data)
            _apply(target, found)
            os.fdatasync(target)
        finally:
            os.close(target)
        _give_name(path, part, final)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _apply(descriptor: int, found: Recovery) -> None:
    for patch in found.patches:
        _write(descriptor, patch.data, patch.offset)
        os.fdatasync(descriptor)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        done = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[done:], offset + done


def _taken(path: Path, final: Path) -> BadInputError:
    return BadInputError(f"cannot recover {path}: there is a {final} already, and no file is overwritten")


def _is_of_a_rename_cut_short(place: Path, final: Path, to: Path | None) -> bool:
    """Whether the result's name is the recording's own second one: `_give_name` was stopped between its steps."""
    return to is None and not final.is_symlink() and final.samefile(place)


def _give_name(path: Path, place: Path, final: Path) -> None:
    """Rename without ever replacing a file of somebody else, or leaving an empty one if it is stopped."""
    try:
        os.link(place, final)
    except FileExistsError as exc:
        if not (os.path.lexists(final) and _is_of_a_rename_cut_short(place, final, None)):
            raise _taken(path, final) from exc
    except OSError as exc:
        if exc.errno not in _NO_HARD_LINKS:
            raise
        _rename_without_links(path, place, final)
        return
    sync_directory(final.parent)
    place.unlink()
    sync_directory(final.parent)


def _rename_without_links(path: Path, place: Path, final: Path) -> None:
    """The name is taken first, by an empty file of ours."""
    try:
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError as exc:
        raise _taken(path, final) from exc
    try:
        place.rename(final)
    except BaseException:
        with suppress(OSError):
            final.unlink()
        raise
    sync_directory(final.parent)


@contextmanager
def _kept_from_daemons(path: Path, place: Path) -> Generator[None]:
    """Nobody else changes the recording meanwhile: the lock of the state folder it lies in, if it does, is taken.

    A daemon's recordings lie in the folder `media` of its state folder.
    """
    held: list[int] = []
    try:
        for media in place.parents:
            lock = media.parent / "lock"
            if media.name != _MEDIA_FOLDER or lock.is_symlink() or not lock.is_file():
                continue
            descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            if not try_lock(descriptor):
                os.close(descriptor)
                raise BadInputError(
                    f"cannot recover {path}: it belongs to a ratcam that runs, as {lock} is held, and recovers its "
                    "own recordings when it starts; to have a copy of what is there now, give --to DIR"
                )
            held.append(descriptor)
        yield
    finally:
        for descriptor in held:
            unlock(descriptor)


def _extent(found: Recovery) -> str:
    return f"{found.frames} picture{'s' * (found.frames != 1)}, {seconds(found.duration_90k):.2f} s"
