"""The pictures of a camera's motion events: which moment each shows, and which still is awaited for it."""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ratcam.actors.supervised import Address
from ratcam.media.timebase import ticks
from ratcam.messages import CameraId, EventId, MotionPeaked, RunId, Sighting, Snapshot, TakeSnapshot
from ratcam.motion.heat_map import HeatMapError, render
from ratcam.motion.settings import MotionSettings

_log = logging.getLogger(__name__)

STILL_PATIENCE_S = 5.0
"""A still that has not come after so much media time was lost, it seems: another is asked for."""
ASK_EVERY_S = 1.0
"""How often, in media time, a still is asked for while none has come: a camera that fails must not be flooded."""
LATE_PICTURES = 4
"""Pictures of past events that may wait for their stills; of more than that the oldest goes without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A strong moment of an event, as far as a heat map needs it."""

    seen: Sighting
    accumulator: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """A still that was asked for."""

    moment: _Moment
    """What it is to show."""
    request_id: str
    asked_90k: int


@dataclass(slots=True, kw_only=True)
class _EventPicture:
    """The making of an event's heat map: the strongest moment whose still is here, and a stronger one that waits."""

    event_id: EventId
    run_id: RunId
    size: tuple[int, int]
    rotation: int
    started_unix_s: float
    due_90k: int
    shown: _Moment | None = None
    """The strongest moment whose still is here: `still_jpeg`."""
    still_jpeg: bytes = b""
    awaited: _Request | None = None
    """Of a stronger one: its still is under way."""
    waiting: _Moment | None = None
    """The strongest one of all, while no still of it is here or under way."""
    asked_90k: int | None = None
    """When a still was asked for last."""
    has_failed: bool = False
    """The newest answer was no still."""

    def peak(self, moment: _Moment) -> None:
        """This is the strongest moment so far."""
        self.waiting = moment

    def ask(self, now_90k: int) -> str:
        """The id of the still that is to be asked for now, for the strongest moment; empty if none is."""
        if self.awaited is not None:
            if now_90k - self.awaited.asked_90k < ticks(STILL_PATIENCE_S):
                return ""
            self._missed(self.awaited)
        is_soon = self.asked_90k is not None and now_90k - self.asked_90k < ticks(ASK_EVERY_S)
        if self.waiting is None or (self.has_failed and is_soon):
            return ""
        request_id = f"motion:{self.event_id}:{now_90k}"
        self.awaited = _Request(moment=self.waiting, request_id=request_id, asked_90k=now_90k)
        self.waiting, self.asked_90k = None, now_90k
        return request_id

    def take(self, snapshot: Snapshot) -> bool:
        """Take the awaited still; False if the snapshot is not the answer. A still of another run shows nothing."""
        awaited = self.awaited
        if awaited is None or awaited.request_id != snapshot.request_id:
            return False
        self.has_failed = not (snapshot.jpeg and snapshot.run_id == self.run_id)
        if self.has_failed:
            self._missed(awaited)
        else:
            self.awaited = None
            self.shown, self.still_jpeg = awaited.moment, snapshot.jpeg
        return True

    def _missed(self, awaited: _Request) -> None:
        """No still has come for a moment: it waits again, unless a stronger one does."""
        self.awaited = None
        self.waiting = self.waiting or awaited.moment


class EventPictures:
    """Asks for stills at the peaks of the running event, and tells the bot one heat map of each event.

    It shows the strongest moment of the event's first `picture_after_s` whose still is here by then, else the first
    whose still comes; that may be after the event's end. One still is under way at a time: a stronger moment meanwhile
    is asked for when that has come. While none comes, the strongest moment is asked for again as long as the event
    lasts.
    """

    def __init__(self, *, camera: CameraId, settings: MotionSettings, proxy: Address, bot: Address) -> None:
        self._camera = camera
        self._settings = settings
        self._proxy = proxy
        self._bot = bot
        self._running: _EventPicture | None = None
        self._late: list[_EventPicture] = []
        """Of past events, oldest first."""
        self._newest_90k = 0

    def begin(
        self,
        event_id: EventId,
        run_id: RunId,
        *,
        size: tuple[int, int],
        rotation: int,
        start_90k: int,
        started_unix_s: float,
    ) -> None:
        """An event begins. Its coded pictures have `size` in pixels; stills are turned by `rotation` clockwise."""
        self._running = _EventPicture(
            event_id=event_id,
            run_id=run_id,
            size=size,
            rotation=rotation,
            started_unix_s=started_unix_s,
            due_90k=start_90k + ticks(self._settings.picture_after_s),
        )

    def go_on(self, now_90k: int, *, peak: Sighting | None, accumulator: npt.NDArray[np.float32]) -> None:
        """The next picture of the running event; `peak` is what it shows if it is the strongest so far.

        Nobody may change the accumulator afterwards, as is true of a detector's.
        """
        self._newest_90k = now_90k
        picture = self._running
        if picture is None or self._send_if_due(picture):
            return
        if peak is not None:
            picture.peak(_Moment(seen=peak, accumulator=accumulator))
        self._ask(picture)

    def take(self, snapshot: Snapshot) -> None:
        """A still has come, maybe for one of these."""
        if self._running is not None and self._running.take(snapshot):
            if not self._send_if_due(self._running):
                self._ask(self._running)
            return
        for picture in self._late:
            if picture.take(snapshot):
                self._late.remove(picture)
                self._finish(picture)
                return

    def end(self) -> None:
        """The event is over: send its picture now, or when its still arrives."""
        picture, self._running = self._running, None
        if picture is not None:
            self._finish(picture)

    def _ask(self, picture: _EventPicture) -> None:
        request_id = picture.ask(self._newest_90k)
        if request_id:
            self._proxy.tell(TakeSnapshot(camera=self._camera, request_id=request_id))

    def _send_if_due(self, picture: _EventPicture) -> bool:
        if self._newest_90k < picture.due_90k or picture.shown is None:
            return False
        self._running = None
        self._send(picture, picture.shown)
        return True

    def _finish(self, picture: _EventPicture) -> None:
        if picture.shown is not None:
            self._send(picture, picture.shown)
        elif picture.awaited is not None:
            self._late.append(picture)
            if len(self._late) > LATE_PICTURES:
                self._go_without(self._late.pop(0))
        else:
            self._go_without(picture)

    def _go_without(self, picture: _EventPicture) -> None:
        _log.warning("%s: no still for event %s; it goes without a picture", self._camera, picture.event_id)

    def _send(self, picture: _EventPicture, shown: _Moment) -> None:
        try:
            heat_map = render(
                picture.still_jpeg,
                shown.accumulator,
                box=shown.seen.box,
                settings=self._settings,
                picture_size=picture.size,
                rotation=picture.rotation,
            )
        except HeatMapError as exc:
            _log.warning("%s: event %s goes without a picture: %s", self._camera, picture.event_id, exc)
            return
        self._bot.tell(
            MotionPeaked(
                camera=self._camera,
                run_id=picture.run_id,
                event_id=picture.event_id,
                started_unix_s=picture.started_unix_s,
                seen=shown.seen,
                heat_map_jpeg=heat_map,
            )
        )
