"""The picture of a motion event while it is being made: which moment it shows, and which still is awaited."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratcam.media.timebase import ticks
from ratcam.messages import EventId, RunId, Snapshot
from ratcam.motion.detector import PixelBox

STILL_PATIENCE_S = 5.0
"""A still that has not come after so much media time was lost, it seems: a later peak asks for another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A strong moment of an event, as far as a heat map needs it."""

    pts_90k: int
    score: float
    area: int
    box: PixelBox
    accumulator: npt.NDArray[np.float32]
    request_id: str
    """Of the still that goes with it."""


@dataclass(slots=True, kw_only=True)
class EventPicture:
    """The making of an event's heat map: the strongest moment whose still is here, and a stronger one that waits."""

    event_id: EventId
    run_id: RunId
    size: tuple[int, int]
    """Of the coded pictures, in pixels."""
    rotation: int
    """By how many degrees clockwise the stills are turned."""
    due_90k: int
    shown: Moment | None = None
    """The strongest moment whose still is here: `still_jpeg`."""
    still_jpeg: bytes = b""
    awaited: Moment | None = None
    """A stronger one whose still is under way."""

    def may_ask(self, now_90k: int) -> bool:
        """Whether no still is under way, or the one that is will hardly come any more."""
        return self.awaited is None or now_90k - self.awaited.pts_90k >= ticks(STILL_PATIENCE_S)

    def take(self, snapshot: Snapshot) -> bool:
        """Take the awaited still; False if the snapshot is not the answer. A still of another run shows nothing."""
        awaited = self.awaited
        if awaited is None or awaited.request_id != snapshot.request_id:
            return False
        self.awaited = None
        if snapshot.jpeg and snapshot.run_id == self.run_id:
            self.shown, self.still_jpeg = awaited, snapshot.jpeg
        return True
