"""Fakes that we own: the ports' other side, for tests of one part alone."""

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue

from PIL import Image

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.errors import StoreError
from ratcam.messages import (
    CameraId,
    ChatEvent,
    ChatId,
    ChildFailed,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    Sighting,
)
from ratcam.motion.kept_habits import Habits
from tests.deadline import wait_until


class FakeClock:
    """Implements `ratcam.ports.Clock`; time passes when the test says so."""

    def __init__(self, monotonic_s: float = 1000.0, unix_s: float = 1_800_000_000.0) -> None:
        self._monotonic_s = monotonic_s
        self._unix_s = unix_s

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def unix_s(self) -> float:
        return self._unix_s

    def advance(self, seconds: float) -> None:
        self._monotonic_s += seconds
        self._unix_s += seconds


class FakeGateway:
    """Implements `ratcam.ports.ChatGateway`: keeps what is sent; answers by `answer`, by default with success."""

    def __init__(self) -> None:
        self.sent: list[Delivery] = []
        self.allowed: frozenset[ChatId] = frozenset()
        self.is_stopped = False
        self.under_way: dict[DeliveryId, Delivery] = {}
        self.answer: Callable[[Delivery], ChatEvent | None] = self.accept
        self.at_stop: Callable[[], object] = bool
        """What happens while it stops."""
        self._listener: Callable[[ChatEvent], None] | None = None
        self._lock = threading.Lock()

    def start(self, listener: Callable[[ChatEvent], None]) -> None:
        self._listener = listener

    def allow(self, chats: frozenset[ChatId]) -> None:
        self.allowed = chats

    def send(self, delivery: Delivery) -> None:
        with self._lock:
            self.under_way[delivery.delivery_id] = delivery
            self.sent.append(delivery)
        event = self.answer(delivery)
        if event is not None:
            self.hear(event)

    def stop(self, timeout_s: float) -> None:
        self.is_stopped = True
        self.at_stop()

    def hear(self, event: ChatEvent) -> None:
        """Something comes from the chats."""
        assert self._listener is not None
        self._listener(event)
        if isinstance(event, DeliverySucceeded | DeliveryFailed):
            with self._lock:
                self.under_way.pop(event.delivery_id, None)

    def on_the_way(self) -> frozenset[DeliveryId]:
        with self._lock:
            return frozenset(self.under_way)

    def accept(self, delivery: Delivery) -> ChatEvent:
        """As Telegram does: media get a file id."""
        file_id = delivery.file_id or (f"id-of-{delivery.path.rpartition('/')[2]}" if delivery.path else "")
        return DeliverySucceeded(delivery_id=delivery.delivery_id, file_id=file_id)

    def texts(self, chat: int) -> list[str]:
        """What this chat was sent, texts and captions."""
        with self._lock:
            return [delivery.text for delivery in self.sent if delivery.chat == chat]


class _Ear(Supervised):
    def __init__(self, *, address: Address, on_death: OnDeath, hear: Callable[[object], None]) -> None:
        super().__init__(address=address, on_death=on_death)
        self._hear = hear

    def on_receive(self, message: object) -> None:
        self._hear(message)


@dataclass
class Listener:
    """An address whose messages are kept: where an actor tells something, this one listens."""

    name: str
    data_limit: int = 1000
    answer: Callable[[object], None] | None = None
    """What it does with each message besides keeping it."""
    heard: list[object] = field(default_factory=list[object])
    deaths: SimpleQueue[ChildFailed] = field(default_factory=SimpleQueue[ChildFailed])

    def __post_init__(self) -> None:
        self.address = Address(self.name, data_limit=self.data_limit)
        _Ear.start(address=self.address, on_death=self.deaths.put, hear=self._hear)

    def _hear(self, message: object) -> None:
        self.heard.append(message)
        if self.answer is not None:
            self.answer(message)

    def stop(self) -> None:
        self.address.request_stop()
        self.deaths.get(timeout=10)

    def wait_for(self, kind: type[object], count: int = 1) -> list[object]:
        """The messages of this kind, once there are `count`."""
        wait_until(lambda: len(self.of(kind)) >= count, what=f"{count} x {kind.__name__} at {self.name}")
        return self.of(kind)

    def of(self, kind: type[object]) -> list[object]:
        """The messages of this kind so far."""
        return [message for message in tuple(self.heard) if isinstance(message, kind)]


def jpeg(width: int = 64, height: int = 48, grey: int = 90) -> bytes:
    """A real JPEG."""
    out = io.BytesIO()
    Image.new("L", (width, height), grey).save(out, "JPEG")
    return out.getvalue()


def sighting(score: float = 1.0, *, zone: str = "") -> Sighting:
    """A thing of two blocks in the lower left of a picture of 640x360 pixels."""
    return Sighting(
        pts_90k=0,
        score=score,
        area=2,
        area_percent=100 * 2 / 3600,
        box=(16, 320, 32, 328),
        place="lower left",
        zone=zone,
    )


@dataclass
class FakeLearnedStore:
    """Implements `ratcam.ports.LearnedStore` in memory; refuses while `refuses` is set, saves once `is_free` is."""

    kept: dict[CameraId, Habits] = field(default_factory=dict[CameraId, Habits])
    refuses: bool = False
    saves: int = 0
    """How often it changed."""
    loads: int = 0
    is_free: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.is_free.set()

    def load(self, camera: CameraId) -> Habits | None:
        self._check()
        self.loads += 1
        return self.kept.get(camera)

    def save(self, camera: CameraId, habits: Habits) -> None:
        assert self.is_free.wait(30)
        self._check()
        self.saves += self.kept.get(camera) != habits
        self.kept[camera] = habits

    def _check(self) -> None:
        if self.refuses:
            raise StoreError("The disk refuses.")
