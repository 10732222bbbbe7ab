"""Tells what flits past, floods in or hangs across from what walks: insects, the edge of a light, a spider's thread.

An insect at the lens is in quite another place at each step.

What walks, runs or drives is seen beside where it was a tenth of a second ago; most of its blocks are those of the
last step or their neighbours. A thing that leaps is believed too, but only when it has been seen for longer
than insects are. A light's edge covers more with each step, until there is so much of it that the guard sees it; and a
thread before the lens is a line across the picture, which no animal is.
"""

import math

import numpy as np
import numpy.typing as npt

from ratcam.motion.boxes import Plane, max3x3

WINDOW = 10
"""Blocks in each direction from the strongest one that are looked at: a quarter of the picture's width in all."""
_LEAPS = 0.3
"""The share of hits apart from those of the last step that makes a leap: half a body's length a step. A mouse in flight
comes to 0.2."""
_GROWS = 0.5
"""Of what had this much less before, the new part says nothing: it has only just begun to move."""
_LARGE = 53
"""Blocks of the window, an eighth of it. What fills more is believed at once: people who come near leap, too."""
MEMORY_S = 0.25
"""A leap or a flood counts for so long: two steps after it."""
_FLOODS = 0.07
"""The share of the picture from which on what grows may be a light's edge: more than a rat that runs in covers."""
_RISES = 1.15
"""It grows so much in a step. What comes in from the side grows so only while it is small."""
_DENSE = 0.7
"""The share of blocks with a vector that shows a body: light has some, what is near and moves has them all over."""
_LONG = 0.4
"""The share of the picture's height or width from which on a line may be a thread."""
_THIN = 3.4
"""Blocks a line is wide at most, on average: two by which it sways in a step, and one on each side by the 3x3 sums."""
_STEEP = 2.0
"""Blocks a line steps aside from row to row."""
_ASIDE = 4
"""Blocks from the picture's side within which a line is somebody coming in."""
LINE_S = 2.0
"""A line counts for so long at most: at the turn of its sway little of it is seen."""
_LINE_PACE = 3.0
"""A line counts for so many times as long as it has been seen."""


class Flits:
    """What of a stream flits, floods or hangs across, and how long motion has to wait for it to show that it walks."""

    def __init__(self, flit_s: float) -> None:
        """Let what leaps or floods wait for `flit_s`, and a line for as long as it is there; 0: nothing waits."""
        self._wait_s = flit_s
        self._leap_s = self._line_s = 0.0
        self._hits: npt.NDArray[np.bool_] | None = None
        self._share = self._elapsed_s = 0.0

    def feed_share(self, share: float, moved: float | None, elapsed_s: float) -> None:
        """Take the share of the picture that stands out in a step, and `moved` of `is_flood`; before the step's `feed`.

        Where there is no estimator nothing is a flood: the light has been taken out of decoded pictures.
        """
        self._leap_s = max(0.0, self._leap_s - elapsed_s)
        self._line_s = max(0.0, self._line_s - elapsed_s)
        if moved is not None and is_flood(share, self._share, moved):
            self._leap_s = MEMORY_S
        self._share = share
        self._elapsed_s = elapsed_s

    def feed(self, hits: npt.NDArray[np.bool_] | None, path: Plane) -> float:
        """Take a step's hits, None for none, and the evidence with them: for how long it has to last to be motion."""
        before, self._hits = self._hits, hits
        if hits is not None and self._wait_s:
            if is_line(hits):
                self._line_s = min(LINE_S, self._line_s + _LINE_PACE * self._elapsed_s)
            row, column = divmod(int(path.argmax()), hits.shape[1])
            if before is not None and path[row, column] > 0 and is_leap(hits, before, row, column):
                self._leap_s = MEMORY_S
        return self.wait_s

    @property
    def wait_s(self) -> float:
        """As `feed` said last; infinite while a line is there."""
        if self._line_s:
            return math.inf
        return self._wait_s if self._leap_s else 0.0


def is_leap(hits: npt.NDArray[np.bool_], before: npt.NDArray[np.bool_], row: int, column: int) -> bool:
    """Whether what is hit around a block has leapt there since the step before. All arrays are (rows, columns)."""
    rows = slice(max(0, row - WINDOW), row + WINDOW + 1)
    columns = slice(max(0, column - WINDOW), column + WINDOW + 1)
    now, then = hits[rows, columns], before[rows, columns]
    count = np.count_nonzero(now)
    if not 0 < count < _LARGE or np.count_nonzero(then) < _GROWS * count:
        return False
    near = max3x3(then.astype(np.float32)) > 0
    return bool(np.count_nonzero(now & ~near) >= _LEAPS * count)


def is_flood(share: float, before: float, moved: float) -> bool:
    """Whether the share of the picture that stands out grows as the edge of a light does, from step to step.

    `moved` is the share of those blocks in which an estimator found a vector.
    """
    return before > _FLOODS / 2 and share > max(_FLOODS, _RISES * before) and moved < _DENSE


def is_line(hits: npt.NDArray[np.bool_]) -> bool:
    """Whether most of what is hit is one thin line through much of the picture, upright or lying."""
    count = np.count_nonzero(hits)
    return any(
        _LONG * len(lines) < count < _THIN * len(lines) and _is_line(lines, int(count)) for lines in (hits, hits.T)
    )


def _is_line(lines: npt.NDArray[np.bool_], count: int) -> bool:
    widths = np.count_nonzero(lines, axis=1)
    hit = np.flatnonzero(widths)
    if hit.size < _LONG * len(lines) or count > _THIN * hit.size:
        return False
    places = np.arange(lines.shape[1], dtype=np.float64)
    middles: npt.NDArray[np.float64] = np.dot(lines[hit].astype(np.float64), places) / widths[hit]
    if not _ASIDE <= float(np.median(middles)) < lines.shape[1] - _ASIDE:
        return False
    aside = np.abs(np.diff(middles)) / np.diff(hit)
    return bool(np.count_nonzero(aside <= _STEEP) >= 0.8 * aside.size)
