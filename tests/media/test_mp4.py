import random
from dataclasses import replace
from pathlib import Path

import pytest

from ratcam.media.boxes import media_data_header
from ratcam.media.errors import StreamError
from ratcam.media.mp4 import MAX_BUFFERS, PAGE_BYTES, Mp4Recording, reserve_size
from ratcam.media.sample_tables import SampleIndex
from tests.media.conftest import X264_STREAMS
from tests.media.players import (
    Unit,
    complaints,
    hashes_of_mp4,
    hashes_of_raw,
    needs_ffmpeg,
    needs_ffprobe,
    packets,
    stream_facts,
    without_parameter_sets,
)
from tests.media.recordings import (
    CREATED_UNIX_S,
    START_90K,
    begin,
    gops,
    patched,
    saved,
    top_boxes,
    unfinished,
    units_of,
)
from tests.media.written import annex_b, made_pps, made_slice, made_sps

SETS = annex_b(made_sps(), made_pps())


def made_units(count: int, *, gop: int = 5, step: int = 3000) -> list[Unit]:
    """Units that parse but do not decode."""
    return [
        Unit(
            pts_90k=number * step,
            is_key=number % gop == 0,
            data=SETS + annex_b(made_slice(idr=True)) if number % gop == 0 else annex_b(made_slice(frame_num=1)),
        )
        for number in range(count)
    ]


@needs_ffmpeg
@pytest.mark.parametrize("name", X264_STREAMS)
def test_a_finished_recording_decodes_to_the_pictures_of_the_stream(
    name: str, x264_streams: dict[str, Path], tmp_path: Path
) -> None:
    stream = x264_streams[name]
    units = units_of(stream)
    recording, content = unfinished(units)
    expected = hashes_of_raw(stream)
    growing = saved(tmp_path, content, "growing.mp4")
    assert hashes_of_mp4(growing) == expected
    assert complaints(growing) == ""
    finished = saved(tmp_path, patched(content, recording.finish(None)))
    assert hashes_of_mp4(finished) == expected
    assert complaints(finished) == ""
    assert hashes_of_mp4(without_parameter_sets(finished, tmp_path / "bare.mp4")) == expected
    assert [kind for kind, _ in top_boxes(finished.read_bytes())] == ["ftyp", "free", "moov", "free", "mdat"]
    assert recording.frames == len(units) == len(expected)
    assert recording.repaired == 0


@needs_ffmpeg
@needs_ffprobe
@pytest.mark.parametrize("name", ["high", "reordered", "slices"])
def test_every_picture_is_shown_when_it_was_captured(name: str, x264_streams: dict[str, Path], tmp_path: Path) -> None:
    units = units_of(x264_streams[name])
    jitter = random.Random(name)
    times = {time: time + jitter.randint(-900, 900) for time in sorted(unit.pts_90k for unit in units)}
    times[START_90K] = START_90K
    units = [Unit(pts_90k=times[unit.pts_90k], is_key=unit.is_key, data=unit.data) for unit in units]
    recording, content = unfinished(units)
    end = max(times.values()) + 4321
    finished = saved(tmp_path, patched(content, recording.finish(end)))
    for path in (finished, saved(tmp_path, content, "growing.mp4")):
        rows = packets(path)
        # Players move the times of a growing file that reorders by the same amount, so that none is decoded before 0.
        first = rows[0][0] if path.name == "growing.mp4" else 0
        assert [pts - first for pts, _, _ in rows] == [unit.pts_90k - START_90K for unit in units]
        assert [is_key for _, _, is_key in rows] == [unit.is_key for unit in units]
        assert all(decoded <= shown for shown, decoded, _ in rows)
    assert recording.duration_90k == end - START_90K
    facts = stream_facts(finished, "start_pts", "duration_ts", "time_base", "nb_frames")
    assert facts["start_pts"] == "0"
    assert facts["duration_ts"] == str(end - START_90K)
    assert facts["time_base"] == "1/90000"
    assert facts["nb_frames"] == str(len(units))


@needs_ffmpeg
@needs_ffprobe
def test_a_file_says_what_it_is(x264_streams: dict[str, Path], tmp_path: Path) -> None:
    recording, content = unfinished(units_of(x264_streams["cropped"]))
    finished = saved(tmp_path, patched(content, recording.finish(None)))
    facts = stream_facts(finished, "codec_tag_string", "width", "height", "color_space", "sample_aspect_ratio")
    assert (facts["codec_tag_string"], facts["width"], facts["height"]) == ("avc1", "1640", "922")
    assert (recording.width, recording.height) == (1640, 922)
    assert (facts["color_space"], facts["sample_aspect_ratio"]) == ("bt709", "1:1")
    assert facts["TAG:title"] == "Kitchen ☕"
    assert facts["TAG:creation_time"].startswith("2023-11-14T22:13:20")
    assert CREATED_UNIX_S == 1_700_000_000


@needs_ffmpeg
@pytest.mark.parametrize("name", ["high", "reordered"])
def test_every_state_while_finishing_is_playable(name: str, x264_streams: dict[str, Path], tmp_path: Path) -> None:
    recording, content = unfinished(units_of(x264_streams[name]))
    patches = recording.finish(None)
    assert [len(patch.data) for patch in patches[1:]] == [1]
    expected = hashes_of_raw(x264_streams[name])
    half = patches[0].data[: len(patches[0].data) // 2]
    torn = content[: patches[0].offset] + half + content[patches[0].offset + len(half) :]
    for state in (torn, patched(content, patches[:1])):
        path = saved(tmp_path, state)
        assert hashes_of_mp4(path) == expected
        assert complaints(path) == ""


@needs_ffmpeg
def test_an_index_that_outgrows_its_room_goes_to_the_end(x264_streams: dict[str, Path], tmp_path: Path) -> None:
    units = units_of(x264_streams["reordered"], step_90k=3000)
    irregular = [
        Unit(pts_90k=unit.pts_90k + (unit.pts_90k // 3000 % 7) * 11, is_key=unit.is_key, data=unit.data)
        for unit in units * 1
    ]
    recording = begin(irregular[0], expected_frames=0)
    content = bytearray(recording.header())
    pictures = 0
    for round_number in range(4):
        for gop in gops(irregular):
            later = [
                Unit(pts_90k=unit.pts_90k + round_number * 300_000, is_key=unit.is_key, data=unit.data) for unit in gop
            ]
            content += b"".join(recording.append(later))
            pictures += len(gop)
    patches = recording.finish(None)
    assert len(patches) == 3
    assert len(patches[-1].data) == 1
    assert patches[0].offset == len(content)
    expected = hashes_of_raw(x264_streams["reordered"]) * 4
    path = tmp_path / "clip.mp4"
    for count in range(4):
        saved(tmp_path, patched(bytes(content), patches[:count]))
        assert hashes_of_mp4(path) == expected
        assert complaints(path) == ""
    assert [kind for kind, _ in top_boxes(path.read_bytes())] == ["ftyp", "free", "free", "mdat", "moov"]
    assert recording.frames == pictures


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        (1, 0x108),
        (256, 0x108),
        (257, 0x208),
        (0xFF00, 0xFF08),
        (0xFF01, 0x1_0008),
        (0x1_0001, 0x2_0008),
        (1 << 30, 0xFF_0008),
    ],
)
def test_one_byte_turns_the_size_of_the_room_into_eight(wanted: int, size: int) -> None:
    assert reserve_size(wanted) == size
    number = size.to_bytes(4, "big")
    changed = 2 if size <= 0xFF08 else 1
    assert number[:changed] + b"\0" + number[changed + 1 :] == (8).to_bytes(4, "big")


def no_header_straddles_a_page(content: bytes) -> int:
    """Check it; the number of fragments."""
    at = fragments = 0
    while at < len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        if kind == b"moof":
            fragments += 1
            assert at // PAGE_BYTES == (at + size + 8 - 1) // PAGE_BYTES
        elif fragments:
            assert at // PAGE_BYTES == (at + 7) // PAGE_BYTES
        at += size
    assert at == len(content)
    return fragments


def test_no_header_of_a_fragment_straddles_a_page() -> None:
    units = made_units(3000, gop=37)
    for number, unit in enumerate(units):
        extra = (number * 7919) % 977
        units[number] = Unit(pts_90k=unit.pts_90k, is_key=unit.is_key, data=unit.data + b"\0\0\1\6" + b"\x55" * extra)
    _, content = unfinished(units)
    assert no_header_straddles_a_page(content) == 82


@pytest.mark.parametrize("left", range(12))
def test_no_header_straddles_a_page_that_is_nearly_full(left: int) -> None:
    first, *others = made_units(3, gop=3)
    base, _ = unfinished([first, others[0]], expected_frames=1)
    grown = others[0].data + b"\x55" * ((-base.size_bytes - left) % PAGE_BYTES)
    recording = begin(first, expected_frames=1)
    content = recording.header() + b"".join(recording.append([first, replace(others[0], data=grown)]))
    assert -len(content) % PAGE_BYTES == (left if left >= 8 else 0)
    content += b"".join(recording.append(others[1:]))
    assert no_header_straddles_a_page(content) == 2
    assert recording.size_bytes == len(content)


def test_long_gops_and_many_slices_stay_within_one_write() -> None:
    units = made_units(700, gop=700)
    recording = begin(units[0])
    recording.header()
    assert len(recording.append(units)) <= MAX_BUFFERS
    assert recording.frames == 700


def test_a_sample_keeps_sei_and_loses_what_belongs_elsewhere() -> None:
    picture, sei = made_slice(idr=True), b"\x06\x05\x01\x00\x80"
    dropped = (b"\x09\x10", b"\x0c\xff\x80", b"\x0d\x80", b"\x0f\x80", b"\x0a", b"\x0b")
    unit = Unit(pts_90k=0, is_key=True, data=SETS + annex_b(*dropped[:4], sei, picture, *dropped[4:]))
    recording = begin(unit)
    buffers = [bytes(buffer) for buffer in recording.append([unit])]
    samples = [part for part in buffers if part in (picture, sei, *dropped, made_sps(), made_pps())]
    assert samples == [sei, picture]


def test_an_unknown_parameter_set_stays_where_it_is() -> None:
    units = made_units(1)
    other = made_pps(pps_id=1)
    late = Unit(pts_90k=9, is_key=False, data=annex_b(other, made_pps(), made_slice(frame_num=1)))
    recording = begin(units[0])
    written = b"".join(recording.append([*units, late]))
    assert other in written
    assert made_pps() not in written


def test_units_without_a_picture_are_left_out_and_counted() -> None:
    units = made_units(2)
    recording = begin(units[0])
    recording.append([units[0], Unit(pts_90k=1, is_key=False, data=annex_b(b"\x06\x05\x01\x00\x80")), units[1]])
    assert (recording.frames, recording.ignored) == (2, 1)
    assert recording.append([Unit(pts_90k=9, is_key=False, data=b"")]) == []


def test_wrong_times_are_repaired_and_counted() -> None:
    units = made_units(5)
    wrong = [0, 3000, 3000, 2000, 12_000]
    recording = begin(units[0])
    recording.append([Unit(pts_90k=time, is_key=u.is_key, data=u.data) for time, u in zip(wrong, units, strict=True)])
    recording.finish(15_000)
    assert recording.repaired == 2
    assert recording.duration_90k == 15_000


def test_the_last_picture_lasts_the_median_step_if_its_end_is_not_known() -> None:
    units = made_units(4, step=2500)
    recording = begin(units[0])
    recording.append(units)
    recording.finish(None)
    assert recording.duration_90k == 10_000


def test_a_recording_needs_a_key_frame_with_parameter_sets() -> None:
    with pytest.raises(StreamError, match="parameter sets"):
        Mp4Recording(first=annex_b(made_slice(idr=True)), created_unix_s=0, title="")
    units = made_units(2)
    recording = begin(units[0])
    with pytest.raises(StreamError, match="no picture"):
        recording.finish(None)
    with pytest.raises(StreamError, match="key frame"):
        recording.append(units[1:])


def test_the_index_of_a_minute_fits_one_upload_part() -> None:
    units = made_units(1800, gop=30)
    jitter = random.Random(1)
    units = [Unit(pts_90k=u.pts_90k + jitter.randint(0, 500), is_key=u.is_key, data=u.data) for u in units]
    recording, _ = unfinished(units)
    patches = recording.finish(None)
    assert len(patches) == 2
    assert len(patches[0].data) < 40_000


@pytest.mark.parametrize("reorders", [False, True])
@pytest.mark.parametrize(("frames", "gop"), [(1, 1), (900, 1), (900, 2), (1800, 30), (1920, 60), (2000, 700)])
def test_as_many_pictures_as_expected_always_fit_the_room(frames: int, gop: int, *, reorders: bool) -> None:
    jitter = random.Random(1)
    sets = annex_b(made_sps(profile=100 if reorders else 66), made_pps())
    units = [
        Unit(
            pts_90k=unit.pts_90k + jitter.randint(-700, 700) + (3000 * (number % gop % 3) if reorders else 0),
            is_key=unit.is_key,
            data=sets + annex_b(made_slice(idr=True)) if unit.is_key else unit.data + b"\0\0\1\6" * (number % 2),
        )
        for number, unit in enumerate(made_units(frames, gop=gop))
    ]
    recording = Mp4Recording(first=units[0].data, created_unix_s=0, title="", expected_frames=frames, gop_frames=gop)
    for pictures in gops(units):
        recording.append(pictures)
    assert len(recording.finish(None)) == 2


def test_offsets_above_four_gigabytes_take_the_longer_boxes() -> None:
    index = SampleIndex()
    index.add_run(100, [10], [0], None, starts_with_key=True)
    index.add_run(1 << 33, [10], [3000], None, starts_with_key=True)
    assert b"co64" in index.tables()
    assert (1 << 33).to_bytes(8, "big") in index.tables()
    assert b"stco" not in index.tables()
    assert media_data_header((1 << 32) - 100) == b"\xff\xff\xff\xa4mdat"
    assert media_data_header(1 << 32) == b"\0\0\0\1mdat" + ((1 << 32) + 16).to_bytes(8, "big")


def test_no_list_of_key_frames_is_written_when_every_frame_is_one() -> None:
    index = SampleIndex()
    index.add_run(0, [10], [0], None, starts_with_key=True)
    index.add_run(10, [10], [1], None, starts_with_key=True)
    assert b"stss" not in index.tables()
    index.add_run(20, [10], [2], None, starts_with_key=False)
    assert b"stss" in index.tables()
