import struct
from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.box_reader import children
from ratcam.media.sample_tables import SampleIndex


def boxes_of(index: SampleIndex, base: int = 0) -> dict[str, bytes]:
    """The content of each table behind its version and flags, which must be 0."""
    found: dict[str, bytes] = {}
    for kind, content in children(memoryview(index.tables(base))):
        assert content[:4] == bytes(4)
        found[kind.decode()] = bytes(content[4:])
    return found


def rows_of(content: bytes, form: str) -> list[tuple[int, ...]]:
    """The entries of a table that says in its first word how many it has."""
    (count,) = struct.unpack_from(">I", content)
    rows = [*struct.iter_unpack(form, content[4:])]
    assert len(rows) == count
    return rows


def values_of(content: bytes, form: str) -> list[int]:
    """A run-length coded table, written out."""
    return [value for count, value in rows_of(content, form) for _ in range(count)]


def test_a_run_of_pictures_becomes_the_rows_of_every_table() -> None:
    index = SampleIndex()
    index.add_run(1000, [70, 20, 30], range(0, 9000, 3000), None, starts_with_key=True)
    index.add_run(2000, array("I", [80, 25, 35]), [9000, 12_500, 15_000], None, starts_with_key=True)
    index.add_run(3000, [10], [18_000], None, starts_with_key=False)
    index.end_90k = 20_000
    boxes = boxes_of(index)
    assert list(boxes) == ["stts", "stss", "stsc", "stsz", "stco"]
    assert rows_of(boxes["stts"], ">II") == [(3, 3000), (1, 3500), (1, 2500), (1, 3000), (1, 2000)]
    assert rows_of(boxes["stss"], ">I") == [(1,), (4,)]
    assert rows_of(boxes["stsc"], ">III") == [(1, 3, 1), (3, 1, 1)]
    assert boxes["stsz"] == struct.pack(">9I", 0, 7, 70, 20, 30, 80, 25, 35, 10)
    assert rows_of(boxes["stco"], ">I") == [(1000,), (2000,), (3000,)]
    assert (len(index), index.duration_90k, index.delay_90k) == (7, 20_000, 0)
    assert rows_of(boxes_of(index, 50)["stco"], ">I") == [(1050,), (2050,), (3050,)]


def test_a_run_may_have_a_sample_entry_of_its_own() -> None:
    index = SampleIndex()
    for number, description in enumerate((1, 1, 2, 2, 1)):
        index.add_run(number, [1], [number], None, starts_with_key=True, description=description)
    assert rows_of(boxes_of(index)["stsc"], ">III") == [(1, 1, 1), (3, 1, 2), (5, 1, 1)]


def test_shifts_may_come_late_and_end_early() -> None:
    index = SampleIndex()
    index.add_run(0, [1, 1], [0, 10], None, starts_with_key=True)
    index.add_run(2, [1, 1, 1], [20, 30, 40], [0, 10, -10], starts_with_key=True)
    index.add_run(5, [1, 1], [50, 60], [0, 0], starts_with_key=False)
    assert index.delay_90k == 10
    assert values_of(boxes_of(index)["ctts"], ">II") == [10, 10, 10, 20, 0, 10, 10]


def test_a_run_without_samples_changes_nothing() -> None:
    index = SampleIndex()
    index.add_run(9, [], [], None, starts_with_key=True)
    assert (len(index), index.duration_90k, index.rates()) == (0, 0, (0, 0, 0))
    assert boxes_of(index) == {
        "stts": bytes(4),
        "stsc": bytes(4),
        "stsz": bytes(8),
        "stco": bytes(4),
    }


def test_every_sample_of_a_run_needs_its_time_and_its_shift() -> None:
    index = SampleIndex()
    with pytest.raises(ValueError, match="for every sample"):
        index.add_run(0, [1, 2], [0], None, starts_with_key=True)
    with pytest.raises(ValueError, match="for every sample"):
        index.add_run(0, [1, 2], [0, 1], [0], starts_with_key=True)
    assert len(index) == 0


@given(
    st.lists(
        st.tuples(
            st.integers(0, 99), st.integers(1, 0xFFFF_FFFF), st.integers(1, 1 << 31), st.integers(-(1 << 30), 1 << 30)
        ),
        min_size=1,
        max_size=60,
    ),
    st.integers(1, 7),
    st.integers(1, 1 << 31),
)
def test_the_tables_say_what_was_added(samples: list[tuple[int, int, int, int]], run: int, last: int) -> None:
    sizes = [size for _, size, _, _ in samples]
    times = [0, *accumulate(step for _, _, step, _ in samples)]
    shifts = [shift if chance > 50 else 0 for chance, _, _, shift in samples]
    index = SampleIndex()
    for at in range(0, len(samples), run):
        part = slice(at, min(at + run, len(samples)))
        index.add_run(sum(sizes[:at]), sizes[part], times[:-1][part], shifts[part], starts_with_key=at % 2 == 0)
    index.end_90k = times[-2] + last
    boxes = boxes_of(index)
    steps = values_of(boxes["stts"], ">II")
    assert [0, *accumulate(steps)] == [*times[:-1], times[-2] + last]
    assert sum(steps) == index.duration_90k
    delay = max(0, -min(shifts))
    assert index.delay_90k == delay
    if any(shifts):
        assert values_of(boxes["ctts"], ">II") == [shift + delay for shift in shifts]
    else:
        assert "ctts" not in boxes
    assert boxes["stsz"] == struct.pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 80_000)), min_size=1, max_size=60))
def test_the_largest_rate_is_that_of_the_worst_second(samples: list[tuple[int, int]]) -> None:
    sizes, times = [size for size, _ in samples], [0, *accumulate(step for _, step in samples)]
    index = SampleIndex()
    index.add_run(0, sizes, times[:-1], None, starts_with_key=True)
    index.end_90k = times[-1]
    worst = max(
        sum(size for size, time in zip(sizes, times, strict=False) if begin <= time < begin + 90_000) for begin in times
    )
    average = sum(sizes) * 8 * 90_000 // times[-1]
    assert index.rates() == (max(sizes), max(8 * worst, average), average)


def test_a_second_ends_before_the_next_begins() -> None:
    index = SampleIndex()
    index.add_run(0, [500, 400, 300], [0, 89_999, 90_000], None, starts_with_key=True)
    index.end_90k = 900_000
    assert index.rates() == (500, 8 * 900, 8 * 120)


def test_an_end_that_is_not_after_the_last_sample_is_not_believed() -> None:
    index = SampleIndex()
    index.add_run(0, [1, 1, 1], [0, 10, 30], None, starts_with_key=True)
    for end in (29, 30):
        index.end_90k = end
        assert index.duration_90k == 40
    index.end_90k = 31
    assert index.duration_90k == 31


def test_even_and_uneven_runs_in_turn_give_the_steps_that_were_added() -> None:
    steps = [*[3000] * 5000, *range(1, 5000), *[3000] * 10, 7, *[3000] * 4000]
    times = [*accumulate(steps, initial=0)]
    for run in (1, 30, 5000):
        index = SampleIndex()
        for begin in range(0, len(times), run):
            part = times[begin : begin + run]
            index.add_run(begin, [1] * len(part), part, None, starts_with_key=True)
        assert values_of(boxes_of(index)["stts"], ">II") == [*steps, 3000]
        assert index.duration_90k == times[-1] + 3000


def test_an_unknown_end_is_a_median_step_of_the_last_pictures_on() -> None:
    index = SampleIndex()
    index.add_run(0, [1] * 9001, range(0, 9001 * 9000, 9000), None, starts_with_key=True)
    begin = 9000 * 9001
    times = [begin + 3000 * number + (number == 1) for number in range(4097)]
    index.add_run(9001, [1] * 4097, times, None, starts_with_key=True)
    assert index.duration_90k == times[-1] + 3000
