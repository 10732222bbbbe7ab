"""One run of a camera: a process, its channel, and the thread that pumps its stream to the receivers."""

import contextlib
import logging
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

from ratcam.actors.stream_feed import StreamFeed
from ratcam.actors.supervised import Address
from ratcam.channel import ChannelClosedError, MainEnd
from ratcam.errors import ChannelError
from ratcam.messages import (
    AccessUnit,
    CameraCommand,
    CameraId,
    MotionField,
    RunId,
    Snapshot,
    StreamEnded,
    StreamStarted,
)
from ratcam.ports import Clock
from ratcam.settings import CameraSettings
from ratcam.wire import Configure, FromCamera, Heartbeat, Stop

_log = logging.getLogger(__name__)

EXIT_S = 1.0
"""How long a camera process that has ended its stream may take to exit by itself."""
WEDGED_S = 5.0
"""A killed process that is not gone by then sits in the kernel; the wait goes on, up to `LONGEST_WAIT_S` at a time."""
LONGEST_WAIT_S = 60.0
_KEPT_FROM_CHILD = ("NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "RATCAM_TELEGRAM_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDelivers:
    """The first picture of a run has come."""

    run_id: RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLost:
    """A run delivers no more. `last_picture_s`: monotonic time of its last picture, None if it had none."""

    run_id: RunId
    reason: str
    is_final: bool
    last_picture_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunGone:
    """A lost run's process has certainly ended: another may start."""

    run_id: RunId


RunEvent = RunDelivers | RunLost | RunGone


class CameraRun:
    """Starts a camera process and feeds its stream on until it ends, fails or falls silent; then kills and buries it.

    Each receiver gets StreamStarted first and StreamEnded last, exactly once, or neither if the run never started.
    `report` is called on the run's own thread: `RunDelivers` at most once, every `Snapshot`, then `RunLost`, then
    `RunGone`.
    """

    def __init__(
        self,
        *,
        camera: CameraId,
        run_id: RunId,
        settings: CameraSettings,
        has_vectors: bool,
        command: tuple[str, ...],
        clock: Clock,
        units: tuple[Address, ...],
        fields: tuple[Address, ...],
        report: Callable[[RunEvent | Snapshot], None],
    ) -> None:
        self.run_id = run_id
        self._camera = camera
        self._settings = settings
        self._has_vectors = has_vectors
        self._command = command
        self._clock = clock
        self._report = report
        self._is_hurried = threading.Event()
        may_drop = settings.pace != "fast"
        self._units = [StreamFeed(a, may_drop=may_drop, is_hurried=self._is_hurried) for a in units]
        self._fields = [StreamFeed(a, may_drop=may_drop, is_hurried=self._is_hurried) for a in fields]
        self._has_started = False
        self._last_picture_s: float | None = None
        self._shed_units = 0
        self._channel: MainEnd | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._pump = threading.Thread(target=self._run, name=f"pump {camera} {run_id}", daemon=True)

    def start(self) -> None:
        """Start the process and the thread.

        Raises:
            OSError: the process cannot be started. One that ends at once is reported like any that ends.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._channel = MainEnd(ours, camera=self._camera, run_id=self.run_id)
            try:
                # Never forked: a fork copies locks that other threads hold. A session of its own, so that Ctrl-C on the
                # terminal reaches this process only, which then ends its cameras in order.
                self._process = subprocess.Popen(
                    (*self._command, "--fd", str(theirs.fileno())),
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=_child_environment(),
                    start_new_session=True,
                )
            except OSError:
                self._channel.close()
                raise
        # A process that is already gone shows on the pump's first read.
        with contextlib.suppress(ChannelError):
            self._channel.send(
                Configure(
                    camera=self._camera, run_id=self.run_id, settings=self._settings, has_vectors=self._has_vectors
                )
            )
        self._pump.start()

    def send(self, command: CameraCommand) -> None:
        """Send a command.

        Raises:
            ChannelError: the camera process is gone, or does not read and has not been sent it.
        """
        if self._channel is None:
            raise ChannelError("The camera is not running.")
        self._channel.send(command)

    def request_stop(self) -> None:
        """Ask the camera process to end its stream in order; what is under way is still fed on."""
        with contextlib.suppress(ChannelError):
            if self._channel is not None:
                self._channel.send(Stop())

    def kill(self) -> None:
        """End the run now: receivers that do not take what is left at once lose it. Idempotent."""
        self._is_hurried.set()
        if self._process is not None:
            self._process.kill()
        if self._channel is not None:
            self._channel.shutdown()

    def join(self, timeout_s: float) -> bool:
        """Wait until the process and the thread are gone; False if they are not yet."""
        if self._pump.ident is not None:
            self._pump.join(timeout_s)
        return not self._pump.is_alive()

    # --- the pump thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        channel, process = self._channel, self._process
        if channel is None or process is None:
            return
        reason, is_final, is_orderly = "the main process failed to handle the stream", False, False
        try:
            reason, is_final, is_orderly = self._read(channel, process)
        finally:
            channel.shutdown()
            if is_orderly:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(EXIT_S)
            process.kill()
            self._close_run(reason, is_final=is_final)
            self._bury(process)
            channel.close()
            self._report(RunGone(run_id=self.run_id))

    def _read(self, channel: MainEnd, process: subprocess.Popen[bytes]) -> tuple[str, bool, bool]:
        """Feed the stream on until it ends: (why, whether that is final, whether the process said so itself)."""
        alive_s = self._clock.monotonic_s()
        while True:
            try:
                message = channel.receive()
                if isinstance(message, StreamEnded):
                    return message.reason, message.is_final, True
                is_alive = message is not None and self._take(message)
            except ChannelClosedError:
                return _how_it_ended(process), False, False
            except ChannelError as exc:
                return str(exc), False, False
            now_s = self._clock.monotonic_s()
            if is_alive:
                alive_s = now_s
                continue
            # Only here, with nothing left to read: time in which *this* process stood still is not held against it.
            has_pictures = self._last_picture_s is not None
            limit_s = self._settings.stall_timeout_s if has_pictures else self._settings.start_timeout_s
            if now_s - alive_s > limit_s:
                return f"no picture for {limit_s:g} s", False, False

    def _take(self, message: FromCamera) -> bool:
        """Handle one message; whether it shows that the capture loop is alive."""
        match message:
            case StreamStarted():
                if self._has_started:
                    raise ChannelError("The camera process began its stream twice.")
                self._has_started = True
                for feed in (*self._units, *self._fields):
                    feed.mark(message)
                return True
            case AccessUnit() | MotionField():
                self._feed(message)
                return True
            case Heartbeat():
                if message.shed_units > self._shed_units:
                    shed = message.shed_units - self._shed_units
                    _log.warning("camera %s shed %d pictures: they were not read in time", self._camera, shed)
                    self._shed_units = message.shed_units
                return True
            case Snapshot():
                self._report(message)
                return False
            case _:
                raise ChannelError(f"The camera process sent {type(message).__name__} out of place.")

    def _feed(self, message: AccessUnit | MotionField) -> None:
        if not self._has_started:
            raise ChannelError("The camera process sent pictures before it began its stream.")
        if self._last_picture_s is None:
            self._report(RunDelivers(run_id=self.run_id))
        self._last_picture_s = self._clock.monotonic_s()
        for feed in self._units if isinstance(message, AccessUnit) else self._fields:
            feed.data(message)

    def _close_run(self, reason: str, *, is_final: bool) -> None:
        if self._has_started:
            ended = StreamEnded(camera=self._camera, run_id=self.run_id, reason=reason, is_final=is_final)
            for feed in (*self._units, *self._fields):
                feed.mark(ended)
        self._report(RunLost(run_id=self.run_id, reason=reason, is_final=is_final, last_picture_s=self._last_picture_s))

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        wait_s = WEDGED_S
        while True:
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                _log.error(
                    "camera %s: process %d was killed and does not die; no other is started (reboot if it stays)",
                    self._camera,
                    process.pid,
                )
                wait_s = min(LONGEST_WAIT_S, wait_s * 2)
            else:
                return


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    try:
        status = process.wait(EXIT_S)
    except subprocess.TimeoutExpired:
        return "the camera process closed its channel"
    if status < 0:
        return f"the camera process was killed by signal {-status}"
    return f"the camera process ended with status {status}"


def _child_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _KEPT_FROM_CHILD and not name.startswith("WATCHDOG_")
    }
