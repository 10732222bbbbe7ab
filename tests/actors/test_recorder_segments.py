"""RecorderActor alone: what it says of its segments, when it asks for a key frame, and what it holds in memory."""

import tracemalloc
from collections.abc import Generator
from dataclasses import dataclass, field, replace

import pytest

from ratcam.actors.recorder import MOST_PART_BYTES, SILENCE_S
from ratcam.actors.segment_feed import muxer_address
from ratcam.actors.supervised import Address
from ratcam.media.cutter import PIECE_BYTES
from ratcam.messages import RequestKeyFrame, RunId, SegmentAppended, SegmentClosed, StreamEnded
from tests.actors.desk import BEGIN_S, Desk, fresh_desk
from tests.actors.studio import CAMERA, ended, failures, moving, started, unit
from tests.deadline import wait_until
from tests.fakes import Listener
from tests.pictures import stream


@pytest.fixture(name="desk")
def make_desk() -> Generator[Desk]:
    with fresh_desk() as desk:
        yield desk


def test_a_segment_is_stood_for_by_its_first_key_picture_since_the_motion_or_else_by_its_first(desk: Desk) -> None:
    desk.settings = replace(desk.settings, pre_roll_s=2.5, segment_s=3.0)
    source = stream(count=120)
    desk.feed(started(), *(unit(picture) for picture in source[:65]), moving("one", 64 * 9000))
    desk.feed(*(unit(picture) for picture in source[65:95]), ended("one", 90 * 9000))
    desk.feed(*(unit(picture) for picture in source[95:]))
    desk.start()
    desk.stop()
    # From 3 s, the last key picture at or before 6.4 s - 2.5 s, in parts of 3 s, to 9 s + 1 s.
    closed = desk.closed(3)
    covers = [(message.segment.part, message.cover) for message in closed]
    assert covers == [(1, source[30].data), (2, source[70].data), (3, source[90].data)]
    assert [message.is_last for message in closed] == [False, False, True]


def test_segments_say_how_their_run_is_turned_also_after_the_recorder_was_restarted(desk: Desk) -> None:
    source = stream(count=60)
    desk.feed(replace(started(), rotation=90), unit(source[0]), "not a message")
    desk.start()
    assert "str" in desk.deaths.get(timeout=10).reason
    desk.feed(*(unit(picture) for picture in source[:20]), moving("one", 19 * 9000))
    desk.feed(*(unit(picture) for picture in source[20:30]))
    desk.feed(*(unit(picture, RunId(2)) for picture in source[:20]))
    desk.feed(replace(moving("two", 19 * 9000), run_id=RunId(2)))
    desk.start()
    desk.stop()
    assert [(m.segment.run_id, m.segment.rotation) for m in desk.closed(2)] == [(1, 90), (2, 0)]


def test_a_clip_that_waits_for_a_key_picture_has_one_asked_for_once_a_second_at_most(desk: Desk) -> None:
    source = stream(count=60, gop=60)
    desk.feed(started(), *(unit(picture) for picture in source[1:11]))
    desk.feed(moving("one", 10 * 9000), *(unit(picture) for picture in source[11:30]))
    desk.start()
    desk.stop()
    # With the first picture after it was told, and a second later.
    desk.proxy.stop()
    assert desk.proxy.heard == [RequestKeyFrame(camera=CAMERA)] * 2


def test_another_run_is_asked_for_a_key_picture_at_once_whenever_the_last_was(desk: Desk) -> None:
    source = stream(count=20, gop=20)
    desk.feed(started(), *(unit(picture) for picture in source[1:6]))
    desk.feed(moving("one", 5 * 9000), *(unit(picture) for picture in source[6:9]))
    desk.feed(started(RunId(2)), unit(source[9], RunId(2)))
    desk.feed(replace(moving("two", 9 * 9000), run_id=RunId(2)), *(unit(one, RunId(2)) for one in source[10:12]))
    desk.start()
    desk.stop()
    desk.proxy.stop()
    assert desk.proxy.heard == [RequestKeyFrame(camera=CAMERA)] * 2


def test_no_key_picture_is_asked_for_where_one_comes_every_second(desk: Desk) -> None:
    desk.settings = replace(desk.settings, segment_s=2.0)
    desk.start()
    desk.feed(started())
    for picture in stream(count=200):
        desk.feed(unit(picture), moving("one", picture.pts_90k))
    desk.stop()
    desk.closed(9)
    desk.proxy.stop()
    assert desk.proxy.heard == []


def test_a_run_that_falls_silent_is_asked_for_a_key_picture_until_it_ends(desk: Desk) -> None:
    """A queue that overflowed drops everything up to the next key picture, which may be far."""
    for message in (started(), unit(stream(count=20)[0])):
        desk.address.tell(message)
    desk.address.ping(BEGIN_S + SILENCE_S)
    desk.start()
    desk.proxy.wait_for(RequestKeyFrame)
    desk.address.ping(BEGIN_S + 2 * SILENCE_S)
    desk.proxy.wait_for(RequestKeyFrame, 2)
    desk.address.tell(StreamEnded(camera=CAMERA, run_id=RunId(1), reason="killed"))
    desk.address.ping(BEGIN_S + 10 * SILENCE_S)
    desk.stop()
    desk.proxy.stop()
    assert len(desk.proxy.heard) == 2


@pytest.mark.parametrize("has_begun", [True, False])
def test_neither_a_short_pause_nor_a_run_without_pictures_is_a_silence(desk: Desk, has_begun: bool) -> None:
    for message in (started(), unit(stream(count=20)[0]))[: 1 + has_begun]:
        desk.address.tell(message)
    desk.address.ping(BEGIN_S + (SILENCE_S - 0.1 if has_begun else 100))
    desk.start()
    desk.stop()
    desk.proxy.stop()
    assert desk.proxy.heard == []


def test_a_pre_roll_of_a_minute_is_handed_on_at_once_also_when_nobody_takes_it(desk: Desk) -> None:
    desk.settings = replace(desk.settings, pre_roll_s=60.0)
    desk.muxer.stop()
    desk.muxer.address = muxer_address("muxer", ring_mb=desk.settings.ring_mb)
    source = [unit(picture) for picture in stream(count=700)]
    desk.feed(started(), *source[:650], moving("one", source[649].pts_90k), *source[650:])
    desk.start()
    desk.stop()
    desk.bot.stop()
    assert failures(desk.bot.heard) == []
    pieces = [message for message in waiting(desk.muxer.address) if isinstance(message, SegmentAppended)]
    assert [one for piece in pieces for one in piece.units] == source[40:]


def waiting(address: Address) -> list[object]:
    """What waits there, which nobody has taken."""
    address.request_stop()
    found = [address.take()]
    while not (isinstance(found[-1], SegmentClosed) and found[-1].is_last):
        found.append(address.take())
    return found


@dataclass
class Tape:
    """What a muxer is told, without the pictures."""

    pieces: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    """Part, pictures and bytes."""
    closed: list[SegmentClosed] = field(default_factory=list[SegmentClosed])

    def take(self, message: object) -> None:
        match message:
            case SegmentAppended():
                size = sum(len(one.data) for one in message.units)
                self.pieces.append((message.segment.part, len(message.units), size))
            case SegmentClosed():
                self.closed.append(message)
            case _:
                pass


class Forgetful(list[object]):
    """A list that keeps nothing."""

    def append(self, _item: object, /) -> None:
        """Drop it."""


def test_a_stream_without_a_second_key_picture_is_recorded_up_to_what_a_bot_can_send_in_little_memory(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    """120 MB in one GOP: memory holds the ring and a piece, the file what can be sent, the log what to do."""
    desk.settings = replace(desk.settings, ring_mb=8)
    desk.address = Address("recorder", data_limit=4)
    tape = Tape()
    desk.muxer.stop()
    desk.muxer = Listener("muxer", data_limit=1, answer=tape.take, heard=Forgetful())
    key = unit(stream(count=1)[0])
    desk.start()
    tracemalloc.start()
    try:
        desk.feed(started(), key, moving("one", 0))
        for number in range(1, 1201):
            data = b"\0\0\0\1\x41\x9a" + number.to_bytes(2, "big") * 50_000
            desk.feed(replace(key, pts_90k=number * 9000, is_key=False, data=data), moving("one", number * 9000))
        desk.stop()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    wait_until(lambda: len(tape.closed) == 2, what="the end of the clip")
    closed, again = tape.closed
    kept = sum(pictures for _, pictures, _ in tape.pieces)
    size = sum(size for _, _, size in tape.pieces)
    assert {part for part, _, _ in tape.pieces} == {1}
    assert MOST_PART_BYTES - 300_000 < size < MOST_PART_BYTES
    assert max(size for _, _, size in tape.pieces) <= PIECE_BYTES
    assert (closed.is_last, closed.end_pts_90k) == (False, kept * 9000)
    assert again == replace(closed, is_last=True)
    assert peak < 8_000_000 + 3 * PIECE_BYTES + 1_000_000, "the ring, and a piece here, one waiting, one there"
    no_pre_roll, lacking = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "no key frame in the last 8 MB" in no_pre_roll
    assert f"lacks {1201 - kept} pictures" in lacking
    assert "key frame interval" in lacking
    # Due from 4 s on, and nothing comes of it: the pauses grow to 16 s, and stay there for two minutes.
    desk.proxy.stop()
    assert len(desk.proxy.heard) == 11
