"""What really moved, as a person tells it, and how well events agree with it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ratcam.errors import BadInputError
from ratcam.tune.spell import clock
from ratcam.tune.tracks import Interval

NOTHING = "none"
"""What is written for a recording in which nothing moves."""
_NEAR_S = 2.0
"""Motion so near to what is true is no false alarm."""
_CLOCK = r"(?:(?:\d+:)?\d+:)?\d+(?:\.\d+)?"
_INTERVAL = re.compile(rf"({_CLOCK})-({_CLOCK})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well events agree with the truth; sums over recordings."""

    true: int
    found: int
    """True motions with an event."""
    false_alarms: int
    latencies_s: tuple[float, ...]
    """From a true motion's beginning to its event, of those found, rising."""

    @property
    def recall(self) -> float | None:
        """The share of true motions that was found; None if there was none to find."""
        return self.found / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of recall and of the share of alarms that is true; None if there was none to find."""
        if not self.true:
            return None
        return 2 * self.found / (self.found + self.false_alarms + self.true)

    @property
    def latency_s(self) -> float | None:
        """The median latency; None if nothing was found."""
        return self.latencies_s[len(self.latencies_s) // 2] if self.latencies_s else None


def read_truth(text: str) -> tuple[Interval, ...]:
    """The intervals of `12-15.5,1:40-1:44`: seconds, or minutes and hours with colons; "none" for none.

    Raises:
        BadInputError: it is not written so.
    """
    if text.strip().lower() == NOTHING:
        return ()
    found: list[Interval] = []
    for part in text.replace(" ", "").split(","):
        match = _INTERVAL.fullmatch(part)
        if match is None:
            raise BadInputError(
                f"--motion {text}: {part!r} is no interval. Write from-to in seconds from the first picture, several "
                "with commas, such as 12-15.5,40-44 (or 1:20-1:25); none if nothing moves."
            )
        start_s, end_s = _seconds(match[1]), _seconds(match[2])
        if end_s <= start_s:
            raise BadInputError(
                f"--motion {text}: {part} does not end after it begins. Write from-to; none if nothing moves."
            )
        found.append((start_s, end_s))
    return tuple(sorted(found))


def check_inside(truth: Sequence[Interval], lasts_s: float, name: str) -> None:
    """See that what moved can have moved in a recording of this length and name.

    Raises:
        BadInputError: it did not.
    """
    for start_s, end_s in truth:
        if start_s >= lasts_s or end_s > lasts_s + _NEAR_S:
            raise BadInputError(
                f"{name} lasts {clock(lasts_s)}: what --motion says of {clock(start_s)}-{clock(end_s)} lies beyond its "
                "end. Count from its first picture, and give --motion in the order of the recordings."
            )


def agree(motions: Sequence[Interval], truth: Sequence[Interval], *, join_s: float = _NEAR_S) -> Agreement:
    """Compare when the detector said that something moves with what truly moved.

    A false alarm is a run of motion more than two seconds away from all that is true; runs no more than `join_s` apart
    are one, as they are one event. So a detector that never lets go raises one in every pause.
    """
    latencies: list[float] = []
    for start_s, end_s in truth:
        begins = [began_s for began_s, ended_s in motions if began_s <= end_s and ended_s >= start_s]
        if begins:
            latencies.append(max(0.0, min(begins) - start_s))
    return Agreement(
        true=len(truth),
        found=len(latencies),
        false_alarms=len(joined(_apart(motions, truth), join_s)),
        latencies_s=tuple(sorted(latencies)),
    )


def joined(intervals: Sequence[Interval], gap_s: float) -> tuple[Interval, ...]:
    """The same intervals, those no more than `gap_s` apart as one."""
    found: list[Interval] = []
    for start_s, end_s in sorted(intervals):
        if found and start_s - found[-1][1] <= gap_s:
            found[-1] = (found[-1][0], max(found[-1][1], end_s))
        else:
            found.append((start_s, end_s))
    return tuple(found)


def _apart(motions: Sequence[Interval], truth: Sequence[Interval]) -> list[Interval]:
    """What is left of motions without the truth and what is near to it."""
    left = list(motions)
    for start_s, end_s in truth:
        low, high = start_s - _NEAR_S, end_s + _NEAR_S
        cut: list[Interval] = []
        for began_s, ended_s in left:
            if ended_s < low or began_s > high:
                cut.append((began_s, ended_s))
                continue
            cut += [(began_s, low)] if began_s < low else []
            cut += [(high, ended_s)] if ended_s > high else []
        left = cut
    return left


def together(parts: Sequence[Agreement]) -> Agreement:
    """The sum over recordings."""
    return Agreement(
        true=sum(part.true for part in parts),
        found=sum(part.found for part in parts),
        false_alarms=sum(part.false_alarms for part in parts),
        latencies_s=tuple(sorted(latency for part in parts for latency in part.latencies_s)),
    )


def _seconds(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total
