"""The channel to a camera process: typed messages over one stream socket per run.

A socket, not a multiprocessing.Queue: a killed writer can leave a Queue locked for ever. Lengths are checked before
anything is allocated. There is no way back into step: whoever gets a `ChannelError` from `receive` ends the run. One
thread sends and one receives; any may call `shutdown`.
"""

import contextlib
import socket
import struct
import time

from ratcam.errors import ChannelError
from ratcam.messages import CameraId, RunId
from ratcam.wire import (
    HEADER,
    Configure,
    Frame,
    FromCamera,
    ToCamera,
    frame_from_camera,
    frame_to_camera,
    message_from_camera,
    message_to_camera,
    pack_header,
    parse_header,
)

POLL_S = 0.25
"""How long `receive` waits for a message to begin."""
HALF_MESSAGE_S = 5.0
"""How long a message that has begun may take to come in."""
READ_AHEAD = 128 << 10
"""Bytes taken off the socket at once: a picture and its motion field mostly come in one piece."""
SEND_S = 1.0
"""How long the main process lets a command wait for room: commands are small, so that a full channel is a dead one."""


class ChannelClosedError(ChannelError):
    """The other side has closed the channel, or is gone."""


class _FrameSocket:
    """Frames over a connected stream socket, which it owns."""

    def __init__(self, sock: socket.socket, *, send_timeout_s: float | None) -> None:
        self._sock = sock
        # The kernel's own time-out: Python's makes the socket non-blocking, and then MSG_WAITALL does not wait for all.
        sock.setblocking(True)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _timeval(POLL_S))
        if send_timeout_s is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(send_timeout_s))
        self._sent = 0
        self._received = 0
        self._ahead = b""

    def send(self, frame: Frame) -> None:
        head = pack_header(frame, self._sent)
        total = len(head) + len(frame.a) + len(frame.b)
        done = 0
        try:
            done = self._sock.sendmsg([head, frame.a, frame.b])
            if done < total:
                self._sock.sendall(b"".join((head, frame.a, frame.b))[done:])
        except BlockingIOError as exc:
            if done:
                self.shutdown()  # half a message: nothing after it would be understood
            raise ChannelError("The camera process does not read its commands.") from exc
        except OSError as exc:
            raise ChannelClosedError("The channel to the camera process is closed.") from exc
        self._sent += 1

    def receive(self) -> Frame | None:
        head = self._exactly(HEADER.size, may_be_absent=True)
        if head is None:
            return None
        header = parse_header(head)
        if header.sequence != self._received & 0xFFFFFFFF:
            raise ChannelError("The camera channel lost a message.")
        self._received += 1
        return Frame(
            kind=header.kind,
            flags=header.flags,
            run_id=header.run_id,
            pts_90k=header.pts_90k,
            a=self._exactly(header.length_a) or b"",
            b=self._exactly(header.length_b) or b"",
        )

    def shutdown(self) -> None:
        with contextlib.suppress(OSError):  # the other side was faster
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._sock.close()

    def _exactly(self, length: int, *, may_be_absent: bool = False) -> bytes | None:
        begin_s = time.monotonic()
        while len(self._ahead) < length:
            lacking = length - len(self._ahead)
            try:
                # Every call may wait for the interpreter's lock, 5 ms where another thread computes: so few and large.
                if lacking > READ_AHEAD:
                    chunk = self._sock.recv(lacking, socket.MSG_WAITALL)
                else:
                    chunk = self._sock.recv(READ_AHEAD)
            except BlockingIOError as exc:
                if may_be_absent and not self._ahead:
                    return None
                if time.monotonic() - begin_s > HALF_MESSAGE_S:
                    raise ChannelError("A message on the camera channel came in only by half.") from exc
                continue
            except OSError as exc:
                raise ChannelClosedError("The camera channel broke.") from exc
            if not chunk:
                raise ChannelClosedError("The camera channel was closed.")
            self._ahead += chunk
        data, self._ahead = self._ahead[:length], self._ahead[length:]
        return data


class MainEnd:
    """The main process's end of one run's channel."""

    def __init__(self, sock: socket.socket, *, camera: CameraId, run_id: RunId) -> None:
        self._frames = _FrameSocket(sock, send_timeout_s=SEND_S)
        self._camera = camera
        self._run_id = run_id

    def send(self, message: ToCamera) -> None:
        """Send a command; blocks for `SEND_S` at most.

        Raises:
            ChannelClosedError: the camera process is gone.
            ChannelError: it does not read. The command was not sent; later ones may be. If a part of it was, the
                channel has been shut down.
        """
        self._frames.send(frame_to_camera(message))

    def receive(self) -> FromCamera | None:
        """The next message of this run; None if none began within `POLL_S`.

        Raises:
            ChannelClosedError: the camera process has closed its end, or is gone.
            ChannelError: it sent something that is not a message of this run.
        """
        frame = self._frames.receive()
        if frame is None:
            return None
        if frame.run_id != self._run_id:
            raise ChannelError(f"The camera channel carries run {frame.run_id} instead of {self._run_id}.")
        return message_from_camera(frame, self._camera)

    def shutdown(self) -> None:
        """End the channel: both sides' `receive` raises `ChannelClosedError`. Idempotent."""
        self._frames.shutdown()

    def close(self) -> None:
        """Give the socket back; nobody may use this end any more. Idempotent."""
        self._frames.close()


class CameraEnd:
    """The camera process's end."""

    def __init__(self, sock: socket.socket) -> None:
        self._frames = _FrameSocket(sock, send_timeout_s=None)
        self._camera = CameraId("")

    def send(self, message: FromCamera) -> None:
        """Send a message; blocks while the main process does not read.

        Raises:
            ChannelClosedError: the main process is gone.
            ChannelError: the message is too long for the channel; it was not sent.
        """
        self._frames.send(frame_from_camera(message))

    def receive(self) -> ToCamera | None:
        """The next message; None if none began within `POLL_S`. Commands before `Configure` are for no camera.

        Raises:
            ChannelClosedError: the main process is gone.
            ChannelError: it sent something that is not a message.
        """
        frame = self._frames.receive()
        if frame is None:
            return None
        message = message_to_camera(frame, self._camera)
        if isinstance(message, Configure):
            self._camera = message.camera
        return message

    def close(self) -> None:
        """Close the channel: the main process takes this for the end of the run. Idempotent."""
        self._frames.shutdown()
        self._frames.close()


def _timeval(seconds: float) -> bytes:
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
