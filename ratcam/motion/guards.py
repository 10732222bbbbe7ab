"""Changes of the picture as a whole: a lamp, an infrared filter, lightning, a jolt. While one lasts, no hit counts."""

import enum

import numpy as np

from ratcam.motion.boxes import Plane

FLASH_LEVEL = 5.0
"""A block takes part in a flash from so many units above its floor on: as much as makes a hit."""


def share_above(above: Plane, level: float = FLASH_LEVEL) -> float:
    """The share of the picture that stands out, given `floor.above`: before any allowance for a lively picture."""
    return float(np.count_nonzero(above > level)) / above.size


class Flash(enum.Enum):
    """What the guard says of a step."""

    OFF = "off"
    ON = "on"
    STAYS = "stays"
    """It has lasted too long for a flash: this is how the picture is now, and the floor has to be learned anew."""


class FlashGuard:
    """Holds while too much of the picture changes at once, and for a while after.

    A flash that goes on and on is none: after `longest_s` the guard says so once and lets go.
    """

    def __init__(self, *, share: float, hold_s: float, longest_s: float) -> None:
        """Make a guard that is on from `share` of the picture on, until `hold_s` after; 0 as share: never."""
        self._share = share
        self._hold_s = hold_s
        self._longest_s = longest_s
        self._since_s = 0.0
        self._left_s = 0.0

    def feed(self, share: float, elapsed_s: float) -> Flash:
        """Take the share of the picture that stands out in a step, so long after the last one."""
        self._left_s = max(0.0, self._left_s - elapsed_s)
        is_flash = self._share > 0 and share > self._share
        if not is_flash and not self._left_s:
            self._since_s = 0.0
            return Flash.OFF
        self._since_s += elapsed_s
        if self._since_s > self._longest_s:
            self._since_s = self._left_s = 0.0
            return Flash.STAYS
        if is_flash:
            self._left_s = self._hold_s + elapsed_s / 2  # half a step: times are not exact
        return Flash.ON
