"""The bounded queue between a capture loop and a slow reader: whole GOPs are dropped rather than the loop held up."""

import threading
from collections import deque

from ratcam.messages import AccessUnit, MotionField
from ratcam.wire import FromCamera, Heartbeat


class SheddingQueue:
    """First in, first out, for one producer of stream data and one consumer.

    Only access units and motion fields count against `limit_bytes`; the rest is rare and always taken. When an access
    unit does not fit, it and all that follow are dropped until a key unit fits; so are motion fields meanwhile.
    With `may_shed` off, `put` waits for room instead.
    """

    def __init__(self, *, limit_bytes: int, may_shed: bool) -> None:
        self._limit_bytes = limit_bytes
        self._may_shed = may_shed
        self._waiting: deque[FromCamera] = deque()
        self._bytes = 0
        self._is_shedding = False
        self._is_closed = False
        self._shed_units = 0
        self._changed = threading.Condition()

    @property
    def shed_units(self) -> int:
        """Access units dropped so far."""
        with self._changed:
            return self._shed_units

    def put(self, message: FromCamera) -> None:
        """Take a message, or drop it by the rule above. Does nothing once closed."""
        size = _size(message)
        with self._changed:
            if not self._may_shed and size:
                self._changed.wait_for(lambda: self._is_closed or self._has_room(size))
            if self._is_closed or (size and self._sheds(message, size)):
                return
            if isinstance(message, Heartbeat) and self._waiting and isinstance(self._waiting[-1], Heartbeat):
                self._waiting.pop()  # only the newest is of interest
            self._waiting.append(message)
            self._bytes += size
            self._changed.notify_all()

    def get(self) -> FromCamera | None:
        """Wait for the next message; None when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            if not self._waiting:
                return None
            message = self._waiting.popleft()
            self._bytes -= _size(message)
            self._changed.notify_all()
            return message

    def close(self) -> None:
        """Take no more; what waits can still be got. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_room(self, size: int) -> bool:
        # What is larger than the queue passes when it is alone.
        return not self._bytes or self._bytes + size <= self._limit_bytes

    def _sheds(self, message: FromCamera, size: int) -> bool:
        if isinstance(message, AccessUnit):
            if not self._has_room(size):
                self._is_shedding = True
            elif message.is_key:
                self._is_shedding = False
            self._shed_units += self._is_shedding
            return self._is_shedding
        return self._is_shedding or not self._has_room(size)


def _size(message: FromCamera) -> int:
    match message:
        case AccessUnit():
            return len(message.data)
        case MotionField():
            return len(message.payload)
        case _:
            return 0
