"""The tables of a track: what the samples are, when they are shown, where they lie (ISO/IEC 14496-12, 8.6 and 8.7)."""

import struct
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from ratcam.media.boxes import MAX_U32, full_box
from ratcam.media.timebase import TICKS_PER_S, median
from ratcam.media.timeline import DEFAULT_STEP


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture: its size in bytes, its times on the file's time line in ticks, whether it is an IDR picture."""

    size: int
    decoded_90k: int
    shown_90k: int
    is_key: bool


class SampleIndex:
    """Everything that the final tables need, in about 16 bytes a sample."""

    def __init__(self) -> None:
        self._sizes = array("I")
        self._decoded = array("q")
        self._shifts = array("i")
        self._keys = array("I")
        self._chunks: list[tuple[int, int, int]] = []
        self.end_90k: int | None = None

    def __len__(self) -> int:
        return len(self._sizes)

    def add_chunk(self, offset: int, samples: Iterable[Sample], *, description: int = 1) -> None:
        """Add samples in decoding order that lie one behind the other from byte `offset` of the file on.

        `description` is the number of their sample entry, from 1. Decoding times increase from chunk to chunk.
        """
        before = len(self._sizes)
        for sample in samples:
            self._sizes.append(sample.size)
            self._decoded.append(sample.decoded_90k)
            self._shifts.append(sample.shown_90k - sample.decoded_90k)
            if sample.is_key:
                self._keys.append(len(self._sizes))
        self._chunks.append((offset, len(self._sizes) - before, description))

    @property
    def duration_90k(self) -> int:
        """From the first picture's beginning to the last one's end: to `end_90k` if set, else a median step on."""
        return self._decoded[-1] + self._last_duration() if self._decoded else 0

    @property
    def delay_90k(self) -> int:
        """How much later than it is decoded the first picture is shown, so that none is shown before it is decoded."""
        return max(0, -min(self._shifts, default=0))

    def rates(self) -> tuple[int, int, int]:
        """The largest sample in bytes, the largest rate over one second and the average, both in bits a second."""
        most = window = first = 0
        for size, time in zip(self._sizes, self._decoded, strict=True):
            window += size
            while time - self._decoded[first] >= TICKS_PER_S:
                window -= self._sizes[first]
                first += 1
            most = max(most, window)
        average = sum(self._sizes) * 8 * TICKS_PER_S // max(1, self.duration_90k)
        return max(self._sizes, default=0), max(most * 8, average), average

    def tables(self, base: int = 0) -> bytes:
        """The boxes stts, ctts, stss, stsc, stsz and stco or co64; `base` is added to every chunk's offset."""
        parts = [self._time_to_sample(), self._composition_offsets()]
        if len(self._keys) < len(self._sizes):
            parts.append(full_box(b"stss", 0, 0, struct.pack(">I", len(self._keys)), _big_endian(self._keys)))
        parts.append(self._sample_to_chunk())
        parts.append(full_box(b"stsz", 0, 0, struct.pack(">II", 0, len(self._sizes)), _big_endian(self._sizes)))
        offsets = [offset + base for offset, _, _ in self._chunks]
        is_long = max(offsets, default=0) > MAX_U32
        table = struct.pack(f">{len(offsets)}{'Q' if is_long else 'I'}", *offsets)
        parts.append(full_box(b"co64" if is_long else b"stco", 0, 0, struct.pack(">I", len(offsets)), table))
        return b"".join(parts)

    def _last_duration(self) -> int:
        if self.end_90k is not None and self.end_90k > self._decoded[-1]:
            return self.end_90k - self._decoded[-1]
        steps = self._steps()
        return median(steps) if steps else DEFAULT_STEP

    def _steps(self) -> list[int]:
        times = self._decoded
        return [later - sooner for sooner, later in pairwise(times)]

    def _time_to_sample(self) -> bytes:
        runs = _runs([*self._steps(), self._last_duration()] if self._decoded else [])
        return full_box(b"stts", 0, 0, struct.pack(">I", len(runs) // 2), struct.pack(f">{len(runs)}I", *runs))

    def _composition_offsets(self) -> bytes:
        delay = self.delay_90k
        if not delay and not any(self._shifts):
            return b""
        runs = _runs([shift + delay for shift in self._shifts])
        return full_box(b"ctts", 0, 0, struct.pack(">I", len(runs) // 2), struct.pack(f">{len(runs)}I", *runs))

    def _sample_to_chunk(self) -> bytes:
        rows: list[int] = []
        last: tuple[int, int] | None = None
        for number, (_, count, description) in enumerate(self._chunks, start=1):
            if (count, description) != last:
                rows += (number, count, description)
                last = (count, description)
        return full_box(b"stsc", 0, 0, struct.pack(">I", len(rows) // 3), struct.pack(f">{len(rows)}I", *rows))


def _runs(values: Sequence[int]) -> list[int]:
    flat: list[int] = []
    for value, same in groupby(values):
        flat += (len(list(same)), value)
    return flat


def _big_endian(values: "array[int]") -> bytes:
    """The numbers as 32-bit big-endian."""
    copy = array("I", values)
    if sys.byteorder == "little":
        copy.byteswap()
    return copy.tobytes()
