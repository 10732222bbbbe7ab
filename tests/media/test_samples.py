from pathlib import Path

from ratcam.media.access_unit import parameter_sets
from ratcam.media.samples import SampleUnits
from tests.media.players import Unit, encode, hashes_of_mp4, hashes_of_raw, needs_ffmpeg
from tests.media.recordings import gops, patched, saved, unfinished, units_of
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps

SPS, PPS, PICTURE = made_sps(), made_pps(), made_slice(idr=True)
OTHER_PPS = made_pps(redundant=True)
OTHER_SPS = made_sps(width_mbs=9)


def kept(samples: SampleUnits, *units: bytes) -> list[bytes]:
    buffers: list[bytes | memoryview] = []
    size = samples.take(annex_b(*units), buffers)
    assert size == sum(len(buffer) for buffer in buffers)
    assert [int.from_bytes(length, "big") for length in buffers[::2]] == [len(unit) for unit in buffers[1::2]]
    return [bytes(unit) for unit in buffers[1::2]]


def test_the_sets_of_the_sample_entry_are_left_out() -> None:
    samples = SampleUnits([SPS, PPS])
    assert kept(samples, SPS, PPS, PICTURE) == [PICTURE]
    assert kept(samples, SPS, PPS, PICTURE) == [PICTURE]


def test_of_two_sets_of_one_id_in_a_unit_the_last_counts() -> None:
    assert kept(SampleUnits([SPS, OTHER_PPS]), SPS, PPS, OTHER_PPS, PICTURE) == [PICTURE]
    assert kept(SampleUnits([SPS, PPS]), SPS, PPS, OTHER_PPS, PICTURE) == [OTHER_PPS, PICTURE]


def test_once_a_sample_carries_a_set_all_of_its_id_stay() -> None:
    samples = SampleUnits([SPS, PPS])
    assert kept(samples, SPS, OTHER_PPS, PICTURE) == [OTHER_PPS, PICTURE]
    assert kept(samples, SPS, PPS, PICTURE) == [PPS, PICTURE]
    assert kept(samples, SPS, made_pps(pps_id=1), PPS, PICTURE) == [made_pps(pps_id=1), PPS, PICTURE]


def test_with_another_sps_the_pps_that_refer_to_it_stay() -> None:
    far = made_pps(pps_id=1, sps_id=1)
    samples = SampleUnits([SPS, made_sps(sps_id=1), PPS, far])
    assert kept(samples, OTHER_SPS, PPS, far, PICTURE) == [OTHER_SPS, PPS, PICTURE]
    assert kept(samples, SPS, PPS, PICTURE) == [SPS, PPS, PICTURE]


def test_a_pps_stays_also_in_later_samples_once_its_sps_has_changed_and_come_back() -> None:
    samples = SampleUnits([SPS, PPS])
    assert kept(samples, OTHER_SPS, PICTURE) == [OTHER_SPS, PICTURE]
    assert kept(samples, PPS, PICTURE) == [PPS, PICTURE]
    assert kept(samples, SPS, PPS, PICTURE) == [SPS, PPS, PICTURE]


def test_a_damaged_set_stays() -> None:
    damaged = b"\x68"
    assert kept(SampleUnits([SPS, PPS]), damaged, damaged, SPS, PICTURE) == [damaged, damaged, PICTURE]


def test_a_cut_pps_in_the_entry_may_refer_to_any_sps() -> None:
    cut = b"\x68\x40"
    samples = SampleUnits([SPS, cut])
    assert kept(samples, SPS, cut, PICTURE) == [PICTURE]
    assert kept(samples, OTHER_SPS, cut, PICTURE) == [OTHER_SPS, cut, PICTURE]


@needs_ffmpeg
def test_a_stream_that_changes_a_set_and_changes_it_back_keeps_its_pictures(tmp_path: Path) -> None:
    one, other = (
        gops(units_of(encode(tmp_path / f"{offset}.h264", "-bf", "0", "-g", "10", "-chromaoffset", offset, seconds=1)))
        for offset in ("0", "6")
    )
    sets = parameter_sets(one[0][0].data), parameter_sets(other[0][0].data)
    assert sets[0].sps == sets[1].sps
    assert sets[0].pps != sets[1].pps
    first = Unit(pts_90k=one[0][0].pts_90k, is_key=True, data=annex_b(*sets[1].pps) + one[0][0].data)
    units = [first, *one[0][1:], *other[1], *one[2]]
    raw = tmp_path / "in.h264"
    raw.write_bytes(b"".join(unit.data for unit in units))
    recording, content = unfinished(units)
    assert len(hashes_of_raw(raw)) == 30
    assert hashes_of_mp4(saved(tmp_path, content, "growing.mp4")) == hashes_of_raw(raw)
    assert hashes_of_mp4(saved(tmp_path, patched(content, recording.finish(None)))) == hashes_of_raw(raw)


def vui_without_reordering() -> BitWriter:
    return BitWriter().u(8, 0).u(1, 1).u(1, 0).ue(0, 0, 0, 0, 0, 0)


def test_a_recording_has_the_size_and_order_of_the_set_that_its_first_slice_refers_to() -> None:
    stale = made_sps(profile=66, vui=vui_without_reordering())
    used = made_sps(sps_id=1, profile=100, width_mbs=9)
    sets = annex_b(stale, made_pps(), used, made_pps(pps_id=1, sps_id=1))
    key = Unit(pts_90k=0, is_key=True, data=sets + annex_b(made_slice(idr=True, pps_id=1)))
    others = [
        Unit(pts_90k=time, is_key=False, data=annex_b(made_slice(frame_num=1, pps_id=1))) for time in (9000, 3000, 6000)
    ]
    recording, content = unfinished([key, *others])
    assert (recording.width, recording.height, recording.repaired) == (144, 48, 0)
    record = content[content.index(b"avcC") + 4 :]
    assert record[:6] == bytes([1, 100, 0, 30, 0xFF, 0xE0 | 2])
    entry = content[content.index(b"avc1", content.index(b"stsd")) + 4 :]
    assert entry[24:28] == (144).to_bytes(2, "big") + (48).to_bytes(2, "big")
