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
from itertools import compress, pairwise
from typing import TypeAlias

from ratcam.media.access_unit import parameter_sets
from ratcam.media.avc_config import Description, by_id, shown_size
from ratcam.media.boxes import FileInfo, file_type, free_box, media_data_header
from ratcam.media.errors import StreamError
from ratcam.media.fragments import MAX_SAMPLES, fragment_header, fragment_header_size
from ratcam.media.movie import fragmented_movie, movie
from ratcam.media.ring import TimedUnit
from ratcam.media.sample_tables import SampleIndex
from ratcam.media.samples import SampleUnits
from ratcam.media.set_ids import active_sps
from ratcam.media.timeline import DEFAULT_STEP, Timeline

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
RESERVE_BYTES_FIXED = 512
"""The headers of the tables and what the moov box of a growing file lacks besides: edit list, free box, mdat header."""


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


_Part: TypeAlias = tuple[list[int], list[bytes | memoryview]]
"""Samples of one fragment: their sizes, and the buffers they are made of."""


class Mp4Recording:
    """One segment of a clip as it is written; gives bytes, its caller does the I/O.

    Write `header()` at offset 0, what `append` returns at the file's end, and after the last append the patches of
    `finish`, each followed by an fdatasync. Media time 0 is the first picture; times are the captured ones to the tick
    (where a camera gives none, its source has put one in). Wrong ones are repaired as `Timeline` says and counted.
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
        rotation: int = 0,
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
            gop_frames: pictures from one key frame to the next, or in one `append` if these are fewer; too few only
                make the room larger.
            rotation: by how many degrees clockwise a player is to turn the pictures: 0, 90, 180 or 270. For cameras
                that hang askew and encoders that cannot turn the pictures themselves.

        Raises:
            StreamError: the unit has no SPS or PPS, or they cannot be parsed.
            ValueError: there is no such rotation.
        """
        if rotation not in (0, 90, 180, 270):
            raise ValueError(f"pictures are turned by 0, 90, 180 or 270 degrees, not by {rotation}")
        found = parameter_sets(first)
        self._sets = by_id(found, active_sps(first, found.pps))
        self._samples = SampleUnits(self._sets.sps + self._sets.pps)
        sps = self._sets.active
        width, height = shown_size(sps)
        self._shown = (height, width) if rotation % 180 else (width, height)
        self._info = FileInfo(created_unix_s=created_unix_s, title=title, rotation=rotation)
        self._type = file_type(is_fragmented=True)
        self._movie = fragmented_movie(self._info, self._sets)
        per_frame = RESERVE_BYTES_PER_FRAME + (RESERVE_BYTES_PER_SHIFT if sps.may_reorder else 0)
        gops = -(-expected_frames // max(1, min(gop_frames, MAX_SAMPLES)))
        tables = per_frame * expected_frames + RESERVE_BYTES_PER_GOP * gops
        self._reserve = reserve_size(len(self._movie) + RESERVE_BYTES_FIXED + tables)
        self._index = SampleIndex()
        self._timeline = Timeline(reorders=sps.may_reorder)
        self._end = len(self._type) + self._reserve + len(self._movie)
        self._fragments = 0
        self._step = DEFAULT_STEP
        self._ignored = 0

    @property
    def width(self) -> int:
        """Pixels across as shown, when the pictures are turned."""
        return self._shown[0]

    @property
    def height(self) -> int:
        """Pixels down as shown, when the pictures are turned."""
        return self._shown[1]

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
    def reserve_bytes(self) -> int:
        """The room reserved for the index: `finish` writes 7 bytes less over it, and nothing else if the index fits."""
        return self._reserve

    @property
    def size_bytes(self) -> int:
        """The file's size when all that was returned is written."""
        return self._end

    def header(self) -> bytes:
        """What the file begins with."""
        return self._type + free_box(self._reserve) + self._movie

    def append(self, units: Sequence[TimedUnit]) -> list[bytes | memoryview]:
        """Add units in decoding order: whole GOPs, or pieces of GOPs that are too long to be held.

        Every piece keeps the times of its pictures; of reordered ones only whole GOPs are decoded at even distances.
        Each key unit begins a fragment, and so does each call: the fewer, the smaller the file.

        Returns:
            At most `MAX_BUFFERS` buffers to be written at the file's end in one go; views of the units' data, which
            nothing is copied from unless there would be more buffers. Empty if there is no picture in the units.

        Raises:
            StreamError: the first unit of all is no key unit, or a GOP is larger than 4 GB.
        """
        keys = [number for number, unit in enumerate(units) if unit.is_key]
        buffers: list[bytes | memoryview] = []
        for begin, end in pairwise(sorted({0, *keys, len(units)})):
            buffers += self._gop(units[begin:end])
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

    def _gop(self, units: Sequence[TimedUnit]) -> list[bytes | memoryview]:
        """The fragments of a GOP or a piece of one; only its first unit may be a key."""
        pictures, parts = self._samples_of(units)
        if not pictures:
            return []
        times, is_key = [picture.pts_90k for picture in pictures], pictures[0].is_key
        if not is_key and not len(self._index):
            raise StreamError("a recording must begin with a key frame")
        decoded, shown = self._timeline.place(times, begins_with_key=is_key)
        shifts = None if shown is decoded else [late - soon for late, soon in zip(shown, decoded, strict=True)]
        steps = [later - sooner for sooner, later in pairwise(decoded)]
        # What comes next is not known: it is taken to come as soon as what came last.
        self._step = steps[-1] if steps else self._step
        steps.append(self._step)
        buffers: list[bytes | memoryview] = []
        begin = 0
        for sizes, payload in parts:
            part = slice(begin, begin + len(sizes))
            shifted = shifts and shifts[part]
            starts_with_key = is_key and not begin
            buffers += self._fragment(
                sizes, decoded[part], steps[part], shifted, payload, starts_with_key=starts_with_key
            )
            begin = part.stop
        return buffers

    def _samples_of(self, units: Sequence[TimedUnit]) -> tuple[Sequence[TimedUnit], list[_Part]]:
        """The units that have a picture, and their samples in parts that fit a fragment each."""
        take, parts = self._samples.take, list[_Part]()
        for begin in range(0, len(units), MAX_SAMPLES):
            payload: list[bytes | memoryview] = []
            parts.append(([take(unit.data, payload) for unit in units[begin : begin + MAX_SAMPLES]], payload))
        if all(all(sizes) for sizes, _ in parts):
            return units, parts
        pictures = [*compress(units, (size for sizes, _ in parts for size in sizes))]
        self._ignored += len(units) - len(pictures)
        return pictures, [([size for size in sizes if size], payload) for sizes, payload in parts if any(sizes)]

    def _fragment(
        self,
        sizes: Sequence[int],
        decoded: Sequence[int],
        steps: Sequence[int],
        shifts: Sequence[int] | None,
        payload: list[bytes | memoryview],
        *,
        starts_with_key: bool,
    ) -> list[bytes | memoryview]:
        """The buffers of a fragment; its place is taken."""
        shifts = shifts if shifts and any(shifts) else None
        size = fragment_header_size(len(sizes), has_shifts=shifts is not None)
        gap = -self._end % PAGE_BYTES
        padding = free_box(gap if gap >= 8 else gap + PAGE_BYTES) if 0 < gap < size else b""
        begin = self._end + len(padding) + size
        data = sum(sizes)
        tail = self._tail(begin + data)
        header = fragment_header(
            self._fragments + 1,
            sizes,
            decoded[0],
            steps,
            shifts,
            starts_with_key=starts_with_key,
            payload=data + tail,
        )
        self._index.add_run(begin, sizes, decoded, shifts, starts_with_key=starts_with_key)
        self._fragments += 1
        self._end = begin + data + tail
        buffers: list[bytes | memoryview] = [padding + header, *payload]
        if tail:
            buffers.append(bytes(tail))
        return buffers

    @staticmethod
    def _tail(end: int) -> int:
        """Bytes to add to an mdat box so that the padding after it, if any, has room for its own header in the page."""
        rest = -end % PAGE_BYTES
        return rest if rest < 8 else 0
