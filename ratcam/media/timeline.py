"""The time line of one file: presentation times made sound, and decoding times derived from them."""

from itertools import pairwise

from ratcam.media.timebase import TICKS_PER_S, median

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_GAP = 3600 * TICKS_PER_S
"""A longer pause between two pictures of a run is a clock that jumped; it would not fit the boxes either."""
MAX_REORDER = 10 * TICKS_PER_S
"""How far before the latest picture one may be shown that is decoded after it."""
DEFAULT_STEP = TICKS_PER_S // 30


class Timeline:
    """Places units, GOP by GOP in decoding order, on a time line whose first picture is shown at 0.

    Guarantees: no two pictures are shown at one time; decoding times increase strictly; both are the same where
    pictures are not reordered. A sound time is kept to the tick. One that is not (doubled, backward, more than an hour
    ahead) is replaced by one shortly after the last and counted in `repaired`, and so is a sound one that lies before
    such a replacement; the times after it keep their places. If the clock has really jumped, so that the next time is
    not sound either, the times after it go on with their own distances.
    """

    def __init__(self, *, reorders: bool) -> None:
        self.repaired = 0
        self._reorders = reorders
        self._offset: int | None = None
        self._latest: int = -1
        self._good: int = -1
        self._decoded: int = -1
        self._step: int = DEFAULT_STEP
        self._refused: int | None = None

    def place(self, pts: "Sequence[int]", *, begins_with_key: bool) -> "tuple[Sequence[int], Sequence[int]]":
        """The decoding and the presentation times of a GOP, or of the next piece of one, given as captured.

        Both are the same object where pictures are not reordered. Where they are, the decoding times are evenly spread
        if a GOP is given at once; of pieces some are a tick apart, the presentation times are as exact.
        """
        if not pts:
            return (), ()
        if self._offset is None:
            self._offset = -(min(pts) if self._reorders else pts[0])
        if not self._reorders:
            shown = self._sound(pts) or [self._next(time) for time in pts]
            return shown, shown
        shown = self._reordered(pts, begins_with_key=begins_with_key)
        decoded: list[int] = []
        for time in sorted(shown):
            self._decoded = max(time, self._decoded + 1)
            decoded.append(self._decoded)
        return decoded, shown

    def end(self, captured: int | None) -> int | None:
        """Where on this time line the last picture ends, given the captured time of the one after it; None: unknown."""
        if captured is None or self._offset is None:
            return None
        end = captured + self._offset
        return end if self._latest < end <= self._latest + MAX_GAP else None

    def _sound(self, pts: "Sequence[int]") -> list[int] | None:
        """What `_next` would say of each time if all are sound, as nearly always; None if not."""
        # After a replacement the latest time is none that was sound itself.
        if self._good != self._latest:
            return None
        offset = self._offset or 0
        shown = [time + offset for time in pts]
        gaps = [later - sooner for sooner, later in pairwise((self._good, *shown))]
        if min(gaps) <= 0 or max(gaps) > MAX_GAP:
            return None
        if self._good >= 0 or len(gaps) > 1:
            self._step = gaps[-1]
        self._good = self._latest = shown[-1]
        return shown

    def _next(self, captured: int) -> int:
        time = captured + (self._offset or 0)
        if not self._is_sound(time):
            if self._refused is not None and 0 < captured - self._refused <= MAX_GAP:
                time = self._latest + captured - self._refused
                self._offset = time - captured
            else:
                time = self._latest + max(1, self._step // 2)
                self._refused = captured
                self.repaired += 1
                self._latest = time
                return time
        elif self._good >= 0:
            self._step = time - self._good
        self._refused = None
        self._good = time
        if time <= self._latest:
            time = self._latest + 1
            self.repaired += 1
        self._latest = time
        return time

    def _is_sound(self, time: int) -> bool:
        """Whether it follows the last time that was sound itself; a replacement may lie behind both."""
        return self._good < time <= self._good + MAX_GAP

    def _reordered(self, pts: "Sequence[int]", *, begins_with_key: bool) -> list[int]:
        """Sound presentation times of pictures that are reordered: no two the same, a GOP's all after the last GOP's.

        The key unit need not be the first that is shown: picture order counts below the IDR picture's are allowed.
        """
        if begins_with_key and len(pts) == 1:
            return [self._next(pts[0])]
        first, second, *_ = sorted(pts) if len(pts) > 1 else (pts[0], pts[0])
        # One doubled time does not move the others: a clock that jumped has moved the second, too.
        if begins_with_key and not any(self._is_sound(time + (self._offset or 0)) for time in (first, second)):
            self._offset = self._latest + self._step - first
            self.repaired += 1
        offset = self._offset or 0
        result = [0] * len(pts)
        floor = self._latest if begins_with_key else max(0, self._latest - MAX_REORDER)
        ceiling = max(self._latest, first + offset if begins_with_key else 0) + MAX_GAP
        for index in sorted(range(len(pts)), key=lambda n: (pts[n], n)):
            time = pts[index] + offset
            if not floor < time <= ceiling:
                time = floor + 1
                self.repaired += 1
            result[index] = floor = time
        self._good = self._latest = max(self._latest, *result)
        self._refused = None
        if len(result) > 1:
            times = sorted(result)
            self._step = max(1, median([later - sooner for sooner, later in pairwise(times)]))
        return result
