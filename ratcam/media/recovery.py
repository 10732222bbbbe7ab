"""Finishing a recording that was interrupted: by a crash, a kill, or a power cut."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from ratcam.media.avc_config import Description, by_id, sample_entry, sets_of, shown_size
from ratcam.media.box_reader import BoxPlace, Read, box_at, find, header_at
from ratcam.media.boxes import UNIX_EPOCH_IN_1904_S, FileInfo
from ratcam.media.errors import StreamError
from ratcam.media.fragments import Fragment, is_movie_fragmented, parse_fragment
from ratcam.media.index import MAX_INDEX_BYTES, avc_entry, table, turned_by
from ratcam.media.mp4 import PAGE_BYTES, Patch, commit
from ratcam.media.sample_tables import SampleIndex
from ratcam.media.samples import LENGTH_BYTES
from ratcam.media.sps import parse_sps
from ratcam.media.timebase import TICKS_PER_S
from ratcam.media.timeline import MAX_GAP, MAX_REORDER

MAX_TORN_GOPS = 8
"""More than were ever written without a sync between them; what stands before so many is not looked at."""
CHUNK_BYTES = 1 << 20
"""How much of a fragment's pictures is held at a time."""
MAX_BOXES = 32
"""Above what stands at the top of any file of ours before its fragments."""
HOLE = bytes(512)
"""A sector that was never written. H.264 never has three zero bytes in a row, and our padding less than eight."""
_BOX_BYTES, _RATE_BYTES = 8, 20
"""The header of a box, and the whole btrt box, which an entry of ours ends with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What to do with a recording that was found: cut it to `truncate_to` bytes, then write `patches` in order.

    Each step is to be on disk before the next. A finished file is left as it is: all of it stays, there are no patches.
    """

    truncate_to: int
    patches: tuple[Patch, ...]
    frames: int
    duration_90k: int
    width: int
    height: int


def recover(read: Read, size: int) -> Recovery:
    """Look at a file that `Mp4Recording` or `progressive` wrote, or was writing.

    What is there decides, so it does not matter what happened, nor how often a recovery was itself interrupted:

    - A recording that was growing, or was about to be finished, is cut at its first fragment that is not whole.
    - A finished recording that was cut short since (a copy that was interrupted) is opened again by the byte that
      finished it; its fragments are all still in it. Then it is treated like one that was growing.
    - A finished recording with its pictures whole is left alone, whatever stands behind them.

    Reads the boxes' headers, the index, and the data of the last GOP only (where nothing of it is left, of the seven
    before it at most). No more is needed: whoever writes a
    recording syncs each GOP before it writes the next one (`ports.SpoolFile.append`), so that after a power cut all
    GOPs but the last are on disk as they were written. The last one may be there in any pages and any order, with a
    file size that covers all of it: file systems allocate late and write back as they like (ext4 by default writes
    data before it tells the size, but not in order within an append), and a page that is missing reads as zeros. So a
    fragment of the last GOP counts only if its headers follow on, its NAL units fill its samples exactly and none of
    them holds a run of zeros that H.264 cannot hold.

    Args:
        read: read(offset, length) gives that part of the file.
        size: the file's size in bytes.

    Raises:
        StreamError: the file is not such a recording, or no picture of it can be played.
    """
    reserve: BoxPlace | None = None
    media: BoxPlace | None = None
    index: bytes | None = None
    for place in _top(read, size):
        if place.kind == b"free":
            reserve = reserve or place
        elif place.kind == b"mdat":
            media = place
        elif place.kind == b"moov" and place.end <= size and place.size <= MAX_INDEX_BYTES:
            index = read(place.offset, place.size)
            if is_movie_fragmented(index):
                return _unfinished(read, size, index, place.end, _room(reserve))
    if index is not None and media is not None and media.end <= size:
        return _finished(size, index)
    if reserve is not None and media is not None and (reopened := _reopened(read, size, reserve, media)) is not None:
        return reopened
    if index is not None:
        raise StreamError(
            "the file was finished once and has been cut short since: only a recording of the daemon can be mended"
        )
    raise StreamError(
        "the file is no recording, or it was cut off before its first picture: nothing of it can be played"
    )


def _top(read: Read, size: int) -> Iterator[BoxPlace]:
    """The boxes that a file begins with; the last one may be cut short."""
    at = 0
    for _ in range(MAX_BOXES):
        place = header_at(read, at)
        if place is None:
            return
        yield place
        at = place.end
        if at > size:
            return


def _finished(size: int, index: bytes) -> Recovery:
    media, sizes = find(index, b"moov", b"trak", b"mdia", b"mdhd"), table(index, b"stsz")
    if media is None or sizes is None or len(media) < 24 or len(sizes) < 12:
        raise StreamError("the index of the file is damaged, or not one of Ratcam")
    (frames,) = struct.unpack_from(">I", sizes, 8)
    long = media[0] == 1
    if not frames or (long and len(media) < 36):
        raise StreamError("the index of the file is damaged, or not one of Ratcam")
    scale, duration = struct.unpack_from(">IQ" if long else ">II", media, 20 if long else 12)
    width, height = _shown(_description(index), _info(index))
    duration_90k = duration * TICKS_PER_S // max(1, scale)
    return Recovery(truncate_to=size, patches=(), frames=frames, duration_90k=duration_90k, width=width, height=height)


def _room(reserve: BoxPlace | None) -> tuple[int, int]:
    """Offset and size of the room for an index, which must be such that one byte turns it into a box of 8 bytes."""
    if reserve is None or not _is_reserve(reserve.size):
        raise StreamError("the file is no recording of Ratcam: it has no room for an index")
    return reserve.offset, reserve.size


def _is_reserve(size: int) -> bool:
    return 0x108 <= size <= 0xFF_0008 and size & (0xFF if size <= 0xFF08 else 0xFFFF) == 8


def _reopened(read: Read, size: int, reserve: BoxPlace, media: BoxPlace) -> Recovery | None:
    """A finished recording whose end is missing; None if the file is none of those that have fragments in them."""
    body = media.offset + media.header_size
    room = body - reserve.offset
    movie = box_at(read, body, size)
    if movie is None or movie.kind != b"moov" or movie.size > MAX_INDEX_BYTES or not _is_reserve(room):
        return None
    index = read(movie.offset, movie.size)
    if not is_movie_fragmented(index):
        return None
    found = _unfinished(read, size, index, movie.end, (reserve.offset, room))
    number = 2 if room <= 0xFF08 else 1
    opening = Patch(offset=reserve.offset + number, data=room.to_bytes(4, "big")[number : number + 1])
    return replace(found, patches=(opening, *found.patches))


def _unfinished(read: Read, size: int, index: bytes, at: int, room: tuple[int, int]) -> Recovery:
    info, sets, samples = _info(index), _description(index), SampleIndex()
    fragments, end = _fragments(read, size, at)
    if not fragments:
        raise StreamError("the recording was cut off before its first group of pictures: nothing of it can be played")
    for offset, fragment in fragments:
        run = fragment.samples
        samples.add_run(
            offset + fragment.data_offset,
            [sample.size for sample in run],
            [sample.decoded_90k for sample in run],
            [sample.shown_90k - sample.decoded_90k for sample in run],
            starts_with_key=run[0].is_key,
        )
    width, height = _shown(sets, info)
    return Recovery(
        truncate_to=end,
        patches=commit(info, sets, samples, reserve_at=room[0], reserve=room[1], end=end),
        frames=len(samples),
        duration_90k=samples.duration_90k,
        width=width,
        height=height,
    )


def _fragments(read: Read, size: int, at: int) -> tuple[list[tuple[int, Fragment]], int]:
    """The whole fragments from `at` on with their offsets, and where the last of them ends."""
    found: list[tuple[int, Fragment]] = []
    ends, latest = [at], -1
    kind = b""
    while (place := box_at(read, at, size)) is not None and place.kind in (b"free", b"moof"):
        if place.kind == b"free" == kind:
            break  # there is one at most between two fragments
        at, kind = place.end, place.kind
        if place.kind == b"moof":
            data = box_at(read, at, size)
            is_ours = data is not None and data.kind == b"mdat" and place.size <= PAGE_BYTES
            fragment = _parsed(read(place.offset, place.size)) if is_ours else None
            if data is None or fragment is None or not _follows(fragment, latest, data.offset + 8 - place.offset, data):
                break
            at = data.end
            found.append((place.offset, fragment))
            latest = fragment.samples[-1].decoded_90k
            ends.append(at)
    # What is left of a GOP that was cut is sound; without any of it, so must be the one before.
    keys = [number for number, (_, fragment) in enumerate(found) if fragment.samples[0].is_key]
    for begin in (keys or [0])[: -MAX_TORN_GOPS - 1 : -1]:
        torn = next((n for n in range(begin, len(found)) if not _is_sound(read, *found[n], ends[n + 1])), len(found))
        del found[torn:], ends[torn + 1 :]
        if torn > begin:
            break
    return found, ends[-1]


def _follows(fragment: Fragment, latest: int, data_offset: int, data: BoxPlace) -> bool:
    """Whether a fragment goes on after decoding time `latest` with samples that lie within its mdat box."""
    return (
        fragment.data_offset == data_offset
        and latest < fragment.samples[0].decoded_90k <= latest + MAX_GAP + MAX_REORDER
        and sum(sample.size for sample in fragment.samples) <= data.size - data.header_size
    )


def _parsed(moof: bytes) -> Fragment | None:
    try:
        return parse_fragment(moof)
    except StreamError:
        return None


class _Chunks:
    """A part of a file, looked at from front to back, of which only a chunk is in memory; it ends at the first hole."""

    def __init__(self, read: Read, begin: int, end: int) -> None:
        self._read = read
        self._at, self._end = begin, end
        self._held = b""

    def look(self, at: int, count: int) -> bytes:
        """Some bytes, at most `LENGTH_BYTES`, not before those asked for last; none if they are not there."""
        while at + count > self._at:
            chunk = self._read(self._at, min(CHUNK_BYTES, self._end - self._at))
            self._held = self._held[-len(HOLE) :] + chunk
            if not chunk or HOLE in self._held:
                self._end = self._at
                return b""
            self._at += len(chunk)
        begin = at - self._at + len(self._held)
        return self._held[begin : begin + count]


def _is_sound(read: Read, offset: int, fragment: Fragment, end: int) -> bool:
    """Whether a fragment's samples are there: after a power cut a file may be long enough and hold zeros."""
    at = offset + fragment.data_offset
    chunks = _Chunks(read, at, end)
    for sample in fragment.samples:
        sample_end = at + sample.size
        if sample_end > end:
            return False
        while at + LENGTH_BYTES < sample_end:
            length = int.from_bytes(chunks.look(at, LENGTH_BYTES), "big")
            at += LENGTH_BYTES
            if not 0 < length <= sample_end - at:
                return False
            first, last = chunks.look(at, 1), chunks.look(at + length - 1, 1)
            if not first or first[0] & 0x80 or not last or not last[0]:
                return False
            at += length
        if at != sample_end:
            return False
    return bool(chunks.look(end - 1, 1))


def _description(index: bytes) -> Description:
    """The first sample entry's; active is the SPS that the first picture used: with it we make the same entry."""
    found = avc_entry(index)
    if found is None:
        raise StreamError("the index of the file is damaged, or not one of Ratcam")
    entry, record = found
    sets, told = sets_of(record), entry[:-_RATE_BYTES]
    for sps in map(parse_sps, sets.sps):
        # Size, profile, colours and the shape of the samples: all that an entry says of its active SPS.
        description = by_id(sets, sps.sps_id)
        if sample_entry(description)[_BOX_BYTES:-_RATE_BYTES] == told:
            return description
    return by_id(sets)


def _shown(sets: Description, info: FileInfo) -> tuple[int, int]:
    """Width and height in pixels as shown, when the pictures are turned."""
    width, height = shown_size(sets.active)
    return (height, width) if info.rotation % 180 else (width, height)


def _info(index: bytes) -> FileInfo:
    """What the file says about itself, as far as it does."""
    info = FileInfo(created_unix_s=0, title="", rotation=turned_by(index))
    header = find(index, b"moov", b"mvhd")
    if header is not None and len(header) >= 12:
        (created,) = struct.unpack_from(">Q" if header[0] == 1 else ">I", header, 4)
        info = info.replaced(created_unix_s=created - UNIX_EPOCH_IN_1904_S)
    meta = find(index, b"moov", b"udta", b"meta")
    title = find(meta[4:], b"ilst", b"\xa9nam", b"data") if meta is not None else None
    return info if title is None else info.replaced(title=bytes(title[8:]).decode(errors="replace"))
