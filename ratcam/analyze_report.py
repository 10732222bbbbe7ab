"""How `ratcam analyze` tells what it found: as JSON lines or as a table."""

import json
import math
from dataclasses import dataclass
from typing import Protocol, TextIO

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.detector import Observation
from ratcam.motion.events import EventEnded
from ratcam.motion.field import grid_of
from ratcam.ports import SourceInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What the last record tells."""

    frames: int
    events: int
    decode_us_per_frame: float
    detect_us_per_frame: float


class Report(Protocol):
    """Takes what is found, in order: the stream, each picture, each event as it ends, the summary."""

    def stream(self, info: SourceInfo) -> None:
        """What is analysed."""
        ...

    def frame(self, seen: Observation, t_s: float) -> None:
        """One picture."""
        ...

    def event(self, event: EventEnded, first_90k: int) -> None:
        """One event that is over."""
        ...

    def summary(self, summary: Summary) -> None:
        """The end."""
        ...


class JsonReport:
    """JSON lines; times in seconds from the first picture, box in pixels, area in blocks."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def stream(self, info: SourceInfo) -> None:
        """What is analysed."""
        grid = list(grid_of(info.width, info.height))
        self._write(type="stream", width=info.width, height=info.height, fps=_rounded(info.fps), grid=grid)

    def frame(self, seen: Observation, t_s: float) -> None:
        """One picture."""
        # Cut, not rounded: 0.99999 must not read as the trigger.
        self._write(type="frame", t_s=_rounded(t_s), score=math.floor(seen.score * 1e4) / 1e4, moving=seen.moving)

    def event(self, event: EventEnded, first_90k: int) -> None:
        """One event that is over."""
        self._write(
            type="event",
            start_s=_rounded((event.start_90k - first_90k) / TICKS_PER_S),
            end_s=_rounded((event.end_90k - first_90k) / TICKS_PER_S),
            peak_s=_rounded((event.peak_90k - first_90k) / TICKS_PER_S),
            peak_score=math.floor(event.peak_score * 1e4) / 1e4,
            area=event.area,
            box=list(event.box),
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

    _HEAD = f"{'begins':>10} {'lasts':>8} {'strongest':>10} {'score':>7} {'blocks':>7}  box (pixels)\n"

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._has_head = False

    def stream(self, info: SourceInfo) -> None:
        """What is analysed."""
        columns, rows = grid_of(info.width, info.height)
        self._out.write(f"{info.width}x{info.height} pixels, {info.fps:g} pictures/s, {columns}x{rows} blocks\n")

    def frame(self, seen: Observation, t_s: float) -> None:
        """One picture: a person does not read those."""

    def event(self, event: EventEnded, first_90k: int) -> None:
        """One event that is over."""
        if not self._has_head:
            self._out.write(self._HEAD)
            self._has_head = True
        x0, y0, x1, y1 = event.box
        begins, strongest = _clock(event.start_90k - first_90k), _clock(event.peak_90k - first_90k)
        lasts_s = (event.end_90k - event.start_90k) / TICKS_PER_S
        self._out.write(
            f"{begins:>10} {lasts_s:>6.1f} s {strongest:>10} {event.peak_score:>7.1f} {event.area:>7}  "
            f"{x0},{y0} to {x1},{y1}\n"
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
