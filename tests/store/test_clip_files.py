"""DirectoryClipFiles: names that survive without a database, whole writes, and what a crash left behind."""

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.messages import CameraId, ChatId, ClipCause, ClipId, EventId, RunId, Segment
from ratcam.ports import ClipFiles, SpoolFile
from ratcam.store.clip_files import BROKEN_KEPT, DirectoryClipFiles, file_stem, segment_of

KITCHEN = CameraId("kitchen-1_a")
SEGMENT = Segment(
    camera=KITCHEN,
    run_id=RunId(3),
    clip_id=ClipId("0a1b2c3d"),
    part=2,
    cause=ClipCause(event_id=EventId("e1")),
    started_unix_s=1_800_000_000.25,
)


@pytest.fixture(name="files")
def make_files(tmp_path: Path) -> ClipFiles:
    return DirectoryClipFiles(tmp_path / "clips", KITCHEN)


@given(
    st.integers(0, 2**40),
    st.integers(1, 10**6),
    st.one_of(
        st.integers(-(2**52), 2**52).map(lambda chat: ClipCause(chat=ChatId(chat))),
        st.text("0123456789abcdef", min_size=1).map(lambda event: ClipCause(event_id=EventId(event))),
    ),
)
def test_a_name_holds_all_that_is_known_of_a_segment(started_ms: int, part: int, cause: ClipCause) -> None:
    segment = replace(SEGMENT, part=part, cause=cause, started_unix_s=started_ms / 1000)
    stem = file_stem(segment)
    assert segment_of(stem) == segment
    assert segment_of(f"{stem}+2") == segment
    assert "/" not in stem


@pytest.mark.parametrize("name", ["", "notes", "a~b~c", "a~x~1~c~1~m-e", "a~1~1~c~x~m-e", "a~1~1~c~1~rx", "~" * 5])
def test_other_names_are_nobody_s_segment(name: str) -> None:
    assert segment_of(name) is None


def test_a_file_is_private_appended_patched_and_committed_under_its_final_name(
    files: ClipFiles, tmp_path: Path
) -> None:
    spool = files.create(SEGMENT)
    spool.append([b"abc", memoryview(b"def")])
    spool.append([b"ghi"])
    spool.patch(1, b"XY")
    assert spool.read(0, 100) == b"aXYdefghi"
    assert spool.read(6, 2) == b"gh"
    path, size = spool.commit()
    assert (Path(path).read_bytes(), size, Path(path).suffix) == (b"aXYdefghi", 9, ".mp4")
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "clips").stat().st_mode) == 0o700
    assert len(list((tmp_path / "clips").iterdir())) == 1


def test_more_buffers_than_one_writev_takes_are_all_written(files: ClipFiles) -> None:
    spool = files.create(SEGMENT)
    spool.append([bytes([number % 251]) * 3 for number in range(5000)])
    assert spool.read(0, 20_000) == b"".join(bytes([number % 251]) * 3 for number in range(5000))


def test_a_name_that_is_taken_gets_a_number(files: ClipFiles) -> None:
    paths: set[str] = set()
    for _ in range(3):
        spool = files.create(SEGMENT)
        spool.append([b"x"])
        paths.add(spool.commit()[0])
    unfinished = files.create(SEGMENT), files.create(SEGMENT)
    assert len(paths) == 3
    paths |= {spool.commit()[0] for spool in unfinished}
    assert len(paths) == 5
    assert {segment_of(Path(path).stem) for path in paths} == {SEGMENT}


def test_what_is_left_is_found_again_oldest_first_and_nothing_else(files: ClipFiles, tmp_path: Path) -> None:
    later = replace(SEGMENT, started_unix_s=SEGMENT.started_unix_s + 60, part=1)
    for segment, is_finished in ((later, False), (SEGMENT, True)):
        spool = files.create(segment)
        spool.append([b"12345"])
        if is_finished:
            spool.commit()
    folder = tmp_path / "clips"
    (folder / "notes.txt").write_text("mine")
    (folder / "holiday.mp4").write_text("mine")
    other = DirectoryClipFiles(folder, CameraId("garden"))
    other.create(replace(SEGMENT, camera=CameraId("garden")))
    again = DirectoryClipFiles(folder, KITCHEN)
    assert [(segment, size) for segment, _, size in again.leftovers()] == [(SEGMENT, 5), (later, 5)]
    for _, spool, _ in again.leftovers():
        spool.truncate(3)
        path, size = spool.commit()
        assert (Path(path).suffix, size) == (".mp4", 3)
    assert sorted(path.suffix for path in folder.iterdir()) == [".mp4", ".mp4", ".mp4", ".spool", ".txt"]


def test_a_link_or_folder_with_a_segment_s_name_is_left_alone(files: ClipFiles, tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    (tmp_path / "mine").write_text("not yours")
    (folder / (file_stem(SEGMENT) + ".spool")).symlink_to(tmp_path / "mine")
    (folder / (file_stem(replace(SEGMENT, part=7)) + ".mp4")).mkdir()
    assert list(files.leftovers()) == []
    assert (tmp_path / "mine").read_text() == "not yours"


def test_no_folder_means_nothing_is_left(files: ClipFiles) -> None:
    assert list(files.leftovers()) == []


def test_what_cannot_be_played_is_kept_under_another_name(files: ClipFiles) -> None:
    spool = files.create(SEGMENT)
    spool.append([b"junk"])
    kept = Path(files.set_aside(spool))
    assert (kept.suffix, kept.read_bytes()) == (".broken", b"junk")
    assert list(files.leftovers()) == []


def test_only_the_newest_broken_files_of_the_camera_are_kept(files: ClipFiles, tmp_path: Path) -> None:
    garden = CameraId("garden")
    other = DirectoryClipFiles(tmp_path / "clips", garden)
    theirs = other.set_aside(other.create(replace(SEGMENT, camera=garden, started_unix_s=1.0)))
    for number in (3, 1, 2, 8, 7, 6, 5, 4):
        files.set_aside(files.create(replace(SEGMENT, started_unix_s=float(number))))
    kept = {path.name for path in (tmp_path / "clips").iterdir()}
    assert kept == {
        Path(theirs).name,
        *(file_stem(replace(SEGMENT, started_unix_s=float(number))) + ".broken" for number in range(4, 9)),
    }
    assert len(kept) == 1 + BROKEN_KEPT


def test_a_file_whose_commit_fails_can_still_be_set_aside_and_is_closed(files: ClipFiles, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    spool = files.create(SEGMENT)
    spool.append([b"x"])
    (tmp_path / "clips" / (file_stem(SEGMENT) + ".mp4")).mkdir()
    with pytest.raises(OSError, match="directory"):
        spool.commit()
    assert Path(files.set_aside(spool)).read_bytes() == b"x"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_that_is_closed_reaches_no_other_that_has_its_number_now(files: ClipFiles, tmp_path: Path) -> None:
    spool = files.create(SEGMENT)
    spool.append([b"x"])
    spool.commit()
    mine = tmp_path / "mine"
    descriptor = os.open(mine, os.O_RDWR | os.O_CREAT)  # the lowest number that is free: the spool's
    try:
        os.write(descriptor, b"not yours")
        uses: list[Callable[[], object]] = [
            lambda: spool.truncate(0),
            lambda: spool.patch(0, b"y"),
            lambda: spool.append([b"y"]),
            lambda: spool.read(0, 1),
            spool.commit,
        ]
        for use in uses:
            with pytest.raises(OSError, match="Bad file descriptor"):
                use()
    finally:
        os.close(descriptor)
    assert mine.read_bytes() == b"not yours"


def test_a_folder_that_cannot_be_synced_leaves_no_file(
    files: ClipFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.create(SEGMENT)
    before = len(list(Path("/proc/self/fd").iterdir()))

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="Input/output"):
        files.create(replace(SEGMENT, part=9))
    assert [path.name for path in (tmp_path / "clips").iterdir()] == [f"{file_stem(SEGMENT)}.spool"]
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_with_its_final_name_is_committed_also_if_the_folder_cannot_be_synced(
    files: ClipFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = files.create(SEGMENT)
    spool.append([b"whole"])

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fails)
    path, size = spool.commit()
    assert (Path(path).read_bytes(), size) == (b"whole", 5)
    assert [found.name for found in (tmp_path / "clips").iterdir()] == [f"{file_stem(SEGMENT)}.mp4"]
    assert "may not outlast a power cut: [Errno 5] Input/output error" in caplog.text


def test_leftovers_are_opened_one_at_a_time(files: ClipFiles) -> None:
    for part in range(1, 31):
        files.create(replace(SEGMENT, part=part)).append([b"x"])
    left = files.leftovers()
    next(left)
    first = len(list(Path("/proc/self/fd").iterdir()))
    assert {len(list(Path("/proc/self/fd").iterdir())) for _ in left} == {first}
    assert len(list(Path("/proc/self/fd").iterdir())) == first - 1


def test_a_leftover_that_is_deleted_meanwhile_is_left_out(files: ClipFiles, caplog: pytest.LogCaptureFixture) -> None:
    paths: list[str] = []
    for part in range(1, 4):
        spool = files.create(replace(SEGMENT, part=part))
        spool.append([b"x"])
        paths.append(spool.commit()[0])
    left = files.leftovers()
    next(left)
    Path(paths[1]).unlink()
    assert [segment.part for segment, _, _ in left] == [3]
    assert caplog.text == ""


def test_a_leftover_that_cannot_be_opened_is_said_and_left_out(
    files: ClipFiles, caplog: pytest.LogCaptureFixture
) -> None:
    for part in (1, 2):
        spool = files.create(replace(SEGMENT, part=part))
        spool.append([b"x"])
        spool.commit()
    left = files.leftovers()
    lowest_free = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest_free)
    assert next(left)[0].part == 1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        rest = list(left)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert rest == []
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert f"{file_stem(replace(SEGMENT, part=2))}.mp4 cannot be opened" in caplog.text


def test_files_of_an_earlier_incarnation_are_closed(files: ClipFiles) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    left = files.create(SEGMENT)
    left.append([b"x"])
    for _, spool, _ in files.leftovers():
        spool.commit()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


LIMITED = """
import resource, sys
from pathlib import Path
from ratcam.store.clip_files import DirectoryClipFiles
from tests.store.test_clip_files import KITCHEN, SEGMENT
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
spool = DirectoryClipFiles(Path(sys.argv[1]), KITCHEN).create(SEGMENT)
spool.append([b"a" * 9_000])
try:
    spool.append([b"b" * 700, b"c" * 700])
except OSError as exc:
    print("refused", exc.errno)
print(len(spool.read(0, 20_000)))
"""


def test_a_disk_that_takes_a_part_only_is_an_error(tmp_path: Path) -> None:
    assert resource.RLIMIT_FSIZE is not None
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["refused", "27", "10000"]


def test_a_spool_of_somebody_else_is_a_bug(files: ClipFiles) -> None:
    class Foreign:
        def append(self, buffers: object) -> None: ...
        def patch(self, offset: int, data: bytes) -> None: ...
        def truncate(self, size: int) -> None: ...
        def read(self, offset: int, size: int) -> bytes:
            return b""

        def commit(self) -> tuple[str, int]:
            return "", 0

    spool: SpoolFile = Foreign()
    with pytest.raises(TypeError):
        files.set_aside(spool)
