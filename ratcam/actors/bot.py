"""BotActor: speaks with the chats: answers commands, announces events, and sees every delivery through."""

import logging
import math
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.chat import texts
from ratcam.chat.alerts import Alerts, Announcement, News, TellClip, TellPhoto, TellText, media_id_of
from ratcam.chat.commands import Action, Command, Correction, understand
from ratcam.chat.deliveries import Deliveries
from ratcam.chat.status import Answered, Questions, Topic, forgotten_text, learned_text, status_lines
from ratcam.errors import StoreError
from ratcam.messages import (
    Arm,
    AuthorizationAsked,
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
    ForgetLearned,
    MotionEnded,
    MotionPeaked,
    MotionStarted,
    MotionStatus,
    PasscodeSubmitted,
    RecordClip,
    Reply,
    RevokeChat,
    Snapshot,
    TakeSnapshot,
    TellMotionStatus,
)
from ratcam.ports import ArmedStore, ChatGateway, Clock
from ratcam.settings import RecordingSettings

_log = logging.getLogger(__name__)

GATEWAY_STOP_S = 2.5
"""How long the gateway may take to stop."""
SNAPSHOT_TIMEOUT_S = 10.0
"""A still that has not come by then is not coming."""
DETECTOR_TIMEOUT_S = 3.0
"""A detector that has not told how it is by then is answered for without it."""
RESET_TIMEOUT_S = 30.0
"""A detector answers a reset when the disk has: that may wait 10 s for a lock, and then for a slow card."""
NEWS_HELD = 1000
CLIPS_REMEMBERED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLinks:
    """The actors of one camera, as far as the bot tells them something."""

    proxy: Address
    motion: Address
    recorder: Address


class BotActor(Supervised):
    """Owns the deliveries and the gateway. The gateway outlives an incarnation, and so does what is on its way.

    An announcement is on disk before its first byte is sent; what was owed is owed again after a restart. Announcements
    go to every chat that is authorised when they are made. Answers to commands are kept in memory only. Nothing is sent
    before the AuthActor has said who is authorised.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        gateway: ChatGateway,
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
        self._armed_store = armed
        self._deliveries = deliveries
        self._cameras = cameras
        self._auth = auth
        self._recording = recording
        self._clock = clock
        self._version = version
        self._chats: tuple[ChatId, ...] = ()
        self._knows_chats = False
        self._held: deque[News] | None = deque(maxlen=NEWS_HELD)
        """What there is to tell before it is known to whom; None from then on."""
        self._announced: deque[str] = deque(maxlen=CLIPS_REMEMBERED)
        """The newest clips of which the chats were told."""
        self._moved: dict[ChatId, ChatId] = {}
        self._armed: dict[CameraId, bool] = {}
        self._stills: dict[str, tuple[ChatId, float]] = {}
        self._questions = Questions()
        self._alerts = Alerts()
        self._began_s = clock.monotonic_s()
        self._has_caught_up = False
        """Whether the results that an earlier incarnation did not take have been taken: before that nothing is sent."""

    def on_start(self) -> None:
        """Take up what is owed and open the gateway."""
        owed = self._deliveries.load(self._gateway.on_the_way())
        if owed:
            _log.info("%d deliveries are owed from before", owed)
        for camera in self._cameras:
            self._armed[camera] = self._was_armed(camera)
        self._gateway.start(self.address.tell)
        self._auth.tell(AuthorizationAsked())

    def on_stop(self) -> None:
        """Hand over what can go in a moment and close the gateway; what has not arrived by then stays owed on disk."""
        self._owe(self._alerts.overdue(math.inf))
        self._send_due()
        self._gateway.stop(GATEWAY_STOP_S)
        for message in self.address.take_waiting():
            if isinstance(message, DeliverySucceeded | DeliveryFailed):
                self._delivery_ended(message)

    def on_tick(self, now_s: float) -> None:
        """Send what is due; give up what has waited too long."""
        for request_id, (chat, until_s) in tuple(self._stills.items()):
            if now_s >= until_s:
                del self._stills[request_id]
                self._deliveries.reply(
                    chat, texts.PHOTO_FAILED.format(camera=self._camera_names(), reason=texts.NO_ANSWER)
                )
        self._answer(self._questions.overdue(now_s))
        self._has_caught_up = True  # a ping comes after all control messages that were there before it
        self._owe(self._alerts.overdue(now_s))
        self._send_due()

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case (
                MotionStarted()
                | MotionPeaked()
                | MotionEnded()
                | ClipReady()
                | ClipFailed()
                | CameraLost()
                | CameraRecovered()
            ):
                self._announce(message)
            case Snapshot():
                self._still_arrived(message)
            case MotionStatus():
                self._answer(self._questions.take(message))
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
                self._deliveries.reply(message.chat, message.text, is_stranger=message.chat not in self._chats)
            case AuthorizationChanged():
                self._set_chats(message)
            case _:
                super().on_receive(message)
        self._send_due()

    def _set_chats(self, message: AuthorizationChanged) -> None:
        self._knows_chats = message.is_known
        self._gateway.allow(frozenset(message.chats))
        if not message.is_known:
            return
        self._chats = message.chats
        self._deliveries.keep_only(message.chats)
        held, self._held = self._held or (), None
        for event in held:
            self._announce(event)

    # --- announcements ----------------------------------------------------------------------------------------------

    def _announce(self, news: News) -> None:
        """Tell it to the chats; what comes before anybody said who they are waits."""
        if self._held is not None:
            self._held.append(news)
        elif isinstance(news, ClipReady) and self._is_known(media_id_of(news)):
            self._owe(self._alerts.told_again(news))
        else:
            self._owe(self._alerts.tell(news, now_s=self._clock.monotonic_s()))
            if isinstance(news, ClipReady):
                self._announced.append(media_id_of(news))

    def _is_known(self, clip_id: str) -> bool:
        """Whether a clip was announced, whatever became of it, or is owed or has arrived since before the start."""
        return clip_id in self._announced or self._deliveries.knows(clip_id)

    def _owe(self, announcements: tuple[Announcement, ...]) -> None:
        for one in announcements:
            match one:
                case TellText():
                    if one.chat is None:
                        self._deliveries.owe_text(self._chats, one.text, after_media=one.after_media)
                    else:
                        self._deliveries.reply(one.chat, one.text)
                case TellPhoto():
                    self._deliveries.owe_photo(self._chats, one.name, one.jpeg, one.caption)
                case TellClip():
                    self._owe_clip(one)

    def _owe_clip(self, clip: TellClip) -> None:
        chats = self._chats
        if clip.chat is not None:
            asked = self._moved.get(clip.chat, clip.chat)
            chats = tuple(chat for chat in self._chats if chat == asked)
        if chats or self._knows_chats:
            # Else it is not known whose it is: it stays where it is and is told of again at the next start.
            self._deliveries.owe_clip(chats, clip.item, clip.caption, clip.thumbnail_jpeg)

    # --- chats ------------------------------------------------------------------------------------------------------

    def _send_due(self) -> None:
        if self._has_caught_up and self._knows_chats:
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
        self._moved[message.chat] = message.new_chat
        self._deliveries.migrate(message.chat, message.new_chat)
        self._auth.tell(message)

    # --- commands ---------------------------------------------------------------------------------------------------

    def _command(self, received: CommandReceived) -> None:
        if received.chat not in self._chats or not self._knows_chats:
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
                self._ask_detectors(chat, TellMotionStatus, Topic.STATUS)
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
            case Action.LEARNED if command.is_reset:
                self._ask_detectors(chat, ForgetLearned, Topic.FORGOTTEN)
            case Action.LEARNED:
                self._ask_detectors(chat, TellMotionStatus, Topic.LEARNED)
            case Action.LOGOUT:
                self._deliveries.reply(chat, texts.LOGGED_OUT)
                self._send_due()
                self._auth.tell(RevokeChat(chat=chat))

    def _was_armed(self, camera: CameraId) -> bool:
        try:
            return self._armed_store.is_armed(camera)
        except StoreError as exc:
            _log.error("%s Taken as armed.", exc)
            return True

    def _set_armed(self, *, armed: bool) -> str:
        """Arm or disarm every camera; the answer. It counts also if the disk refuses to remember it."""
        is_changed = any(self._armed[camera] != armed for camera in self._cameras)
        refused = ""
        for camera, links in self._cameras.items():
            self._armed[camera] = armed
            try:
                self._armed_store.set_armed(camera, armed=armed)
            except StoreError as exc:
                _log.error("%s", exc)
                refused = texts.NOT_REMEMBERED
            links.motion.tell(Arm(camera=camera) if armed else Disarm(camera=camera))
        if armed:
            return (texts.ARMED if is_changed else texts.ALREADY_ARMED) + refused
        return (texts.DISARMED if is_changed else texts.ALREADY_DISARMED) + refused

    def _ask_for_stills(self, chat: ChatId) -> None:
        until_s = self._clock.monotonic_s() + SNAPSHOT_TIMEOUT_S
        for camera, links in self._cameras.items():
            request_id = f"chat:{secrets.token_hex(6)}"
            self._stills[request_id] = (chat, until_s)
            links.proxy.tell(TakeSnapshot(camera=camera, request_id=request_id))

    def _still_arrived(self, snapshot: Snapshot) -> None:
        chat, _ = self._stills.pop(snapshot.request_id, (None, 0.0))
        if chat is None or chat not in self._chats:
            return
        if not snapshot.jpeg:
            self._deliveries.reply(
                chat, texts.PHOTO_FAILED.format(camera=snapshot.camera, reason=texts.reason(snapshot.reason))
            )
            return
        name = f"photo-{snapshot.camera}-{snapshot.request_id.partition(':')[2]}.jpg"
        at = texts.clock_time(self._clock.unix_s())
        self._deliveries.owe_photo((chat,), name, snapshot.jpeg, texts.PHOTO.format(camera=snapshot.camera, at=at))

    def _ask_detectors(self, chat: ChatId, question: type[TellMotionStatus | ForgetLearned], topic: Topic) -> None:
        request_id = f"chat:{secrets.token_hex(6)}"
        wait_s = RESET_TIMEOUT_S if topic is Topic.FORGOTTEN else DETECTOR_TIMEOUT_S
        until_s = self._clock.monotonic_s() + wait_s
        if self._questions.ask(request_id, chat, topic, self._cameras.keys(), until_s=until_s):
            for camera, links in self._cameras.items():
                links.motion.tell(question(camera=camera, request_id=request_id))

    def _answer(self, answered: tuple[Answered, ...]) -> None:
        for one in answered:
            chat = self._moved.get(one.chat, one.chat)
            if chat not in self._chats:
                continue  # revoked meanwhile
            match one.topic:
                case Topic.STATUS:
                    text = self._status(one)
                case Topic.LEARNED:
                    text = learned_text(self._cameras.keys(), one.found)
                case Topic.FORGOTTEN:
                    text = forgotten_text(self._cameras.keys(), one.found)
            self._deliveries.reply(chat, text)

    def _status(self, answered: Answered) -> str:
        lines = [
            line
            for camera in self._cameras
            for line in status_lines(
                camera,
                is_armed=self._armed[camera],
                lost=self._alerts.lost.get(camera),
                last_motion_unix_s=self._alerts.last_motion_unix_s.get(camera),
                detector=answered.found.get(camera),
            )
        ]
        end = texts.STATUS_END.format(
            waiting=self._deliveries.waiting(),
            chats=len(self._chats),
            version=self._version,
            up=texts.duration(self._clock.monotonic_s() - self._began_s),
        )
        return "\n".join([*lines, end])

    def _camera_names(self) -> str:
        return ", ".join(self._cameras)
