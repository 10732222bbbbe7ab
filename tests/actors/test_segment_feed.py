"""SegmentFeed alone: what a muxer that stands still is given, how long is waited for it, and what it is told of it."""

from collections.abc import Sequence

import pytest

from ratcam.actors.segment_feed import BYTES_AHEAD, PATIENCE_S, SegmentFeed, muxer_address
from ratcam.actors.supervised import Address
from ratcam.messages import AccessUnit, ClipCause, ClipId, EventId, Segment, SegmentAppended, SegmentClosed
from tests.actors.studio import CAMERA, RUN

MB = 1_000_000


class Door(Address):
    """A lane that takes what it is told to, and keeps how long the feed would have waited."""

    def __init__(self) -> None:
        super().__init__("door")
        self.is_open = True
        self.patience_s: list[float] = []
        self.taken: list[object] = []

    def feed(self, message: object, timeout_s: float, *, size: int = 0) -> bool:
        assert size > 0
        self.patience_s.append(timeout_s)
        if self.is_open:
            self.taken.append(message)
        return self.is_open


def segment(part: int, clip: str = "a") -> Segment:
    cause = ClipCause(event_id=EventId(clip))
    return Segment(camera=CAMERA, run_id=RUN, clip_id=ClipId(clip), part=part, cause=cause, started_unix_s=0.0)


def piece(size: int, *, part: int = 1, clip: str = "a", pts_90k: int = 0) -> SegmentAppended:
    one = AccessUnit(camera=CAMERA, run_id=RUN, pts_90k=pts_90k, is_key=True, data=bytes(size))
    return SegmentAppended(segment=segment(part, clip), units=(one,))


def end(part: int, *, is_last: bool = False, end_pts_90k: int = 1000) -> SegmentClosed:
    return SegmentClosed(segment=segment(part), is_last=is_last, end_pts_90k=end_pts_90k)


def taken(feed: SegmentFeed, sizes: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many pieces of these sizes are taken before one is refused, when nothing is waited for."""
    monkeypatch.setattr("ratcam.actors.segment_feed.PATIENCE_S", 0.0)
    return next((number for number, size in enumerate(sizes) if not feed.append(piece(size))), len(sizes))


@pytest.mark.parametrize(
    "sizes", [[10_000] * 60, [1000] * 3720, [500_000] * 60, [4 * MB] * 8], ids=["small", "all key", "30 MB", "4 MB"]
)
def test_a_whole_pre_roll_finds_room_at_once(sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of a GOP a second, of nothing but key frames at 60 a second, and as much as the ring holds."""
    assert taken(SegmentFeed(muxer_address("muxer", ring_mb=32)), sizes, monkeypatch) == len(sizes)


@pytest.mark.parametrize("size", [200, 100_000, 4 * MB])
def test_what_waits_for_the_disk_is_bounded_in_bytes(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    room = 8 * MB + BYTES_AHEAD
    count = taken(SegmentFeed(muxer_address("muxer", ring_mb=8)), [size] * 5000, monkeypatch)
    assert count * size <= room
    assert count == 4096 or (count + 1) * (size + 1000) > room


def test_a_piece_waits_for_room_but_while_the_muxer_is_behind_nothing_is_waited_for() -> None:
    door = Door()
    feed = SegmentFeed(door)
    assert feed.append(piece(1))
    door.is_open = False
    assert not feed.append(piece(1))
    assert not feed.append(piece(1, clip="b"))
    door.is_open = True
    assert feed.append(piece(1, clip="c"))
    assert door.patience_s == [PATIENCE_S, PATIENCE_S, 0.0, 0.0]
    assert feed.append(piece(1, clip="c"))
    assert door.patience_s[4:] == [PATIENCE_S], "the muxer has caught up"


def test_the_end_of_a_part_is_kept_and_comes_before_what_follows_without_a_wait() -> None:
    door = Door()
    feed = SegmentFeed(door)
    door.is_open = False
    feed.close(end(1))
    assert not feed.append(piece(1, part=2))
    assert door.taken == []
    door.is_open = True
    assert feed.flush(0.0)
    assert door.taken == [end(1)]
    assert door.patience_s == [0.0, PATIENCE_S, 0.0]


def test_a_part_that_was_refused_is_refused_to_its_end_which_says_where_what_was_taken_ends() -> None:
    door = Door()
    feed = SegmentFeed(door)
    first = piece(1, pts_90k=0)
    feed.append(first)
    door.is_open = False
    assert not feed.append(piece(1, pts_90k=100))
    door.is_open = True
    assert feed.append(piece(1, pts_90k=200)), "told before"
    feed.close(end(1))
    assert door.taken == [first, end(1, end_pts_90k=100)]


def test_a_clip_is_told_of_once_until_a_part_of_it_was_taken_whole() -> None:
    door = Door()
    feed = SegmentFeed(door)
    told: list[bool] = []
    for part, is_open in enumerate((False, False, True, False, True), start=1):
        door.is_open = is_open
        told.append(not feed.append(piece(1, part=part)))
        feed.close(end(part))
    assert told == [True, False, False, True, False]


def test_what_was_lost_of_a_clip_is_forgotten_with_its_last_part() -> None:
    door = Door()
    feed = SegmentFeed(door)
    door.is_open = False
    assert not feed.append(piece(1))
    feed.close(end(1, is_last=True))
    door.is_open = True
    again = piece(1)
    assert feed.append(again)
    assert door.taken[-1] == again
