"""What goes into a recording comes out of its file: NAL units, times, key pictures; and how much room that takes."""

import os
import random
import struct
import tracemalloc
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.box_reader import find
from ratcam.media.errors import StreamError
from ratcam.media.fragments import MAX_SAMPLES, fragment_header
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.sample_tables import SampleIndex
from tests.media.players import Unit, complaints, hashes_of_mp4, hashes_of_raw, needs_ffmpeg, needs_ffprobe, packets
from tests.media.recordings import (
    begin,
    gops,
    moov_of,
    patched,
    saved,
    top_boxes,
    units_of,
)
from tests.media.walker import ReadSample, read_file
from tests.media.written import annex_b, escaped, made_pps, made_slice, made_sps

SETS = annex_b(made_sps(), made_pps())
KEY = SETS + annex_b(made_slice(idr=True))
OTHER = annex_b(made_slice(frame_num=1))
DROPPED_TYPES = (9, 10, 11, 12, 13, 15)
JITTERED = int(os.environ.get("RATCAM_TESTS_FRAMES", "100000"))
"""How many pictures with uneven times; a million for the long form."""


def written(pieces: Sequence[Sequence[Unit]], **options: int) -> tuple[Mp4Recording, bytes]:
    """A recording that was appended in these pieces, and its unfinished file."""
    recording = Mp4Recording(first=pieces[0][0].data, created_unix_s=0, title="", **options)
    content = recording.header() + b"".join(buffer for piece in pieces for buffer in recording.append(piece))
    assert recording.size_bytes == len(content)
    return recording, content


def cut(units: Sequence[Unit], sizes: Sequence[int]) -> list[Sequence[Unit]]:
    """The units in pieces of these sizes, again and again."""
    pieces: list[Sequence[Unit]] = []
    at = 0
    while at < len(units):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(units[at : at + size])
        at += size
    return pieces


def jittered(count: int, *, gop: int = 30, seed: int = 1) -> list[Unit]:
    """Pictures at 30 a second whose capture times jitter, and some of which were dropped."""
    chance = random.Random(seed)
    times = accumulate(chance.choice((3000, 3000, 3000, 6000, 93_000)) for _ in range(count))
    return [
        Unit(pts_90k=time + chance.randint(-1400, 1400), is_key=number % gop == 0, data=OTHER if number % gop else KEY)
        for number, time in enumerate(times)
    ]


NAL = st.tuples(
    st.sampled_from((1, 5, 6, 6, 14, 21, *DROPPED_TYPES)), st.binary(max_size=40), st.sampled_from((1, 0x80, 0xFF))
).map(lambda parts: bytes([0x60 | parts[0]]) + escaped(parts[1] + bytes([parts[2]])))
START = st.sampled_from((b"\0\0\1", b"\0\0\0\1"))
AROUND = st.integers(0, 3).map(bytes)


@st.composite
def access_units(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """An access unit in any form that the byte stream format allows, and what its sample must carry."""
    nals = draw(st.lists(NAL, min_size=1, max_size=5))
    data = b"".join(draw(AROUND) + draw(START) + nal for nal in nals) + draw(AROUND)
    kept = [nal for nal in nals if nal[0] & 0x1F not in DROPPED_TYPES]
    return data, kept if any(nal[0] & 0x1F in (1, 5) for nal in nals) else []


@given(
    st.lists(access_units(), max_size=25),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.lists(st.integers(1, 20_000), min_size=26, max_size=26),
    st.sets(st.integers(1, 25), max_size=4),
)
def test_what_is_appended_is_what_a_player_finds(
    pictures: list[tuple[bytes, list[bytes]]], sizes: list[int], steps: list[int], keys: set[int]
) -> None:
    first = (b"\0" + SETS + b"\0\0\1" + made_slice(idr=True) + b"\0\0", [made_slice(idr=True)])
    pictures = [first, *pictures]
    times = [*accumulate(steps, initial=77)]
    units = [
        Unit(pts_90k=times[number], is_key=number in {0, *keys}, data=data) for number, (data, _) in enumerate(pictures)
    ]
    recording, content = written(cut(units, sizes))
    expected = tuple(
        ReadSample(tuple(kept), times[number] - 77, times[number] - 77, number in {0, *keys})
        for number, (_, kept) in enumerate(pictures)
        if kept
    )
    assert read_file(content).samples == expected
    assert read_file(patched(content, recording.finish(None))).samples == expected
    assert (recording.frames, recording.ignored) == (len(expected), len(pictures) - len(expected))
    assert recording.repaired == 0


@given(st.binary(max_size=300), st.lists(st.integers(0, 1), max_size=5))
def test_any_bytes_are_taken_or_ignored(data: bytes, zeros: list[int]) -> None:
    first = Unit(pts_90k=0, is_key=True, data=KEY)
    other = Unit(pts_90k=3000, is_key=False, data=bytes(zeros) + b"\0\0\1" + data)
    recording, content = written([[first], [other]])
    assert recording.frames + recording.ignored == 2
    assert read_file(content).samples == read_file(patched(content, recording.finish(None))).samples
    assert all(sample.nals and all(sample.nals) for sample in read_file(content).samples)


@given(
    st.lists(
        st.lists(st.sampled_from((made_sps(), made_pps(), made_pps(pps_id=1), made_sps(sps_id=1))), max_size=4),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 1 << 30),
)
def test_damaged_parameter_sets_are_refused_at_the_start_and_kept_later(sets: list[list[bytes]], seed: int) -> None:
    chance = random.Random(seed)
    units: list[Unit] = []
    for number, nals in enumerate(sets):
        damaged = [_damaged(nal, chance) for nal in nals]
        data = annex_b(made_sps(), made_pps(), *damaged, made_slice(idr=True))
        units.append(Unit(pts_90k=3000 * number, is_key=True, data=data))
    try:
        recording = begin(units[0])
    except StreamError:
        return
    content = recording.header() + b"".join(recording.append(units))
    assert len(read_file(patched(content, recording.finish(None))).samples) == len(sets)


def _damaged(nal: bytes, chance: random.Random) -> bytes:
    """With bits turned over or the end cut off, but of its type and without zeros that would make it something else."""
    body = bytearray(nal[1:])
    for _ in range(chance.randrange(3)):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return nal[:1] + escaped(bytes(body[: chance.randint(1, len(body))]) + b"\x80")


@pytest.mark.parametrize("pieces", [(1,), (2,), (5, 1, 3), (29, 1), (31,), (7, 40)])
@needs_ffmpeg
@needs_ffprobe
@pytest.mark.parametrize("name", ["high", "reordered", "open_gop"])
def test_a_stream_may_be_appended_in_pieces_of_any_size(
    name: str, pieces: tuple[int, ...], x264_streams: dict[str, Path], tmp_path: Path
) -> None:
    units = units_of(x264_streams[name])
    recording, content = written(cut(units, pieces))
    assert recording.repaired == 0
    start = min(unit.pts_90k for unit in units)
    found = read_file(patched(content, recording.finish(None))).samples
    assert [sample.shown for sample in found] == [unit.pts_90k - start for unit in units]
    assert [sample.is_key for sample in found] == [unit.is_key for unit in units]
    assert [sample.shown for sample in read_file(content).samples] == [unit.pts_90k - start for unit in units]
    assert all(sooner.decoded < later.decoded for sooner, later in pairwise(found))
    expected = hashes_of_raw(x264_streams[name])
    for path in (saved(tmp_path, content, "growing.mp4"), saved(tmp_path, patched(content, recording.finish(None)))):
        assert hashes_of_mp4(path) == expected
        assert complaints(path) == ""
    rows = packets(path)
    assert [shown for shown, _, _ in rows] == [unit.pts_90k - start for unit in units]
    assert all(decoded <= shown for shown, decoded, _ in rows)
    assert all(sooner[1] < later[1] for sooner, later in pairwise(rows))


def test_a_gop_longer_than_a_fragment_keeps_its_one_key_and_all_times() -> None:
    for reorders in (False, True):
        sets = annex_b(made_sps(profile=100 if reorders else 66), made_pps())
        places = [number + (number % 3 == 1) - (number % 3 == 2) if reorders else number for number in range(700)]
        units = [
            Unit(
                pts_90k=3000 * place,
                is_key=not place,
                data=OTHER if place else sets + annex_b(made_slice(idr=True)),
            )
            for place in places
        ]
        recording, content = written([units])
        found = read_file(patched(content, recording.finish(None))).samples
        assert [sample.shown for sample in found] == [3000 * place for place in places]
        assert [sample.shown for sample in read_file(content).samples] == [3000 * place for place in places]
        assert [sample.decoded for sample in found] == [3000 * number for number in range(700)]
        assert [sample.is_key for sample in found] == [True] + [False] * 699
        assert [kind for kind, _ in top_boxes(content)].count("moof") == -(-700 // MAX_SAMPLES)


def test_uneven_and_dropped_times_are_kept_to_the_tick_without_drift() -> None:
    units = jittered(JITTERED)
    recording, content = written(gops(units), expected_frames=JITTERED, gop_frames=30)
    start, end = units[0].pts_90k, units[-1].pts_90k + 1234
    finished = patched(content, recording.finish(end))
    # `read_file` has compared the sum of stts with the duration in mdhd.
    file = read_file(finished)
    found = file.samples
    assert found[0].shown == 0
    assert max(abs(sample.shown - unit.pts_90k + start) for sample, unit in zip(found, units, strict=True)) <= 1
    assert found[-1].shown == units[-1].pts_90k - start
    assert file.duration == end - start
    assert (recording.repaired, recording.duration_90k) == (0, end - start)


@pytest.mark.parametrize("reorders", [False, True])
def test_the_index_of_a_minute_is_small_and_in_front(*, reorders: bool) -> None:
    units = jittered(1800)
    if reorders:
        key = annex_b(made_sps(profile=100), made_pps(), made_slice(idr=True))
        chance = random.Random(2)
        units = [
            Unit(pts_90k=unit.pts_90k + chance.randint(0, 9000), is_key=unit.is_key, data=key if unit.is_key else OTHER)
            for unit in units
        ]
    recording, content = written(gops(units), expected_frames=1800, gop_frames=30)
    patches = recording.finish(None)
    assert len(patches) == 2
    assert sum(len(patch.data) for patch in patches) == recording.reserve_bytes - 7
    assert recording.reserve_bytes < 40_000
    boxes = top_boxes(patched(content, patches))
    assert [kind for kind, _ in boxes] == ["ftyp", "free", "moov", "free", "mdat"]
    size = dict(boxes)["moov"]
    assert size > 1800 * 12
    assert reorders or size <= 24_000
    assert sum(size for _, size in boxes[:4]) < 1 << 16


def test_the_index_takes_at_most_sixteen_bytes_of_memory_a_sample() -> None:
    index = SampleIndex()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(0, 90_000, 30):
            times = range(3000 * number, 3000 * (number + 30), 3000)
            index.add_run(1000 * number, [1000] * 30, times, [3000, *[0] * 29], starts_with_key=True)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before <= 16 * 90_000


@pytest.mark.parametrize(("rotation", "size"), [(0, (64, 48)), (90, (48, 64)), (180, (64, 48)), (270, (48, 64))])
def test_a_rotation_is_passed_on_and_turns_the_size_that_people_see(rotation: int, size: tuple[int, int]) -> None:
    unit = Unit(pts_90k=0, is_key=True, data=KEY)
    recording, content = written([[unit]], rotation=rotation)
    assert (recording.width, recording.height) == size
    for state in (content, patched(content, recording.finish(None))):
        header = find(moov_of(state), b"trak", b"tkhd")
        assert header is not None
        a, b, _, c, d = struct.unpack_from(">5i", header, 40)
        one = 0x1_0000
        assert (a, b, c, d) == {
            0: (one, 0, 0, one),
            90: (0, one, -one, 0),
            180: (-one, 0, 0, -one),
            270: (0, -one, one, 0),
        }[rotation]
        assert struct.unpack_from(">II", header, 76) == (64 << 16, 48 << 16)


def test_pictures_can_be_turned_by_quarters_only() -> None:
    with pytest.raises(ValueError, match="not by 45"):
        written([[Unit(pts_90k=0, is_key=True, data=KEY)]], rotation=45)


def test_nothing_of_a_usual_unit_is_copied() -> None:
    data = OTHER + b"\x55" * 5000
    recording = begin(Unit(pts_90k=0, is_key=True, data=KEY))
    buffers = recording.append([Unit(pts_90k=0, is_key=True, data=KEY), Unit(pts_90k=9, is_key=False, data=data)])
    views = [buffer for buffer in buffers if isinstance(buffer, memoryview)]
    assert [len(view) for view in views] == [len(made_slice(idr=True)), len(data) - 4]
    assert views[1].obj is data


def test_a_fragment_of_four_gigabytes_is_refused() -> None:
    most = (1 << 32) - 1 - 8
    header = fragment_header(1, [most], 0, [3000], None, starts_with_key=True, payload=most)
    assert header.endswith(b"\xff\xff\xff\xffmdat")
    with pytest.raises(StreamError, match="4 GB"):
        fragment_header(1, [most], 0, [3000], None, starts_with_key=True, payload=most + 1)
