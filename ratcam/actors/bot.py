"""BotActor: speaks with the chats: answers commands, announces events, and sees every delivery through."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.chat import texts
from ratcam.chat.commands import Action, Command, Correction, understand
from ratcam.chat.deliveries import Deliveries
from ratcam.errors import StoreError
from ratcam.messages import (
    Arm,
    AuthorizationChanged,
    CameraId,
    CameraLost,
    CameraRecovered,
    ChatId,
    ChatLost,
    ChatMigrated,
    ClipFailed,
    ClipReady,
    CommandReceived,
    DeliveryFailed,
    DeliverySucceeded,
    Disarm,
    EnrolmentRequested,
    EventId,
    MediaKind,
    MotionEnded,
    MotionPeaked,
    MotionStarted,
    PasscodeSubmitted,
    RecordClip,
    Reply,
    RevokeChat,
    Snapshot,
    TakeSnapshot,
)
from ratcam.ports import (
    ArmedStore,
    AuthStore,
    ChatGateway,
    Clock,
    MediaItem,
)
from ratcam.settings import RecordingSettings

_log = logging.getLogger(__name__)

GATEWAY_STOP_S = 2.5
"""How long the gateway may take to stop."""
SNAPSHOT_TIMEOUT_S = 10.0
"""A still that has not come by then is not coming."""
LAST_CLIP_TIMEOUT_S = 30.0
"""How long "all quiet" waits for the event's last clip."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLinks:
    """The actors of one camera, as far as the bot tells them something."""

    proxy: Address
    motion: Address
    recorder: Address


@dataclass(slots=True)
class _EndedEvent:
    """An event that is over and whose last clip is awaited before the chats hear that all is quiet."""

    camera: CameraId
    duration_s: float
    give_up_at_s: float


class BotActor(Supervised):
    """Owns the deliveries and the gateway. The gateway outlives an incarnation, and so does what is on its way.

    An announcement is on disk before its first byte is sent; what was owed is owed again after a restart. Announcements
    go to every chat that is authorised when they are made. Answers to commands are kept in memory only.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        gateway: ChatGateway,
        auth_store: AuthStore,
        armed: ArmedStore,
        deliveries: Deliveries,
        cameras: Mapping[CameraId, CameraLinks],
        auth: Address,
        recording: RecordingSettings,
        clock: Clock,
        version: str,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._gateway = gateway
        self._auth_store = auth_store
        self._armed = armed
        self._deliveries = deliveries
        self._cameras = cameras
        self._auth = auth
        self._recording = recording
        self._clock = clock
        self._version = version
        self._chats: tuple[ChatId, ...] = ()
        self._stills: dict[str, tuple[ChatId, float]] = {}
        self._started_at: dict[EventId, float] = {}
        self._ended: dict[EventId, _EndedEvent] = {}
        self._lost: dict[CameraId, str] = {}
        self._last_motion_unix_s: float | None = None
        self._began_s = clock.monotonic_s()
        self._has_caught_up = False
        """Whether the results that an earlier incarnation did not take have been taken: before that nothing is sent."""

    def on_start(self) -> None:
        """Take up what is owed and open the gateway."""
        owed = self._deliveries.load(self._gateway.on_the_way())
        if owed:
            _log.info("%d deliveries are owed from before", owed)
        try:
            self._set_chats(tuple(entry.chat for entry in self._auth_store.chats()))
        except StoreError as exc:
            _log.error("No chat is served until this is mended: %s", exc)
        self._gateway.start(self.address.tell)

    def on_stop(self) -> None:
        """Hand over what can go in a moment, then close the gateway; the rest stays owed on disk."""
        self._send_due()
        self._gateway.stop(GATEWAY_STOP_S)

    def on_tick(self, now_s: float) -> None:
        """Send what is due; give up what has waited too long."""
        for request_id, (chat, until_s) in tuple(self._stills.items()):
            if now_s >= until_s:
                del self._stills[request_id]
                self._deliveries.reply(
                    chat, texts.PHOTO_FAILED.format(camera=self._camera_names(), reason="it does not answer")
                )
        self._has_caught_up = True  # a ping comes after all control messages that were there before it
        for event_id, ended in tuple(self._ended.items()):
            if now_s >= ended.give_up_at_s:
                self._say_quiet(event_id)
        self._send_due()

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case MotionStarted() | MotionPeaked() | MotionEnded() | ClipReady() | ClipFailed():
                self._announce(message)
            case CameraLost() | CameraRecovered():
                self._camera_changed(message)
            case Snapshot():
                self._still_arrived(message)
            case CommandReceived():
                self._command(message)
            case EnrolmentRequested() | PasscodeSubmitted():
                self._auth.tell(message)
            case DeliverySucceeded() | DeliveryFailed():
                self._delivery_ended(message)
            case ChatMigrated():
                self._migrated(message)
            case ChatLost():
                self._chat_gone(message.chat, message.reason)
            case Reply():
                self._deliveries.reply(message.chat, message.text)
            case AuthorizationChanged():
                self._set_chats(message.chats)
            case _:
                super().on_receive(message)
        self._send_due()

    def _set_chats(self, chats: tuple[ChatId, ...]) -> None:
        self._chats = chats
        self._gateway.allow(frozenset(chats))
        self._deliveries.keep_only(chats)

    # --- announcements ----------------------------------------------------------------------------------------------

    def _announce(self, event: MotionStarted | MotionPeaked | MotionEnded | ClipReady | ClipFailed) -> None:
        match event:
            case MotionStarted():
                self._started_at[event.event_id] = self._last_motion_unix_s = event.started_unix_s
                at = texts.clock_time(event.started_unix_s)
                self._deliveries.owe_text(self._chats, texts.MOTION.format(camera=event.camera, at=at))
            case MotionPeaked():
                self._announce_picture(event)
            case MotionEnded():
                self._ended[event.event_id] = _EndedEvent(
                    event.camera, event.duration_s, self._clock.monotonic_s() + LAST_CLIP_TIMEOUT_S
                )
            case ClipReady():
                self._clip_ready(event)
            case ClipFailed():
                self._clip_failed(event)

    def _announce_picture(self, event: MotionPeaked) -> None:
        at = texts.clock_time(self._started_at.get(event.event_id, self._clock.unix_s()))
        caption = texts.HEAT_MAP.format(camera=event.camera, at=at, score=event.score, area=event.area)
        self._deliveries.owe_photo(
            self._chats, f"heat-{event.camera}-{event.event_id}.jpg", event.heat_map_jpeg, caption
        )

    def _clip_ready(self, clip: ClipReady) -> None:
        media_id = PurePath(clip.path).name
        if self._deliveries.knows(media_id):
            return  # told again by a muxer that was restarted
        segment = clip.segment
        pattern = texts.CLIP if clip.is_last and segment.part == 1 else texts.CLIP_PART
        caption = pattern.format(
            camera=segment.camera,
            at=texts.clock_time(segment.started_unix_s),
            duration=texts.duration(clip.duration_ms / 1000),
            part=segment.part,
        )
        item = MediaItem(
            media_id=media_id,
            kind=MediaKind.VIDEO,
            path=clip.path,
            width=clip.width,
            height=clip.height,
            duration_s=max(1, round(clip.duration_ms / 1000)),
        )
        asked = segment.cause.chat
        chats = self._chats if asked is None else tuple(chat for chat in self._chats if chat == asked)
        self._deliveries.owe_media(chats, item, caption + (texts.RECOVERED if clip.is_recovered else ""))
        if clip.is_last and segment.cause.event_id is not None:
            self._say_quiet(segment.cause.event_id)

    def _clip_failed(self, failed: ClipFailed) -> None:
        if failed.cause.chat is not None:
            self._deliveries.reply(
                failed.cause.chat, texts.CLIP_FAILED.format(camera=failed.camera, reason=texts.reason(failed.reason))
            )
            return
        self._deliveries.owe_text(self._chats, texts.CLIP_LOST_TOO.format(reason=texts.reason(failed.reason)))

    def _say_quiet(self, event_id: EventId) -> None:
        ended = self._ended.pop(event_id, None)
        if ended is None:
            return
        self._started_at.pop(event_id, None)
        text = texts.QUIET.format(camera=ended.camera, duration=texts.duration(ended.duration_s))
        self._deliveries.owe_text(self._chats, text, after_media=True)

    def _camera_changed(self, change: CameraLost | CameraRecovered) -> None:
        match change:
            case CameraLost():
                self._lost[change.camera] = change.reason
                text = texts.CAMERA_LOST.format(camera=change.camera, reason=texts.reason(change.reason))
            case CameraRecovered():
                self._lost.pop(change.camera, None)
                text = texts.CAMERA_BACK.format(camera=change.camera, blind=texts.duration(change.blind_s))
        self._deliveries.owe_text(self._chats, text)

    # --- chats ------------------------------------------------------------------------------------------------------

    def _send_due(self) -> None:
        if self._has_caught_up:
            for delivery in self._deliveries.due(self._clock.monotonic_s()):
                self._gateway.send(delivery)

    def _delivery_ended(self, message: DeliverySucceeded | DeliveryFailed) -> None:
        match message:
            case DeliverySucceeded():
                self._deliveries.succeeded(message)
            case DeliveryFailed():
                gone = self._deliveries.failed(message)
                if gone is not None:
                    self._chat_gone(gone, message.detail)

    def _chat_gone(self, chat: ChatId, reason: str) -> None:
        _log.warning("chat %d is gone: %s", chat, reason)
        self._deliveries.drop_chat(chat)
        self._auth.tell(RevokeChat(chat=chat))

    def _migrated(self, message: ChatMigrated) -> None:
        self._chats = tuple(message.new_chat if chat == message.chat else chat for chat in self._chats)
        self._deliveries.migrate(message.chat, message.new_chat)
        self._auth.tell(message)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _command(self, received: CommandReceived) -> None:
        if received.chat not in self._chats:
            return  # revoked while it was on its way
        understood = understand(
            received.name,
            received.argument,
            video_s=self._recording.video_s,
            longest_video_s=self._recording.max_video_s,
        )
        match understood:
            case Correction():
                self._deliveries.reply(received.chat, understood.text)
            case Command():
                _log.info("chat %d: /%s", received.chat, received.name)
                self._carry_out(received.chat, understood)

    def _carry_out(self, chat: ChatId, command: Command) -> None:
        match command.action:
            case Action.START:
                self._deliveries.reply(chat, texts.ALREADY_ENROLLED)
            case Action.HELP:
                self._deliveries.reply(chat, texts.HELP)
            case Action.STATUS:
                self._deliveries.reply(chat, self._status())
            case Action.PHOTO:
                self._ask_for_stills(chat)
            case Action.VIDEO:
                for camera, links in self._cameras.items():
                    links.recorder.tell(RecordClip(camera=camera, chat=chat, seconds=command.seconds))
                self._deliveries.reply(chat, texts.RECORDING.format(seconds=command.seconds))
            case Action.ARM:
                self._deliveries.reply(chat, self._set_armed(armed=True))
            case Action.DISARM:
                self._deliveries.reply(chat, self._set_armed(armed=False))
            case Action.LOGOUT:
                self._deliveries.reply(chat, texts.LOGGED_OUT)
                self._send_due()
                self._auth.tell(RevokeChat(chat=chat))

    def _set_armed(self, *, armed: bool) -> str:
        changed = [camera for camera in self._cameras if self._armed.is_armed(camera) != armed]
        for camera in changed:
            self._armed.set_armed(camera, armed=armed)
        for camera, links in self._cameras.items():
            links.motion.tell(Arm(camera=camera) if armed else Disarm(camera=camera))
        if armed:
            return texts.ARMED if changed else texts.ALREADY_ARMED
        return texts.DISARMED if changed else texts.ALREADY_DISARMED

    def _ask_for_stills(self, chat: ChatId) -> None:
        until_s = self._clock.monotonic_s() + SNAPSHOT_TIMEOUT_S
        for camera, links in self._cameras.items():
            request_id = f"chat:{secrets.token_hex(6)}"
            self._stills[request_id] = (chat, until_s)
            links.proxy.tell(TakeSnapshot(camera=camera, request_id=request_id))

    def _still_arrived(self, snapshot: Snapshot) -> None:
        chat, _ = self._stills.pop(snapshot.request_id, (None, 0.0))
        if chat is None:
            return
        if not snapshot.jpeg:
            self._deliveries.reply(
                chat, texts.PHOTO_FAILED.format(camera=snapshot.camera, reason=texts.reason(snapshot.reason))
            )
            return
        name = f"photo-{snapshot.camera}-{snapshot.request_id.partition(':')[2]}.jpg"
        at = texts.clock_time(self._clock.unix_s())
        self._deliveries.owe_photo((chat,), name, snapshot.jpeg, texts.PHOTO.format(camera=snapshot.camera, at=at))

    def _status(self) -> str:
        lines = [
            f"{camera}: "
            + ("armed" if self._armed.is_armed(camera) else "disarmed")
            + (f", no pictures ({self._lost[camera]})" if camera in self._lost else "")
            for camera in self._cameras
        ]
        last = "none" if self._last_motion_unix_s is None else texts.clock_time(self._last_motion_unix_s)
        up = texts.duration(self._clock.monotonic_s() - self._began_s)
        lines += [
            f"Last motion: {last}",
            f"Waiting to be sent: {self._deliveries.waiting()}",
            f"Chats: {len(self._chats)}",
        ]
        return "\n".join([*lines, f"Ratcam {self._version}, up {up}"])

    def _camera_names(self) -> str:
        return ", ".join(self._cameras)
