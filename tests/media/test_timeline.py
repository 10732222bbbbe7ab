from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.timeline import MAX_GAP, Timeline


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40), st.booleans())
def test_any_times_become_sound_times(captured: list[int], reorders: bool) -> None:
    timeline = Timeline(reorders=reorders)
    placed = timeline.place(captured, begins_with_key=True)
    placed += timeline.place(captured, begins_with_key=False)
    placed += timeline.place(captured, begins_with_key=True)
    decoded = [time for time, _ in placed]
    shown = [time for _, time in placed]
    assert decoded == sorted(set(decoded))
    assert all(abs(show - decode) <= 2 * MAX_GAP for decode, show in placed)
    if not reorders:
        assert len(set(shown)) == len(shown)
    assert min(shown) == 0
    assert all(later - sooner <= MAX_GAP + 1 for sooner, later in pairwise(decoded))
    if not reorders:
        assert shown == decoded


@given(st.lists(st.integers(1, 9000), max_size=50), st.integers(0, 10**9))
def test_sound_times_are_kept_to_the_tick(steps: list[int], start: int) -> None:
    captured = [start]
    for step in steps:
        captured.append(captured[-1] + step)
    timeline = Timeline(reorders=False)
    placed = [timeline.place([time], begins_with_key=True)[0] for time in captured]
    assert placed == [(time - start, time - start) for time in captured]
    assert timeline.repaired == 0


def test_one_wrong_time_does_not_move_the_others() -> None:
    timeline = Timeline(reorders=False)
    captured = [0, 3000, 6000, 6000, 12_000, 100, 18_000]
    shown = [time for _, time in timeline.place(captured, begins_with_key=True)]
    assert [shown[number] for number in (0, 1, 2, 4, 6)] == [0, 3000, 6000, 12_000, 18_000]
    assert timeline.repaired == 2


def test_doubled_times_do_not_add_up() -> None:
    timeline = Timeline(reorders=False)
    captured = [9000 * n + more for n in range(100) for more in (0, 3000, 3000, 4000)]
    shown = [time for _, time in timeline.place(captured, begins_with_key=True)]
    assert shown == sorted(set(shown))
    for time, placed in zip(captured, shown, strict=True):
        assert abs(placed - time) <= 4500
        assert placed == time or time % 9000
    assert shown[::4] == captured[::4]


def test_a_doubled_time_between_reordered_gops_does_not_move_the_others() -> None:
    timeline = Timeline(reorders=True)
    timeline.place([0, 9000, 3000, 6000], begins_with_key=True)
    placed = timeline.place([9000, 18_000, 12_000, 15_000], begins_with_key=True)
    assert [shown for _, shown in placed] == [9001, 18_000, 12_000, 15_000]
    assert timeline.place([18_000], begins_with_key=True)[0][1] == 19_500
    assert timeline.place([21_000], begins_with_key=True)[0][1] == 21_000


def test_reordered_pictures_after_a_clock_that_jumped_keep_their_distances() -> None:
    timeline = Timeline(reorders=True)
    timeline.place([100_000, 109_000, 103_000, 106_000], begins_with_key=True)
    placed = timeline.place([500, 9500, 3500, 6500], begins_with_key=True)
    assert [shown for _, shown in placed] == [12_000, 21_000, 15_000, 18_000]


def test_after_a_clock_that_jumped_the_distances_are_kept() -> None:
    timeline = Timeline(reorders=False)
    captured = [100_000, 103_000, 106_000, 500, 3500, 6500]
    shown = [time for _, time in timeline.place(captured, begins_with_key=True)]
    assert timeline.repaired == 1
    assert [later - sooner for sooner, later in pairwise(shown[3:])] == [3000, 3000]
    assert timeline.end(9500) == shown[-1] + 3000


def test_reordered_pictures_keep_their_times_and_are_decoded_in_time() -> None:
    timeline = Timeline(reorders=True)
    assert timeline.place([10, 40, 20, 30], begins_with_key=True) == [(0, 0), (10, 30), (20, 10), (30, 20)]
    assert timeline.place([50, 70, 60], begins_with_key=True) == [(40, 40), (50, 60), (60, 50)]
    assert timeline.repaired == 0


def test_an_end_that_is_not_after_the_last_picture_is_unknown() -> None:
    timeline = Timeline(reorders=False)
    timeline.place([10, 20], begins_with_key=True)
    assert timeline.end(35) == 25
    assert timeline.end(20) is None
    assert timeline.end(None) is None
