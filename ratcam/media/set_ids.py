"""Which parameter set is which: the ids of SPS, PPS and the slices that refer to them (ISO/IEC 14496-10, 7.4.1.2.1)."""

from ratcam.media import nal
from ratcam.media.access_unit import ParameterSets
from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.slice_header import pps_of_slice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SetKey = tuple[int, int]
"""The type of a parameter set, `nal.SPS` or `nal.PPS`, and its id: a later set replaces an earlier one of its key."""
_ID_BYTES = 24
"""More than the ids at the beginning of a set."""
_PROFILE_BYTES = 3


def set_key(unit: bytes | memoryview) -> SetKey:
    """The key of an SPS or PPS NAL unit; what stands behind its id is not looked at.

    Raises:
        StreamError: it is cut short, or the id is out of its range.
    """
    kind = nal.nal_type(unit)
    if kind == nal.SPS:
        return kind, _reader(unit, 1 + _PROFILE_BYTES).ue(31)
    return kind, _reader(unit, 1).ue(255)


def sps_of_pps(unit: bytes | memoryview) -> int:
    """The id of the SPS that a PPS NAL unit refers to.

    Raises:
        StreamError: it is cut short, or the id is out of its range.
    """
    reader = _reader(unit, 1)
    reader.ue(255)
    return reader.ue(31)


def active_sps(data: bytes, pps: "Iterable[bytes]") -> int | None:
    """The id of the SPS that the first slice of an Annex B access unit refers to through one of `pps`.

    Of several PPS of an id the last counts. None where there is no slice, or what it refers to is missing or damaged.
    """
    try:
        first = next((unit for unit in nal.nal_units(data) if nal.nal_type(unit) in nal.FIRST_SLICES), None)
        if first is None:
            return None
        key = nal.PPS, pps_of_slice(first)
        referred = [unit for unit in pps if set_key(unit) == key]
        return sps_of_pps(referred[-1]) if referred else None
    except StreamError:
        return None


def needed_sets(data: bytes, sets: ParameterSets) -> ParameterSets:
    """Those of `sets` that the coded video sequence can need that an IDR access unit begins.

    They are the SPS that its first slice refers to and every PPS that refers to that one: a sequence has only one
    active SPS (7.4.1.2.1). All of `sets` where that SPS cannot be told. No two of `sets` may have one key.
    """
    sps_id = active_sps(data, sets.pps)
    sps = tuple(unit for unit in sets.sps if set_key(unit)[1] == sps_id)
    if not sps:
        return sets
    return ParameterSets(sps=sps, pps=tuple(unit for unit in sets.pps if sps_of_pps(unit) == sps_id))


def _reader(unit: bytes | memoryview, begin: int) -> BitReader:
    return BitReader(nal.unescaped(unit[:_ID_BYTES])[begin:])
