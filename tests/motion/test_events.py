from dataclasses import asdict, replace

from ratcam.motion.detector import Observation
from ratcam.motion.events import EventEnded, EventStarted, EventTracker, PictureShape, RunningEvent


def seen(pts_90k: int, score: float, *, moving: bool = True) -> Observation:
    area = round(score * 10)
    return Observation(pts_90k=pts_90k, score=score, moving=moving, area=area, box=(0, 0, area, 1) if area else None)


def test_nothing_happens_while_nothing_moves() -> None:
    tracker = EventTracker()
    assert [tracker.feed(seen(pts, 0.5, moving=False)) for pts in range(3)] == [None, None, None]
    assert tracker.running is None
    assert tracker.close() is None


def test_an_event_starts_with_its_first_moving_picture() -> None:
    tracker = EventTracker()
    tracker.feed(seen(1, 0.9, moving=False))
    assert tracker.feed(seen(2, 1.2)) == EventStarted(start_90k=2)
    assert tracker.running is not None
    assert (tracker.running.start_90k, tracker.running.peak_90k, tracker.running.peak_score) == (2, 2, 1.2)


def test_the_running_event_knows_its_strongest_picture_so_far() -> None:
    tracker = EventTracker()
    peaks: list[int] = []
    for pts, score in enumerate((1.0, 2.0, 1.5, 3.0, 3.0, 0.2)):
        tracker.feed(seen(pts, score))
        assert tracker.running is not None
        peaks.append(tracker.running.peak_90k)
    assert peaks == [0, 1, 1, 3, 3, 3]
    assert tracker.running == RunningEvent(
        start_90k=0,
        last_90k=5,
        peak_90k=3,
        peak_score=3.0,
        area=30,
        area_percent=0.0,
        box=(0, 0, 30, 1),
        place="",
        zone="",
    )


def test_of_pictures_equally_strong_the_one_with_most_blocks_is_the_peak_and_then_the_first() -> None:
    tracker = EventTracker()
    peaks: list[int] = []
    for pts, area in enumerate((3, 9, 4, 9, 12, 12)):
        tracker.feed(Observation(pts_90k=pts, score=1.25, moving=True, area=area, box=(0, 0, area, 1)))
        assert tracker.running is not None
        peaks.append(tracker.running.peak_90k)
    assert peaks == [0, 1, 1, 1, 4, 4]


def test_an_event_ends_with_its_last_moving_picture_and_reports_its_peak() -> None:
    tracker = EventTracker()
    for pts, score in ((10, 1.0), (20, 2.5), (30, 0.4)):
        tracker.feed(seen(pts, score))
    ended = tracker.feed(seen(40, 0.1, moving=False))
    assert isinstance(ended, EventEnded)
    assert (ended.start_90k, ended.end_90k, ended.peak_90k, ended.peak_score) == (10, 30, 20, 2.5)
    assert (ended.area, ended.box) == (25, (0, 0, 25, 1))
    assert tracker.running is None


def test_a_second_event_starts_afresh() -> None:
    tracker = EventTracker()
    tracker.feed(seen(1, 9.0))
    tracker.feed(seen(2, 0.0, moving=False))
    tracker.feed(seen(3, 1.0))
    ended = tracker.feed(seen(4, 0.0, moving=False))
    assert isinstance(ended, EventEnded)
    assert (ended.start_90k, ended.peak_score) == (3, 1.0)


def test_closing_ends_the_running_event_once() -> None:
    tracker = EventTracker()
    tracker.feed(seen(1, 1.0))
    tracker.feed(seen(5, 1.0))
    ended = tracker.close()
    assert ended is not None
    assert (ended.start_90k, ended.end_90k) == (1, 5)
    assert tracker.close() is None


def test_motion_that_begins_again_within_the_hold_belongs_to_the_same_event() -> None:
    tracker = EventTracker(hold_90k=10)
    tracker.feed(seen(100, 1.0))
    assert tracker.feed(seen(109, 0.0, moving=False)) is None
    assert tracker.feed(seen(110, 3.0)) is None
    assert tracker.feed(seen(119, 0.0, moving=False)) is None
    ended = tracker.feed(seen(120, 0.0, moving=False))
    assert isinstance(ended, EventEnded)
    assert (ended.start_90k, ended.end_90k, ended.peak_90k, ended.peak_score) == (100, 110, 110, 3.0)


def test_a_picture_without_motion_is_never_a_peak() -> None:
    tracker = EventTracker(hold_90k=10)
    tracker.feed(seen(100, 1.0))
    tracker.feed(seen(105, 9.0, moving=False))
    assert tracker.running is not None
    assert (tracker.running.peak_90k, tracker.running.last_90k) == (100, 100)


def test_a_picture_of_another_time_ends_the_event_and_the_next_may_begin_one() -> None:
    tracker = EventTracker()
    tracker.feed(seen(100, 1.0))
    ended = tracker.feed(seen(3, 1.0))
    assert isinstance(ended, EventEnded)
    assert ended.end_90k == 100
    assert isinstance(tracker.feed(seen(4, 1.0)), EventStarted)


def test_an_ended_event_says_what_the_running_one_said() -> None:
    tracker = EventTracker()
    tracker.feed(seen(1, 1.0))
    tracker.feed(seen(2, 2.0))
    assert tracker.running is not None
    running = asdict(tracker.running)
    running["end_90k"] = running.pop("last_90k")
    ended = tracker.close()
    assert ended is not None
    assert asdict(ended) == running


SHAPE = PictureShape(width=640, height=360, columns=80, rows=45)


def placed(pts_90k: int, score: float, box: tuple[int, int, int, int], zone: str = "") -> Observation:
    return Observation(pts_90k=pts_90k, score=score, moving=True, area=36, box=box, zone=zone)


def test_an_event_says_where_and_how_much_of_the_picture_moves_at_its_strongest() -> None:
    tracker = EventTracker()
    assert isinstance(tracker.feed(placed(1, 1.0, (0, 0, 32, 32), "shelf"), SHAPE), EventStarted)
    started = tracker.running
    assert started is not None
    assert (started.place, started.zone, started.area_percent) == ("upper left", "shelf", 1.0)
    tracker.feed(placed(2, 5.0, (600, 320, 632, 352), "door"), SHAPE)
    tracker.feed(placed(3, 2.0, (0, 0, 640, 360)), SHAPE)
    assert tracker.running is not None
    assert (tracker.running.place, tracker.running.zone) == ("lower right", "door")
    ended = tracker.close()
    assert ended is not None
    assert (ended.place, ended.zone, ended.area_percent, ended.peak_90k) == ("lower right", "door", 1.0, 2)


def test_the_place_is_that_of_the_upright_picture() -> None:
    tracker = EventTracker()
    assert isinstance(tracker.feed(placed(1, 1.0, (0, 0, 32, 32)), replace(SHAPE, rotation=90)), EventStarted)
    started = tracker.running
    assert started is not None
    assert started.place == "upper right"


def test_motion_without_a_block_to_show_has_no_place() -> None:
    tracker = EventTracker()
    assert isinstance(
        tracker.feed(Observation(pts_90k=1, score=1.0, moving=True, area=0, box=None), SHAPE), EventStarted
    )
    started = tracker.running
    assert started is not None
    assert (started.place, started.area_percent, started.box) == ("", 0.0, (0, 0, 0, 0))


def test_a_stronger_picture_without_a_block_to_show_is_no_peak() -> None:
    tracker = EventTracker()
    tracker.feed(placed(1, 1.0, (0, 0, 32, 32)), SHAPE)
    tracker.feed(Observation(pts_90k=2, score=9.0, moving=True, area=50, box=None), SHAPE)
    assert tracker.running is not None
    assert (tracker.running.peak_90k, tracker.running.box, tracker.running.last_90k) == (1, (0, 0, 32, 32), 2)
