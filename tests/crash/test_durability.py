"""What is synced, and when: the order of a writer's system calls, as strace sees them.

The order is what makes a recording safe from power cuts, and no file that a test can read afterwards shows it.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.clips import save_units
from tests.pictures import stream

ROOT = Path(__file__).parents[2]
UNITS = stream(count=40, fps=10, gop=10)
CALLS = (
    "mkdir,openat,writev,write,pwrite64,fdatasync,fsync,sync_file_range,ftruncate,"
    "link,linkat,rename,renameat,renameat2,unlink"
)
_LINE = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)\) += (-?\d+)")
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


@pytest.fixture(name="folder")
def make_folder(tmp_path: Path) -> Path:
    save_units(UNITS, tmp_path / "units")
    return tmp_path / "state" / "clips"


def run(folder: Path, action: str, *before: str) -> None:
    command = [*before, sys.executable, "-m", "tests.crash.one_clip", str(folder), str(folder.parents[1] / "units")]
    subprocess.run([*command, action], cwd=ROOT, check=True, capture_output=True, timeout=60)


def traced(folder: Path, action: str) -> list[str]:
    """What a process does with a folder and the files in it, a call a word or two, in order.

    "folder" stands for the folder itself, "above" for the one it is in; a write of one byte is told apart.
    """
    log = folder.parents[1] / "strace"
    run(folder, action, "strace", "-f", "-y", "-o", str(log), "-e", f"trace={CALLS}")
    found: list[str] = []
    for line in log.read_text().splitlines():
        match = _LINE.match(line)
        if match is None or str(folder.parents[1]) not in line or match[3] == "-1":
            continue
        call, arguments, result = match.groups()
        if call == "openat":
            if "O_CREAT" in arguments:
                found.append("create")
            continue
        if call in ("mkdir", "unlink"):
            found.append(f"{call} {Path(arguments.split(chr(34))[1]).name}")
            continue
        subject = ""
        for place, name in ((folder, " folder"), (folder.parent, " state"), (folder.parents[1], " above")):
            if f"<{place}>" in arguments:
                subject = name
        if call == "pwrite64":
            subject = " byte" if result == "1" else ""
        found.append(f"{call}{subject}")
    return found


FINISH = ["pwrite64", "fdatasync", "pwrite64 byte", "fdatasync"]
NAME = ["fdatasync", "rename", "fsync folder"]


def test_a_name_is_on_disk_before_the_first_byte_and_every_write_before_the_next(folder: Path) -> None:
    assert traced(folder, "write") == [
        *("mkdir state", "fsync above", "mkdir clips", "fsync state"),
        *("create", "fsync folder"),
        *("writev", "fdatasync"),  # the header, with the room for the index
        *("writev", "fdatasync") * 4,  # one write and one sync for each GOP
        *FINISH,
        *NAME,
    ]


def test_the_room_for_the_index_is_written_not_skipped(folder: Path) -> None:
    run(folder, "leave")
    (path,) = folder.iterdir()
    status = path.stat()
    assert status.st_blocks * 512 >= status.st_size


def test_what_was_cut_off_is_gone_from_the_disk_before_an_index_is_written(folder: Path) -> None:
    run(folder, "leave")
    assert traced(folder, "recover") == ["ftruncate", "fdatasync", *FINISH, *NAME]


def test_a_file_that_a_killed_writer_had_finished_is_synced_before_it_gets_its_name(folder: Path) -> None:
    run(folder, "finish")
    assert traced(folder, "recover") == NAME


def test_a_recovery_by_hand_keeps_the_same_order(folder: Path) -> None:
    run(folder, "leave")
    (spool,) = folder.iterdir()
    name = ["fdatasync", "link", "fsync folder", f"unlink {spool.name}", "fsync folder"]
    assert traced(folder, "by-hand") == ["ftruncate", "fdatasync", *FINISH, *name]


def test_a_second_clip_makes_no_folder_and_syncs_no_other_one(folder: Path) -> None:
    run(folder, "write")
    assert traced(folder, "write")[:4] == ["create", "fsync folder", "writev", "fdatasync"]
