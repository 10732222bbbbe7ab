"""The `ratcam mux` command: a raw H.264 file into an MP4 file, without decoding or encoding it.

One pass with little memory: windows on the stream are written as they are read, behind room for the index, which is
filled in at the end. Nothing that is slow to import stands here: a minute of video takes less time than `argparse`.
"""

import os

from ratcam.console import say, shown
from ratcam.errors import BadInputError
from ratcam.media.avc_config import shown_size
from ratcam.media.boxes import FileInfo
from ratcam.media.errors import StreamError
from ratcam.media.progressive import exact_head, head_of_size, room_for_head
from ratcam.media.raw_stream import MAX_RATE, MIN_RATE, RawStream
from ratcam.media.timebase import seconds
from ratcam.media.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ratcam.media.avc_config import Description
    from ratcam.media.progressive import Rate

FIRST_BYTES = 1 << 20
"""What is looked at before anything is written: the room for the index is estimated from it."""
WINDOW_BYTES = 512 << 10
"""Small enough to stay in the processor's cache between reading, scanning and writing."""
_TYPE, _ORDINARY = 0o170000, 0o100000
"""Of a file's mode the part that says what it is, and what that is for ordinary files (inode(7))."""
_NAME_IN_PART = 40
"""Characters of the target's name in that of the file under way: with them it has at most 255 bytes."""
_MAX_BUFFERS = 1024
"""What one call of writev takes."""


class FpsOrigin:
    """Where the frame rate of a muxed file comes from."""

    FLAG = "--fps"
    STREAM = "the stream"
    DEFAULT = "assumed"
    """The stream does not say: 25 pictures a second."""


class MuxReport(Value):
    """What was muxed. Width and height are in pixels as shown."""

    frames: int
    key_frames: int
    duration_s: float
    width: int
    height: int
    fps: float
    fps_origin: str
    """One of `FpsOrigin`."""
    dropped_frames: int
    """Pictures before the first that a decoder can begin with: nothing can be decoded from them, they are left out."""
    lacks_sets: bool
    """Whether a key frame is among these, whose parameter sets were not there."""
    changes_size: bool
    """Whether the pictures are not all of one size; width and height are then those of the largest."""
    is_reordered: bool
    size_bytes: int


def mux(source: str, target: str, *, fps: "float | Rate | None") -> None:
    """Do the command: mux a file and say on standard output what is in it.

    Raises:
        BadInputError: see `mux_file`.
    """
    report = mux_file(source, target, fps=fps)
    say(
        f"{shown(target)}: {_count(report.frames, 'picture')} ({_count(report.key_frames, 'key frame')}), "
        f"{report.duration_s:.2f} s, "
        f"{report.width}x{report.height} at {report.fps:g} pictures/s ({report.fps_origin}), "
        f"{report.size_bytes} bytes"
    )
    if report.dropped_frames:
        key = "key frame whose parameter sets (SPS, PPS) are there" if report.lacks_sets else "key frame"
        say(f"Left out, before the first {key}: {_count(report.dropped_frames, 'picture')}.")
    if report.changes_size:
        say("The size of the pictures changes in the stream: some players show only those of the first size.")


def mux_file(
    source: "str | os.PathLike[str]", target: "str | os.PathLike[str]", *, fps: "float | Rate | None"
) -> MuxReport:
    """Put the H.264 pictures of an Annex B file into an MP4 file with the index in front.

    The target appears, or is replaced, when it is whole; on an error it is left as it was.

    Args:
        source: the raw stream: a file or a pipe.
        target: the file to write.
        fps: pictures a second, a number or a fraction; None: what the stream says, or else 25.

    Raises:
        BadInputError: the source cannot be read or is no H.264 stream with parameter sets and a key frame, the target
            cannot be written or is the source, by whatever name, or `fps` is not from 0.01 to 1000.
    """
    number = fps[0] / fps[1] if isinstance(fps, tuple) else fps
    if number is not None and not MIN_RATE <= number <= MAX_RATE:
        raise BadInputError(f"--fps {number:g} is not a frame rate: give pictures a second, from 0.01 to 1000")
    source, target = os.fspath(source), os.fspath(target)
    _refuse_target(source, target)
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as exc:
        raise BadInputError(f"cannot read {source}: {_reason(exc)}") from exc
    try:
        return _Job(descriptor, source, target, _rate(fps)).run(is_flag=fps is not None)
    except StreamError as exc:
        raise BadInputError(f"cannot mux {source}: {exc}") from exc
    finally:
        os.close(descriptor)


class _Job:
    """One file's muxing."""

    def __init__(self, source: int, name: str, target: str, rate: "Rate | None") -> None:
        found = os.fstat(source)
        self._source, self._name, self._target = source, name, target
        self._size = found.st_size if found.st_mode & _TYPE == _ORDINARY else None
        title = os.path.splitext(os.path.basename(name))[0]  # noqa: PTH119, PTH122  pathlib is slow to import
        self._info = FileInfo(created_unix_s=int(found.st_mtime), title=title)
        self._stream = RawStream(rate=rate)
        self._descriptions: tuple[Description, ...] = ()
        # One byte more than a short file has: so its end is seen at once.
        self._buffer = bytearray(FIRST_BYTES if self._size is None else min(FIRST_BYTES, self._size + 1))
        self._held: int = 0
        self._rest = memoryview(b"")
        self._is_over = False

    def run(self, *, is_flag: bool) -> MuxReport:
        """Write the file.

        Raises:
            StreamError: the source is no stream that can be muxed.
            BadInputError: it cannot be read, or the target cannot be written.
        """
        buffers = self._next(len(self._buffer))
        payload = sum(map(len, buffers))
        if self._is_over:
            # It is all here: nothing need be estimated.
            self._descriptions, tables = self._stream.finish()
            head = exact_head(self._info, self._descriptions, tables, payload=payload)
            size = _replace(self._target, lambda out: _write(out, [head, *buffers]))
        else:
            size = _replace(self._target, lambda out: self._write_all(out, buffers, payload))
        return self._report(size, is_flag=is_flag)

    def _write_all(self, out: int, buffers: "list[bytes | memoryview]", payload: int) -> None:
        stream = self._stream
        room = room_for_head(stream.index, part=payload, whole=self._size)
        os.lseek(out, room, os.SEEK_SET)
        _write(out, buffers)
        while not self._is_over:
            buffers = self._next(WINDOW_BYTES)
            payload += sum(map(len, buffers))
            _write(out, buffers)
        self._descriptions, tables = stream.finish()
        head = head_of_size(room, self._info, self._descriptions, tables, payload=payload)
        if head is None:
            # The stream goes on in another way than it began.
            head = exact_head(self._info, self._descriptions, tables, payload=payload)
            _move(out, room, payload, len(head) - room, self._buffer)
        _write_at(out, head, 0)

    def _next(self, count: int) -> "list[bytes | memoryview]":
        """Read on; what is to be written before the next call."""
        self._stream.out.clear()
        if len(self._buffer) - self._held < count:
            # A NAL unit longer than the buffer.
            self._buffer = bytearray(2 * len(self._buffer) + count)
        view, end = memoryview(self._buffer), self._held
        view[:end] = self._rest
        try:
            while count and (got := os.readv(self._source, [view[end : end + count]])):
                end, count = end + got, count - got
        except OSError as exc:
            raise BadInputError(f"cannot read {self._name}: {_reason(exc)}") from exc
        self._is_over = count > 0
        used = self._stream.take(self._buffer, end, is_last=self._is_over)
        self._held = end - used
        self._rest = view[used:end]
        return self._stream.out

    def _report(self, size_bytes: int, *, is_flag: bool) -> MuxReport:
        stream, index = self._stream, self._stream.index
        if index is None:
            raise StreamError("there is no picture in it")
        sizes = [shown_size(sets.active) for sets in self._descriptions]
        origin = FpsOrigin.STREAM if stream.is_stream_rate else FpsOrigin.DEFAULT
        return MuxReport(
            frames=len(index.tables),
            key_frames=index.key_frames,
            duration_s=seconds(index.tables.duration_90k),
            width=max(width for width, _ in sizes),
            height=max(height for _, height in sizes),
            fps=stream.rate[0] / stream.rate[1],
            fps_origin=FpsOrigin.FLAG if is_flag else origin,
            dropped_frames=stream.dropped,
            lacks_sets=stream.lacks_sets,
            changes_size=len(set(sizes)) > 1,
            is_reordered=index.is_reordered,
            size_bytes=size_bytes,
        )


def _rate(fps: "float | Rate | None") -> "Rate | None":
    """The rate as it was typed, so that 29.97 is 2997/100 and not the nearest binary number."""
    if fps is None or isinstance(fps, tuple):
        return fps
    whole, _, decimals = repr(fps).partition(".")
    return int(whole + decimals), 10 ** len(decimals)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _reason(exc: OSError | ValueError) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc)


def _refuse_target(source: str, target: str) -> None:
    try:
        found = os.stat(target)  # noqa: PTH116
    except (OSError, ValueError):
        return  # it is missing, or has an impossible name: said where it is opened
    try:
        is_same = os.path.samestat(found, os.stat(source))  # noqa: PTH116
    except (OSError, ValueError):
        is_same = False
    if is_same:
        raise BadInputError(f"{target} is the stream itself: give the MP4 file another name")
    if found.st_mode & _TYPE != _ORDINARY:
        raise BadInputError(f"cannot write {target}: it is a folder or a device, not an ordinary file")


def _replace(target: str, write: "Callable[[int], None]") -> int:
    """Let a file be written beside the target and put it in its place; its size."""
    folder, name = os.path.split(target)
    # Not the whole name: that may be as long as names get.
    part = os.path.join(folder, f".{name[:_NAME_IN_PART]}.{os.getpid()}.part")  # noqa: PTH118
    try:
        try:
            out = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except ValueError as exc:
            raise BadInputError(f"cannot write {target}: {exc}") from exc
        try:
            write(out)
            os.fsync(out)
            size = os.fstat(out).st_size
        finally:
            os.close(out)
        os.replace(part, target)  # noqa: PTH105
    except FileExistsError as exc:
        raise BadInputError(f"cannot write {target}: there is a {part}, and no file is overwritten") from exc
    except BaseException as exc:
        # Whatever stopped it, a signal too: no half file stays behind.
        try:  # noqa: SIM105  contextlib is slow to import
            os.unlink(part)  # noqa: PTH108
        except (OSError, ValueError):
            pass
        if isinstance(exc, OSError):
            raise BadInputError(f"cannot write {target}: {_reason(exc)}") from exc
        raise
    return size


def _write(out: int, buffers: "list[bytes | memoryview]") -> None:
    """Write buffers where the file stands, all of them."""
    for begin in range(0, len(buffers), _MAX_BUFFERS):
        some = buffers[begin : begin + _MAX_BUFFERS]
        written = os.writev(out, some)
        if written < sum(map(len, some)):
            # The disk is full, or a signal came: the rest says which.
            for buffer in some:
                skipped = min(written, len(buffer))
                written -= skipped
                _write_on(out, buffer[skipped:])


def _write_on(out: int, buffer: "bytes | memoryview") -> None:
    while len(buffer):
        buffer = buffer[os.write(out, buffer) :]


def _write_at(out: int, data: "bytes | memoryview", offset: int) -> None:
    os.lseek(out, offset, os.SEEK_SET)
    _write_on(out, data)


def _move(out: int, begin: int, size: int, by: int, buffer: bytearray) -> None:
    """Move what lies in a file from `begin` to its end, `by` bytes on, or back if negative."""
    view, step = memoryview(buffer), len(buffer)
    steps = range(0, size, step)
    for at in reversed(steps) if by > 0 else steps:
        part = view[: min(step, size - at)]
        if os.preadv(out, [part], begin + at) != len(part):
            raise OSError("the file under way has been cut short")
        _write_at(out, part, begin + at + by)
    os.ftruncate(out, begin + size + by)
