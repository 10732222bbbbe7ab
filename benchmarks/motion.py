"""Microseconds a picture of each stage of motion detection: `python -m benchmarks.motion`.

The best of several rounds, on random input: a tenth of the blocks move; four vectors a block, which is the most that an
encoder gives.
"""

import io
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from ratcam.motion.field import grid_of, luma_change, pack, rasterise, unpack
from ratcam.motion.heat_map import render
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import SimpleDetector, median3x3, norm

SIZES = ((640, 480), (1280, 720))
_VECTOR = np.dtype(
    [(name, "<i4") for name in ("source", "motion_x", "motion_y")]
    + [(name, "<u1") for name in ("w", "h")]
    + [(name, "<i2") for name in ("dst_x", "dst_y")]
    + [("motion_scale", "<u2")]
)


def measure(width: int, height: int) -> dict[str, float]:
    """Microseconds a picture of `width` x `height` pixels, by stage."""
    random = np.random.default_rng(1)
    columns, rows = grid_of(width, height)
    moving = random.random((rows, columns)) < 0.1
    x, y = (np.where(moving, random.integers(-30, 31, (rows, columns)), 0) for _ in "xy")
    luma, previous = (random.integers(0, 256, (height, width), dtype=np.uint8) for _ in "ab")
    sad = luma_change(luma, previous, columns, rows)
    payload = pack(x, y, sad)
    field = unpack(payload, columns, rows)

    vectors = np.zeros(columns * rows * 4, _VECTOR)
    across, down = np.meshgrid(np.arange(columns * 2) * 8 + 4, np.arange(rows * 2) * 8 + 4)
    vectors["source"], vectors["w"], vectors["h"], vectors["motion_scale"] = -1, 8, 8, 4
    vectors["dst_x"], vectors["dst_y"] = across.ravel(), down.ravel()
    vectors["motion_x"] = random.integers(-60, 61, vectors.size)

    still = io.BytesIO()
    Image.fromarray(luma).save(still, "JPEG")
    settings = MotionSettings()
    detector = SimpleDetector(settings)
    accumulator = random.random((rows, columns)).astype(np.float32) * 100
    plane = norm(field)
    pts_90k = 0

    def feed() -> None:
        nonlocal pts_90k
        pts_90k += 9000
        detector.feed(payload, columns=columns, rows=rows, width=width, height=height, pts_90k=pts_90k)

    return {
        "rasterise vectors": _best_us(lambda: rasterise(vectors, columns, rows)),
        "luma change": _best_us(lambda: luma_change(luma, previous, columns, rows)),
        "pack": _best_us(lambda: pack(x, y, sad)),
        "unpack": _best_us(lambda: unpack(payload, columns, rows)),
        "norm": _best_us(lambda: norm(field)),
        "median 3x3": _best_us(lambda: median3x3(plane)),
        "detector, whole": _best_us(feed),
        "heat map (per alert)": _best_us(
            lambda: render(still.getvalue(), accumulator, box=(0, 0, 64, 64), settings=settings), calls=3
        ),
    }


def main() -> None:
    """Print a table."""
    columns = {size: measure(*size) for size in SIZES}
    print(f"{'us a picture':<24}" + "".join(f"{f'{width}x{height}':>12}" for width, height in SIZES))
    for stage in columns[SIZES[0]]:
        print(f"{stage:<24}" + "".join(f"{columns[size][stage]:>12.0f}" for size in SIZES))


def _best_us(work: Callable[[], object], *, calls: int = 50, rounds: int = 7) -> float:
    best_s = float("inf")
    for _ in range(rounds):
        began_s = time.perf_counter()
        for _ in range(calls):
            work()
        best_s = min(best_s, time.perf_counter() - began_s)
    return 1e6 * best_s / calls


if __name__ == "__main__":
    main()
