"""From an Annex B access unit to an MP4 sample: which NAL units stay."""

from collections.abc import Iterable
from contextlib import suppress

from ratcam.media import nal
from ratcam.media.errors import StreamError
from ratcam.media.set_ids import SetKey, set_key, sps_of_pps

LENGTH_BYTES = 4


class SampleUnits:
    """Makes the samples of one sample entry from the access units of a stream, fed in decoding order.

    A decoder that has read the entry's parameter sets and then every sample has at each picture the sets it had in the
    stream. So a set is left out only while it is the one in the sample entry: once a sample carries another of its
    type and id, every later one of these stays in its sample, and with another SPS every PPS that refers to it, because
    decoders forget those. Players find sets in samples; without them the pictures could not be decoded.
    """

    def __init__(self, entry_sets: Iterable[bytes]) -> None:
        """`entry_sets` are the SPS and PPS of the sample entry, without start codes, no two of one type and id."""
        self._in_entry: dict[SetKey, bytes] = {set_key(unit): unit for unit in entry_sets}

    def take(self, data: bytes) -> list[memoryview]:
        """The NAL units of an access unit that its sample carries, in order; empty if there is no picture in it.

        Delimiters, fillers, ends of sequence and stream, SPS extensions and subset SPS are left out, and of several
        parameter sets of one type and id all but the last. Damaged parameter sets stay.
        """
        units = [unit for unit in nal.nal_units(data) if unit[0] & 0x1F not in nal.NOT_IN_SAMPLES]
        if not any(unit[0] & 0x1F in nal.FIRST_SLICES for unit in units):
            return []
        kinds = [unit[0] & 0x1F for unit in units]
        if nal.SPS not in kinds and nal.PPS not in kinds:
            return units
        keys = [_key(unit) for unit in units]
        last = {key: number for number, key in enumerate(keys) if key is not None}
        return [
            unit
            for number, (unit, key) in enumerate(zip(units, keys, strict=True))
            if key is None or (last[key] == number and self._stays(key, unit))
        ]

    def _stays(self, key: SetKey, unit: memoryview) -> bool:
        if self._in_entry.get(key) == bytes(unit):
            return False
        self._in_entry.pop(key, None)
        if key[0] == nal.SPS:
            for other in [other for other, held in self._in_entry.items() if _refers(other, held, key[1])]:
                del self._in_entry[other]
        return True


def sample_size(units: list[memoryview]) -> int:
    """The bytes of a sample with a length before each NAL unit."""
    return sum(map(len, units)) + LENGTH_BYTES * len(units)


def _key(unit: memoryview) -> SetKey | None:
    if unit[0] & 0x1F in (nal.SPS, nal.PPS):
        with suppress(StreamError):
            return set_key(unit)
    return None


def _refers(key: SetKey, unit: bytes, sps_id: int) -> bool:
    return key[0] == nal.PPS and sps_of_pps(unit) == sps_id
