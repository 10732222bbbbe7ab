"""The messages between the main process and a camera process as bytes. Pure: frames in, frames out.

A frame is a header of 40 bytes and two bodies: `a` holds the message's small fields, `b` its payload. A camera process
sends `StreamMessage` and `Heartbeat`; it is sent `Configure` first, then `CameraCommand` and in the end `Stop`.
"""

import json
import math
import struct
import zlib
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum
from typing import cast

from ratcam.errors import ChannelError
from ratcam.messages import (
    AccessUnit,
    CameraCommand,
    CameraId,
    MotionField,
    RequestKeyFrame,
    RunId,
    Snapshot,
    StreamEnded,
    StreamMessage,
    StreamStarted,
    TakeSnapshot,
)
from ratcam.settings import CameraSettings

HEADER = struct.Struct("<4sBBHqqIIII")
"""magic, version, kind, flags, run_id, pts_90k, sequence, length of a, length of b, crc32 of all that."""
MAX_TEXT_BYTES = 64 << 10
MAX_PAYLOAD_BYTES = 8 << 20
"""A key frame or still of a 4K camera has less; more is a broken or hostile camera process."""
MAX_SIDE = 16_384
_MAGIC = b"RCAM"
_VERSION = 1
_KEY = _FINAL = 1
_STARTED = struct.Struct("<IIddH")
_GRID = struct.Struct("<HH")
_COUNT = struct.Struct("<Q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """The capture loop is alive. `shed_units`: access units dropped in this run because nobody took them in time."""

    run_id: RunId
    shed_units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Configure:
    """The first message to a camera process: what to capture, and in whose name."""

    camera: CameraId
    run_id: RunId
    settings: CameraSettings
    has_vectors: bool = False
    """Whether motion fields are to have the vectors of a decoded stream, which are dear to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End in order: close the device, send what is under way and a `StreamEnded`, then exit."""


FromCamera = StreamMessage | Heartbeat
ToCamera = Configure | CameraCommand | Stop


class Kind(IntEnum):
    """What a frame carries; from 16 on, what only goes to a camera process."""

    STREAM_STARTED = 1
    ACCESS_UNIT = 2
    MOTION_FIELD = 3
    SNAPSHOT = 4
    STREAM_ENDED = 5
    HEARTBEAT = 6
    CONFIGURE = 16
    TAKE_SNAPSHOT = 17
    REQUEST_KEY_FRAME = 18
    STOP = 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A message in parts, before or after the wire."""

    kind: Kind
    flags: int = 0
    run_id: int = 0
    pts_90k: int = 0
    a: bytes = field(default=b"", repr=False)
    b: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A frame's header, checked."""

    kind: Kind
    flags: int
    run_id: int
    pts_90k: int
    sequence: int
    length_a: int
    length_b: int


def pack_header(frame: Frame, sequence: int) -> bytes:
    """The header of a frame.

    Raises:
        ChannelError: a body is too long or a number too large for the wire.
    """
    if len(frame.a) > MAX_TEXT_BYTES or len(frame.b) > MAX_PAYLOAD_BYTES:
        raise ChannelError(f"A {frame.kind.name} of {len(frame.a)} + {len(frame.b)} bytes is too long for the channel.")
    lengths = (len(frame.a), len(frame.b))
    numbers = (frame.kind, frame.flags, frame.run_id, frame.pts_90k, sequence & 0xFFFFFFFF, *lengths)
    try:
        head = HEADER.pack(_MAGIC, _VERSION, *numbers, 0)[:-4]
    except struct.error as exc:
        raise ChannelError(f"A {frame.kind.name} holds a number that is too large for the channel.") from exc
    return head + zlib.crc32(head).to_bytes(4, "little")


def parse_header(data: bytes) -> Header:
    """Read and check the 40 bytes of a header.

    Raises:
        ChannelError: they are not a header, or announce more than the limits allow.
    """
    if len(data) != HEADER.size:
        raise ChannelError(f"A header has {HEADER.size} bytes, not {len(data)}.")
    magic, version, kind, flags, run_id, pts_90k, sequence, length_a, length_b, crc = HEADER.unpack(data)
    if magic != _MAGIC or crc != zlib.crc32(data[:-4]):
        raise ChannelError("The camera channel carries something that is not a message.")
    if version != _VERSION:
        raise ChannelError(f"The camera channel speaks version {version}, this is {_VERSION}.")
    if kind not in _KINDS:
        raise ChannelError(f"The camera channel carries a message of the unknown kind {kind}.")
    if length_a > MAX_TEXT_BYTES or length_b > MAX_PAYLOAD_BYTES:
        raise ChannelError(f"The camera channel announces {length_a} + {length_b} bytes, which is too long.")
    return Header(
        kind=Kind(kind),
        flags=flags,
        run_id=run_id,
        pts_90k=pts_90k,
        sequence=sequence,
        length_a=length_a,
        length_b=length_b,
    )


_KINDS = frozenset(int(kind) for kind in Kind)


# --- what the camera process sends ----------------------------------------------------------------------------------


def frame_from_camera(message: FromCamera) -> Frame:
    """Take a message apart. The camera's name does not travel: the reader knows whose channel it is."""
    run = message.run_id
    match message:
        case StreamStarted():
            a = _STARTED.pack(message.width, message.height, message.fps, message.started_unix_s, message.rotation)
            return Frame(kind=Kind.STREAM_STARTED, run_id=run, a=a)
        case AccessUnit():
            flags = _KEY if message.is_key else 0
            return Frame(kind=Kind.ACCESS_UNIT, flags=flags, run_id=run, pts_90k=message.pts_90k, b=message.data)
        case MotionField():
            a = _GRID.pack(message.columns, message.rows)
            return Frame(kind=Kind.MOTION_FIELD, run_id=run, pts_90k=message.pts_90k, a=a, b=message.payload)
        case Snapshot():
            a = json.dumps([message.request_id, message.reason]).encode()
            return Frame(kind=Kind.SNAPSHOT, run_id=run, pts_90k=message.pts_90k, a=a, b=message.jpeg)
        case StreamEnded():
            flags = _FINAL if message.is_final else 0
            return Frame(kind=Kind.STREAM_ENDED, flags=flags, run_id=run, a=json.dumps(message.reason).encode())
        case Heartbeat():
            return Frame(kind=Kind.HEARTBEAT, run_id=run, a=_COUNT.pack(message.shed_units))
        case _:
            raise TypeError(f"a camera does not send {type(message).__name__}")


def message_from_camera(frame: Frame, camera: CameraId) -> FromCamera:
    """Put a message of `camera` together.

    Raises:
        ChannelError: the frame's content is not that of its kind.
    """
    run, pts_90k, a = RunId(frame.run_id), frame.pts_90k, frame.a
    match frame.kind:
        case Kind.STREAM_STARTED:
            width, height, fps, unix_s, rotation = _unpacked(_STARTED, a)
            _require(0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE, "a picture size that cannot be")
            _require(math.isfinite(fps) and fps > 0 and math.isfinite(unix_s), "a rate or time that cannot be")
            _require(rotation in (0, 90, 180, 270), "a rotation that cannot be")
            return StreamStarted(
                camera=camera,
                run_id=run,
                width=width,
                height=height,
                fps=fps,
                started_unix_s=unix_s,
                rotation=rotation,
            )
        case Kind.ACCESS_UNIT:
            _require(not a and bool(frame.b) and frame.flags in (0, _KEY), "an access unit that is none")
            return AccessUnit(camera=camera, run_id=run, pts_90k=pts_90k, is_key=frame.flags == _KEY, data=frame.b)
        case Kind.MOTION_FIELD:
            columns, rows = _unpacked(_GRID, a)
            _require(len(frame.b) == (columns + 1) * rows * 4 > 0, "a motion field of another size than its grid's")
            return MotionField(camera=camera, run_id=run, pts_90k=pts_90k, columns=columns, rows=rows, payload=frame.b)
        case Kind.SNAPSHOT:
            texts = _json(a)
            _require(isinstance(texts, list), "a snapshot without its request")
            texts = cast("list[object]", texts)
            _require(len(texts) == 2, "a snapshot without its request")
            request, reason = (_text(text) for text in texts)
            return Snapshot(camera=camera, run_id=run, request_id=request, pts_90k=pts_90k, jpeg=frame.b, reason=reason)
        case Kind.STREAM_ENDED:
            _require(frame.flags in (0, _FINAL), "an end that is none")
            return StreamEnded(camera=camera, run_id=run, reason=_text(_json(a)), is_final=frame.flags == _FINAL)
        case Kind.HEARTBEAT:
            return Heartbeat(run_id=run, shed_units=_unpacked(_COUNT, a)[0])
        case _:
            raise ChannelError(f"A camera process does not send {frame.kind.name}.")


# --- what it is sent ------------------------------------------------------------------------------------------------


def frame_to_camera(message: ToCamera) -> Frame:
    """Take a message apart."""
    match message:
        case Configure():
            a = json.dumps(_configured(message)).encode()
            return Frame(kind=Kind.CONFIGURE, run_id=message.run_id, a=a)
        case TakeSnapshot():
            return Frame(kind=Kind.TAKE_SNAPSHOT, a=json.dumps(message.request_id).encode())
        case RequestKeyFrame():
            return Frame(kind=Kind.REQUEST_KEY_FRAME)
        case Stop():
            return Frame(kind=Kind.STOP)
        case _:
            raise TypeError(f"a camera is not sent {type(message).__name__}")


def message_to_camera(frame: Frame, camera: CameraId) -> ToCamera:
    """Put a message together; commands are for `camera`.

    Raises:
        ChannelError: the frame's content is not that of its kind.
    """
    match frame.kind:
        case Kind.CONFIGURE:
            return _configure(frame)
        case Kind.TAKE_SNAPSHOT:
            return TakeSnapshot(camera=camera, request_id=_text(_json(frame.a)))
        case Kind.REQUEST_KEY_FRAME:
            return RequestKeyFrame(camera=camera)
        case Kind.STOP:
            return Stop()
        case _:
            raise ChannelError(f"A camera process is not sent {frame.kind.name}.")


def _configured(message: Configure) -> dict[str, object]:
    return {"camera": message.camera, "settings": asdict(message.settings), "vectors": message.has_vectors}


def _configure(frame: Frame) -> Configure:
    whole = _json(frame.a)
    _require(isinstance(whole, dict), "settings that are none")
    content = cast("dict[str, object]", whole)
    given = content.get("settings")
    _require(isinstance(given, dict), "settings that are none")
    values = cast("dict[str, object]", given)
    types = {entry.name: entry.type for entry in fields(CameraSettings)}
    _require(values.keys() == types.keys(), "settings of another version")
    for name, kind in types.items():
        value = values[name]
        fits = isinstance(value, (int, float)) if kind is float else isinstance(value, cast("type", kind))
        _require(fits and (kind is bool or not isinstance(value, bool)), f"a setting {name} of the wrong type")
    settings = CameraSettings(**values)  # pyright: ignore[reportArgumentType] - the types were checked just now
    camera, has_vectors = CameraId(_text(content.get("camera"))), content.get("vectors")
    if not isinstance(has_vectors, bool):
        raise ChannelError("The camera channel carries settings of another version.")
    return Configure(camera=camera, run_id=RunId(frame.run_id), settings=settings, has_vectors=has_vectors)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ChannelError(f"The camera channel carries {what}.")


def _unpacked(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    _require(len(data) == layout.size, "a message of the wrong length")
    return layout.unpack(data)


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as exc:
        raise ChannelError("The camera channel carries a message that cannot be read.") from exc


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ChannelError("The camera channel carries something else than text.")
    return value
