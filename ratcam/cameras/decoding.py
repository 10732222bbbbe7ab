"""Decoding H.264 with PyAV: motion fields, stills, and single pictures.

Together with `libav` the only importer of `av`, which is optional: what needs it raises `MissingDependencyError` where
it is not installed. Media times are integers in ticks of 1/90000 s.
"""
# PyAV's stubs leave the parameter of Packet open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ratcam.cameras.libav import INSTALL, words
from ratcam.cameras.upright import fitted, upright
from ratcam.errors import CameraError, MissingDependencyError
from ratcam.media.timebase import ticks
from ratcam.motion.field import decoder_block_px, field_size, grid_of, pack, pack_change, rasterise
from ratcam.motion.gather import STEP_S
from ratcam.motion.luma import LumaSamples, change, sample

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from PIL import Image

_JPEG_QUALITY = 85
_STEP_90K = ticks(STEP_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedField:
    """The motion field of one decoded picture, in MMAL form (see `messages.MotionField`)."""

    pts_90k: int
    columns: int
    rows: int
    payload: bytes = field(repr=False)


class FieldDecoder:
    """Decodes H.264 and makes a motion field of every picture: exported vectors, and the change of luma per block.

    A picture's luma is compared with that of the last one compared, when that is at least `gather.STEP_S` ago; the
    field of a picture in between has no sad. Nor has that of a key frame, which is drawn afresh and differs from the
    picture before it everywhere; what follows is compared with it. In a stream of key frames alone they are compared.

    `still_jpeg` may be called from any thread, everything else from one.
    """

    def __init__(
        self, *, reorder_depth: int = 0, is_order_free: bool = False, rotation: int = 0, has_vectors: bool = False
    ) -> None:
        """Make a decoder for Annex B access units; `reorder_depth` and `rotation` as in `VideoInfo`.

        The stills are turned by `rotation`; the fields are not, they are those of the coded pictures. With
        `is_order_free` the times are mere names of the pictures and need not rise. With `has_vectors` the fields have
        the stream's; reading them costs more than all the rest, see `motion.choose.uses_vectors`.

        Raises:
            MissingDependencyError: PyAV is not installed.
        """
        try:
            import av  # noqa: PLC0415 - optional: imported at use, so that everything else works without it
            from av.error import FFmpegError  # noqa: PLC0415 - as above
        except ImportError as exc:
            raise MissingDependencyError(INSTALL) from exc
        self._error = FFmpegError
        self._packet = av.Packet
        self._context = av.CodecContext.create("h264", "r")
        if has_vectors:
            self._context.options = {"flags2": "+export_mvs"}
        self._context.thread_type = "NONE"  # more threads hold pictures back
        self._context.reorder_depth = reorder_depth
        self._has_vectors = has_vectors
        self._compared: _Compared | None = None
        self._spare: LumaSamples | None = None
        self._grid = _Grid.of(1, 1)
        self._last_pts_90k = -1
        self._is_order_free = is_order_free
        self._rotation = rotation
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
        self._compared = None
        return fields

    def still_jpeg(self) -> tuple[int, bytes]:
        """The newest decoded picture as (its pts_90k, JPEG), as shown and upright; encoded on the caller's thread.

        Raises:
            CameraError: there is no picture yet, or it cannot be made a JPEG.
        """
        with self._lock:
            newest = self._newest
        if newest is None:
            raise CameraError("There is no picture yet.")
        pts_90k, frame = newest
        buffer = io.BytesIO()
        try:
            image = _image(frame, self._context.sample_aspect_ratio)
            upright(image, self._rotation).save(buffer, "JPEG", quality=_JPEG_QUALITY)
        except (self._error, OSError, ValueError, MemoryError) as exc:
            raise CameraError(f"The picture cannot be made a JPEG: {words(exc)}") from exc
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
        with self._lock:
            self._newest = (pts_90k, frame)
        size = (frame.width, frame.height)
        if self._grid.size != size:
            self._grid = _Grid.of(*size)
        grid = self._grid
        sad = self._change(frame, grid, pts_90k)
        vectors = frame.side_data.get("MOTION_VECTORS") if self._has_vectors else None
        if vectors is not None:
            x, y = rasterise(vectors.to_ndarray(), grid.columns, grid.rows, grid.block)
            payload = pack(x, y, np.zeros((grid.rows, grid.columns), np.uint16) if sad is None else sad)
        else:
            payload = grid.nothing if sad is None else pack_change(sad)
        return DecodedField(pts_90k=pts_90k, columns=grid.columns, rows=grid.rows, payload=payload)

    def _change(self, frame: VideoFrame, grid: _Grid, pts_90k: int) -> NDArray[np.uint16] | None:
        """How much the luma changed since the picture last compared; None if this one is not to be compared."""
        last = self._compared
        is_same = last is not None and last.size == grid.size and pts_90k >= last.pts_90k
        is_fresh = frame.key_frame and not (last is not None and last.is_fresh)
        if is_same and last is not None and not is_fresh and pts_90k - last.pts_90k < _STEP_90K:
            return None
        samples = sample(_luma(frame), grid.block, self._spare)
        self._spare = None if last is None else last.samples
        self._compared = _Compared(samples, grid.size, pts_90k, is_fresh=is_fresh)
        if not is_same or last is None or is_fresh:
            return None
        return change(samples, last.samples)


@dataclass(frozen=True, slots=True)
class _Grid:
    """The blocks of pictures of one size."""

    size: tuple[int, int]
    block: int
    columns: int
    rows: int
    nothing: bytes = field(repr=False)
    """The field of a picture that is not compared."""

    @classmethod
    def of(cls, width: int, height: int) -> _Grid:
        block = decoder_block_px(width)
        columns, rows = grid_of(width, height, block)
        return cls((width, height), block, columns, rows, bytes(field_size(columns, rows)))


@dataclass(frozen=True, slots=True)
class _Compared:
    """The picture that the next ones are compared with."""

    samples: LumaSamples
    size: tuple[int, int]
    pts_90k: int
    is_fresh: bool
    """Whether it is a key frame that was not compared itself."""


def decode_picture(unit: bytes, *, most_side: int) -> Image.Image:
    """Decode one key unit with its SPS and PPS; scaled down to `most_side` pixels a side, as shown.

    Raises:
        CameraError: there is no picture in it that can be decoded and scaled.
        MissingDependencyError: PyAV is not installed.
    """
    try:
        import av  # noqa: PLC0415 - optional: imported at use, so that everything else works without it
        from av.error import FFmpegError  # noqa: PLC0415 - as above
    except ImportError as exc:
        raise MissingDependencyError(INSTALL) from exc
    context = av.CodecContext.create("h264", "r")
    context.thread_type = "NONE"  # for a single picture no other has to be started
    try:
        frames = context.decode(av.Packet(unit)) + context.decode(None) if unit else []
        if frames:
            return _image(frames[0], context.sample_aspect_ratio, most_side=most_side)
    except (FFmpegError, OSError, ValueError, MemoryError) as exc:
        raise CameraError(f"The picture cannot be decoded: {words(exc)}") from exc
    raise CameraError("There is no picture in it.")


def _image(frame: VideoFrame, aspect: Fraction | None, *, most_side: int | None = None) -> Image.Image:
    width, height = fitted(frame.width, frame.height, aspect, most_side)
    return frame.reformat(width=width, height=height, format="rgb24", interpolation="AREA").to_image()


def _luma(frame: VideoFrame) -> NDArray[np.uint8]:
    """The luma of a frame, height x width, as a view of the decoder's memory where its format has 8 bits of luma."""
    if not _has_luma_plane(frame.format.name):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    lines = np.frombuffer(memoryview(plane), np.uint8, plane.line_size * plane.height)
    return lines.reshape(plane.height, plane.line_size)[:, : plane.width]


@lru_cache(maxsize=64)
def _has_luma_plane(name: str) -> bool:
    """Whether a pixel format's first plane is luma of 8 bits."""
    from av.video.format import VideoFormat  # noqa: PLC0415 - optional: imported at use

    return name.startswith(("yuv", "gray", "nv12", "nv21")) and VideoFormat(name).components[0].bits == 8
