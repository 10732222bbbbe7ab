"""What the fuzzers begin with: small sound inputs of every kind."""

from tests.fuzz.targets import KEY
from tests.media.players import Unit
from tests.media.recordings import patched
from tests.media.written import annex_b, made_pps, made_slice, made_sps
from tests.pictures import stream

GOP, COUNT = 3, 6


def seeds(target: str) -> list[bytes]:
    """Sound inputs of a target."""
    match target:
        case "parameter-set":
            return [made_sps(), made_sps(profile=100, scaling=True), made_sps(poc_type=1, offsets=(1, -1)), made_pps()]
        case "recovery":
            return _recordings()
        case _:
            return [_stream(), _fields(), KEY + annex_b(made_slice(frame_num=1, lsb=None))]


def _stream() -> bytes:
    return b"".join(picture.data for picture in stream(count=COUNT, gop=GOP, width=32, height=32))


def _recordings() -> list[bytes]:
    from ratcam.media.mp4 import Mp4Recording  # noqa: PLC0415 - after the fuzzer has hooked the imports

    units = [Unit(pts_90k=n * 3000, is_key=p.is_key, data=p.data) for n, p in enumerate(stream(count=COUNT, gop=GOP))]
    made = Mp4Recording(first=units[0].data, created_unix_s=0, title="fuzz", expected_frames=COUNT)
    content = made.header() + b"".join(b"".join(made.append(units[at : at + GOP])) for at in range(0, COUNT, GOP))
    return [content, patched(content, made.finish(None))]


def _fields() -> bytes:
    """Slices of many kinds: reordered, of two sets, with messages and fillers between."""
    sets = annex_b(made_sps(profile=77), made_pps(), made_pps(pps_id=1))
    slices = [
        made_slice(frame_num=number % 16, lsb=lsb, kind=kind, pps_id=number % 2)
        for number, (lsb, kind) in enumerate(((4, 0), (2, 1), (8, 0), (6, 1)), start=1)
    ]
    return sets + annex_b(made_slice(idr=True), *slices, b"\x06\x06\x01\x84\x80", b"\x0c\xff\x80", made_slice(idr=True))
