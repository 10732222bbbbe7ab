"""Access units: what is in one, and where a raw stream's begin (ISO/IEC 14496-10, 7.4.1.2)."""

from ratcam.media import nal
from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.slice_header import HEADER_BYTES, ActiveSets, SliceHeader, slice_header
from ratcam.media.value import Value

START = b"\x00\x00\x00\x01"
MAX_UNIT_BYTES = 64 << 20
"""Far above any picture of a level: a stream that goes on longer without a picture's end is not H.264."""


class ParameterSets(Value):
    """SPS and PPS NAL units, without start codes, in the order they were found in, byte-identical ones once."""

    sps: tuple[bytes, ...] = ()
    pps: tuple[bytes, ...] = ()


def is_idr(data: bytes) -> bool:
    """Whether an Annex B access unit is an IDR picture: it has slices, and all of them are of type 5."""
    types = [nal.nal_type(unit) for unit in nal.nal_units(data)]
    slices = [kind for kind in types if kind in nal.FIRST_SLICES]
    return bool(slices) and all(kind == nal.IDR_SLICE for kind in slices)


def parameter_sets(data: bytes) -> ParameterSets:
    """The parameter sets in an Annex B access unit; they are not parsed."""
    found: dict[int, dict[bytes, None]] = {nal.SPS: {}, nal.PPS: {}}
    for unit in nal.nal_units(data):
        if (kept := found.get(nal.nal_type(unit))) is not None:
            kept[bytes(unit)] = None
    return ParameterSets(sps=tuple(found[nal.SPS]), pps=tuple(found[nal.PPS]))


def with_parameter_sets(data: bytes, sets: ParameterSets) -> bytes:
    """An Annex B access unit that carries `sets`: those it lacks are put before its first NAL unit.

    An access unit delimiter stays first (7.4.1.2.3). A unit that has them all is returned as it is.
    """
    own = parameter_sets(data)
    lacking = [unit for unit in sets.sps if unit not in own.sps] + [unit for unit in sets.pps if unit not in own.pps]
    if not lacking:
        return data
    units = nal.nal_units(data)
    begin = next((n for n, unit in enumerate(units) if nal.nal_type(unit) != nal.ACCESS_UNIT_DELIMITER), len(units))
    return b"".join(START + unit for unit in (*units[:begin], *lacking, *units[begin:]))


class UnitBoundaries:
    """Tells where access units begin in a series of NAL units (7.4.1.2.3 and 7.4.1.2.4).

    Slices are compared by their headers, so pictures whose slices come in any order are kept together; where the
    parameter sets are missing, a slice that starts at macroblock 0 begins a unit. So does a second slice at macroblock
    0 with the same header: there are encoders that give all IDR pictures one id.
    """

    def __init__(self) -> None:
        self.sets = ActiveSets()
        self.header: SliceHeader | None = None
        """The header of the last slice, None where it could not be read."""
        self.pps_id: int | None = None
        """The PPS that the last slice refers to, whether it is there or not; None where that cannot be read."""
        self.has_picture = False
        """Whether the unit so far has a picture in it."""
        self._has_start = False
        self._unread: bytes | bytearray | None = None

    def begins_unit(self, unit: memoryview | bytes) -> bool:
        """Take the next NAL unit of the stream; True when it starts an access unit and there was a picture before."""
        kind = nal.nal_type(unit)
        if kind in nal.FIRST_SLICES:
            return self.begins_picture(unit)
        begins = self.has_picture and kind in nal.BEFORE_PICTURE
        if begins:
            self.end_picture()
        self.sets.take(unit)
        return begins

    def begins_picture(self, unit: memoryview | bytes | bytearray) -> bool:
        """Like `begins_unit`, for a slice. Its first 32 bytes do."""
        if self._unread is not None:
            self.header, self._unread = self._read(self._unread), None
        header, last = self._read(unit), self.header
        self.pps_id = header.pps_id if header is not None else _missing_pps(unit)
        is_start = len(unit) > 1 and unit[1] & 0x80 != 0
        if not self.has_picture:
            begins = False
        elif header is not None and last is not None:
            begins = header.begins_picture_after(last) or (is_start and self._has_start and not header.is_redundant)
        else:
            begins = is_start
        if begins or not self.has_picture or last is None:
            self._has_start = is_start
        self._has_start = self._has_start or is_start
        self.has_picture = True
        self.header = header if header is not None or begins else last
        return begins

    def begin_picture(self, head: bytes | bytearray) -> None:
        """Take the beginning of a slice that is known to begin a picture; it is read if another follows in doubt."""
        self.has_picture = self._has_start = True
        self._unread = head

    def end_picture(self) -> None:
        """The next slice begins a picture."""
        self.has_picture = self._has_start = False

    def _read(self, unit: memoryview | bytes | bytearray) -> SliceHeader | None:
        try:
            return slice_header(unit, self.sets)
        except StreamError:
            return None


def _missing_pps(unit: memoryview | bytes | bytearray) -> int | None:
    """The id of the PPS that a slice refers to, which is not there."""
    try:
        reader = BitReader(nal.unescaped(unit[1:HEADER_BYTES]))
        reader.ue()
        reader.ue(9)
        return reader.ue(255)
    except StreamError:
        return None


class AccessUnitSplitter:
    """Cuts a raw Annex B stream, given in chunks of any size, into access units.

    The units joined are the stream from its first start code on, byte for byte, however it was cut into chunks.
    """

    def __init__(self) -> None:
        self._boundaries = UnitBoundaries()
        self._buffer = bytearray()
        self._scanned = 0
        self._nal = -1
        self._begin = -1
        self._prefix = -1
        self._unit = -1

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the access units that they complete.

        Raises:
            StreamError: a unit is larger than any picture can be.
        """
        self._buffer += chunk
        done = self._scan()
        if len(self._buffer) > MAX_UNIT_BYTES:
            raise StreamError("this is no H.264 stream: it goes on for 64 MiB without a picture's end")
        return done

    def finish(self) -> list[bytes]:
        """The stream is over: return the units that are left, the last one even if it has no picture."""
        done: list[bytes] = []
        if self._unit >= 0:
            self._take(len(self._buffer), done)
            done.append(bytes(self._buffer[self._unit :]))
        self._buffer.clear()
        self._scanned, self._nal, self._prefix, self._unit = 0, -1, -1, -1
        return done

    def _scan(self) -> list[bytes]:
        buffer, done = self._buffer, list[bytes]()
        while (at := buffer.find(b"\x00\x00\x01", self._scanned)) >= 0:
            self._scanned = at + 3
            start = at - 1 if at > max(self._nal, 0) and not buffer[at - 1] else at
            if self._unit < 0:
                self._unit = start
            else:
                self._take(at, done)
            self._nal, self._begin = at + 3, start
        self._scanned = max(self._scanned, len(buffer) - 2)
        self._drop(self._unit if self._unit >= 0 else max(0, len(buffer) - 3))
        return done

    def _take(self, end: int, done: list[bytes]) -> None:
        """The NAL unit from self._nal to `end` is whole."""
        buffer = self._buffer
        end = nal.trimmed_end(buffer, self._nal, end)
        if end == self._nal:
            return
        unit = bytes(buffer[self._nal : end])
        if nal.nal_type(unit) == nal.PREFIX:
            self._prefix = self._begin if self._prefix < 0 else self._prefix
            return
        begin = self._prefix if self._prefix >= 0 else self._begin
        self._prefix = -1
        if self._boundaries.begins_unit(unit):
            done.append(bytes(buffer[self._unit : begin]))
            self._unit = begin

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._buffer[:count]
            self._scanned -= count
            self._nal -= count
            self._begin -= count
            self._prefix -= count if self._prefix >= 0 else 0
            self._unit -= count if self._unit >= 0 else 0
