"""Every message that crosses an actor boundary, and the small value types inside them.

Messages are immutable and carry only bytes, str, int, float, bool, enums, tuples and other messages. Events are in the
past tense, commands in the imperative, stream data are nouns. Units stand in the names: `_90k` is a media time in ticks
of 1/90000 s within one run, `_s` seconds, `_unix_s` wall-clock time for people. A `run_id` names one uninterrupted
capture of one camera; media times of different runs cannot be compared.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

CameraId = NewType("CameraId", str)
RunId = NewType("RunId", int)
ChatId = NewType("ChatId", int)
EventId = NewType("EventId", str)
ClipId = NewType("ClipId", str)
DeliveryId = NewType("DeliveryId", str)

# --- data -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessUnit:
    """One coded picture. A key unit is an IDR picture and begins with the SPS and PPS it needs."""

    camera: CameraId
    run_id: RunId
    pts_90k: int
    """Presentation time; strictly increasing within a run in decoding order unless the stream reorders pictures."""
    is_key: bool
    data: bytes = field(repr=False)
    """Annex B byte stream (ISO/IEC 14496-10 annex B): start codes and NAL units of this picture only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionField:
    """The motion vectors of one picture in the form of picamera's MMAL: (columns + 1) x rows blocks of 4 bytes.

    A block is x (int8), y (int8), sad (uint16 little endian), rows from the top; the last column of a row is padding.
    x and y are in whole pixels, towards the block's place in the previous picture; sad is the block's change.
    """

    camera: CameraId
    run_id: RunId
    pts_90k: int
    columns: int
    rows: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One still, the answer to `TakeSnapshot`; an empty `jpeg` means that it failed for `reason`."""

    camera: CameraId
    run_id: RunId
    request_id: str
    pts_90k: int
    jpeg: bytes = field(repr=False)
    reason: str = ""


# --- camera ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStarted:
    """A run has begun: the first message of a run."""

    camera: CameraId
    run_id: RunId
    width: int
    height: int
    fps: float
    """Nominal pictures a second; the truth is in the timestamps."""
    started_unix_s: float
    """Wall-clock time of media time 0 of this run."""
    rotation: int = 0
    """By how much a player has to turn the coded pictures, in degrees clockwise: 0, 90, 180 or 270."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnded:
    """A run is over: the last message of a run. `is_final` when the source has no more to give (a file's end)."""

    camera: CameraId
    run_id: RunId
    reason: str
    is_final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSnapshot:
    """Ask a camera for a still of the newest picture; answered by one `Snapshot` with the same `request_id`."""

    camera: CameraId
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKeyFrame:
    """Ask the encoder to make the next picture a key frame; a source that cannot does nothing."""

    camera: CameraId


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLost:
    """A camera stopped delivering and is being started again."""

    camera: CameraId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRecovered:
    """A lost camera delivers again after `blind_s` seconds without pictures."""

    camera: CameraId
    blind_s: float


# --- motion ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in pixels of the picture, right and bottom exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int


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
    score: float
    """1.0 is the trigger."""
    area: int
    """Blocks that move."""
    box: Box


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
    pts_90k: int
    score: float
    area: int
    box: Box
    heat_map_jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionEnded:
    """The event is over: nothing moved any more, or the camera was disarmed or lost (`reason`)."""

    camera: CameraId
    run_id: RunId
    event_id: EventId
    pts_90k: int
    duration_s: float
    peak_score: float
    reason: str


# --- recording ------------------------------------------------------------------------------------------------------


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


# --- chat -----------------------------------------------------------------------------------------------------------


class MediaKind(Enum):
    """What a delivery carries."""

    TEXT = "text"
    PHOTO = "photo"
    VIDEO = "video"


class FailureKind(Enum):
    """Why a delivery failed, as far as it decides what to do next."""

    NOT_SENT = "not sent"
    """The request never reached the server: try again freely."""
    AMBIGUOUS = "ambiguous"
    """The server may have taken it."""
    RETRY_AFTER = "retry after"
    """The server asks to wait `retry_after_s`."""
    CHAT_GONE = "chat gone"
    """Blocked, kicked, deleted, unknown: nothing reaches this chat any more."""
    WRONG_FILE_ID = "wrong file id"
    """The stored file id is not accepted: upload again."""
    REFUSED = "refused"
    """This payload will never be accepted."""
    TOKEN = "token"  # noqa: S105 - a kind of failure
    """The bot's token is not accepted at present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One item to one chat. Media come from `file_id` if set, else they are uploaded from `path`."""

    delivery_id: DeliveryId
    chat: ChatId
    kind: MediaKind
    text: str = field(repr=False)
    """The message, or the caption of a photo or video. Plain text."""
    path: str = ""
    file_id: str = ""
    width: int = 0
    height: int = 0
    duration_s: int = 0
    thumbnail_path: str = ""
    """A JPEG that the chat shows until the video is played; empty if there is none."""
    is_silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived:
    """An authorised chat sent a command. `name` is without slash and bot name, in lower case."""

    chat: ChatId
    sender_name: str
    name: str
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRequested:
    """A chat that is not authorised sent /start."""

    chat: ChatId
    chat_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasscodeSubmitted:
    """A chat that is not authorised sent a text, maybe a passcode."""

    chat: ChatId
    chat_name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeChat:
    """Take a chat's authorisation away (its /logout, or it is gone)."""

    chat: ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text to one chat, authorised or not; not worth keeping over a restart."""

    chat: ChatId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySucceeded:
    """A delivery is in the chat. `file_id` names the media at Telegram from now on (empty for a text)."""

    delivery_id: DeliveryId
    file_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """A delivery did not arrive, for `kind`; `detail` is for the log."""

    delivery_id: DeliveryId
    kind: FailureKind
    detail: str
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMigrated:
    """A group became a supergroup and has a new id."""

    chat: ChatId
    new_chat: ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLost:
    """The bot was blocked by, or removed from, a chat."""

    chat: ChatId
    reason: str


# --- authorisation --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationAsked:
    """Whoever asks does not know who is authorised; answered by `AuthorizationChanged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationChanged:
    """The chats that may command and are alerted, from now on.

    With `is_known` False nobody can say at present (the store cannot be read): nobody may command and nothing is sent,
    but what is owed stays owed.
    """

    chats: tuple[ChatId, ...]
    is_known: bool = True


# --- supervision ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Sent by the Supervisor to every actor a few times a second: show progress, and do what is due by now."""

    now_s: float
    """Monotonic time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed:
    """An actor's thread has ended although nobody asked it to."""

    name: str
    reason: str


StreamMessage = AccessUnit | MotionField | Snapshot | StreamStarted | StreamEnded
"""What a camera process sends."""
CameraCommand = TakeSnapshot | RequestKeyFrame
"""What a camera process is told."""
ChatEvent = (
    CommandReceived
    | EnrolmentRequested
    | PasscodeSubmitted
    | DeliverySucceeded
    | DeliveryFailed
    | ChatMigrated
    | ChatLost
)
"""What a chat gateway reports."""
