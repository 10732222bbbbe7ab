"""The first Ratcam's detector: accumulated, median-filtered vectors with hysteresis on level and area.

Per picture: the length of each block's vector, a 3x3 median over them, the sum of that with what earlier pictures left,
which fades with time. Enough blocks over a level are motion. Two properties to know: a 3x3 median deletes whatever
covers fewer than 5 blocks of any 3x3 (a mouse at a distance), and only movement counts, not change: sad is not read.
"""

import numpy as np
import numpy.typing as npt

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.detector import Calibration, Habits, Observation, PixelBox
from ratcam.motion.field import BLOCK, BlockField, block_px, unpack
from ratcam.motion.settings import MotionSettings

FULL_SCALE = 255.0
"""Where the accumulator ends."""

_Plane = npt.NDArray[np.float32]


def norm(field: BlockField) -> _Plane:
    """The length of each block's vector in pixels, shape (rows, columns)."""
    x = field.x.astype(np.float32)
    y = field.y.astype(np.float32)
    return np.sqrt(x * x + y * y)


def median3x3(plane: _Plane) -> _Plane:
    """The median of each block and its eight neighbours; beyond the edge the edge's own blocks are repeated."""
    padded = np.pad(plane, 1, mode="edge")
    # Sort each column of three; then the median of nine is the median of: the largest of the three lows, the median
    # of the middles, the smallest of the highs. A column's sort serves the three windows that it is part of.
    above, here, below = padded[:-2], padded[1:-1], padded[2:]
    low, high = np.minimum(above, here), np.maximum(above, here)
    middle = np.maximum(low, np.minimum(high, below))
    low, high = np.minimum(low, below), np.maximum(high, below)
    return _median_of_3(
        np.maximum(np.maximum(low[:, :-2], low[:, 1:-1]), low[:, 2:]),
        _median_of_3(middle[:, :-2], middle[:, 1:-1], middle[:, 2:]),
        np.minimum(np.minimum(high[:, :-2], high[:, 1:-1]), high[:, 2:]),
    )


def decay_factor(elapsed_s: float, time_window_s: float) -> float:
    """What is left of a value after `elapsed_s` without motion: 1 at once, 1/256 after `time_window_s`.

    1/256 takes the full scale of 255 below 1. Factors multiply: two pictures fade as much as one after both intervals.
    """
    return float(2.0 ** (-8.0 * elapsed_s / time_window_s))


def score(accumulator: _Plane, *, trigger_level: float, trigger_area: int) -> float:
    """The `trigger_area`-th largest value in units of `trigger_level`; 0 when there are fewer blocks than that.

    So it is 1 or more exactly when at least `trigger_area` blocks are at or over `trigger_level`.
    """
    if accumulator.size < trigger_area:
        return 0.0
    place = accumulator.size - trigger_area
    return float(np.partition(accumulator, place, axis=None)[place]) / trigger_level


def hysteresis(*, was_moving: bool, triggered: bool, released_blocks: int, release_area: int) -> bool:
    """Whether there is motion now: it begins with the trigger and lasts while `release_area` blocks hold out."""
    return triggered or (was_moving and released_blocks >= release_area)


def box_of(mask: npt.NDArray[np.bool_], width: int, height: int, block: int = BLOCK) -> PixelBox | None:
    """The pixels of the blocks that are set, as one box cut to the picture; None if none is."""
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if not columns.size:
        return None
    return (
        int(columns[0]) * block,
        int(rows[0]) * block,
        min((int(columns[-1]) + 1) * block, width),
        min((int(rows[-1]) + 1) * block, height),
    )


class SimpleDetector:
    """The original algorithm as a `Detector`.

    Motion begins when at least `trigger_area` blocks of the accumulator are at `trigger_level` or over, and lasts while
    at least `release_area` blocks are at `release_level` or over. A picture's `area` and `box` are its blocks at
    `trigger_level` or over; in the tail of motion, when there are none, those at `release_level`. For `settle_s` from
    the first picture nothing triggers, whatever the score; the accumulator fills meanwhile. A picture without vectors
    (a key frame) only fades it.

    Time is that of the pictures. The same time twice fades nothing in between; a long gap fades everything; a picture
    before the last one, or one with another grid, resets first.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._accumulator: _Plane = _empty(0, 0)
        self._first_90k = 0
        self._last_90k: int | None = None
        self._moving = False

    @property
    def accumulator(self) -> _Plane:
        """See `Detector.accumulator`. Later pictures do not change an array once handed out."""
        return self._accumulator

    @property
    def quiet(self) -> Calibration | None:
        """Always None: this detector does not calibrate itself."""
        return None

    @property
    def learned(self) -> npt.NDArray[np.bool_]:
        """See `Detector.learned`: no block, for this detector has no memory of habits."""
        return np.zeros(self._accumulator.shape, np.bool_)

    def forget_learned(self) -> None:
        """See `Detector.forget_learned`: there is nothing to forget."""

    def habits(self) -> Habits | None:
        """Always None."""
        return None

    def restore(self, habits: Habits) -> None:
        """See `Detector.restore`: this detector has no use for them."""

    def reset(self) -> None:
        """Forget everything: the next picture is the first, and settling begins anew."""
        self._accumulator = _empty(0, 0)
        self._last_90k = None
        self._moving = False

    def feed(self, payload: bytes, *, columns: int, rows: int, width: int, height: int, pts_90k: int) -> Observation:
        """See `Detector.feed`.

        Raises:
            FieldError: the payload is not a field of this grid; nothing has changed.
        """
        field = unpack(payload, columns, rows)
        lengths = norm(field)
        smooth = median3x3(lengths)
        vectors, left = int(np.count_nonzero(lengths)), int(np.count_nonzero(smooth))
        self._advance(smooth, pts_90k)
        use = self._settings
        strength = score(self._accumulator, trigger_level=use.trigger_level, trigger_area=use.trigger_area)
        settled = pts_90k - self._first_90k >= use.settle_s * TICKS_PER_S
        released = self._accumulator >= use.release_level
        self._moving = hysteresis(
            was_moving=self._moving,
            triggered=settled and strength >= 1.0,
            released_blocks=int(np.count_nonzero(released)),
            release_area=use.release_area,
        )
        blocks = self._accumulator >= use.trigger_level
        if self._moving and not blocks.any():
            blocks = released
        return Observation(
            pts_90k=pts_90k,
            score=strength,
            moving=self._moving,
            area=int(np.count_nonzero(blocks)),
            box=box_of(blocks, width, height, block_px(width, columns)),
            stages=(("vectors", vectors), ("median", left), ("level", int(np.count_nonzero(blocks)))),
        )

    def _advance(self, motion: _Plane, pts_90k: int) -> None:
        """Fade the accumulator to the time of this picture and add its motion."""
        if self._last_90k is not None and (pts_90k < self._last_90k or motion.shape != self._accumulator.shape):
            self.reset()
        if self._last_90k is None:
            self._accumulator = _empty(*motion.shape)
            self._first_90k = self._last_90k = pts_90k
        left = decay_factor((pts_90k - self._last_90k) / TICKS_PER_S, self._settings.time_window_s)
        accumulator = self._accumulator * np.float32(left) + motion
        np.minimum(accumulator, np.float32(FULL_SCALE), out=accumulator)
        accumulator.flags.writeable = False
        self._accumulator = accumulator
        self._last_90k = pts_90k


def _median_of_3(a: _Plane, b: _Plane, c: _Plane) -> _Plane:
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))


def _empty(rows: int, columns: int) -> _Plane:
    accumulator = np.zeros((rows, columns), np.float32)
    accumulator.flags.writeable = False
    return accumulator
