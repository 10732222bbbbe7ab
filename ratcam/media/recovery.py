"""Finishing a recording that was interrupted: by a crash, a kill, or a power cut."""

import struct
from dataclasses import dataclass, replace

from ratcam.media.avc_config import Description, by_id, sets_of, shown_size
from ratcam.media.box_reader import BoxPlace, Read, box_at, find
from ratcam.media.boxes import UNIX_EPOCH_IN_1904_S, FileInfo
from ratcam.media.errors import StreamError
from ratcam.media.fragments import Fragment, is_movie_fragmented, parse_fragment
from ratcam.media.mp4 import PAGE_BYTES, Patch, commit
from ratcam.media.sample_tables import SampleIndex
from ratcam.media.samples import LENGTH_BYTES
from ratcam.media.sps import parse_sps
from ratcam.media.timeline import MAX_GAP, MAX_REORDER

MAX_INDEX_BYTES = 64 << 20
"""Above any index of ours; a larger one is damage, and is not read into memory."""
HOLE = bytes(512)
"""A sector that was never written. H.264 never has three zero bytes in a row, and our padding less than eight."""
_STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_ENTRY_BYTES = 78
_ENTRY_SIZE_AT = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What to do with a recording that was found: cut it to `truncate_to` bytes, then write `patches` in order.

    For a finished file `truncate_to` is its size and there are no patches.
    """

    truncate_to: int
    patches: tuple[Patch, ...]
    frames: int
    duration_90k: int
    width: int
    height: int


def recover(read: Read, size: int) -> Recovery:
    """Look at a file that `Mp4Recording` or `progressive` wrote, or was writing.

    Reads the boxes' headers, the index, and the data of the last GOP only: what was appended last may have reached the
    disk in any order. It is cut at its first fragment that is not whole.

    Args:
        read: read(offset, length) gives that part of the file.
        size: the file's size in bytes.

    Raises:
        StreamError: the file is not such a recording, or no picture of it can be played.
    """
    reserve: BoxPlace | None = None
    at = 0
    while (place := box_at(read, at, size)) is not None:
        match place.kind:
            case b"ftyp" | b"mdat":
                pass
            case b"free":
                reserve = reserve or place
            case b"moov" if place.size <= MAX_INDEX_BYTES:
                index = read(place.offset, place.size)
                if is_movie_fragmented(index):
                    return _unfinished(read, size, index, reserve, place.end)
                return _finished(read, size, index, place.end)
            case _:
                break
        at = place.end
    raise StreamError(
        "the file is no recording, or it was cut off before its first picture: nothing of it can be played"
    )


def _finished(read: Read, size: int, index: bytes, at: int) -> Recovery:
    while (place := box_at(read, at, size)) is not None:
        at = place.end
    if at != size:
        raise StreamError("the file was finished once and has been cut short since")
    media, sizes = find(index, b"moov", b"trak", b"mdia", b"mdhd"), find(index, *_STBL, b"stsz")
    if media is None or sizes is None or len(media) < 24 or len(sizes) < 12:
        raise StreamError("the index of the file is damaged")
    (frames,) = struct.unpack_from(">I", sizes, 8)
    long = media[0] == 1
    if long and len(media) < 36:
        raise StreamError("the index of the file is damaged")
    (duration,) = struct.unpack_from(">Q" if long else ">I", media, 24 if long else 16)
    width, height = shown_size(_description(index).active)
    return Recovery(truncate_to=size, patches=(), frames=frames, duration_90k=duration, width=width, height=height)


def _unfinished(read: Read, size: int, index: bytes, reserve: BoxPlace | None, at: int) -> Recovery:
    if reserve is None or reserve.size % 0x100 != 8 or not 0x108 <= reserve.size <= 0xFF_0008:
        raise StreamError("the file is no recording of Ratcam: it has no room for an index")
    sets, samples = _description(index), SampleIndex()
    fragments, end = _fragments(read, size, at)
    if not fragments:
        raise StreamError("the recording was cut off before its first group of pictures: nothing of it can be played")
    for offset, fragment in fragments:
        samples.add_chunk(offset + fragment.data_offset, fragment.samples)
    width, height = shown_size(sets.active)
    patches = commit(_info(index), sets, samples, reserve_at=reserve.offset, reserve=reserve.size, end=end)
    return Recovery(
        truncate_to=end,
        patches=patches,
        frames=len(samples),
        duration_90k=samples.duration_90k,
        width=width,
        height=height,
    )


def _fragments(read: Read, size: int, at: int) -> tuple[list[tuple[int, Fragment]], int]:
    """The whole fragments from `at` on with their offsets, and where the last of them ends."""
    found: list[tuple[int, Fragment]] = []
    ends, latest = [at], -1
    while (place := box_at(read, at, size)) is not None and place.kind in (b"free", b"moof"):
        at = place.end
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
    while found:
        begin = max((n for n, (_, fragment) in enumerate(found) if fragment.samples[0].is_key), default=0)
        torn = next((n for n in range(begin, len(found)) if not _is_sound(read, *found[n], ends[n + 1])), len(found))
        is_cut_at_key = torn == begin
        del found[torn:], ends[torn + 1 :]
        if not is_cut_at_key:
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


def _is_sound(read: Read, offset: int, fragment: Fragment, end: int) -> bool:
    """Whether a fragment's samples are there: after a power cut a file may be long enough and hold zeros."""
    at = offset + fragment.data_offset
    data = read(at, end - at)
    if HOLE in data:
        return False
    at = 0
    for sample in fragment.samples:
        sample_end = at + sample.size
        while at + LENGTH_BYTES < sample_end <= len(data):
            length = int.from_bytes(data[at : at + LENGTH_BYTES], "big")
            at += LENGTH_BYTES
            if not 0 < length <= sample_end - at or data[at] & 0x80 or not data[at + length - 1]:
                return False
            at += length
        if at != sample_end:
            return False
    return True


def _description(index: bytes) -> Description:
    """The first sample entry's; active is the SPS, of the entry's profile and size, that the first picture used."""
    entries = find(index, *_STBL, b"stsd")
    entry = find(entries[8:], b"avc1") if entries is not None else None
    record = find(entry[_ENTRY_BYTES:], b"avcC") if entry is not None else None
    if entry is None or record is None:
        raise StreamError("the index of the file is damaged")
    sets, size = sets_of(bytes(record)), struct.unpack_from(">HH", entry, _ENTRY_SIZE_AT)
    for sps in map(parse_sps, sets.sps):
        profile = bytes((sps.profile_idc, sps.constraints, sps.level_idc))
        if profile == bytes(record[1:4]) and size == (sps.width, sps.height):
            return by_id(sets, sps.sps_id)
    return by_id(sets)


def _info(index: bytes) -> FileInfo:
    """What the file says about itself, as far as it does."""
    info = FileInfo(created_unix_s=0, title="")
    header = find(index, b"moov", b"mvhd")
    if header is not None and len(header) >= 12:
        (created,) = struct.unpack_from(">Q" if header[0] == 1 else ">I", header, 4)
        info = replace(info, created_unix_s=created - UNIX_EPOCH_IN_1904_S)
    meta = find(index, b"moov", b"udta", b"meta")
    title = find(meta[4:], b"ilst", b"\xa9nam", b"data") if meta is not None else None
    return info if title is None else replace(info, title=bytes(title[8:]).decode(errors="replace"))
