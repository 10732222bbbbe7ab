"""The muxer beside its peers: CPU time of whole processes on one stream, and of a frame in process.

Rounds are interleaved and minima taken: on a shared machine the least disturbed run says most. Peers that are not
installed are left out by name.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ratcam.media.mp4 import Mp4Recording
from ratcam.media.ring import TimedUnit
from tests.pictures import stream

SECONDS, FPS = 60, 30
ROUNDS = 5


def _write_stream(path: Path) -> None:
    """A minute of 720p30 at some 4 Mbit/s: ten seconds of noise encoded once, six times in a row."""
    pictures = stream(count=10 * FPS, fps=FPS, gop=FPS, width=1280, height=720)
    path.write_bytes(b"".join(picture.data for picture in pictures) * (SECONDS // 10))


def _cpu_ms(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _processes(folder: Path) -> dict[str, float]:
    source = folder / "in.h264"
    _write_stream(source)
    remux = (
        "import av,sys\n"
        "i=av.open(sys.argv[1],format='h264'); o=av.open(sys.argv[2],'w')\n"
        "s=o.add_stream_from_template(i.streams.video[0])\n"
        "for n,p in enumerate(i.demux(video=0)):\n"
        "    if p.size: p.stream=s; p.pts=p.dts=n; o.mux(p)\n"
        "o.close()"
    )
    commands = {
        "ratcam mux": [sys.executable, "-m", "ratcam", "mux", str(source), str(folder / "a.mp4"), "--fps", str(FPS)],
        "cp": ["cp", str(source), str(folder / "b")],
        "PyAV remux": [sys.executable, "-c", remux, str(source), str(folder / "d.mp4")],
    }
    if shutil.which("ffmpeg"):
        copy = ["ffmpeg", "-y", "-r", str(FPS), "-f", "h264", "-i", str(source), "-c", "copy"]
        commands["ffmpeg -c copy"] = [*copy, str(folder / "c.mp4")]
        commands["ffmpeg -c copy, index first"] = [*copy, "-movflags", "+faststart", str(folder / "e.mp4")]
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(ROUNDS):
        for name, command in commands.items():
            best[name] = min(best[name], _cpu_ms(command))
    return best


def _in_process(folder: Path) -> dict[str, float]:
    """Microseconds of CPU a frame: the recording of GOPs, and a bare writev of the same bytes."""
    units: tuple[TimedUnit, ...] = stream(count=10 * FPS, fps=FPS, gop=FPS, width=1280, height=720)
    gops = [units[start : start + FPS] for start in range(0, len(units), FPS)]
    best = {"recording": float("inf"), "writev": float("inf"), "finish (ms)": float("inf")}
    for _ in range(ROUNDS):
        descriptor = os.open(folder / "r.mp4", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        recording = Mp4Recording(first=units[0].data, created_unix_s=0, title="bench", expected_frames=len(units))
        began_s = time.process_time()
        os.write(descriptor, recording.header())
        for gop in gops:
            os.writev(descriptor, recording.append(gop))
        ended_s = time.process_time()
        for patch in recording.finish(None):
            os.pwrite(descriptor, patch.data, patch.offset)
        finished_s = time.process_time()
        os.lseek(descriptor, 0, os.SEEK_SET)
        bare_s = time.process_time()
        for gop in gops:
            os.writev(descriptor, [unit.data for unit in gop])
        done_s = time.process_time()
        os.close(descriptor)
        best["recording"] = min(best["recording"], 1e6 * (ended_s - began_s) / len(units))
        best["writev"] = min(best["writev"], 1e6 * (done_s - bare_s) / len(units))
        best["finish (ms)"] = min(best["finish (ms)"], 1e3 * (finished_s - ended_s))
    return best


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory(prefix="ratcam-bench-") as name:
        folder = Path(name)
        processes = _processes(folder)
        reference = processes.get("ffmpeg -c copy", processes["PyAV remux"])
        for peer, cpu_ms in sorted(processes.items(), key=lambda item: item[1]):
            print(f"{peer:30} {cpu_ms:8.1f} ms CPU  {cpu_ms / reference:5.2f} x ffmpeg -c copy (60 s of 720p30)")
        figures = _in_process(folder)
        ratio = figures["recording"] / figures["writev"]
        print(f"in process: {figures['recording']:.1f} us a frame, {ratio:.1f} x a bare writev", end="; ")
        print(f"finish {figures['finish (ms)']:.2f} ms")
