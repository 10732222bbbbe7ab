"""`ratcam demo` as a newcomer sees it: the page in a real browser, and what it leaves in --out."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.daemon import children_of, command_line, is_alive
from tests.pictures import hashes_of_file
from tests.simulator.browser import Browser, missing_tools

CLIPS = Path(__file__).resolve().parents[3] / "shared" / "clips"


@dataclass
class Demo:
    """A running demo and what it printed."""

    process: subprocess.Popen[str]
    out: Path
    lines: list[str] = field(default_factory=list[str])
    has_page: threading.Event = field(default_factory=threading.Event)
    page_url: str = ""

    def read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line)
                if found := re.search(r"Open (http://\S+) ", line):
                    self.page_url = found[1]
                    self.has_page.set()

    def end(self) -> int:
        status = self.process.wait(120)
        self.reader.join(10)
        return status

    def start_reading(self) -> "Demo":
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        return self


def demo(out: Path, seconds: int, *arguments: str) -> Demo:
    process = subprocess.Popen(
        [sys.executable, "-m", "ratcam", "demo", "--seconds", str(seconds), "--out", str(out), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Demo(process, out).start_reading()


@pytest.fixture(scope="module", name="shown")
def run_demo_in_browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Demo, list[dict[str, Any]]]]:
    """One demo of half a minute; where there is a browser, it plays every clip of the page meanwhile."""
    folder = tmp_path_factory.mktemp("demo")
    running = demo(folder / "out", 32)
    played: list[dict[str, Any]] = []
    if not missing_tools():
        browser = Browser(folder / "chromium")
        try:
            assert running.has_page.wait(30)
            browser.open(running.page_url)
            browser.wait("[...document.querySelectorAll('.words')].some(w => w.textContent.includes('All quiet'))")
            browser.wait("document.querySelectorAll('video').length > 0")
            browser.run(
                "window.played = [];"
                "for (const video of document.querySelectorAll('video')) {"
                "  const note = {src: video.currentSrc, ended: false, error: ''}; window.played.push(note);"
                "  video.addEventListener('ended', () => { note.ended = true; });"
                "  video.addEventListener('error', () => { note.error = String(video.error && video.error.message); });"
                "  video.muted = true; video.playbackRate = 8; video.play();"
                "}"
            )
            browser.wait("window.played.every(note => note.ended || note.error)")
            played = browser.run(
                "return [...document.querySelectorAll('video')].map((video, i) => ({...window.played[i],"
                " width: video.videoWidth, height: video.videoHeight, duration: video.duration,"
                " corrupted: video.getVideoPlaybackQuality().corruptedVideoFrames}))"
            )
            browser.screenshot(folder / "page.png")
            assert browser.errors() == []
        finally:
            browser.close()
    yield running, played
    running.end()


def transcript(out: Path) -> dict[str, Any]:
    return json.loads((out / "transcript.json").read_text())


def bot_messages(chat: dict[str, Any]) -> list[dict[str, Any]]:
    return [message for message in chat["messages"] if message["from"] == "bot"]


def kind_of(message: dict[str, Any]) -> str:
    return message.get("media", {}).get("kind") or message.get("text", "").split(":")[0].split(" after")[0]


def test_the_demo_runs_clean_and_every_alert_is_whole(shown: tuple[Demo, list[dict[str, Any]]]) -> None:
    running, _ = shown
    assert running.end() == 0, "".join(running.lines)
    record = transcript(running.out)
    assert record["problems"] == []
    for chat in record["chats"]:
        story = [kind_of(message) for message in bot_messages(chat)]
        begin = story.index("Something is moving")
        assert story[begin : begin + 4] == ["Something is moving", "photo", "video", "All quiet"]


def test_media_are_kept_with_their_sizes_and_times_and_sent_again_by_file_id(
    shown: tuple[Demo, list[dict[str, Any]]],
) -> None:
    running, _ = shown
    running.end()
    uploads: dict[str, list[bool]] = {}
    for chat in transcript(running.out)["chats"]:
        for message in chat["messages"]:
            assert message["date_unix_s"] > 1_600_000_000
            item = message.get("media")
            if item:
                path = running.out / item["file"]
                assert path.stat().st_size == item["size_bytes"]
                assert (item["width"], item["height"]) == (640, 480)
                uploads.setdefault(item["file_id"], []).append(item["uploaded"])
    assert [True, False] in uploads.values()
    assert all(sorted(states, reverse=True)[0] and sum(states) == 1 for states in uploads.values())


def test_a_clip_begins_before_the_motion_and_plays_without_a_complaint(
    shown: tuple[Demo, list[dict[str, Any]]],
) -> None:
    running, _ = shown
    running.end()
    (ada, _) = transcript(running.out)["chats"]
    clip = next(m["media"] for m in bot_messages(ada) if m.get("media", {}).get("kind") == "video")
    path = running.out / clip["file"]
    assert len(hashes_of_file(path)) == pytest.approx(clip["duration_s"] * 10, abs=6)
    analyzed = subprocess.run(
        [sys.executable, "-m", "ratcam", "analyze", str(path), "--json"], capture_output=True, text=True, check=True
    )
    records = [json.loads(line) for line in analyzed.stdout.splitlines()]
    event = next(record for record in records if record["type"] == "event")
    assert event["start_s"] >= 4.0, "the pre-roll of 5 s shows the floor before the mouse"
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    checked = subprocess.run(
        ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert checked.stderr == ""


def test_a_browser_shows_the_chat_and_plays_every_clip(shown: tuple[Demo, list[dict[str, Any]]]) -> None:
    _, played = shown
    if missing := missing_tools():
        pytest.skip(f"needs {' and '.join(missing)}")
    assert played
    for clip in played:
        assert (clip["ended"], clip["error"], clip["width"], clip["height"]) == (True, "", 640, 480)
        assert clip["duration"] > 3
        assert clip["corrupted"] == 0


def test_the_demo_shows_motion_on_real_clips(tmp_path: Path) -> None:
    names = ("intel", "mouse_tr", "cd_highway")
    if not CLIPS.is_dir():
        pytest.skip("no ../shared/clips")
    running = [demo(tmp_path / name, 28, "--source", f"file:{CLIPS / name}.mp4") for name in names]
    for one in running:
        assert one.end() == 0, "".join(one.lines)
        for chat in transcript(one.out)["chats"]:
            story = [kind_of(message) for message in bot_messages(chat)]
            assert {"Something is moving", "photo", "video", "All quiet"} <= set(story)


def test_a_source_that_does_not_exist_is_told_in_words(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ratcam", "demo", "--seconds", "3", "--source", "file:/does/not/exist.mp4"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "/does/not/exist.mp4" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def start_demo(folder: Path) -> tuple[subprocess.Popen[str], list[int]]:
    """A demo without an end that keeps its temporary files in `folder`, and its daemon and camera process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ratcam", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Armed" in line:
            break
    daemons = [pid for pid in children_of(process.pid) if " ratcam run " in command_line(pid)]
    cameras = [camera for pid in daemons for camera in children_of(pid) if "camera_main" in command_line(camera)]
    assert (len(daemons), len(cameras)) == (1, 1)
    return process, daemons + cameras


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_demo_that_is_told_to_end_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    process, pids = start_demo(tmp_path)
    assert list(tmp_path.iterdir()) != []
    process.send_signal(number)
    printed, _ = process.communicate(timeout=90)
    left = [pid for pid in pids if is_alive(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
    assert process.returncode in (0, 1), "as clean as it was"
    assert "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


def test_the_first_line_of_a_demo_is_enough_for_head(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m ratcam demo --seconds 5 | head -1"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=90,
    )
    assert done.stdout.startswith("Open http://")
    assert "Error" not in done.stderr
    assert list(tmp_path.iterdir()) == []
    processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    assert [pid for pid in processes if str(tmp_path) in command_line(pid)] == [], "its daemon is told of a file there"
