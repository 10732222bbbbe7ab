"""Generated pictures with known truth: a place, a sensor, what disturbs, and who comes. Nothing but seeds decides.

Places, sizes and tracks are in units of a picture 640 of them wide, so a scene can be had in any size; times are in
seconds, so at any rate. The truth is in the words of common labelled clips: 1 moving, 0 still, -1 undecided.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from tests.motion.scene_backgrounds import UNITS, Place, Plane, place
from tests.motion.scene_movers import Mover
from tests.motion.scene_nuisances import Nuisance, Sight

Luma = npt.NDArray[np.uint8]


class Truth(TypedDict):
    """What there is to see: `labels` and `nuisance` are runs of pictures, (first, last, label or kind)."""

    fps: float
    frames: int
    labels: list[tuple[int, int, int]]
    nuisance: list[tuple[int, int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """How a camera disturbs what it sees. Deviations are in grey levels, of one picture."""

    sigma: float = 1.0
    """Of the noise in the dark."""
    shot: float = 0.0
    """What brightness adds: variance for each grey level."""
    blotches: float = 0.0
    """Of noise that a camera's own clean-up has smeared over some pixels."""
    pattern: float = 0.0
    """Of what stands still: dust, uneven pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A labelled sequence. The same scene gives the same pictures, however often."""

    name: str
    background: str = "kitchen"
    seconds: float = 14.0
    width: int = 640
    height: int = 360
    fps: float = 10.0
    light: float = 1.0
    """Of the whole place: 1 is day, 0.3 a dim room."""
    lamp_at_s: float | None = None
    """When somebody switches the lamp on: until then there is a seventh of the light."""
    sensor: Sensor = Sensor()
    movers: tuple[Mover, ...] = ()
    nuisances: tuple[Nuisance, ...] = ()
    seed: int = 1

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return round(self.seconds * self.fps)

    def pictures(self) -> Iterator[Luma]:
        """The luma planes, height x width, each its own array; at full range, 0 to 255."""
        painter = _Painter(self)
        for number in range(self.count):
            yield painter.picture(number)

    def labels(self) -> npt.NDArray[np.int8]:
        """For each picture 1 if somebody moves in it, 0 if nobody is there, -1 if that is a matter of taste.

        Undecided are pauses, who is more outside than inside, the picture after somebody has gone, and the dark before
        the lamp.
        """
        tall = UNITS * self.height / self.width
        labels = np.zeros(self.count + 1, np.int8)
        for mover in self.movers:
            for number in range(self.count):
                pose = mover.pose(number / self.fps, self.fps)
                if pose is None or not mover.is_seen(pose, tall):
                    continue
                is_sure = pose.is_moving and mover.share_inside(pose, tall) >= 0.5 and not self._is_dark(number)
                labels[number] = 1 if is_sure or labels[number] == 1 else -1
                if not labels[number + 1]:
                    labels[number + 1] = -1
        return labels[: self.count]

    def truth(self) -> Truth:
        """The labels and nuisances as runs of pictures."""
        labels = self.labels()
        edges = [0, *(int(at) + 1 for at in np.flatnonzero(np.diff(labels))), self.count]
        runs = [(a, b - 1, int(labels[a])) for a, b in pairwise(edges) if a < b]
        nuisances = [
            (round(it.begin_s * self.fps), min(self.count, math.ceil(it.end_s * self.fps)) - 1, it.kind)
            for it in self.nuisances
        ]
        return Truth(fps=self.fps, frames=self.count, labels=runs, nuisance=nuisances)

    def _is_dark(self, number: int) -> bool:
        return self.lamp_at_s is not None and number / self.fps < self.lamp_at_s


class _Painter:
    """Draws one scene's pictures. A picture depends on its number only."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._place: Place = place(scene.background, scene.width, scene.height, scene.seed)
        self._scale = scene.width / UNITS
        chance = np.random.default_rng((scene.seed, 71))
        height, width = scene.height, scene.width
        bank = (height + 97, width + 97)
        self._bank: Plane = chance.standard_normal(bank, dtype=np.float32)
        self._smeared = _smeared(chance.standard_normal(bank, dtype=np.float32))
        self._pattern: Plane = chance.standard_normal((height, width), dtype=np.float32) * np.float32(
            scene.sensor.pattern
        )

    def picture(self, number: int) -> Luma:
        """The picture of that number."""
        scene, time_s = self._scene, number / self._scene.fps
        sight = Sight(place=self._place, scale=self._scale, canvas=self._place.day.copy())
        for nuisance in scene.nuisances:
            nuisance.on_canvas(sight, time_s)
        for mover in scene.movers:
            pose = mover.pose(time_s, scene.fps)
            if pose is not None:
                mover.draw(sight.canvas, pose, self._scale)
        for nuisance in scene.nuisances:
            nuisance.on_light(sight, time_s)
        picture = sight.canvas
        picture *= self._place.light
        picture *= sight.gain * np.float32(scene.light * self._lamp(time_s))
        if sight.shift != (0.0, 0.0):
            picture = _shifted(picture, *sight.shift)
        for nuisance in scene.nuisances:
            nuisance.on_picture(picture, sight, time_s)
        self._add_noise(picture, number, sight.noise)
        np.clip(picture, 0, 255, out=picture)
        return np.rint(picture).astype(np.uint8)

    def _lamp(self, time_s: float) -> float:
        if self._scene.lamp_at_s is None:
            return 1.0
        return 0.14 + 0.86 * min(1.0, max(0.0, (time_s - self._scene.lamp_at_s) / 0.12))

    def _add_noise(self, picture: Plane, number: int, times: float) -> None:
        sensor = self._scene.sensor
        chance = np.random.default_rng((self._scene.seed, 73, number))
        noise = _window(self._bank, picture.shape, chance)
        if sensor.shot:
            deviation = np.sqrt(np.float32(sensor.sigma**2) + np.float32(sensor.shot) * np.maximum(picture, 0))
            picture += noise * (deviation * np.float32(times))
        else:
            picture += noise * np.float32(sensor.sigma * times)
        if sensor.blotches:
            picture += _window(self._smeared, picture.shape, chance) * np.float32(sensor.blotches * times)
        if sensor.pattern:
            picture += self._pattern


def _window(bank: Plane, shape: tuple[int, ...], chance: np.random.Generator) -> Plane:
    """Some part of the bank, perhaps mirrored and of the other sign: never twice the same in a scene's length."""
    down, right = (int(value) for value in chance.integers(0, 97, 2))
    window = bank[down : down + shape[0], right : right + shape[1]]
    mirrored, turned, sign = (int(value) for value in chance.integers(0, 2, 3))
    window = window[:, ::-1] if mirrored else window
    window = window[::-1] if turned else window
    return -window if sign else window


def _smeared(noise: Plane) -> Plane:
    """Noise of unit deviation whose spots are some pixels large."""
    spots = noise.copy()
    for axis in (0, 1):
        spots = sum((np.roll(spots, by, axis) for by in (-1, 1, 2)), start=spots)
    return spots * np.float32(1 / float(spots.std()))


def _shifted(picture: Plane, right: float, down: float) -> Plane:
    """The picture as seen from a little further right and below, by linear interpolation; edges are repeated."""
    height, width = picture.shape
    whole_x, whole_y = math.floor(right), math.floor(down)
    part_x, part_y = np.float32(right - whole_x), np.float32(down - whole_y)
    pad = max(abs(whole_x), abs(whole_y)) + 2
    padded = np.pad(picture, pad, mode="edge")
    y, x = pad + whole_y, pad + whole_x
    upper = padded[y : y + height, x : x + width + 1]
    lower = padded[y + 1 : y + 1 + height, x : x + width + 1]
    rows = upper + (lower - upper) * part_y
    return np.asarray(rows[:, :-1] + (rows[:, 1:] - rows[:, :-1]) * part_x, np.float32)
