"""The pre-roll: the newest access units, in RAM, by whole GOPs."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from ratcam.media.timeline import MAX_GAP


class TimedUnit(Protocol):
    """What the ring, the cutter and the muxer need of an access unit."""

    @property
    def pts_90k(self) -> int:
        """Presentation time in ticks."""
        ...

    @property
    def is_key(self) -> bool:
        """Whether it is an IDR picture."""
        ...

    @property
    def data(self) -> bytes:
        """Its Annex B bytes."""
        ...


U = TypeVar("U", bound=TimedUnit)

UNIT_BYTES, GOP_BYTES = 192, 320
"""What Python takes for an access unit beside its data, and for a GOP: rather more than measured."""


@dataclass(slots=True)
class _Gop(Generic[U]):
    units: list[U] = field(default_factory=list[U])
    size_bytes: int = 0


class PreRollRing(Generic[U]):
    """Holds at least `span_90k` of the newest units and at most one GOP more, in never more than `max_bytes` of memory.

    The memory is that of the units' data and of what holds them, `UNIT_BYTES` for each and `GOP_BYTES` for each GOP, so
    that very many very small units are bounded, too. The ring begins with a key unit: units before the first are
    ignored, and whole GOPs are evicted. A GOP that alone takes more than `max_bytes` is dropped together with its units
    to come. A key unit shown before the last one, or over `MAX_GAP` after the newest unit, means that the clock was
    set: what is before it is dropped, as its times say nothing any more.
    """

    def __init__(self, *, span_90k: int, max_bytes: int) -> None:
        self.has_overflowed = False
        """Whether a GOP was dropped as it alone takes more than there is room for: there was no pre-roll for a time."""
        self._span_90k = span_90k
        self._max_bytes = max_bytes
        self._gops: deque[_Gop[U]] = deque()
        self._newest_90k = 0
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """The memory that what is held takes."""
        return self._size_bytes

    def push(self, unit: U) -> None:
        """Take the next unit in decoding order."""
        if unit.is_key:
            if self._gops and not self._gops[-1].units[0].pts_90k <= unit.pts_90k <= self._newest_90k + MAX_GAP:
                self.clear()
            self._gops.append(_Gop(size_bytes=GOP_BYTES))
            self._size_bytes += GOP_BYTES
            self._newest_90k = unit.pts_90k
        elif not self._gops:
            return
        gop = self._gops[-1]
        gop.units.append(unit)
        size_bytes = UNIT_BYTES + len(unit.data)
        gop.size_bytes += size_bytes
        self._size_bytes += size_bytes
        self._newest_90k = max(self._newest_90k, unit.pts_90k)
        self._evict()

    def since(self, pts_90k: int) -> tuple[U, ...]:
        """The units from the last key unit at or before a time, or else the oldest held, to the newest; maybe none."""
        first = 0
        for index in range(len(self._gops) - 1, -1, -1):
            if self._gops[index].units[0].pts_90k <= pts_90k:
                first = index
                break
        return tuple(unit for gop in list(self._gops)[first:] for unit in gop.units)

    def clear(self) -> None:
        """Forget everything; the next unit taken is a key unit."""
        self._gops.clear()
        self._size_bytes = 0
        self.has_overflowed = False

    def _evict(self) -> None:
        gops = self._gops
        while gops and (self._size_bytes > self._max_bytes or self._is_spare()):
            self.has_overflowed |= len(gops) == 1
            self._size_bytes -= gops.popleft().size_bytes

    def _is_spare(self) -> bool:
        """Whether the span is held without the oldest GOP."""
        return len(self._gops) > 1 and self._newest_90k - self._gops[1].units[0].pts_90k >= self._span_90k
