"""`ratcam demo`: the real daemon, in its own process, on the demo camera and a simulated Telegram over real HTTP."""

import contextlib
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from ratcam.camera_main import source_of
from ratcam.config import load
from ratcam.errors import BadInputError, CameraError, ExitStatus
from ratcam.messages import ChatId
from ratcam.settings import CameraSettings
from ratcam.simulator.simulator import Simulator
from ratcam.simulator.transcript import ChatMessage

_PASSCODE = re.compile(r"^Passcode for (?P<name>.*): (?P<passcode>\S+) \(")
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""SIGINT too: a shell's background job begins with it ignored, and Python then leaves it so."""
_ANSWER_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 12.0
_LAST_WORDS_TIMEOUT_S = 20.0
_INI = """\
[telegram]
token_file = token
base_url = {base_url}
[camera]
name = kitchen
source = {source}
[daemon]
state_dir = state
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    name: str
    chat: ChatId


class DaemonProcess:
    """`ratcam run` as a child process whose console and log are read line by line."""

    def __init__(self, ini: Path, log: Path) -> None:
        self._ini = ini
        self._log = log
        self.passcodes: SimpleQueue[str] = SimpleQueue()
        self.errors: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C is for the demo, which then stops it."""
        process = self._process = subprocess.Popen(
            [sys.executable, "-m", "ratcam", "run", "--config", str(self._ini)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for stream, read in ((process.stdout, self._read_console), (process.stderr, self._read_log)):
            if stream is not None:
                reader = threading.Thread(target=read, args=(stream,), name="demo reader", daemon=True)
                reader.start()
                self._readers.append(reader)

    @property
    def pid(self) -> int:
        """The process's id; 0 before `start`."""
        return self._process.pid if self._process is not None else 0

    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> int:
        """Ask it to stop, kill it if it does not; its exit status."""
        process = self._process
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_TIMEOUT_S)
        finally:  # also when a person has no patience and presses Ctrl-C again
            process.kill()
            status = process.wait()
        for reader in self._readers:
            reader.join(2.0)
        return status

    def _read_console(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                _show(f"console: {line}")
                found = _PASSCODE.match(line)
                if found:
                    self.passcodes.put(found["passcode"])

    def _read_log(self, stream: IO[str]) -> None:
        with stream, self._log.open("w") as log:
            for line in stream:
                log.write(line)
                log.flush()
                if " ERROR " in line or line.startswith("Traceback") or " CRITICAL " in line:
                    self.errors.append(line.rstrip())
                    _show(f"log: {line}")


def _show(line: str) -> None:
    """Print a line on a reader's thread: when nobody reads the output any more, the daemon's is read to its end."""
    with contextlib.suppress(OSError):
        print(line, end="", flush=True)


def run_demo(*, seconds: float | None, source: str, out: Path | None, port: int) -> ExitStatus:
    """Show the main job until `seconds` are over or Ctrl-C; `out` keeps transcript.json, media and the daemon's log.

    SIGTERM and SIGHUP are like Ctrl-C: the chats say goodbye first, a second one ends that. However the demo ends, the
    daemon is stopped and the temporary folder removed before this returns or raises; only SIGKILL leaves them behind.

    Returns `OK` only if the system ran clean: the daemon ended well and logged no error, the simulator saw no unknown
    method or parameter, and in every chat each alert was followed by its picture, its video and "all quiet".

    Raises:
        BadInputError: `source` or `out` cannot be used.
        BrokenPipeError: nobody reads standard output any more.
        KeyboardInterrupt: the demo was interrupted while it was ending.
    """
    with _signals_like_ctrl_c():
        return _run_demo(seconds=seconds, source=source, out=out, port=port)


@contextlib.contextmanager
def _signals_like_ctrl_c() -> Generator[None]:
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_demo(*, seconds: float | None, source: str, out: Path | None, port: int) -> ExitStatus:
    _check_source(source)
    token = f"{secrets.randbelow(10**9) + 10**8}:{secrets.token_urlsafe(27)[:35]}"
    with tempfile.TemporaryDirectory(prefix="ratcam-demo-") as name:
        folder = Path(name)
        log = (_usable(out) if out is not None else folder) / "ratcam.log"
        simulator = Simulator(token=token, port=port)
        simulator.start()
        try:
            ini = _write_ini(folder, token=token, base_url=simulator.base_url, source=_plain_name(source, folder))
            problems = _Play(simulator, DaemonProcess(ini, log)).run(seconds)
        finally:
            simulator.stop()
        if out is not None:
            simulator.save(out)
            print(f"The chats are in {out / 'transcript.json'}, the daemon's log is {log}.")
    for problem in problems:
        print(f"not clean: {problem}")
    print("The demo ran clean." if not problems else "The demo did not run clean.", flush=True)
    return ExitStatus.FAILED if problems else ExitStatus.OK


def _usable(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BadInputError(f"--out {out} cannot be made: {exc.strerror}. Choose another folder.") from exc
    return out


def _check_source(source: str) -> None:
    """Try the source before anything starts.

    Raises:
        BadInputError: it is of no kind that there is, or the file cannot be used.
    """
    if source != "demo" and not source.startswith("file:"):
        raise BadInputError(f"--source {source}: there is no such source. Give demo, or file:PATH for a video file.")
    camera = source_of(CameraSettings(source=source, pace="fast", loop=False))
    try:
        camera.open()
    except CameraError as exc:
        raise BadInputError(f"--source {source} cannot be used: {exc}") from exc
    finally:
        camera.close()


def _plain_name(source: str, folder: Path) -> str:
    """The same source under a name that can stand in an ini whatever the file is called."""
    if not source.startswith("file:"):
        return source
    file = Path(source.removeprefix("file:")).absolute()
    link = folder / "camera"
    link.symlink_to(file)
    return f"file:{link}"


def _write_ini(folder: Path, *, token: str, base_url: str, source: str) -> Path:
    """The daemon's configuration, checked as the daemon will check it."""
    token_file, ini = folder / "token", folder / "ratcam.ini"
    token_file.touch(mode=0o600)
    token_file.write_text(token)
    ini.write_text(_INI.format(base_url=base_url, source=source))
    load(ini, {})
    return ini


class _Play:
    """Two persons enrol, arm, ask for a picture and a video, and wait for what moves."""

    def __init__(self, simulator: Simulator, daemon: DaemonProcess) -> None:
        self._simulator = simulator
        self._daemon = daemon
        self._shown: set[tuple[int, int]] = set()
        self._videos_asked: dict[ChatId, int] = {}

    def run(self, seconds: float | None) -> list[str]:
        """Play until the time is over; what was not clean."""
        print(f"Open {self._simulator.page_url} in a browser to see the chats.", flush=True)
        people = [_Person(name=name, chat=self._simulator.add_private_chat(name)) for name in ("Ada", "Ben")]
        until_s = None if seconds is None else time.monotonic() + seconds
        problems: list[str] = []
        try:
            self._daemon.start()
            for person in people:
                self._enrol(person)
            self._ask(people[0], "/arm", "Armed")
            self._photo(people[0])
            self._ask(people[1], "/video 3", "Recording")
            self._videos_asked[people[1].chat] = 1
            self._watch(until_s)
            self._ask(people[0], "/disarm", "Disarmed")
            self._wait_until_quiet(people)
        except TimeoutError as exc:
            problems.append(str(exc))
        except KeyboardInterrupt:
            print()
        finally:
            status = self._daemon.stop()
        self._show_new()
        if status != 0:
            problems.append(f"the daemon ended with status {status}")
        problems += [f"the daemon logged: {line}" for line in self._daemon.errors]
        problems += [f"the simulator: {problem}" for problem in self._simulator.problems]
        return problems + [problem for person in people for problem in self._missing(person)]

    def _enrol(self, person: _Person) -> None:
        """What a person does: /start, look at the console, type the passcode."""
        self._ask(person, "/start", "Hello")
        try:
            passcode = self._daemon.passcodes.get(timeout=_ANSWER_TIMEOUT_S)
        except Empty:
            raise TimeoutError("the console showed no passcode") from None
        self._ask(person, passcode, "Welcome")

    def _ask(self, person: _Person, text: str, answer: str) -> None:
        asked = self._simulator.say(person.chat, text)
        self._simulator.wait_for(
            lambda message: (
                message.chat_id == person.chat
                and message.is_from_bot
                and message.message_id > asked
                and message.text.startswith(answer)
            ),
            _ANSWER_TIMEOUT_S,
        )

    def _photo(self, person: _Person) -> None:
        asked = self._simulator.say(person.chat, "/photo")
        answer = self._simulator.wait_for(
            lambda message: (
                message.chat_id == person.chat
                and message.message_id > asked
                and (message.text.startswith("No photo") or (message.media is not None and not _is_heat_map(message)))
            ),
            _ANSWER_TIMEOUT_S,
        )
        if answer.media is None:
            raise TimeoutError(f"/photo was answered: {answer.text}")

    def _watch(self, until_s: float | None) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            while self._daemon.is_running() and (until_s is None or time.monotonic() < until_s):
                self._show_new(wait_s=1.0 if until_s is None else min(1.0, max(0.05, until_s - time.monotonic())))

    def _wait_until_quiet(self, people: list[_Person]) -> None:
        ends_s = time.monotonic() + _LAST_WORDS_TIMEOUT_S
        while self._daemon.is_running() and time.monotonic() < ends_s and any(self._missing(p) for p in people):
            self._show_new(wait_s=0.5)

    def _show_new(self, wait_s: float = 0.0) -> None:
        """Print what came into the chats, waiting up to `wait_s` for something new."""
        with contextlib.suppress(TimeoutError):
            self._simulator.wait_for(lambda message: (message.chat_id, message.message_id) not in self._shown, wait_s)
        for message in self._simulator.messages():
            if (message.chat_id, message.message_id) not in self._shown:
                self._shown.add((message.chat_id, message.message_id))
                print(_line(message), flush=True)

    def _missing(self, person: _Person) -> list[str]:
        """What this person's chat lacks of what every alert must bring."""
        said = [message for message in self._simulator.messages(person.chat) if message.is_from_bot]
        alerts = sum(message.text.startswith("Something is moving") for message in said)
        videos = sum(message.media is not None and message.media.kind == "video" for message in said)
        found = {
            "heat map": sum(_is_heat_map(message) for message in said),
            "video": videos - self._videos_asked.get(person.chat, 0),
            "all quiet": sum(message.text.startswith("All quiet") for message in said),
        }
        return [f"{person.name} got {alerts} alerts and {n} x {what}" for what, n in found.items() if n < alerts]


def _is_heat_map(message: ChatMessage) -> bool:
    return message.media is not None and "strength" in message.caption


def _line(message: ChatMessage) -> str:
    who = "Ratcam" if message.is_from_bot else message.name
    media = message.media
    what = ""
    if media is not None:
        how = "uploaded" if media.is_uploaded else "sent again by file id"
        what = f"[{media.kind} {media.width}x{media.height}, {media.size_bytes} bytes, {how}] "
    text = (message.text or message.caption or message.service).replace("\n", " / ")
    return f"chat {message.chat_id}: {who}: {what}{text}"
