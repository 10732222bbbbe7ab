"""Sequence and picture parameter sets (ISO/IEC 14496-10, 7.3.2.1, 7.3.2.2 and annex E)."""

from ratcam.media import nal
from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.value import Value

BASELINE = 66
HIGH_PROFILES = frozenset({100, 110, 122, 144, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
"""The profiles whose SPS says more about chroma and scaling (7.3.2.1.1); 144 is of the first editions."""
PROFILES = HIGH_PROFILES | {BASELINE, 77, 88}
EXTENDED_SAR = 255
MAX_SIDE_PX = 16_384
SAMPLE_ASPECT_RATIOS = (
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33), (18, 11), (15, 11),
    (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
"""Table E-1; the first, unspecified, is taken as square."""


class Colour(Value):
    """Colour description of the VUI, with the code points of ISO/IEC 23091-2."""

    primaries: int
    transfer: int
    matrix: int
    is_full_range: bool


class Vui(Value):
    """What Ratcam uses of the video usability information (annex E). None where the stream does not say."""

    sar: tuple[int, int] = (1, 1)
    """Width and height of a sample."""
    colour: Colour | None = None
    timing: tuple[int, int] | None = None
    """(num_units_in_tick, time_scale), both positive; two ticks are a frame."""
    max_num_reorder_frames: int | None = None


class Sps(Value):
    """A sequence parameter set (7.4.2.1.1). `width` and `height` are in pixels after cropping."""

    sps_id: int
    profile_idc: int
    constraints: int
    level_idc: int
    chroma_format_idc: int
    has_separate_planes: bool
    bit_depth_luma: int
    bit_depth_chroma: int
    frame_num_bits: int
    poc_type: int
    poc_lsb_bits: int
    is_delta_poc_zero: bool
    offset_for_non_ref_pic: int
    offset_for_top_to_bottom: int
    offsets_for_ref_frames: tuple[int, ...]
    max_num_ref_frames: int
    is_frames_only: bool
    width: int
    height: int
    vui: Vui

    @property
    def may_reorder(self) -> bool:
        """Whether pictures may be shown in another order than decoded; True where the stream leaves it open."""
        if self.poc_type == 2 or self.max_num_ref_frames == 0:
            return False
        if self.vui.max_num_reorder_frames is not None:
            return self.vui.max_num_reorder_frames > 0
        return self.profile_idc != BASELINE


class Pps(Value):
    """A picture parameter set, as far as slice headers depend on it."""

    pps_id: int
    sps_id: int
    has_field_order: bool
    num_ref_idx: tuple[int, int]
    is_weighted: bool
    weighted_bipred_idc: int
    has_redundant_pictures: bool


def parse_sps(unit: bytes | memoryview) -> Sps:
    """Read an SPS NAL unit (header byte first, no start code).

    A damaged VUI at the end is taken as none, as players do: the picture does not depend on it.

    Raises:
        StreamError: it is no SPS, is cut short, or holds values that the standard does not allow.
    """
    reader = _reader(unit, nal.SPS)
    profile, constraints, level = reader.u(8), reader.u(8), reader.u(8)
    if profile not in PROFILES or level == 0:
        raise StreamError(f"the sequence parameter set names an unknown profile {profile} or level {level}")
    sps_id = reader.ue(31)
    chroma, separate, depth_luma, depth_chroma = 1, False, 8, 8
    if profile in HIGH_PROFILES:
        chroma = reader.ue(3)
        separate = chroma == 3 and reader.flag()
        depth_luma, depth_chroma = 8 + reader.ue(6), 8 + reader.ue(6)
        reader.skip(1)
        if reader.flag():
            _skip_scaling_lists(reader, 12 if chroma == 3 else 8)
    frame_num_bits = 4 + reader.ue(12)
    poc_type = reader.ue(2)
    poc_lsb_bits, is_delta_zero, non_ref, top_to_bottom = 0, False, 0, 0
    ref_offsets: tuple[int, ...] = ()
    if poc_type == 0:
        poc_lsb_bits = 4 + reader.ue(12)
    elif poc_type == 1:
        is_delta_zero, non_ref, top_to_bottom = reader.flag(), reader.se(), reader.se()
        ref_offsets = tuple(reader.se() for _ in range(reader.ue(255)))
    refs = reader.ue(16)
    reader.skip(1)
    columns, rows = reader.ue(MAX_SIDE_PX // 16 - 1) + 1, reader.ue(MAX_SIDE_PX // 16 - 1) + 1
    frames_only = reader.flag()
    if not frames_only:
        reader.skip(1)
    reader.skip(1)
    width, height = columns * 16, rows * 16 * (1 if frames_only else 2)
    if reader.flag():
        unit_x = 2 if chroma in (1, 2) else 1
        unit_y = (2 if chroma == 1 else 1) * (1 if frames_only else 2)
        width -= (reader.ue() + reader.ue()) * unit_x
        height -= (reader.ue() + reader.ue()) * unit_y
    if width <= 0 or height <= 0:
        raise StreamError("the sequence parameter set crops the whole picture away")
    return Sps(
        sps_id=sps_id,
        profile_idc=profile,
        constraints=constraints,
        level_idc=level,
        chroma_format_idc=chroma,
        has_separate_planes=separate,
        bit_depth_luma=depth_luma,
        bit_depth_chroma=depth_chroma,
        frame_num_bits=frame_num_bits,
        poc_type=poc_type,
        poc_lsb_bits=poc_lsb_bits,
        is_delta_poc_zero=is_delta_zero,
        offset_for_non_ref_pic=non_ref,
        offset_for_top_to_bottom=top_to_bottom,
        offsets_for_ref_frames=ref_offsets,
        max_num_ref_frames=refs,
        is_frames_only=frames_only,
        width=width,
        height=height,
        vui=_vui_if_sound(reader),
    )


def parse_pps(unit: bytes | memoryview) -> Pps:
    """Read a PPS NAL unit (header byte first, no start code).

    Raises:
        StreamError: it is no PPS, is cut short, or holds values that the standard does not allow.
    """
    reader = _reader(unit, nal.PPS)
    pps_id, sps_id = reader.ue(255), reader.ue(31)
    reader.skip(1)
    has_field_order = reader.flag()
    groups = reader.ue(7) + 1
    if groups > 1:
        _skip_slice_groups(reader, groups)
    refs = (reader.ue(31) + 1, reader.ue(31) + 1)
    is_weighted, bipred = reader.flag(), reader.u(2)
    for _ in range(3):
        reader.se()
    reader.skip(2)
    return Pps(
        pps_id=pps_id,
        sps_id=sps_id,
        has_field_order=has_field_order,
        num_ref_idx=refs,
        is_weighted=is_weighted,
        weighted_bipred_idc=bipred,
        has_redundant_pictures=reader.flag(),
    )


def _reader(unit: bytes | memoryview, expected: int) -> BitReader:
    if len(unit) == 0 or unit[0] & 0x80 or nal.nal_type(unit) != expected:
        raise StreamError("this is not the parameter set that was expected")
    return BitReader(nal.unescaped(unit[1:]))


def _skip_scaling_lists(reader: BitReader, count: int) -> None:
    for index in range(count):
        if reader.flag():
            last = following = 8
            for _ in range(16 if index < 6 else 64):
                if following:
                    following = (last + reader.se()) % 256
                last = following or last


def _skip_slice_groups(reader: BitReader, groups: int) -> None:
    match reader.ue(6):
        case 0:
            for _ in range(groups):
                reader.ue()
        case 1:
            pass
        case 2:
            for _ in range(2 * (groups - 1)):
                reader.ue()
        case 3 | 4 | 5:
            reader.skip(1)
            reader.ue()
        case _:
            bits = (groups - 1).bit_length()
            reader.skip((reader.ue((MAX_SIDE_PX // 16) ** 2) + 1) * bits)


def _vui_if_sound(reader: BitReader) -> Vui:
    try:
        return _vui(reader) if reader.flag() else Vui()
    except StreamError:
        return Vui()


def _vui(reader: BitReader) -> Vui:
    sar = _sample_aspect_ratio(reader) if reader.flag() else (1, 1)
    if reader.flag():
        reader.skip(1)
    colour: Colour | None = None
    if reader.flag():
        reader.skip(3)
        full_range = reader.flag()
        if reader.flag():
            primaries, transfer, matrix = reader.u(8), reader.u(8), reader.u(8)
            colour = Colour(primaries=primaries, transfer=transfer, matrix=matrix, is_full_range=full_range)
    if reader.flag():
        reader.ue(5)
        reader.ue(5)
    timing: tuple[int, int] | None = None
    if reader.flag():
        tick, scale = reader.u(32), reader.u(32)
        timing = (tick, scale) if tick and scale else None
        reader.skip(1)
    try:
        reorder = _max_num_reorder_frames(reader)
    except StreamError:
        reorder = None
    return Vui(sar=sar, colour=colour, timing=timing, max_num_reorder_frames=reorder)


def _sample_aspect_ratio(reader: BitReader) -> tuple[int, int]:
    index = reader.u(8)
    if index == EXTENDED_SAR:
        width, height = reader.u(16), reader.u(16)
        return (width, height) if width and height else (1, 1)
    return SAMPLE_ASPECT_RATIOS[index] if index < len(SAMPLE_ASPECT_RATIOS) else (1, 1)


def _max_num_reorder_frames(reader: BitReader) -> int | None:
    has_nal_hrd = reader.flag()
    if has_nal_hrd:
        _skip_hrd(reader)
    has_vcl_hrd = reader.flag()
    if has_vcl_hrd:
        _skip_hrd(reader)
    reader.skip(2 if has_nal_hrd or has_vcl_hrd else 1)
    if not reader.flag():
        return None
    reader.skip(1)
    for _ in range(4):
        reader.ue()
    return reader.ue(16)


def _skip_hrd(reader: BitReader) -> None:
    count = reader.ue(31) + 1
    reader.skip(8)
    for _ in range(count):
        reader.ue()
        reader.ue()
        reader.skip(1)
    reader.skip(20)
