"""RecorderActor: decides which access units belong to which clip, and owns the pre-roll ring."""

import logging
import secrets
from dataclasses import dataclass

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.media.cutter import Appended, ClipCutter, Closed, Event, Opened
from ratcam.media.ring import PreRollRing
from ratcam.media.timebase import seconds, ticks
from ratcam.messages import (
    AccessUnit,
    CameraId,
    ClipCause,
    ClipFailed,
    ClipId,
    EventId,
    MotionContinues,
    MotionEnded,
    MotionStarted,
    RecordClip,
    RunId,
    Segment,
    SegmentAppended,
    SegmentClosed,
    StreamEnded,
    StreamStarted,
)
from ratcam.ports import Clock
from ratcam.settings import RecordingSettings

_log = logging.getLogger(__name__)

MOTION_SILENCE_S = 5.0
"""An event that nobody has confirmed for so long is over: the detector tells about it every second while it lasts."""

DETECTION_DELAY_S = 2.0
"""Motion is told of so much later at most: the ring must still hold the pre-roll before it then."""


@dataclass(slots=True)
class _OpenClip:
    """A clip that is being recorded."""

    cause: ClipCause
    cutter: ClipCutter[AccessUnit]
    segment: Segment


class RecorderActor(Supervised):
    """Keeps the pre-roll in memory; on motion or request sends a clip's GOPs to the muxer, cut into segments.

    Takes StreamStarted, AccessUnit and StreamEnded in order; MotionStarted, MotionContinues, MotionEnded and RecordClip
    at any time. Tells the muxer SegmentAppended and SegmentClosed, and the bot ClipFailed. A clip never spans runs.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        camera: CameraId,
        settings: RecordingSettings,
        clock: Clock,
        muxer: Address,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._muxer = muxer
        self._bot = bot
        self._ring: PreRollRing[AccessUnit] = PreRollRing(
            span_90k=ticks(settings.pre_roll_s + DETECTION_DELAY_S), max_bytes=settings.ring_mb * 1_000_000
        )
        self._run_id: RunId | None = None
        self._newest_90k: int | None = None
        self._event_id: EventId | None = None
        self._clips: list[_OpenClip] = []

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case AccessUnit():
                self._take(message)
            case StreamStarted():
                self._begin_run(message.run_id)
            case StreamEnded():
                self._end_run()
            case MotionStarted() | MotionContinues():
                self._motion_goes_on(message)
            case MotionEnded():
                self._motion_ended(message)
            case RecordClip():
                self._record(message)
            case _:
                super().on_receive(message)

    def on_stop(self) -> None:
        """Close what is open, so that the muxer can finish it."""
        self._end_run()

    def _take(self, unit: AccessUnit) -> None:
        if unit.run_id != self._run_id:
            self._begin_run(unit.run_id)
        self._ring.push(unit)
        self._newest_90k = unit.pts_90k
        for clip in self._clips:
            self._emit(clip, clip.cutter.feed(unit))
        self._forget_done()

    def _begin_run(self, run_id: RunId) -> None:
        self._end_run()
        self._run_id = run_id

    def _end_run(self) -> None:
        for clip in self._clips:
            self._emit(clip, clip.cutter.finish())
        self._clips.clear()
        self._ring.clear()
        self._run_id = self._newest_90k = self._event_id = None

    def _motion_goes_on(self, motion: MotionStarted | MotionContinues) -> None:
        if motion.run_id != self._run_id:
            return  # of a run that is over, or not yet seen here; the next MotionContinues will do
        cause = ClipCause(event_id=motion.event_id)
        if motion.event_id != self._event_id:
            self._event_id = motion.event_id
            self._open(cause, motion.pts_90k)
        self._end_clip_at(cause, motion.pts_90k + ticks(MOTION_SILENCE_S + self._settings.post_roll_s))

    def _motion_ended(self, motion: MotionEnded) -> None:
        if motion.run_id == self._run_id:
            cause = ClipCause(event_id=motion.event_id)
            self._end_clip_at(cause, motion.pts_90k + ticks(self._settings.post_roll_s))

    def _record(self, order: RecordClip) -> None:
        cause = ClipCause(chat=order.chat)
        if self._newest_90k is None:
            reason = "the camera gives no pictures at the moment"
            self._bot.tell(ClipFailed(camera=self._camera, cause=cause, reason=reason))
            return
        clip = self._open(cause, self._newest_90k)
        clip.cutter.end_at(self._newest_90k + ticks(order.seconds))

    def _open(self, cause: ClipCause, pts_90k: int) -> _OpenClip:
        clip_id = ClipId(secrets.token_hex(4))
        segment = Segment(
            camera=self._camera,
            run_id=self._run_id or RunId(0),
            clip_id=clip_id,
            part=0,
            cause=cause,
            started_unix_s=self._clock.unix_s(),
        )
        clip = _OpenClip(cause, ClipCutter(segment_90k=ticks(self._settings.segment_s)), segment)
        for unit in self._ring.since(pts_90k - ticks(self._settings.pre_roll_s)):
            self._emit(clip, clip.cutter.feed(unit))
        self._clips.append(clip)
        _log.info("%s: recording clip %s", self._camera, clip_id)
        return clip

    def _end_clip_at(self, cause: ClipCause, pts_90k: int) -> None:
        for clip in self._clips:
            if clip.cause == cause:
                clip.cutter.end_at(pts_90k)

    def _emit(self, clip: _OpenClip, events: tuple[Event[AccessUnit], ...]) -> None:
        for event in events:
            match event:
                case Opened():
                    behind_s = seconds((self._newest_90k or event.start_pts_90k) - event.start_pts_90k)
                    clip.segment = Segment(
                        camera=self._camera,
                        run_id=clip.segment.run_id,
                        clip_id=clip.segment.clip_id,
                        part=event.part,
                        cause=clip.cause,
                        started_unix_s=self._clock.unix_s() - behind_s,
                    )
                case Appended():
                    self._muxer.tell(SegmentAppended(segment=clip.segment, units=event.units))
                case Closed():
                    self._muxer.tell(
                        SegmentClosed(segment=clip.segment, is_last=event.is_last, end_pts_90k=event.end_pts_90k)
                    )

    def _forget_done(self) -> None:
        self._clips = [clip for clip in self._clips if not clip.cutter.is_done]
