"""When to ask an encoder for a key frame: one is needed, and it does not come by itself."""

from ratcam.media.ring import TimedUnit
from ratcam.media.timebase import TICKS_PER_S

LONGEST_GOP_90K = 4 * TICKS_PER_S
"""A GOP that is older is ended: a pre-roll that begins with it is so much longer than asked for, and no more."""
PATIENCE_90K = TICKS_PER_S
"""How long a key frame is left to come by itself where one is due: most cameras send one every second."""
SHORTEST_PAUSE_90K, LONGEST_PAUSE_90K = TICKS_PER_S, 16 * TICKS_PER_S
"""Between two requests that nothing came of the pause doubles: a source may be unable to follow them."""


class KeyFrameWatch:
    """Watches one run's units and says when a key frame is to be asked for.

    That is with the first unit at which one is awaited, as nothing is recorded without it; is due, and the last is
    `PATIENCE_90K` old; or the last is `LONGEST_GOP_90K` old. Requests are never closer than `SHORTEST_PAUSE_90K` in
    media time; while no key frame comes the pauses double up to `LONGEST_PAUSE_90K`. A clock that is set back is a
    reason neither to ask nor to wait for longer.
    """

    def __init__(self) -> None:
        self._begin_90k: int | None = None
        self._asked_90k: int | None = None
        self._pause_90k = self._next_pause_90k = SHORTEST_PAUSE_90K

    def take(self, unit: TimedUnit, *, is_awaited: bool, is_due: bool) -> bool:
        """Take the next unit; whether to ask now. A True counts as asked."""
        now_90k = unit.pts_90k
        if unit.is_key:
            self._pause_90k = self._next_pause_90k = SHORTEST_PAUSE_90K
        if unit.is_key or self._begin_90k is None or now_90k < self._begin_90k:
            self._begin_90k = now_90k
        age_90k = now_90k - self._begin_90k
        is_wanted = is_awaited or age_90k >= LONGEST_GOP_90K or (is_due and age_90k >= PATIENCE_90K)
        if unit.is_key or not is_wanted:
            return False
        if self._asked_90k is not None and abs(now_90k - self._asked_90k) < self._pause_90k:
            return False
        self._asked_90k = now_90k
        self._pause_90k = self._next_pause_90k
        self._next_pause_90k = min(2 * self._pause_90k, LONGEST_PAUSE_90K)
        return True
