"""The actor that owns a camera, in the camera's own process."""

import logging
import threading
from types import TracebackType

import pykka

from ratcam.actors.shedding import SheddingQueue
from ratcam.channel import CameraEnd, ChannelClosedError
from ratcam.errors import ChannelError, RatcamError
from ratcam.media.access_unit import is_idr
from ratcam.media.timebase import seconds
from ratcam.messages import (
    AccessUnit,
    CameraId,
    MotionField,
    RequestKeyFrame,
    RunId,
    Snapshot,
    StreamEnded,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.ports import CameraSource, CapturedPicture, Clock, SourceInfo
from ratcam.wire import Heartbeat

_log = logging.getLogger(__name__)

QUEUE_BYTES = 4 << 20
HEARTBEAT_EVERY_S = 1.0
JOIN_S = 1.0
"""How long a thread may take to end when asked; the main process kills what takes longer."""
_MAX_REASON = 2_000


class CameraActor(pykka.ThreadingActor):
    """Streams a source to the main process, from `on_start` until the source ends, fails, or the actor is stopped.

    The stream is a `StreamStarted` with the first picture, the pictures, and a `StreamEnded`, which comes in any case.
    `finished` is set when that has been sent, or nobody is there to read it. The capture loop never waits for the main
    process if `may_shed`. Takes `TakeSnapshot` and `RequestKeyFrame`.
    """

    use_daemon_thread = True

    def __init__(
        self,
        *,
        source: CameraSource,
        channel: CameraEnd,
        camera: CameraId,
        run_id: RunId,
        clock: Clock,
        may_shed: bool,
        finished: threading.Event,
    ) -> None:
        super().__init__()
        self._source = source
        self._channel = channel
        self._camera = camera
        self._run_id = run_id
        self._clock = clock
        self._finished = finished
        self._is_stopping = threading.Event()
        self._queue = SheddingQueue(limit_bytes=QUEUE_BYTES, may_shed=may_shed)
        self._capturing = threading.Thread(target=self._capture, name="capture", daemon=True)
        self._sending = threading.Thread(target=self._send, name="send", daemon=True)

    def on_start(self) -> None:
        """Begin to capture and send."""
        self._sending.start()
        self._capturing.start()

    def on_receive(self, message: object) -> None:
        """Answer a command.

        Raises:
            TypeError: it is not one.
        """
        match message:
            case TakeSnapshot():
                self._queue.put(self._snapshot(message.request_id))
            case RequestKeyFrame():
                self._source.request_key_frame()
            case _:
                raise TypeError(f"CameraActor does not take {type(message).__name__}")

    def on_stop(self) -> None:
        """End the stream; waits `JOIN_S` for each thread."""
        self._is_stopping.set()
        self._capturing.join(JOIN_S)
        self._sending.join(JOIN_S)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the stream."""
        self.on_stop()

    def _snapshot(self, request_id: str) -> Snapshot:
        pts_90k, jpeg, reason = 0, b"", ""
        try:
            pts_90k, jpeg = self._source.still_jpeg()
        except RatcamError as exc:
            reason = str(exc)[:_MAX_REASON]
        return Snapshot(
            camera=self._camera, run_id=self._run_id, request_id=request_id, pts_90k=pts_90k, jpeg=jpeg, reason=reason
        )

    # --- the capture thread -----------------------------------------------------------------------------------------

    def _capture(self) -> None:
        # An exception that nobody expected goes to the log by way of threading.excepthook; the run ends all the same.
        reason, is_final = "the camera process failed; its log says why", False
        try:
            reason, is_final = self._stream()
        finally:
            ended = StreamEnded(
                camera=self._camera, run_id=self._run_id, reason=reason[:_MAX_REASON], is_final=is_final
            )
            self._queue.put(ended)
            self._queue.close()

    def _stream(self) -> tuple[str, bool]:
        """Capture until there is no more: (why, whether there will never be more)."""
        try:
            info = self._source.open()
            try:
                return self._pictures(info)
            finally:
                self._source.close()
        except RatcamError as exc:
            return str(exc), False

    def _pictures(self, info: SourceInfo) -> tuple[str, bool]:
        beat_s: float | None = None
        while not self._is_stopping.is_set():
            picture = self._source.next_picture()
            if picture is None:
                return "the source has come to its end", True
            now_s = self._clock.monotonic_s()
            if beat_s is None:
                beat_s = now_s
                self._queue.put(self._started(info, picture))
            self._put(picture)
            if now_s - beat_s >= HEARTBEAT_EVERY_S:
                beat_s = now_s
                self._queue.put(Heartbeat(run_id=self._run_id, shed_units=self._queue.shed_units))
        return "the camera was stopped", False

    def _started(self, info: SourceInfo, first: CapturedPicture) -> StreamStarted:
        return StreamStarted(
            camera=self._camera,
            run_id=self._run_id,
            width=info.width,
            height=info.height,
            fps=info.fps,
            rotation=info.rotation,
            started_unix_s=self._clock.unix_s() - seconds(first.pts_90k),
        )

    def _put(self, picture: CapturedPicture) -> None:
        if picture.data:
            unit = AccessUnit(
                camera=self._camera,
                run_id=self._run_id,
                pts_90k=picture.pts_90k,
                is_key=is_idr(picture.data),
                data=picture.data,
            )
            self._queue.put(unit)
        if picture.field:
            field = MotionField(
                camera=self._camera,
                run_id=self._run_id,
                pts_90k=picture.field_pts_90k,
                columns=picture.columns,
                rows=picture.rows,
                payload=picture.field,
            )
            self._queue.put(field)

    # --- the sender thread ------------------------------------------------------------------------------------------

    def _send(self) -> None:
        try:
            while (message := self._queue.get()) is not None:
                self._channel.send(message)
        except ChannelClosedError:
            _log.info("The main process is gone.")
        except ChannelError as exc:
            _log.error("The stream cannot go on: %s", exc)
        finally:
            self._queue.close()
            self._is_stopping.set()
            self._finished.set()
