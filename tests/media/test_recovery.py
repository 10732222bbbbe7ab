import random
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ratcam.media.errors import StreamError
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import Recovery, recover
from tests.media.players import Unit, complaints, hashes_of_mp4, hashes_of_raw, needs_ffmpeg, needs_ffprobe, packets
from tests.media.recordings import CREATED_UNIX_S, begin, gops, patched, saved, top_boxes, unfinished, units_of
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


@pytest.mark.parametrize("missing", [1, 2, 7, 100, 511, 600])
def test_a_last_page_that_is_missing_is_seen_however_few_bytes_it_holds(missing: int) -> None:
    end = LARGE_ENDS[5]
    while LARGE_CONTENT[end - 1] == 0:  # behind the last NAL unit
        end -= 1
    found, _ = recovered(LARGE_CONTENT[: end - missing] + bytes(LARGE_ENDS[5] - end + missing))
    assert (found.frames, found.truncate_to) == (30, LARGE_ENDS[4])


def test_a_unit_that_is_none_is_damage() -> None:
    content = bytearray(LARGE_CONTENT)
    at = content.rindex(b"mdat") + 8  # the first byte behind the length of the first unit
    content[at] |= 0x80
    assert recovered(bytes(content))[0].frames == 54


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


def test_the_duration_of_a_finished_file_of_others_is_told_in_our_ticks() -> None:
    recording, content = unfinished(MADE)
    finished = bytearray(patched(content, recording.finish(None)))
    scale = finished.index(b"mdhd") + 16
    assert finished[scale : scale + 4] == (90_000).to_bytes(4, "big")
    finished[scale : scale + 4] = (15_000).to_bytes(4, "big")
    assert recovered(bytes(finished))[0].duration_90k == 6 * recording.duration_90k


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


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("created_unix_s", [CREATED_UNIX_S, 1 << 33], ids=["short times", "long times"])
def test_a_recovered_recording_is_turned_as_it_was(rotation: int, created_unix_s: int) -> None:
    recording = Mp4Recording(first=MADE[0].data, created_unix_s=created_unix_s, title="x", rotation=rotation)
    content = recording.header() + b"".join(recording.append(MADE))
    found, mended = recovered(content)
    assert mended == patched(content, recording.finish(None))
    again, _ = recovered(mended)
    for result in (found, again):
        assert (result.width, result.height) == (recording.width, recording.height)
        assert (result.width > result.height) == (rotation in (0, 180))


def test_a_gop_that_was_written_in_pieces_keeps_the_pieces_before_a_cut_or_a_hole() -> None:
    units = [
        Unit(pts_90k=unit.pts_90k, is_key=unit.is_key, data=unit.data + b"\0\0\1\6" + b"\x55" * 2000)
        for unit in made_units(60, gop=60)
    ]
    recording = begin(units[0])
    content = recording.header()
    ends = [len(content)]
    for start in range(0, 60, 10):
        content += b"".join(recording.append(units[start : start + 10]))
        ends.append(len(content))
    assert recovered(content)[1] == patched(content, recording.finish(None))
    for number in range(1, 7):
        whole = 10 * (number - 1)
        if not whole:
            continue
        cut, _ = recovered(content[: ends[number] - 1])
        at = (ends[number - 1] + 8192) // 4096 * 4096
        holed, _ = recovered(content[:at] + bytes(4096) + content[at + 4096 : ends[number]])
        assert (cut.frames, cut.truncate_to) == (holed.frames, holed.truncate_to) == (whole, ends[number - 1])


def test_a_finished_file_with_something_behind_it_is_left_alone() -> None:
    recording, content = unfinished(MADE)
    finished = patched(content, recording.finish(None))
    for more in (b"\0", b"junk", bytes(5000), b"\0\0\0\x10uuid" + bytes(8)):
        found, same = recovered(finished + more)
        assert (found.frames, found.patches) == (60, ())
        assert same == finished + more


def test_a_file_without_fragments_that_was_cut_short_is_refused_as_that() -> None:
    recording, content = unfinished(MADE)
    finished = patched(content, recording.finish(None))
    boxes = dict(top_boxes(finished))
    at = finished.index(b"moov") - 4
    plain = finished[:36] + finished[at : at + boxes["moov"]] + b"\0\1\0\0mdat" + bytes(0xFFF8)
    assert recover(reader(plain), len(plain)).frames == 60
    with pytest.raises(StreamError, match="finished once and has been cut short"):
        recovered(plain[:-1])
    with pytest.raises(StreamError, match="finished once and has been cut short"):
        recovered(finished[: at + boxes["moov"] + 4])


def test_rows_of_empty_boxes_end_the_search() -> None:
    empty = b"\0\0\0\x08free" * 100_000
    reads = 0

    def counting(content: bytes) -> Callable[[int, int], bytes]:
        def read(offset: int, length: int) -> bytes:
            nonlocal reads
            reads += 1
            return content[offset : offset + length]

        return read

    with pytest.raises(StreamError, match="nothing of it can be played"):
        recover(counting(empty), len(empty))
    assert recover(counting(CONTENT + empty), len(CONTENT + empty)).truncate_to == len(CONTENT)
    assert reads < 300


def test_of_a_minute_less_than_a_hundredth_is_read_beside_the_last_gop() -> None:
    """60 s of 30 MB; the last GOP is half a megabyte."""
    size = 30_000_000 // 1800 - 20
    filling = b"\0\0\1\6" + b"\x55" * size
    minute = [
        Unit(pts_90k=unit.pts_90k, is_key=unit.is_key, data=unit.data + filling) for unit in made_units(1800, gop=30)
    ]
    recording, content = unfinished(minute)
    last = len(content) - len(unfinished(minute[:-30])[1])
    assert 29_000_000 < len(content) < 31_000_000
    for file in (content, patched(content, recording.finish(None))):
        read = 0

        def counting(offset: int, length: int, file: bytes = file) -> bytes:
            nonlocal read
            part = file[offset : offset + length]
            read += len(part)
            return part

        found = recover(counting, len(file))
        assert (found.frames, bool(found.patches)) == (1800, file is content)
        assert read - last < len(content) / 100


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
