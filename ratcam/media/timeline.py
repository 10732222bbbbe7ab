"""The time line of one file: presentation times made sound, and decoding times derived from them."""

from itertools import pairwise, takewhile

from ratcam.media.timebase import TICKS_PER_S, median

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_GAP = 3600 * TICKS_PER_S
"""A longer pause between two pictures of a run is a clock that jumped; it would not fit the boxes either."""
MAX_REORDER = 10 * TICKS_PER_S
"""How far before the latest picture one may be shown that is decoded after it."""
MAX_HELD = 16
"""So many pictures at most are decoded before one that is shown sooner (ISO/IEC 14496-10, A.3.1)."""
DEFAULT_STEP = TICKS_PER_S // 30
_MANY = 4096
"""Times that are remembered before those are looked for that are out of reach."""


class Timeline:
    """Places units, GOP by GOP in decoding order, on a time line whose first picture is shown at 0.

    Guarantees, also where GOPs are given in pieces: no two pictures are shown at one time, and those of a GOP after all
    of the GOP before; decoding times increase strictly; both are the same where pictures are not reordered. A sound
    time is kept to the tick. One that is not (doubled, backward, more than an hour ahead) is replaced by one shortly
    after the last and counted in `repaired`, and so is a sound one that such a replacement has overtaken or taken the
    place of; the times after it keep their places. If the clock has really jumped, so that the next time is not sound
    either but agrees with it, the times after it go on with their own distances. Where pictures are reordered, a time
    is sound if it lies after the last GOP and at most `MAX_REORDER` before the latest of its own.
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
        self._gop_floor = -1
        self._taken: set[int] = set()

    def place(self, pts: "Sequence[int]", *, begins_with_key: bool) -> "tuple[Sequence[int], Sequence[int]]":
        """The decoding and the presentation times of a GOP, or of the next piece of one, given as captured.

        Both are the same object where pictures are not reordered. Where they are, the decoding times are evenly spread
        if a GOP is given at once; of pieces some are a tick apart, the presentation times are as exact.
        """
        if not pts:
            return (), ()
        if self._offset is None:
            self._offset = -(_first_shown(pts) if self._reorders else pts[0])
        if not self._reorders:
            shown = self._sound(pts) or [self._next(time) for time in pts]
            return shown, shown
        shown = self._reordered(pts, begins_with_key=begins_with_key)
        if self._decoded < 0 and (first := min(shown)) > 0:
            # The clock jumped before the picture that is shown first was decoded.
            shown = [time - first for time in shown]
            self._offset -= first
            self._taken = set(shown)
            self._good = self._latest = self._latest - first
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
        if begins_with_key:
            self._gop_floor, self._taken = self._latest, set()
            if len(pts) == 1:
                self._taken.add(time := self._next(pts[0]))
                return [time]
        elif len(self._taken) > _MANY:
            self._taken = {time for time in self._taken if time > self._floor()}
        # After a pause the first that is shown, which need not be the first that is decoded, may be an hour later, and
        # that one as much later still as reordering allows.
        offset, floor = self._offset or 0, self._floor()
        reach = min((captured for captured in pts if captured + offset > floor), default=0) + offset
        ceiling = reach + MAX_REORDER if self._latest < reach <= self._latest + MAX_GAP else 0
        result: list[int] = []
        for number, captured in enumerate(pts):
            ceiling = max(ceiling, self._latest + MAX_GAP)
            time = captured + (self._offset or 0)
            if not self._floor() < time <= ceiling and self._follow_jump(pts[number : number + MAX_HELD + 1], ceiling):
                time = captured + (self._offset or 0)
                ceiling += self._step
            if self._floor() < time <= ceiling:
                self._refused = None
                self.repaired += time in self._taken
            else:
                is_first = time <= self._gop_floor and not self._taken
                time = self._latest + (1 if is_first else max(1, self._step // 2))
                self._refused = captured
                self.repaired += 1
            while time in self._taken:
                time += 1
            self._taken.add(time)
            self._latest = max(self._latest, time)
            result.append(time)
        self._good = self._latest
        if len(result) > 1:
            self._step = max(1, median([later - sooner for sooner, later in pairwise(sorted(result))]))
        return result

    def _floor(self) -> int:
        """After what a picture of this GOP may be shown."""
        return max(self._gop_floor, self._latest - MAX_REORDER)

    def _follow_jump(self, pts: "Sequence[int]", ceiling: int) -> bool:
        """Move the time line if the first of these times, which is not sound, agrees with another one that is not."""
        offset, floor = self._offset or 0, self._floor()
        run = [*takewhile(lambda time: not floor < time + offset <= ceiling and abs(time - pts[0]) <= MAX_REORDER, pts)]
        if max(run) > (least := min(run)):
            self._offset = self._latest + min(self._step, MAX_REORDER) - least
            self.repaired += 1
            return True
        if self._refused is not None and 0 < abs(pts[0] - self._refused) <= MAX_GAP:
            self._offset = self._latest - self._refused
            return True
        return False


def _first_shown(pts: "Sequence[int]") -> int:
    """The least of a GOP's times that is near its first: a wrong one further back would leave a hole behind it."""
    near = sorted(time for time in pts if abs(time - pts[0]) <= MAX_REORDER)
    if len(near) == 1:
        return pts[0]
    furthest = pts[0] - MAX_HELD * median([later - sooner for sooner, later in pairwise(near)])
    return next(time for time in near if time >= furthest)
