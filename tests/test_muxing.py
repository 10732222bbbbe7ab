import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratcam.errors import BadInputError
from ratcam.muxing import FpsOrigin, mux_file
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
    "pyramid": ("-bf", "5", "-b_strategy", "0", "-x264-params", "b-pyramid=normal:open-gop=1:keyint=24"),
    "slices": ("-x264-params", "slices=4:aud=1:bframes=0"),
    "interlaced": ("-flags", "+ildct+ilme", "-bf", "2"),
    "short_start_codes": ("-g", "10", "-bsf:v", "h264_mp4toannexb"),
}


@needs_ffmpeg
@pytest.mark.parametrize("name", [*X264_OPTIONS, "cropped"])
def test_a_muxed_stream_decodes_to_the_same_pictures(name: str, tmp_path: Path) -> None:
    size = "1640x922" if name == "cropped" else "96x80"
    raw = encode(tmp_path / "in.h264", *X264_OPTIONS.get(name, ()), size=size, seconds=1 if name == "cropped" else 2)
    if name == "short_start_codes":
        raw.write_bytes(raw.read_bytes().replace(b"\0\0\0\1", b"\0\0\1"))
    target = tmp_path / "out.mp4"
    report = mux_file(raw, target, fps=None)
    expected = hashes_of_raw(raw)
    assert hashes_of_mp4(target) == expected
    assert hashes_of_mp4(without_parameter_sets(target, tmp_path / "bare.mp4")) == expected
    assert complaints(target) == ""
    assert report.frames == len(expected)
    assert (report.width, report.height) == tuple(map(int, size.split("x")))
    assert (report.fps, report.fps_origin) == (30.0, FpsOrigin.STREAM)
    assert report.duration_s == pytest.approx(len(expected) / 30)
    assert report.size_bytes == target.stat().st_size
    assert [kind for kind, _ in top_boxes(target.read_bytes())] == ["ftyp", "moov", "mdat"]
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
    assert mux_file(raw, target, fps=29.97).fps_origin is FpsOrigin.FLAG
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
    assert mux_file(raw, tmp_path / "out.mp4", fps=None).fps_origin is FpsOrigin.DEFAULT


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
