import random
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ratcam.media.errors import StreamError
from ratcam.media.recovery import Recovery, recover
from tests.media.players import Unit, complaints, hashes_of_mp4, hashes_of_raw, needs_ffmpeg, needs_ffprobe, packets
from tests.media.recordings import gops, patched, saved, top_boxes, unfinished, units_of
from tests.media.test_mp4 import made_units
from tests.media.written import annex_b, made_pps, made_slice, made_sps


def reader(content: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: content[offset : offset + length]


def recovered(content: bytes) -> tuple[Recovery, bytes]:
    found = recover(reader(content), len(content))
    return found, patched(content[: found.truncate_to], found.patches)


@needs_ffmpeg
@needs_ffprobe
@pytest.mark.parametrize("name", ["high", "reordered", "cropped", "slices"])
def test_a_recovered_recording_is_the_one_that_would_have_been_finished(
    name: str, x264_streams: dict[str, Path], tmp_path: Path
) -> None:
    recording, content = unfinished(units_of(x264_streams[name]))
    found, mended = recovered(content)
    assert mended == patched(content, recording.finish(None))
    path = saved(tmp_path, mended)
    assert hashes_of_mp4(path) == hashes_of_raw(x264_streams[name])
    assert complaints(path) == ""
    assert found.frames == len(packets(path))
    assert (found.duration_90k, found.width, found.height) == (
        recording.duration_90k,
        recording.width,
        recording.height,
    )


MADE = made_units(60, gop=6)
CONTENT = unfinished(MADE)[1]
ENDS = [len(unfinished(MADE[: 6 * count])[1]) for count in range(1, 11)]
HEAD = len(unfinished(MADE[:1])[0].header())


@settings(max_examples=300)
@given(st.integers(0, len(CONTENT)))
@example(HEAD)
@example(ENDS[0])
@example(len(CONTENT) - 1)
@example(len(CONTENT))
def test_a_recording_cut_off_anywhere_loses_at_most_the_gop_that_was_being_written(size: int) -> None:
    whole = sum(end <= size for end in ENDS)
    if not whole:
        with pytest.raises(StreamError):
            recovered(CONTENT[:size])
        return
    found, mended = recovered(CONTENT[:size])
    assert found.frames == 6 * whole
    assert found.truncate_to == ENDS[whole - 1] if size != len(CONTENT) else len(CONTENT)
    assert [kind for kind, _ in top_boxes(mended)] == ["ftyp", "free", "moov", "free", "mdat"]


@needs_ffmpeg
def test_a_cut_off_recording_plays_after_recovery(x264_streams: dict[str, Path], tmp_path: Path) -> None:
    stream = x264_streams["reordered"]
    units = units_of(stream)
    lengths = [len(gop) for gop in gops(units)]
    assert len(lengths) == 3
    content = unfinished(units)[1]
    first = len(unfinished(units[: lengths[0]])[1])
    expected = hashes_of_raw(stream)
    for size in range(first, len(content), (len(content) - first) // 12):
        found, mended = recovered(content[:size])
        path = saved(tmp_path, mended)
        assert hashes_of_mp4(path) == expected[: found.frames]
        assert complaints(path) == ""
        assert found.frames in (lengths[0], lengths[0] + lengths[1], sum(lengths))


@pytest.mark.parametrize("zeros", [1, 7, 8, 16, 4096, 10_000])
def test_zeros_behind_the_last_fragment_are_cut_off(zeros: int) -> None:
    found, _ = recovered(CONTENT + bytes(zeros))
    assert (found.truncate_to, found.frames) == (len(CONTENT), 60)


@needs_ffmpeg
def test_a_last_fragment_with_a_hole_is_dropped(x264_streams: dict[str, Path]) -> None:
    units = units_of(x264_streams["cropped"])
    content = unfinished(units)[1]
    found, _ = recovered(content[:-6000] + bytes(5000) + content[-1000:])
    assert found.frames == 20


def test_a_finished_file_is_left_alone() -> None:
    recording, content = unfinished(MADE)
    finished = patched(content, recording.finish(None))
    found, same = recovered(finished)
    assert (found.patches, found.truncate_to, found.frames) == ((), len(finished), 60)
    assert found.duration_90k == recording.duration_90k
    assert same == finished
    again, _ = recovered(recovered(content)[1])
    assert again.patches == ()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_crash_while_finishing_with_the_index_at_the_end_is_mended(count: int) -> None:
    units = made_units(600, gop=1)
    recording, content = unfinished(units, expected_frames=0)
    patches = recording.finish(None)
    assert len(patches) == 3
    found, mended = recovered(patched(content, patches[:count]))
    assert found.frames == 600
    assert recover(reader(mended), len(mended)).patches == ()
    assert [kind for kind, _ in top_boxes(mended)] == ["ftyp", "free", "free", "mdat", "moov"]


def test_a_torn_first_patch_changes_nothing() -> None:
    recording, content = unfinished(MADE)
    patch = recording.finish(None)[0]
    for length in range(0, len(patch.data), 97):
        torn = content[: patch.offset] + patch.data[:length] + content[patch.offset + length :]
        assert recovered(torn)[1] == patched(content, recording.finish(None))


LARGE = [
    Unit(pts_90k=unit.pts_90k, is_key=unit.is_key, data=unit.data + b"\0\0\1\6" + b"\x55" * (number * 1009 % 3001))
    for number, unit in enumerate(MADE)
]
LARGE_CONTENT = unfinished(LARGE)[1]
LARGE_ENDS = [len(unfinished(LARGE[: 6 * count])[1]) for count in range(1, 11)]


@settings(max_examples=300)
@given(st.integers(1, 9), st.sets(st.integers(0, 10)))
def test_pages_that_never_reached_the_disk_cost_only_the_gop_that_was_being_written(gop: int, lost: set[int]) -> None:
    begin, end = LARGE_ENDS[gop - 1], LARGE_ENDS[gop]
    content = bytearray(LARGE_CONTENT[:end])
    for page in lost:
        start = max(begin, (begin // 4096 + page) * 4096)
        stop = min(end, (begin // 4096 + page + 1) * 4096)
        if start < stop:
            content[start:stop] = bytes(stop - start)
    found, mended = recovered(bytes(content))
    assert found.frames == (6 * (gop + 1) if content == LARGE_CONTENT[:end] else 6 * gop)
    assert recover(reader(mended), len(mended)).patches == ()


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, len(CONTENT)))
@example(b"\0\0\1", 27_560)
def test_damage_is_mended_or_refused(noise: bytes, at: int) -> None:
    content = CONTENT[:at] + noise + CONTENT[at + len(noise) :]
    try:
        found, _ = recovered(content)
    except StreamError:
        return
    assert 0 < found.frames <= 60


@given(st.binary(max_size=200))
def test_any_file_is_refused_with_a_reason(content: bytes) -> None:
    with pytest.raises(StreamError, match="nothing of it can be played"):
        recovered(content)


def test_a_hole_in_any_fragment_of_the_last_gop_cuts_it_there() -> None:
    units = [*made_units(12, gop=6), *made_units(700, gop=700)]
    units = [
        Unit(pts_90k=n * 3000, is_key=unit.is_key, data=unit.data + b"\0\0\1\6" + b"\x55" * 2000)
        for n, unit in enumerate(units)
    ]
    content = unfinished(units)[1]
    before = len(unfinished(units[:12])[1])
    starts = [match.start() for match in re.finditer(rb"moof", content[before:])]
    assert len(starts) == 3
    for number, start in enumerate(starts):
        at = (before + start + 200_000) // 4096 * 4096
        found, mended = recovered(content[:at] + bytes(4096) + content[at + 4096 :])
        assert found.frames == 12 + 300 * number
        assert recover(reader(mended), len(mended)).patches == ()


def test_a_hole_that_reaches_into_the_gop_before_the_last_costs_both() -> None:
    content = bytearray(LARGE_CONTENT)
    for gop in (8, 9):
        middle = (LARGE_ENDS[gop - 1] + LARGE_ENDS[gop]) // 2
        content[middle : middle + 600] = bytes(600)
    found, _ = recovered(bytes(content))
    assert (found.frames, found.truncate_to) == (48, LARGE_ENDS[7])


def test_a_damaged_file_is_refused_as_a_damaged_file() -> None:
    recording, content = unfinished(MADE)
    finished = patched(content, recording.finish(None))
    for name, whole in (("growing", content), ("finished", finished)):
        chance = random.Random(name)
        index = whole.index(b"moov") - 4
        for _ in range(1500):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(index, index + 1200) if chance.random() < 0.7 else chance.randrange(len(whole))
                damaged[at] = chance.choice((0, 1, 2, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            with suppress(StreamError):
                recovered(bytes(damaged))


def test_a_media_header_of_another_version_is_damage() -> None:
    recording, content = unfinished(MADE)
    finished = bytearray(patched(content, recording.finish(None)))
    finished[finished.index(b"mdhd") + 4] = 1
    with pytest.raises(StreamError, match="damaged"):
        recovered(bytes(finished))


def test_a_creation_time_beyond_all_calendars_does_not_stop_a_recovery() -> None:
    damaged = bytearray(CONTENT)
    damaged[damaged.index(b"mvhd") + 4] = 1
    found, mended = recovered(bytes(damaged))
    assert found.frames == 60
    assert recover(reader(mended), len(mended)).patches == ()


def test_a_recovered_recording_keeps_the_size_of_the_set_that_its_pictures_use() -> None:
    sets = annex_b(made_sps(), made_pps(), made_sps(sps_id=1, width_mbs=9), made_pps(pps_id=1, sps_id=1))
    unit = Unit(pts_90k=0, is_key=True, data=sets + annex_b(made_slice(idr=True, pps_id=1)))
    recording, content = unfinished([unit])
    found, mended = recovered(content)
    assert (found.width, found.height) == (recording.width, recording.height) == (144, 48)
    assert mended == patched(content, recording.finish(None))
    assert recover(reader(mended), len(mended)).width == 144


def test_only_the_headers_and_the_last_gop_are_read() -> None:
    big = [
        type(unit)(pts_90k=unit.pts_90k, is_key=unit.is_key, data=unit.data + b"\0\0\1\6" + b"\x55" * 50_000)
        for unit in MADE
    ]
    content = unfinished(big)[1]
    read = 0

    def counting(offset: int, length: int) -> bytes:
        nonlocal read
        part = content[offset : offset + length]
        read += len(part)
        return part

    recover(counting, len(content))
    assert read < len(content) / 9
