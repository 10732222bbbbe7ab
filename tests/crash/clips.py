"""What the crash tests write, how they recover it, and how they judge what they got."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ratcam.media.errors import StreamError
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import Recovery, recover
from ratcam.media.ring import TimedUnit
from ratcam.messages import CameraId, ClipCause, ClipId, EventId, RunId, Segment
from ratcam.ports import ClipFiles, SpoolFile
from tests.media.walker import read_file

CAMERA = CameraId("kitchen")
SEGMENT = Segment(
    camera=CAMERA,
    run_id=RunId(1),
    clip_id=ClipId("c1"),
    part=1,
    cause=ClipCause(event_id=EventId("e1")),
    started_unix_s=1_800_000_000.0,
)
_START_CODE = re.compile(b"\0*\0\0\1")
_NOT_IN_SAMPLES = (7, 8, 9, 12)


class Unit(NamedTuple):
    """An access unit in a process that has no encoder; satisfies `ratcam.media.ring.TimedUnit`."""

    pts_90k: int
    is_key: bool
    data: bytes


def gops_of(units: Sequence[TimedUnit]) -> list[Sequence[TimedUnit]]:
    """Units from each key unit up to the next."""
    keys = [number for number, unit in enumerate(units) if unit.is_key]
    return [units[begin:end] for begin, end in pairwise([*keys, len(units)])]


def part(number: int) -> Segment:
    return replace(SEGMENT, part=number, started_unix_s=SEGMENT.started_unix_s + number)


def save_units(units: Sequence[TimedUnit], path: Path) -> None:
    """For `load_units` in a process that has no encoder."""
    index = [(unit.pts_90k, unit.is_key, len(unit.data)) for unit in units]
    path.write_bytes(json.dumps(index).encode() + b"\n" + b"".join(unit.data for unit in units))


def load_units(path: Path) -> list[Unit]:
    index, _, data = path.read_bytes().partition(b"\n")
    units: list[Unit] = []
    at = 0
    for pts, is_key, size in json.loads(index):
        units.append(Unit(pts, is_key, data[at : at + size]))
        at += size
    return units


def begin(first: TimedUnit, *, frames: int) -> Mp4Recording:
    return Mp4Recording(first=first.data, created_unix_s=1_800_000_000, title="kitchen", expected_frames=frames)


def write_clip(
    files: ClipFiles,
    segment: Segment,
    gops: Sequence[Sequence[TimedUnit]],
    step: Callable[[str], None] = lambda _: None,
) -> str:
    """Write a clip as the muxer does; tells each step before it, and "end" when all of them are done."""
    step("create")
    recording = begin(gops[0][0], frames=sum(map(len, gops)))
    spool = files.create(segment)
    step("header")
    spool.append([recording.header()])
    for gop in gops:
        step("gop")
        spool.append(recording.append(gop))
    step("index")
    *hidden, last = recording.finish(None)
    for patch in hidden:
        spool.patch(patch.offset, patch.data)
    step("commit")
    spool.patch(last.offset, last.data)
    step("rename")
    path, _ = spool.commit()
    step("end")
    return path


def recover_spool(spool: SpoolFile, size: int) -> tuple[Recovery, str]:
    """As the muxer does at its start."""
    found = recover(spool.read, size)
    spool.truncate(found.truncate_to)
    for patch in found.patches:
        spool.patch(patch.offset, patch.data)
    return found, spool.commit()[0]


def recover_folder(files: ClipFiles) -> Iterator[tuple[Segment, Path | None]]:
    """Every recording in the folder, recovered; None for the path of one that nothing can be played of."""
    for segment, spool, size in files.leftovers():
        try:
            yield segment, Path(recover_spool(spool, size)[1])
        except StreamError:
            files.set_aside(spool)
            yield segment, None


def nals_of(unit: bytes) -> tuple[bytes, ...]:
    """The NAL units that a sample made of an access unit carries."""
    return tuple(nal for nal in _START_CODE.split(unit) if nal and nal[0] & 0x1F not in _NOT_IN_SAMPLES)


def pictures_in(content: bytes, units: Sequence[TimedUnit]) -> int:
    """How many pictures a file holds; fails unless they are the first of `units`, byte for byte, at their times."""
    samples = read_file(content).samples
    assert len(samples) <= len(units)
    for sample, unit in zip(samples, units, strict=False):
        assert sample.nals == nals_of(unit.data)
        assert sample.shown == unit.pts_90k - units[0].pts_90k
        assert sample.is_key == unit.is_key
    return len(samples)
