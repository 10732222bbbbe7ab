"""The small pictures that stand for clips in the chat."""

import io

from PIL import Image

from ratcam.cameras.decoding import decode_picture
from ratcam.cameras.upright import upright
from ratcam.errors import CameraError

MOST_SIDE = 320
"""Telegram takes no larger thumbnail, and none of 200 kB or more."""
MOST_BYTES = 32_000
"""Far less than allowed: it goes over the line before the clip does. Only noise needs more at the best quality."""
_QUALITIES = (80, 60, 40, 20)


class LibavThumbnails:
    """Implements `ports.ThumbnailMaker` with PyAV and Pillow. Keeps nothing between two calls."""

    def jpeg_of(self, key_unit: bytes, rotation: int) -> bytes:
        """A JPEG of at most `MOST_SIDE` pixels a side; its quality is lowered until it has `MOST_BYTES` at most.

        At the lowest quality it may be larger, but 320 x 320 pixels of noise have 69 kB even at the best.

        Raises:
            CameraError: the unit cannot be decoded, or its picture not be made a JPEG.
            MissingDependencyError: PyAV is not installed.
        """
        image = decode_picture(key_unit, most_side=MOST_SIDE)
        try:
            return _small_jpeg(upright(image, rotation))
        except (OSError, ValueError, MemoryError) as exc:
            raise CameraError(f"The thumbnail cannot be made a JPEG: {exc}") from exc


def _small_jpeg(image: Image.Image) -> bytes:
    jpeg = b""
    for quality in _QUALITIES:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        jpeg = out.getvalue()
        if len(jpeg) <= MOST_BYTES:
            break
    return jpeg
