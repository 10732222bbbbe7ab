"""Slice headers beyond what tells pictures apart."""

from ratcam.media.slice_header import ActiveSets, P, resets_picture_order
from tests.media.written import BitWriter, escaped, made_sps


def test_a_table_of_weights_has_none_for_chroma_where_there_is_none() -> None:
    sets = ActiveSets()
    sets.take(made_sps(profile=100, chroma=0))
    weighted = BitWriter().ue(0, 0).u(2, 0).ue(0, 0, 0).u(1, 1).u(2, 0).se(0, 0, 0).u(3, 0)
    sets.take(b"\x68" + escaped(weighted.rbsp()))
    slices = BitWriter().ue(0, P, 0).u(4, 1).u(4, 2).u(2, 0).ue(0).u(1, 0).u(1, 1).ue(5, 0)
    assert resets_picture_order(b"\x61" + escaped(slices.u(32, 0).rbsp()), sets)
