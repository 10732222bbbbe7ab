"""RecorderActor: decides which access units belong to which clip, and owns the pre-roll ring."""

import logging
import secrets
from dataclasses import dataclass
from types import TracebackType

from ratcam.actors.open_clip import OpenClip
from ratcam.actors.segment_feed import PATIENCE_S, SegmentFeed
from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.media.cutter import ClipCutter
from ratcam.media.key_frames import KeyFrameWatch
from ratcam.media.ring import PreRollRing
from ratcam.media.timebase import ticks
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
    RecorderStarted,
    RequestKeyFrame,
    RunId,
    Segment,
    StreamEnded,
    StreamStarted,
)
from ratcam.ports import Clock
from ratcam.settings import RecordingSettings

_log = logging.getLogger(__name__)

MOTION_SILENCE_S = 5.0
"""An event that nobody has confirmed for so long is over: the detector tells about it every second while it lasts."""

MOST_PART_BYTES = 45_000_000
"""A bot may upload 50 MB; a part ends before that, if need be within a GOP."""

DETECTION_DELAY_S = 2.0
"""Motion is told of so much later at most: the ring must still hold the pre-roll before it then."""

MOST_LAG_S = 30.0
"""Motion is told of so long before its picture is taken here at most; a later time is of a clock set back since."""

REQUEST_PATIENCE_S = 10.0
"""How long a request waits for a picture while there is none: at the daemon's start, or while a camera restarts."""

KEY_FRAME_PATIENCE_S = 30.0
"""How long a requested clip waits for a key frame to begin with; encoders send one every few seconds."""

MOST_REQUESTS = 4
"""Requested clips that are recorded at a time, each for another chat: all go to one disk, beside a clip of motion."""

SILENCE_S = 2.0
"""Without a unit for so long a key frame is asked for: what lies between may be dropping units until one comes."""

NO_PRE_ROLL = (
    "%s: no key frame in the last %d MB: a clip that is asked for now begins only with the next one. Set the camera's "
    "key frame interval (GOP, I-frame interval) to one or two seconds, or [recording] ring_mb higher"
)
SLOW_DISK = "the disk is too slow"
NO_PICTURES = "the camera gives no pictures at the moment"
IS_RECORDED = "a video of this camera is being recorded for you already"
IS_RECORDED_FOR_OTHERS = (
    "videos of this camera are being recorded for several other chats, ask again when they are done"
)
NO_KEY_FRAME = "the camera gave no picture that a video can begin with"


@dataclass(slots=True)
class Orientation:
    """What the incarnations of one camera's recorder, one after the other, know of how its run is to be viewed."""

    run_id: RunId | None = None
    rotation: int = 0


@dataclass(frozen=True, slots=True)
class _HeldRequest:
    """A request that waits for pictures until `until_s` by the monotonic clock."""

    order: RecordClip
    until_s: float


class RecorderActor(Supervised):
    """Keeps the pre-roll in memory; on motion or request sends a clip's units to the muxer, cut into segments.

    Takes StreamStarted, AccessUnit and StreamEnded in order; MotionStarted, MotionContinues, MotionEnded and RecordClip
    at any time. Feeds the muxer RecorderStarted, SegmentAppended and SegmentClosed through a `SegmentFeed`; tells the
    bot ClipFailed and the camera's proxy RequestKeyFrame. A clip never spans runs. An event that is confirmed again
    after its clip ended in silence gets another clip; a request that comes while there are no pictures waits for them.
    A chat has one requested clip at a time and all chats together `MOST_REQUESTS`; further requests fail in words.

    Holds the ring and, for each clip, one piece of a GOP (`media.cutter`), however long a source's GOPs are. A key
    frame is asked for by the rules of `media.key_frames`, and when the run has been silent for `SILENCE_S`. With a
    source that cannot give one, a clip begins and its parts end where the source's key frames are.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        camera: CameraId,
        settings: RecordingSettings,
        clock: Clock,
        orientation: Orientation,
        proxy: Address,
        muxer: Address,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._settings = settings
        self._clock = clock
        self._segments = SegmentFeed(muxer)
        self._proxy = proxy
        self._bot = bot
        self._orientation = orientation
        self._ring: PreRollRing[AccessUnit] = PreRollRing(
            span_90k=ticks(settings.pre_roll_s + DETECTION_DELAY_S), max_bytes=settings.ring_mb * 1_000_000
        )
        self._run_id: RunId | None = None
        self._newest_90k: int | None = None
        self._ended_event: EventId | None = None
        self._key_frames = KeyFrameWatch()
        self._heard_s = 0.0
        self._clips: list[OpenClip] = []
        self._held: list[_HeldRequest] = []

    def on_start(self) -> None:
        """Have the muxer finish what an earlier incarnation left open."""
        self._segments.begin(RecorderStarted(camera=self._camera))

    def on_tick(self, now_s: float) -> None:
        """Feed the muxer what waited for room; give up on requests that cannot begin; break a silence."""
        self._segments.flush(0.0)
        for held in [held for held in self._held if now_s >= held.until_s]:
            self._held.remove(held)
            self._refuse(held)
        self._give_up_clips_without_key_frame(now_s)
        if self._newest_90k is not None and now_s >= self._heard_s + SILENCE_S:
            self._heard_s = now_s
            self._request_key_frame()

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case AccessUnit():
                self._take(message)
            case StreamStarted():
                self._orientation.run_id, self._orientation.rotation = message.run_id, message.rotation
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
        self._close_all()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what is open; what cannot be closed now, the next incarnation's RecorderStarted closes."""
        self._close_all()

    def _close_all(self) -> None:
        self._end_run()
        self._segments.flush(PATIENCE_S)
        for held in self._held:
            self._refuse(held)
        self._held.clear()

    def _take(self, unit: AccessUnit) -> None:
        if unit.run_id != self._run_id:
            self._begin_run(unit.run_id)
        self._push(unit)
        self._newest_90k = unit.pts_90k
        self._heard_s = self._clock.monotonic_s()
        for clip in self._clips:
            self._feed(clip, unit)
        self._forget_done()
        held, self._held = self._held, []
        for request in held:
            self._record(request.order)
        is_awaited = any(clip.needs_key for clip in self._clips)
        if self._key_frames.take(unit, is_awaited=is_awaited, is_due=any(clip.is_due for clip in self._clips)):
            self._request_key_frame()

    def _push(self, unit: AccessUnit) -> None:
        had_overflowed = self._ring.has_overflowed
        self._ring.push(unit)
        if self._ring.has_overflowed and not had_overflowed:
            _log.warning(NO_PRE_ROLL, self._camera, self._settings.ring_mb)

    def _request_key_frame(self) -> None:
        self._proxy.tell(RequestKeyFrame(camera=self._camera))

    def _begin_run(self, run_id: RunId) -> None:
        self._end_run()
        self._run_id = run_id
        self._key_frames = KeyFrameWatch()

    def _end_run(self) -> None:
        for clip in self._clips:
            self._finish(clip)
        self._forget_done()
        self._ring.clear()
        self._run_id = self._newest_90k = None

    def _motion_goes_on(self, motion: MotionStarted | MotionContinues) -> None:
        if motion.run_id != self._run_id:
            return  # of a run that is over, or not yet seen here; the next MotionContinues will do
        if motion.event_id == self._ended_event:
            return
        cause = ClipCause(event_id=motion.event_id)
        if not any(clip.cause == cause for clip in self._clips):
            self._open(cause, motion.pts_90k)
        self._end_clip_at(cause, motion.pts_90k, and_s=MOTION_SILENCE_S + self._settings.post_roll_s)

    def _motion_ended(self, motion: MotionEnded) -> None:
        # No clip of an event outlives its run, so the run needs no look.
        self._ended_event = motion.event_id
        cause = ClipCause(event_id=motion.event_id)
        self._end_clip_at(cause, motion.pts_90k, and_s=self._settings.post_roll_s)

    def _record(self, order: RecordClip) -> None:
        cause = ClipCause(chat=order.chat)
        asked = [clip.cause.chat for clip in self._clips if clip.is_request] + [held.order.chat for held in self._held]
        if order.chat in asked:
            self._fail(cause, IS_RECORDED)
        elif len(asked) >= MOST_REQUESTS:
            self._fail(cause, IS_RECORDED_FOR_OTHERS)
        elif self._newest_90k is None:
            self._held.append(_HeldRequest(order, self._clock.monotonic_s() + REQUEST_PATIENCE_S))
        else:
            self._open(cause, self._newest_90k, length_90k=ticks(order.seconds))

    def _refuse(self, held: _HeldRequest) -> None:
        self._fail(ClipCause(chat=held.order.chat), NO_PICTURES)

    def _fail(self, cause: ClipCause, reason: str, *, is_last: bool = True) -> None:
        self._bot.tell(ClipFailed(camera=self._camera, cause=cause, reason=reason, is_last=is_last))

    def _open(self, cause: ClipCause, pts_90k: int, *, length_90k: int | None = None) -> None:
        is_known = self._orientation.run_id == self._run_id
        clip_id = ClipId(secrets.token_hex(4))
        clip = OpenClip(
            segment=Segment(
                camera=self._camera,
                run_id=self._run_id or RunId(0),
                clip_id=clip_id,
                part=0,
                cause=cause,
                started_unix_s=self._clock.unix_s(),
                rotation=self._orientation.rotation if is_known else 0,
            ),
            cutter=ClipCutter(
                segment_90k=ticks(self._settings.segment_s),
                max_bytes=round(self._settings.segment_max_mb * 1_000_000),
                hard_bytes=MOST_PART_BYTES,
            ),
            feed=self._segments,
            clock=self._clock,
            asked_90k=pts_90k,
            length_90k=length_90k,
        )
        self._clips.append(clip)
        _log.info("%s: recording clip %s", self._camera, clip_id)
        for unit in self._ring.since(pts_90k - ticks(self._settings.pre_roll_s)):
            self._feed(clip, unit)
        clip.go_live(pts_90k if self._newest_90k is None else self._newest_90k)

    def _end_clip_at(self, cause: ClipCause, pts_90k: int, *, and_s: float) -> None:
        """End a clip so long after a time that motion was told of, if that can be one of the present clock."""
        if self._newest_90k is not None:
            pts_90k = min(pts_90k, self._newest_90k + ticks(MOST_LAG_S))
        for clip in self._clips:
            if clip.cause == cause:
                clip.end_at(pts_90k + ticks(and_s))

    def _feed(self, clip: OpenClip, unit: AccessUnit) -> None:
        if not clip.take(unit, newest_90k=self._newest_90k or unit.pts_90k):
            self._fail(clip.cause, SLOW_DISK, is_last=False)

    def _finish(self, clip: OpenClip) -> None:
        if not clip.finish():
            self._fail(clip.cause, SLOW_DISK, is_last=False)

    def _give_up_clips_without_key_frame(self, now_s: float) -> None:
        for clip in self._clips:
            if clip.is_request and not clip.has_begun and now_s >= clip.asked_s + KEY_FRAME_PATIENCE_S:
                self._finish(clip)
        self._forget_done()

    def _forget_done(self) -> None:
        for clip in self._clips:
            if clip.is_done and not clip.has_begun:
                self._fail(clip.cause, NO_KEY_FRAME)
        self._clips = [clip for clip in self._clips if not clip.is_done]
