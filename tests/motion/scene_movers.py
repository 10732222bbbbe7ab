"""What moves through generated scenes and must be found: mice of any size, a rat, a cat, people, a pendulum.

A body is a few soft ellipses. It follows a track of (second, x, y), in units of a picture 640 of them wide; where it
stands between two moments it pauses.
"""

import math
from dataclasses import dataclass

import numpy as np

from tests.motion.scene_backgrounds import UNITS, Plane

_LEAST_STEP = 0.05
"""Units a picture: below that a mover counts as pausing."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One ellipse of a body that faces right: its middle ahead and below the body's, its half axes, its grey."""

    ahead: float
    below: float
    half_length: float
    half_width: float
    shade: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a mover is at one moment. `phase` counts its strides."""

    x: float
    y: float
    faces: float
    phase: float
    is_moving: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Somebody on a track: at least two moments, in order; outside them he is not there."""

    kind: str
    """"mouse" (also for rats), "cat", "person" or "pendulum"."""
    area: float
    """Of the body, in square units: pixels of a picture 640 wide."""
    track: tuple[tuple[float, float, float], ...]
    shade: float = 55.0
    """Its grey in even light."""
    seed: int = 1

    def pose(self, time_s: float, fps: float) -> Pose | None:
        """Where he is; None before and after his track."""
        if not self.track[0][0] <= time_s <= self.track[-1][0]:
            return None
        x, y, way = self._at(time_s)
        before_x, before_y, _ = self._at(max(self.track[0][0], time_s - 1 / fps))
        later_x, _, _ = self._at(min(self.track[-1][0], time_s + 0.2))
        step = math.hypot(x - before_x, y - before_y)
        faces = 1.0 if later_x >= before_x else -1.0
        return Pose(x=x, y=y, faces=faces, phase=way / self._stride(), is_moving=step >= _LEAST_STEP)

    def share_inside(self, pose: Pose, tall: float) -> float:
        """How much of the body's box lies in a picture `tall` units high, 0 to 1."""
        half_x, half_y = self._half_box()
        across, down = _inside(pose, half_x, half_y, tall)
        return max(0.0, across) * max(0.0, down) / (min(2 * half_x, UNITS) * min(2 * half_y, tall))

    def is_seen(self, pose: Pose, tall: float) -> bool:
        """Whether any of him may be in the picture, be it the tip of the tail."""
        reach = 1.6 * math.sqrt(self.area)
        return min(_inside(pose, reach, reach, tall)) > 0

    def draw(self, canvas: Plane, pose: Pose, scale: float) -> None:
        """Put him on what reflects light; `scale` is pixels a unit."""
        fur = _fur(self.seed)
        for part in self._parts(pose):
            _ellipse(canvas, part, pose, scale, fur)

    def _at(self, time_s: float) -> tuple[float, float, float]:
        """(x, y, units walked so far)."""
        walked = 0.0
        for (t0, x0, y0), (t1, x1, y1) in zip(self.track, self.track[1:], strict=False):
            length = math.hypot(x1 - x0, y1 - y0)
            if time_s <= t1:
                share = (time_s - t0) / max(t1 - t0, 1e-9)
                return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, walked + length * share
            walked += length
        return self.track[-1][1], self.track[-1][2], walked

    def _half_box(self) -> tuple[float, float]:
        size = math.sqrt(self.area)
        return (0.36 * size, 0.95 * size) if self.kind == "person" else (0.75 * size, 0.45 * size)

    def _stride(self) -> float:
        return math.sqrt(self.area) * (0.8 if self.kind == "person" else 2.0)

    def _parts(self, pose: Pose) -> list[_Part]:
        size = math.sqrt(self.area)
        swing = 2 * math.pi * pose.phase
        match self.kind:
            case "mouse":
                return self._mouse(size, swing)
            case "cat":
                return self._cat(size, swing)
            case "person":
                return self._person(size, swing)
            case "pendulum":
                return [_Part(0, 0, 0.56 * size, 0.56 * size, self.shade)]
            case _:
                raise ValueError(f"there is no mover {self.kind}")

    def _mouse(self, size: float, swing: float) -> list[_Part]:
        stretch = 1 + 0.08 * math.sin(swing)
        body = _Part(0, -0.03 * size * abs(math.sin(swing)), 0.714 * size * stretch, 0.446 * size / stretch, self.shade)
        head = _Part(0.72 * size, 0.04 * size, 0.26 * size, 0.22 * size, self.shade + 14)
        tail = [
            _Part(
                -(0.75 + 0.16 * bit) * size,
                (0.12 + 0.05 * bit * math.sin(swing / 2 + bit)) * size,
                0.12 * size,
                (0.07 - 0.008 * bit) * size,
                self.shade + 30,
            )
            for bit in range(5)
        ]
        return [*tail, body, head]

    def _cat(self, size: float, swing: float) -> list[_Part]:
        legs = [
            _Part(
                at * size + 0.12 * size * math.sin(swing + turn), 0.42 * size, 0.07 * size, 0.22 * size, self.shade - 8
            )
            for at, turn in ((-0.5, 0.0), (-0.38, 3.1), (0.42, 1.6), (0.54, 4.7))
        ]
        tail = [
            _Part(-(0.7 + 0.1 * bit) * size, -(0.05 + 0.07 * bit) * size, 0.09 * size, 0.05 * size, self.shade)
            for bit in range(4)
        ]
        trunk = [
            _Part(0, 0, 0.66 * size, 0.28 * size, self.shade),
            _Part(0.74 * size, -0.16 * size, 0.2 * size, 0.18 * size, self.shade + 12),
        ]
        return [*legs, *tail, *trunk]

    def _person(self, size: float, swing: float) -> list[_Part]:
        step = 0.2 * size * math.sin(swing)
        return [
            _Part(step, 0.58 * size, 0.11 * size, 0.42 * size, self.shade - 18),
            _Part(-step, 0.58 * size, 0.11 * size, 0.42 * size, self.shade - 12),
            _Part(0, -0.16 * size, 0.26 * size, 0.5 * size, self.shade + 22),
            _Part(-0.6 * step, -0.1 * size, 0.08 * size, 0.4 * size, self.shade + 40),
            _Part(0.02 * size, -0.8 * size, 0.14 * size, 0.18 * size, self.shade + 70),
        ]


def crossing(
    begin_s: float,
    speed: float,
    y: float,
    *,
    from_left: bool = True,
    pause_s: float = 0.0,
    pause_at: float = 0.5,
    margin: float = 20.0,
) -> tuple[tuple[float, float, float], ...]:
    """A track through the picture at a height, at `speed` units a second, with one pause on the way."""
    start, end = (-margin, UNITS + margin) if from_left else (UNITS + margin, -margin)
    stop = start + (end - start) * pause_at
    first_s = begin_s + abs(stop - start) / speed
    last_s = first_s + pause_s + abs(end - stop) / speed
    middle = ((first_s, stop, y), (first_s + pause_s, stop, y)) if pause_s else ()
    return (begin_s, start, y), *middle, (last_s, end, y)


def darting(
    begin_s: float, speed: float, y: float, *, seed: int, runs: int = 4, low: float = 60.0, high: float = 580.0
) -> tuple[tuple[float, float, float], ...]:
    """A track as of a mouse: out of a hiding place, some runs with short halts and turns, and back under something."""
    chance = np.random.default_rng((seed, 23))
    x, now_s = float(chance.uniform(low, high)), begin_s
    track = [(now_s, x, y)]
    for _ in range(runs):
        way = float(chance.uniform(60, 150)) * (1 if x < (low + high) / 2 else -1)
        rise = float(chance.uniform(-12, 12))
        now_s += math.hypot(way, rise) / (speed * float(chance.uniform(0.8, 1.25)))
        x, y = x + way, y + rise
        track.append((now_s, x, y))
        now_s += float(chance.uniform(0.2, 1.2))
        track.append((now_s, x, y))
    return tuple(track[:-1])


def swinging(
    begin_s: float, end_s: float, x: float, y: float, *, width: float, period_s: float
) -> tuple[tuple[float, float, float], ...]:
    """A track to and fro, as of a pendulum."""
    steps = math.ceil((end_s - begin_s) / 0.05)
    times = [begin_s + (end_s - begin_s) * step / steps for step in range(steps + 1)]
    turn = 2 * math.pi / period_s
    return tuple(
        (t, x + width / 2 * math.sin(turn * (t - begin_s)), y - 0.06 * width * math.cos(2 * turn * (t - begin_s)))
        for t in times
    )


def _inside(pose: Pose, half_x: float, half_y: float, tall: float) -> tuple[float, float]:
    """How much of a box around the middle lies in the picture, across and down; negative if it is outside."""
    across = min(UNITS, pose.x + half_x) - max(0.0, pose.x - half_x)
    down = min(tall, pose.y + half_y) - max(0.0, pose.y - half_y)
    return across, down


def _fur(seed: int) -> Plane:
    """A texture to be looked up in the body's own axes."""
    return np.random.default_rng((seed, 31)).normal(0, 7, (32, 32)).astype(np.float32)


def _ellipse(canvas: Plane, part: _Part, pose: Pose, scale: float, fur: Plane) -> None:
    height, width = canvas.shape
    x = (pose.x + pose.faces * part.ahead) * scale
    y = (pose.y + part.below) * scale
    half_x, half_y = max(part.half_length * scale, 0.35), max(part.half_width * scale, 0.35)
    x0, x1 = max(0, math.floor(x - half_x - 1)), min(width, math.ceil(x + half_x + 2))
    y0, y1 = max(0, math.floor(y - half_y - 1)), min(height, math.ceil(y + half_y + 2))
    if x0 >= x1 or y0 >= y1:
        return
    across = (np.arange(x0, x1, dtype=np.float32) + np.float32(0.5 - x)) / np.float32(half_x)
    down = (np.arange(y0, y1, dtype=np.float32) + np.float32(0.5 - y)) / np.float32(half_y)
    radius = np.sqrt(across[None, :] ** 2 + down[:, None] ** 2)
    cover = np.clip((1 - radius) * np.float32(min(half_x, half_y)) + np.float32(0.5), 0, 1)
    u = ((across * np.float32(pose.faces * 5)).astype(np.int32) & 31)[None, :]
    v = ((down * np.float32(5)).astype(np.int32) & 31)[:, None]
    window = canvas[y0:y1, x0:x1]
    window += cover * (np.float32(part.shade) + fur[v, u] - window)
