"""A file as a camera: what goes in comes out, in order, at the right times."""

import io
import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from ratcam.cameras.file import FileSource
from ratcam.cameras.libav import X264Encoder
from ratcam.errors import CameraError
from ratcam.media.access_unit import START, is_idr, parameter_sets
from ratcam.media.nal import PPS, SPS, nal_type, nal_units
from ratcam.media.sps import parse_sps
from ratcam.motion.field import unpack
from ratcam.ports import CapturedPicture
from ratcam.settings import CameraSettings
from tests.cameras.clips import picture_hashes, write_clip
from tests.deadline import wait_until
from tests.media.players import needs_ffmpeg, run
from tests.scene import is_shown, write_turned

STREAMS = Path(__file__).parents[2] / ".." / "shared" / "streams"


def _source(path: Path, *, loop: bool = False, pace: str = "fast", has_vectors: bool = False) -> FileSource:
    return FileSource(CameraSettings(source=f"file:{path}", loop=loop, pace=pace), has_vectors=has_vectors)


def _pictures(source: FileSource, most: int = 10_000) -> list[CapturedPicture]:
    source.open()
    try:
        return list(itertools.islice(iter(source.next_picture, None), most))
    finally:
        source.close()


def _units(pictures: list[CapturedPicture]) -> list[CapturedPicture]:
    return [picture for picture in pictures if picture.data]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.h264", "a.ts", "a.avi"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_h264_goes_through_without_being_encoded_again(tmp_path: Path, name: str, b_frames: int) -> None:
    clip = write_clip(tmp_path / name, b_frames=b_frames)
    pictures = _pictures(_source(clip))
    assert picture_hashes(b"".join(picture.data for picture in pictures)) == picture_hashes(clip)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.h264", "a.ts", "a.avi"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_every_picture_has_its_own_time_and_field_times_rise(tmp_path: Path, name: str, b_frames: int) -> None:
    pictures = _pictures(_source(write_clip(tmp_path / name, b_frames=b_frames)))
    times = [picture.pts_90k for picture in _units(pictures)]
    fields = [picture.field_pts_90k for picture in pictures if picture.field]
    assert sorted(times) == [9000 * number for number in range(20)]
    assert fields == sorted(times)
    if b_frames:
        assert times != sorted(times), "the clip was to have reordered pictures"


def test_every_idr_begins_with_its_parameter_sets(tmp_path: Path) -> None:
    whole = _pictures(_source(write_clip(tmp_path / "a.h264")))
    # The same stream with its parameter sets at the very beginning only.
    units = [unit for picture in whole for unit in nal_units(picture.data)]
    sets = [unit for unit in units if nal_type(unit) in (SPS, PPS)]
    rest = [unit for unit in units if nal_type(unit) not in (SPS, PPS)]
    bare = tmp_path / "bare.h264"
    bare.write_bytes(b"".join(START + bytes(unit) for unit in (*sets[:2], *rest)))
    pictures = _pictures(_source(bare))
    keys = [picture.data for picture in pictures if is_idr(picture.data)]
    assert len(sets) == 4
    assert len(keys) == 2
    for key in keys:
        assert [nal_type(unit) for unit in nal_units(key)][:2] == [SPS, PPS]
    assert picture_hashes(b"".join(picture.data for picture in pictures)) == picture_hashes(bare)


def test_vectors_are_read_for_whoever_wants_them(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    wanted, not_wanted = (
        [unpack(picture.field, 20, 12) for picture in _pictures(_source(clip, has_vectors=has_vectors))]
        for has_vectors in (True, False)
    )
    assert wanted[5].x.any()
    for one, other in zip(wanted, not_wanted, strict=True):
        assert not other.may_have_vectors
        assert np.array_equal(one.sad, other.sad)


def test_fields_show_what_moves_and_nothing_else(tmp_path: Path) -> None:
    pictures = _pictures(_source(write_clip(tmp_path / "a.mp4"), has_vectors=True))
    assert (pictures[5].columns, pictures[5].rows) == (20, 12)
    field = unpack(pictures[5].field, 20, 12)
    # The square's blocks point back to where they came from, 4 pixels to the left.
    assert np.median(field.x[2:8, 4:8]) == -4
    assert not field.x[10:].any()
    assert field.sad[2:8, 2:10].max() > 1000
    assert not field.sad[8:, 12:].max() > 500


def test_the_first_field_is_all_zero(tmp_path: Path) -> None:
    assert not any(_pictures(_source(write_clip(tmp_path / "a.mp4")))[0].field)


def test_a_loop_goes_on_with_rising_times_and_the_same_pictures(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    pictures = _pictures(_source(clip, loop=True), most=60)
    assert [picture.pts_90k for picture in pictures] == [9000 * number for number in range(60)]
    assert [picture.field_pts_90k for picture in pictures] == [9000 * number for number in range(60)]
    assert picture_hashes(b"".join(p.data for p in pictures)) == picture_hashes(clip) * 3


def test_a_loop_of_reordered_pictures_repeats_no_time(tmp_path: Path) -> None:
    pictures = _units(_pictures(_source(write_clip(tmp_path / "a.mp4", b_frames=2), loop=True), most=70))[:60]
    assert sorted(picture.pts_90k for picture in pictures) == [9000 * number for number in range(60)]


def test_another_codec_is_encoded_with_a_key_frame_a_second(tmp_path: Path) -> None:
    pictures = _pictures(_source(write_clip(tmp_path / "a.avi", codec="mpeg4", frames=25)))
    assert [picture.pts_90k for picture in pictures] == [9000 * number for number in range(25)]
    assert [number for number, picture in enumerate(pictures) if is_idr(picture.data)] == [0, 10, 20]
    assert len(picture_hashes(b"".join(picture.data for picture in pictures))) == 25
    assert all(picture.field for picture in pictures)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_pause_in_a_file_is_played_as_one_step(tmp_path: Path, b_frames: int) -> None:
    times = [*range(13), *range(713, 720)]
    pictures = _pictures(_source(write_clip(tmp_path / "a.mp4", b_frames=b_frames, times=times)))
    assert sorted(picture.pts_90k for picture in _units(pictures)) == [9000 * number for number in range(20)]
    assert [picture.field_pts_90k for picture in pictures if picture.field] == [9000 * n for n in range(20)]


def test_a_pause_in_a_file_that_is_encoded_is_played_as_one_step(tmp_path: Path) -> None:
    times = [*range(5), *range(700, 705)]
    clip = write_clip(tmp_path / "a.mkv", codec="mpeg4", frames=10, times=times)
    assert [picture.pts_90k for picture in _pictures(_source(clip))] == [9000 * number for number in range(10)]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_file_made_of_several_keeps_every_picture(tmp_path: Path, b_frames: int) -> None:
    low = write_clip(tmp_path / "low.ts", b_frames=b_frames)
    high = write_clip(tmp_path / "high.ts", b_frames=b_frames, times=range(3000, 3020))
    joined = tmp_path / "joined.ts"
    joined.write_bytes(low.read_bytes() + high.read_bytes() + low.read_bytes() + low.read_bytes())
    pictures = _pictures(_source(joined))
    units = _units(pictures)
    assert sorted(picture.pts_90k for picture in units) == [9000 * number for number in range(80)]
    fields = [picture.field_pts_90k for picture in pictures if picture.field]
    assert fields == [9000 * number for number in range(80)]
    assert picture_hashes(b"".join(unit.data for unit in units)) == picture_hashes(low) * 4


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuv420p10le"])
def test_h264_that_phones_do_not_play_is_encoded_again(tmp_path: Path, pixels: str) -> None:
    pictures = _pictures(_source(write_clip(tmp_path / "a.mp4", pixels=pixels)))
    assert len(pictures) == 20
    sps = parse_sps(parameter_sets(pictures[0].data).sps[0])
    assert (sps.chroma_format_idc, sps.bit_depth_luma) == (1, 8)
    assert (sps.width, sps.height) == (160, 96)


def test_a_rate_that_only_a_time_base_has_is_not_believed(tmp_path: Path) -> None:
    times = [number * 40 + number * number * 7 % 31 for number in range(75)]
    clip = write_clip(tmp_path / "a.mkv", codec="mpeg4", frames=75, fps=1000, times=times)
    source = _source(clip)
    assert source.open().fps == 25
    source.close()
    pictures = _pictures(_source(clip))
    keys = [picture.pts_90k for picture in pictures if is_idr(picture.data)]
    assert keys[0] == 0
    assert len(keys) >= 3
    assert all(later - sooner <= 95_000 for sooner, later in pairwise([*keys, pictures[-1].pts_90k]))


def test_an_encoder_makes_a_key_frame_a_second_whatever_the_rate_that_was_named() -> None:
    encoder = X264Encoder(width=64, height=48, fps=100, bitrate_kbit=100)
    planes = np.zeros((72, 64), np.uint8)
    keys = [n for n in range(40) if is_idr(encoder.encode_planes(planes, n * 9000))]
    assert keys == [0, 10, 20, 30]


@needs_ffmpeg
def test_the_cover_of_a_song_is_no_camera(tmp_path: Path) -> None:
    cover, song = tmp_path / "cover.png", tmp_path / "song.mp3"
    Image.new("RGB", (64, 48)).save(cover)
    command = ("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", "-i", str(cover), "-map", "0", "-map", "1")
    done = run(*command, "-disposition:v", "attached_pic", str(song))
    assert done.returncode == 0, done.stderr
    with pytest.raises(CameraError, match="no video stream"):
        _source(song).open()


def test_an_encoded_picture_is_a_key_frame_on_request(tmp_path: Path) -> None:
    source = _source(write_clip(tmp_path / "a.avi", codec="mpeg4"))
    source.open()
    for _ in range(4):
        source.next_picture()
    source.request_key_frame()
    picture = source.next_picture()
    source.close()
    assert picture is not None
    assert is_idr(picture.data)


def test_an_odd_size_is_made_even_where_it_is_encoded(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (75, 101, 3), np.uint8))
    image.save(tmp_path / "a.png")
    source = _source(tmp_path / "a.png")
    info = source.open()
    assert (info.width, info.height) == (100, 74)
    assert source.next_picture() is not None
    source.close()


def test_a_still_is_the_newest_picture(tmp_path: Path) -> None:
    source = _source(write_clip(tmp_path / "a.mp4"))
    source.open()
    with pytest.raises(CameraError, match="no picture yet"):
        source.still_jpeg()
    for _ in range(3):
        source.next_picture()
    pts_90k, jpeg = source.still_jpeg()
    source.close()
    assert pts_90k == 18_000
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.size) == ("JPEG", (160, 96))
    assert image.getpixel((40, 40)) > image.getpixel((120, 40))  # type: ignore[operator]


def test_in_real_time_a_file_plays_at_its_own_speed(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", frames=11, fps=20)
    begin_s = time.monotonic()
    _pictures(_source(clip, pace="realtime"))
    assert 0.5 <= time.monotonic() - begin_s < 3


@pytest.mark.parametrize(
    ("content", "words"), [(None, "There is no file"), (b"nothing to see here\n" * 200, "cannot be played")]
)
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CameraError, match=words):
        _source(path).open()


def test_a_folder_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="cannot be played"):
        _source(tmp_path).open()


def test_a_truncated_file_plays_as_far_as_it_goes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.h264", frames=40)
    half = tmp_path / "half.h264"
    half.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    assert 5 < len(_units(_pictures(_source(half)))) < 40


def test_close_before_open_and_twice_is_harmless(tmp_path: Path) -> None:
    source = _source(tmp_path / "a.mp4")
    source.close()
    source.close()


@pytest.mark.skipif(not STREAMS.exists(), reason="no ../shared/streams")
@pytest.mark.parametrize(
    "name",
    [
        "BA1_Sony_D.jsv",
        "CI1_FT_B.264",
        "CVFC1_Sony_C.jsv",
        "Cisco_Men_whisper_640x320_CABAC_Bframe_9.264",
        "MIDR_MW_D.264",
        "MR2_MW_A.264",
        "NLMQ2_JVC_C.264",
        "QCIF_2P_I_allIPCM.264",
        "Zhling_1280x720.264",
        "test_scalinglist_jm.264",
    ],
)
def test_conformance_streams_keep_their_pictures(name: str) -> None:
    units = _units(_pictures(_source(STREAMS / name)))
    assert picture_hashes(b"".join(unit.data for unit in units)) == picture_hashes(STREAMS / name)
    assert len({unit.pts_90k for unit in units}) == len(units)


@dataclass
class Opened:
    """The real `av.open`; counts, and may do something after the first time."""

    paths: list[str] = field(default_factory=list[str])
    after_first: Callable[[], object] = bool

    def __post_init__(self) -> None:
        self.open: Callable[..., Any] = av.open

    def __call__(self, path: str, **options: Any) -> Any:
        self.paths.append(path)
        opened = self.open(path, **options)
        if len(self.paths) == 1:
            self.after_first()
        return opened


def test_each_further_pass_opens_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = Opened()
    clip = write_turned(tmp_path / "a.mp4", 90)
    monkeypatch.setattr(av, "open", opened)
    source = _source(clip, loop=True)
    assert source.open().rotation == 90
    assert len(opened.paths) == 2
    pictures = [picture for picture in itertools.islice(iter(source.next_picture, None), 90) if picture.data]
    assert len(pictures) > 60
    assert len(opened.paths) == 2 + (len(pictures) - 1) // 20
    assert is_shown(source.still_jpeg()[1], 90), "also in later passes"
    source.close()


def test_a_file_that_vanishes_while_it_is_opened_is_played_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    hashes = picture_hashes(clip)
    monkeypatch.setattr(av, "open", Opened(after_first=clip.unlink))
    assert picture_hashes(b"".join(picture.data for picture in _pictures(_source(clip)))) == hashes


def test_a_file_that_is_overwritten_while_it_is_opened_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(av, "open", Opened(after_first=lambda: clip.write_bytes(b"junk")))
    with pytest.raises(CameraError, match="cannot be played"):
        _source(clip).open()


def test_a_pipe_loses_no_picture(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.h264")
    pipe = tmp_path / "pipe.h264"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(clip.read_bytes()), daemon=True)
    found: list[bytes] = []
    reader = threading.Thread(
        target=lambda: found.append(b"".join(picture.data for picture in _pictures(_source(pipe)))), daemon=True
    )
    reader.start()
    writer.start()
    wait_until(lambda: bool(found), what="the end of the pipe")
    assert picture_hashes(found[0]) == picture_hashes(clip)
