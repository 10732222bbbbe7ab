"""A recorder and a muxer on one folder, and what they are told in their tests."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

from ratcam.actors.muxer import MuxerActor
from ratcam.actors.recorder import Orientation, RecorderActor
from ratcam.actors.supervised import Address
from ratcam.cameras.thumbnails import LibavThumbnails
from ratcam.clock import SystemClock
from ratcam.messages import (
    AccessUnit,
    CameraId,
    ChildFailed,
    ClipFailed,
    ClipReady,
    EventId,
    MotionContinues,
    MotionEnded,
    RunId,
    Segment,
    StreamStarted,
)
from ratcam.ports import ClipFiles, SpoolFile, ThumbnailMaker
from ratcam.settings import RecordingSettings
from ratcam.store.clip_files import DirectoryClipFiles
from tests.fakes import Listener, sighting
from tests.pictures import Picture

CAMERA = CameraId("kitchen")
RUN = RunId(1)
S = 90_000


def nothing() -> None:
    """What a disk does that is well."""


@dataclass
class TroubledSpool:
    """A spool file of a `TroubledFiles`."""

    spool: SpoolFile
    files: "TroubledFiles"

    def append(self, buffers: Sequence[bytes | memoryview]) -> None:
        self.files.on_append()
        self.spool.append(buffers)

    def patch(self, offset: int, data: bytes) -> None:
        self.files.on_patch()
        self.spool.patch(offset, data)
        self.files.on_patched()

    def truncate(self, size: int) -> None:
        self.spool.truncate(size)

    def read(self, offset: int, size: int) -> bytes:
        return self.spool.read(offset, size)

    def commit(self) -> tuple[str, int]:
        return self.spool.commit()


@dataclass
class TroubledFiles:
    """Implements `ports.ClipFiles` on a real folder; what is hooked in may wait or raise as a disk does."""

    files: ClipFiles
    on_append: Callable[[], object] = nothing
    on_patch: Callable[[], object] = nothing
    on_patched: Callable[[], object] = nothing
    on_look: Callable[[], object] = nothing

    def create(self, segment: Segment) -> SpoolFile:
        return TroubledSpool(self.files.create(segment), self)

    def leftovers(self) -> Iterator[tuple[Segment, SpoolFile, int]]:
        self.on_look()
        for segment, spool, size in self.files.leftovers():
            yield segment, TroubledSpool(spool, self), size

    def set_aside(self, spool: SpoolFile) -> str:
        assert isinstance(spool, TroubledSpool)
        return self.files.set_aside(spool.spool)


@dataclass
class Studio:
    """A recorder and a muxer on one folder."""

    folder: Path
    settings: RecordingSettings
    deaths: SimpleQueue[ChildFailed] = field(default_factory=SimpleQueue[ChildFailed])
    recorder: Address = field(default_factory=lambda: Address("recorder", data_limit=1000))
    muxer: Address = field(default_factory=lambda: Address("muxer"))
    bot: Listener = field(default_factory=lambda: Listener("bot"))
    thumbnails: ThumbnailMaker = field(default_factory=LibavThumbnails)
    proxy: Address = field(default_factory=lambda: Address("camera"))
    """Nobody's, unless a test puts a camera there."""
    orientation: Orientation = field(default_factory=Orientation)

    def __post_init__(self) -> None:
        self.files = TroubledFiles(DirectoryClipFiles(self.folder, CAMERA))

    def start_muxer(self) -> None:
        MuxerActor.start(
            address=self.muxer,
            on_death=self.deaths.put,
            segment_s=self.settings.segment_s,
            max_bytes=round(self.settings.segment_max_mb * 1_000_000),
            camera=CAMERA,
            files=self.files,
            thumbnails=self.thumbnails,
            clock=SystemClock(),
            proxy=self.proxy,
            bot=self.bot.address,
        )

    def start_recorder(self) -> None:
        RecorderActor.start(
            address=self.recorder,
            on_death=self.deaths.put,
            camera=CAMERA,
            settings=self.settings,
            clock=SystemClock(),
            orientation=self.orientation,
            proxy=self.proxy,
            muxer=self.muxer,
            bot=self.bot.address,
        )

    def feed(self, *messages: object) -> None:
        for message in messages:
            assert self.recorder.feed(message, timeout_s=10)

    def stop(self) -> list[object]:
        """Stop in the daemon's order; what the bot was told."""
        for address in (self.recorder, self.muxer):
            address.request_stop()
            while (death := self.deaths.get(timeout=10)).name != address.name:
                assert death.reason
        self.bot.stop()
        return self.bot.heard


@contextmanager
def studio(folder: Path, *, muxer_limit: int = 128, recorder_limit: int = 1000, **settings: float) -> Generator[Studio]:
    made = Studio(
        folder,
        replace(RecordingSettings(), **settings),  # pyright: ignore[reportArgumentType]
        recorder=Address("recorder", data_limit=recorder_limit),
        muxer=Address("muxer", data_limit=muxer_limit),
    )
    made.start_muxer()
    made.start_recorder()
    try:
        yield made
    finally:
        for address in (made.recorder, made.muxer, made.bot.address):
            address.request_stop()


def unit(picture: Picture, run_id: RunId = RUN) -> AccessUnit:
    return AccessUnit(camera=CAMERA, run_id=run_id, pts_90k=picture.pts_90k, is_key=picture.is_key, data=picture.data)


def started(run_id: RunId = RUN) -> StreamStarted:
    return StreamStarted(camera=CAMERA, run_id=run_id, width=64, height=48, fps=10.0, started_unix_s=0.0)


def moving(event: str, pts_90k: int) -> MotionContinues:
    return MotionContinues(camera=CAMERA, run_id=RUN, event_id=EventId(event), pts_90k=pts_90k)


def ended(event: str, pts_90k: int) -> MotionEnded:
    return MotionEnded(
        camera=CAMERA,
        run_id=RUN,
        event_id=EventId(event),
        pts_90k=pts_90k,
        duration_s=1.0,
        peak=sighting(2.0),
        reason="",
    )


def clips(heard: list[object]) -> list[ClipReady]:
    return [message for message in heard if isinstance(message, ClipReady)]


def failures(heard: list[object]) -> list[str]:
    return [message.reason for message in heard if isinstance(message, ClipFailed)]
