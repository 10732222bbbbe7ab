"""The mouse of the demo scene: when it comes, where it runs, how it looks. All a function of time and seed."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

_FINE = 3
"""The sprite is drawn so many times larger and scaled down, which smooths its edges."""
_SPRITE = (176, 96)
"""Width and height of the sprite in pixels of a 640 pixel wide picture, the mouse facing right."""
_GROUND = 84
"""The sprite's row on which the feet stand."""
_STRIDE = 34.0
"""Pixels (of a 640 wide picture) that one cycle of the legs covers."""
_UNIT = np.float32(1 / 255)
_FIRST_VISIT_S = 8.0
_VISIT_EVERY_S = 15.0
_JITTER_S = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """The mouse at one moment. `x` is its middle, in pixels of a 640 wide picture."""

    x: float
    faces_right: bool
    is_running: bool
    phase: float
    """Of the legs: 1.0 is one cycle."""
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One run along the wall: stretches of (seconds, pixels) from `start_x`; 0 pixels is a pause to sniff."""

    begin_s: float
    start_x: float
    stretches: tuple[tuple[float, float], ...]

    @property
    def end_s(self) -> float:
        """When the mouse is gone again, in seconds of the scene."""
        return self.begin_s + sum(seconds for seconds, _ in self.stretches)

    def pose(self, time_s: float) -> Pose:
        """The mouse at a time of this visit."""
        x, rest_s, is_running = self.start_x, time_s - self.begin_s, False
        for seconds, pixels in self.stretches:
            share = min(1.0, rest_s / seconds)
            # Eased, so that it darts off and brakes as mice do.
            x += pixels * (share - math.sin(2 * math.pi * share) / (2 * math.pi) * 0.35)
            is_running = pixels != 0
            rest_s -= seconds
            if rest_s <= 0:
                break
        way = sum(pixels for _, pixels in self.stretches)
        return Pose(
            x=x, faces_right=way > 0, is_running=is_running, phase=abs(x - self.start_x) / _STRIDE, time_s=time_s
        )


def visit_at(time_s: float, *, seed: int, left_x: float, right_x: float) -> Visit | None:
    """The visit that is under way at `time_s` of the scene, between two hiding places; None while there is no mouse."""
    number = math.floor((time_s - _FIRST_VISIT_S) / _VISIT_EVERY_S)
    if number < 0:
        return None
    visit = visit_of(number, seed=seed, left_x=left_x, right_x=right_x)
    return visit if visit.begin_s <= time_s < visit.end_s else None


def visit_of(number: int, *, seed: int, left_x: float, right_x: float) -> Visit:
    """The visit with this number, from 0. The first begins 8 s after the start, then one about every 15 s."""
    chance = np.random.default_rng((seed, number))
    begin_s = _FIRST_VISIT_S + _VISIT_EVERY_S * number + (chance.uniform(0, _JITTER_S) if number else 0.0)
    way = right_x - left_x if number % 2 else left_x - right_x
    first = chance.uniform(0.35, 0.6)
    speed = chance.uniform(130, 180)
    stretches = (
        (abs(way) * first / speed, way * first),
        (chance.uniform(0.7, 1.3), 0.0),
        (abs(way) * (1 - first) / speed, way * (1 - first)),
    )
    return Visit(begin_s=begin_s, start_x=left_x if way > 0 else right_x, stretches=stretches)


class MouseSprite:
    """Draws the mouse, `scale` times the size it has in a picture 640 pixels wide."""

    def __init__(self, *, scale: float, seed: int) -> None:
        self._size = (max(8, round(_SPRITE[0] * scale)), max(8, round(_SPRITE[1] * scale)))
        self._ground = round(_GROUND * scale)
        self._fur = _fur(self._size, seed)

    @property
    def ground(self) -> int:
        """The row of the sprite on which the mouse stands."""
        return self._ground

    def draw(self, pose: Pose) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """The mouse as (brightness 0 to 255, its cover 0 to 1, its shadow's depth 0 to 1), each height x width."""
        fine = (_SPRITE[0] * _FINE, _SPRITE[1] * _FINE)
        light = Image.new("L", fine, 90)
        cover = Image.new("L", fine, 0)
        _Pencil(light, cover).mouse(pose)
        turn = not pose.faces_right
        shades = [self._shrunk(image, turn=turn) for image in (light, cover, _shadow(fine, pose))]
        fur = self._fur[:, ::-1] if turn else self._fur
        return shades[0] * fur, shades[1] * _UNIT, shades[2] * _UNIT

    def _shrunk(self, image: Image.Image, *, turn: bool) -> NDArray[np.float32]:
        small = image.resize(self._size, Image.Resampling.BOX)
        plane = np.asarray(small, np.float32)
        return plane[:, ::-1] if turn else plane


class _Pencil:
    """Draws on the two planes of the sprite at once, in the pixels of a 640 wide picture."""

    def __init__(self, light: Image.Image, cover: Image.Image) -> None:
        self._light = ImageDraw.Draw(light)
        self._cover = ImageDraw.Draw(cover)

    def mouse(self, pose: Pose) -> None:
        swing = 2 * math.pi * pose.phase
        hop = 2.2 * abs(math.sin(swing)) if pose.is_running else 0.7 * math.sin(9 * pose.time_s)
        nod = 0.0 if pose.is_running else 3.0 * math.sin(11 * pose.time_s)
        self._tail(pose, hop)
        self._leg(66, swing + 0.6, 58)
        self._leg(112, swing + math.pi + 0.6, 58)
        self._oval(92, 56 - hop, 40, 23, 104)  # body
        self._oval(74, 58 - hop, 25, 22, 112)  # haunch
        self._oval(112, 58 - hop, 22, 18, 108)  # shoulder
        self._oval(78, 52 - hop, 15, 9, 122)  # what the light catches of the back
        self._leg(72, swing, 92)
        self._leg(118, swing + math.pi, 92)
        self._head(136, 55 - hop + nod)

    def _head(self, x: float, y: float) -> None:
        self._oval(x - 9, y - 15, 9, 11, 96)  # the far ear
        self._oval(x, y, 19, 14, 116)
        self._polygon([(x + 4, y - 11), (x + 29, y + 4), (x + 27, y + 9), (x + 2, y + 12)], 116)
        self._oval(x - 3, y - 14, 10, 12, 128)  # the near ear, pale inside
        self._oval(x - 2, y - 13, 6, 8, 168)
        self._oval(x + 28, y + 5, 3, 3, 170)  # nose
        self._oval(x + 11, y - 3, 3.6, 3.6, 20)  # eye, and how it shines in the infrared
        self._oval(x + 12, y - 4, 1.7, 1.7, 250)
        for rise in (-7, -2, 3):
            self._line([(x + 22, y + 6), (x + 36, y + 6 + rise)], 150, 1)

    def _tail(self, pose: Pose, hop: float) -> None:
        beat = 2 * math.pi * (pose.phase * 0.5 if pose.is_running else pose.time_s * 0.8)
        points: list[tuple[float, float]] = []
        for step in range(17):
            along = step / 16
            points.append((56 - 50 * along, 66 - hop - 9 * along + 8 * along * math.sin(beat + 4.5 * along)))
        for step in range(16):
            self._line(points[step : step + 2], 120, 6.0 - 4.2 * step / 16)

    def _leg(self, x: float, swing: float, shade: int) -> None:
        reach, lift = 9 * math.cos(swing), 5 * max(0.0, math.sin(swing))
        foot = (x + reach, _GROUND - 4 - lift)
        self._line([(x, 68), foot], shade, 9)
        self._oval(foot[0] + 3, foot[1] + 1, 8, 3.6, shade + 30)

    def _oval(self, x: float, y: float, half_width: float, half_height: float, shade: int) -> None:
        box = [(x - half_width) * _FINE, (y - half_height) * _FINE, (x + half_width) * _FINE, (y + half_height) * _FINE]
        self._light.ellipse(box, fill=shade)
        self._cover.ellipse(box, fill=255)

    def _polygon(self, points: list[tuple[float, float]], shade: int) -> None:
        fine = [(x * _FINE, y * _FINE) for x, y in points]
        self._light.polygon(fine, fill=shade)
        self._cover.polygon(fine, fill=255)

    def _line(self, points: list[tuple[float, float]], shade: int, width: float) -> None:
        fine = [(x * _FINE, y * _FINE) for x, y in points]
        self._light.line(fine, fill=shade, width=max(1, round(width * _FINE)), joint="curve")
        self._cover.line(fine, fill=255, width=max(1, round(width * _FINE)), joint="curve")


def _shadow(fine: tuple[int, int], pose: Pose) -> Image.Image:
    """A soft dark patch on the floor beneath the mouse."""
    small = Image.new("L", (fine[0] // 12, fine[1] // 12), 0)
    lift = 1.0 if pose.is_running else 0.0
    middle, row, half = small.width * 0.56, _GROUND * _FINE / 12, small.width * (0.33 - 0.01 * lift)
    ImageDraw.Draw(small).ellipse([middle - half, row - 2.0, middle + half, row + 1.6], fill=165)
    return small.resize(fine, Image.Resampling.BICUBIC)


def _fur(size: tuple[int, int], seed: int) -> NDArray[np.float32]:
    """Streaks along the body: what an encoder's motion search holds on to."""
    chance = np.random.default_rng((seed, 77))
    patches = chance.normal(0, 1, (max(4, size[1] // 8), max(4, size[0] // 14)))
    hairs = chance.normal(0, 1, (max(4, size[1] // 2), max(4, size[0] // 4)))
    texture = _stretched(patches, size) * 0.07 + _stretched(hairs, size) * 0.13
    return np.clip(1 + texture, 0.5, 1.6).astype(np.float32)


def _stretched(plane: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), np.float32)
