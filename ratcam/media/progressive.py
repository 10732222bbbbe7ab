"""A whole file with its index in front: the index of pictures at an even rate, and the bytes before the pictures."""

from ratcam.media.boxes import file_type, free_box, media_data_header
from ratcam.media.errors import StreamError
from ratcam.media.movie import movie
from ratcam.media.picture_order import ranks
from ratcam.media.sample_tables import SampleIndex
from ratcam.media.timebase import TICKS_PER_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratcam.media.avc_config import Description
    from ratcam.media.boxes import FileInfo

Rate = tuple[int, int]
"""Pictures a second, as numerator and denominator."""
MAX_FREE_BYTES = 64 << 10
"""Free space in front of the pictures delays a player that loads a file from the net; more than this is not left."""
MIN_BOX_BYTES = 8
_HEAD_BYTES = 4096
"""More than the head without its tables, with parameter sets as long as they get."""
_BYTES_PER_PICTURE, _BYTES_PER_SHIFT, _BYTES_PER_STEP, _BYTES_PER_KEY = 4, 8, 8, 24
"""What a picture takes in the tables: its size; its shift where pictures are reordered; its step where the rate makes
steps of two lengths; and a key picture its number and chunk."""
_MAX_RUN = 1024
"""Samples of a run where no key picture ends it sooner."""
_MAX_HELD = 16 * _MAX_RUN
"""Samples of a run whose order never settles, as no decoder could show them: there it is cut."""
_MAX_SHIFT = (1 << 30) - 1
"""Ticks (3 h 18 min) that a picture may be shown later or sooner than decoded: the difference of two fits in a box."""
_MAX_REORDER = 32
"""No picture is shown before one that is decoded so many pictures sooner: decoders keep 16 frames at most (A.3.1)."""


class EvenIndex:
    """The index of pictures that lie one behind the other and are shown at an even rate.

    Times are rounded to ticks without adding up the error.
    """

    def __init__(self, rate: Rate) -> None:
        self.tables = SampleIndex()
        self.is_reordered = False
        self.key_frames = 0
        self._rate = rate
        self._offset = 0
        self._period = 0
        self._description = 0
        self._sizes: list[int] = []
        self._orders: list[int] = []
        self._begins: list[tuple[int, bool, int]] = []

    def add(self, size: int, *, is_key: bool, description: int, order: tuple[int, int] | None) -> None:
        """Add the next picture in decoding order.

        Args:
            size: bytes of its sample.
            is_key: whether decoding can begin with it.
            description: its sample entry, from 1.
            order: the key of `PictureOrder`, or None where pictures are shown in the order they are decoded in.

        Raises:
            StreamError: pictures are shown hours before or after they are decoded.
        """
        sizes = self._sizes
        if order is not None:
            # Pictures whose order is not known stand among themselves.
            if order[0] != self._period or len(self._orders) != len(sizes):
                self._flush(len(sizes))
                self._period = order[0]
            elif len(sizes) >= _MAX_RUN and not len(sizes) % (_MAX_RUN // 2):
                self._flush(self._settled() if len(sizes) < _MAX_HELD else len(sizes))
        elif is_key or len(sizes) == _MAX_RUN or len(self._orders):
            self._flush(len(sizes))
        if is_key or not sizes or description != self._description:
            self._begins.append((len(sizes), is_key, description))
            self._description = description
            self.key_frames += is_key
        sizes.append(size)
        if order is not None:
            self._orders.append(order[1])

    @property
    def room(self) -> int:
        """How many pictures `extend` would take now; where it is 0, `add` has to."""
        return 0 if self._orders or not self._sizes else _MAX_RUN - len(self._sizes)

    def extend(self, sizes: list[int]) -> None:
        """Add pictures like the one before them: no key, of its sample entry, shown in the order decoded.

        Args:
            sizes: bytes of their samples, no more of them than there is `room` for.
        """
        self._sizes += sizes

    def finish(self) -> SampleIndex:
        """The tables, when every picture has been added.

        Raises:
            StreamError: as `add`.
        """
        self._flush(len(self._sizes))
        self.tables.end_90k = self._time(len(self.tables))
        return self.tables

    @property
    def expected_bytes(self) -> int:
        """The tables of the pictures so far, at most."""
        has_rest = TICKS_PER_S * self._rate[1] % self._rate[0] > 0
        each = _BYTES_PER_PICTURE + has_rest * _BYTES_PER_STEP + bool(self._orders) * _BYTES_PER_SHIFT
        return (len(self.tables) + len(self._sizes)) * each + self.key_frames * _BYTES_PER_KEY

    def _time(self, place: int) -> int:
        rate, base = self._rate
        return (2 * place * TICKS_PER_S * base + rate) // (2 * rate)

    def _times(self, begin: int, end: int) -> "Sequence[int]":
        step, rest = divmod(TICKS_PER_S * self._rate[1], self._rate[0])
        if not rest:
            return range(begin * step, end * step, step)
        return [self._time(place) for place in range(begin, end)]

    def _settled(self) -> int:
        """How many of the pictures that are held are all shown before the others, and before any that may follow."""
        highest: list[int] = []
        for order in self._orders:
            highest.append(max(order, highest[-1]) if highest else order)
        least = min(self._orders[-_MAX_REORDER:])
        for count in range(len(highest) - _MAX_REORDER, 0, -1):
            least = min(least, self._orders[count])
            if highest[count - 1] < least:
                return count
        return 0

    def _flush(self, count: int) -> None:
        if not count:
            return
        base = len(self.tables)
        times = self._times(base, base + count)
        shifts: list[int] | None = None
        if self._orders:
            places = ranks(self._orders[:count])
            if places != list(range(count)):
                shifts = [times[place] - time for place, time in zip(places, times, strict=True)]
                if max(map(abs, shifts)) > _MAX_SHIFT:
                    raise StreamError("pictures are shown hours sooner or later than decoded: it needs a higher --fps")
                self.is_reordered = True
        runs = [run for run in self._begins if run[0] < count]
        for number, (begin, is_key, description) in enumerate(runs):
            end = runs[number + 1][0] if number + 1 < len(runs) else count
            sizes = self._sizes[begin:end]
            self.tables.add_run(
                self._offset,
                sizes,
                times[begin:end],
                shifts and shifts[begin:end],
                starts_with_key=is_key,
                description=description,
            )
            self._offset += sum(sizes)
        rest = [(begin - count, is_key, description) for begin, is_key, description in self._begins[len(runs) :]]
        del self._sizes[:count], self._orders[:count]
        if self._sizes and (not rest or rest[0][0]):
            rest.insert(0, (0, False, runs[-1][2]))
        self._begins = rest


def room_for_head(index: EvenIndex | None, *, part: int, whole: int | None) -> int:
    """How much room to leave for the head of a file whose first pictures are known: more than it will need.

    Args:
        index: of the first pictures; None if there is none yet.
        part: bytes of these.
        whole: bytes of the whole stream, None if unknown.
    """
    tables = index.expected_bytes * (whole or 0) // max(1, part) if index else 0
    return _HEAD_BYTES + tables + min(tables // 4, MAX_FREE_BYTES // 2)


def head_of_size(
    size: int, info: "FileInfo", descriptions: "Sequence[Description]", tables: SampleIndex, *, payload: int
) -> bytes | None:
    """What stands before the pictures, made up to `size` with free space (ISO/IEC 14496-12, 8.1.2).

    Returns:
        None if it does not fit, or would leave more than `MAX_FREE_BYTES` free.
    """
    start, data = file_type(is_fragmented=False), media_data_header(payload)
    index = movie(info, descriptions, tables, base=size)
    free = size - len(start) - len(index) - len(data)
    if free and not MIN_BOX_BYTES <= free <= MAX_FREE_BYTES:
        return None
    return b"".join((start, index, free_box(free) if free else b"", data))


def exact_head(info: "FileInfo", descriptions: "Sequence[Description]", tables: SampleIndex, *, payload: int) -> bytes:
    """What stands before the pictures, nothing in it but what is needed: ftyp, moov and the header of mdat.

    Args:
        info: creation time and title.
        descriptions: of each sample entry.
        tables: the index; its first sample is the first byte behind the head.
        payload: bytes of all samples.
    """
    start, data = file_type(is_fragmented=False), media_data_header(payload)
    base, index = 0, movie(info, descriptions, tables)
    # Farther chunks may need the longer table of offsets, which moves them farther still; it ends there.
    while len(start) + len(index) + len(data) != base:
        base = len(start) + len(index) + len(data)
        index = movie(info, descriptions, tables, base=base)
    return b"".join((start, index, data))
