"""Slice headers (ISO/IEC 14496-10, 7.3.3): which picture a slice belongs to, and where that is shown."""

from dataclasses import dataclass

from ratcam.media import nal
from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.sps import Pps, Sps, parse_pps, parse_sps

HEADER_BYTES = 96
"""More than the part of a header that tells pictures apart."""
MARKING_BYTES = 1024
"""More than a whole header with its largest tables."""
P, B, SP = 0, 1, 3


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """The beginning of a slice header."""

    first_mb: int
    slice_type: int
    """0 to 4 (table 7-6, modulo 5)."""
    pps_id: int
    is_idr: bool
    ref_idc: int
    frame_num: int
    is_field: bool
    is_bottom: bool
    idr_pic_id: int
    poc_lsb: int
    delta_poc_bottom: int
    delta_poc: tuple[int, int]
    is_redundant: bool

    def begins_picture_after(self, last: "SliceHeader") -> bool:
        """Whether this is the first slice of another primary picture than `last`'s (7.4.1.2.4)."""
        if self.is_redundant:
            return False
        return (
            self.frame_num != last.frame_num
            or self.pps_id != last.pps_id
            or self.is_field != last.is_field
            or self.is_bottom != last.is_bottom
            or (self.ref_idc == 0) != (last.ref_idc == 0)
            or self.is_idr != last.is_idr
            or self.idr_pic_id != last.idr_pic_id
            or self.poc_lsb != last.poc_lsb
            or self.delta_poc_bottom != last.delta_poc_bottom
            or self.delta_poc != last.delta_poc
        )

    def is_second_field_of(self, first: "SliceHeader") -> bool:
        """Whether this is the other field of the frame that `first` began."""
        return (
            self.is_field
            and first.is_field
            and self.is_bottom != first.is_bottom
            and self.frame_num == first.frame_num
            and not self.is_idr
        )


class ActiveSets:
    """The parameter sets that have arrived so far, by id; a later one replaces an earlier one."""

    def __init__(self) -> None:
        self._sps: dict[int, Sps] = {}
        self._pps: dict[int, Pps] = {}

    def take(self, unit: memoryview | bytes) -> None:
        """Keep an SPS or PPS NAL unit; one that cannot be parsed and any other NAL unit is ignored."""
        try:
            match nal.nal_type(unit):
                case nal.SPS:
                    sps = parse_sps(unit)
                    self._sps[sps.sps_id] = sps
                case nal.PPS:
                    pps = parse_pps(unit)
                    self._pps[pps.pps_id] = pps
                case _:
                    pass
        except StreamError:
            return

    def of(self, pps_id: int) -> tuple[Sps, Pps]:
        """The sets that a slice refers to.

        Raises:
            StreamError: they have not arrived.
        """
        pps = self._pps.get(pps_id)
        sps = self._sps.get(pps.sps_id) if pps else None
        if pps is None or sps is None:
            raise StreamError("a picture refers to parameter sets that the stream does not contain")
        return sps, pps


def slice_header(unit: memoryview | bytes, sets: ActiveSets) -> SliceHeader:
    """Read the beginning of the header of a slice NAL unit of type 1, 2 or 5.

    Raises:
        StreamError: its parameter sets are missing, or it is cut short.
    """
    return _read(unit, sets, HEADER_BYTES)[0]


def resets_picture_order(unit: memoryview | bytes, sets: ActiveSets) -> bool:
    """Whether the slice's picture starts counting picture order afresh (memory management operation 5).

    Raises:
        StreamError: its parameter sets are missing, or it is cut short.
    """
    header, reader, sps, pps = _read(unit, sets, MARKING_BYTES)
    if header.is_idr or header.ref_idc == 0:
        return False
    kind = header.slice_type
    refs = list(pps.num_ref_idx)
    if kind == B:
        reader.skip(1)
    lists = {P: 1, SP: 1, B: 2}.get(kind, 0)
    if lists and reader.flag():
        refs[:lists] = [reader.ue(31) + 1 for _ in range(lists)]
    for _ in range(lists):
        _skip_list_modification(reader)
    if (pps.is_weighted and kind in (P, SP)) or (pps.weighted_bipred_idc == 1 and kind == B):
        _skip_weights(reader, refs[:lists], has_chroma=sps.chroma_format_idc != 0 and not sps.has_separate_planes)
    return reader.flag() and _has_operation_5(reader)


def _read(unit: memoryview | bytes, sets: ActiveSets, limit: int) -> tuple[SliceHeader, BitReader, Sps, Pps]:
    if len(unit) < 2:
        raise StreamError("a slice of the H.264 stream is cut short")
    is_idr, ref_idc = nal.nal_type(unit) == nal.IDR_SLICE, unit[0] >> 5 & 3
    reader = BitReader(nal.unescaped(unit[1:limit]))
    first_mb, kind, pps_id = reader.ue(), reader.ue(9) % 5, reader.ue(255)
    sps, pps = sets.of(pps_id)
    if sps.has_separate_planes:
        reader.skip(2)
    frame_num = reader.u(sps.frame_num_bits)
    is_field = not sps.is_frames_only and reader.flag()
    is_bottom = is_field and reader.flag()
    idr_pic_id = reader.ue(65_535) if is_idr else 0
    lsb = bottom = delta_0 = delta_1 = 0
    has_second = pps.has_field_order and not is_field
    if sps.poc_type == 0:
        lsb = reader.u(sps.poc_lsb_bits)
        bottom = reader.se() if has_second else 0
    elif sps.poc_type == 1 and not sps.is_delta_poc_zero:
        delta_0 = reader.se()
        delta_1 = reader.se() if has_second else 0
    redundant = pps.has_redundant_pictures and reader.ue(127) > 0
    header = SliceHeader(
        first_mb,
        kind,
        pps_id,
        is_idr,
        ref_idc,
        frame_num,
        is_field,
        is_bottom,
        idr_pic_id,
        lsb,
        bottom,
        (delta_0, delta_1),
        redundant,
    )
    return header, reader, sps, pps


def _skip_list_modification(reader: BitReader) -> None:
    if reader.flag():
        while reader.ue(5) != 3:
            reader.ue()


def _skip_weights(reader: BitReader, refs: list[int], *, has_chroma: bool) -> None:
    reader.ue()
    if has_chroma:
        reader.ue()
    for count in refs:
        for _ in range(count):
            if reader.flag():
                reader.se()
                reader.se()
            if has_chroma and reader.flag():
                for _ in range(4):
                    reader.se()


def _has_operation_5(reader: BitReader) -> bool:
    found = False
    while operation := reader.ue(6):
        match operation:
            case 5:
                found = True
            case 3:
                reader.ue()
                reader.ue()
            case _:
                reader.ue()
    return found
