"""Recordings on disk, written as the muxer's caller writes them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ratcam.media.access_unit import is_idr
from ratcam.media.box_reader import find
from ratcam.media.mp4 import Mp4Recording, Patch
from ratcam.media.nal import FIRST_SLICES, nal_units
from ratcam.media.picture_order import PictureOrder
from ratcam.media.slice_header import ActiveSets, resets_picture_order, slice_header
from tests.media.players import Unit
from tests.media.splitter import AccessUnitSplitter

CREATED_UNIX_S = 1_700_000_000
START_90K = 123_456


def units_of(path: Path, *, step_90k: int = 3000) -> list[Unit]:
    """The access units of a raw stream, shown `step_90k` apart from `START_90K` on."""
    data = path.read_bytes()
    splitter = AccessUnitSplitter()
    units = [*splitter.feed(data), *splitter.finish()]
    return [
        Unit(pts_90k=START_90K + place * step_90k, is_key=is_idr(unit), data=unit)
        for unit, place in zip(units, _places_shown(units), strict=True)
    ]


def _places_shown(units: Iterable[bytes]) -> list[int]:
    """Which of the pictures is shown first, second and so on: the place of each."""
    sets, order, keys = ActiveSets(), PictureOrder(), list[tuple[int, int]]()
    for unit in units:
        nals = nal_units(unit)
        for nal in nals:
            sets.take(nal)
        first = next(nal for nal in nals if nal[0] & 0x1F in FIRST_SLICES)
        header = slice_header(first, sets)
        keys.append(order.key(header, sets.of(header.pps_id)[0], resets=resets_picture_order(first, sets)))
    places = {key: place for place, key in enumerate(sorted(keys))}
    return [places[key] for key in keys]


def gops(units: Iterable[Unit]) -> list[list[Unit]]:
    found: list[list[Unit]] = []
    for unit in units:
        if unit.is_key:
            found.append([])
        found[-1].append(unit)
    return found


def begin(first: Unit, *, expected_frames: int = 1800) -> Mp4Recording:
    return Mp4Recording(
        first=first.data, created_unix_s=CREATED_UNIX_S, title="Kitchen ☕", expected_frames=expected_frames
    )


def unfinished(units: Sequence[Unit], *, expected_frames: int = 1800) -> tuple[Mp4Recording, bytes]:
    """A recording of whole GOPs, and what its file holds before it is finished."""
    recording = begin(units[0], expected_frames=expected_frames)
    content = bytearray(recording.header())
    for gop in gops(units):
        for buffer in recording.append(gop):
            content += buffer
    assert recording.size_bytes == len(content)
    return recording, bytes(content)


def patched(content: bytes, patches: Iterable[Patch]) -> bytes:
    result = bytearray(content)
    for patch in patches:
        assert patch.offset <= len(result)
        result[patch.offset : patch.offset + len(patch.data)] = patch.data
    return bytes(result)


def saved(folder: Path, content: bytes, name: str = "clip.mp4") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def top_boxes(content: bytes) -> list[tuple[str, int]]:
    """(type, size) of the boxes of a file; it must be made of whole boxes."""
    found: list[tuple[str, int]] = []
    at = 0
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8].decode()
        assert size >= 8
        assert at + size <= len(content)
        found.append((kind, size))
        at += size
    return found


def moov_of(content: bytes) -> memoryview:
    """The content of the moov box of a whole file."""
    found = find(content, b"moov")
    assert found is not None
    return memoryview(found)
