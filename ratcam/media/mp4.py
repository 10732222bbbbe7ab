"""A recording that is a playable MP4 file at every moment: reserve, append, one-byte commit.

    while it grows:  ftyp | free(R) | moov+mvex | moof mdat | moof mdat | ...      a fragmented MP4
    finished:        ftyp | free(8) | moov | free | mdat(all to the end)           a progressive one, index in front

The room for the final moov is reserved when the file is opened, inside a free box of size 0x0000XX08 or, for long
recordings, 0x00XX0008. `finish` fills that room, which no player sees yet, and then turns the byte XX to 0: the free
box shrinks to 8 bytes and what it hid comes to light. One byte cannot be half written, so there is no moment
at which the file is broken, and no picture is ever copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ratcam.media.access_unit import parameter_sets
from ratcam.media.avc_config import Description, by_id, shown_size
from ratcam.media.boxes import FileInfo, file_type, free_box, media_data_header
from ratcam.media.errors import StreamError
from ratcam.media.fragments import MAX_SAMPLES, fragment_header, fragment_header_size, steps
from ratcam.media.movie import fragmented_movie, movie
from ratcam.media.ring import TimedUnit
from ratcam.media.sample_tables import Sample, SampleIndex
from ratcam.media.samples import LENGTH_BYTES, SampleUnits, sample_size
from ratcam.media.set_ids import active_sps
from ratcam.media.timeline import Timeline

PAGE_BYTES = 4096
"""What a kernel writes whole: a fragment's header that lies in one page is there or not, never half."""
MAX_BUFFERS = 1000
"""Below the 1024 that one writev takes."""
MAX_RESERVE_BYTES = 0xFF_0008
RESERVE_BYTES_PER_FRAME = 12
"""Size 4 (stsz) and duration 8 (stts)."""
RESERVE_BYTES_PER_SHIFT = 8
"""An entry of ctts, in streams that reorder."""
RESERVE_BYTES_PER_GOP = 20
"""Its key frame 4 (stss), its chunk's offset 4 (stco) and the number of its samples 12 (stsc)."""
DEFAULT_GOP_FRAMES = 10
"""Fewer than a camera's usual key frame a second, to be on the safe side for 2 bytes a picture."""
RESERVE_BYTES_FIXED = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Bytes to write over a file at an offset; maybe at its very end, which makes it longer."""

    offset: int
    data: bytes


def reserve_size(wanted: int) -> int:
    """The smallest size of a free box that holds `wanted` bytes and that one byte turns into 8; at most 16 MB."""
    for unit in (1 << 8, 1 << 16):
        count = max(1, -(-wanted // unit))
        if count <= 0xFF:
            return count * unit + 8
    return MAX_RESERVE_BYTES


def commit(
    info: FileInfo, sets: Description, index: SampleIndex, *, reserve_at: int, reserve: int, end: int
) -> tuple[Patch, ...]:
    """The patches that make a fragmented file of `end` bytes with a reserve progressive, to be written in order.

    The last is one byte. There are two, or three when the index does not fit the reserve: then it is put at the end of
    the file, which is as correct but not as quick to start over a network.
    """
    index_box = movie(info, (sets,), index)
    inside, body = reserve_at + 8, reserve_at + reserve
    header = media_data_header(end - body)
    padding = reserve - 8 - len(header) - len(index_box)
    changed = reserve_at + (2 if reserve <= 0xFF08 else 1)
    last = Patch(offset=changed, data=b"\0")
    if padding == 0 or padding >= 8:
        hidden = index_box + (free_box(padding) if padding else b"") + header
        return Patch(offset=inside, data=hidden), last
    cover = free_box(reserve - 8 - len(header)) + header
    return Patch(offset=end, data=index_box), Patch(offset=inside, data=cover), last


class Mp4Recording:
    """One segment of a clip as it is written; gives bytes, its caller does the I/O.

    Write `header()` at offset 0, what `append` returns at the file's end, and after the last append the patches of
    `finish`, each followed by an fdatasync. Media time 0 is the first picture; times are the captured ones to the tick.
    The parameter sets of the first unit are those of the file; a later unit's others stay in its sample. The file's
    size and the order of its pictures are those of the SPS that the first unit's first slice refers to.
    """

    def __init__(
        self,
        *,
        first: bytes,
        created_unix_s: int,
        title: str,
        expected_frames: int = 1800,
        gop_frames: int = DEFAULT_GOP_FRAMES,
    ) -> None:
        """Begin a recording.

        Args:
            first: the first access unit, an IDR picture with its SPS and PPS (Annex B). It is only looked at.
            created_unix_s: wall-clock time of the first picture.
            title: shown by players.
            expected_frames: how many pictures the room for the index is reserved for. Give the most that the segment
                can hold: its nominal length and the GOP that goes on behind it, times the frame rate, with a margin
                for a camera that is faster than it says, such as ceil(1.25 * segment_s * fps) + one GOP. If there are
                more and they do not fit, the finished file is as correct but has its index at the end. As many as
                expected, in GOPs of at least `gop_frames`, always fit if the file stays below 4 GB and the room below
                16 MB (over 700 000 pictures).
            gop_frames: pictures from one key frame to the next; too few only make the room larger.

        Raises:
            StreamError: the unit has no SPS or PPS, or they cannot be parsed.
        """
        found = parameter_sets(first)
        self._sets = by_id(found, active_sps(first, found.pps))
        self._samples = SampleUnits(self._sets.sps + self._sets.pps)
        self._sps = self._sets.active
        self._info = FileInfo(created_unix_s=created_unix_s, title=title)
        self._type = file_type(is_fragmented=True)
        self._movie = fragmented_movie(self._info, self._sets)
        per_frame = RESERVE_BYTES_PER_FRAME + (RESERVE_BYTES_PER_SHIFT if self._sps.may_reorder else 0)
        gops = -(-expected_frames // max(1, min(gop_frames, MAX_SAMPLES)))
        tables = per_frame * expected_frames + RESERVE_BYTES_PER_GOP * gops
        self._reserve = reserve_size(len(self._movie) + RESERVE_BYTES_FIXED + tables)
        self._index = SampleIndex()
        self._timeline = Timeline(reorders=self._sps.may_reorder)
        self._end = len(self._type) + self._reserve + len(self._movie)
        self._fragments = 0
        self._ignored = 0

    @property
    def width(self) -> int:
        """Pixels across as shown."""
        return shown_size(self._sps)[0]

    @property
    def height(self) -> int:
        """Pixels down as shown."""
        return shown_size(self._sps)[1]

    @property
    def frames(self) -> int:
        """Pictures appended."""
        return len(self._index)

    @property
    def repaired(self) -> int:
        """Timestamps that were doubled, backward or far ahead, and were replaced."""
        return self._timeline.repaired

    @property
    def ignored(self) -> int:
        """Units without a picture, which were left out."""
        return self._ignored

    @property
    def duration_90k(self) -> int:
        """From the first picture's beginning to the last one's end; the latter is an estimate before `finish`."""
        return self._index.duration_90k

    @property
    def size_bytes(self) -> int:
        """The file's size when all that was returned is written."""
        return self._end

    def header(self) -> bytes:
        """What the file begins with."""
        return self._type + free_box(self._reserve) + self._movie

    def append(self, units: Sequence[TimedUnit]) -> list[bytes | memoryview]:
        """Add units in decoding order: whole GOPs, or a GOP's beginning when the clip ends in it.

        Returns:
            At most `MAX_BUFFERS` buffers to be written at the file's end in one go; views of the units' data, which
            nothing is copied from unless there would be more buffers. Empty if there is no picture in the units.

        Raises:
            StreamError: the first unit of all is no key unit, or a GOP is larger than 4 GB.
        """
        pictures = [(unit, nals) for unit in units if (nals := self._samples.take(unit.data))]
        self._ignored += len(units) - len(pictures)
        if pictures and not len(self._index) and not pictures[0][0].is_key:
            raise StreamError("a recording must begin with a key frame")
        keys = [number for number, (unit, _) in enumerate(pictures) if unit.is_key]
        buffers: list[bytes | memoryview] = []
        for begin, end in pairwise(sorted({0, *keys, len(pictures)})):
            buffers += self._gop(pictures[begin:end])
        return buffers if len(buffers) <= MAX_BUFFERS else [b"".join(buffers)]

    def finish(self, end_pts_90k: int | None) -> tuple[Patch, ...]:
        """The patches that make the file progressive, to be written in order with an fdatasync after each.

        Two, the second of one byte; three, the last of one byte, if the index does not fit the room reserved for it.
        The file is playable before, between and after them.

        Args:
            end_pts_90k: captured time of the picture after the last one, which is when that ends; None: a median step.

        Raises:
            StreamError: there is no picture in the recording.
        """
        if not len(self._index):
            raise StreamError("the recording has no picture")
        self._index.end_90k = self._timeline.end(end_pts_90k)
        reserve_at = len(self._type)
        return commit(self._info, self._sets, self._index, reserve_at=reserve_at, reserve=self._reserve, end=self._end)

    def _gop(self, pictures: Sequence[tuple[TimedUnit, list[memoryview]]]) -> list[bytes | memoryview]:
        is_key = pictures[0][0].is_key
        times = self._timeline.place([unit.pts_90k for unit, _ in pictures], begins_with_key=is_key)
        samples = [
            Sample(sample_size(nals), decoded, shown, is_key and number == 0)
            for number, ((_, nals), (decoded, shown)) in enumerate(zip(pictures, times, strict=True))
        ]
        buffers: list[bytes | memoryview] = []
        for begin in range(0, len(samples), MAX_SAMPLES):
            end = min(begin + MAX_SAMPLES, len(samples))
            following = samples[end].decoded_90k - samples[end - 1].decoded_90k if end < len(samples) else None
            buffers += self._fragment(samples[begin:end], following or steps(samples[begin:end]))
            buffers += self._payload([nals for _, nals in pictures[begin:end]])
        return buffers

    def _fragment(self, samples: list[Sample], step: int) -> list[bytes | memoryview]:
        """The padding and header of a fragment; its place and that of its payload are taken."""
        payload = sum(sample.size for sample in samples)
        size = fragment_header_size(samples)
        gap = -self._end % PAGE_BYTES
        padding = b""
        if 0 < gap < size:
            padding = free_box(gap if gap >= 8 else gap + PAGE_BYTES)
        begin = self._end + len(padding) + size
        tail = self._tail(begin + payload)
        header = fragment_header(self._fragments + 1, samples, step, payload + tail)
        self._fragments += 1
        self._index.add_chunk(begin, samples)
        self._end = begin
        return [padding, header] if padding else [header]

    def _payload(self, pictures: list[list[memoryview]]) -> list[bytes | memoryview]:
        buffers: list[bytes | memoryview] = []
        size = 0
        for nals in pictures:
            for unit in nals:
                buffers.append(len(unit).to_bytes(LENGTH_BYTES, "big"))
                buffers.append(unit)
                size += LENGTH_BYTES + len(unit)
        tail = self._tail(self._end + size)
        if tail:
            buffers.append(bytes(tail))
        self._end += size + tail
        return buffers

    @staticmethod
    def _tail(end: int) -> int:
        """Bytes to add to an mdat box so that the padding after it, if any, has room for its own header in the page."""
        rest = -end % PAGE_BYTES
        return rest if rest < 8 else 0
