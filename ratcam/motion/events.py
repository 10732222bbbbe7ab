"""From what is seen in each picture to events: a beginning, a strongest moment, an end."""

from dataclasses import dataclass, replace

from ratcam.motion.detector import Observation, PixelBox


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStarted:
    """Motion has begun with this picture."""

    start_90k: int
    score: float
    area: int
    box: PixelBox


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningEvent:
    """The event that lasts, as far as it has come. Score, area and box are those of its strongest picture so far."""

    start_90k: int
    last_90k: int
    """The newest picture with motion."""
    peak_90k: int
    peak_score: float
    area: int
    box: PixelBox


@dataclass(frozen=True, slots=True, kw_only=True)
class EventEnded:
    """Motion is over. `end_90k` is the last picture with motion; score, area and box are those of the strongest one."""

    start_90k: int
    end_90k: int
    peak_90k: int
    peak_score: float
    area: int
    box: PixelBox


class EventTracker:
    """Joins the observations of one stream into events. Of several pictures equally strong the first is the peak.

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

    def feed(self, seen: Observation) -> EventStarted | EventEnded | None:
        """Take the observation of the next picture; what began or ended with it, or None."""
        event = self._running
        if event is None:
            return self._begin(seen) if seen.moving else None
        if seen.pts_90k < event.last_90k:
            return self.close()
        if not seen.moving:
            return self.close() if seen.pts_90k - event.last_90k >= self._hold_90k else None
        self._running = replace(event, last_90k=seen.pts_90k)
        if seen.score > event.peak_score and seen.box is not None:
            self._running = replace(
                self._running, peak_90k=seen.pts_90k, peak_score=seen.score, area=seen.area, box=seen.box
            )
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
            box=event.box,
        )

    def _begin(self, seen: Observation) -> EventStarted:
        box = seen.box or (0, 0, 0, 0)
        self._running = RunningEvent(
            start_90k=seen.pts_90k,
            last_90k=seen.pts_90k,
            peak_90k=seen.pts_90k,
            peak_score=seen.score,
            area=seen.area,
            box=box,
        )
        return EventStarted(start_90k=seen.pts_90k, score=seen.score, area=seen.area, box=box)
