"""Windows over a grid of blocks: means, sums and maxima of each block's neighbourhood.

A grid of blocks is so small that a call costs more than its arithmetic. So the planes are padded and looked at as one
line: a neighbour is then so many places further on, in the next row too, and one call joins them all.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]


def box_mean(plane: Plane, reach: int) -> Plane:
    """The mean of each block's window of 2 * reach + 1 blocks a side, of what of it lies in the picture."""
    return _windows(plane, reach, np.add, 0) * _shares(*plane.shape, reach)


def sum3x3(plane: Plane) -> Plane:
    """The sum of each block's 3x3 window, scaled up at the edge to nine blocks."""
    return _windows(plane, 1, np.add, 0) * _nine(*plane.shape)


def max3x3(plane: Plane) -> Plane:
    """The greatest value in each block's 3x3 window, of what of it lies in the picture."""
    return _windows(plane, 1, np.maximum, -np.inf).copy()


def _windows(plane: Plane, reach: int, join: np.ufunc, nothing: float) -> Plane:
    """Each block's window, joined; beyond the edge is `nothing`. A view: its rows are longer than they look."""
    rows, columns = plane.shape
    wide = columns + reach  # what is left of a row's first block is the end of the row before
    line = np.zeros((rows + 2 * reach) * wide + 3 * reach, np.float32)
    if nothing:
        line.fill(nothing)
    start = reach * wide + reach
    line[start : start + rows * wide].reshape(rows, wide)[:, :columns] = plane
    joined = _joined(_joined(line, 1, 2 * reach + 1, join), wide, 2 * reach + 1, join)
    return joined[: rows * wide].reshape(rows, wide)[:, :columns]


def _joined(line: Plane, step: int, count: int, join: np.ufunc) -> Plane:
    """At each place, what stands there and at the next `count` - 1 places so many steps on, joined."""
    if count == 1:
        return line
    half = count // 2
    part = _joined(line, step, half, join)
    out: Plane = join(part[: -half * step], part[half * step :])
    if count % 2:
        out = out[:-step]
        join(out, line[(count - 1) * step :], out=out)
    return out


@lru_cache(maxsize=16)
def _shares(rows: int, columns: int, reach: int) -> Plane:
    """One over the number of blocks in each window."""
    shares = np.reciprocal(_windows(np.ones((rows, columns), np.float32), reach, np.add, 0))
    shares.flags.writeable = False
    return shares


@lru_cache(maxsize=16)
def _nine(rows: int, columns: int) -> Plane:
    """What a sum over a 3x3 window is multiplied with: 1, at an edge 1.5, in a corner 2.25."""
    down, across = (np.array(3 / np.minimum(3, _spans(side)), np.float32) for side in (rows, columns))
    scale: Plane = np.outer(down, across)
    scale.flags.writeable = False
    return scale


def _spans(side: int) -> npt.NDArray[np.intp]:
    """Of each place on a side, how many of itself and its two neighbours there are."""
    places = np.arange(side)
    return np.minimum(places, 1) + 1 + np.minimum(side - 1 - places, 1)
