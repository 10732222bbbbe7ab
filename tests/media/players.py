"""Other people's decoders, as judges: ffmpeg and ffprobe."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")
needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """An access unit as the ring, the cutter and the muxer want it."""

    pts_90k: int
    is_key: bool
    data: bytes


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def encode(target: Path, *options: str, size: str = "64x48", seconds: float = 3) -> Path:
    """A raw stream of a moving test picture at 30 a second, encoded by libx264."""
    source = f"testsrc2=s={size}:r=30:d={seconds}"
    command = ("ffmpeg", "-y", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-threads", "1", *options)
    done = run(*command, "-pix_fmt", "yuv420p", "-f", "h264", str(target))
    assert done.returncode == 0, done.stderr
    return target


def hashes_of_raw(path: Path) -> list[str]:
    """The hashes of the pictures that a raw stream decodes to, in the order shown."""
    return _hashes("-f", "h264", "-i", str(path))


def hashes_of_mp4(path: Path) -> list[str]:
    return _hashes("-i", str(path))


def complaints(path: Path) -> str:
    """What ffmpeg says about a file when it decodes all of it; it stops at the first error."""
    done = run("ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-")
    return done.stderr + (f"exit status {done.returncode}" if done.returncode else "")


def packets(path: Path) -> list[tuple[int, int, bool]]:
    """(pts, dts, is key) of every sample in decoding order."""
    done = run("ffprobe", "-v", "error", "-show_entries", "packet=pts,dts,flags", "-of", "csv=p=0", str(path))
    rows = [line.split(",") for line in done.stdout.split()]
    return [(int(pts), int(dts), flags.startswith("K")) for pts, dts, flags, *_ in rows]


def stream_facts(path: Path, *entries: str) -> dict[str, str]:
    wanted = f"stream={','.join(entries)}:format_tags:stream_tags"
    done = run("ffprobe", "-v", "error", "-show_entries", wanted, "-of", "default=nw=1", str(path))
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def without_parameter_sets(path: Path, target: Path) -> Path:
    """A copy whose samples carry no SPS, PPS or delimiter: what a player sees that reads only the sample entry."""
    command = ("ffmpeg", "-y", "-v", "error", "-i", str(path), "-c", "copy", "-bsf:v", "filter_units=remove_types=7-9")
    done = run(*command, str(target))
    assert done.returncode == 0, done.stderr
    return target


def _hashes(*source: str) -> list[str]:
    done = run("ffmpeg", "-v", "error", *source, "-fps_mode", "passthrough", "-f", "framemd5", "-")
    return [line.rsplit(",", 1)[1].strip() for line in done.stdout.splitlines() if not line.startswith("#")]
