"""The same recordings at nine settings from deaf to keen: how many events each would give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ratcam.config_values import as_text
from ratcam.motion.settings import MotionSettings
from ratcam.tune.choices import Choice
from ratcam.tune.tracks import Replayed, Seen

ALL_PICTURES = 20_000
"""A recording of more pictures (half an hour at 10 a second) is replayed at few steps: each costs its time."""
_COARSE = (3, 7, 9)
_STEP = 2**0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the nine settings."""

    number: int
    """1 (deaf) to 9 (keen)."""
    key: str
    value: str
    """As it is written in the ini file."""
    motion: MotionSettings
    is_present: bool
    """Whether it is what the configuration has already."""

    @property
    def is_coarse(self) -> bool:
        """Whether it is replayed however long the recording is."""
        return self.number in _COARSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What a step gives over all recordings; every one was replayed with it."""

    step: Step
    seen: tuple[Seen, ...]
    """For each recording."""

    @property
    def count(self) -> int:
        """How many events there are in all."""
        return sum(len(seen.events) for seen in self.seen)


def steps_of(choice: Choice) -> tuple[Step, ...]:
    """The steps of a configuration's detector: sensitivity, or trigger_level for the simple one."""
    motion = choice.motion
    if motion.detector == "simple":
        return tuple(_level_step(motion, number) for number in range(1, 10))
    return tuple(
        Step(
            number=number,
            key="sensitivity",
            value=str(number),
            motion=replace(motion, sensitivity=number),
            is_present=number == motion.sensitivity,
        )
        for number in range(1, 10)
    )


def rungs_of(steps: Sequence[Step], replays: Sequence[Replayed]) -> tuple[Rung, ...]:
    """What the steps give that every recording was replayed with."""
    rungs: list[Rung] = []
    for step in steps:
        if step.is_present:
            rungs.append(Rung(step=step, seen=tuple(replayed.tracks[0].seen for replayed in replays)))
        elif all(step.number in replayed.ladder for replayed in replays):
            rungs.append(Rung(step=step, seen=tuple(replayed.ladder[step.number] for replayed in replays)))
    return tuple(rungs)


def _level_step(motion: MotionSettings, number: int) -> Step:
    level = round(min(255.0, max(0.1, motion.trigger_level * _STEP ** (5 - number))), 1)
    if number == 5:
        level = motion.trigger_level
    tried = replace(motion, trigger_level=level, release_level=min(motion.release_level, level))
    return Step(number=number, key="trigger_level", value=as_text(level), motion=tried, is_present=number == 5)
