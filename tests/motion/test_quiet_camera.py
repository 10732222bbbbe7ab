"""A camera that looks at nothing: how often chance alone alarms, and how much memory it takes.

The fields are drawn, as skewed and as patchy as those of a night camera's encoder: most blocks left alone, the others
changed by chance, some by much. RATCAM_QUIET_HOURS=24 looks at a whole day and at a million pictures: some minutes.
"""

import gc
import os
import sys
import tracemalloc
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.boxes import box_mean
from ratcam.motion.choose import new_detector
from ratcam.motion.field import field_size
from ratcam.motion.settings import MotionSettings

HOURS = float(os.environ.get("RATCAM_QUIET_HOURS", "0.4"))
COLUMNS, ROWS, WIDTH, HEIGHT = 80, 45, 640, 360
POOL = 1600
FPS = 10
_CELL = np.dtype([("x", "i1"), ("y", "i1"), ("sad", "<u2")])


def pool(seed: int) -> npt.NDArray[np.float32]:
    """Chance to cut pictures from: six in ten blocks nothing, neighbours alike, a long tail; about 1 on average."""
    grain = np.random.default_rng(seed).standard_normal((POOL, POOL), np.float32)
    smooth = grain + 2.2 * box_mean(grain, 1)
    smooth /= smooth.std()
    skewed = np.maximum(smooth - 0.2, 0) ** 1.6
    return np.asarray(skewed / skewed.mean(), np.float32)


def payloads(seed: int, *, hours: float) -> Iterator[bytes]:
    """Fields of a quiet camera: bright and dark places, dusk, key frames that pop, an encoder that mends a strip."""
    chance = np.random.default_rng(seed)
    noise = pool(seed)
    level = (box_mean(chance.uniform(0, 160, (ROWS, COLUMNS)).astype(np.float32), 4) - 70).clip(1) * 4
    field = np.zeros((ROWS, COLUMNS + 1), _CELL)
    for number in range(round(hours * 3600 * FPS)):
        row, column = (int(value) for value in chance.integers(0, (POOL - ROWS, POOL - COLUMNS)))
        light = 1 + 0.5 * np.sin(2 * np.pi * number / (FPS * 1800))
        pop = 1.6 if number % 50 == 0 else 1.0
        sad = noise[row : row + ROWS, column : column + COLUMNS] * (level * np.float32(light * pop))
        if number % 613 == 0:
            top, left = (int(value) for value in chance.integers(0, (ROWS - 2, COLUMNS - 20)))
            sad[top : top + 2, left : left + 20] *= 3
        field["sad"][:, :COLUMNS] = np.minimum(sad, 65535)
        yield field.tobytes()


@pytest.mark.parametrize("seed", [1, 2])
def test_a_quiet_camera_does_not_alarm(seed: int) -> None:
    detector = new_detector(MotionSettings())
    alarms, scores, was = 0, np.zeros(64, np.int64), False
    for number, payload in enumerate(payloads(seed, hours=HOURS / 2)):
        at_90k = number * TICKS_PER_S // FPS
        seen = detector.feed(payload, columns=COLUMNS, rows=ROWS, width=WIDTH, height=HEIGHT, pts_90k=at_90k)
        scores[min(63, int(seen.score * 40))] += 1
        alarms += seen.moving and not was
        was = seen.moving
    above = np.cumsum(scores[::-1])[::-1]
    tail = {f"{level / 40:g}": int(above[level]) for level in range(0, 64, 4) if above[level]}
    assert alarms == 0, f"{alarms} alarms in {HOURS / 2:g} h; pictures above each score: {tail}"
    quiet = detector.quiet
    sys.stdout.write(f"{HOURS / 2:g} h, pictures above each score: {tail}, {quiet}\n")
    assert 0 < above[1] < 0.5 * above[0], "chance leaves some evidence, and not always: else this shows nothing"
    if above[0] > 600 * FPS:
        assert quiet is not None
        assert quiet.trigger <= 1.5
        assert quiet.margin > 1


def test_memory_does_not_grow_with_a_quiet_cameras_pictures() -> None:
    detector = new_detector(MotionSettings())
    pictures = 1_000_000 if HOURS >= 24 else 4_000
    some = list(payloads(3, hours=300 / FPS / 3600))
    nothing = bytes(field_size(COLUMNS, ROWS))
    before = 0
    tracemalloc.start()
    try:
        for number in range(pictures):
            if number == pictures // 2:
                gc.collect()
                before = tracemalloc.get_traced_memory()[0]
            payload = nothing if number % 7 == 0 else some[number % 300]
            at_90k = number * TICKS_PER_S // FPS
            detector.feed(payload, columns=COLUMNS, rows=ROWS, width=WIDTH, height=HEIGHT, pts_90k=at_90k)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 40_000, f"{grown} bytes more after {pictures} pictures"
