"""A bot with two enrolled chats, and those that it tells, in its tests."""

from pathlib import Path
from queue import SimpleQueue

from ratcam.actors.bot import BotActor, CameraLinks
from ratcam.actors.supervised import Address
from ratcam.chat.deliveries import Deliveries
from ratcam.messages import (
    AuthorizationAsked,
    AuthorizationChanged,
    CameraId,
    ChatId,
    ChildFailed,
    ClipCause,
    ClipId,
    ClipReady,
    CommandReceived,
    EventId,
    ForgetLearned,
    LearnedPlace,
    Margin,
    MediaKind,
    MotionEnded,
    MotionPeaked,
    MotionStarted,
    MotionStatus,
    RunId,
    Segment,
    TellMotionStatus,
)
from ratcam.settings import RecordingSettings
from ratcam.store.armed import TinyArmedStore
from ratcam.store.media_files import DirectoryMediaFiles
from ratcam.store.outbox import TinyOutboxStore
from ratcam.store.uploads import TinyUploadStore
from tests.deadline import wait_until
from tests.fakes import FakeClock, FakeGateway, Listener, jpeg, sighting

KITCHEN = CameraId("kitchen")
ADA, BEN, EVE = ChatId(1), ChatId(2), ChatId(666)


class Household:
    """A bot with two enrolled chats."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.chats: tuple[ChatId, ...] = (ADA, BEN)
        self.armed = TinyArmedStore(state_dir=folder)
        self.camera, self.motion, self.recorder, self.auth = map(Listener, ("camera", "motion", "recorder", "auth"))
        self.address = Address("bot")
        self.auth.answer = self.answer_as_auth
        self.motion.answer = self.answer_as_detector
        self.learned: tuple[LearnedPlace, ...] = ()
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()
        self.gateway = FakeGateway()

    def start(self) -> None:
        links = CameraLinks(proxy=self.camera.address, motion=self.motion.address, recorder=self.recorder.address)
        BotActor.start(
            address=self.address,
            on_death=self.deaths.put,
            gateway=self.gateway,
            armed=self.armed,
            deliveries=Deliveries(
                outbox=TinyOutboxStore(state_dir=self.folder),
                uploads=TinyUploadStore(state_dir=self.folder),
                files=DirectoryMediaFiles(directory=self.folder / "media", keep_files=False),
                clock=self.clock,
            ),
            cameras={KITCHEN: links},
            auth=self.auth.address,
            recording=RecordingSettings(),
            clock=self.clock,
            version="1.2.3",
        )
        wait_until(lambda: bool(self.gateway.allowed), what="the bot has started")
        self.time_passes(0)

    def answer_as_auth(self, message: object) -> None:
        if message == AuthorizationAsked():
            self.address.tell(AuthorizationChanged(chats=self.chats))

    def answer_as_detector(self, message: object) -> None:
        if isinstance(message, ForgetLearned):
            self.learned = ()
        if isinstance(message, TellMotionStatus | ForgetLearned):
            self.address.tell(
                MotionStatus(
                    camera=KITCHEN,
                    request_id=message.request_id,
                    guard="light",
                    is_learning=False,
                    quiet=Margin(quiet_score=0.208, trigger=1.0, margin=4.81),
                    learned=self.learned,
                )
            )

    def stop(self) -> None:
        self.address.request_stop()
        self.deaths.get(timeout=10)

    def command(self, name: str, argument: str = "", chat: ChatId = ADA) -> None:
        self.gateway.hear(CommandReceived(chat=chat, sender_name="someone", name=name, argument=argument))

    def answer(self, name: str, argument: str = "") -> str:
        before = len(self.gateway.texts(ADA))
        self.command(name, argument)
        wait_until(lambda: len(self.gateway.texts(ADA)) > before, what=f"an answer to /{name}")
        return self.gateway.texts(ADA)[-1]

    def time_passes(self, seconds: float) -> bool:
        """Let time pass and the bot notice; to be repeated while waiting for what follows from it."""
        self.clock.advance(seconds)
        self.address.ping(self.clock.monotonic_s())
        return True

    def clip(
        self,
        part: int = 1,
        *,
        is_last: bool = True,
        event: str = "e1",
        chat: ChatId | None = None,
        thumbnail: bytes = b"",
    ) -> ClipReady:
        path = self.folder / "media" / f"clip-{event}-{chat}-{part}.mp4"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"video")
        cause = ClipCause(event_id=EventId(event)) if chat is None else ClipCause(chat=chat)
        segment = Segment(
            camera=KITCHEN, run_id=RunId(1), clip_id=ClipId("c"), part=part, cause=cause, started_unix_s=1.8e9
        )
        return ClipReady(
            segment=segment,
            is_last=is_last,
            path=str(path),
            size_bytes=5,
            duration_ms=7400,
            width=640,
            height=480,
            thumbnail_jpeg=thumbnail,
        )

    def files(self) -> list[str]:
        """The names of the pictures and clips that are kept."""
        return sorted(path.name for path in (self.folder / "media").rglob("*") if path.is_file())

    def event_starts(self, event: str = "e1") -> None:
        self.address.tell(
            MotionStarted(
                camera=KITCHEN,
                run_id=RunId(1),
                event_id=EventId(event),
                pts_90k=0,
                started_unix_s=1.8e9,
                seen=sighting(1.2),
            )
        )

    def event_peaks(self, event: str = "e1") -> None:
        self.address.tell(
            MotionPeaked(
                camera=KITCHEN,
                run_id=RunId(1),
                event_id=EventId(event),
                started_unix_s=1.8e9,
                seen=sighting(2.5, zone="door"),
                heat_map_jpeg=jpeg(),
            )
        )

    def event_ends(self, event: str = "e1") -> None:
        self.address.tell(
            MotionEnded(
                camera=KITCHEN,
                run_id=RunId(1),
                event_id=EventId(event),
                pts_90k=9,
                duration_s=42.0,
                peak=sighting(2.5),
                reason="quiet",
            )
        )


def kinds(house: Household, chat: ChatId) -> list[MediaKind]:
    return [delivery.kind for delivery in house.gateway.sent if delivery.chat == chat]
