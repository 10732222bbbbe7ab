"""Chromium plays every file over HTTP, and seeks in it to the right picture."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.media.players import needs_ffmpeg
from tests.simulator.browser import Browser, missing_tools
from tests.validators.files import ROTATIONS, STEP_90K, MadeFile, make_file
from tests.validators.numbered import HEIGHT, READ_NUMBER, WIDTH, encode_numbered
from tests.validators.range_server import RangeServer

PART_BYTES = 131_072
"""What players load first: a part of Telegram's, too."""
COUNT = 120
GOPS = ("-g", "30", "-sc_threshold", "0")
STREAMS = {"plain": ("-bf", "0", *GOPS), "reordered": ("-bf", "3", "-b_strategy", "0", *GOPS)}
STATES = ("finished", "unfinished", "recovered", "muxed")
SEEKS = (0.72, 0.12, 0.98, 0.41)
"""Where to, as parts of the file."""

pytestmark = [
    needs_ffmpeg,
    pytest.mark.skipif(bool(missing_tools()), reason=f"needs {' and '.join(missing_tools())}"),
]


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], MadeFile]:
    folder = tmp_path_factory.mktemp("playback")
    made: dict[tuple[str, str], MadeFile] = {}
    for name, options in STREAMS.items():
        raw = encode_numbered(folder / f"{name}.h264", *options, count=COUNT)
        made |= {(name, state): file for state, file in make_file(raw, folder).items()}
    return made


@pytest.fixture(scope="module")
def server(numbered: dict[tuple[str, str], MadeFile]) -> Iterator[RangeServer]:
    server = RangeServer(numbered["plain", "finished"].path.parent)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def load(browser: Browser, server: RangeServer, path: Path) -> None:
    """Show the file from its first picture on, as soon as the player has the metadata."""
    server.ranges.clear()
    browser.open(server.url)
    browser.run(f"""
        window.video = document.querySelector("video");
        window.seeked = 0;
        video.addEventListener("seeked", () => seeked++);
        video.preload = "auto";
        video.src = "/{path.name}";
    """)
    browser.wait("video.error || video.readyState >= HTMLMediaElement.HAVE_METADATA")
    assert error(browser) is None


def error(browser: Browser) -> Any:
    return browser.run("return video.error && video.error.message")


def picture_at(browser: Browser, seconds: float) -> int:
    """The number of the picture shown after a seek."""
    before = browser.run("return seeked")
    browser.run(f"video.currentTime = {seconds:.6f}")
    browser.wait(f"video.error || (seeked > {before} && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA)")
    assert error(browser) is None
    return int(browser.run(READ_NUMBER))


def middles(file: MadeFile) -> list[float]:
    """The middle of each picture's time, in seconds, in the order shown.

    A growing file that reorders has no edit list yet, for how deep it reorders is known at its end only. Players show
    all of it later, by as much as the first picture that is decoded too late otherwise.
    """
    shown = sorted(file.shown_90k)
    delay = 0 if file.is_progressive else max(rank - time for rank, time in zip(shown, file.shown_90k, strict=True))
    return [(2 * delay + sooner + later) / 180_000 for sooner, later in pairwise([*shown, file.duration_90k])]


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("state", STATES)
def test_chromium_seeks_to_the_right_pictures_and_plays_to_the_end(
    stream: str, state: str, numbered: dict[tuple[str, str], MadeFile], server: RangeServer, browser: Browser
) -> None:
    file = numbered[stream, state]
    load(browser, server, file.path)
    assert browser.run("return [video.videoWidth, video.videoHeight]") == [WIDTH, HEIGHT]
    tolerance = 0.002 if file.is_progressive else STEP_90K / 90_000
    assert browser.run("return video.duration") == pytest.approx(file.duration_90k / 90_000, abs=tolerance)
    times = middles(file)
    wanted = [int(part * len(times)) for part in SEEKS]
    assert [picture_at(browser, times[number]) for number in wanted] == wanted
    assert picture_at(browser, 0) == 0
    browser.run("video.playbackRate = 4; video.play()")
    browser.wait("video.error || video.ended")
    assert error(browser) is None
    assert browser.run("return video.currentTime") == pytest.approx(file.duration_90k / 90_000, abs=0.04)
    # At four times the speed the screen may miss the very last pictures; the decoder may not.
    assert browser.run(READ_NUMBER) > len(times) - 6
    if times[-1] < browser.run("return video.duration"):
        assert picture_at(browser, times[-1]) == len(times) - 1
    else:
        assert (stream, state) == ("reordered", "unfinished")
    quality = browser.run(
        "const q = video.getVideoPlaybackQuality(); return [q.corruptedVideoFrames, q.totalVideoFrames]"
    )
    assert quality[0] == 0
    assert quality[1] > 0
    assert any(asked.startswith("bytes=") for path, asked in server.ranges if path == f"/{file.path.name}")


@pytest.mark.parametrize("state", ["finished", "recovered", "muxed"])
def test_the_first_128_kib_tell_everything_of_a_whole_file(
    state: str, numbered: dict[tuple[str, str], MadeFile], server: RangeServer, browser: Browser
) -> None:
    file = numbered["plain", state]
    assert file.path.stat().st_size > 4 * PART_BYTES
    server.hold_after(PART_BYTES)
    try:
        load(browser, server, file.path)
        assert browser.run("return video.duration") == pytest.approx(file.duration_90k / 90_000, abs=0.002)
        assert [asked for _, asked in server.ranges] == ["bytes=0-"], "it did not look for the index elsewhere"
    finally:
        server.free()
    browser.wait("video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA")


def test_chromium_turns_what_is_to_be_turned(files: dict[tuple[str, str], MadeFile], browser: Browser) -> None:
    file = files["turned", "finished"]
    assert ROTATIONS["turned"] == 90
    server = RangeServer(file.path.parent)
    server.start()
    try:
        load(browser, server, file.path)
        assert browser.run("return [video.videoWidth, video.videoHeight]") == [file.size[1], file.size[0]]
    finally:
        server.stop()
