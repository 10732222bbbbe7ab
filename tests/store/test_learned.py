"""What is learned of each camera: kept over a restart, never a reason to fail."""

import base64
import logging
import random
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.errors import StoreError
from ratcam.messages import CameraId
from ratcam.motion.kept_habits import Habits
from ratcam.ports import LearnedStore
from ratcam.store.learned import TinyLearnedStore

KITCHEN, GARDEN = CameraId("kitchen"), CameraId("garden")
ROOT = Path(__file__).parents[2]
KILLS = 8
WRITER = """
import itertools, sys
from pathlib import Path
from ratcam.messages import CameraId
from ratcam.motion.kept_habits import Habits
from ratcam.store.learned import TinyLearnedStore

store = TinyLearnedStore(state_dir=Path(sys.argv[1]))
for number in itertools.count(1):
    payload = bytes((number * step) % 256 for step in range(3000))
    store.save(CameraId("kitchen"), Habits(columns=number, rows=5, payload=payload))
    print(number, flush=True)
"""


def habits(payload: bytes = b"\0\x7f\xff", columns: int = 3, rows: int = 1) -> Habits:
    return Habits(columns=columns, rows=rows, payload=payload)


def record(camera: str, *, columns: object = 3, rows: object = 1, text: str | None = None) -> str:
    packed = base64.b64encode(zlib.compress(b"abc")).decode() if text is None else text
    columns_text, rows_text = str(columns), str(rows)
    return f'{{"camera":"{camera}","columns":{columns_text},"habits":"{packed}","rows":{rows_text}}}'


def write(folder: Path, *records: str) -> Path:
    lines = ",\n".join(f'"{number}": {text}' for number, text in enumerate(records, start=1))
    path = folder / "learned.json"
    path.write_text(f'{{"meta":{{"kind":"learned","schema":1}},"learned":{{{lines}}}}}')
    return path


def test_what_was_saved_is_there_after_a_restart_for_each_camera(tmp_path: Path) -> None:
    store: LearnedStore = TinyLearnedStore(state_dir=tmp_path)
    assert store.load(KITCHEN) is None
    store.save(KITCHEN, habits(b"first"))
    store.save(GARDEN, habits(b"", columns=80, rows=45))
    store.save(KITCHEN, habits(b"second", columns=120, rows=68))
    again = TinyLearnedStore(state_dir=tmp_path)
    assert again.load(KITCHEN) == habits(b"second", columns=120, rows=68)
    assert again.load(GARDEN) == habits(b"", columns=80, rows=45)
    assert again.load(CameraId("hall")) is None


@given(st.binary(max_size=2000), st.integers(1, 300), st.integers(1, 300))
@settings(max_examples=25, deadline=None)
def test_any_habits_come_back(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes, columns: int, rows: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    TinyLearnedStore(state_dir=folder).save(KITCHEN, habits(payload, columns, rows))
    assert TinyLearnedStore(state_dir=folder).load(KITCHEN) == habits(payload, columns, rows)


def test_the_same_again_is_not_written(tmp_path: Path) -> None:
    store = TinyLearnedStore(state_dir=tmp_path)
    store.save(KITCHEN, habits())
    before = (tmp_path / "learned.json").stat()
    store.save(KITCHEN, habits())
    TinyLearnedStore(state_dir=tmp_path).save(KITCHEN, habits())
    after = (tmp_path / "learned.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_the_habits_of_a_large_picture_take_little_room(tmp_path: Path) -> None:
    mostly_quiet = bytearray(120 * 68 * 4)
    mostly_quiet[5000:5400] = random.Random(1).randbytes(400)
    TinyLearnedStore(state_dir=tmp_path).save(KITCHEN, habits(bytes(mostly_quiet), 120, 68))
    assert (tmp_path / "learned.json").stat().st_size < 2000


@pytest.mark.parametrize(
    "bad",
    [
        record("kitchen", text="not base64!"),
        record("kitchen", text=base64.b64encode(b"not zlib").decode()),
        record("kitchen", text=base64.b64encode(zlib.compress(b"x" * 100)[:-3]).decode()),
        record("kitchen", text=base64.b64encode(zlib.compress(b"x") + b"more").decode()),
        record("kitchen", text=base64.b64encode(zlib.compress(b"x" * 100)[:-1] + b"\0").decode()),
        record("kitchen", text=base64.b64encode(zlib.compress(bytes(17 * 1024 * 1024))).decode()),
        record("kitchen", text=""),
        record("kitchen", columns=0),
        record("kitchen", rows=-1),
    ],
)
def test_a_damaged_record_is_left_out_with_a_line_in_the_log_and_the_others_stay(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str
) -> None:
    write(tmp_path, bad, record("garden"))
    store = TinyLearnedStore(state_dir=tmp_path)
    with caplog.at_level(logging.WARNING):
        assert store.load(KITCHEN) is None
    (line,) = caplog.messages
    assert "what was learned of kitchen is damaged" in line
    assert store.load(GARDEN) == habits(b"abc")
    store.save(KITCHEN, habits())
    assert store.load(KITCHEN) == habits()
    assert store.load(GARDEN) == habits(b"abc")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 500,
        b"{",
        b"\xff\xfe",
        b'{"meta":{"kind":"auth","schema":1},"auth":{}}',
        b'{"meta":{"kind":"learned","schema":1},"learned":{"1":{"camera":"kitchen"}}}',
        b'{"meta":{"kind":"learned","schema":1},"learned":{"1":{"camera":"k","columns":"3","habits":"","rows":1}}}',
    ],
)
def test_a_file_damaged_beyond_its_backup_is_put_aside_and_a_new_one_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    for name in ("learned.json", "learned.json.bak"):
        (tmp_path / name).write_bytes(content)
    store = TinyLearnedStore(state_dir=tmp_path)
    with caplog.at_level(logging.WARNING):
        assert store.load(KITCHEN) is None
        store.save(KITCHEN, habits())
    assert "is damaged" in caplog.text
    assert (tmp_path / "learned.json.damaged").read_bytes() == content
    assert TinyLearnedStore(state_dir=tmp_path).load(KITCHEN) == habits()


def test_a_damaged_file_with_a_good_backup_loses_only_the_last_change(tmp_path: Path) -> None:
    store = TinyLearnedStore(state_dir=tmp_path)
    store.save(KITCHEN, habits(b"hour 1"))
    store.save(KITCHEN, habits(b"hour 2"))
    (tmp_path / "learned.json").write_bytes(b"{")
    assert TinyLearnedStore(state_dir=tmp_path).load(KITCHEN) == habits(b"hour 1")


def test_a_newer_versions_file_is_left_alone(tmp_path: Path) -> None:
    newer = b'{"meta":{"kind":"learned","schema":99},"learned":{}}'
    (tmp_path / "learned.json").write_bytes(newer)
    store = TinyLearnedStore(state_dir=tmp_path)
    for action in (lambda: store.load(KITCHEN), lambda: store.save(KITCHEN, habits())):
        with pytest.raises(StoreError, match="newer Ratcam"):
            action()
    assert (tmp_path / "learned.json").read_bytes() == newer


def test_a_killed_writer_leaves_the_last_saved_habits_or_the_next(tmp_path: Path) -> None:
    choose = random.Random(5)
    for kill in range(KILLS):
        folder = tmp_path / str(kill)
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, "the writer said nothing"
        ends_s = time.monotonic() + choose.uniform(0, 0.05)
        while time.monotonic() < ends_s:
            pass  # busy: the moment of death is spread finer than a sleep could
        process.kill()
        said += process.stdout.read()
        process.communicate()
        last = int(said.split("\n")[-2])
        found = TinyLearnedStore(state_dir=folder).load(KITCHEN)
        assert found is not None
        assert found.columns in (last, last + 1)
        assert found.payload == bytes((found.columns * step) % 256 for step in range(3000))
        assert not list(folder.glob("*.corrupt-*"))
