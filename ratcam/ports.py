"""The Protocols between Ratcam's parts: what an implementation must do, and what a caller may rely on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ratcam.messages import (
    CameraId,
    ChatEvent,
    ChatId,
    Delivery,
    DeliveryId,
    MediaKind,
    MotionField,
    Segment,
    StreamStarted,
)
from ratcam.motion.kept_habits import Habits


class Clock(Protocol):
    """Time. Intervals use `monotonic_s`; `unix_s` is for people and may jump."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    def unix_s(self) -> float:
        """Seconds since 1970, as far as this machine knows."""
        ...


# --- cameras --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """What a source delivers: the picture's size in pixels, as coded, and its nominal pictures a second."""

    width: int
    height: int
    fps: float
    rotation: int = 0
    """By how much a player has to turn the coded pictures, in degrees clockwise: 0, 90, 180 or 270."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedPicture:
    """What one step of a source yields: a coded picture, a motion field, or both.

    `data` is one Annex B access unit shown at `pts_90k`; if it is an IDR picture it begins with its SPS and PPS; empty
    when a decoder only hands out what it held back at the stream's end. `field` is a motion field's payload in MMAL
    form (see `messages.MotionField`) of the picture shown at `field_pts_90k`, which in a stream that reorders pictures
    is not the one in `data`; empty when there is none yet. `columns` and `rows` are its block grid without the padding
    column. Media times count from the source's opening, and those of fields increase strictly.
    """

    pts_90k: int
    data: bytes
    field: bytes
    field_pts_90k: int
    columns: int
    rows: int


class CameraSource(Protocol):
    """A camera. One thread calls everything but `still_jpeg` and `request_key_frame`, which any thread may call."""

    def open(self) -> SourceInfo:
        """Start the device.

        Raises:
            CameraError: it cannot be opened; the message says why.
        """
        ...

    def next_picture(self) -> CapturedPicture | None:
        """Wait for the next picture in decoding order; None when the source has come to its end.

        Raises:
            CameraError: the device failed.
        """
        ...

    def still_jpeg(self) -> tuple[int, bytes]:
        """The newest picture as (its pts_90k, JPEG), upright.

        Raises:
            CameraError: there is no picture yet.
        """
        ...

    def request_key_frame(self) -> None:
        """Ask the encoder for a key frame; does nothing where the source cannot."""
        ...

    def close(self) -> None:
        """Let the device go. Idempotent."""
        ...


class ThumbnailMaker(Protocol):
    """Makes the small pictures that stand for clips."""

    def jpeg_of(self, key_unit: bytes, rotation: int) -> bytes:
        """A JPEG of one key unit that begins with its SPS and PPS, at most 320 pixels a side and 200 kB.

        It is as shown: in the samples' aspect ratio, turned by `rotation` degrees clockwise (0, 90, 180 or 270).

        Raises:
            CameraError: the unit cannot be decoded.
            MissingDependencyError: there is no decoder; nor will there be one before a restart.
        """
        ...


# --- chat -----------------------------------------------------------------------------------------------------------


class ChatGateway(Protocol):
    """The way to the chats. Every method returns at once and may be called from any thread."""

    def start(self, listener: Callable[[ChatEvent], None]) -> None:
        """Begin to listen and send; does nothing when it has begun.

        `listener` is called on the gateway's own thread and must not block.
        """
        ...

    def allow(self, chats: frozenset[ChatId]) -> None:
        """From now on only these chats' commands pass; others can only enrol.

        Pictures and clips on their way to a chat that is not among them any more are broken off and reported as failed.
        """
        ...

    def send(self, delivery: Delivery) -> None:
        """Send one delivery; ends in exactly one `DeliverySucceeded` or `DeliveryFailed` unless the gateway stops.

        To one chat the texts, and the pictures and clips, are each sent in the order given; neither waits for the
        other.
        """
        ...

    def on_the_way(self) -> frozenset[DeliveryId]:
        """What was sent and has not been reported to the listener yet; reported first, then gone from here."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Stop within `timeout_s`; requests under way are given up. Idempotent. Waits for the thread's end."""
        ...


class Console(Protocol):
    """The terminal or journal of the person who runs the daemon."""

    def show_passcode(self, passcode: str, *, chat_name: str, minutes: int) -> None:
        """Show a passcode. It appears nowhere else."""
        ...


# --- stores ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedChat:
    """A chat that may command and is alerted."""

    chat: ChatId
    name: str
    since_unix_s: float


class AuthStore(Protocol):
    """Who is authorised; shared with other processes through the file system. Every change is on disk on return."""

    def chats(self) -> tuple[AuthorizedChat, ...]:
        """All authorised chats, oldest first."""
        ...

    def grant(self, chat: AuthorizedChat) -> None:
        """Authorise a chat; replaces an entry with the same id."""
        ...

    def revoke(self, chat: ChatId) -> bool:
        """Take it away; False if it was not authorised."""
        ...

    def migrate(self, chat: ChatId, new_chat: ChatId) -> None:
        """A group has a new id."""
        ...

    def changed(self) -> bool:
        """Whether somebody else has changed the store since this object last read or wrote it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaItem:
    """One picture or clip to deliver; uploaded once, then named by `file_id`."""

    media_id: str
    kind: MediaKind
    path: str
    width: int = 0
    height: int = 0
    duration_s: int = 0
    file_id: str = ""
    thumbnail_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedDelivery:
    """One row of the outbox: one text or media item that one chat has yet to get."""

    delivery_id: DeliveryId
    chat: ChatId
    kind: MediaKind
    text: str
    media_id: str = ""
    after_media: bool = False
    """A text that closes an event: it waits for the media before it. Other texts overtake media."""
    created_unix_s: float = 0.0
    attempts: int = 0


class OutboxStore(Protocol):
    """The deliveries that are still owed. Every change is on disk on return."""

    def pending(self) -> tuple[QueuedDelivery, ...]:
        """All owed deliveries in the order they were added."""
        ...

    def add(self, deliveries: tuple[QueuedDelivery, ...]) -> None:
        """Owe these, all or none."""
        ...

    def update(self, delivery: QueuedDelivery) -> None:
        """Replace the row with the same id; does nothing if there is none."""
        ...

    def remove(self, delivery_ids: tuple[DeliveryId, ...]) -> None:
        """Owe these no more."""
        ...


class UploadStore(Protocol):
    """The media items and the file ids Telegram gave them. Every change is on disk on return."""

    def get(self, media_id: str) -> MediaItem | None:
        """The item, or None."""
        ...

    def put(self, item: MediaItem) -> None:
        """Add or replace an item; the oldest beyond the store's limit are forgotten."""
        ...


class ArmedStore(Protocol):
    """Which cameras are armed; survives restarts."""

    def is_armed(self, camera: CameraId) -> bool:
        """Whether motion of this camera is an event."""
        ...

    def set_armed(self, camera: CameraId, *, armed: bool) -> None:
        """Remember it; on disk on return."""
        ...


class LearnedStore(Protocol):
    """Which blocks of each camera move for hours. Every method raises StoreError when it did not happen.

    `load` may leave out what is damaged, with a line in the log: it can be learned again. For any thread.
    """

    def load(self, camera: CameraId) -> Habits | None:
        """What was saved last, or None."""
        ...

    def save(self, camera: CameraId, habits: Habits) -> None:
        """Replace what is kept for this camera; on disk on return, which may take many seconds."""
        ...


class SpoolFile(Protocol):
    """The file of one segment while it is written. Every method raises OSError as the file system does."""

    def append(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Write at the end in one go; on disk on return."""
        ...

    def patch(self, offset: int, data: bytes) -> None:
        """Write in place; on disk on return."""
        ...

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer at the file's end."""
        ...

    def commit(self) -> tuple[str, int]:
        """Give the file its final name and close it; returns its path and its size in bytes.

        After an OSError it has not got that name and can still be set aside. A power cut may take the name back.
        """
        ...


class ClipFiles(Protocol):
    """The folder of one camera's recordings: those being written, and the finished ones not yet handed over."""

    def create(self, segment: Segment) -> SpoolFile:
        """A new, empty spool file for a segment.

        Raises:
            OSError: it cannot be created.
        """
        ...

    def leftovers(self) -> Iterator[tuple[Segment, SpoolFile, int]]:
        """Every recording that is here, finished or not, oldest first: its segment, its file and its size in bytes.

        For an actor's start: files that an earlier incarnation left open are closed first. One file is open at a time:
        it is closed when the next one is asked for. A file that cannot be opened is logged and left out. To commit a
        finished one again gives its path again.

        Raises:
            OSError: the folder cannot be read.
        """
        ...

    def set_aside(self, spool: SpoolFile) -> str:
        """Close a spool file that cannot be made playable and keep it under another name, which is returned.

        Only the newest few are kept. The file is closed in any case.

        Raises:
            OSError: it cannot be renamed.
        """
        ...


class MediaFiles(Protocol):
    """The folder of pictures and clips that are owed to chats."""

    def save_photo(self, name: str, jpeg: bytes) -> str:
        """Write a JPEG and return its path; on disk on return."""
        ...

    def save_thumbnail(self, clip_path: str, jpeg: bytes) -> str:
        """Write the picture that stands for a clip beside it and return its path; on disk on return."""
        ...

    def discard(self, path: str) -> None:
        """A file is delivered: delete it, or put it away if files are kept. Never raises.

        A clip's thumbnail is deleted with it.
        """
        ...


class KeptVectors(Protocol):
    """Where the fields are kept. One thread calls it."""

    def append(self, start: StreamStarted, field: MotionField) -> bool:
        """Keep one field of the run that `start` began; written in batches: whether one has come to disk with it.

        Raises:
            OSError: the disk refused; the batch is lost, and what comes next is kept apart.
        """
        ...

    def flush(self) -> bool:
        """Write what waits for its batch to be full; False if nothing waits.

        Raises:
            OSError: as `append`.
        """
        ...

    def close(self) -> None:
        """Write what waits; the run is over. Idempotent.

        Raises:
            OSError: as `append`.
        """
        ...
