"""Every stream decodes to the same pictures from the MP4 file as raw: through the recorder's path and `ratcam mux`.

And so it does with the parameter sets taken out of the samples: the sample entry is enough for any player.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from ratcam.cameras.known_sets import KnownSets
from ratcam.media.access_unit import is_idr
from ratcam.media.cutter import Appended, ClipCutter, Closed, Event
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.nal import nal_units
from ratcam.muxing import mux_file
from tests.media.players import (
    Unit,
    complaints,
    encode,
    hashes_of_mp4,
    hashes_of_raw,
    needs_ffmpeg,
    without_parameter_sets,
)
from tests.media.recordings import patched, saved, units_of
from tests.media.splitter import AccessUnitSplitter
from tests.media.walker import read_file
from tests.media.written import annex_b

SHARED_STREAMS = Path(__file__).parents[3] / "shared" / "streams"
REAL = sorted(path for path in SHARED_STREAMS.glob("*") if path.suffix != ".md")
WITHOUT_IDR = {"sps_subsetsps_bothVUI.264"}
"""Streams that no recording can begin in."""
DROPPED = {7, 8, 9, 10, 11, 12, 13, 15}
"""NAL unit types that samples do not carry."""
LARGE, SMALL = "1280x720", "320x192"
BT709 = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
FAST = ("-preset", "ultrafast")

GENERATED: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "baseline": (LARGE, 2, (*FAST, "-profile:v", "baseline", "-g", "30")),
    "high": (LARGE, 2, ("-preset", "veryfast", "-profile:v", "high", "-bf", "0", "-g", "30")),
    "cropped": ("1640x922", 1, (*FAST, "-g", "10", "-vf", "setsar=4/3", *BT709)),
    "slices": (SMALL, 2, ("-bf", "0", "-g", "30", "-x264-params", "slices=4:aud=1")),
    "reordered": (SMALL, 2, ("-bf", "3", "-b_strategy", "0", "-g", "30")),
    "pyramid": (SMALL, 2, ("-bf", "5", "-b_strategy", "0", "-x264-params", "b-pyramid=normal:open-gop=1:keyint=24")),
    "filler": (SMALL, 2, ("-b:v", "400k", "-x264-params", "nal-hrd=cbr:vbv-maxrate=400:vbv-bufsize=200:filler=1")),
    "interlaced": (SMALL, 2, ("-flags", "+ildct+ilme", "-bf", "2", "-g", "20")),
    "refresh": (SMALL, 2, ("-bf", "0", "-x264-params", "intra-refresh=1:keyint=20")),
    "long": (SMALL, 10, (*FAST, "-g", "30")),
}


def changed(folder: Path) -> Path:
    """One size, another, and the first again."""
    parts = [
        encode(folder / f"{number}.h264", "-bf", "2", "-g", "10", size=size, seconds=0.5)
        for number, size in enumerate((SMALL, "160x96", SMALL))
    ]
    stream = folder / "changed.h264"
    stream.write_bytes(b"".join(part.read_bytes() for part in parts))
    return stream


def short_codes(folder: Path) -> Path:
    """No start code of four bytes at all."""
    units = nal_units(encode(folder / "long_codes.h264", "-g", "10", size=SMALL, seconds=1).read_bytes())
    stream = folder / "short_codes.h264"
    stream.write_bytes(b"".join(b"\0\0\1" + unit for unit in units))
    return stream


def late_sets(folder: Path) -> Path:
    """SPS and PPS only once, and zeros behind every unit, as some cameras send them."""
    units = nal_units(encode(folder / "usual.h264", "-bf", "0", "-g", "10", size=SMALL, seconds=1).read_bytes())
    kept = [unit for number, unit in enumerate(units) if number < 3 or unit[0] & 0x1F not in (7, 8)]
    stream = folder / "late_sets.h264"
    stream.write_bytes(b"".join(annex_b(bytes(unit)) + bytes(number % 4) for number, unit in enumerate(kept)))
    return stream


MADE: dict[str, Callable[[Path], Path]] = {"changed": changed, "short_codes": short_codes, "late_sets": late_sets}


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("corpus")
    found = {
        name: encode(folder / f"{name}.h264", *options, size=size, seconds=seconds)
        for name, (size, seconds, options) in GENERATED.items()
    }
    return found | {name: make(folder) for name, make in MADE.items()}


@needs_ffmpeg
@pytest.mark.parametrize("name", [*GENERATED, *MADE])
def test_a_generated_stream_decodes_to_the_same_pictures_both_ways(
    name: str, streams: dict[str, Path], tmp_path: Path
) -> None:
    muxed = tmp_path / "muxed.mp4"
    mux_file(streams[name], muxed, fps=None)
    expected = hashes_of_raw(streams[name])
    assert len(expected) >= 30
    assert hashes_of_mp4(muxed) == expected
    assert complaints(muxed) == ""
    if name != "changed":
        # A copy by ffmpeg has one sample entry: of a file with two it is none.
        assert hashes_of_mp4(without_parameter_sets(muxed, tmp_path / "bare.mp4")) == expected
    recorded = record(units_of(streams[name]), tmp_path)
    assert len(recorded) == (3 if name == "changed" else 1)
    assert b"".join(data for _, data in recorded).rstrip(b"\0") == streams[name].read_bytes().rstrip(b"\0")
    for path, data in recorded:
        check(path, data, tmp_path)
        assert complaints(path) == ""
    for path in (muxed, *(path for path, _ in recorded)):
        assert not {nal[0] & 0x1F for sample in read_file(path.read_bytes()).samples for nal in sample.nals} & DROPPED


@needs_ffmpeg
@pytest.mark.skipif(not REAL, reason="no ../shared/streams")
@pytest.mark.parametrize("raw", REAL, ids=lambda path: path.name)
def test_a_real_stream_decodes_to_the_same_pictures_through_the_recorder(raw: Path, tmp_path: Path) -> None:
    splitter, known = AccessUnitSplitter(), KnownSets()
    units = [known.complete(unit) for unit in (*splitter.feed(raw.read_bytes()), *splitter.finish())]
    # A clip begins with an IDR picture; what is before that is not in it.
    begun = next((number for number, unit in enumerate(units) if is_idr(unit)), len(units))
    if raw.name in WITHOUT_IDR:
        assert begun == len(units)
        return
    recorded = record(units_of(saved(tmp_path, b"".join(units[begun:]), "begun.h264")), tmp_path)
    assert b"".join(data for _, data in recorded) == b"".join(units[begun:])
    for path, data in recorded:
        check(path, data, tmp_path)


def check(path: Path, data: bytes, folder: Path) -> None:
    """That the file decodes to what the access units do that it was made of, and so without sets in its samples."""
    expected = hashes_of_raw(saved(folder, data, "part.h264"))
    assert expected
    assert hashes_of_mp4(path) == expected
    assert hashes_of_mp4(without_parameter_sets(path, folder / "bare.mp4")) == expected


def record(units: list[Unit], folder: Path) -> list[tuple[Path, bytes]]:
    """The files of a clip, as recorder and muxer make them at uneven times, and the access units in each."""
    jitter = random.Random(len(units))
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=3600 * 90_000)
    events: list[Event[Unit]] = []
    for unit in units:
        time = unit.pts_90k + jitter.randint(0, 900)
        events += cutter.feed(Unit(pts_90k=time, is_key=unit.is_key, data=unit.data))
    events += cutter.finish()
    found: list[tuple[Path, bytes]] = []
    recording, content, data = None, b"", b""
    for event in events:
        if isinstance(event, Appended):
            if recording is None:
                recording = Mp4Recording(first=event.units[0].data, created_unix_s=0, title="")
                content, data = recording.header(), b""
            content += b"".join(recording.append(event.units))
            data += b"".join(unit.data for unit in event.units)
        elif isinstance(event, Closed) and recording is not None:
            finished = patched(content, recording.finish(event.end_pts_90k))
            found.append((saved(folder, finished, f"{len(found)}.mp4"), data))
            recording = None
    return found
