"""FFmpeg's libraries through PyAV: reading video files, decoding with motion vectors, encoding with x264.

The only importer of `av`, which is optional: constructors raise `MissingDependencyError` where it is not installed.
Media times are integers in ticks of 1/90000 s.
"""
# PyAV's stubs leave the parameter of Packet open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ratcam.errors import CameraError, MissingDependencyError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.motion.field import grid_of, luma_change, pack, rasterise

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_MEDIA_TICK = Fraction(1, TICKS_PER_S)
_FALLBACK_FPS = 25.0
_MOST_FPS = 120
"""A file that names a higher rate has none: FFmpeg then guesses that of its time base, up to 90000."""
_PASSED_FORMATS = frozenset({"yuv420p", "yuvj420p"})
"""What every phone and browser plays: 8 bits, a chroma sample for every 2x2 pixels."""
_INSTALL = "Reading and encoding video needs PyAV; install it with: pip install 'ratcam[video]'"
_JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """What a file's first video stream says of itself. Size in pixels, as decoded."""

    width: int
    height: int
    fps: float
    is_passed: bool
    """Whether its coded pictures can be used as they are: H.264 with 8 bits and 4:2:0, which everything plays."""
    reorder_depth: int
    """How many pictures a decoder holds back to put them in presentation order; 0 if the two orders are the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedPicture:
    """One coded picture as an Annex B access unit, in decoding order; times are None where the file has none."""

    pts_90k: int | None
    dts_90k: int | None
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPicture:
    """One decoded picture with its time, None where the file has none."""

    pts_90k: int | None
    frame: VideoFrame = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedField:
    """The motion field of one decoded picture, in MMAL form (see `messages.MotionField`)."""

    pts_90k: int
    columns: int
    rows: int
    payload: bytes = field(repr=False)


class VideoFile:
    """One pass over the first video stream of a file that is no cover picture.

    Ask either for `coded`, if `info.is_passed`, or for `decoded` pictures.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            CameraError: it is missing, cannot be read, is not a video or has no video stream but a cover picture.
            MissingDependencyError: PyAV is not installed.
        """
        try:
            import av  # noqa: PLC0415 - optional: imported at use, so that everything else works without it
            from av.bitstream import BitStreamFilterContext  # noqa: PLC0415 - as above
            from av.error import FFmpegError  # noqa: PLC0415 - as above
            from av.stream import Disposition  # noqa: PLC0415 - as above
        except ImportError as exc:
            raise MissingDependencyError(_INSTALL) from exc
        if not path.exists():
            raise CameraError(f"There is no file {path}. Check the path in [camera] source = file:PATH.")
        self._path = path
        self._error = FFmpegError
        try:
            # The prefix keeps a name with a colon from being read as the name of a protocol.
            self._container = av.open(f"file:{path}", metadata_errors="replace")
        except (FFmpegError, OSError) as exc:
            raise CameraError(f"{path} cannot be played: {_words(exc)}. Give a video file.") from exc
        all_streams = self._container.streams.video
        streams = [stream for stream in all_streams if not stream.disposition & Disposition.attached_pic]
        if not streams:
            self._container.close()
            raise CameraError(f"{path} has no video stream. Give a video file.")
        self._stream = streams[0]
        context = self._stream.codec_context
        if context.width <= 0 or context.height <= 0:
            self._container.close()
            raise CameraError(f"{path} is not a video that can be decoded: its pictures have no size.")
        is_passed = context.name == "h264" and context.pix_fmt in _PASSED_FORMATS
        self._filter = BitStreamFilterContext("h264_mp4toannexb", self._stream) if is_passed else None
        rates = (self._stream.guessed_rate, self._stream.average_rate)
        self.info = VideoInfo(
            width=context.width,
            height=context.height,
            fps=next((float(rate) for rate in rates if rate and 0 < rate <= _MOST_FPS), _FALLBACK_FPS),
            is_passed=is_passed,
            reorder_depth=context.reorder_depth,
        )

    def coded(self) -> Iterator[CodedPicture]:
        """Yield the file's coded pictures untouched but for the Annex B form. Only if `info.is_passed`.

        Raises:
            CameraError: the file cannot be read any further.
        """
        if self._filter is None:
            raise CameraError(f"{self._path} is not H.264 that everything plays.")
        try:
            for packet in self._container.demux(self._stream):
                for unit in self._filter.filter(packet if packet.size else None):
                    yield self._coded(unit)
        except self._error as exc:
            raise CameraError(f"{self._path} cannot be read any further: {_words(exc)}") from exc

    def decoded(self) -> Iterator[RawPicture]:
        """Yield the file's pictures in presentation order; pictures that cannot be decoded are left out.

        Raises:
            CameraError: the file cannot be read any further.
        """
        try:
            for packet in self._container.demux(self._stream):
                for frame in self._decode(packet):
                    yield RawPicture(pts_90k=_ticks(frame.pts, frame.time_base), frame=frame)
        except self._error as exc:
            raise CameraError(f"{self._path} cannot be read any further: {_words(exc)}") from exc

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._container.close()

    def _decode(self, packet: Packet[Any]) -> list[VideoFrame]:
        try:
            return self._stream.codec_context.decode(packet)
        except self._error:
            return []

    def _coded(self, packet: Packet[Any]) -> CodedPicture:
        # AVI has no presentation times; what FFmpeg reports there are those of decoding.
        is_avi = self._container.format.name == "avi"
        return CodedPicture(
            pts_90k=None if is_avi else _ticks(packet.pts, packet.time_base),
            dts_90k=_ticks(packet.dts, packet.time_base),
            data=bytes(packet),
        )


class FieldDecoder:
    """Decodes H.264 and makes a motion field of every picture: exported vectors, and the change of luma per block.

    `still_jpeg` may be called from any thread, everything else from one.
    """

    def __init__(self, *, reorder_depth: int = 0, is_order_free: bool = False) -> None:
        """Make a decoder for Annex B access units; `reorder_depth` as in `VideoInfo`.

        With `is_order_free` the times are mere names of the pictures and need not rise.

        Raises:
            MissingDependencyError: PyAV is not installed.
        """
        try:
            import av  # noqa: PLC0415 - optional: imported at use, so that everything else works without it
            from av.error import FFmpegError  # noqa: PLC0415 - as above
        except ImportError as exc:
            raise MissingDependencyError(_INSTALL) from exc
        self._error = FFmpegError
        self._packet = av.Packet
        self._context = av.CodecContext.create("h264", "r")
        self._context.options = {"flags2": "+export_mvs"}
        self._context.thread_type = "NONE"  # more threads hold pictures back
        self._context.reorder_depth = reorder_depth
        self._previous: VideoFrame | None = None
        self._last_pts_90k = -1
        self._is_order_free = is_order_free
        self._lock = threading.Lock()
        self._newest: tuple[int, VideoFrame] | None = None

    def feed(self, data: bytes, pts_90k: int) -> tuple[DecodedField, ...]:
        """Decode one access unit shown at `pts_90k`.

        Returns the fields of the pictures that came out, in presentation order, their times strictly increasing. None
        for a picture that is damaged beyond decoding. The first picture's field is all zero.
        """
        if not data:  # which would tell FFmpeg that the stream is over
            return ()
        packet = self._packet(data)
        packet.pts = pts_90k
        packet.dts = None
        return self._fields(packet)

    def flush(self) -> tuple[DecodedField, ...]:
        """Return the fields still held back, and be ready for a stream that begins anew at a later time."""
        fields = self._fields(None)
        self._context.flush_buffers()
        self._previous = None
        return fields

    def still_jpeg(self) -> tuple[int, bytes]:
        """The newest decoded picture as (its pts_90k, JPEG); encoded now, on the caller's thread.

        Raises:
            CameraError: there is no picture yet.
        """
        with self._lock:
            newest = self._newest
        if newest is None:
            raise CameraError("There is no picture yet.")
        pts_90k, frame = newest
        buffer = io.BytesIO()
        frame.to_image().save(buffer, "JPEG", quality=_JPEG_QUALITY)
        return pts_90k, buffer.getvalue()

    def _fields(self, packet: Packet[Any] | None) -> tuple[DecodedField, ...]:
        try:
            frames = self._context.decode(packet)
        except self._error:
            return ()
        fields: list[DecodedField] = []
        for frame in frames:
            if frame.pts is None or (frame.pts <= self._last_pts_90k and not self._is_order_free):
                continue
            self._last_pts_90k = frame.pts
            fields.append(self._field(frame, frame.pts))
        return tuple(fields)

    def _field(self, frame: VideoFrame, pts_90k: int) -> DecodedField:
        columns, rows = grid_of(frame.width, frame.height)
        previous, self._previous = self._previous, frame
        with self._lock:
            self._newest = (pts_90k, frame)
        vectors = frame.side_data.get("MOTION_VECTORS")
        if vectors is None:
            x = y = np.zeros((rows, columns), np.int8)
        else:
            x, y = rasterise(vectors.to_ndarray(), columns, rows)
        if previous is None or (previous.width, previous.height) != (frame.width, frame.height):
            sad = np.zeros((rows, columns), np.uint16)
        else:
            sad = luma_change(_luma(frame), _luma(previous), columns, rows)
        return DecodedField(pts_90k=pts_90k, columns=columns, rows=rows, payload=pack(x, y, sad))


class X264Encoder:
    """Encodes as a Pi's camera does: one reference, no B-frames, a key frame a second, each with its SPS and PPS.

    A key frame comes after round(fps) pictures, or with the first that is shown a second after the last one. Every
    picture comes out at once. `request_key_frame` may be called from any thread, everything else from one.
    """

    def __init__(self, *, width: int, height: int, fps: float, bitrate_kbit: int) -> None:
        """Make an encoder for pictures of `width` x `height`, both even.

        Raises:
            CameraError: the encoder does not take this size.
            MissingDependencyError: PyAV is not installed.
        """
        try:
            import av  # noqa: PLC0415 - optional: imported at use, so that everything else works without it
            from av.error import FFmpegError  # noqa: PLC0415 - as above
            from av.video.frame import VideoFrame as AvFrame  # noqa: PLC0415 - as above
        except ImportError as exc:
            raise MissingDependencyError(_INSTALL) from exc
        self._from_planes = AvFrame.from_ndarray
        self._width, self._height = width, height
        self._key_wanted = threading.Event()
        self._next_key_90k: int | None = None
        interval = max(1, round(fps))
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = _MEDIA_TICK
        context.framerate = Fraction(fps).limit_denominator(1001)
        context.bit_rate = bitrate_kbit * 1000
        context.gop_size = interval
        context.max_b_frames = 0
        context.thread_count = 1
        context.options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": ":".join(f"{name}={value}" for name, value in _X264.items()),
        }
        try:
            context.open()
        except FFmpegError as exc:
            raise CameraError(f"Pictures of {width}x{height} cannot be encoded: {_words(exc)}") from exc
        self._context = context

    def encode(self, frame: VideoFrame, pts_90k: int) -> bytes:
        """Encode a picture, scaled if it has another size; returns its access unit. Times must increase strictly."""
        picture = frame.reformat(width=self._width, height=self._height, format="yuv420p")
        picture.pts, picture.time_base = pts_90k, _MEDIA_TICK
        is_due = self._next_key_90k is not None and pts_90k >= self._next_key_90k
        picture.pict_type = 1 if is_due or self._key_wanted.is_set() else 0  # 1 is I, 0 leaves it to the encoder
        self._key_wanted.clear()
        packets = self._context.encode(picture)
        if any(packet.is_keyframe for packet in packets):
            self._next_key_90k = pts_90k + TICKS_PER_S
        return b"".join(bytes(packet) for packet in packets)

    def encode_planes(self, planes: NDArray[np.uint8], pts_90k: int) -> bytes:
        """The same for planar YUV 4:2:0: `planes` is (height * 3 / 2) x width, Y over U over V."""
        return self.encode(self._from_planes(planes, format="yuv420p"), pts_90k)

    def request_key_frame(self) -> None:
        """Make the next picture a key frame."""
        self._key_wanted.set()


_X264 = {
    "qpmin": 23,  # finer steps would be spent on the sensor's noise, whose vectors then look like motion
    "ref": 1,
    "bframes": 0,
    "scenecut": 0,
    "repeat-headers": 1,
    "annexb": 1,
    "threads": 1,
    "sliced-threads": 0,
}


def _ticks(time: int | None, base: Fraction | None) -> int | None:
    """Convert to media ticks, rounded half up; exact for any size of number."""
    if time is None or base is None:
        return None
    return (2 * time * base.numerator * TICKS_PER_S + base.denominator) // (2 * base.denominator)


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """The luma of a frame, height x width, as a view of the decoder's memory where its format has 8 bits of luma."""
    if not frame.format.name.startswith(_LUMA_FIRST) or frame.format.components[0].bits != 8:
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8, plane.line_size * plane.height)
    return lines.reshape(plane.height, plane.line_size)[:, : plane.width]


_LUMA_FIRST = ("yuv", "gray", "nv12", "nv21")


def _words(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)
