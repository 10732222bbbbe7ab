"""What the end-to-end tests share: a daemon process of its own beside a simulated Telegram."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from ratcam.demo import DaemonProcess
from ratcam.messages import ChatId
from ratcam.simulator.simulator import Simulator
from ratcam.simulator.transcript import ChatMessage

TOKEN = f"123456789:{secrets.token_hex(18)[:35]}"
INI = """\
[telegram]
token_file = token
base_url = {base_url}
[camera]
name = kitchen
source = {source}
stall_timeout_s = 2
[motion]
settle_s = 0.5
[recording]
pre_roll_s = 2
post_roll_s = 1
[daemon]
state_dir = state
"""


class Home:
    """A folder with a configuration, a simulated Telegram, and the daemon between them, which may be started again."""

    def __init__(self, folder: Path, source: str, simulator: Simulator, *, base_url: str = "") -> None:
        self.folder = folder
        self.simulator = simulator
        self.ini = folder / "ratcam.ini"
        self.ini.write_text(INI.format(base_url=base_url or simulator.base_url, source=source))
        token = folder / "token"
        token.touch(mode=0o600)
        token.write_text(TOKEN)
        self.log = folder / "ratcam.log"
        self.daemon = DaemonProcess(self.ini, self.log)

    def start(self) -> None:
        """Start the daemon, again if it ran before."""
        self.daemon = DaemonProcess(self.ini, self.log)
        self.daemon.start()

    def enrol(self, chat: ChatId) -> None:
        """As a person does: /start, read the console, type."""
        self.simulator.say(chat, "/start")
        self.ask(chat, self.daemon.passcodes.get(timeout=30), "Welcome")

    def ask(self, chat: ChatId, text: str, answer: str) -> ChatMessage:
        """Say something and wait for the answer that begins like this."""
        said = self.simulator.say(chat, text)
        return self.hear(chat, lambda message: message.message_id > said and message.text.startswith(answer))

    def hear(
        self, chat: ChatId, is_wanted: Callable[[ChatMessage], bool], *, after: int = 0, timeout_s: float = 30.0
    ) -> ChatMessage:
        """Wait for a message of the bot in this chat."""
        return self.simulator.wait_for(
            lambda message: (
                message.chat_id == chat and message.is_from_bot and message.message_id > after and is_wanted(message)
            ),
            timeout_s,
        )

    def newest(self, chat: ChatId) -> int:
        """The id of the chat's newest message."""
        return max((message.message_id for message in self.simulator.messages(chat)), default=0)

    def camera_pids(self) -> list[int]:
        """The daemon's camera processes."""
        return [pid for pid in children_of(self.daemon.pid) if "ratcam.camera_main" in command_line(pid)]


def children_of(pid: int) -> list[int]:
    """The ids of a process's children."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            if task.name != str(pid)
            for child in (task / "children").read_text().split()
        ]
    except FileNotFoundError:
        return []


def command_line(pid: int) -> str:
    """A process's command line; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def text(start: str) -> Callable[[ChatMessage], bool]:
    """A text that begins like this."""
    return lambda message: message.text.startswith(start)


def media(kind: str) -> Callable[[ChatMessage], bool]:
    """A photo or a video."""
    return lambda message: message.media is not None and message.media.kind == kind
