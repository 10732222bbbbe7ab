import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.motion.boxes import box_mean, max3x3, sum3x3

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**31))


def plane(shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    return np.random.default_rng(shape[2]).random(shape[:2], np.float32)


def windows(values: npt.NDArray[np.float32], reach: int) -> list[list[npt.NDArray[np.float32]]]:
    rows, columns = values.shape
    return [
        [
            values[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1]
            for column in range(columns)
        ]
        for row in range(rows)
    ]


@given(shape=SHAPES, reach=st.integers(1, 3))
def test_the_mean_is_that_of_the_window_inside_the_picture(shape: tuple[int, int, int], reach: int) -> None:
    values = plane(shape)
    expected = [[float(window.mean()) for window in row] for row in windows(values, reach)]
    assert np.allclose(box_mean(values, reach), expected, atol=1e-5)


@given(shape=SHAPES)
def test_the_sum_counts_nine_blocks_also_at_the_edge(shape: tuple[int, int, int]) -> None:
    values = plane(shape)
    expected = [[float(window.mean()) * 9 for window in row] for row in windows(values, 1)]
    assert np.allclose(sum3x3(values), expected, atol=1e-4)


@given(shape=SHAPES)
def test_the_greatest_is_that_of_the_window_inside_the_picture(shape: tuple[int, int, int]) -> None:
    values = -plane(shape)
    assert np.allclose(max3x3(values), [[float(window.max()) for window in row] for row in windows(values, 1)])


@pytest.mark.parametrize("function", [sum3x3, max3x3])
def test_what_is_given_stays_as_it_is(function: object) -> None:
    values = plane((4, 5, 1))
    before = values.copy()
    assert callable(function)
    function(values)
    assert np.array_equal(values, before)
