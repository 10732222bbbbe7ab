"""Reading the index of a file: what it says of its pictures, and what of one that is damaged."""

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.avc_config import by_id, sample_entry, sets_of
from ratcam.media.box_reader import box_at
from ratcam.media.errors import StreamError
from ratcam.media.first_picture import first_picture
from ratcam.media.index import avc_entry, rotation_of, table, turned_by
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import recover
from tests.media.recordings import begin
from tests.media.test_mp4 import made_units

MADE = made_units(12, gop=6)
RECORDING = begin(MADE[0])
CONTENT = RECORDING.header() + b"".join(RECORDING.append(MADE))
MOOV_AT = CONTENT.index(b"moov") - 4
TURN_AT = CONTENT.index(b"tkhd") + 4 + 40


def index_of(content: bytes) -> bytes:
    place = box_at(lambda offset, length: content[offset : offset + length], MOOV_AT, len(content))
    assert place is not None
    return content[place.offset : place.end]


def turned(*matrix: int) -> bytes:
    """A recording whose track header has the numbers a, b, u, c and d."""
    return CONTENT[:TURN_AT] + struct.pack(">5i", *matrix) + CONTENT[TURN_AT + 20 :]


def test_the_sample_entry_and_its_record_are_those_of_the_stream() -> None:
    found = avc_entry(index_of(CONTENT))
    assert found is not None
    entry, record = found
    assert sample_entry(by_id(sets_of(record)))[8:] == entry


def test_a_table_is_found_by_its_name_or_is_not_there() -> None:
    assert table(index_of(CONTENT), b"stsz") is not None
    assert table(index_of(CONTENT), b"ctts") is None
    assert table(b"", b"stsz") is None


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("created_unix_s", [0, 1 << 33], ids=["short times", "long times"])
def test_the_rotation_is_the_one_that_was_written(rotation: int, created_unix_s: int) -> None:
    header = Mp4Recording(first=MADE[0].data, created_unix_s=created_unix_s, title="", rotation=rotation).header()
    assert turned_by(header[header.index(b"moov") - 4 :]) == rotation


def test_an_index_that_says_nothing_of_a_rotation_has_none() -> None:
    index = index_of(turned(0, 1 << 16, 0, -1 << 16, 0))
    at = index.index(b"tkhd")
    assert turned_by(index) == 90
    assert turned_by(index[:at] + b"skip" + index[at + 4 :]) == 0
    assert turned_by(index[: at + 4] + b"\x02" + index[at + 5 :]) == 0, "another version of the box"
    assert turned_by(b"") == 0


@pytest.mark.parametrize(
    ("matrix", "degrees"),
    [((2, 9, 0, -9, 2), 90), ((-3, 1, 0, -1, -3), 180), ((1, -5, 0, 5, 1), 270), ((-1, 0, 0, 0, 1), 0)],
)
def test_a_recording_with_an_odd_matrix_is_turned_alike_in_its_recovery_and_its_thumbnail(
    matrix: tuple[int, int, int, int, int], degrees: int
) -> None:
    content = turned(*matrix)

    def read(offset: int, length: int) -> bytes:
        return content[offset : offset + length]

    found = recover(read, len(content))
    assert first_picture(read, len(content)).rotation == degrees
    assert (found.width < found.height) == (degrees in (90, 270))


@given(st.integers(0, len(CONTENT)), st.binary(max_size=30))
def test_a_damaged_index_is_read_without_a_crash(at: int, noise: bytes) -> None:
    index = index_of(CONTENT)
    index = index[:at] + noise + index[at + len(noise) :]
    assert turned_by(index) in (0, 90, 180, 270)
    with suppress(StreamError):
        found = avc_entry(index)
        if found is not None:
            sets_of(found[1])


@pytest.mark.parametrize(
    ("matrix", "degrees"),
    [
        ((1, 0, 0, 1), 0),
        ((0, 1, -1, 0), 90),
        ((-1, 0, 0, -1), 180),
        ((0, -1, 1, 0), 270),
        ((10, 1, -1, 10), 0),
        ((1, 10, -10, 1), 90),
        ((2, 0, 0, 2), 0),
        ((-1, 0, 0, 1), 0),
        ((0, 1, 1, 0), 0),
        ((0, 0, 0, 0), 0),
    ],
)
def test_a_matrix_turns_by_quarters_and_does_not_mirror(matrix: tuple[int, int, int, int], degrees: int) -> None:
    assert rotation_of(*matrix) == degrees
