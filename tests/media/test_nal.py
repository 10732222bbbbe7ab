import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.nal import nal_type, nal_units, unescaped
from ratcam.media.timebase import median, seconds, ticks
from tests.media.written import BitWriter, escaped

payloads = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 3, 0x65, 0xFF]), min_size=1, max_size=30).map(
    lambda values: b"\x65" + escaped(bytes(values)) + b"\x80"
)
separators = st.sampled_from([b"\0\0\1", b"\0\0\0\1", b"\0\0\0\0\0\1"])


@given(st.lists(st.tuples(separators, payloads), max_size=8), st.sampled_from([b"", b"\0", b"\0\0\0\0"]))
def test_nal_units_come_out_as_they_went_in(parts: list[tuple[bytes, bytes]], trailing: bytes) -> None:
    data = b"".join(start + unit for start, unit in parts) + trailing
    assert [bytes(unit) for unit in nal_units(data)] == [unit for _, unit in parts]


@given(st.binary(max_size=60).map(lambda data: bytes(byte % 3 for byte in data)))
def test_any_bytes_give_units_that_are_not_empty_and_hold_no_start_code(data: bytes) -> None:
    for unit in nal_units(data):
        assert len(unit) > 0
        assert unit[-1] != 0
        assert b"\0\0\1" not in bytes(unit)


def test_zeros_inside_a_unit_stay() -> None:
    assert [bytes(unit) for unit in nal_units(b"\0\0\1\x65\0\0\2\0\0\0\1\x41")] == [b"\x65\0\0\2", b"\x41"]


def test_bytes_before_the_first_start_code_are_left_out() -> None:
    assert [nal_type(unit) for unit in nal_units(b"junk\0\0\1\x67")] == [7]


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 255]), max_size=40).map(bytes))
def test_emulation_prevention_is_undone(data: bytes) -> None:
    assert unescaped(escaped(data)) == data


@given(st.lists(st.integers(-(2**31) + 1, 2**31 - 1), max_size=10))
def test_exp_golomb_codes_read_as_written(values: list[int]) -> None:
    reader = BitReader(BitWriter().se(*values).rbsp())
    assert [reader.se() for _ in values] == values


@given(st.binary(max_size=12))
def test_a_reader_of_any_bytes_ends_in_a_stream_error(data: bytes) -> None:
    reader = BitReader(data)
    with pytest.raises(StreamError):
        for _ in range(len(data) * 8 + 1):
            reader.ue()


def test_a_code_above_its_limit_is_refused() -> None:
    with pytest.raises(StreamError, match="range"):
        BitReader(BitWriter().ue(32).rbsp()).ue(31)


def test_times_round_to_the_nearest_tick() -> None:
    assert ticks(1.0) == 90_000
    assert ticks(1 / 30) == 3000
    assert seconds(45_000) == 0.5
    assert median([5, 1, 9, 3]) == 3
