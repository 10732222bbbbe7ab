"""The `ratcam mux` command: a raw H.264 file into an MP4 file, without decoding or encoding it."""

import math
import os
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path

from ratcam.errors import BadInputError
from ratcam.media.avc_config import shown_size
from ratcam.media.errors import StreamError
from ratcam.media.progressive import ProgressiveFile
from ratcam.media.raw_stream import RawStream, read_stream
from ratcam.media.timebase import seconds

DEFAULT_FPS = Fraction(25)
MIN_FPS, MAX_FPS = Fraction(1, 100), Fraction(1000)
WRITE_BUFFER_BYTES = 1 << 20


class FpsOrigin(Enum):
    """Where the frame rate of a muxed file comes from."""

    FLAG = "--fps"
    STREAM = "the stream"
    DEFAULT = "assumed"
    """The stream does not say: 25 pictures a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MuxReport:
    """What was muxed. Width and height are in pixels as shown."""

    frames: int
    key_frames: int
    duration_s: float
    width: int
    height: int
    fps: float
    fps_origin: FpsOrigin
    dropped_frames: int
    """Pictures before the first key frame: nothing can be decoded from them, they are left out."""
    is_reordered: bool
    size_bytes: int


def mux_file(source: Path, target: Path, *, fps: float | None) -> MuxReport:
    """Put the H.264 pictures of an Annex B file into an MP4 file with the index in front.

    The target appears, or is replaced, when it is whole; on an error it is left as it was.

    Args:
        source: the raw stream.
        target: the file to write.
        fps: pictures a second; None: what the stream says, or else 25.

    Raises:
        BadInputError: the source cannot be read or is no H.264 stream with parameter sets and a key frame, the target
            cannot be written or is the source, by whatever name, or `fps` is not from 0.01 to 1000.
    """
    if fps is not None and not (math.isfinite(fps) and MIN_FPS <= fps <= MAX_FPS):
        raise BadInputError(f"--fps {fps:g} is not a frame rate: give pictures a second, from 0.01 to 1000")
    _refuse_same_file(source, target)
    data, created_unix_s = _opened(source)
    try:
        stream = read_stream(data)
        rate, origin = _frame_rate(fps, stream)
        file = stream.lay_out(rate, created_unix_s=created_unix_s, title=source.stem)
    except StreamError as exc:
        raise BadInputError(f"cannot mux {source}: {exc}") from exc
    size_bytes = _replace(target, file)
    sizes = [shown_size(sets.active) for sets in stream.descriptions]
    return MuxReport(
        frames=file.frames,
        key_frames=sum(picture.is_key for picture in stream.pictures),
        duration_s=seconds(file.duration_90k),
        width=max(width for width, _ in sizes),
        height=max(height for _, height in sizes),
        fps=float(rate),
        fps_origin=origin,
        dropped_frames=stream.dropped,
        is_reordered=stream.is_reordered,
        size_bytes=size_bytes,
    )


def _refuse_same_file(source: Path, target: Path) -> None:
    with suppress(OSError, ValueError):  # one of them is missing or has an impossible name: said where it is opened
        if source.samefile(target):
            raise BadInputError(f"{target} is the stream itself: give the MP4 file another name")


def _opened(source: Path) -> tuple[memoryview, int]:
    """The file's bytes, mapped where that is possible, and when it was last written."""
    try:
        with source.open("rb") as file:
            written_unix_s = int(os.fstat(file.fileno()).st_mtime)
            # A pipe cannot be mapped, nor can an empty file.
            with suppress(OSError, ValueError):
                return memoryview(mmap(file.fileno(), 0, access=ACCESS_READ)), written_unix_s
            return memoryview(file.read()), written_unix_s
    except OSError as exc:
        raise BadInputError(f"cannot read {source}: {exc.strerror or exc}") from exc


def _frame_rate(flag: float | None, stream: RawStream) -> tuple[Fraction, FpsOrigin]:
    if flag is not None:
        return Fraction(str(flag)), FpsOrigin.FLAG
    if (timing := stream.sps.vui.timing) is not None:
        tick, scale = timing
        rate = Fraction(scale, 2 * tick)
        if MIN_FPS <= rate <= MAX_FPS:
            return rate, FpsOrigin.STREAM
    return DEFAULT_FPS, FpsOrigin.DEFAULT


def _replace(target: Path, file: ProgressiveFile) -> int:
    """Write the file beside the target and put it in its place; its size."""
    try:
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with part.open("xb", buffering=WRITE_BUFFER_BYTES) as out:
                out.writelines(file.buffers())
                out.flush()
                os.fsync(out.fileno())
                size_bytes = out.tell()
            part.replace(target)
        except BaseException:
            # Whatever stopped it, Ctrl-C too: no half file stays behind.
            part.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise BadInputError(f"cannot write {target}: {reason}") from exc
    return size_bytes
