"""`ratcam run` as a service manager sees it: how it ends when asked to, whatever hangs."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.deadline import wait_until
from tests.e2e.daemon import children_of, command_line, is_alive

STOP_S = 10.0
"""What the unit file and every supervisor may count on."""


def configuration(folder: Path, base_url: str) -> Path:
    token, ini = folder / "token", folder / "ratcam.ini"
    token.touch(mode=0o600)
    token.write_text("123456789:AAaaBBbbCCccDDddEEeeFFffGGggHHhhIIii")
    ini.write_text(
        f"[telegram]\ntoken_file = token\nbase_url = {base_url}\n[camera]\nname = kitchen\nsource = demo\n"
        "[daemon]\nstate_dir = state\n"
    )
    return ini


@contextmanager
def daemon(folder: Path, *program: str) -> Generator[subprocess.Popen[bytes]]:
    """A process that writes its log to ratcam.log; killed at the end, and its camera with it."""
    with (folder / "ratcam.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, *program], cwd=folder, stderr=log)
    cameras: list[int] = []

    def has_camera() -> bool:
        cameras[:] = [pid for pid in children_of(process.pid) if "ratcam.camera_main" in command_line(pid)]
        return bool(cameras)

    try:
        wait_until(has_camera, timeout_s=20, what="a camera process")
        yield process
    finally:
        process.kill()
        process.wait()
        for pid in cameras:
            if is_alive(pid):
                os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not any(is_alive(pid) for pid in cameras), what="no camera process left")


def test_a_resolver_that_does_not_answer_does_not_hold_up_the_end(tmp_path: Path) -> None:
    ini, is_asked = configuration(tmp_path, "https://telegram.invalid"), tmp_path / "asked"
    program = (  # the operating system's part is replaced, nothing of Ratcam
        "import socket, sys, threading\n"
        "def stuck(*arguments, **named):\n"
        f"    open({str(is_asked)!r}, 'w').close()\n"
        "    threading.Event().wait(60)\n"
        "    raise socket.gaierror(-3, 'Temporary failure in name resolution')\n"
        "socket.getaddrinfo = stuck\n"
        "from ratcam.cli import main\n"
        f"sys.exit(main(['run', '--config', {str(ini)!r}]))"
    )
    with daemon(tmp_path, "-c", program) as process:
        wait_until(is_asked.exists, what="a look-up")
        process.send_signal(signal.SIGTERM)
        assert process.wait(STOP_S) == 0
    assert "stopping: SIGTERM" in (tmp_path / "ratcam.log").read_text()


def test_a_second_signal_ends_a_stop_that_hangs_at_once(tmp_path: Path) -> None:
    log = tmp_path / "ratcam.log"
    with socket.create_server(("127.0.0.1", 0), backlog=16) as black_hole:
        ini = configuration(tmp_path, f"http://127.0.0.1:{black_hole.getsockname()[1]}")
        with daemon(tmp_path, "-m", "ratcam", "run", "--config", str(ini)) as process:
            (camera,) = [pid for pid in children_of(process.pid) if "ratcam.camera_main" in command_line(pid)]
            os.kill(camera, signal.SIGSTOP)
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: "stopping: SIGTERM" in log.read_text())
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 1


def test_one_signal_is_enough_for_a_camera_process_that_hangs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=16) as black_hole:
        ini = configuration(tmp_path, f"http://127.0.0.1:{black_hole.getsockname()[1]}")
        with daemon(tmp_path, "-m", "ratcam", "run", "--config", str(ini)) as process:
            (camera,) = [pid for pid in children_of(process.pid) if "ratcam.camera_main" in command_line(pid)]
            os.kill(camera, signal.SIGSTOP)
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOP_S) == 0
            assert not is_alive(camera)
