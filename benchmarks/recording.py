"""Recording in process beside its peers: CPU time of a frame, of the finish, and peak memory.

Access units in memory become a file on a RAM disk. Rounds are interleaved and minima taken, as on a shared machine the
least disturbed run says most; every ratio is of one run. Peak memory is that of processes of their own.
"""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks.recording_memory import write_units
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.timebase import TICKS_PER_S
from tests.pictures import Picture, stream

FPS, GOP = 30, 30
FRAME_BYTES = 16_400
SECONDS_OF_STREAM, REPEATS = 6, 5
ROUNDS = 15
RAM_DISK = Path("/dev/shm")
"""Files there cost no disk; where it is missing the usual folder serves."""


def encoded(*, slices: int = 1) -> list[Picture]:
    """Pictures of `FRAME_BYTES` on average: noise over a moving picture, SPS and PPS before each key picture."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.bit_rate = FRAME_BYTES * 8 * FPS
    groups_of = f"keyint={GOP}:min-keyint={GOP}:scenecut=0:bframes=0:repeat-headers=1:annexb=1"
    parameters = f"{groups_of}:slices={slices}:sliced-threads=0:threads=1"
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "profile": "high", "x264-params": parameters}
    random = np.random.default_rng(1)
    found: list[Picture] = []
    for number in range(SECONDS_OF_STREAM * FPS):
        luma = random.integers(number % 100, 60 + number % 100, (540, 640), dtype=np.uint8)
        luma[360:] = 128
        frame = av.VideoFrame.from_ndarray(luma, format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            found.append(Picture(number * TICKS_PER_S // FPS, packet.is_keyframe, bytes(packet)))
    return found


def groups(pictures: Sequence[Picture], repeats: int) -> Iterator[list[Picture]]:
    """The GOPs of a stream that is shown again and again, captured at times a little uneven."""
    span = len(pictures) * TICKS_PER_S // FPS
    for number in range(repeats * len(pictures) // GOP):
        at = number * GOP % len(pictures)
        later = number * GOP // len(pictures) * span
        yield [
            Picture(
                later + picture.pts_90k + (picture.pts_90k * 7919 % 601 if later + at else 0),
                picture.is_key,
                picture.data,
            )
            for picture in pictures[at : at + GOP]
        ]


def record(path: Path, stream: Iterator[list[Picture]], frames: int) -> tuple[float, float, int]:
    """Seconds of CPU for appending everything, for the finish, and the bytes that the finish wrote."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        recording, appended_s = None, 0.0
        for pictures in stream:
            began_s = time.process_time()
            if recording is None:
                recording = Mp4Recording(
                    first=pictures[0].data, created_unix_s=0, title="bench", expected_frames=frames, gop_frames=GOP
                )
                os.write(descriptor, recording.header())
            os.writev(descriptor, recording.append(pictures))
            appended_s += time.process_time() - began_s
        assert recording is not None
        assert recording.frames == frames
        began_s, written = time.process_time(), 0
        for patch in recording.finish(None):
            written += os.pwrite(descriptor, patch.data, patch.offset)
        finished_s = time.process_time() - began_s
        assert os.fstat(descriptor).st_size == recording.size_bytes
        return appended_s, finished_s, written
    finally:
        os.close(descriptor)


def bare(path: Path, stream: Iterator[list[Picture]]) -> float:
    """Seconds of CPU for writing the units as they are, a GOP at a time: less cannot be done."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        spent_s = 0.0
        for pictures in stream:
            began_s = time.process_time()
            os.writev(descriptor, [picture.data for picture in pictures])
            spent_s += time.process_time() - began_s
        return spent_s
    finally:
        os.close(descriptor)


def pyav(path: Path, stream: Iterator[list[Picture]], template: bytes) -> float:
    """Seconds of CPU for `output.mux(packet)` of packets that are made beforehand, and for closing the file."""
    base = Fraction(1, TICKS_PER_S)
    with av.open(io.BytesIO(template), format="h264") as source, av.open(str(path), "w", format="mp4") as output:
        target = output.add_stream_from_template(source.streams.video[0])
        spent_s = 0.0
        for pictures in stream:
            packets = []
            for picture in pictures:
                packet = av.Packet(picture.data)
                packet.stream, packet.time_base = target, base
                packet.pts = packet.dts = picture.pts_90k
                packet.is_keyframe = picture.is_key
                packets.append(packet)
            began_s = time.process_time()
            for packet in packets:
                output.mux(packet)
            spent_s += time.process_time() - began_s
        began_s = time.process_time()
        output.close()
        return spent_s + time.process_time() - began_s


def _rounds(folder: Path, pictures: Sequence[Picture]) -> dict[str, float]:
    """Microseconds of CPU a frame of each way to write the pictures, the least of the rounds; the finish in ms."""
    frames, path = len(pictures) * REPEATS, folder / "clip.mp4"
    template = b"".join(picture.data for picture in pictures[:GOP])
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        # PyAV's figure has the closing of the file in it, so ours has the finish.
        appended_s, finished_s, _ = record(path, groups(pictures, REPEATS), frames)
        figures = {
            "recording": appended_s + finished_s,
            "PyAV packet mux": pyav(path, groups(pictures, REPEATS), template),
            "bare writev": bare(path, groups(pictures, REPEATS)),
        }
        for name, spent_s in figures.items():
            best[name] = min(best.get(name, float("inf")), 1e6 * spent_s / frames)
    return best


def _finish(folder: Path, frames: int) -> tuple[float, int]:
    """Milliseconds of CPU and bytes of a finish after so many pictures at uneven times; they are small here."""
    pictures = [Picture(number * TICKS_PER_S // FPS, number % GOP == 0, b"") for number in range(10 * GOP)]
    key, other = (picture.data[:800] for picture in stream(count=2, gop=2))
    pictures = [Picture(picture.pts_90k, picture.is_key, key if picture.is_key else other) for picture in pictures]
    best_s, written = float("inf"), 0
    for _ in range(ROUNDS):
        _, finish_s, written = record(folder / "clip.mp4", groups(pictures, frames // len(pictures)), frames)
        best_s = min(best_s, finish_s)
    return 1e3 * best_s, written


def _peaks_kb(folder: Path, pictures: Sequence[Picture]) -> dict[str, int]:
    """Peak memory of 600 s of pictures read from a file: recorded, and only read; the least of three processes each."""
    source, target = folder / "units", folder / "clip.mp4"
    write_units(source, pictures)
    best: dict[str, int] = {}
    for _ in range(3):
        for how in ("read", "record"):
            command = [sys.executable, "-m", "benchmarks.recording_memory", how, str(source), str(target)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            best[how] = min(best.get(how, sys.maxsize), int(done.stdout))
    return best


def main() -> None:
    """Print a table, and beside every figure its bar."""
    with tempfile.TemporaryDirectory(prefix="ratcam-bench-", dir=RAM_DISK if RAM_DISK.is_dir() else None) as name:
        folder = Path(name)
        print("us of CPU a frame, from memory to a RAM disk, a GOP of 30 at a time, the end of the file included")
        streams = {slices: encoded(slices=slices) for slices in (1, 4)}
        for slices, pictures in streams.items():
            figures = _rounds(folder, pictures)
            size = sum(len(picture.data) for picture in pictures) / len(pictures)
            label = f"{size / 1000:.1f} kB in {slices} slice{'s' * (slices > 1)}"
            ours = figures["recording"]
            for way, spent_us in figures.items():
                print(f"  {label:20} {way:16} {spent_us:6.1f}  recording is {ours / spent_us:5.2f} x")
        print("  bar: 1.45 x PyAV packet mux")
        for frames in (1800, 18_000):
            spent_ms, written = _finish(folder, frames)
            print(f"finish of {frames:5} frames: {spent_ms:6.2f} ms CPU, {written} bytes written", end="")
            print("; bar: 2 ms, 40 KB" if frames == 1800 else "")
        peaks = _peaks_kb(folder, streams[1])
        more = peaks["record"] - peaks["read"]
        print(
            f"peak memory, 600 s: {peaks['record']} KB, reading alone {peaks['read']} KB: {more} KB more; bar: 4096 KB"
        )


if __name__ == "__main__":
    main()
