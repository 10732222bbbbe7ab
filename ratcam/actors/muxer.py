"""MuxerActor: owns the files of recordings; turns the GOPs of a segment into a playable MP4."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.errors import CameraError, MissingDependencyError
from ratcam.media.errors import StreamError
from ratcam.media.expectation import expected_frames, expected_gop_frames
from ratcam.media.first_picture import FirstPicture, first_picture
from ratcam.media.mp4 import Mp4Recording, Patch
from ratcam.media.recovery import Recovery, recover
from ratcam.media.timebase import TICKS_PER_S
from ratcam.messages import (
    AccessUnit,
    CameraId,
    ClipFailed,
    ClipId,
    ClipReady,
    RecorderStarted,
    RequestKeyFrame,
    Segment,
    SegmentAppended,
    SegmentClosed,
)
from ratcam.ports import ClipFiles, Clock, SpoolFile, ThumbnailMaker

_log = logging.getLogger(__name__)

_BEGINNING = 44
"""Bytes of a file that its last patch changes if any: the ftyp box, and size and type of the room for the index."""
LEFTOVER_THUMBNAILS_S = 5.0
"""So long a start may take to make thumbnails anew for clips that were finished before it. They have them already, but
for the few whose news the crash has swallowed; and there may be hundreds, if the chats have not been reached for days.
"""


@dataclass(slots=True)
class _OpenSegment:
    """A segment whose file is open."""

    segment: Segment
    spool: SpoolFile
    recording: Mp4Recording
    first_unit: bytes
    """The key unit it begins with."""
    mux_s: float = 0.0
    size: int = 0
    """Bytes that are written whole: the header and GOPs."""

    def append(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Write at the end; counts only if all of it was written."""
        self.spool.append(buffers)
        self.size += sum(len(buffer) for buffer in buffers)


@dataclass(slots=True)
class _Loss:
    """Parts of a clip, one behind the other, that cannot be written."""

    segment: Segment
    """The newest of them."""
    reason: str
    is_told: bool


class MuxerActor(Supervised):
    """Appends each GOP to the segment's spool file, commits the file at its end, recovers leftovers at its start.

    Takes SegmentAppended, SegmentClosed and RecorderStarted in order; tells the bot ClipReady and ClipFailed. A
    ClipReady may be told again after a restart for a clip that was not handed over yet: its path is the same. So it is,
    as the last, when nothing came of a clip after the part that was told, also because its recorder died.

    A disk that fails costs the rest of the segment that it failed on: what was written whole before is delivered, and
    later parts of the clip are tried again. Of a clip's parts that are lost one behind the other the first is told when
    it is closed, and the last one if nothing else tells the clip's end.

    The rest of a segment that an earlier incarnation has begun becomes a file of its own, from the next key frame on:
    up to there nothing is recorded, so the camera's proxy is told RequestKeyFrame. A clip whose thumbnail cannot be
    made goes without.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        camera: CameraId,
        files: ClipFiles,
        thumbnails: ThumbnailMaker,
        clock: Clock,
        segment_s: float,
        max_bytes: int,
        proxy: Address,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._files = files
        self._thumbnails: ThumbnailMaker | None = thumbnails
        """None from when it is known that there is no decoder."""
        self._clock = clock
        self._segment_s = segment_s
        self._max_bytes = max_bytes
        self._proxy = proxy
        self._bot = bot
        self._open: dict[tuple[ClipId, int], _OpenSegment] = {}
        self._awaits_key: set[tuple[ClipId, int]] = set()
        """The segments that begin with their next key frame, which was asked for."""
        self._failed: dict[ClipId, _Loss] = {}
        """The clips whose newest part cannot be written."""
        self._told: dict[ClipId, ClipReady] = {}
        """The newest part of each clip of which more may come."""
        self._leftover_thumbnails_s = LEFTOVER_THUMBNAILS_S

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
        segments = [loss.segment for loss in self._failed.values()] + [clip.segment for clip in self._told.values()]
        for segment in segments:
            self._end_clip(segment)
        self._awaits_key.clear()

    def _append(self, message: SegmentAppended) -> None:
        segment = message.segment
        loss = self._failed.get(segment.clip_id)
        if loss is not None and loss.segment.part == segment.part:
            return
        began_s = self._clock.monotonic_s()
        try:
            entry = self._open.get((segment.clip_id, segment.part))
            units = message.units
            if entry is None:
                units = _from_key(units)
                if not units:
                    # The rest of a GOP whose beginning an earlier incarnation has taken.
                    self._request_key_frame(segment)
                    return
                entry = self._begin(segment, units)
            entry.append(entry.recording.append(units))
            entry.mux_s += self._clock.monotonic_s() - began_s
        except (OSError, StreamError) as exc:
            self._fail(segment, exc)

    def _request_key_frame(self, segment: Segment) -> None:
        name = segment.clip_id, segment.part
        if name not in self._awaits_key:
            self._awaits_key.add(name)
            self._proxy.tell(RequestKeyFrame(camera=self._camera))

    def _begin(self, segment: Segment, units: tuple[AccessUnit, ...]) -> _OpenSegment:
        recording = Mp4Recording(
            first=units[0].data,
            created_unix_s=int(segment.started_unix_s),
            expected_frames=expected_frames(units, segment_s=self._segment_s, max_bytes=self._max_bytes),
            gop_frames=expected_gop_frames(units),
            rotation=segment.rotation,
            title=f"{segment.camera} {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(segment.started_unix_s))}",
        )
        entry = _OpenSegment(segment, self._files.create(segment), recording, units[0].data)
        # Before anything is written: what fails is set aside, and that needs to be known.
        self._open[segment.clip_id, segment.part] = entry
        entry.append([recording.header()])
        return entry

    def _close(self, message: SegmentClosed) -> None:
        segment = message.segment
        self._awaits_key.discard((segment.clip_id, segment.part))
        entry = self._open.get((segment.clip_id, segment.part))
        if entry is not None:
            self._finish(entry, message)
        if message.is_last:
            self._end_clip(segment)
        elif (loss := self._failed.get(segment.clip_id)) is not None and not loss.is_told:
            self._tell_loss(loss, is_last=False)

    def _end_clip(self, segment: Segment) -> None:
        """See that the bot knows that nothing more comes of a clip. Idempotent."""
        loss, told = self._failed.pop(segment.clip_id, None), self._told.pop(segment.clip_id, None)
        if loss is not None and (told is None or not loss.is_told):
            self._tell_loss(loss, is_last=True)
        elif told is not None:
            self._bot.tell(replace(told, is_last=True))

    def _tell_loss(self, loss: _Loss, *, is_last: bool) -> None:
        loss.is_told = True
        self._bot.tell(ClipFailed(camera=self._camera, cause=loss.segment.cause, reason=loss.reason, is_last=is_last))

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
        began_s = self._clock.monotonic_s()
        thumbnail = self._thumbnail(segment, (message.cover, entry.first_unit), segment.rotation)
        _log.info(
            "%s: clip %s part %d: %.1f s, %d pictures, %d bytes, %d timestamps repaired, muxed in %.0f ms, "
            "thumbnail of %d bytes in %.0f ms",
            self._camera,
            segment.clip_id,
            segment.part,
            recording.duration_90k / TICKS_PER_S,
            recording.frames,
            size,
            recording.repaired,
            entry.mux_s * 1000,
            len(thumbnail),
            (self._clock.monotonic_s() - began_s) * 1000,
        )
        self._tell(
            ClipReady(
                segment=segment,
                is_last=message.is_last,
                path=path,
                size_bytes=size,
                duration_ms=recording.duration_90k * 1000 // TICKS_PER_S,
                width=recording.width,
                height=recording.height,
                thumbnail_jpeg=thumbnail,
            )
        )

    def _tell(self, clip: ClipReady) -> None:
        self._told.pop(clip.segment.clip_id, None)
        if not clip.is_last:
            self._told[clip.segment.clip_id] = replace(clip, thumbnail_jpeg=b"")
        self._bot.tell(clip)

    def _thumbnail(self, segment: Segment, key_units: tuple[bytes, ...], rotation: int) -> bytes:
        """A picture of the first key unit that gives one, to stand for a clip; empty if none does: the clip goes on."""
        reason = "there is no picture to make it of"
        for unit in filter(None, key_units):
            if self._thumbnails is None:
                return b""
            try:
                return self._thumbnails.jpeg_of(unit, rotation)
            except CameraError as exc:
                reason = str(exc)
            except MissingDependencyError as exc:
                self._thumbnails = None
                _log.warning("%s: the clips have no thumbnails. %s", self._camera, exc)
            except Exception as exc:  # noqa: BLE001 - a bug
                # The clip is a leftover until it is sent: each start would end here, and so would the daemon.
                reason = repr(exc)
                _log.exception("%s: a thumbnail hit a bug in Ratcam", self._camera)
        _log.warning("%s: clip %s part %d has no thumbnail: %s", self._camera, segment.clip_id, segment.part, reason)
        return b""

    def _fail(self, segment: Segment, exc: Exception) -> None:
        _log.error("%s: clip %s part %d cannot be written: %s", self._camera, segment.clip_id, segment.part, exc)
        entry = self._open.pop((segment.clip_id, segment.part), None)
        if entry is not None:
            self._save_what_is_there(entry)
        sooner = self._failed.get(segment.clip_id)
        reason = f"it, or the rest of it, could not be written: {_words(exc)}"
        self._failed[segment.clip_id] = _Loss(segment, reason, sooner is not None and sooner.is_told)

    def _save_what_is_there(self, entry: _OpenSegment) -> None:
        """The GOPs that were written whole are a clip: the room for its index was reserved before."""
        try:
            entry.spool.truncate(entry.size)
            found = recover(entry.spool.read, entry.size)
            try:
                clip = self._complete(entry.segment, entry.spool, found)
            except OSError as exc:
                _log.warning("%s: the clip has no index of its own, as it cannot be written: %s", self._camera, exc)
                clip = self._as_it_is(entry, found)
            self._tell(replace(clip, is_recovered=False, is_cut_short=True))
        except (OSError, StreamError) as exc:
            _log.warning("%s: nothing of it can be delivered: %s", self._camera, exc)
            self._set_aside(entry.spool)

    def _as_it_is(self, entry: _OpenSegment, found: Recovery) -> ClipReady:
        """Commit a file that is fragmented, and as such playable, because nothing can be written any more."""
        began = entry.recording.header()[:_BEGINNING]
        if entry.spool.read(0, len(began)) == began:  # else only the sync of its last patch failed: it has its index
            entry.spool.truncate(entry.size)
        return self._committed(entry.segment, entry.spool, found, entry.size)

    def _set_aside(self, spool: SpoolFile) -> None:
        try:
            _log.warning("%s: what could be written is kept in %s", self._camera, self._files.set_aside(spool))
        except OSError as exc:
            _log.warning("%s: the unfinished file cannot be kept: %s", self._camera, exc)

    def _recover(self, segment: Segment, spool: SpoolFile, size: int) -> None:
        try:
            self._tell(self._complete(segment, spool, recover(spool.read, size)))
        except StreamError as exc:
            _log.warning("%s: nothing playable in the recording of clip %s: %s", self._camera, segment.clip_id, exc)
            self._set_aside(spool)
        except OSError as exc:
            _log.error("%s: clip %s cannot be recovered: %s", self._camera, segment.clip_id, exc)

    def _complete(self, segment: Segment, spool: SpoolFile, found: Recovery) -> ClipReady:
        """Make what is written of a recording a clip: not the last of its cause, as more may come of it."""
        spool.truncate(found.truncate_to)
        for patch in found.patches:
            spool.patch(patch.offset, patch.data)
        return self._committed(segment, spool, found, max([found.truncate_to, *map(_end_of, found.patches)]))

    def _committed(self, segment: Segment, spool: SpoolFile, found: Recovery, size: int) -> ClipReady:
        """Commit a playable file of `size` bytes in which that was found."""
        picture = self._first_picture(segment, spool, size)
        path, size = spool.commit()
        if found.patches:
            _log.info("%s: recovered clip %s part %d: %s", self._camera, segment.clip_id, segment.part, path)
        return ClipReady(
            segment=segment,
            is_last=False,
            path=path,
            size_bytes=size,
            duration_ms=found.duration_90k * 1000 // TICKS_PER_S,
            width=found.width,
            height=found.height,
            thumbnail_jpeg=self._leftover_thumbnail(segment, picture, is_new=bool(found.patches)),
            is_recovered=bool(found.patches),
        )

    def _leftover_thumbnail(self, segment: Segment, picture: FirstPicture | None, *, is_new: bool) -> bytes:
        """The thumbnail of a clip that was not told of, if `is_new`, or of one told again, while there is time."""
        if picture is None or not (is_new or self._leftover_thumbnails_s > 0):
            return b""
        began_s = self._clock.monotonic_s()
        thumbnail = self._thumbnail(segment, (picture.data,), picture.rotation)
        if not is_new:
            self._leftover_thumbnails_s -= self._clock.monotonic_s() - began_s
        return thumbnail

    def _first_picture(self, segment: Segment, spool: SpoolFile, size: int) -> FirstPicture | None:
        try:
            return first_picture(spool.read, size)
        except (OSError, StreamError) as exc:
            _log.warning("%s: clip %s part %d has no thumbnail: %s", self._camera, segment.clip_id, segment.part, exc)
            return None


def _from_key(units: tuple[AccessUnit, ...]) -> tuple[AccessUnit, ...]:
    """The units from the first key unit on."""
    return units[next((n for n, unit in enumerate(units) if unit.is_key), len(units)) :]


def _end_of(patch: Patch) -> int:
    return patch.offset + len(patch.data)


def _words(exc: Exception) -> str:
    """What is wrong, without an error number."""
    return exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
