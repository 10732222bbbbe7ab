"""Replays a recording through detectors: one pass, however many configurations look at it."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ratcam.analyze_fields import Fields, TimedField
from ratcam.errors import BadInputError
from ratcam.media.timebase import TICKS_PER_S, ticks
from ratcam.motion.choose import new_detector, uses_vectors
from ratcam.motion.detector import Detector, Observation
from ratcam.motion.events import EventEnded, EventTracker, PictureShape
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import as_coded
from ratcam.tune.choices import Choice
from ratcam.tune.ladder import ALL_PICTURES, Step
from ratcam.tune.moments import Moment, MomentKeeper, Still
from ratcam.tune.recordings import Recording
from ratcam.tune.spell import clock, count
from ratcam.tune.tracks import GUARDS, Found, Interval, Replayed, Seen, Track, intervals

_LOOK_EVERY = 50
"""Pictures from one look at the calibrated trigger to the next: it moves over minutes."""
_JUMP_90K = ticks(3600.0)
"""No camera pauses for so long within a recording: such stamps are wrong, or of another run."""
_NUMBER_OF = {guard: number for number, guard in enumerate(GUARDS)}


def replay(
    recording: Recording,
    choices: Sequence[Choice],
    steps: Sequence[Step] = (),
    *,
    all_pictures: int = ALL_PICTURES,
) -> Replayed:
    """Feed a recording's fields to a detector for each choice, and to one for each step that is not the present one.

    A recording of more than `all_pictures` goes on with the coarse steps only.

    Raises:
        BadInputError: it cannot be read, or nothing of it could be decoded.
        MissingDependencyError: no video decoder is installed.
    """
    asked = (*(choice.motion for choice in choices), *(step.motion for step in steps))
    fields = recording.open(has_vectors=any(map(uses_vectors, asked)))
    with contextlib.closing(fields):
        return _Replay(recording, fields, choices, steps, most=all_pictures).run()


class _Replay:
    def __init__(
        self, recording: Recording, fields: Fields, choices: Sequence[Choice], steps: Sequence[Step], *, most: int
    ) -> None:
        self._all_pictures = most
        self._recording = recording
        self._fields = fields
        self._info = fields.info
        self._watchers = [_Watcher(choice, fields.info.rotation) for choice in choices]
        self._steps = [
            (step, _Counter(step.motion, choices[0], fields.info.rotation)) for step in steps if not step.is_present
        ]

    def run(self) -> Replayed:
        first: TimedField | None = None
        shape: PictureShape | None = None
        first_90k = last_90k = pictures = 0
        times = _SteadyTimes(max(1, round(TICKS_PER_S / self._info.fps)))
        for told in self._fields:
            if first is None:
                first, first_90k = told, self._fields.first_90k
                times.last_90k = first_90k
            step = times.steady(told)
            if shape is None or (shape.columns, shape.rows) != (step.columns, step.rows):
                shape = self._shape(step)
            pictures += 1
            last_90k = step.pts_90k
            t_s = (step.pts_90k - first_90k) / TICKS_PER_S
            still = Still(step, self._fields)
            for watcher in self._watchers:
                watcher.take(step, shape, t_s, still)
            if pictures == self._all_pictures + 1:
                self._steps = [(each, counter) for each, counter in self._steps if each.is_coarse]
            for _, counter in self._steps:
                counter.take(step, shape, t_s)
        if first is None:
            path = self._recording.paths[0]
            if self._recording.is_kept:
                raise BadInputError(f"{path} has no motion field in it that can be read. Leave it out.")
            raise BadInputError(f"No picture of {path} could be decoded. Is it a video, and whole?")
        lasts_s = (last_90k - first_90k) / TICKS_PER_S + 1 / self._info.fps
        return Replayed(
            recording=self._recording,
            width=self._info.width,
            height=self._info.height,
            columns=first.columns,
            rows=first.rows,
            rotation=self._info.rotation,
            first_s=first_90k / TICKS_PER_S,
            lasts_s=lasts_s,
            pictures=pictures,
            tracks=tuple(watcher.track(first_90k) for watcher in self._watchers),
            ladder={step.number: counter.seen() for step, counter in self._steps},
            notes=(*self._fields.notes, *times.notes(first_90k), *self._settling(lasts_s)),
        )

    def _settling(self, lasts_s: float) -> tuple[str, ...]:
        settle_s = min(watcher.choice.motion.settle_s for watcher in self._watchers)
        if lasts_s > settle_s:
            return ()
        return (f"It is shorter than settle_s ({settle_s:g} s): nothing in it could be an event.",)

    def _shape(self, step: TimedField) -> PictureShape:
        info = self._info
        return PictureShape(
            width=info.width, height=info.height, columns=step.columns, rows=step.rows, rotation=info.rotation
        )


class _SteadyTimes:
    """Time stamps that go on: where they go back or jump by hours they are counted on by one picture."""

    def __init__(self, step_90k: int) -> None:
        self.last_90k = 0
        """Of the field before."""
        self._step_90k = step_90k
        self._shift_90k = 0
        self._jumps_90k: list[int] = []

    def steady(self, told: TimedField) -> TimedField:
        pts_90k = told.pts_90k + self._shift_90k
        if not 0 <= pts_90k - self.last_90k < _JUMP_90K:
            pts_90k = self.last_90k + self._step_90k
            self._shift_90k = pts_90k - told.pts_90k
            self._jumps_90k.append(pts_90k)
        self.last_90k = pts_90k
        return replace(told, pts_90k=pts_90k) if self._shift_90k else told

    def notes(self, first_90k: int) -> tuple[str, ...]:
        if not self._jumps_90k:
            return ()
        at = clock((self._jumps_90k[0] - first_90k) / TICKS_PER_S)
        times = count(len(self._jumps_90k), "time")
        return (f"Its time stamps jump {times}, first at {at}: times behind that are counted on from there.",)


class _Counter:
    """Counts the events of one more setting."""

    def __init__(self, settings: MotionSettings, choice: Choice, rotation: int) -> None:
        self._detector = new_detector(settings, as_coded(choice.zones, rotation))
        self._tracker = EventTracker(hold_90k=ticks(choice.hold_s))
        self._events: list[Interval] = []
        self._times: list[float] = []
        self._moving: list[bool] = []
        self._began_s = self._seen_s = 0.0

    def take(self, step: TimedField, shape: PictureShape, t_s: float) -> None:
        seen = _feed(self._detector, step, shape)
        was_running = self._tracker.running is not None
        change = self._tracker.feed(seen, shape)
        if isinstance(change, EventEnded):
            self._events.append((self._began_s, self._seen_s))
            was_running = False
        if self._tracker.running is not None and not was_running:
            self._began_s = t_s
        if seen.moving:
            self._seen_s = t_s
        self._times.append(t_s)
        self._moving.append(seen.moving)

    def seen(self) -> Seen:
        running = ((self._began_s, self._seen_s),) if self._tracker.running is not None else ()
        motions = intervals(np.array(self._times), np.array(self._moving, np.bool_))
        return Seen(events=(*self._events, *running), motions=motions)


class _Watcher:
    """One configuration's detector, and all that is to be told of it."""

    def __init__(self, choice: Choice, rotation: int) -> None:
        self.choice = choice
        self._detector = new_detector(choice.motion, as_coded(choice.zones, rotation))
        self._tracker = EventTracker(hold_90k=ticks(choice.hold_s))
        self._keeper = MomentKeeper()
        self._times: list[float] = []
        self._scores: list[float] = []
        self._triggers: list[float] = []
        self._trigger = 1.0
        self._moving: list[bool] = []
        self._guards: list[int] = []
        self._stages: dict[str, int] = {}
        self._ended: list[tuple[EventEnded, Moment | None, float]] = []
        self._began_at: tuple[float, float] | None = None
        self._travel = 0.0

    def take(self, step: TimedField, shape: PictureShape, t_s: float, still: Still) -> None:
        seen = _feed(self._detector, step, shape)
        self._times.append(t_s)
        self._scores.append(seen.score)
        if len(self._triggers) % _LOOK_EVERY == 0:
            quiet = self._detector.quiet
            self._trigger = quiet.trigger if quiet is not None else 1.0
        self._triggers.append(self._trigger)
        self._moving.append(seen.moving)
        self._guards.append(_NUMBER_OF[seen.guard])
        for name, blocks in seen.stages:
            self._stages[name] = self._stages.get(name, 0) + blocks
        change = self._tracker.feed(seen, shape)
        if isinstance(change, EventEnded):
            self._end(change)
        running = self._tracker.running
        if running is not None:
            self._follow(seen, shape)
        self._keeper.offer(
            seen, shape, t_s, is_event=running is not None, accumulator=self._detector.accumulator, still=still
        )

    def track(self, first_90k: int) -> Track:
        if (last := self._tracker.close()) is not None:
            self._end(last)
        return Track(
            choice=self.choice,
            times_s=np.array(self._times),
            scores=np.array(self._scores, np.float32),
            triggers=np.array(self._triggers, np.float32),
            moving=np.array(self._moving, np.bool_),
            guards=np.array(self._guards, np.uint8),
            stages=tuple(self._stages.items()),
            events=tuple(_found(event, moment, travel, first_90k) for event, moment, travel in self._ended),
            nearly=self._keeper.nearly(),
            faded=int(np.count_nonzero(self._detector.learned)),
        )

    def _follow(self, seen: Observation, shape: PictureShape) -> None:
        """Measure how far what moves has come."""
        if seen.box is None or not seen.moving:
            return
        x0, y0, x1, y1 = seen.box
        middle = (x0 + x1) / 2, (y0 + y1) / 2
        if self._began_at is None:
            self._began_at = middle
        across, down = middle[0] - self._began_at[0], middle[1] - self._began_at[1]
        self._travel = max(self._travel, float(np.hypot(across, down)) / shape.width)

    def _end(self, event: EventEnded) -> None:
        self._ended.append((event, self._keeper.event_over(), self._travel))
        self._began_at, self._travel = None, 0.0


def _feed(detector: Detector, step: TimedField, shape: PictureShape) -> Observation:
    return detector.feed(
        step.payload,
        columns=step.columns,
        rows=step.rows,
        width=shape.width,
        height=shape.height,
        pts_90k=step.pts_90k,
    )


def _found(event: EventEnded, moment: Moment | None, travel: float, first_90k: int) -> Found:
    return Found(
        start_s=(event.start_90k - first_90k) / TICKS_PER_S,
        end_s=(event.end_90k - first_90k) / TICKS_PER_S,
        peak_s=(event.peak_90k - first_90k) / TICKS_PER_S,
        peak_score=event.peak_score,
        area_percent=event.area_percent,
        place=event.place,
        zone=event.zone,
        travel=travel,
        moment=moment,
    )
