"""`ratcam analyze`: the motion detector over a file, without a chat."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

import numpy as np
import numpy.typing as npt

from ratcam.analyze_report import JsonReport, Report, Summary, TableReport
from ratcam.errors import BadInputError, CameraError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion import heat_map as heat_maps
from ratcam.motion.detector import Observation, PixelBox
from ratcam.motion.events import EventEnded, EventTracker
from ratcam.motion.field import field_size, grid_of
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import SimpleDetector
from ratcam.ports import CameraSource, CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings

_TEXT_BYTES = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r\f\x1b")


def analyze(
    video: Path | None,
    *,
    motion: MotionSettings,
    vectors: Path | None,
    as_json: bool,
    heat_map: Path | None,
    out: TextIO,
) -> None:
    """Run the detector over a video and write what it finds to `out`: JSON lines, or a table of the events.

    With `vectors`, a raw file of picamera's `motion_output`, the motion fields come from there. The video then gives
    the size, and the times if it has as many pictures as the file; else they follow from its nominal rate. Times
    are seconds from the first picture. Records are written as soon as they are known; an event that still runs at the
    end is closed there. `heat_map` is written as PNG: the strongest moment of the strongest event, or the strongest
    picture if there was none.

    Raises:
        BadInputError: a file is missing or cannot be used; nothing was detected.
        MissingDependencyError: no video decoder is installed.
    """
    if video is None:
        raise BadInputError("Name a video: with --vectors too, it gives the size of the pictures and their times.")
    if heat_map is not None:
        _check_heat_map_path(heat_map)
    _check_readable(video, "video")
    _check_not_text(video)
    fields = _VideoFields(video) if vectors is None else _VectorFields(vectors, video)
    strongest = _Strongest()
    with contextlib.closing(fields):
        report = JsonReport(out) if as_json else TableReport(out)
        _detect(fields, motion, report, strongest)
    if heat_map is not None:
        _draw_heat_map(heat_map, video, strongest, motion, fields.info)


@dataclass(frozen=True, slots=True, kw_only=True)
class _TimedField:
    pts_90k: int
    columns: int
    rows: int
    payload: bytes


class _Fields(Protocol):
    @property
    def info(self) -> SourceInfo: ...

    @property
    def first_90k(self) -> int:
        """The time of the first picture; known once a field has been yielded."""
        ...

    def __iter__(self) -> Iterator[_TimedField]: ...

    def close(self) -> None: ...


class _Strongest:
    """The moment to draw: the peak of the strongest event; as long as there is none, the strongest picture."""

    def __init__(self) -> None:
        self.pts_90k = 0
        self.box: PixelBox | None = None
        self.accumulator: npt.NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._rank = (False, -1.0)

    def offer(self, seen: Observation, accumulator: npt.NDArray[np.float32]) -> None:
        rank = (seen.moving, seen.score)
        if rank > self._rank:
            self._rank, self.pts_90k, self.box, self.accumulator = rank, seen.pts_90k, seen.box, accumulator


def _detect(fields: _Fields, motion: MotionSettings, report: Report, strongest: _Strongest) -> None:
    detector, tracker = SimpleDetector(motion), EventTracker()
    info = fields.info
    report.stream(info)
    frames = events = 0
    decode_s = detect_s = 0.0
    steps = iter(fields)
    while True:
        began_s = time.perf_counter()
        step = next(steps, None)
        decoded_s = time.perf_counter()
        decode_s += decoded_s - began_s
        if step is None:
            break
        seen = detector.feed(
            step.payload,
            columns=step.columns,
            rows=step.rows,
            width=info.width,
            height=info.height,
            pts_90k=step.pts_90k,
        )
        detect_s += time.perf_counter() - decoded_s
        frames += 1
        strongest.offer(seen, detector.accumulator)
        report.frame(seen, (step.pts_90k - fields.first_90k) / TICKS_PER_S)
        change = tracker.feed(seen)
        if isinstance(change, EventEnded):
            events += 1
            report.event(change, fields.first_90k)
    if (last := tracker.close()) is not None:
        events += 1
        report.event(last, fields.first_90k)
    if not frames:
        raise BadInputError("No picture of this file could be decoded. Is it a video, and whole?")
    report.summary(
        Summary(
            frames=frames,
            events=events,
            decode_us_per_frame=1e6 * decode_s / frames,
            detect_us_per_frame=1e6 * detect_s / frames,
        )
    )


# --- where fields come from -----------------------------------------------------------------------------------------


class _VideoFields:
    """The fields that the decoder makes of a video."""

    def __init__(self, video: Path) -> None:
        self._video = video
        self._source, self.info = _open(video)
        self.first_90k = 0

    def __iter__(self) -> Iterator[_TimedField]:
        is_first = True
        for picture in _pictures(self._source, self._video):
            if is_first:
                self.first_90k, is_first = picture.pts_90k, False
            if picture.field:
                yield _TimedField(
                    pts_90k=picture.field_pts_90k,
                    columns=picture.columns,
                    rows=picture.rows,
                    payload=picture.field,
                )

    def close(self) -> None:
        self._source.close()


class _VectorFields:
    """The fields of a raw vector file, at the times of the video that was recorded with it."""

    def __init__(self, vectors: Path, video: Path) -> None:
        _check_readable(vectors, "vector file")
        source, self.info = _open(video)
        with contextlib.closing(source):
            times = sorted(picture.pts_90k for picture in _pictures(source, video) if picture.data)
        self._columns, self._rows = grid_of(self.info.width, self.info.height)
        self._size = field_size(self._columns, self._rows)
        length = vectors.stat().st_size
        if length % self._size:
            raise BadInputError(_wrong_length(vectors, length, video, self.info, self._size))
        count = length // self._size
        if count != len(times):
            times = [round(number * TICKS_PER_S / self.info.fps) for number in range(count)]
        self._times = times
        self.first_90k = times[0]
        self._file: BinaryIO = vectors.open("rb")

    def __iter__(self) -> Iterator[_TimedField]:
        for pts_90k in self._times:
            payload = self._file.read(self._size)
            yield _TimedField(pts_90k=pts_90k, columns=self._columns, rows=self._rows, payload=payload)

    def close(self) -> None:
        self._file.close()


def _open(video: Path) -> tuple[CameraSource, SourceInfo]:
    from ratcam.cameras.file import FileSource  # noqa: PLC0415 - optional: needs a video decoder

    source = FileSource(CameraSettings(source=f"file:{video}", pace="fast", loop=False))
    try:
        return source, source.open()
    except CameraError as exc:
        source.close()
        raise BadInputError(f"{video} cannot be analysed: {exc}") from exc


def _pictures(source: CameraSource, video: Path) -> Iterator[CapturedPicture]:
    while True:
        try:
            picture = source.next_picture()
        except CameraError as exc:
            raise BadInputError(f"{video} cannot be analysed to its end: {exc}") from exc
        if picture is None:
            return
        yield picture


def _wrong_length(vectors: Path, length: int, video: Path, info: SourceInfo, size: int) -> str:
    columns, rows = grid_of(info.width, info.height)
    fewer = length // size
    return (
        f"{vectors} does not belong to {video}: pictures of {info.width}x{info.height} pixels have {columns}x{rows} "
        f"blocks, ({columns} + 1) * {rows} * 4 = {size} bytes each. It has {length} bytes; {fewer} pictures would "
        f"be {fewer * size} bytes, {fewer + 1} would be {(fewer + 1) * size}. Give the video of the same recording, of "
        "the size the vectors were recorded at."
    )


# --- files ----------------------------------------------------------------------------------------------------------


def _check_readable(path: Path, what: str) -> None:
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


def _check_heat_map_path(path: Path) -> None:
    if path.suffix.lower() != ".png":
        raise BadInputError(f"The heat map is a PNG: give it a name that ends in .png, not {path.name}.")
    if not path.parent.is_dir():
        raise BadInputError(f"There is no folder {path.parent} for the heat map. Make it first.")


def _draw_heat_map(path: Path, video: Path, moment: _Strongest, motion: MotionSettings, info: SourceInfo) -> None:
    still = _still_at(video, moment.pts_90k)
    size = (info.width, info.height)
    image = heat_maps.draw(
        still, moment.accumulator, box=moment.box, settings=motion, picture_size=size, rotation=info.rotation
    )
    try:
        image.save(path, "PNG")
    except OSError as exc:
        raise BadInputError(f"The heat map {path} cannot be written: {exc.strerror or exc}.") from exc


def _still_at(video: Path, pts_90k: int) -> bytes:
    """The picture shown at `pts_90k`, or the last before it that there is; decodes the video once more up to there."""
    source, _ = _open(video)
    with contextlib.closing(source):
        for picture in _pictures(source, video):
            if picture.field and picture.field_pts_90k >= pts_90k:
                break
        try:
            return source.still_jpeg()[1]
        except CameraError as exc:
            raise BadInputError(f"{video} has no picture for a heat map: {exc}") from exc
