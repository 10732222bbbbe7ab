"""Where evidence counts, and when it is motion: zones, sensitivity, trigger and release."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion import evidence
from ratcam.motion.boxes import Plane
from ratcam.motion.detector import Guard
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneMask, ZoneMasks

NEUTRAL = 5
"""The sensitivity that leaves `noise_z` as it is."""
_PER_DOUBLING = 6
"""Degrees of sensitivity that halve what a hit takes."""
HELD_BACK = 0.95
"""The score of what would be motion but may not begin yet: the camera settles, the zone's shortest time is not over, or
it flits."""


def threshold(noise_z: float, sensitivity: int) -> float:
    """What a hit takes at a sensitivity of 1 to 9: from 1.6 times `noise_z` to 0.6 times."""
    return float(noise_z * 2.0 ** ((NEUTRAL - sensitivity) / _PER_DOUBLING))


class Look(NamedTuple):
    """What the zones make of the evidence."""

    score: float
    """Of the strongest zone; 1.0 is its trigger. Above it, the evidence times how strong the motion is; see
    `evidence.strength`."""
    raw_score: float
    """The evidence as the settings alone give it, without calibration; it ends at `evidence.HEADROOM`."""
    moving: bool
    zone: str
    guard: Guard


@dataclass(slots=True)
class _Zone:
    mask: ZoneMask
    is_whole: bool = False
    is_on: bool = False
    over_s: float = 0.0
    """How long its evidence has been over the trigger, or between trigger and release after it."""


class Watch:
    """The zones of one stream, with what they remember. Evidence is in steps, see `evidence`."""

    def __init__(self, masks: ZoneMasks, settings: MotionSettings) -> None:
        self._settings = settings
        self._masks = masks
        self._zones = tuple(_Zone(mask, is_whole=bool(mask.mask.all())) for mask in masks.watch)
        self._precluding = tuple(_Zone(mask) for mask in masks.preclude)
        self._last_on_90k: int | None = None
        self._hidden = ~(masks.watched | masks.precluding)
        self._hides = bool(self._hidden.any())
        self._learned = np.zeros((0, 0), np.bool_)
        self._fades = False
        self.thresholds = self._thresholds()
        self.least = evidence.LEAST * float(np.min(self.thresholds))
        """A block that stands out by less is no evidence anywhere."""

    def mask(self, path: Plane, learned: npt.NDArray[np.bool_]) -> None:
        """Take the evidence away where nothing counts: outside the zones, and in learned blocks."""
        if self._hides:
            path[self._hidden] = 0
        if learned is not self._learned:
            self._learned, self._fades = learned, bool(learned.any())
        if self._fades:
            path[learned] = 0

    def look(
        self,
        path: Plane,
        stands_out: Plane | None = None,
        *,
        elapsed_s: float,
        pts_90k: int,
        is_settled: bool,
        wait_s: float,
        trigger: float,
    ) -> Look:
        """What the evidence is, zone by zone.

        Args:
            path: the evidence, masked.
            stands_out: what it came from in this step; None if nothing stands out.
            elapsed_s: since the last step.
            pts_90k: of the picture.
            is_settled: whether motion may begin.
            wait_s: for how long it has to be over the trigger before motion begins; see `flitting`.
            trigger: 1.0, or what calibration has made of it.
        """
        full = self._settings.trigger_steps
        release = self._settings.release_steps
        is_precluded = False
        for zone in self._precluding:
            _advance(zone, _most(path, zone), full, release, elapsed_s, 0.0)
            is_precluded |= zone.is_on
        best, score, name, moving = 0.0, 0.0, "", False
        for zone in self._zones:
            most = _most(path, zone)
            counted = 0.0 if is_precluded or not is_settled else most
            _advance(zone, counted, full * trigger, release, elapsed_s, wait_s)
            moving |= zone.is_on
            own = most / (full * trigger)
            if own >= 1:
                own = own * self._strength(path, stands_out, zone) if zone.is_on else HELD_BACK
            if own > score:
                score, name = own, zone.mask.name
            best = max(best, most)
        if is_precluded:
            self._last_on_90k = None
            return Look(0.0, best / full, False, "", Guard.PRECLUDED)
        if moving:
            self._last_on_90k = pts_90k
        elif self._last_on_90k is not None:
            moving = pts_90k - self._last_on_90k < self._settings.hold_s * TICKS_PER_S
        return Look(score, best / full, moving, name, Guard.NONE)

    def _strength(self, path: Plane, stands_out: Plane | None, zone: _Zone) -> float:
        if stands_out is None:
            return 1.0
        return evidence.strength(path, stands_out, self.thresholds, None if zone.is_whole else zone.mask.mask)

    def _thresholds(self) -> Plane | float:
        use = self._settings
        usual = threshold(use.noise_z, use.sensitivity)
        if all(zone.mask.sensitivity in (None, use.sensitivity) for zone in self._zones + self._precluding):
            return usual
        plane = np.full(self._hidden.shape, np.inf, np.float32)
        for zone in self._zones + self._precluding:
            own = zone.mask.sensitivity
            value = usual if own is None else threshold(use.noise_z, own)
            plane[zone.mask.mask] = np.minimum(plane[zone.mask.mask], value)
        plane[np.isinf(plane)] = usual
        return plane


def _most(path: Plane, zone: _Zone) -> float:
    return float(path.max()) if zone.is_whole else float(np.max(path, where=zone.mask.mask, initial=0.0))


def _advance(  # noqa: PLR0917 - numbers of one kind, in the order of their names
    zone: _Zone, most: float, trigger: float, release: float, elapsed_s: float, wait_s: float
) -> None:
    """Begin at the trigger, after the zone's shortest time over it, or `wait_s`; end below the release."""
    if most >= trigger or (most >= release and zone.over_s > 0):
        zone.is_on = zone.is_on or (most >= trigger and zone.over_s >= max(zone.mask.min_seconds, wait_s))
        zone.over_s += elapsed_s
    else:
        zone.is_on = False
        zone.over_s = 0.0
