"""Other people's tools find no fault with any file: finished, unfinished, recovered or made by `ratcam mux`.

Those that do not read fragments are asked about the unfinished files all the same; they say only less of them.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.media.players import complaints, needs_ffmpeg, needs_ffprobe, packets, run, stream_facts
from tests.media.recordings import CREATED_UNIX_S
from tests.validators.files import STATES, STEP_90K, TITLE, X264_STREAMS, MadeFile

Files = dict[tuple[str, str], MadeFile]
HERE = Path(__file__).parent
NPM_PACKAGE = HERE / "node_modules" / "mp4box"
needs_mp4box = pytest.mark.skipif(
    not NPM_PACKAGE.exists() or shutil.which("node") is None,
    reason="needs mp4box (npm install --no-save --no-package-lock --prefix tests/validators)",
)
TOLERANCE_90K = STEP_90K
"""The last picture of an unfinished file has no known end."""
FRAGMENT_BOXES = {"moof", "mfhd", "traf", "tfhd", "tfdt", "trun"}


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"needs {tool}")


def every_file(test: Callable[..., None]) -> Callable[..., None]:
    by_state = pytest.mark.parametrize("state", STATES)
    return pytest.mark.parametrize("stream", X264_STREAMS)(by_state(test))


@pytest.fixture
def file(files: Files, stream: str, state: str) -> MadeFile:
    return files[stream, state]


def paths(files: Files) -> list[str]:
    return [str(file.path) for file in files.values()]


@needs_ffmpeg
@every_file
def test_ffmpeg_decodes_it_without_a_word(file: MadeFile) -> None:
    assert complaints(file.path) == ""


@needs_ffmpeg
@needs_ffprobe
@every_file
def test_ffprobe_finds_the_pictures_and_their_times(file: MadeFile) -> None:
    rows = packets(file.path)
    shift = rows[0][0] if file.state == "unfinished" else 0
    assert [shown - shift for shown, _, _ in rows] == list(file.shown_90k)
    assert [number for number, (_, _, is_key) in enumerate(rows) if is_key] == list(file.keys)
    names = ("codec_tag_string", "width", "height", "duration_ts", "start_pts", "time_base", "nb_frames")
    facts = stream_facts(file.path, *names)
    assert (facts["codec_tag_string"], facts["time_base"]) == ("avc1", "1/90000")
    assert (int(facts["width"]), int(facts["height"])) == file.size
    assert facts["TAG:title"] == TITLE
    if file.is_progressive:
        assert (facts["start_pts"], facts["duration_ts"]) == ("0", str(file.duration_90k))
        assert facts["nb_frames"] == str(len(file.shown_90k))


@pytest.fixture(scope="session")
def mediainfo(files: Files) -> dict[str, dict[str, Any]]:
    done = run("mediainfo", "--Output=JSON", *paths(files))
    assert (done.returncode, done.stderr) == (0, "")
    return {found["media"]["@ref"]: found["media"] for found in json.loads(done.stdout)}


@needs_ffmpeg
@needs("mediainfo")
@every_file
def test_mediainfo_finds_nothing_to_remark(file: MadeFile, mediainfo: dict[str, dict[str, Any]]) -> None:
    general, video = mediainfo[str(file.path)]["track"]
    # Truncation and breaches of the standard would stand in "extra".
    assert "extra" not in general
    assert video["extra"] == {"CodecConfigurationBox": "avcC"}
    assert (general["Format"], video["Format"], general["Title"]) == ("MPEG-4", "AVC", TITLE)
    assert (int(video["Width"]), int(video["Height"])) == file.size
    assert float(video["Rotation"]) == file.rotation
    assert int(video["FrameCount"]) == len(file.shown_90k)
    tolerance = 0.001 if file.is_progressive else TOLERANCE_90K / 90_000
    assert float(video["Duration"]) == pytest.approx(file.duration_90k / 90_000, abs=tolerance)
    if file.is_progressive:
        assert general["IsStreamable"] == "Yes"


@pytest.fixture(scope="session")
def exiftool(files: Files) -> dict[str, list[str]]:
    """The lines about each file."""
    done = run("exiftool", "-validate", "-warning", "-a", "-rotation", *paths(files))
    assert (done.returncode, done.stderr) == (0, "")
    listing = re.sub(r"^ +\d+ image files read\n", "", done.stdout, flags=re.MULTILINE)
    parts = re.split(r"^======== (.*)\n", listing, flags=re.MULTILINE)[1:]
    reports = [re.sub(r" +: ", ": ", lines).splitlines() for lines in parts[1::2]]
    return dict(zip(parts[::2], reports, strict=True))


@needs_ffmpeg
@needs("exiftool")
@every_file
def test_exiftool_validates_it(file: MadeFile, exiftool: dict[str, list[str]]) -> None:
    lines = exiftool[str(file.path)]
    if file.is_progressive:
        assert lines == ["Validate: OK", f"Rotation: {file.rotation}"]
    else:
        # ExifTool takes every second fragment for a duplicate: see the next test.
        warnings = {line.removeprefix("Warning: Duplicate tag '")[:4] for line in lines if line.startswith("Warning: ")}
        assert warnings == FRAGMENT_BOXES
        assert lines[0] == f"Validate: {len(FRAGMENT_BOXES)} Warnings"


@needs_ffmpeg
@needs("exiftool")
def test_exiftool_warns_of_any_second_fragment_and_never_of_one(files: Files, tmp_path: Path) -> None:
    high = files["high", "unfinished"].path
    theirs, single = tmp_path / "ffmpeg.mp4", tmp_path / "single.mp4"
    run("ffmpeg", "-v", "error", "-i", str(high), "-c", "copy", "-movflags", "frag_keyframe+empty_moov", str(theirs))
    content = high.read_bytes()
    second = content.index(b"moof", content.index(b"moof") + 4) - 4
    if content[second - 4096 : second].rfind(b"free") >= 0:
        second -= 4096 - content[second - 4096 : second].rfind(b"free") + 4
    single.write_bytes(content[:second])
    shown = [run("exiftool", "-validate", "-warning", "-a", str(path)).stdout for path in (high, theirs, single)]
    assert shown[0] == shown[1]
    assert "OK" in shown[2]


@needs_ffmpeg
@needs("AtomicParsley")
@every_file
def test_atomicparsley_walks_every_box(file: MadeFile) -> None:
    done = run("AtomicParsley", str(file.path), "-T", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not re.search("warn|error|corrupt|invalid", done.stdout, re.IGNORECASE)
    # The boxes that it has never heard of, in anybody's file.
    assert set(re.findall(r"Atom (\S+) @.*~$", done.stdout, re.MULTILINE)) <= {"pasp", "colr", "tfdt"}
    # In bytes: it begins with a byte order mark, and the size is said once more at the end.
    assert f"Total size: {file.path.stat().st_size} bytes" in done.stdout
    assert f"ends @ {file.path.stat().st_size}" in done.stdout


@needs_ffmpeg
@needs("mkvmerge")
@every_file
def test_mkvmerge_has_neither_errors_nor_warnings(file: MadeFile) -> None:
    done = run("mkvmerge", "-J", str(file.path))
    found = json.loads(done.stdout)
    assert (done.returncode, found["errors"], found["warnings"]) == (0, [], [])
    assert found["container"]["recognized"]
    assert found["container"]["supported"]
    [track] = found["tracks"]
    assert track["codec"] == "AVC/H.264/MPEG-4p10"
    assert track["properties"]["pixel_dimensions"] == "x".join(map(str, file.size))


@pytest.fixture(scope="session")
def gstreamer(files: Files) -> dict[str, str]:
    """What gst-discoverer says about each file."""
    uris = [file.path.as_uri() for file in files.values()]
    done = run("gst-discoverer-1.0", "-v", *uris)
    assert (done.returncode, done.stderr) == (0, "")
    parts = re.split(r"^Done discovering (.*)\n", done.stdout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@needs_ffmpeg
@needs("gst-discoverer-1.0")
@every_file
def test_gstreamer_discovers_one_video(file: MadeFile, gstreamer: dict[str, str]) -> None:
    found = gstreamer[file.path.as_uri()]
    # Warnings, missing plugins and timeouts stand in lines of their own before the properties.
    assert found.lstrip().startswith("Properties:")
    assert not re.search("warning|error|missing|unknown", found, re.IGNORECASE)
    assert len(re.findall(r"^ +video #", found, re.MULTILINE)) == 1
    assert f"Width: {file.size[0]}\n" in found
    assert f"Height: {file.size[1]}\n" in found
    assert f"title: {TITLE}" in found
    assert ("image orientation: rotate-90" in found) == (file.rotation == 90)
    if file.is_progressive:
        [(minutes, seconds)] = re.findall(r"Duration: 0:(\d\d):(\d\d\.\d+)", found)
        assert int(minutes) * 60 + float(seconds) == pytest.approx(file.duration_90k / 90_000, abs=0.001)


@pytest.fixture(scope="session")
def mp4box(files: Files) -> dict[str, dict[str, Any]]:
    done = run("node", str(HERE / "inspect.mjs"), *paths(files))
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


@needs_ffmpeg
@needs_mp4box
@every_file
def test_mp4box_js_reads_every_sample(file: MadeFile, mp4box: dict[str, dict[str, Any]]) -> None:
    found = mp4box[str(file.path)]
    assert found["complaints"] == []
    assert found["is_progressive"]
    assert found["is_fragmented"] == (not file.is_progressive)
    assert (found["width"], found["height"]) == file.size
    assert (found["track_width"], found["track_height"]) == file.shown_size
    assert found["keys"] == list(file.keys)
    delay = 0
    if file.is_progressive:
        [[edit_duration, delay]] = found["edits"]
        assert edit_duration == -(-file.duration_90k // 90)
        assert found["movie_duration"] == edit_duration / 1000
        assert sum(found["durations"]) == file.duration_90k
    # mp4box.js reads the time of the first fragment only and adds up durations from there; it lists the others' times.
    begins = dict(zip(file.keys, found["fragments"], strict=True)) if not file.is_progressive else {0: 0}
    starts = [max(key for key in begins if key <= number) for number in range(len(found["shown"]))]
    times = zip(found["shown"], starts, strict=True)
    shown = [time - delay - found["decoded"][start] + begins[start] for time, start in times]
    assert shown == list(file.shown_90k)
    assert found["decoded"] == sorted(set(found["decoded"]))
    assert len(found["sizes"]) == len(file.shown_90k)
    if file.state != "muxed":
        assert found["created"].startswith("2023-11-14T22:13:20")
        assert CREATED_UNIX_S == 1_700_000_000
