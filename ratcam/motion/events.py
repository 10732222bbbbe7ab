"""From what is seen in each picture to events: a beginning, a strongest moment, an end."""

from dataclasses import dataclass, replace

from ratcam.motion.detector import Observation, PixelBox
from ratcam.motion.place import place_in_words


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureShape:
    """What it takes to say how much of a picture moves, and where."""

    width: int
    """Of the coded picture, in pixels."""
    height: int
    columns: int
    """Of its motion field, in blocks, without padding."""
    rows: int
    rotation: int = 0
    """By how much the picture is turned clockwise to be upright: 0, 90, 180 or 270 degrees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStarted:
    """Motion has begun with this picture; `EventTracker.running` says more."""

    start_90k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEvent:
    """The event that lasts, as far as it has come. All from `peak_90k` on is of its strongest picture so far."""

    start_90k: int
    last_90k: int
    """The newest picture with motion."""
    peak_90k: int
    peak_score: float
    area: int
    """Blocks that move."""
    area_percent: float
    """Of all the blocks of the picture; 0.0 if its shape is not known."""
    box: PixelBox
    """(0, 0, 0, 0) if there is motion and no block to show it."""
    place: str
    """Of the box, as `place_in_words` says; empty if the picture's shape is not known."""
    zone: str
    """The watched zone where it is strongest; empty: the whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnded:
    """Motion is over. `end_90k` is the last picture with motion; all from `peak_90k` on is of the strongest one."""

    start_90k: int
    end_90k: int
    peak_90k: int
    peak_score: float
    area: int
    area_percent: float
    box: PixelBox
    place: str
    zone: str


class EventTracker:
    """Joins the observations of one stream into events.

    Of several pictures equally strong, as a detector's score may have a ceiling, the peak is the one with most blocks;
    of those the first.

    Motion that begins again sooner than `hold_90k` after it ceased belongs to the same event; with 0 the first picture
    without motion ends it. The newest observation is a peak exactly when `running` is not None and `running.peak_90k`
    is its time. A picture that lies before the event's last one with motion belongs to another time: it ends the event,
    and the next may begin one.
    """

    def __init__(self, *, hold_90k: int = 0) -> None:
        self._hold_90k = hold_90k
        self._running: RunningEvent | None = None

    @property
    def running(self) -> RunningEvent | None:
        """The event that lasts, or None."""
        return self._running

    def feed(self, seen: Observation, shape: PictureShape | None = None) -> EventStarted | EventEnded | None:
        """Take the observation of the next picture, which has this shape; what began or ended with it, or None."""
        event = self._running
        if event is None:
            return self._begin(seen, shape) if seen.moving else None
        if seen.pts_90k < event.last_90k:
            return self.close()
        if not seen.moving:
            return self.close() if seen.pts_90k - event.last_90k >= self._hold_90k else None
        if (seen.score, seen.area) > (event.peak_score, event.area) and seen.box is not None:
            event = _peak(seen, shape, start_90k=event.start_90k)
        self._running = replace(event, last_90k=seen.pts_90k)
        return None

    def close(self) -> EventEnded | None:
        """End the running event, if any, with its last picture: the stream is over, or nobody wants events."""
        event, self._running = self._running, None
        if event is None:
            return None
        return EventEnded(
            start_90k=event.start_90k,
            end_90k=event.last_90k,
            peak_90k=event.peak_90k,
            peak_score=event.peak_score,
            area=event.area,
            area_percent=event.area_percent,
            box=event.box,
            place=event.place,
            zone=event.zone,
        )

    def _begin(self, seen: Observation, shape: PictureShape | None) -> EventStarted:
        self._running = _peak(seen, shape, start_90k=seen.pts_90k)
        return EventStarted(start_90k=seen.pts_90k)


def _peak(seen: Observation, shape: PictureShape | None, *, start_90k: int) -> RunningEvent:
    """An event whose newest picture is its strongest."""
    box = seen.box or (0, 0, 0, 0)
    return RunningEvent(
        start_90k=start_90k,
        last_90k=seen.pts_90k,
        peak_90k=seen.pts_90k,
        peak_score=seen.score,
        area=seen.area,
        area_percent=100 * seen.area / (shape.columns * shape.rows) if shape else 0.0,
        box=box,
        place=place_in_words(box, shape.width, shape.height, shape.rotation) if shape else "",
        zone=seen.zone,
    )
