"""The wire format and the socket: every message survives, and nothing else gets through."""

import dataclasses
import socket
import struct
import threading
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.channel import CameraEnd, ChannelClosedError, MainEnd
from ratcam.errors import ChannelError
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
from ratcam.settings import CameraSettings
from ratcam.wire import (
    HEADER,
    MAX_PAYLOAD_BYTES,
    MAX_TEXT_BYTES,
    Configure,
    Frame,
    FromCamera,
    Heartbeat,
    Kind,
    Stop,
    ToCamera,
    frame_from_camera,
    frame_to_camera,
    message_from_camera,
    message_to_camera,
    pack_header,
    parse_header,
)

CAMERA = CameraId("kitchen")
_RUN = st.integers(0, 2**63 - 1).map(RunId)
_PTS = st.integers(-(2**63), 2**63 - 1)
_TEXT = st.text(max_size=200)
_POSITIVE = st.floats(min_value=0.001, max_value=1e6)


def _fields() -> st.SearchStrategy[MotionField]:
    grids = st.tuples(st.integers(0, 20), st.integers(1, 20))

    def of_grid(grid: tuple[int, int]) -> st.SearchStrategy[MotionField]:
        size = (grid[0] + 1) * grid[1] * 4
        return st.builds(
            MotionField,
            camera=st.just(CAMERA),
            run_id=_RUN,
            pts_90k=_PTS,
            columns=st.just(grid[0]),
            rows=st.just(grid[1]),
            payload=st.binary(min_size=size, max_size=size),
        )

    return grids.flatmap(of_grid)


FROM_CAMERA: st.SearchStrategy[FromCamera] = st.one_of(
    st.builds(
        AccessUnit,
        camera=st.just(CAMERA),
        run_id=_RUN,
        pts_90k=_PTS,
        is_key=st.booleans(),
        data=st.binary(min_size=1, max_size=300),
    ),
    _fields(),
    st.builds(
        Snapshot,
        camera=st.just(CAMERA),
        run_id=_RUN,
        request_id=_TEXT,
        pts_90k=_PTS,
        jpeg=st.binary(max_size=300),
        reason=_TEXT,
    ),
    st.builds(
        StreamStarted,
        camera=st.just(CAMERA),
        run_id=_RUN,
        width=st.integers(1, 16_384),
        height=st.integers(1, 16_384),
        fps=_POSITIVE,
        started_unix_s=st.floats(allow_nan=False, allow_infinity=False),
        rotation=st.sampled_from((0, 90, 180, 270)),
    ),
    st.builds(StreamEnded, camera=st.just(CAMERA), run_id=_RUN, reason=_TEXT, is_final=st.booleans()),
    st.builds(Heartbeat, run_id=_RUN, shed_units=st.integers(0, 2**64 - 1)),
)
SETTINGS = st.builds(
    CameraSettings,
    name=_TEXT,
    source=_TEXT,
    width=st.integers(64, 4096),
    fps=st.floats(min_value=1, max_value=60),
    loop=st.booleans(),
)
TO_CAMERA: st.SearchStrategy[ToCamera] = st.one_of(
    st.builds(Configure, camera=st.just(CAMERA), run_id=_RUN, settings=SETTINGS),
    st.builds(TakeSnapshot, camera=st.just(CAMERA), request_id=_TEXT),
    st.just(RequestKeyFrame(camera=CAMERA)),
    st.just(Stop()),
)


def _header(kind: int = Kind.ACCESS_UNIT, *, length_b: int = 1, magic: bytes = b"RCAM", version: int = 1) -> bytes:
    head = HEADER.pack(magic, version, kind, 0, 7, 0, 0, 0, length_b, 0)[:-4]
    return head + zlib.crc32(head).to_bytes(4, "little")


@given(FROM_CAMERA)
def test_every_message_of_a_camera_survives_the_wire(message: FromCamera) -> None:
    assert message_from_camera(frame_from_camera(message), CAMERA) == message


@given(TO_CAMERA)
def test_every_message_to_a_camera_survives_the_wire(message: ToCamera) -> None:
    assert message_to_camera(frame_to_camera(message), CAMERA) == message


@given(FROM_CAMERA, st.integers(0, 2**32 - 1))
def test_a_header_is_40_bytes_and_says_what_was_packed(message: FromCamera, sequence: int) -> None:
    frame = frame_from_camera(message)
    packed = pack_header(frame, sequence)
    header = parse_header(packed)
    assert len(packed) == 40
    assert (header.kind, header.flags, header.run_id, header.pts_90k) == (
        frame.kind,
        frame.flags,
        frame.run_id,
        frame.pts_90k,
    )
    assert (header.sequence, header.length_a, header.length_b) == (sequence, len(frame.a), len(frame.b))


@given(st.binary(max_size=60))
def test_bytes_that_are_no_header_are_refused(data: bytes) -> None:
    with pytest.raises(ChannelError):
        parse_header(data)


@given(FROM_CAMERA, st.integers(0, 39), st.integers(1, 255))
def test_a_header_with_any_byte_changed_is_refused(message: FromCamera, place: int, change: int) -> None:
    header = bytearray(pack_header(frame_from_camera(message), 0))
    header[place] ^= change
    with pytest.raises(ChannelError):
        parse_header(bytes(header))


_FRAMES = st.builds(
    Frame,
    kind=st.sampled_from(Kind),
    flags=st.integers(0, 65_535),
    run_id=st.integers(0, 9),
    pts_90k=_PTS,
    a=st.one_of(
        st.binary(max_size=40), st.sampled_from([b"[]", b"{}", b'["a"]', b'{"camera":1,"settings":{}}', b"null"])
    ),
    b=st.binary(max_size=40),
)


@given(_FRAMES)
def test_any_frame_is_a_message_or_a_channel_error(frame: Frame) -> None:
    for read in (message_from_camera, message_to_camera):
        try:
            message = read(frame, CAMERA)
        except ChannelError:
            continue
        assert dataclasses.is_dataclass(message)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (_header(magic=b"HTTP"), "not a message"),
        (_header(version=2), "version 2"),
        (_header(kind=99), "unknown kind 99"),
        (_header(length_b=MAX_PAYLOAD_BYTES + 1), "too long"),
    ],
)
def test_a_refused_header_is_named(header: bytes, words: str) -> None:
    with pytest.raises(ChannelError, match=words):
        parse_header(header)


def test_what_is_too_long_for_the_channel_is_not_sent() -> None:
    with pytest.raises(ChannelError, match="too long"):
        pack_header(Frame(kind=Kind.ACCESS_UNIT, b=bytes(MAX_PAYLOAD_BYTES + 1)), 0)
    with pytest.raises(ChannelError, match="too long"):
        pack_header(Frame(kind=Kind.STREAM_ENDED, a=bytes(MAX_TEXT_BYTES + 1)), 0)
    with pytest.raises(ChannelError, match="too large"):
        pack_header(Frame(kind=Kind.ACCESS_UNIT, pts_90k=2**63), 0)


@pytest.mark.parametrize("size", [(0, 480), (640, 0), (20_000, 480)])
def test_a_picture_size_that_cannot_be_is_refused(size: tuple[int, int]) -> None:
    frame = Frame(kind=Kind.STREAM_STARTED, a=struct.pack("<IIddH", *size, 10.0, 0.0, 0))
    with pytest.raises(ChannelError, match="size"):
        message_from_camera(frame, CAMERA)


@pytest.mark.parametrize("rotation", [1, 45, 360, 65535])
def test_a_rotation_that_cannot_be_is_refused(rotation: int) -> None:
    frame = Frame(kind=Kind.STREAM_STARTED, a=struct.pack("<IIddH", 640, 480, 10.0, 0.0, rotation))
    with pytest.raises(ChannelError, match="rotation"):
        message_from_camera(frame, CAMERA)


@pytest.mark.parametrize("has_vectors", [True, False])
def test_the_camera_is_told_whether_vectors_are_wanted(has_vectors: bool) -> None:
    configure = Configure(camera=CAMERA, run_id=RunId(1), settings=CameraSettings(), has_vectors=has_vectors)
    assert message_to_camera(frame_to_camera(configure), CAMERA) == configure


@pytest.mark.parametrize("broken", [b'"vectors": 1', b'"vektors": false'])
def test_a_camera_of_another_version_is_not_told_what_it_does_not_understand(broken: bytes) -> None:
    frame = frame_to_camera(Configure(camera=CAMERA, run_id=RunId(1), settings=CameraSettings()))
    broken_frame = dataclasses.replace(frame, a=frame.a.replace(b'"vectors": false', broken))
    assert broken_frame.a != frame.a
    with pytest.raises(ChannelError, match="version"):
        message_to_camera(broken_frame, CAMERA)


@pytest.mark.parametrize("name", ["width", "loop", "source", "fps"])
def test_a_setting_of_the_wrong_type_is_refused(name: str) -> None:
    frame = frame_to_camera(Configure(camera=CAMERA, run_id=RunId(1), settings=CameraSettings()))
    default = getattr(CameraSettings(), name)
    right = {"width": b"640", "loop": b"true", "source": b'"demo"', "fps": b"10.0"}[name]
    assert default is not None
    broken = dataclasses.replace(
        frame, a=frame.a.replace(b'"%s": %s' % (name.encode(), right), b'"%s": []' % name.encode())
    )
    assert broken.a != frame.a
    with pytest.raises(ChannelError, match=name):
        message_to_camera(broken, CAMERA)


# --- over a socket --------------------------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


UNIT = AccessUnit(camera=CAMERA, run_id=RunId(7), pts_90k=9000, is_key=True, data=b"\0\0\0\1\x65" + bytes(300_000))


def test_messages_come_in_as_they_were_sent(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    camera = CameraEnd(pair[1])
    configure = Configure(camera=CAMERA, run_id=RunId(7), settings=CameraSettings())
    main.send(configure)
    main.send(TakeSnapshot(camera=CAMERA, request_id="1"))
    assert camera.receive() == configure
    assert camera.receive() == TakeSnapshot(camera=CAMERA, request_id="1")
    sender = threading.Thread(target=lambda: [camera.send(UNIT) for _ in range(20)])
    sender.start()
    received = [main.receive() for _ in range(20)]
    sender.join(10)
    assert received == [UNIT] * 20


def test_silence_is_none_and_not_an_error(pair: tuple[socket.socket, socket.socket]) -> None:
    assert MainEnd(pair[0], camera=CAMERA, run_id=RunId(7)).receive() is None


def test_a_closed_channel_is_an_error_of_its_own(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    camera = CameraEnd(pair[1])
    camera.close()
    with pytest.raises(ChannelClosedError):
        main.receive()
    with pytest.raises(ChannelClosedError):
        main.send(Stop())


def test_a_channel_that_ends_in_the_middle_of_a_message_is_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    frame = frame_from_camera(UNIT)
    pair[1].sendall(pack_header(frame, 0) + frame.b[:1000])
    pair[1].close()
    with pytest.raises(ChannelClosedError):
        main.receive()


def test_shutdown_wakes_the_one_who_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    main.shutdown()
    main.shutdown()
    with pytest.raises(ChannelClosedError):
        main.receive()


def test_a_message_of_another_run_is_refused(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(8))
    pair[1].sendall(pack_header(Frame(kind=Kind.HEARTBEAT, run_id=7, a=bytes(8)), 0) + bytes(8))
    with pytest.raises(ChannelError, match="run 7 instead of 8"):
        main.receive()


def test_a_lost_or_repeated_message_is_noticed(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    for _ in range(2):
        pair[1].sendall(pack_header(Frame(kind=Kind.HEARTBEAT, run_id=7, a=bytes(8)), 0) + bytes(8))
    assert main.receive() == Heartbeat(run_id=RunId(7), shed_units=0)
    with pytest.raises(ChannelError, match="lost a message"):
        main.receive()


def test_a_camera_process_that_reads_nothing_cannot_block_the_main_process(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    with pytest.raises(ChannelError, match="does not read"):
        for _ in range(100_000):
            main.send(TakeSnapshot(camera=CAMERA, request_id="x" * 1000))


def test_a_command_that_found_no_room_is_not_missed_by_those_after_it(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    camera = CameraEnd(pair[1])
    sent = 0
    with pytest.raises(ChannelError, match="does not read"):
        for _ in range(100_000):
            main.send(TakeSnapshot(camera=CAMERA, request_id="x" * 1000))
            sent += 1
    received = 0
    while camera.receive() is not None:
        received += 1
    assert received == sent
    main.send(Stop())
    assert camera.receive() == Stop()


def test_a_command_that_was_sent_by_half_ends_the_channel(pair: tuple[socket.socket, socket.socket]) -> None:
    main = MainEnd(pair[0], camera=CAMERA, run_id=RunId(7))
    pair[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with pytest.raises(ChannelError, match="does not read"):
        main.send(TakeSnapshot(camera=CAMERA, request_id="x" * (MAX_TEXT_BYTES - 100)))
    with pytest.raises(ChannelClosedError):
        main.receive()
    with pytest.raises(ChannelClosedError):
        main.send(Stop())


@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_on_the_socket_are_messages_or_a_channel_error(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        main = MainEnd(ours, camera=CAMERA, run_id=RunId(7))
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ChannelError):
            while main.receive() is not None:
                pass
