"""The motion estimator of a Raspberry Pi's encoder, after what is known of it and what recordings of it show.

A full search of 8x8 blocks in pictures of half the size: a block of 16x16 pixels gets the even vector, at most 64
pixels long in each direction, whose sum of absolute differences plus 4 a step is least; the zero vector has an
advantage of 64. So a quiet picture gives next to no vectors at all. The sum of the chosen place is the block's sad. The
first field is all zero, and so is the padding column.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from ratcam.motion.field import pack

_REACH = 32
"""Steps of the search to each side: two pixels each."""
_ZERO_BIAS = 64
_LAMBDA = 4
_BLOCK = 8
"""Of the halved picture: 16 pixels."""
_NEAR = 6
"""Steps up to which searching all blocks at once is quicker."""
_EVEN = np.uint64(0x00FF00FF00FF00FF)
_ADD_LANES = np.uint64(0x0001000100010001)
"""Times this, the upper 16 bits of a word are the sum of its four lanes."""

_Luma = npt.NDArray[np.uint8]
_Words = npt.NDArray[np.uint64]
_Ints = npt.NDArray[np.int64]


class PiEstimator:
    """One stream's estimator: luma planes in, payloads of picamera's MMAL form out."""

    def __init__(self, width: int, height: int) -> None:
        self.columns = -(-width // 16)
        self.rows = -(-height // 16)
        self._previous: _Luma | None = None

    def feed(self, luma: _Luma) -> bytes:
        """The field of the next picture, height x width, of the size given at first."""
        now = self._halved(luma)
        before, self._previous = self._previous, now
        if before is None:
            zero = np.zeros((self.rows, self.columns), np.int64)
            return pack(zero, zero, zero)
        x, y, sad = estimate(now, before)
        return pack(x, y, sad)

    def _halved(self, luma: _Luma) -> _Luma:
        """Half the size, whole blocks: what is missing at the right and below is repeated from the edge."""
        height, width = luma.shape
        padded = np.pad(luma, ((0, self.rows * 16 - height), (0, self.columns * 16 - width)), mode="edge").astype(
            np.uint16
        )
        total = padded[::2, ::2] + padded[::2, 1::2] + padded[1::2, ::2] + padded[1::2, 1::2]
        return ((total + 2) >> 2).astype(np.uint8)


def estimate(now: _Luma, before: _Luma) -> tuple[_Ints, _Ints, _Ints]:
    """(x, y, sad) of shape (rows, columns) for two halved pictures; x and y in pixels of the whole one.

    They point to a block's place in the picture before: what moves right has a negative x.
    """
    rows, columns = now.shape[0] // _BLOCK, now.shape[1] // _BLOCK
    blocks, same = _blocks(now), _blocks(before)
    sad = (np.maximum(blocks, same) - np.minimum(blocks, same)).sum(axis=1, dtype=np.int64)
    x, y = np.zeros(sad.size, np.int64), np.zeros(sad.size, np.int64)
    # No vector longer than this can beat the zero vector: the search can stop there and finds the same.
    reach = np.minimum((sad - _ZERO_BIAS - 1) // _LAMBDA, _REACH)
    places = _places(before)
    near = (reach > 0) & (reach <= _NEAR)
    if near.any():  # noise: many blocks, a short way; all of them together, step by step
        _search_near(blocks.reshape(rows, columns, -1), places, near, (x, y, sad))
    for block in np.flatnonzero(reach > _NEAR).tolist():
        steps = int(reach[block])
        top = block // columns * _BLOCK + _REACH - steps
        left = block % columns * _BLOCK + _REACH - steps
        side = 2 * steps + 1
        sums = _sums(places[top : top + side, left : left + side], blocks[block])
        costs = sums + _length(steps)
        best = int(costs.argmin())
        if costs.flat[best] < sad[block] - _ZERO_BIAS:
            x[block], y[block], sad[block] = best % side - steps, best // side - steps, sums.flat[best]
    shape = (rows, columns)
    return 2 * x.reshape(shape), 2 * y.reshape(shape), sad.reshape(shape)


def _search_near(
    blocks: _Luma, places: _Words, which: npt.NDArray[np.bool_], found: tuple[_Ints, _Ints, _Ints]
) -> None:
    """Write into `found` what those blocks find within `_NEAR` steps; `found` has the sums of zero steps as sad."""
    rows, columns, _ = blocks.shape
    x, y, sad = found
    cost = sad - _ZERO_BIAS
    for down in range(-_NEAR, _NEAR + 1):
        for right in range(abs(down) - _NEAR, _NEAR - abs(down) + 1):
            top, left = _REACH + down, _REACH + right
            there = places[top : top + rows * _BLOCK : _BLOCK, left : left + columns * _BLOCK : _BLOCK]
            sums = _row_sums(there, blocks)
            asked = sums + _LAMBDA * (abs(down) + abs(right))
            better = which & (asked < cost)
            if better.any():
                x[better], y[better] = right, down
                sad[better], cost[better] = sums[better], asked[better]


def _row_sums(there: _Words, blocks: _Luma) -> _Ints:
    """The sum of absolute differences of each block from its own place, flat."""
    pixels = np.ascontiguousarray(there).view(np.uint8).reshape(blocks.shape)
    difference = np.maximum(pixels, blocks)
    difference -= np.minimum(pixels, blocks)
    return _added(difference.view(np.uint64)).ravel()


def _blocks(plane: _Luma) -> _Luma:
    """The blocks of a plane one after the other, each as 64 pixels."""
    rows, columns = plane.shape[0] // _BLOCK, plane.shape[1] // _BLOCK
    return plane.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK * _BLOCK)


def _places(plane: _Luma) -> _Words:
    """For each place of a block in the padded plane its eight rows, each of eight pixels in one word: a view."""
    padded = np.pad(plane, _REACH, mode="edge")
    words = np.ascontiguousarray(sliding_window_view(padded, _BLOCK, axis=1)).view(np.uint64)[..., 0]
    return sliding_window_view(words, _BLOCK, axis=0)


def _sums(places: _Words, block: _Luma) -> _Ints:
    """The sum of absolute differences of a block from each place, eight pixels at a time."""
    side = places.shape[0]
    there = np.ascontiguousarray(places).view(np.uint8).reshape(side, -1)
    here = np.tile(block, side)
    difference = np.maximum(there, here)
    difference -= np.minimum(there, here)
    return _added(difference.view(np.uint64).reshape(side, side, _BLOCK))


def _added(words: _Words) -> _Ints:
    """The sum of all bytes of the eight words along the last axis."""
    lanes = (words & _EVEN) + ((words >> np.uint64(8)) & _EVEN)  # four sums of 16 bits in a word
    while lanes.shape[-1] > 1:
        lanes = lanes[..., ::2] + lanes[..., 1::2]
    return ((lanes[..., 0] * _ADD_LANES) >> np.uint64(48)).astype(np.int64)


@cache
def _length(steps: int) -> _Ints:
    """What each step of a square search costs."""
    step = np.abs(np.arange(-steps, steps + 1))
    return _LAMBDA * (step[:, None] + step[None, :])
