"""The stream as it goes into a file: in windows of any size, with the sample entries that its parameter sets make."""

import re
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.avc_config import Description
from ratcam.media.boxes import FileInfo
from ratcam.media.errors import StreamError
from ratcam.media.progressive import EvenIndex, exact_head
from ratcam.media.raw_stream import RawStream
from ratcam.media.sample_tables import SampleIndex
from ratcam.media.start_code import START_CODE
from tests.media.walker import ReadFile, read_file
from tests.media.written import BitWriter, annex_b, escaped, made_pps, made_slice, made_sps

INFO = FileInfo(created_unix_s=0, title="")
SEI, AUD, FILLER = b"\x06\x05\x01\x00\x80", b"\x09\x10", b"\x0c\xff\x80"
RECOVERY_POINT = b"\x06\x06\x01\x84\x80"


def fed(data: bytes, step: int = 1 << 20) -> tuple[RawStream, tuple[Description, ...], SampleIndex, bytes]:
    """A stream given `step` bytes at a time; it, its entries and index, and what it handed out."""
    stream, payload, held = RawStream(rate=None), b"", b""
    for at in range(0, len(data) + 1, step):
        window = bytearray(held + data[at : at + step])
        used = stream.take(window, len(window), is_last=at + step > len(data))
        payload += b"".join(stream.out)
        stream.out.clear()
        held = bytes(window[used:])
    return stream, *stream.finish(), payload


def muxed(data: bytes, step: int = 1 << 20) -> ReadFile:
    _, entries, tables, payload = fed(data, step)
    return read_file(exact_head(INFO, entries, tables, payload=len(payload)) + payload)


def entries_of(data: bytes) -> list[tuple[tuple[bytes, ...], tuple[bytes, ...]]]:
    return [(entry.sps, entry.pps) for entry in fed(data)[1]]


def test_pictures_before_the_first_idr_picture_are_dropped_and_counted() -> None:
    slices = [made_slice(frame_num=1), made_slice(frame_num=2), made_slice(idr=True), made_slice(frame_num=1)]
    stream, _, tables, payload = fed(annex_b(made_sps(), made_pps(), *slices))
    assert (len(tables), stream.dropped) == (2, 2)
    assert payload.count(slices[2]) == 1


def test_a_recovery_point_is_a_place_to_begin_at_too() -> None:
    slices = [made_slice(frame_num=1), RECOVERY_POINT, made_slice(frame_num=2), made_slice(frame_num=3)]
    samples = muxed(annex_b(made_sps(), made_pps(), *slices)).samples
    assert [(sample.nals, sample.is_key) for sample in samples] == [
        ((RECOVERY_POINT, slices[2]), True),
        ((slices[3],), False),
    ]


def test_both_fields_of_a_frame_are_one_sample() -> None:
    sps = made_sps(frames_only=False)
    top = BitWriter().ue(0, 2, 0).u(4, 0).u(1, 1).u(1, 0).ue(0).u(4, 0).u(2, 0).rbsp()
    bottom = BitWriter().ue(0, 2, 0).u(4, 0).u(1, 1).u(1, 1).u(4, 1).u(1, 0).rbsp()
    file = muxed(annex_b(sps, made_pps(), b"\x65" + escaped(top), b"\x61" + escaped(bottom)))
    assert [(len(sample.nals), sample.is_key) for sample in file.samples] == [(2, True)]


def test_a_lost_first_slice_does_not_glue_two_pictures_together() -> None:
    constrained = bytearray(made_sps(poc_type=2))
    constrained[2] = 0x40
    slices = [made_slice(idr=True, lsb=None), made_slice(idr=True, lsb=None, first_mb=4)]
    slices += [made_slice(frame_num=1, lsb=None, first_mb=4), made_slice(frame_num=2, lsb=None)]
    samples = muxed(annex_b(bytes(constrained), made_pps(), *slices)).samples
    assert [len(sample.nals) for sample in samples] == [2, 1, 1]


def test_a_picture_whose_sets_are_missing_is_not_taken_for_one_like_the_picture_before() -> None:
    slices = [made_slice(frame_num=1), AUD, made_slice(idr=True, pps_id=9), AUD, made_slice(idr=True)]
    stream, entries, tables, _ = fed(annex_b(made_sps(), made_pps(), *slices))
    assert (len(tables), stream.dropped, len(entries)) == (1, 2, 1)


def test_a_picture_of_unknown_order_may_stand_before_one_whose_order_is_known() -> None:
    index = EvenIndex((25, 1))
    orders = (None, None, (1, 4), (1, 2), None, (1, 6))
    for number, order in enumerate(orders):
        index.add(10, is_key=not number, description=1, order=order)
    assert len(index.finish()) == len(orders)


CONSTRAINED = bytearray(made_sps(poc_type=2))
CONSTRAINED[2] = 0x40
PIECES = (
    *(made_slice(frame_num=number, lsb=None) for number in (1, 2)),
    made_slice(frame_num=1, lsb=None, pps_id=1),
    made_slice(frame_num=2, lsb=None, first_mb=4),
    made_slice(idr=True, lsb=None),
    made_pps(pps_id=1),
    made_pps(redundant=True),
    bytes(CONSTRAINED),
    made_sps(profile=77),
    *(SEI, AUD, FILLER, b"\x41", b"\x0b"),
)


@given(
    st.lists(st.one_of(st.sampled_from((*PIECES[:2], PIECES[4])), st.sampled_from(PIECES)), max_size=40),
    st.sampled_from((7, 50, 1 << 20)),
)
def test_the_quick_way_through_plain_streams_leads_where_the_slow_one_does(units: list[bytes], step: int) -> None:
    """Behind start codes of three bytes nothing is taken the quick way."""
    begin = [bytes(CONSTRAINED), made_pps(), made_slice(idr=True, lsb=None)]
    quick = fed(annex_b(*begin, *units), step)
    slow = fed(b"".join(b"\0\0\1" + unit for unit in (*begin, *units)), step)
    assert quick[0].dropped == slow[0].dropped
    assert quick[1:] == (*slow[1:2], quick[2], slow[3])
    assert quick[2].tables() == slow[2].tables()


@pytest.mark.parametrize("count", [1022, 1023, 1024, 1025, 2600])
def test_so_many_plain_pictures_behind_one_key_picture_that_they_are_more_than_a_run(count: int) -> None:
    units = [bytes(CONSTRAINED), made_pps(), made_slice(idr=True, lsb=None)]
    units += [made_slice(frame_num=number % 16, lsb=None) + b"\x55" * (number % 7) for number in range(1, count)]
    samples = muxed(annex_b(*units)).samples
    assert [sample.nals for sample in samples] == [(unit,) for unit in units[2:]]
    assert [sample.is_key for sample in samples] == [True] + [False] * (count - 1)
    content = fed(annex_b(*units))[2].tables()
    chunks = content[content.index(b"stsc") + 12 :]
    assert struct.unpack_from(">III", chunks)[1] == min(count, 1024)


@pytest.mark.parametrize("odd", [b"", b"\x41", b"\x41\x9a\0\0", b"\x61\x1a\x55", b"\x65\x88\x84\x21", b"\x0c\xff\x80"])
def test_one_odd_unit_among_plain_pictures_changes_nothing_about_the_others(odd: bytes) -> None:
    units = [made_slice(frame_num=number, lsb=None) for number in range(1, 9)]
    begin = [bytes(CONSTRAINED), made_pps(), made_slice(idr=True, lsb=None)]
    samples = muxed(annex_b(*begin, *units[:4], odd, *units[4:])).samples
    nals = [nal for sample in samples for nal in sample.nals]
    assert [nal for nal in nals if nal != odd.rstrip(b"\0")] == [*begin[2:], *units]


@given(st.lists(st.sampled_from([b"\0", b"\1", b"\2", b"\0\0\1", b"\0\0\0\1"]), max_size=40).map(b"".join))
def test_the_scan_finds_what_re_finds(data: bytes) -> None:
    expected = [match.start() for match in re.finditer(b"\0\0\1", data)]
    assert [match.start() for match in START_CODE.finditer(bytearray(data))] == expected
    assert [match.start() for match in START_CODE.finditer(data, 3, 9)] == [at for at in expected if 3 <= at <= 6]


def test_idr_pictures_that_all_have_one_id_are_pictures_of_their_own() -> None:
    samples = muxed(annex_b(made_sps(), made_pps(), *[made_slice(idr=True)] * 3)).samples
    assert [sample.is_key for sample in samples] == [True] * 3


def test_what_is_no_part_of_a_sample_is_left_out_and_messages_stay_with_their_picture() -> None:
    first, second = made_slice(idr=True), made_slice(frame_num=1)
    stream = annex_b(AUD, made_sps(), made_pps(), SEI, first, FILLER, AUD, SEI, second, b"\x0b", SEI)
    assert [sample.nals for sample in muxed(stream).samples] == [(SEI, first), (SEI, second)]


def test_a_parameter_set_that_changes_begins_another_sample_entry_and_the_old_one_comes_back() -> None:
    wide = made_sps(width_mbs=9)
    units = [made_sps(), made_pps(), made_slice(idr=True), wide, made_pps(), made_slice(idr=True, idr_id=1)]
    units += [made_sps(), made_pps(), made_slice(idr=True), made_slice(frame_num=1)]
    assert entries_of(annex_b(*units)) == [((made_sps(),), (made_pps(),)), ((wide,), (made_pps(),))]


def test_a_sample_entry_has_the_sets_that_its_pictures_use_and_no_other() -> None:
    units = [made_sps(), made_sps(sps_id=3), made_pps(pps_id=1), made_pps(), made_slice(idr=True), made_pps(pps_id=2)]
    assert entries_of(annex_b(*units, made_slice(frame_num=1, pps_id=2))) == [
        ((made_sps(),), (made_pps(), made_pps(pps_id=2)))
    ]


def test_a_set_that_came_too_late_for_a_picture_does_not_come_sooner_in_its_sample_entry() -> None:
    units = [made_sps(), made_pps(), made_slice(idr=True), made_slice(frame_num=1, pps_id=2), made_pps(pps_id=2)]
    assert len(entries_of(annex_b(*units, made_slice(frame_num=2, pps_id=2)))) == 2


def test_pictures_of_two_sizes_are_never_in_one_sample_entry_and_the_first_holds_the_sets_of_both() -> None:
    large, its = made_sps(sps_id=1, width_mbs=9), made_pps(pps_id=1, sps_id=1)
    units = [made_sps(), made_pps(), large, its, made_slice(idr=True), made_slice(idr=True, idr_id=1, pps_id=1)]
    units += [made_slice(idr=True, idr_id=2)]
    assert entries_of(annex_b(*units)) == [((made_sps(), large), (made_pps(), its)), ((large,), (its,))]
    content = fed(annex_b(*units))[2].tables()
    chunks = content[content.index(b"stsc") + 12 :]
    assert list(struct.iter_unpack(">III", chunks[:36])) == [(1, 1, 1), (2, 1, 2), (3, 1, 1)]


def test_sets_of_one_size_share_a_sample_entry_whatever_their_ids() -> None:
    other, its = made_sps(sps_id=1), made_pps(pps_id=1, sps_id=1)
    units = [made_sps(), made_pps(), other, its, made_slice(idr=True), made_slice(idr=True, idr_id=1, pps_id=1)]
    assert entries_of(annex_b(*units)) == [((made_sps(), other), (made_pps(), its))]


def changing(count: int) -> bytes:
    """Pictures that each have a PPS of their own, all of one id."""
    sets = [made_pps() + f"{number:04}".encode() for number in range(count)]
    slices = [made_slice(idr=not number, frame_num=number % 16) for number in range(count)]
    return annex_b(made_sps(), *(unit for pair in zip(sets, slices, strict=True) for unit in pair))


def test_a_picture_goes_back_to_the_entry_of_its_sets_however_long_ago_that_was() -> None:
    data = changing(100)
    stream, entries, tables, _ = fed(data + data)
    assert stream.index is not None
    assert (len(entries), len(tables)) == (100, 200)


def test_parameter_sets_that_change_without_end_are_refused_in_words() -> None:
    with pytest.raises(StreamError, match="change more often than 4096 times"):
        fed(changing(5000))


def test_a_stream_whose_sets_come_too_late_is_not_said_to_have_no_key_frame() -> None:
    with pytest.raises(StreamError, match=r"parameter sets .* are missing or come behind them"):
        fed(annex_b(made_slice(idr=True), made_slice(frame_num=1), made_sps(), made_pps()))


def test_a_frame_whose_first_field_resets_the_order_is_one_sample() -> None:
    sps = made_sps(frames_only=False)
    field = BitWriter().ue(0, 2, 0).u(4, 3).u(1, 1).u(1, 0).u(4, 6).u(1, 1).ue(5, 0)
    other = BitWriter().ue(0, 2, 0).u(4, 0).u(1, 1).u(1, 1).u(4, 1).u(1, 0)
    whole = BitWriter().ue(0, 2, 0).u(4, 0).u(1, 0).ue(0).u(4, 0).u(2, 0)
    units = [b"\x61" + escaped(bits.u(32, 0x5A5A_5A5A).rbsp()) for bits in (field, other)]
    first = b"\x65" + escaped(whole.u(32, 0x5A5A_5A5A).rbsp())
    samples = muxed(annex_b(sps, made_pps(), first, *units)).samples
    assert [sample.nals for sample in samples] == [(first,), tuple(units)]


def test_a_field_that_lacks_its_other_is_a_sample_of_its_own() -> None:
    sps = made_sps(frames_only=False)
    first = BitWriter().ue(0, 2, 0).u(4, 0).u(1, 1).u(1, 0).ue(0).u(4, 0).u(2, 0)
    second, third = (BitWriter().ue(0, 2, 0).u(4, 0).u(1, 1).u(1, 1).u(4, lsb).u(1, 0) for lsb in (1, 5))
    units = [b"\x65" + escaped(first.u(32, 0x5A5A_5A5A).rbsp())]
    units += [b"\x61" + escaped(bits.u(32, 0x5A5A_5A5A).rbsp()) for bits in (second, third)]
    samples = muxed(annex_b(sps, made_pps(), *units)).samples
    assert [sample.nals for sample in samples] == [tuple(units[:2]), (units[2],)]


def test_a_message_for_a_picture_that_is_left_out_is_left_out_too() -> None:
    key = made_slice(idr=True)
    samples = muxed(annex_b(made_sps(), made_pps(), SEI, made_slice(frame_num=1), key)).samples
    assert [sample.nals for sample in samples] == [(key,)]


def test_a_slice_of_one_byte_where_the_window_ends_is_a_picture_like_any_other() -> None:
    data = annex_b(made_sps(poc_type=2), made_pps(), made_slice(idr=True, lsb=None), made_slice(lsb=None), b"\x41")
    assert len(muxed(data).samples) >= 2


def test_pictures_hours_out_of_order_are_refused_in_words() -> None:
    index = EvenIndex((1, 100))
    for number in range(300):
        index.add(7, is_key=not number, description=1, order=(1, -number))
    with pytest.raises(StreamError, match="--fps"):
        index.finish()


def test_an_order_that_never_settles_takes_no_longer_than_one_that_does() -> None:
    """Each picture was asked about again for every 512 more; the pictures held are bounded now."""
    index = EvenIndex((30, 1))
    index.add(7, is_key=True, description=1, order=(1, 1 << 20))
    for number in range(40_000):
        index.add(7, is_key=False, description=1, order=(1, number))
    assert len(index.tables) >= 40_000 - 16 * 1024
    assert len(index.finish()) == 40_001


@pytest.mark.parametrize("place", [511, 512, 513, 1023, 1024, 1025, 1535, 1536, 1537])
def test_two_pictures_that_change_places_where_a_piece_ends_are_in_one_piece(place: int) -> None:
    orders = [2 * number for number in range(2200)]
    orders[place], orders[place + 1] = orders[place + 1], orders[place]
    assert times_of(indexed(orders)) == times_of(indexed_at_once(orders))


def test_a_piece_ends_where_no_later_picture_is_shown_before_its_last() -> None:
    """Two pictures that are held back across the place where the last 32 begin."""
    orders = [2 * number for number in range(2200)]
    orders[991], orders[992] = 2031, 2033
    assert times_of(indexed(orders)) == times_of(indexed_at_once(orders))


pieces = st.lists(
    st.one_of(
        st.sampled_from([AUD, SEI, RECOVERY_POINT, FILLER, made_sps(), made_pps(), made_pps(pps_id=1)]),
        st.builds(
            made_slice,
            idr=st.booleans(),
            first_mb=st.integers(0, 2),
            frame_num=st.integers(0, 3),
            lsb=st.integers(0, 15),
            pps_id=st.integers(0, 1),
        ),
        st.binary(max_size=5),
    ).flatmap(lambda unit: st.sampled_from([b"\0\0\1" + unit, b"\0\0\0\1" + unit, b"\0\0\0\0\1" + unit])),
    max_size=14,
).map(lambda units: annex_b(made_sps(), made_pps(), made_slice(idr=True)) + b"".join(units))


@given(pieces, st.integers(1, 9))
def test_the_file_does_not_depend_on_the_windows(data: bytes, step: int) -> None:
    assert muxed(data, step) == muxed(data)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=3000))
def test_a_long_gop_is_indexed_in_pieces_as_it_would_be_at_once(steps: list[tuple[int, int]]) -> None:
    """Orders as decoders allow them: no picture is shown before one that is decoded 32 pictures sooner."""
    orders = [3 * number + up - 2 * down for number, (up, down) in enumerate(steps)]
    assert times_of(indexed(orders)) == times_of(indexed_at_once(orders))


def indexed(orders: list[int]) -> SampleIndex:
    index = EvenIndex((30, 1))
    for number, order in enumerate(orders):
        index.add(7, is_key=not number, description=1, order=(1, order))
    return index.finish()


def indexed_at_once(orders: list[int]) -> SampleIndex:
    whole = SampleIndex()
    ranked = sorted(range(len(orders)), key=orders.__getitem__)
    shifts = [0] * len(orders)
    for place, number in enumerate(ranked):
        shifts[number] = 3000 * (place - number)
    whole.add_run(0, [7] * len(orders), range(0, 3000 * len(orders), 3000), shifts, starts_with_key=True)
    whole.end_90k = 3000 * len(orders)
    return whole


def times_of(tables: SampleIndex) -> list[bytes]:
    content = tables.tables()
    return [content[: content.index(b"stss")], tables.duration_90k.to_bytes(8, "big")] if len(tables) > 1 else []
