"""The command line as a person types it: real processes, exit statuses, and never a traceback for a mistake."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ratcam import __version__
from ratcam.messages import ChatId
from ratcam.ports import AuthorizedChat
from ratcam.store.auth import TinyAuthStore
from tests.deadline import wait_until
from tests.moving_square import write_video
from tests.pictures import hashes_of_file, hashes_of_stream, stream

ROOT = Path(__file__).parents[1]
TOKEN = "123456789:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIii"


def ratcam(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `ratcam ...`; fails the test on a traceback, whatever the exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "ratcam", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_version_and_help(tmp_path: Path) -> None:
    assert ratcam("--version", cwd=tmp_path).stdout == f"ratcam {__version__}\n"
    helped = ratcam("--help", cwd=tmp_path).stdout
    for command in ("run", "demo", "chats", "mux", "analyze", "tune", "config"):
        assert f"\n    {command} " in helped


@pytest.mark.parametrize(
    "arguments",
    [[], ["frobnicate"], ["chats", "revoke"], ["mux", "one"], ["demo", "--seconds", "-3"], ["demo", "--port", "99999"]],
)
def test_a_wrong_command_line_is_exit_status_2_and_a_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = ratcam(*arguments, cwd=tmp_path)
    assert (done.returncode, "usage: ratcam" in done.stderr) == (2, True)


def test_run_without_a_token_says_how_to_get_one(tmp_path: Path) -> None:
    done = ratcam("run", cwd=tmp_path, RATCAM_TELEGRAM_TOKEN="")
    assert done.returncode == 78
    assert "@BotFather" in done.stderr


def test_config_explain_tells_what_a_key_means_and_where_its_value_comes_from(tmp_path: Path) -> None:
    (tmp_path / "ratcam.ini").write_text("[motion]\nsensitivity = 7\n")
    told = ratcam("config", "explain", "motion.sensitivity", cwd=tmp_path)
    assert told.returncode == 0
    assert "in force: 7" in told.stdout
    assert "ratcam.ini:2" in told.stdout
    unknown = ratcam("config", "explain", "motion.sensitivty", cwd=tmp_path)
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "sensitivity" in unknown.stderr


def test_config_check_reports_every_error_with_its_line(tmp_path: Path) -> None:
    ini = tmp_path / "ratcam.ini"
    ini.write_text("[motion]\ntriger_level = 3\ntrigger_area = many\n[recodring]\n")
    done = ratcam("config", "check", cwd=tmp_path)
    assert done.returncode == 78
    assert [line.split(" ")[0] for line in done.stderr.splitlines()] == [
        "ratcam.ini:2:",
        "ratcam.ini:3:",
        "ratcam.ini:4:",
    ]
    assert "trigger_level" in done.stderr
    assert "[recording]" in done.stderr


def test_config_show_masks_the_token_and_check_finds_nothing_in_the_sample(tmp_path: Path) -> None:
    (tmp_path / "ratcam.ini").write_text(ratcam("config", "sample", cwd=tmp_path).stdout)
    checked = ratcam("config", "check", cwd=tmp_path)
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "ratcam.ini: no errors")
    shown = ratcam("config", "show", cwd=tmp_path, RATCAM_TELEGRAM_TOKEN=TOKEN)
    assert shown.returncode == 0
    assert TOKEN not in shown.stdout
    assert "pre_roll_s = 5" in shown.stdout


def test_a_token_in_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    ini = tmp_path / "ratcam.ini"
    ini.write_text(f"[telegram]\ntoken = {TOKEN}\n")
    ini.chmod(0o644)
    done = ratcam("config", "check", cwd=tmp_path)
    assert done.returncode == 78
    assert "chmod 600" in done.stderr
    assert TOKEN not in done.stderr
    ini.chmod(0o600)
    assert ratcam("config", "check", cwd=tmp_path).returncode == 0


def test_chats_lists_and_revokes(tmp_path: Path) -> None:
    assert "No chat is enrolled" in ratcam("chats", cwd=tmp_path).stdout
    store = TinyAuthStore(state_dir=tmp_path / "state")
    store.grant(AuthorizedChat(chat=ChatId(-1001), name="The \x1b[31mfamily", since_unix_s=1.8e9))
    listed = ratcam("chats", "list", cwd=tmp_path).stdout
    assert "-1001" in listed
    assert "\x1b" not in listed
    assert ratcam("chats", "revoke", "5", cwd=tmp_path).returncode == 2
    (tmp_path / "my.ini").write_text("")
    assert "-1001" in ratcam("chats", "list", "--config", "my.ini", cwd=tmp_path).stdout
    assert "-1001" in ratcam("chats", "--config", "my.ini", "list", cwd=tmp_path).stdout
    revoked = ratcam("chats", "revoke", "-1001", cwd=tmp_path)
    assert (revoked.returncode, "revoked" in revoked.stdout) == (0, True)
    assert store.chats() == ()


def test_mux_makes_a_playable_file_and_says_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "in.h264").write_bytes(b"".join(picture.data for picture in stream()))
    done = ratcam("mux", "in.h264", "out.mp4", "--fps", "10", cwd=tmp_path)
    assert done.returncode == 0
    assert "100 pictures (10 key frames), 10.00 s, 64x48 at 10 pictures/s" in done.stdout
    assert hashes_of_file(tmp_path / "out.mp4") == hashes_of_stream()


@pytest.mark.parametrize("options", [(), ("--fps", "10")])
def test_mux_imports_nothing_that_takes_longer_than_its_work(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "in.h264").write_bytes(b"".join(picture.data for picture in stream()))
    program = "import sys; from ratcam.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(ROOT)!r}); {program}",
            "mux",
            "in.h264",
            *options,
            "out.mp4",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    slow = {"argparse", "dataclasses", "typing", "re", "enum", "pathlib", "fractions", "logging", "collections"}
    slow |= {"array", "datetime", "decimal", "inspect", "contextlib", "functools", "ratcam.config", "ratcam.commands"}
    assert slow & set(done.stdout.splitlines()[-1].split()) == set()


@pytest.mark.parametrize(
    "arguments",
    [["mux"], ["mux", "a"], ["mux", "a", "b", "c"], ["mux", "a", "b", "--fps"], ["mux", "a", "b", "--fps", "-1"]],
)
def test_a_malformed_mux_is_a_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = ratcam(*arguments, cwd=tmp_path)
    assert (done.returncode, "usage: ratcam" in done.stderr) == (2, True)


@pytest.mark.parametrize("command", ["mux", "recover"])
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii", "utf-8"])
def test_a_name_that_standard_output_cannot_say_is_said_in_escapes(tmp_path: Path, command: str, encoding: str) -> None:
    (tmp_path / "in.h264").write_bytes(b"".join(picture.data for picture in stream()))
    name = os.fsdecode("é\n\x1b".encode() + b"\xff.mp4")
    done = ratcam("mux", "in.h264", name, cwd=tmp_path, PYTHONIOENCODING=encoding)
    if command == "recover":
        done = ratcam("recover", name, cwd=tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)
    assert done.stdout.startswith("\\xe9" if encoding == "ascii" else "é")
    assert "\\n\\x1b\\udcff.mp4: " in done.stdout
    missing = ratcam(command, f"{name}gone", *(["out.mp4"] if command == "mux" else []), cwd=tmp_path)
    assert (missing.returncode, len(missing.stderr.splitlines())) == (2, 1)
    assert "\\n\\x1b\\udcff.mp4gone: " in missing.stderr


@pytest.mark.parametrize("arguments", ["mux in.h264 out.mp4", "mux --fps=25 in.h264 out.mp4", "recover out.mp4"])
@pytest.mark.parametrize("output", [">&-", ">&- 2>&-", "> /dev/full"])
def test_output_that_is_lost_is_no_failure_of_the_video(tmp_path: Path, arguments: str, output: str) -> None:
    (tmp_path / "in.h264").write_bytes(b"".join(picture.data for picture in stream()))
    ratcam("mux", "in.h264", "out.mp4", cwd=tmp_path)
    command = ["bash", "-c", f"{sys.executable} -m ratcam {arguments} {output}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    if "full" in output:
        assert done.stderr.startswith("ratcam: what was done cannot be told on standard output (No space left")
        assert len(done.stderr.splitlines()) == 1
    else:
        assert done.stderr == ""
    assert hashes_of_file(tmp_path / "out.mp4") == hashes_of_stream()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("options", [(), ("--fps=25",)])
def test_a_mux_that_is_stopped_leaves_no_half_file(
    tmp_path: Path, number: signal.Signals, options: tuple[str, ...]
) -> None:
    """The stream comes through a pipe that stays open: more than is looked at first, so that the file is begun."""
    os.mkfifo(tmp_path / "in")
    # Whoever runs the tests may have had signals ignored, as nohup does.
    command = ["env", "--default-signal", sys.executable, "-m", "ratcam", "mux", *options, "in", "out.mp4"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with (tmp_path / "in").open("wb") as pipe:
            pipe.write(b"".join(picture.data for picture in stream()) + b"\0\0\1\x0c" + b"\xff" * (3 << 20))
            pipe.flush()
            wait_until(lambda: any(tmp_path.glob(".out.mp4.*.part")), timeout_s=30, what="the file is begun")
            process.send_signal(number)
            assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == 128 + number
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_mux_that_was_told_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in")
    command = ["nohup", sys.executable, "-m", "ratcam", "mux", "in", "out.mp4"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        with (tmp_path / "in").open("wb") as pipe:
            pipe.write(b"".join(picture.data for picture in stream()) + b"\0\0\1\x0c" + b"\xff" * (3 << 20))
            pipe.flush()
            wait_until(lambda: any(tmp_path.glob(".out.mp4.*.part")), timeout_s=30, what="the file is begun")
            process.send_signal(signal.SIGHUP)
        process.communicate(timeout=30)
        assert process.returncode == 0
    assert hashes_of_file(tmp_path / "out.mp4") == hashes_of_stream()


@pytest.mark.parametrize("rate", ["30000/1001", "29.97"])
def test_a_frame_rate_may_be_a_fraction(tmp_path: Path, rate: str) -> None:
    (tmp_path / "in.h264").write_bytes(b"".join(picture.data for picture in stream()))
    done = ratcam("mux", "in.h264", "out.mp4", "--fps", rate, cwd=tmp_path)
    assert "100 pictures (10 key frames), 3.34 s, 64x48 at 29.97 pictures/s (--fps)" in done.stdout


@pytest.mark.parametrize("rate", ["inf", "nan", "1/0", "0/1", "1/2/3", "-1/2", "x/2", "1e400", "9999999999/1"])
def test_what_is_no_frame_rate_is_refused_with_what_is_one(tmp_path: Path, rate: str) -> None:
    done = ratcam("mux", "in.h264", "out.mp4", f"--fps={rate}", cwd=tmp_path)
    assert done.returncode == 2
    assert "is not a frame rate: give pictures a second, from 0.01 to 1000, as 25, 29.97 or 30000/1001" in done.stderr


@pytest.mark.parametrize("content", [b"", b"not H.264 at all", b"\0\0\0\1\x65\x88", os.urandom(5000)])
def test_mux_refuses_what_it_cannot_mux_with_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.h264").write_bytes(content)
    done = ratcam("mux", "in.h264", "out.mp4", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("ratcam: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.h264"]


def test_analyze_writes_json_lines_and_a_heat_map(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("analyze", "square.mp4", "--json", "--heatmap", "heat.png", cwd=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines if line["type"] != "frame"] == ["stream", "event", "summary"]
    assert (lines[0]["type"], lines[-1]["type"]) == ("stream", "summary")
    assert lines[0]["grid"] == [40, 30]
    assert (tmp_path / "heat.png").read_bytes().startswith(b"\x89PNG")
    assert "1 event in 80 pictures" in ratcam("analyze", "square.mp4", cwd=tmp_path).stdout


def test_analyze_takes_the_motion_section_of_a_configuration(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    (tmp_path / "deaf.ini").write_text("[motion]\nsettle_s = 600\n")
    done = ratcam("analyze", "square.mp4", "--config", "deaf.ini", cwd=tmp_path)
    assert "no motion in 80 pictures" in done.stdout
    again = ratcam("analyze", "square.mp4", "--config", "deaf.ini", "--set", "motion.settle_s=0.5", cwd=tmp_path)
    assert "1 event in 80 pictures" in again.stdout


def test_analyze_takes_the_zones_of_a_configuration(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    everywhere = "[zone:all]\nmode = ignore\npolygon = 0,0 100,0 100,100 0,100\n"
    (tmp_path / "blind.ini").write_text(everywhere)
    assert "no motion in 80 pictures" in ratcam("analyze", "square.mp4", "--config", "blind.ini", cwd=tmp_path).stdout


def test_tune_writes_a_report_and_tells_what_it_found(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("tune", "square.mp4", "--motion", "3-5", "--against-set", "settle_s=600", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "found 1 of 1 true motions" in done.stdout
    assert "A: the defaults\nB: the defaults with settle_s=600\n" in done.stdout
    assert (tmp_path / "ratcam-tune.html").read_text().startswith("<!doctype html>")


def test_tune_as_json_writes_no_report_unless_asked(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    found = json.loads(ratcam("tune", "square.mp4", "--json", "--set", "sensitivity=7", cwd=tmp_path).stdout)
    assert found["choices"] == [
        {"name": "A", "source": "the defaults with sensitivity=7", "changed": {"sensitivity": "7"}}
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["square.mp4"]


def test_what_is_not_set_against_is_as_in_the_first_configuration(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    (tmp_path / "a.ini").write_text("[motion]\nsensitivity = 3\n")
    (tmp_path / "b.ini").write_text("[motion]\nsensitivity = 8\n")
    arguments = ("tune", "square.mp4", "--json", "--config", "a.ini", "--set", "hold_s=2", "--against-set", "noise_z=6")
    first, second = json.loads(ratcam(*arguments, cwd=tmp_path).stdout)["choices"]
    assert first["changed"] == {"sensitivity": "3", "hold_s": "2"}
    assert second["changed"] == {"sensitivity": "3", "noise_z": "6", "hold_s": "2"}
    _, other = json.loads(ratcam(*arguments, "--against", "b.ini", cwd=tmp_path).stdout)["choices"]
    assert other["changed"] == {"sensitivity": "8", "noise_z": "6"}


def test_tune_draws_the_zones_on_a_still(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("tune", "--zones", "square.mp4", "--out", "grid.png", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments",
    [
        ("square.mp4",),
        ("--json",),
        ("--set", "sensitivity=7"),
        ("--against-set", "sensitivity=7"),
        ("--report", "r.html"),
        ("--motion", "none"),
        ("--false-alarms-per-week", "3"),
    ],
)
def test_what_zones_cannot_use_is_refused_and_not_dropped(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("tune", "--zones", "square.mp4", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "--zones only draws" in done.stderr
    assert not (tmp_path / "zones.png").exists()


def test_out_without_zones_is_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("tune", "square.mp4", "--json", "--out", "x.png", cwd=tmp_path)
    assert done.returncode == 2
    assert "--report" in done.stderr


def test_analyze_joins_events_as_the_daemon_does(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    (tmp_path / "a.ini").write_text("[recording]\npost_roll_s = 3\n")

    def events(*arguments: str) -> list[tuple[float, float]]:
        done = ratcam(*arguments, "--json", "--config", "a.ini", "--set", "hold_s=0", cwd=tmp_path)
        if arguments[0] == "tune":
            (recording,) = json.loads(done.stdout)["recordings"]
            return [(event["start_s"], event["end_s"]) for event in recording["tracks"][0]["events"]]
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [(round(line["start_s"], 3), round(line["end_s"], 3)) for line in lines if line["type"] == "event"]

    assert events("analyze", "square.mp4") == events("tune", "square.mp4") != []


def test_check_says_when_the_zones_leave_nothing_to_watch(tmp_path: Path) -> None:
    (tmp_path / "blind.ini").write_text("[zone:all]\nmode = ignore\npolygon = 0,0 100,0 100,100 0,100\n")
    done = ratcam("config", "check", "--config", "blind.ini", cwd=tmp_path)
    assert done.returncode == 0
    assert "Nothing is watched" in done.stdout


def test_a_home_that_cannot_be_written_to_is_no_matter_of_a_report(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("tune", "square.mp4", cwd=tmp_path, HOME="/proc", XDG_CONFIG_HOME="/proc", XDG_CACHE_HOME="/proc")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Name a video"),
        (("none.mp4",), "There is no video none.mp4"),
        (("square.mp4", "--set", "sensitivity=12"), "write a whole number from 1 to 9"),
        (("square.mp4", "--set", "colour=red"), "[motion] has no key 'colour'"),
        (("square.mp4", "--report", "report.doc"), "ends in .html or .png"),
        (("square.mp4", "--motion", "soon"), "is no interval"),
        (("square.mp4", "--motion", "1-2", "--motion", "3-4"), "--motion is given 2 times for 1 recording "),
        (("square.mp4", "--false-alarms-per-week", "0"), "is not a number above 0"),
    ],
)
def test_a_mistake_with_tune_is_exit_status_2_and_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    write_video(tmp_path / "square.mp4")
    done = ratcam("tune", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["missing.mp4", "notes.txt", "."])
def test_analyze_refuses_what_is_no_video_with_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("hello\n" * 2000)
    done = ratcam("analyze", name, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("ratcam: ")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    command = f"{sys.executable} -m ratcam analyze square.mp4 --json | head -1"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["type"] == "stream"
    assert "Error" not in done.stderr


def test_output_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    write_video(tmp_path / "square.mp4")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ratcam", "analyze", "square.mp4", "--json"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode != 0
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
