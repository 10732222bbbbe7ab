import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratcam.errors import BadInputError
from ratcam.media.nal import IDR_SLICE, nal_type, nal_units
from ratcam.muxing import FIRST_BYTES, FpsOrigin, mux, mux_file
from tests.media.players import (
    complaints,
    encode,
    hashes_of_mp4,
    hashes_of_raw,
    needs_ffmpeg,
    needs_ffprobe,
    packets,
    stream_facts,
    without_parameter_sets,
)
from tests.media.recordings import top_boxes
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps

SHARED_STREAMS = Path(__file__).parents[2] / "shared" / "streams"
REAL = sorted(path for path in SHARED_STREAMS.glob("*") if path.suffix != ".md")
REFUSED = {"sps_subsetsps_bothVUI.264": "no key frame"}
"""Streams from which a decoder gets no picture."""
SOUND = annex_b(made_sps(), made_pps(), made_slice(idr=True), made_slice(frame_num=1))

X264_OPTIONS: dict[str, tuple[str, ...]] = {
    "baseline": ("-profile:v", "baseline", "-g", "30"),
    "high": ("-profile:v", "high", "-bf", "0", "-g", "30"),
    "reordered": ("-bf", "3", "-b_strategy", "0", "-g", "30"),
    "open_gop": ("-bf", "5", "-b_strategy", "0", "-x264-params", "b-pyramid=normal:open-gop=1:keyint=24"),
    "pyramid": ("-x264-params", "bframes=8:b-pyramid=normal:b-adapt=0:ref=8:keyint=300"),
    "slices": ("-x264-params", "slices=4:aud=1:bframes=0"),
    "reordered_slices": ("-x264-params", "slice-max-mbs=5:bframes=3"),
    "interlaced": ("-flags", "+ildct+ilme", "-x264-params", "tff=1", "-bf", "2"),
    "intra_refresh": ("-bf", "0", "-x264-params", "intra-refresh=1:keyint=15"),
    "constant_rate": ("-b:v", "400k", "-x264-params", "nal-hrd=cbr:vbv-maxrate=400:vbv-bufsize=200:filler=1:bframes=2"),
    "weighted": ("-bf", "2", "-x264-params", "weightp=2", "-vf", "fade=out:0:60"),
    "cavlc": ("-x264-params", "cabac=0"),
    "film": ("-r", "24000/1001"),
    "chroma_422": ("-pix_fmt", "yuv422p", "-bf", "2"),
    "chroma_444": ("-pix_fmt", "yuv444p"),
    "lossless": ("-pix_fmt", "yuv444p", "-qp", "0"),
    "monochrome": ("-pix_fmt", "gray"),
    "ten_bits": ("-pix_fmt", "yuv422p10le", "-g", "1"),
    "short_start_codes": ("-g", "10"),
    "long_start_codes": ("-g", "10"),
    "cropped": ("-g", "30"),
    "large": ("-crf", "3", "-bf", "2", "-g", "12"),
}
SIZES = {"cropped": "1640x922", "large": "1280x720"}
"""Of the streams that are not small; these are longer than what is looked at before writing begins."""
START_CODES = {"short_start_codes": b"\0\0\1", "long_start_codes": b"\0" * 9 + b"\1"}


@needs_ffmpeg
@pytest.mark.parametrize("name", X264_OPTIONS)
def test_a_muxed_stream_decodes_to_the_same_pictures(name: str, tmp_path: Path) -> None:
    size = SIZES.get(name, "96x80")
    raw = encode(tmp_path / "in.h264", *X264_OPTIONS[name], size=size, seconds=1 if name in SIZES else 2)
    if name in START_CODES:
        raw.write_bytes(raw.read_bytes().replace(b"\0\0\0\1", b"\0\0\1").replace(b"\0\0\1", START_CODES[name]))
    target = tmp_path / "out.mp4"
    report = mux_file(raw, target, fps=None)
    expected = hashes_of_raw(raw)
    assert len(expected) == report.frames > 20
    assert hashes_of_mp4(target) == expected
    assert hashes_of_mp4(without_parameter_sets(target, tmp_path / "bare.mp4")) == expected
    assert complaints(target) == ""
    assert (report.width, report.height) == tuple(map(int, size.split("x")))
    rate = 24 / 1.001 if name == "film" else 30
    assert (report.fps, report.fps_origin) == (pytest.approx(rate), FpsOrigin.STREAM)
    assert report.duration_s == pytest.approx(len(expected) / rate, abs=1e-4)
    assert report.size_bytes == target.stat().st_size
    is_long = raw.stat().st_size >= FIRST_BYTES
    assert is_long == (name == "large")
    kinds = dict(top_boxes(target.read_bytes()))
    assert list(kinds) == ["ftyp", "moov", "free", "mdat"] if is_long else ["ftyp", "moov", "mdat"]
    assert kinds.get("free", 0) <= 1 << 16
    assert list(tmp_path.glob(".*")) == []


@needs_ffmpeg
@pytest.mark.skipif(not REAL, reason="no ../shared/streams")
@pytest.mark.parametrize("raw", REAL, ids=lambda path: path.name)
def test_a_real_stream_decodes_to_the_same_pictures(raw: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    if raw.name in REFUSED:
        with pytest.raises(BadInputError, match=REFUSED[raw.name]):
            mux_file(raw, target, fps=None)
        assert hashes_of_raw(raw) == []
        return
    mux_file(raw, target, fps=None)
    assert hashes_of_mp4(target) == hashes_of_raw(raw)
    assert hashes_of_mp4(without_parameter_sets(target, tmp_path / "bare.mp4")) == hashes_of_raw(raw)


@needs_ffmpeg
@needs_ffprobe
def test_times_follow_the_frame_rate_without_drift(tmp_path: Path) -> None:
    raw = encode(tmp_path / "in.h264", "-bf", "3", "-b_strategy", "0")
    target = tmp_path / "out.mp4"
    assert mux_file(raw, target, fps=29.97).fps_origin == FpsOrigin.FLAG
    shown = sorted(pts for pts, _, _ in packets(target))
    assert shown == [round(number * 90_000 / 29.97) for number in range(90)]
    assert stream_facts(target, "duration_ts")["duration_ts"] == str(round(90 * 90_000 / 29.97))


def test_the_size_is_that_of_the_set_that_the_first_picture_refers_to(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    stale, used = made_sps(), made_sps(sps_id=1, width_mbs=9)
    raw.write_bytes(annex_b(stale, made_pps(), used, made_pps(pps_id=1, sps_id=1), made_slice(idr=True, pps_id=1)))
    report = mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert (report.width, report.height) == (144, 48)


@needs_ffmpeg
@needs_ffprobe
def test_two_sizes_in_one_stream_are_two_sample_entries(tmp_path: Path) -> None:
    small = encode(tmp_path / "a.h264", "-bf", "0", seconds=1)
    large = encode(tmp_path / "b.h264", "-bf", "0", size="128x96", seconds=1)
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(small.read_bytes() + large.read_bytes() + small.read_bytes())
    report = mux_file(raw, target, fps=None)
    assert (report.frames, report.width, report.height) == (90, 128, 96)
    assert hashes_of_mp4(target) == hashes_of_raw(raw)
    assert complaints(target) == ""


def test_a_stream_that_names_no_rate_is_taken_for_25_a_second(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(SOUND)
    report = mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert (report.fps, report.fps_origin, report.duration_s) == (25.0, FpsOrigin.DEFAULT, 0.08)


def test_an_absurd_rate_in_the_stream_is_not_believed(tmp_path: Path) -> None:
    vui = BitWriter().u(4, 0).u(1, 1).u(32, 1).u(32, 0xFFFF_FFFF).u(1, 1).u(4, 0)
    raw = tmp_path / "in.h264"
    raw.write_bytes(annex_b(made_sps(vui=vui), made_pps(), made_slice(idr=True)))
    assert mux_file(raw, tmp_path / "out.mp4", fps=None).fps_origin == FpsOrigin.DEFAULT


def test_pictures_before_the_first_key_frame_are_dropped_and_counted(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(annex_b(made_sps(), made_pps(), *(made_slice(frame_num=n) for n in (1, 2, 3))) + SOUND)
    report = mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert (report.dropped_frames, report.frames, report.key_frames) == (3, 2, 1)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "it is an MP4 file already, not a raw H.264 stream"),
        (b"\x1a\x45\xdf\xa3 matroska", "it is not a raw H.264 stream"),
        (b"A text, not a video.\n", "no Annex B start codes"),
        (annex_b(made_sps(), made_pps()), "no key frame"),
        (annex_b(made_sps(), made_pps(), made_slice(frame_num=1)), "no key frame"),
        (annex_b(made_slice(idr=True)), "SPS"),
        (annex_b(made_sps(), made_slice(idr=True)), "PPS"),
        (annex_b(b"\x67\x42\x00", made_pps(), made_slice(idr=True)), "SPS"),
    ],
)
def test_unusable_input_is_refused_in_a_sentence_and_the_target_stays(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(content)
    target.write_bytes(b"old")
    with pytest.raises(BadInputError, match=reason):
        mux_file(raw, target, fps=None)
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h264", "out.mp4"]


@needs_ffmpeg
@pytest.mark.parametrize("name", ["open_gop", "intra_refresh"])
def test_a_stream_without_its_idr_picture_begins_at_a_recovery_point(name: str, tmp_path: Path) -> None:
    raw = encode(tmp_path / "in.h264", *X264_OPTIONS[name], size="96x80", seconds=2)
    units = nal_units(raw.read_bytes())
    raw.write_bytes(annex_b(*(bytes(unit) for unit in units if nal_type(unit) != IDR_SLICE)))
    report = mux_file(raw, tmp_path / "out.mp4", fps=None)
    expected = hashes_of_raw(raw)
    assert len(expected) > 30
    assert hashes_of_mp4(tmp_path / "out.mp4") == expected
    assert hashes_of_mp4(without_parameter_sets(tmp_path / "out.mp4", tmp_path / "bare.mp4")) == expected
    assert (report.key_frames, report.dropped_frames > 0) == (1, True)


@needs_ffmpeg
@pytest.mark.parametrize("place", [0.1, 0.37, 0.5, 0.83, 0.999])
@pytest.mark.parametrize("name", ["reordered_slices", "interlaced", "slices"])
def test_a_stream_cut_short_gives_what_is_left_of_it(name: str, place: float, tmp_path: Path) -> None:
    raw = encode(tmp_path / "in.h264", *X264_OPTIONS[name], size="96x80", seconds=1)
    content = raw.read_bytes()
    raw.write_bytes(content[: int(len(content) * place)])
    mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert hashes_of_mp4(tmp_path / "out.mp4") == hashes_of_raw(raw) != []


@needs_ffmpeg
def test_zeros_and_rubbish_between_and_behind_the_pictures_do_no_harm(tmp_path: Path) -> None:
    raw = encode(tmp_path / "in.h264", "-bf", "2", size="96x80", seconds=1)
    expected = hashes_of_raw(raw)
    units = [bytes(unit) for unit in nal_units(raw.read_bytes())]
    rubbish = b"not a start code" + bytes(300_000) + b"\0\0\1" + b"\0\0\1\0\0\1"
    raw.write_bytes(rubbish + (bytes(70_000) + b"\1").join([b"", *units]) + bytes(2_000_000))
    assert mux_file(raw, tmp_path / "out.mp4", fps=None).frames == len(expected)
    assert hashes_of_mp4(tmp_path / "out.mp4") == expected


@needs_ffmpeg
@pytest.mark.parametrize("begins_heavy", [True, False])
def test_a_stream_that_goes_on_unlike_it_began_has_its_index_in_front_all_the_same(
    begins_heavy: bool, tmp_path: Path
) -> None:
    """The room that is left for the index is then too small, or far too large."""
    heavy = encode(tmp_path / "a.h264", "-bf", "0", "-crf", "1", "-g", "3", size="640x480").read_bytes()
    light = encode(tmp_path / "b.h264", "-bf", "0", "-crf", "20", "-g", "1", size="48x48", seconds=10).read_bytes()
    times = 2 * FIRST_BYTES // len(light)
    assert len(heavy) > FIRST_BYTES
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(heavy + light * times if begins_heavy else light * times + heavy * 5)
    report = mux_file(raw, target, fps=None)
    kinds = dict(top_boxes(target.read_bytes()))
    assert list(kinds) == ["ftyp", "moov", "mdat"]
    assert report.frames == 300 * times + (90 if begins_heavy else 450)
    assert hashes_of_mp4(target) == hashes_of_raw(raw)


def test_a_key_frame_that_was_announced_by_nothing_is_left_out_until_its_sets_come(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(annex_b(made_slice(idr=True), made_slice(frame_num=1)) + SOUND)
    report = mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert (report.dropped_frames, report.frames) == (2, 2)


def test_a_stream_of_one_huge_unit_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    with raw.open("wb") as file:
        file.write(annex_b(made_sps(), made_pps()) + b"\0\0\1\x65")
        file.write(b"\x55" * (80 << 20))
    with pytest.raises(BadInputError, match="goes on for 64 MiB"):
        mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert [path.name for path in tmp_path.iterdir()] == ["in.h264"]


@pytest.mark.parametrize("pattern", [bytes(1 << 16), b"\0\0\1" * 20_000, bytes(range(256)) * 256])
def test_a_large_file_of_anything_else_is_refused_in_words_and_little_memory(pattern: bytes, tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(pattern * ((20 << 20) // len(pattern)))
    program = (
        "import resource, sys\n"
        "from ratcam.cli import main\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "status = main(sys.argv[1:])\n"
        "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", program, "mux", str(raw), str(tmp_path / "out.mp4")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    status, grown_kb = map(int, done.stdout.split())
    assert status == 2
    assert done.stderr.startswith(f"ratcam: cannot mux {raw}: ")
    assert done.stderr.count("\n") == 1
    assert grown_kb < 12_000


@pytest.mark.parametrize("link", ["itself", "symlink_to", "hardlink_to"])
def test_the_source_is_never_overwritten(link: str, tmp_path: Path) -> None:
    raw, target = tmp_path / "in.h264", tmp_path / "in.h264"
    raw.write_bytes(SOUND)
    if link != "itself":
        target = tmp_path / "out.mp4"
        getattr(target, link)(raw)
    names = sorted(tmp_path.iterdir())
    with pytest.raises(BadInputError, match="is the stream itself"):
        mux_file(raw, target, fps=None)
    assert raw.read_bytes() == target.read_bytes() == SOUND
    assert sorted(tmp_path.iterdir()) == names


def test_a_folder_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"cannot read .*Is a directory"):
        mux_file(tmp_path, tmp_path / "out.mp4", fps=None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_target_that_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    raw, pipe = tmp_path / "in.h264", tmp_path / "pipe"
    raw.write_bytes(SOUND)
    os.mkfifo(pipe)
    with pytest.raises(BadInputError, match=r"cannot write .*pipe: it is a folder or a device"):
        mux_file(raw, pipe, fps=None)
    assert pipe.is_fifo()


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs limits of file sizes")
def test_a_disk_that_is_full_leaves_the_target_and_no_rubbish(tmp_path: Path) -> None:
    """A limit of the file's size stands for the disk: the write is cut short, and the next one fails."""
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(SOUND + annex_b(made_slice(frame_num=2) + b"\x55" * (3 << 20)))
    target.write_bytes(b"old")
    program = (
        "import resource, signal, sys\n"
        "from ratcam.cli import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, 2 << 20))\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "mux", str(raw), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (2, f"ratcam: cannot write {target}: File too large\n")
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h264", "out.mp4"]


def test_a_missing_source_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"gone\.h264.*No such file"):
        mux_file(tmp_path / "gone.h264", tmp_path / "out.mp4", fps=None)


def test_a_target_that_cannot_be_written_is_refused_by_its_name(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(SOUND)
    (tmp_path / "folder").mkdir()
    for target in (tmp_path / "gone" / "out.mp4", tmp_path / "folder"):
        with pytest.raises(BadInputError, match=f"cannot write .*{target.name}"):
            mux_file(raw, target, fps=None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "in.h264"]


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_a_rate_that_is_none_is_refused(fps: float, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--fps"):
        mux_file(tmp_path / "in.h264", tmp_path / "out.mp4", fps=fps)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_a_source_too(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(bytes.fromhex(sys.argv[2]))"
    with subprocess.Popen([sys.executable, "-c", program, str(pipe), SOUND.hex()]) as writer:
        report = mux_file(pipe, tmp_path / "out.mp4", fps=None)
        assert writer.wait(timeout=30) == 0
    assert report.frames == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(at=st.integers(0, len(SOUND)), noise=st.binary(max_size=20), is_cut=st.booleans())
def test_damaged_input_is_muxed_or_refused(tmp_path: Path, at: int, noise: bytes, is_cut: bool) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(SOUND[:at] + noise + (b"" if is_cut else SOUND[at + len(noise) :]))
    try:
        report = mux_file(raw, tmp_path / "out.mp4", fps=None)
    except BadInputError:
        return
    assert report.frames >= 1


def test_a_target_may_have_the_longest_name_there_is(tmp_path: Path) -> None:
    raw, target = tmp_path / "in.h264", tmp_path / ("n" * 251 + ".mp4")
    raw.write_bytes(SOUND)
    assert mux_file(raw, target, fps=None).frames == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([raw.name, target.name])


def test_a_bug_of_ours_is_not_told_as_the_target_s_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(SOUND)

    def buggy(*_: object) -> int:
        return int("a bug")

    monkeypatch.setattr(os, "writev", buggy)
    with pytest.raises(ValueError, match="invalid literal"):
        mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert [path.name for path in tmp_path.iterdir()] == ["in.h264"]


def test_a_frame_rate_of_two_numbers_is_taken_as_exact(tmp_path: Path) -> None:
    raw = tmp_path / "in.h264"
    raw.write_bytes(SOUND)
    report = mux_file(raw, tmp_path / "out.mp4", fps=(30000, 1001))
    assert (report.fps, report.duration_s) == (30000 / 1001, 6006 / 90_000)
    with pytest.raises(BadInputError, match=r"--fps 1e\+06"):
        mux_file(raw, tmp_path / "out.mp4", fps=(1_000_000, 1))


def test_what_is_left_out_is_told_for_its_true_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(annex_b(made_slice(idr=True), made_slice(frame_num=1)) + SOUND)
    mux(str(raw), str(target), fps=None)
    assert (
        "before the first key frame whose parameter sets (SPS, PPS) are there: 2 pictures." in capsys.readouterr().out
    )
    raw.write_bytes(annex_b(made_sps(), made_pps(), made_slice(frame_num=1)) + SOUND)
    mux(str(raw), str(target), fps=None)
    assert "Left out, before the first key frame: 1 picture." in capsys.readouterr().out


def test_pictures_that_change_their_size_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, target = tmp_path / "in.h264", str(tmp_path / "out.mp4")
    raw.write_bytes(SOUND + annex_b(made_sps(width_mbs=9), made_pps(), made_slice(idr=True, idr_id=1)))
    mux(str(raw), target, fps=None)
    assert "The size of the pictures changes" in capsys.readouterr().out
    raw.write_bytes(SOUND)
    mux(str(raw), target, fps=None)
    assert "changes" not in capsys.readouterr().out
