"""SafeJsonStorage under a real TinyDB: what is committed, what is not, and what damage does."""

import json
import os
import stat
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tinydb import TinyDB
from tinydb.table import Document

from ratcam.errors import StoreError
from ratcam.store.json_format import Tables
from ratcam.store.safe_json import SafeJsonStorage


class Things(Protocol):
    """The part of TinyDB that these tests use, with types: TinyDB's own are bare Mappings."""

    def all(self) -> list[Document]: ...
    def insert(self, document: Mapping[str, object]) -> int: ...
    def insert_multiple(self, documents: Iterable[Mapping[str, object]]) -> list[int]: ...
    def update(self, fields: Callable[[MutableMapping[str, Any]], None]) -> list[int]: ...
    def table(self, name: str) -> "Things": ...


def open_db(path: Path, check: Callable[[Tables], None] = lambda _: None) -> Things:
    return cast("Things", TinyDB(path, storage=SafeJsonStorage, kind="things", check=check))


def documents(db: Things) -> list[dict[str, Any]]:
    return [dict(document) for document in db.all()]


def raise_half_way(document: MutableMapping[str, Any]) -> None:
    document["role"] = "admin"
    if document["name"] == "b":
        raise RuntimeError("half-way")


def test_the_file_is_readable_json_with_one_document_a_line(tmp_path: Path) -> None:
    db = open_db(tmp_path / "things.json")
    db.table("things").insert({"name": "Änne", "chat": -5})
    db.table("things").insert({"name": "b", "chat": 7})
    assert (tmp_path / "things.json").read_text() == (
        '{\n"meta": {"kind":"things","schema":1},\n"things": {\n'
        '"1": {"chat":-5,"name":"Änne"},\n"2": {"chat":7,"name":"b"}\n}\n}\n'
    )


def test_files_are_of_their_owner_only_and_no_temporary_file_stays(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "state"
    db = open_db(directory / "things.json")
    db.insert({"n": 1})
    db.insert({"n": 2})
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in directory.iterdir()} == {
        "things.json": 0o600,
        "things.json.bak": 0o600,
        "things.json.lock": 0o600,
    }


def test_an_update_that_raises_half_way_leaves_the_store_unchanged(tmp_path: Path) -> None:
    db = open_db(tmp_path / "things.json")
    db.insert_multiple({"name": name, "role": "guest"} for name in "abc")
    text = (tmp_path / "things.json").read_bytes()
    with pytest.raises(RuntimeError):
        db.update(raise_half_way)
    assert {document["role"] for document in db.all()} == {"guest"}
    db.insert({"name": "d", "role": "guest"})
    assert {document["role"] for document in open_db(tmp_path / "things.json").all()} == {"guest"}
    assert (tmp_path / "things.json.bak").read_bytes() == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}])
def test_what_is_not_json_is_refused_and_the_next_insert_works(tmp_path: Path, value: object) -> None:
    db = open_db(tmp_path / "things.json")
    db.insert({"n": 1})
    with pytest.raises(StoreError, match="cannot be stored"):
        db.insert({"n": value})
    db.insert({"n": 2})
    assert documents(db) == documents(open_db(tmp_path / "things.json")) == [{"n": 1}, {"n": 2}]


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=20) | st.integers() | st.booleans() | st.none(), max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_every_json_document_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    path = tmp_path_factory.mktemp("s") / "things.json"
    open_db(path).insert(document)
    assert documents(open_db(path)) == [document]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\0" * 300,
        b"{",
        b"[]",
        b"nonsense",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"meta":{"schema":1}}',
        b'{"a":1,"a":1}',
    ],
)
def test_a_damaged_file_is_moved_aside_and_the_backup_is_in_force(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "things.json"
    db = open_db(path)
    db.insert({"n": 1})
    db.insert({"n": 2})
    path.write_bytes(damage)
    assert documents(open_db(path)) == [{"n": 1}]
    assert documents(db) == [{"n": 1}]
    (aside,) = tmp_path.glob("things.json.corrupt-*Z")
    assert aside.read_bytes() == damage
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    db.insert({"n": 3})
    assert documents(open_db(path)) == [{"n": 1}, {"n": 3}]


def test_every_prefix_of_a_file_is_recognised_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    db = open_db(path)
    db.insert({"n": 1})
    db.insert({"n": 2})
    whole = path.read_bytes()
    assert whole.endswith(b"\n}\n")
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        assert documents(open_db(path)) == [{"n": 1}], length
    assert len(list(tmp_path.glob("*.corrupt-*"))) == len(whole) - 1


def test_two_damaged_files_are_an_error_that_says_what_to_do_and_nothing_is_in_force(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    db = open_db(path)
    db.insert({"n": 1})
    db.insert({"n": 2})
    path.write_bytes(b"{")
    (tmp_path / "things.json.bak").write_bytes(b"}")
    for action in (db.all, lambda: db.insert({"n": 3})):
        with pytest.raises(StoreError, match=rf"damaged .*Nothing in it is in force.*mv {path} {path}.damaged; rm -f"):
            action()
    assert path.read_bytes() == b"{"
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_a_damaged_file_without_backup_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    open_db(path).insert({"n": 1})
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="there is no backup"):
        open_db(path).all()


def test_an_old_backup_does_not_come_back_after_the_file_was_removed(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    db = open_db(path)
    db.insert({"n": "old"})
    db.insert({"n": "older"})
    path.unlink()
    assert documents(db) == []
    db.insert({"n": "new"})
    path.write_bytes(b"{")
    with pytest.raises(StoreError, match="there is no backup"):
        db.all()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    open_db(path).insert({"n": 1})
    content = json.loads(path.read_text())
    content["meta"]["schema"] = 2
    newer = json.dumps(content)
    path.write_text(newer)
    db = open_db(path)
    for action in (db.all, lambda: db.insert({"n": 3})):
        with pytest.raises(StoreError, match="newer Ratcam"):
            action()
    assert path.read_text() == newer
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_content_that_the_owner_does_not_accept_is_damage_and_is_not_written(tmp_path: Path) -> None:
    def check(tables: Tables) -> None:
        if any("bad" in row for table in tables.values() for row in table.values()):
            raise ValueError("bad row")

    path = tmp_path / "things.json"
    db = open_db(path, check)
    db.insert({"n": 1})
    with pytest.raises(StoreError, match="bad row"):
        db.insert({"bad": 1})
    assert documents(db) == [{"n": 1}]
    path.write_text(path.read_text().replace('"n"', '"bad"'))
    with pytest.raises(StoreError, match="damaged"):
        db.all()


def test_another_objects_change_is_seen(tmp_path: Path) -> None:
    one, other = open_db(tmp_path / "things.json"), open_db(tmp_path / "things.json")
    one.insert({"n": 1})
    assert documents(other) == [{"n": 1}]
    one.insert({"n": 2})
    assert documents(other) == [{"n": 1}, {"n": 2}]


def test_a_change_behind_the_lock_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "things.json"
    storage = SafeJsonStorage(path, kind="things")
    storage.write({"things": {"1": {"n": 1}}})
    tables = storage.read() or {}
    edited = path.read_text().replace('"n":1', '"n":99')
    path.write_text(edited)
    with pytest.raises(StoreError, match="changed by somebody else"):
        storage.write({**tables, "more": {}})
    assert path.read_text() == edited
    assert (storage.read() or {})["things"]["1"] == {"n": 99}


@pytest.mark.parametrize("name", ["things.json", ".things.json.tmp", "things.json.lock"])
def test_a_planted_symbolic_link_is_not_followed(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    directory = tmp_path / "state"
    directory.mkdir()
    (directory / name).symlink_to(victim)
    db = open_db(directory / "things.json")
    if name == ".things.json.tmp":
        db.insert({"n": 1})
        assert documents(db) == [{"n": 1}]
    else:
        with pytest.raises(StoreError):
            db.insert({"n": 1})
    assert victim.read_text() == "mine"


def test_a_pipe_in_the_files_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "things.json")
    with pytest.raises(StoreError, match="not a regular file"):
        open_db(tmp_path / "things.json").all()


def test_a_file_that_is_too_long_is_refused(tmp_path: Path) -> None:
    storage = SafeJsonStorage(tmp_path / "things.json", kind="things", limit_bytes=200)
    storage.write({"things": {"1": {"n": 1}}})
    with pytest.raises(StoreError, match="longer than 200 bytes"):
        storage.write({"things": {"1": {"n": "x" * 200}}})
    assert (storage.read() or {})["things"]["1"] == {"n": 1}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write for others")
def test_what_root_writes_belongs_to_the_directorys_owner(tmp_path: Path) -> None:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    os.chown(directory, 12345, 23456)
    db = open_db(directory / "things.json")
    db.insert({"n": 1})
    db.insert({"n": 2})
    assert {(file.stat().st_uid, file.stat().st_gid) for file in directory.iterdir()} == {(12345, 23456)}
