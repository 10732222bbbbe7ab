"""From fields, as fast as they come, to steps about a tenth of a second apart: what changed since the last step.

A slow mover changes more in a tenth of a second than in a thirtieth, noise does not; so fields in between are joined
block by block: the greatest sad, and a vector in any of them. A decoder compares at this pace itself and sends fields
without sad in between. A field without sad is no news: a picture that came twice, a key frame that is not compared,
or one between two steps. After `STALE_S` without news, it is: nothing changes any more.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ratcam.media.timebase import TICKS_PER_S, ticks
from ratcam.motion.field import BLOCK, BlockField, block_px, decoder_block_px

STEP_S = 0.075
"""The least time from step to step: every picture of 5 to 13 a second, every second of 25, every third of 30."""
STALE_S = 0.25
"""Longer than a key frame of 10 pictures a second leaves between steps."""
GAP_S = 1.0
"""A step after a longer gap counts as one of this length: what happened meanwhile nobody has seen."""
_CAMERA = 0.5
"""Of the blocks: when so many are displaced at once, it is the camera that moved. A lamp makes a fifth of them jump."""
_STEP_90K, _STALE_90K = ticks(STEP_S), ticks(STALE_S)
_TRUSTED = 24
"""So many components of vectors, all even, come from the Pi's estimator: by chance once in 2^24 streams."""


class Step(NamedTuple):
    """What changed in the time since the last step."""

    sad: npt.NDArray[np.uint16]
    """Shape (rows, columns)."""
    moved: npt.NDArray[np.bool_] | None
    """The blocks that an estimator found displaced; None where there are no vectors, or none to be believed."""
    elapsed_s: float
    is_camera: bool
    """Whether the estimator found most of the picture displaced: the camera moved."""


class Gatherer:
    """Joins the fields of one stream and grid into steps. Times must not fall."""

    def __init__(self) -> None:
        self._vectors = Vectors()
        self._last_90k: int | None = None
        self._sad: npt.NDArray[np.uint16] | None = None
        self._moved: npt.NDArray[np.bool_] | None = None
        self._is_camera = False

    def feed(self, field: BlockField, *, width: int, pts_90k: int) -> Step | None:
        """Take the field of the next picture; a step if it is due, and None if there is nothing to look at yet."""
        if self._last_90k is None:
            self._last_90k = pts_90k
        since_90k = pts_90k - self._last_90k
        sad = None
        if field.may_have_sad:
            sad = np.ascontiguousarray(field.sad)  # a copy without the vectors between: all that follows is quicker
            if not np.maximum.reduce(sad, axis=None):
                sad = None  # the padding had it
        has_sad = sad is not None
        if sad is not None:
            self._sad = sad if self._sad is None else np.maximum(self._sad, sad)
        # The Pi gives every picture a sad.
        if self._vectors.are_believed(field, width, has_sad=has_sad):
            self._add_vectors(field)
        has_news = self._sad is not None or (self._moved is not None and bool(self._moved.any()))
        if since_90k < _STEP_90K or (not has_news and since_90k < _STALE_90K):
            return None
        if self._sad is None:
            self._sad = np.zeros(field.blocks.shape, np.uint16)
        step = Step(self._sad, self._moved, min(since_90k / TICKS_PER_S, GAP_S), self._is_camera)
        self._sad = self._moved = None
        self._is_camera = False
        self._last_90k = pts_90k
        return step

    def _add_vectors(self, field: BlockField) -> None:
        moved = displaced(field)
        if np.count_nonzero(moved) > _CAMERA * moved.size:
            self._is_camera = True
        self._moved = moved if self._moved is None else self._moved | moved


class Vectors:
    """Tells vectors that mean movement from those that a software encoder chose because they cost few bits.

    The estimator of a Pi prefers no vector, and its vectors are even numbers of pixels. Fields of 16 pixels a block for
    pictures that a decoder would give smaller blocks are the Pi's; for others the numbers decide.
    """

    def __init__(self) -> None:
        self._even = 0
        self._is_odd = False
        self._of: tuple[int, int] | None = None
        self._is_macroblocks = self._is_pi_only = False

    def are_believed(self, field: BlockField, width: int, *, has_sad: bool) -> bool:
        """Whether the vectors of this field say what moves. Those of fields without sad are not judged."""
        of = (width, field.blocks.shape[1])
        if of != self._of:
            self._of = of
            self._is_macroblocks = block_px(*of) == BLOCK
            self._is_pi_only = self._is_macroblocks and decoder_block_px(width) != BLOCK
        if self._is_odd or not self._is_macroblocks:
            return False
        if self._is_pi_only:
            return True
        if not has_sad or not field.may_have_vectors:
            return self._even >= _TRUSTED
        both = field.x | field.y
        if (both & 1).any():
            self._is_odd = True
            return False
        self._even = min(self._even + int(np.count_nonzero(both)), _TRUSTED)
        return self._even >= _TRUSTED


def displaced(field: BlockField) -> npt.NDArray[np.bool_]:
    """The blocks that have a vector."""
    return (field.x | field.y) != 0
