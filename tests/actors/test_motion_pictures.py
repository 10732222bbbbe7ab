"""MotionActor with real fields and real JPEGs: the picture of an event."""

import io

import numpy as np
import pytest
from PIL import Image

from ratcam.actors.motion import RunView
from ratcam.messages import (
    Arm,
    Disarm,
    MotionEnded,
    MotionPeaked,
    MotionStarted,
    RunId,
    StreamEnded,
    TakeSnapshot,
)
from tests.actors.watch import KITCHEN, Watch, ended, moving_event, started, status
from tests.deadline import wait_until
from tests.fakes import jpeg


def test_the_picture_is_of_the_strongest_moment_and_shows_where(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.proxy.answer = watch.give_still
    watch.see(0.5, moves=True)
    watch.proxy.wait_for(TakeSnapshot)
    watch.see(1.5, moves=True)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.event_id == started(watch).event_id
    assert peaked.seen.score >= started(watch).seen.score
    picture = Image.open(io.BytesIO(peaked.heat_map_jpeg)).convert("RGB")
    assert picture.size == (312, 232)
    pixels = np.asarray(picture).astype(int)
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    assert colour[80:112, 176:208].mean() > 40, "tinted where it moved"
    assert colour[180:, :100].mean() < 8, "grey elsewhere"


def test_a_still_that_comes_after_the_event_is_over_still_makes_its_picture(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True)
    watch.see(6, moves=False)
    over = ended(watch)
    assert watch.bot.of(MotionPeaked) == []
    watch.give_still(watch.proxy.wait_for(TakeSnapshot)[-1])
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.event_id == over.event_id


@pytest.mark.parametrize("still", [b"", b"not a picture"])
def test_an_event_without_a_usable_still_goes_without_a_picture(
    watch: Watch, caplog: pytest.LogCaptureFixture, still: bytes
) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.proxy.answer = lambda asked: watch.give_still(asked, still)
    watch.see(0.5, moves=True)
    watch.see(8, moves=False)
    ended(watch)
    wait_until(lambda: "picture" in caplog.text, what="a line in the log")
    assert watch.bot.of(MotionPeaked) == []


@pytest.mark.parametrize("ending", ["disarmed", "stopped", "quiet"])
def test_an_event_that_ends_while_a_stronger_still_is_awaited_shows_the_one_that_is_here(
    watch: Watch, ending: str
) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(0.2, moves=True)
    (first,) = watch.proxy.wait_for(TakeSnapshot)
    watch.give_still(first)
    watch.see(0.2, moves=True, speed=40.0)
    assert len(watch.proxy.wait_for(TakeSnapshot, 2)) == 2
    match ending:
        case "disarmed":
            watch.feed(Disarm(camera=KITCHEN))
        case "stopped":
            watch.address.request_stop()
        case _:
            watch.see(8, moves=False)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert isinstance(first, TakeSnapshot)
    assert first.request_id.endswith(f":{peaked.seen.pts_90k}"), "strength and place are those of the picture shown"
    assert peaked.seen.score < ended(watch).peak.score


def test_the_end_of_an_event_is_told_before_its_picture_is_made(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(0.2, moves=True)
    watch.give_still(watch.proxy.wait_for(TakeSnapshot)[0])
    watch.feed(Disarm(camera=KITCHEN))
    watch.bot.wait_for(MotionPeaked)
    assert [type(message) for message in watch.bot.heard] == [MotionStarted, MotionEnded, MotionPeaked]


def test_a_still_of_another_run_than_the_event_is_not_used(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    moving_event(watch)
    asked = watch.proxy.wait_for(TakeSnapshot)[-1]
    watch.feed(StreamEnded(camera=KITCHEN, run_id=RunId(1), reason="killed"))
    ended(watch)
    watch.begin(run_id=2)
    watch.give_still(asked, run_id=2)
    wait_until(lambda: "goes without a picture" in caplog.text, what="a line in the log")
    assert watch.bot.of(MotionPeaked) == []


def test_a_still_of_the_event_s_run_is_used_also_in_the_next_run(watch: Watch) -> None:
    moving_event(watch)
    asked = watch.proxy.wait_for(TakeSnapshot)[-1]
    watch.feed(StreamEnded(camera=KITCHEN, run_id=RunId(1), reason="killed"))
    ended(watch)
    watch.begin(run_id=2)
    watch.see(1, moves=False, run_id=2)
    watch.give_still(asked)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.run_id == 1


def test_a_still_that_does_not_come_is_asked_for_again_at_a_later_peak(watch: Watch) -> None:
    moving_event(watch, seconds=5.0)
    watch.see(2, moves=True)
    watch.see(1, moves=True, speed=60.0)
    first, second = watch.proxy.wait_for(TakeSnapshot, 2)
    watch.give_still(first)
    watch.give_still(second)
    watch.see(1, moves=True)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.seen.pts_90k > 6 * 90_000
    watch.see(8, moves=False)
    ended(watch)
    assert len(watch.proxy.of(TakeSnapshot)) == 2, "no second request while one is young, none when the picture is sent"


def events_without_stills(watch: Watch, count: int) -> list[object]:
    """So many short events; the requests for stills that were the last of each."""
    asked: list[object] = []
    watch.begin()
    watch.see(1, moves=False)
    for number in range(count):
        watch.see(0.3, moves=True)
        watch.bot.wait_for(MotionStarted, number + 1)
        asked.append(watch.proxy.wait_for(TakeSnapshot, number + 1)[-1])
        watch.feed(Disarm(camera=KITCHEN))
        watch.feed(Arm(camera=KITCHEN))
    return asked


def test_each_of_several_past_events_gets_its_late_picture_and_the_oldest_of_too_many_does_not(
    watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = events_without_stills(watch, 5)
    watch.bot.wait_for(MotionEnded, 5)
    for request in asked:
        watch.give_still(request)
    shown = [message.event_id for message in watch.bot.wait_for(MotionPeaked, 4) if isinstance(message, MotionPeaked)]
    events = [message.event_id for message in watch.bot.of(MotionEnded) if isinstance(message, MotionEnded)]
    assert shown == events[1:]
    assert f"no still for event {events[0]}" in caplog.text


@pytest.mark.parametrize("is_restarted", [False, True])
def test_the_picture_of_a_turned_camera_is_upright_also_after_a_restart_within_the_run(
    watch: Watch, *, is_restarted: bool
) -> None:
    watch.begin(rotation=90)
    watch.see(0.1, moves=False)
    wait_until(lambda: watch.view.run_id == 1, what="the run")
    if is_restarted:
        watch.address.tell("not a message")
        assert watch.deaths.get(timeout=10).reason
        watch.start()
    watch.see(1, moves=False)
    assert watch.view == RunView(run_id=RunId(1), size=(312, 232), rotation=90)
    watch.proxy.answer = lambda asked: watch.give_still(asked, jpeg(232, 312))
    watch.see(0.5, moves=True)
    watch.proxy.wait_for(TakeSnapshot)
    watch.see(1.5, moves=True)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    picture = Image.open(io.BytesIO(peaked.heat_map_jpeg)).convert("RGB")
    assert picture.size == (232, 312)
    pixels = np.asarray(picture).astype(int)
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    assert colour[176:208, 232 - 112 : 232 - 80].mean() > 40, "what was right of the middle is below it now"
    assert colour[:100, :52].mean() < 8, "grey elsewhere"


def test_a_still_that_failed_is_asked_for_again_each_second_though_nothing_gets_stronger(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True, speed=60.0)
    watch.see(2, moves=True)
    (first,) = watch.proxy.wait_for(TakeSnapshot)
    watch.give_still(first, b"", is_behind_fields=True)
    watch.see(0.1, moves=True)
    (_, second) = watch.proxy.wait_for(TakeSnapshot, 2)
    watch.give_still(second, b"", is_behind_fields=True)
    watch.see(0.5, moves=True)
    status(watch)
    assert len(watch.proxy.of(TakeSnapshot)) == 2, "not sooner"
    watch.see(0.6, moves=True)
    asked = watch.proxy.wait_for(TakeSnapshot, 3)
    watch.give_still(asked[2], is_behind_fields=True)
    watch.see(0.1, moves=True)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.seen.score >= started(watch).seen.score
    watch.see(8, moves=False)
    assert peaked.seen == ended(watch).peak
    assert len(watch.proxy.of(TakeSnapshot)) == 3


def test_a_still_that_was_lost_is_asked_for_again_though_nothing_gets_stronger(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(1, moves=True, speed=60.0)
    watch.see(6, moves=True)
    _, second = watch.proxy.wait_for(TakeSnapshot, 2)
    watch.give_still(second, is_behind_fields=True)
    watch.see(8, moves=False)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.seen == ended(watch).peak


def test_a_stronger_moment_while_a_still_is_under_way_is_asked_for_as_soon_as_that_has_come(watch: Watch) -> None:
    watch.begin()
    watch.see(1, moves=False)
    watch.see(0.2, moves=True)
    (first,) = watch.proxy.wait_for(TakeSnapshot)
    watch.see(0.2, moves=True, speed=60.0)
    watch.see(0.2, moves=True, speed=1.0)
    watch.give_still(first, is_behind_fields=True)
    _, second = watch.proxy.wait_for(TakeSnapshot, 2)
    watch.give_still(second, is_behind_fields=True)
    watch.see(8, moves=False)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.seen == ended(watch).peak
    assert len(watch.proxy.of(TakeSnapshot)) == 2


def test_the_picture_knows_when_its_event_began(watch: Watch) -> None:
    moving_event(watch)
    watch.see(8, moves=False)
    ended(watch)
    watch.clock.advance(60)
    watch.give_still(watch.proxy.wait_for(TakeSnapshot)[-1], is_behind_fields=True)
    (peaked,) = watch.bot.wait_for(MotionPeaked)
    assert isinstance(peaked, MotionPeaked)
    assert peaked.started_unix_s == started(watch).started_unix_s
