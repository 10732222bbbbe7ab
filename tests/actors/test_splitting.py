"""RecorderActor and MuxerActor together: where long recordings are cut, and how large their files are."""

import random
from pathlib import Path

import pytest

from ratcam.actors.recorder import MOST_PART_BYTES
from ratcam.messages import AccessUnit, ClipReady
from tests.actors.studio import CAMERA, RUN, Studio, clips, ended, moving, started, studio, unit
from tests.media.players import encode, hashes_of_mp4, hashes_of_raw, needs_ffmpeg
from tests.media.recordings import units_of
from tests.media.written import annex_b, made_pps, made_slice, made_sps
from tests.pictures import hashes_of_file, hashes_of_units, stream

KEY = annex_b(made_sps(), made_pps(), made_slice(idr=True))
OTHER = annex_b(made_slice(frame_num=1))


def made_unit(pts_90k: int, size: int, *, is_key: bool) -> AccessUnit:
    """A picture with so many bytes of supplemental information."""
    data = (KEY if is_key else OTHER) + b"\0\0\1\6"
    data += b"\x55" * (size - len(data))
    return AccessUnit(camera=CAMERA, run_id=RUN, pts_90k=pts_90k, is_key=is_key, data=data)


def in_motion(made: Studio, units: list[AccessUnit]) -> list[ClipReady]:
    """The parts of the clip of an event that lasts from the first unit on."""
    made.feed(started())
    for number, one in enumerate(units):
        made.feed(one)
        if number % 10 == 0:
            made.feed(moving("one", one.pts_90k))
    return clips(made.stop())


@pytest.mark.parametrize("seed", range(5))
def test_files_are_as_large_as_preferred_and_no_larger(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    gop = chance.choice((5, 25, 50))
    sizes = [chance.randrange(500, 200_000 // gop) for _ in range(25 * 60)]
    units = [made_unit(number * 3600, size, is_key=number % gop == 0) for number, size in enumerate(sizes)]
    with studio(tmp_path, pre_roll_s=0.0, segment_s=600.0, segment_max_mb=1.0) as made:
        parts = in_motion(made, units)
    assert len(parts) > 3
    for part in parts:
        assert part.size_bytes == Path(part.path).stat().st_size <= 1_000_000
    # Room for the container, rather too much, and for a GOP like the largest.
    assert all(part.size_bytes > 650_000 for part in parts[:-1])


def test_very_many_very_small_pictures_are_cut_by_what_their_index_takes(tmp_path: Path) -> None:
    units = [made_unit(number * 1500, 60, is_key=number % 120 == 0) for number in range(60 * 300)]
    with studio(tmp_path, pre_roll_s=0.0, segment_s=300.0, segment_max_mb=1.0) as made:
        parts = in_motion(made, units)
    assert len(parts) > 1
    assert all(part.size_bytes <= 1_000_000 for part in parts)
    assert sum(part.duration_ms for part in parts) == pytest.approx(300_000, abs=50)


def test_a_part_without_a_key_picture_ends_below_what_a_bot_can_send(tmp_path: Path) -> None:
    units = [made_unit(number * 9000, 200_000, is_key=number in (0, 300)) for number in range(320)]
    with studio(tmp_path, pre_roll_s=0.0, segment_s=30.0) as made:
        first, second = in_motion(made, units)
    assert MOST_PART_BYTES - 500_000 < first.size_bytes <= MOST_PART_BYTES
    assert (first.duration_ms, first.is_last) == (first.size_bytes // 200_000 * 100, False)
    assert (second.duration_ms, second.is_last, second.segment.part) == (2000, True, 2)


def test_a_clip_that_ends_while_no_key_picture_has_come_is_one_file_that_can_be_sent(tmp_path: Path) -> None:
    with studio(tmp_path, pre_roll_s=0.0) as made:
        told = in_motion(made, [made_unit(number * 9000, 300_000, is_key=number == 0) for number in range(200)])
    assert [clip.is_last for clip in told] == [False, True], "told at once, and again as the last when that is known"
    (path,) = {clip.path for clip in told}
    assert MOST_PART_BYTES - 500_000 < Path(path).stat().st_size <= MOST_PART_BYTES
    assert list(tmp_path.glob("*.mp4")) == [Path(path)]


def test_other_parameter_sets_begin_another_file(tmp_path: Path) -> None:
    small, large = stream(count=25, gop=10), stream(count=25, gop=10, width=96)
    with studio(tmp_path, pre_roll_s=0.0, post_roll_s=1.0) as made:
        made.feed(started(), *(unit(picture) for picture in small), moving("one", 0))
        for picture in large:
            shifted = AccessUnit(
                camera=CAMERA,
                run_id=RUN,
                pts_90k=picture.pts_90k + 25 * 9000,
                is_key=picture.is_key,
                data=picture.data,
            )
            made.feed(shifted)
        first, second = clips(made.stop())
    assert [(part.width, part.duration_ms, part.is_last) for part in (first, second)] == [
        (64, 2500, False),
        (96, 2500, True),
    ]
    assert hashes_of_file(Path(first.path)) == hashes_of_units(small)
    assert hashes_of_file(Path(second.path)) == hashes_of_units(large)


@needs_ffmpeg
@pytest.mark.parametrize("frames", ["0", "3"])
def test_a_long_gop_is_recorded_in_pieces_whatever_the_order_of_its_pictures(tmp_path: Path, frames: str) -> None:
    raw = encode(tmp_path / "raw.h264", "-bf", frames, "-g", "300", seconds=7)
    units = [
        AccessUnit(camera=CAMERA, run_id=RUN, pts_90k=one.pts_90k, is_key=one.is_key, data=one.data)
        for one in units_of(raw)
    ]
    assert sum(one.is_key for one in units) == 1
    with studio(tmp_path / "clips", pre_roll_s=0.0, post_roll_s=5.0) as made:
        made.feed(started(), units[0], moving("one", units[0].pts_90k), *units[1:])
        made.feed(ended("one", units[-1].pts_90k))
        (clip,) = clips(made.stop())
    assert hashes_of_mp4(Path(clip.path)) == hashes_of_raw(raw)
    assert Path(clip.path).read_bytes().count(b"moof") >= 4
    assert abs(clip.duration_ms - 7000) <= 40


def test_the_pre_roll_is_at_least_what_was_asked_for_and_at_most_a_gop_more(tmp_path: Path) -> None:
    source = stream(count=300, gop=7)
    events = {f"e{told}": (told - told * 5 % 21, told) for told in range(40, 250, 11)}
    """When each began, and when the detector tells of it: up to two seconds later."""
    with studio(tmp_path, pre_roll_s=1.5, post_roll_s=0.5) as made:
        made.feed(started())
        for number, picture in enumerate(source):
            made.feed(unit(picture))
            for event, (begin, told) in events.items():
                if number == told:
                    made.feed(moving(event, begin * 9000))
                if number == begin + 30:
                    made.feed(ended(event, begin * 9000 + 30 * 9000))
        found = {str(clip.segment.cause.event_id): clip for clip in clips(made.stop())}
    assert found.keys() == events.keys()
    pre_rolls = [clip.duration_ms - 3000 - 500 for clip in found.values()]
    assert all(1500 <= pre_roll < 1500 + 700 for pre_roll in pre_rolls)
    assert len(set(pre_rolls)) == 7, "wherever in a GOP it begins"
