"""A disk of one's own: an ext4 file system in a file, mounted by a loop device. Needs root and loop devices."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

IN_MEMORY = Path("/dev/shm")
SECTOR_BYTES = 512


class NoDiskError(Exception):
    """There can be no such disk here; says what it needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskUse:
    """What a block device has done since it was attached."""

    writes: int
    bytes_written: int
    flushes: int

    def since(self, before: "DiskUse") -> "DiskUse":
        return DiskUse(
            writes=self.writes - before.writes,
            bytes_written=self.bytes_written - before.bytes_written,
            flushes=self.flushes - before.flushes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A mounted file system, and the file that is its device."""

    image: Path
    folder: Path

    def use(self) -> DiskUse:
        """From the kernel's own count (Documentation/block/stat.rst)."""
        device = self.folder.stat().st_dev
        fields = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text().split()
        return DiskUse(writes=int(fields[4]), bytes_written=int(fields[6]) * SECTOR_BYTES, flushes=int(fields[15]))

    def sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        subprocess.run(["sync", "-f", str(self.folder)], check=True)


@contextlib.contextmanager
def scratch() -> Generator[Path]:
    """A folder in memory where there is room: what a test copies there is no load on a real disk."""
    where = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="ratcam-crash-", dir=where) as name:
        yield Path(name)


def make_image(image: Path, *, megabytes: int, block_bytes: int) -> None:
    """A file with an empty ext4 file system in it, as mkfs makes it, but with nothing reserved for root.

    Blocks of 1 KiB are what mkfs takes below 512 MB by itself, 4 KiB what it takes for larger disks.

    Raises:
        NoDiskError: there is no mkfs.ext4.
    """
    if shutil.which("mkfs.ext4") is None:
        raise NoDiskError("needs mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    options = ("-q", "-F", "-b", str(block_bytes), "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0")
    subprocess.run(["mkfs.ext4", *options, str(image)], check=True, capture_output=True)


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Generator[Disk]:
    """Mount an image, in whatever state it is; the device is let go with the mount.

    Raises:
        NoDiskError: this is not root, or there is no loop device.
    """
    if os.geteuid():
        raise NoDiskError("needs root for a loop device")
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", str(image), str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoDiskError(f"needs a loop device: {done.stderr.strip()}")
    try:
        yield Disk(image=image, folder=folder)
    finally:
        _unmount(folder)


def _unmount(folder: Path) -> None:
    """Unmount; what a failed test still holds open goes with its last descriptor, but is no success."""
    done = subprocess.run(["umount", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        raise AssertionError(done.stderr)


@contextlib.contextmanager
def new_disk(*, megabytes: int, block_bytes: int = 4096) -> Generator[Disk]:
    """An empty disk that goes without a trace."""
    with scratch() as folder:
        make_image(folder / "image", megabytes=megabytes, block_bytes=block_bytes)
        with mounted(folder / "image", folder / "disk") as disk:
            yield disk


@contextlib.contextmanager
def new_memory_disk(folder: Path, *, kilobytes: int) -> Generator[Path]:
    """An empty tmpfs.

    Raises:
        NoDiskError: this is not root, or none can be mounted.
    """
    if os.geteuid():
        raise NoDiskError("needs root to mount a tmpfs")
    folder.mkdir()
    options = f"size={kilobytes}k,mode=700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        raise NoDiskError("needs a mount of tmpfs")
    try:
        yield folder
    finally:
        _unmount(folder)
