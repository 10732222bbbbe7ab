"""Which blocks move for hours: a tree, a clock, a time stamp. They are faded out.

The day is cut into pieces of `SLICE_S`; of each block it is kept in how large a share of the last pieces it had a hit.
A clock moves in all of them. A mouse that visits every night runs through any one block in a few.
"""

import numpy as np
import numpy.typing as npt

from ratcam.motion.detector import Habits

SLICE_S = 60.0
"""A piece of time: in each, a block either had a hit in at least `_BUSY_STEPS` of its steps or not."""
_BUSY_SHARE = 0.01
"""Of a slice's steps, those with a hit that make it busy: a clock that ticks each second has ten times as many."""
FORGET_AT = 0.25
"""A learned block is watched again when its share has fallen to this."""
LEARN_AT = 0.6
"""A block is learned when it was busy in so large a share of the time."""
_HEADER = b"ratcam habits 1\n"

_Plane = npt.NDArray[np.float32]


class HabitMemory:
    """The habits of one stream's blocks."""

    def __init__(self, rows: int, columns: int, hours: float) -> None:
        """Make a memory that learns what moves for so many hours; 0: nothing."""
        self._hours = hours
        self._share: _Plane = np.zeros((rows, columns), np.float32)
        self._learned = np.zeros((rows, columns), np.bool_)
        self._learned.flags.writeable = False
        self._hits = np.zeros((rows, columns), np.uint16)
        self._steps = 0
        self._slice_s = 0.0

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """The blocks that are faded out, shape (rows, columns), read-only; a new array whenever it changes."""
        return self._learned

    def add(self, hits: npt.NDArray[np.bool_] | None, elapsed_s: float) -> None:
        """Take a step's hits, None for none; also those of learned blocks, so that they can be forgotten."""
        if not self._hours:
            return
        if hits is not None:
            self._hits += hits
        self._steps += 1
        self._slice_s += elapsed_s
        if self._slice_s >= SLICE_S:
            self._end_slice()

    def _end_slice(self) -> None:
        busy = self._hits > _BUSY_SHARE * self._steps
        # A share that follows with the time constant `hours` reaches LEARN_AT of a steady mover after 0.9 of it.
        self._share += np.float32(1 - np.exp(-self._slice_s / (3600 * self._hours))) * (busy - self._share)
        learned = (self._share >= LEARN_AT) | (self._learned & (self._share > FORGET_AT))
        if not np.array_equal(learned, self._learned):
            learned.flags.writeable = False
            self._learned = learned
        self._hits[:] = 0
        self._steps = 0
        self._slice_s = 0.0

    def forget(self) -> None:
        """Fade nothing out, until it is learned again."""
        self._share[:] = 0
        self._learned = np.zeros_like(self._learned)
        self._learned.flags.writeable = False

    def saved(self) -> Habits:
        """What `restore` takes back: a byte a block, its share, and a bit whether it is learned."""
        rows, columns = self._share.shape
        shares = np.rint(self._share * 127).astype(np.uint8) | (self._learned.astype(np.uint8) << 7)
        return Habits(columns=columns, rows=rows, payload=_HEADER + shares.tobytes())

    def restore(self, habits: Habits) -> bool:
        """Go on from there; False if it is of another grid or damaged, and nothing has changed."""
        rows, columns = self._share.shape
        body = habits.payload[len(_HEADER) :]
        if (habits.rows, habits.columns) != (rows, columns) or len(body) != rows * columns:
            return False
        if not habits.payload.startswith(_HEADER):
            return False
        shares = np.frombuffer(body, np.uint8).reshape(rows, columns)
        self._share = (shares & 127).astype(np.float32) / np.float32(127)
        self._learned = shares > 127
        self._learned.flags.writeable = False
        return True
