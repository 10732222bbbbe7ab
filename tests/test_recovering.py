"""`ratcam recover`: what it does to a file, what it says, and what it leaves alone."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ratcam.errors import BadInputError, ExitStatus
from ratcam.recovering import recover_file, recover_files
from ratcam.store.instance_lock import InstanceLock
from tests.crash.clips import begin, gops_of, pictures_in
from tests.media.players import complaints, needs_ffmpeg
from tests.media.recordings import patched, top_boxes
from tests.pictures import stream

UNITS = stream(count=60, fps=30, gop=10)
RECORDING = begin(UNITS[0], frames=60)
GROWING = RECORDING.header() + b"".join(b"".join(RECORDING.append(gop)) for gop in gops_of(UNITS))
FINISHED = patched(GROWING, RECORDING.finish(None))
HEADER = len(RECORDING.header())
PROGRESSIVE = ["ftyp", "free", "moov", "free", "mdat"]


def saved(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def kinds(path: Path) -> list[str]:
    return [kind for kind, _ in top_boxes(path.read_bytes())]


@needs_ffmpeg
@pytest.mark.parametrize(("name", "result"), [("a.spool", "a.mp4"), ("a.b.broken", "a.b.mp4"), ("a.mp4", "a.mp4")])
def test_an_interrupted_recording_becomes_a_progressive_file_under_a_playable_name(
    tmp_path: Path, name: str, result: str
) -> None:
    path = saved(tmp_path / name, GROWING[:-100])
    cut = len(GROWING) - 100 - len(GROWING[: GROWING.rindex(b"moof") - 4])
    line = recover_file(path, to=None)
    final = tmp_path / result
    assert list(tmp_path.iterdir()) == [final]
    assert kinds(final) == PROGRESSIVE
    assert pictures_in(final.read_bytes(), UNITS) == 50
    assert complaints(final) == ""
    assert line.startswith(f"{path} -> {final}: " if name != result else f"{path}: ")
    assert "recovered 50 pictures, 1.67 s; " in line
    told = int(line.rpartition("; ")[2].split()[0])
    assert 0 <= told - cut < 4096 + 8, "the padding before the last GOP goes with it"


def test_a_recording_that_lacks_nothing_says_so(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.spool", GROWING)
    assert recover_file(path, to=None).endswith("recovered 60 pictures, 2.00 s; nothing had to be cut off")


def test_a_finished_file_is_left_alone_and_one_without_its_name_gets_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.mp4", FINISHED)
    before = path.stat().st_mtime_ns
    assert recover_file(path, to=None) == f"{path}: nothing to do, it is finished (60 pictures, 2.00 s)"
    copied = recover_file(path, to=tmp_path)
    assert copied == f"{path}: nothing to do, it is finished (60 pictures, 2.00 s), so it is not copied"
    assert path.stat().st_mtime_ns == before
    unnamed = saved(tmp_path / "b.spool", FINISHED)
    assert "was finished already" in recover_file(unnamed, to=None)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"a.mp4": FINISHED, "b.mp4": FINISHED}


@needs_ffmpeg
@pytest.mark.parametrize("cut", [1, 2000, len(FINISHED) // 2])
def test_a_finished_file_that_was_cut_short_plays_again(tmp_path: Path, cut: int) -> None:
    path = saved(tmp_path / "a.mp4", FINISHED[:-cut])
    assert complaints(path) != ""
    assert "that were not whole are cut off" in recover_file(path, to=None)
    assert complaints(path) == ""
    assert pictures_in(path.read_bytes(), UNITS) >= (60 - 10 if cut <= 2000 else 10)
    assert kinds(path) == PROGRESSIVE


@pytest.mark.parametrize("name", ["a.spool", "a.broken", "a.mp4"])
def test_a_copy_leaves_the_recording_as_it_is(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, GROWING[:-1])
    path.chmod(0o400)
    before = path.stat()
    target = tmp_path / "to"
    target.mkdir()
    line = recover_file(path, to=target)
    assert line.startswith(f"{path} -> {target / 'a.mp4'}: recovered 50 pictures")
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == (
        GROWING[:-1],
        before.st_mtime_ns,
        before.st_ino,
    )
    assert [file.name for file in target.iterdir()] == ["a.mp4"]
    assert pictures_in((target / "a.mp4").read_bytes(), UNITS) == 50


TAKEN: list[Callable[[Path], object]] = [lambda path: path.write_bytes(b"mine"), lambda path: path.symlink_to("no")]


@pytest.mark.parametrize("makes", TAKEN)
@pytest.mark.parametrize("copies", [False, True])
def test_no_file_is_ever_overwritten(tmp_path: Path, makes: Callable[[Path], object], *, copies: bool) -> None:
    path = saved(tmp_path / "a.spool", GROWING[:-1])
    target = tmp_path / "to"
    target.mkdir()
    taken = (target if copies else tmp_path) / "a.mp4"
    makes(taken)
    with pytest.raises(BadInputError, match=r"there is a .*a\.mp4 already"):
        recover_file(path, to=target if copies else None)
    assert path.read_bytes() == GROWING[:-1]
    assert taken.is_symlink() or taken.read_bytes() == b"mine"
    assert len(list(target.iterdir())) == copies


def test_a_link_is_followed_and_the_file_it_names_is_recovered(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    path = saved(tmp_path / "there" / "a.spool", GROWING)
    link = tmp_path / "link"
    link.symlink_to(path)
    recover_file(link, to=None)
    assert [file.name for file in (tmp_path / "there").iterdir()] == ["a.mp4"]


def test_what_cannot_be_recovered_is_refused_in_one_sentence_and_the_others_are_done(tmp_path: Path) -> None:
    good = [saved(tmp_path / name, GROWING) for name in ("first.spool", "last.spool")]
    headless = saved(tmp_path / "headless.spool", GROWING[:1000])
    pictureless = saved(tmp_path / "pictureless.spool", GROWING[:HEADER])
    foreign = saved(tmp_path / "foreign.mp4", b"\0\0\0\x18ftypmp42" + bytes(12) + b"\0\0\0\x08free" * 3)
    empty = saved(tmp_path / "empty.spool", b"")
    bad = [headless, pictureless, foreign, empty, tmp_path, tmp_path / "missing.spool"]
    os.mkfifo(tmp_path / "pipe")
    bad.append(tmp_path / "pipe")
    before = {path: path.read_bytes() for path in bad if path.is_file()}
    said: list[str] = []
    complained: list[str] = []
    paths = [good[0], *bad, good[1]]
    assert recover_files(paths, to=None, say=said.append, complain=complained.append) is ExitStatus.BAD_INPUT
    assert [line.split(" -> ")[0] for line in said] == [str(path) for path in good]
    assert len(complained) == len(bad)
    for line, path in zip(complained, bad, strict=True):
        assert line.startswith(f"ratcam: cannot recover {path}: ")
        assert "\n" not in line
    assert {path: path.read_bytes() for path in before} == before
    assert recover_files([tmp_path / "first.mp4"], to=None, say=said.append, complain=complained.append) is (
        ExitStatus.OK
    )


def test_a_target_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.spool", GROWING)
    with pytest.raises(BadInputError, match=f"cannot write in {tmp_path / 'missing'}: No such file"):
        recover_file(path, to=tmp_path / "missing")
    with pytest.raises(BadInputError, match="Not a directory"):
        recover_file(path, to=path)
    assert path.read_bytes() == GROWING


def test_a_recording_of_a_daemon_that_runs_is_not_touched_but_can_be_copied(tmp_path: Path) -> None:
    state = tmp_path / "state"
    clips = state / "media" / "clips"
    clips.mkdir(parents=True)
    state.chmod(0o700)
    path = saved(clips / "a.spool", GROWING[:-1])
    with InstanceLock(state_dir=state):
        with pytest.raises(BadInputError, match=f"it belongs to a ratcam that runs, as {state / 'lock'} is held"):
            recover_file(path, to=None)
        assert path.read_bytes() == GROWING[:-1]
        recover_file(path, to=tmp_path)
        assert path.read_bytes() == GROWING[:-1]
        assert pictures_in((tmp_path / "a.mp4").read_bytes(), UNITS) == 50
    recover_file(path, to=None)
    assert [file.name for file in clips.iterdir()] == ["a.mp4"]
    with InstanceLock(state_dir=state):
        pass  # the lock was let go again


def test_no_daemon_starts_while_one_of_its_recordings_is_mended(tmp_path: Path) -> None:
    """The lock is held: seen by a process that asks for it as the daemon does, in the middle of a recovery."""
    asks = (
        "import fcntl, os, sys\n"
        "held = os.open(sys.argv[1], os.O_RDWR)\n"
        "try:\n"
        "    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "except BlockingIOError:\n"
        "    sys.exit(7)\n"
    )
    state = tmp_path / "state"
    (state / "media").mkdir(parents=True)
    state.chmod(0o700)
    with InstanceLock(state_dir=state):
        pass
    path = saved(state / "media" / "a.spool", GROWING)
    found: list[int] = []
    real = os.pwrite

    def asking(descriptor: int, data: bytes, offset: int) -> int:
        found.append(subprocess.run([sys.executable, "-c", asks, str(state / "lock")], check=False).returncode)
        return real(descriptor, data, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", asking)
        recover_file(path, to=None)
    assert set(found) == {7}


def test_the_command_recovers_what_it_can_and_ends_with_status_2_for_the_rest(tmp_path: Path) -> None:
    good, bad = saved(tmp_path / "a.spool", GROWING), saved(tmp_path / "b.spool", b"junk")
    command = [sys.executable, "-m", "ratcam", "recover"]
    done = subprocess.run([*command, str(bad), str(good)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stdout == (
        f"{good} -> {good.with_suffix('.mp4')}: recovered 60 pictures, 2.00 s; nothing had to be cut off\n"
    )
    assert done.stderr.startswith(f"ratcam: cannot recover {bad}: ")
    assert len(done.stderr.splitlines()) == 1
    again = subprocess.run(
        [*command, "--to", str(tmp_path), str(good.with_suffix(".mp4"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing to do" in again.stdout


def test_a_rename_that_was_cut_short_is_gone_on_with(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.spool", GROWING)
    (tmp_path / "a.mp4").hardlink_to(path)
    assert "recovered 60 pictures" in recover_file(path, to=None)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert pictures_in((tmp_path / "a.mp4").read_bytes(), UNITS) == 60


@pytest.mark.parametrize("call", ["link", "unlink"])
def test_a_command_that_is_killed_while_it_renames_can_be_given_again(tmp_path: Path, call: str) -> None:
    path = saved(tmp_path / "a.spool", GROWING)
    program = (
        f"import os, sys\nfrom ratcam.cli import main\nos.{call} = lambda *_, **__: os._exit(9)\nmain(sys.argv[1:])"
    )
    command = [sys.executable, "-c", program, "recover", str(path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 9
    recover_file(path, to=None)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


def test_where_there_are_no_hard_links_the_name_is_given_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refusing)
    recover_file(saved(tmp_path / "a.spool", GROWING), to=None)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may change every folder")
def test_a_recording_in_a_folder_that_may_not_be_changed_is_left_as_it_is(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.spool", GROWING)
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(BadInputError, match="its folder may not be changed"):
            recover_file(path, to=None)
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == GROWING


def test_a_recording_whose_folder_says_no_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.spool", GROWING)

    def denying(*_: object) -> bool:
        return False

    monkeypatch.setattr(os, "access", denying)
    with pytest.raises(BadInputError, match="its folder may not be changed; to have a copy, give --to DIR"):
        recover_file(path, to=None)
    assert path.read_bytes() == GROWING


def test_a_result_may_have_the_longest_name_there_is(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    path = saved(tmp_path / ("n" * 249 + ".spool"), GROWING)
    recover_file(path, to=tmp_path / "to")
    assert [file.name for file in (tmp_path / "to").iterdir()] == ["n" * 249 + ".mp4"]


def test_a_file_of_somebody_else_that_is_called_lock_is_no_daemon_s(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.spool", GROWING)
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recover_file(path, to=None)
    assert (tmp_path / "a.mp4").exists()
