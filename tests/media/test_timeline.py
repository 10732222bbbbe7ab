from collections.abc import Sequence
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.timeline import MAX_GAP, Timeline


def placed_by(timeline: Timeline, captured: Sequence[int], *, begins_with_key: bool) -> list[tuple[int, int]]:
    """(decoded, shown) of each picture."""
    return [*zip(*timeline.place(captured, begins_with_key=begins_with_key), strict=True)]


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40), st.booleans())
def test_any_times_become_sound_times(captured: list[int], reorders: bool) -> None:
    timeline = Timeline(reorders=reorders)
    placed = placed_by(timeline, captured, begins_with_key=True)
    placed += placed_by(timeline, captured, begins_with_key=False)
    placed += placed_by(timeline, captured, begins_with_key=True)
    decoded = [time for time, _ in placed]
    shown = [time for _, time in placed]
    assert decoded == sorted(set(decoded))
    assert all(abs(show - decode) <= 2 * MAX_GAP for decode, show in placed)
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
    placed = [placed_by(timeline, [time], begins_with_key=True)[0] for time in captured]
    assert placed == [(time - start, time - start) for time in captured]
    assert timeline.repaired == 0


def test_one_wrong_time_does_not_move_the_others() -> None:
    timeline = Timeline(reorders=False)
    captured = [0, 3000, 6000, 6000, 12_000, 100, 18_000]
    shown = [time for _, time in placed_by(timeline, captured, begins_with_key=True)]
    assert [shown[number] for number in (0, 1, 2, 4, 6)] == [0, 3000, 6000, 12_000, 18_000]
    assert timeline.repaired == 2


def test_doubled_times_do_not_add_up() -> None:
    timeline = Timeline(reorders=False)
    captured = [9000 * n + more for n in range(100) for more in (0, 3000, 3000, 4000)]
    shown = [time for _, time in placed_by(timeline, captured, begins_with_key=True)]
    assert shown == sorted(set(shown))
    for time, placed in zip(captured, shown, strict=True):
        assert abs(placed - time) <= 4500
        assert placed == time or time % 9000
    assert shown[::4] == captured[::4]


def test_a_doubled_time_between_reordered_gops_does_not_move_the_others() -> None:
    timeline = Timeline(reorders=True)
    placed_by(timeline, [0, 9000, 3000, 6000], begins_with_key=True)
    placed = placed_by(timeline, [9000, 18_000, 12_000, 15_000], begins_with_key=True)
    assert [shown for _, shown in placed] == [9001, 18_000, 12_000, 15_000]
    assert placed_by(timeline, [18_000], begins_with_key=True)[0][1] == 19_500
    assert placed_by(timeline, [21_000], begins_with_key=True)[0][1] == 21_000


def test_reordered_pictures_after_a_clock_that_jumped_keep_their_distances() -> None:
    timeline = Timeline(reorders=True)
    placed_by(timeline, [100_000, 109_000, 103_000, 106_000], begins_with_key=True)
    placed = placed_by(timeline, [500, 9500, 3500, 6500], begins_with_key=True)
    assert [shown for _, shown in placed] == [12_000, 21_000, 15_000, 18_000]


def test_after_a_clock_that_jumped_the_distances_are_kept() -> None:
    timeline = Timeline(reorders=False)
    captured = [100_000, 103_000, 106_000, 500, 3500, 6500]
    shown = [time for _, time in placed_by(timeline, captured, begins_with_key=True)]
    assert timeline.repaired == 1
    assert [later - sooner for sooner, later in pairwise(shown[3:])] == [3000, 3000]
    assert timeline.end(9500) == shown[-1] + 3000


def test_reordered_pictures_keep_their_times_and_are_decoded_in_time() -> None:
    timeline = Timeline(reorders=True)
    assert placed_by(timeline, [10, 40, 20, 30], begins_with_key=True) == [(0, 0), (10, 30), (20, 10), (30, 20)]
    assert placed_by(timeline, [50, 70, 60], begins_with_key=True) == [(40, 40), (50, 60), (60, 50)]
    assert timeline.repaired == 0


def test_an_end_that_is_not_after_the_last_picture_is_unknown() -> None:
    timeline = Timeline(reorders=False)
    placed_by(timeline, [10, 20], begins_with_key=True)
    assert timeline.end(35) == 25
    assert timeline.end(20) is None
    assert timeline.end(20 + MAX_GAP) == 10 + MAX_GAP
    assert timeline.end(20 + MAX_GAP + 1) is None
    assert timeline.end(None) is None


@given(
    st.lists(st.integers(-9000, 9000) | st.sampled_from((MAX_GAP, MAX_GAP + 1, -MAX_GAP)), min_size=1, max_size=40),
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_times_do_not_depend_on_the_pieces_they_are_given_in(steps: list[int], sizes: list[int]) -> None:
    captured = [*accumulate(steps)]
    at_once, in_pieces = Timeline(reorders=False), Timeline(reorders=False)
    expected = placed_by(at_once, captured, begins_with_key=False)
    found: list[tuple[int, int]] = []
    while len(found) < len(captured):
        size = sizes[len(found) % len(sizes)]
        found += placed_by(in_pieces, captured[len(found) : len(found) + size], begins_with_key=True)
    assert found == expected
    assert in_pieces.repaired == at_once.repaired
    assert in_pieces.end(captured[-1] + 5) == at_once.end(captured[-1] + 5)


def test_times_that_a_replacement_has_overtaken_stay_behind_it_in_every_piece() -> None:
    captured = [0, 3000, 3000, 4000, 4200, 9000]
    expected = [0, 3000, 4500, 4501, 4502, 9000]
    for size in range(1, 7):
        timeline = Timeline(reorders=False)
        shown: list[int] = []
        for begin in range(0, 6, size):
            shown += [time for _, time in placed_by(timeline, captured[begin : begin + size], begins_with_key=False)]
        assert shown == expected
        assert timeline.repaired == 3


def test_pieces_of_a_reordered_gop_keep_their_times_and_are_decoded_ever_later() -> None:
    timeline = Timeline(reorders=True)
    captured = [0, 9000, 3000, 6000, 18_000, 12_000, 15_000, 27_000, 21_000, 24_000]
    placed: list[tuple[int, int]] = []
    for begin in range(0, len(captured), 2):
        placed += placed_by(timeline, captured[begin : begin + 2], begins_with_key=not begin)
    assert [shown for _, shown in placed] == captured
    decoded = [time for time, _ in placed]
    assert all(sooner < later for sooner, later in pairwise(decoded))
    assert timeline.repaired == 0


def test_no_times_are_no_pictures() -> None:
    for reorders in (False, True):
        timeline = Timeline(reorders=reorders)
        assert placed_by(timeline, [], begins_with_key=False) == []
        assert placed_by(timeline, [700], begins_with_key=True) == [(0, 0)]


def test_a_replacement_follows_after_half_the_last_step() -> None:
    for pieces in ([[0, 1000, 3000, 3000]], [[0, 1000, 3000], [3000]], [[0], [1000], [3000], [3000]]):
        timeline = Timeline(reorders=False)
        shown = [time for piece in pieces for _, time in placed_by(timeline, piece, begins_with_key=True)]
        assert shown == [0, 1000, 3000, 4000]
