"""Movie fragments: a moof box and the mdat box behind it, written and read (ISO/IEC 14496-12, 8.8)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ratcam.media.box_reader import children, find
from ratcam.media.boxes import MAX_U32
from ratcam.media.errors import StreamError
from ratcam.media.movie import KEY_FLAGS, NON_KEY_FLAGS
from ratcam.media.sample_tables import Sample
from ratcam.media.timeline import DEFAULT_STEP

MAX_SAMPLES = 300
"""With so many the moof box and the mdat header still fit into one page of 4096 bytes."""
_BASE_IS_MOOF, _DEFAULT_FLAGS = 0x2_0000, 0x20
_DATA_OFFSET, _FIRST_FLAGS, _DURATION, _SIZE, _FLAGS, _SHIFT = 1, 4, 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What one moof box says: samples that lie one behind the other, `data_offset` bytes behind the moof's start."""

    samples: tuple[Sample, ...]
    data_offset: int


def fragment_header_size(samples: Sequence[Sample]) -> int:
    """The size of what `fragment_header` returns for these samples."""
    has_shifts = any(sample.shown_90k != sample.decoded_90k for sample in samples)
    return 104 + (12 if has_shifts else 8) * len(samples)


def fragment_header(sequence: int, samples: Sequence[Sample], step: int, payload: int) -> bytes:
    """A moof box and the header of its mdat box, at most 4096 bytes.

    Args:
        sequence: the fragment's number, from 1.
        samples: 1 to `MAX_SAMPLES` samples; only the first may be a key.
        step: how long the last sample is taken to last; the next fragment says it exactly.
        payload: the bytes of the mdat box to follow.

    Raises:
        StreamError: the payload is too large for a fragment.
    """
    if payload + 8 > MAX_U32:
        raise StreamError("a group of pictures is larger than 4 GB: the video has too few key frames")
    has_shifts = any(sample.shown_90k != sample.decoded_90k for sample in samples)
    rows: list[int] = []
    for sample, following in pairwise(samples):
        rows += (following.decoded_90k - sample.decoded_90k, sample.size)
        if has_shifts:
            rows.append((sample.shown_90k - sample.decoded_90k) & MAX_U32)
    rows += (step, samples[-1].size)
    if has_shifts:
        rows.append((samples[-1].shown_90k - samples[-1].decoded_90k) & MAX_U32)
    run_flags = _DATA_OFFSET | _FIRST_FLAGS | _DURATION | _SIZE | (_SHIFT if has_shifts else 0)
    run_size = 24 + 4 * len(rows)
    traf_size = 8 + 20 + 20 + run_size
    moof_size = 8 + 16 + traf_size
    first_flags = KEY_FLAGS if samples[0].is_key else NON_KEY_FLAGS
    return struct.pack(
        f">I4sI4sII I4s I4sIII I4sIQ I4sIIII{len(rows)}I I4s",
        *(moof_size, b"moof", 16, b"mfhd", 0, sequence),
        *(traf_size, b"traf"),
        *(20, b"tfhd", _BASE_IS_MOOF | _DEFAULT_FLAGS, 1, NON_KEY_FLAGS),
        *(20, b"tfdt", 1 << 24, samples[0].decoded_90k),
        *(run_size, b"trun", 1 << 24 | run_flags, len(samples), moof_size + 8, first_flags),
        *rows,
        *(payload + 8, b"mdat"),
    )


def parse_fragment(moof: bytes) -> Fragment:
    """Read a moof box that `fragment_header` wrote.

    Raises:
        StreamError: it is damaged, or not of this form.
    """
    time, run = find(moof, b"moof", b"traf", b"tfdt"), find(moof, b"moof", b"traf", b"trun")
    if time is None or run is None or len(time) < 12 or len(run) < 16:
        raise StreamError("a fragment of the recording is damaged")
    (decoded,) = struct.unpack_from(">Q", time, 4)
    flags, count, data_offset, first_flags = struct.unpack_from(">IIiI", run)
    needed, has_shifts = _DATA_OFFSET | _FIRST_FLAGS | _DURATION | _SIZE, bool(flags & _SHIFT)
    columns = 3 if has_shifts else 2
    if (
        flags & needed != needed
        or flags & _FLAGS
        or not 0 < count <= MAX_SAMPLES
        or len(run) != 16 + 4 * columns * count
    ):
        raise StreamError("a fragment of the recording is damaged")
    samples: list[Sample] = []
    for number, (duration, size, *shift) in enumerate(struct.iter_unpack(">IIi" if has_shifts else ">II", run[16:])):
        is_key = number == 0 and first_flags == KEY_FLAGS
        samples.append(Sample(size, decoded, decoded + (shift[0] if shift else 0), is_key))
        decoded += duration
    return Fragment(samples=tuple(samples), data_offset=data_offset)


def steps(samples: Sequence[Sample], fallback: int = DEFAULT_STEP) -> int:
    """How long the last sample is taken to last: as long as the one before."""
    return samples[-1].decoded_90k - samples[-2].decoded_90k if len(samples) > 1 else fallback


def is_movie_fragmented(moov: bytes) -> bool:
    """Whether a moov box announces fragments."""
    return any(kind == b"mvex" for kind, _ in children(memoryview(moov)[8:]))
