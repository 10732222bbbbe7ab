"""Every box of one small finished recording, field by field, by ISO/IEC 14496-12 and -15."""

import struct
from collections.abc import Iterator

import pytest

from ratcam.media.boxes import MAX_U32, edit_list
from tests.media.players import Unit
from tests.media.recordings import CREATED_UNIX_S, patched, unfinished
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps

CONTAINERS = {"moov", "trak", "edts", "mdia", "minf", "dinf", "stbl", "udta", "ilst", "\xa9nam"}
HEAD_BYTES = {"meta": 4, "stsd": 8, "dref": 8, "avc1": 78}
"""What stands before the boxes in these boxes."""
SINCE_1904_S = CREATED_UNIX_S + 2_082_844_800
MATRIX = (0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
VUI = (
    BitWriter()
    .u(1, 1).u(8, 255).u(16, 4).u(16, 3)  # samples of 4:3
    .u(1, 0)
    .u(1, 1).u(3, 5).u(1, 1).u(1, 1).u(8, 9).u(8, 16).u(8, 10)  # full range, colours
    .u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0)
)  # fmt: skip
SPS = made_sps(profile=122, chroma=2, depths=(10, 9), vui=VUI)
PPS = made_pps()
IDR, OTHER = made_slice(idr=True), made_slice(frame_num=1)
SHOWN = (500, 9500, 3500, 6500, 12_500)
SAMPLES = (IDR, OTHER, OTHER, OTHER + b"\x55" * 1000, IDR)


def boxes(data: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        assert 8 <= size <= len(data) - at
        yield data[at + 4 : at + 8].decode("latin-1"), data[at + 8 : at + size]
        at += size


def tree(data: bytes, path: str = "") -> dict[str, bytes]:
    """The content of every box by its path; of those with boxes inside what stands before them."""
    found: dict[str, bytes] = {}
    for kind, content in boxes(data):
        name = f"{path}/{kind}"
        assert name not in found or kind == "free"
        head = 0 if kind in CONTAINERS else HEAD_BYTES.get(kind)
        found[name] = content if head is None else content[:head]
        if head is not None:
            found.update(tree(content[head:], name))
    return found


@pytest.fixture(scope="module")
def content() -> bytes:
    units = [
        Unit(pts_90k=time, is_key=data is IDR, data=annex_b(SPS, PPS, data) if data is IDR else annex_b(data))
        for time, data in zip(SHOWN, SAMPLES, strict=True)
    ]
    recording, growing = unfinished(units)
    return patched(growing, recording.finish(15_500))


@pytest.fixture(scope="module")
def fields(content: bytes) -> dict[str, bytes]:
    return tree(content)


def test_the_boxes_are_these_in_this_order(fields: dict[str, bytes]) -> None:
    trak, stbl = "/moov/trak", "/moov/trak/mdia/minf/stbl"
    assert list(fields) == [
        "/ftyp",
        "/free",
        "/moov",
        "/moov/mvhd",
        trak,
        f"{trak}/tkhd",
        f"{trak}/edts",
        f"{trak}/edts/elst",
        f"{trak}/mdia",
        f"{trak}/mdia/mdhd",
        f"{trak}/mdia/hdlr",
        f"{trak}/mdia/minf",
        f"{trak}/mdia/minf/vmhd",
        f"{trak}/mdia/minf/dinf",
        f"{trak}/mdia/minf/dinf/dref",
        f"{trak}/mdia/minf/dinf/dref/url ",
        stbl,
        f"{stbl}/stsd",
        f"{stbl}/stsd/avc1",
        f"{stbl}/stsd/avc1/avcC",
        f"{stbl}/stsd/avc1/colr",
        f"{stbl}/stsd/avc1/pasp",
        f"{stbl}/stsd/avc1/btrt",
        f"{stbl}/stts",
        f"{stbl}/ctts",
        f"{stbl}/stss",
        f"{stbl}/stsc",
        f"{stbl}/stsz",
        f"{stbl}/stco",
        "/moov/udta",
        "/moov/udta/meta",
        "/moov/udta/meta/hdlr",
        "/moov/udta/meta/ilst",
        "/moov/udta/meta/ilst/\xa9nam",
        "/moov/udta/meta/ilst/\xa9nam/data",
        "/moov/udta/meta/ilst/\xa9too",
        "/moov/udta/meta/ilst/\xa9day",
        "/mdat",
    ]


def test_the_movie_header(fields: dict[str, bytes]) -> None:
    version_flags, created, changed, scale, duration, rate, volume = struct.unpack_from(
        ">IIIIIIH", fields["/moov/mvhd"]
    )
    assert (version_flags, created, changed) == (0, SINCE_1904_S, SINCE_1904_S)
    assert (scale, duration, rate, volume) == (1000, 167, 0x10000, 0x100)  # 15000 ticks, rounded up
    assert fields["/moov/mvhd"][26:36] == bytes(10)
    assert struct.unpack_from(">9I", fields["/moov/mvhd"], 36) == MATRIX
    assert fields["/moov/mvhd"][72:] == bytes(24) + (2).to_bytes(4, "big")  # the next track's number


def test_the_track_header(fields: dict[str, bytes]) -> None:
    header = fields["/moov/trak/tkhd"]
    version_flags, created, changed, number, reserved, duration = struct.unpack_from(">6I", header)
    assert version_flags == 3, "enabled and in the movie"
    assert (created, changed, number, reserved, duration) == (SINCE_1904_S, SINCE_1904_S, 1, 0, 167)
    assert header[24:40] == bytes(16)
    assert struct.unpack_from(">9I", header, 40) == MATRIX
    assert struct.unpack(">II", header[76:]) == (85 << 16, 48 << 16)  # 64 samples of 4:3


def test_the_edit_list_skips_what_reordering_puts_before_the_first_picture(fields: dict[str, bytes]) -> None:
    assert struct.unpack(">IIIiHH", fields["/moov/trak/edts/elst"]) == (0, 1, 167, 3000, 1, 0)


def test_the_media_header_and_handler(fields: dict[str, bytes]) -> None:
    header = struct.unpack(">IIIIIHH", fields["/moov/trak/mdia/mdhd"])
    assert header == (0, SINCE_1904_S, SINCE_1904_S, 90_000, 15_000, 0x55C4, 0)
    handler = fields["/moov/trak/mdia/hdlr"]
    assert struct.unpack_from(">II4s12s", handler) == (0, 0, b"vide", bytes(12))
    assert handler.endswith(b"\0")


def test_the_media_information(fields: dict[str, bytes]) -> None:
    minf = "/moov/trak/mdia/minf"
    assert struct.unpack(">I4H", fields[f"{minf}/vmhd"]) == (1, 0, 0, 0, 0), "version 0, flags 1"
    assert struct.unpack(">II", fields[f"{minf}/dinf/dref"]) == (0, 1)
    assert fields[f"{minf}/dinf/dref/url "] == b"\0\0\0\1", "the pictures are in this file"


def test_the_sample_entry(fields: dict[str, bytes]) -> None:
    stsd = "/moov/trak/mdia/minf/stbl/stsd"
    assert struct.unpack(">II", fields[stsd]) == (0, 1)
    entry = fields[f"{stsd}/avc1"]
    assert entry[:8] == bytes(6) + b"\0\1"
    assert entry[8:24] == bytes(16)
    assert struct.unpack_from(">HHIIIH", entry, 24) == (64, 48, 72 << 16, 72 << 16, 0, 1)
    assert entry[42] <= 31
    assert entry[74:] == struct.pack(">Hh", 24, -1)
    assert fields[f"{stsd}/avc1/avcC"] == (
        bytes([1, 122, 0, 30, 0xFC | 3, 0xE0 | 1])
        + struct.pack(">H", len(SPS)) + SPS
        + bytes([1]) + struct.pack(">H", len(PPS)) + PPS
        + bytes([0xFC | 2, 0xF8 | 2, 0xF8 | 1, 0])  # 4:2:2, 10 bits of luma, 9 of chroma, no extensions
    )  # fmt: skip
    assert fields[f"{stsd}/avc1/colr"] == b"nclx" + struct.pack(">HHHB", 9, 16, 10, 0x80)
    assert struct.unpack(">II", fields[f"{stsd}/avc1/pasp"]) == (4, 3)
    total, largest = sum(len(data) + 4 for data in SAMPLES), len(SAMPLES[3]) + 4
    assert struct.unpack(">III", fields[f"{stsd}/avc1/btrt"]) == (largest, total * 8 * 6, total * 8 * 6)


def test_the_most_bits_in_a_second_are_named() -> None:
    units = [
        Unit(pts_90k=n * 9000, is_key=True, data=annex_b(SPS, PPS, IDR + b"\x55" * (1000 if n > 9 else 0)))
        for n in range(20)
    ]
    recording, growing = unfinished(units)
    entry = "/moov/trak/mdia/minf/stbl/stsd/avc1/btrt"
    largest, most, average = struct.unpack(">III", tree(patched(growing, recording.finish(180_000)))[entry])
    small = len(IDR) + 4
    assert (largest, most, average) == (small + 1000, 10 * (small + 1000) * 8, (20 * small + 10_000) * 8 // 2)


def test_the_sample_tables(fields: dict[str, bytes], content: bytes) -> None:
    stbl = "/moov/trak/mdia/minf/stbl"
    assert struct.unpack(">4I", fields[f"{stbl}/stts"]) == (0, 1, 5, 3000)
    assert struct.unpack(">10I", fields[f"{stbl}/ctts"]) == (0, 4, 1, 3000, 1, 9000, 2, 0, 1, 3000)
    assert struct.unpack(">4I", fields[f"{stbl}/stss"]) == (0, 2, 1, 5)
    assert struct.unpack(">8I", fields[f"{stbl}/stsc"]) == (0, 2, 1, 4, 1, 2, 1, 1)
    sizes = [len(data) + 4 for data in SAMPLES]
    assert struct.unpack(">8I", fields[f"{stbl}/stsz"]) == (0, 0, 5, *sizes)
    version, count, first, second = struct.unpack(">4I", fields[f"{stbl}/stco"])
    assert (version, count) == (0, 2)
    at = first
    for number, data in enumerate(SAMPLES):
        at = second if number == 4 else at
        assert content[at : at + 4 + len(data)] == len(data).to_bytes(4, "big") + data
        at += 4 + len(data)


def test_the_title_is_where_players_look_for_it(fields: dict[str, bytes]) -> None:
    meta = "/moov/udta/meta"
    assert fields[meta] == bytes(4)
    assert struct.unpack_from(">II4s4s8s", fields[f"{meta}/hdlr"]) == (0, 0, b"mdir", b"appl", bytes(8))
    assert fields[f"{meta}/ilst/\xa9nam/data"] == struct.pack(">II", 1, 0) + "Kitchen ☕".encode()


def test_an_edit_that_32_bits_cannot_hold_takes_64() -> None:
    [(_, edits)] = boxes(edit_list(90_000, 0))
    [(_, entry)] = boxes(edits)
    assert struct.unpack(">IIIiHH", entry) == (0, 1, 1000, 0, 1, 0)
    [(_, edits)] = boxes(edit_list(90_000, MAX_U32))
    [(_, entry)] = boxes(edits)
    assert struct.unpack(">IIQqHH", entry) == (1 << 24, 1, 1000, MAX_U32, 1, 0)
