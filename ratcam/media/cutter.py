"""Cutting a clip into segments on key units: a state machine of values."""

import sys
from dataclasses import dataclass
from typing import Generic, TypeAlias

from ratcam.media.access_unit import parameter_sets
from ratcam.media.ring import U


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The part `part`, from 1, begins with the key unit shown at `start_pts_90k`."""

    part: int
    start_pts_90k: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended(Generic[U]):
    """The part's next units in decoding order: one GOP, or the beginning of one at the clip's end."""

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
    whatever their order; or before which the part and one more GOP, as large as its largest so far, would be larger
    than `max_bytes` of units' data. A GOP is never cut, so a part is larger only by what a GOP is larger than those
    before it, and a GOP that is larger by itself is a part by itself.

    The end falls before a unit in decoding order, so every unit of the clip can be decoded, also in a stream that shows
    pictures in another order.
    """

    def __init__(self, *, segment_90k: int, max_bytes: int = sys.maxsize) -> None:
        """Begin a clip.

        Args:
            segment_90k: after how long a part ends at the next key unit.
            max_bytes: what a part is to stay below; leave room for the file's index. The default is no limit.
        """
        self._segment_90k = segment_90k
        self._max_bytes = max_bytes
        self._size_bytes = self._gop_bytes = self._largest_gop_bytes = 0
        self._end_90k: int | None = None
        self._part = 0
        self._start_90k = 0
        self._pending: list[U] = []
        self._sets: frozenset[bytes] = frozenset()
        self._is_done = False

    @property
    def is_done(self) -> bool:
        """Whether the clip has ended: nothing that is fed changes anything any more."""
        return self._is_done

    def end_at(self, pts_90k: int | None) -> None:
        """End the clip before the first unit to come that is shown at this time or later; None: go on until told."""
        self._end_90k = pts_90k

    def feed(self, unit: U) -> tuple[Event[U], ...]:
        """Take the next unit; what follows, in order. A clip that ends before its first key unit has no part."""
        if self._is_done:
            return ()
        if self._end_90k is not None and unit.pts_90k >= self._end_90k:
            return self._end(unit.pts_90k)
        if unit.is_key:
            return self._take_key(unit)
        if self._part:
            self._append(unit)
        return ()

    def finish(self) -> tuple[Event[U], ...]:
        """The stream is over: end the clip now. Nothing happens if it has ended."""
        return () if self._is_done else self._end(None)

    def _take_key(self, unit: U) -> tuple[Event[U], ...]:
        found = parameter_sets(unit.data)
        sets = frozenset(found.sps + found.pps)
        is_changed = bool(sets) and sets != self._sets
        events = self._flush()
        is_long = unit.pts_90k - self._start_90k >= self._segment_90k
        is_full = self._size_bytes + self._largest_gop_bytes > self._max_bytes
        if not self._part or is_changed or is_long or is_full:
            if self._part:
                events.append(Closed(part=self._part, end_pts_90k=unit.pts_90k, is_last=False))
            self._part += 1
            self._start_90k = unit.pts_90k
            self._size_bytes = self._largest_gop_bytes = 0
            self._sets = sets or self._sets
            events.append(Opened(part=self._part, start_pts_90k=unit.pts_90k))
        self._append(unit)
        return tuple(events)

    def _append(self, unit: U) -> None:
        self._pending.append(unit)
        self._gop_bytes += len(unit.data)

    def _flush(self) -> list[Event[U]]:
        if not self._pending:
            return []
        units = tuple(self._pending)
        self._pending.clear()
        self._size_bytes += self._gop_bytes
        self._largest_gop_bytes = max(self._largest_gop_bytes, self._gop_bytes)
        self._gop_bytes = 0
        return [Appended(part=self._part, units=units)]

    def _end(self, end_pts_90k: int | None) -> tuple[Event[U], ...]:
        self._is_done = True
        events = self._flush()
        if self._part:
            events.append(Closed(part=self._part, end_pts_90k=end_pts_90k, is_last=True))
        return tuple(events)
