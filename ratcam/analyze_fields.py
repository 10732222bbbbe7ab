"""Where `ratcam analyze` and `ratcam tune` get motion fields from: videos, picamera's vector files, and kept fields."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from ratcam.errors import BadInputError, CameraError, StoreError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.field import field_size, grid_of
from ratcam.ports import CameraSource, CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings
from ratcam.store.vector_format import KeptField, KeptHead, is_kept_file, read_fields, read_head

_TEXT_BYTES = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r\f\x1b")
_MOST_FPS = 1000.0
_NEARLY = 1
"""Picamera may write a field more than there are pictures, or a field less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedField:
    """A motion field in MMAL form (see `messages.MotionField`) and the time of its picture."""

    pts_90k: int
    columns: int
    rows: int
    payload: bytes = field(repr=False)


class Fields(Protocol):
    """The motion fields of one recording, once, in order."""

    @property
    def info(self) -> SourceInfo:
        """What is recorded."""
        ...

    @property
    def first_90k(self) -> int:
        """The time of the first picture, from which people count; known once a field has been yielded."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know of how the fields are read."""
        ...

    def __iter__(self) -> Iterator[TimedField]:
        """The fields; the first may come later than the recording begins.

        Raises:
            BadInputError: the recording cannot be read to its end.
        """
        ...

    def still_jpeg(self) -> bytes:
        """The picture of the field yielded last; empty if the recording has none."""
        ...

    def close(self) -> None:
        """Let the file go. Idempotent."""
        ...


class VideoFields:
    """The fields that the decoder makes of a video."""

    def __init__(self, video: Path, *, has_vectors: bool = False) -> None:
        """Open a video; `has_vectors`: its fields are to have those of the stream.

        Raises:
            BadInputError: it cannot be read, or is no video.
            MissingDependencyError: no video decoder is installed.
        """
        check_readable(video, "video")
        _check_not_text(video)
        if is_kept_file(video):
            raise BadInputError(
                f"{video} holds motion fields that the daemon kept. Replay them with: ratcam tune {video}"
            )
        self._video = video
        self._source, self.info = open_video(video, has_vectors=has_vectors)
        self.notes: tuple[str, ...] = ()
        self.first_90k = 0

    def __iter__(self) -> Iterator[TimedField]:
        """See `Fields`."""
        is_first = True
        for picture in pictures_of(self._source, self._video):
            if is_first:
                self.first_90k, is_first = picture.pts_90k, False
            if picture.field:
                yield TimedField(
                    pts_90k=picture.field_pts_90k,
                    columns=picture.columns,
                    rows=picture.rows,
                    payload=picture.field,
                )

    def still_jpeg(self) -> bytes:
        """See `Fields`; a decoder that hands out several pictures at once has only the last of them."""
        try:
            return self._source.still_jpeg()[1]
        except CameraError:
            return b""

    def close(self) -> None:
        """See `Fields`."""
        self._source.close()


class VectorFields:
    """The fields of a raw vector file of picamera, at the times of the video that was recorded with it."""

    def __init__(self, vectors: Path, video: Path) -> None:
        """Open a vector file and read the times of its video.

        Raises:
            BadInputError: one of them cannot be read, or they do not belong together.
            MissingDependencyError: no video decoder is installed.
        """
        check_readable(video, "video")
        _check_not_text(video)
        check_readable(vectors, "vector file")
        source, self.info = open_video(video)
        with contextlib.closing(source):
            times = sorted(picture.pts_90k for picture in pictures_of(source, video) if picture.data)
        self._columns, self._rows = grid_of(self.info.width, self.info.height)
        self._size = field_size(self._columns, self._rows)
        length = vectors.stat().st_size
        whole, rest = divmod(length, self._size)
        if rest and (not whole or abs(whole - len(times)) > _NEARLY):
            raise BadInputError(_wrong_length(vectors, length, video, self.info, self._size))
        self._times, self.notes = _times_for(whole, times, self.info.fps)
        if rest:
            self.notes += (f"The vector file is cut off within its last field: {rest} bytes at its end are left out.",)
        self.first_90k = self._times[0]
        self._file: BinaryIO = vectors.open("rb")

    def __iter__(self) -> Iterator[TimedField]:
        """See `Fields`."""
        for pts_90k in self._times:
            payload = self._file.read(self._size)
            yield TimedField(pts_90k=pts_90k, columns=self._columns, rows=self._rows, payload=payload)

    def still_jpeg(self) -> bytes:
        """See `Fields`: there is no picture."""
        return b""

    def close(self) -> None:
        """See `Fields`."""
        self._file.close()


class KeptFields:
    """The fields that the daemon kept of one run, from one file or several that follow each other."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        """Open the files of a run, in their order.

        Raises:
            BadInputError: one cannot be read or is of an unknown version.
        """
        self._paths = paths
        self.head = head_of(paths[0])
        head = self.head
        self.info = SourceInfo(width=head.width, height=head.height, fps=head.fps, rotation=head.rotation)
        self.notes: tuple[str, ...] = ()
        self.first_90k = 0

    def __iter__(self) -> Iterator[TimedField]:
        """See `Fields`."""
        is_first = True
        for path in self._paths:
            head = head_of(path)
            for kept in _kept(path, self._note):
                if is_first:
                    self.first_90k, is_first = kept.pts_90k, False
                yield TimedField(pts_90k=kept.pts_90k, columns=head.columns, rows=head.rows, payload=kept.payload)

    def _note(self, path: Path, words: str) -> None:
        self.notes += (f"{path.name} {words}.",)

    def still_jpeg(self) -> bytes:
        """See `Fields`: there is no picture."""
        return b""

    def close(self) -> None:
        """See `Fields`."""


def head_of(path: Path) -> KeptHead:
    """What a kept file says of itself.

    Raises:
        BadInputError: it cannot be read, is of an unknown version, or makes no sense.
    """
    try:
        head = read_head(path)
    except StoreError as exc:
        raise BadInputError(str(exc)) from exc
    # Written by something else, for its checksum is right. Not a number is neither more nor less.
    if not 0 < head.fps <= _MOST_FPS or head.rotation not in (0, 90, 180, 270):
        raise BadInputError(f"{path} is damaged at its beginning and cannot be used.")
    return head


def _kept(path: Path, note: Callable[[Path, str], None]) -> Iterator[KeptField]:
    try:
        yield from read_fields(path, tell=lambda words: note(path, words))
    except StoreError as exc:
        raise BadInputError(str(exc)) from exc


def open_video(video: Path, *, has_vectors: bool = False) -> tuple[CameraSource, SourceInfo]:
    """A video, open, as a camera that delivers as fast as it is asked; `has_vectors` as in `VideoFields`.

    Raises:
        BadInputError: it is no video that can be decoded.
        MissingDependencyError: no video decoder is installed.
    """
    from ratcam.cameras.file import FileSource  # noqa: PLC0415 - optional: needs a video decoder

    settings = CameraSettings(source=f"file:{video}", pace="fast", loop=False)
    source = FileSource(settings, has_vectors=has_vectors)
    try:
        return source, source.open()
    except CameraError as exc:
        source.close()
        raise BadInputError(f"{video} cannot be analysed: {exc}") from exc


def pictures_of(source: CameraSource, video: Path) -> Iterator[CapturedPicture]:
    """What a source delivers, to its end.

    Raises:
        BadInputError: it fails before.
    """
    while True:
        try:
            picture = source.next_picture()
        except CameraError as exc:
            raise BadInputError(f"{video} cannot be analysed to its end: {exc}") from exc
        if picture is None:
            return
        yield picture


def check_readable(path: Path, what: str) -> None:
    """Refuse what cannot be read, and what is empty.

    Raises:
        BadInputError: in words.
    """
    try:
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except FileNotFoundError as exc:
        raise BadInputError(f"There is no {what} {path}. Check the name.") from exc
    except IsADirectoryError as exc:
        raise BadInputError(f"{path} is a folder. Name the {what} in it.") from exc
    except OSError as exc:
        raise BadInputError(f"The {what} {path} cannot be read: {exc.strerror}.") from exc
    if is_empty:
        raise BadInputError(f"The {what} {path} is empty. Was the recording cut short?")


def _check_not_text(video: Path) -> None:
    """Refuse text: FFmpeg would draw it as a terminal shows it, and call that a video."""
    with video.open("rb") as file:
        head = file.read(4096)
    if all(byte in _TEXT_BYTES for byte in head):
        raise BadInputError(f"{video} is a text file. Name a video.")


def _times_for(count: int, times: list[int], fps: float) -> tuple[list[int], tuple[str, ...]]:
    """The times of `count` fields of a video whose pictures have these times, and what is to be said of them."""
    step = max(1, round(TICKS_PER_S / fps))
    if count == len(times):
        return times, ()
    found = f"The vector file has {count} fields and the video {len(times)} pictures"
    if times and abs(count - len(times)) <= _NEARLY:
        return [*times, times[-1] + step][:count], (f"{found}: taken as beginning together.",)
    return (
        [number * step for number in range(count)],
        (f"{found}: they may not belong together. The times are those of {fps:g} pictures a second.",),
    )


def _wrong_length(vectors: Path, length: int, video: Path, info: SourceInfo, size: int) -> str:
    columns, rows = grid_of(info.width, info.height)
    fewer = length // size
    return (
        f"{vectors} does not belong to {video}: pictures of {info.width}x{info.height} pixels have {columns}x{rows} "
        f"blocks, ({columns} + 1) * {rows} * 4 = {size} bytes each. It has {length} bytes; {fewer} pictures would "
        f"be {fewer * size} bytes, {fewer + 1} would be {(fewer + 1) * size}. Give the video of the same recording, of "
        "the size the vectors were recorded at."
    )
