"""What every motion detector does: fields in, observations out."""

import enum
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ratcam.motion.kept_habits import Habits

PixelBox = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels of the picture, right and bottom exclusive."""


class Guard(enum.StrEnum):
    """Why hits did not count in a picture."""

    NONE = "none"
    """They did."""
    SETTLING = "settling"
    """The camera has just started."""
    LIGHT = "light"
    """The picture changed as a whole: a lamp, an infrared filter, lightning, exposure."""
    CAMERA = "camera"
    """The camera itself moved."""
    CROWD = "crowd"
    """So much changes everywhere that nothing stands out: rain, flicker, noise."""
    PRECLUDED = "precluded"
    """Something moved in a zone that precludes all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a detector makes of one picture."""

    pts_90k: int
    score: float
    """How strong the motion is; 1.0 is the trigger. Finite, not negative; below 1.0 while motion may not begin, however
    strong what is seen: a picture with a score of 1.0 or more has motion."""
    moving: bool
    """Whether there is motion; it begins at a score of 1.0 and lasts as long as the detector's hysteresis holds."""
    area: int
    """Blocks that move."""
    box: PixelBox | None
    """The blocks that move, cut to the picture; None when none does."""
    guard: Guard = Guard.NONE
    zone: str = ""
    """The watched zone that scored highest; empty for the whole picture."""
    stages: tuple[tuple[str, int], ...] = ()
    """The detector's stages in order, each with the number of blocks that it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What a detector has learned of a quiet camera, all in scores as the settings alone give them."""

    quiet: float
    """The score that one quiet picture in a thousand exceeds."""
    trigger: float
    """Where motion begins now; 1.0 is where it would begin without calibration."""
    margin: float
    """`trigger` over `quiet`: how far a quiet camera stays below it."""


class Detector(Protocol):
    """One stream's motion detector. It keeps no time but that of the pictures."""

    @property
    def accumulator(self) -> npt.NDArray[np.float32]:
        """How much moved lately in each block: shape (rows, columns), 0 to 255, read-only; (0, 0) before any field.

        Later pictures do not change an array once handed out.
        """
        ...

    @property
    def quiet(self) -> Calibration | None:
        """What calibration has learned; None if it is off or has not seen enough yet."""
        ...

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """The blocks faded out because they move for hours: shape (rows, columns); (0, 0) before any field."""
        ...

    def feed(self, payload: bytes, *, columns: int, rows: int, width: int, height: int, pts_90k: int) -> Observation:
        """Take the field of the next picture, of `width` x `height` pixels.

        Raises:
            FieldError: the payload is not a field of this grid; nothing has changed.
        """
        ...

    def reset(self) -> None:
        """Begin anew: the next picture is the first. What was learned of habits and quiet scores stays."""
        ...

    def forget_learned(self) -> None:
        """Fade nothing out any more, until it is learned again."""
        ...

    def habits(self) -> Habits | None:
        """What is known of blocks that move for hours; None before any field, and where nothing is learned."""
        ...

    def restore(self, habits: Habits) -> None:
        """Go on with the habits of an earlier run; those of another grid, and damaged ones, are ignored."""
        ...
