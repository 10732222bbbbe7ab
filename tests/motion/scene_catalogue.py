"""Named scenes of a seed: each nuisance alone, each mover alone, and long ones where both alternate.

Another seed gives other places, paths, noise and strengths. What a number was chosen on must not be what judges it: the
tests keep to `TEST_SEED`, the benchmark takes any.
"""

import math
from dataclasses import replace

import numpy as np

from tests.motion.scene_movers import Mover, crossing, darting, swinging
from tests.motion.scene_nuisances import Nuisance
from tests.motion.scenes import Scene, Sensor

TEST_SEED = 41
_DAY = Sensor(sigma=0.8, shot=0.004)
_INDOORS = Sensor(sigma=1.1, shot=0.003, pattern=1.5)
_NIGHT = Sensor(sigma=1.6, shot=0.012, blotches=0.6, pattern=1.5)
SENSORS = {"garden": _DAY, "kitchen": _INDOORS, "corridor": _INDOORS, "night": _NIGHT}
"""What each kind of place is filmed with."""
QUIET_S = 5.0
"""Seconds before anything happens in a scene of one thing."""
_LASTS_S = {
    "light": 4.0,
    "irsw": 5.0,
    "beam": 2.4,
    "shake": 1.5,
    "insect": 1.2,
    "lightning": 3.0,
    "blink": 4.2,
    "exposure": 9.0,
    "flick": 4.0,
}
_ALWAYS = ("tree", "osd")
"""Nuisances that a place has all the time."""
_WHERE = {
    "light": ("kitchen", "corridor"),
    "irsw": ("garden", "night"),
    "blink": ("corridor", "kitchen"),
    "flick": ("kitchen", "corridor"),
    "lightning": ("garden", "night"),
    "beam": ("night", "corridor"),
    "exposure": ("garden", "corridor"),
    "cloud": ("garden", "corridor"),
    "shake": ("garden", "corridor"),
    "rain": ("night", "garden"),
    "insect": ("night", "garden"),
    "thread": ("night", "kitchen"),
    "osd": ("kitchen", "night"),
    "tree": ("garden", "night"),
}
NUISANCES = tuple(_WHERE)
"""Every nuisance there is a scene of."""
AREAS = (18, 32, 50, 72, 127, 241, 448, 796)
"""Body areas of mice in pixels of a picture 640 wide."""


def nuisance_alone(kind: str, seed: int = TEST_SEED, *, where: int = 0) -> Scene:
    """One nuisance in one of the two places that have it, and nobody there."""
    background = _WHERE[kind][where % 2]
    begin_s = 0.0 if kind in _ALWAYS else QUIET_S
    end_s = begin_s + (14.0 if kind in _ALWAYS else _LASTS_S.get(kind, 6.0))
    strength = 0.7 if kind == "blink" else 1.0
    nuisance = Nuisance(kind=kind, begin_s=begin_s, end_s=end_s, strength=strength, seed=seed + where)
    return Scene(
        name=f"{kind}-{background}",
        background=background,
        sensor=SENSORS[background],
        seconds=end_s + (0.0 if kind in _ALWAYS else 3.0),
        nuisances=(nuisance,),
        seed=seed,
    )


def still(background: str, seed: int = TEST_SEED, *, seconds: float = 20.0, noise: float = 1.0) -> Scene:
    """Nothing happens; the sensor's noise times `noise`."""
    use = SENSORS[background]
    sensor = replace(use, sigma=use.sigma * noise, shot=use.shot * noise * noise, blotches=use.blotches * noise)
    return Scene(name=f"still-{background}-{noise:g}", background=background, sensor=sensor, seconds=seconds, seed=seed)


def mouse(area: float, background: str = "kitchen", seed: int = TEST_SEED) -> Scene:
    """A mouse of that body area crosses at a mouse's pace, with a halt on the way."""
    speed = pace(area)
    track = crossing(QUIET_S, speed, _walk(background, seed), pause_s=0.8, pause_at=0.35, margin=math.sqrt(area))
    track = _cut(track, QUIET_S + 7.0)
    mover = Mover(kind="mouse", area=area, track=track, shade=shade_in(background), seed=seed)
    return _of(f"mouse{area:g}-{background}", background, mover, seed)


def movers(seed: int = TEST_SEED) -> dict[str, Scene]:
    """Each mover that is not a plain mouse, alone, by name."""
    y = {kind: _walk(kind, seed) for kind in SENSORS}
    scenes = {
        "creeper": _of(
            "creeper",
            "kitchen",
            # 0.3 units a picture at 10 pictures a second
            Mover(
                kind="mouse",
                area=200,
                track=((QUIET_S, 300, y["kitchen"]), (QUIET_S + 10, 330, y["kitchen"])),
                shade=40,
            ),
            seed,
        ),
        "rat": _of("rat", "kitchen", Mover(kind="mouse", area=1200, track=crossing(QUIET_S, 420, y["kitchen"])), seed),
        "cat": _of(
            "cat",
            "garden",
            Mover(kind="cat", area=6000, track=crossing(QUIET_S, 120, y["garden"] - 30, from_left=False, margin=60)),
            seed,
        ),
        "person": _of(
            "person",
            "corridor",
            Mover(kind="person", area=6500, track=crossing(QUIET_S, 90, 210, margin=40)),
            seed,
        ),
        "near person": _of(  # fills half of the picture
            "near person",
            "corridor",
            Mover(kind="person", area=84000, track=crossing(QUIET_S, 190, 250, pause_s=0.5, margin=120), shade=70),
            seed,
        ),
    }
    rainy = mouse(241, "night", seed)
    rain = Nuisance(kind="rain", begin_s=0, end_s=rainy.seconds, seed=seed)
    scenes["mouse in rain"] = replace(rainy, name="mouse in rain", nuisances=(rain,))
    walker = Mover(kind="person", area=6500, track=crossing(QUIET_S, 90, 210, margin=40))
    dark = _of("person with lamp", "kitchen", walker, seed)
    scenes["person with lamp"] = replace(dark, lamp_at_s=QUIET_S + 2.0)
    runner = Mover(kind="mouse", area=448, track=crossing(QUIET_S + 1.0, 90, y["kitchen"], pause_s=0.6))
    scenes["mouse as the lamp comes on"] = replace(
        _of("mouse as the lamp comes on", "kitchen", runner, seed), lamp_at_s=QUIET_S + 2.5
    )
    return scenes


def pendulum(seed: int = TEST_SEED) -> Scene:
    """A lamp blinks, then is steady while a pendulum swings; twice. The pendulum is not there while it blinks."""
    swings = (8.0, 13.0), (17.0, 22.0)
    blinks = (4.0, 8.0), (13.0, 17.0)
    return Scene(
        name="pendulum",
        background="kitchen",
        sensor=SENSORS["kitchen"],
        seconds=24.0,
        movers=tuple(
            Mover(kind="pendulum", area=900, track=swinging(a, b, 330, 150, width=150, period_s=1.4), shade=35)
            for a, b in swings
        ),
        nuisances=tuple(Nuisance(kind="blink", begin_s=a, end_s=b, strength=0.5, seed=seed) for a, b in blinks),
        seed=seed,
    )


def mixed(kind: str, seed: int, *, minutes: float = 2.0, area: float | None = None, noise: float = 1.0) -> Scene:
    """A nuisance and a mouse by turns, every so many seconds, never both at once; `kind` "none" has the mouse only."""
    chance = np.random.default_rng((seed, 83))
    background = _WHERE[kind][seed % 2] if kind in _WHERE else tuple(SENSORS)[seed % 4]
    visitors: list[Mover] = []
    nuisances: list[Nuisance] = []
    end_s = minutes * 60
    if kind in _ALWAYS:
        nuisances.append(Nuisance(kind=kind, begin_s=0, end_s=end_s, seed=seed))
    now_s = 9.0
    while now_s < end_s - 22:
        size = area or float(chance.choice((50, 127, 241, 448, 796)))
        y = _walk(background, int(chance.integers(1000)))
        track = darting(now_s, pace(size), y, seed=int(chance.integers(10**6)), runs=int(chance.integers(2, 5)))
        visitors.append(Mover(kind="mouse", area=size, track=track, shade=shade_in(background), seed=seed))
        now_s = track[-1][0] + float(chance.uniform(5, 8))
        if kind in _WHERE and kind not in _ALWAYS and now_s < end_s - 12:
            lasts_s = _LASTS_S.get(kind, 6.0)
            strength = 0.7 if kind == "blink" else float(chance.uniform(0.7, 1.25))
            number = int(chance.integers(1000))
            nuisances.append(Nuisance(kind=kind, begin_s=now_s, end_s=now_s + lasts_s, strength=strength, seed=number))
            now_s += lasts_s + float(chance.uniform(5, 8))
    scene = still(background, seed, seconds=end_s, noise=noise)
    return replace(scene, name=f"{kind}-{background}-{seed}", movers=tuple(visitors), nuisances=tuple(nuisances))


def pace(area: float) -> float:
    """Units a second of a mouse of that body area: what is small is far away."""
    return 6.0 * math.sqrt(area)


def shade_in(background: str) -> float:
    """A mouse's fur in even light: what stands out of the ground as fur does, in infrared less so."""
    return {"kitchen": 62.0, "garden": 52.0, "night": 38.0, "corridor": 140.0}[background]


def _walk(background: str, seed: int) -> float:
    """A height at which one walks there, in units of a picture 640 x 360."""
    low, high = {"kitchen": (225, 325), "garden": (205, 330), "night": (185, 320), "corridor": (270, 335)}[background]
    return float(np.random.default_rng((seed, 89)).uniform(low, high))


def _cut(track: tuple[tuple[float, float, float], ...], end_s: float) -> tuple[tuple[float, float, float], ...]:
    """The track up to a moment: there he vanishes, as behind something."""
    kept = [moment for moment in track if moment[0] <= end_s]
    later = track[len(kept)] if len(kept) < len(track) else None
    if later is None:
        return tuple(kept)
    t0, x0, y0 = kept[-1]
    share = (end_s - t0) / (later[0] - t0)
    return *kept, (end_s, x0 + (later[1] - x0) * share, y0 + (later[2] - y0) * share)


def _of(name: str, background: str, mover: Mover, seed: int) -> Scene:
    return Scene(
        name=name,
        background=background,
        sensor=SENSORS[background],
        seconds=math.ceil(mover.track[-1][0] + 3.5),
        movers=(mover,),
        seed=seed,
    )
