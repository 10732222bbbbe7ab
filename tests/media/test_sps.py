from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.access_unit import parameter_sets
from ratcam.media.errors import StreamError
from ratcam.media.nal import nal_units
from ratcam.media.sps import Colour, Pps, Sps, parse_pps, parse_sps
from tests.media.players import needs_ffmpeg
from tests.media.written import BitWriter, made_pps, made_sps


def vui(*, reorder: int | None = 0, hrd: bool = False) -> BitWriter:
    bits = BitWriter().u(1, 1).u(8, 255).u(16, 40).u(16, 33)  # aspect ratio 40:33
    bits.u(1, 0)  # overscan
    bits.u(1, 1).u(3, 5).u(1, 1).u(1, 1).u(8, 9).u(8, 16).u(8, 9)  # colour
    bits.u(1, 1).ue(0, 0)  # chroma location
    bits.u(1, 1).u(32, 1001).u(32, 60_000).u(1, 1)  # timing
    bits.u(1, int(hrd))
    if hrd:
        bits.ue(0).u(8, 0).ue(5, 6).u(1, 0).u(20, 0)
    bits.u(1, 0)
    bits.u(2 if hrd else 1, 0)
    bits.u(1, int(reorder is not None))
    if reorder is not None:
        bits.u(1, 1).ue(0, 0, 10, 10, reorder, 4)
    return bits


def test_a_size_is_macroblocks_less_cropping() -> None:
    sps = parse_sps(made_sps(width_mbs=103, height_mbs=58, crop=(0, 4, 0, 3)))
    assert (sps.width, sps.height) == (1640, 922)


def test_an_interlaced_size_counts_pairs_of_rows() -> None:
    sps = parse_sps(made_sps(width_mbs=120, height_mbs=34, frames_only=False, crop=(0, 0, 0, 2)))
    assert (sps.width, sps.height) == (1920, 1080)


def test_scaling_lists_are_passed_over() -> None:
    sps = parse_sps(made_sps(profile=100, scaling=True, width_mbs=20, height_mbs=12))
    assert (sps.width, sps.height, sps.profile_idc, sps.bit_depth_luma) == (320, 192, 100, 8)


@pytest.mark.parametrize("hrd", [False, True])
def test_the_vui_is_read(hrd: bool) -> None:
    sps = parse_sps(made_sps(vui=vui(reorder=2, hrd=hrd)))
    assert sps.vui.sar == (40, 33)
    assert sps.vui.colour == Colour(primaries=9, transfer=16, matrix=9, is_full_range=True)
    assert sps.vui.timing == (1001, 60_000)
    assert sps.vui.max_num_reorder_frames == 2


def test_reordering_is_known_from_the_vui_or_the_order_type_or_the_profile() -> None:
    assert parse_sps(made_sps(profile=77)).may_reorder
    assert not parse_sps(made_sps(profile=77, vui=vui(reorder=0))).may_reorder
    assert parse_sps(made_sps(profile=77, vui=vui(reorder=1))).may_reorder
    assert not parse_sps(made_sps(profile=77, poc_type=2)).may_reorder
    assert not parse_sps(made_sps(profile=66)).may_reorder


def test_a_vui_that_is_cut_short_leaves_the_picture_size() -> None:
    sps = parse_sps(made_sps(width_mbs=5, vui=BitWriter().u(1, 1).u(8, 255)))
    assert (sps.width, sps.vui.sar) == (80, (1, 1))


def test_the_offsets_of_order_type_1_are_read() -> None:
    assert parse_sps(made_sps(poc_type=1, offsets=(2, -3, 4))).offsets_for_ref_frames == (2, -3, 4)


@pytest.mark.parametrize(
    "unit", [b"", b"\x67", b"\x67\x42\x00", b"\x68\x42\x00\x1e\xff", b"\x67\x05\x00\x1e" + b"\xff" * 20]
)
def test_garbage_is_no_sps(unit: bytes) -> None:
    with pytest.raises(StreamError):
        parse_sps(unit)


def test_a_picture_that_is_cropped_away_is_refused() -> None:
    with pytest.raises(StreamError, match="crops"):
        parse_sps(made_sps(width_mbs=1, crop=(4, 4, 0, 0)))


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for head, parse in ((b"\x67", parse_sps), (b"\x67\x64\x00\x1e", parse_sps), (b"\x68", parse_pps)):
        try:
            parsed = parse(head + data)
        except StreamError:
            continue
        assert isinstance(parsed, Sps | Pps)


def test_a_pps_names_its_sps() -> None:
    pps = parse_pps(made_pps(pps_id=7, sps_id=3, redundant=True))
    assert (pps.pps_id, pps.sps_id, pps.has_redundant_pictures) == (7, 3, True)


@pytest.mark.parametrize(
    "groups",
    [
        BitWriter().ue(1, 0, 3, 4),
        BitWriter().ue(2, 1),
        BitWriter().ue(1, 2, 0, 5),
        BitWriter().ue(1, 3).u(1, 0).ue(2),
        BitWriter().ue(2, 6, 5).u(12, 0b011011011000),
    ],
)
def test_slice_groups_of_every_type_are_passed_over(groups: BitWriter) -> None:
    assert parse_pps(made_pps(groups=groups, redundant=True)).has_redundant_pictures


@needs_ffmpeg
def test_a_stream_of_x264_says_what_was_asked_of_x264(x264_streams: dict[str, Path]) -> None:
    sps = parse_sps(parameter_sets(x264_streams["cropped"].read_bytes()).sps[0])
    assert (sps.width, sps.height) == (1640, 922)
    assert sps.vui.colour == Colour(primaries=1, transfer=1, matrix=1, is_full_range=False)
    assert sps.vui.timing == (1, 60)
    high = parse_sps(parameter_sets(x264_streams["high"].read_bytes()).sps[0])
    assert (high.profile_idc, high.may_reorder) == (100, False)
    assert parse_sps(parameter_sets(x264_streams["reordered"].read_bytes()).sps[0]).may_reorder
    assert nal_units(x264_streams["high"].read_bytes())
