"""The times of a file's pictures, made into those of a camera: rising, and never pausing for long."""

import heapq
from collections import deque
from collections.abc import Iterator
from itertools import chain, count

from ratcam.cameras.decoding import FieldDecoder
from ratcam.cameras.libav import CodedPicture
from ratcam.media.access_unit import is_idr
from ratcam.media.timebase import TICKS_PER_S

MOST_STEP_90K = TICKS_PER_S
"""A longer step of a file's clock, forward or back, is not played: the camera would be taken for one that hangs."""
RESET_90K = 10 * TICKS_PER_S
"""Without a pause no picture is shown so long before the one that is decoded before it."""
_MOST_REORDERED = 16
"""No level of the standard lets a decoder hold back more pictures."""
_MOST_HELD = 64
"""Pictures held back to find out their order by decoding; a decoder may be late where pictures are missing."""


class RisingTimes:
    """Makes media times of a file's own, for pictures in the order shown: from `begin_90k`, always rising.

    Steps of up to a second are kept to the tick. A longer one, forward or back, becomes the nominal one, and so does
    that to a picture without a time. One that is shown no later than the last, but less than a second before, comes
    half a nominal step behind the last, and those after it keep their places.
    """

    def __init__(self, *, begin_90k: int, frame_90k: int) -> None:
        self._frame_90k = frame_90k
        self._last_90k: int | None = None
        self._offset_90k: int | None = None
        self._begin_90k = begin_90k

    def place(self, time_90k: int | None) -> int:
        """The media time of the next picture, which the file says is shown at `time_90k` (None: it does not say)."""
        last = self._last_90k
        nominal = self._begin_90k if last is None else last + self._frame_90k
        if time_90k is None:
            placed = nominal
        elif last is None or self._offset_90k is None:
            placed, self._offset_90k = nominal, nominal - time_90k
        else:
            placed = time_90k + self._offset_90k
            if abs(placed - last) > MOST_STEP_90K:
                placed, self._offset_90k = nominal, nominal - time_90k
            elif placed <= last:
                placed = last + max(1, self._frame_90k // 2)
        self._last_90k = placed
        return placed

    def begin_anew(self) -> None:
        """The file's clock was set: whatever the next picture's time is, it comes a nominal step after the last."""
        self._offset_90k = None


def ordered_by_time(units: Iterator[CodedPicture], times: RisingTimes) -> Iterator[tuple[int, bytes]]:
    """Give media times to a stream that reorders pictures, by the file's own times; in decoding order.

    A picture without a time is taken to be shown after the one decoded before it. Where the clock was set back
    (decoding times are; where there are none, a picture is shown more than `RESET_90K` before the last), the times go
    on a nominal step after the latest, and an entry without data tells that the stream begins anew, if it does so with
    an IDR picture. A file that begins with another picture loses those right after it that are shown before it: they
    need pictures that the file does not have. No other is left out.
    """
    window = _Window(times)
    last: CodedPicture | None = None
    leads_before_90k: int | None = None
    for unit in units:
        if last is None:
            leads_before_90k = None if is_idr(unit.data) else unit.pts_90k
        elif _is_reset(last, unit):
            yield from window.drain()
            times.begin_anew()
            if is_idr(unit.data):
                yield 0, b""
        if leads_before_90k is not None and last is not None and unit.pts_90k is not None:
            if unit.pts_90k < leads_before_90k:
                continue
            leads_before_90k = None
        last = unit
        yield from window.take(unit)
    yield from window.drain()


class _Window:
    """Units in decoding order that wait for their media times, which are given in the order shown."""

    def __init__(self, times: RisingTimes) -> None:
        self._times = times
        self._held: deque[tuple[int, bytes]] = deque()
        self._by_time: list[tuple[int, int, int | None]] = []
        self._placed: dict[int, int] = {}
        self._number = 0
        self._last_90k = 0

    def take(self, unit: CodedPicture) -> Iterator[tuple[int, bytes]]:
        """Take the next unit; those whose times are certain now."""
        self._number += 1
        self._last_90k = self._last_90k if unit.pts_90k is None else unit.pts_90k
        self._held.append((self._number, unit.data))
        heapq.heappush(self._by_time, (self._last_90k, self._number, unit.pts_90k))
        if len(self._by_time) > _MOST_REORDERED:
            self._place_first()
        return self._ready()

    def drain(self) -> Iterator[tuple[int, bytes]]:
        """All that are left: what follows is shown after them."""
        while self._by_time:
            self._place_first()
        return self._ready()

    def _place_first(self) -> None:
        _, number, pts_90k = heapq.heappop(self._by_time)
        self._placed[number] = self._times.place(pts_90k)

    def _ready(self) -> Iterator[tuple[int, bytes]]:
        while self._held and self._held[0][0] in self._placed:
            number, data = self._held.popleft()
            yield self._placed.pop(number), data


def _is_reset(last: CodedPicture, unit: CodedPicture) -> bool:
    if last.dts_90k is not None and unit.dts_90k is not None:
        return unit.dts_90k < last.dts_90k
    return last.pts_90k is not None and unit.pts_90k is not None and last.pts_90k - unit.pts_90k > RESET_90K


def ordered_by_decoding(
    units: Iterator[CodedPicture], begin_90k: int, frame_90k: int, reorder_depth: int
) -> Iterator[tuple[int, bytes]]:
    """Give times to a stream without any: a picture's is the place at which a decoder shows it."""
    decoder = FieldDecoder(reorder_depth=reorder_depth, is_order_free=True)
    held: deque[tuple[int, bytes]] = deque()
    shown: dict[int, int] = {}
    places = count(begin_90k, frame_90k)
    for index, unit in chain(enumerate(units), ((-1, None),)):
        if unit is not None:
            held.append((index, unit.data))
        fields = decoder.flush() if unit is None else decoder.feed(unit.data, index)
        shown.update({field.pts_90k: next(places) for field in fields})
        while held and (held[0][0] in shown or len(held) > _MOST_HELD or unit is None):
            name, data = held.popleft()
            pts_90k = shown.pop(name, None)
            yield next(places) if pts_90k is None else pts_90k, data  # what is never shown takes a place, too
