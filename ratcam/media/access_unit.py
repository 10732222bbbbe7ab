"""Access units: what is in one, and where a raw stream's begin (ISO/IEC 14496-10, 7.4.1.2)."""

from ratcam.media import nal
from ratcam.media.errors import StreamError
from ratcam.media.slice_header import ActiveSets, SliceHeader, pps_of_slice, slice_header
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

    def begins_picture(self, unit: memoryview | bytes | bytearray) -> bool:
        """Take the next slice, its first 32 bytes do; True when it starts an access unit after one with a picture."""
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
        is_first = begins or not self.has_picture
        if is_first or last is None:
            self._has_start = is_start
        self._has_start = self._has_start or is_start
        self.has_picture = True
        # What the last picture says is not true of this one.
        self.header = header if header is not None or is_first else last
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
        return pps_of_slice(unit)
    except StreamError:
        return None
