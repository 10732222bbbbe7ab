"""Feeds one receiver a camera's stream; a receiver that is stuck loses whole GOPs and nobody else anything."""

import logging
import threading

from ratcam.actors.supervised import Address
from ratcam.messages import AccessUnit, MotionField, StreamEnded, StreamStarted

_log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""How long a receiver may keep everybody waiting before it loses data."""
_SLICE_S = 0.1
"""How often a wait looks whether it is still wanted."""


class StreamFeed:
    """The data lane to one receiver. For one thread.

    The beginning and the end of a run always arrive, in their place. A picture that the receiver does not take within
    `PATIENCE_S` is dropped, and so are all after it until it takes a key unit, or a motion field, again. Without
    `may_drop` it is waited for. Nothing is waited for once `is_hurried` is set.
    """

    def __init__(self, address: Address, *, may_drop: bool, is_hurried: threading.Event) -> None:
        self._address = address
        self._may_drop = may_drop
        self._is_hurried = is_hurried
        self._is_behind = False
        self._dropped = 0

    def mark(self, message: StreamStarted | StreamEnded) -> None:
        """Feed the beginning or the end of a run."""
        if not self._offer(message, patience_s=None):
            _log.error("%s did not take %s", self._address.name, type(message).__name__)

    def data(self, message: AccessUnit | MotionField) -> None:
        """Feed a picture, or drop it by the rule above."""
        if not self._is_behind:
            if self._offer(message, patience_s=PATIENCE_S if self._may_drop else None):
                return
            self._is_behind = True
            _log.warning("%s does not keep up; pictures are dropped until it does", self._address.name)
        elif not (isinstance(message, AccessUnit) and not message.is_key) and self._address.feed(message, 0.0):
            self._is_behind = False
            _log.warning("%s keeps up again; %d were dropped", self._address.name, self._dropped)
            self._dropped = 0
            return
        self._dropped += 1

    def _offer(self, message: object, *, patience_s: float | None) -> bool:
        waited_s = 0.0
        while not self._address.feed(message, _SLICE_S):
            # A closed address refuses at once; without this wait that would be a busy loop.
            if self._is_hurried.wait(0.01):
                return self._address.feed(message, 0.0)
            waited_s += _SLICE_S
            if patience_s is not None and waited_s >= patience_s:
                return False
        return True
