"""FFmpeg's libraries through PyAV: reading video files, and encoding with x264.

Together with `decoding` the only importer of `av`, which is optional: constructors raise `MissingDependencyError` where
it is not installed. Media times are integers in ticks of 1/90000 s.
"""
# PyAV's stubs leave the parameter of Packet open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ratcam.errors import CameraError, MissingDependencyError
from ratcam.media.index import rotation_of
from ratcam.media.timebase import TICKS_PER_S

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_MEDIA_TICK = Fraction(1, TICKS_PER_S)
_FALLBACK_FPS = 25.0
_MOST_FPS = 120
"""A file that names a higher rate has none: FFmpeg then guesses that of its time base, up to 90000."""
_PASSED_FORMATS = frozenset({"yuv420p", "yuvj420p"})
"""What every phone and browser plays: 8 bits, a chroma sample for every 2x2 pixels."""
INSTALL = "Reading and encoding video needs PyAV; install it with: pip install 'ratcam[video]'"
_ROTATION_PACKETS = 100
"""In so many packets a first picture is looked for that says how it is to be turned."""


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
    rotation: int
    """By how much a player has to turn the pictures, in degrees clockwise: 0, 90, 180 or 270.

    0 also for a pipe, which can be read only once.
    """
    aspect: Fraction | None
    """How wide a sample is, its height being 1, as the container or else the stream says; None if neither does."""


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


class VideoFile:
    """One pass over the first video stream of a file that is no cover picture.

    Ask either for `coded`, if `info.is_passed`, or for `decoded` pictures.
    """

    def __init__(self, path: Path, *, rotation: int | None = None) -> None:
        """Open the file.

        Args:
            path: where it is; a pipe is read once.
            rotation: as in `VideoInfo`, if it is known from an earlier pass: finding out takes a decoder's time.

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
            raise MissingDependencyError(INSTALL) from exc
        if not path.exists():
            raise CameraError(f"There is no file {path}. Check the path in [camera] source = file:PATH.")
        self._path = path
        self._error = FFmpegError
        # The prefix keeps a name with a colon from being read as the name of a protocol.
        self._open = lambda: av.open(f"file:{path}", metadata_errors="replace")
        try:
            self._container = self._open()
        except (FFmpegError, OSError) as exc:
            raise CameraError(f"{path} cannot be played: {words(exc)}. Give a video file.") from exc
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
            rotation=self._rotation() if rotation is None else rotation,
            aspect=self._stream.sample_aspect_ratio or None,
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
            raise CameraError(f"{self._path} cannot be read any further: {words(exc)}") from exc

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
            raise CameraError(f"{self._path} cannot be read any further: {words(exc)}") from exc

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._container.close()

    def _rotation(self) -> int:
        """What the first picture says: the container's word reaches PyAV's user only with a picture."""
        if not self._path.is_file():
            return 0
        try:
            container = self._open()
        except (self._error, OSError) as exc:
            self._container.close()
            raise CameraError(f"{self._path} cannot be played: {words(exc)}. Give a video file.") from exc
        with container, contextlib.suppress(self._error):  # whoever reads the file will say what is wrong with it
            stream = next(stream for stream in container.streams.video if stream.index == self._stream.index)
            for packet in islice(container.demux(stream), _ROTATION_PACKETS):
                for frame in stream.codec_context.decode(packet):
                    return _rotation_of(frame)
        return 0

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


class X264Encoder:
    """Encodes as a Pi's camera does: one reference, no B-frames, a key frame a second, each with its SPS and PPS.

    A key frame comes after round(fps) pictures, or with the first that is shown a second after the last one. Every
    picture comes out at once. `request_key_frame` may be called from any thread, everything else from one.
    """

    def __init__(
        self, *, width: int, height: int, fps: float, bitrate_kbit: int, aspect: Fraction | None = None
    ) -> None:
        """Make an encoder for pictures of `width` x `height`, both even; `aspect` as in `VideoInfo`.

        Raises:
            CameraError: the encoder does not take this size.
            MissingDependencyError: PyAV is not installed.
        """
        try:
            import av  # noqa: PLC0415 - optional: imported at use, so that everything else works without it
            from av.error import FFmpegError  # noqa: PLC0415 - as above
            from av.video.frame import VideoFrame as AvFrame  # noqa: PLC0415 - as above
        except ImportError as exc:
            raise MissingDependencyError(INSTALL) from exc
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
        if aspect is not None:
            context.sample_aspect_ratio = aspect
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
            raise CameraError(f"Pictures of {width}x{height} cannot be encoded: {words(exc)}") from exc
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


def _rotation_of(frame: VideoFrame) -> int:
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 0
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    return rotation_of(a, b, c, d)


def words(exc: Exception) -> str:
    """What is wrong, without FFmpeg's number and function."""
    return str(getattr(exc, "strerror", None) or exc)
