"""The moments worth a picture: the strongest of each event, and the strongest that became none."""

import heapq
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ratcam.analyze_fields import Fields, TimedField
from ratcam.motion.detector import Guard, Observation, PixelBox
from ratcam.motion.events import PictureShape
from ratcam.motion.field import unpack
from ratcam.motion.place import place_in_words

NEARLY_KEPT = 4
"""How many of the strongest moments are kept that became no event."""
_NEARLY_FROM = 0.3
"""Of the trigger: what is weaker is not worth a look."""
_APART_S = 2.0
"""Two such moments are as far apart."""
_STRONGER = 1.05
"""A moment is replaced by one that is so much stronger: not every picture of a rising score is encoded."""
_EVENTS_WITH_PICTURE = 400
"""Events beyond so many go without one: nobody looks at so many, and memory is not free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One picture, as far as it takes to draw it."""

    t_s: float
    score: float
    guard: Guard
    place: str
    box: PixelBox | None
    accumulator: npt.NDArray[np.float32] = field(repr=False)
    still_jpeg: bytes = field(repr=False)
    """Empty where there is no picture: then `change` stands for it."""
    change: npt.NDArray[np.uint16] = field(repr=False)
    """How much each block changed, shape (rows, columns)."""


class Still:
    """The picture of a field, encoded once and only if somebody wants it."""

    def __init__(self, step: TimedField, fields: Fields) -> None:
        self.step = step
        self._fields = fields
        self._jpeg: bytes | None = None

    def jpeg(self) -> bytes:
        """The picture; empty if there is none."""
        if self._jpeg is None:
            self._jpeg = self._fields.still_jpeg()
        return self._jpeg


class MomentKeeper:
    """Keeps them while a recording is replayed."""

    def __init__(self) -> None:
        self._event: Moment | None = None
        self._events = 0
        self._passing: Moment | None = None
        """The strongest picture of the last `_APART_S` that belongs to no event."""
        self._nearly: list[tuple[float, float, Moment]] = []
        """A heap of (score, time, moment), the weakest first."""

    def offer(
        self,
        seen: Observation,
        shape: PictureShape,
        t_s: float,
        *,
        is_event: bool,
        accumulator: npt.NDArray[np.float32],
        still: Still,
    ) -> None:
        """Take what was seen of the next picture, which belongs to an event or not."""
        if self._passing is not None and (is_event or t_s - self._passing.t_s > _APART_S):
            self._settle(is_event=is_event)
        if is_event:
            if self._is_worth(seen, self._event) and self._events < _EVENTS_WITH_PICTURE:
                self._event = _moment(seen, shape, t_s, accumulator, still)
        elif seen.score >= _NEARLY_FROM and self._is_worth(seen, self._passing) and self._would_stay(seen.score):
            self._passing = _moment(seen, shape, t_s, accumulator, still)

    def event_over(self) -> Moment | None:
        """The moment of the event that has just ended, if one was kept."""
        moment, self._event = self._event, None
        self._events += 1
        return moment

    def nearly(self) -> tuple[Moment, ...]:
        """The strongest moments that became no event, strongest first."""
        if self._passing is not None:
            self._settle(is_event=False)
        return tuple(moment for _, _, moment in sorted(self._nearly, key=lambda entry: entry[:2], reverse=True))

    def _settle(self, *, is_event: bool) -> None:
        """What passed is over; if an event began it was only its beginning."""
        passing, self._passing = self._passing, None
        if passing is None or is_event:
            return
        heapq.heappush(self._nearly, (passing.score, -passing.t_s, passing))
        if len(self._nearly) > NEARLY_KEPT:
            heapq.heappop(self._nearly)

    def _would_stay(self, score: float) -> bool:
        return len(self._nearly) < NEARLY_KEPT or score > self._nearly[0][0]

    @staticmethod
    def _is_worth(seen: Observation, kept: Moment | None) -> bool:
        return kept is None or seen.score > kept.score * _STRONGER


def _moment(
    seen: Observation, shape: PictureShape, t_s: float, accumulator: npt.NDArray[np.float32], still: Still
) -> Moment:
    box, step = seen.box, still.step
    return Moment(
        t_s=t_s,
        score=seen.score,
        guard=seen.guard,
        place=place_in_words(box, shape.width, shape.height, shape.rotation) if box else "",
        box=box,
        accumulator=accumulator.copy(),
        still_jpeg=still.jpeg(),
        change=unpack(step.payload, step.columns, step.rows).sad.copy(),
    )
