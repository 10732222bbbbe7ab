from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.access_unit import ParameterSets, is_idr, parameter_sets, with_parameter_sets
from tests.media.players import needs_ffmpeg
from tests.media.splitter import AccessUnitSplitter
from tests.media.written import annex_b, made_pps, made_slice, made_sps

SPS, PPS = made_sps(), made_pps()
AUD, SEI, PREFIX = b"\x09\x10", b"\x06\x05\x01\x00\x80", b"\x0e\x40\x80"


def split(data: bytes, size: int) -> list[bytes]:
    splitter = AccessUnitSplitter()
    units = [unit for at in range(0, len(data), size) for unit in splitter.feed(data[at : at + size])]
    return units + splitter.finish()


def test_a_unit_is_idr_if_all_its_slices_are() -> None:
    idr, other = made_slice(idr=True), made_slice(first_mb=4)
    assert is_idr(annex_b(AUD, SPS, PPS, SEI, idr, idr))
    assert not is_idr(annex_b(SPS, PPS, idr, other))
    assert not is_idr(annex_b(SPS, PPS, other))
    assert not is_idr(annex_b(SPS, PPS))
    assert not is_idr(b"")


def test_parameter_sets_are_found_once_each_in_order() -> None:
    other = made_pps(pps_id=1)
    sets = parameter_sets(annex_b(SPS, PPS, other, PPS, made_slice(idr=True)))
    assert sets == ParameterSets(sps=(SPS,), pps=(PPS, other))


def test_missing_parameter_sets_are_put_in_front_but_behind_a_delimiter() -> None:
    sets, picture = ParameterSets(sps=(SPS,), pps=(PPS,)), made_slice(idr=True)
    assert with_parameter_sets(annex_b(picture), sets) == annex_b(SPS, PPS, picture)
    assert with_parameter_sets(annex_b(AUD, PPS, picture), sets) == annex_b(AUD, SPS, PPS, picture)


def test_a_unit_that_has_its_parameter_sets_stays_as_it_is() -> None:
    data = b"\0\0\1" + SPS + b"\0\0\1" + PPS + b"\0\0\1" + made_slice(idr=True) + b"\0\0"
    assert with_parameter_sets(data, ParameterSets(sps=(SPS,), pps=(PPS,))) is data


def test_slices_of_one_picture_stay_together_in_any_order() -> None:
    first = annex_b(SPS, PPS, made_slice(idr=True, first_mb=4), made_slice(idr=True), made_slice(idr=True, first_mb=8))
    second = annex_b(made_slice(frame_num=1, lsb=2, first_mb=4), made_slice(frame_num=1, lsb=2))
    assert split(first + second, 1000) == [first, second]


@pytest.mark.parametrize(
    "following",
    [
        made_slice(frame_num=2, lsb=2),
        made_slice(frame_num=1, lsb=4),
        made_slice(frame_num=1, lsb=2, ref=0),
        made_slice(idr=True, frame_num=1, lsb=2),
        made_slice(frame_num=1, lsb=2, pps_id=1),
    ],
)
def test_a_slice_with_another_header_begins_another_picture(following: bytes) -> None:
    start = annex_b(SPS, PPS, made_pps(pps_id=1), made_slice(frame_num=1, lsb=2))
    assert split(start + annex_b(following), 1000) == [start, annex_b(following)]


def test_idr_pictures_in_a_row_are_told_apart_by_their_id() -> None:
    pictures = [annex_b(made_slice(idr=True, idr_id=number % 2)) for number in range(3)]
    assert len(split(annex_b(SPS, PPS) + b"".join(pictures), 1000)) == 3


def test_a_redundant_slice_belongs_to_the_picture_before() -> None:
    start = annex_b(SPS, made_pps(redundant=True), made_slice(idr=True, redundant=0), made_slice(idr=True, redundant=1))
    following = annex_b(made_slice(frame_num=1, redundant=0))
    assert split(start + following, 1000) == [start, following]


@pytest.mark.parametrize("leader", [AUD, SEI, SPS, PPS])
def test_what_stands_before_a_picture_begins_its_unit(leader: bytes) -> None:
    first, second = annex_b(SPS, PPS, made_slice(idr=True)), annex_b(leader, made_slice(frame_num=1))
    assert split(first + second, 1000) == [first, second]


def test_a_prefix_belongs_to_the_slice_behind_it() -> None:
    first = annex_b(SPS, PPS, PREFIX, made_slice(idr=True), PREFIX, made_slice(idr=True, first_mb=4))
    second = annex_b(PREFIX, made_slice(frame_num=1))
    assert split(first + second, 1000) == [first, second]


def test_without_parameter_sets_macroblock_0_begins_a_picture() -> None:
    first, second = annex_b(made_slice(idr=True), made_slice(idr=True, first_mb=4)), annex_b(made_slice(frame_num=1))
    assert split(first + second, 1000) == [first, second]


pieces = st.lists(
    st.one_of(
        st.sampled_from([AUD, SEI, PREFIX, SPS, PPS]),
        st.builds(made_slice, idr=st.booleans(), first_mb=st.integers(0, 2), frame_num=st.integers(0, 3)),
        st.binary(max_size=5),
    ).flatmap(lambda unit: st.sampled_from([b"\0\0\1" + unit, b"\0\0\0\1" + unit, b"\0\0\0\0\1" + unit])),
    max_size=12,
).map(b"".join)


@given(st.one_of(pieces, st.binary(max_size=40).map(lambda data: bytes(byte % 4 for byte in data))), st.integers(2, 9))
def test_splitting_does_not_depend_on_the_chunks_and_loses_nothing(data: bytes, size: int) -> None:
    whole = split(data, len(data) + 1)
    assert split(data, 1) == whole
    assert split(data, size) == whole
    start = data.find(b"\0\0\1")
    if start >= 0:
        start -= start > 0 and data[start - 1] == 0
        assert b"".join(whole) == data[start:]
    else:
        assert whole == []


@needs_ffmpeg
@pytest.mark.parametrize("name", ["baseline", "reordered", "slices", "filler"])
@pytest.mark.parametrize("size", [97, 4096])
def test_a_real_stream_splits_into_its_pictures(name: str, size: int, x264_streams: dict[str, Path]) -> None:
    stream = x264_streams[name].read_bytes()
    units = split(stream, size)
    assert len(units) == 90
    assert b"".join(units) == stream
    assert is_idr(units[0])
    assert not is_idr(units[1])
