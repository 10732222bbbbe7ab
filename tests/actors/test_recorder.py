"""RecorderActor alone: which clips begin, when they end, and what it says when one cannot be recorded."""

from collections.abc import Generator
from pathlib import Path

import pytest

from ratcam.actors.recorder import KEY_FRAME_PATIENCE_S, REQUEST_PATIENCE_S
from ratcam.messages import (
    ClipFailed,
    EventId,
    MotionStarted,
    RecordClip,
    RecorderStarted,
    RunId,
    SegmentAppended,
    SegmentClosed,
    StreamEnded,
)
from tests.actors.desk import ADA, BEGIN_S, Desk, fresh_desk
from tests.actors.studio import CAMERA, S, clips, ended, failures, moving, started, studio, unit
from tests.fakes import sighting
from tests.pictures import hashes_of_file, hashes_of_units, stream


@pytest.fixture(name="desk")
def make_desk() -> Generator[Desk]:
    with fresh_desk() as desk:
        yield desk


def test_a_recorder_says_that_it_begins_before_anything_else(desk: Desk) -> None:
    desk.feed(started(), *(unit(picture) for picture in stream(count=20)), moving("one", 9000))
    desk.start()
    desk.stop()
    assert desk.muxer.wait_for(SegmentClosed)
    assert desk.muxer.heard[0] == RecorderStarted(camera=CAMERA)
    assert len(desk.muxer.of(RecorderStarted)) == 1


def test_a_request_before_the_first_picture_is_recorded_when_pictures_come(desk: Desk) -> None:
    desk.ask()
    desk.address.ping(BEGIN_S + REQUEST_PATIENCE_S - 0.1)
    desk.feed(started(), *(unit(picture) for picture in stream(count=40)))
    desk.start()
    desk.stop()
    assert desk.muxer.wait_for(SegmentClosed)
    assert desk.recorded() == [(ADA, 0, 19)]
    assert failures(desk.bot.heard) == []


def test_a_request_that_sees_no_picture_for_long_fails_in_words(desk: Desk) -> None:
    desk.ask()
    desk.address.ping(BEGIN_S + REQUEST_PATIENCE_S)
    desk.start()
    (failed,) = desk.bot.wait_for(ClipFailed)
    assert isinstance(failed, ClipFailed)
    assert (failed.cause.chat, failed.reason) == (ADA, "the camera gives no pictures at the moment")
    desk.feed(started(), *(unit(picture) for picture in stream(count=40)))
    desk.stop()
    assert desk.muxer.of(SegmentAppended) == []


@pytest.mark.parametrize("ending", ["a stop", "a failure"])
def test_a_request_that_still_waits_at_the_end_fails_in_words(desk: Desk, ending: str) -> None:
    desk.ask()
    if ending == "a failure":
        desk.address.tell("not a message")
    desk.address.request_stop()
    desk.start()
    desk.deaths.get(timeout=10)
    assert len(desk.bot.wait_for(ClipFailed)) == 1


def test_a_requested_clip_whose_key_frame_comes_late_still_lasts_its_seconds(desk: Desk) -> None:
    source = stream(count=100)
    desk.feed(started(), unit(source[41]), RecordClip(camera=CAMERA, chat=ADA, seconds=0.5))
    desk.feed(*(unit(picture) for picture in source[42:]))
    desk.start()
    desk.stop()
    assert desk.muxer.wait_for(SegmentClosed)
    assert desk.recorded() == [(ADA, 50, 54)]


def test_a_recorder_that_fails_says_so_for_a_clip_that_saw_no_key_frame(desk: Desk) -> None:
    desk.feed(started(), unit(stream(count=100)[41]), RecordClip(camera=CAMERA, chat=ADA, seconds=2.0))
    desk.feed("not a message")
    desk.start()
    assert desk.deaths.get(timeout=10).reason
    assert failures(desk.bot.wait_for(ClipFailed)) == ["the camera gave no picture that a video can begin with"]


def test_a_requested_clip_that_sees_no_key_frame_for_long_fails_in_words(desk: Desk) -> None:
    # The request is recorded on the first picture, which is no key frame; control messages come before a ping.
    desk.address.tell(started())
    desk.address.tell(unit(stream(count=100)[41]))
    desk.ask()
    desk.address.ping(BEGIN_S + KEY_FRAME_PATIENCE_S)
    desk.start()
    assert failures(desk.bot.wait_for(ClipFailed)) == ["the camera gave no picture that a video can begin with"]
    desk.feed(*(unit(picture) for picture in stream(count=100)[50:]))
    desk.stop()
    assert desk.muxer.of(SegmentAppended) == []
    assert len(desk.bot.of(ClipFailed)) == 1


def test_a_key_frame_is_waited_for_no_shorter(desk: Desk) -> None:
    source = stream(count=100)
    for message in (started(), unit(source[41])):
        desk.address.tell(message)
    desk.ask()
    desk.address.ping(BEGIN_S + KEY_FRAME_PATIENCE_S - 0.1)
    desk.feed(*(unit(picture) for picture in source[50:]))
    desk.start()
    desk.stop()
    assert desk.muxer.wait_for(SegmentClosed)
    assert desk.recorded() == [(ADA, 50, 69)]


def test_a_run_that_ends_before_a_key_frame_fails_the_clip_in_words(desk: Desk) -> None:
    desk.feed(started(), unit(stream(count=100)[41]), moving("one", 41 * 9000))
    desk.feed(StreamEnded(camera=CAMERA, run_id=RunId(1), reason="killed"))
    desk.start()
    (failed,) = desk.bot.wait_for(ClipFailed)
    assert isinstance(failed, ClipFailed)
    assert failed.cause.event_id == "one"


def test_an_event_confirmed_again_after_a_long_silence_is_recorded_again(desk: Desk) -> None:
    source = stream(count=200)
    desk.feed(started(), *(unit(picture) for picture in source[:11]), moving("one", 10 * 9000))
    desk.feed(*(unit(picture) for picture in source[11:121]), moving("one", 120 * 9000))
    desk.feed(*(unit(picture) for picture in source[121:131]), ended("one", 130 * 9000))
    desk.feed(*(unit(picture) for picture in source[131:]))
    desk.start()
    desk.stop()
    desk.muxer.wait_for(SegmentClosed, 2)
    # 1 s + 5 s of silence + 1 s of post-roll; then from the confirmation to the end and its post-roll.
    assert desk.recorded() == [(None, 10, 69), (None, 120, 139)]


def test_an_event_that_has_ended_is_not_recorded_again(desk: Desk) -> None:
    source = stream(count=200)
    desk.feed(started(), *(unit(picture) for picture in source[:11]), moving("one", 10 * 9000))
    desk.feed(ended("one", 10 * 9000), *(unit(picture) for picture in source[11:50]), moving("one", 40 * 9000))
    desk.feed(*(unit(picture) for picture in source[50:]))
    desk.start()
    desk.stop()
    desk.muxer.wait_for(SegmentClosed)
    assert desk.recorded() == [(None, 10, 19)]


def test_motion_of_a_run_that_is_over_begins_no_clip(desk: Desk) -> None:
    source = stream(count=50)
    desk.feed(started(RunId(2)), *(unit(picture, RunId(2)) for picture in source[:20]))
    desk.feed(moving("one", 10 * 9000), *(unit(picture, RunId(2)) for picture in source[20:]))
    desk.start()
    desk.stop()
    assert desk.muxer.of(SegmentAppended) == []


def test_a_picture_of_another_run_ends_the_clips_of_the_run_before(desk: Desk) -> None:
    source = stream(count=50)
    desk.feed(started(), *(unit(picture) for picture in source[:15]), moving("one", 14 * 9000))
    desk.feed(*(unit(picture, RunId(2)) for picture in source))
    desk.start()
    desk.stop()
    desk.muxer.wait_for(SegmentClosed)
    assert desk.recorded() == [(None, 10, 14)]


def test_motion_told_before_the_first_picture_of_a_restarted_recorder_is_recorded_once_it_is_confirmed(
    desk: Desk,
) -> None:
    """Control overtakes data: after a restart the event comes before the pictures that waited."""
    source = stream(count=60)
    desk.address.tell(
        MotionStarted(
            camera=CAMERA,
            run_id=RunId(1),
            event_id=EventId("one"),
            pts_90k=12 * 9000,
            started_unix_s=0.0,
            seen=sighting(),
        )
    )
    desk.feed(*(unit(picture) for picture in source[10:25]), moving("one", 22 * 9000))
    desk.feed(*(unit(picture) for picture in source[25:31]), ended("one", 30 * 9000))
    desk.feed(*(unit(picture) for picture in source[31:]))
    desk.start()
    desk.stop()
    desk.muxer.wait_for(SegmentClosed)
    assert desk.recorded() == [(None, 20, 39)]


def test_motion_that_is_told_late_still_has_its_whole_pre_roll(tmp_path: Path) -> None:
    source = stream(count=150)
    with studio(tmp_path, pre_roll_s=2.0, post_roll_s=1.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:95]), moving("one", int(7.5 * S)))
        made.feed(ended("one", 10 * S), *(unit(picture) for picture in source[95:]))
        (clip,) = clips(made.stop())
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(source)[50:110]
