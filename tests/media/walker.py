"""A demuxer of the tests' own: what an MP4 file says its samples are, read without any of Ratcam's code."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Place = tuple[bytes, int, int]
"""Type of a box, and where its content begins and ends."""
_CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf", b"mvex", b"edts"}


@dataclass(frozen=True, slots=True)
class ReadSample:
    """A sample as a player sees it; times in ticks of the track, after the edit list."""

    nals: tuple[bytes, ...]
    decoded: int
    shown: int
    is_key: bool


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a file holds."""

    samples: tuple[ReadSample, ...]
    duration: int
    """Of the media header; 0 in a file that is still growing."""
    sets: tuple[bytes, ...]
    """Parameter sets of the first sample entry."""


def boxes(content: bytes, begin: int = 0, end: int | None = None) -> Iterator[Place]:
    """The boxes in a part of a file; they must fill it exactly."""
    end = len(content) if end is None else end
    while begin < end:
        size, kind = struct.unpack_from(">I4s", content, begin)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", content, begin + 8)
            head = 16
        assert head <= size <= end - begin, (kind, size, begin, end)
        yield kind, begin + head, begin + size
        begin += size


def read_file(content: bytes) -> ReadFile:
    """Read a progressive or fragmented file with one H.264 track."""
    top = list(boxes(content))
    (moov,) = [place for place in top if place[0] == b"moov"]
    tree = dict(_tree(content, moov))
    sets = _sets(content, tree[b"stsd"])
    shift = _edit(content, tree.get(b"elst"))
    version = content[tree[b"mdhd"][1]]
    (duration,) = struct.unpack_from(">Q" if version else ">I", content, tree[b"mdhd"][1] + (24 if version else 16))
    if b"mvex" in tree:
        samples = [sample for place in top if place[0] == b"moof" for sample in _fragment(content, place)]
        assert _count(content, tree[b"stsz"], 8) == 0
    else:
        samples = list(_table(content, tree, duration))
    read = tuple(ReadSample(_nals(data), decoded, shown - shift, is_key) for data, decoded, shown, is_key in samples)
    return ReadFile(read, duration, sets)


def _tree(content: bytes, place: Place) -> Iterator[tuple[bytes, Place]]:
    for inner in boxes(content, place[1], place[2]):
        yield inner[0], inner
        if inner[0] in _CONTAINERS:
            yield from _tree(content, inner)


def _count(content: bytes, place: Place, at: int) -> int:
    return struct.unpack_from(">I", content, place[1] + at)[0]


def _rows(content: bytes, place: Place, form: str) -> list[tuple[int, ...]]:
    size = struct.calcsize(">" + form) * _count(content, place, 4)
    assert place[1] + 8 + size == place[2]
    return list(struct.iter_unpack(">" + form, content[place[1] + 8 : place[2]]))


def _edit(content: bytes, place: Place | None) -> int:
    if place is None:
        return 0
    is_long = content[place[1]] == 1
    ((_, media_time, rate, fraction),) = _rows(content, place, "QqHH" if is_long else "IiHH")
    assert (rate, fraction) == (1, 0)
    return media_time


def _table(content: bytes, tree: dict[bytes, Place], duration: int) -> Iterator[tuple[bytes, int, int, bool]]:
    count = _count(content, tree[b"stsz"], 8)
    assert _count(content, tree[b"stsz"], 4) == 0
    sizes = struct.unpack_from(f">{count}I", content, tree[b"stsz"][1] + 12)
    steps = [step for number, step in _rows(content, tree[b"stts"], "II") for _ in range(number)]
    shifts = (
        [shift for number, shift in _rows(content, tree[b"ctts"], "II") for _ in range(number)]
        if b"ctts" in tree
        else [0] * count
    )
    keys = {row[0] for row in _rows(content, tree[b"stss"], "I")} if b"stss" in tree else set(range(1, count + 1))
    assert count == len(steps) == len(shifts)
    assert sum(steps) == duration
    assert not keys or max(keys) <= count
    offsets = _rows(content, tree[b"co64"], "Q") if b"co64" in tree else _rows(content, tree[b"stco"], "I")
    chunks = _rows(content, tree[b"stsc"], "III")
    time = number = 0
    for chunk, (begin,) in enumerate(offsets, start=1):
        at = begin
        many = next(row[1] for row in reversed(chunks) if row[0] <= chunk)
        for _ in range(many):
            data = content[at : at + sizes[number]]
            yield data, time, time + shifts[number], number + 1 in keys
            at += sizes[number]
            time += steps[number]
            number += 1
    assert number == count


def _fragment(content: bytes, moof: Place) -> Iterator[tuple[bytes, int, int, bool]]:
    tree = dict(_tree(content, moof))
    start = moof[1] - 8
    (time,) = struct.unpack_from(">Q", content, tree[b"tfdt"][1] + 4)
    flags = struct.unpack_from(">I", content, tree[b"trun"][1])[0] & 0xFF_FFFF
    count, offset, first = struct.unpack_from(">IiI", content, tree[b"trun"][1] + 4)
    form = ">IIi" if flags & 0x800 else ">II"
    at = start + offset
    for number, row in enumerate(struct.iter_unpack(form, content[tree[b"trun"][1] + 16 : tree[b"trun"][2]])):
        shift = row[2] if len(row) == 3 else 0
        yield content[at : at + row[1]], time, time + shift, number == 0 and first == 0x0200_0000
        at += row[1]
        time += row[0]
        count -= 1
    assert count == 0


def _nals(data: bytes) -> tuple[bytes, ...]:
    found: list[bytes] = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(data)
    return tuple(found)


def _sets(content: bytes, stsd: Place) -> tuple[bytes, ...]:
    entry = next(boxes(content, stsd[1] + 8, stsd[2]))
    assert entry[0] == b"avc1"
    at = next(place[1] for place in boxes(content, entry[1] + 78, entry[2]) if place[0] == b"avcC") + 5
    found: list[bytes] = []
    for mask in (0x1F, 0xFF):
        count = content[at] & mask
        at += 1
        for _ in range(count):
            size = int.from_bytes(content[at : at + 2], "big")
            found.append(content[at + 2 : at + 2 + size])
            at += 2 + size
    return tuple(found)
