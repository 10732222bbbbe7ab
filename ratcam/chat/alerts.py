"""What the chats are told of events: texts, pictures and clips in their words and order. Pure; time is an argument."""

from collections import deque
from dataclasses import dataclass, field
from pathlib import PurePath

from ratcam.chat import texts
from ratcam.messages import (
    CameraId,
    CameraLost,
    CameraRecovered,
    ChatId,
    ClipCause,
    ClipFailed,
    ClipReady,
    EventId,
    MediaKind,
    MotionEnded,
    MotionPeaked,
    MotionStarted,
)
from ratcam.ports import MediaItem

EVENTS_REMEMBERED = 100
LAST_CLIP_TIMEOUT_S = 30.0
"""How long "all quiet" waits for the event's last clip."""

News = MotionStarted | MotionPeaked | MotionEnded | ClipReady | ClipFailed | CameraLost | CameraRecovered


@dataclass(frozen=True, slots=True, kw_only=True)
class TellText:
    """A text; to every chat, or only to the one that asked."""

    text: str
    after_media: bool = False
    chat: ChatId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TellPhoto:
    """A JPEG to every chat."""

    name: str
    jpeg: bytes = field(repr=False)
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TellClip:
    """A clip that is on disk; to every chat, or only to the one that asked."""

    item: MediaItem
    caption: str
    thumbnail_jpeg: bytes = field(repr=False)
    chat: ChatId | None = None


Announcement = TellText | TellPhoto | TellClip


@dataclass(frozen=True, slots=True, kw_only=True)
class _EndedEvent:
    """An event that is over and whose last clip is awaited before the chats hear that all is quiet."""

    camera: CameraId
    duration_s: float
    give_up_at_s: float


class Alerts:
    """Turns news into announcements, and keeps what they have to know of one another.

    An event is a text, a picture, its clips, and "all quiet" once it is over *and* its last clip is there or lost, in
    whichever order these two come.
    """

    def __init__(self) -> None:
        self._ended: dict[EventId, _EndedEvent] = {}
        self._recorded: deque[EventId] = deque(maxlen=EVENTS_REMEMBERED)
        """Events whose last clip is there, or lost, and that are not over yet."""
        self._has_parts: deque[ClipCause] = deque(maxlen=EVENTS_REMEMBERED)
        """Of what parts of a clip were told, and its end was not."""
        self.lost: dict[CameraId, str] = {}
        """The cameras that give no pictures, and why."""
        self.last_motion_unix_s: dict[CameraId, float] = {}

    def tell(self, news: News, *, now_s: float) -> tuple[Announcement, ...]:
        """What is to be announced because of this, in order."""
        match news:
            case MotionStarted():
                found: tuple[Announcement, ...] = (self._started(news),)
            case MotionPeaked():
                found = (_picture(news),)
            case MotionEnded():
                found = self._motion_ended(news, now_s)
            case ClipReady():
                found = (_clip(news), *self._part_told(news))
            case ClipFailed():
                found = self._failed(news)
            case CameraLost():
                self.lost[news.camera] = reason = texts.reason(news.reason)
                found = (TellText(text=texts.CAMERA_LOST.format(camera=news.camera, reason=reason)),)
            case CameraRecovered():
                self.lost.pop(news.camera, None)
                blind = texts.duration(news.blind_s)
                found = (TellText(text=texts.CAMERA_BACK.format(camera=news.camera, blind=blind)),)
        return found

    def told_again(self, clip: ClipReady) -> tuple[Announcement, ...]:
        """What follows from a clip that was told before and is told again: that it was the last, if it says so."""
        return self._part_told(clip)

    def overdue(self, now_s: float) -> tuple[Announcement, ...]:
        """What is said of events that are over and whose last clip has not come in time: that all is quiet."""
        return tuple(self._quiet(event) for event, over in tuple(self._ended.items()) if now_s >= over.give_up_at_s)

    def _started(self, event: MotionStarted) -> TellText:
        self.last_motion_unix_s[event.camera] = event.started_unix_s
        at = texts.clock_time(event.started_unix_s)
        return TellText(text=texts.motion(event.camera, at, event.seen))

    def _motion_ended(self, event: MotionEnded, now_s: float) -> tuple[Announcement, ...]:
        self._ended[event.event_id] = _EndedEvent(
            camera=event.camera, duration_s=event.duration_s, give_up_at_s=now_s + LAST_CLIP_TIMEOUT_S
        )
        return (self._quiet(event.event_id),) if event.event_id in self._recorded else ()

    def _failed(self, failed: ClipFailed) -> tuple[Announcement, ...]:
        is_part = not failed.is_last or failed.cause in self._has_parts
        if failed.cause.chat is not None:
            pattern = texts.CLIP_PART_FAILED if is_part else texts.CLIP_FAILED
        else:
            pattern = texts.CLIP_PART_LOST_TOO if is_part else texts.CLIP_LOST_TOO
        text = pattern.format(camera=failed.camera, reason=texts.reason(failed.reason))
        end = self._recording_ended(failed.cause) if failed.is_last else ()
        return TellText(text=text, chat=failed.cause.chat), *end

    def _part_told(self, clip: ClipReady) -> tuple[Announcement, ...]:
        cause = clip.segment.cause
        if clip.is_last:
            return self._recording_ended(cause)
        if cause not in self._has_parts:
            self._has_parts.append(cause)
        return ()

    def _recording_ended(self, cause: ClipCause) -> tuple[Announcement, ...]:
        if cause in self._has_parts:
            self._has_parts.remove(cause)
        if cause.event_id is None:
            return ()
        if cause.event_id in self._ended:
            return (self._quiet(cause.event_id),)
        self._recorded.append(cause.event_id)
        return ()

    def _quiet(self, event_id: EventId) -> TellText:
        over = self._ended.pop(event_id)
        text = texts.QUIET.format(camera=over.camera, duration=texts.duration(over.duration_s))
        return TellText(text=text, after_media=True)


def _picture(event: MotionPeaked) -> TellPhoto:
    caption = texts.heat_map(event.camera, texts.clock_time(event.started_unix_s), event.seen)
    return TellPhoto(name=f"heat-{event.camera}-{event.event_id}.jpg", jpeg=event.heat_map_jpeg, caption=caption)


def media_id_of(clip: ClipReady) -> str:
    """What the clip is known by, also after a restart: its file's name."""
    return PurePath(clip.path).name


def _clip(clip: ClipReady) -> TellClip:
    segment = clip.segment
    is_whole = segment.part == 1 and (clip.is_last or clip.is_recovered or clip.is_cut_short)
    pattern = texts.CLIP if is_whole else texts.CLIP_PART
    caption = pattern.format(
        camera=segment.camera,
        at=texts.clock_time(segment.started_unix_s),
        duration=texts.duration(clip.duration_ms / 1000),
        part=segment.part,
    )
    item = MediaItem(
        media_id=media_id_of(clip),
        kind=MediaKind.VIDEO,
        path=clip.path,
        width=clip.width,
        height=clip.height,
        duration_s=max(1, round(clip.duration_ms / 1000)),
    )
    if clip.is_recovered:
        caption += texts.RECOVERED
    elif clip.is_cut_short:
        caption += texts.CUT_SHORT
    return TellClip(item=item, caption=caption, thumbnail_jpeg=clip.thumbnail_jpeg, chat=segment.cause.chat)
