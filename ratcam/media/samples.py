"""From an Annex B access unit to an MP4 sample: which NAL units stay."""

from contextlib import suppress

from ratcam.media import nal
from ratcam.media.errors import StreamError
from ratcam.media.set_ids import SetKey, set_key, sps_of_pps
from ratcam.media.start_code import START_CODE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTH_BYTES = 4
_DROPPED, _KEPT, _PICTURE, _SET = range(4)
_KINDS = bytes(
    _DROPPED
    if kind in nal.NOT_IN_SAMPLES
    else _PICTURE
    if kind in nal.FIRST_SLICES
    else _SET
    if kind in (nal.SPS, nal.PPS)
    else _KEPT
    for kind in range(32)
)
"""What becomes of a NAL unit, by its type (14496-15, 5.3.2 and 5.4.2)."""


class SampleUnits:
    """Makes the samples of one sample entry from the access units of a stream, fed in decoding order.

    A decoder that has read the entry's parameter sets and then every sample has at each picture the sets it had in the
    stream. So a set is left out only while it is the one in the sample entry: once a sample carries another of its
    type and id, every later one of these stays in its sample, and with another SPS every PPS that refers to it, because
    decoders forget those. Players find sets in samples; without them the pictures could not be decoded.
    """

    def __init__(self, entry_sets: "Iterable[bytes]") -> None:
        """`entry_sets` are the SPS and PPS of the sample entry, without start codes, no two of one type and id."""
        self._known: dict[bytes, SetKey] = {unit: set_key(unit) for unit in entry_sets}
        self._in_entry: dict[SetKey, bytes] = {key: unit for unit, key in self._known.items()}

    def take(self, data: bytes, buffers: list[bytes | memoryview]) -> int:
        """Append the sample of an access unit to `buffers`: its NAL units, each behind its length (14496-15, 5.3.4.2).

        Delimiters, fillers, ends of sequence and stream, SPS extensions and subset SPS are left out, and of several
        parameter sets of one type and id all but the last. Damaged parameter sets stay. Nothing is copied, and the data
        is read once.

        Returns:
            The sample's bytes; 0 if there is no picture in the unit, and nothing is appended.
        """
        codes = [*START_CODE.finditer(data)]
        view = memoryview(data)
        # What cameras send nearly always: one slice and nothing else.
        if len(codes) == 1:
            begin = codes[0].end()
            size = len(data) - begin
            if size and data[-1] and _KINDS[data[begin] & 0x1F] == _PICTURE:
                buffers.append(size.to_bytes(LENGTH_BYTES, "big"))
                buffers.append(view[begin:])
                return size + LENGTH_BYTES
        units: list[memoryview] = []
        has_picture = has_set = False
        end = len(data)
        for code in reversed(codes):
            begin = code.end()
            # trailing_zero_8bits and a start code's first byte; a NAL unit never ends with zero (14496-10, 7.4.1, B.1).
            while not data[end - 1] and end > begin:
                end -= 1
            if end > begin and (kind := _KINDS[data[begin] & 0x1F]):
                units.append(view[begin:end])
                has_picture |= kind == _PICTURE
                has_set |= kind == _SET
            end = code.start()
        if not has_picture:
            return 0
        units.reverse()
        if has_set:
            units = self._without_known_sets(units)
        for unit in units:
            buffers.append(len(unit).to_bytes(LENGTH_BYTES, "big"))
            buffers.append(unit)
        return sum(map(len, units)) + LENGTH_BYTES * len(units)

    def _without_known_sets(self, units: list[memoryview]) -> list[memoryview]:
        keys = [self._key(unit) for unit in units]
        last = {key: number for number, key in enumerate(keys) if key is not None}
        return [
            unit
            for number, (unit, key) in enumerate(zip(units, keys, strict=True))
            if key is None or (last[key] == number and self._stays(key, unit))
        ]

    def _key(self, unit: memoryview) -> SetKey | None:
        if _KINDS[unit[0] & 0x1F] != _SET:
            return None
        known = self._known.get(bytes(unit))
        if known is None:
            with suppress(StreamError):
                known = set_key(unit)
        return known

    def _stays(self, key: SetKey, unit: memoryview) -> bool:
        if self._in_entry.get(key) == bytes(unit):
            return False
        self._in_entry.pop(key, None)
        if key[0] == nal.SPS:
            for other in [other for other, held in self._in_entry.items() if _refers(other, held, key[1])]:
                del self._in_entry[other]
        return True


def _refers(key: SetKey, unit: bytes, sps_id: int) -> bool:
    """Whether a parameter set is a PPS that refers to an SPS; a damaged one may."""
    try:
        return key[0] == nal.PPS and sps_of_pps(unit) == sps_id
    except StreamError:
        return True
