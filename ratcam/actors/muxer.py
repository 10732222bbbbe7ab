"""MuxerActor: owns the files of recordings; turns the GOPs of a segment into a playable MP4."""

import logging
import time
from dataclasses import dataclass

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.media.errors import StreamError
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import recover
from ratcam.media.timebase import TICKS_PER_S
from ratcam.messages import CameraId, ClipFailed, ClipId, ClipReady, Segment, SegmentAppended, SegmentClosed
from ratcam.ports import ClipFiles, SpoolFile

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _OpenSegment:
    """A segment whose file is open."""

    segment: Segment
    spool: SpoolFile
    recording: Mp4Recording
    mux_s: float = 0.0


class MuxerActor(Supervised):
    """Appends each GOP to the segment's spool file, commits the file at its end, recovers leftovers at its start.

    Takes SegmentAppended and SegmentClosed; tells the bot ClipReady and ClipFailed. A ClipReady may be told again after
    a restart for a clip that was not handed over yet: its path is the same. A disk that fails costs the segment that it
    failed on, of which the person waiting is told, and nothing else.
    """

    def __init__(
        self, *, address: Address, on_death: OnDeath, camera: CameraId, files: ClipFiles, bot: Address
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._files = files
        self._bot = bot
        self._open: dict[tuple[ClipId, int], _OpenSegment] = {}
        self._failed: set[ClipId] = set()

    def on_start(self) -> None:
        """Finish what a crash left unfinished, and tell about every clip that is still here."""
        for segment, spool, size in self._files.leftovers():
            self._recover(segment, spool, size)

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case SegmentAppended():
                self._append(message)
            case SegmentClosed():
                self._close(message)
            case _:
                super().on_receive(message)

    def on_stop(self) -> None:
        """Finish what is still open; the recorder has closed everything it knew of before."""
        for entry in tuple(self._open.values()):
            self._close(SegmentClosed(segment=entry.segment, is_last=True, end_pts_90k=None))

    def _append(self, message: SegmentAppended) -> None:
        segment = message.segment
        if segment.clip_id in self._failed:
            return
        began_s = time.monotonic()
        entry = None
        try:
            entry = self._open.get((segment.clip_id, segment.part)) or self._begin(message)
            entry.spool.append(entry.recording.append(message.units))
            entry.mux_s += time.monotonic() - began_s
        except (OSError, StreamError) as exc:
            self._fail(segment, exc)

    def _begin(self, message: SegmentAppended) -> _OpenSegment:
        segment = message.segment
        recording = Mp4Recording(
            first=message.units[0].data,
            created_unix_s=int(segment.started_unix_s),
            title=f"{segment.camera} {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(segment.started_unix_s))}",
        )
        entry = _OpenSegment(segment, self._files.create(segment), recording)
        entry.spool.append([recording.header()])
        self._open[segment.clip_id, segment.part] = entry
        return entry

    def _close(self, message: SegmentClosed) -> None:
        segment = message.segment
        entry = self._open.pop((segment.clip_id, segment.part), None)
        if message.is_last:
            self._failed.discard(segment.clip_id)
        if entry is None:
            return
        began_s = time.monotonic()
        try:
            for patch in entry.recording.finish(message.end_pts_90k):
                entry.spool.patch(patch.offset, patch.data)
            path, size = entry.spool.commit()
        except (OSError, StreamError) as exc:
            self._fail(segment, exc)
            return
        entry.mux_s += time.monotonic() - began_s
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
            self._set_aside(entry.spool)
        self._failed.add(segment.clip_id)
        self._bot.tell(ClipFailed(camera=self._camera, cause=segment.cause, reason=f"it could not be written: {exc}"))

    def _set_aside(self, spool: SpoolFile) -> None:
        try:
            _log.warning("%s: what could be written is kept in %s", self._camera, self._files.set_aside(spool))
        except OSError as exc:
            _log.warning("%s: the unfinished file cannot be kept: %s", self._camera, exc)

    def _recover(self, segment: Segment, spool: SpoolFile, size: int) -> None:
        try:
            found = recover(spool.read, size)
            spool.truncate(found.truncate_to)
            for patch in found.patches:
                spool.patch(patch.offset, patch.data)
            path, size = spool.commit()
        except StreamError as exc:
            _log.warning("%s: nothing playable in the recording of clip %s: %s", self._camera, segment.clip_id, exc)
            self._set_aside(spool)
            return
        except OSError as exc:
            _log.error("%s: clip %s cannot be recovered: %s", self._camera, segment.clip_id, exc)
            return
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
