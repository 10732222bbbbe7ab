from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.key_frames import (
    LONGEST_GOP_90K,
    LONGEST_PAUSE_90K,
    PATIENCE_90K,
    SHORTEST_PAUSE_90K,
    KeyFrameWatch,
)
from ratcam.media.timebase import TICKS_PER_S as S
from tests.media.players import Unit

TENTH = S // 10


def asked(
    watch: KeyFrameWatch, times: range, *, keys: tuple[int, ...] = (0,), awaited: bool = False, due: bool = False
) -> list[int]:
    """In tenths of a second: when the watch asks, with units at these times."""
    return [
        time
        for time in times
        if watch.take(Unit(pts_90k=time * TENTH, is_key=time in keys, data=b""), is_awaited=awaited, is_due=due)
    ]


def test_a_source_with_a_key_frame_a_second_is_never_asked() -> None:
    every = tuple(range(0, 300, 10))
    assert asked(KeyFrameWatch(), range(300), keys=every, due=True) == []


def test_a_gop_of_more_than_four_seconds_is_ended() -> None:
    assert asked(KeyFrameWatch(), range(50)) == [40]


def test_a_key_frame_that_is_awaited_is_asked_for_at_once() -> None:
    assert asked(KeyFrameWatch(), range(7, 8), awaited=True) == [7]


def test_a_key_frame_that_is_due_has_a_second_to_come_by_itself() -> None:
    watch = KeyFrameWatch()
    assert asked(watch, range(5), due=True) == []
    assert asked(watch, range(5, 15), due=True) == [10]


def test_the_pauses_double_while_nothing_comes_and_begin_anew_after_a_key_frame() -> None:
    watch = KeyFrameWatch()
    assert asked(watch, range(1, 1000), awaited=True) == [1, 11, 31, 71, 151, 311, 471, 631, 791, 951]
    assert asked(watch, range(1000, 1050), keys=(1000,), awaited=True) == [1001, 1011, 1031]


def test_a_clock_that_is_set_back_is_no_reason_to_wait() -> None:
    watch = KeyFrameWatch()
    assert asked(watch, range(10_000, 10_042), keys=(10_000,)) == [10_040]
    assert asked(watch, range(45)) == [40]


@given(st.lists(st.tuples(st.integers(1, 2 * S), st.booleans(), st.booleans(), st.booleans()), max_size=200))
def test_requests_are_never_closer_than_a_second_and_only_where_one_is_wanted(
    steps: list[tuple[int, bool, bool, bool]],
) -> None:
    watch = KeyFrameWatch()
    time, begin = 0, None
    asked_90k: int | None = None
    for step, is_key, is_awaited, is_due in steps:
        time += step
        begin = time if is_key or begin is None else begin
        age = time - begin
        wants = not is_key and (is_awaited or age >= LONGEST_GOP_90K or (is_due and age >= PATIENCE_90K))
        asks = watch.take(Unit(pts_90k=time, is_key=is_key, data=b""), is_awaited=is_awaited, is_due=is_due)
        assert wants or not asks
        if asks:
            assert asked_90k is None or time - asked_90k >= SHORTEST_PAUSE_90K
            asked_90k = time
        elif wants:
            assert asked_90k is not None, "the first that is wanted is asked for"
            assert time - asked_90k < LONGEST_PAUSE_90K
