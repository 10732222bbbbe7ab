"""FileLock and InstanceLock between threads and real processes."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ratcam.errors import StoreError
from ratcam.store.instance_lock import InstanceLock
from ratcam.store.lock import FileLock
from tests.store.test_crashes import writer


def test_a_lock_is_reentrant_and_keeps_another_object_out(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    other = FileLock(tmp_path / "lock", timeout_s=0.02)
    with lock:
        with lock:
            pass
        with pytest.raises(StoreError, match="locked by another ratcam"), other:
            pass
    with other:
        pass


def test_a_lock_keeps_another_thread_out(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock", timeout_s=0.02)
    outcome: list[str] = []

    def try_it() -> None:
        try:
            with lock:
                outcome.append("in")
        except StoreError:
            outcome.append("out")

    with lock:
        thread = threading.Thread(target=try_it)
        thread.start()
        thread.join(10)
    assert outcome == ["out"]
    try_it()
    assert outcome == ["out", "in"]


def test_a_lock_that_cannot_be_opened_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    lock = FileLock(tmp_path / "lock")
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be opened"), lock:
            pass


def test_a_second_daemon_is_refused_with_the_process_id_of_the_first(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    first = writer(state_dir, "hold")
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    second = InstanceLock(state_dir=state_dir)
    with pytest.raises(StoreError, match=rf"\(process {first.pid}\) uses {state_dir}"):
        second.acquire()
    first.kill()
    first.communicate()
    second.acquire()
    second.acquire()
    assert (state_dir / "lock").read_text() == f"{os.getpid()}\n"
    second.release()
    second.release()


def test_the_state_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    with InstanceLock(state_dir=tmp_path / "a" / "state"):
        assert stat.S_IMODE((tmp_path / "a" / "state").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "a" / "state" / "lock").stat().st_mode) == 0o600


def test_a_state_directory_that_others_may_write_is_refused_with_the_remedy(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(StoreError, match=f"chmod 700 {tmp_path}"):
        InstanceLock(state_dir=tmp_path).acquire()
    tmp_path.chmod(0o700)
    with InstanceLock(state_dir=tmp_path):
        pass


def test_a_state_directory_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StoreError, match="state_dir"):
        InstanceLock(state_dir=tmp_path / "state").acquire()


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    code = "import os; print(*(os.path.realpath(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')))"
    with InstanceLock(state_dir=tmp_path), FileLock(tmp_path / "other"), (tmp_path / "open").open("w") as other:
        os.set_inheritable(other.fileno(), True)
        child = subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, close_fds=False, check=True
        )
    opened = child.stdout.split()
    assert str(tmp_path / "open") in opened
    assert not {str(tmp_path / "lock"), str(tmp_path / "other")} & set(opened)
