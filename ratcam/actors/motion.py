"""MotionActor: runs the detector over a camera's motion fields and tells about events."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import assert_never

from ratcam.actors.event_picture import EventPictures
from ratcam.actors.learned_blocks import LearnedBlocks
from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.errors import StoreError
from ratcam.media.timebase import seconds, ticks
from ratcam.messages import (
    Arm,
    CameraId,
    Disarm,
    EventId,
    ForgetLearned,
    HabitsSaved,
    Margin,
    MotionContinues,
    MotionEnded,
    MotionField,
    MotionStarted,
    MotionStatus,
    RunId,
    Sighting,
    Snapshot,
    StreamEnded,
    StreamStarted,
    TellMotionStatus,
)
from ratcam.motion.choose import calibrates, new_detector
from ratcam.motion.detector import Detector, Guard, Observation
from ratcam.motion.events import EventEnded, EventStarted, EventTracker, PictureShape, RunningEvent
from ratcam.motion.field import BLOCK, FieldError
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings, as_coded
from ratcam.ports import ArmedStore, Clock

_log = logging.getLogger(__name__)

CONFIRM_S = 1.0
"""How often a running event is confirmed to the recorder, in media time."""
GUARD_SHOWN_S = 10.0
"""How long the status tells of a guard that held motion back, in media time: a lamp is switched in a moment."""


MakeDetector = Callable[[MotionSettings, tuple[ZoneSettings, ...]], Detector]
"""Makes a detector as the settings say, for zones of the coded picture."""


@dataclass(slots=True)
class RunView:
    """What the incarnations of one camera's MotionActor, one after the other, know of how its run's pictures look."""

    run_id: RunId | None = None
    size: tuple[int, int] = (0, 0)
    """Of the coded pictures, in pixels."""
    rotation: int = 0


@dataclass(slots=True)
class _Event:
    """The motion event that lasts."""

    event_id: EventId
    confirmed_90k: int


class MotionActor(Supervised):
    """Turns motion fields into MotionStarted, MotionContinues, MotionPeaked and MotionEnded while armed.

    Motion that begins again within `hold_s` belongs to the same event. An event's end never waits for its picture. The
    detector sees every field, also while disarmed, so it is settled when armed. An event that runs when this actor
    stops or fails is ended. Zones are those of the picture as shown. What the detector learns over hours outlives it.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        camera: CameraId,
        settings: MotionSettings,
        zones: tuple[ZoneSettings, ...],
        hold_s: float,
        clock: Clock,
        view: RunView,
        armed: ArmedStore,
        learned: LearnedBlocks,
        proxy: Address,
        recorder: Address,
        bot: Address,
        make_detector: MakeDetector = new_detector,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._armed_store = armed
        self._recorder = recorder
        self._bot = bot
        self._zones = zones
        self._rotation: int = view.rotation
        self._make_detector = make_detector
        self._detector = make_detector(settings, as_coded(zones, view.rotation))
        self._learned = learned
        self._tracker = EventTracker(hold_90k=ticks(hold_s))
        self._is_armed = False
        self._run_id: RunId | None = None
        self._view = view
        self._event: _Event | None = None
        self._pictures = EventPictures(camera=camera, settings=settings, proxy=proxy, bot=bot)
        self._refused_fields = 0
        self._newest_90k = 0
        self._guarded: tuple[Guard, int] | None = None
        """What held motion back last in this run, and when."""

    def on_start(self) -> None:
        """Be armed as before, and know what was learned before."""
        self._learned.restore(self._detector)
        try:
            self._is_armed = self._armed_store.is_armed(self._camera)
        except StoreError as exc:
            _log.error("%s: %s Taken as armed.", self._camera, exc)
            self._is_armed = True

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case MotionField():
                self._take(message)
            case Snapshot():
                self._pictures.take(message)
            case StreamStarted():
                self._begin_run(message.run_id)
                self._see_run(message.run_id, (message.width, message.height), message.rotation)
            case StreamEnded():
                self._end_run()
            case Arm():
                self._is_armed = True
            case Disarm():
                self._is_armed = False
                self._end_event("disarmed")
            case TellMotionStatus():
                self._tell_status(message.request_id)
            case ForgetLearned():
                self._learned.forget(self._detector, message.request_id)
                _log.info("%s: the detector has forgotten which blocks move for hours", self._camera)
            case HabitsSaved():
                self._tell_status(message.request_id, is_kept=message.is_kept)
            case _:
                super().on_receive(message)

    def on_tick(self, now_s: float) -> None:
        """Have what was learned kept, once an hour."""
        self._learned.save_if_due(self._detector, now_s)

    def on_stop(self) -> None:
        """End the running event, so that its clip is closed and the chats hear of it; keep what was learned."""
        self._end_event("Ratcam is stopping")
        self._learned.save(self._detector)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the running event: the next incarnation does not know of it. What was learned is not lost."""
        self._end_event("the detector failed")
        self._learned.save(self._detector)

    def _begin_run(self, run_id: RunId) -> None:
        self._end_run()
        self._run_id = run_id

    def _see_run(self, run_id: RunId, size: tuple[int, int], rotation: int = 0) -> None:
        self._view.run_id, self._view.size, self._view.rotation = run_id, size, rotation
        if rotation != self._rotation:
            # Zones lie elsewhere on the coded picture; what was learned belongs to the coded one and stays.
            habits = self._detector.habits()
            self._rotation = rotation
            self._detector = self._make_detector(self._settings, as_coded(self._zones, rotation))
            if habits is not None:
                self._detector.restore(habits)

    def _end_run(self) -> None:
        self._end_event("the camera stopped")
        self._detector.reset()
        self._run_id, self._guarded = None, None

    def _take(self, field: MotionField) -> None:
        if field.run_id != self._run_id:
            # After a restart of this actor in mid run; a run's own StreamStarted comes before its fields.
            self._begin_run(field.run_id)
        if field.run_id != self._view.run_id:
            # Nobody has told its size: taken for MMAL's blocks, which all have one.
            self._see_run(field.run_id, (field.columns * BLOCK, field.rows * BLOCK))
        width, height = self._view.size
        try:
            seen = self._detector.feed(
                field.payload, columns=field.columns, rows=field.rows, width=width, height=height, pts_90k=field.pts_90k
            )
        except FieldError as exc:
            self._refused_fields += 1
            if self._refused_fields == 1:
                _log.warning("%s: a motion field cannot be used: %s", self._camera, exc)
            return
        self._newest_90k = field.pts_90k
        if seen.guard not in (Guard.NONE, Guard.SETTLING):
            self._guarded = seen.guard, field.pts_90k
        if self._is_armed:
            self._follow(seen, field)

    def _follow(self, seen: Observation, field: MotionField) -> None:
        width, height = self._view.size
        shape = PictureShape(
            width=width, height=height, columns=field.columns, rows=field.rows, rotation=self._view.rotation
        )
        change = self._tracker.feed(seen, shape)
        match change:
            case EventStarted():
                if self._tracker.running is not None:
                    self._start_event(self._tracker.running, field.run_id)
            case EventEnded():
                self._tell_ended(change, "quiet")
            case None:
                pass
            case _:
                assert_never(change)
        if self._event is not None and self._tracker.running is not None:
            self._go_on(self._event, self._tracker.running, field.pts_90k)

    def _start_event(self, started: RunningEvent, run_id: RunId) -> None:
        event_id = EventId(secrets.token_hex(4))
        self._event = _Event(event_id, started.start_90k)
        started_unix_s = self._clock.unix_s()
        self._pictures.begin(
            event_id,
            run_id,
            size=self._view.size,
            rotation=self._view.rotation,
            start_90k=started.start_90k,
            started_unix_s=started_unix_s,
        )
        message = MotionStarted(
            camera=self._camera,
            run_id=run_id,
            event_id=event_id,
            pts_90k=started.start_90k,
            started_unix_s=started_unix_s,
            seen=_sighting(started),
        )
        self._bot.tell(message)
        self._recorder.tell(message)
        _log.info(
            "%s: motion event %s, score %.2f, %d blocks, %s",
            self._camera,
            event_id,
            started.peak_score,
            started.area,
            f"{started.place}, zone {started.zone}" if started.zone else started.place,
        )

    def _go_on(self, event: _Event, running: RunningEvent, now_90k: int) -> None:
        if now_90k - event.confirmed_90k >= ticks(CONFIRM_S):
            event.confirmed_90k = now_90k
            self._recorder.tell(
                MotionContinues(
                    camera=self._camera, run_id=self._run_id or RunId(0), event_id=event.event_id, pts_90k=now_90k
                )
            )
        peak = _sighting(running) if running.peak_90k == now_90k else None
        self._pictures.go_on(now_90k, peak=peak, accumulator=self._detector.accumulator)

    def _tell_status(self, request_id: str, *, is_kept: bool = True) -> None:
        guard = Guard.NONE
        if self._guarded is not None and self._newest_90k - self._guarded[1] < ticks(GUARD_SHOWN_S):
            guard = self._guarded[0]
        quiet = self._detector.quiet
        self._bot.tell(
            MotionStatus(
                camera=self._camera,
                request_id=request_id,
                guard=guard.value,
                is_learning=quiet is None and calibrates(self._settings),
                quiet=Margin(quiet_score=quiet.quiet, trigger=quiet.trigger, margin=quiet.margin) if quiet else None,
                learned=self._learned.places(self._detector, self._view.size, self._view.rotation),
                is_kept=is_kept,
            )
        )

    def _end_event(self, reason: str) -> None:
        ended = self._tracker.close()
        if ended is not None:
            self._tell_ended(ended, reason)

    def _tell_ended(self, ended: EventEnded, reason: str) -> None:
        event, self._event = self._event, None
        if event is None:
            return
        message = MotionEnded(
            camera=self._camera,
            run_id=self._run_id or RunId(0),
            event_id=event.event_id,
            pts_90k=ended.end_90k,
            duration_s=seconds(ended.end_90k - ended.start_90k),
            peak=_sighting(ended),
            reason=reason,
        )
        self._recorder.tell(message)
        self._bot.tell(message)
        _log.info(
            "%s: motion event %s over after %.1f s (%s), peak score %.2f",
            self._camera,
            event.event_id,
            message.duration_s,
            reason,
            ended.peak_score,
        )
        # Last: it takes a while, and the end must reach the bot before the clip that it waits for does.
        self._pictures.end()


def _sighting(event: RunningEvent | EventEnded) -> Sighting:
    """The strongest moment of an event."""
    return Sighting(
        pts_90k=event.peak_90k,
        score=event.peak_score,
        area=event.area,
        area_percent=event.area_percent,
        box=event.box,
        place=event.place,
        zone=event.zone,
    )
