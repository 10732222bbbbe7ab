"""Slice headers (ISO/IEC 14496-10, 7.3.3): which picture a slice belongs to, and where that is shown."""

from ratcam.media import nal
from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.sps import parse_pps, parse_sps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ratcam.media.sps import Pps, Sps

HEADER_BYTES = 32
"""More than the part of most headers that tells pictures apart."""
MARKING_BYTES = 1024
"""More than a whole header with its largest tables."""
P, B, I, SP = 0, 1, 2, 3  # noqa: E741  the standard's names (table 7-6)


class SliceHeader:
    """The beginning of a slice header."""

    __slots__ = (
        "delta_poc",
        "delta_poc_bottom",
        "first_mb",
        "frame_num",
        "identity",
        "is_bottom",
        "is_field",
        "is_idr",
        "is_redundant",
        "poc_lsb",
        "pps_id",
        "ref_idc",
        "slice_type",
    )
    first_mb: int
    slice_type: int
    """0 to 4 (table 7-6, modulo 5)."""
    pps_id: int
    is_idr: bool
    ref_idc: int
    frame_num: int
    is_field: bool
    is_bottom: bool
    poc_lsb: int
    delta_poc_bottom: int
    delta_poc: tuple[int, int]
    is_redundant: bool
    identity: tuple[object, ...]
    """What all slices of a primary picture have in common, and those of the next one have not (7.4.1.2.4)."""

    def begins_picture_after(self, last: "SliceHeader") -> bool:
        """Whether this is the first slice of another primary picture than `last`'s (7.4.1.2.4).

        Another PPS alone is not enough where the slices are in order: there are encoders that change it in a picture.
        """
        if self.is_redundant:
            return False
        return self.identity != last.identity or (self.pps_id != last.pps_id and self.first_mb <= last.first_mb)

    def is_second_field_of(self, first: "SliceHeader", *, was_reset: bool = False) -> bool:
        """Whether this is the other field of the frame that `first` began.

        Args:
            first: the header of the first field.
            was_reset: whether that had memory management operation 5, after which its frame_num counts as 0 (7.4.3).
        """
        return (
            self.is_field
            and first.is_field
            and self.is_bottom != first.is_bottom
            and self.frame_num == (0 if was_reset else first.frame_num)
            and not self.is_idr
        )


class ActiveSets:
    """The parameter sets that have arrived so far, by id; a later one replaces an earlier one."""

    def __init__(self) -> None:
        self.sps: dict[int, Sps] = {}
        self.pps: dict[int, Pps] = {}

    def take(self, unit: memoryview | bytes) -> tuple[int, int] | None:
        """Keep an SPS or PPS NAL unit; its type and id, or None if it cannot be parsed or is something else."""
        kind = nal.nal_type(unit)
        try:
            if kind == nal.SPS:
                sps = parse_sps(unit)
                self.sps[sps.sps_id] = sps
                return kind, sps.sps_id
            if kind == nal.PPS:
                pps = parse_pps(unit)
                self.pps[pps.pps_id] = pps
                return kind, pps.pps_id
        except StreamError:
            pass
        return None

    def of(self, pps_id: int) -> "tuple[Sps, Pps]":
        """The sets that a slice refers to.

        Raises:
            StreamError: they have not arrived.
        """
        pps = self.pps.get(pps_id)
        sps = self.sps.get(pps.sps_id) if pps else None
        if pps is None or sps is None:
            raise StreamError("a picture refers to parameter sets that the stream does not contain")
        return sps, pps


def pps_of_slice(unit: memoryview | bytes | bytearray) -> int:
    """The id of the PPS that a slice NAL unit of type 1, 2 or 5 refers to, whether that is there or not.

    Raises:
        StreamError: it is cut short, or the id is out of its range.
    """
    reader = BitReader(nal.unescaped(unit[1:HEADER_BYTES]))
    reader.ue()
    reader.ue(9)
    return reader.ue(255)


def slice_header(unit: memoryview | bytes | bytearray, sets: ActiveSets) -> SliceHeader:
    """Read the beginning of the header of a slice NAL unit of type 1, 2 or 5.

    Raises:
        StreamError: its parameter sets are missing, or it is cut short.
    """
    return _read(unit[0], nal.unescaped(unit[1:HEADER_BYTES]), sets)[0]


def resets_picture_order(unit: memoryview | bytes, sets: ActiveSets) -> bool:
    """Whether the slice's picture starts counting picture order afresh (memory management operation 5).

    Raises:
        StreamError: its parameter sets are missing, or it is cut short.
    """
    if unit[0] & 0x1F == nal.IDR_SLICE or not unit[0] & 0x60:
        return False
    try:
        return _marks_all_unused(unit, sets, HEADER_BYTES)
    except StreamError:
        return _marks_all_unused(unit, sets, MARKING_BYTES)


def _marks_all_unused(unit: memoryview | bytes, sets: ActiveSets, limit: int) -> bool:
    data = nal.unescaped(unit[1:limit])
    header, position = _read(unit[0], data, sets)
    sps, pps = sets.of(header.pps_id)
    reader = BitReader(data)
    reader.skip(position)
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


def _read(start: int, data: bytes, sets: ActiveSets) -> tuple[SliceHeader, int]:  # noqa: PLR0915
    """The beginning of a slice header and how many bits of `data`, behind the byte `start`, it takes.

    Written out, without a reader's methods: there may be several slices to each of a hundred thousand pictures.
    """
    total = left = 8 * len(data)
    bits = int.from_bytes(data, "big")
    numbers: list[int] = []
    try:
        for _ in range(3):
            # An exp-Golomb code, plus one (9.1). Where the bits run out, the shift is negative.
            left -= 2 * (left - bits.bit_length()) + 1
            numbers.append((bits >> left) - 1)
            bits &= (1 << left) - 1
        header = SliceHeader()
        header.first_mb, kind, header.pps_id = numbers
        header.slice_type = kind % 5
        sps, pps = sets.of(header.pps_id)
        if sps.has_separate_planes:
            left -= 2
            bits &= (1 << left) - 1
        left -= sps.frame_num_bits
        header.frame_num = bits >> left
        is_field = is_bottom = False
        if not sps.is_frames_only:
            left -= 1
            is_field = (bits >> left & 1) == 1
            if is_field:
                left -= 1
                is_bottom = (bits >> left & 1) == 1
        bits &= (1 << left) - 1
        idr_pic_id = lsb = bottom = delta_0 = delta_1 = 0
        if is_idr := start & 0x1F == nal.IDR_SLICE:
            left -= 2 * (left - bits.bit_length()) + 1
            idr_pic_id = (bits >> left) - 1
            bits &= (1 << left) - 1
        if sps.poc_type == 0:
            left -= sps.poc_lsb_bits
            lsb = bits >> left
            bits &= (1 << left) - 1
    except ValueError as exc:
        raise StreamError("a slice of the H.264 stream is cut short") from exc
    has_second = pps.has_field_order and not is_field
    if has_second or sps.poc_type == 1 or pps.has_redundant_pictures:
        reader = BitReader(data)
        reader.skip(total - left)
        if sps.poc_type == 0:
            bottom = reader.se() if has_second else 0
        elif sps.poc_type == 1 and not sps.is_delta_poc_zero:
            delta_0 = reader.se()
            delta_1 = reader.se() if has_second else 0
        header.is_redundant = pps.has_redundant_pictures and reader.ue(127) > 0
        left = reader.left
    else:
        header.is_redundant = False
    ref_idc = start >> 5 & 3
    header.is_idr, header.ref_idc, header.is_field, header.is_bottom = is_idr, ref_idc, is_field, is_bottom
    header.poc_lsb, header.delta_poc_bottom, header.delta_poc = lsb, bottom, (delta_0, delta_1)
    header.identity = (
        header.frame_num,
        is_field,
        is_bottom,
        ref_idc == 0,
        is_idr,
        idr_pic_id,
        lsb,
        bottom,
        delta_0,
        delta_1,
    )
    return header, total - left


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
