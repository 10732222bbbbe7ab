"""Times of pictures that are reordered, in whole GOPs and in pieces, sound and broken."""

import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.media.mp4 import Mp4Recording
from ratcam.media.timeline import MAX_GAP, MAX_HELD, MAX_REORDER, Timeline
from tests.media.players import Unit
from tests.media.recordings import patched
from tests.media.walker import read_file
from tests.media.written import annex_b, made_pps, made_slice, made_sps

HOUR_AWAY = 10**9
STEPS = st.sampled_from((3000,) * 12 + (1, 2, 2999, 6000, 90_000))
FAULTS = st.sampled_from(
    (0,) * 12
    + (-3000, -3001, 3000, 1, -1, MAX_REORDER, -MAX_REORDER, -MAX_REORDER - 1, MAX_GAP, MAX_GAP + 1, -MAX_GAP)
    + (HOUR_AWAY, -HOUR_AWAY)
)


@st.composite
def broken_gops(draw: st.DrawFn, *, reorders: bool) -> list[list[int]]:
    """Times of GOPs in decoding order, some of them wrong for once, some because the clock has jumped."""
    clock, gops = draw(st.integers(-(10**6), 10**6)), list[list[int]]()
    for _ in range(draw(st.integers(1, 5))):
        times: list[int] = []
        for _ in range(draw(st.integers(1, 9))):
            clock += draw(STEPS) + (draw(FAULTS) if draw(st.integers(0, 9)) == 0 else 0)
            times.append(clock)
        if reorders:
            times = [times[0], *draw(st.permutations(times[1:]))]
        gops.append([time + (draw(FAULTS) if draw(st.integers(0, 3)) == 0 else 0) for time in times])
    return gops


def placed(gops: Sequence[Sequence[int]], size: int, *, reorders: bool) -> tuple[list[list[int]], list[int], Timeline]:
    """The times each GOP is shown at, given in pieces of a size, and all decoding times."""
    timeline, decoded, shown = Timeline(reorders=reorders), list[int](), list[list[int]]()
    for gop in gops:
        shown.append([])
        for begin in range(0, len(gop), size):
            some_decoded, some_shown = timeline.place(gop[begin : begin + size], begins_with_key=not begin)
            decoded += some_decoded
            shown[-1] += some_shown
    return shown, decoded, timeline


def check(shown: list[list[int]], decoded: list[int]) -> None:
    every = [time for gop in shown for time in gop]
    assert len(set(every)) == len(every)
    assert min(every) == 0
    assert all(max(sooner) < min(later) for sooner, later in pairwise(shown))
    assert all(sooner < later <= sooner + MAX_GAP + MAX_REORDER for sooner, later in pairwise(decoded))
    assert decoded[0] >= 0


@settings(max_examples=400)
@given(broken_gops(reorders=True), st.integers(1, 10))
def test_of_broken_times_no_two_are_shown_at_once_and_every_gop_follows_the_last(
    gops: list[list[int]], size: int
) -> None:
    shown, decoded, _ = placed(gops, size, reorders=True)
    check(shown, decoded)
    if size == 10:
        assert sorted(decoded) == sorted(time for gop in shown for time in gop)


@settings(max_examples=200)
@given(broken_gops(reorders=False), st.integers(1, 10))
def test_broken_times_in_order_are_shown_in_order(gops: list[list[int]], size: int) -> None:
    shown, decoded, _ = placed(gops, size, reorders=False)
    check(shown, decoded)
    assert [time for gop in shown for time in gop] == decoded


@given(
    st.lists(
        st.lists(st.integers(1, 50_000), min_size=1, max_size=9).flatmap(
            lambda steps: st.tuples(st.just(steps), st.permutations(range(1, len(steps))))
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(-(10**9), 10**12),
    st.integers(1, 10),
)
def test_sound_times_of_reordered_pictures_are_kept_to_the_tick(
    drawn: list[tuple[list[int], list[int]]], clock: int, size: int
) -> None:
    gops: list[list[int]] = []
    for steps, order in drawn:
        times: list[int] = []
        for step in steps:
            clock += step
            times.append(clock)
        gops.append([times[0], *(times[place] for place in order)])
    shown, decoded, timeline = placed(gops, size, reorders=True)
    check(shown, decoded)
    assert shown == [[time - gops[0][0] for time in gop] for gop in gops]
    assert timeline.repaired == 0


@settings(max_examples=100)
@given(broken_gops(reorders=True), st.integers(1, 10))
def test_a_growing_and_a_finished_file_show_broken_times_at_the_same_times(gops: list[list[int]], size: int) -> None:
    key = annex_b(made_sps(profile=77), made_pps(), made_slice(idr=True))
    other = annex_b(made_slice(frame_num=1))
    recording = Mp4Recording(first=key, created_unix_s=0, title="")
    content = recording.header()
    for gop in gops:
        units = [Unit(pts_90k=time, is_key=not n, data=other if n else key) for n, time in enumerate(gop)]
        for begin in range(0, len(units), size):
            content += b"".join(recording.append(units[begin : begin + size]))
    growing, finished = read_file(content), read_file(patched(content, recording.finish(None)))
    assert [(unit.shown, unit.is_key) for unit in growing.samples] == [
        (unit.shown, unit.is_key) for unit in finished.samples
    ]
    check([[unit.shown for unit in finished.samples]], [unit.decoded for unit in finished.samples])


def test_a_doubled_time_in_a_piece_of_its_own_takes_the_next_free_place() -> None:
    shown, _, timeline = placed([[0, 3000, 3000, 3000, 6000]], 1, reorders=True)
    assert (shown, timeline.repaired) == ([[0, 3000, 3001, 3002, 6000]], 2)


def test_a_late_piece_does_not_reach_into_the_last_gop() -> None:
    shown, _, _ = placed([[0, 9000, 3000, 6000], [12_000, 21_000, 5000, 18_000]], 2, reorders=True)
    assert min(shown[1]) == 12_000
    assert shown[1][::3] == [12_000, 18_000]


@pytest.mark.parametrize("size", [1, 2, 9])
@pytest.mark.parametrize("jump", [HOUR_AWAY, -HOUR_AWAY])
def test_after_a_jump_within_a_reordered_gop_the_distances_are_kept(jump: int, size: int) -> None:
    later = [jump + time for time in (18_000, 12_000, 15_000, 27_000, 21_000, 24_000)]
    shown, decoded, timeline = placed(
        [[0, 9000, 3000, 6000, *later], [jump + 30_000, jump + 39_000, jump + 33_000]], size, reorders=True
    )
    check(shown, decoded)
    assert shown[0][:4] == [0, 9000, 3000, 6000]
    assert [later - sooner for sooner, later in pairwise(shown[0][-3:])] == [-6000, 3000]
    assert [time - shown[0][-1] for time in shown[1]] == [6000, 15_000, 9000]
    assert shown[0][-1] <= 36_000
    assert timeline.repaired <= 4
    if size == 9:
        assert shown[0][4:] == [18_000, 12_000, 15_000, 27_000, 21_000, 24_000]


@pytest.mark.parametrize("wrong", [-MAX_REORDER, -HOUR_AWAY, 500 - HOUR_AWAY, HOUR_AWAY])
def test_one_wrong_time_in_the_first_gop_leaves_no_hole(wrong: int) -> None:
    gop = [HOUR_AWAY, HOUR_AWAY + 9000, HOUR_AWAY + wrong, HOUR_AWAY + 6000]
    shown, _, timeline = placed([gop], 4, reorders=True)
    assert [shown[0][number] for number in (0, 1, 3)] == [0, 9000, 6000]
    assert 9000 < shown[0][2] <= 18_000
    assert timeline.repaired == 1


def test_the_picture_shown_first_need_not_be_the_key_picture() -> None:
    leading = [3000 * number for number in range(MAX_HELD)]
    shown, _, timeline = placed([[48_000, *leading, 51_000]], 99, reorders=True)
    assert (shown, timeline.repaired) == ([[48_000, *leading, 51_000]], 0)


def test_after_a_pause_of_an_hour_a_reordered_gop_is_where_it_belongs() -> None:
    begin = 9000 + MAX_GAP
    gop = [begin + 6000, begin + 15_000, begin, begin + 3000]
    shown, _, timeline = placed([[0, 9000, 3000, 6000], gop], 4, reorders=True)
    assert (shown[1], timeline.repaired) == (gop, 0)
    shown, _, timeline = placed([[0, 9000, 3000, 6000], [time + 1 for time in gop]], 4, reorders=True)
    assert (shown[1], timeline.repaired) == ([18_000, 27_000, 12_000, 15_000], 1)


def test_two_times_an_hour_apart_do_not_make_a_pause_of_two_hours() -> None:
    jumps = [[3000, 6000, 9000, -323_985_000, -323_982_000, 12_000], [-323_979_000, -647_976_000]]
    check(*placed(jumps, 2, reorders=True)[:2])
    check(*placed([[0, 9000, 3000, 6000], [2 * MAX_GAP, MAX_GAP]], 2, reorders=True)[:2])


def test_a_gop_without_end_takes_no_more_and_more_memory() -> None:
    timeline, ticks = Timeline(reorders=True), range(0, 3000 * 100_000, 3000)
    tracemalloc.start()
    try:
        for begin in range(0, 100_000, 100):
            timeline.place(ticks[begin : begin + 100], begins_with_key=not begin)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 << 20
    _, shown = timeline.place([ticks[-1] + 3000, ticks[-1]], begins_with_key=False)
    assert [*shown] == [ticks[-1] + 3000, ticks[-1] + 1]
