"""Writing ISO BMFF boxes (ISO/IEC 14496-12): the boxes that do not depend on the samples' tables."""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime

MOVIE_SCALE = 1000
UNIX_EPOCH_IN_1904_S = 2_082_844_800
"""Seconds from 1904-01-01, where the times of a file count from, to 1970-01-01."""
MAX_U32 = 0xFFFF_FFFF
WRITER = "Ratcam"
MATRIX = struct.pack(">9I", 0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000)
LAST_DAY_UNIX_S = 253_402_300_799
"""The last second of the year 9999, behind which days have no names."""
LANGUAGE_UND = 0x55C4
TEXT_DATA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInfo:
    """What a file says about itself: when it was made, in seconds since 1970, and its title."""

    created_unix_s: int
    title: str


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box of four-letter type `kind`."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def free_box(size: int) -> bytes:
    """A box of `size` bytes, at least 8, that players pass over."""
    return struct.pack(">I4s", size, b"free") + bytes(size - 8)


def media_data_header(payload: int) -> bytes:
    """The header of an mdat box with `payload` bytes to follow: 8 bytes, or 16 when 32 bits are too few."""
    if payload + 8 > MAX_U32 - 8:
        return struct.pack(">I4sQ", 1, b"mdat", payload + 16)
    return struct.pack(">I4s", payload + 8, b"mdat")


def file_type(*, is_fragmented: bool) -> bytes:
    """The ftyp box: 36 bytes for a file that begins its life fragmented, else 32."""
    brands = b"isomiso2avc1mp41" + (b"iso6" if is_fragmented else b"")
    return box(b"ftyp", b"isom", struct.pack(">I", 512), brands)


def movie_duration(duration_90k: int) -> int:
    """A duration in the movie's time scale, rounded up."""
    return -(-duration_90k * MOVIE_SCALE // 90_000)


def movie_header(info: FileInfo, duration_90k: int) -> bytes:
    """The mvhd box."""
    version, times = _times(info, struct.pack(">I", MOVIE_SCALE), movie_duration(duration_90k))
    rest = struct.pack(">IH10x", 0x1_0000, 0x100) + MATRIX + bytes(24) + struct.pack(">I", 2)
    return full_box(b"mvhd", version, 0, times, rest)


def track_header(info: FileInfo, duration_90k: int, width: int, height: int) -> bytes:
    """The tkhd box; `width` and `height` in pixels as shown."""
    version, times = _times(info, struct.pack(">II", 1, 0), movie_duration(duration_90k))
    rest = bytes(16) + MATRIX + struct.pack(">II", width << 16, height << 16)
    return full_box(b"tkhd", version, 3, times, rest)


def edit_list(duration_90k: int, media_time: int) -> bytes:
    """The edts box: the whole movie, from `media_time` on."""
    duration, long = movie_duration(duration_90k), max(movie_duration(duration_90k), media_time) > MAX_U32 >> 1
    entry = struct.pack(">IQqHH" if long else ">IIiHH", 1, duration, media_time, 1, 0)
    return box(b"edts", full_box(b"elst", int(long), 0, entry))


def media_header(info: FileInfo, duration_90k: int) -> bytes:
    """The mdhd box."""
    version, times = _times(info, struct.pack(">I", 90_000), duration_90k)
    return full_box(b"mdhd", version, 0, times, struct.pack(">HH", LANGUAGE_UND, 0))


def video_handler() -> bytes:
    """The hdlr box of a video track."""
    return full_box(b"hdlr", 0, 0, struct.pack(">I4s12x", 0, b"vide"), b"VideoHandler\0")


def media_information(*tables: bytes) -> bytes:
    """The minf box around the content of the stbl box."""
    reference = full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))
    return box(b"minf", full_box(b"vmhd", 0, 1, bytes(8)), box(b"dinf", reference), box(b"stbl", *tables))


def user_data(info: FileInfo) -> bytes:
    """The udta box: title, writer and day, in the form that players show; nothing about the place."""
    created = datetime.fromtimestamp(min(max(0, info.created_unix_s), LAST_DAY_UNIX_S), UTC)
    day = created.strftime("%Y-%m-%dT%H:%M:%SZ")
    items = b"".join(
        box(name, box(b"data", struct.pack(">II", TEXT_DATA, 0), text.encode()))
        for name, text in ((b"\xa9nam", info.title), (b"\xa9too", WRITER), (b"\xa9day", day))
        if text
    )
    handler = full_box(b"hdlr", 0, 0, struct.pack(">I4s4s8x", 0, b"mdir", b"appl"), b"\0")
    return box(b"udta", full_box(b"meta", 0, 0, handler, box(b"ilst", items)))


def _times(info: FileInfo, between: bytes, duration: int) -> tuple[int, bytes]:
    """(version, creation and modification time, what stands between them and the duration, the duration)."""
    created = max(0, info.created_unix_s + UNIX_EPOCH_IN_1904_S)
    long = max(created, duration) > MAX_U32
    number = ">Q" if long else ">I"
    stamp = struct.pack(number, created)
    return int(long), stamp + stamp + between + struct.pack(number, duration)
