"""A video file as a camera: H.264 goes through as it is, anything else is encoded first."""

import contextlib
from collections import deque
from collections.abc import Iterator
from itertools import chain, count
from pathlib import Path

from ratcam.cameras.libav import CodedPicture, DecodedField, FieldDecoder, VideoFile, X264Encoder
from ratcam.cameras.pace import Pace
from ratcam.errors import CameraError
from ratcam.media.access_unit import ParameterSets, is_idr, parameter_sets, with_parameter_sets
from ratcam.media.bits import BitReader
from ratcam.media.errors import StreamError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.ports import CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings

PREFIX = "file:"
_MOST_HELD = 64
"""Pictures held back to find out their order; no level of the standard lets a decoder hold back more than 16."""


class FileSource:
    """Implements `ports.CameraSource` for `source = file:PATH`."""

    def __init__(self, settings: CameraSettings) -> None:
        self._path = Path(settings.source.removeprefix(PREFIX)).expanduser()
        self._bitrate_kbit = settings.bitrate_kbit
        self._loops = settings.loop
        self._pace = Pace(is_realtime=settings.pace == "realtime")
        self._file: VideoFile | None = None
        self._decoder: FieldDecoder | None = None
        self._encoder: X264Encoder | None = None
        self._pictures: Iterator[CapturedPicture] = iter(())
        self._sets = KnownSets()
        self._end_90k = 0

    def open(self) -> SourceInfo:
        """Open the file.

        Raises:
            CameraError: it is missing, not a video, or has no video stream.
            MissingDependencyError: PyAV is not installed.
        """
        file = self._file = VideoFile(self._path)
        info = file.info
        self._decoder = FieldDecoder(reorder_depth=info.reorder_depth if info.is_h264 else 0)
        width, height = info.width, info.height
        if not info.is_h264:
            width, height = max(2, width & ~1), max(2, height & ~1)  # 4:2:0 has a chroma sample for every 2x2 pixels
            self._encoder = X264Encoder(width=width, height=height, fps=info.fps, bitrate_kbit=self._bitrate_kbit)
        self._pictures = self._passes(file, self._decoder)
        return SourceInfo(width=width, height=height, fps=info.fps)

    def next_picture(self) -> CapturedPicture | None:
        """Wait until the next picture is due; None at the end of a file that does not loop.

        Raises:
            CameraError: the file cannot be read any further, or has no pictures at all.
        """
        picture = next(self._pictures, None)
        if picture is not None and picture.data:
            self._pace.wait(picture.pts_90k)
        return picture

    def still_jpeg(self) -> tuple[int, bytes]:
        """See `ports.CameraSource`."""
        if self._decoder is None:
            raise CameraError("The file is not open.")
        return self._decoder.still_jpeg()

    def request_key_frame(self) -> None:
        """See `ports.CameraSource`; H.264 that is passed through has its key frames where it has them."""
        if self._encoder is not None:
            self._encoder.request_key_frame()

    def close(self) -> None:
        """See `ports.CameraSource`."""
        self._pictures = iter(())
        if self._file is not None:
            self._file.close()

    def _passes(self, file: VideoFile, decoder: FieldDecoder) -> Iterator[CapturedPicture]:
        while True:
            begin_90k = self._end_90k
            yield from self._one_pass(file, decoder)
            file.close()
            if self._end_90k == begin_90k:
                raise CameraError(f"{self._path} has no pictures that can be shown.")
            if not self._loops:
                return
            file = self._file = VideoFile(self._path)

    def _one_pass(self, file: VideoFile, decoder: FieldDecoder) -> Iterator[CapturedPicture]:
        frame_90k = max(1, round(TICKS_PER_S / file.info.fps))
        if self._encoder is not None:
            units = self._encoded(file, self._encoder, frame_90k)
        else:
            units = self._passed_through(file, frame_90k)
        for pts_90k, data in units:
            self._end_90k = max(self._end_90k, pts_90k + frame_90k)
            yield from _captured(pts_90k, self._sets.complete(data), decoder.feed(data, pts_90k))
        yield from _captured(self._end_90k, b"", decoder.flush())

    def _encoded(self, file: VideoFile, encoder: X264Encoder, frame_90k: int) -> Iterator[tuple[int, bytes]]:
        times = RisingTimes(begin_90k=self._end_90k, frame_90k=frame_90k)
        encoder.request_key_frame()
        for raw in file.decoded():
            pts_90k = times.place(raw.pts_90k)
            yield pts_90k, encoder.encode(raw.frame, pts_90k)

    def _passed_through(self, file: VideoFile, frame_90k: int) -> Iterator[tuple[int, bytes]]:
        begin_90k = self._end_90k
        units = file.coded()
        first = next(units, None)
        if first is None:
            return
        if first.pts_90k is None:
            yield from _ordered_by_decoding(chain((first,), units), begin_90k, frame_90k, file.info.reorder_depth)
        elif file.info.reorder_depth == 0:
            times = RisingTimes(begin_90k=begin_90k, frame_90k=frame_90k)
            for unit in chain((first,), units):
                yield times.place(unit.pts_90k), unit.data
        else:
            for unit in chain((first,), units):
                # What is shown before the first picture needs pictures that the file does not have.
                if unit.pts_90k is not None and unit.pts_90k >= first.pts_90k:
                    yield begin_90k + unit.pts_90k - first.pts_90k, unit.data


def _ordered_by_decoding(
    units: Iterator[CodedPicture], begin_90k: int, frame_90k: int, reorder_depth: int
) -> Iterator[tuple[int, bytes]]:
    """Give times to a stream without any: a picture's is the place at which a decoder shows it."""
    decoder = FieldDecoder(reorder_depth=reorder_depth, is_order_free=True)
    held: deque[tuple[int, bytes]] = deque()
    shown: dict[int, int] = {}
    places = count(begin_90k, frame_90k)
    for index, unit in chain(enumerate(units), ((-1, None),)):
        if unit is not None:
            held.append((index, unit.data))
        fields = decoder.flush() if unit is None else decoder.feed(unit.data, index)
        shown.update({field.pts_90k: next(places) for field in fields})
        while held and (held[0][0] in shown or len(held) > _MOST_HELD or unit is None):
            name, data = held.popleft()
            pts_90k = shown.pop(name, None)
            yield next(places) if pts_90k is None else pts_90k, data  # what is never shown takes a place, too


def _captured(pts_90k: int, data: bytes, fields: tuple[DecodedField, ...]) -> Iterator[CapturedPicture]:
    """Pair an access unit with the first field that came out; further fields follow by themselves."""
    if data and not fields:
        yield CapturedPicture(pts_90k=pts_90k, data=data, field=b"", field_pts_90k=pts_90k, columns=0, rows=0)
    for index, field in enumerate(fields):
        yield CapturedPicture(
            pts_90k=pts_90k,
            data=data if index == 0 else b"",
            field=field.payload,
            field_pts_90k=field.pts_90k,
            columns=field.columns,
            rows=field.rows,
        )


class RisingTimes:
    """Makes media times of a file's own: from `begin_90k`, always rising, gaps filled at the nominal rate."""

    def __init__(self, *, begin_90k: int, frame_90k: int) -> None:
        self._begin_90k = begin_90k
        self._frame_90k = frame_90k
        self._first_90k: int | None = None
        self._last_90k: int | None = None

    def place(self, time_90k: int | None) -> int:
        """The media time of the next picture, which the file says is shown at `time_90k` (None: it does not say)."""
        if self._first_90k is None:
            self._first_90k = time_90k
        placed = None if time_90k is None or self._first_90k is None else time_90k - self._first_90k + self._begin_90k
        if self._last_90k is None:
            placed = self._begin_90k
        elif placed is None or placed <= self._last_90k:
            placed = self._last_90k + self._frame_90k
        self._last_90k = placed
        return placed


class KnownSets:
    """Remembers a stream's parameter sets by their ids, so that every IDR picture can begin with those it needs."""

    def __init__(self) -> None:
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, bytes] = {}

    def complete(self, data: bytes) -> bytes:
        """The access unit; if it is an IDR picture, with the SPS and PPS at its beginning."""
        new = parameter_sets(data)
        for known, sets, id_at in ((self._sps, new.sps, 4), (self._pps, new.pps, 1)):
            for unit in sets:
                with contextlib.suppress(StreamError):  # a damaged one is of no use to later pictures
                    known[BitReader(unit[id_at:]).ue()] = unit
        if not is_idr(data):
            return data
        return with_parameter_sets(data, ParameterSets(sps=tuple(self._sps.values()), pps=tuple(self._pps.values())))
