"""How large pictures are shown, and what a decoder configuration says of several SPS."""

import struct

import pytest

from ratcam.media.access_unit import ParameterSets
from ratcam.media.avc_config import MAX_SHOWN_PX, by_id, configuration, shown_size
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.sps import parse_sps
from tests.media.players import Unit
from tests.media.recordings import patched
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps


def stretched(across: int, down: int) -> bytes:
    """An SPS of 64 by 48 samples of a shape."""
    vui = BitWriter().u(1, 1).u(8, 255).u(16, across).u(16, down)
    for _ in range(8):
        vui.u(1, 0)
    return made_sps(poc_type=2, vui=vui)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((4, 3), (85, 48)),
        ((1, 64), (1, 48)),
        ((1, 65_535), (1, 48)),
        ((511, 1), (32_704, 48)),
        ((600, 1), (MAX_SHOWN_PX, 41)),
        ((1024, 1), (MAX_SHOWN_PX, 24)),
        ((65_535, 1), (MAX_SHOWN_PX, 1)),
    ],
)
def test_the_shown_size_has_the_shape_of_the_picture_and_fits_the_track_header(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    assert shown_size(parse_sps(stretched(*shape))) == size


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("across", [600, 65_535])
def test_pictures_of_any_shape_can_be_turned(across: int, rotation: int) -> None:
    key = annex_b(stretched(across, 1), made_pps(), made_slice(idr=True, lsb=None))
    recording = Mp4Recording(first=key, created_unix_s=0, title="", rotation=rotation)
    content = recording.header() + b"".join(recording.append([Unit(pts_90k=0, is_key=True, data=key)]))
    for state in (content, patched(content, recording.finish(None))):
        header = state.index(b"tkhd") + 4
        *_, x, y = struct.unpack_from(">8i", state, header + 40)
        width, height = (side >> 16 for side in struct.unpack_from(">II", state, header + 76))
        shown = (height, width) if rotation % 180 else (width, height)
        assert shown == (recording.width, recording.height)
        assert (x >> 16, y >> 16) == {0: (0, 0), 90: (height, 0), 180: (width, height), 270: (0, width)}[rotation]


def with_level(sps: bytes, constraints: int, level: int) -> bytes:
    return sps[:2] + bytes([constraints, level]) + sps[4:]


def test_a_configuration_promises_what_holds_for_all_its_sps() -> None:
    """ISO/IEC 14496-15, 5.3.3.1.2."""
    small, large = with_level(made_sps(), 0xC0, 30), with_level(made_sps(sps_id=1, width_mbs=90), 0x60, 51)
    pps = (made_pps(), made_pps(pps_id=1, sps_id=1))
    for active in (0, 1):
        record = configuration(by_id(ParameterSets(sps=(small, large), pps=pps), active))
        assert record[:4] == bytes([1, 66, 0x40, 51])
    assert configuration(by_id(ParameterSets(sps=(small,), pps=pps[:1])))[:4] == bytes([1, 66, 0xC0, 30])
