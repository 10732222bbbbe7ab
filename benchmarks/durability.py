"""What a recording costs a disk, beside its peers, and what its recovery costs after a crash.

A minute of video, some 30 MB in GOPs of a second, is written to an ext4 file system on a loop device, and the device
counts. Ratcam syncs every GOP. The others never do; what the kernel writes back by itself after 30 s is written back
here after 30 s of the video, because the video comes as fast as it is taken. Needs root, loop devices and mkfs.ext4;
what is missing is left out by name.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ratcam.media.recovery import recover
from ratcam.store.clip_files import DirectoryClipFiles
from tests.crash.clips import CAMERA, SEGMENT, begin, gops_of
from tests.crash.loop_image import Disk, DiskUse, NoDiskError, new_disk
from tests.pictures import Picture, stream

SECONDS, FPS = 60, 30
WIDTH, HEIGHT = 912, 512
DISK_MB = 256
WRITEBACK_S = 30
ROUNDS = 7
REMUX = (
    "import av,sys\n"
    "i=av.open(sys.stdin.buffer,format='h264')\n"
    "o=av.open(sys.argv[1],'w',options={'movflags':'+frag_keyframe+empty_moov'})\n"
    "s=o.add_stream_from_template(i.streams.video[0])\n"
    "for n,p in enumerate(i.demux(video=0)):\n"
    "    if p.size: p.stream=s; p.pts=p.dts=n; o.mux(p)\n"
    "o.close()"
)
Gops = Sequence[Sequence[Picture]]


def _minute() -> list[Picture]:
    """Four seconds of noise, over and over."""
    pictures = stream(count=4 * FPS, fps=FPS, gop=FPS, width=WIDTH, height=HEIGHT)
    again = [pictures[number % len(pictures)] for number in range(SECONDS * FPS)]
    return [Picture(number * 90_000 // FPS, unit.is_key, unit.data) for number, unit in enumerate(again)]


def _record(disk: Disk, units: Sequence[Picture]) -> int:
    """Write a clip from first to last; the bytes that finishing it writes."""
    recording, spool = begin(units[0], frames=len(units)), DirectoryClipFiles(disk.folder, CAMERA).create(SEGMENT)
    spool.append([recording.header()])
    for number, gop in enumerate(gops_of(units), start=1):
        spool.append(recording.append(gop))
        if number % WRITEBACK_S == 0:
            disk.sync()
    patches = recording.finish(None)
    for patch in patches:
        spool.patch(patch.offset, patch.data)
    spool.commit()
    return sum(len(patch.data) for patch in patches)


def _fed(*command: str) -> Callable[[Disk, Sequence[Picture]], int]:
    """A peer that reads the stream and writes OUT."""

    def run(disk: Disk, units: Sequence[Picture]) -> int:
        words = [str(disk.folder / "out.mp4") if word == "OUT" else word for word in command]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as peer:
            assert peer.stdin is not None
            for number, gop in enumerate(gops_of(units), start=1):
                peer.stdin.write(b"".join(unit.data for unit in gop))
                if number % WRITEBACK_S == 0:
                    disk.sync()
        if peer.returncode:
            raise subprocess.CalledProcessError(peer.returncode, words)
        return 0

    return run


def _writers() -> dict[str, Callable[[Disk, Sequence[Picture]], int]]:
    found = {
        "ratcam, a sync for each GOP": _record,
        "PyAV, fragments, no sync": _fed(sys.executable, "-c", REMUX, "OUT"),
    }
    if shutil.which("ffmpeg"):
        copy = ("ffmpeg", "-y", "-r", str(FPS), "-f", "h264", "-i", "pipe:0", "-c", "copy")
        found["ffmpeg, fragments, no sync"] = _fed(*copy, "-movflags", "+frag_keyframe+empty_moov", "OUT")
        found["ffmpeg, faststart, no sync"] = _fed(*copy, "-movflags", "+faststart", "OUT")
    else:
        print("left out: ffmpeg is not installed")
    return found


def _used(
    run: Callable[[Disk, Sequence[Picture]], int], units: Sequence[Picture], block_bytes: int
) -> tuple[DiskUse, int]:
    """What a new disk has done when all is on it, and what `run` returned."""
    with new_disk(megabytes=DISK_MB, block_bytes=block_bytes) as disk:
        disk.sync()
        before = disk.use()
        result = run(disk, units)
        disk.sync()
        return disk.use().since(before), result


def _recovery(units: Sequence[Picture]) -> None:
    """Print what recovering an interrupted minute costs."""
    recording = begin(units[0], frames=len(units))
    gops = gops_of(units)
    best_ms, best_cpu_ms = float("inf"), float("inf")
    with tempfile.TemporaryDirectory(prefix="ratcam-bench-") as name:
        path = Path(name) / "minute"
        with path.open("wb") as file:
            file.write(recording.header())
            for gop in gops:
                file.writelines(recording.append(gop))
        size = path.stat().st_size
        with path.open("rb", buffering=0) as file:
            read: list[int] = []

            def counting(offset: int, length: int) -> bytes:
                file.seek(offset)
                data = file.read(length)
                read.append(len(data))
                return data

            found = recover(counting, size)
            share = (sum(read) - sum(len(unit.data) for unit in gops[-1])) / size
            for _ in range(ROUNDS):
                began_s, began_cpu_s = time.perf_counter(), time.process_time()
                recover(counting, size)
                best_cpu_ms = min(best_cpu_ms, 1000 * (time.process_time() - began_cpu_s))
                best_ms = min(best_ms, 1000 * (time.perf_counter() - began_s))
    print(
        f"recovery of the unfinished minute: {found.frames} pictures in {best_ms:.1f} ms ({best_cpu_ms:.1f} ms CPU), "
        f"{100 * share:.2f} % of the file read besides the last GOP, "
        f"{sum(len(patch.data) for patch in found.patches) / 1e3:.1f} KB written"
    )


def main() -> None:
    """Print what the device counted, and the recovery's figures."""
    units = _minute()
    size = sum(len(unit.data) for unit in units)
    print(f"{SECONDS} s, {size / 1e6:.1f} MB, a key picture a second, to ext4 on a loop device")
    finish_bytes = 0
    try:
        for block_bytes in (1024, 4096):
            for writer, run in _writers().items():
                use, patched = _used(run, units, block_bytes)
                finish_bytes = patched or finish_bytes
                print(
                    f"{block_bytes} bytes a block: {writer:28} {use.bytes_written / size:6.3f} x the stream written, "
                    f"{use.writes:4} writes and {use.flushes:3} flushes a minute"
                )
    except NoDiskError as exc:
        print(f"left out: what is written to the disk {exc}")
    else:
        print(f"finishing the minute writes {finish_bytes / 1e3:.1f} KB")
    _recovery(units)


if __name__ == "__main__":
    main()
