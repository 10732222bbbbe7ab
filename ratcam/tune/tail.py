"""How often chance alone would alarm: the tail of the score on quiet pictures, and the trigger that a rate asks for.

On quiet pictures the logarithm of how often the score exceeds a level falls in a straight line (an exponential tail).
The line is fitted to the highest excursions of quiet pictures; beyond the highest that was seen it is an extrapolation,
and the shorter the quiet time, the longer that is. Excursions are told apart picture by picture: the maximum of several
that run together would make the tail look longer than it is. Where the trigger itself was reached, what is expected is
no less than what was seen.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratcam.motion.detector import Guard
from ratcam.tune.spell import count
from ratcam.tune.tracks import GUARDS, Interval, Track

HOURS_A_WEEK = 168.0
ENOUGH_HOURS = 8.0
"""A night. With less the fit is an extrapolation by more than a factor of 20 in time."""
ENOUGH_PEAKS = 30
"""With fewer the slope is wrong by a fifth or more."""

_SECOND = 1.0
_AROUND_S = 2.0
"""So long before and after motion nothing counts as quiet."""
_APART_S = 0.5
"""Excursions further apart are two. In noise that is independent from picture to picture few join by chance then."""
_SHARE = 0.05
"""Of the quiet seconds with any score: the highest, from which on excursions count."""
_FEWEST = 40
_LEAST_PEAKS = 8
_LEAST_HOURS = 0.05
"""With fewer peaks, or less time, a line would be drawn through nothing."""
_LEAST = 0.02
"""Scores below are as good as none."""
_TIED = 0.25
"""When more of the peaks have one and the same highest score it is a ceiling, and says nothing of what is above."""
_SPREAD = 1.96
"""Standard deviations to each side of a range: nineteen of twenty."""
_BETWEEN_S = 3600.0
"""A gap between recordings that joins nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The tail of one configuration's scores, over all recordings. Scores: 1.0 is the trigger of the settings."""

    quiet_hours: float
    highest: float
    """The highest score of a quiet picture that could have alarmed."""
    reached: int
    """How often quiet pictures reached the trigger in force: false alarms, counted as events are."""
    peaks: int
    """How many separate excursions the line rests on."""
    base: float
    """They exceed this score."""
    slope: float
    """The score that makes an excursion e times rarer; 0.0 if there is no line."""
    levels: tuple[tuple[float, float], ...]
    """For a plot: scores, falling, and how many excursions a week exceeded them."""

    @property
    def is_known(self) -> bool:
        """Whether there is a line."""
        return self.slope > 0

    @property
    def at_trigger(self) -> float | None:
        """The false alarms a week to expect at the trigger; None if that cannot be told."""
        if not self.is_known and not self.reached:
            return None
        return self.per_week(1.0)

    @property
    def range_at_trigger(self) -> tuple[float, float] | None:
        """Where that figure truly lies, nineteen times of twenty, if chance goes on as it did."""
        if not self.is_known and not self.reached:
            return None
        seen = _counted_between(self.reached) if self.reached else (0.0, 0.0)
        low, high = (number * self._weeks for number in seen)
        if self.is_known and self.on_line(1.0) >= self.reached * self._weeks:
            away = (max(1.0, self.base) - self.base) / self.slope
            factor = math.exp(min(50.0, _SPREAD * math.sqrt((1 + away * away) / self.peaks)))
            low, high = max(low, self.on_line(1.0) / factor), max(high, self.on_line(1.0) * factor)
        return low, high

    def per_week(self, score: float) -> float:
        """How often a week quiet pictures would exceed this score; up to the trigger no less than was seen."""
        seen = self.reached * self._weeks if score <= 1 else 0.0
        return max(seen, self.on_line(score) if self.is_known else 0.0)

    def trigger_for(self, per_week: float) -> float:
        """The score that quiet pictures exceed so often a week; there has to be a line."""
        needed = max(self.base, self.base + self.slope * math.log(self.on_line(self.base) / per_week))
        if not self.reached:
            return needed
        allowed = int(per_week / self._weeks)
        return max(needed, self.levels[allowed][0]) if allowed < min(self.reached, len(self.levels)) else needed

    @property
    def why_unknown(self) -> str:
        """Why there is no line, in words; empty if there is one."""
        if self.is_known:
            return ""
        quiet = spell_hours(self.quiet_hours)
        if self.reached:
            times = f"In {quiet} of quiet pictures the score reached the trigger {count(self.reached, 'time')}"
            if self.peaks >= _LEAST_PEAKS:
                return f"{times}, and always the same height: what another trigger would do cannot be told from that."
            return f"{times}, which is too seldom to tell what another trigger would do."
        if self.quiet_hours < _LEAST_HOURS:
            return f"{quiet} of quiet pictures are too little to tell what chance does."
        if self.peaks >= _LEAST_PEAKS:
            return f"In {quiet} of quiet pictures the score always jumped to the same height, below the trigger."
        return f"In {quiet} of quiet pictures the score hardly ever left its ground."

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why not to trust the line, in words; empty if there is no reason, or no line."""
        if not self.is_known:
            return ()
        quiet = spell_hours(self.quiet_hours)
        if self.quiet_hours < ENOUGH_HOURS:
            return (
                f"This rests on {quiet} of quiet pictures only: it is a guess. Give recordings "
                f"of a whole night ({ENOUGH_HOURS:g} hours or more) for a figure to rely on.",
            )
        if self.peaks < ENOUGH_PEAKS:
            return (
                f"Only {count(self.peaks, 'time')} did the score leave its ground in {quiet} of quiet pictures, which "
                "is too seldom to tell how it goes on above.",
            )
        return ()

    @property
    def _weeks(self) -> float:
        """What one occurrence in the quiet time is a week."""
        return HOURS_A_WEEK / self.quiet_hours if self.quiet_hours else 0.0

    def on_line(self, score: float) -> float:
        """The same by the line alone, which there has to be."""
        return self.peaks * self._weeks * math.exp(-(max(score, self.base) - self.base) / self.slope)


def tail_of(tracks: list[tuple[Track, tuple[Interval, ...] | None]]) -> Tail:
    """The tail over recordings, each with when things truly moved, or None: then all events count as true."""
    times: list[npt.NDArray[np.float64]] = []
    scores: list[npt.NDArray[np.float64]] = []
    quiet_s, end_s, reached = 0.0, 0.0, 0
    for track, truth in tracks:
        steps = np.clip(np.diff(track.times_s, prepend=track.times_s[:1]), 0, _SECOND)
        quiet = quiet_mask(track, truth)
        quiet_s += float(steps[quiet].sum())
        could_alarm = quiet & (track.guards == GUARDS.index(Guard.NONE))
        if not could_alarm.any():
            continue
        # Time as far as there are pictures: stamps that jump by years make it no longer.
        at = end_s + np.cumsum(steps)
        end_s = float(at[-1]) + _BETWEEN_S
        alarms = at[could_alarm & (track.scores >= 1)]
        reached += int(np.count_nonzero(np.diff(alarms, prepend=-np.inf) > max(track.choice.hold_s, _APART_S)))
        times.append(at[could_alarm])
        scores.append((track.scores.astype(np.float64) * track.triggers)[could_alarm])
    hours = quiet_s / 3600
    if not times or hours <= 0:
        return Tail(quiet_hours=hours, highest=0.0, reached=0, peaks=0, base=0.0, slope=0.0, levels=())
    return _fit(np.concatenate(times), np.concatenate(scores), hours, reached)


def quiet_mask(track: Track, truth: tuple[Interval, ...] | None) -> npt.NDArray[np.bool_]:
    """The pictures on which nothing moved: outside what is true, or else outside all events; and settled."""
    quiet = track.guards != GUARDS.index(Guard.SETTLING)
    moving = truth if truth is not None else [(event.start_s, event.end_s) for event in track.events]
    for start_s, end_s in moving:
        first = np.searchsorted(track.times_s, start_s - _AROUND_S)
        last = np.searchsorted(track.times_s, end_s + _AROUND_S, side="right")
        quiet[first:last] = False
    return quiet


def spell_hours(hours: float) -> str:
    """Hours in words, in the unit that suits them."""
    if hours >= 1.5:
        return f"{hours:.1f} hours"
    return f"{hours * 60:.0f} minutes" if hours >= 1.5 / 60 else f"{hours * 3600:.0f} seconds"


def _fit(times: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], hours: float, reached: int) -> Tail:
    base = _base(times, scores)
    peaks = np.sort(_peaks(times, scores, base))[::-1]
    is_ceiling = peaks.size and np.count_nonzero(peaks > peaks[0] - 1e-4) > max(1, _TIED * peaks.size)
    is_enough = peaks.size >= _LEAST_PEAKS and hours >= _LEAST_HOURS and not is_ceiling
    return Tail(
        quiet_hours=hours,
        highest=float(scores.max()),
        reached=reached,
        peaks=peaks.size,
        base=base,
        slope=float((peaks - base).mean()) if is_enough else 0.0,
        levels=tuple((float(peak), (rank + 1) / hours * HOURS_A_WEEK) for rank, peak in enumerate(peaks[:2000])),
    )


def _base(times: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> float:
    """The score that the highest seconds exceed; it lies below them, also where many have one and the same."""
    _, second = np.unique(np.floor(times / _SECOND), return_inverse=True)
    best = np.zeros(int(second[-1]) + 1)
    np.maximum.at(best, second, scores)
    some = np.sort(best[best > _LEAST])[::-1]
    if not some.size:
        return _LEAST
    place = min(some.size // 2, max(_FEWEST, round(_SHARE * some.size)))
    if np.count_nonzero(some > some[place]) >= min(_LEAST_PEAKS, place):
        return float(some[place])
    lower = some[some < some[place]]
    return float(lower[0]) if lower.size else _LEAST


def _peaks(times: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], base: float) -> npt.NDArray[np.float64]:
    """The highest of each excursion above `base`."""
    above = np.flatnonzero(scores > base)
    if not above.size:
        return np.zeros(0)
    starts = np.flatnonzero(np.diff(times[above], prepend=-np.inf) > _APART_S)
    return np.maximum.reduceat(scores[above], starts)


def _counted_between(number: int) -> tuple[float, float]:
    """Where the mean lies of a Poisson process of which so many, at least one, were counted (Byar's approximation)."""
    low = number * (1 - 1 / (9 * number) - _SPREAD / (3 * math.sqrt(number))) ** 3
    more = number + 1
    return max(0.0, low), more * (1 - 1 / (9 * more) + _SPREAD / (3 * math.sqrt(more))) ** 3
