"""Motion fields in the form of picamera's MMAL, and how decoded vectors and luma become one.

A field is `rows` x (`columns` + 1) blocks of 4 bytes, rows from the top: x (int8), y (int8), sad (uint16 little
endian). The last block of a row is padding. From MMAL a block covers 16x16 pixels; x and y are in whole pixels and
point to the block's place in the previous picture: what moves right by 3 pixels has x = -3. sad is how much the block
changed. A decoder's field has blocks of 8, 16 or 32 pixels (`decoder_block_px`), and its sad is scaled to 16x16
pixels, so that fields of all grids compare.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 16
"""Pixels on each side of one of MMAL's blocks: the macroblock of H.264."""
BLOCK_SIZES = (16, 8, 32)
"""Every size that a block can have; MMAL's first."""

_BLOCK_DTYPE = np.dtype([("x", "i1"), ("y", "i1"), ("sad", "<u2")])


class FieldError(ValueError):
    """Bytes or arrays that cannot be a motion field of the grid they are said to have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockField:
    """A field, read-only views of the payload. The planes have the shape (rows, columns), without the padding."""

    blocks: npt.NDArray[np.void]
    """x, y and sad of each block, shape (rows, columns)."""
    bits: int
    """What any block has, padding included, in the order of a payload's bytes: x, y, sad. 0: the field is empty."""

    @property
    def x(self) -> npt.NDArray[np.int8]:
        """How far each block moved to the left, in whole pixels."""
        return self.blocks["x"]

    @property
    def y(self) -> npt.NDArray[np.int8]:
        """How far it moved up."""
        return self.blocks["y"]

    @property
    def sad(self) -> npt.NDArray[np.uint16]:
        """How much it changed."""
        return self.blocks["sad"]

    @property
    def may_have_vectors(self) -> bool:
        """False if no block has one, told without looking at any again."""
        return self.bits & 0xFFFF != 0

    @property
    def may_have_sad(self) -> bool:
        """False if no block has changed, likewise."""
        return self.bits >> 16 != 0


def decoder_block_px(width: int) -> int:
    """Pixels on each side of a block in a decoder's fields: 8 below 960 pixels of width, 32 from 1920, 16 between.

    So most pictures have 60 to 120 columns: enough for a small animal in a small picture, and few enough to be quick.
    """
    return 8 if width < 960 else 16 if width < 1920 else 32


def block_px(width: int, columns: int) -> int:
    """Pixels on each side of a block, of a field of `columns` for pictures of `width` pixels: 8, 16 or 32.

    MMAL's 16 where the two do not belong together.
    """
    return next((size for size in BLOCK_SIZES if -(-width // size) == columns), BLOCK)


def grid_of(width: int, height: int, block: int = BLOCK) -> tuple[int, int]:
    """The grid (columns, rows) of a picture in blocks of `block` pixels, without padding; one cut by the edge counts.

    Raises:
        FieldError: a side is not positive.
    """
    if width < 1 or height < 1:
        raise FieldError(f"a picture of {width}x{height} pixels has no blocks")
    return -(-width // block), -(-height // block)


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
    bits = int(np.bitwise_or.reduce(np.frombuffer(payload, "<u4")))
    return BlockField(blocks=np.frombuffer(payload, _BLOCK_DTYPE).reshape(rows, columns + 1)[:, :columns], bits=bits)


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
        if plane.dtype == _BLOCK_DTYPE[name]:
            blocks[name][:, :columns] = plane
            continue
        limits = np.iinfo(_BLOCK_DTYPE[name])
        whole = plane
        if plane.dtype.kind not in "iu":
            whole = np.rint(plane)
            if np.isnan(whole).any():
                whole[np.isnan(whole)] = 0
        blocks[name][:, :columns] = np.clip(whole, limits.min, limits.max)
    return blocks.tobytes()


def pack_change(sad: npt.NDArray[np.uint16]) -> bytes:
    """The payload of a field without vectors, given the sad of each block, shape (rows, columns)."""
    rows, columns = sad.shape
    blocks = np.zeros((rows, columns + 1), _BLOCK_DTYPE)
    blocks["sad"][:, :columns] = sad
    return blocks.tobytes()


def rasterise(
    vectors: npt.NDArray[np.void], columns: int, rows: int, block_side: int = BLOCK
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Average decoded vectors of any partition size onto a grid of blocks of `block_side` pixels.

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
    if not (vectors["motion_x"].any() or vectors["motion_y"].any()):
        return np.zeros((rows, columns), np.float32), np.zeros((rows, columns), np.float32)
    left, right, column, spanned_columns = _span(vectors["dst_x"], vectors["w"], columns, block_side)
    top, bottom, row, spanned_rows = _span(vectors["dst_y"], vectors["h"], rows, block_side)
    touched = spanned_columns * spanned_rows * (vectors["motion_scale"] > 0)
    if not (touched == 1).all():
        # Partitions larger than a block: one entry for each block that a vector touches.
        which = np.repeat(np.arange(touched.size), touched)
        step = np.arange(which.size) - np.repeat(np.cumsum(touched) - touched, touched)
        vectors = vectors[which]
        column = column[which] + step % spanned_columns[which]
        row = row[which] + step // spanned_columns[which]
        left, right = np.maximum(left[which], column * block_side), np.minimum(right[which], (column + 1) * block_side)
        top, bottom = np.maximum(top[which], row * block_side), np.minimum(bottom[which], (row + 1) * block_side)

    block, blocks = row * columns + column, rows * columns
    area = ((right - left) * (bottom - top)).astype(np.float64)
    weight = np.where(vectors["source"] > 0, -area, area) / vectors["motion_scale"]
    covered = np.maximum(np.bincount(block, area, blocks), 1)
    x = np.bincount(block, weight * vectors["motion_x"], blocks) / covered
    y = np.bincount(block, weight * vectors["motion_y"], blocks) / covered
    shape = (rows, columns)
    return x.astype(np.float32).reshape(shape), y.astype(np.float32).reshape(shape)


def _span(
    centres: npt.NDArray[Any], lengths: npt.NDArray[Any], blocks: int, side: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(first pixel, last pixel + 1, first block, number of blocks or 0) of intervals cut to an axis of the grid."""
    length = lengths.astype(np.int64)
    start = centres.astype(np.int64) - (length >> 1)
    first = np.clip(start, 0, blocks * side)
    end = np.clip(start + length, 0, blocks * side)
    first_block = first // side
    return first, end, first_block, ((end - 1) // side - first_block + 1) * (end > first)
