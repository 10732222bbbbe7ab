"""MotionActor with real fields: events, and who hears of them."""

from itertools import pairwise
from pathlib import Path

import pytest

from ratcam.messages import (
    Arm,
    Disarm,
    MotionContinues,
    MotionEnded,
    MotionField,
    MotionStarted,
    RunId,
    StreamEnded,
)
from tests.actors.watch import COLUMNS, KITCHEN, ROWS, Watch, ended, moving_event, started


def test_an_event_is_told_to_the_bot_and_the_recorder_with_strength_and_place(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(2, moves=True)
    watch.see(5, moves=False)
    begun, over = started(watch), ended(watch)
    assert begun.seen.score >= 1.0
    assert 9000 * 10 <= begun.pts_90k <= 9000 * 15
    x0, y0, x1, y1 = begun.seen.box
    assert 10 * 16 <= x0 < x1 <= 14 * 16
    assert 4 * 16 <= y0 < y1 <= 8 * 16
    assert begun.seen.place == over.peak.place == "centre"
    assert begun.seen.area_percent == 100 * begun.seen.area / (COLUMNS * ROWS)
    assert begun.pts_90k <= over.peak.pts_90k <= over.pts_90k
    assert over.event_id == begun.event_id
    assert over.peak.score >= begun.seen.score
    assert 1.5 <= over.duration_s <= 4.5, "2 s of motion and what the accumulator holds of it"
    assert watch.recorder.wait_for(MotionStarted) == [begun]
    assert watch.recorder.wait_for(MotionEnded) == [over]


def test_a_running_event_is_confirmed_to_the_recorder_every_second_of_media_time(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(6, moves=True)
    confirmed = watch.recorder.wait_for(MotionContinues, 5)
    times = [message.pts_90k for message in confirmed if isinstance(message, MotionContinues)]
    assert [later - earlier for earlier, later in pairwise(times)] == [90_000] * (len(times) - 1)


def test_motion_that_begins_again_soon_belongs_to_the_same_event(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.see(2.5, moves=False)
    watch.see(1, moves=True)
    watch.see(8, moves=False)
    ended(watch)
    assert len(watch.bot.of(MotionStarted)) == 1


def test_nothing_is_an_event_while_disarmed_and_disarming_ends_one(watch: Watch) -> None:
    watch.address.tell(Disarm(camera=KITCHEN))
    watch.begin()
    watch.see(3, moves=True)
    watch.see(5, moves=False)
    watch.feed(Arm(camera=KITCHEN))
    watch.see(3, moves=True)
    started(watch)
    assert len(watch.bot.of(MotionStarted)) == 1
    watch.address.tell(Disarm(camera=KITCHEN))
    assert ended(watch).reason == "disarmed"


def test_the_end_of_a_run_ends_the_event_and_the_next_run_settles_first(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.feed(StreamEnded(camera=KITCHEN, run_id=RunId(1), reason="killed"))
    assert ended(watch).reason == "the camera stopped"
    watch.begin(run_id=2)
    watch.see(1, moves=True, run_id=2)
    second = watch.bot.wait_for(MotionStarted, 2)[1]
    assert isinstance(second, MotionStarted)
    assert (second.run_id, second.pts_90k >= 45_000) == (2, True)


def test_an_actor_that_dies_in_an_event_is_armed_again_and_finds_it_again(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    started(watch)
    watch.address.tell("not a message")
    assert "str" in watch.deaths.get(timeout=10).reason
    watch.start()
    watch.see(2, moves=True)
    first, second = watch.bot.wait_for(MotionStarted, 2)
    assert isinstance(first, MotionStarted)
    assert isinstance(second, MotionStarted)
    assert first.event_id != second.event_id


def test_a_field_of_the_wrong_size_is_ignored_and_said_once(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    watch.begin()
    for number in range(5):
        watch.feed(
            MotionField(
                camera=KITCHEN, run_id=RunId(1), pts_90k=number, columns=COLUMNS, rows=ROWS, payload=b"too short"
            )
        )
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    started(watch)
    assert caplog.text.count("cannot be used") == 1


def test_a_camera_that_was_disarmed_is_disarmed_at_the_start(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    watch.armed.set_armed(KITCHEN, armed=False)
    watch.begin()
    watch.see(1, moves=False)
    watch.see(2, moves=True)
    watch.see(8, moves=False)
    watch.address.request_stop()
    watch.start()
    assert watch.deaths.get(timeout=10).reason == ""
    for listener in (watch.bot, watch.recorder, watch.proxy):
        listener.stop()
        assert listener.heard == []


def test_a_stop_ends_the_event(watch: Watch) -> None:
    moving_event(watch)
    watch.address.request_stop()
    assert ended(watch).reason == "Ratcam is stopping"
    assert watch.recorder.wait_for(MotionEnded) == watch.bot.wait_for(MotionEnded)
    assert watch.deaths.get(timeout=10).reason == ""


def test_a_failure_ends_the_event(watch: Watch) -> None:
    moving_event(watch)
    watch.address.tell("not a message")
    assert ended(watch).reason == "the detector failed"
    assert watch.recorder.wait_for(MotionEnded) == watch.bot.wait_for(MotionEnded)
    assert "str" in watch.deaths.get(timeout=10).reason


def test_an_actor_that_cannot_read_whether_it_is_armed_is_armed(watch: Watch) -> None:
    watch.address.tell("not a message")
    assert watch.deaths.get(timeout=10).reason
    for file in watch.folder.glob("armed.json*"):
        file.unlink()
    (watch.folder / "armed.json").mkdir()
    watch.start()
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.bot.wait_for(MotionStarted)
    assert watch.deaths.empty()
