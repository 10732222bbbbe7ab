"""Which parameter sets the pictures of a stream use, and the sample entries that these make (ISO/IEC 14496-15, 5.3)."""

from ratcam.media import nal
from ratcam.media.access_unit import ParameterSets
from ratcam.media.avc_config import Description, by_id
from ratcam.media.slice_header import ActiveSets

SetKey = tuple[int, int]
"""The type of a parameter set, `nal.SPS` or `nal.PPS`, and its id: a later set replaces an earlier one of its key."""


class _Entry:
    """A sample entry in the making: the sets that its pictures use, and the SPS of the first of them."""

    def __init__(self, sps_id: int) -> None:
        self.sps_id = sps_id
        self.sets: dict[SetKey, bytes] = {}
        self.missing: set[SetKey] = set()
        """What its pictures refer to and was lost: a set that came later would be there too early for them."""

    def fits(self, used: "dict[SetKey, bytes | None]") -> bool:
        return all(
            key not in self.sets if unit is None else self.sets.get(key, unit) == unit and key not in self.missing
            for key, unit in used.items()
        )


class UsedSets:
    """Makes the sample entries of a stream from the parameter sets that its pictures use.

    An entry has only the sets that some picture uses: in all streams but odd ones that is one SPS and one PPS, as the
    players of phones want it. A picture that uses a set that is another than the one of its type and id in the entry
    begins another entry, or goes back to an earlier one that fits.
    """

    def __init__(self, sets: ActiveSets) -> None:
        self._sets = sets
        self._raw: dict[SetKey, bytes] = {}
        self._entries: list[_Entry] = []
        self._active = -1
        self._last: set[int] | None = None

    @property
    def is_single(self) -> bool:
        """Whether there is one SPS and one PPS, so that a picture need not be asked which it uses."""
        return len(self._raw) == 2

    @property
    def lacks(self) -> str | None:
        """What sets the stream lacks that no picture can do without, in words; None if it has an SPS and a PPS."""
        kinds = {kind for kind, _ in self._raw}
        if nal.SPS not in kinds:
            return "there is no sequence parameter set (SPS) in it: it is no H.264 stream, or not a whole one"
        if nal.PPS not in kinds:
            return "there is no picture parameter set (PPS) in it, so no picture of it can be decoded"
        return None

    def knows(self, unit: bytes) -> bool:
        """Whether an SPS or PPS NAL unit is one of those in force, so that taking it would change nothing."""
        return unit in self._raw.values()

    def take(self, unit: bytes) -> None:
        """Take an SPS or PPS NAL unit; one that cannot be parsed is passed over."""
        key = self._sets.take(unit)
        if key is not None:
            self._raw[key] = unit
            self._last = None

    def use(self, pps_ids: set[int]) -> int:
        """The number, from 1, of the entry of a picture whose slices use these PPS.

        Where none of them is there, the picture stays in the entry of the last one.
        """
        if pps_ids == self._last:
            return self._active + 1
        used: dict[SetKey, bytes | None] = {(nal.PPS, number): self._raw.get((nal.PPS, number)) for number in pps_ids}
        sps_ids = [self._sets.pps[number].sps_id for number in sorted(pps_ids) if number in self._sets.pps]
        used |= {(nal.SPS, number): self._raw.get((nal.SPS, number)) for number in sps_ids}
        if not any(used.values()):
            if self._active >= 0:
                self._entries[self._active].missing.update(used)
            return self._active + 1
        for number in (self._active, *range(len(self._entries))):
            if number >= 0 and self._entries[number].fits(used):
                self._active = number
                break
        else:
            self._entries.append(_Entry(sps_ids[0]))
            self._active = len(self._entries) - 1
        entry = self._entries[self._active]
        for key, unit in used.items():
            if unit is None:
                entry.missing.add(key)
            else:
                entry.sets[key] = unit
        self._last = set(pps_ids)
        return self._active + 1

    def descriptions(self) -> tuple[Description, ...]:
        """Of every entry.

        Raises:
            StreamError: one has more sets than fit.
        """
        return tuple(by_id(_sets_of(entry), entry.sps_id) for entry in self._entries)


def _sets_of(entry: _Entry) -> ParameterSets:
    sps, pps = (tuple(unit for key, unit in entry.sets.items() if key[0] == kind) for kind in (nal.SPS, nal.PPS))
    return ParameterSets(sps=sps, pps=pps)
