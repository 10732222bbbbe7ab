"""A whole file at once: the index first, then the pictures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ratcam.media.avc_config import Description
from ratcam.media.boxes import FileInfo, file_type, media_data_header
from ratcam.media.errors import StreamError
from ratcam.media.movie import movie
from ratcam.media.sample_tables import Sample, SampleIndex
from ratcam.media.samples import LENGTH_BYTES, sample_size
from ratcam.media.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Picture:
    """A coded picture of a whole file."""

    pts_90k: int
    is_key: bool
    nals: list[memoryview]
    """Its NAL units without parameter sets that its sample entry has, at least one."""
    description: int = 1
    """Its sample entry, from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressiveFile:
    """A file to be written: `head`, then every picture's NAL units, each behind its length."""

    head: bytes
    frames: int
    duration_90k: int
    repaired: int
    pictures: Sequence[Picture]

    def buffers(self) -> Iterator[bytes | memoryview]:
        """The whole file in order, without copying the pictures."""
        yield self.head
        for picture in self.pictures:
            for unit in picture.nals:
                yield len(unit).to_bytes(LENGTH_BYTES, "big")
                yield unit


def progressive(
    pictures: Sequence[Picture],
    descriptions: Sequence[Description],
    *,
    created_unix_s: int,
    title: str,
    end_pts_90k: int | None = None,
    reorders: bool,
) -> ProgressiveFile:
    """Lay out a file of pictures in decoding order.

    Args:
        pictures: the first is a key picture.
        descriptions: of each sample entry.
        created_unix_s: wall-clock time of the first picture.
        title: shown by players.
        end_pts_90k: when the last picture ends; None: after a median step.
        reorders: whether pictures may be shown in another order than they are decoded.

    Raises:
        StreamError: there is no picture, or the first is no key picture.
    """
    if not pictures or not pictures[0].is_key:
        raise StreamError("the video has no key frame to begin with")
    timeline, index, offset = Timeline(reorders=reorders), SampleIndex(), 0
    for gop in _gops(pictures):
        times = timeline.place([picture.pts_90k for picture in gop], begins_with_key=gop[0].is_key)
        samples = [
            Sample(sample_size(picture.nals), decoded, shown, picture.is_key)
            for picture, (decoded, shown) in zip(gop, times, strict=True)
        ]
        begin = 0
        for end in range(1, len(gop) + 1):
            if end == len(gop) or gop[end].description != gop[begin].description:
                index.add_chunk(offset, samples[begin:end], description=gop[begin].description)
                offset += sum(sample.size for sample in samples[begin:end])
                begin = end
    index.end_90k = timeline.end(end_pts_90k)
    info = FileInfo(created_unix_s=created_unix_s, title=title)
    start, data = file_type(is_fragmented=False), media_data_header(offset)
    base, index_box = 0, movie(info, descriptions, index)
    # Farther chunks may need the longer table of offsets, which moves them farther still; it ends there.
    while len(start) + len(index_box) + len(data) != base:
        base = len(start) + len(index_box) + len(data)
        index_box = movie(info, descriptions, index, base=base)
    return ProgressiveFile(
        head=start + index_box + data,
        frames=len(index),
        duration_90k=index.duration_90k,
        repaired=timeline.repaired,
        pictures=pictures,
    )


def _gops(pictures: Sequence[Picture]) -> Iterator[Sequence[Picture]]:
    begin = 0
    for number in range(1, len(pictures) + 1):
        if number == len(pictures) or pictures[number].is_key:
            yield pictures[begin:number]
            begin = number
