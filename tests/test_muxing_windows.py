"""`ratcam mux` reads in windows: where they end, and what becomes of the source meanwhile, the file does not show."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ratcam.muxing import FIRST_BYTES, WINDOW_BYTES, mux_file
from tests.media.walker import read_file
from tests.media.written import annex_b, made_pps, made_slice, made_sps


def plain_stream(*lengths: int) -> tuple[bytes, list[bytes]]:
    """A stream of plain pictures of so many bytes each, and their NAL units; the first is a key picture."""
    slices = [made_slice(idr=not number, frame_num=number % 16, lsb=None) for number in range(len(lengths))]
    slices = [start + b"\x55" * (length - len(start)) for start, length in zip(slices, lengths, strict=True)]
    return annex_b(made_sps(poc_type=2), made_pps(), *slices), slices


def nals_of(target: Path) -> list[bytes]:
    return [nal for sample in read_file(target.read_bytes()).samples for nal in sample.nals]


@pytest.mark.parametrize("edge", [FIRST_BYTES, FIRST_BYTES + WINDOW_BYTES])
@pytest.mark.parametrize("before", range(-2, 6))
def test_a_start_code_lies_across_the_edge_of_a_window(edge: int, before: int, tmp_path: Path) -> None:
    head = len(plain_stream(20)[0]) - 20
    first = edge - before - head - 4 - 40_000
    data, slices = plain_stream(first, 40_000, 5000, 70_000, 300)
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(data)
    assert data[edge - before : edge - before + 4] == b"\0\0\0\1"
    mux_file(raw, target, fps=None)
    assert nals_of(target) == slices


@pytest.mark.parametrize("length", [WINDOW_BYTES - 1, WINDOW_BYTES + 1, FIRST_BYTES + 7, 3 * FIRST_BYTES, 9_000_001])
def test_a_unit_longer_than_a_window_is_a_unit_like_any_other(length: int, tmp_path: Path) -> None:
    data, slices = plain_stream(length, 900, length, 900, 900, length, length, 31)
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(data)
    mux_file(raw, target, fps=None)
    assert nals_of(target) == slices


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_long_pipe_gives_the_pictures_that_the_file_gives(tmp_path: Path) -> None:
    data, slices = plain_stream(*(1 + number * 7919 % 60_000 + 30 for number in range(150)))
    assert len(data) > 3 * FIRST_BYTES
    raw, pipe = tmp_path / "in.h264", tmp_path / "pipe"
    raw.write_bytes(data)
    os.mkfifo(pipe)
    program = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(pathlib.Path(sys.argv[2]).read_bytes())"
    with subprocess.Popen([sys.executable, "-c", program, str(pipe), str(raw)]) as writer:
        assert mux_file(pipe, tmp_path / "piped.mp4", fps=None).frames == len(slices)
        assert writer.wait(timeout=30) == 0
    mux_file(raw, tmp_path / "out.mp4", fps=None)
    assert nals_of(tmp_path / "piped.mp4") == nals_of(tmp_path / "out.mp4") == slices


@pytest.mark.parametrize("left", [0, 700_000, FIRST_BYTES, FIRST_BYTES + 300_000])
def test_a_file_that_shrinks_while_it_is_read_gives_what_was_read_of_it(
    left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, slices = plain_stream(*[30_000] * 100)
    raw, target = tmp_path / "in.h264", tmp_path / "out.mp4"
    raw.write_bytes(data)
    read, times = os.readv, [0]

    def readv(source: int, buffers: list[memoryview]) -> int:
        times[0] += 1
        if times[0] == 2:
            os.truncate(raw, left)
        return read(source, buffers)

    monkeypatch.setattr(os, "readv", readv)
    mux_file(raw, target, fps=None)
    whole = max(left, FIRST_BYTES) // 30_004
    nals = nals_of(target)
    assert nals[: whole - 1] == slices[: whole - 1]
    assert len(nals) <= whole + 1
