"""The camera as the main process sees it: keeps a run going, whatever happens to the camera process."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from ratcam.actors.camera_run import CameraRun, RunDelivers, RunGone, RunLost
from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.errors import ChannelError
from ratcam.messages import (
    CameraCommand,
    CameraId,
    CameraLost,
    CameraRecovered,
    RequestKeyFrame,
    RunId,
    Snapshot,
    TakeSnapshot,
)
from ratcam.ports import Clock
from ratcam.settings import CameraSettings

_log = logging.getLogger(__name__)

CAMERA_PROCESS = (sys.executable, "-I", "-m", "ratcam.camera_main")
FIRST_WAIT_S = 0.1
LONGEST_WAIT_S = 60.0
HEALTHY_S = 60.0
"""A run that delivered for so long counts as good: the next one starts without a long wait."""
SNAPSHOT_S = 10.0
"""A still that has not come by then will not come."""
ORDERLY_S = 1.5
KILLED_S = 1.0
"""How long a stop waits for an orderly end, and then for a killed process."""


@dataclass(slots=True, kw_only=True)
class Outage:
    """What the incarnations of one camera's proxy, one after the other, know of its being lost."""

    is_lost: bool = False
    """Whether the listeners were told CameraLost and not yet CameraRecovered."""
    is_finished: bool = False
    """Whether the source has come to its end for ever."""
    last_picture_s: float | None = None
    """Monotonic time of the last picture before the outage, or of the beginning if there was none."""


class CameraProxy(Supervised):
    """Starts a run of the camera; when it is lost, starts the next after a wait that doubles, for ever.

    `units` get StreamStarted, AccessUnit and StreamEnded in order, `fields` StreamStarted, MotionField and StreamEnded,
    `listeners` CameraLost once an outage and CameraRecovered with the first picture after it, `snapshots` one Snapshot
    for each TakeSnapshot, at the latest after `SNAPSHOT_S`, empty with a reason when there is none; while there is no
    picture, the request waits for one. Takes TakeSnapshot and RequestKeyFrame. There is never more than one camera
    process. A final StreamEnded is the end: no next run, not even by the next incarnation, which `outage` connects with
    this one. An incarnation that fails is an outage, too.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        settings: CameraSettings,
        camera: CameraId,
        clock: Clock,
        next_run_id: Callable[[], RunId],
        outage: Outage,
        units: tuple[Address, ...],
        fields: tuple[Address, ...],
        listeners: tuple[Address, ...],
        snapshots: tuple[Address, ...],
        has_vectors: bool = False,
        command: tuple[str, ...] = CAMERA_PROCESS,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._settings = settings
        self._camera = camera
        self._clock = clock
        self._next_run_id = next_run_id
        self._units = units
        self._fields = fields
        self._listeners = listeners
        self._snapshots = snapshots
        self._has_vectors = has_vectors
        self._command = command
        self._run: CameraRun | None = None
        self._wait_s = FIRST_WAIT_S
        self._start_at_s: float | None = None
        self._outage = outage
        self._delivers_since_s: float | None = None
        self._is_delivering = False
        self._asked: dict[str, float] = {}

    def on_start(self) -> None:
        """Start the first run, unless the source has come to its end before."""
        if self._outage.last_picture_s is None:
            self._outage.last_picture_s = self._clock.monotonic_s()
        if not self._outage.is_finished:
            self._start_run()

    def on_tick(self, now_s: float) -> None:
        """Start the next run when it is due; give up on stills that do not come."""
        if self._start_at_s is not None and now_s >= self._start_at_s:
            self._start_run()
        for request_id in [key for key, deadline_s in self._asked.items() if now_s >= deadline_s]:
            self._refuse(request_id, "The camera did not answer.")

    def on_receive(self, message: object) -> None:
        """Take a command, or what the run reports.

        Raises:
            TypeError: it is neither.
        """
        match message:
            case TakeSnapshot():
                self._asked[message.request_id] = self._clock.monotonic_s() + SNAPSHOT_S
                if self._outage.is_finished:
                    self._refuse(message.request_id, "The camera has ended.")
                elif self._is_delivering:
                    self._sent(message)
            case RequestKeyFrame():
                self._sent(message)
            case Snapshot():
                if self._asked.pop(message.request_id, None) is not None:
                    self._answer(message)
            case RunDelivers() | RunLost() | RunGone():
                # The mailbox outlives the actor: what an earlier incarnation's run reports is of no interest.
                if self._run is not None and message.run_id == self._run.run_id:
                    self._run_reported(message)
            case _:
                super().on_receive(message)

    def on_stop(self) -> None:
        """End the run within `ORDERLY_S` + `KILLED_S`; the receivers get their StreamEnded."""
        if self._run is None:
            return
        self._run.request_stop()
        if not self._run.join(ORDERLY_S):
            self._end_run_now()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave no camera process behind, tell the listeners, and refuse what was asked for."""
        now_s = self._clock.monotonic_s()
        self._end_run_now()
        if not self._outage.is_finished:
            if self._is_delivering:
                self._outage.last_picture_s = now_s
            self._lost("the camera's watcher failed")
        for request_id in tuple(self._asked):
            self._refuse(request_id, "The camera's watcher failed.")

    def _end_run_now(self) -> None:
        if self._run is not None:
            self._run.kill()
            if not self._run.join(KILLED_S):
                _log.error("camera %s: run %d does not end", self._camera, self._run.run_id)

    def _start_run(self) -> None:
        self._start_at_s = None
        self._delivers_since_s, self._is_delivering = None, False
        run = CameraRun(
            camera=self._camera,
            run_id=self._next_run_id(),
            settings=self._settings,
            has_vectors=self._has_vectors,
            command=self._command,
            clock=self._clock,
            units=self._units,
            fields=self._fields,
            report=self._hear,
        )
        try:
            run.start()
        except OSError as exc:
            self._lost(f"the camera process cannot be started: {exc.strerror or exc}")
            self._schedule()
            return
        self._run = run

    def _hear(self, event: RunDelivers | RunLost | RunGone | Snapshot) -> None:
        """Take a run's report, on the run's thread."""
        if isinstance(event, RunLost) and event.is_final:
            # Here, as the next incarnation does not listen to this run, and must not play the file again.
            self._outage.is_finished = True
        self.address.tell(event)

    def _run_reported(self, event: RunDelivers | RunLost | RunGone) -> None:
        now_s = self._clock.monotonic_s()
        match event:
            case RunDelivers():
                self._delivers_since_s, self._is_delivering = now_s, True
                for request_id in self._asked:
                    self._sent(TakeSnapshot(camera=self._camera, request_id=request_id))
                if self._outage.is_lost:
                    self._outage.is_lost = False
                    blind_s = now_s - (self._outage.last_picture_s or now_s)
                    self._tell(CameraRecovered(camera=self._camera, blind_s=blind_s))
            case RunLost():
                if event.last_picture_s is not None:
                    self._outage.last_picture_s = event.last_picture_s
                self._is_delivering = False
                if event.is_final:
                    for request_id in tuple(self._asked):
                        self._refuse(request_id, "The camera has ended.")
                    _log.info("camera %s has ended: %s", self._camera, event.reason)
                else:
                    self._lost(event.reason)
            case RunGone():
                self._run = None
                if not self._outage.is_finished:
                    self._schedule()

    def _lost(self, reason: str) -> None:
        _log.warning("camera %s is lost: %s", self._camera, reason)
        if not self._outage.is_lost:
            self._outage.is_lost = True
            self._tell(CameraLost(camera=self._camera, reason=reason))

    def _schedule(self) -> None:
        now_s = self._clock.monotonic_s()
        if self._delivers_since_s is not None and now_s - self._delivers_since_s >= HEALTHY_S:
            self._wait_s = FIRST_WAIT_S
        self._start_at_s = now_s + self._wait_s
        self._wait_s = min(LONGEST_WAIT_S, self._wait_s * 2)

    def _sent(self, command: CameraCommand) -> bool:
        if self._run is None:
            return False
        try:
            self._run.send(command)
        except ChannelError:
            # A channel that broke is reported by the pump; a process that hangs falls silent, too.
            return False
        return True

    def _refuse(self, request_id: str, reason: str) -> None:
        self._asked.pop(request_id, None)
        run_id = RunId(0) if self._run is None else self._run.run_id
        self._answer(
            Snapshot(camera=self._camera, run_id=run_id, request_id=request_id, pts_90k=0, jpeg=b"", reason=reason)
        )

    def _answer(self, snapshot: Snapshot) -> None:
        for receiver in self._snapshots:
            receiver.tell(snapshot)

    def _tell(self, message: CameraLost | CameraRecovered) -> None:
        for listener in self._listeners:
            listener.tell(message)
