"""A raw H.264 stream, given in windows, as the samples of an MP4 file: one pass, no copy, no object a picture."""

from struct import pack_into

from ratcam.media import nal
from ratcam.media.access_unit import MAX_UNIT_BYTES, UnitBoundaries
from ratcam.media.errors import StreamError
from ratcam.media.parameter_use import UsedSets
from ratcam.media.picture_order import PictureOrder
from ratcam.media.progressive import EvenIndex
from ratcam.media.slice_header import HEADER_BYTES, resets_picture_order
from ratcam.media.sps import BASELINE
from ratcam.media.start_code import START_CODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ratcam.media.avc_config import Description
    from ratcam.media.progressive import Rate
    from ratcam.media.sample_tables import SampleIndex
    from ratcam.media.slice_header import SliceHeader
    from ratcam.media.sps import Pps, Sps

DEFAULT_RATE = (25, 1)
EXTENDED = 88
CONSTRAINED = 0x40
"""constraint_set1_flag among the constraints of an SPS."""
MIN_RATE, MAX_RATE = 0.01, 1000.0
"""Pictures a second; a stream that names another rate is not believed."""
_LENGTH_BYTES = 4
_PLAIN_HEADERS = frozenset(ref_idc << 5 | nal.SLICE for ref_idc in range(4))
"""The first bytes of the slices of pictures that are no key pictures."""
_RECOVERY_POINT = 6
_MAX_WITHOUT_SETS = 64 << 20
"""A stream that has no parameter set in so many bytes is none."""
_MANY = 1 << 16
"""So many zeros in a row are no part of a NAL unit."""
_MAX_PENDING = 1024
"""NAL units before a picture; no stream has so many."""


class RawStream:
    """Turns windows on an Annex B stream into what an MP4 file's mdat box carries, and into its index.

    The file begins with the first IDR picture, or before that with the first picture with a recovery point (D.2.8): a
    decoder starts at either, so every picture that the raw stream decodes to is in the file. Pictures before that are
    counted in `dropped`. Delimiters, fillers and the like are left out, and so are parameter sets: they are in the
    sample entries.
    """

    def __init__(self, *, rate: "Rate | None") -> None:
        """`rate` is pictures a second, None: what the stream says or else 25."""
        self.out: list[bytes | memoryview] = []
        """What is to be written next; the caller takes it after every window, before the window is used again."""
        self.dropped = 0
        self.lacks_sets = False
        """Whether one of these could have been the first, but its parameter sets were not there."""
        self.rate: Rate = rate or DEFAULT_RATE
        self.is_stream_rate = False
        self.index: EvenIndex | None = None
        """None while there is no picture to begin with."""
        self._is_rate_given = rate is not None
        self._boundaries = UnitBoundaries()
        self._used = UsedSets(self._boundaries.sets)
        self._order = PictureOrder()
        # The window: where in it the first NAL unit begins, how far it has been scanned, what of it is to be written.
        self._window: bytearray = bytearray()
        self._view = memoryview(b"")
        self._lead: int = 0
        self._scanned: int = 0
        self._carried: int = 0
        self._total: int = 0
        self._has_starts: bool = False
        self._run_begin = self._run_end = -1
        # The sample that is being read: a frame, or one field or two.
        self._pending: list[bytes] = []
        self._size = 0
        self._is_open = self._is_kept = self._is_pair = False
        self._is_key: bool = False
        self._picture_order: tuple[int, int] | None = None
        self._first: SliceHeader | None = None
        self._was_reset = False
        self._pps_ids: set[int] = set()
        self._is_plain = False
        """Whether a slice at macroblock 0 begins a picture and nothing else of it need be known."""
        self._is_steady = False
        """Whether the open sample and the one before it were plain and of one sample entry: most of most streams."""
        self._steady_at = -1
        """Where the last slice taken in this state begins; the next that is not plain wants to see it."""

    def take(self, window: bytearray, end: int, *, is_last: bool) -> int:
        """Take the bytes window[:end]; start codes in them are overwritten with lengths.

        Args:
            window: its first bytes are those of the last window that were not used up, then those that follow.
            end: how many bytes of it are filled.
            is_last: whether the stream ends with them.

        Returns:
            How many bytes are used up: the next window begins behind them.

        Raises:
            StreamError: this is no H.264 stream.
        """
        if not self._total:
            _refuse_other_files(window, end)
        self._total += end - self._carried
        if window is not self._window:
            self._window, self._view = window, memoryview(window)
        begin = lead = self._lead
        starts = [match.start() for match in START_CODE.finditer(window, self._scanned, end)]
        self._has_starts = self._has_starts or bool(starts)
        number, count = 0, len(starts)
        while number < count:
            if self._is_steady and lead == _LENGTH_BYTES and window[begin + 1] & 0x80:
                taken = self._take_steady(begin, starts, number)
                if taken:
                    number += taken
                    begin = starts[number - 1] + 3
                    continue
            at = starts[number]
            if begin:
                stop = at - 1
                # Trailing zeros belong to no NAL unit (7.4.1, B.1).
                if window[stop]:
                    stop = at
                elif not window[stop - 1]:
                    stop = nal.trimmed_end(window, begin, stop)
                if stop > begin:
                    self._take(begin, stop, lead)
            lead = 4 if at > begin and not window[at - 1] else 3
            begin = at + 3
            number += 1
        if begin and (is_last or self._is_followed_by_zeros(begin, end)):
            if (stop := nal.trimmed_end(window, begin, end)) > begin:
                self._take(begin, stop, lead)
            begin = 0
        if is_last:
            self._end_sample()
        self._look_back()
        self._hand_out()
        used: int = begin - lead if begin else max(0, end - 3)
        self._lead = begin and lead
        self._carried = end - used
        self._scanned = max(self._carried - 2, self._lead, 0)
        self._refuse_what_never_begins()
        return used

    def finish(self) -> "tuple[tuple[Description, ...], SampleIndex]":
        """The sample entries and the index, after the last window.

        Raises:
            StreamError: there is no picture to begin with, or none that its parameter sets are there for.
        """
        if not self._has_starts:
            raise StreamError("it is not a raw H.264 stream: there are no Annex B start codes in it")
        if (reason := self._used.lacks) is not None:
            raise StreamError(reason)
        if self.index is None and self.lacks_sets:
            raise StreamError(
                "the parameter sets (SPS and PPS) of its key frames are missing or come behind them, so no picture of "
                "it can be decoded"
            )
        if self.index is None:
            raise StreamError(
                "there is no key frame (IDR picture) and no recovery point in it, so no picture of it can be decoded"
            )
        return self._used.descriptions(), self.index.finish()

    def _refuse_what_never_begins(self) -> None:
        if self._carried > MAX_UNIT_BYTES:
            raise StreamError("this is no H.264 stream: it goes on for 64 MiB without a picture's end")
        if self._total > _MAX_WITHOUT_SETS and self.index is None and (reason := self._used.lacks) is not None:
            raise StreamError(reason)

    def _is_followed_by_zeros(self, begin: int, end: int) -> bool:
        """Whether the NAL unit is followed by many zeros: then it is over, and they need not be kept until it is."""
        return end - begin > 2 * _MANY and self._window.count(0, end - _MANY, end) == _MANY

    def _take_steady(self, begin: int, starts: list[int], number: int) -> int:
        """What `_take` does with slices that each are the whole next picture, at a fraction of the cost.

        Args:
            begin: where the first NAL unit begins, behind a start code of four bytes.
            starts: where the start codes of the window are.
            number: which of them is the first behind it.

        Returns:
            How many NAL units are taken: those before the first that is anything else, or that no start code of
            exactly four bytes follows.
        """
        index = self.index
        if index is None or self._is_key or self._pending:
            return 0
        window, run_begin = self._window, begin - _LENGTH_BYTES
        sizes = [self._size]
        for place in range(number, min(number + index.room, len(starts))):
            stop = starts[place] - 1
            is_plain = window[begin] in _PLAIN_HEADERS and window[begin + 1] & 0x80
            if not is_plain or window[stop] or not window[stop - 1]:
                break
            size = stop - begin
            pack_into(">I", window, begin - _LENGTH_BYTES, size)
            sizes.append(_LENGTH_BYTES + size)
            self._steady_at = begin
            begin = stop + _LENGTH_BYTES
        self._size = sizes.pop()
        index.extend(sizes)
        if sizes:
            if run_begin != self._run_end:
                self._hand_out()
                self._run_begin = run_begin
            self._run_end = begin - _LENGTH_BYTES
        return len(sizes)

    def _look_back(self) -> None:
        """Note the picture that the last steady slice began."""
        if self._steady_at >= 0:
            self._boundaries.begin_picture(self._window[self._steady_at : self._steady_at + HEADER_BYTES])
            self._steady_at = -1

    def _take(self, begin: int, stop: int, lead: int) -> None:
        self._look_back()
        window = self._window
        kind = window[begin] & 0x1F
        if kind in nal.FIRST_SLICES:
            if self._is_plain and stop > begin + 1 and window[begin + 1] & 0x80:
                self._end_sample()
                self._is_open, self._is_key = True, kind == nal.IDR_SLICE
                self._is_steady = self._is_kept
                self._boundaries.begin_picture(window[begin : begin + HEADER_BYTES])
            else:
                self._take_slice(begin, stop, kind)
            if not self._is_kept:
                self._pending.clear()
                return
        elif kind in nal.BEFORE_PICTURE:
            self._boundaries.end_picture()
            if kind in (nal.SPS, nal.PPS):
                self._take_set(bytes(window[begin:stop]))
            elif kind not in nal.NOT_IN_SAMPLES:
                self._hold(begin, stop)
            return
        elif kind in nal.NOT_IN_SAMPLES:
            return
        elif kind == nal.PREFIX or self._pending:
            self._hold(begin, stop)
            return
        elif not (self._is_open and self._is_kept):
            return
        self._keep(begin, stop, lead)

    def _keep(self, begin: int, stop: int, lead: int) -> None:
        """Let the NAL unit follow in the sample, behind its length and what is held for it."""
        if self._pending:
            self._hand_out()
            for unit in self._pending:
                self.out += (len(unit).to_bytes(_LENGTH_BYTES, "big"), unit)
                self._size += _LENGTH_BYTES + len(unit)
            self._pending.clear()
        size = stop - begin
        self._size += _LENGTH_BYTES + size
        if lead == _LENGTH_BYTES:
            # The length takes the start code's place: units that lie behind one another are written as one piece.
            begin -= _LENGTH_BYTES
            pack_into(">I", self._window, begin, size)
            if begin != self._run_end:
                self._hand_out()
                self._run_begin = begin
        else:
            self._hand_out()
            self.out.append(size.to_bytes(_LENGTH_BYTES, "big"))
            self._run_begin = begin
        self._run_end = stop

    def _hand_out(self) -> None:
        if self._run_end > 0:
            self.out.append(self._view[self._run_begin : self._run_end])
            self._run_end = -1

    def _hold(self, begin: int, stop: int) -> None:
        if len(self._pending) < _MAX_PENDING:
            self._pending.append(bytes(self._window[begin:stop]))

    def _take_set(self, unit: bytes) -> None:
        if not self._used.knows(unit):
            # The last sample is of the sets as they were.
            self._end_sample()
            self._is_plain, self._is_steady, self._pps_ids = False, False, set()
            self._used.take(unit)

    def _take_slice(self, begin: int, stop: int, kind: int) -> None:
        boundaries = self._boundaries
        is_first = not boundaries.has_picture
        unit = self._window[begin : min(stop, begin + HEADER_BYTES)]
        if boundaries.begins_picture(unit) or is_first:
            header, first = boundaries.header, None if self._is_pair else self._first
            if header is not None and first is not None and header.is_second_field_of(first, was_reset=self._was_reset):
                self._is_pair = True
            else:
                self._end_sample()
                self._begin_sample(begin, stop, kind)
        pps_id = boundaries.pps_id
        if pps_id is not None:
            self._pps_ids.add(pps_id)

    def _begin_sample(self, begin: int, stop: int, kind: int) -> None:
        header = self._boundaries.header
        self._is_open, self._first = True, header
        self._is_key = kind == nal.IDR_SLICE
        sps = self._sps_of(header)
        if self.index is None and (self._is_key or any(map(_has_recovery_point, self._pending))):
            if sps is not None:
                self._is_key = self._is_kept = True
                self._begin_index(sps)
            else:
                self.lacks_sets = True
        if not self._is_kept or header is None or sps is None:
            # Of a damaged slice nothing is known: it is shown where it stands.
            return
        if sps.poc_type == 2 or sps.vui.max_num_reorder_frames == 0:
            self._picture_order = None
            self._is_plain = self._used.is_single and _has_ordered_slices(sps, self._boundaries.sets.pps[header.pps_id])
        else:
            self._was_reset = self._resets(self._view[begin:stop])
            self._picture_order = self._order.key(header, sps, resets=self._was_reset)

    def _resets(self, unit: memoryview) -> bool:
        try:
            return resets_picture_order(unit, self._boundaries.sets)
        except StreamError:
            return False  # cut short

    def _end_sample(self) -> None:
        if not self._is_open:
            return
        if self.index is None or not self._is_kept:
            self.dropped += 1
        else:
            description = self._used.use(self._pps_ids)
            self.index.add(self._size, is_key=self._is_key, description=description, order=self._picture_order)
        if not self._is_plain:
            self._pps_ids = set()
        self._is_open = self._is_pair = False
        self._first = None
        self._was_reset = False
        self._size = 0

    def _begin_index(self, sps: "Sps") -> None:
        if not self._is_rate_given and sps.vui.timing is not None:
            tick, scale = sps.vui.timing
            if MIN_RATE <= scale / (2 * tick) <= MAX_RATE:
                self.rate, self.is_stream_rate = (scale, 2 * tick), True
        self.index = EvenIndex(self.rate)

    def _sps_of(self, header: "SliceHeader | None") -> "Sps | None":
        try:
            return self._boundaries.sets.of(header.pps_id)[0] if header else None
        except StreamError:
            return None


def _has_ordered_slices(sps: "Sps", pps: "Pps") -> bool:
    """Whether a slice at macroblock 0 begins a picture: no fields, arbitrary slice order or redundant pictures.

    The profiles that allow the latter two are Baseline, unless it is constrained, and Extended (A.2).
    """
    is_free = sps.profile_idc == EXTENDED or (sps.profile_idc == BASELINE and not sps.constraints & CONSTRAINED)
    return sps.is_frames_only and not is_free and not pps.has_redundant_pictures


def _has_recovery_point(unit: bytes) -> bool:
    """Whether an SEI NAL unit has a recovery point message (7.3.2.3.1, D.1.8)."""
    if nal.nal_type(unit) != nal.SEI:
        return False
    data, at = nal.unescaped(unit), 1
    while at + 1 < len(data):
        numbers: list[int] = []
        for _ in range(2):
            number = 0
            while at < len(data) and data[at] == 0xFF:
                number, at = number + 0xFF, at + 1
            numbers.append(number + (data[at] if at < len(data) else 0))
            at += 1
        if numbers[0] == _RECOVERY_POINT:
            return True
        at += numbers[1]
    return False


def _refuse_other_files(window: bytearray, end: int) -> None:
    if not end:
        raise StreamError("the file is empty")
    if bytes(window[4:8]) == b"ftyp":
        raise StreamError("it is an MP4 file already, not a raw H.264 stream: play it as it is")
