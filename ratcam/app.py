"""The composition root: from a configuration to a running system. The one place that knows everybody."""

import contextlib
import itertools
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from ratcam import __version__
from ratcam.actors.auth import AuthActor
from ratcam.actors.bot import BotActor, CameraLinks
from ratcam.actors.camera_proxy import CameraProxy, Outage
from ratcam.actors.habit_keeper import HabitKeeper
from ratcam.actors.learned_blocks import LearnedBlocks
from ratcam.actors.motion import MotionActor, RunView
from ratcam.actors.muxer import MuxerActor
from ratcam.actors.recorder import Orientation, RecorderActor
from ratcam.actors.segment_feed import muxer_address
from ratcam.actors.supervised import Address
from ratcam.actors.vectors import RunStarts, VectorActor, VectorsAddress
from ratcam.cameras.thumbnails import LibavThumbnails
from ratcam.chat import texts
from ratcam.chat.deliveries import Deliveries
from ratcam.chat.enrolment import Enrolment
from ratcam.chat.gateway import TelegramGateway
from ratcam.clock import SystemClock
from ratcam.config import Config, require_token
from ratcam.errors import ExitStatus
from ratcam.logs import set_up
from ratcam.messages import CameraId, RunId
from ratcam.motion.choose import uses_vectors
from ratcam.ports import Clock
from ratcam.store.armed import TinyArmedStore
from ratcam.store.auth import TinyAuthStore
from ratcam.store.clip_files import DirectoryClipFiles
from ratcam.store.instance_lock import InstanceLock
from ratcam.store.learned import TinyLearnedStore
from ratcam.store.media_files import DirectoryMediaFiles
from ratcam.store.outbox import TinyOutboxStore
from ratcam.store.uploads import TinyUploadStore
from ratcam.store.vectors import VectorFiles
from ratcam.supervisor import Supervisor

_log = logging.getLogger(__name__)

FIELDS_AHEAD = 8
"""How many motion fields may wait for the detector: the recorder must not run ahead of it by more than a moment."""
UNITS_AHEAD = 64
"""How many access units may wait for the recorder before the camera process sheds."""


class StandardOutput:
    """Implements `ports.Console` on the terminal or journal."""

    def show_passcode(self, passcode: str, *, chat_name: str, minutes: int) -> None:
        """One line on standard output, which no log file keeps."""
        shown = chat_name if chat_name.isprintable() else repr(chat_name)
        print(f"Passcode for {shown}: {passcode} (good for {minutes} minutes; type it in the chat)", flush=True)  # noqa: T201


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A daemon's actors, connected, under their Supervisor."""

    supervisor: Supervisor
    addresses: Mapping[str, Address]
    """By name: auth, bot, and for each camera `muxer NAME`, `recorder NAME`, `motion NAME`, `habits NAME`, `camera
    NAME`; also `vectors NAME` where motion fields are kept."""


def run_daemon(config: Config) -> ExitStatus:
    """Run until SIGINT or SIGTERM, or until an actor gives up.

    A second signal, while everything is being stopped, ends the process at once with status 1.

    Raises:
        ConfigError: there is no token.
        StoreError: the state directory cannot be used, or another daemon uses it.
    """
    token = require_token(config)
    log = set_up(config.daemon.log_level, secrets=(token,))
    try:
        with InstanceLock(state_dir=Path(config.daemon.state_dir)):
            system = compose(config, token=token, clock=SystemClock())
            restore = _stop_on_signals(system.supervisor)
            try:
                _log.info("Ratcam %s, camera %s (%s)", __version__, config.camera.name, config.camera.source)
                return system.supervisor.run()
            finally:
                restore()
    finally:
        log.close()


def compose(config: Config, *, token: str, clock: Clock) -> System:
    """All actors of one daemon, not yet started."""
    state_dir = Path(config.daemon.state_dir)
    media_dir = state_dir / "media"
    auth_store = TinyAuthStore(state_dir=state_dir)
    outbox = TinyOutboxStore(state_dir=state_dir)
    uploads = TinyUploadStore(state_dir=state_dir)
    armed = TinyArmedStore(state_dir=state_dir)
    learned_store = TinyLearnedStore(state_dir=state_dir)
    files = DirectoryMediaFiles(directory=media_dir, keep_files=config.recording.keep_clips)

    camera = CameraId(config.camera.name)
    clips = DirectoryClipFiles(media_dir / "clips", camera)
    auth, bot = Address("auth"), Address("bot")
    muxer = muxer_address(f"muxer {camera}", ring_mb=config.recording.ring_mb)
    recorder = Address(f"recorder {camera}", data_limit=UNITS_AHEAD)
    motion, proxy = Address(f"motion {camera}", data_limit=FIELDS_AHEAD), Address(f"camera {camera}")
    habits = Address(f"habits {camera}")
    vectors = VectorsAddress(f"vectors {camera}") if config.motion.keep_vectors_mb else None
    links = {camera: CameraLinks(proxy=proxy, motion=motion, recorder=recorder)}
    runs = itertools.count(1)
    outage, orientation, view, run_starts = Outage(), Orientation(), RunView(), RunStarts()
    learned = LearnedBlocks(store=learned_store, camera=camera, keeper=habits)

    enrolment = Enrolment(settings=config.auth)
    gateway = TelegramGateway(token=token, base_url=config.telegram.base_url, commands=texts.COMMANDS, clock=clock)

    supervisor = Supervisor(clock=clock)
    supervisor.add(
        auth,
        lambda address, on_death: AuthActor.start(
            address=address,
            on_death=on_death,
            enrolment=enrolment,
            retry_minutes=config.auth.retry_minutes,
            store=auth_store,
            console=StandardOutput(),
            clock=clock,
            bot=bot,
        ),
    )
    supervisor.add(
        bot,
        lambda address, on_death: BotActor.start(
            address=address,
            on_death=on_death,
            gateway=gateway,
            armed=armed,
            deliveries=Deliveries(outbox=outbox, uploads=uploads, files=files, clock=clock),
            cameras=links,
            auth=auth,
            recording=config.recording,
            clock=clock,
            version=__version__,
        ),
    )
    supervisor.add(
        muxer,
        lambda address, on_death: MuxerActor.start(
            address=address,
            on_death=on_death,
            camera=camera,
            files=clips,
            thumbnails=LibavThumbnails(),
            clock=clock,
            segment_s=config.recording.segment_s,
            max_bytes=round(config.recording.segment_max_mb * 1_000_000),
            proxy=proxy,
            bot=bot,
        ),
    )
    supervisor.add(
        recorder,
        lambda address, on_death: RecorderActor.start(
            address=address,
            on_death=on_death,
            camera=camera,
            settings=config.recording,
            clock=clock,
            orientation=orientation,
            proxy=proxy,
            muxer=muxer,
            bot=bot,
        ),
    )
    supervisor.add(
        motion,
        lambda address, on_death: MotionActor.start(
            address=address,
            on_death=on_death,
            camera=camera,
            settings=config.motion,
            zones=config.zones,
            hold_s=config.recording.post_roll_s,
            clock=clock,
            view=view,
            armed=armed,
            learned=learned,
            proxy=proxy,
            recorder=recorder,
            bot=bot,
        ),
    )
    supervisor.add(
        habits,
        lambda address, on_death: HabitKeeper.start(
            address=address, on_death=on_death, store=learned_store, motion=motion
        ),
        is_optional=True,
    )
    if vectors is not None:
        supervisor.add(
            vectors,
            lambda _, on_death: VectorActor.start(
                address=vectors,
                on_death=on_death,
                camera=camera,
                runs=run_starts,
                vectors=VectorFiles(
                    root=state_dir / "vectors",
                    camera=camera,
                    limit_bytes=config.motion.keep_vectors_mb * 1_000_000,
                ),
                clock=clock,
            ),
            is_optional=True,
        )
    supervisor.add(
        proxy,
        lambda address, on_death: CameraProxy.start(
            address=address,
            on_death=on_death,
            settings=config.camera,
            camera=camera,
            clock=clock,
            next_run_id=lambda: RunId(next(runs)),
            outage=outage,
            units=(recorder,),
            fields=(motion,) if vectors is None else (motion, vectors),
            listeners=(bot,),
            snapshots=(motion, bot),
            # Kept fields are to answer what another detector would have seen.
            has_vectors=uses_vectors(config.motion) or config.motion.keep_vectors_mb > 0,
        ),
    )
    addresses = (auth, bot, muxer, recorder, motion, habits, vectors, proxy)
    return System(supervisor=supervisor, addresses={address.name: address for address in addresses if address})


def _stop_on_signals(supervisor: Supervisor) -> Callable[[], None]:
    """SIGINT and SIGTERM stop the supervisor; the result puts the former handlers back.

    The second of them flushes standard output and ends the process at once with status 1, whatever hangs.
    """
    is_stopping = False

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal is_stopping
        if is_stopping:
            with contextlib.suppress(OSError, RuntimeError, ValueError):  # gone, in the middle of a print, or closed
                sys.stdout.flush()
            os._exit(ExitStatus.FAILED)
        is_stopping = True
        supervisor.request_stop(signal.Signals(number).name)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.stdout.flush()

    return restore
