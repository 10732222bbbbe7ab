"""From an Annex B access unit to an MP4 sample: which NAL units stay."""

from collections.abc import Set

from ratcam.media import nal

LENGTH_BYTES = 4


def sample_units(data: bytes, known_sets: Set[bytes]) -> list[memoryview]:
    """The NAL units of an access unit that its MP4 sample carries, in order; empty if there is no picture in it.

    Delimiters, fillers, ends of sequence and stream, SPS extensions and subset SPS are left out, and the parameter sets
    that the sample entry has (`known_sets`, without start codes). An SPS or PPS that the sample entry does not have is
    kept: players find it there, and without it the picture could not be decoded.
    """
    kept: list[memoryview] = []
    has_picture = False
    for unit in nal.nal_units(data):
        kind = unit[0] & 0x1F
        if kind in nal.FIRST_SLICES:
            has_picture = True
        elif kind in nal.NOT_IN_SAMPLES or (kind in (nal.SPS, nal.PPS) and bytes(unit) in known_sets):
            continue
        kept.append(unit)
    return kept if has_picture else []


def sample_size(units: list[memoryview]) -> int:
    """The bytes of a sample with a length before each NAL unit."""
    return sum(map(len, units)) + LENGTH_BYTES * len(units)
