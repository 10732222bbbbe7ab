"""`ratcam mux` beside its peers: CPU time and peak memory of whole processes, on a minute of 720p30 and on ten.

Rounds are interleaved and minima taken: on a shared machine the least disturbed run says most. Peers that are not
installed are left out by name. Files are in memory where that is possible, so that the disk has no say.
"""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import json
import os
import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

FPS, GOP = 30, 30
SECONDS = 10
"""What is encoded; the streams are this many times over."""
BIT_RATE = 4_000_000
ROUNDS = {60: 11, 600: 4}
"""Rounds for the streams of so many seconds."""
BARS = {60: 0.35, 600: 0.60}
"""CPU time at most, as a part of that of ffmpeg -c copy."""
MEMORY_BAR_KB = 4096
"""Above the stream reader."""
REFERENCE, READER, OURS = "ffmpeg -c copy", "stream reader", "ratcam mux"
STAND_IN = "PyAV remux"
"""What is compared with where the reference is not installed; the bars say nothing then."""
SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30

_READ = """
import re, os, sys
start, window, file = re.compile(b"\\0\\0\\1"), bytearray(1 << 20), os.open(sys.argv[1], os.O_RDONLY)
while os.readv(file, [window]):
    for found in start.finditer(window):
        pass
"""
_REMUX = """
import av, sys
source, target = av.open(sys.argv[1], format="h264"), av.open(sys.argv[2], "w")
stream = target.add_stream_from_template(source.streams.video[0])
for number, packet in enumerate(source.demux(video=0)):
    if packet.size:
        packet.stream, packet.pts, packet.dts = stream, number, number
        target.mux(packet)
target.close()
"""
_LAUNCH = """
import os, sys
null = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, number) for number in (0, 1, 2)]
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=actions)
_, status, used = os.wait4(child, 0)
print(status, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""
"""A process of its own starts each command: the peak memory of a process counts what its parent had at the fork."""


def _encode(path: Path) -> None:
    """Some seconds of a moving, noisy picture at a bit rate as cameras have it; one slice a picture, no reordering."""
    with av.open(str(path), "w", format="h264") as out:
        options = {
            "preset": "veryfast",
            "x264-params": f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:sliced-threads=0:threads=1",
        }
        encoder = out.add_stream("libx264", rate=Fraction(FPS), options=options)
        assert isinstance(encoder, VideoStream)
        encoder.width, encoder.height, encoder.pix_fmt, encoder.bit_rate = 1280, 720, "yuv420p", BIT_RATE
        noise = np.random.default_rng(7).integers(0, 40, (720, 1280, 3), dtype=np.uint8)
        for number in range(SECONDS * FPS):
            shown = np.roll(noise, number * 977, axis=0) + np.roll(noise, 3 * number, axis=1)
            out.mux(encoder.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        out.mux(encoder.encode(None))


def _commands(source: Path, target: Path) -> dict[str, list[str]]:
    """The peers that are installed; names the others."""
    python, files = sys.executable, [str(source), str(target)]
    own = Path(python).with_name("ratcam")
    commands = {
        OURS: [*([str(own)] if own.exists() else [python, "-m", "ratcam"]), "mux", *files, "--fps", str(FPS)],
        READER: [python, "-c", _READ, str(source)],
        STAND_IN: [python, "-c", _REMUX, *files],
    }
    missing: list[str] = []

    def add(name: str, program: str | None, *arguments: str) -> None:
        if program is None:
            missing.append(name)
        else:
            commands[name] = [program, *arguments]

    copy = ("-y", "-r", str(FPS), "-f", "h264", "-i", str(source), "-c", "copy")
    add("cp", shutil.which("cp"), *files)
    add(REFERENCE, shutil.which("ffmpeg"), *copy, str(target))
    add("ffmpeg -c copy, faststart", shutil.which("ffmpeg"), *copy, "-movflags", "+faststart", str(target))
    add("static ffmpeg -c copy", _static_ffmpeg(), *copy, str(target))
    add("MP4Box -add", shutil.which("MP4Box"), "-add", f"{source}:fps={FPS}", "-new", str(target))
    add("Bento4 mp4mux", shutil.which("mp4mux"), "--track", f"h264:{source}#frame_rate={FPS}", str(target))
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    return commands


def _static_ffmpeg() -> str | None:
    """The ffmpeg that the package imageio-ffmpeg carries."""
    found = find_spec("imageio_ffmpeg")
    if found is None or found.origin is None:
        return None
    return next(map(str, (Path(found.origin).parent / "binaries").glob("ffmpeg-*")), None)


def _used(command: list[str], environment: dict[str, str]) -> tuple[float, int]:
    """CPU milliseconds and peak memory in KB of a command."""
    program = shutil.which(command[0])
    assert program is not None
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, program, *command[1:]]
    done = subprocess.run(launch, check=True, capture_output=True, text=True, env=environment)
    status, cpu_s, peak_kb = done.stdout.split()
    assert status == "0", f"{command[0]} failed"
    return 1000 * float(cpu_s), int(peak_kb)


def _compare(seconds: int, source: Path, folder: Path) -> dict[str, tuple[float, int]]:
    """The least CPU milliseconds and KB of every peer."""
    target = folder / "out.mp4"
    # Byte code is kept, as for every installed program, whatever the caller's environment says.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    commands = _commands(source, target)
    _used(commands[OURS], environment)
    best: dict[str, tuple[float, int]] = {}
    for _ in range(ROUNDS[seconds]):
        for name, command in commands.items():
            target.unlink(missing_ok=True)
            cpu_ms, peak_kb = _used(command, environment)
            least_ms, least_kb = best.get(name, (cpu_ms, peak_kb))
            best[name] = min(cpu_ms, least_ms), min(peak_kb, least_kb)
    target.unlink(missing_ok=True)
    return best


def _report(seconds: int, size: int, best: dict[str, tuple[float, int]]) -> None:
    reference = REFERENCE if REFERENCE in best else STAND_IN
    reference_ms, reader_kb = best[reference][0], best[READER][1]
    print(f"{seconds} s of 720p{FPS}, {size / 1e6:.1f} MB, least of {ROUNDS[seconds]} interleaved rounds")
    for name, (cpu_ms, peak_kb) in sorted(best.items(), key=lambda item: item[1]):
        above = f"{(peak_kb - reader_kb) / 1024:+6.1f} MB against the reader"
        ratio = f"{cpu_ms / reference_ms:5.2f} x {reference}"
        print(f"  {name:26} {cpu_ms:8.1f} ms CPU  {ratio}  {peak_kb / 1024:6.1f} MB peak {above}")
    ratio, above_kb = best[OURS][0] / reference_ms, best[OURS][1] - reader_kb
    facts = {
        "seconds": seconds,
        "reference": reference,
        "ratio": round(ratio, 3),
        "bar": BARS[seconds],
        "is_met": ratio <= BARS[seconds] if reference == REFERENCE else None,
        "kb_above_reader": above_kb,
        "is_memory_met": above_kb <= MEMORY_BAR_KB,
    }
    print(json.dumps(facts), flush=True)


def main() -> None:
    """Print a table for each length, and a line of JSON with what the bars are about."""
    has_room = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix="ratcam-bench-", dir=SHARED_MEMORY if has_room else None) as name:
        folder = Path(name)
        _encode(folder / "part.h264")
        part = (folder / "part.h264").read_bytes()
        for seconds in ROUNDS:
            source = folder / "in.h264"
            source.write_bytes(part * (seconds // SECONDS))
            _report(seconds, source.stat().st_size, _compare(seconds, source, folder))
