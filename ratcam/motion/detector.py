"""What every motion detector does: fields in, observations out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

PixelBox = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels of the picture, right and bottom exclusive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a detector makes of one picture."""

    pts_90k: int
    score: float
    """How strong the motion is; 1.0 is the trigger. Finite, not negative."""
    moving: bool
    """Whether there is motion; it begins at a score of 1.0 and lasts as long as the detector's hysteresis holds."""
    area: int
    """Blocks that move."""
    box: PixelBox | None
    """The blocks that move, cut to the picture; None when none does."""


class Detector(Protocol):
    """One stream's motion detector. It keeps no time but that of the pictures."""

    @property
    def accumulator(self) -> npt.NDArray[np.float32]:
        """How much moved lately in each block: shape (rows, columns), 0 to 255, read-only; (0, 0) before any field."""
        ...

    def feed(self, payload: bytes, *, columns: int, rows: int, width: int, height: int, pts_90k: int) -> Observation:
        """Take the field of the next picture, of `width` x `height` pixels.

        Raises:
            FieldError: the payload is not a field of this grid; nothing has changed.
        """
        ...

    def reset(self) -> None:
        """Forget everything: the next picture is the first."""
        ...
