"""A whole raw H.264 stream as pictures that can be put into an MP4 file."""

from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

from ratcam.media import nal
from ratcam.media.access_unit import ParameterSets, UnitBoundaries
from ratcam.media.avc_config import Description, by_id
from ratcam.media.errors import StreamError
from ratcam.media.picture_order import PictureOrder, ranks
from ratcam.media.progressive import Picture, ProgressiveFile, progressive
from ratcam.media.slice_header import SliceHeader, resets_picture_order
from ratcam.media.sps import Sps, parse_pps, parse_sps
from ratcam.media.timebase import TICKS_PER_S

_NOT_KEPT = nal.NOT_IN_SAMPLES | {nal.SPS, nal.PPS}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedPicture:
    """A picture in decoding order; both fields of an interlaced one."""

    nals: list[memoryview]
    """Its NAL units for the sample."""
    is_key: bool
    place: int
    """Its place in the order shown, from 0."""
    description: int
    """Its sample entry, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawStream:
    """What `read_stream` found, from the first IDR picture on."""

    pictures: tuple[CodedPicture, ...]
    descriptions: tuple[Description, ...]
    """Of each sample entry; more than one if the stream changes its parameter sets."""
    dropped: int
    """Pictures before the first IDR picture."""

    @property
    def sps(self) -> Sps:
        """The SPS of the first picture."""
        return self.descriptions[0].active

    @property
    def is_reordered(self) -> bool:
        """Whether pictures are shown in another order than they are decoded."""
        return any(picture.place != number for number, picture in enumerate(self.pictures))

    def lay_out(self, fps: Fraction, *, created_unix_s: int, title: str) -> ProgressiveFile:
        """The MP4 file of the stream at an even frame rate; times are rounded to ticks without adding up the error.

        Raises:
            StreamError: the pictures do not fit an MP4 file.
        """

        def time(place: int) -> int:
            # The nearest tick, in whole numbers: a Fraction a picture takes longer than its slice header.
            return (2 * place * TICKS_PER_S * fps.denominator + fps.numerator) // (2 * fps.numerator)

        pictures = [Picture(time(item.place), item.is_key, item.nals, item.description) for item in self.pictures]
        return progressive(
            pictures,
            self.descriptions,
            created_unix_s=created_unix_s,
            title=title,
            end_pts_90k=time(len(pictures)),
            reorders=self.is_reordered,
        )


def read_stream(data: bytes | memoryview) -> RawStream:
    """Read an Annex B stream; the pictures are views of `data`.

    Raises:
        StreamError: it is no H.264 stream, or has no parameter sets or no IDR picture.
    """
    if not len(data):
        raise StreamError("the file is empty")
    if data[4:8] == b"ftyp":
        raise StreamError("it is an MP4 file already, not a raw H.264 stream: play it as it is")
    units = nal.nal_units(data)
    if not units:
        raise StreamError("it is not a raw H.264 stream: there are no Annex B start codes in it")
    reader = _Reader()
    for unit in units:
        reader.take(unit)
    return reader.finish()


@dataclass(slots=True)
class _Open:
    """The picture that is being read."""

    nals: list[memoryview]
    header: SliceHeader | None = None
    has_slice: bool = False
    is_key: bool = True
    order: tuple[int, int] = (0, 0)
    description: int = 0


class _Reader:
    def __init__(self) -> None:
        self._boundaries = UnitBoundaries()
        self._order = PictureOrder()
        self._entries = _SampleEntries()
        self._pictures: list[_Open] = []
        self._dropped = 0
        self._open = _Open([])
        self._has_first_field = False

    def take(self, unit: memoryview) -> None:
        kind = nal.nal_type(unit)
        if self._boundaries.begins_unit(unit):
            self._close()
        if kind in (nal.SPS, nal.PPS):
            self._entries.take(unit)
        elif kind not in _NOT_KEPT:
            if kind in nal.FIRST_SLICES:
                self._take_slice(unit, kind)
            self._open.nals.append(unit)

    def finish(self) -> RawStream:
        self._close()
        if not self._entries.has_sps:
            raise StreamError(
                "there is no sequence parameter set (SPS) in it: it is no H.264 stream, or not a whole one"
            )
        if not self._pictures:
            raise StreamError("there is no key frame (IDR picture) in it, so no picture of it can be decoded")
        places = ranks([picture.order for picture in self._pictures])
        return RawStream(
            pictures=tuple(
                CodedPicture(nals=item.nals, is_key=item.is_key, place=place, description=item.description)
                for item, place in zip(self._pictures, places, strict=True)
            ),
            descriptions=self._entries.all(),
            dropped=self._dropped,
        )

    def _take_slice(self, unit: memoryview, kind: int) -> None:
        picture = self._open
        picture.is_key = picture.is_key and kind == nal.IDR_SLICE
        if picture.has_slice:
            return
        picture.has_slice = True
        picture.header = self._boundaries.header
        picture.order = self._order_of(unit, picture.header)
        if picture.is_key or self._pictures:
            picture.description = self._entries.use(self._sps_id(picture.header))

    def _sps_id(self, header: SliceHeader | None) -> int | None:
        with suppress(StreamError):
            if header is not None:
                return self._boundaries.sets.of(header.pps_id)[0].sps_id
        return None

    def _order_of(self, unit: memoryview, header: SliceHeader | None) -> tuple[int, int]:
        if header is not None:
            with suppress(StreamError):
                sets = self._boundaries.sets
                sps, _ = sets.of(header.pps_id)
                resets = sps.poc_type != 2 and resets_picture_order(unit, sets)
                return self._order.key(header, sps, resets=resets)
        # A damaged slice: it is shown where it stands.
        return self._pictures[-1].order if self._pictures else (0, 0)

    def _close(self) -> None:
        picture, self._open = self._open, _Open([])
        if not picture.has_slice:
            return
        if self._is_second_field(picture):
            self._pictures[-1].nals += picture.nals
            self._has_first_field = False
        elif picture.is_key or self._pictures:
            self._pictures.append(picture)
            self._has_first_field = picture.header is not None and picture.header.is_field
        else:
            self._dropped += 1

    def _is_second_field(self, picture: _Open) -> bool:
        first = self._pictures[-1].header if self._pictures and self._has_first_field else None
        return first is not None and picture.header is not None and picture.header.is_second_field_of(first)


@dataclass(slots=True)
class _Entry:
    sps_id: int | None
    sets: dict[tuple[int, int], bytes]


class _SampleEntries:
    """The sample entries that the parameter sets make: one that changes a set begins another entry.

    The active SPS of an entry is the one that its first picture refers to.
    """

    def __init__(self) -> None:
        self._current: dict[tuple[int, int], bytes] = {}
        self._entries: list[_Entry] = []
        self._active = -1
        self._is_changed = True

    @property
    def has_sps(self) -> bool:
        return any(kind == nal.SPS for kind, _ in self._current)

    def take(self, unit: memoryview) -> None:
        """Take an SPS or PPS; one that cannot be parsed is passed over."""
        with suppress(StreamError):
            kind = nal.nal_type(unit)
            number = parse_sps(unit).sps_id if kind == nal.SPS else parse_pps(unit).pps_id
            self._current[kind, number] = bytes(unit)
            self._is_changed = True

    def use(self, sps_id: int | None) -> int:
        """The number, from 1, of the entry of a picture that uses the sets taken so far, and of these SPS `sps_id`."""
        if not self._is_changed:
            return self._active + 1
        self._is_changed = False
        candidates = (self._active, *range(len(self._entries)))
        for number in candidates:
            if number >= 0 and self._fits(self._entries[number]):
                self._entries[number].sets.update(self._current)
                self._active = number
                return number + 1
        self._entries.append(_Entry(sps_id, dict(self._current)))
        self._active = len(self._entries) - 1
        return self._active + 1

    def all(self) -> tuple[Description, ...]:
        return tuple(
            by_id(
                ParameterSets(
                    sps=tuple(unit for (kind, _), unit in entry.sets.items() if kind == nal.SPS),
                    pps=tuple(unit for (kind, _), unit in entry.sets.items() if kind == nal.PPS),
                ),
                entry.sps_id,
            )
            for entry in self._entries
        )

    def _fits(self, entry: _Entry) -> bool:
        return all(entry.sets.get(key, unit) == unit for key, unit in self._current.items())
