"""MotionActor: runs the detector over a camera's motion fields and tells about events."""

import logging
import secrets
from dataclasses import dataclass
from types import TracebackType
from typing import assert_never

from ratcam.actors.event_picture import EventPicture, Moment
from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.errors import StoreError
from ratcam.media.timebase import seconds, ticks
from ratcam.messages import (
    Arm,
    Box,
    CameraId,
    Disarm,
    EventId,
    MotionContinues,
    MotionEnded,
    MotionField,
    MotionPeaked,
    MotionStarted,
    RunId,
    Snapshot,
    StreamEnded,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.motion.detector import Detector, PixelBox
from ratcam.motion.events import EventEnded, EventStarted, EventTracker, RunningEvent
from ratcam.motion.field import BLOCK, FieldError
from ratcam.motion.heat_map import HeatMapError, render
from ratcam.motion.settings import MotionSettings
from ratcam.motion.simple import SimpleDetector
from ratcam.ports import ArmedStore, Clock

_log = logging.getLogger(__name__)

CONFIRM_S = 1.0
"""How often a running event is confirmed to the recorder, in media time."""


LATE_PICTURES = 4
"""Pictures of past events that may wait for their stills; of more than that the oldest goes without."""


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
    picture: EventPicture | None


class MotionActor(Supervised):
    """Turns motion fields into MotionStarted, MotionContinues, MotionPeaked and MotionEnded while armed.

    Motion that begins again within `hold_s` belongs to the same event. The heat map shows the strongest moment of the
    event's first `picture_after_s` whose still is here by then, else the first whose still comes; a picture may be told
    after its event's end, which never waits for it. The detector sees every field, also while disarmed, so it is
    settled when armed. An event that runs when this actor stops or fails is ended.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        camera: CameraId,
        settings: MotionSettings,
        hold_s: float,
        clock: Clock,
        view: RunView,
        armed: ArmedStore,
        proxy: Address,
        recorder: Address,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._armed_store = armed
        self._proxy = proxy
        self._recorder = recorder
        self._bot = bot
        self._detector: Detector = SimpleDetector(settings)
        self._tracker = EventTracker(hold_90k=ticks(hold_s))
        self._is_armed = False
        self._run_id: RunId | None = None
        self._view = view
        self._event: _Event | None = None
        self._late: list[EventPicture] = []
        """Of past events, oldest first."""
        self._refused_fields = 0
        self._newest_90k = 0

    def on_start(self) -> None:
        """Be armed as before."""
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
                self._still_arrived(message)
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
            case _:
                super().on_receive(message)

    def on_stop(self) -> None:
        """End the running event, so that its clip is closed and the chats hear of it."""
        self._end_event("Ratcam is stopping")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the running event: the next incarnation does not know of it."""
        self._end_event("the detector failed")

    def _begin_run(self, run_id: RunId) -> None:
        self._end_run()
        self._run_id = run_id

    def _see_run(self, run_id: RunId, size: tuple[int, int], rotation: int = 0) -> None:
        self._view.run_id, self._view.size, self._view.rotation = run_id, size, rotation

    def _end_run(self) -> None:
        self._end_event("the camera stopped")
        self._detector.reset()
        self._run_id = None

    def _take(self, field: MotionField) -> None:
        if field.run_id != self._run_id:
            # After a restart of this actor in mid run; a run's own StreamStarted comes before its fields.
            self._begin_run(field.run_id)
        if field.run_id != self._view.run_id:
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
        if not self._is_armed:
            return
        change = self._tracker.feed(seen)
        match change:
            case EventStarted():
                self._start_event(change, field.run_id)
            case EventEnded():
                self._tell_ended(change, "quiet")
            case None:
                pass
            case _:
                assert_never(change)
        if self._event is not None and self._tracker.running is not None:
            self._go_on(self._event, self._tracker.running, field.pts_90k)

    def _start_event(self, started: EventStarted, run_id: RunId) -> None:
        event_id = EventId(secrets.token_hex(4))
        due_90k = started.start_90k + ticks(self._settings.picture_after_s)
        picture = EventPicture(
            event_id=event_id, run_id=run_id, size=self._view.size, rotation=self._view.rotation, due_90k=due_90k
        )
        self._event = _Event(event_id, started.start_90k, picture)
        message = MotionStarted(
            camera=self._camera,
            run_id=run_id,
            event_id=event_id,
            pts_90k=started.start_90k,
            started_unix_s=self._clock.unix_s(),
            score=started.score,
            area=started.area,
            box=_box(started.box),
        )
        self._bot.tell(message)
        self._recorder.tell(message)
        _log.info("%s: motion event %s, score %.2f, %d blocks", self._camera, event_id, started.score, started.area)

    def _go_on(self, event: _Event, running: RunningEvent, now_90k: int) -> None:
        if now_90k - event.confirmed_90k >= ticks(CONFIRM_S):
            event.confirmed_90k = now_90k
            self._recorder.tell(
                MotionContinues(
                    camera=self._camera, run_id=self._run_id or RunId(0), event_id=event.event_id, pts_90k=now_90k
                )
            )
        picture = event.picture
        if picture is None:
            return
        if not self._send_if_due(event, picture) and running.peak_90k == now_90k and picture.may_ask(now_90k):
            self._ask_for_still(picture, running)

    def _send_if_due(self, event: _Event, picture: EventPicture) -> bool:
        if self._newest_90k < picture.due_90k or picture.shown is None:
            return False
        event.picture = None
        self._send_picture(picture, picture.shown)
        return True

    def _ask_for_still(self, picture: EventPicture, running: RunningEvent) -> None:
        picture.awaited = Moment(
            pts_90k=running.peak_90k,
            score=running.peak_score,
            area=running.area,
            box=running.box,
            accumulator=self._detector.accumulator,
            request_id=f"motion:{picture.event_id}:{running.peak_90k}",
        )
        self._proxy.tell(TakeSnapshot(camera=self._camera, request_id=picture.awaited.request_id))

    def _still_arrived(self, snapshot: Snapshot) -> None:
        event = self._event
        if event is not None and event.picture is not None and event.picture.take(snapshot):
            self._send_if_due(event, event.picture)
            return
        for picture in self._late:
            if picture.take(snapshot):
                self._late.remove(picture)
                self._finish_picture(picture)
                return

    def _finish_picture(self, picture: EventPicture) -> None:
        """The event is over: send its picture now, or when its still arrives."""
        if picture.shown is not None:
            self._send_picture(picture, picture.shown)
        elif picture.awaited is not None:
            self._late.append(picture)
            if len(self._late) > LATE_PICTURES:
                self._go_without(self._late.pop(0))
        else:
            self._go_without(picture)

    def _go_without(self, picture: EventPicture) -> None:
        _log.warning("%s: no still for event %s; it goes without a picture", self._camera, picture.event_id)

    def _send_picture(self, picture: EventPicture, shown: Moment) -> None:
        try:
            heat_map = render(
                picture.still_jpeg,
                shown.accumulator,
                box=shown.box,
                settings=self._settings,
                picture_size=picture.size,
                rotation=picture.rotation,
            )
        except HeatMapError as exc:
            _log.warning("%s: event %s goes without a picture: %s", self._camera, picture.event_id, exc)
            return
        self._bot.tell(
            MotionPeaked(
                camera=self._camera,
                run_id=picture.run_id,
                event_id=picture.event_id,
                pts_90k=shown.pts_90k,
                score=shown.score,
                area=shown.area,
                box=_box(shown.box),
                heat_map_jpeg=heat_map,
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
            peak_score=ended.peak_score,
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
        if event.picture is not None:
            # Last: it takes a while, and the end must reach the bot before the clip that it waits for does.
            self._finish_picture(event.picture)


def _box(box: PixelBox) -> Box:
    x0, y0, x1, y1 = box
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)
