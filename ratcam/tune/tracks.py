"""What becomes of a recording: the track of each configuration through it, its events, and when it saw motion."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ratcam.motion.detector import Guard
from ratcam.tune.choices import Choice
from ratcam.tune.local_time import local_time
from ratcam.tune.moments import Moment
from ratcam.tune.recordings import Recording

GUARDS = tuple(Guard)
"""The guards by the number that stands for each in `Track.guards`."""
Interval = tuple[float, float]
"""From, to; in seconds from the first picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One event; times in seconds from the first picture."""

    start_s: float
    end_s: float
    peak_s: float
    peak_score: float
    area_percent: float
    place: str
    zone: str
    travel: float
    """How far the middle of what moved got from where it began, as a share of the picture's width."""
    moment: Moment | None = None
    """Its strongest picture, as far as one was kept."""

    @property
    def lasts_s(self) -> float:
        """From its first picture to its last."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What one configuration made of one recording; arrays have an entry for each picture."""

    choice: Choice
    times_s: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    """1.0 is the trigger in force at that picture."""
    triggers: npt.NDArray[np.float32]
    """That trigger, in scores as the settings alone give them: 1.0 unless it was calibrated."""
    moving: npt.NDArray[np.bool_]
    guards: npt.NDArray[np.uint8]
    """Places in `GUARDS`."""
    stages: tuple[tuple[str, int], ...]
    """The detector's stages in order, with the blocks left after each, summed over all pictures."""
    events: tuple[Found, ...]
    nearly: tuple[Moment, ...]
    """The strongest moments that became no event, strongest first."""
    faded: int
    """Blocks that are faded out at the end because they move for hours."""

    @property
    def seen(self) -> "Seen":
        """When there were events, and when there was motion."""
        return Seen(
            events=tuple((event.start_s, event.end_s) for event in self.events),
            motions=intervals(self.times_s, self.moving),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When there were events, and within them, when the detector said that something moves."""

    events: tuple[Interval, ...]
    motions: tuple[Interval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One recording and what became of it."""

    recording: Recording
    width: int
    height: int
    columns: int
    rows: int
    rotation: int
    first_s: float
    """Media time of the first picture."""
    lasts_s: float
    pictures: int
    tracks: tuple[Track, ...]
    """One for each choice, in order."""
    ladder: Mapping[int, "Seen"] = field(default_factory=dict[int, "Seen"])
    """What was seen at each step that was replayed exactly; empty if the recording is too long for that."""
    notes: tuple[str, ...] = ()

    @property
    def started_unix_s(self) -> float | None:
        """Wall-clock time of the first picture; None if it is not known."""
        began = self.recording.started_unix_s
        if began is None or local_time(began + self.first_s) is None:
            return None
        return began + self.first_s


def intervals(times_s: npt.NDArray[np.float64], flags: npt.NDArray[np.bool_]) -> tuple[Interval, ...]:
    """The runs of pictures that are set, each from its first to its last."""
    edges = np.flatnonzero(np.diff(flags.astype(np.int8), prepend=0, append=0))
    return tuple((float(times_s[first]), float(times_s[end - 1])) for first, end in edges.reshape(-1, 2))
