"""The composition root of a camera process: `python -I -m ratcam.camera_main --fd N`, started by the camera's proxy.

It is told what to do over the channel on file descriptor N, never on the command line, streams until the channel closes
or it is told to stop, and says everything else on stderr.
"""

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence

import pykka

from ratcam.actors.camera import CameraActor
from ratcam.cameras.demo import NAME, DemoSource
from ratcam.cameras.file import PREFIX, FileSource
from ratcam.channel import CameraEnd
from ratcam.clock import SystemClock
from ratcam.errors import CameraError, ChannelError, ExitStatus
from ratcam.messages import RequestKeyFrame, StreamEnded, TakeSnapshot
from ratcam.ports import CameraSource
from ratcam.settings import CameraSettings
from ratcam.wire import Configure, Stop

_log = logging.getLogger(__name__)

STOP_S = 3.0
"""How long the actor may take to stop: more than it waits for both of its threads."""


def source_of(settings: CameraSettings, *, has_vectors: bool = False) -> CameraSource:
    """The source that `settings.source` names, not yet open; `has_vectors`: its decoder reads the stream's vectors.

    Raises:
        CameraError: there is no such source.
    """
    if settings.source == NAME:
        return DemoSource(settings, has_vectors=has_vectors)
    if settings.source.startswith(PREFIX):
        return FileSource(settings, has_vectors=has_vectors)
    raise CameraError(
        f"There is no camera source {settings.source!r}. Set [camera] source to one of: demo; file:PATH, a video file."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run a camera process; returns its exit status."""
    parser = argparse.ArgumentParser(prog="ratcam.camera_main", description="Started by ratcam for each camera.")
    parser.add_argument("--fd", type=int, required=True, help="the socket to the main process")
    fd: int = parser.parse_args(argv).fd
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s camera: %(message)s")
    # The main process says when to end: also when a signal goes to all processes of the service at once, the open clip
    # is to be finished first. If it dies, the channel closes.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    channel = CameraEnd(socket.socket(fileno=fd))
    try:
        return _serve(channel)
    except ChannelError as exc:
        _log.info("%s", exc)
        return ExitStatus.OK
    finally:
        channel.close()


def _serve(channel: CameraEnd) -> ExitStatus:
    configure = None
    while configure is None:
        configure = channel.receive()
    if not isinstance(configure, Configure):
        raise ChannelError(f"The first message was {type(configure).__name__}.")
    try:
        source = source_of(configure.settings, has_vectors=configure.has_vectors)
    except CameraError as exc:
        channel.send(StreamEnded(camera=configure.camera, run_id=configure.run_id, reason=str(exc)))
        return ExitStatus.FAILED
    finished = threading.Event()
    actor = CameraActor.start(
        source=source,
        channel=channel,
        camera=configure.camera,
        run_id=configure.run_id,
        clock=SystemClock(),
        may_shed=configure.settings.pace != "fast",
        finished=finished,
    )
    try:
        while not finished.is_set() and actor.is_alive():
            match channel.receive():
                case TakeSnapshot() | RequestKeyFrame() as command:
                    actor.tell(command)
                case Stop():
                    break
                case None:
                    continue
                case _:
                    raise ChannelError("The settings came twice.")
    finally:
        _stop(actor)
    return ExitStatus.OK


def _stop(actor: pykka.ActorRef[CameraActor]) -> None:
    """Wait for the actor's end, but not for ever: a device that hangs in a call would keep the process alive.

    Nobody else may be left to kill it, and as long as it lives it holds the camera.
    """
    try:
        actor.stop(block=False).get(timeout=STOP_S)
    except pykka.Timeout:
        _log.error("The camera does not stop within %g s; leaving it as it is.", STOP_S)
        os._exit(ExitStatus.FAILED)


if __name__ == "__main__":
    sys.exit(main())
