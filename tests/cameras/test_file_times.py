from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ratcam.cameras.file_times import RisingTimes, ordered_by_time
from ratcam.cameras.libav import CodedPicture
from tests.media.written import annex_b, made_slice

IDR, OTHER = annex_b(made_slice(idr=True)), annex_b(made_slice(frame_num=1))
NEW = -1
"""Stands for the entry that tells that the stream begins anew."""


def placed(times: Sequence[int | None], *, begin: int = 0) -> list[int]:
    rising = RisingTimes(begin_90k=begin, frame_90k=3000)
    return [rising.place(time) for time in times]


def ordered(*pictures: tuple[int | None, int | None, bytes]) -> list[int]:
    units = (CodedPicture(pts_90k=pts, dts_90k=dts, data=data) for pts, dts, data in pictures)
    found = list(ordered_by_time(units, RisingTimes(begin_90k=0, frame_90k=3000)))
    return [time if data else NEW for time, data in found]


@given(st.lists(st.none() | st.integers(-(10**7), 10**7), max_size=50), st.integers(0, 10**9))
def test_times_rise_by_a_second_at_most(times: list[int | None], begin: int) -> None:
    result = placed(times, begin=begin)
    assert result[:1] == [begin][: len(times)]
    assert all(0 < later - sooner <= 90_000 for sooner, later in pairwise(result))


def test_steps_of_up_to_a_second_are_kept() -> None:
    assert placed([500, 501, 90_501, 93_000]) == [0, 1, 90_001, 92_500]


def test_a_longer_step_becomes_the_nominal_one() -> None:
    assert placed([0, 3000, 93_001, 96_001, 0, 2000]) == [0, 3000, 6000, 9000, 12_000, 14_000]


def test_a_doubled_time_does_not_move_the_others() -> None:
    assert placed([0, 3000, 3000, 6000, 9000]) == [0, 3000, 4500, 6000, 9000]


def test_a_picture_without_a_time_comes_a_nominal_step_later() -> None:
    assert placed([None, 7000, None, 13_000]) == [0, 3000, 6000, 9000]


def test_a_pause_among_reordered_pictures_is_one_step() -> None:
    far = 10**6
    times = [0, 9000, 3000, 6000, far + 6000, far, far + 3000, far + 9000]
    units = [(time, number, OTHER if number else IDR) for number, time in enumerate(times)]
    assert ordered(*units) == [0, 9000, 3000, 6000, 18_000, 12_000, 15_000, 21_000]


def test_a_clock_that_starts_again_begins_the_stream_anew() -> None:
    first = [(9000, 0, IDR), (18_000, 3000, OTHER), (12_000, 6000, OTHER), (15_000, 9000, OTHER)]
    assert ordered(*first, *first) == [0, 9000, 3000, 6000, NEW, 12_000, 21_000, 15_000, 18_000]


def test_a_clock_that_jumps_ahead_goes_on_with_the_stream() -> None:
    assert ordered((0, 0, IDR), (3000, 3000, OTHER), (10**7, 10**7, IDR)) == [0, 3000, 6000]


def test_a_clock_that_is_set_far_back_is_seen_without_decoding_times() -> None:
    units = [(10**7, None, IDR), (10**7 + 3000, None, OTHER), (0, None, IDR), (6000, None, OTHER), (3000, None, OTHER)]
    assert ordered(*units) == [0, 3000, NEW, 6000, 12_000, 9000]
    assert ordered(*units[:2], (0, None, OTHER)) == [0, 3000, 6000]


def test_pictures_without_times_are_kept() -> None:
    units = [(0, 0, IDR), (9000, None, OTHER), (3000, None, OTHER), (None, None, OTHER), (12_000, None, OTHER)]
    assert ordered(*units) == [0, 9000, 3000, 6000, 12_000]


def test_only_what_comes_right_after_a_first_picture_that_is_no_key_is_lost_before_it() -> None:
    units = [(9000, 0, OTHER), (3000, 1, OTHER), (6000, 2, OTHER), (18_000, 3, OTHER), (8000, 4, OTHER)]
    assert len(ordered(*units)) == 3
    assert len(ordered((9000, 0, IDR), *units[1:])) == 5
