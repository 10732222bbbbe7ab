"""Feeds the muxer: in order, bounded, and without waiting long for a disk that does not keep up."""

import logging
from collections import deque
from dataclasses import dataclass, replace
from typing import assert_never

from ratcam.actors.supervised import Address
from ratcam.media.ring import GOP_BYTES, UNIT_BYTES
from ratcam.messages import ClipId, RecorderStarted, SegmentAppended, SegmentClosed

_log = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""How long a piece waits for room at the muxer. The recorder's own mailbox fills meanwhile, so it is short."""

BYTES_AHEAD = 16_000_000
"""What may wait for a disk beside a whole pre-roll: half a minute of a stalled SD card at a camera's usual 4 Mbit/s."""
PIECES_AHEAD = 4096
"""More than a pre-roll has GOPs, also one of a minute of a camera that sends nothing but key frames, 60 a second."""


def muxer_address(name: str, *, ring_mb: int) -> Address:
    """A muxer's address, whose data lane has room for a whole pre-roll of `ring_mb` MB at once and `BYTES_AHEAD`."""
    return Address(name, data_limit=PIECES_AHEAD, data_bytes=ring_mb * 1_000_000 + BYTES_AHEAD)


@dataclass(frozen=True, slots=True)
class _Lost:
    """From where on a clip's part was not taken."""

    part: int
    from_90k: int


class SegmentFeed:
    """The data lane from one recorder to its muxer. For one thread.

    Everything goes through the one lane, which is bounded in bytes, so the muxer sees it in this order. A piece that
    finds no room within `PATIENCE_S` is refused, and so is the rest of its part; the next part is tried again. While
    the muxer is behind nothing is waited for. The end of a part is never refused: it waits here, in front of whatever
    comes, and says where what was taken of the part ends, so that a part that was cut short is a whole and shorter one
    to the muxer.
    """

    def __init__(self, muxer: Address) -> None:
        self._muxer = muxer
        self._waiting: deque[RecorderStarted | SegmentClosed] = deque()
        self._lost: dict[ClipId, _Lost] = {}
        self._is_behind = False

    def begin(self, message: RecorderStarted) -> None:
        """Tell that a recorder begins; never blocks."""
        self._waiting.append(message)
        self.flush(0.0)

    def append(self, message: SegmentAppended) -> bool:
        """Feed a GOP or a piece of one. False when it is lost and nothing of the clip was since its last whole part."""
        segment = message.segment
        lost = self._lost.get(segment.clip_id)
        if lost is not None and lost.part == segment.part:
            return True
        patience_s = 0.0 if self._is_behind else PATIENCE_S
        self._is_behind = not (self.flush(patience_s) and self._feed(message, patience_s))
        if not self._is_behind:
            return True
        _log.error(
            "%s does not keep up, is the disk too slow? Clip %s part %d ends early",
            self._muxer.name,
            segment.clip_id,
            segment.part,
        )
        self._lost[segment.clip_id] = _Lost(segment.part, message.units[0].pts_90k)
        return lost is not None

    def close(self, message: SegmentClosed) -> None:
        """Feed a part's end, now or as soon as there is room; never blocks."""
        clip_id = message.segment.clip_id
        lost = self._lost.get(clip_id)
        if lost is not None:
            is_cut = lost.part == message.segment.part
            if is_cut:
                message = replace(message, end_pts_90k=lost.from_90k)
            if message.is_last or not is_cut:
                del self._lost[clip_id]
        self._waiting.append(message)
        self.flush(0.0)

    def flush(self, patience_s: float) -> bool:
        """Feed what waits, each for up to `patience_s`, until one is not taken. Whether nothing waits any more."""
        while self._waiting:
            if not self._feed(self._waiting[0], patience_s):
                return False
            self._waiting.popleft()
        return True

    def _feed(self, message: RecorderStarted | SegmentAppended | SegmentClosed, patience_s: float) -> bool:
        return self._muxer.feed(message, patience_s, size=_size(message))


def _size(message: RecorderStarted | SegmentAppended | SegmentClosed) -> int:
    """The memory that a message takes."""
    match message:
        case SegmentAppended():
            return GOP_BYTES + sum(UNIT_BYTES + len(unit.data) for unit in message.units)
        case SegmentClosed():
            return GOP_BYTES + len(message.cover)
        case RecorderStarted():
            return GOP_BYTES
        case _:
            assert_never(message)
