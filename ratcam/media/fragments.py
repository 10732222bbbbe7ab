"""Movie fragments: a moof box and the mdat box behind it, written and read (ISO/IEC 14496-12, 8.8)."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from ratcam.media.box_reader import children, find
from ratcam.media.boxes import MAX_U32
from ratcam.media.errors import StreamError
from ratcam.media.movie import KEY_FLAGS, NON_KEY_FLAGS

MAX_SAMPLES = 300
"""With so many the moof box and the mdat header still fit into one page of 4096 bytes."""
_BASE_IS_MOOF, _DEFAULT_FLAGS = 0x2_0000, 0x20
_DATA_OFFSET, _FIRST_FLAGS, _DURATION, _SIZE, _SHIFT = 1, 4, 0x100, 0x200, 0x800


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture: its size in bytes, its times on the file's time line in ticks, whether it is an IDR picture."""

    size: int
    decoded_90k: int
    shown_90k: int
    is_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """What one moof box says: samples that lie one behind the other, `data_offset` bytes behind the moof's start."""

    samples: tuple[Sample, ...]
    data_offset: int


def fragment_header_size(count: int, *, has_shifts: bool) -> int:
    """The size of what `fragment_header` returns for so many samples."""
    return 104 + (12 if has_shifts else 8) * count


def fragment_header(
    sequence: int,
    sizes: Sequence[int],
    decoded_90k: int,
    steps_90k: Sequence[int],
    shifts_90k: Sequence[int] | None,
    *,
    starts_with_key: bool,
    payload: int,
) -> bytes:
    """A moof box and the header of its mdat box, at most 4096 bytes.

    Args:
        sequence: the fragment's number, from 1 (8.8.5).
        sizes: bytes of 1 to `MAX_SAMPLES` samples.
        decoded_90k: when the first is decoded (8.8.12).
        steps_90k: how long each lasts, in decoding; the last one's is taken for true until the next fragment is there.
        shifts_90k: how much later each is shown than decoded, may be negative; None if all are shown when decoded.
        starts_with_key: whether the first is an IDR picture; no other may be one.
        payload: the bytes of the mdat box to follow.

    Raises:
        StreamError: the payload is too large for a fragment.
    """
    if payload + 8 > MAX_U32:
        raise StreamError("a group of pictures is larger than 4 GB: the video has too few key frames")
    count, columns = len(sizes), 2 if shifts_90k is None else 3
    rows = [0] * (columns * count)
    rows[::columns] = steps_90k
    rows[1::columns] = sizes
    run_flags = _DATA_OFFSET | _FIRST_FLAGS | _DURATION | _SIZE
    if shifts_90k is not None:
        rows[2::columns] = [shift & MAX_U32 for shift in shifts_90k]
        run_flags |= _SHIFT
    run_size = 24 + 4 * len(rows)
    traf_size = 8 + 20 + 20 + run_size
    moof_size = 8 + 16 + traf_size
    return struct.pack(
        f">I4sI4sII I4s I4sIII I4sIQ I4sIIII{len(rows)}I I4s",
        *(moof_size, b"moof", 16, b"mfhd", 0, sequence),  # 8.8.4, 8.8.5
        *(traf_size, b"traf"),  # 8.8.6
        *(20, b"tfhd", _BASE_IS_MOOF | _DEFAULT_FLAGS, 1, NON_KEY_FLAGS),  # 8.8.7
        *(20, b"tfdt", 1 << 24, decoded_90k),  # 8.8.12, version 1
        # 8.8.8, version 1: signed shifts
        *(
            run_size,
            b"trun",
            1 << 24 | run_flags,
            count,
            moof_size + 8,
            KEY_FLAGS if starts_with_key else NON_KEY_FLAGS,
        ),
        *rows,
        *(payload + 8, b"mdat"),  # 8.1.1
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
    if flags & needed != needed or not 0 < count <= MAX_SAMPLES or len(run) != 16 + 4 * columns * count:
        raise StreamError("a fragment of the recording is damaged")
    samples: list[Sample] = []
    for number, (duration, size, *shift) in enumerate(struct.iter_unpack(">IIi" if has_shifts else ">II", run[16:])):
        is_key = number == 0 and first_flags == KEY_FLAGS
        samples.append(Sample(size, decoded, decoded + (shift[0] if shift else 0), is_key))
        decoded += duration
    return Fragment(samples=tuple(samples), data_offset=data_offset)


def is_movie_fragmented(moov: bytes) -> bool:
    """Whether a moov box announces fragments."""
    return any(kind == b"mvex" for kind, _ in children(memoryview(moov)[8:]))
