import numpy as np
import numpy.typing as npt
import pytest

from ratcam.motion.evidence import FADE, follow, strength

SHAPE = (12, 16)
Plane = npt.NDArray[np.float32]


def empty() -> Plane:
    return np.zeros(SHAPE, np.float32)


def at(row: int, column: int, value: float) -> Plane:
    plane = empty()
    plane[row, column] = value
    return plane


def followed(path: Plane, stands_out: Plane, **options: float) -> Plane:
    return follow(
        path, stands_out, 5.0, options.get("worth", 1.0), options.get("steps", 1.0), options.get("ceiling", 3.0)
    )


def test_evidence_is_the_logarithm_of_how_far_a_block_stands_out() -> None:
    values = {5.0: 0.0, 5.0 * 2**0.5: 0.5, 10.0: 1.0, 500.0: 1.0}
    for stands_out, expected in values.items():
        assert followed(empty(), at(5, 5, stands_out))[5, 5] == pytest.approx(expected, abs=1e-5)


def test_no_single_change_however_violent_is_worth_more_than_one_step() -> None:
    assert followed(empty(), at(5, 5, 1e30)).max() == pytest.approx(1.0)


def test_evidence_adds_up_along_a_path_of_a_block_a_step() -> None:
    path = empty()
    for step in range(3):
        path = followed(path, at(5, 5 + step, 50))
    assert float(path[5, 7]) == pytest.approx(3.0)


def test_what_is_hit_here_and_there_does_not_add_up() -> None:
    path = empty()
    for step in range(10):
        path = followed(path, at(5, (step % 4) * 4, 50))
        assert path.max() <= 1.0 + 1e-6


def test_evidence_fades_where_nothing_follows() -> None:
    path = at(5, 5, 1.0)
    for step in range(1, 4):
        path = followed(path, empty())
        assert float(path.max()) == pytest.approx(max(0, 1 - FADE * step), abs=1e-6)


def test_evidence_stays_between_0_and_the_ceiling() -> None:
    path = empty()
    for seed in range(50):
        path = followed(path, np.random.default_rng(seed).random(SHAPE, np.float32) * 1000, ceiling=2.0)
        assert path.min() >= 0
        assert path.max() <= 2


def test_a_hit_in_a_crowd_is_worth_less() -> None:
    assert float(followed(empty(), at(5, 5, 500), worth=0.2).max()) == pytest.approx(0.2)


def test_half_as_many_pictures_of_twice_the_time_give_the_same() -> None:
    long = followed(empty(), at(5, 5, 8), steps=1.0)
    short = followed(followed(empty(), at(5, 5, 8), steps=0.5), at(5, 5, 8), steps=0.5)
    assert float(long[5, 5]) == pytest.approx(float(short[5, 5]))


def test_each_block_may_have_its_own_threshold() -> None:
    threshold = np.full(SHAPE, 5, np.float32)
    threshold[:, 8:] = 20
    stands_out = at(5, 4, 10) + at(5, 12, 10)
    path = follow(empty(), stands_out, threshold, 1.0, 1.0, 3.0)
    assert float(path[5, 4]) == pytest.approx(1)
    assert path[5, 12] == 0


def patch(side: int, value: float) -> Plane:
    plane = empty()
    plane[:side, :side] = value
    return plane


def test_strength_is_one_without_hits_and_grows_with_how_many_there_are_and_how_far_they_stand_out() -> None:
    path = np.ones(SHAPE, np.float32)
    assert strength(path, empty(), 5.0) == 1.0
    assert strength(path, patch(3, 5.0), 5.0) == 1.0
    assert strength(path, patch(3, 10.0), 5.0) == pytest.approx(2**0.5)
    by_side = [strength(path, patch(side, 20.0), 5.0) for side in range(1, 12)]
    by_value = [strength(path, patch(3, value), 5.0) for value in (5.1, 8, 20, 100, 1e4, 1e9)]
    for rising in (by_side, by_value):
        assert rising == sorted(set(rising))


def test_strength_counts_what_is_on_the_path_and_in_the_zone_by_its_own_threshold() -> None:
    stands_out = patch(6, 40.0)
    assert strength(empty(), stands_out, 5.0) == 1.0
    path = np.ones(SHAPE, np.float32)
    whole, half = strength(path, stands_out, 5.0), np.zeros(SHAPE, np.bool_)
    half[:3] = True
    assert 1.0 < strength(path, stands_out, 5.0, half) < whole
    thresholds = np.full(SHAPE, 5.0, np.float32)
    thresholds[3:] = 50.0
    assert strength(path, stands_out, thresholds) == pytest.approx(strength(path, stands_out, 5.0, half))


def test_strength_is_finite_for_all_that_a_field_can_hold() -> None:
    assert np.isfinite(strength(np.ones(SHAPE, np.float32), np.full(SHAPE, 3e38, np.float32), 1e-3))
