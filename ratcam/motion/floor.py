"""What change is usual in each block, and how far a change stands out of it.

Every block has a level and a spread, the mean change and its mean deviation, that follow what is seen. A third number,
the grain, is the same for all: how much blocks deviate over the whole picture. It keeps blocks that have hardly ever
changed, as an encoder leaves flat areas alone for seconds, from taking the first grain of noise for an animal.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratcam.motion.boxes import Plane

LEAST_GRAIN = 6.0
"""A perfect picture still has so much grain: in the sum over 3x3 blocks of 16 samples, 1/24 of a level a sample."""
_WINSOR = 4.0
"""A block counts for at most so many grains in the grain: an animal is no noise."""
_GRAIN_S = 10.0
_FIRST_S = 0.3
"""At first everything is learned quickly: a time constant is never longer than the stream, nor shorter than this."""
_BUSY = 0.1
"""How much slower a block is learned while it stands out: what moves there is not to become usual soon."""


@dataclass(slots=True)
class Floor:
    """What is usual; all in units of the sum over 3x3 blocks of 16 samples each."""

    level: Plane
    spread: Plane
    grain: float


def first_floor(change: Plane) -> Floor:
    """The floor that one picture's change suggests: nowhere higher than is usual in it."""
    usual = float(np.median(change))
    level = np.minimum(change, usual + 3 * LEAST_GRAIN)
    grain = float(np.sqrt(np.minimum((change - level) ** 2, 1e4).mean()))
    return Floor(level=level, spread=np.full_like(change, LEAST_GRAIN), grain=max(LEAST_GRAIN, grain))


def above(floor: Floor, change: Plane) -> tuple[Plane, Plane]:
    """How much each block's change exceeds its level: as it is, and in units of spread plus grain."""
    excess = change - floor.level
    unit = floor.spread + np.float32(floor.grain)
    return excess, np.divide(excess, unit)


def learn(
    floor: Floor,
    excess: Plane,
    stands_out: npt.NDArray[np.bool_],
    *,
    elapsed_s: float,
    age_s: float,
    rise_s: float,
    fall_s: float,
) -> None:
    """Let the floor follow this step's excess.

    Args:
        floor: is changed.
        excess: of `above`.
        stands_out: blocks that are learned more slowly.
        elapsed_s: time since the last step.
        age_s: time since the first one.
        rise_s: time constant where the change lies above the level.
        fall_s: where it lies below.
    """
    far = np.abs(excess)
    grain = np.minimum(far, np.float32(_WINSOR * floor.grain))
    share = _share(elapsed_s, _GRAIN_S, age_s)
    square = (1 - share) * floor.grain**2 + share * float(np.vdot(grain, grain)) / grain.size
    up, down = np.float32(_share(elapsed_s, rise_s, age_s)), np.float32(_share(elapsed_s, fall_s, age_s))
    pace = np.full_like(excess, down)
    np.copyto(pace, up, where=excess > 0)
    if stands_out.any():
        pace[stands_out] *= np.float32(_BUSY)
    floor.level += pace * excess
    far -= floor.spread
    far *= pace
    floor.spread += far
    floor.grain = max(LEAST_GRAIN, float(np.sqrt(square)))


def _share(elapsed_s: float, constant_s: float, age_s: float) -> float:
    return 1 - float(np.exp(-elapsed_s / max(_FIRST_S, min(constant_s, age_s))))
