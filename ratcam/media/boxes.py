"""Writing ISO BMFF boxes (ISO/IEC 14496-12): the boxes that do not depend on the samples' tables."""

import struct

from ratcam.media.value import Value

MOVIE_SCALE = 1000
UNIX_EPOCH_IN_1904_S = 2_082_844_800
"""Seconds from 1904-01-01, where the times of a file count from (8.2.2.3), to 1970-01-01."""
MAX_U32 = 0xFFFF_FFFF
MAX_I32 = 0x7FFF_FFFF
WRITER = "Ratcam"
LAST_DAY_UNIX_S = 253_402_300_799
"""The last second of the year 9999, behind which years have more than four digits."""
LANGUAGE_UND = 0x55C4
"""The language "und" of ISO 639-2 in three times five bits (8.4.2.3)."""
TEXT_DATA = 1


class FileInfo(Value):
    """What a file says about itself."""

    created_unix_s: int
    """When it was made, in seconds since 1970."""
    title: str
    rotation: int = 0
    """By how many degrees clockwise a player is to turn the pictures: 0, 90, 180 or 270."""


def box(kind: bytes, *parts: bytes | bytearray) -> bytes:
    """A box of four-letter type `kind` (4.2)."""
    return b"".join((struct.pack(">I4s", 8 + sum(map(len, parts)), kind), *parts))


def full_box(kind: bytes, version: int, flags: int, *parts: bytes | bytearray) -> bytes:
    """A box with version and flags (4.2)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def around(kind: bytes, *parts: bytes) -> tuple[bytes, ...]:
    """A box in pieces, to be joined with what is around it: large parts are not copied for each box they lie in."""
    return struct.pack(">I4s", 8 + sum(map(len, parts)), kind), *parts


def free_box(size: int) -> bytes:
    """A box of `size` bytes, at least 8, that players pass over (8.1.2)."""
    return struct.pack(">I4s", size, b"free") + bytes(size - 8)


def media_data_header(payload: int) -> bytes:
    """The header of an mdat box with `payload` bytes to follow (8.1.1): 8 bytes, or 16 when 32 bits are too few."""
    if payload + 8 > MAX_U32:
        return struct.pack(">I4sQ", 1, b"mdat", payload + 16)
    return struct.pack(">I4s", payload + 8, b"mdat")


def file_type(*, is_fragmented: bool) -> bytes:
    """The ftyp box (4.3): 36 bytes for a file that begins its life fragmented, else 32.

    avc1 stands for the sample entry and what goes with it, iso6 for fragments that count from their own start.
    """
    brands = b"isomiso2avc1mp41" + (b"iso6" if is_fragmented else b"")
    return box(b"ftyp", b"isom", struct.pack(">I", 512), brands)


def movie_duration(duration_90k: int) -> int:
    """A duration in the movie's time scale, rounded up."""
    return -(-duration_90k * MOVIE_SCALE // 90_000)


def movie_header(info: FileInfo, duration_90k: int) -> bytes:
    """The mvhd box (8.2.2): normal rate, full volume, no transformation; the next track would be the second."""
    version, times = _times(info, struct.pack(">I", MOVIE_SCALE), movie_duration(duration_90k))
    rest = struct.pack(">IH10x", 0x1_0000, 0x100) + _matrix(0, 0, 0) + bytes(24) + struct.pack(">I", 2)
    return full_box(b"mvhd", version, 0, times, rest)


def track_header(info: FileInfo, duration_90k: int, width: int, height: int) -> bytes:
    """The tkhd box (8.3.2), with the flags "enabled" and "in the movie".

    `width` and `height` are in pixels as shown, but before the pictures are turned.
    """
    version, times = _times(info, struct.pack(">II", 1, 0), movie_duration(duration_90k))
    rest = bytes(16) + _matrix(info.rotation, width, height) + struct.pack(">II", width << 16, height << 16)
    return full_box(b"tkhd", version, 3, times, rest)


def edit_list(duration_90k: int, media_time: int) -> bytes:
    """The edts box (8.6.5, 8.6.6): the whole movie, from `media_time` on, at normal rate."""
    duration = movie_duration(duration_90k)
    is_long = duration > MAX_U32 or media_time > MAX_I32
    entry = struct.pack(">IQqHH" if is_long else ">IIiHH", 1, duration, media_time, 1, 0)
    return box(b"edts", full_box(b"elst", int(is_long), 0, entry))


def media_header(info: FileInfo, duration_90k: int) -> bytes:
    """The mdhd box (8.4.2)."""
    version, times = _times(info, struct.pack(">I", 90_000), duration_90k)
    return full_box(b"mdhd", version, 0, times, struct.pack(">HH", LANGUAGE_UND, 0))


def video_handler() -> bytes:
    """The hdlr box of a video track (8.4.3); the name ends with a zero byte."""
    return full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide"), b"VideoHandler\0")


def media_information(*tables: bytes) -> tuple[bytes, ...]:
    """The pieces of the minf box (8.4.4): vmhd (12.1.2), dinf (8.7.1) and stbl (8.5.1) around `tables`.

    The one data reference (8.7.2) has the flag "in this file".
    """
    reference = full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))
    header = full_box(b"vmhd", 0, 1, bytes(8))
    return around(b"minf", header, box(b"dinf", reference), *around(b"stbl", *tables))


def user_data(info: FileInfo) -> bytes:
    """The udta box (8.10.1) with a meta box (8.11.1): title, writer and day as players show them, but no place.

    What is not known is left out: an empty title, a day before 1970.
    """
    # A clock that was not set says nothing that people would believe.
    day = _day(info.created_unix_s) if info.created_unix_s >= 0 else ""
    items = b"".join(
        box(name, box(b"data", struct.pack(">II", TEXT_DATA, 0), text.encode(errors="replace")))
        for name, text in ((b"\xa9nam", info.title), (b"\xa9too", WRITER), (b"\xa9day", day))
        if text
    )
    handler = full_box(b"hdlr", 0, 0, struct.pack(">I4s4s8x", 0, b"mdir", b"appl"), b"\0")
    return box(b"udta", full_box(b"meta", 0, 0, handler, box(b"ilst", items)))


def _matrix(rotation: int, width: int, height: int) -> bytes:
    """The transformation {a, b, u, c, d, v, x, y, w} (6.2.2): (p, q) is shown at (a p + c q + x, b p + d q + y).

    It turns a picture of that size clockwise around its corner and moves it back to where no coordinate is negative.
    """
    one = 0x1_0000
    a, b, x, y = {
        0: (one, 0, 0, 0),
        90: (0, one, height, 0),
        180: (-one, 0, width, height),
        270: (0, -one, 0, width),
    }[rotation]
    return struct.pack(">iiiiiiiiI", a, b, 0, -b, a, 0, x << 16, y << 16, 0x4000_0000)


def _times(info: FileInfo, between: bytes, duration: int) -> tuple[int, bytes]:
    """(version, creation and modification time, what stands between them and the duration, the duration).

    Version 1 of the headers has 64 bits for times that 32 cannot hold.
    """
    created = max(0, info.created_unix_s + UNIX_EPOCH_IN_1904_S)
    is_long = max(created, duration) > MAX_U32
    number = ">Q" if is_long else ">I"
    stamp = struct.pack(number, created)
    return int(is_long), stamp + stamp + between + struct.pack(number, duration)


def _day(unix_s: int) -> str:
    """A time from 1970 on as ISO 8601 in UTC. Not by `datetime`, whose import takes longer than all the boxes."""
    days, second = divmod(min(unix_s, LAST_DAY_UNIX_S), 86_400)
    # Years from March on end with the leap day, and 400 of them are 146097 days (from 0000-03-01, 719468 days sooner).
    era, day = divmod(days + 719_468, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    year, month = year + 400 * era + month // 10, (month + 2) % 12 + 1
    return f"{year:04}-{month:02}-{day + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
