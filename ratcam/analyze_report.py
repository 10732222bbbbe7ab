"""How `ratcam analyze` tells what it found: as JSON lines or as a table."""

import json
import math
from dataclasses import dataclass
from typing import Protocol, TextIO

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.detector import Guard, Observation
from ratcam.motion.events import EventEnded, PictureShape
from ratcam.motion.place import place_in_words
from ratcam.ports import SourceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the last record tells."""

    frames: int
    events: int
    decode_us_per_frame: float
    detect_us_per_frame: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """An event that is over."""

    event: EventEnded
    guard: Guard
    """What held pictures of it back at last; Guard.NONE if nothing did."""
    first_90k: int
    """The time of the first picture, from which the event's times are told."""


class Report(Protocol):
    """Takes what is found, in order: the stream, notes, each picture, each event as it ends, the summary."""

    def stream(self, info: SourceInfo, columns: int, rows: int) -> None:
        """What is analysed, and the grid of its first field."""
        ...

    def note(self, text: str) -> None:
        """Something that a person should know of the input."""
        ...

    def frame(self, seen: Observation, shape: PictureShape, t_s: float) -> None:
        """One picture."""
        ...

    def event(self, line: EventLine) -> None:
        """One event that is over."""
        ...

    def summary(self, summary: Summary) -> None:
        """The end."""
        ...


class JsonReport:
    """JSON lines; times in seconds from the first picture, box in pixels, area in blocks."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def stream(self, info: SourceInfo, columns: int, rows: int) -> None:
        """What is analysed."""
        grid = [columns, rows]
        self._write(type="stream", width=info.width, height=info.height, fps=_rounded(info.fps), grid=grid)

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self._write(type="note", text=text)

    def frame(self, seen: Observation, shape: PictureShape, t_s: float) -> None:
        """One picture."""
        box = seen.box
        self._write(
            type="frame",
            t_s=_rounded(t_s),
            # Cut, not rounded: 0.99999 must not read as the trigger.
            score=math.floor(seen.score * 1e4) / 1e4,
            moving=seen.moving,
            guard=str(seen.guard),
            zone=seen.zone,
            place=place_in_words(box, shape.width, shape.height, shape.rotation) if box else "",
            area=seen.area,
            area_percent=round(100 * seen.area / (shape.columns * shape.rows), 3),
            box=list(box) if box else None,
        )

    def event(self, line: EventLine) -> None:
        """One event that is over."""
        event, first_90k = line.event, line.first_90k
        self._write(
            type="event",
            start_s=_rounded((event.start_90k - first_90k) / TICKS_PER_S),
            end_s=_rounded((event.end_90k - first_90k) / TICKS_PER_S),
            peak_s=_rounded((event.peak_90k - first_90k) / TICKS_PER_S),
            peak_score=math.floor(event.peak_score * 1e4) / 1e4,
            area=event.area,
            box=list(event.box),
            area_percent=round(event.area_percent, 3),
            place=event.place,
            zone=event.zone,
            guard=str(line.guard),
        )

    def summary(self, summary: Summary) -> None:
        """The end."""
        self._write(
            type="summary",
            frames=summary.frames,
            events=summary.events,
            decode_us_per_frame=round(summary.decode_us_per_frame, 1),
            detect_us_per_frame=round(summary.detect_us_per_frame, 1),
        )

    def _write(self, **record: object) -> None:
        self._out.write(json.dumps(record, allow_nan=False) + "\n")


class TableReport:
    """A table of the events for a person."""

    _HEAD = f"{'begins':>10} {'lasts':>8} {'strongest':>10} {'score':>7} {'area':>7}  place\n"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._has_head = False

    def stream(self, info: SourceInfo, columns: int, rows: int) -> None:
        """What is analysed."""
        self._out.write(f"{info.width}x{info.height} pixels, {info.fps:g} pictures/s, {columns}x{rows} blocks\n")

    def note(self, text: str) -> None:
        """Something that a person should know."""
        self._out.write(f"{text}\n")

    def frame(self, seen: Observation, shape: PictureShape, t_s: float) -> None:
        """One picture: a person does not read those."""

    def event(self, line: EventLine) -> None:
        """One event that is over."""
        event, first_90k = line.event, line.first_90k
        if not self._has_head:
            self._out.write(self._HEAD)
            self._has_head = True
        where = f"{event.place}{f' ({event.zone})' if event.zone else ''}"
        begins, strongest = _clock(event.start_90k - first_90k), _clock(event.peak_90k - first_90k)
        lasts_s = (event.end_90k - event.start_90k) / TICKS_PER_S
        self._out.write(
            f"{begins:>10} {lasts_s:>6.1f} s {strongest:>10} {event.peak_score:>7.1f} "
            f"{event.area_percent:>5.1f} %  {where}\n"
        )

    def summary(self, summary: Summary) -> None:
        """The end."""
        events = "no motion" if not summary.events else f"{summary.events} event{'s' * (summary.events > 1)}"
        pictures = f"{summary.frames} picture{'s' * (summary.frames != 1)}"
        self._out.write(
            f"{events} in {pictures}; decoding {summary.decode_us_per_frame:.0f} us, detection "
            f"{summary.detect_us_per_frame:.0f} us a picture\n"
        )


def _rounded(value: float) -> float:
    return round(value, 6)


def _clock(ticks: int) -> str:
    minutes, seconds = divmod(ticks / TICKS_PER_S, 60)
    return f"{int(minutes)}:{seconds:04.1f}"
