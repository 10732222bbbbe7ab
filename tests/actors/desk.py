"""A recorder alone on a fake clock, and what it is told and tells in its tests."""

from collections.abc import Generator
from contextlib import contextmanager
from queue import SimpleQueue

from ratcam.actors.recorder import Orientation, RecorderActor
from ratcam.actors.supervised import Address
from ratcam.messages import ChatId, ChildFailed, RecordClip, SegmentAppended, SegmentClosed
from ratcam.settings import RecordingSettings
from tests.actors.studio import CAMERA
from tests.fakes import FakeClock, Listener

ADA = ChatId(5)
BEGIN_S = 1000.0


class Desk:
    """A recorder, not yet started, and those that it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock(monotonic_s=BEGIN_S)
        self.muxer, self.bot, self.proxy = Listener("muxer"), Listener("bot"), Listener("proxy")
        self.orientation = Orientation()
        self.settings = RecordingSettings(pre_roll_s=0.0, post_roll_s=1.0)
        self.address = Address("recorder", data_limit=1000)
        self.deaths: SimpleQueue[ChildFailed] = SimpleQueue()

    def start(self) -> None:
        RecorderActor.start(
            address=self.address,
            on_death=self.deaths.put,
            camera=CAMERA,
            settings=self.settings,
            clock=self.clock,
            orientation=self.orientation,
            proxy=self.proxy.address,
            muxer=self.muxer.address,
            bot=self.bot.address,
        )

    def feed(self, *messages: object) -> None:
        for message in messages:
            assert self.address.feed(message, timeout_s=10)

    def ask(self, seconds: float = 2.0) -> None:
        self.address.tell(RecordClip(camera=CAMERA, chat=ADA, seconds=seconds))

    def stop(self) -> None:
        self.address.request_stop()
        assert self.deaths.get(timeout=10).reason == ""

    def recorded(self) -> list[tuple[ChatId | None, int, int]]:
        """The whole clips: for whom, and the first and the last picture."""
        found: dict[str, list[SegmentAppended]] = {}
        for message in self.muxer.of(SegmentAppended):
            assert isinstance(message, SegmentAppended)
            found.setdefault(str(message.segment.clip_id), []).append(message)
        assert len([m for m in self.muxer.of(SegmentClosed) if isinstance(m, SegmentClosed) and m.is_last]) == len(
            found
        )
        return [
            (gops[0].segment.cause.chat, gops[0].units[0].pts_90k // 9000, gops[-1].units[-1].pts_90k // 9000)
            for gops in found.values()
        ]

    def closed(self, count: int) -> list[SegmentClosed]:
        """The ends of segments that the muxer was told, once there are so many."""
        return [message for message in self.muxer.wait_for(SegmentClosed, count) if isinstance(message, SegmentClosed)]


@contextmanager
def fresh_desk() -> Generator[Desk]:
    desk = Desk()
    yield desk
    for address in (desk.address, desk.muxer.address, desk.bot.address, desk.proxy.address):
        address.request_stop()
