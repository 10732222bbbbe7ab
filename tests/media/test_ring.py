import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.ring import GOP_BYTES, UNIT_BYTES, PreRollRing
from ratcam.media.timeline import MAX_GAP
from ratcam.messages import AccessUnit, CameraId, RunId
from tests.media.players import Unit

STEPS = st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.integers(0, 30)), max_size=60)


def units_of(steps: list[tuple[int, bool, int]]) -> list[Unit]:
    units: list[Unit] = []
    time = 0
    for step, is_key, size in steps:
        time += step
        units.append(Unit(pts_90k=time, is_key=is_key, data=bytes(size)))
    return units


def gops_of(units: list[Unit]) -> list[list[Unit]]:
    gops: list[list[Unit]] = []
    for unit in units:
        if unit.is_key:
            gops.append([])
        if gops:
            gops[-1].append(unit)
    return gops


def memory_of(units: list[Unit]) -> int:
    return sum(len(unit.data) + UNIT_BYTES + GOP_BYTES * unit.is_key for unit in units)


@given(STEPS, st.integers(0, 100), st.integers(0, 12_000))
def test_the_ring_holds_the_newest_whole_gops_within_its_bounds(
    steps: list[tuple[int, bool, int]], span: int, max_bytes: int
) -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=span, max_bytes=max_bytes)
    pushed: list[Unit] = []
    for unit in units_of(steps):
        pushed.append(unit)
        ring.push(unit)
        held = list(ring.since(-1))
        assert ring.size_bytes == memory_of(held) <= max_bytes
        if not held:
            continue
        assert held[0].is_key
        assert held == pushed[-len(held) :]
        gops = gops_of(held)
        newest = unit.pts_90k
        if len(gops) > 1:
            assert newest - gops[1][0].pts_90k < span
        earlier = gops_of(pushed)[: -len(gops)]
        if earlier and newest - held[0].pts_90k < span:
            # It holds less than the span only because more would not have fitted at some time.
            assert max_bytes < sum(memory_of(gop) for gop in gops_of(pushed))


@given(STEPS, st.integers(0, 500))
def test_since_begins_with_the_last_key_unit_at_or_before_a_time(steps: list[tuple[int, bool, int]], at: int) -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=10_000, max_bytes=100_000)
    units = units_of(steps)
    for unit in units:
        ring.push(unit)
    keys = [unit for unit in units if unit.is_key]
    found = ring.since(at)
    if not keys:
        assert found == ()
    else:
        first = max((key for key in keys if key.pts_90k <= at), key=lambda key: key.pts_90k, default=keys[0])
        assert found == tuple(units[units.index(first) :])


def test_a_ring_without_bounds_in_bytes_keeps_its_span() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=10**9)
    for time in range(0, 1000, 10):
        ring.push(Unit(pts_90k=time, is_key=time % 50 == 0, data=b"x"))
        if time >= 150:
            held = ring.since(0)
            assert 100 <= held[-1].pts_90k - held[0].pts_90k <= 150


def test_a_gop_larger_than_the_ring_is_dropped_until_the_next_key_unit() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=1000)
    ring.push(Unit(pts_90k=0, is_key=True, data=bytes(200)))
    ring.push(Unit(pts_90k=1, is_key=False, data=bytes(200)))
    assert (ring.since(0), ring.size_bytes, ring.has_overflowed) == ((), 0, True)
    ring.push(Unit(pts_90k=2, is_key=False, data=bytes(1)))
    assert ring.since(0) == ()
    key = Unit(pts_90k=3, is_key=True, data=bytes(200))
    ring.push(key)
    assert ring.since(0) == (key,)
    ring.clear()
    assert not ring.has_overflowed


def test_a_ring_that_evicts_a_gop_for_the_next_one_has_not_overflowed() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=10**6, max_bytes=1000)
    for time in range(10):
        ring.push(Unit(pts_90k=time, is_key=True, data=bytes(200)))
    assert (ring.since(0)[0].pts_90k, ring.has_overflowed) == (9, False)


@pytest.mark.parametrize(("size", "gop"), [(10, 10), (10, 1), (10, 10_000), (1500, 30), (40_000, 30)])
def test_all_that_the_ring_holds_takes_no_more_memory_than_it_says_and_may(size: int, gop: int) -> None:
    """Ten thousand pictures as the recorder gets them, measured as Python allocates them."""
    camera, most, peak = CameraId("kitchen"), 1_000_000, 0
    ring: PreRollRing[AccessUnit] = PreRollRing(span_90k=7 * 90_000, max_bytes=most)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(10_000):
            ring.push(
                AccessUnit(
                    camera=camera,
                    run_id=RunId(1),
                    pts_90k=10**9 + number * 3000,
                    is_key=number % gop == 0,
                    data=number.to_bytes(4, "big") * (size // 4),
                )
            )
            held = tracemalloc.get_traced_memory()[0] - before
            peak = max(peak, held)
            # What the ring has beside its GOPs is a few blocks of a deque, and one picture is in the making.
            assert held <= ring.size_bytes + 4000 + size
    finally:
        tracemalloc.stop()
    assert peak <= most + 4000 + size


def test_a_clock_that_was_set_back_drops_what_came_before() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=100_000)
    for time in range(100_000, 101_000, 10):
        ring.push(Unit(pts_90k=time, is_key=time % 50 == 0, data=b"x"))
    key = Unit(pts_90k=0, is_key=True, data=b"x")
    ring.push(key)
    assert ring.since(0) == (key,)
    for time in range(10, 1000, 10):
        ring.push(Unit(pts_90k=time, is_key=time % 50 == 0, data=b"x"))
    held = ring.since(0)
    assert 100 <= held[-1].pts_90k - held[0].pts_90k <= 150


def test_a_cleared_ring_waits_for_a_key_unit() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=1000)
    ring.push(Unit(pts_90k=0, is_key=True, data=b"x"))
    ring.clear()
    ring.push(Unit(pts_90k=1, is_key=False, data=b"x"))
    assert (ring.since(0), ring.size_bytes) == ((), 0)


def test_an_older_picture_shown_late_does_not_evict_a_gop_too_soon() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=10, max_bytes=10_000)
    for time, is_key in ((0, True), (8, False), (4, False), (9, True), (17, False), (13, False)):
        ring.push(Unit(pts_90k=time, is_key=is_key, data=b"x"))
    assert ring.since(0)[0].pts_90k == 0


@pytest.mark.parametrize("seed", range(20))
def test_what_is_held_since_a_time_is_at_least_that_and_at_most_one_gop_more(seed: int) -> None:
    """GOPs of any length, pictures at uneven times: the pre-roll that a clip gets."""
    chance = random.Random(seed)
    span = chance.randrange(0, 600_000)
    ring: PreRollRing[Unit] = PreRollRing(span_90k=span + 180_000, max_bytes=10**9)
    time, keys = 0, list[int]()
    for _ in range(3000):
        time += chance.randrange(1000, 12_000)
        is_key = not keys or chance.random() < 0.05
        keys += [time] if is_key else []
        ring.push(Unit(pts_90k=time, is_key=is_key, data=b"x"))
        began = time - chance.randrange(0, 180_000)
        asked = began - span
        if asked < keys[0]:
            continue
        first = ring.since(asked)[0].pts_90k
        following = next((key for key in keys if key > first), time + 1)
        assert first <= asked < following


@pytest.mark.parametrize(("jump", "first"), [(MAX_GAP, 0), (MAX_GAP + 1, MAX_GAP + 11)])
def test_a_key_unit_over_an_hour_ahead_means_that_the_clock_was_set(jump: int, first: int) -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=10**12, max_bytes=10_000)
    for time, is_key in ((0, True), (10, False), (10 + jump, True)):
        ring.push(Unit(pts_90k=time, is_key=is_key, data=b"x"))
    assert ring.since(0)[0].pts_90k == first
