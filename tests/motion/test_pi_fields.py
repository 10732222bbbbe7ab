"""That the emulated estimator does what is known of the real one."""

import numpy as np
import numpy.typing as npt
import pytest

from ratcam.motion.field import BlockField, unpack
from tests.motion.pi_fields import PiEstimator, estimate
from tests.motion.scene_catalogue import SENSORS, TEST_SEED, mouse, nuisance_alone, still
from tests.motion.scene_movers import Mover, crossing
from tests.motion.scene_runs import Field, pi_fields
from tests.motion.scenes import Scene

Luma = npt.NDArray[np.uint8]


def planes(field: Field) -> BlockField:
    return unpack(field.payload, field.columns, field.rows)


def vectors_in(fields: tuple[Field, ...]) -> npt.NDArray[np.int64]:
    return np.array([np.count_nonzero((f := planes(field)).x | f.y) for field in fields])


def full_search(now: Luma, before: Luma) -> tuple[list[list[int]], list[list[int]], list[list[int]]]:
    """The definition, one place after the other."""
    rows, columns = now.shape[0] // 8, now.shape[1] // 8
    padded = np.pad(before, 32, mode="edge").astype(int)
    x, y, sad = (np.zeros((rows, columns), int) for _ in range(3))
    for row, column in np.ndindex(rows, columns):
        block = now[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8].astype(int)
        differences = {
            (dx, dy): int(np.abs(block - padded[top : top + 8, left : left + 8]).sum())
            for dy in range(-32, 33)
            for dx in range(-32, 33)
            for top, left in [(32 + row * 8 + dy, 32 + column * 8 + dx)]
        }
        costs = {way: value + 4 * (abs(way[0]) + abs(way[1])) for way, value in differences.items()}
        costs[0, 0] -= 64
        dx, dy = min(costs, key=lambda way: (costs[way], way != (0, 0)))
        x[row, column], y[row, column], sad[row, column] = 2 * dx, 2 * dy, differences[dx, dy]
    return x.tolist(), y.tolist(), sad.tolist()


@pytest.mark.parametrize("case", ["moved", "noise", "light", "quiet"])
def test_it_finds_what_a_plain_full_search_finds(case: str) -> None:
    random = np.random.default_rng(5)
    before = random.integers(0, 256, (16, 24), dtype=np.uint8)
    now = {
        "moved": np.roll(before, (3, -5), (0, 1)),
        "noise": random.integers(0, 256, before.shape, dtype=np.uint8),
        "light": before // 2 + 20,
        "quiet": np.clip(before.astype(int) + random.integers(-2, 3, before.shape), 0, 255).astype(np.uint8),
    }[case]
    x, y, sad = estimate(now, before)
    assert (x.tolist(), y.tolist(), sad.tolist()) == full_search(now, before)


def test_the_first_field_and_the_padding_column_are_zero() -> None:
    estimator = PiEstimator(100, 70)
    pictures = np.random.default_rng(6).integers(0, 256, (3, 70, 100), dtype=np.uint8)
    payloads = [estimator.feed(picture) for picture in pictures]
    assert (estimator.columns, estimator.rows) == (7, 5)
    assert payloads[0] == bytes(8 * 5 * 4)
    for payload in payloads[1:]:
        blocks = np.frombuffer(payload, np.uint8).reshape(5, 8, 4)
        assert not blocks[:, 7].any()
        assert blocks[:, :7].any()


def test_vectors_are_even_and_at_most_64_pixels_long() -> None:
    fields = pi_fields(nuisance_alone("light"))
    x, y = (np.stack([getattr(planes(field), name) for field in fields]) for name in "xy")
    assert np.count_nonzero(x) > 100
    for plane in (x, y):
        assert not (plane % 2).any()
        assert np.abs(plane.astype(int)).max() <= 64


@pytest.mark.parametrize("background", SENSORS)
def test_a_quiet_picture_has_next_to_no_vectors(background: str) -> None:
    scene = still(background, seconds=2)
    fields = pi_fields(scene)
    assert vectors_in(fields).mean() <= 0.2
    assert all(planes(field).sad.mean() > 20 for field in fields[1:])  # and yet its noise is in the differences


def test_a_small_mouse_has_two_to_eight_vectors_a_picture() -> None:
    scene = mouse(241)
    moves = scene.labels() == 1
    assert 2 <= vectors_in(pi_fields(scene))[moves].mean() <= 8


@pytest.mark.parametrize("from_left", [True, False])
def test_the_vectors_of_a_mover_point_back_to_where_it_was(from_left: bool) -> None:
    track = crossing(0.0, 80, 260, from_left=from_left)
    mover = Mover(kind="mouse", area=2500, track=track, shade=40)
    scene = Scene(name="m", movers=(mover,), sensor=SENSORS["kitchen"], seconds=7, seed=TEST_SEED)
    votes = [0, 0]
    for number, field in enumerate(pi_fields(scene)):
        pose = mover.pose(number / scene.fps, scene.fps)
        assert pose is not None
        if not 60 < pose.x < 580:
            continue
        block, row = planes(field), int(pose.y) // 16
        x = block.x[row - 1 : row + 2, int(pose.x) // 16 - 1 : int(pose.x) // 16 + 2]
        votes[0] += int(np.count_nonzero(x < 0))
        votes[1] += int(np.count_nonzero(x > 0))
    right, wrong = votes if from_left else votes[::-1]
    assert right > 60
    assert wrong < right / 10


def test_a_lamp_raises_the_differences_everywhere() -> None:
    scene = nuisance_alone("light")
    means = np.array([planes(field).sad.mean() for field in pi_fields(scene)])
    ((first, last, _),) = scene.truth()["nuisance"]
    assert means[first : last + 1].max() > 10 * means[1:first].max()
    assert means[last + 10 :].max() < 1.1 * means[1:first].max()
