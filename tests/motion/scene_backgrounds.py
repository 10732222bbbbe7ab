"""Drawn places for generated scenes: a kitchen floor, a garden, a yard at night in infrared light, a corridor.

Everything is measured in units: 640 of them are the picture's width, whatever its size in pixels. The same place and
seed in another size is the same picture, but for its finest grain.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Plane = npt.NDArray[np.float32]

UNITS = 640.0
"""Units across any picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place without anybody in it. Planes have shape (height, width) and are read-only."""

    day: Plane
    """What reflects the light, 0 to 255: the picture in even light."""
    infrared: Plane
    """The same place seen without the camera's infrared filter, in even light."""
    light: Plane
    """How much light falls where: 1 is even light."""
    ground: tuple[float, float]
    """Where what walks there walks: the uppermost and lowest height, in units."""
    tree: tuple[float, float, float, float]
    """(x0, y0, x1, y1) in units: where leaves are, or would be."""


def place(kind: str, width: int, height: int, seed: int) -> Place:
    """The place of that kind ("kitchen", "garden", "night" or "corridor") in a picture of `width` x `height` pixels."""
    scale = width / UNITS
    tall = height / scale
    chance = np.random.default_rng((seed, 11))
    image, ground, tree, night = _DRAWN[kind](width, height, scale, tall, chance)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.55 * scale)), np.float32)
    grain = _Grain(width, height, scale, chance)
    rough, spots = _ROUGH[kind]
    day = soft + rough * grain(2.2) + spots * grain(9.0) + 0.6 * spots * grain(45.0)
    # Cloth and leaves are bright in infrared, paint and print are not: another tone for another texture.
    infrared = 40 + 0.62 * day + 9 * grain(30.0) + 5 * grain(6.0)
    light = _vignette(width, height) if night else np.ones((height, width), np.float32)
    planes = [np.clip(plane, 4, 250).astype(np.float32) for plane in (day, infrared)]
    for plane in (*planes, light):
        plane.flags.writeable = False
    return Place(day=planes[0], infrared=planes[1], light=light, ground=ground, tree=tree)


class _Grain:
    """Smooth random textures of unit deviation, spots of a size in units; each call is another one."""

    def __init__(self, width: int, height: int, scale: float, chance: np.random.Generator) -> None:
        self._size = (width, height)
        self._scale = scale
        self._chance = chance

    def __call__(self, spot: float) -> Plane:
        width, height = self._size
        columns, rows = math.ceil(UNITS / spot), math.ceil(height / self._scale / spot)
        coarse = self._chance.normal(0, 1, (rows + 1, columns + 1)).astype(np.float32)
        fine = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(fine, np.float32)


_Drawing = tuple[Image.Image, tuple[float, float], tuple[float, float, float, float], bool]


def _kitchen(width: int, height: int, scale: float, tall: float, chance: np.random.Generator) -> _Drawing:
    """Tiles up to a skirting, cupboards, the legs of a table and chairs."""
    image = Image.new("L", (width, height), 150)
    pen = ImageDraw.Draw(image)
    horizon = 0.42 * tall
    shades = chance.normal(0, 9, (40, 40))
    for row in range(9):
        y0 = horizon + (tall - horizon) * (row / 9) ** 1.5
        y1 = horizon + (tall - horizon) * ((row + 1) / 9) ** 1.5
        for column in range(-8, 20):
            corners = [_fan(column + side, y, horizon, tall) for side, y in ((0, y0), (1, y0), (1, y1), (0, y1))]
            shade = 116 + 16 * ((row + column) % 2) + shades[row, column % 40]
            pen.polygon([(x * scale, y * scale) for x, y in corners], fill=int(shade), outline=74)
    _box(pen, (0, horizon - 12, UNITS, horizon), scale, 190, edge=60)
    for _ in range(3):
        x = float(chance.uniform(0, UNITS - 130))
        _box(pen, (x, horizon - 0.36 * tall, x + 120, horizon + 10), scale, int(chance.integers(70, 200)), edge=40)
        _box(pen, (x + 8, horizon - 0.33 * tall, x + 56, horizon - 4), scale, int(chance.integers(70, 200)), edge=230)
    for _ in range(5):
        x, foot = float(chance.uniform(20, UNITS - 20)), float(chance.uniform(0.6, 0.95)) * tall
        _box(pen, (x, 0.1 * tall, x + 9, foot), scale, int(chance.integers(30, 90)), edge=20)
    return image, (0.62 * tall, 0.92 * tall), (470, 0.02 * tall, 630, 0.40 * tall), False


def _garden(width: int, height: int, scale: float, tall: float, chance: np.random.Generator) -> _Drawing:
    """Grass up to a fence of slats, a path of stones, a bush."""
    image = Image.new("L", (width, height), 112)
    pen = ImageDraw.Draw(image)
    horizon = 0.36 * tall
    _box(pen, (0, 0, UNITS, 0.16 * tall), scale, 205, edge=205)
    for slat in range(46):
        x = slat * 14.2
        shade = int(chance.integers(95, 150))
        _box(pen, (x, 0.10 * tall + float(chance.uniform(0, 6)), x + 12, horizon), scale, shade, edge=58)
    for _ in range(1100):  # tufts
        x, y = float(chance.uniform(0, UNITS)), float(chance.uniform(horizon, tall))
        long = float(chance.uniform(3, 11)) * (0.5 + (y - horizon) / (tall - horizon))
        tip = (x + float(chance.uniform(-3, 3)), y - long)
        shade = int(chance.integers(70, 165))
        pen.line(
            [(x * scale, y * scale), (tip[0] * scale, tip[1] * scale)], fill=shade, width=max(1, round(1.3 * scale))
        )
    for stone in range(7):
        x, y = 120 + stone * 74 + float(chance.uniform(-9, 9)), 0.83 * tall + float(chance.uniform(-9, 9))
        pen.ellipse([(x - 26) * scale, (y - 9) * scale, (x + 26) * scale, (y + 9) * scale], fill=170, outline=70)
    return image, (0.55 * tall, 0.93 * tall), (400, 0.03 * tall, 600, 0.46 * tall), False


def _night(width: int, height: int, scale: float, tall: float, chance: np.random.Generator) -> _Drawing:
    """A yard: gravel, a wall with a door, a bin, a hose; lit by the camera's own lamp."""
    image = Image.new("L", (width, height), 88)
    pen = ImageDraw.Draw(image)
    horizon = 0.33 * tall
    _box(pen, (0, 0, UNITS, horizon), scale, 116, edge=60)
    for course in range(6):
        y = horizon * course / 6
        pen.line([(0, y * scale), (width, y * scale)], fill=92, width=max(1, round(scale)))
        for brick in range(22):
            x = brick * 30 + 15 * (course % 2)
            pen.line(
                [(x * scale, y * scale), (x * scale, (y + horizon / 6) * scale)], fill=92, width=max(1, round(scale))
            )
    x = float(chance.uniform(60, 500))
    _box(pen, (x, 0.02 * tall, x + 70, horizon + 4), scale, 62, edge=170)
    x = float(chance.uniform(60, 500))
    _box(pen, (x, horizon - 70, x + 60, horizon + 34), scale, 150, edge=40)
    for _ in range(700):  # gravel
        x, y = float(chance.uniform(0, UNITS)), float(chance.uniform(horizon, tall))
        size = float(chance.uniform(0.8, 2.4))
        shade = int(chance.integers(60, 125))
        pen.ellipse([(x - size) * scale, (y - size) * scale, (x + size) * scale, (y + size) * scale], fill=shade)
    return image, (0.5 * tall, 0.92 * tall), (30, 0.02 * tall, 190, 0.36 * tall), True


def _corridor(width: int, height: int, scale: float, tall: float, chance: np.random.Generator) -> _Drawing:
    """Lines that run to one point, doors with frames, a striped runner: edges everywhere."""
    image = Image.new("L", (width, height), 205)
    pen = ImageDraw.Draw(image)
    x0, y0 = 320 + float(chance.uniform(-40, 40)), 0.34 * tall
    floor = [(0, tall), (UNITS, tall), (x0 + 46, y0 + 26), (x0 - 46, y0 + 26)]
    pen.polygon([(x * scale, y * scale) for x, y in floor], fill=92)
    for stripe in range(-6, 7):
        near = [(320 + stripe * 70, tall), (320 + stripe * 70 + 34, tall), (x0 + stripe * 5 + 2.5, y0 + 26)]
        pen.polygon([(x * scale, y * scale) for x, y in near], fill=44 if stripe % 2 else 178)
    for side in (-1, 1):
        for door in range(3):
            far, near = 60 + door * 88, 130 + door * 88
            xs = [x0 + side * far, x0 + side * near]
            foot = [y0 + 26 + (far - 46) * 0.72, y0 + 26 + (near - 46) * 0.72]
            top = [y0 - far * 0.5, y0 - near * 0.5]
            leaf = [(xs[0], top[0]), (xs[1], top[1]), (xs[1], foot[1]), (xs[0], foot[0])]
            pen.polygon([(x * scale, y * scale) for x, y in leaf], fill=int(chance.integers(50, 150)), outline=24)
    _box(pen, (x0 - 46, y0 - 40, x0 + 46, y0 + 26), scale, 150, edge=24)
    return image, (0.74 * tall, 0.94 * tall), (4, 0.02 * tall, 120, 0.42 * tall), False


_DRAWN: dict[str, Callable[[int, int, float, float, np.random.Generator], _Drawing]] = {
    "kitchen": _kitchen,
    "garden": _garden,
    "night": _night,
    "corridor": _corridor,
}
_ROUGH = {"kitchen": (2.5, 3.0), "garden": (9.0, 7.0), "night": (4.0, 5.0), "corridor": (1.5, 2.0)}
"""By place: the strength of the finest grain and of larger spots, in grey levels."""
KINDS = tuple(_DRAWN)
"""The kinds of place there are."""


def _vignette(width: int, height: int) -> Plane:
    """The light of a lamp beside the lens: bright in the middle, a sixth of it in the corners."""
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot((column / width - 0.5) / 0.5, (row / height - 0.52) / 0.52)
    return np.asarray(0.14 + 0.62 * np.exp(-(distance**2) * 1.3), np.float32)


def _fan(column: float, y: float, horizon: float, tall: float) -> tuple[float, float]:
    depth = (y - horizon) / (tall - horizon)
    return 320 + (column - 6) * 110 * (0.28 + 0.72 * depth), y


def _box(
    pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], scale: float, shade: int, *, edge: int
) -> None:
    pen.rectangle([side * scale for side in box], fill=shade, outline=edge, width=max(1, round(1.5 * scale)))
