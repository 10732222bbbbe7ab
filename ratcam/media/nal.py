"""NAL units in the byte stream format (ISO/IEC 14496-10 annex B) and their types (table 7-1)."""

START = b"\0\0\1"
"""The three bytes before every NAL unit."""

SLICE = 1
PARTITION_A = 2
IDR_SLICE = 5
SEI = 6
SPS = 7
PPS = 8
ACCESS_UNIT_DELIMITER = 9
END_OF_SEQUENCE = 10
END_OF_STREAM = 11
FILLER = 12
SPS_EXTENSION = 13
PREFIX = 14
SUBSET_SPS = 15

FIRST_SLICES = frozenset({SLICE, PARTITION_A, IDR_SLICE})
"""The types that begin with a slice header."""

BEFORE_PICTURE = frozenset({SEI, SPS, PPS, ACCESS_UNIT_DELIMITER, SUBSET_SPS, 16, 17, 18})
"""The types that begin an access unit if there was a picture before (7.4.1.2.3)."""

NOT_IN_SAMPLES = frozenset({ACCESS_UNIT_DELIMITER, END_OF_SEQUENCE, END_OF_STREAM, FILLER, SPS_EXTENSION, SUBSET_SPS})
"""What an MP4 sample does not carry whatever it says; SPS and PPS besides, once they are in the sample entry."""


def nal_type(nal: bytes | bytearray | memoryview) -> int:
    """The type of a NAL unit that has at least one byte."""
    return nal[0] & 0x1F


def nal_units(data: bytes | memoryview) -> list[memoryview]:
    """The NAL units of an Annex B buffer in order, as views without start codes and trailing zero bytes.

    Start codes of three and four bytes may be mixed. Bytes before the first start code and empty NAL units are left
    out, so every view has at least one byte. Nothing is copied; the views keep `data` alive.
    """
    from ratcam.media.start_code import START_CODE  # noqa: PLC0415  it needs `START`

    view = memoryview(data)
    units: list[memoryview] = []
    begin = -1
    for match in START_CODE.finditer(data):
        at = match.start()
        if begin >= 0:
            _append_trimmed(units, view, begin, at)
        begin = at + 3
    if begin >= 0:
        _append_trimmed(units, view, begin, len(view))
    return units


def trimmed_end(view: bytes | bytearray | memoryview, begin: int, end: int) -> int:
    """Where the NAL unit in view[begin:end] ends: a NAL unit never ends with a zero byte (7.4.1)."""
    for _ in range(8):
        if end == begin or view[end - 1]:
            return end
        end -= 1
    return begin + len(bytes(view[begin:end]).rstrip(b"\0"))


def _append_trimmed(units: list[memoryview], view: memoryview, begin: int, end: int) -> None:
    end = trimmed_end(view, begin, end)
    if end > begin:
        units.append(view[begin:end])


def unescaped(nal: bytes | bytearray | memoryview) -> bytes:
    """A NAL unit without its emulation prevention bytes (7.3.1): the header byte and the RBSP."""
    return bytes(nal).replace(b"\x00\x00\x03", b"\x00\x00")
