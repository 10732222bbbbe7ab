"""RecorderActor and MuxerActor together: real streams in, real MP4s out, decoded and compared picture by picture."""

import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from ratcam.messages import ChatId, ClipFailed, ClipReady, RecordClip, RunId, StreamEnded
from tests.actors.studio import CAMERA, RUN, S, clips, ended, failures, moving, started, studio, unit
from tests.deadline import wait_until
from tests.pictures import hashes_of_file, hashes_of_stream, hashes_of_units, stream, times_of_file


def test_a_clip_begins_on_a_key_frame_before_the_motion_and_ends_after_the_post_roll(tmp_path: Path) -> None:
    source = stream(count=200)
    with studio(tmp_path, pre_roll_s=2.0, post_roll_s=3.0) as made:
        made.feed(started())
        for picture in source:
            # As the detector does: the event is told of with the picture that it began with.
            if picture.pts_90k == int(7.5 * S):
                made.feed(moving("one", picture.pts_90k))
            if picture.pts_90k == int(9.5 * S):
                made.feed(ended("one", int(9.4 * S)))
            made.feed(unit(picture))
        (clip,) = clips(made.stop())
    # 7.5 s - 2 s lies in the GOP that begins at 5 s; the last picture is the one before 9.4 s + 3 s.
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(source)[50:124]
    assert times_of_file(Path(clip.path))[0] == 0.0
    assert (clip.is_last, clip.segment.part, clip.duration_ms, clip.width, clip.height) == (True, 1, 7400, 64, 48)
    assert clip.segment.cause.event_id == "one"
    assert clip.size_bytes == Path(clip.path).stat().st_size


def test_nothing_is_written_while_nothing_moves(tmp_path: Path) -> None:
    with studio(tmp_path / "clips") as made:
        made.feed(started(), *(unit(picture) for picture in stream(count=200)))
        assert made.stop() == []
    assert not (tmp_path / "clips").exists()


def test_a_request_records_the_pre_roll_and_so_many_seconds(tmp_path: Path) -> None:
    source = stream(count=100)
    with studio(tmp_path, pre_roll_s=1.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:36]))
        made.feed(RecordClip(camera=CAMERA, chat=ChatId(5), seconds=2.0))
        made.feed(*(unit(picture) for picture in source[36:]))
        (clip,) = clips(made.stop())
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(source)[20:55]
    assert clip.segment.cause.chat == 5


def test_a_request_without_pictures_fails_in_words(tmp_path: Path) -> None:
    with studio(tmp_path) as made:
        made.feed(RecordClip(camera=CAMERA, chat=ChatId(5), seconds=2.0))
        (failed,) = made.stop()
    assert isinstance(failed, ClipFailed)
    assert "no pictures" in failed.reason


def test_motion_and_requests_are_recorded_at_the_same_time(tmp_path: Path) -> None:
    source = stream(count=100)
    with studio(tmp_path, pre_roll_s=0.0, post_roll_s=1.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:30]), moving("one", 29 * 9000))
        made.feed(RecordClip(camera=CAMERA, chat=ChatId(5), seconds=1.0), ended("one", 30 * 9000))
        made.feed(*(unit(picture) for picture in source[30:]))
        found = {clip.segment.cause.chat: clip for clip in clips(made.stop())}
    assert hashes_of_file(Path(found[None].path)) == hashes_of_units(source)[20:40]
    assert hashes_of_file(Path(found[ChatId(5)].path)) == hashes_of_units(source)[20:39]


def test_an_event_that_nobody_confirms_any_more_ends_by_itself(tmp_path: Path) -> None:
    with studio(tmp_path, pre_roll_s=0.0, post_roll_s=1.0) as made:
        source = stream(count=200)
        made.feed(started(), *(unit(picture) for picture in source[:31]), moving("one", 30 * 9000))
        made.feed(*(unit(picture) for picture in source[31:]))
        (clip,) = clips(made.stop())
    assert clip.is_last
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(source)[30:90], "3 s + 5 s of silence + 1 s of post-roll"


def test_a_clip_never_spans_runs_and_goes_on_in_the_next(tmp_path: Path) -> None:
    source = stream(count=60)
    with studio(tmp_path, pre_roll_s=0.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:25]), moving("one", 24 * 9000))
        made.feed(StreamEnded(camera=CAMERA, run_id=RUN, reason="killed"), started(RunId(2)))
        made.feed(*(unit(picture, RunId(2)) for picture in source))
        made.feed(RecordClip(camera=CAMERA, chat=ChatId(5), seconds=9.0))
        first, second = clips(made.stop())
    assert hashes_of_file(Path(first.path)) == hashes_of_units(source)[20:25]
    assert (first.segment.run_id, second.segment.run_id) == (1, 2)
    assert hashes_of_file(Path(second.path)) == hashes_of_units(source)[50:60]


@pytest.mark.parametrize("seed", range(100))
def test_random_motion_gives_exactly_the_frames_expected_over_all_cuts(tmp_path: Path, seed: int) -> None:
    """Segments of 2 s on GOPs of 0.7 s; every picture of every clip is where it belongs, none lost, none doubled."""
    chance = random.Random(seed)
    source = stream(count=300, gop=7)
    reference = hashes_of_stream(count=300, gop=7)
    pre, post = chance.uniform(0, 3), chance.uniform(0, 2)
    begins: list[tuple[int, int]] = []
    now = chance.uniform(1, 4)
    while now < 27:
        length = chance.uniform(0.2, 9)
        begins.append((round(now * 10), round((now + length) * 10)))
        now += length + post + pre + 0.5 + chance.uniform(0, 6)
    expected: dict[str, list[str]] = {}
    with studio(tmp_path, pre_roll_s=pre, post_roll_s=post, segment_s=2.0) as made:
        made.feed(started())
        for number, picture in enumerate(source):
            made.feed(unit(picture))
            for index, (begin, end) in enumerate(begins):
                if begin <= number < end:
                    made.feed(moving(f"e{index}", picture.pts_90k))
                if number == end:
                    made.feed(ended(f"e{index}", picture.pts_90k))
        heard = clips(made.stop())
    for index, (begin, end) in enumerate(begins):
        if begin >= len(source):
            continue
        first = max(0, int((begin * 9000 - int(pre * S + 0.5)) // 9000))
        while not source[first].is_key:
            first -= 1
        stop = end * 9000 + int(post * S + 0.5)
        shown = [number for number in range(first, len(source)) if source[number].pts_90k < stop]
        expected[f"e{index}"] = reference[first : shown[-1] + 1]
    found: dict[str, list[str]] = {}
    for clip in sorted(heard, key=lambda clip: clip.segment.part):
        found.setdefault(str(clip.segment.cause.event_id), []).extend(hashes_of_file(Path(clip.path)))
        assert clip.segment.part == 1 or clip.duration_ms > 0
    assert {name: len(hashes) for name, hashes in found.items()} == {n: len(h) for n, h in expected.items()}
    assert found == expected
    for name in expected:
        parts = [clip for clip in heard if clip.segment.cause.event_id == name]
        assert [clip.segment.part for clip in parts] == list(range(1, len(parts) + 1))
        assert [clip.is_last for clip in parts] == [False] * (len(parts) - 1) + [True]
        assert all(clip.duration_ms < 2000 + 700 + 1 for clip in parts)


def test_a_recorder_that_dies_in_an_event_delivers_its_clip_and_goes_on_with_it(tmp_path: Path) -> None:
    source = stream(count=200)
    with studio(tmp_path, pre_roll_s=1.0, post_roll_s=1.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:35]), moving("one", 34 * 9000))
        made.feed(*(unit(picture) for picture in source[35:75]), "not a message")
        assert "str" in made.deaths.get(timeout=10).reason
        (first,) = clips(made.bot.wait_for(ClipReady))
        made.start_recorder()
        made.feed(*(unit(picture) for picture in source[75:95]), moving("one", 94 * 9000))
        made.feed(ended("one", 120 * 9000), *(unit(picture) for picture in source[95:]))
        second = clips(made.bot.wait_for(ClipReady, 2))[1]
        assert clips(made.stop()) == [first, second], "both were delivered before anything was stopped"
    reference = hashes_of_units(source)
    assert (first.is_last, second.is_last) == (True, True)
    assert hashes_of_file(Path(first.path)) == reference[20:75], "all that the recorder had seen"
    assert hashes_of_file(Path(second.path)) == reference[80:130], "with what pre-roll there was, to the event's end"


def test_a_disk_that_does_not_keep_up_costs_the_rest_of_the_part_and_the_next_part_is_tried(tmp_path: Path) -> None:
    """A lane of 2 GOPs, parts of 5: one is being written, two wait, two are lost, and so is the part after it."""
    source = stream(count=200)
    disk = threading.Event()
    with studio(tmp_path, muxer_limit=2, recorder_limit=1, pre_roll_s=0.0, post_roll_s=0.0, segment_s=5.0) as made:
        made.files.on_append = disk.wait
        made.feed(started(), unit(source[0]))
        for number in range(1, 100):
            made.feed(moving("one", source[number].pts_90k), unit(source[number]))
        heard = made.bot.wait_for(ClipFailed)
        assert failures(heard) == ["the disk is too slow"]
        assert [news.is_last for news in heard if isinstance(news, ClipFailed)] == [False], "later parts are tried"
        disk.set()

        def is_delivered() -> bool:
            made.recorder.ping(0.0)
            return bool(clips(made.bot.heard))

        wait_until(is_delivered, what="the first part, whose end waited for room")
        for number in range(100, 160):
            made.feed(moving("one", source[number].pts_90k), unit(source[number]))
        made.feed(ended("one", source[160].pts_90k), *(unit(picture) for picture in source[160:]))
        heard = made.stop()
    reference = hashes_of_units(source)
    found = {clip.segment.part: (hashes_of_file(Path(clip.path)), clip.duration_ms) for clip in clips(heard)}
    assert found == {1: (reference[:30], 3000), 3: (reference[100:150], 5000), 4: (reference[150:160], 1000)}
    assert [clip.is_last for clip in clips(heard)] == [False, False, True]
    assert len(failures(heard)) == 1, "one outage is told once"


def test_a_muxer_that_dies_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    source = stream(count=100)
    with studio(tmp_path, pre_roll_s=0.0, post_roll_s=1.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:35]), moving("one", 34 * 9000))
        made.feed(*(unit(picture) for picture in source[35:60]))
        wait_until(lambda: bool(list(tmp_path.glob("*.spool"))), what="a spool file")
        made.muxer.tell("not a message")
        assert "str" in made.deaths.get(timeout=10).reason
        made.start_muxer()
        made.feed(*(unit(picture) for picture in source[60:75]), ended("one", 75 * 9000))
        made.feed(*(unit(picture) for picture in source[75:]))
        heard = clips(made.stop())
    found = [value for clip in sorted(heard, key=lambda c: c.path) for value in hashes_of_file(Path(clip.path))]
    assert sorted(found) == sorted(hashes_of_units(source)[30:85]), "no picture lost or doubled over the muxer's death"
    assert any(clip.is_recovered for clip in heard)


def test_what_a_killed_daemon_left_is_recovered_and_told_at_the_next_start(tmp_path: Path) -> None:
    source = stream(count=60)
    with studio(tmp_path, pre_roll_s=0.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:5]), moving("one", 4 * 9000))
        made.feed(*(unit(picture) for picture in source[5:45]))
        wait_until(lambda: any(path.read_bytes().count(b"moof") >= 3 for path in tmp_path.glob("*.spool")), what="GOPs")
        left = {path.name: path.read_bytes() for path in tmp_path.glob("*.spool")}
        made.stop()
    folder = tmp_path / "after"
    folder.mkdir()
    for name, data in left.items():
        (folder / name).write_bytes(data[: len(data) - 7])
    with studio(folder) as again:
        clip, last = clips(again.stop())
    assert clip.is_recovered
    assert last == replace(clip, is_last=True, thumbnail_jpeg=b""), "nothing more came of it"
    kept = hashes_of_file(Path(clip.path))
    assert kept == hashes_of_units(source)[: len(kept)]
    assert len(kept) >= 10
    with studio(folder) as third:
        told_again, _ = clips(third.stop())
    assert (told_again.path, told_again.is_recovered, told_again.duration_ms) == (clip.path, False, clip.duration_ms)


def test_a_folder_that_cannot_be_written_fails_the_clip_in_words(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("a file where the folder should be")
    source = stream(count=60)
    with studio(tmp_path / "clips", pre_roll_s=0.0, post_roll_s=0.0) as made:
        made.feed(started(), *(unit(picture) for picture in source[:15]), moving("one", 14 * 9000))
        made.feed(*(unit(picture) for picture in source[15:]))
        (failed,) = made.stop()
    assert isinstance(failed, ClipFailed)
    assert "could not be written" in failed.reason
