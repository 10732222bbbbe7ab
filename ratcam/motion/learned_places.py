"""Where the blocks lie that a detector has faded out, for people: adjoining blocks are one place."""

import numpy as np
import numpy.typing as npt

from ratcam.motion.field import block_px
from ratcam.motion.place import place_in_words


def places_of(mask: npt.NDArray[np.bool_], width: int, height: int, rotation: int = 0) -> tuple[tuple[str, int], ...]:
    """Where the blocks that are set lie, as (place, blocks), the largest place first.

    Blocks that touch each other, also at a corner, are one group, and groups in one place are counted together.

    Args:
        mask: shape (rows, columns), on the coded picture.
        width: of the coded picture, in pixels.
        height: likewise.
        rotation: by how much a player turns it, in degrees clockwise: 0, 90, 180 or 270.
    """
    found: dict[str, int] = {}
    side = block_px(width, mask.shape[1])
    for blocks, (left, top, right, bottom) in groups_of(mask):
        box = (left * side, top * side, right * side, bottom * side)
        place = place_in_words(box, width, height, rotation)
        found[place] = found.get(place, 0) + blocks
    return tuple(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


def groups_of(mask: npt.NDArray[np.bool_]) -> tuple[tuple[int, tuple[int, int, int, int]], ...]:
    """The groups of blocks that touch, as (blocks, box), from the top. Diagonal neighbours touch.

    A box is (left, top, right, bottom) in blocks, right and bottom exclusive.
    """
    labels = _labels(mask)
    found, number = np.unique(labels[mask], return_inverse=True)
    if not found.size:
        return ()
    row, column = np.nonzero(mask)
    low = np.full((2, found.size), np.iinfo(np.int64).max)
    high = np.full((2, found.size), -1)
    for axis, place in enumerate((column, row)):
        np.minimum.at(low[axis], number, place)
        np.maximum.at(high[axis], number, place)
    counts = np.bincount(number)
    boxes = np.stack((low[0], low[1], high[0] + 1, high[1] + 1), axis=1).tolist()
    return tuple(
        (blocks, (left, top, right, bottom))
        for blocks, (left, top, right, bottom) in zip(counts.tolist(), boxes, strict=True)
    )


def _labels(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The same number for all blocks of a group, the least index in it; blocks that are not set have the largest.

    Every block takes the least number around it, and then the number of the block that it names: so a number crosses
    a group in few rounds however it winds.
    """
    rows, columns = mask.shape
    none = mask.size
    labels = np.full((rows + 2, columns + 2), none, np.int64)
    inner = labels[1:-1, 1:-1]
    inner[mask] = np.flatnonzero(mask)
    while True:
        across = np.minimum(np.minimum(labels[:, :-2], labels[:, 1:-1]), labels[:, 2:])
        least = np.minimum(np.minimum(across[:-2], across[1:-1]), across[2:])[mask]
        before = inner[mask]
        # What a block names takes the least number as well, so that whole parts of a group follow at once.
        flat = np.arange(none)
        np.minimum.at(flat, before, least)
        named = flat[flat[least]]
        if (named == before).all():
            return inner
        inner[mask] = named
