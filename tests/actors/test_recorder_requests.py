"""RecorderActor alone: how many requested clips there are at a time."""

from collections.abc import Generator
from dataclasses import replace

import pytest

from ratcam.actors.recorder import IS_RECORDED, IS_RECORDED_FOR_OTHERS, MOST_REQUESTS, NO_PICTURES, REQUEST_PATIENCE_S
from ratcam.messages import ChatId, ClipFailed, RecordClip
from tests.actors.desk import ADA, BEGIN_S, Desk, fresh_desk
from tests.actors.studio import CAMERA, started, unit
from tests.pictures import stream

BEN = ChatId(6)


@pytest.fixture(name="desk")
def make_desk() -> Generator[Desk]:
    with fresh_desk() as desk:
        yield desk


def request(chat: int, seconds: float = 2.0) -> RecordClip:
    return RecordClip(camera=CAMERA, chat=ChatId(chat), seconds=seconds)


def run(desk: Desk) -> list[tuple[ChatId | None, str]]:
    """Whom the recorder told that a clip cannot be recorded, and why."""
    desk.start()
    desk.stop()
    desk.bot.stop()
    desk.muxer.stop()
    return [(message.cause.chat, message.reason) for message in desk.bot.heard if isinstance(message, ClipFailed)]


def test_a_chat_whose_clip_is_being_recorded_gets_no_second_one_and_is_told_so(desk: Desk) -> None:
    units = [unit(picture) for picture in stream(count=60)]
    desk.feed(started(), *units[:11], request(ADA), *units[11:20], request(ADA, 9.0), request(BEN), *units[20:])
    assert run(desk) == [(ADA, IS_RECORDED)]
    assert desk.recorded() == [(ADA, 10, 29), (BEN, 10, 38)]


def test_a_clip_shorter_than_the_pre_roll_is_that_long_beside_it(desk: Desk) -> None:
    desk.settings = replace(desk.settings, pre_roll_s=3.0)
    units = [unit(picture) for picture in stream(count=70)]
    desk.feed(started(), *units[:51], request(ADA, 1.0), *units[51:])
    assert run(desk) == []
    assert desk.recorded() == [(ADA, 20, 59)]


def test_a_chat_may_ask_again_when_its_clip_is_over(desk: Desk) -> None:
    units = [unit(picture) for picture in stream(count=70)]
    desk.feed(started(), *units[:11], request(ADA), *units[11:31], request(ADA), *units[31:])
    assert run(desk) == []
    assert desk.recorded() == [(ADA, 10, 29), (ADA, 30, 49)]


def test_of_very_many_requests_at_once_four_are_recorded_and_the_others_are_told_so(desk: Desk) -> None:
    units = [unit(picture) for picture in stream(count=60)]
    desk.feed(started(), *units[:11], *map(request, range(1, 41)), *units[11:])
    assert run(desk) == [(ChatId(chat), IS_RECORDED_FOR_OTHERS) for chat in range(MOST_REQUESTS + 1, 41)]
    assert desk.recorded() == [(ChatId(chat), 10, 29) for chat in range(1, MOST_REQUESTS + 1)]


def test_requests_that_wait_for_the_first_picture_count(desk: Desk) -> None:
    desk.feed(*map(request, (1, 2, 2, 3, 4, 5)))
    refused, waited = [(2, IS_RECORDED), (5, IS_RECORDED_FOR_OTHERS)], [(chat, NO_PICTURES) for chat in (1, 2, 3, 4)]
    assert run(desk) == refused + waited


def test_requests_that_waited_are_recorded_with_the_first_picture(desk: Desk) -> None:
    desk.feed(*map(request, (1, 2, 3, 4)), started(), *(unit(picture) for picture in stream(count=60)))
    assert run(desk) == []
    assert desk.recorded() == [(ChatId(chat), 0, 19) for chat in (1, 2, 3, 4)]


def test_a_request_that_was_given_up_no_longer_counts(desk: Desk) -> None:
    desk.address.tell(request(ADA))
    desk.address.ping(BEGIN_S + REQUEST_PATIENCE_S)
    desk.feed(request(ADA), started(), *(unit(picture) for picture in stream(count=60)))
    assert [reason for _, reason in run(desk)] == [NO_PICTURES]
    assert desk.recorded() == [(ADA, 0, 19)]
