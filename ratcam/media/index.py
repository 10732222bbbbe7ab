"""Reading the index of a file, its moov box (ISO/IEC 14496-12, 8.2.1), as far as `Mp4Recording` writes one.

Every function takes the whole moov box, its header included, of which any byte may be damaged, and looks at its first
track alone.
"""

import struct

from ratcam.media.box_reader import find

MAX_INDEX_BYTES = 64 << 20
"""Above any index of ours; a larger one is damage, and is not to be read into memory."""
_STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_ENTRY_BYTES = 78
"""Of an avc1 box before the boxes in it (12.1.3)."""
_MATRIX_AT = {0: 40, 1: 52}
"""Where the matrix of a tkhd box begins, by the box's version (8.3.2)."""
_TURNS = {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}


def table(index: bytes, kind: bytes) -> memoryview | None:
    """The content of a box of the sample table (8.5.1); None if there is none."""
    return find(index, *_STBL, kind)


def avc_entry(index: bytes) -> tuple[bytes, bytes] | None:
    """The content of the first avc1 sample entry and of the avcC box in it (ISO/IEC 14496-15, 5.3.3.1), if any."""
    entries = table(index, b"stsd")
    entry = find(entries[8:], b"avc1") if entries is not None else None
    record = find(entry[_ENTRY_BYTES:], b"avcC") if entry is not None else None
    if entry is None or record is None:
        return None
    return bytes(entry), bytes(record)


def turned_by(index: bytes) -> int:
    """By how many degrees clockwise a player turns the pictures, as `rotation_of` says; 0 where the index does not."""
    header = find(index, b"moov", b"trak", b"tkhd")
    at = _MATRIX_AT.get(header[0]) if header is not None and len(header) else None
    if header is None or at is None or len(header) < at + 20:
        return 0
    a, b, _, c, d = struct.unpack_from(">5i", header, at)
    return rotation_of(a, b, c, d)


def rotation_of(a: int, b: int, c: int, d: int) -> int:
    """The degrees clockwise by which a transformation matrix {a, b, u, c, d, ...} turns (6.2.2): 0, 90, 180 or 270.

    Anything between goes to the nearest; 0 for one that mirrors, or that no picture survives.
    """
    if a * d - b * c <= 0:
        return 0
    is_steep = abs(b) > abs(a)
    return _TURNS[(0, (b > 0) - (b < 0)) if is_steep else ((a > 0) - (a < 0), 0)]
