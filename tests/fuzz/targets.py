"""What must hold whatever bytes arrive: each function takes any, and fails by an assertion or an odd exception."""

from collections.abc import Callable

from ratcam.media.access_unit import UnitBoundaries, is_idr, parameter_sets
from ratcam.media.avc_config import sets_of
from ratcam.media.errors import StreamError
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.nal import nal_units
from ratcam.media.progressive import exact_head
from ratcam.media.recovery import recover
from ratcam.media.sps import parse_pps, parse_sps
from tests.media.players import Unit
from tests.media.recordings import patched
from tests.media.splitter import AccessUnitSplitter, begins_unit
from tests.media.test_raw_stream import INFO, fed
from tests.media.walker import read_file
from tests.media.written import annex_b, made_pps, made_slice, made_sps

CHUNKS = (1, 7, 64, 1000)
KEY = annex_b(made_sps(poc_type=2), made_pps(), made_slice(idr=True, lsb=None))


def parameter_set(data: bytes) -> None:
    """Any bytes are a parameter set or are refused."""
    for parse in (parse_sps, parse_pps, sets_of):
        try:
            parse(data)
        except StreamError as exc:
            assert str(exc)


def splitter(data: bytes) -> None:
    """Chunks of any size give the same units, which are the stream from its first start code on."""
    whole = AccessUnitSplitter()
    units = [*whole.feed(data), *whole.finish()]
    joined = b"".join(units)
    assert data.endswith(joined)
    size = CHUNKS[len(data) % len(CHUNKS)]
    parts = AccessUnitSplitter()
    found = [unit for at in range(0, len(data), size) for unit in parts.feed(data[at : at + size])]
    assert [*found, *parts.finish()] == units
    boundaries = UnitBoundaries()
    for unit in nal_units(data):
        begins_unit(boundaries, unit)


def recording(data: bytes) -> None:
    """Any access units are recorded or refused; what is recorded is read back, finished or not."""
    units = [Unit(pts_90k=0, is_key=True, data=KEY)]
    parts = AccessUnitSplitter()
    for number, unit in enumerate((*parts.feed(data), *parts.finish()), start=1):
        # Times jump in ways that the bytes decide, too.
        pts_90k = number * 3000 + (unit[-1] - 128) * (1 << unit[0] % 32)
        units.append(Unit(pts_90k=pts_90k, is_key=is_idr(unit), data=unit))
    first = next((unit.data for unit in units[1:] if unit.is_key and parameter_sets(unit.data).sps), KEY)
    if first is not KEY:
        units = units[1:]
    try:
        made = Mp4Recording(first=first, created_unix_s=0, title="fuzz", expected_frames=10)
        content = made.header()
        for unit in units:
            content += b"".join(made.append([unit]))
            assert len(content) == made.size_bytes
    except StreamError as exc:
        assert str(exc)
        return
    growing = read_file(content)
    assert len(growing.samples) == made.frames
    if made.frames:
        finished = read_file(patched(content, made.finish(None)))
        assert [sample.nals for sample in finished.samples] == [sample.nals for sample in growing.samples]
        shown = [sample.shown for sample in finished.samples]
        assert min(shown) >= 0
        assert len(set(shown)) == len(shown)


def raw_stream(data: bytes) -> None:
    """Any stream is muxed or refused; windows of any size give the same samples."""
    outcomes: list[object] = []
    for step in (len(data) + 1, CHUNKS[len(data) % len(CHUNKS)] + 13):
        try:
            stream, entries, tables, payload = fed(data, step)
        except StreamError as exc:
            outcomes.append(str(exc))
            continue
        file = read_file(exact_head(INFO, entries, tables, payload=len(payload)) + payload)
        assert len(file.samples) == len(tables) > 0
        assert min(sample.shown for sample in file.samples) >= 0
        outcomes.append((file, stream.dropped))
    assert outcomes[0] == outcomes[1]


def recovery(data: bytes) -> None:
    """Any file is mended or refused; what is mended is a whole file that needs no more."""
    try:
        found = recover(lambda at, size: data[at : at + size], len(data))
    except StreamError as exc:
        assert str(exc)
        return
    mended = patched(data[: found.truncate_to], found.patches)
    again = recover(lambda at, size: mended[at : at + size], len(mended))
    assert (again.frames, again.patches) == (found.frames, ())


TARGETS: dict[str, Callable[[bytes], None]] = {
    "parameter-set": parameter_set,
    "splitter": splitter,
    "recording": recording,
    "raw-stream": raw_stream,
    "recovery": recovery,
}
