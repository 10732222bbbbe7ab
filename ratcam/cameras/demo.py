"""A camera that needs no hardware: the drawn kitchen, encoded as a Pi would."""

from ratcam.cameras.decoding import FieldDecoder
from ratcam.cameras.kitchen import Kitchen
from ratcam.cameras.libav import X264Encoder
from ratcam.cameras.pace import Pace
from ratcam.errors import CameraError
from ratcam.media.timebase import TICKS_PER_S
from ratcam.ports import CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings

NAME = "demo"


class DemoSource:
    """Implements `ports.CameraSource` for `source = demo`. Never ends. The same pictures after every opening."""

    def __init__(self, settings: CameraSettings, *, has_vectors: bool = False) -> None:
        """Make a source, not yet open; `has_vectors` as in `FieldDecoder`."""
        self._has_vectors = has_vectors
        self._width, self._height = settings.width & ~1, settings.height & ~1
        self._fps = settings.fps
        self._bitrate_kbit = settings.bitrate_kbit
        self._pace = Pace(is_realtime=settings.pace == "realtime")
        self._kitchen: Kitchen | None = None
        self._encoder: X264Encoder | None = None
        self._decoder: FieldDecoder | None = None
        self._count = 0

    def open(self) -> SourceInfo:
        """Draw the scene.

        Raises:
            MissingDependencyError: PyAV is not installed.
        """
        self._decoder = FieldDecoder(has_vectors=self._has_vectors)
        self._encoder = X264Encoder(
            width=self._width, height=self._height, fps=self._fps, bitrate_kbit=self._bitrate_kbit
        )
        self._kitchen = Kitchen(width=self._width, height=self._height)
        return SourceInfo(width=self._width, height=self._height, fps=self._fps)

    def next_picture(self) -> CapturedPicture | None:
        """Wait until the next picture is due.

        Raises:
            CameraError: the source is not open.
        """
        if self._kitchen is None or self._encoder is None or self._decoder is None:
            raise CameraError("The demo camera is not open.")
        time_s = self._count / self._fps
        pts_90k = round(time_s * TICKS_PER_S)
        self._count += 1
        self._pace.wait(pts_90k)
        data = self._encoder.encode_planes(self._kitchen.picture(time_s), pts_90k)
        fields = self._decoder.feed(data, pts_90k)
        if not fields:
            raise CameraError("The demo camera's own stream could not be decoded.")
        return CapturedPicture(
            pts_90k=pts_90k,
            data=data,
            field=fields[0].payload,
            field_pts_90k=fields[0].pts_90k,
            columns=fields[0].columns,
            rows=fields[0].rows,
        )

    def still_jpeg(self) -> tuple[int, bytes]:
        """See `ports.CameraSource`."""
        if self._decoder is None:
            raise CameraError("The demo camera is not open.")
        return self._decoder.still_jpeg()

    def request_key_frame(self) -> None:
        """See `ports.CameraSource`."""
        if self._encoder is not None:
            self._encoder.request_key_frame()

    def close(self) -> None:
        """See `ports.CameraSource`."""
        self._kitchen = None
