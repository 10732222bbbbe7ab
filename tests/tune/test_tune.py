"""`ratcam tune` from recordings to reports."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ratcam.analyze import analyze
from ratcam.analyze_fields import VideoFields
from ratcam.errors import BadInputError
from ratcam.messages import CameraId, MotionField, RunId, StreamStarted
from ratcam.motion.settings import MotionSettings
from ratcam.store.vector_format import kept_files
from ratcam.store.vectors import VectorFiles
from ratcam.tune.choices import Choice
from ratcam.tune.command import Wish, tune
from ratcam.tune.findings import Findings, findings
from ratcam.tune.ladder import rungs_of, steps_of
from ratcam.tune.recordings import recordings
from ratcam.tune.replay import replay
from tests.moving_square import BEGINS, ENDS, FPS, HEIGHT, PICTURES, WIDTH, write_video

KITCHEN = CameraId("kitchen")
SIMPLE = MotionSettings(detector="simple")
DEAF = replace(SIMPLE, trigger_level=200.0, trigger_area=250)


def choice(motion: MotionSettings = SIMPLE, name: str = "A", hold_s: float = 0.0) -> Choice:
    return Choice(name=name, motion=motion, zones=(), hold_s=hold_s, source="a test", changed=(("detector", "simple"),))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "square.mp4")


@pytest.fixture(scope="module")
def kept(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The video's fields as the daemon keeps them, in two files of one run."""
    root = tmp_path_factory.mktemp("state") / "vectors"
    fields = VideoFields(video, has_vectors=True)
    start = StreamStarted(
        camera=KITCHEN, run_id=RunId(4), width=WIDTH, height=HEIGHT, fps=FPS, started_unix_s=1_800_000_000.0
    )
    files = VectorFiles(root=root, camera=KITCHEN, limit_bytes=10_000_000)
    for number, field in enumerate(fields):
        if number == PICTURES // 2:
            files.close()
        files.append(
            start,
            MotionField(
                camera=KITCHEN,
                run_id=RunId(4),
                pts_90k=field.pts_90k,
                columns=field.columns,
                rows=field.rows,
                payload=field.payload,
            ),
        )
    files.close()
    fields.close()
    assert len(kept_files(root)) == 2
    return root


def and_a_folder(report: Path) -> Callable[..., Findings]:
    """The findings as they are, and in the meantime a folder where the report belongs."""

    def late(*arguments: Any, **more: Any) -> Findings:
        report.mkdir()
        return findings(*arguments, **more)

    return late


def told(*places: Path, choices: tuple[Choice, ...] = (choice(),), motion: tuple[str, ...] = ()) -> dict[str, Any]:
    out = io.StringIO()
    tune(Wish(places=places, choices=choices, report=None, as_json=True, motion=motion), out)
    return json.loads(out.getvalue())


def reported(path: Path, *places: Path, choices: tuple[Choice, ...] = (choice(),), motion: tuple[str, ...] = ()) -> str:
    out = io.StringIO()
    tune(Wish(places=places, choices=choices, report=path, motion=motion), out)
    return out.getvalue()


# --- what is found --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("motion", [SIMPLE, MotionSettings()], ids=lambda motion: motion.detector)
def test_the_events_are_those_of_analyze(video: Path, motion: MotionSettings) -> None:
    out = io.StringIO()
    analyze(video, motion=motion, vectors=None, as_json=True, heat_map=None, out=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    expected = [(line["start_s"], line["end_s"], line["place"]) for line in lines if line["type"] == "event"]
    (recording,) = told(video, choices=(choice(motion),))["recordings"]
    found = [(event["start_s"], event["end_s"], event["place"]) for event in recording["tracks"][0]["events"]]
    assert found == [(pytest.approx(a, abs=1e-3), pytest.approx(b, abs=1e-3), place) for a, b, place in expected]
    assert found


def test_kept_fields_give_the_events_of_the_video_with_the_time_of_day(video: Path, kept: Path) -> None:
    (of_video,) = told(video)["recordings"]
    (of_kept,) = told(kept)["recordings"]
    assert of_kept["started_unix_s"] == 1_800_000_000.0
    assert of_kept["pictures"] == PICTURES
    assert of_kept["tracks"][0]["events"] == of_video["tracks"][0]["events"]


def test_one_kept_file_is_a_recording_too_and_counts_from_its_own_first_picture(kept: Path) -> None:
    first, second = kept_files(kept)
    assert told(first)["recordings"][0]["pictures"] == PICTURES // 2
    (recording,) = told(second)["recordings"]
    assert recording["started_unix_s"] == 1_800_000_000.0 + PICTURES / 2 / FPS


def test_a_folder_is_all_its_videos_in_the_order_of_their_names(video: Path, tmp_path: Path) -> None:
    for name in ("b.mp4", "a.mp4"):
        (tmp_path / name).write_bytes(video.read_bytes())
    (tmp_path / "notes.txt").write_text("no video")
    assert [recording["name"] for recording in told(tmp_path)["recordings"]] == ["a.mp4", "b.mp4"]


def test_two_configurations_are_told_apart_event_by_event(video: Path) -> None:
    found = told(video, choices=(choice(), choice(DEAF, "B")))
    (recording,) = found["recordings"]
    assert [len(track["events"]) for track in recording["tracks"]] == [1, 0]
    assert [len(alone) for alone in recording["only_in"]] == [1, 0]
    assert len(found["tails"]) == 2


def test_what_truly_moved_gives_recall_false_alarms_and_latency(video: Path) -> None:
    found = told(video, motion=(f"{BEGINS / FPS}-{ENDS / FPS}",))
    (how,) = found["agreement"]
    assert (how["true"], how["found"], how["false_alarms"], how["f1"]) == (1, 1, 0, 1.0)
    assert 0 <= how["latency_s"] < 1
    assert len(found["ladder_agreement"]) == 9
    (wrong,) = told(video, motion=("none",))["agreement"]
    assert (wrong["true"], wrong["false_alarms"]) == (0, 1)


def test_the_ladder_is_replayed_and_its_present_step_has_the_events_that_there_are(video: Path) -> None:
    found = told(video, choices=(choice(),))
    assert [step["key"] for step in found["ladder"]] == ["trigger_level"] * 9
    (present,) = [step for step in found["ladder"] if step["value"] == "12"]
    assert present["events"] == 1
    levels = [float(step["value"]) for step in found["ladder"]]
    assert levels == sorted(levels, reverse=True)


def test_the_ladder_of_the_track_detector_is_its_sensitivity(video: Path) -> None:
    found = told(video, choices=(choice(MotionSettings(sensitivity=4)),))
    assert [(step["key"], step["value"]) for step in found["ladder"]] == [("sensitivity", str(n)) for n in range(1, 10)]
    events = len(found["recordings"][0]["tracks"][0]["events"])
    assert found["ladder"][3]["events"] == events


def test_a_long_recording_is_replayed_at_few_steps_and_no_other_is_told(video: Path) -> None:
    (recording,) = recordings([video]).recordings
    steps = steps_of(choice())
    long = replay(recording, [choice()], steps, all_pictures=PICTURES - 1)
    short = replay(recording, [choice()], steps, all_pictures=PICTURES)
    assert sorted(long.ladder) == [3, 7, 9]
    assert sorted(short.ladder) == [1, 2, 3, 4, 6, 7, 8, 9]
    assert all(long.ladder[number] == short.ladder[number] for number in long.ladder)
    assert [rung.step.number for rung in rungs_of(steps, [short, long])] == [3, 5, 7, 9]


def test_the_lines_to_write_are_an_ini_section_that_tune_itself_accepts(video: Path) -> None:
    lines = told(video)["advice"]["lines"]
    assert lines[0] == "[motion]"
    assert all(re.fullmatch(r"[a-z_]+ = \S+", line) for line in lines[1:])
    assert lines[1] == "detector = simple"


# --- reports --------------------------------------------------------------------------------------------------------


def test_the_page_holds_everything_itself(video: Path, tmp_path: Path) -> None:
    said = reported(tmp_path / "r.html", video, choices=(choice(), choice(DEAF, "B")), motion=("3-5",))
    assert str(tmp_path / "r.html") in said
    page = (tmp_path / "r.html").read_text()
    assert set(re.findall(r'(?:src|href)="([^":]*:)', page)) == {"data:"}
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("<figure") >= 5
    for words in (
        "Only in A",
        "Which events may be false alarms",
        "What each stage removed",
        "[motion]",
        "trigger_level",
    ):
        assert words in page


def test_names_of_files_cannot_break_the_page(video: Path, tmp_path: Path) -> None:
    path = tmp_path / "<script>alert(1)<&.mp4"
    path.write_bytes(video.read_bytes())
    reported(tmp_path / "r.html", path)
    page = (tmp_path / "r.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;&amp;.mp4" in page


def test_a_picture_can_be_had_instead_of_a_page(video: Path, kept: Path, tmp_path: Path) -> None:
    reported(tmp_path / "r.png", video, kept, choices=(choice(), choice(DEAF, "B")))
    with Image.open(tmp_path / "r.png") as image:
        assert image.format == "PNG"
        assert image.width >= 1000
        assert image.height > 800


def test_a_recording_without_any_motion_has_a_report(video: Path, tmp_path: Path) -> None:
    said = reported(tmp_path / "r.html", video, choices=(choice(DEAF),))
    assert "no event" in said
    assert "No event." in (tmp_path / "r.html").read_text()


def test_the_summary_names_the_event_the_ladder_and_the_lines(video: Path, tmp_path: Path) -> None:
    said = reported(tmp_path / "r.html", video, motion=("3-5",))
    assert "1 event\n" in said
    assert "found 1 of 1 true motions" in said
    assert "trigger_level" in said
    assert "[motion]\ndetector = simple" in said


def test_the_cards_say_no_figure_while_a_warning_stands(video: Path, tmp_path: Path) -> None:
    reported(tmp_path / "r.html", video)
    assert "<b>-</b>false alarms to expect from chance" in (tmp_path / "r.html").read_text()


def test_f1_is_no_figure_where_nothing_truly_moved(video: Path, tmp_path: Path) -> None:
    said = reported(tmp_path / "r.html", video, motion=("none",))
    page = (tmp_path / "r.html").read_text()
    assert "0.00</td>" not in page
    assert "false alarms an hour" in page
    assert "Without true motion there is no F1." in page
    assert "Without true motion there is no F1." in said


def test_a_recording_shorter_than_the_settling_time_is_told(video: Path, tmp_path: Path) -> None:
    said = reported(tmp_path / "r.html", video, choices=(choice(replace(SIMPLE, settle_s=60)),))
    assert "shorter than settle_s (60 s)" in said
    assert "shorter than settle_s (60 s)" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize("kind", ["html", "png"])
def test_names_that_no_encoding_or_formula_has_are_reported(video: Path, tmp_path: Path, kind: str) -> None:
    for name in (b"bad\xff.mp4", b"cost $x_$ \\frac$.mp4", b"two\nlines\x1b[31m.mp4"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(video.read_bytes())
    report = tmp_path / f"r.{kind}"
    said = reported(report, tmp_path)
    assert report.stat().st_size > 10_000
    assert "bad\\udcff.mp4" in said
    assert "two\\nlines\\x1b[31m.mp4" in said
    assert "\x1b" not in said
    if kind == "html":
        assert "two\\nlines" in report.read_text()


def test_what_cannot_be_used_is_left_out_and_said_everywhere(video: Path, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "good.mp4").write_bytes(video.read_bytes())
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:2000])
    (tmp_path / "text.mp4").write_text("hello " * 100)
    first, _ = kept_files(kept)
    (tmp_path / "kitchen").mkdir()
    (tmp_path / "kitchen" / "00000001.fields").write_bytes(first.read_bytes())
    broken = bytearray(first.read_bytes())
    broken[20] ^= 0xFF
    (tmp_path / "kitchen" / "00000002.fields").write_bytes(broken)
    said = reported(tmp_path / "r.html", tmp_path)
    page, found = (tmp_path / "r.html").read_text(), told(tmp_path)
    assert len(found["recordings"]) == 2
    left_out = {Path(one["name"]).name: one["why"] for one in found["left_out"]}
    assert sorted(left_out) == ["00000002.fields", "cut.mp4", "text.mp4"]
    assert "is a text file" in left_out["text.mp4"]
    assert "is damaged" in left_out["00000002.fields"]
    for name in left_out:
        assert re.search(rf"Left out: .*{name}", said)
        assert re.search(rf"Left out: .*{name}", page)


def test_when_nothing_is_left_every_reason_is_told_in_one_line(video: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("hello " * 100)
    (tmp_path / "b.mp4").write_bytes(video.read_bytes()[:2000])
    with pytest.raises(
        BadInputError, match=r"Nothing of it can be used\. Left out: .*a\.mp4.*Left out: .*b\.mp4"
    ) as refused:
        told(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_recording_that_is_left_out_takes_its_true_motion_with_it(video: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(video.read_bytes()[:2000])
    (tmp_path / "b.mp4").write_bytes(video.read_bytes())
    (how,) = told(tmp_path, motion=("none", "3-5"))["agreement"]
    assert (how["true"], how["found"]) == (1, 1)


def test_the_findings_are_told_before_a_report_that_cannot_be_written(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    report, out = tmp_path / "out" / "r.html", io.StringIO()
    # What takes the report's place while the work is done: a folder, which no file replaces.
    late = and_a_folder(report)
    monkeypatch.setattr("ratcam.tune.command.findings", late)
    with pytest.raises(BadInputError, match="cannot be written"):
        tune(Wish(places=(video,), choices=(choice(),), report=report), out)
    assert "1 event\n" in out.getvalue()
    assert list((tmp_path / "out").iterdir()) == [report]


def test_a_folder_that_takes_no_file_is_refused_before_the_work_and_nothing_stays(video: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot be written"):
        reported(Path("/proc/r.html"), video)
    with pytest.raises(BadInputError, match=r"none\.mp4"):
        reported(tmp_path / "r.html", tmp_path / "none.mp4")
    assert not list(tmp_path.iterdir())


def test_a_part_file_of_anothers_stays_as_it_is(video: Path, tmp_path: Path) -> None:
    (tmp_path / ".r.html.part").write_text("mine")
    reported(tmp_path / "r.html", video)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".r.html.part", "r.html"]
    assert (tmp_path / ".r.html.part").read_text() == "mine"


def test_the_same_file_named_twice_is_one_recording(video: Path, kept: Path) -> None:
    assert len(told(video, video.parent, video)["recordings"]) == 1
    assert len(told(kept, kept / KITCHEN)["recordings"]) == 1


def test_progress_is_told_where_somebody_looks(video: Path) -> None:
    progress = io.StringIO()
    tune(Wish(places=(video,), choices=(choice(),), report=None), io.StringIO(), progress=progress)
    assert "square.mp4" in progress.getvalue()
    assert progress.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("jump_s", [-3600.0, 40_000.0, 1e13])
def test_times_that_jump_are_counted_on_and_told(video: Path, tmp_path: Path, jump_s: float) -> None:
    jump_90k = int(jump_s * 90_000)
    fields = VideoFields(video)
    root = tmp_path / "vectors"
    start = StreamStarted(
        camera=KITCHEN, run_id=RunId(4), width=WIDTH, height=HEIGHT, fps=FPS, started_unix_s=1_800_000_000.0
    )
    files = VectorFiles(root=root, camera=KITCHEN, limit_bytes=10_000_000)
    for number, field in enumerate(fields):
        files.append(
            start,
            MotionField(
                camera=KITCHEN,
                run_id=RunId(4),
                pts_90k=field.pts_90k + 10**9 + (jump_90k if number >= PICTURES // 2 else 0),
                columns=field.columns,
                rows=field.rows,
                payload=field.payload,
            ),
        )
    files.close()
    found = told(root)
    assert found["pictures"] == PICTURES
    assert found["hours"] * 3600 == pytest.approx(PICTURES / FPS, abs=0.5)
    assert len(found["recordings"]) == 2 or any("jump" in note for note in found["recordings"][0]["notes"])
    reported(tmp_path / "r.html", root)


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "says"),
    [("r.pdf", r"ends in .html or .png"), ("nowhere/r.html", "no folder"), ("folder.html", "is a folder")],
)
def test_a_report_that_cannot_be_written_is_refused_before_the_work(
    video: Path, tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(BadInputError, match=says):
        reported(tmp_path / name, video)


def test_what_moved_beyond_the_end_is_refused_with_the_length(video: Path) -> None:
    with pytest.raises(BadInputError, match=r"square\.mp4 lasts 0:08\.0"):
        told(video, motion=("3-5,100-104",))


def test_a_missing_clip_an_empty_folder_and_a_text_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="There is no video"):
        told(tmp_path / "none.mp4")
    with pytest.raises(BadInputError, match="neither a video nor a file of kept motion fields"):
        told(tmp_path)
    (tmp_path / "a.mp4").write_text("hello " * 100)
    with pytest.raises(BadInputError, match="is a text file"):
        told(tmp_path)


def test_intervals_must_be_given_for_each_recording(video: Path, kept: Path) -> None:
    with pytest.raises(BadInputError, match=r"--motion is given 1 time for 2 recordings \(square.mp4, kitchen"):
        told(video, kept, motion=("1-2",))


def test_without_matplotlib_the_report_is_refused_with_what_to_install_and_json_works(
    video: Path, tmp_path: Path
) -> None:
    program = "import sys; sys.modules['matplotlib'] = None; from ratcam.cli import main; sys.exit(main())"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, "tune", str(video), *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    refused = run()
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "pip install 'ratcam[tune]'" in refused.stderr
    assert json.loads(run("--json").stdout)["pictures"] == PICTURES


@pytest.mark.parametrize(
    ("tail", "words"),
    [(b"\x50\0\0\0\1\2\3\4torn", "breaks off"), (b"\x04\0\0\0\1\2\3\4oddly ended", "is damaged")],
)
def test_a_kept_file_that_is_torn_or_damaged_is_told(kept: Path, tmp_path: Path, tail: bytes, words: str) -> None:
    first, _ = kept_files(kept)
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "1.fields").write_bytes(first.read_bytes() + tail)
    (recording,) = told(tmp_path / "k")["recordings"]
    assert recording["pictures"] == PICTURES // 2
    assert any(f"1.fields {words}" in note for note in recording["notes"])
