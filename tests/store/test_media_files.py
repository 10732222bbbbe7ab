"""DirectoryMediaFiles: pictures are written whole, and only delivered files inside the folder are deleted."""

import logging
import stat
from pathlib import Path

import pytest

from ratcam.errors import StoreError
from ratcam.ports import MediaFiles
from ratcam.store.media_files import DirectoryMediaFiles


def test_a_photo_is_written_for_its_owner_only(tmp_path: Path) -> None:
    files: MediaFiles = DirectoryMediaFiles(directory=tmp_path / "media", keep_files=False)
    path = Path(files.save_photo("e1-a4", b"jpeg"))
    assert path == tmp_path / "media" / "e1-a4.jpg"
    assert path.read_bytes() == b"jpeg"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert files.save_photo("e1-a4.jpg", b"again") == str(path)
    assert [file.name for file in path.parent.iterdir()] == ["e1-a4.jpg"]
    assert path.read_bytes() == b"again"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/x", "a/b", ".hidden", "a\0b", "a\nb", "x" * 200])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError):
        DirectoryMediaFiles(directory=tmp_path, keep_files=False).save_photo(name, b"jpeg")
    assert list(tmp_path.iterdir()) == []


def test_a_photo_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot be written"):
        DirectoryMediaFiles(directory=tmp_path / "media", keep_files=False).save_photo("e1", b"jpeg")


def test_a_delivered_file_is_deleted_unless_files_are_kept(tmp_path: Path) -> None:
    kept = DirectoryMediaFiles(directory=tmp_path, keep_files=True)
    path = kept.save_photo("e1", b"jpeg")
    kept.discard(path)
    kept.discard(path)
    assert [file.relative_to(tmp_path) for file in tmp_path.rglob("*.jpg")] == [Path("kept/e1.jpg")]
    files = DirectoryMediaFiles(directory=tmp_path, keep_files=False)
    path = files.save_photo("e2", b"jpeg")
    files.discard(path)
    files.discard(path)
    files.discard(str(tmp_path / "no folder" / "x.mp4"))
    assert [file.name for file in tmp_path.rglob("*.jpg")] == ["e1.jpg"]


def test_nothing_outside_the_folder_is_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outside = tmp_path / "outside.mp4"
    outside.write_text("mine")
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    files = DirectoryMediaFiles(directory=folder, keep_files=False)
    with caplog.at_level(logging.WARNING):
        for path in (outside, folder / ".." / "outside.mp4", folder / "link" / "outside.mp4"):
            files.discard(str(path))
        files.discard(str(folder))
        files.discard("a\0b")
    assert outside.exists()
    assert folder.exists()
    assert len(caplog.records) == 5


@pytest.mark.parametrize("keeps", [False, True])
def test_a_clips_thumbnail_lies_beside_it_and_goes_with_it(tmp_path: Path, keeps: bool) -> None:
    files: MediaFiles = DirectoryMediaFiles(directory=tmp_path, keep_files=keeps)
    clip = tmp_path / "clips" / "kitchen~1800000000000~1~c1~1~m-e1+2.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"video")
    for jpeg in (b"first", b"again"):
        path = Path(files.save_thumbnail(str(clip), jpeg))
        assert path == clip.with_suffix(".jpg")
        assert path.read_bytes() == jpeg
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    files.discard(str(clip))
    left = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert left == ([tmp_path / "kept" / clip.name] if keeps else [])


def test_a_thumbnail_goes_also_where_the_clip_is_gone_already(tmp_path: Path) -> None:
    files = DirectoryMediaFiles(directory=tmp_path, keep_files=True)
    (tmp_path / "c.mp4").write_bytes(b"video")
    files.save_thumbnail(str(tmp_path / "c.mp4"), b"jpeg")
    (tmp_path / "c.mp4").unlink()
    files.discard(str(tmp_path / "c.mp4"))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


@pytest.mark.parametrize("name", ["../outside.mp4", "media/c.avi", "media/c", "media/missing/c.mp4", "media/a\0b.mp4"])
def test_a_thumbnail_that_has_no_place_is_an_error_in_words(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    with pytest.raises(StoreError):
        DirectoryMediaFiles(directory=folder, keep_files=False).save_thumbnail(str(tmp_path / name), b"jpeg")
    assert list(tmp_path.rglob("*.jpg")) == []
