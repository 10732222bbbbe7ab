"""The checklist of a correct MP4 file, points 1 to 8: the elementary stream. One test, at least, a point."""

import random
from pathlib import Path

import pytest

from ratcam.cameras.file_times import RisingTimes
from ratcam.cameras.known_sets import KnownSets
from ratcam.errors import BadInputError
from ratcam.media.access_unit import ParameterSets, is_idr, parameter_sets
from ratcam.media.avc_config import by_id, sets_of
from ratcam.media.cutter import Appended, ClipCutter, Closed, Event
from ratcam.media.errors import StreamError
from ratcam.media.nal import nal_units
from ratcam.media.sps import Colour, parse_sps
from ratcam.muxing import mux_file
from tests.media.players import Unit
from tests.media.recordings import begin, gops, patched, unfinished
from tests.media.splitter import AccessUnitSplitter
from tests.media.test_boxes import tree
from tests.media.walker import ReadFile, read_file
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps

SPS, PPS = made_sps(), made_pps()
IDR, OTHER = made_slice(idr=True), made_slice(frame_num=1)
SEI = b"\x06\x05\x03\x01\x02\x03\x80"
RECOVERY_POINT = b"\x06\x06\x01\x84\x80"
DELIMITER, FILLER, SPS_EXTENSION, SUBSET_SPS = b"\x09\x10", b"\x0c\xff\xff\x80", b"\x0d\x9c", b"\x0f" + SPS[1:]
END_OF_SEQUENCE, END_OF_STREAM = b"\x0a", b"\x0b"
AVC1 = "/moov/trak/mdia/minf/stbl/stsd/avc1"


def recorded(*units: bytes) -> ReadFile:
    """What a finished recording of these access units holds, shown 3000 ticks apart."""
    timed = [Unit(pts_90k=3000 * number, is_key=is_idr(data), data=data) for number, data in enumerate(units)]
    recording, content = unfinished(timed)
    finished = patched(content, recording.finish(None))
    assert read_file(content).samples[0].nals == read_file(finished).samples[0].nals
    return read_file(finished)


def muxed(folder: Path, stream: bytes) -> ReadFile:
    """What `ratcam mux` makes of a raw stream."""
    (folder / "in.h264").write_bytes(stream)
    mux_file(folder / "in.h264", folder / "out.mp4", fps=None)
    return read_file((folder / "out.mp4").read_bytes())


def nals_of(file: ReadFile) -> list[tuple[bytes, ...]]:
    return [sample.nals for sample in file.samples]


def test_01_start_codes_of_both_lengths_are_mixed_and_zeros_behind_a_unit_are_stripped(tmp_path: Path) -> None:
    inside = IDR + b"\0\0\3\0\x77\0\0\3\1\0\x55"
    first = b"\0\0\0\0\0\1" + SPS + b"\0\0\0\0\1" + PPS + b"\0\0\1" + inside + bytes(4)
    second = b"\0\0\1" + OTHER + bytes(5000)
    expected = [(inside,), (OTHER,)]
    assert nals_of(recorded(first, second)) == expected
    assert nals_of(muxed(tmp_path, first + second)) == expected


def test_01_a_zero_within_a_unit_is_never_taken_for_a_trailing_one(tmp_path: Path) -> None:
    # Two zeros and a byte above 3 are data; so are zeros right before another NAL unit's last byte.
    picture = IDR + b"\0\0\4\0\0\xff\0\x01"
    stream = annex_b(SPS, PPS) + b"\0\0\1" + picture + b"\0\0\0"
    assert nals_of(recorded(stream)) == nals_of(muxed(tmp_path, stream)) == [(picture,)]


def test_02_a_buffer_is_a_sample_with_its_capture_time_and_a_raw_file_is_split_into_the_same(tmp_path: Path) -> None:
    later = [made_slice(frame_num=number, first_mb=first) for number in (1, 2) for first in (0, 4, 8)]
    units = [
        annex_b(DELIMITER, SPS, PPS, SEI, made_slice(idr=True), made_slice(idr=True, first_mb=6)),
        annex_b(*later[:3]),
        annex_b(SEI, *later[3:]),
        annex_b(SPS, PPS, made_slice(idr=True, idr_id=1), made_slice(idr=True, idr_id=1, first_mb=6)),
    ]
    stream = b"".join(units)
    splitter = AccessUnitSplitter()
    pieces = [unit for byte in stream for unit in splitter.feed(bytes([byte]))] + splitter.finish()
    assert pieces == units
    assert nals_of(muxed(tmp_path, stream)) == nals_of(recorded(*units))
    assert [len(nals) for nals in nals_of(recorded(*units))] == [3, 3, 4, 2]
    times = [7, 2950, 6100, 8000]
    timed = [Unit(pts_90k=100 + t, is_key=is_idr(data), data=data) for t, data in zip(times, units, strict=True)]
    recording, content = unfinished(timed)
    samples = read_file(patched(content, recording.finish(None))).samples
    assert [sample.shown for sample in samples] == [time - times[0] for time in times]


def test_03_all_slices_and_sei_stay_with_their_picture_and_what_players_do_not_want_goes(tmp_path: Path) -> None:
    first = [made_slice(idr=True, first_mb=number) for number in (0, 3, 6, 9)]
    second = [made_slice(frame_num=1, first_mb=number) for number in (0, 3, 6, 9)]
    units = [
        annex_b(DELIMITER, SPS, PPS, SEI, *first, FILLER, END_OF_SEQUENCE),
        annex_b(DELIMITER, FILLER, SEI, *second, FILLER, END_OF_SEQUENCE, END_OF_STREAM),
    ]
    expected = [(SEI, *first), (SEI, *second)]
    assert nals_of(recorded(*units)) == expected
    assert nals_of(muxed(tmp_path, b"".join(units))) == expected


def test_04_parameter_sets_are_stripped_from_samples_and_stand_in_the_entry_byte_for_byte(tmp_path: Path) -> None:
    key = annex_b(SPS, SPS, SPS_EXTENSION, SUBSET_SPS, PPS, PPS, IDR)
    again = annex_b(SPS, PPS, made_slice(idr=True, idr_id=1))
    for file in (recorded(key, annex_b(OTHER), again), muxed(tmp_path, key + annex_b(OTHER) + again)):
        assert nals_of(file) == [(IDR,), (OTHER,), (made_slice(idr=True, idr_id=1),)]
        assert file.sets == (SPS, PPS)


def test_04_the_entry_lists_sps_then_pps_in_the_order_of_their_ids_and_of_each_id_one() -> None:
    sps = [made_sps(sps_id=number) for number in (0, 2, 10)]
    pps = [made_pps(pps_id=number, sps_id=2) for number in (0, 1, 9)]
    shuffled = ParameterSets(sps=(sps[2], sps[0], sps[1], sps[0]), pps=(pps[1], pps[2], pps[0], pps[2]))
    found = by_id(shuffled, 2)
    assert found.sps == tuple(sps)
    assert found.pps == tuple(pps)
    assert found.active.sps_id == 2


def test_04_a_camera_that_sent_other_sets_before_gets_one_sps_and_one_pps() -> None:
    known = KnownSets()
    known.complete(annex_b(made_sps(sps_id=1, width_mbs=9), made_pps(pps_id=1, sps_id=1)))
    known.complete(annex_b(SPS, PPS))
    file = recorded(known.complete(annex_b(IDR)), annex_b(OTHER))
    assert file.sets == (SPS, PPS)


def test_05_a_change_of_parameter_sets_starts_a_new_file() -> None:
    small, large = annex_b(SPS, PPS, IDR), annex_b(made_sps(width_mbs=20), PPS, IDR)
    bare, other = annex_b(IDR), annex_b(OTHER)
    files = cut(small, other, small, bare, other, large, other, large, small)
    assert [[unit.data for unit in units] for units in files] == [
        [small, other, small, bare, other],
        [large, other, large],
        [small],
    ]
    sizes: list[tuple[int, int]] = []
    for units in files:
        recording, content = unfinished(units)
        patched(content, recording.finish(None))
        sizes.append((recording.width, recording.height))
    assert sizes == [(64, 48), (320, 48), (64, 48)]


def test_05_ratcam_mux_makes_another_sample_entry_of_a_change_and_none_of_the_same_sets(tmp_path: Path) -> None:
    small, large = annex_b(SPS, PPS, IDR, OTHER), annex_b(made_sps(width_mbs=20), PPS, IDR, OTHER)
    muxed(tmp_path, small + small + large)
    content = (tmp_path / "out.mp4").read_bytes()
    assert content.count(b"avcC") == 2
    first, second = (content.index(b"avcC", at) for at in (0, content.index(b"avcC") + 4))
    assert [sets_of(content[at + 4 : at + 100]).sps for at in (first, second)] == [(SPS,), (made_sps(width_mbs=20),)]
    muxed(tmp_path, small + small)
    assert (tmp_path / "out.mp4").read_bytes().count(b"avcC") == 1


def cut(*units: bytes) -> list[list[Unit]]:
    """The units of each file of a clip that may be an hour long."""
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=3600 * 90_000)
    events: list[Event[Unit]] = []
    for number, data in enumerate(units):
        events += cutter.feed(Unit(pts_90k=3000 * number, is_key=is_idr(data), data=data))
    events += cutter.finish()
    files: list[list[Unit]] = [[]]
    for event in events:
        if isinstance(event, Appended):
            files[-1] += event.units
        elif isinstance(event, Closed) and not event.is_last:
            files.append([])
    return files


VUI = (
    BitWriter()
    .u(1, 1).u(8, 255).u(16, 16).u(16, 11)
    .u(1, 0)
    .u(1, 1).u(3, 5).u(1, 0).u(1, 1).u(8, 1).u(8, 13).u(8, 6)
    .u(1, 0)
    .u(1, 1).u(32, 1).u(32, 60).u(1, 1)  # zero bytes in a row: emulation prevention bytes in the SPS
    .u(1, 0).u(1, 0).u(1, 0)
    .u(1, 1).u(1, 1).ue(0, 0, 10, 10, 0, 1)
)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"width_mbs": 103, "height_mbs": 58, "crop": (0, 4, 0, 3)}, (1640, 922)),
        ({"width_mbs": 120, "height_mbs": 34, "frames_only": False, "crop": (0, 0, 0, 2)}, (1920, 1080)),
        ({"profile": 100, "scaling": True, "width_mbs": 120, "height_mbs": 68, "crop": (0, 0, 0, 4)}, (1920, 1080)),
        ({"profile": 122, "chroma": 2, "depths": (10, 10), "crop": (1, 1, 1, 1)}, (60, 46)),
        ({"profile": 244, "chroma": 2, "depths": (14, 14), "crop": (1, 1, 1, 1)}, (60, 46)),
        ({"profile": 144, "chroma": 1, "crop": (1, 1, 1, 1)}, (60, 44)),
        ({"profile": 110, "chroma": 0, "crop": (1, 1, 1, 1)}, (62, 46)),
        ({"profile": 77, "poc_type": 1, "offsets": (3, -4)}, (64, 48)),
    ],
)
def test_06_width_and_height_come_from_the_sps_whatever_it_says_before(
    options: dict[str, object], size: tuple[int, int]
) -> None:
    unit = made_sps(**options, vui=VUI)  # pyright: ignore[reportArgumentType]
    assert b"\0\0\3" in unit
    sps = parse_sps(unit)
    assert (sps.width, sps.height) == size
    assert (sps.chroma_format_idc, (sps.bit_depth_luma, sps.bit_depth_chroma)) == (
        options.get("chroma", 1),
        options.get("depths", (8, 8)),
    )
    assert sps.vui.sar == (16, 11)
    assert sps.vui.colour == Colour(primaries=1, transfer=13, matrix=6, is_full_range=False)
    assert sps.vui.timing == (1, 60)
    assert (sps.vui.max_num_reorder_frames, sps.may_reorder) == (0, False)


@pytest.mark.parametrize("separate", [False, True])
def test_06_full_chroma_crops_by_single_samples_in_separate_planes_or_not(*, separate: bool) -> None:
    bits = BitWriter().u(8, 244).u(8, 0).u(8, 30).ue(0, 3).u(1, int(separate)).ue(0, 0).u(2, 0)
    bits.ue(0, 2, 1).u(1, 0).ue(3, 2).u(1, 1).u(1, 1).u(1, 1).ue(1, 2, 3, 4).u(1, 0)
    sps = parse_sps(b"\x67" + bits.rbsp())
    assert (sps.has_separate_planes, sps.width, sps.height) == (separate, 61, 41)


@pytest.mark.parametrize("damage", range(0, len(SPS), 2))
def test_06_a_damaged_sps_is_refused_and_never_a_crash(damage: int, tmp_path: Path) -> None:
    broken = SPS[:damage] + b"\xff\xff" + SPS[damage + 2 :]
    (tmp_path / "in.h264").write_bytes(annex_b(broken, PPS, IDR))
    try:
        begin(Unit(pts_90k=0, is_key=True, data=annex_b(broken, PPS, IDR)))
    except StreamError as exc:
        assert str(exc)
    try:
        mux_file(tmp_path / "in.h264", tmp_path / "out.mp4", fps=None)
    except BadInputError as exc:
        assert "cannot mux" in str(exc)
    with pytest.raises(StreamError):
        begin(Unit(pts_90k=0, is_key=True, data=annex_b(SPS[:4], PPS, IDR)))


def test_07_only_a_picture_of_idr_slices_alone_is_a_key_frame() -> None:
    intra = made_slice(frame_num=1, kind=7)
    assert is_idr(annex_b(SPS, PPS, IDR, made_slice(idr=True, first_mb=6)))
    assert not is_idr(annex_b(RECOVERY_POINT, intra))
    assert not is_idr(annex_b(IDR, made_slice(first_mb=6)))
    assert not is_idr(annex_b(SPS, PPS, SEI))


def test_07_a_clip_starts_at_an_idr_picture_and_never_at_a_recovery_point(tmp_path: Path) -> None:
    leading = [annex_b(SPS, PPS, RECOVERY_POINT, made_slice(frame_num=1, kind=7)), annex_b(made_slice(frame_num=2))]
    key = annex_b(SPS, PPS, IDR)
    [units] = cut(*leading, key, annex_b(OTHER))
    assert [unit.data for unit in units] == [key, annex_b(OTHER)]
    (tmp_path / "in.h264").write_bytes(annex_b(SPS, PPS, OTHER, made_slice(frame_num=2)) + key + annex_b(OTHER))
    report = mux_file(tmp_path / "in.h264", tmp_path / "out.mp4", fps=None)
    assert (report.dropped_frames, report.frames, report.key_frames) == (2, 2, 1)
    assert nals_of(read_file((tmp_path / "out.mp4").read_bytes())) == [(IDR,), (OTHER,)]
    recording = begin(Unit(pts_90k=0, is_key=True, data=key))
    with pytest.raises(StreamError, match="key frame"):
        recording.append([Unit(pts_90k=0, is_key=False, data=leading[0])])


def test_08_missing_times_are_filled_in() -> None:
    times = RisingTimes(begin_90k=0, frame_90k=9000)
    assert [times.place(time) for time in (None, 500_000, 508_998, None, 527_000)] == [0, 9000, 17_998, 26_998, 36_000]


@pytest.mark.parametrize(
    ("wrong", "repaired"),
    [
        ([0, 3000, 3000, 9000], 1),
        ([0, 3000, 1000, 9000], 1),
        ([0, 0, 0, 0], 3),
        ([90_000, 3000, 6000, 9000], 1),
        ([0, 3000, 10**12, 9000], 1),
        ([0, -(10**12), 6000, 9000], 1),
    ],
)
def test_08_wrong_times_are_repaired_to_strictly_increasing_ones_and_counted(wrong: list[int], repaired: int) -> None:
    data = [annex_b(SPS, PPS, IDR), *[annex_b(OTHER)] * (len(wrong) - 1)]
    units = [Unit(pts_90k=time, is_key=is_idr(unit), data=unit) for time, unit in zip(wrong, data, strict=True)]
    recording, content = unfinished(units)
    file = read_file(patched(content, recording.finish(None)))
    shown = [sample.shown for sample in file.samples]
    assert shown[0] == 0
    assert shown == sorted(set(shown))
    assert shown[-1] < 90_000
    assert recording.repaired == repaired
    assert file.duration == recording.duration_90k > shown[-1]


def test_08_sound_times_are_kept_to_the_tick_among_wrong_ones() -> None:
    jitter = random.Random(8)
    sound = [number * 3000 + jitter.randint(-900, 900) for number in range(300)]
    sound[0] = 0
    given = [time if number % 50 != 20 else sound[number - 1] for number, time in enumerate(sound)]
    units = [
        Unit(pts_90k=time, is_key=number % 30 == 0, data=annex_b(SPS, PPS, IDR) if number % 30 == 0 else annex_b(OTHER))
        for number, time in enumerate(given)
    ]
    recording, content = unfinished(units)
    assert len(gops(units)) == 10
    shown = [sample.shown for sample in read_file(patched(content, recording.finish(None))).samples]
    assert recording.repaired == 6
    assert [n for n, (time, captured) in enumerate(zip(shown, sound, strict=True)) if time != captured] == [
        20, 70, 120, 170, 220, 270,
    ]  # fmt: skip


def test_the_sets_of_a_unit_are_found_whatever_stands_around_them() -> None:
    unit = annex_b(DELIMITER, SEI, PPS, SPS, IDR, FILLER)
    assert parameter_sets(unit) == ParameterSets(sps=(SPS,), pps=(PPS,))
    assert len(nal_units(unit)) == 6
    recording, content = unfinished([Unit(pts_90k=0, is_key=True, data=unit)])
    assert f"{AVC1}/avcC" in tree(patched(content, recording.finish(None)))
