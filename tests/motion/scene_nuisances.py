"""What changes in generated scenes and is not what anyone wants to be woken for: light, weather, insects, the camera.

A nuisance works on a `Sight`, the picture in the making, at one of three moments: on what reflects light, on the light,
or on the picture itself. What it does depends on the time and its seed only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from tests.motion.scene_backgrounds import UNITS, Place, Plane


@dataclass(slots=True)
class Sight:
    """The picture in the making. Planes have shape (height, width)."""

    place: Place
    scale: float
    """Pixels a unit."""
    canvas: Plane
    """What reflects light, 0 to 255; may be written."""
    gain: Plane | np.float32 = field(default_factory=lambda: np.float32(1))
    """The light, on top of the place's own."""
    shift: tuple[float, float] = (0.0, 0.0)
    """How far the camera looks to the right and below of where it should, in pixels."""
    noise: float = 1.0
    """Times the sensor's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuisance:
    """One nuisance from a moment to another."""

    kind: str
    begin_s: float
    end_s: float
    strength: float = 1.0
    seed: int = 1

    def on_canvas(self, sight: Sight, time_s: float) -> None:
        """Change what reflects light."""
        self._apply(_ON_CANVAS, sight, time_s)

    def on_light(self, sight: Sight, time_s: float) -> None:
        """Change the light, the camera's gain or where it looks."""
        self._apply(_ON_LIGHT, sight, time_s)

    def on_picture(self, picture: Plane, sight: Sight, time_s: float) -> None:
        """Change the picture in front of the sensor: between the scene and the lens, or burnt in."""
        work = _ON_PICTURE.get(self.kind)
        if work is not None and self.begin_s <= time_s < self.end_s:
            work(self, picture, sight, time_s)

    def _apply(self, table: dict[str, Callable[["Nuisance", Sight, float], None]], sight: Sight, time_s: float) -> None:
        work = table.get(self.kind)
        if work is not None and self.begin_s <= time_s < self.end_s:
            work(self, sight, time_s)

    def chance(self, *numbers: int) -> np.random.Generator:
        """Chance of its own for each picture."""
        return np.random.default_rng((self.seed, 47, *numbers))


# --- on what reflects light ------------------------------------------------------------------------------------------


def _tree(it: Nuisance, sight: Sight, time_s: float) -> None:
    """Leaves to and fro in gusts, never twice the same."""
    x0, y0, x1, y1 = (round(side * sight.scale) for side in sight.place.tree)
    window = sight.canvas[y0:y1, x0:x1]
    height, width = window.shape
    leaves = _leaves(it.seed, height + 48, width + 48, sight.scale)
    gust = 0.35 + 0.65 * abs(math.sin(0.31 * time_s + it.seed) * math.sin(0.83 * time_s))
    reach = 7 * it.strength * gust * sight.scale
    rows = np.arange(height, dtype=np.float32)[:, None] / sight.scale
    columns = np.arange(width, dtype=np.float32)[None, :] / sight.scale
    sway = reach * np.sin(2.1 * time_s + 0.05 * rows + 0.03 * columns) + 0.3 * reach * np.sin(
        5.3 * time_s + 0.17 * columns
    )
    dip = 0.5 * reach * np.sin(1.7 * time_s + 0.06 * columns + 1.0)
    moved = leaves[_places(height, dip, 0), _places(width, sway, 1)]
    middle_row, middle_column = height / 2 / sight.scale, width / 2 / sight.scale
    crown = np.hypot((rows - middle_row) / middle_row, (columns - middle_column) / middle_column) + 0.004 * (moved - 90)
    np.copyto(window, moved, where=crown < 0.95)


def _places(count: int, away: npt.NDArray[np.floating], axis: int) -> npt.NDArray[np.intp]:
    """Where pixels along an axis come from in a plane that is 24 pixels wider on each side."""
    along = np.arange(count, dtype=np.float32)
    whole = np.rint(away + (along[:, None] if axis == 0 else along[None, :])) + 24
    return np.asarray(np.clip(whole, 0, count + 47), np.intp)


@lru_cache(maxsize=4)
def _leaves(seed: int, height: int, width: int, scale: float) -> Plane:
    chance = np.random.default_rng((seed, 53))
    plane = np.full((height, width), 86, np.float32)
    for spot, strength in ((3.0, 26), (8.0, 22)):
        cell = max(1.0, spot * scale)
        coarse = chance.normal(0, strength, (math.ceil(160 / spot), math.ceil(240 / spot))).astype(np.float32)
        whole = (math.ceil(coarse.shape[1] * cell), math.ceil(coarse.shape[0] * cell))
        fine = np.asarray(Image.fromarray(coarse).resize(whole, Image.Resampling.BICUBIC), np.float32)
        plane += np.pad(
            fine, ((0, max(0, height - fine.shape[0])), (0, max(0, width - fine.shape[1]))), mode="reflect"
        )[:height, :width]
    return np.clip(plane, 8, 240)


def _ir_cut(it: Nuisance, sight: Sight, time_s: float) -> None:
    """The infrared filter swings away, and back at the end: another look, bright at first, settling over pictures."""
    share = _ramp(time_s - it.begin_s, 0.4) * (1 - _ramp(time_s - (it.end_s - 2.0), 0.4))
    sight.canvas += np.float32(share) * (sight.place.infrared - sight.place.day)


# --- on the light ----------------------------------------------------------------------------------------------------


def _ir_cut_light(it: Nuisance, sight: Sight, time_s: float) -> None:
    gain = 1.0
    for turned_s in (it.begin_s, it.end_s - 2.0):
        since_s = time_s - turned_s
        if since_s >= 0:  # a moment of half darkness, then too bright, then the exposure finds back, overshooting
            gain *= 1 - 0.45 * math.exp(-(((since_s - 0.15) / 0.12) ** 2))
            gain *= 1 + 0.7 * it.strength * math.exp(-since_s / 0.5) * math.cos(3.2 * since_s)
    sight.gain = sight.gain * np.float32(max(0.1, gain))
    sight.noise *= 1.0 + 0.4 * _ramp(time_s - it.begin_s, 0.4) * (1 - _ramp(time_s - (it.end_s - 2.0), 0.4))


def _lamp(it: Nuisance, sight: Sight, time_s: float) -> None:
    """A lamp goes out at the beginning and on again before the end; the exposure makes up for half of it in a second.

    Of an odd seed it lights some parts more than others, with the hard edge of a shadow.
    """
    off_s, on_s = it.begin_s, it.begin_s + 0.5 * (it.end_s - it.begin_s)
    share = 1 - _ramp(time_s - off_s, 0.1) + _ramp(time_s - on_s, 0.15)
    exposure = 1.0
    dim = 0.30 / it.strength
    if off_s <= time_s < on_s:
        exposure = 1 + 0.5 * (1 - math.exp(-(time_s - off_s) / 1.0))
    elif time_s >= on_s:
        exposure = 1 + 0.5 * math.exp(-(time_s - on_s) / 0.6)
    lit = _lamp_light(sight, it.seed) if it.seed % 2 else np.float32(1)
    sight.gain = sight.gain * ((1 - np.float32((1 - dim) * (1 - share)) * lit) * np.float32(exposure))


def _lamp_light(sight: Sight, seed: int) -> Plane:
    """1 near the lamp, less away from it, and little in a cupboard's shadow."""
    height, width = sight.canvas.shape
    chance = np.random.default_rng((seed, 59))
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = float(chance.uniform(0.2, 0.8)) * width, float(chance.uniform(0.0, 0.4)) * height
    near = np.exp(-((np.hypot(column - x, (row - y) * 1.3) / (0.75 * width)) ** 2))
    edge = float(chance.uniform(0.2, 0.8)) * width
    shadow = np.clip((column - edge - 0.4 * (row - y)) / (3 * sight.scale), 0, 1)
    return np.asarray((0.25 + 0.75 * near) * (1 - 0.6 * shadow), np.float32)


def _blinking(it: Nuisance, sight: Sight, time_s: float) -> None:
    """A lamp goes on and off every `strength` seconds, beginning with off."""
    is_off = math.floor((time_s - it.begin_s) / it.strength + 1e-6) % 2 == 0
    sight.gain = sight.gain * np.float32(0.42 if is_off else 1.0)


def _flicker(it: Nuisance, sight: Sight, time_s: float) -> None:
    """The mains beat with the shutter: bands that wander over the picture, as strong as a cheap LED's."""
    height = sight.canvas.shape[0]
    beat_hz = (0.7, 1.9, 3.7)[it.seed % 3]
    rows = np.arange(height, dtype=np.float32)[:, None] / height
    bands = (0.0, 1.0, 2.5)[it.seed // 3 % 3]
    wave = np.sin(2 * math.pi * (beat_hz * time_s + bands * rows))
    sight.gain = sight.gain * (1 + np.float32(0.05 * it.strength) * wave).astype(np.float32)


def _lightning(it: Nuisance, sight: Sight, time_s: float) -> None:
    """Some flashes of a tenth of a second, from one side."""
    chance = it.chance()
    for _ in range(4):
        since_s = time_s - float(chance.uniform(it.begin_s, it.end_s - 0.5))
        strength = float(chance.uniform(0.6, 2.0)) * it.strength
        if 0 <= since_s < 0.5:
            across = np.linspace(1.2, 0.6, sight.canvas.shape[1], dtype=np.float32)[None, :]
            sight.gain = sight.gain * (1 + np.float32(strength * math.exp(-since_s / 0.07)) * across)


def _beam(it: Nuisance, sight: Sight, time_s: float) -> None:
    """A car's headlights sweep over the place: two soft spots, slow at first, then quick."""
    height, width = sight.canvas.shape
    share = (time_s - it.begin_s) / (it.end_s - it.begin_s)
    x = (-0.25 + 1.5 * share**1.6) * width
    x = width - x if it.seed % 2 else x
    bright = 1.1 * it.strength * math.sin(math.pi * share) ** 0.7
    row = np.arange(height, dtype=np.float32)[:, None]
    column = np.arange(width, dtype=np.float32)[None, :]
    light = np.zeros((height, width), np.float32)
    for offset, spread in ((0.0, 0.10), (0.12, 0.08)):
        far = ((column - x - offset * width) / (spread * width)) ** 2 + ((row - 0.42 * height) / (0.26 * height)) ** 2
        light += np.exp(-far)
    sight.gain = sight.gain * (1 + np.float32(bright) * light)


def _exposure(it: Nuisance, sight: Sight, time_s: float) -> None:
    """The exposure wanders in small steps, as a camera's automatic does at dusk."""
    share = (time_s - it.begin_s) / (it.end_s - it.begin_s)
    wander = 0.22 * math.sin(2 * math.pi * share) * it.strength
    sight.gain = sight.gain * np.float32(1 + round(wander / 0.02) * 0.02)


def _cloud(it: Nuisance, sight: Sight, time_s: float) -> None:
    """The soft edges of a cloud's shadow pass over."""
    width = sight.canvas.shape[1]
    share = (time_s - it.begin_s) / (it.end_s - it.begin_s)
    column = np.arange(width, dtype=np.float32)[None, :] / width
    front = (-0.4 + 3.2 * share) - column
    shade = np.clip(front / 0.35, 0, 1) * np.clip((1.4 - front) / 0.35, 0, 1)
    soft = shade * shade * (3 - 2 * shade)
    sight.gain = sight.gain * (1 - np.float32(0.38 * it.strength) * soft).astype(np.float32)


def _shake(it: Nuisance, sight: Sight, time_s: float) -> None:
    """A knock or the wind at the camera's pole: a dying oscillation of a pixel or two, in both directions."""
    share = (time_s - it.begin_s) / (it.end_s - it.begin_s)
    reach = 1.6 * it.strength * sight.scale * math.sin(math.pi * min(1.0, share * 1.1 + 0.05)) ** 0.5
    turn = 2 * math.pi * time_s
    sight.shift = (
        sight.shift[0] + reach * math.sin(2.3 * turn + it.seed),
        sight.shift[1] + 0.6 * reach * math.sin(3.1 * turn + 2 * it.seed),
    )


# --- on the picture --------------------------------------------------------------------------------------------------


def _rain(it: Nuisance, picture: Plane, sight: Sight, time_s: float) -> None:
    """Streaks anywhere, others in every picture."""
    height, width = picture.shape
    chance = it.chance(round(time_s * 1000))
    streaks = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(streaks)
    tall = height / sight.scale
    for _ in range(round(70 * it.strength * tall / 360)):
        x, y = (float(value) for value in chance.uniform((0, -10), (UNITS, tall)))
        long, bright = float(chance.uniform(9, 30)), round(float(chance.uniform(10, 46)))
        ends = [(x * sight.scale, y * sight.scale), ((x + 0.09 * long) * sight.scale, (y + long) * sight.scale)]
        pen.line(ends, fill=bright, width=max(1, round(1.2 * sight.scale)))
    picture += np.asarray(streaks, np.float32)


def _insect(it: Nuisance, picture: Plane, sight: Sight, time_s: float) -> None:
    """A moth close to the lens, lit by the lamp beside it: large, blurred, bright, and gone within a second or so."""
    chance = it.chance()
    share = (time_s - it.begin_s) / (it.end_s - it.begin_s)
    tall = picture.shape[0] / sight.scale
    x0, x1 = (-60.0, UNITS + 60.0) if it.seed % 2 else (UNITS + 60.0, -60.0)
    y0, y1 = (float(value) * tall for value in chance.uniform(-0.1, 1.1, 2))
    turn = float(chance.uniform(4, 9))
    x = x0 + (x1 - x0) * share + 26 * math.sin(turn * share * 3)
    y = y0 + (y1 - y0) * share + 40 * math.sin(turn * share * 2 + 1)
    size = float(chance.uniform(14, 34)) * it.strength
    wing = 1 + 0.4 * math.sin(61 * time_s)
    half = (size * sight.scale, size * 0.7 * wing * sight.scale)
    _glow(picture, (x * sight.scale, y * sight.scale), half, 120)


def _thread(it: Nuisance, picture: Plane, sight: Sight, time_s: float) -> None:
    """A spider's thread before the lens: a pale blurred line that swings in the draught and glitters."""
    height, width = picture.shape
    line = Image.new("L", (width, height), 0)
    sway = 34 * it.strength * math.sin(1.3 * time_s + it.seed) + 9 * math.sin(4.1 * time_s)
    bright = (26 + 14 * math.sin(2.7 * time_s)) * _ramp(time_s - it.begin_s, 0.5) * _ramp(it.end_s - time_s, 0.5)
    tall = height / sight.scale
    points: list[tuple[float, float]] = []
    for step in range(13):
        down = step / 12
        bow = math.sin(math.pi * down)
        points.append(((210 + 180 * down + sway * bow) * sight.scale, down * tall * sight.scale))
    ImageDraw.Draw(line).line(points, fill=round(bright), width=max(1, round(4 * sight.scale)))
    picture += np.asarray(line, np.float32)


def _time_stamp(_it: Nuisance, picture: Plane, sight: Sight, time_s: float) -> None:
    """The camera's own clock, white with a black edge, in the upper left corner."""
    seconds = math.floor(time_s)
    text = f"2026-03-09 03:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    label = Image.new("L", (132, 14), 0)
    ImageDraw.Draw(label).text((3, 1), text, fill=255, font=ImageFont.load_default_imagefont())
    size = (round(190 * sight.scale), max(8, round(20 * sight.scale)))
    stamp = np.asarray(label.resize(size, Image.Resampling.BILINEAR), np.float32)
    x, y = round(8 * sight.scale), round(6 * sight.scale)
    window = picture[y : y + stamp.shape[0], x : x + stamp.shape[1]]
    stamp = stamp[: window.shape[0], : window.shape[1]]
    window *= 1 - 0.6 * (stamp > 8)
    window += stamp * np.float32(0.85)


def _glow(picture: Plane, at: tuple[float, float], half: tuple[float, float], bright: float) -> None:
    height, width = picture.shape
    (x, y), (half_x, half_y) = at, half
    x0, x1 = max(0, math.floor(x - 2.2 * half_x)), min(width, math.ceil(x + 2.2 * half_x))
    y0, y1 = max(0, math.floor(y - 2.2 * half_y)), min(height, math.ceil(y + 2.2 * half_y))
    if x0 >= x1 or y0 >= y1:
        return
    across = np.exp(-(((np.arange(x0, x1, dtype=np.float32) - x) / half_x) ** 2))
    down = np.exp(-(((np.arange(y0, y1, dtype=np.float32) - y) / half_y) ** 2))
    picture[y0:y1, x0:x1] += np.float32(bright) * down[:, None] * across[None, :]


def _ramp(since_s: float, long_s: float) -> float:
    return min(1.0, max(0.0, since_s / long_s))


_ON_CANVAS: dict[str, Callable[[Nuisance, Sight, float], None]] = {"tree": _tree, "irsw": _ir_cut}
_ON_LIGHT: dict[str, Callable[[Nuisance, Sight, float], None]] = {
    "irsw": _ir_cut_light,
    "light": _lamp,
    "blink": _blinking,
    "flick": _flicker,
    "lightning": _lightning,
    "beam": _beam,
    "exposure": _exposure,
    "cloud": _cloud,
    "shake": _shake,
}
_ON_PICTURE: dict[str, Callable[[Nuisance, Plane, Sight, float], None]] = {
    "rain": _rain,
    "insect": _insect,
    "thread": _thread,
    "osd": _time_stamp,
}
KINDS = tuple({**_ON_CANVAS, **_ON_LIGHT, **_ON_PICTURE})
"""The kinds of nuisance there are."""
