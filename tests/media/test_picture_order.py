from ratcam.media.picture_order import ranks
from tests.media.test_raw_stream import muxed
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps


def places(*units: bytes) -> list[int]:
    shown = [sample.shown for sample in muxed(annex_b(*units)).samples]
    return [sorted(shown).index(time) for time in shown]


def test_ranks_put_pictures_in_the_order_of_their_keys() -> None:
    assert ranks([0, 6, 2, 4, 8]) == [0, 3, 1, 2, 4]


def test_pictures_are_shown_in_the_order_of_their_low_bits() -> None:
    slices = [
        made_slice(idr=True),
        *(made_slice(frame_num=1, lsb=lsb, ref=ref) for lsb, ref in ((6, 1), (2, 0), (4, 0))),
    ]
    assert places(made_sps(), made_pps(), *slices) == [0, 3, 1, 2]


def test_low_bits_that_wrap_around_go_on() -> None:
    lsbs = [4, 8, 12, 0, 4, 2]
    slices = [made_slice(frame_num=number, lsb=lsb) for number, lsb in enumerate(lsbs, start=1)]
    assert places(made_sps(), made_pps(), made_slice(idr=True), *slices) == [0, 1, 2, 3, 4, 6, 5]


def test_a_picture_may_be_shown_before_the_idr_picture_that_it_follows() -> None:
    slices = [made_slice(frame_num=1, lsb=lsb, ref=0) for lsb in (12, 14)]
    assert places(made_sps(), made_pps(), made_slice(idr=True), *slices) == [2, 0, 1]


def test_every_idr_picture_counts_afresh() -> None:
    gop = [made_slice(idr=True), made_slice(frame_num=1, lsb=4), made_slice(frame_num=2, lsb=2, ref=0)]
    later = [made_slice(idr=True, idr_id=1), *gop[1:]]
    assert places(made_sps(), made_pps(), *gop, *later) == [0, 2, 1, 3, 5, 4]


def test_memory_management_operation_5_counts_afresh() -> None:
    slices = [
        made_slice(idr=True),
        made_slice(frame_num=1, lsb=6),
        made_slice(frame_num=2, lsb=2, resets=True),
        made_slice(frame_num=1, lsb=4),
        made_slice(frame_num=2, lsb=2, ref=0),
    ]
    assert places(made_sps(), made_pps(), *slices) == [0, 1, 2, 4, 3]


def test_low_bits_go_on_from_0_after_operation_5() -> None:
    """The picture that resets counts as 0 then, whatever its own low bits: 1 after 15 would be a wrap-around."""
    slices = [made_slice(idr=True), made_slice(frame_num=1, lsb=15, resets=True)]
    slices += [made_slice(frame_num=1, lsb=1, ref=0), made_slice(frame_num=1, lsb=8)]
    assert places(made_sps(), made_pps(), *slices) == [0, 1, 2, 3]


def test_after_operation_5_low_bits_go_on_from_how_far_the_bottom_field_is_before_the_top_field() -> None:
    """(8.2.1.1): the lower of the two counts as 0 then, and the previous low bits are the top field's: 6, not 0."""
    has_field_order = b"\x68" + BitWriter().ue(0, 0).u(2, 1).ue(0, 0, 0).u(3, 0).se(0, 0, 0).u(3, 0).rbsp()
    slices = [
        made_slice(idr=True, delta=0),
        made_slice(frame_num=1, lsb=10, delta=-6, resets=True),
        made_slice(frame_num=1, lsb=13, delta=0, ref=0),
        made_slice(frame_num=1, lsb=7, delta=0, ref=0),
    ]
    assert places(made_sps(), has_field_order, *slices) == [0, 1, 3, 2]


def test_order_type_1_counts_by_frame_numbers_and_offsets() -> None:
    sps = made_sps(poc_type=1, offsets=(4,))
    slices = [
        made_slice(idr=True, lsb=None, delta=0),
        made_slice(frame_num=1, lsb=None, delta=0),
        made_slice(frame_num=2, ref=0, lsb=None, delta=-1),
        made_slice(frame_num=2, lsb=None, delta=0),
    ]
    assert places(sps, made_pps(), *slices) == [0, 2, 1, 3]


def test_order_type_2_is_the_order_of_decoding() -> None:
    slices = [made_slice(frame_num=number % 16, lsb=None, ref=1) for number in range(1, 40)]
    assert places(made_sps(poc_type=2), made_pps(), made_slice(idr=True, lsb=None), *slices) == list(range(40))
