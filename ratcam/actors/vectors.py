"""VectorActor: keeps the motion fields of the last nights, so that they can be detected on once more."""

import logging
from dataclasses import dataclass, field
from types import TracebackType

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.messages import CameraId, MotionField, RunId, StreamEnded, StreamStarted
from ratcam.ports import Clock, KeptVectors

_log = logging.getLogger(__name__)

MOST_WAITING = 256
"""Fields that may wait here, and their bytes; beyond that they are shed: nobody waits for what is merely kept."""
MOST_WAITING_BYTES = 8_000_000
RETRY_S = 60.0
"""How long nothing is kept after the disk refused."""
SILENCE_S = 10.0
"""After so long without a field what waits is written, however little it is."""
_KNOWN_RUNS = 4


@dataclass(slots=True)
class RunStarts:
    """What the incarnations of one camera's VectorActor, one after the other, know of the newest runs."""

    starts: dict[RunId, StreamStarted] = field(default_factory=dict[RunId, StreamStarted])

    def add(self, start: StreamStarted) -> None:
        """Remember a run's beginning; the oldest are forgotten."""
        self.starts[start.run_id] = start
        while len(self.starts) > _KNOWN_RUNS:
            del self.starts[next(iter(self.starts))]


class VectorsAddress(Address):
    """An address that never keeps anyone waiting: a field that finds no room is shed and counted.

    The beginning and the end of a run take the control lane and always arrive; they may overtake fields of the run
    before, which carry its number.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, data_limit=MOST_WAITING, data_bytes=MOST_WAITING_BYTES)
        self.shed = 0

    def feed(self, message: object, timeout_s: float, *, size: int = 0) -> bool:
        """Take a message at once, whatever the limit; always True."""
        if not isinstance(message, MotionField):
            self.tell(message)
        elif not super().feed(message, 0.0, size=len(message.payload)):
            self.shed += 1
        return True


class VectorActor(Supervised):
    """Hands a camera's fields to where they are kept. A disk that refuses is logged once and tried again later.

    That it takes them again is logged as well, and so is its next refusal.
    """

    def __init__(
        self,
        *,
        address: VectorsAddress,
        on_death: OnDeath,
        camera: CameraId,
        runs: RunStarts,
        vectors: KeptVectors,
        clock: Clock,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._camera = camera
        self._runs = runs
        self._vectors = vectors
        self._clock = clock
        self._lane = address
        self._told_shed = address.shed
        self._has_failed_to_keep = False
        self._retry_s = 0.0
        self._kept_s: float | None = None
        """When the newest field was kept that may not be on disk yet."""

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case MotionField():
                self._keep(message)
            case StreamStarted():
                self._runs.add(message)
            case StreamEnded():
                pass  # fields of that run may still wait in the other lane
            case _:
                super().on_receive(message)

    def on_tick(self, now_s: float) -> None:
        """Write what has waited since the camera fell silent; say that fields were shed."""
        if self._kept_s is not None and now_s - self._kept_s >= SILENCE_S:
            self._kept_s = None
            try:
                self._written(self._vectors.flush())
            except OSError as exc:
                self._refused(exc)
        if self._lane.shed > self._told_shed and self._told_shed == 0:
            _log.warning("%s: the disk is too slow to keep all motion fields; some are left out", self._camera)
        self._told_shed = self._lane.shed

    def on_stop(self) -> None:
        """Write what waits."""
        self._close()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what waits: the next incarnation begins a new file."""
        self._close()

    def _keep(self, field: MotionField) -> None:
        start = self._runs.starts.get(field.run_id)
        if start is None or (self._has_failed_to_keep and self._clock.monotonic_s() < self._retry_s):
            return
        self._kept_s = self._clock.monotonic_s()
        try:
            self._written(self._vectors.append(start, field))
        except OSError as exc:
            self._refused(exc)

    def _close(self) -> None:
        try:
            self._vectors.close()
        except OSError as exc:
            self._refused(exc)

    def _written(self, is_written: bool) -> None:
        if is_written and self._has_failed_to_keep:
            self._has_failed_to_keep = False
            _log.info("%s: motion fields are kept again", self._camera)

    def _refused(self, exc: OSError) -> None:
        if not self._has_failed_to_keep:
            _log.error("%s: motion fields cannot be kept at the moment: %s", self._camera, exc.strerror or exc)
        self._has_failed_to_keep = True
        self._retry_s = self._clock.monotonic_s() + RETRY_S
