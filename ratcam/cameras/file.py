"""A video file as a camera: H.264 goes through as it is, anything else is encoded first."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ratcam.cameras.decoding import DecodedField, FieldDecoder
from ratcam.cameras.file_times import RisingTimes, ordered_by_decoding, ordered_by_time
from ratcam.cameras.known_sets import KnownSets
from ratcam.cameras.libav import VideoFile, X264Encoder
from ratcam.cameras.pace import Pace
from ratcam.errors import CameraError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.ports import CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings

PREFIX = "file:"


class FileSource:
    """Implements `ports.CameraSource` for `source = file:PATH`.

    H.264 with 8 bits and 4:2:0 goes through as it is, anything else is encoded. The file's own times are kept up to
    steps of a second; a longer pause, and a clock that goes back, are played as if one picture followed the other: a
    camera that shows nothing for longer is taken for one that hangs.
    """

    def __init__(self, settings: CameraSettings, *, has_vectors: bool = False) -> None:
        """Make a source, not yet open; `has_vectors` as in `FieldDecoder`."""
        self._has_vectors = has_vectors
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
        self._decoder = FieldDecoder(
            reorder_depth=info.reorder_depth if info.is_passed else 0,
            rotation=info.rotation,
            has_vectors=self._has_vectors,
        )
        width, height = info.width, info.height
        if not info.is_passed:
            width, height = max(2, width & ~1), max(2, height & ~1)  # 4:2:0 has a chroma sample for every 2x2 pixels
            self._encoder = X264Encoder(
                width=width, height=height, fps=info.fps, bitrate_kbit=self._bitrate_kbit, aspect=info.aspect
            )
        self._pictures = self._passes(file, self._decoder)
        return SourceInfo(width=width, height=height, fps=info.fps, rotation=info.rotation)

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
            file = self._file = VideoFile(self._path, rotation=file.info.rotation)

    def _one_pass(self, file: VideoFile, decoder: FieldDecoder) -> Iterator[CapturedPicture]:
        frame_90k = max(1, round(TICKS_PER_S / file.info.fps))
        if self._encoder is not None:
            units = self._encoded(file, self._encoder, frame_90k)
        else:
            units = self._passed_through(file, frame_90k)
        for pts_90k, data in units:
            if not data:
                yield from _captured(self._end_90k, b"", decoder.flush())
                continue
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
        """The file's units with their media times; one without data where the stream begins anew."""
        begin_90k = self._end_90k
        units = file.coded()
        first = next(units, None)
        if first is None:
            return
        if first.pts_90k is None:
            yield from ordered_by_decoding(chain((first,), units), begin_90k, frame_90k, file.info.reorder_depth)
            return
        times = RisingTimes(begin_90k=begin_90k, frame_90k=frame_90k)
        if file.info.reorder_depth == 0:
            for unit in chain((first,), units):
                yield times.place(unit.pts_90k), unit.data
        else:
            yield from ordered_by_time(chain((first,), units), times)


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
