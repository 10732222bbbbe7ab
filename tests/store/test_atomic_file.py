"""Files replaced as a whole: what stays when a step of it fails, and on file systems without hard links."""

import errno
import os
from pathlib import Path

import pytest

from ratcam.store.atomic_file import make_private_dir, read_file, replace_file, signature_of


def refuse(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


def break_down(*_arguments: object, **_options: object) -> None:
    raise OSError(errno.EIO, "Input/output error")


def test_the_signature_is_that_of_the_file_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert signature_of(path) is None
    assert read_file(path, limit_bytes=10) is None
    first = replace_file(path, b"one")
    assert read_file(path, limit_bytes=3) == (b"one", first)
    assert signature_of(path) == first
    second = replace_file(path, b"two")
    assert signature_of(path) == second != first


def test_the_backup_is_the_content_before(tmp_path: Path) -> None:
    path, backup = tmp_path / "file", tmp_path / "file.bak"
    for content in (b"one", b"two", b"three"):
        replace_file(path, content, backup=backup)
    assert (path.read_bytes(), backup.read_bytes()) == (b"three", b"two")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "file.bak"]


def test_a_crash_between_backup_and_rename_costs_nothing(tmp_path: Path) -> None:
    path, backup = tmp_path / "file", tmp_path / "file.bak"
    replace_file(path, b"one", backup=backup)
    os.link(path, backup)
    os.link(path, tmp_path / ".file.bak.tmp")
    os.link(path, tmp_path / ".file.tmp")  # as after a power cut: the temporary file is the file itself
    replace_file(path, b"two", backup=backup)
    assert (path.read_bytes(), backup.read_bytes()) == (b"two", b"one")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "file.bak"]


def test_without_hard_links_the_backup_is_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, backup = tmp_path / "file", tmp_path / "file.bak"
    monkeypatch.setattr(os, "link", refuse)
    for content in (b"one", b"two"):
        replace_file(path, content, backup=backup)
    assert (path.read_bytes(), backup.read_bytes()) == (b"two", b"one")


@pytest.mark.parametrize("call", ["write", "fsync", "link"])
def test_a_step_that_fails_leaves_the_old_content_and_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path, backup = tmp_path / "file", tmp_path / "file.bak"
    replace_file(path, b"one", backup=backup)
    with monkeypatch.context() as broken:
        broken.setattr(os, call, break_down)
        with pytest.raises(OSError, match="Input/output error"):
            replace_file(path, b"two", backup=backup)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("file", b"one")]


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))  # pyright: ignore
    replace_file(tmp_path / "file", b"0123456789")
    assert (tmp_path / "file").read_bytes() == b"0123456789"


def test_a_directory_that_exists_keeps_its_rights(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    make_private_dir(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o750
