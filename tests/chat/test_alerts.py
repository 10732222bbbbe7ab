"""Alerts: what the chats are told of a clip whose parts come, or are lost, one by one."""

import pytest

from ratcam.chat import texts
from ratcam.chat.alerts import Alerts, Announcement, TellClip, TellPhoto, TellText
from ratcam.messages import (
    CameraId,
    ChatId,
    ClipCause,
    ClipFailed,
    ClipId,
    ClipReady,
    EventId,
    MotionEnded,
    MotionPeaked,
    MotionStarted,
    RunId,
    Segment,
    Sighting,
)
from tests.fakes import sighting

KITCHEN = CameraId("kitchen")
EVENT, ADA = ClipCause(event_id=EventId("e")), ClipCause(chat=ChatId(5))
QUIET = "All quiet after 0:05: kitchen."
EVENT_ENDED = MotionEnded(
    camera=KITCHEN,
    run_id=RunId(1),
    event_id=EventId("e"),
    pts_90k=0,
    duration_s=5.0,
    peak=sighting(),
    reason="quiet",
)


def ready(part: int, *, is_last: bool, cause: ClipCause = EVENT) -> ClipReady:
    segment = Segment(
        camera=KITCHEN, run_id=RunId(1), clip_id=ClipId("c"), part=part, cause=cause, started_unix_s=1_800_000_000.0
    )
    return ClipReady(
        segment=segment, is_last=is_last, path=f"/x/{part}.mp4", size_bytes=1, duration_ms=1, width=1, height=1
    )


def lost(*, is_last: bool, cause: ClipCause = EVENT) -> ClipFailed:
    return ClipFailed(camera=KITCHEN, cause=cause, reason="the disk is full", is_last=is_last)


def words(announcements: tuple[Announcement, ...]) -> list[str]:
    """The texts; of a clip its file's name."""
    found: list[str] = []
    for one in announcements:
        match one:
            case TellText():
                found.append(one.text)
            case TellClip():
                found.append(one.item.media_id)
            case TellPhoto():
                raise AssertionError("no pictures here")
    return found


def told(*news: ClipReady | ClipFailed | MotionEnded) -> list[str]:
    alerts = Alerts()
    return [text for one in news for text in words(alerts.tell(one, now_s=0.0))]


PART_LOST = "A part of the video of this event was lost: the disk is full."
ALL_LOST = "The video of this event was lost: the disk is full."


@pytest.mark.parametrize("end_at", [0, 1, 2, 3])
def test_all_is_quiet_only_when_no_part_can_come_any_more(end_at: int) -> None:
    news: list[ClipReady | ClipFailed | MotionEnded] = [
        ready(1, is_last=False),
        lost(is_last=False),
        ready(3, is_last=True),
    ]
    news.insert(end_at, EVENT_ENDED)
    assert told(*news) == ["1.mp4", PART_LOST, "3.mp4", QUIET]


def test_a_clip_is_lost_as_a_whole_only_if_no_part_of_it_came() -> None:
    assert told(EVENT_ENDED, lost(is_last=True)) == [ALL_LOST, QUIET]
    assert told(EVENT_ENDED, ready(1, is_last=False), lost(is_last=True)) == ["1.mp4", PART_LOST, QUIET]
    assert told(EVENT_ENDED, lost(is_last=False), lost(is_last=True)) == [PART_LOST, ALL_LOST, QUIET]


def test_a_chat_that_asked_is_told_whether_it_gets_no_video_or_not_all_of_it() -> None:
    assert told(
        lost(is_last=True, cause=ADA),
        ready(1, is_last=False, cause=ADA),
        lost(is_last=True, cause=ADA),
        lost(is_last=True, cause=ADA),
        lost(is_last=False, cause=ADA),
    ) == [
        "No video from kitchen: the disk is full.",
        "1.mp4",
        "A part of the video from kitchen was lost: the disk is full.",
        "No video from kitchen: the disk is full.",
        "A part of the video from kitchen was lost: the disk is full.",
    ]


def test_a_part_that_is_told_again_as_the_last_ends_the_event() -> None:
    alerts = Alerts()
    for news in (ready(1, is_last=False), EVENT_ENDED):
        assert QUIET not in words(alerts.tell(news, now_s=0.0))
    assert words(alerts.told_again(ready(1, is_last=False))) == []
    assert words(alerts.told_again(ready(1, is_last=True))) == [QUIET]


@pytest.mark.parametrize(
    ("seen", "text", "caption"),
    [
        (
            Sighting(
                pts_90k=0, score=3.14, area=72, area_percent=2.0, box=(0, 0, 8, 8), place="lower left", zone="door"
            ),
            ", in the lower left, zone door.",
            "moving in the lower left, zone door, 2 % of the picture, strength 3.1.",
        ),
        (
            Sighting(pts_90k=0, score=1.0, area=1, area_percent=0.03, box=(0, 0, 8, 8), place="centre"),
            ", in the centre.",
            "moving in the centre, less than 1 % of the picture, strength 1.0.",
        ),
        (
            Sighting(pts_90k=0, score=12.0, area=9, area_percent=87.6, box=(0, 0, 8, 8), place="all over the picture"),
            ", all over the picture.",
            "moving all over the picture, 88 % of the picture, strength 12.0.",
        ),
    ],
)
def test_an_event_is_told_with_place_zone_size_and_strength(seen: Sighting, text: str, caption: str) -> None:
    alerts = Alerts()
    start = MotionStarted(
        camera=KITCHEN, run_id=RunId(1), event_id=EventId("e"), pts_90k=0, started_unix_s=1.8e9, seen=seen
    )
    peak = MotionPeaked(
        camera=KITCHEN, run_id=RunId(1), event_id=EventId("e"), started_unix_s=1.8e9, seen=seen, heat_map_jpeg=b"jpeg"
    )
    (told,) = alerts.tell(start, now_s=0.0)
    (photo,) = Alerts().tell(peak, now_s=60.0)
    assert isinstance(told, TellText)
    assert isinstance(photo, TellPhoto)
    assert told.text.startswith("Something is moving: kitchen, ")
    assert told.text.endswith(text)
    assert photo.caption.startswith(f"kitchen, {texts.clock_time(1.8e9)}: "), "when it began, however late it comes"
    assert photo.caption.endswith(f": {caption}")
    assert len(photo.caption) < 200


def test_motion_whose_place_is_not_known_is_told_without() -> None:
    seen = Sighting(pts_90k=0, score=1.5, area=0, area_percent=0.0, box=(0, 0, 0, 0), place="")
    assert texts.motion("kitchen", "12:00:00", seen) == "Something is moving: kitchen, 12:00:00."
    assert texts.heat_map("kitchen", "12:00:00", seen) == (
        "kitchen, 12:00:00: moving, less than 1 % of the picture, strength 1.5."
    )
