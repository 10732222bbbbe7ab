"""MuxerActor alone: disks that fail, recorders that die, and what an earlier daemon left behind."""

import errno
import os
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from ratcam.messages import (
    AccessUnit,
    ClipCause,
    ClipFailed,
    ClipId,
    ClipReady,
    EventId,
    RecorderStarted,
    RequestKeyFrame,
    Segment,
    SegmentAppended,
    SegmentClosed,
)
from ratcam.settings import RecordingSettings
from ratcam.store.clip_files import BROKEN_KEPT, file_stem
from tests.actors.studio import CAMERA, RUN, Studio, clips, failures, unit
from tests.deadline import wait_until
from tests.fakes import Listener
from tests.pictures import hashes_of_file, hashes_of_units, stream

SOURCE = stream(count=60)
SEGMENT = Segment(
    camera=CAMERA,
    run_id=RUN,
    clip_id=ClipId("c1"),
    part=1,
    cause=ClipCause(event_id=EventId("one")),
    started_unix_s=1_800_000_000.0,
)


def full() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def gop(number: int, segment: Segment = SEGMENT) -> SegmentAppended:
    return SegmentAppended(
        segment=segment, units=tuple(unit(picture) for picture in SOURCE[number * 10 : number * 10 + 10])
    )


def closed(segment: Segment = SEGMENT, *, is_last: bool = True) -> SegmentClosed:
    return SegmentClosed(segment=segment, is_last=is_last, end_pts_90k=None)


def part(number: int, *, clip: str = "c1") -> Segment:
    return replace(SEGMENT, clip_id=ClipId(clip), part=number, started_unix_s=SEGMENT.started_unix_s + number)


def open_files(folder: Path) -> list[str]:
    """The names of the files in a folder that this process holds open."""
    found: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = entry.readlink()
        except FileNotFoundError:
            continue  # closed meanwhile
        if target.parent == folder:
            found.append(target.name)
    return found


class Workshop(Studio):
    """A muxer without a recorder."""

    def tell(self, *messages: object) -> None:
        for message in messages:
            assert self.muxer.feed(message, timeout_s=10)

    def end(self) -> list[object]:
        self.muxer.request_stop()
        assert self.deaths.get(timeout=10).reason == ""
        self.bot.stop()
        return self.bot.heard


@pytest.fixture(name="shop")
def make_shop(tmp_path: Path) -> Generator[Workshop]:
    shop = Workshop(tmp_path, RecordingSettings())
    yield shop
    shop.muxer.request_stop()
    shop.bot.address.request_stop()


def test_a_recorder_that_begins_ends_what_an_earlier_one_left_open(shop: Workshop, tmp_path: Path) -> None:
    shop.start_muxer()
    shop.tell(gop(0), gop(1), RecorderStarted(camera=CAMERA))
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert (clip.is_last, clip.segment) == (True, SEGMENT)
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(SOURCE)[:20]
    assert open_files(tmp_path) == []


def test_a_clip_that_a_full_disk_fails_leaves_no_open_file_and_few_broken_ones(shop: Workshop, tmp_path: Path) -> None:
    shop.files.on_append = full
    shop.start_muxer()
    for number in range(20):
        segment = part(number + 1, clip=f"c{number}")
        shop.tell(gop(0, segment), gop(1, segment), closed(segment))
    assert len(failures(shop.bot.wait_for(ClipFailed, 20))) == 20
    assert open_files(tmp_path) == []
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == sorted(file_stem(part(number, clip=f"c{number - 1}")) + ".broken" for number in range(16, 21))
    assert len(left) == BROKEN_KEPT
    assert len(failures(shop.end())) == 20


def test_a_failure_costs_its_part_and_later_parts_are_tried_again(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(gop(0))
    wait_until(lambda: any(b"moof" in path.read_bytes() for path in shop.folder.glob("*.spool")), what="a GOP")
    shop.files.on_append = full
    shop.tell(gop(1), gop(2), closed(is_last=False), gop(3, part(2)))
    shop.bot.wait_for(ClipFailed)
    wait_until(lambda: len(list(shop.folder.glob("*.broken"))) == 1, what="a part of which nothing was written")
    shop.files.on_append = bool
    shop.tell(gop(4, part(2)), closed(part(2), is_last=False), gop(4, part(3)), closed(part(3), is_last=False))
    first, third = clips(shop.bot.wait_for(ClipReady, 2))
    assert (first.segment.part, first.is_cut_short, third.segment.part, third.is_cut_short) == (1, True, 3, False)
    assert not first.is_recovered, "that is said of a crash"
    assert hashes_of_file(Path(first.path)) == hashes_of_units(SOURCE)[:10]
    assert hashes_of_file(Path(third.path)) == hashes_of_units(SOURCE)[40:50]
    assert len(failures(shop.bot.heard)) == 1, "parts lost one after the other are told once"
    shop.files.on_append = full
    shop.tell(gop(5, part(4)), closed(part(4)))
    assert len(shop.bot.wait_for(ClipFailed, 2)) == 2, "a loss after a part that could be written is a new one"
    assert len(clips(shop.end())) == 2


def test_leftovers_are_told_oldest_first_and_none_stays_open(shop: Workshop, tmp_path: Path) -> None:
    shop.start_muxer()
    for number in (3, 1, 2):
        shop.tell(gop(number, part(number)), closed(part(number), is_last=False))
    shop.bot.wait_for(ClipReady, 3)
    (tmp_path / (file_stem(part(4)) + ".spool")).write_bytes(b"junk")
    (tmp_path / (file_stem(part(5)) + ".mp4")).write_bytes(b"")
    shop.muxer.tell("not a message")
    assert shop.deaths.get(timeout=10).reason
    shop.start_muxer()
    told_again = clips(shop.bot.wait_for(ClipReady, 6))[3:]
    assert [clip.segment.part for clip in told_again] == [1, 2, 3]
    wait_until(lambda: len(list(tmp_path.glob("*.broken"))) == 2, what="what cannot be played is set aside")
    shop.end()
    assert open_files(tmp_path) == []


def test_a_folder_that_cannot_be_read_does_not_keep_the_muxer_from_its_work(
    shop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.files.on_look = full
    shop.start_muxer()
    shop.tell(gop(0), closed())
    assert len(clips(shop.bot.wait_for(ClipReady))) == 1
    assert "earlier recordings cannot be looked for" in caplog.text


def test_what_was_written_before_the_disk_was_full_is_delivered(shop: Workshop, tmp_path: Path) -> None:
    shop.start_muxer()
    shop.tell(gop(0), gop(1))
    wait_until(lambda: any(path.read_bytes().count(b"moof") == 2 for path in tmp_path.glob("*.spool")), what="two GOPs")
    shop.files.on_append = full
    shop.tell(gop(2), gop(3), closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    (failed,) = failures(shop.bot.wait_for(ClipFailed))
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(SOURCE)[:20]
    assert "rest of it, could not be written: No space left on device" in failed
    assert "Errno" not in failed
    assert open_files(tmp_path) == []


def test_the_index_comes_first_in_long_and_fast_segments(tmp_path: Path) -> None:
    """A long segment at a high rate with a key picture every fifth: the room for its index is measured on its GOP."""
    source = stream(count=600, fps=60, gop=5)
    shop = Workshop(tmp_path, RecordingSettings(segment_s=600.0))
    shop.start_muxer()
    for start in range(0, 600, 5):
        shop.tell(SegmentAppended(segment=SEGMENT, units=tuple(unit(p) for p in source[start : start + 5])))
    shop.tell(closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    data = Path(clip.path).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    room = data.index(b"mdat") - data.index(b"moov")
    assert room > 600 * 60 * 12, "enough for all the pictures that were to be expected"
    shop.end()


def test_a_part_that_turns_out_to_be_the_last_is_told_again_as_the_last(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(gop(0), closed(is_last=False), closed())
    first, again = clips(shop.bot.wait_for(ClipReady, 2))
    assert again == replace(first, is_last=True, thumbnail_jpeg=b"")
    shop.tell(closed(), gop(1, part(2)), closed(part(2)), closed(part(2)))
    assert len(clips(shop.end())) == 3, "a last part is told once"


def wait_for_gops(folder: Path, count: int) -> None:
    """Until so many GOPs are in a spool file."""
    wait_until(
        lambda: any(path.read_bytes().count(b"moof") == count for path in folder.glob("*.spool")), what="the GOPs"
    )


def slow_then_fast() -> list[tuple[AccessUnit, ...]]:
    """A night camera: 5 pictures a second in the dark, 30 with the light on, at times that are never even; 30 s."""
    dark, light = stream(count=25, fps=5, gop=5), stream(count=750, fps=30, gop=30)
    begin_90k = dark[-1].pts_90k + 18_000
    lit = [
        replace(unit(picture), pts_90k=begin_90k + picture.pts_90k + number * 7919 % 97)
        for number, picture in enumerate(light)
    ]
    return [tuple(unit(picture) for picture in dark[at : at + 5]) for at in range(0, 25, 5)] + [
        tuple(lit[at : at + 30]) for at in range(0, 750, 30)
    ]


def test_the_index_comes_first_also_when_the_light_goes_on(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(*(SegmentAppended(segment=SEGMENT, units=units) for units in slow_then_fast()), closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    data = Path(clip.path).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("has_room", "patches_written"), [(True, 0), (True, 1), (False, 0), (False, 1), (False, 2)])
def test_a_disk_that_does_not_take_the_index_costs_nothing_of_the_clip(
    tmp_path: Path, has_room: bool, patches_written: int
) -> None:
    shop = Workshop(tmp_path, RecordingSettings() if has_room else replace(RecordingSettings(), segment_max_mb=0.001))
    left = iter([None] * patches_written)
    shop.files.on_patch = lambda: next(left, ...) is None or full()
    shop.start_muxer()
    pieces = slow_then_fast()
    shop.tell(*(SegmentAppended(segment=SEGMENT, units=units) for units in pieces), closed(is_last=False))
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    whole = Path(clip.path).read_bytes()
    assert whole.count(b"moof") == len(pieces)
    assert len(hashes_of_file(Path(clip.path))) == sum(map(len, pieces))
    assert (clip.is_cut_short, clip.is_recovered, clip.is_last) == (True, False, False)
    assert (clip.width, clip.height, clip.duration_ms) == (64, 48, 30_000)
    assert clip.size_bytes == Path(clip.path).stat().st_size
    assert clip.thumbnail_jpeg
    assert list(tmp_path.glob("*.broken")) == []
    shop.files.on_patch = bool
    shop.end()


def test_a_clip_whose_last_byte_is_written_and_not_synced_keeps_its_index_at_the_end(tmp_path: Path) -> None:
    shop = Workshop(tmp_path, replace(RecordingSettings(), segment_max_mb=0.001))
    written = iter(range(1, 100))
    shop.files.on_patched = lambda: next(written) in (3, 7) and full()  # the last of three, and of the four that repair
    shop.start_muxer()
    pieces = slow_then_fast()
    shop.tell(*(SegmentAppended(segment=SEGMENT, units=units) for units in pieces), closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert next(written) == 8
    data = Path(clip.path).read_bytes()
    assert data.index(b"mdat") < data.index(b"moov"), "finished, with its index behind the pictures"
    assert len(hashes_of_file(Path(clip.path))) == sum(map(len, pieces))
    shop.end()


def cannot_sync(_descriptor: int) -> None:
    full()


def test_a_clip_whose_folder_cannot_be_synced_after_its_rename_is_told_of(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start_muxer()
    shop.tell(gop(0))
    wait_for_gops(tmp_path, 1)
    monkeypatch.setattr(os, "fsync", cannot_sync)
    shop.tell(closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert (clip.is_last, clip.is_cut_short, failures(shop.end())) == (True, False, [])
    assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]


def test_a_recorder_that_dies_between_two_parts_ends_the_clip_once(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(gop(0), closed(is_last=False), RecorderStarted(camera=CAMERA))
    first, again = clips(shop.bot.wait_for(ClipReady, 2))
    assert again == replace(first, is_last=True, thumbnail_jpeg=b"")
    shop.tell(RecorderStarted(camera=CAMERA), closed())
    assert len(clips(shop.end())) == 2


def lost(shop: Workshop) -> list[bool]:
    """Of each loss that the bot was told: whether it was the clip's end."""
    return [message.is_last for message in shop.bot.of(ClipFailed) if isinstance(message, ClipFailed)]


def test_a_loss_says_whether_more_of_the_clip_may_come(shop: Workshop) -> None:
    shop.files.on_append = full
    shop.start_muxer()
    shop.tell(gop(0), closed(is_last=False), gop(1, part(2)), closed(part(2), is_last=False))
    shop.tell(gop(2, part(3)), closed(part(3)))
    shop.tell(gop(0, part(1, clip="c2")), closed(part(1, clip="c2")))
    shop.bot.wait_for(ClipFailed, 3)
    assert lost(shop) == [False, True, True], "of several lost parts the first and the clip's end"
    shop.tell(RecorderStarted(camera=CAMERA), closed(part(3)))
    shop.end()
    assert lost(shop) == [False, True, True], "the end is told once"


@pytest.mark.parametrize("is_told", [False, True])
def test_the_loss_of_a_part_whose_recorder_dies_is_the_clip_s_end(shop: Workshop, is_told: bool) -> None:
    shop.files.on_append = full
    shop.start_muxer()
    shop.tell(gop(0), *([closed(is_last=False)] if is_told else []), RecorderStarted(camera=CAMERA))
    shop.bot.wait_for(ClipFailed, 1 + is_told)
    shop.tell(RecorderStarted(camera=CAMERA))
    shop.end()
    assert lost(shop) == ([False, True] if is_told else [True])


def test_a_part_that_was_saved_ends_the_clip_when_nothing_came_after_its_loss(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(gop(0))
    wait_for_gops(shop.folder, 1)
    shop.files.on_append = full
    shop.tell(gop(1), closed(is_last=False), closed())
    saved, again = clips(shop.bot.wait_for(ClipReady, 2))
    assert (saved.is_cut_short, again) == (True, replace(saved, is_last=True, thumbnail_jpeg=b""))
    shop.end()
    assert lost(shop) == [False]


def test_a_key_frame_is_asked_for_once_when_a_part_has_to_wait_for_one(shop: Workshop) -> None:
    camera = Listener("camera")
    shop.proxy = camera.address
    shop.start_muxer()
    shop.tell(gop(0))
    units = gop(1).units
    orphans = [SegmentAppended(segment=part(2), units=units[at : at + 3]) for at in (1, 4, 7)]
    shop.tell(*orphans, gop(2, part(2)), closed(part(2)))
    shop.bot.wait_for(ClipReady)
    assert camera.wait_for(RequestKeyFrame) == [RequestKeyFrame(camera=CAMERA)]
    shop.tell(replace(orphans[0], segment=part(3)), closed(part(3)))
    assert len(camera.wait_for(RequestKeyFrame, 2)) == 2
    shop.end()
    camera.stop()
    assert len(camera.of(RequestKeyFrame)) == 2
