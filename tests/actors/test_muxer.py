"""MuxerActor alone: disks that fail, recorders that die, and what an earlier daemon left behind."""

import errno
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from ratcam.messages import (
    ClipCause,
    ClipFailed,
    ClipId,
    ClipReady,
    EventId,
    RecorderStarted,
    Segment,
    SegmentAppended,
    SegmentClosed,
)
from ratcam.settings import RecordingSettings
from ratcam.store.clip_files import BROKEN_KEPT, file_stem
from tests.actors.studio import CAMERA, RUN, Studio, clips, failures, unit
from tests.deadline import wait_until
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


@pytest.mark.parametrize("at", ["append", "patch"])
def test_a_clip_that_a_full_disk_fails_leaves_no_open_file_and_few_broken_ones(
    shop: Workshop, tmp_path: Path, at: str
) -> None:
    setattr(shop.files, f"on_{at}", full)
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
