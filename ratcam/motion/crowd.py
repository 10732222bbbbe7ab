"""How lonely a hit is: rain, flicker and noise hit everywhere, an animal in one place."""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ratcam.motion.boxes import Plane

TILES = 8
"""Tiles on each side of the picture for the rate of hits, and half as many for how lively it is."""
_WINSOR = 6.0
"""A block counts for at most so much in how lively the picture is."""
_CALM_S = 1.0
_RISE_S, _FALL_S = 0.7, 1.5
_FEW, _MANY = 0.03, 0.5
"""Of the steps, those in which the median tile has a hit: from the first on evidence is worth less, at the second
nothing. At 0.03 a hit that continues another by chance is still rare: once in a hundred."""
_SCATTER_S = 0.5
_BODIES, _RAIN = 2.0, 4.0
"""Of `scatter`: up to the first a hit has its full worth, for some bodies in different places come to that; at the
second it has none."""

Rates = npt.NDArray[np.float64]


def liveliness(above: Plane, penalty: float, *, is_quiet: bool = False) -> float:
    """How many times as much as usual changes in this picture, at least 1, given `floor.above`.

    The greater of two: over the whole picture, times `penalty`, and in the median of its tiles. A thing that is small
    counts for little in the first, and one that is large but fills less than half counts for nothing in the second.
    In a quiet picture, without anything above the least threshold, the tiles have nothing to add.
    """
    if is_quiet:
        return max(1.0, penalty * math.sqrt(float(np.vdot(above, above)) / above.size))
    rows, columns, counts, most = _tiles(*above.shape, TILES // 2)
    squares = above * above
    np.minimum(squares, most, out=squares)
    sums = np.add.reduceat(np.add.reduceat(squares, rows, 0), columns, 1)
    tiles = (sums / counts).ravel()
    tiles.sort()
    whole = float(sums.sum()) / above.size
    return max(1.0, penalty * math.sqrt(whole), math.sqrt(float(tiles[(tiles.size - 1) // 2])))


def calmed(before: float, now: float, elapsed_s: float) -> float:
    """The liveliness that counts: it rises at once and calms down in a second."""
    return now if now > before else before + (1 - math.exp(-elapsed_s / _CALM_S)) * (now - before)


def new_rates() -> Rates:
    """The rates of `follow_rates` before any hit."""
    return np.zeros(TILES * TILES)


def follow_rates(rates: Rates, hits: npt.NDArray[np.bool_] | None, elapsed_s: float) -> None:
    """Let each tile's rate of steps with a hit follow this step; None is no hit. `rates` is changed."""
    rates *= math.exp(-elapsed_s / _FALL_S)
    if hits is None:
        return
    hit = np.zeros(rates.size, np.bool_)
    hit[_tile_of(*hits.shape)[np.flatnonzero(hits)]] = True
    # What the fall has taken is given back: a tile that is hit only rises.
    before = rates[hit] * math.exp(elapsed_s / _FALL_S)
    rates[hit] = before + (1 - math.exp(-elapsed_s / _RISE_S)) * (1 - before)


def worth(rates: Rates) -> float:
    """What a hit is worth when so much else is hit by chance: 1 where hits are rare, 0 in a downpour."""
    rate = float(np.sort(rates)[rates.size // 2])
    if rate <= _FEW:
        return 1.0
    return max(0.0, 1 - math.log(rate / _FEW) / math.log(_MANY / _FEW))


@lru_cache(maxsize=16)
def _tiles(rows: int, columns: int, tiles: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Plane, Plane]:
    """The first row and column of each tile, the tiles' numbers of blocks, and the most that a block's square counts.

    That is a plane because numpy compares two of them three times as quickly as one with a number.
    """
    starts = tuple(np.unique(np.arange(tiles) * side // tiles) for side in (rows, columns))
    ends = (np.append(starts[0][1:], rows), np.append(starts[1][1:], columns))
    counts = np.outer(ends[0] - starts[0], ends[1] - starts[1]).astype(np.float32)
    most = np.full((rows, columns), _WINSOR**2, np.float32)
    for plane in (counts, most):
        plane.flags.writeable = False
    return starts[0], starts[1], counts, most


@lru_cache(maxsize=16)
def _tile_of(rows: int, columns: int) -> npt.NDArray[np.intp]:
    """The number of each block's tile, flat."""
    row, column = (np.arange(side) * TILES // side for side in (rows, columns))
    tiles: npt.NDArray[np.intp] = (row[:, None] * TILES + column[None, :]).ravel()
    tiles.flags.writeable = False
    return tiles


def scatter(above: Plane, level: float) -> float:
    """In how many times as many tiles as one body of that size would touch blocks exceed `level`; 0 if none does.

    Rain that an encoder has too few bits for comes as a few strong blocks here and there, others in each picture.
    """
    out = np.flatnonzero(above > level)
    if not out.size:
        return 0.0
    hit = np.zeros(TILES * TILES, np.bool_)
    hit[_tile_of(*above.shape)[out]] = True
    touched = np.count_nonzero(hit)
    return touched / (math.sqrt(out.size * TILES * TILES / above.size) + 1) ** 2


def averaged(before: float, now: float, elapsed_s: float) -> float:
    """The scatter that counts: it follows in half a second, so that two things at once are no rain yet."""
    return before + (1 - math.exp(-elapsed_s / _SCATTER_S)) * (now - before)


def worth_of(scattered: float) -> float:
    """What a hit is worth among blocks so scattered: 1 to 0."""
    return min(1.0, max(0.0, (_RAIN - scattered) / (_RAIN - _BODIES)))
