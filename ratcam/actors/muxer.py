"""MuxerActor: owns the files of recordings; turns the GOPs of a segment into a playable MP4."""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.media.errors import StreamError
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import recover
from ratcam.media.timebase import TICKS_PER_S, seconds
from ratcam.messages import (
    AccessUnit,
    CameraId,
    ClipFailed,
    ClipId,
    ClipReady,
    RecorderStarted,
    Segment,
    SegmentAppended,
    SegmentClosed,
)
from ratcam.ports import ClipFiles, Clock, SpoolFile

_log = logging.getLogger(__name__)

USUAL_FPS, HIGHEST_FPS = 30.0, 120.0
"""Taken when a GOP does not tell its rate, and at most."""


@dataclass(slots=True)
class _OpenSegment:
    """A segment whose file is open."""

    segment: Segment
    spool: SpoolFile
    recording: Mp4Recording
    mux_s: float = 0.0
    size: int = 0
    """Bytes that are written whole: the header and GOPs."""

    def append(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Write at the end; counts only if all of it was written."""
        self.spool.append(buffers)
        self.size += sum(len(buffer) for buffer in buffers)


class MuxerActor(Supervised):
    """Appends each GOP to the segment's spool file, commits the file at its end, recovers leftovers at its start.

    Takes SegmentAppended, SegmentClosed and RecorderStarted in order; tells the bot ClipReady and ClipFailed. A
    ClipReady may be told again after a restart for a clip that was not handed over yet: its path is the same. A disk
    that fails costs the rest of the segment that it failed on: what was written whole before is delivered, and later
    parts of the clip are tried again. Of a clip's lost parts the
    first is told, and the first after one that could be written.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        camera: CameraId,
        files: ClipFiles,
        clock: Clock,
        segment_s: float,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._files = files
        self._clock = clock
        self._segment_s = segment_s
        self._bot = bot
        self._open: dict[tuple[ClipId, int], _OpenSegment] = {}
        self._failed: dict[ClipId, int] = {}
        """The part of a clip that cannot be written; it stays here until a part can."""

    def on_start(self) -> None:
        """Finish what a crash left unfinished, and tell about every clip that is still here."""
        try:
            for segment, spool, size in self._files.leftovers():
                self._recover(segment, spool, size)
        except OSError as exc:
            _log.error(
                "%s: earlier recordings cannot be looked for, they wait for the next start: %s", self._camera, exc
            )

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case SegmentAppended():
                self._append(message)
            case SegmentClosed():
                self._close(message)
            case RecorderStarted():
                self._close_all()
            case _:
                super().on_receive(message)

    def on_stop(self) -> None:
        """Finish what is still open; the recorder has closed everything it knew of before."""
        self._close_all()

    def _close_all(self) -> None:
        for entry in tuple(self._open.values()):
            self._close(SegmentClosed(segment=entry.segment, is_last=True, end_pts_90k=None))
        self._failed.clear()

    def _append(self, message: SegmentAppended) -> None:
        segment = message.segment
        if self._failed.get(segment.clip_id) == segment.part:
            return
        began_s = self._clock.monotonic_s()
        try:
            entry = self._open.get((segment.clip_id, segment.part)) or self._begin(message)
            entry.append(entry.recording.append(message.units))
            entry.mux_s += self._clock.monotonic_s() - began_s
        except (OSError, StreamError) as exc:
            self._fail(segment, exc)

    def _begin(self, message: SegmentAppended) -> _OpenSegment:
        segment = message.segment
        recording = Mp4Recording(
            first=message.units[0].data,
            created_unix_s=int(segment.started_unix_s),
            expected_frames=_most_frames(message.units, self._segment_s),
            gop_frames=len(message.units),
            title=f"{segment.camera} {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(segment.started_unix_s))}",
        )
        entry = _OpenSegment(segment, self._files.create(segment), recording)
        # Before anything is written: what fails is set aside, and that needs to be known.
        self._open[segment.clip_id, segment.part] = entry
        entry.append([recording.header()])
        return entry

    def _close(self, message: SegmentClosed) -> None:
        segment = message.segment
        entry = self._open.get((segment.clip_id, segment.part))
        if entry is not None:
            self._finish(entry, message)
        if message.is_last:
            self._failed.pop(segment.clip_id, None)

    def _finish(self, entry: _OpenSegment, message: SegmentClosed) -> None:
        segment = entry.segment
        began_s = self._clock.monotonic_s()
        try:
            for patch in entry.recording.finish(message.end_pts_90k):
                entry.spool.patch(patch.offset, patch.data)
            path, size = entry.spool.commit()
        except (OSError, StreamError) as exc:
            self._fail(segment, exc)
            return
        del self._open[segment.clip_id, segment.part]
        self._failed.pop(segment.clip_id, None)
        entry.mux_s += self._clock.monotonic_s() - began_s
        recording = entry.recording
        _log.info(
            "%s: clip %s part %d: %.1f s, %d pictures, %d bytes, %d timestamps repaired, muxed in %.0f ms",
            self._camera,
            segment.clip_id,
            segment.part,
            recording.duration_90k / TICKS_PER_S,
            recording.frames,
            size,
            recording.repaired,
            entry.mux_s * 1000,
        )
        self._bot.tell(
            ClipReady(
                segment=segment,
                is_last=message.is_last,
                path=path,
                size_bytes=size,
                duration_ms=recording.duration_90k * 1000 // TICKS_PER_S,
                width=recording.width,
                height=recording.height,
            )
        )

    def _fail(self, segment: Segment, exc: Exception) -> None:
        _log.error("%s: clip %s part %d cannot be written: %s", self._camera, segment.clip_id, segment.part, exc)
        entry = self._open.pop((segment.clip_id, segment.part), None)
        if entry is not None:
            self._save_what_is_there(entry)
        is_known = segment.clip_id in self._failed
        self._failed[segment.clip_id] = segment.part
        if is_known:
            return
        reason = f"it, or the rest of it, could not be written: {_words(exc)}"
        self._bot.tell(ClipFailed(camera=self._camera, cause=segment.cause, reason=reason))

    def _save_what_is_there(self, entry: _OpenSegment) -> None:
        """The GOPs that were written whole are a clip: the room for its index was reserved before."""
        try:
            entry.spool.truncate(entry.size)
            self._complete(entry.segment, entry.spool, entry.size)
        except (OSError, StreamError) as exc:
            _log.warning("%s: nothing of it can be delivered: %s", self._camera, exc)
            self._set_aside(entry.spool)

    def _set_aside(self, spool: SpoolFile) -> None:
        try:
            _log.warning("%s: what could be written is kept in %s", self._camera, self._files.set_aside(spool))
        except OSError as exc:
            _log.warning("%s: the unfinished file cannot be kept: %s", self._camera, exc)

    def _recover(self, segment: Segment, spool: SpoolFile, size: int) -> None:
        try:
            self._complete(segment, spool, size)
        except StreamError as exc:
            _log.warning("%s: nothing playable in the recording of clip %s: %s", self._camera, segment.clip_id, exc)
            self._set_aside(spool)
        except OSError as exc:
            _log.error("%s: clip %s cannot be recovered: %s", self._camera, segment.clip_id, exc)

    def _complete(self, segment: Segment, spool: SpoolFile, size: int) -> None:
        """Make what is written of a recording a clip, and tell of it."""
        found = recover(spool.read, size)
        spool.truncate(found.truncate_to)
        for patch in found.patches:
            spool.patch(patch.offset, patch.data)
        path, size = spool.commit()
        if found.patches:
            _log.info("%s: recovered clip %s part %d: %s", self._camera, segment.clip_id, segment.part, path)
        self._bot.tell(
            ClipReady(
                segment=segment,
                is_last=False,
                path=path,
                size_bytes=size,
                duration_ms=found.duration_90k * 1000 // TICKS_PER_S,
                width=found.width,
                height=found.height,
                is_recovered=bool(found.patches),
            )
        )


def _most_frames(gop: tuple[AccessUnit, ...], segment_s: float) -> int:
    """How many pictures a segment can come to, as its first GOP tells: a quarter more, and a GOP behind the cut."""
    span_s = seconds(max(unit.pts_90k for unit in gop) - gop[0].pts_90k)
    fps = (len(gop) - 1) / span_s if span_s > 0 else USUAL_FPS
    return math.ceil(1.25 * min(fps, HIGHEST_FPS) * segment_s) + len(gop)


def _words(exc: Exception) -> str:
    """What is wrong, without an error number."""
    return exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
