import numpy as np
import numpy.typing as npt
import pytest

from ratcam.motion.floor import LEAST_GRAIN, Floor, above, first_floor, learn

SHAPE = (20, 30)
CALM = np.zeros(SHAPE, np.bool_)


def noise(seed: int, level: float = 100, deviation: float = 10) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).normal(level, deviation, SHAPE).astype(np.float32)


def learned(seconds: float, *, deviation: float = 10, step_s: float = 0.1) -> Floor:
    floor = first_floor(noise(0, deviation=deviation))
    for number in range(1, round(seconds / step_s)):
        see(floor, noise(number, deviation=deviation), number * step_s, step_s)
    return floor


def see(
    floor: Floor, change: npt.NDArray[np.float32], age_s: float, step_s: float = 0.1, *, busy: bool = False
) -> None:
    excess, _ = above(floor, change)
    learn(floor, excess, ~CALM if busy else CALM, elapsed_s=step_s, age_s=age_s, rise_s=20, fall_s=2)


def test_a_thing_in_the_first_picture_is_not_taken_for_usual() -> None:
    change = noise(1)
    change[5, 5] = 5000
    assert first_floor(change).level[5, 5] < 150


def test_noise_is_learned_within_seconds_whatever_its_strength() -> None:
    for deviation in (2, 20, 200):
        _, units = above(learned(5, deviation=deviation), noise(999, deviation=deviation))
        assert np.abs(units).max() < 5


def test_an_animal_stands_out_of_any_noise_by_its_own_measure() -> None:
    quiet, loud = learned(5, deviation=5), learned(5, deviation=50)
    change = noise(7, deviation=0)
    change[3, 3] += 400
    assert above(quiet, change)[1][3, 3] > 20
    assert 3 < above(loud, change)[1][3, 3] < 10


def test_a_picture_without_any_noise_has_a_least_grain() -> None:
    floor = learned(20, deviation=0)
    assert floor.grain == LEAST_GRAIN
    assert np.isfinite(above(floor, noise(1))[1]).all()


def test_what_stands_out_is_learned_ten_times_as_slowly() -> None:
    usual, busy = learned(3), learned(3)
    for number in range(50):
        see(usual, noise(0) + 200, 3 + number / 10)
        see(busy, noise(0) + 200, 3 + number / 10, busy=True)
    assert (usual.level - 100).mean() > 4 * (busy.level - 100).mean() > 0


def test_less_change_becomes_usual_sooner_than_more() -> None:
    rising, falling = learned(30), learned(30)
    for number in range(20):
        see(rising, noise(0, 200, 0), 30 + number / 10)
        see(falling, noise(0, 0, 0), 30 + number / 10)
    assert float(100 - falling.level.mean()) > 4 * float(rising.level.mean() - 100)


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_what_is_learned_in_a_second_does_not_depend_on_the_number_of_pictures(fps: int) -> None:
    floor = first_floor(noise(0, 100, 0))
    for number in range(1, 4 * fps):
        see(floor, noise(0, 300, 0), 30 + number / fps, 1 / fps)
    assert float(floor.level.mean()) == pytest.approx(136, abs=5)


def test_an_animal_does_not_raise_the_grain() -> None:
    floor = learned(5)
    before = floor.grain
    change = noise(1)
    change[4:6, 4:6] += 100000
    see(floor, change, 5)
    assert floor.grain < before * 1.05


def test_learning_is_that_of_the_plain_formula() -> None:
    random = np.random.default_rng(3)
    floor = first_floor(noise(0))
    for number in range(40):
        age_s = number / 10
        excess, _ = above(floor, noise(number, deviation=40))
        busy = random.random(SHAPE) < 0.2
        up, down, slow = (1 - np.exp(-0.1 / max(0.3, min(constant, age_s))) for constant in (20, 2, 10))
        pace = (up * (excess > 0) + down * (excess <= 0)) * (1 - 0.9 * busy)
        level = floor.level + pace * excess
        spread = floor.spread + pace * (np.abs(excess) - floor.spread)
        grain = (1 - slow) * floor.grain**2 + slow * (np.minimum(np.abs(excess), 4 * floor.grain) ** 2).mean()
        learn(floor, excess, busy, elapsed_s=0.1, age_s=age_s, rise_s=20, fall_s=2)
        assert np.allclose(floor.level, level, rtol=1e-5)
        assert np.allclose(floor.spread, spread, rtol=1e-4, atol=1e-3)
        assert floor.grain == pytest.approx(max(LEAST_GRAIN, np.sqrt(grain)), rel=1e-5)
