"""The demo scene: a kitchen at night in the light of an infrared lamp, drawn once, and its sensor's noise."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ratcam.cameras.mouse import MouseSprite, Visit, visit_at

_WIDE = 640
"""The scene's own width; everything below is in its pixels and scaled to the picture."""
_HORIZON = 0.60
"""Where the floor meets the wall, as a share of the height."""
_HOLE_X = 74.0
_CUPBOARD_X = (452.0, 606.0)
_NOISE_SIGMA = 1.3
"""Of the sensor's noise, in grey levels."""
_CHROMA = (130, 126)
"""U and V of the whole picture: nearly grey, with the cold touch of a camera without its infrared filter."""


class Kitchen:
    """Draws the scene at any time: the same picture for the same time, size and seed."""

    def __init__(self, *, width: int, height: int, seed: int = 1) -> None:
        self._width, self._height = width, height
        self._scale = width / _WIDE
        self._seed = seed
        chance = np.random.default_rng((seed, 5))
        still, front = _draw(width, height, chance)
        light = _lamp(width, height)
        self._light = light
        self._still = still * light
        self._front = front
        self._floor_row = round(height * _HORIZON + 26 * self._scale)
        self._sprite = MouseSprite(scale=self._scale, seed=seed)
        # Noise for any picture is a window of this, at a place that depends on the time.
        bank = chance.normal(0, _NOISE_SIGMA, (height + 64, width + 64))
        self._noise = np.rint(bank).astype(np.int16)
        self._rounded = np.rint(self._still).astype(np.int16)
        self._planes = np.empty((height * 3 // 2, width), np.uint8)
        chroma = self._planes[height:].reshape(2, -1)
        chroma[0], chroma[1] = _CHROMA

    def visit(self, time_s: float) -> Visit | None:
        """The mouse's visit that is under way, if any."""
        return visit_at(time_s, seed=self._seed, left_x=_HOLE_X - 60, right_x=_CUPBOARD_X[0] + 95)

    def picture(self, time_s: float) -> NDArray[np.uint8]:
        """The scene after `time_s` seconds as planar YUV 4:2:0: (height * 3 / 2) x width. Valid until the next call."""
        visit = self.visit(time_s)
        scene = self._rounded if visit is None else self._with_mouse(visit, time_s)
        chance = np.random.default_rng((self._seed, round(time_s * 1000)))
        down, right = (int(value) for value in chance.integers(0, 64, 2))
        noise = self._noise[down : down + self._height, right : right + self._width]
        np.clip(scene + noise, 0, 255, out=self._planes[: self._height], casting="unsafe")
        return self._planes

    def _with_mouse(self, visit: Visit, time_s: float) -> NDArray[np.int16]:
        pose = visit.pose(time_s)
        shade, cover, shadow = self._sprite.draw(pose)
        height, width = shade.shape
        left = round(pose.x * self._scale) - width // 2
        top = self._floor_row - self._sprite.ground
        rows = slice(max(0, top), min(self._height, top + height))
        columns = slice(max(0, left), min(self._width, left + width))
        inside = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return self._rounded
        behind = self._front[rows, columns]
        shadow, cover = shadow[inside] * (1 - behind), cover[inside] * (1 - behind)
        ground = self._still[rows, columns] * (1 - 0.6 * shadow)
        lit = ground * (1 - cover) + shade[inside] * self._light[rows, columns] * 1.15 * cover
        scene = self._rounded.copy()
        scene[rows, columns] = np.rint(lit)
        return scene


def _draw(width: int, height: int, chance: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The scene in even light, 0 to 255, and how much each pixel hides the mouse, 0 to 1."""
    scale = width / _WIDE
    horizon = height * _HORIZON
    still = np.concatenate(
        [_wall(width, round(horizon), chance), _floor(width, height - round(horizon), scale, chance)]
    )
    image = Image.fromarray(np.clip(still, 0, 255).astype(np.uint8))
    front = Image.new("L", (width, height), 0)
    _skirting(ImageDraw.Draw(image), width, horizon, scale)
    _hole(ImageDraw.Draw(image), ImageDraw.Draw(front), horizon, scale)
    _socket(ImageDraw.Draw(image), horizon, scale)
    _cheese(ImageDraw.Draw(image), height, scale)
    _cupboard(image, front, horizon, scale, chance)
    soft = image.filter(ImageFilter.GaussianBlur(0.7 * scale))
    return np.asarray(soft, np.float32), np.asarray(front, np.float32) * np.float32(1 / 255)


def _grain(shape: tuple[int, int], cell: tuple[float, float], chance: np.random.Generator) -> NDArray[np.float32]:
    """Smooth random texture of about unit deviation, its spots `cell` = (height, width) pixels large."""
    rows, columns = max(2, math.ceil(shape[0] / cell[0])), max(2, math.ceil(shape[1] / cell[1]))
    coarse = Image.fromarray(chance.normal(0, 1, (rows, columns)).astype(np.float32))
    return np.asarray(coarse.resize((shape[1], shape[0]), Image.Resampling.BICUBIC), np.float32)


def _wall(width: int, height: int, chance: np.random.Generator) -> NDArray[np.float32]:
    """Plaster with a faint stripe of wallpaper."""
    shape = (height, width)
    stripes = 4 * np.sign(np.sin(np.arange(width) * 2 * math.pi / (width / 16)))
    plaster = (
        4 * _grain(shape, (7, 7), chance) + 5 * _grain(shape, (60, 60), chance) + 2 * _grain(shape, (2, 2), chance)
    )
    return (118 + stripes[None, :] + plaster).astype(np.float32)


def _floor(width: int, height: int, scale: float, chance: np.random.Generator) -> NDArray[np.float32]:
    """Stone tiles in perspective, each of its own shade."""
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    depth = 1.0 / (0.16 + 0.84 * (row + 1) / height)  # 1 at the lower edge, about 6 at the wall
    across = (column - width / 2) / (64 * scale) * depth * 0.5 + 40.5
    along = depth * 2.6 + 7
    tile_x, tile_y = np.floor(across).astype(int), np.floor(along).astype(int)
    shades = chance.normal(0, 7, (64, 128))
    tiles = shades[tile_y % 64, tile_x % 128] + np.where((tile_x + tile_y) % 2 == 0, 14, -14)
    edge_x = np.minimum(across % 1, 1 - across % 1) / depth * 128 * scale
    edge_y = np.minimum(along % 1, 1 - along % 1) / (depth * depth) * height * 0.45
    joint = np.clip(1.6 * scale - np.minimum(edge_x, edge_y), 0, 1)
    stone = 5 * _grain((height, width), (3, 5), chance) + 6 * _grain((height, width), (12, 26), chance)
    stone += 2.5 * _grain((height, width), (1.5, 1.5), chance)
    return np.asarray(104 + tiles + stone - 46 * joint, np.float32)


def _skirting(pen: ImageDraw.ImageDraw, width: int, horizon: float, scale: float) -> None:
    top = horizon - 34 * scale
    pen.rectangle([0, top, width, horizon + 3 * scale], fill=150)
    pen.rectangle([0, top, width, top + 3 * scale], fill=186)
    pen.line([(0, top + 9 * scale), (width, top + 9 * scale)], fill=122, width=max(1, round(2 * scale)))
    pen.rectangle([0, horizon, width, horizon + 3 * scale], fill=52)


def _hole(pen: ImageDraw.ImageDraw, front: ImageDraw.ImageDraw, horizon: float, scale: float) -> None:
    """Where the mouse lives: an arch gnawed into the skirting board; left of its middle the mouse is inside."""
    left, right, top = (_HOLE_X - 34) * scale, (_HOLE_X + 34) * scale, horizon - 52 * scale
    foot = horizon + 6 * scale
    pen.pieslice([left - 4 * scale, top - 4 * scale, right + 4 * scale, foot + 48 * scale], 180, 360, fill=92)
    pen.pieslice([left, top, right, foot + 46 * scale], 180, 360, fill=14)
    pen.rectangle([left, horizon - 6 * scale, right, foot], fill=14)
    front.rectangle([0, 0, _HOLE_X * scale, horizon + 60 * scale], fill=255)


def _socket(pen: ImageDraw.ImageDraw, horizon: float, scale: float) -> None:
    x, y = 330 * scale, horizon - 120 * scale
    pen.rounded_rectangle([x, y, x + 38 * scale, y + 38 * scale], radius=5 * scale, fill=176, outline=96)
    pen.ellipse([x + 7 * scale, y + 7 * scale, x + 31 * scale, y + 31 * scale], fill=142, outline=104)
    for dx in (14, 24):
        pen.ellipse([x + (dx - 2) * scale, y + 17 * scale, x + (dx + 2) * scale, y + 21 * scale], fill=30)


def _cheese(pen: ImageDraw.ImageDraw, height: int, scale: float) -> None:
    """What it comes for."""
    x, y = 250 * scale, height - 74 * scale
    pen.ellipse([x - 44 * scale, y + 2 * scale, x + 64 * scale, y + 34 * scale], fill=70)
    pen.ellipse([x - 48 * scale, y - 6 * scale, x + 60 * scale, y + 26 * scale], fill=168, outline=120)
    pen.ellipse([x - 36 * scale, y - 2 * scale, x + 48 * scale, y + 20 * scale], fill=152)
    wedge = [(x - 22, y + 8), (x + 34, y + 10), (x + 30, y - 14), (x - 22, y + 8)]
    pen.polygon([(x + (px - x) * scale, y + (py - y) * scale) for px, py in wedge], fill=206)
    for dx, dy, size in ((14, 2, 4), (24, -4, 3), (2, 5, 2.5)):
        hole = [x + (dx - size) * scale, y + (dy - size) * scale, x + (dx + size) * scale, y + (dy + size) * scale]
        pen.ellipse(hole, fill=158)


def _cupboard(
    image: Image.Image, front: Image.Image, horizon: float, scale: float, chance: np.random.Generator
) -> None:
    """A cupboard on legs, nearer than the mouse's path: the mouse vanishes behind it."""
    left, right = (value * scale for value in _CUPBOARD_X)
    top, foot = horizon - 236 * scale, horizon + 46 * scale
    shade = ImageDraw.Draw(image)
    shade.polygon(
        [(left - 26 * scale, foot - 12 * scale), (right, foot - 12 * scale), (right, foot), (left, foot)], fill=48
    )
    box = (round(left), round(top), round(right), round(foot))
    size = (box[3] - box[1], box[2] - box[0])
    wood = 96 + 7 * _grain(size, (90 * scale, 3 * scale), chance) + 3 * _grain(size, (20 * scale, 2), chance)
    image.paste(Image.fromarray(np.clip(wood, 0, 255).astype(np.uint8)), box[:2])
    pen = ImageDraw.Draw(image)
    pen.rectangle([left - 5 * scale, top - 8 * scale, right + 5 * scale, top + 4 * scale], fill=132)
    middle = (left + right) / 2
    for x0, x1, knob in ((left + 8 * scale, middle - 3 * scale, -12), (middle + 3 * scale, right - 8 * scale, 12)):
        pen.rectangle([x0, top + 16 * scale, x1, foot - 18 * scale], outline=62, width=max(1, round(2 * scale)))
        inner = 11 * scale
        panel = [x0 + inner, top + 16 * scale + inner, x1 - inner, foot - 18 * scale - inner]
        pen.rectangle(panel, outline=122, width=max(1, round(2 * scale)))
        x, y = middle + knob * scale, horizon - 84 * scale
        pen.ellipse([x - 5 * scale, y - 5 * scale, x + 5 * scale, y + 5 * scale], fill=190, outline=60)
    pen.rectangle([left, foot - 12 * scale, right, foot], fill=58)
    ImageDraw.Draw(front).rectangle([left, 0, right, foot], fill=255)


def _lamp(width: int, height: int) -> NDArray[np.float32]:
    """How much of the lamp's light falls where, 0 to 1."""
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot((column / width - 0.46) / 0.62, (row / height - 0.60) / 0.66)
    return np.asarray(0.20 + 0.86 * np.exp(-(distance**2) * 1.5), np.float32)
