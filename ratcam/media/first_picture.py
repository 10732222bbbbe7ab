"""The first picture of an MP4 file that `Mp4Recording` wrote, finished or not, and how it is to be turned."""

import struct

from ratcam.media.access_unit import START
from ratcam.media.avc_config import sets_of
from ratcam.media.box_reader import BoxPlace, Read, box_at, find
from ratcam.media.errors import StreamError
from ratcam.media.index import MAX_INDEX_BYTES, avc_entry, table, turned_by
from ratcam.media.samples import LENGTH_BYTES
from ratcam.media.value import Value

MAX_PICTURE_BYTES = 64 << 20
"""Above any picture; a larger one is damage, and is not read into memory."""
_TRUN_SIZE, _TRUN_DURATION, _TRUN_FIRST_FLAGS = 0x200, 0x100, 4


class FirstPicture(Value):
    """A file's first sample as an Annex B access unit that begins with the parameter sets of its sample entry."""

    data: bytes
    rotation: int
    """By how much a player turns it, in degrees clockwise: 0, 90, 180 or 270."""


def first_picture(read: Read, size: int) -> FirstPicture:
    """The first sample of the file's first track: that of the index, or of the first fragment while it has none.

    Args:
        read: read(offset, length) gives that part of the file.
        size: the file's size in bytes.

    Raises:
        StreamError: there is none, or the file is damaged.
    """
    index: bytes | None = None
    at = 0
    try:
        while (place := box_at(read, at, size)) is not None:
            if place.kind == b"moov" and place.size <= MAX_INDEX_BYTES:
                index = read(place.offset, place.size)
                found = _in_index(index)
                if found is not None:
                    return _picture(read, size, index, *found)
            elif place.kind == b"moof" and index is not None and place.size <= MAX_INDEX_BYTES:
                return _picture(read, size, index, *_in_fragment(read(place.offset, place.size), place))
            at = place.end
    except (struct.error, IndexError) as exc:
        raise StreamError("the index of the file is damaged") from exc
    raise StreamError("the file has no picture")


def _in_index(index: bytes) -> tuple[int, int] | None:
    """Where the first sample lies and its size, by the tables stsz and stco or co64; None if they are empty."""
    sizes, narrow, wide = (table(index, kind) for kind in (b"stsz", b"stco", b"co64"))
    offsets = narrow if narrow is not None else wide
    if sizes is None or offsets is None:
        raise StreamError("the index of the file is damaged")
    default, count = struct.unpack_from(">II", sizes, 4)
    (chunks,) = struct.unpack_from(">I", offsets, 4)
    if not count or not chunks:
        return None
    (offset,) = struct.unpack_from(">Q" if narrow is None else ">I", offsets, 8)
    return offset, default or struct.unpack_from(">I", sizes, 12)[0]


def _in_fragment(moof: bytes, place: BoxPlace) -> tuple[int, int]:
    """The same of a fragment that `fragments.fragment_header` wrote."""
    run = find(moof, b"moof", b"traf", b"trun")
    if run is None:
        raise StreamError("the first fragment of the file is damaged")
    flags, _, data_offset = struct.unpack_from(">IIi", run)
    if flags & 1 == 0 or not flags & _TRUN_SIZE:
        raise StreamError("the first fragment of the file is damaged")
    at = 12 + (4 if flags & _TRUN_FIRST_FLAGS else 0) + (4 if flags & _TRUN_DURATION else 0)
    return place.offset + data_offset, struct.unpack_from(">I", run, at)[0]


def _picture(read: Read, size: int, index: bytes, offset: int, length: int) -> FirstPicture:
    if not 0 < length <= MAX_PICTURE_BYTES or not 0 <= offset <= size - length:
        raise StreamError("the first picture of the file is not there")
    entry = avc_entry(index)
    if entry is None:
        raise StreamError("the index of the file is damaged")
    _, record = entry
    sets = sets_of(record)
    units = [*sets.sps, *sets.pps, *_units(read(offset, length))]
    return FirstPicture(data=b"".join(START + unit for unit in units), rotation=turned_by(index))


def _units(sample: bytes) -> list[bytes]:
    """The NAL units of a sample, each behind its length (ISO/IEC 14496-15, 5.3.2)."""
    units: list[bytes] = []
    at = 0
    while at + LENGTH_BYTES <= len(sample):
        length = int.from_bytes(sample[at : at + LENGTH_BYTES], "big")
        at += LENGTH_BYTES
        if not 0 < length <= len(sample) - at:
            break
        units.append(sample[at : at + length])
        at += length
    if at != len(sample) or not units:
        raise StreamError("the first picture of the file is damaged")
    return units
