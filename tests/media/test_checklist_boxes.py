"""The checklist of a correct MP4 file, points 9 to 16: headers and tables. One test, at least, a point."""

import random
import struct
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ratcam.media.access_unit import ParameterSets
from ratcam.media.avc_config import by_id
from ratcam.media.boxes import MAX_U32, FileInfo, edit_list, media_data_header
from ratcam.media.mp4 import Mp4Recording, commit
from ratcam.media.sample_tables import SampleIndex
from ratcam.muxing import mux_file
from tests.media.players import (
    Unit,
    complaints,
    hashes_of_mp4,
    hashes_of_raw,
    needs_ffmpeg,
    needs_ffprobe,
    stream_facts,
)
from tests.media.recordings import CREATED_UNIX_S, gops, patched, saved, top_boxes, unfinished, units_of
from tests.media.test_boxes import boxes, tree
from tests.media.walker import read_file
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps

SPS, PPS = made_sps(), made_pps()
IDR, OTHER = made_slice(idr=True), made_slice(frame_num=1)
KEY = annex_b(SPS, PPS, IDR)
UNIX_IN_1904_S = 2_082_844_800
REORDERS = annex_b(made_sps(profile=77), PPS)
TRAK, STBL = "/moov/trak", "/moov/trak/mdia/minf/stbl"
ENTRY = f"{STBL}/stsd/avc1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished recording."""

    recording: Mp4Recording
    content: bytes
    boxes: dict[str, bytes]

    def numbers(self, path: str, form: str, at: int = 4) -> tuple[int, ...]:
        """What a box holds behind its version and flags."""
        return struct.unpack_from(">" + form, self.boxes[path], at)

    def table(self, path: str, columns: int) -> list[tuple[int, ...]]:
        """The rows of a table that begins with their number."""
        (count,) = self.numbers(path, "I")
        assert len(self.boxes[path]) == 8 + 4 * columns * count
        return list(struct.iter_unpack(f">{columns}I", self.boxes[path][8:]))


def made(
    times: list[int],
    *,
    gop: int = 5,
    end: int | None = None,
    sets: bytes = annex_b(SPS, PPS),
    created_unix_s: int = CREATED_UNIX_S,
    title: str = "Kitchen",
    sizes: list[int] | None = None,
) -> Made:
    """A recording of pictures shown at these times, a key picture every `gop`, whose slices have `sizes` more bytes."""
    units = [
        Unit(
            pts_90k=time,
            is_key=number % gop == 0,
            data=(sets + annex_b(IDR) if number % gop == 0 else annex_b(OTHER))
            + b"\x55" * (sizes or [0] * 9999)[number],
        )
        for number, time in enumerate(times)
    ]
    recording = Mp4Recording(
        first=units[0].data, created_unix_s=created_unix_s, title=title, expected_frames=len(units)
    )
    content = recording.header() + b"".join(part for group in gops(units) for part in recording.append(group))
    finished = patched(content, recording.finish(end))
    return Made(recording=recording, content=finished, boxes=tree(finished))


def steady(count: int, step: int = 3000, begin: int = 0) -> list[int]:
    return [begin + step * number for number in range(count)]


def muxed(folder: Path, stream: bytes) -> bytes:
    (folder / "in.h264").write_bytes(stream)
    mux_file(folder / "in.h264", folder / "out.mp4", fps=None)
    return (folder / "out.mp4").read_bytes()


def test_09_the_file_type_is_isom_and_only_what_was_fragmented_once_is_iso6(tmp_path: Path) -> None:
    assert made([0]).boxes["/ftyp"] == b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41iso6"
    assert tree(muxed(tmp_path, KEY))["/ftyp"] == b"isom" + struct.pack(">I", 512) + b"isomiso2avc1mp41"


def test_10_the_index_stands_before_the_pictures(tmp_path: Path) -> None:
    file = made(steady(1800), gop=30)
    kinds = [kind for kind, _ in top_boxes(file.content)]
    assert kinds == ["ftyp", "free", "moov", "free", "mdat"]
    assert file.content.index(b"mdat") < 65_536, "within half of what players load first"
    assert [kind for kind, _ in top_boxes(muxed(tmp_path, KEY))] == ["ftyp", "moov", "mdat"]


def test_10_the_movie_header_counts_milliseconds_rounded_up_and_transforms_nothing() -> None:
    file = made([0, 3001], end=6001)
    created, changed, scale, duration, rate, volume = file.numbers("/moov/mvhd", "IIIIIH")
    assert created == changed == CREATED_UNIX_S + UNIX_IN_1904_S
    assert (scale, duration, rate, volume) == (1000, 67, 0x1_0000, 0x100)
    assert file.numbers("/moov/mvhd", "9I", 36) == (0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000)
    assert file.numbers("/moov/mvhd", "I", 96) == (2,), "the next track's number"


SAR = BitWriter().u(1, 1).u(8, 255).u(16, 4).u(16, 3).u(8, 0)
"""Samples of 4:3."""


def test_11_the_track_header_tells_the_size_as_shown_and_the_time_of_the_movie() -> None:
    sets = annex_b(made_sps(width_mbs=103, height_mbs=58, crop=(0, 4, 0, 3), vui=SAR), PPS)
    file = made(steady(30), sets=sets)
    assert file.boxes[f"{TRAK}/tkhd"][:4] == b"\0\0\0\3", "version 0, enabled and in the movie"
    number, _, duration = file.numbers(f"{TRAK}/tkhd", "III", 12)
    assert (number, duration) == (1, 1000)
    assert file.numbers(f"{TRAK}/tkhd", "II", 76) == (2187 << 16, 922 << 16), "1640 samples of 4:3"
    assert file.numbers(ENTRY, "HH", 24) == (1640, 922)
    assert (file.recording.width, file.recording.height) == (2187, 922)


def test_11_the_media_header_counts_ticks_in_no_language() -> None:
    scale, duration, language, _ = made(steady(30)).numbers(f"{TRAK}/mdia/mdhd", "IIHH", 12)
    assert (scale, duration, language) == (90_000, 90_000, 0x55C4)


@needs_ffprobe
def test_11_times_that_32_bits_cannot_hold_take_version_1(tmp_path: Path) -> None:
    hours = made(steady(15, 3599 * 90_000), gop=1, end=15 * 3599 * 90_000)
    assert hours.boxes["/moov/mvhd"][0] == hours.boxes[f"{TRAK}/tkhd"][0] == 0, "milliseconds fit"
    assert hours.boxes[f"{TRAK}/mdia/mdhd"][0] == 1
    assert hours.numbers(f"{TRAK}/mdia/mdhd", "QQIQHH") == (
        *[CREATED_UNIX_S + UNIX_IN_1904_S] * 2,
        *(90_000, 15 * 3599 * 90_000, 0x55C4, 0),
    )
    assert stream_facts(saved(tmp_path, hours.content), "duration_ts")["duration_ts"] == str(15 * 3599 * 90_000)
    created = 2_300_000_000
    late = made([0], created_unix_s=created)
    assert late.numbers("/moov/mvhd", "QQIQIH") == (*[created + UNIX_IN_1904_S] * 2, 1000, 34, 0x1_0000, 0x100)
    assert late.numbers(f"{TRAK}/tkhd", "QQIIQ") == (*[created + UNIX_IN_1904_S] * 2, 1, 0, 34)
    assert late.numbers(f"{TRAK}/tkhd", "II", 88) == (64 << 16, 48 << 16)
    assert [late.boxes[path][0] for path in ("/moov/mvhd", f"{TRAK}/tkhd", f"{TRAK}/mdia/mdhd")] == [1, 1, 1]
    facts = stream_facts(saved(tmp_path, late.content), "width")
    assert facts["TAG:creation_time"].startswith("2042-11-19T08:53:20")


def test_12_every_picture_is_shown_at_its_capture_time_without_drift() -> None:
    jitter = random.Random(12)
    times = [777]
    for _ in range(4999):
        times.append(times[-1] + jitter.choice((1, 2999, 3000, 3001, 8700, jitter.randint(1000, 90_000))))
    file = made(times, gop=30, end=times[-1] + 4321)
    runs = file.table(f"{STBL}/stts", 2)
    steps = [step for count, step in runs for _ in range(count)]
    assert [sum(steps[:number]) for number in range(0, 5000, 499)] == [time - 777 for time in times[::499]]
    assert steps == [later - sooner for sooner, later in zip(times, [*times[1:], times[-1] + 4321], strict=True)]
    assert all(one[1] != other[1] for one, other in pairwise(runs)), "run-length coded"
    (duration,) = file.numbers(f"{TRAK}/mdia/mdhd", "I", 16)
    assert duration == sum(steps) == times[-1] + 4321 - 777


def test_12_an_even_rate_is_one_run_and_a_rate_that_is_no_whole_tick_does_not_drift(tmp_path: Path) -> None:
    assert made(steady(100)).table(f"{STBL}/stts", 2) == [(100, 3000)]
    (tmp_path / "in.h264").write_bytes(KEY * 1000)
    mux_file(tmp_path / "in.h264", tmp_path / "out.mp4", fps=29.97)
    shown = [sample.shown for sample in read_file((tmp_path / "out.mp4").read_bytes()).samples]
    assert all(abs(time - number * 90_000 / 29.97) <= 0.5 for number, time in enumerate(shown))


def test_12_the_last_picture_lasts_to_the_next_clip_or_else_a_median_step() -> None:
    assert made([0, 3000, 6000], end=9999).table(f"{STBL}/stts", 2) == [(2, 3000), (1, 3999)]
    assert made([0, 3000, 5000, 8000, 20_000]).table(f"{STBL}/stts", 2)[-1] == (1, 3000)
    assert made([0, 3000, 6000], end=6000).table(f"{STBL}/stts", 2) == [(3, 3000)], "an end that cannot be"


def test_13_one_edit_shows_the_whole_movie_from_its_first_picture_at_0() -> None:
    file = made(steady(30, begin=10**10))
    assert file.numbers(f"{TRAK}/edts/elst", "IIIi") == (1, 1000, 0, 0x1_0000)
    assert file.numbers(f"{TRAK}/edts/elst", "I", 8) == file.numbers(f"{TRAK}/tkhd", "I", 20)
    assert read_file(file.content).samples[0].shown == 0
    # The second picture decoded is shown before the first: times begin with the first shown.
    reordered = made([9000, 3000, 6000], sets=REORDERS)
    assert reordered.numbers(f"{TRAK}/edts/elst", "Ii", 8) == (100, 3000)
    assert [sample.shown for sample in read_file(reordered.content).samples] == [6000, 0, 3000]


def test_13_an_edit_that_32_bits_cannot_hold_takes_version_1() -> None:
    for duration, media_time, version in ((90 * MAX_U32, 0x7FFF_FFFF, 0), (90 * MAX_U32 + 1, 0, 1), (9, 1 << 31, 1)):
        [(_, edits)] = boxes(edit_list(duration, media_time))
        [(_, entry)] = boxes(edits)
        expected = (version << 24, 1, -(-duration // 90), media_time, 1, 0)
        assert struct.unpack(">IIQqHH" if version else ">IIIiHH", entry) == expected


def test_14_only_a_stream_that_reorders_has_composition_offsets() -> None:
    plain = annex_b(made_sps(poc_type=2), PPS)
    assert f"{STBL}/ctts" not in made(steady(10), sets=plain).boxes
    assert f"{STBL}/ctts" not in made(steady(10), sets=REORDERS).boxes, "it may reorder, and does not"
    reordered = made([0, 9000, 3000, 6000, 12_000], sets=REORDERS)
    assert reordered.boxes[f"{STBL}/ctts"][:4] == bytes(4), "version 0: no offset is negative"
    shifts = [shift for count, shift in reordered.table(f"{STBL}/ctts", 2) for _ in range(count)]
    assert shifts == [3000, 9000, 0, 0, 3000]
    assert reordered.numbers(f"{TRAK}/edts/elst", "i", 12) == (3000,)


def test_15_sync_samples_are_exactly_the_idr_pictures() -> None:
    file = made(steady(23), gop=5)
    assert file.table(f"{STBL}/stss", 1) == [(1,), (6,), (11,), (16,), (21,)]
    assert f"{STBL}/stss" not in made(steady(7), gop=1).boxes, "all are"
    assert made(steady(7), gop=7).table(f"{STBL}/stss", 1) == [(1,)]


def test_16_a_gop_is_a_chunk_and_equal_chunks_are_one_row() -> None:
    file = made(steady(23), gop=5, sizes=list(range(23)))
    assert file.table(f"{STBL}/stsc", 3) == [(1, 5, 1), (5, 3, 1)]
    assert file.numbers(f"{STBL}/stsz", "II") == (0, 23)
    sizes = file.numbers(f"{STBL}/stsz", "23I", 12)
    assert sizes == tuple(4 + len(IDR if number % 5 == 0 else OTHER) + number for number in range(23))
    offsets = [offset for (offset,) in file.table(f"{STBL}/stco", 1)]
    assert len(offsets) == 5
    for number, offset in enumerate(offsets):
        assert file.content[offset + 4 : offset + 4 + len(IDR)] == IDR
        assert file.content[offset : offset + 4] == (sizes[5 * number] - 4).to_bytes(4, "big")


def test_16_an_mdat_box_takes_64_bits_when_32_are_too_few() -> None:
    most = MAX_U32 - 8
    assert media_data_header(most) == struct.pack(">I4s", MAX_U32, b"mdat")
    assert media_data_header(most + 1) == struct.pack(">I4sQ", 1, b"mdat", most + 17)


@needs_ffmpeg
def test_16_a_file_above_4_gb_has_64_bit_offsets_and_plays(x264_streams: dict[str, Path], tmp_path: Path) -> None:
    units = units_of(x264_streams["high"])
    recording, content = unfinished(units)
    samples = read_file(patched(content, recording.finish(None))).samples
    found = Mp4Recording(first=units[0].data, created_unix_s=0, title="", expected_frames=100)
    head = found.header()
    path, index, reserve = tmp_path / "large.mp4", SampleIndex(), int.from_bytes(head[36:40], "big")
    with path.open("wb") as file:
        file.write(head)
        for number, gop in enumerate(gops(units)):
            # Most of the file is a hole.
            at = file.seek(len(head) + number * (3 << 30))
            own = samples[index_of(units, gop[0]) :][: len(gop)]
            data = [b"".join(len(nal).to_bytes(4, "big") + nal for nal in sample.nals) for sample in own]
            index.add_run(at, [*map(len, data)], [sample.decoded for sample in own], None, starts_with_key=True)
            file.write(b"".join(data))
        end = file.tell()
        assert end > 1 << 32
        sets = by_id(ParameterSets(sps=(read_file(content).sets[0],), pps=(read_file(content).sets[1],)))
        info = FileInfo(created_unix_s=0, title="")
        for patch in commit(info, sets, index, reserve_at=36, reserve=reserve, end=end):
            file.seek(patch.offset)
            file.write(patch.data)
    with path.open("rb") as file:
        beginning = file.read(36 + reserve)
    assert b"co64" in beginning
    assert b"stco" not in beginning
    assert struct.pack(">I4sQ", 1, b"mdat", end - 36 - reserve + 16) in beginning
    assert complaints(path) == ""
    assert hashes_of_mp4(path) == hashes_of_raw(x264_streams["high"])


def index_of(units: list[Unit], unit: Unit) -> int:
    return next(number for number, other in enumerate(units) if other is unit)
