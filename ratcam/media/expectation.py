"""How many pictures a segment can come to, from its first piece: for the room that its file's index is given."""

import math
from collections.abc import Sequence

from ratcam.media.ring import TimedUnit
from ratcam.media.timebase import TICKS_PER_S, median

USUAL_FPS, HIGHEST_FPS = 30.0, 120.0
"""Expected at least and at most: a camera that is slow in the dark is as fast as others when the light is on."""
RATE_MARGIN = 1.25
"""A camera may be so much faster than its first pictures."""
SIZE_MARGIN = 4
"""Pictures may turn so much smaller than those of the first piece: it is of motion, and then nothing moves."""
PICTURE_BYTES = 52
"""What a picture takes of the file beside its data, and more: in the header of its fragment, and in the index."""
GOP_BYTES = 20
"""What a GOP takes of the index beside that."""


def expected_frames(units: Sequence[TimedUnit], *, segment_s: float, max_bytes: int) -> int:
    """The most pictures a segment is expected to come to; at least as many as it has.

    They are those of its length at the first piece's rate, which is taken to be `USUAL_FPS` at least and `HIGHEST_FPS`
    at most, with `RATE_MARGIN`, and another such piece; but no more than fit `max_bytes` if the pictures are
    `SIZE_MARGIN` times smaller than the usual one of the piece. So less than half of `max_bytes` is reserved for the
    index, however long a segment may be.

    Args:
        units: the first piece, in decoding order: a GOP or the beginning of one; not empty.
        segment_s: after how long the segment ends at the next key unit.
        max_bytes: what its file is to stay below.
    """
    in_time = math.ceil(RATE_MARGIN * _rate(units) * segment_s) + len(units)
    others = [len(unit.data) for unit in units if not unit.is_key]
    usual_bytes = median(others) if others else len(units[0].data)
    picture_bytes = usual_bytes / SIZE_MARGIN + PICTURE_BYTES + GOP_BYTES / expected_gop_frames(units)
    return max(len(units), min(in_time, math.ceil(max_bytes / picture_bytes)))


def expected_gop_frames(units: Sequence[TimedUnit]) -> int:
    """How many pictures a GOP has at least: half of the first piece's, as other GOPs may be shorter."""
    return -(-len(units) // 2)


def _rate(units: Sequence[TimedUnit]) -> float:
    """Pictures a second."""
    span_90k = max(unit.pts_90k for unit in units) - units[0].pts_90k
    fps = (len(units) - 1) * TICKS_PER_S / span_90k if span_90k > 0 else USUAL_FPS
    return min(max(fps, USUAL_FPS), HIGHEST_FPS)
