"""Motion fields in the form of picamera's MMAL, and how decoded vectors and luma become one.

A field is `rows` x (`columns` + 1) blocks of 4 bytes, rows from the top: x (int8), y (int8), sad (uint16 little
endian). The last block of a row is padding. A block covers 16x16 pixels; x and y are in whole pixels and point to the
block's place in the previous picture: what moves right by 3 pixels has x = -3. sad is how much the block changed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 16
"""Pixels on each side of a block: the macroblock of H.264."""

_BLOCK_DTYPE = np.dtype([("x", "i1"), ("y", "i1"), ("sad", "<u2")])
_ROW_STEP = 4  # `luma_change` reads every fourth row: a quarter of the memory traffic, and still 64 pixels a block


class FieldError(ValueError):
    """Bytes or arrays that cannot be a motion field of the grid they are said to have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockField:
    """A field's three planes, each of shape (rows, columns), read-only views of the payload without the padding."""

    x: npt.NDArray[np.int8]
    y: npt.NDArray[np.int8]
    sad: npt.NDArray[np.uint16]


def grid_of(width: int, height: int) -> tuple[int, int]:
    """The block grid (columns, rows) of a picture in pixels, without padding; a block cut by the edge counts.

    Raises:
        FieldError: a side is not positive.
    """
    if width < 1 or height < 1:
        raise FieldError(f"a picture of {width}x{height} pixels has no blocks")
    return -(-width // BLOCK), -(-height // BLOCK)


def field_size(columns: int, rows: int) -> int:
    """Bytes of one field, padding column included.

    Raises:
        FieldError: a side is not positive.
    """
    if columns < 1 or rows < 1:
        raise FieldError(f"a motion field of {columns}x{rows} blocks is empty")
    return (columns + 1) * rows * _BLOCK_DTYPE.itemsize


def unpack(payload: bytes, columns: int, rows: int) -> BlockField:
    """The planes of a field. Nothing is copied; any content is valid.

    Raises:
        FieldError: the payload's length is not that of the grid.
    """
    expected = field_size(columns, rows)
    if len(payload) != expected:
        raise FieldError(
            f"a motion field of {columns}x{rows} blocks has {expected} bytes ({columns} + 1 padding columns, 4 bytes a "
            f"block), this one has {len(payload)}"
        )
    blocks = np.frombuffer(payload, _BLOCK_DTYPE).reshape(rows, columns + 1)[:, :columns]
    return BlockField(x=blocks["x"], y=blocks["y"], sad=blocks["sad"])


def pack(x: npt.NDArray[Any], y: npt.NDArray[Any], sad: npt.NDArray[Any]) -> bytes:
    """The payload of a field from three arrays of shape (rows, columns), integer or float.

    Vectors are rounded to whole pixels (halves to even) and clipped to int8, sad likewise to uint16; NaN counts as 0.

    Raises:
        FieldError: the arrays are empty, not two-dimensional, or differ in shape.
    """
    if x.ndim != 2 or not x.size or x.shape != y.shape or x.shape != sad.shape:
        raise FieldError(
            f"the planes of a field must have one shape (rows, columns), not {x.shape}, {y.shape}, {sad.shape}"
        )
    rows, columns = x.shape
    blocks = np.zeros((rows, columns + 1), _BLOCK_DTYPE)
    for name, plane in (("x", x), ("y", y), ("sad", sad)):
        limits = np.iinfo(_BLOCK_DTYPE[name])
        whole = plane if plane.dtype.kind in "iu" else np.rint(np.nan_to_num(plane))
        blocks[name][:, :columns] = np.clip(whole, limits.min, limits.max)
    return blocks.tobytes()


def rasterise(
    vectors: npt.NDArray[np.void], columns: int, rows: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Average decoded vectors of any partition size onto the block grid.

    `vectors` is the structured array that FFmpeg exports (`AVMotionVector`: source, w, h, dst_x, dst_y, motion_x,
    motion_y, motion_scale): dst is the partition's centre in this picture, and motion / motion_scale the way from there
    to its place in the reference, in pixels. That is the field's own sign; vectors to a later picture (source > 0) are
    turned round. Each block gets the mean of the vectors over it, weighted by the pixels that each covers; a block that
    no vector covers (intra coded) gets 0. What lies outside the grid, and what has no size or scale, is ignored.

    Returns:
        (x, y) in pixels, float32 of shape (rows, columns), finite.

    Raises:
        FieldError: the grid is empty, or the array lacks a field.
    """
    field_size(columns, rows)
    missing = {"source", "w", "h", "dst_x", "dst_y", "motion_x", "motion_y", "motion_scale"} - set(
        vectors.dtype.names or ()
    )
    if missing:
        raise FieldError(f"exported motion vectors lack {', '.join(sorted(missing))}")
    left, right, column, spanned_columns = _span(vectors["dst_x"], vectors["w"], columns)
    top, bottom, row, spanned_rows = _span(vectors["dst_y"], vectors["h"], rows)
    touched = spanned_columns * spanned_rows * (vectors["motion_scale"] > 0)
    if not (touched == 1).all():
        # Not H.264, where each partition lies in one block: one entry for each block that a vector touches.
        which = np.repeat(np.arange(touched.size), touched)
        step = np.arange(which.size) - np.repeat(np.cumsum(touched) - touched, touched)
        vectors = vectors[which]
        column = column[which] + step % spanned_columns[which]
        row = row[which] + step // spanned_columns[which]
        left, right = np.maximum(left[which], column * BLOCK), np.minimum(right[which], (column + 1) * BLOCK)
        top, bottom = np.maximum(top[which], row * BLOCK), np.minimum(bottom[which], (row + 1) * BLOCK)

    block, blocks = row * columns + column, rows * columns
    area = ((right - left) * (bottom - top)).astype(np.float64)
    weight = np.where(vectors["source"] > 0, -area, area) / vectors["motion_scale"]
    covered = np.maximum(np.bincount(block, area, blocks), 1)
    x = np.bincount(block, weight * vectors["motion_x"], blocks) / covered
    y = np.bincount(block, weight * vectors["motion_y"], blocks) / covered
    shape = (rows, columns)
    return x.astype(np.float32).reshape(shape), y.astype(np.float32).reshape(shape)


def luma_change(
    luma: npt.NDArray[np.uint8], previous_luma: npt.NDArray[np.uint8], columns: int, rows: int
) -> npt.NDArray[np.uint16]:
    """The sum of absolute luma differences of each block, shape (rows, columns), 0 to 65280.

    It is measured on every fourth row and scaled to a whole block; a block cut by the picture's edge is scaled
    likewise, so all blocks compare. The planes have shape (height, width) and need not be contiguous.

    Raises:
        FieldError: the planes differ in shape, or the grid is not that of their size.
    """
    if luma.ndim != 2 or luma.shape != previous_luma.shape:
        raise FieldError(
            f"two luma planes must have one shape (height, width), not {luma.shape} and {previous_luma.shape}"
        )
    height, width = luma.shape
    if (columns, rows) != grid_of(width, height):
        raise FieldError(f"a picture of {width}x{height} pixels has another grid than {columns}x{rows} blocks")
    lines = np.minimum(np.arange(2, rows * BLOCK, _ROW_STEP), height - 1)
    now, before = luma[lines], previous_luma[lines]
    change = np.zeros((lines.size, columns * BLOCK), np.uint8)
    np.subtract(np.maximum(now, before), np.minimum(now, before), out=change[:, :width])
    sums = change.reshape(rows, BLOCK // _ROW_STEP, columns * BLOCK).sum(axis=1, dtype=np.uint16)
    for _ in range(4):  # 16 columns to 1 by halves: strided adds are many times faster than a sum over a short axis
        sums = sums[:, ::2] + sums[:, 1::2]
    sums *= np.uint16(_ROW_STEP)
    if part := width % BLOCK:
        sums[:, -1] = sums[:, -1].astype(np.uint32) * BLOCK // part
    return sums


def _span(
    centres: npt.NDArray[Any], lengths: npt.NDArray[Any], blocks: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(first pixel, last pixel + 1, first block, number of blocks or 0) of intervals cut to an axis of the grid."""
    length = lengths.astype(np.int64)
    start = centres.astype(np.int64) - (length >> 1)
    first = np.clip(start, 0, blocks * BLOCK)
    end = np.clip(start + length, 0, blocks * BLOCK)
    first_block = first // BLOCK
    return first, end, first_block, ((end - 1) // BLOCK - first_block + 1) * (end > first)
