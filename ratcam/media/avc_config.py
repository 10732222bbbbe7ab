"""The sample entry of H.264 video: avc1 with avcC (ISO/IEC 14496-15), colr, pasp and btrt (ISO/IEC 14496-12)."""

import struct

from ratcam.media import nal
from ratcam.media.access_unit import ParameterSets
from ratcam.media.boxes import box
from ratcam.media.errors import StreamError
from ratcam.media.sps import HIGH_PROFILES, Sps, parse_pps, parse_sps
from ratcam.media.value import Value

MAX_SPS, MAX_PPS = 31, 255
MAX_SHOWN_PX = 0x7FFF
"""The most that 16.16 bits with a sign hold: a track header moves turned pictures so far (14496-12, 6.2.2)."""


class Description(Value):
    """What a sample entry is made from: parameter sets in the order of their ids, no two of one id.

    `active` is the one of `sps` that the first picture refers to: the size, the order of the pictures and the profile
    that the entry names are its.
    """

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]
    active: Sps


def by_id(sets: ParameterSets, sps_id: int | None = None) -> Description:
    """The parameter sets in the order of their ids, of each id the last.

    Args:
        sets: SPS and PPS in any order.
        sps_id: the id of the SPS that the first picture refers to; None or one that is missing: the lowest.

    Raises:
        StreamError: one of them cannot be parsed, or there is no SPS or no PPS.
    """
    sps = {parse_sps(unit).sps_id: unit for unit in sets.sps}
    pps = {parse_pps(unit).pps_id: unit for unit in sets.pps}
    if not sps or not pps:
        raise StreamError("the video has no parameter sets (SPS and PPS): it cannot be played without them")
    if len(sps) > MAX_SPS or len(pps) > MAX_PPS:
        raise StreamError("the video has more parameter sets than an MP4 file can carry")
    active = sps.get(min(sps) if sps_id is None else sps_id, sps[min(sps)])
    return Description(
        sps=tuple(sps[key] for key in sorted(sps)),
        pps=tuple(pps[key] for key in sorted(pps)),
        active=parse_sps(active),
    )


def configuration(sets: Description) -> bytes:
    """The AVC decoder configuration record (ISO/IEC 14496-15, 5.3.3.1.2).

    Its profile is that of the active SPS, its compatibility flags are those that all SPS have set, its level is the
    highest of theirs. Lengths take four bytes (3 means that), and the parameter sets are the stream's own, byte for
    byte. SPS extensions are not carried: they describe pictures
    besides the main ones, which no player of ours shows.
    """
    sps = sets.active
    # Behind an SPS's first byte are profile, flags and level; never escaped, as profile and level are not 0.
    constraints, level = 0xFF, 0
    for unit in sets.sps:
        constraints, level = constraints & unit[2], max(level, unit[3])
    parts = [struct.pack(">5B", 1, sps.profile_idc, constraints, level, 0xFF)]
    parts.append(struct.pack(">B", 0xE0 | len(sets.sps)))
    parts += [struct.pack(">H", len(unit)) + unit for unit in sets.sps]
    parts.append(struct.pack(">B", len(sets.pps)))
    parts += [struct.pack(">H", len(unit)) + unit for unit in sets.pps]
    if sps.profile_idc in HIGH_PROFILES:
        chroma, luma_depth, chroma_depth = sps.chroma_format_idc, sps.bit_depth_luma - 8, sps.bit_depth_chroma - 8
        parts.append(struct.pack(">4B", 0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0))
    return b"".join(parts)


def sets_of(record: bytes) -> ParameterSets:
    """The parameter sets in a decoder configuration record.

    Raises:
        StreamError: the record is cut short or not one.
    """
    found: list[tuple[bytes, ...]] = []
    at, mask = 5, 0x1F
    try:
        for _ in range(2):
            count, units = record[at] & mask, list[bytes]()
            at, mask = at + 1, 0xFF
            for _ in range(count):
                size = int.from_bytes(record[at : at + 2], "big")
                units.append(record[at + 2 : at + 2 + size])
                at += 2 + size
            found.append(tuple(units))
    except IndexError as exc:
        raise StreamError("the file's decoder configuration is cut short") from exc
    if at > len(record) or not all(unit and nal.nal_type(unit) in (nal.SPS, nal.PPS) for unit in found[0] + found[1]):
        raise StreamError("the file's decoder configuration is damaged")
    return ParameterSets(sps=found[0], pps=found[1])


def shown_size(sps: Sps) -> tuple[int, int]:
    """Width and height in pixels as shown: the width is stretched by the aspect ratio of the samples.

    Both are at least 1 and at most `MAX_SHOWN_PX`; where that is too little for the width, the height is less.
    """
    across, down = sps.vui.sar
    width, height = sps.width * across / down, sps.height
    if width > MAX_SHOWN_PX:
        width, height = MAX_SHOWN_PX, round(height * MAX_SHOWN_PX / width)
    return max(1, round(width)), max(1, height)


def sample_entry(sets: Description, *, buffer_bytes: int = 0, max_bitrate: int = 0, average_bitrate: int = 0) -> bytes:
    """The avc1 box of a description; rates in bits a second, 0 while they are not known.

    It is a visual sample entry (ISO/IEC 14496-12, 12.1.3) with the boxes avcC (ISO/IEC 14496-15, 5.4.2.1), colr
    (12.1.5) if the stream describes its colours, pasp (12.1.4) and btrt (8.5.2). By the name avc1 all parameter sets
    stand here.
    """
    sps = sets.active
    name = b"AVC Coding"  # the name that ISO/IEC 14496-15, 5.4.2.1.3 recommends, behind its length
    head = struct.pack(">6xH16xHHII4xH", 1, sps.width, sps.height, 72 << 16, 72 << 16, 1)
    head += bytes([len(name)]) + name.ljust(31, b"\0") + struct.pack(">Hh", 24, -1)
    colour = b""
    if (told := sps.vui.colour) is not None:
        numbers = (told.primaries, told.transfer, told.matrix, 0x80 if told.is_full_range else 0)
        colour = box(b"colr", b"nclx", struct.pack(">HHHB", *numbers))
    aspect = box(b"pasp", struct.pack(">II", *sps.vui.sar))
    rate = box(
        b"btrt", struct.pack(">III", *(min(n, 0xFFFF_FFFF) for n in (buffer_bytes, max_bitrate, average_bitrate)))
    )
    return box(b"avc1", head, box(b"avcC", configuration(sets)), colour, aspect, rate)
