"""The tables of a track: what the samples are, when they are shown, where they lie (ISO/IEC 14496-12, 8.6 and 8.7)."""

import struct
from itertools import chain, pairwise, repeat

from ratcam.media.boxes import MAX_U32, full_box
from ratcam.media.timebase import TICKS_PER_S, median
from ratcam.media.timeline import DEFAULT_STEP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_AT_ONCE = 4096
"""Numbers that are unpacked at a time."""


class SampleIndex:
    """Everything that the final tables need, in 8 bytes a sample, 12 where pictures are reordered, and 28 a run.

    At an even rate it is 4 bytes less a sample. Most of it is held as the bytes of the tables. Not in arrays: importing
    `array` takes longer than filling them.
    """

    def __init__(self) -> None:
        self._count = 0
        self._sizes = bytearray()
        self._steps = bytearray()
        self._spans = bytearray()
        self._shifts = bytearray()
        self._least_shift = 0
        self._keys = bytearray()
        self._runs = bytearray()
        self._latest: int | None = None
        self._median: int | None = None
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
        before = () if self._latest is None else (self._latest,)
        if isinstance(decoded_90k, range) and (not before or decoded_90k[0] - before[0] == decoded_90k.step):
            self._add_even(count - 1 + len(before), decoded_90k.step)
        else:
            self._add_steps([later - sooner for sooner, later in pairwise((*before, *decoded_90k))])
        self._latest, self._median = decoded_90k[-1], None
        if shifts_90k is not None and any(shifts_90k):
            self._shifts += bytes(4 * self._count - len(self._shifts)) + struct.pack(f">{count}i", *shifts_90k)
            self._least_shift = min(self._least_shift, *shifts_90k)
        self._count += count
        self._runs += struct.pack(">QII", offset, count, description)

    @property
    def duration_90k(self) -> int:
        """From the first picture's beginning to the last one's end: to `end_90k` if set, else a median step on.

        It is the median of the last 4096 steps.
        """
        return 0 if self._latest is None else self._latest + self._last_step()

    @property
    def delay_90k(self) -> int:
        """How much later than it is decoded the first picture is shown, so that none is shown before it is decoded."""
        return -self._least_shift

    def rates(self) -> tuple[int, int, int]:
        """The largest sample in bytes, the largest rate over one second and the average, both in bits a second."""
        if not self._count:
            return 0, 0, 0
        most = window = time = 0
        # The window slides over the tables twice at once: its end, and behind it its beginning.
        leaving = zip(_numbers(self._sizes), self._each_step(), strict=False)
        end = TICKS_PER_S
        for size, step in zip(_numbers(self._sizes), chain((0,), self._each_step()), strict=True):
            time += step
            window += size
            while time >= end:
                left, on = next(leaving)
                window -= left
                end += on
            if window > most:  # noqa: PLR1730  max() doubles the time of the loop
                most = window
        total, largest = sum(_numbers(self._sizes)), max(_numbers(self._sizes))
        average = total * 8 * TICKS_PER_S // max(1, self.duration_90k)
        return largest, max(most * 8, average), average

    def tables(self, base: int = 0) -> bytes:
        """The boxes stts, ctts, stss, stsc, stsz and stco or co64; `base` is added to every chunk's offset."""
        parts = [self._time_to_sample(), self._composition_offsets()]
        if len(self._keys) < len(self._sizes):
            # 8.6.2: the box is left out when every sample is a sync sample.
            parts.append(full_box(b"stss", 0, 0, struct.pack(">I", len(self._keys) // 4), self._keys))
        parts += self._sample_to_chunk(), self._sample_sizes(), self._chunk_offsets(base)
        return b"".join(parts)

    def _add_steps(self, steps: list[int]) -> None:
        """All the same, as at an even rate, become one number; else the step of their row is 0."""
        if steps and steps[0] > 0 and steps.count(steps[0]) == len(steps):
            self._add_even(len(steps), steps[0])
        else:
            self._spans += struct.pack(">II", len(steps), 0)
            self._steps += struct.pack(f">{len(steps)}I", *steps)

    def _add_even(self, count: int, step: int) -> None:
        """A row of count and step, or more of the last."""
        if self._spans and struct.unpack_from(">I", self._spans, len(self._spans) - 4)[0] == step:
            count += struct.unpack_from(">I", self._spans, len(self._spans) - 8)[0]
            del self._spans[-8:]
        self._spans += struct.pack(">II", count, step)

    def _each_step(self) -> "Iterator[int]":
        return chain.from_iterable(self._steps_of_spans())

    def _steps_of_spans(self) -> "Iterator[Iterable[int]]":
        at = 0
        for count, step in struct.iter_unpack(">II", self._spans):
            if step:
                yield repeat(step, count)
            else:
                yield struct.unpack_from(f">{count}I", self._steps, at)
                at += 4 * count

    def _last_step(self) -> int:
        if self.end_90k is not None and self._latest is not None and self.end_90k > self._latest:
            return self.end_90k - self._latest
        if self._median is None:
            self._median = median(self._last_steps()) if self._count > 1 else DEFAULT_STEP
        return self._median

    def _last_steps(self) -> list[int]:
        """The last `_AT_ONCE` at most."""
        steps: list[int] = []
        end = len(self._steps)
        for place in range(len(self._spans) - 8, -1, -8):
            count, step = struct.unpack_from(">II", self._spans, place)
            some = min(count, _AT_ONCE - len(steps))
            if step:
                steps += repeat(step, some)
            else:
                steps += struct.unpack_from(f">{some}I", self._steps, end - 4 * some)
                end -= 4 * count
            if len(steps) == _AT_ONCE:
                break
        return steps

    def _time_to_sample(self) -> bytes:
        """8.6.1.2: the steps sum up to the duration of the media."""
        if not self._count:
            return _table_of_runs(b"stts", ())
        return _table_of_runs(b"stts", chain(self._each_step(), (self._last_step(),)))

    def _composition_offsets(self) -> bytes:
        """8.6.1.3, version 0: not below zero; the edit list takes the delay back."""
        if not self._shifts:
            return b""
        delay, rest = self.delay_90k, self._count - len(self._shifts) // 4
        shifted = (shift + delay for shift in _numbers(self._shifts, "i"))
        return _table_of_runs(b"ctts", chain(shifted, repeat(delay, rest)))

    def _sample_to_chunk(self) -> bytes:
        """8.7.4: a row for each chunk that is not like the one before."""
        row, rows = struct.Struct(">III"), bytearray()
        last = (0, 0)
        for number, (_, count, description) in enumerate(struct.iter_unpack(">QII", self._runs), start=1):
            if (count, description) != last:
                rows += row.pack(number, count, description)
                last = count, description
        return full_box(b"stsc", 0, 0, struct.pack(">I", len(rows) // row.size), rows)

    def _sample_sizes(self) -> bytes:
        """8.7.3.2."""
        return full_box(b"stsz", 0, 0, struct.pack(">II", 0, self._count), self._sizes)

    def _chunk_offsets(self, base: int) -> bytes:
        """8.7.5: 64 bits wide if one of them needs it."""
        furthest = max((offset for offset, _, _ in struct.iter_unpack(">QII", self._runs)), default=0)
        is_long = base + furthest > MAX_U32
        number = struct.Struct(">Q" if is_long else ">I")
        table = bytearray(struct.pack(">I", len(self._runs) // 16))
        for offset, _, _ in struct.iter_unpack(">QII", self._runs):
            table += number.pack(base + offset)
        return full_box(b"co64" if is_long else b"stco", 0, 0, table)


def _numbers(table: bytearray, kind: str = "I") -> "Iterator[int]":
    """The numbers in a table, of which only some are unpacked at a time: as objects they take eight times the room."""
    whole = len(table) // 4
    return chain.from_iterable(
        struct.unpack_from(f">{min(_AT_ONCE, whole - begin)}{kind}", table, 4 * begin)
        for begin in range(0, whole, _AT_ONCE)
    )


def _table_of_runs(kind: bytes, values: "Iterable[int]") -> bytes:
    """A box with count and value of every run of equal numbers."""
    row, rows = struct.Struct(">II").pack, bytearray()
    last, count = -1, 0
    for value in values:
        if value == last:
            count += 1
        else:
            if count:
                rows += row(count, last)
            last, count = value, 1
    if count:
        rows += row(count, last)
    return full_box(kind, 0, 0, struct.pack(">I", len(rows) // 8), rows)
