import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.cutter import PIECE_90K, PIECE_BYTES, PIECE_UNITS, Appended, ClipCutter, Closed, Event, Opened
from ratcam.media.timebase import TICKS_PER_S as S
from tests.media.players import Unit
from tests.media.written import annex_b, made_pps, made_slice, made_sps

SETS = (annex_b(made_sps(), made_pps()), annex_b(made_sps(width_mbs=9), made_pps()))
KEY, OTHER = annex_b(made_slice(idr=True)), annex_b(made_slice(frame_num=1))


def unit(time: int, *, key: bool = False, sets: int = 0) -> Unit:
    return Unit(pts_90k=time, is_key=key, data=SETS[sets] + KEY if key else OTHER)


STREAM = st.lists(
    st.tuples(st.integers(1, 20), st.booleans(), st.sampled_from([0, 0, 0, 1]), st.integers(-1, 25)), max_size=60
)


@given(STREAM, st.integers(1, 80), st.booleans())
def test_parts_hold_every_unit_once_in_order_and_begin_with_keys(
    steps: list[tuple[int, bool, int, int]], segment: int, is_ended: bool
) -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=segment)
    events: list[Event[Unit]] = []
    expected: list[Unit] = []
    end: int | None = None
    time = 0
    for step, is_key, sets, until_end in steps:
        time += step
        if until_end == -1:
            end = None
            cutter.end_at(None)
        elif until_end > 22 and is_ended:
            end = time + until_end
            cutter.end_at(end)
        one = unit(time, key=is_key, sets=sets)
        was_done = cutter.is_done
        events += cutter.feed(one)
        if not was_done and not (end is not None and time >= end) and (expected or is_key):
            expected.append(one)
        assert cutter.is_done == (was_done or (end is not None and time >= end))
    events += cutter.finish()
    assert cutter.is_done
    assert cutter.finish() == ()
    assert [one for event in events if isinstance(event, Appended) for one in event.units] == expected
    check_order(events, segment)


def check_order(events: list[Event[Unit]], segment: int) -> None:
    part, start, count, is_open = 0, 0, 0, False
    for number, event in enumerate(events):
        match event:
            case Opened():
                assert not is_open
                assert event.part == part + 1
                part, start, count, is_open = event.part, event.start_pts_90k, 0, True
            case Appended():
                assert is_open
                assert event.part == part
                assert not any(one.is_key for one in event.units[1:])
                assert count or (event.units[0].is_key and event.units[0].pts_90k == start)
                assert not (count and event.units[0].is_key) or event.units[0].pts_90k - start < segment
                count += 1
            case Closed():
                assert is_open
                assert count
                assert event.is_last == (number == len(events) - 1)
                is_open = False
                if not event.is_last:
                    following = events[number + 1]
                    assert isinstance(following, Opened)
                    assert following.start_pts_90k == event.end_pts_90k
    assert not is_open


def test_a_gop_is_appended_when_the_next_one_begins() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=100)
    first, second, third = unit(5, key=True), unit(10), unit(15, key=True)
    assert cutter.feed(unit(0)) == ()
    assert cutter.feed(first) == (Opened(part=1, start_pts_90k=5),)
    assert cutter.feed(second) == ()
    assert cutter.feed(third) == (Appended(part=1, units=(first, second)),)


def test_a_part_ends_at_the_first_key_unit_at_its_length() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=20)
    first, second = unit(0, key=True), unit(20, key=True)
    cutter.feed(first)
    assert cutter.feed(second) == (
        Appended(part=1, units=(first,)),
        Closed(part=1, end_pts_90k=20, is_last=False),
        Opened(part=2, start_pts_90k=20),
    )


def test_other_parameter_sets_begin_another_part() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=1000)
    cutter.feed(unit(0, key=True))
    assert Opened(part=2, start_pts_90k=10) in cutter.feed(unit(10, key=True, sets=1))


def test_the_same_parameter_sets_in_another_order_go_on_with_the_part() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=1000)
    one, other = made_pps(), made_pps(pps_id=1)
    cutter.feed(Unit(pts_90k=0, is_key=True, data=annex_b(made_sps(), one, other) + KEY))
    again = Unit(pts_90k=10, is_key=True, data=annex_b(made_sps(), other, one) + KEY)
    assert [type(event) for event in cutter.feed(again)] == [Appended]


def sized(time: int, size: int, *, key: bool = False) -> Unit:
    data = (SETS[0] + KEY if key else OTHER) + b"\0\0\1\6"
    return Unit(pts_90k=time, is_key=key, data=data + b"\x55" * (size - len(data)))


def bytes_of(units: Iterable[Unit]) -> int:
    return sum(len(one.data) for one in units)


def parts_of(events: Iterable[Event[Unit]]) -> dict[int, list[tuple[Unit, ...]]]:
    """The pieces of every part."""
    parts: dict[int, list[tuple[Unit, ...]]] = {}
    for event in events:
        if isinstance(event, Appended):
            parts.setdefault(event.part, []).append(event.units)
    return parts


def test_a_part_ends_before_a_gop_like_its_largest_would_not_fit() -> None:
    kilo = 1000
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=30 * S, max_bytes=1060 * kilo)
    events: list[Event[Unit]] = []
    for number, size in enumerate((100, 300, 200, 200, 200, 100, 1500, 100)):
        events += cutter.feed(sized(number * S, 60, key=True))
        events += cutter.feed(sized(number * S + S // 2, size * kilo - 60))
    events += cutter.finish()
    sizes = {part: [bytes_of(piece) // kilo for piece in pieces] for part, pieces in parts_of(events).items()}
    assert sizes == {1: [100, 300, 200, 200], 2: [200, 100, 1500], 3: [100]}


def test_a_part_ends_before_a_key_unit_that_alone_would_not_fit() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=30 * S, max_bytes=200_000)
    cutter.feed(sized(0, 100, key=True))
    assert Opened(part=2, start_pts_90k=S) in cutter.feed(sized(S, 170_000, key=True))


SIZED = st.lists(st.tuples(st.booleans(), st.integers(60, 30_000)), max_size=60)


@given(SIZED, st.integers(41_000, 300_000))
def test_a_part_is_too_large_only_by_what_its_last_gop_is_larger_than_the_others(
    sizes: list[tuple[bool, int]], most: int
) -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=30 * S, max_bytes=most)
    stream = [sized(time * S // 10, size, key=key) for time, (key, size) in enumerate(sizes)]
    events = [event for one in stream for event in cutter.feed(one)]
    events += cutter.finish()
    check_order(events, 30 * S)
    for pieces in parts_of(events).values():
        gops: list[list[Unit]] = []
        for piece in pieces:
            gops += [[]] if piece[0].is_key else []
            gops[-1] += piece
        if sum(map(bytes_of, gops)) > most and len(gops) > 1:
            assert sum(map(bytes_of, gops[:-1])) + max(map(bytes_of, gops[:-1])) <= most


@given(SIZED, st.integers(60_000, 300_000))
def test_without_key_units_in_time_a_part_ends_at_the_hard_limit_and_the_rest_of_the_gop_is_counted(
    sizes: list[tuple[bool, int]], hard: int
) -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=30 * S, max_bytes=50_000, hard_bytes=hard)
    stream = [sized(time * S // 10, size, key=key) for time, (key, size) in enumerate(sizes)]
    events = [event for one in stream for event in cutter.feed(one)]
    events += cutter.finish()
    kept = [one for pieces in parts_of(events).values() for piece in pieces for one in piece]
    assert all(bytes_of(one for piece in pieces for one in piece) < hard for pieces in parts_of(events).values())
    assert all(pieces[0][0].is_key for pieces in parts_of(events).values())
    first = next((number for number, one in enumerate(stream) if one.is_key), len(stream))
    assert len(kept) + cutter.left_out == len(stream) - first
    # What is left out is the end of a GOP, never its middle.
    positions = {id(one): number for number, one in enumerate(stream)}
    for one, following in pairwise(kept):
        assert following.is_key or positions[id(following)] == positions[id(one)] + 1
    closed = [event for event in events if isinstance(event, Closed)]
    assert [event.is_last for event in closed] == [False] * (len(closed) - 1) + [True] * bool(closed)


def test_a_part_that_is_full_without_a_key_unit_ends_there_and_the_next_begins_with_one() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=30 * S, max_bytes=100_000, hard_bytes=200_000)
    begin = sized(0, 60, key=True)
    cutter.feed(begin)
    filled = [sized(time * S, 50_000) for time in (1, 2, 3)]
    events = [event for one in filled for event in cutter.feed(one)]
    assert (events, cutter.needs_key) == ([Appended(part=1, units=(begin, filled[0]))], False)
    assert cutter.feed(sized(4 * S, 50_000)) == (
        Appended(part=1, units=tuple(filled[1:])),
        Closed(part=1, end_pts_90k=4 * S, is_last=False),
    )
    assert (cutter.needs_key, cutter.is_due) == (True, False)
    assert cutter.feed(sized(5 * S, 60)) == ()
    assert cutter.left_out == 2
    assert cutter.feed(sized(6 * S, 60, key=True)) == (Opened(part=2, start_pts_90k=6 * S),)
    assert (cutter.needs_key, cutter.left_out) == (False, 2)


def test_a_clip_that_ends_while_its_units_are_left_out_says_that_its_last_part_was_the_last() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=30 * S, max_bytes=100_000, hard_bytes=100_000)
    cutter.feed(sized(0, 60, key=True))
    assert cutter.feed(sized(S, 70_000))[-1] == Closed(part=1, end_pts_90k=S, is_last=False)
    assert cutter.finish() == (Closed(part=1, end_pts_90k=S, is_last=True),)
    assert not cutter.needs_key


def test_a_long_gop_is_handed_on_in_pieces_of_two_seconds() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S)
    gop = [sized(number * S // 10, 60, key=number == 0) for number in range(50)]
    events = [event for one in gop for event in cutter.feed(one)]
    events += cutter.finish()
    assert parts_of(events) == {1: [tuple(gop[:20]), tuple(gop[20:40]), tuple(gop[40:])]}


@given(st.lists(st.tuples(st.integers(-S, 3 * S), st.sampled_from([60, 60, 60, 900_000, 5_000_000])), max_size=40))
def test_pieces_are_bounded_and_lose_nothing(steps: list[tuple[int, int]]) -> None:
    """Also with a clock that jumps, and with pictures that are larger than a piece."""
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10**12)
    gop = [sized(0, 60, key=True)]
    for step, size in steps:
        gop.append(sized(gop[-1].pts_90k + step, size))
    events = [event for one in gop for event in cutter.feed(one)]
    events += cutter.finish()
    (pieces,) = parts_of(events).values()
    assert [one for piece in pieces for one in piece] == gop
    for piece in pieces:
        assert len(piece) <= PIECE_UNITS
        assert len(piece) == 1 or bytes_of(piece) <= PIECE_BYTES
        assert all(one.pts_90k - piece[0].pts_90k < PIECE_90K for one in piece)


def test_very_many_pictures_at_one_time_are_handed_on_all_the_same() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10**12)
    events = [event for number in range(1000) for event in cutter.feed(sized(0, 60, key=number == 0))]
    events += cutter.finish()
    assert [len(piece) for piece in parts_of(events)[1]] == [300, 300, 300, 100]


def due_after(cutter: ClipCutter[Unit], units: Iterable[Unit]) -> list[bool]:
    """Whether a key unit is due, after each unit."""
    found: list[bool] = []
    for one in units:
        cutter.feed(one)
        found.append(cutter.is_due)
    return found


def test_a_part_is_due_at_its_length() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10 * S)
    assert (cutter.needs_key, cutter.is_due) == (True, False)
    found = due_after(cutter, [sized(time * S, 60, key=time in (0, 12)) for time in range(15)])
    assert found == [False] * 10 + [True, True, False, False, False]
    assert not cutter.needs_key


def test_a_part_is_due_a_second_before_its_size() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S, max_bytes=1_000_000)
    found = due_after(cutter, [sized(time * S, 100_000 if time else 60, key=not time) for time in range(11)])
    # With 900 kB and the container's 40 there is no room for the 100 kB of another second.
    assert found == [False] * 9 + [True, True]


def gop_in_decoding_order(chance: random.Random, begin: int, sets: int) -> list[Unit]:
    """A key unit, then P pictures each followed by the B pictures that are shown before it."""
    found = [Unit(pts_90k=begin, is_key=True, data=SETS[sets] + KEY + b"\x55" * chance.randrange(400))]
    time = begin
    for _ in range(chance.randrange(5)):
        between = chance.randrange(4)
        shown = [time + 3000 * (number + 1) for number in range(between + 1)]
        for at in (shown[-1], *shown[:-1]):
            found.append(Unit(pts_90k=at, is_key=False, data=OTHER + b"\x55" * chance.randrange(4000)))
        time = shown[-1]
    return found


@pytest.mark.parametrize("seed", range(3))
def test_over_a_thousand_splits_no_unit_is_lost_and_none_is_doubled(seed: int) -> None:
    chance = random.Random(seed)
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=2 * S, max_bytes=100_000, hard_bytes=45_000_000)
    stream: list[Unit] = []
    events: list[Event[Unit]] = []
    begin = sets = parts = 0
    while parts < 1001:
        sets ^= chance.random() < 0.02
        gop = gop_in_decoding_order(chance, begin, sets)
        begin = max(one.pts_90k for one in gop) + 3000
        stream += gop
        found = [event for one in gop for event in cutter.feed(one)]
        parts += sum(isinstance(event, Opened) for event in found)
        events += found
    events += cutter.finish()
    check_order(events, 2 * S)
    kept = [one for pieces in parts_of(events).values() for piece in pieces for one in piece]
    assert len(kept) == len(stream)
    assert all(one is other for one, other in zip(kept, stream, strict=True))
    assert cutter.left_out == 0
    for pieces in parts_of(events).values():
        units = [one for piece in pieces for one in piece]
        assert units[0].is_key
        assert {one.data[: len(SETS[0])] == units[0].data[: len(SETS[0])] for one in units if one.is_key} == {True}


def test_a_key_unit_without_parameter_sets_goes_on_with_the_last_ones() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=1000)
    cutter.feed(unit(0, key=True))
    bare = Unit(pts_90k=10, is_key=True, data=KEY)
    assert [type(event) for event in cutter.feed(bare)] == [Appended]


def test_an_end_may_be_put_off_and_falls_before_the_unit_that_reaches_it() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=1000)
    first, second = unit(0, key=True), unit(30)
    cutter.feed(first)
    cutter.end_at(30)
    cutter.end_at(None)
    assert cutter.feed(second) == ()
    cutter.end_at(40)
    assert cutter.feed(unit(41)) == (
        Appended(part=1, units=(first, second)),
        Closed(part=1, end_pts_90k=41, is_last=True),
    )
    assert cutter.feed(unit(50, key=True)) == ()


def test_a_reordered_stream_ends_before_a_unit_in_decoding_order() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=1000)
    shown = [unit(0, key=True), unit(30), unit(10)]
    cutter.feed(shown[0])
    cutter.feed(shown[1])
    cutter.end_at(20)
    assert cutter.feed(shown[2]) == ()
    assert cutter.feed(unit(20)) == (
        Appended(part=1, units=tuple(shown)),
        Closed(part=1, end_pts_90k=20, is_last=True),
    )


def test_a_clip_that_ends_before_its_first_key_unit_has_no_part() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10)
    cutter.end_at(5)
    assert cutter.feed(unit(6, key=True)) == ()
    assert cutter.is_done


def test_a_stream_that_ends_closes_the_part_with_the_gop_begun() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10)
    first = unit(0, key=True)
    cutter.feed(first)
    assert cutter.finish() == (Appended(part=1, units=(first,)), Closed(part=1, end_pts_90k=None, is_last=True))
