"""At which speed a source that has no clock of its own delivers."""

import time

from ratcam.media.timebase import TICKS_PER_S


class Pace:
    """Lets pictures out at their own speed, or at once."""

    _MOST_BEHIND_S = 1.0
    """A longer delay is not made up for: the pictures would come in a burst."""

    def __init__(self, *, is_realtime: bool) -> None:
        self._is_realtime = is_realtime
        self._zero_s: float | None = None

    def wait(self, pts_90k: int) -> None:
        """Wait until a picture shown at `pts_90k` is due."""
        if not self._is_realtime:
            return
        now_s = time.monotonic()
        if self._zero_s is None or now_s - self._zero_s - pts_90k / TICKS_PER_S > self._MOST_BEHIND_S:
            self._zero_s = now_s - pts_90k / TICKS_PER_S
        time.sleep(max(0.0, self._zero_s + pts_90k / TICKS_PER_S - now_s))
