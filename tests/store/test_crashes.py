"""Real processes that are killed, run out of room, or write at the same time: nothing acknowledged is lost."""

import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from ratcam.errors import StoreError
from ratcam.messages import ChatId
from ratcam.ports import AuthorizedChat
from ratcam.store.auth import TinyAuthStore

KILLS = 40
ROOT = Path(__file__).parents[2]


def writer(directory: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.writer", str(directory), *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_after(process: subprocess.Popen[str], seconds: float) -> list[str]:
    """The whole lines that the process wrote until it was killed `seconds` after its first one."""
    assert process.stdout is not None
    first = process.stdout.readline()
    assert first, "the writer said nothing"
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s:
        pass  # busy: the moment of death is spread finer than a sleep could
    process.kill()
    rest = process.stdout.read()  # not communicate(), which passes over what readline() has buffered
    process.communicate()
    return (first + rest).split("\n")[:-1]


def test_a_killed_writer_corrupts_nothing_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    choose = random.Random(7)
    for kill in range(KILLS):
        directory = tmp_path / str(kill)
        acknowledged = kill_after(writer(directory, "churn"), choose.uniform(0, 0.06))
        expected: set[int] = set()
        for line in acknowledged:
            (expected.add if line[0] == "+" else expected.discard)(int(line[1:]))
        json.loads((directory / "auth.json").read_text())
        store = TinyAuthStore(state_dir=directory)
        found = {int(row.chat) for row in store.chats()}
        # One more change may be on disk whose acknowledgement the kill cut off.
        assert len(found ^ expected) <= 1, (kill, found ^ expected)
        store.grant(AuthorizedChat(chat=ChatId(-1), name="after", since_unix_s=0.0))
        assert not list(directory.glob("*.corrupt-*"))
        assert not list(directory.glob(".*.tmp"))


def test_a_file_size_limit_refuses_the_change_and_keeps_the_store_whole(tmp_path: Path) -> None:
    process = writer(tmp_path, "limited", "2000")
    output, _ = process.communicate(timeout=60)
    refused, in_force = output.splitlines()
    assert "cannot be written: File too large" in refused
    count = int(refused.split()[1].rstrip(":")) - 1
    assert in_force == f"in force {count}"
    assert len(TinyAuthStore(state_dir=tmp_path).chats()) == count > 3
    assert not list(tmp_path.glob(".*.tmp"))


@contextlib.contextmanager
def small_file_system(directory: Path) -> Generator[Path, None, None]:
    directory.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(directory)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def test_a_full_disk_refuses_the_change_and_keeps_the_store_whole(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "small") as directory:
        store = TinyAuthStore(state_dir=directory)
        granted = 0
        with pytest.raises(StoreError, match="No space left on device"):
            while granted < 200:
                store.grant(AuthorizedChat(chat=ChatId(granted + 1), name="x" * 1000, since_unix_s=0.0))
                granted += 1
        assert len(store.chats()) == len(TinyAuthStore(state_dir=directory).chats()) == granted > 3
        assert store.revoke(ChatId(1))
        assert len(TinyAuthStore(state_dir=directory).chats()) == granted - 1


def test_two_processes_that_grant_and_revoke_at_once_lose_nothing(tmp_path: Path) -> None:
    processes = [writer(tmp_path, "grant", first, "30") for first in ("1000", "2000")]
    here = TinyAuthStore(state_dir=tmp_path)
    for number in range(20):
        here.grant(AuthorizedChat(chat=ChatId(number), name="here", since_unix_s=0.0))
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    expected = {*range(20), *range(1000, 1030, 2), *range(2000, 2030, 2)}
    assert {int(row.chat) for row in here.chats()} == expected
    assert {int(row.chat) for row in TinyAuthStore(state_dir=tmp_path).chats()} == expected
