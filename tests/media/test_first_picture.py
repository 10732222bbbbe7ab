"""Reading a recording's first picture back from its file, whatever state that is in."""

import errno
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ratcam.media.access_unit import is_idr, parameter_sets
from ratcam.media.box_reader import Read
from ratcam.media.boxes import FileInfo, track_header
from ratcam.media.errors import StreamError
from ratcam.media.first_picture import FirstPicture, first_picture
from ratcam.media.nal import nal_units
from tests.media.players import hashes_of_raw, needs_ffmpeg
from tests.media.recordings import patched, unfinished, units_of
from tests.media.test_mp4 import made_units

MADE = made_units(60, gop=6)
RECORDING, GROWING = unfinished(MADE)
FINISHED = patched(GROWING, RECORDING.finish(None))
SLICE = bytes(nal_units(MADE[0].data)[-1])
PICTURE_END = GROWING.index(SLICE) + len(SLICE)
TURN_AT = GROWING.index(b"tkhd") + 4


def reader(content: bytes) -> Read:
    return lambda offset, length: content[offset : offset + length]


def picture_of(content: bytes) -> FirstPicture:
    def read(offset: int, length: int) -> bytes:
        assert 0 < length < 1 << 20, "no more is read than is needed"
        return content[offset : offset + length]

    return first_picture(read, len(content))


@pytest.mark.parametrize("content", [GROWING, FINISHED], ids=["growing", "finished"])
def test_the_first_sample_comes_back_as_the_unit_that_went_in(content: bytes) -> None:
    found = picture_of(content)
    assert is_idr(found.data)
    assert parameter_sets(found.data) == parameter_sets(MADE[0].data)
    assert found.data == MADE[0].data
    assert found.rotation == 0


def test_an_index_at_the_end_is_found_too() -> None:
    recording, growing = unfinished(made_units(600, gop=1), expected_frames=1)
    finished = patched(growing, recording.finish(None))
    assert len(finished) > len(growing), "the index was to have no room in front"
    assert picture_of(finished).data == MADE[0].data


@needs_ffmpeg
@pytest.mark.parametrize("name", ["high", "reordered", "cropped", "slices"])
def test_what_comes_back_decodes_to_the_streams_first_picture(
    name: str, x264_streams: dict[str, Path], tmp_path: Path
) -> None:
    recording, content = unfinished(units_of(x264_streams[name]))
    for state in (content, patched(content, recording.finish(None))):
        alone = tmp_path / "first.h264"
        alone.write_bytes(picture_of(state).data)
        assert hashes_of_raw(alone) == hashes_of_raw(x264_streams[name])[:1]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("created_unix_s", [0, 1 << 33], ids=["32 bits", "64 bits"])
def test_the_rotation_is_that_of_the_track_header(rotation: int, created_unix_s: int) -> None:
    header = track_header(FileInfo(created_unix_s=created_unix_s, title="", rotation=rotation), 0, 64, 48)
    old = track_header(FileInfo(created_unix_s=0, title=""), 0, 64, 48)
    assert len(header) == len(old) + (12 if created_unix_s else 0)
    matrix = header[-44:-8]
    content = bytearray(GROWING)
    content[TURN_AT + 40 : TURN_AT + 76] = matrix
    assert picture_of(bytes(content)).rotation == rotation


@given(st.integers(0, len(GROWING)), st.booleans())
@example(PICTURE_END - 1, False)
@example(PICTURE_END, False)
@example(PICTURE_END, True)
def test_a_file_cut_off_anywhere_gives_its_first_picture_or_is_refused(size: int, is_finished: bool) -> None:
    content = (FINISHED if is_finished else GROWING)[:size]
    try:
        found = picture_of(content)
    except StreamError:
        assert size < PICTURE_END
    else:
        assert size >= PICTURE_END
        assert found.data == MADE[0].data


@given(st.binary(max_size=200), st.integers(0, len(FINISHED) - 1))
def test_any_bytes_give_a_picture_or_are_refused(noise: bytes, at: int) -> None:
    for content in (noise, FINISHED[:at] + noise + FINISHED[at + len(noise) :], b"\0\0\0\x08moov" + noise):
        with suppress(StreamError):
            first_picture(reader(content), len(content))


def test_a_sample_that_says_it_is_larger_than_the_file_is_not_read() -> None:
    content = bytearray(FINISHED)
    at = content.index(b"stsz") + 4 + 12
    struct.pack_into(">I", content, at, 0xFFFF_FFFF)
    with pytest.raises(StreamError, match="not there"):
        picture_of(bytes(content))


@pytest.mark.parametrize("data_offset", [-1, -(1 << 30)])
def test_a_fragment_that_points_before_the_file_is_refused_and_nothing_is_read_there(data_offset: int) -> None:
    content = bytearray(GROWING)
    at = content.index(b"trun") + 12
    struct.pack_into(">i", content, at, data_offset - content.index(b"moof") + 4)

    def read(offset: int, length: int) -> bytes:
        if offset < 0:
            raise OSError(errno.EINVAL, "Invalid argument")
        return bytes(content[offset : offset + length])

    with pytest.raises(StreamError, match="not there"):
        first_picture(read, len(content))
