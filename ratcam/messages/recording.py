"""Clips: what is recorded for whom, its segments, and what became of them."""

from dataclasses import dataclass, field

from ratcam.messages.camera import AccessUnit
from ratcam.messages.ids import CameraId, ChatId, ClipId, EventId, RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCause:
    """Why a clip is recorded: a motion event, or the request of a chat. Exactly one is set."""

    event_id: EventId | None = None
    chat: ChatId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Names one segment of one clip: the part `part` (from 1) of clip `clip_id`."""

    camera: CameraId
    run_id: RunId
    clip_id: ClipId
    part: int
    cause: ClipCause
    started_unix_s: float
    """Wall-clock time of the segment's first picture."""
    rotation: int = 0
    """Degrees clockwise by which a picture is to be turned for viewing: 0, 90, 180 or 270; not part of the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClip:
    """Record a clip for a chat: the pre-roll and `seconds` from now."""

    camera: CameraId
    chat: ChatId
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentAppended:
    """The next access units of a segment in decoding order: a GOP, or a piece of one.

    Only the first unit may be a key unit, and the first of a segment is one. A long GOP comes in pieces, so that it
    neither fills the memory nor is lost in a crash.
    """

    segment: Segment
    units: tuple[AccessUnit, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentClosed:
    """A segment is whole. `end_pts_90k` is the time of the picture after its last, or None when there is none.

    A segment that was closed may be closed once more, as the clip's last, when nothing came of the clip after it.
    """

    segment: Segment
    is_last: bool
    end_pts_90k: int | None
    cover: bytes = field(default=b"", repr=False)
    """The key unit, as in `AccessUnit.data`, that stands for the segment in a thumbnail: its first one at or after what
    the clip is recorded for (the motion's start, the request), or else its first one. Empty: not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderStarted:
    """A recorder begins with no clip open: a segment that an earlier one left open gets nothing more and is its last.

    Travels in the same lane as SegmentAppended and SegmentClosed, so that it comes after theirs.
    """

    camera: CameraId


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReady:
    """A playable MP4 of one segment is on disk. Width and height are as shown: upright, of square samples."""

    segment: Segment
    is_last: bool
    path: str
    size_bytes: int
    duration_ms: int
    width: int
    height: int
    thumbnail_jpeg: bytes = field(default=b"", repr=False)
    """A picture of it for the chat, upright, at most 320 pixels a side and 200 kB; empty if none could be made."""
    is_recovered: bool = False
    """The recording was cut short by a crash or a power cut and has been finished afterwards."""
    is_cut_short: bool = False
    """The disk did not take the rest of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipFailed:
    """A clip, or a part of it, could not be recorded; `reason` is for the person who waits for it."""

    camera: CameraId
    cause: ClipCause
    reason: str
    is_last: bool = True
    """Nothing more comes of the clip. Else its next part is tried, or what there is of it is told again as the last."""
