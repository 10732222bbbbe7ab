from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.cutter import Appended, ClipCutter, Closed, Event, Opened
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
                assert event.units[0].is_key
                assert not any(one.is_key for one in event.units[1:])
                assert count or event.units[0].pts_90k == start
                assert not count or event.units[0].pts_90k - start < segment
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


def sized(time: int, size: int, *, key: bool) -> Unit:
    data = (SETS[0] + KEY if key else OTHER) + b"\0\0\1\6"
    return Unit(pts_90k=time, is_key=key, data=data + b"\x55" * (size - len(data)))


def test_a_part_ends_before_a_gop_like_its_largest_would_not_fit() -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10**9, max_bytes=1000)
    events: list[Event[Unit]] = []
    for number, size in enumerate((100, 300, 200, 200, 200, 100, 1500, 100)):
        events += cutter.feed(sized(2 * number, 60, key=True))
        events += cutter.feed(sized(2 * number + 1, size - 60, key=False))
    events += cutter.finish()
    sizes: dict[int, list[int]] = {}
    for event in events:
        if isinstance(event, Appended):
            sizes.setdefault(event.part, []).append(sum(len(one.data) for one in event.units))
    assert sizes == {1: [100, 300, 200, 200], 2: [200, 100, 1500], 3: [100]}


@given(st.lists(st.tuples(st.booleans(), st.integers(60, 500)), max_size=60), st.integers(100, 3000))
def test_a_part_is_too_large_only_by_what_its_last_gop_is_larger_than_the_others(
    sizes: list[tuple[bool, int]], most: int
) -> None:
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=10**9, max_bytes=most)
    events = [event for time, (key, size) in enumerate(sizes) for event in cutter.feed(sized(time, size, key=key))]
    events += cutter.finish()
    check_order(events, 10**9)
    for part in {event.part for event in events}:
        gops = [e.units for e in events if isinstance(e, Appended) and e.part == part]
        gop_bytes = [sum(len(one.data) for one in gop) for gop in gops]
        if sum(gop_bytes) > most and len(gop_bytes) > 1:
            assert sum(gop_bytes[:-1]) + max(gop_bytes[:-1]) <= most


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
