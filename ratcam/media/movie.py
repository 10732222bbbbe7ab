"""The moov box (ISO/IEC 14496-12, 8.2.1): of a whole file, and of one whose samples are still to come."""

import struct

from ratcam.media.avc_config import Description, sample_entry, shown_size
from ratcam.media.boxes import (
    FileInfo,
    around,
    box,
    edit_list,
    full_box,
    media_header,
    media_information,
    movie_header,
    track_header,
    user_data,
    video_handler,
)
from ratcam.media.sample_tables import SampleIndex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NON_KEY_FLAGS = 0x0101_0000
"""Depends on other samples, is no sync sample (8.8.3.1)."""
KEY_FLAGS = 0x0200_0000
"""Depends on no other sample (8.8.3.1)."""
_EMPTY_TABLES = b"".join(
    full_box(kind, 0, 0, bytes(size)) for kind, size in ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4))
)


def movie(info: FileInfo, descriptions: "Sequence[Description]", index: SampleIndex, *, base: int = 0) -> bytes:
    """The moov box of a whole file; `base` is added to the chunks' offsets.

    Args:
        info: creation time and title.
        descriptions: of each sample entry.
        index: the samples.
        base: bytes by which the chunks lie further back than the index says.
    """
    largest, most, average = index.rates()
    entries = b"".join(
        sample_entry(sets, buffer_bytes=largest, max_bitrate=most, average_bitrate=average) for sets in descriptions
    )
    duration = index.duration_90k
    edit = edit_list(duration, index.delay_90k)
    return _movie(info, descriptions, entries, duration=duration, edit=edit, tables=index.tables(base))


def fragmented_movie(info: FileInfo, sets: Description) -> bytes:
    """The moov box of a file whose samples all follow in fragments: empty tables, and mvex with trex (8.8.1, 8.8.3)."""
    extends = box(b"mvex", full_box(b"trex", 0, 0, struct.pack(">5I", 1, 1, 0, 0, NON_KEY_FLAGS)))
    return _movie(info, (sets,), sample_entry(sets), duration=0, edit=b"", tables=_EMPTY_TABLES, extends=extends)


def _movie(
    info: FileInfo,
    descriptions: "Sequence[Description]",
    entries: bytes,
    *,
    duration: int,
    edit: bytes,
    tables: bytes,
    extends: bytes = b"",
) -> bytes:
    # One track (8.3.1): mvhd, trak(tkhd, edts, mdia(mdhd, hdlr, minf)), mvex, udta. The track is as large as its
    # largest entry. Every entry stands in stsd (8.5.2).
    sizes = [shown_size(sets.active) for sets in descriptions]
    width, height = max(width for width, _ in sizes), max(height for _, height in sizes)
    description = full_box(b"stsd", 0, 0, struct.pack(">I", len(descriptions)), entries)
    media = around(b"mdia", media_header(info, duration), video_handler(), *media_information(description, tables))
    track = around(b"trak", track_header(info, duration, width, height), edit, *media)
    return box(b"moov", movie_header(info, duration), *track, extends, user_data(info))
