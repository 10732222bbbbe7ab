"""The stream as it goes into a file: in windows of any size, with the sample entries that its parameter sets make."""

from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.avc_config import Description
from ratcam.media.boxes import FileInfo
from ratcam.media.progressive import EvenIndex, exact_head
from ratcam.media.raw_stream import RawStream
from ratcam.media.sample_tables import SampleIndex
from tests.media.walker import ReadFile, read_file
from tests.media.written import BitWriter, annex_b, escaped, made_pps, made_slice, made_sps

INFO = FileInfo(created_unix_s=0, title="")
SEI, AUD, FILLER = b"\x06\x05\x01\x00\x80", b"\x09\x10", b"\x0c\xff\x80"
RECOVERY_POINT = b"\x06\x06\x01\x84\x80"


def fed(data: bytes, step: int = 1 << 20) -> tuple[RawStream, tuple[Description, ...], SampleIndex, bytes]:
    """A stream given `step` bytes at a time; it, its entries and index, and what it handed out."""
    stream, payload, held = RawStream(rate=None, size=len(data)), b"", b""
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
    index = EvenIndex((30, 1))
    for number, order in enumerate(orders):
        index.add(7, is_key=not number, description=1, order=(1, order))
    tables = index.finish()
    whole = SampleIndex()
    ranked = sorted(range(len(orders)), key=orders.__getitem__)
    shifts = [0] * len(orders)
    for place, number in enumerate(ranked):
        shifts[number] = 3000 * (place - number)
    whole.add_run(0, [7] * len(orders), range(0, 3000 * len(orders), 3000), shifts, starts_with_key=True)
    whole.end_90k = 3000 * len(orders)
    assert times_of(tables) == times_of(whole)


def times_of(tables: SampleIndex) -> list[bytes]:
    content = tables.tables()
    return [content[: content.index(b"stss")], tables.duration_90k.to_bytes(8, "big")] if len(tables) > 1 else []
