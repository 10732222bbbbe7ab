from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.ring import PreRollRing
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


@given(STEPS, st.integers(0, 100), st.integers(0, 200))
def test_the_ring_holds_the_newest_whole_gops_within_its_bounds(
    steps: list[tuple[int, bool, int]], span: int, max_bytes: int
) -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=span, max_bytes=max_bytes)
    pushed: list[Unit] = []
    for unit in units_of(steps):
        pushed.append(unit)
        ring.push(unit)
        held = list(ring.since(-1))
        assert ring.size_bytes == sum(len(one.data) for one in held) <= max_bytes
        if not held:
            continue
        assert held[0].is_key
        assert held == pushed[-len(held) :]
        gops = gops_of(held)
        newest = unit.pts_90k
        if len(gops) > 1:
            assert newest - gops[1][0].pts_90k < span
        earlier = gops_of(pushed)[: -len(gops)]
        lost_bytes = any(len(one.data) for one in held) and earlier
        if earlier and lost_bytes and newest - held[0].pts_90k < span:
            # It holds less than the span only because more would not have fitted at some time.
            assert max_bytes < sum(len(one.data) for gop in gops_of(pushed) for one in gop)


@given(STEPS, st.integers(0, 500))
def test_since_begins_with_the_last_key_unit_at_or_before_a_time(steps: list[tuple[int, bool, int]], at: int) -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=10_000, max_bytes=10_000)
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
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=10)
    ring.push(Unit(pts_90k=0, is_key=True, data=bytes(8)))
    ring.push(Unit(pts_90k=1, is_key=False, data=bytes(8)))
    assert (ring.since(0), ring.size_bytes) == ((), 0)
    ring.push(Unit(pts_90k=2, is_key=False, data=bytes(1)))
    assert ring.since(0) == ()
    key = Unit(pts_90k=3, is_key=True, data=bytes(8))
    ring.push(key)
    assert ring.since(0) == (key,)


def test_a_clock_that_was_set_back_drops_what_came_before() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=10_000)
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
    ring: PreRollRing[Unit] = PreRollRing(span_90k=100, max_bytes=100)
    ring.push(Unit(pts_90k=0, is_key=True, data=b"x"))
    ring.clear()
    ring.push(Unit(pts_90k=1, is_key=False, data=b"x"))
    assert (ring.since(0), ring.size_bytes) == ((), 0)


def test_an_older_picture_shown_late_does_not_evict_a_gop_too_soon() -> None:
    ring: PreRollRing[Unit] = PreRollRing(span_90k=10, max_bytes=100)
    for time, is_key in ((0, True), (8, False), (4, False), (9, True), (17, False), (13, False)):
        ring.push(Unit(pts_90k=time, is_key=is_key, data=b"x"))
    assert ring.since(0)[0].pts_90k == 0
