"""The base of every actor, and the address by which it is reached: the only file that knows Pykka's insides.

Pykka has no supervision, loses the inbox of an actor that fails, stops *every* actor when one raises SystemExit, and
has unbounded inboxes. Here the mailbox belongs to the `Address` and outlives the actor, so that a restarted actor goes
on with the next message; any exception ends this one actor; and the Supervisor hears of it when the thread has done its
last work. The overridden underscore methods are those Pykka documents for new kinds of actors; tests/actors/
test_supervised.py are the contract that an upgrade of Pykka must keep.
"""

import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import pykka

from ratcam.messages import ChildFailed, Ping

_log = logging.getLogger(__name__)

OnDeath = Callable[[ChildFailed], None]
"""How an actor's end is reported; given to each incarnation by the Supervisor."""

CONTROL_LIMIT = 10_000
"""Control messages an actor may have waiting: far more than a living actor ever has, few enough for memory."""


class _Stop:
    """The last message of an actor: its work is done when everything before it is."""


class _Envelope:
    """What Pykka's loop takes from an inbox: a message and nobody who waits for an answer."""

    reply_to = None

    def __init__(self, message: object) -> None:
        self.message = message


class Address:
    """Where an actor is reached, before, between and after its incarnations.

    Two lanes: `tell` for control messages, which never wait, and `feed` for stream data, whose lane is bounded. Order
    is kept within a lane; control goes first, then a ping, then data. A stop comes after everything that waits in both.
    """

    def __init__(self, name: str, *, data_limit: int = 128, data_bytes: int = sys.maxsize) -> None:
        """Make an address that nobody reads yet.

        Args:
            name: of the actor, for the log.
            data_limit: how many messages the data lane holds at most.
            data_bytes: how large all that wait in the data lane may be, as those who feed them say. One that is larger
                alone is taken when nothing waits.
        """
        self.name = name
        self._data_limit = data_limit
        self._data_bytes = data_bytes
        self._control: deque[object] = deque()
        self._data: deque[tuple[object, int]] = deque()
        """Messages and their sizes."""
        self._waiting_bytes = 0
        self._ping: Ping | None = None
        self._is_stopping = False
        self._is_closed = False
        self._dropped = 0
        self._busy_since_s: float | None = None
        self._changed = threading.Condition()

    def tell(self, message: object) -> None:
        """Put a control message; never blocks. Beyond `CONTROL_LIMIT` waiting ones it is dropped and logged."""
        with self._changed:
            if self._is_closed:
                return
            if len(self._control) >= CONTROL_LIMIT:
                self._dropped += 1
                if self._dropped == 1:
                    _log.error("%s does not read its messages; %s was dropped", self.name, type(message).__name__)
                return
            self._control.append(message)
            self._changed.notify_all()

    def feed(self, message: object, timeout_s: float, *, size: int = 0) -> bool:
        """Put stream data of `size` bytes; waits up to `timeout_s` for room.

        False: not taken (no room, or the actor is closed).
        """
        with self._changed:
            is_ready = self._changed.wait_for(lambda: self._is_closed or self._has_room(size), timeout=timeout_s)
            if not is_ready or self._is_closed:
                return False
            self._data.append((message, size))
            self._waiting_bytes += size
            self._changed.notify_all()
            return True

    def ping(self, now_s: float) -> None:
        """Let the actor do what is due; a ping that still waits is replaced, so they never pile up."""
        with self._changed:
            self._ping = Ping(now_s=now_s)
            self._changed.notify_all()

    def request_stop(self) -> None:
        """Stop the actor once it has handled everything that waits. Idempotent."""
        with self._changed:
            self._is_stopping = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nobody reads here any more: forget what waits, refuse what comes. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._control.clear()
            self._data.clear()
            self._waiting_bytes = 0
            self._changed.notify_all()

    def busy_s(self, now_s: float) -> float:
        """For how long the actor has been handling its present message; 0.0 when it is waiting for one."""
        since = self._busy_since_s
        return 0.0 if since is None else max(0.0, now_s - since)

    def take(self) -> object:
        """Wait for the next message. For the actor's own loop only."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._control or self._data or self._ping is not None or self._is_stopping or self._is_closed
            )
            if self._control:
                return self._control.popleft()
            if self._ping is not None:
                ping, self._ping = self._ping, None
                return ping
            if self._data:
                message, size = self._data.popleft()
                self._waiting_bytes -= size
                self._changed.notify_all()
                return message
            return _Stop()

    def take_waiting(self) -> tuple[object, ...]:
        """The control messages that wait, all at once. For the actor's own `on_stop`: nobody takes them after that."""
        with self._changed:
            waiting = tuple(self._control)
            self._control.clear()
            return waiting

    def mark_busy(self, since_s: float | None) -> None:
        """The actor begins (monotonic seconds) or has ended (None) handling a message. For its own loop only."""
        self._busy_since_s = since_s

    def _has_room(self, size: int) -> bool:
        """Whether the data lane takes a message of so many bytes."""
        is_small = self._waiting_bytes + size <= self._data_bytes
        return not self._data or (len(self._data) < self._data_limit and is_small)


class _Inbox:
    """An `Address` in the shape of Pykka's ActorInbox, for the loop of one incarnation."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def put(self, envelope: Any, /) -> None:
        self._address.tell(envelope.message)

    def get(self) -> Any:
        return _Envelope(self._address.take())

    def empty(self) -> bool:
        # Pykka empties the inbox of an actor that ends. What waits here is for the next incarnation.
        return True


class Supervised(pykka.ThreadingActor):
    """An actor that the Supervisor starts, watches, restarts and stops.

    Subclasses override `on_start`, `on_receive`, `on_tick`, `on_stop` and `on_failure` (called instead of `on_stop`
    after an exception, also one in `on_start`). An exception in any of them ends this incarnation and nothing else.
    Their constructors take keyword arguments, pass on `address`, and only assign. `start()` on the class as Pykka does.
    """

    use_daemon_thread: ClassVar[bool] = True

    def __init__(self, *, address: Address, on_death: OnDeath) -> None:
        super().__init__()
        self.address = address
        self._on_death = on_death
        self._has_failed: BaseException | None = None
        self.actor_inbox = _Inbox(address)
        self._actor_ref = pykka.ActorRef(self)

    def on_tick(self, now_s: float) -> None:
        """Do what is due at monotonic time `now_s`; called a few times a second."""

    def on_receive(self, message: object) -> None:
        """Handle one message.

        Raises:
            TypeError: a message this actor is not meant to get.
        """
        raise TypeError(f"{type(self).__name__} does not take {type(message).__name__}")

    def _handle_receive(self, message: Any) -> None:
        # Not the Clock port: an address has none, and this is only compared with another reading of the same clock.
        self.address.mark_busy(time.monotonic())
        try:
            if isinstance(message, _Stop):
                self._stop()
            elif isinstance(message, Ping):
                self.on_tick(message.now_s)
            else:
                self.on_receive(message)
        except Exception as exc:
            self._has_failed = exc
            raise
        except BaseException as exc:
            # SystemExit and the like would make Pykka stop all actors.
            self._has_failed = exc
            raise RuntimeError(f"{exc!r} in {type(self).__name__}") from exc
        finally:
            self.address.mark_busy(None)

    def _handle_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self._has_failed = self._has_failed or exception_value
        super()._handle_failure(exception_type, exception_value, traceback)

    def _actor_loop_setup(self) -> None:
        try:
            self.on_start()
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it ends this actor only
            self._has_failed = exc
            _log.error("%s could not start", self.address.name, exc_info=exc)
            self.actor_stopped.set()
            pykka.ActorRegistry.unregister(self.actor_ref)
            # Pykka does not call it for on_start; what on_start began must be given back all the same.
            self.on_failure(type(exc), exc, exc.__traceback__)

    def _actor_loop(self) -> None:
        try:
            super()._actor_loop()
        except BaseException as exc:  # noqa: BLE001 - the thread ends here; the Supervisor must hear of it
            self._has_failed = self._has_failed or exc
            _log.error("%s failed while ending", self.address.name, exc_info=exc)
        finally:
            self.actor_stopped.set()
            pykka.ActorRegistry.unregister(self.actor_ref)
            reason = "" if self._has_failed is None else repr(self._has_failed)
            self._on_death(ChildFailed(name=self.address.name, reason=reason))
