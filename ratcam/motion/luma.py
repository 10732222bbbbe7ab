"""How much each block of a decoded picture changed, apart from the light: what a decoder puts into a field as sad.

Pictures are compared as samples: 4x4 of each block, whatever its size. A change of brightness that a whole
neighbourhood shares is no motion and is taken out, see `change`; so a lamp, a cloud or headlights leave little, while a
thing that is smaller than the neighbourhood stays as it is.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ratcam.motion.boxes import box_mean
from ratcam.motion.field import FieldError, grid_of

SAMPLES = 4
"""Samples on each side of a block."""
NEIGHBOURS = 2
"""A block's neighbourhood reaches so many blocks in each direction: 5x5, more than a rat covers."""
TO_SAD = 256 // (SAMPLES * SAMPLES)
"""From a sum over a block's samples to one over 16x16 pixels, the unit of a field's sad."""
LIT = 32
"""A neighbourhood whose sums changed by so much on average, 2 of 255 levels, may be lit anew: only then the gain is
looked at, which is dear."""
_BLACK = 4
"""Levels added before the gain is taken: the ratio of two nearly black samples means nothing."""
_LOW, _BYTE, _LOWER, _HALF = np.uint16(0xFF), np.uint16(8), np.int32(0xFFFF), np.int32(16)


@dataclass(slots=True, kw_only=True)
class LumaSamples:
    """A picture's luma as 4x4 samples a block, made by `sample` for `change`."""

    lines: npt.NDArray[np.uint8] = field(repr=False)
    """Shape (4, rows, 4 * columns): line 4 * r + k of the samples is [k, r], so that the lines of a block lie apart;
    beyond the picture's edge the last samples are repeated."""
    room: npt.NDArray[np.uint8] = field(repr=False)
    """Of shape (2, *lines.shape), to work in. Little room, used again and again, is quicker than much."""
    sums: npt.NDArray[np.int32] | None = field(default=None, repr=False)
    """Of each block's samples, shape (rows, columns), 0 to 4080; None as long as nobody has asked."""


def sample(luma: npt.NDArray[np.uint8], block: int, spare: LumaSamples | None = None) -> LumaSamples:
    """The samples of a luma plane of shape (height, width), which need not be contiguous; they are copied.

    The memory of `spare`, samples that nobody needs any more, is used again if it fits.

    Raises:
        FieldError: the plane is empty or not two-dimensional.
    """
    if luma.ndim != 2:
        raise FieldError(f"a luma plane has the shape (height, width), not {luma.shape}")
    height, width = luma.shape
    columns, rows = grid_of(width, height, block)
    step = block // SAMPLES
    first = min(step // 2, height - 1, width - 1)
    sampled = luma[first::step]
    shape = (SAMPLES, rows, columns * SAMPLES)
    if spare is not None and spare.lines.shape == shape:
        samples = LumaSamples(lines=spare.lines, room=spare.room)
    else:
        samples = LumaSamples(lines=np.empty(shape, np.uint8), room=np.empty((2, *shape), np.uint8))
    to = samples.lines.transpose(1, 0, 2)
    whole, more = divmod(len(sampled), SAMPLES)
    _every(sampled[: whole * SAMPLES].reshape(whole, SAMPLES, width), first, step, to[:whole])
    if more:
        _every(sampled[whole * SAMPLES :], first, step, to[whole, :more])
    if whole + bool(more) < rows or more:
        last = to[whole, more - 1] if more else to[whole - 1, -1]
        to[whole, more:] = last
        to[whole + 1 :] = last
    return samples


def _every(luma: npt.NDArray[np.uint8], first: int, step: int, to: npt.NDArray[np.uint8]) -> None:
    """Every `step`th pixel of each line from `first` on, into the beginning of those of `to`, the last to their ends.

    Words are read and cut down to their first byte, which is quicker than to pick single bytes.
    """
    words = (luma.shape[-1] - first) // step if luma.strides[-1] == 1 else 0
    read = first + words * step
    if words:
        np.copyto(to[..., :words], luma[..., first:read].view(f"<u{step}"), casting="unsafe")
    rest = luma[..., read::step]
    end = words + rest.shape[-1]
    to[..., words:end] = rest
    if end < to.shape[-1]:
        to[..., end:] = to[..., end - 1 : end]


def change(now: LumaSamples, before: LumaSamples) -> npt.NDArray[np.uint16]:
    """How much each block changed between two pictures, shape (rows, columns), 0 to 65280: a field's sad.

    It is the sum of absolute differences, scaled to 16x16 pixels, less twice the mean change of the block's 5x5
    neighbourhood: once because that much is the light's, and once more because the light that changes is never quite
    even. Where a neighbourhood has become brighter or darker as a whole, the samples are also compared by ratio, as
    light multiplies what it falls on, and the smaller result counts.

    Raises:
        FieldError: the two are of different sizes.
    """
    if now.lines.shape != before.lines.shape:
        raise FieldError(f"pictures of {_size(now)} and {_size(before)} samples cannot be compared")
    if before.sums is None:
        before.sums = _block_sums(before.lines, before.room)
    now.sums = _block_sums(now.lines, now.room)
    # Of the greater of two samples, what is more than the one and the other is how far it rose and fell.
    greater = _block_sums(np.maximum(now.lines, before.lines, out=now.room[0]), now.room)
    rise = (greater - before.sums).astype(np.float32)
    result = (greater - now.sums).astype(np.float32)
    shift = box_mean(rise - result, NEIGHBOURS)
    result += rise
    light = np.abs(shift)
    result -= light
    lit = np.flatnonzero(light > LIT)
    if lit.size:
        flat = result.reshape(-1)
        flat[lit] = np.minimum(flat[lit], _by_gain(now, before, before.sums, shift, lit))
    result -= light
    np.maximum(result, np.zeros(result.shape, np.float32), out=result)  # a plane: three times as quick as a number
    result *= TO_SAD
    return result.astype(np.uint16)


def _by_gain(
    now: LumaSamples,
    before: LumaSamples,
    sums: npt.NDArray[np.int32],
    shift: npt.NDArray[np.float32],
    lit: npt.NDArray[np.intp],
) -> npt.NDArray[np.float32]:
    """The sum of absolute differences of the blocks `lit` if their neighbourhoods are lit `1 + gain` times as brightly.

    Args:
        now: the samples.
        before: those of the picture before.
        sums: of each of its blocks.
        shift: the mean change of each block's neighbourhood, shape (rows, columns).
        lit: the blocks' numbers, row by row.
    """
    old, new = (_samples_of(picture, lit) for picture in (before, now))
    light = box_mean(sums.astype(np.float32), NEIGHBOURS).ravel()[lit] + _BLACK * SAMPLES * SAMPLES
    gain = 1 + shift.ravel()[lit] / light
    old += _BLACK
    old *= gain[:, None]
    old -= new
    old -= _BLACK
    np.abs(old, out=old)
    lines = old[0] + old[1] + old[2] + old[3]
    return np.add(np.add(lines[..., 0], lines[..., 1]), np.add(lines[..., 2], lines[..., 3]))


def _samples_of(picture: LumaSamples, blocks: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """The samples of some blocks, shape (4, blocks, 4)."""
    words = picture.lines.view("<u4").reshape(SAMPLES, -1)
    return words.take(blocks, axis=1).view(np.uint8).reshape(SAMPLES, -1, SAMPLES).astype(np.float32)


def _block_sums(lines: npt.NDArray[np.uint8], room: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """The sums of each block's samples, shape (rows, columns), given such lines, which may be room[0] themselves.

    Two samples are added in the two halves of a word, four lines of such words, and then a word's halves: many times
    quicker than a sum over short axes.
    """
    pairs = lines.view("<u2")
    sums, odd = room.view("<u2")
    np.right_shift(pairs, _BYTE, out=odd)
    np.bitwise_and(pairs, _LOW, out=sums)
    sums += odd
    four = sums[0] + sums[1]
    four += sums[2]
    four += sums[3]
    halves = four.view("<i4")
    whole = halves & _LOWER
    halves >>= _HALF
    whole += halves
    return whole


def _size(picture: LumaSamples) -> str:
    lines, rows, width = picture.lines.shape
    return f"{width}x{lines * rows}"
