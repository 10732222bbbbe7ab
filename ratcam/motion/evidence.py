"""Evidence: hits add up along the path of what moves, and fade where nothing follows.

The unit is one step's greatest evidence. A hit is worth the more the further it stands out, up to that cap; so no
single change, however violent, is motion: a thing has to be seen in several steps, each near the last.
"""

import math

import numpy as np
import numpy.typing as npt

from ratcam.motion.boxes import Plane, max3x3

FADE = 0.375
"""What a step without a hit takes away."""
HEADROOM = 1.25
"""Evidence ends at so many triggers: the way down to the release is short, however long something moved."""
LEAST = float(2**-FADE)
"""Of the threshold: below it a block loses as much as one in which nothing changes."""
_LEAST_MOVER = 9.0
"""Blocks that stand out where one block changes: changes are summed over 3x3."""


def follow(  # noqa: PLR0917 - the arrays, then the numbers
    path: Plane, stands_out: Plane, threshold: Plane | float, worth: float, steps: float, ceiling: float
) -> Plane:
    """The evidence so far: the most that a block or a neighbour had, plus that of this step; 0 to `ceiling`.

    A block's evidence in one step is the binary logarithm of how far it stands out against its threshold: 0 at the
    threshold, 1 at twice as much; at least -FADE, at most `worth`. `steps` is how many tenths of a second the step
    took: evidence is counted by time, not by pictures.
    """
    result = max3x3(path)
    result -= np.float32(FADE * steps)
    limit = threshold * np.float32(LEAST)
    where = np.flatnonzero(stands_out > limit)
    if where.size:
        ratio = stands_out.ravel()[where] / (
            threshold.ravel()[where] if isinstance(threshold, np.ndarray) else threshold
        )
        new = np.minimum(np.log2(ratio), np.float32(worth))
        flat: npt.NDArray[np.float32] = result.reshape(-1)
        flat[where] += (new + np.float32(FADE)) * np.float32(steps)
    return np.clip(result, 0, ceiling, out=result)


def strength(
    path: Plane, stands_out: Plane, threshold: Plane | float, mask: npt.NDArray[np.bool_] | None = None
) -> float:
    """How much moves and how clearly, at least 1: the evidence is the same for a mouse and a cat, this is not.

    The doublings by which each hit on the path exceeds its threshold are added up; a least mover, a window of 3x3
    blocks at twice the threshold, counts one. It is the root of one plus that, so that it grows as a mover's length
    does rather than its area.
    """
    where = np.flatnonzero((stands_out > threshold) & (path > 0) & (True if mask is None else mask))
    if not where.size:
        return 1.0
    limit = threshold.ravel()[where] if isinstance(threshold, np.ndarray) else np.float32(threshold)
    doublings = np.log2(stands_out.ravel()[where]) - np.log2(limit)
    return math.sqrt(1 + float(doublings.sum()) / _LEAST_MOVER)
