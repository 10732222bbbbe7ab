"""Cutting a clip into segments on key units: a state machine of values."""

import sys
from dataclasses import dataclass
from typing import Generic, TypeAlias

from ratcam.media.access_unit import parameter_sets
from ratcam.media.expectation import expected_frames, expected_gop_frames
from ratcam.media.mp4 import (
    RESERVE_BYTES_FIXED,
    RESERVE_BYTES_PER_FRAME,
    RESERVE_BYTES_PER_GOP,
    RESERVE_BYTES_PER_SHIFT,
    reserve_size,
)
from ratcam.media.ring import U
from ratcam.media.timebase import TICKS_PER_S, seconds
from ratcam.media.timeline import MAX_GAP, MAX_REORDER

PIECE_90K = 2 * TICKS_PER_S
PIECE_UNITS = 300
PIECE_BYTES = 4_000_000
"""What is handed on at once at most, so that a long GOP costs neither memory nor, at a power cut, much of the clip."""

FILE_BYTES, FILE_BYTES_PER_PIECE, FILE_BYTES_PER_UNIT = 40_000, 256, 32
"""What the container takes at most: its fixed boxes; a fragment's header; a picture's entries and their padding."""
INDEX_BYTES_PER_UNIT = RESERVE_BYTES_PER_FRAME + RESERVE_BYTES_PER_SHIFT
MAX_KEY_BACK = TICKS_PER_S
"""A key unit is shown after all units before it; one that is shown so much earlier tells that the clock was set back,
one that is by less has an inexact time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The part `part`, from 1, begins with the key unit shown at `start_pts_90k`."""

    part: int
    start_pts_90k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended(Generic[U]):
    """The part's next units in decoding order: one GOP or a piece of one; only the first unit may be a key unit."""

    part: int
    units: tuple[U, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The part is whole; `end_pts_90k` is the time of the unit fed after its last one, None if there was none."""

    part: int
    end_pts_90k: int | None
    is_last: bool


Event: TypeAlias = Opened | Appended[U] | Closed


class ClipCutter(Generic[U]):
    """Cuts one clip into parts.

    Feed it units in decoding order. It ignores those before the first key unit; from there on the `Appended` events
    together hold every unit fed before the end exactly once and in order, and each part begins with a key unit. Per
    part the events are one `Opened`, at least one `Appended`, one `Closed`.

    A part ends at a key unit that comes `segment_90k` or more after its first; that has other parameter sets than it,
    whatever their order; or before which the part's file with one more GOP, as large as its largest so far, would be
    larger than `max_bytes`. So a file is larger only by what its last GOP is larger than those before it.

    If no key unit comes in time, a part goes on up to `hard_bytes` and ends there, within its GOP: a file that can be
    sent is worth more than one that is whole. The units from there to the next key unit cannot be decoded without it;
    they are left out and counted. If the clip ends there, its last part is `Closed` once more, as the last. Only a
    single unit larger than `hard_bytes` makes a larger file.

    A clock that jumps changes neither the clip's length nor a part's, but for the time since the last key unit: with a
    key unit shown over `MAX_KEY_BACK` before what came before it, any unit over `MAX_REORDER` before that, or one over
    `MAX_GAP` after it, the part's begin and the clip's end move by the difference. So an end that is told by the new
    clock before it was seen here is taken for one of the old clock.

    What is held back is at most `PIECE_90K`, `PIECE_UNITS` or `PIECE_BYTES` of a GOP. The end falls before a unit in
    decoding order, so every unit of the clip can be decoded, also in a stream that shows pictures in another order.
    """

    def __init__(self, *, segment_90k: int, max_bytes: int = sys.maxsize, hard_bytes: int = sys.maxsize) -> None:
        """Begin a clip.

        Args:
            segment_90k: after how long a part ends at the next key unit.
            max_bytes: what a part's file is to stay below where key units allow it. The default is no limit.
            hard_bytes: what a part's file stays below in any case; not less than `max_bytes`.
        """
        self.left_out = 0
        """Units without which a part ended, as no key unit had come when it was as large as it may be."""
        self._segment_90k = segment_90k
        self._max_bytes = max_bytes
        self._hard_bytes = hard_bytes
        self._end_90k: int | None = None
        self._part = 0
        self._is_open = False
        self._cut_90k: int | None = None
        self._start_90k = self._piece_90k = 0
        self._newest_90k: int | None = None
        self._units = self._bytes = self._pieces = 0
        self._expected_units = self._reserved_bytes = 0
        self._gop_units = self._largest_gop_units = 0
        self._gop_bytes = self._largest_gop_bytes = 0
        self._pending: list[U] = []
        self._pending_bytes = 0
        self._sets: frozenset[bytes] = frozenset()
        self._is_done = False

    @property
    def is_done(self) -> bool:
        """Whether the clip has ended: nothing that is fed changes anything any more."""
        return self._is_done

    @property
    def needs_key(self) -> bool:
        """Whether nothing is recorded before the next key unit: to begin with, or as the part was full without one."""
        return not (self._is_open or self._is_done)

    @property
    def is_due(self) -> bool:
        """Whether the open part has reached its length, or will its size before another second has passed."""
        if not self._is_open or self._newest_90k is None:
            return False
        lasted_90k = self._newest_90k - self._start_90k
        if lasted_90k >= self._segment_90k:
            return True
        lasted_90k = max(lasted_90k, TICKS_PER_S)
        second_bytes, second_units = (count * TICKS_PER_S // lasted_90k for count in (self._bytes, self._units))
        return self._file_bytes(second_bytes, second_units) > self._max_bytes

    def end_at(self, pts_90k: int | None) -> None:
        """End the clip before the first unit to come that is shown at this time or later; None: go on until told."""
        self._end_90k = pts_90k

    def feed(self, unit: U) -> tuple[Event[U], ...]:
        """Take the next unit; what follows, in order. A clip that ends before its first key unit has no part."""
        if self._is_done:
            return ()
        self._follow_clock(unit)
        if self._end_90k is not None and unit.pts_90k >= self._end_90k:
            return self._end(unit.pts_90k)
        if unit.is_key:
            return self._take_key(unit)
        if not self._is_open:
            self.left_out += self._part > 0
            return ()
        if self._file_bytes(len(unit.data), 1) > self._hard_bytes:
            return self._cut(unit)
        events = self._flush() if self._is_piece_full(unit) else []
        self._append(unit)
        return tuple(events)

    def finish(self) -> tuple[Event[U], ...]:
        """The stream is over: end the clip now. Nothing happens if it has ended."""
        return () if self._is_done else self._end(None)

    def _follow_clock(self, unit: U) -> None:
        """Find the newest time; if the clock was set, move what is measured by it."""
        newest_90k = unit.pts_90k if self._newest_90k is None else self._newest_90k
        ahead_90k = unit.pts_90k - newest_90k
        if not -(MAX_KEY_BACK if unit.is_key else MAX_REORDER) <= ahead_90k <= MAX_GAP:
            self._start_90k += ahead_90k
            self._piece_90k += ahead_90k
            if self._end_90k is not None:
                self._end_90k += ahead_90k
            newest_90k = unit.pts_90k
        self._newest_90k = max(newest_90k, unit.pts_90k)

    def _take_key(self, unit: U) -> tuple[Event[U], ...]:
        found = parameter_sets(unit.data)
        sets = frozenset(found.sps + found.pps)
        events = self._flush()
        if self._is_open and self._ends_before(unit, sets):
            events.append(Closed(part=self._part, end_pts_90k=unit.pts_90k, is_last=False))
            self._is_open = False
        if not self._is_open:
            self._open(unit, sets)
            events.append(Opened(part=self._part, start_pts_90k=unit.pts_90k))
        self._gop_bytes = self._gop_units = 0
        self._append(unit)
        return tuple(events)

    def _ends_before(self, key: U, sets: frozenset[bytes]) -> bool:
        is_changed = bool(sets) and sets != self._sets
        is_long = key.pts_90k - self._start_90k >= self._segment_90k
        gop_bytes = max(self._largest_gop_bytes, len(key.data))
        return is_changed or is_long or self._file_bytes(gop_bytes, self._largest_gop_units) > self._max_bytes

    def _open(self, key: U, sets: frozenset[bytes]) -> None:
        self._part += 1
        self._is_open = True
        self._start_90k = key.pts_90k
        self._units = self._bytes = self._pieces = 0
        self._expected_units = self._reserved_bytes = self._largest_gop_units = self._largest_gop_bytes = 0
        self._sets = sets or self._sets

    def _cut(self, unit: U) -> tuple[Event[U], ...]:
        """End the part before a unit that is not a key unit; it and those up to the next one are left out."""
        self.left_out += 1
        self._is_open = False
        self._cut_90k = unit.pts_90k
        return *self._flush(), Closed(part=self._part, end_pts_90k=unit.pts_90k, is_last=False)

    def _append(self, unit: U) -> None:
        size = len(unit.data)
        if not self._pending:
            self._piece_90k = unit.pts_90k
        self._pending.append(unit)
        self._pending_bytes += size
        self._units += 1
        self._bytes += size
        self._gop_units += 1
        self._gop_bytes += size
        self._largest_gop_units = max(self._largest_gop_units, self._gop_units)
        self._largest_gop_bytes = max(self._largest_gop_bytes, self._gop_bytes)

    def _is_piece_full(self, unit: U) -> bool:
        return (
            len(self._pending) >= PIECE_UNITS
            or self._pending_bytes + len(unit.data) > PIECE_BYTES
            or unit.pts_90k - self._piece_90k >= PIECE_90K
        )

    def _flush(self) -> list[Event[U]]:
        if not self._pending:
            return []
        units = tuple(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        if not self._pieces:
            self._expect(units)
        self._pieces += 1
        return [Appended(part=self._part, units=units)]

    def _expect(self, first: tuple[U, ...]) -> None:
        """Find what room the file's index has, as the muxer does from the same piece."""
        frames = expected_frames(first, segment_s=seconds(self._segment_90k), max_bytes=self._max_bytes)
        gops = -(-frames // expected_gop_frames(first))
        tables = INDEX_BYTES_PER_UNIT * frames + RESERVE_BYTES_PER_GOP * gops
        self._expected_units = frames
        self._reserved_bytes = reserve_size(RESERVE_BYTES_FIXED + tables)

    def _file_bytes(self, more_bytes: int, more_units: int) -> int:
        """The size of the part's file if so much were added to it; rather too large than too small."""
        data, units = self._bytes + more_bytes, self._units + more_units
        container = self._pieces * FILE_BYTES_PER_PIECE + units * FILE_BYTES_PER_UNIT
        # An index that does not fit its room comes behind the pictures; each could be a GOP.
        index = 0 if units <= self._expected_units else units * (INDEX_BYTES_PER_UNIT + RESERVE_BYTES_PER_GOP)
        return data + data // 512 + FILE_BYTES + container + self._reserved_bytes + index

    def _end(self, end_pts_90k: int | None) -> tuple[Event[U], ...]:
        self._is_done = True
        events = self._flush()
        if self._part:
            is_cut = not self._is_open
            events.append(Closed(part=self._part, end_pts_90k=self._cut_90k if is_cut else end_pts_90k, is_last=True))
        self._is_open = False
        return tuple(events)
