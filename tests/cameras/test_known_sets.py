from ratcam.cameras.known_sets import KnownSets
from ratcam.media.access_unit import parameter_sets
from tests.media.written import annex_b, made_pps, made_slice, made_sps

OLD, USED = made_sps(), made_sps(sps_id=1, width_mbs=9)
OLD_PPS, USED_PPS, MORE_PPS = made_pps(), made_pps(pps_id=1, sps_id=1), made_pps(pps_id=2, sps_id=1)
OTHER = annex_b(made_slice(frame_num=1))


def test_a_key_picture_gets_the_sets_that_it_refers_to_and_no_others() -> None:
    sets = KnownSets()
    sets.complete(annex_b(OLD, OLD_PPS, made_slice(idr=True)))
    assert sets.complete(OTHER) == OTHER
    sets.complete(annex_b(USED, USED_PPS, MORE_PPS, made_slice(idr=True, pps_id=1)))
    found = parameter_sets(sets.complete(annex_b(made_slice(idr=True, pps_id=1))))
    assert (found.sps, found.pps) == ((USED,), (USED_PPS, MORE_PPS))


def test_a_stream_may_go_back_to_sets_that_it_had_before() -> None:
    sets = KnownSets()
    sets.complete(annex_b(OLD, OLD_PPS, USED, USED_PPS, made_slice(idr=True, pps_id=1)))
    found = parameter_sets(sets.complete(annex_b(made_slice(idr=True))))
    assert (found.sps, found.pps) == ((OLD,), (OLD_PPS,))


def test_a_set_replaces_the_one_with_its_id() -> None:
    sets = KnownSets()
    sets.complete(annex_b(OLD, OLD_PPS, made_slice(idr=True)))
    larger = made_sps(width_mbs=7)
    sets.complete(annex_b(larger, b"\x68", OTHER[4:]))
    assert parameter_sets(sets.complete(annex_b(made_slice(idr=True)))).sps == (larger,)


def test_a_key_picture_whose_sets_are_missing_gets_all_there_are() -> None:
    sets = KnownSets()
    sets.complete(annex_b(OLD, OLD_PPS, OTHER[4:]))
    found = parameter_sets(sets.complete(annex_b(made_slice(idr=True, pps_id=7))))
    assert (found.sps, found.pps) == ((OLD,), (OLD_PPS,))
