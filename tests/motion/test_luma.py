import itertools

import numpy as np
import numpy.typing as npt
import pytest

from ratcam.motion.field import FieldError, decoder_block_px, grid_of
from ratcam.motion.luma import LIT, change, sample

Luma = npt.NDArray[np.uint8]


def textured(height: int = 240, width: int = 320, seed: int = 1) -> Luma:
    coarse = np.random.default_rng(seed).integers(60, 140, (height // 8 + 1, width // 8 + 1))
    return np.kron(coarse, np.ones((8, 8)))[:height, :width].astype(np.uint8)


def changed(now: Luma, before: Luma, block: int = 8) -> npt.NDArray[np.uint16]:
    return change(sample(now, block), sample(before, block))


def with_square(luma: Luma, left: int, top: int, side: int, level: int) -> Luma:
    out = luma.copy()
    out[top : top + side, left : left + side] = level
    return out


def test_nothing_changes_between_equal_pictures() -> None:
    assert not changed(textured(), textured()).any()


def test_a_small_thing_leaves_nearly_all_of_its_change() -> None:
    before = np.full((240, 320), 100, np.uint8)
    sad = changed(with_square(before, 80, 80, 8, 200), before)
    assert np.argwhere(sad > 5000).tolist() == [[10, 10]]
    assert sad[10, 10] == pytest.approx(100 * 256 * (1 - 2 / 25), abs=300)


@pytest.mark.parametrize("factor", [0.6, 1.3])
def test_a_lamp_leaves_less_than_a_tenth_of_its_change(factor: float) -> None:
    before = textured()
    now = (before * factor).astype(np.uint8)
    raw = np.abs(now.astype(int) - before).mean() * 256
    assert changed(now, before).mean() < raw / 10


def test_an_even_step_leaves_nothing() -> None:
    before = textured()
    assert not changed(before + np.uint8(20), before).any()


def test_a_thing_that_moves_is_seen_while_a_lamp_comes_on() -> None:
    before = textured()
    now = with_square((before * 1.2).astype(np.uint8), 160, 120, 8, 10)
    sad = changed(now, before)
    assert np.unravel_index(sad.argmax(), sad.shape) == (15, 20)
    assert sad[15, 20] > 4 * np.sort(sad, axis=None)[-4]


def test_soft_headlights_leave_less_than_a_quarter_of_their_change() -> None:
    before = np.full((240, 320), 60, np.uint8)
    glow = 80 * np.exp(-(((np.arange(320) - 150) / 60.0) ** 2))
    now = (before + glow[None, :]).astype(np.uint8)
    raw = np.abs(now.astype(int) - before).mean() * 256
    assert changed(now, before).mean() < raw / 4


@pytest.mark.parametrize(("width", "height"), [(1, 1), (33, 17), (47, 31), (320, 180), (1000, 540), (1930, 1090)])
def test_every_size_gives_the_grid_of_a_decoder(width: int, height: int) -> None:
    block = decoder_block_px(width)
    luma = np.zeros((height, width), np.uint8)
    columns, rows = grid_of(width, height, block)
    assert changed(luma + np.uint8(9), luma, block).shape == (rows, columns)


def test_the_same_scene_in_twice_the_size_gives_the_same_change() -> None:
    before = textured()
    now = with_square(before, 80, 80, 16, 220)
    small = changed(now, before)
    large = changed(np.kron(now, np.ones((2, 2), np.uint8)), np.kron(before, np.ones((2, 2), np.uint8)), 16)
    assert np.array_equal(small, large)


def test_planes_inside_a_wider_buffer_give_the_same() -> None:
    random = np.random.default_rng(2)
    buffer = random.integers(0, 256, (2, 48, 100), dtype=np.uint8)
    inside = changed(buffer[0, :, :80], buffer[1, :, :80])
    assert np.array_equal(inside, changed(buffer[0, :, :80].copy(), buffer[1, :, :80].copy()))


def test_the_greatest_change_fits() -> None:
    rows, columns = np.indices((64, 64)) // 8
    board = np.where((rows + columns) % 2, 255, 0).astype(np.uint8)
    assert changed(board, 255 - board).max() <= 65280


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(FieldError, match="cannot be compared"):
        changed(np.zeros((16, 16), np.uint8), np.zeros((16, 32), np.uint8))
    with pytest.raises(FieldError, match="shape"):
        sample(np.zeros(16, np.uint8), 8)


# --- against the plain way to write it --------------------------------------------------------------------------------


def plain_samples(luma: Luma, block: int) -> npt.NDArray[np.float64]:
    """Shape (rows, columns, 4, 4)."""
    columns, rows = grid_of(luma.shape[1], luma.shape[0], block)
    step = block // 4
    first = min(step // 2, *(side - 1 for side in luma.shape))
    inside = luma[first::step, first::step].astype(float)
    inside = np.pad(inside, ((0, rows * 4 - inside.shape[0]), (0, columns * 4 - inside.shape[1])), "edge")
    return inside.reshape(rows, 4, columns, 4).swapaxes(1, 2)


def plain_mean(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Of each block's 5x5 neighbourhood."""
    return np.array(
        [
            [
                plane[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3].mean()
                for column in range(plane.shape[1])
            ]
            for row in range(plane.shape[0])
        ]
    )


def plain_change(now: Luma, before: Luma, block: int) -> npt.NDArray[np.float64]:
    new, old = plain_samples(now, block), plain_samples(before, block)
    shift = plain_mean((new - old).sum(axis=(2, 3)))
    gain = 1 + shift / (plain_mean(old.sum(axis=(2, 3))) + 64)
    as_it_is = np.abs(new - old).sum(axis=(2, 3)) - np.abs(shift)
    by_gain = np.abs((old + 4) * gain[..., None, None] - new - 4).sum(axis=(2, 3))
    least = np.minimum(as_it_is, by_gain, out=as_it_is, where=np.abs(shift) > LIT)
    return np.maximum(least - np.abs(shift), 0) * 16


def two_pictures(random: np.random.Generator, height: int, width: int, kind: str) -> tuple[Luma, Luma]:
    """Inside wider buffers, as a decoder's are."""
    before = random.integers(0, 256, (height, width + 7), dtype=np.uint8)[:, :width]
    if kind == "unlike":
        return random.integers(0, 256, (height, width + 3), dtype=np.uint8)[:, :width], before
    if kind == "noisy":
        before = before // 16
        return before + random.integers(0, 4, before.shape, dtype=np.uint8), before
    if kind == "lit":
        return (before * 0.7).astype(np.uint8), before
    now = before.copy()
    now[: height // 2] = 255 - now[: height // 2]
    return now, before


@pytest.mark.parametrize("kind", ["unlike", "noisy", "lit", "half"])
@pytest.mark.parametrize("block", [8, 16, 32])
def test_the_change_is_that_of_the_plain_formula(block: int, kind: str) -> None:
    random = np.random.default_rng(block)
    for _ in range(12):
        height, width = (int(side) for side in random.integers(1, 150, 2))
        now, before = two_pictures(random, height, width, kind)
        expected = plain_change(now, before, block)
        assert np.abs(changed(now, before, block) - expected).max() <= 1.5, (height, width)


def test_pictures_that_follow_each_other_in_the_same_memory_give_the_same() -> None:
    random = np.random.default_rng(5)
    pictures = [two_pictures(random, 90, 130, "noisy")[0] for _ in range(6)]
    spare, last = None, sample(pictures[0], 8)
    for before, luma in itertools.pairwise(pictures):
        now = sample(luma, 8, spare)
        assert np.array_equal(change(now, last), changed(luma, before))
        spare, last = last, now


def test_memory_of_another_size_is_left_alone() -> None:
    spare = sample(np.zeros((40, 40), np.uint8), 8)
    luma = textured()
    assert np.array_equal(
        change(sample(luma, 8, spare), sample(luma + np.uint8(9), 8)), changed(luma, luma + np.uint8(9))
    )
