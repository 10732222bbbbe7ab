"""Which parameter sets the pictures of a stream use, and the sample entries that these make (ISO/IEC 14496-15, 5.3)."""

from ratcam.media import nal
from ratcam.media.access_unit import ParameterSets
from ratcam.media.avc_config import Description, by_id
from ratcam.media.errors import StreamError
from ratcam.media.set_ids import SetKey
from ratcam.media.slice_header import ActiveSets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ratcam.media.sps import Sps

_MAX_ENTRIES = 4096
"""No stream that is not made to do harm changes its parameter sets so often."""
_LOOK_BACK = 16
"""Of so many of the last entries each is asked whether it fits a picture whose sets have not been seen together."""


class _Entry:
    """A sample entry in the making: the sets that its pictures use, and the SPS of the first of them."""

    def __init__(self, sps_id: int, sps: "Sps | None") -> None:
        self.sps_id = sps_id
        self.form = _form(sps)
        self.sets: dict[SetKey, bytes] = {}
        self.missing: set[SetKey] = set()
        """What its pictures refer to and was lost: a set that came later would be there too early for them."""

    def fits(self, used: "dict[SetKey, bytes | None]", sps: "Sps | None") -> bool:
        """Whether a picture with these sets can be in it; once it is, it always can. A box has one size and format."""
        return (sps is None or _form(sps) == self.form) and self.can_hold(used)

    def can_hold(self, used: "dict[SetKey, bytes | None]") -> bool:
        """Whether none of these sets is another than the entry's own of its key."""
        return all(
            key not in self.sets if unit is None else self.sets.get(key, unit) == unit and key not in self.missing
            for key, unit in used.items()
        )

    def hold(self, used: "dict[SetKey, bytes | None]") -> None:
        for key, unit in used.items():
            if unit is None:
                self.missing.add(key)
            else:
                self.sets[key] = unit


class UsedSets:
    """Makes the sample entries of a stream from the parameter sets that its pictures use.

    An entry has only the sets that some picture uses: in all streams but odd ones that is one SPS and one PPS, as the
    players of phones want it. A picture that uses a set that is another than the one of its type and id in the entry
    begins another entry, or goes back to an earlier one that fits; and so does one of another size or sample format.
    The sets of that go into the first entry too if they can: what is copied by a program that keeps one entry plays.
    """

    def __init__(self, sets: ActiveSets) -> None:
        self._sets = sets
        self._raw: dict[SetKey, bytes] = {}
        self._entries: list[_Entry] = []
        self._active = -1
        self._last: set[int] | None = None
        self._seen: dict[frozenset[tuple[SetKey, bytes | None]], int] = {}
        """The entry of each combination of sets that a picture has used."""

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

        Raises:
            StreamError: there are more entries than any sound stream makes.
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
        key = frozenset(used.items())
        self._active = self._seen[key] = self._entry_for(used, key, sps_ids)
        entry, first = self._entries[self._active], self._entries[0]
        entry.hold(used)
        if entry.form != first.form and first.can_hold(used):
            first.hold(used)
        self._last = set(pps_ids)
        return self._active + 1

    def _entry_for(
        self, used: "dict[SetKey, bytes | None]", key: "frozenset[tuple[SetKey, bytes | None]]", sps_ids: list[int]
    ) -> int:
        sps = self._sets.sps.get(sps_ids[0]) if sps_ids else None
        if self._active >= 0 and self._entries[self._active].fits(used, sps):
            return self._active
        if (seen := self._seen.get(key)) is not None:
            return seen
        count = len(self._entries)
        for number in range(max(0, count - _LOOK_BACK), count):
            if self._entries[number].fits(used, sps):
                return number
        if count == _MAX_ENTRIES:
            raise StreamError(f"its parameter sets change more often than {_MAX_ENTRIES} times")
        self._entries.append(_Entry(sps_ids[0], sps))
        return count

    def descriptions(self) -> tuple[Description, ...]:
        """Of every entry.

        Raises:
            StreamError: one has more sets than fit.
        """
        return tuple(by_id(_sets_of(entry), entry.sps_id) for entry in self._entries)


def _form(sps: "Sps | None") -> tuple[int, ...] | None:
    """What a sample entry can say only once: the size of the pictures and the format of their samples."""
    return sps and (sps.width, sps.height, sps.chroma_format_idc, sps.bit_depth_luma, sps.bit_depth_chroma)


def _sets_of(entry: _Entry) -> ParameterSets:
    sps, pps = (tuple(unit for key, unit in entry.sets.items() if key[0] == kind) for kind in (nal.SPS, nal.PPS))
    return ParameterSets(sps=sps, pps=pps)
