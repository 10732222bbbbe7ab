"""`ratcam analyze`: the motion detector over a file, without a chat."""

import contextlib
import time
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from ratcam.analyze_fields import Fields, TimedField, VectorFields, VideoFields, open_video, pictures_of
from ratcam.analyze_report import EventLine, JsonReport, Report, Summary, TableReport
from ratcam.errors import BadInputError, CameraError
from ratcam.media.timebase import TICKS_PER_S, ticks
from ratcam.motion import heat_map as heat_maps
from ratcam.motion.choose import new_detector, uses_vectors
from ratcam.motion.detector import Detector, Guard, Observation, PixelBox
from ratcam.motion.events import EventEnded, EventTracker, PictureShape
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings, as_coded
from ratcam.ports import SourceInfo


def analyze(
    video: Path | None,
    *,
    motion: MotionSettings,
    zones: tuple[ZoneSettings, ...] = (),
    hold_s: float = 0.0,
    vectors: Path | None,
    as_json: bool,
    heat_map: Path | None,
    out: TextIO,
) -> None:
    """Run the detector over a video and write what it finds to `out`: JSON lines, or a table of the events.

    With `vectors`, a raw file of picamera's `motion_output`, the motion fields come from there. The video then gives
    the size, and the times if it has as many pictures as the file, give or take one; else they follow from its nominal
    rate, and that is said. Times are seconds from the first picture. Motion that begins again within `hold_s`
    belongs to the same event, as in the daemon; what is told of each picture does not depend on it. Records are
    written as soon as they are known; an event that still runs at the end is closed there. `heat_map` is written as
    PNG: the strongest moment of the strongest event, or the strongest picture if there was none.

    Raises:
        BadInputError: a file is missing or cannot be used; nothing was detected.
        MissingDependencyError: no video decoder is installed.
    """
    if video is None:
        raise BadInputError("Name a video: with --vectors too, it gives the size of the pictures and their times.")
    if heat_map is not None:
        _check_heat_map_path(heat_map)
    fields = VideoFields(video, has_vectors=uses_vectors(motion)) if vectors is None else VectorFields(vectors, video)
    strongest = _Strongest()
    with contextlib.closing(fields):
        report = JsonReport(out) if as_json else TableReport(out)
        detector = new_detector(motion, as_coded(zones, fields.info.rotation))
        _detect(fields, detector, EventTracker(hold_90k=ticks(hold_s)), report, strongest)
    if heat_map is not None:
        _draw_heat_map(heat_map, video, strongest, motion, fields.info)


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
            self._rank, self.pts_90k, self.box, self.accumulator = rank, seen.pts_90k, seen.box, accumulator.copy()


def _detect(fields: Fields, detector: Detector, tracker: EventTracker, report: Report, strongest: _Strongest) -> None:
    info, shape = fields.info, None
    guard = Guard.NONE
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
        if shape is None:
            report.stream(info, step.columns, step.rows)
            for note in fields.notes:
                report.note(note)
        if shape is None or (shape.columns, shape.rows) != (step.columns, step.rows):
            shape = _shape(info, step)
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
        report.frame(seen, shape, (step.pts_90k - fields.first_90k) / TICKS_PER_S)
        change = tracker.feed(seen, shape)
        if isinstance(change, EventEnded):
            events += 1
            report.event(EventLine(event=change, guard=guard, first_90k=fields.first_90k))
        if tracker.running is None:
            guard = Guard.NONE
        elif seen.guard is not Guard.NONE:
            guard = seen.guard
    if (last := tracker.close()) is not None:
        events += 1
        report.event(EventLine(event=last, guard=guard, first_90k=fields.first_90k))
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


def _shape(info: SourceInfo, step: TimedField) -> PictureShape:
    return PictureShape(
        width=info.width, height=info.height, columns=step.columns, rows=step.rows, rotation=info.rotation
    )


# --- files ----------------------------------------------------------------------------------------------------------


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
    source, _ = open_video(video)
    with contextlib.closing(source):
        for picture in pictures_of(source, video):
            if picture.field and picture.field_pts_90k >= pts_90k:
                break
        try:
            return source.still_jpeg()[1]
        except CameraError as exc:
            raise BadInputError(f"{video} has no picture for a heat map: {exc}") from exc
