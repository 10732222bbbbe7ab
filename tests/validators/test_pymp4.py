"""pymp4 parses every file. It writes none with Python 3.10 or later, where its construct 2.8 asks for too old names."""
# pymp4 has no annotations.
# pyright: basic

import io
from pathlib import Path
from typing import Any

import pytest

from tests.media.players import needs_ffmpeg, run
from tests.validators.files import STATES, X264_STREAMS, MadeFile
from tests.validators.test_tools import Files

parser: Any = pytest.importorskip("pymp4.parser", reason="needs pymp4", exc_type=ImportError)
BoxUtil: Any = pytest.importorskip("pymp4.util", reason="needs pymp4", exc_type=ImportError).BoxUtil

pytestmark = needs_ffmpeg
HIGH_BYTES = bytes([0xFC | 1, 0xF8, 0xF8, 0])
"""4:2:0, 8 bits and 8 bits, no SPS extensions: what a High profile's record ends with (ISO/IEC 14496-15, 5.3.3.1.2)."""


def parsed(content: bytes) -> list[Any]:
    stream = io.BytesIO(content)
    found: list[Any] = []
    while stream.tell() < len(content):
        found.append(parser.Box.parse_stream(stream))
    return found


def record_without_high_bytes(content: bytes) -> bytes:
    """The file with a shorter avcC, and every box around it: pymp4 takes those four bytes for a box of 4 GB."""
    data = bytearray(content)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"avcC"):
        at = data.index(kind) - 4
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") - len(HIGH_BYTES)).to_bytes(4, "big")
    end = at + int.from_bytes(data[at : at + 4], "big")
    assert data[end : end + len(HIGH_BYTES)] == HIGH_BYTES
    del data[end : end + len(HIGH_BYTES)]
    return bytes(data)


def is_high(file: MadeFile) -> bool:
    content = file.path.read_bytes()
    return content[content.index(b"avcC") + 5] == 100


@pytest.mark.parametrize("stream", X264_STREAMS)
@pytest.mark.parametrize("state", STATES)
def test_pymp4_reads_every_box_to_its_end(files: Files, stream: str, state: str) -> None:
    file = files[stream, state]
    content = file.path.read_bytes()
    content = record_without_high_bytes(content) if is_high(file) else content
    boxes = parsed(content)
    assert sum(box.end - box.offset for box in boxes) == len(content)
    movie = next(box for box in boxes if box.type == b"moov")
    assert BoxUtil.first(movie, b"mdhd").timescale == 90_000
    assert BoxUtil.first(movie, b"hdlr").handler_type == b"vide"
    [entry] = BoxUtil.first(movie, b"stsd").entries
    assert (entry.format, entry.width, entry.height) == (b"avc1", *file.size)
    assert (len(entry.avc_data.sps), len(entry.avc_data.pps), entry.avc_data.nal_unit_length_field) == (1, 1, 3)
    assert [box.type for box in entry.sample_info][-2:] == [b"pasp", b"btrt"]
    runs = [run for box in boxes if box.type == b"moof" for run in BoxUtil.find(box, b"trun")]
    sizes = [one.sample_size for run in runs for one in run.sample_info] or BoxUtil.first(movie, b"stsz").entry_sizes
    assert len(sizes) == len(file.shown_90k)
    if file.is_progressive:
        assert sum(e.sample_count * e.sample_delta for e in BoxUtil.first(movie, b"stts").entries) == file.duration_90k
        assert [e.sample_number - 1 for e in BoxUtil.first(movie, b"stss").entries] == list(file.keys)


def test_pymp4_reads_nobodys_high_profile(files: Files, tmp_path: Path) -> None:
    theirs = tmp_path / "ffmpeg.mp4"
    run("ffmpeg", "-v", "error", "-i", str(files["high", "finished"].path), "-c", "copy", str(theirs))
    for path in (theirs, files["high", "finished"].path):
        with pytest.raises(OSError, match=str(int.from_bytes(HIGH_BYTES, "big") - 8)):
            parsed(path.read_bytes())
