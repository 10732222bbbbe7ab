"""Logs: one line a record, no secret in any of them, and a count of errors."""

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Generator

import pytest

from ratcam.logs import LogHandle, set_up
from ratcam.redaction import Redactor, excerpt

TOKEN = "8123456789:AAE-xyz_0123456789abcdefghijklmnopq"
OTHER_TOKEN = "123456:ZZE-xyz_0123456789abcdefghijklmnopq"
SECRET = "correct horse"

Begin = Callable[[str], LogHandle]


@pytest.fixture(name="begin")
def fixture_begin(capsys: pytest.CaptureFixture[str]) -> Generator[Begin, None, None]:
    handles: list[LogHandle] = []

    def begin(level: str) -> LogHandle:
        handles.append(set_up(level, (TOKEN, SECRET, "")))
        return handles[-1]

    yield begin
    for handle in handles:
        handle.close()


def test_a_record_is_one_line_with_time_level_and_short_name(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin("info")
    logging.getLogger("ratcam.store.auth").info("chat %d of %s", 7, "Änne 😀")
    logging.getLogger("pykka").warning("slow")
    first, second = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO    store\.auth: chat 7 of Änne 😀", first)
    assert second.endswith(" WARNING pykka: slow")


def test_the_level_decides_what_is_logged(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin("warning")
    logging.getLogger("ratcam.x").info("quiet")
    logging.getLogger("ratcam.x").warning("loud")
    assert "quiet" not in (text := capsys.readouterr().err)
    assert "loud" in text


def test_libraries_that_log_urls_are_kept_at_warning(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin("debug")
    for name in ("httpx", "httpcore.connection", "telegram.ext"):
        logging.getLogger(name).info("POST https://api.telegram.org/bot%s/getMe", TOKEN)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"bot{TOKEN}/getMe", "bot[hidden]/getMe"),
        (f"bot{OTHER_TOKEN}/getMe", "bot[hidden]/getMe"),
        (f"x{OTHER_TOKEN.replace(':', '%3A')}&y", "x[hidden]&y"),
        (f"the half {TOKEN.partition(':')[2]}!", "the half [hidden]!"),
        (f"'{SECRET}'", "'[hidden]'"),
        ("rtsp://admin:pa/ss@w@cam:554/live", "rtsp://[hidden]@cam:554/live"),
        ("https://host/path?x=1", "https://host/path?x=1"),
        ("at 12:30:15, mail a@b", "at 12:30:15, mail a@b"),
    ],
)
def test_secrets_are_hidden(begin: Begin, capsys: pytest.CaptureFixture[str], text: str, expected: str) -> None:
    begin("info")
    logging.getLogger("ratcam").info("%s", text)
    assert capsys.readouterr().err.endswith(f": {expected}\n")


def test_secrets_are_hidden_in_tracebacks_and_their_causes(begin: Begin, capsys: pytest.CaptureFixture[str]) -> None:
    begin("info")
    try:
        try:
            raise KeyError(TOKEN)
        except KeyError as exc:
            raise ValueError(f"The token `{OTHER_TOKEN}` was rejected\n2026-01-01 INFO forged: {SECRET}") from exc
    except ValueError:
        logging.getLogger("ratcam").exception("it failed", stack_info=True)
    text = capsys.readouterr().err
    assert "KeyError" in text
    assert "ValueError: The token `[hidden]` was rejected" in text
    assert not any(secret in text for secret in (TOKEN, OTHER_TOKEN, SECRET, TOKEN.partition(":")[2]))
    assert all(line.startswith("    ") for line in text.splitlines()[1:])


def test_errors_are_counted_and_warnings_are_not(begin: Begin) -> None:
    handle = begin("error")
    log = logging.getLogger("ratcam")
    log.warning("one")
    assert handle.errors_logged == 0
    log.error("two")
    log.critical("three")
    assert handle.errors_logged == 2


def run_with_logs(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own (pytest's log handler would get in the way) after `handle = set_up(...)`."""
    start = f"import logging; from ratcam.logs import set_up; TOKEN = {TOKEN!r}; handle = set_up('info', (TOKEN,));"
    return subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=False)


def test_a_name_cannot_forge_a_line_or_drive_the_terminal() -> None:
    done = run_with_logs(r"logging.getLogger('ratcam').info('chat %s', 'a\r\nb\x1b[2J\u202e\u2028\ud83d')")
    assert done.stderr.endswith(r": chat a\r\nb\x1b[2J\u202e\u2028\ud83d" + "\n")


def test_a_record_that_cannot_be_formatted_is_reported_without_its_arguments() -> None:
    done = run_with_logs("logging.getLogger('ratcam.x').info('%d', TOKEN); print(handle.errors_logged)")
    assert done.stderr == "a log record could not be written: ratcam.x, line 1\n"
    assert done.stdout == "1\n"


def test_an_exception_that_ends_the_program_is_logged_without_secrets() -> None:
    done = run_with_logs("raise RuntimeError(TOKEN)")
    assert "CRITICAL logs: this is a bug: nobody caught RuntimeError" in done.stderr
    assert "RuntimeError: [hidden]" in done.stderr
    assert TOKEN not in done.stderr
    assert done.returncode == 1


def test_an_exception_that_ends_a_thread_is_logged_without_secrets(
    begin: Begin, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = begin("info")

    def fail() -> None:
        raise RuntimeError(TOKEN)

    thread = threading.Thread(target=fail, name="pump")
    thread.start()
    thread.join(10)
    text = capsys.readouterr().err
    assert "thread pump ended by RuntimeError" in text
    assert TOKEN not in text
    assert handle.errors_logged == 1


def test_everything_is_as_before_after_close(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (root.level, logging.getLogger("httpx").level, list(root.handlers), sys.excepthook, threading.excepthook)
    handle = set_up("debug")
    handle.close()
    handle.close()
    assert before == (
        root.level,
        logging.getLogger("httpx").level,
        list(root.handlers),
        sys.excepthook,
        threading.excepthook,
    )
    logging.getLogger("ratcam").error("nobody listens")
    assert capsys.readouterr().err == ""
    assert handle.errors_logged == 0


def test_an_excerpt_hides_before_it_cuts() -> None:
    assert excerpt("x" * 40 + TOKEN) == "x" * 40 + "[hidden]"
    assert excerpt("y" * 100) == "y" * 60 + "..."


def test_a_redactor_without_secrets_changes_nothing_else() -> None:
    assert Redactor(("",)).redact("plain text") == "plain text"
