"""Cutting a clip into segments on key units: a state machine of values."""

from dataclasses import dataclass
from typing import Generic, TypeAlias

from ratcam.media.access_unit import ParameterSets, parameter_sets
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

    The end falls before a unit in decoding order, so every unit of the clip can be decoded, also in a stream that shows
    pictures in another order.
    """

    def __init__(self, *, segment_90k: int) -> None:
        self._segment_90k = segment_90k
        self._end_90k: int | None = None
        self._part = 0
        self._start_90k = 0
        self._pending: list[U] = []
        self._sets = ParameterSets()
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
            self._pending.append(unit)
        return ()

    def finish(self) -> tuple[Event[U], ...]:
        """The stream is over: end the clip now. Nothing happens if it has ended."""
        return () if self._is_done else self._end(None)

    def _take_key(self, unit: U) -> tuple[Event[U], ...]:
        sets = parameter_sets(unit.data)
        is_changed = sets != ParameterSets() and sets != self._sets
        events = self._flush()
        if not self._part or is_changed or unit.pts_90k - self._start_90k >= self._segment_90k:
            if self._part:
                events.append(Closed(part=self._part, end_pts_90k=unit.pts_90k, is_last=False))
            self._part += 1
            self._start_90k = unit.pts_90k
            self._sets = sets if sets != ParameterSets() else self._sets
            events.append(Opened(part=self._part, start_pts_90k=unit.pts_90k))
        self._pending.append(unit)
        return tuple(events)

    def _flush(self) -> list[Event[U]]:
        if not self._pending:
            return []
        units = tuple(self._pending)
        self._pending.clear()
        return [Appended(part=self._part, units=units)]

    def _end(self, end_pts_90k: int | None) -> tuple[Event[U], ...]:
        self._is_done = True
        events = self._flush()
        if self._part:
            events.append(Closed(part=self._part, end_pts_90k=end_pts_90k, is_last=True))
        return tuple(events)
