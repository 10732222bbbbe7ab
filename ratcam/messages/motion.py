"""What is told of motion, and what a detector is asked."""

from dataclasses import dataclass, field

from ratcam.messages.ids import CameraId, EventId, RunId
from ratcam.motion.kept_habits import Habits
from ratcam.motion.sighting import Sighting


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """From now on motion of this camera is an event."""

    camera: CameraId


@dataclass(frozen=True, slots=True, kw_only=True)
class Disarm:
    """From now on motion of this camera is ignored; a running event ends."""

    camera: CameraId


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionStarted:
    """Something began to move while armed."""

    camera: CameraId
    run_id: RunId
    event_id: EventId
    pts_90k: int
    started_unix_s: float
    seen: Sighting
    """The first picture of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionContinues:
    """The event goes on; told about once a second of media time.

    So a recorder that lost its state learns of the event, and a detector that died leaves no clip open for ever.
    """

    camera: CameraId
    run_id: RunId
    event_id: EventId
    pts_90k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionPeaked:
    """The picture of the event's strongest moment so far: a still in grey, tinted where it moved."""

    camera: CameraId
    run_id: RunId
    event_id: EventId
    started_unix_s: float
    """When the event began, as in its `MotionStarted`."""
    seen: Sighting
    """The moment that is shown."""
    heat_map_jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionEnded:
    """The event is over: nothing moved any more, or the camera was disarmed or lost (`reason`)."""

    camera: CameraId
    run_id: RunId
    event_id: EventId
    pts_90k: int
    duration_s: float
    peak: Sighting
    """The strongest moment of the whole event."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellMotionStatus:
    """Ask a detector how it is; answered at once by one `MotionStatus` with the same `request_id`."""

    camera: CameraId
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetLearned:
    """Make a detector watch again where it moved for hours.

    It forgets at once; answered by one `MotionStatus` when the disk has forgotten too or has refused, which may take
    many seconds.
    """

    camera: CameraId
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedPlace:
    """Adjoining blocks that a detector has faded out, because they move for hours."""

    place: str
    """In words, as in `Sighting`."""
    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """How far the quiet picture stays below the trigger, as the detector has learned."""

    quiet_score: float
    """What quiet pictures score: 999 of 1000 score less."""
    trigger: float
    margin: float
    """How many times the trigger is above the quiet score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionStatus:
    """How a camera's detector is: the answer to `TellMotionStatus` and `ForgetLearned`."""

    camera: CameraId
    request_id: str
    guard: str
    """Why motion is not counted at present, as in `ratcam.motion.detector.Guard`; "none" if it is."""
    is_learning: bool
    """The margin is being learned and not known yet."""
    quiet: Margin | None
    learned: tuple[LearnedPlace, ...] | None
    """Largest first; None while the camera gives no pictures: nobody knows where the blocks lie."""
    is_kept: bool = True
    """False: the disk refused to forget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveHabits:
    """Keep what a camera's detector knows of blocks that move for hours, over a restart.

    Answered by one `HabitsSaved` with the same `request_id`, unless that is empty.
    """

    camera: CameraId
    request_id: str
    habits: Habits


@dataclass(frozen=True, slots=True, kw_only=True)
class HabitsSaved:
    """What became of a `SaveHabits`."""

    camera: CameraId
    request_id: str
    is_kept: bool
    """Whether it is on disk; if not, what was there before is."""
