"""The tables of a track: what the samples are, when they are shown, where they lie (ISO/IEC 14496-12, 8.6 and 8.7)."""

import struct
from itertools import accumulate, pairwise

from ratcam.media.boxes import MAX_U32, full_box
from ratcam.media.timebase import TICKS_PER_S, median
from ratcam.media.timeline import DEFAULT_STEP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class SampleIndex:
    """Everything that the final tables need, in 8 bytes a sample, 12 where pictures are reordered, and 20 a run.

    Most of it is held as the bytes of the tables. Not in arrays: importing `array` takes longer than filling them.
    """

    def __init__(self) -> None:
        self._count = 0
        self._sizes = bytearray()
        self._steps = bytearray()
        self._shifts = bytearray()
        self._least_shift = 0
        self._keys = bytearray()
        self._runs = bytearray()
        self._latest: int | None = None
        self.end_90k: int | None = None

    def __len__(self) -> int:
        return self._count

    def add_run(
        self,
        offset: int,
        sizes: "Sequence[int]",
        decoded_90k: "Sequence[int]",
        shifts_90k: "Sequence[int] | None",
        *,
        starts_with_key: bool,
        description: int = 1,
    ) -> None:
        """Add samples in decoding order that lie one behind the other; they become one chunk (8.7.4).

        Args:
            offset: where in the file the first of them lies.
            sizes: their bytes, below 4 GB each; none changes nothing.
            decoded_90k: when each is decoded, in ticks, increasing within a run and from run to run, from 0; ranges do.
            shifts_90k: how much later each is shown than decoded, may be negative; None: all are shown when decoded.
            starts_with_key: whether the first is an IDR picture; no other may be one.
            description: the number of their sample entry, from 1.

        Raises:
            ValueError: there are not as many times, or shifts, as sizes.
        """
        count = len(sizes)
        if len(decoded_90k) != count or (shifts_90k is not None and len(shifts_90k) != count):
            raise ValueError("a run has a size, a time and a shift for every sample")
        if not count:
            return
        if starts_with_key:
            self._keys += struct.pack(">I", self._count + 1)
        numbers = struct.Struct(f">{count}I")
        self._sizes += numbers.pack(*sizes)
        # The step to this run's first sample is known only now.
        if self._latest is None:
            self._steps += struct.pack(f">{count - 1}I", *[b - a for a, b in pairwise(decoded_90k)])
        else:
            self._steps += numbers.pack(decoded_90k[0] - self._latest, *[b - a for a, b in pairwise(decoded_90k)])
        self._latest = decoded_90k[-1]
        if shifts_90k is not None and any(shifts_90k):
            self._shifts += bytes(4 * self._count - len(self._shifts)) + struct.pack(f">{count}i", *shifts_90k)
            self._least_shift = min(self._least_shift, *shifts_90k)
        self._count += count
        self._runs += struct.pack(">QII", offset, count, description)

    @property
    def duration_90k(self) -> int:
        """From the first picture's beginning to the last one's end: to `end_90k` if set, else a median step on."""
        return 0 if self._latest is None else self._latest + self._last_step()

    @property
    def delay_90k(self) -> int:
        """How much later than it is decoded the first picture is shown, so that none is shown before it is decoded."""
        return -self._least_shift

    def rates(self) -> tuple[int, int, int]:
        """The largest sample in bytes, the largest rate over one second and the average, both in bits a second."""
        if not self._count:
            return 0, 0, 0
        sizes, times = _numbers(self._sizes), [0, *accumulate(_numbers(self._steps))]
        most = window = first = 0
        end = TICKS_PER_S
        for size, time in zip(sizes, times, strict=True):
            window += size
            while time >= end:
                window -= sizes[first]
                first += 1
                end = times[first] + TICKS_PER_S
            if window > most:  # noqa: PLR1730  max() doubles the time of the loop
                most = window
        average = sum(sizes) * 8 * TICKS_PER_S // max(1, self.duration_90k)
        return max(sizes), max(most * 8, average), average

    def tables(self, base: int = 0) -> bytes:
        """The boxes stts, ctts, stss, stsc, stsz and stco or co64; `base` is added to every chunk's offset."""
        parts = [self._time_to_sample(), self._composition_offsets()]
        if len(self._keys) < len(self._sizes):
            # 8.6.2: the box is left out when every sample is a sync sample.
            parts.append(full_box(b"stss", 0, 0, struct.pack(">I", len(self._keys) // 4), bytes(self._keys)))
        parts += self._sample_to_chunk(), self._sample_sizes(), self._chunk_offsets(base)
        return b"".join(parts)

    def _last_step(self) -> int:
        if self.end_90k is not None and self._latest is not None and self.end_90k > self._latest:
            return self.end_90k - self._latest
        return median(_numbers(self._steps)) if self._steps else DEFAULT_STEP

    def _time_to_sample(self) -> bytes:
        """8.6.1.2: the steps sum up to the duration of the media."""
        rows = _run_lengths([*_numbers(self._steps), self._last_step()] if self._count else [])
        return full_box(b"stts", 0, 0, struct.pack(f">I{len(rows)}I", len(rows) // 2, *rows))

    def _composition_offsets(self) -> bytes:
        """8.6.1.3, version 0: not below zero; the edit list takes the delay back."""
        if not self._shifts:
            return b""
        delay = self.delay_90k
        shifts = struct.unpack(f">{len(self._shifts) // 4}i", self._shifts)
        rows = _run_lengths([shift + delay for shift in shifts] + [delay] * (self._count - len(shifts)))
        return full_box(b"ctts", 0, 0, struct.pack(f">I{len(rows)}I", len(rows) // 2, *rows))

    def _sample_to_chunk(self) -> bytes:
        """8.7.4: a row for each chunk that is not like the one before."""
        rows: list[int] = []
        last = (0, 0)
        for number, (_, *like) in enumerate(struct.iter_unpack(">QII", self._runs), start=1):
            if (this := tuple(like)) != last:
                rows += (number, *this)
                last = this
        return full_box(b"stsc", 0, 0, struct.pack(f">I{len(rows)}I", len(rows) // 3, *rows))

    def _sample_sizes(self) -> bytes:
        """8.7.3.2."""
        return full_box(b"stsz", 0, 0, struct.pack(">II", 0, self._count), bytes(self._sizes))

    def _chunk_offsets(self, base: int) -> bytes:
        """8.7.5: 64 bits wide if one of them needs it."""
        offsets = [base + offset for offset, _, _ in struct.iter_unpack(">QII", self._runs)]
        is_long = max(offsets, default=0) > MAX_U32
        table = struct.pack(f">I{len(offsets)}{'Q' if is_long else 'I'}", len(offsets), *offsets)
        return full_box(b"co64" if is_long else b"stco", 0, 0, table)


def _numbers(table: bytearray) -> tuple[int, ...]:
    return struct.unpack(f">{len(table) // 4}I", table)


def _run_lengths(values: "Sequence[int]") -> list[int]:
    """Count and value of every run of equal numbers, one behind the other."""
    rows: list[int] = []
    last = -1
    for value in values:
        if value == last:
            rows[-2] += 1
        else:
            rows += (1, value)
            last = value
    return rows
