"""Learns how high the score gets where nothing moves, and keeps the trigger clear of it.

The tail of the quiet score is exponential: each further piece of score is rarer by the same factor. Two points of the
tail give the factor, and so the score that is exceeded only once in as long as one likes. It forgets over hours; what
is seen while something moves, or while a guard is on, does not count.
"""

import math

import numpy as np

from ratcam.motion.detector import Calibration

BINS = 64
_TOP = 1.0
"""Where the histogram ends, in triggers: more than that is motion."""
_AFTER_S = 600.0
"""Nothing is said before so much quiet has been seen: the rarest hundredth is a hundred steps then, if not more."""
_MEMORY_S = 6 * 3600.0
"""Half of what was seen so long ago is forgotten: nights differ from days."""
_RENEW_S = 60.0
_MOST_PENDING = 64
_WEEK_S = 7 * 86400.0
_LOWEST, _HIGHEST = 1.0, 1.5
"""Limits of the trigger. Below 1 it would be reached in fewer steps than a flash of light has."""


class QuietScore:
    """A histogram of the scores of quiet steps."""

    def __init__(self, false_alarms_per_week: float) -> None:
        """Aim at so many alarms a week without cause."""
        self._wanted = false_alarms_per_week
        self._counts = np.zeros(BINS)
        self._seen_s = 0.0
        self._since_halved_s = 0.0
        self._pending: list[float] = []
        self._pending_s = 0.0
        self._at_s = 0.0
        self._known: Calibration | None = None

    def add(self, score: float, elapsed_s: float) -> None:
        """Take the score of a quiet step, as the settings alone give it, `elapsed_s` after the last step.

        It counts when the score is back at nothing: what leads up to motion was not quiet.
        """
        self._pending.append(score)
        self._pending_s += elapsed_s
        if score and len(self._pending) < _MOST_PENDING:
            return
        for quiet in self._pending:
            self._counts[min(BINS - 1, int(quiet / _TOP * BINS))] += 1
        self._seen_s += self._pending_s
        self._since_halved_s += self._pending_s
        self.discard()
        if self._since_halved_s > _MEMORY_S:
            self._counts /= 2
            self._seen_s /= 2
            self._since_halved_s = 0.0

    def discard(self) -> None:
        """What came last was motion."""
        self._pending.clear()
        self._pending_s = 0.0

    @property
    def calibration(self) -> Calibration | None:
        """What follows from the scores so far, a minute ago at most; None if there are too few of them."""
        if self._seen_s < _AFTER_S:
            return None
        if self._known is None or abs(self._seen_s - self._at_s) > _RENEW_S:
            self._known, self._at_s = self._fitted(), self._seen_s
        return self._known

    def _fitted(self) -> Calibration:
        hundredth, thousandth = exceeded(self._counts, 1e-2), exceeded(self._counts, 1e-3)
        steps_a_week = _WEEK_S * float(self._counts.sum()) / self._seen_s
        decades = math.log10(max(10.0, 1e-3 * steps_a_week / self._wanted))
        trigger = min(_HIGHEST, max(_LOWEST, thousandth + decades * (thousandth - hundredth)))
        if thousandth >= _TOP:  # the histogram ends before the tail does
            trigger = _HIGHEST
        return Calibration(quiet=thousandth, trigger=trigger, margin=trigger / max(thousandth, _TOP / BINS))


def exceeded(counts: np.ndarray, share: float) -> float:
    """The score that a `share` of the histogram exceeds: the upper edge of its bin."""
    above = np.cumsum(counts[::-1])[::-1]
    return float(np.count_nonzero(above > share * above[0])) / BINS * _TOP
