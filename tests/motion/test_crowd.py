import numpy as np
import pytest

from ratcam.motion.crowd import averaged, calmed, follow_rates, liveliness, new_rates, scatter, worth, worth_of

SHAPE = (45, 80)


def quiet() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, SHAPE).astype(np.float32)


def test_a_quiet_picture_is_not_lively() -> None:
    assert liveliness(quiet(), 1.5) == 1.0
    assert liveliness(quiet(), 1.5, is_quiet=True) == 1.0


def test_an_animal_hardly_makes_a_picture_lively() -> None:
    above = quiet()
    above[10:14, 20:24] = 80
    assert liveliness(above, 1.5) < 1.3


def test_rain_makes_it_lively() -> None:
    above = quiet()
    above[np.random.default_rng(2).random(SHAPE) < 0.15] = 20
    assert liveliness(above, 1.5) > 2


def test_a_thing_that_fills_a_third_of_the_picture_is_measured_by_its_whole_only() -> None:
    above = quiet()
    above[:, :26] = 50
    assert liveliness(above, 0.0) == 1.0
    assert 2 < liveliness(above, 1.0) < 4


def test_liveliness_rises_at_once_and_calms_down_in_a_second() -> None:
    assert calmed(1.0, 3.0, 0.1) == 3.0
    assert calmed(3.0, 1.0, 0.1) > 2.8
    assert calmed(3.0, 1.0, 5.0) == pytest.approx(1.0, abs=0.05)


def hits(where: float | tuple[int, int], seed: int = 0) -> np.ndarray:
    if isinstance(where, tuple):
        mask = np.zeros(SHAPE, np.bool_)
        mask[where] = True
        return mask
    return np.random.default_rng(seed).random(SHAPE) < where


def test_an_animal_alone_is_worth_everything_however_long_it_walks() -> None:
    rates = new_rates()
    for step in range(600):
        follow_rates(rates, hits((20, step % 80)), 0.1)
        assert worth(rates) == 1.0


def test_a_hit_in_a_downpour_is_worth_nothing_and_soon_after_it_everything() -> None:
    rates = new_rates()
    for step in range(30):
        follow_rates(rates, hits(0.05, step), 0.1)
    assert worth(rates) == 0.0
    for _ in range(60):
        follow_rates(rates, None, 0.1)
    assert worth(rates) == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 8), (68, 120)])
def test_any_grid_has_rates_between_0_and_1(shape: tuple[int, int]) -> None:
    rates = new_rates()
    for _ in range(50):
        follow_rates(rates, np.ones(shape, np.bool_), 0.3)
        liveliness(np.ones(shape, np.float32), 1.0)
    assert 0 <= rates.min() <= rates.max() <= 1


def test_rates_do_not_depend_on_the_number_of_pictures() -> None:
    few, many = new_rates(), new_rates()
    for _ in range(10):
        follow_rates(few, hits((1, 1)), 0.1)
    for _ in range(30):
        follow_rates(many, hits((1, 1)), 0.1 / 3)
    assert few[0] == pytest.approx(many[0])


def bodies(*places: tuple[int, int], side: int = 4) -> np.ndarray:
    above = quiet()
    for row, column in places:
        above[row : row + side, column : column + side] = 40
    return above


def test_bodies_are_not_scattered_and_rain_is() -> None:
    assert scatter(quiet(), 5.0) == 0
    assert worth_of(scatter(bodies((10, 20)), 5.0)) == 1
    assert worth_of(scatter(bodies((2, 2), (38, 70)), 5.0)) > 0.5
    assert worth_of(scatter(bodies((5, 30), side=30), 5.0)) == 1
    rain = quiet()
    rain[np.random.default_rng(4).random(SHAPE) < 0.03] = 40
    assert worth_of(scatter(rain, 5.0)) == 0


def test_scatter_counts_when_it_lasts() -> None:
    assert averaged(0.0, 6.0, 0.1) < 2
    now = 0.0
    for _ in range(20):
        now = averaged(now, 6.0, 0.1)
    assert 5.8 < now <= 6
    assert averaged(6.0, 0.0, 2.0) < 0.2


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (7, 3), (68, 120)])
def test_a_picture_that_changes_all_over_is_one_body_in_any_grid(shape: tuple[int, int]) -> None:
    assert 0 < scatter(np.full(shape, 9, np.float32), 5.0) <= 1.0


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (45, 80), (34, 60)])
def test_liveliness_is_that_of_the_plain_formula(shape: tuple[int, int]) -> None:
    above = np.random.default_rng(shape[0]).normal(0, 3, shape).astype(np.float32)
    rows, columns = (
        np.array_split(np.arange(side), sorted({i * side // 4 for i in range(1, 4)} - {0})) for side in shape
    )
    squares = np.minimum(above.astype(float) ** 2, 36)
    tiles = sorted(float(squares[np.ix_(row, column)].mean()) for row in rows for column in columns)
    expected = max(1, 0.5 * np.sqrt(squares.mean()), np.sqrt(tiles[(len(tiles) - 1) // 2]))
    assert liveliness(above, 0.5) == pytest.approx(expected, rel=1e-5)


def test_only_the_tiles_that_are_hit_become_busier() -> None:
    rates = new_rates()
    hit = np.zeros((40, 80), np.bool_)
    hit[0, 0] = hit[39, 79] = hit[2:4, 3:9] = True
    follow_rates(rates, hit, 0.1)
    assert np.flatnonzero(rates).tolist() == [0, 63]
