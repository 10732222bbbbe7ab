"""MotionActor: runs the detector over a camera's motion fields and tells about events."""

import logging
import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratcam.actors.supervised import Address, OnDeath, Supervised
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


@dataclass(slots=True)
class _Picture:
    """The making of an event's heat map: the strongest moment so far, and the still that goes with it."""

    due_90k: int
    score: float = 0.0
    area: int = 0
    box: PixelBox = (0, 0, 0, 0)
    pts_90k: int = 0
    accumulator: npt.NDArray[np.float32] | None = None
    still_jpeg: bytes = b""
    awaited_id: str = ""
    """The request that is under way for the strongest moment; empty when its still is here."""


@dataclass(slots=True)
class _Event:
    """The motion event that lasts."""

    event_id: EventId
    start_90k: int
    confirmed_90k: int
    picture: _Picture | None


class MotionActor(Supervised):
    """Turns motion fields into MotionStarted, MotionContinues, MotionPeaked and MotionEnded while armed.

    Motion that begins again within `hold_s` belongs to the same event. The heat map shows the strongest moment of the
    event's first `picture_after_s`. The detector sees every field, also while disarmed, so it is settled when armed.
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
        self._size = (0, 0)
        self._event: _Event | None = None
        self._late_picture: tuple[EventId, _Picture] | None = None
        self._refused_fields = 0

    def on_start(self) -> None:
        """Be armed as before."""
        self._is_armed = self._armed_store.is_armed(self._camera)

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case MotionField():
                self._take(message)
            case Snapshot():
                self._still_arrived(message)
            case StreamStarted():
                self._begin_run(message.run_id, (message.width, message.height))
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

    def _begin_run(self, run_id: RunId, size: tuple[int, int]) -> None:
        self._end_run()
        self._run_id = run_id
        self._size = size

    def _end_run(self) -> None:
        self._end_event("the camera stopped")
        self._detector.reset()
        self._run_id = None

    def _take(self, field: MotionField) -> None:
        if field.run_id != self._run_id:
            # After a restart of this actor in mid run; a run's own StreamStarted comes before its fields.
            self._begin_run(field.run_id, (field.columns * BLOCK, field.rows * BLOCK))
        width, height = self._size
        try:
            seen = self._detector.feed(
                field.payload, columns=field.columns, rows=field.rows, width=width, height=height, pts_90k=field.pts_90k
            )
        except FieldError as exc:
            self._refused_fields += 1
            if self._refused_fields == 1:
                _log.warning("%s: a motion field cannot be used: %s", self._camera, exc)
            return
        if not self._is_armed:
            return
        match self._tracker.feed(seen):
            case EventStarted() as started:
                self._start_event(started)
            case EventEnded() as ended:
                self._tell_ended(ended, "quiet")
            case None:
                pass
        if self._event is not None and self._tracker.running is not None:
            self._go_on(self._event, self._tracker.running, field.pts_90k)

    def _start_event(self, started: EventStarted) -> None:
        event_id = EventId(secrets.token_hex(4))
        due_90k = started.start_90k + ticks(self._settings.picture_after_s)
        self._event = _Event(event_id, started.start_90k, started.start_90k, _Picture(due_90k))
        message = MotionStarted(
            camera=self._camera,
            run_id=self._run_id or RunId(0),
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
        if now_90k >= picture.due_90k:
            self._finish_picture(event)
        elif running.peak_90k == now_90k and not picture.awaited_id:
            self._ask_for_still(event.event_id, picture, running)

    def _ask_for_still(self, event_id: EventId, picture: _Picture, running: RunningEvent) -> None:
        picture.score, picture.area, picture.box = running.peak_score, running.area, running.box
        picture.pts_90k = running.peak_90k
        picture.accumulator = self._detector.accumulator
        picture.awaited_id = f"motion:{event_id}:{running.peak_90k}"
        self._proxy.tell(TakeSnapshot(camera=self._camera, request_id=picture.awaited_id))

    def _still_arrived(self, snapshot: Snapshot) -> None:
        if self._late_picture is not None and self._late_picture[1].awaited_id == snapshot.request_id:
            event_id, picture = self._late_picture
            self._late_picture = None
            picture.still_jpeg = snapshot.jpeg or picture.still_jpeg
            self._send_picture(event_id, picture)
            return
        picture = self._event.picture if self._event is not None else None
        if picture is not None and picture.awaited_id == snapshot.request_id:
            picture.awaited_id = ""
            picture.still_jpeg = snapshot.jpeg or picture.still_jpeg

    def _finish_picture(self, event: _Event) -> None:
        """The strongest moment is chosen: send its picture now, or when its still arrives."""
        picture, event.picture = event.picture, None
        if picture is None or picture.accumulator is None:
            return
        if picture.awaited_id:
            self._late_picture = (event.event_id, picture)
        else:
            self._send_picture(event.event_id, picture)

    def _send_picture(self, event_id: EventId, picture: _Picture) -> None:
        if not picture.still_jpeg or picture.accumulator is None:
            _log.warning("%s: no still for event %s; it goes without a picture", self._camera, event_id)
            return
        try:
            heat_map = render(
                picture.still_jpeg,
                picture.accumulator,
                box=picture.box,
                settings=self._settings,
                picture_size=self._size,
            )
        except HeatMapError as exc:
            _log.warning("%s: event %s goes without a picture: %s", self._camera, event_id, exc)
            return
        self._bot.tell(
            MotionPeaked(
                camera=self._camera,
                run_id=self._run_id or RunId(0),
                event_id=event_id,
                pts_90k=picture.pts_90k,
                score=picture.score,
                area=picture.area,
                box=_box(picture.box),
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
        self._finish_picture(event)
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


def _box(box: PixelBox) -> Box:
    x0, y0, x1, y1 = box
    return Box(x0=x0, y0=y0, x1=x1, y1=y1)
