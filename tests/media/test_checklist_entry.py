"""The checklist of a correct MP4 file, points 17 to 20: what it says of the pictures. One test, at least, a point."""

import struct
from pathlib import Path

import pytest

from ratcam.media.access_unit import ParameterSets
from ratcam.media.avc_config import by_id, sample_entry
from ratcam.media.boxes import FileInfo, user_data
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import recover
from tests.media.players import needs_ffmpeg, needs_ffprobe, packets, run
from tests.media.recordings import CREATED_UNIX_S, patched, saved, top_boxes, units_of
from tests.media.test_boxes import boxes, tree
from tests.media.test_checklist_boxes import (
    ENTRY,
    IDR,
    KEY,
    OTHER,
    PPS,
    SAR,
    SPS,
    TRAK,
    UNIX_IN_1904_S,
    made,
    muxed,
    steady,
)
from tests.media.written import BitWriter, annex_b, made_sps


def test_17_the_sample_entry_is_avc1_in_one_place_with_the_usual_constants() -> None:
    entry = made([0]).boxes[ENTRY]
    assert entry[:8] == bytes(6) + b"\0\1", "data reference 1"
    assert struct.unpack_from(">HHIIIH", entry, 24) == (64, 48, 72 << 16, 72 << 16, 0, 1)
    assert entry[42:74] == bytes([10]) + b"AVC Coding".ljust(31, b"\0")
    assert struct.unpack_from(">Hh", entry, 74) == (24, -1)


HIGH = (100, 110, 122, 144, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)


@pytest.mark.parametrize("profile", [66, 77, 88, *HIGH])
def test_17_the_record_copies_the_sps_and_names_depths_for_the_high_profiles(profile: int) -> None:
    high = made_sps(profile=100, chroma=2, depths=(10, 9))
    sps = high[:1] + bytes([profile]) + high[2:] if profile in HIGH else made_sps(profile=profile)
    record = made([0], sets=annex_b(sps, PPS)).boxes[f"{ENTRY}/avcC"]
    assert record[:6] == bytes([1, *sps[1:4], 0xFC | 3, 0xE0 | 1])
    sets = struct.pack(">H", len(sps)) + sps + b"\1" + struct.pack(">H", len(PPS)) + PPS
    assert record[6:] == sets + (bytes([0xFC | 2, 0xF8 | 2, 0xF8 | 1, 0]) if profile in HIGH else b"")


def test_18_colours_are_named_only_when_the_stream_describes_them() -> None:
    assert f"{ENTRY}/colr" not in made([0]).boxes
    range_only = BitWriter().u(1, 0).u(1, 0).u(1, 1).u(3, 5).u(1, 1).u(1, 0)
    range_only.u(1, 0).u(1, 1).u(32, 1).u(32, 60).u(1, 1).u(4, 0)
    assert f"{ENTRY}/colr" not in made([0], sets=annex_b(made_sps(vui=range_only), PPS)).boxes
    for full in (0, 1):
        described = BitWriter().u(1, 0).u(1, 0).u(1, 1).u(3, 5).u(1, full).u(1, 1).u(8, 1).u(8, 13).u(8, 6).u(6, 0)
        colour = made([0], sets=annex_b(made_sps(vui=described), PPS)).boxes[f"{ENTRY}/colr"]
        assert colour == b"nclx" + struct.pack(">HHHB", 1, 13, 6, full << 7)


def test_18_the_aspect_ratio_of_the_samples_is_that_of_the_stream_or_square() -> None:
    assert struct.unpack(">II", made([0]).boxes[f"{ENTRY}/pasp"]) == (1, 1)
    assert struct.unpack(">II", made([0], sets=annex_b(made_sps(vui=SAR), PPS)).boxes[f"{ENTRY}/pasp"]) == (4, 3)
    table = BitWriter().u(1, 1).u(8, 5).u(8, 0)
    assert struct.unpack(">II", made([0], sets=annex_b(made_sps(vui=table), PPS)).boxes[f"{ENTRY}/pasp"]) == (40, 33)


def test_18_the_bit_rate_box_names_the_largest_picture_the_most_in_one_second_and_the_average() -> None:
    # Half a second of large pictures, at 10 a second, amid 4 s of small ones.
    sizes = [1000 if 12 <= number < 17 else 0 for number in range(40)]
    file = made(steady(40, 9000), gop=1, end=360_000, sizes=sizes)
    small = 4 + len(IDR)
    largest, most, average = struct.unpack(">III", file.boxes[f"{ENTRY}/btrt"])
    assert (largest, most) == (small + 1000, 8 * (10 * small + 5000))
    assert average == 8 * (40 * small + 5000) // 4
    description = by_id(ParameterSets(sps=(SPS,), pps=(PPS,)))
    huge = sample_entry(description, buffer_bytes=1 << 40, max_bitrate=1 << 40, average_bitrate=1 << 40)
    assert huge.endswith(b"btrt" + b"\xff" * 12)


def test_19_the_file_tells_when_it_was_made_and_by_whom_but_not_where(tmp_path: Path) -> None:
    file = made([0], title="Kitchen ☕")
    for path in ("/moov/mvhd", f"{TRAK}/tkhd", f"{TRAK}/mdia/mdhd"):
        assert file.numbers(path, "II") == (CREATED_UNIX_S + UNIX_IN_1904_S,) * 2
    items = "/moov/udta/meta/ilst"
    texts = {name: file.boxes[f"{items}/{name}/data"] for name in ("\xa9nam",)} | {
        name: dict(boxes(file.boxes[f"{items}/{name}"]))["data"] for name in ("\xa9too", "\xa9day")
    }
    text = struct.pack(">II", 1, 0)
    assert texts == {
        "\xa9nam": text + "Kitchen ☕".encode(),
        "\xa9too": text + b"Ratcam",
        "\xa9day": text + b"2023-11-14T22:13:20Z",
    }
    assert {name.rsplit("/", 1)[1] for name in file.boxes if name.startswith(items + "/")} == {
        *("\xa9nam", "data", "\xa9too", "\xa9day"),
    }
    assert not any(place in file.content for place in (b"\xa9xyz", b"loci", b"location"))
    assert file.numbers(f"{TRAK}/mdia/minf/vmhd", "4H") == (0, 0, 0, 0)
    assert file.boxes[f"{TRAK}/mdia/minf/vmhd"][:4] == b"\0\0\0\1"
    assert file.boxes[f"{TRAK}/mdia/minf/dinf/dref/url "] == b"\0\0\0\1"
    handler = file.boxes[f"{TRAK}/mdia/hdlr"]
    assert (handler[8:12], handler[-1:], handler.count(b"\0", 24)) == (b"vide", b"\0", 1)


@pytest.mark.parametrize(
    ("unix_s", "day"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_709_251_199, "2024-02-29T23:59:59Z"),
        (4_107_542_399, "2100-02-28T23:59:59Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
        (1 << 50, "9999-12-31T23:59:59Z"),
    ],
)
def test_19_the_day_is_a_date_of_the_calendar(unix_s: int, day: str) -> None:
    assert user_data(FileInfo(created_unix_s=unix_s, title="")).endswith(day.encode())


def test_19_before_1970_no_day_is_named() -> None:
    assert b"\xa9day" not in user_data(FileInfo(created_unix_s=-1, title="x"))
    assert b"\xa9day" in user_data(FileInfo(created_unix_s=0, title="x"))


def test_19_a_title_that_is_no_text_does_not_stop_the_muxer(tmp_path: Path) -> None:
    # What a file name that is not UTF-8 looks like.
    assert b"Kitchen?" in user_data(FileInfo(created_unix_s=0, title="Kitchen\udce9"))
    assert b"\xa9nam" not in user_data(FileInfo(created_unix_s=0, title=""))


@needs_ffmpeg
@needs_ffprobe
@pytest.mark.parametrize(
    ("rotation", "filters"), [(90, "transpose=clock"), (180, "hflip,vflip"), (270, "transpose=cclock")]
)
def test_20_players_turn_the_pictures_clockwise_by_what_the_matrix_says(
    rotation: int, filters: str, x264_streams: dict[str, Path], tmp_path: Path
) -> None:
    units = units_of(x264_streams["high"])[:5]
    recording = Mp4Recording(first=units[0].data, created_unix_s=0, title="", rotation=rotation)
    growing = recording.header() + b"".join(recording.append(units))
    finished = saved(tmp_path, patched(growing, recording.finish(None)))
    found = recover(lambda offset, length: growing[offset : offset + length], len(growing))
    mended = saved(tmp_path, patched(growing[: found.truncate_to], found.patches), "mended.mp4")
    assert mended.read_bytes() == finished.read_bytes()
    assert (found.width, found.height) == (recording.width, recording.height)
    assert (found.width, found.height) == ((48, 64) if rotation % 180 else (64, 48))
    turned = hashes_with(["-i", str(finished)])
    assert turned == hashes_with(["-noautorotate", "-i", str(finished), "-vf", filters])
    assert turned != hashes_with(["-noautorotate", "-i", str(finished)])
    assert turned == hashes_with(["-i", str(saved(tmp_path, growing, "growing.mp4"))])
    told = run("ffprobe", "-v", "error", "-show_entries", "stream_side_data=rotation", "-of", "csv=p=0", str(finished))
    assert int(float(told.stdout.strip().strip(","))) % 360 == -rotation % 360
    *_, x, y = matrix_of(finished.read_bytes())[:8]
    assert (x, y) == {90: (48 << 16, 0), 180: (64 << 16, 48 << 16), 270: (0, 64 << 16)}[rotation]
    assert packets(finished)[0][:2] == (0, 0)


def test_20_nothing_is_turned_unless_it_is_asked_for() -> None:
    assert matrix_of(made([0]).content) == (0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000)


def matrix_of(content: bytes) -> tuple[int, ...]:
    return struct.unpack_from(">9i", tree(content)[f"{TRAK}/tkhd"], 40)


def hashes_with(options: list[str]) -> str:
    done = run("ffmpeg", "-v", "error", *options, "-f", "framemd5", "-")
    assert (done.returncode, done.stderr) == (0, "")
    return "\n".join(line for line in done.stdout.splitlines() if not line.startswith("#"))


def test_nothing_is_in_a_finished_file_that_players_dislike(tmp_path: Path) -> None:
    minute = made(steady(1800), gop=30)
    for content in (minute.content, muxed(tmp_path, KEY + annex_b(OTHER))):
        names = "/".join(tree(content))
        assert not any(kind in names for kind in ("iods", "tmcd", "mvex", "sidx", "mfra", "avc3"))
    assert sum(size for kind, size in top_boxes(minute.content) if kind == "free") < 65_536
