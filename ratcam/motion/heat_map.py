"""The heat map: a still in grey, tinted where something moved."""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw

from ratcam.motion.detector import PixelBox
from ratcam.motion.field import BLOCK
from ratcam.motion.settings import MotionSettings

_RAMP = (
    (0.00, (40, 10, 95)),
    (0.25, (125, 30, 140)),
    (0.50, (215, 60, 90)),
    (0.75, (252, 150, 40)),
    (1.00, (255, 240, 110)),
)
"""Strength to colour: dark violet, violet, red, orange, yellow. Lightness only rises, so it reads in grey too."""
_SOLID_FROM = 0.35  # of the scale: from here the tint has its full strength, below it fades into the grey
_SHADE = 0.6  # how dark a tinted black is, next to a tinted white: the still stays legible under the tint
_WIDEST_SCALE_IN_LEVELS = 3.0  # the ramp ends at least at so many trigger levels: faint motion does not look violent
_TURNS = {  # Pillow counts the other way round
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_BOX_COLOUR = (255, 255, 255)
_BOX_SHADOW = (20, 20, 20)


class HeatMapError(ValueError):
    """The still is not a picture that can be read."""


def render(
    still_jpeg: bytes,
    accumulator: npt.NDArray[np.float32],
    *,
    box: PixelBox | None,
    settings: MotionSettings,
    picture_size: tuple[int, int] | None = None,
    rotation: int = 0,
) -> bytes:
    """The heat map as a JPEG of the still's size; see `draw`.

    Raises:
        HeatMapError: the still cannot be read.
    """
    out = io.BytesIO()
    image = draw(still_jpeg, accumulator, box=box, settings=settings, picture_size=picture_size, rotation=rotation)
    image.save(out, "JPEG", quality=settings.jpeg_quality)
    return out.getvalue()


def draw(
    still_jpeg: bytes,
    accumulator: npt.NDArray[np.float32],
    *,
    box: PixelBox | None,
    settings: MotionSettings,
    picture_size: tuple[int, int] | None = None,
    rotation: int = 0,
) -> Image.Image:
    """The heat map in RGB, of the still's size.

    Where the accumulator is 0 the still is grey; from there up to `settings.tint_strength` of the ramp's colour comes
    in. The ramp ends at the strongest block, but not below three trigger levels. `box` and the accumulator belong to a
    picture of `picture_size` (width, height) pixels, the still's own if None; another still is tinted to scale. The
    still is that picture turned by `rotation` degrees clockwise: 0, 90, 180 or 270.

    Raises:
        HeatMapError: the still cannot be read.
    """
    grey = _turned(_read_grey(still_jpeg), -rotation)
    width, height = picture_size or grey.size
    plain = Image.merge("RGB", (grey, grey, grey))
    if accumulator.size:
        scale = max(float(accumulator.max()), _WIDEST_SCALE_IN_LEVELS * settings.trigger_level)
        strength = _stretch(accumulator / np.float32(scale), grey.size, (width / BLOCK, height / BLOCK))
        alpha = strength.point(_alpha_table(settings.tint_strength))
        plain = Image.composite(_tinted(grey, strength), plain, alpha)
    if box is not None:
        _outline(plain, box, (grey.width / width, grey.height / height))
    return _turned(plain, rotation)


def ramp_colour(strength: float) -> tuple[int, int, int]:
    """The ramp's colour for a strength of 0 to 1."""
    stops = [stop for stop, _ in _RAMP]
    red, green, blue = (
        round(float(np.interp(strength, stops, [colour[channel] for _, colour in _RAMP]))) for channel in range(3)
    )
    return red, green, blue


def _read_grey(still_jpeg: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(still_jpeg)) as still:
            return still.convert("L")
    except (OSError, ValueError, Image.DecompressionBombError) as exc:
        raise HeatMapError(f"the still cannot be read: {exc}") from exc


def _turned(image: Image.Image, degrees: int) -> Image.Image:
    """The picture turned clockwise by whole quarters."""
    turn = _TURNS.get(degrees % 360)
    return image if turn is None else image.transpose(turn)


def _stretch(grid: npt.NDArray[np.float32], size: tuple[int, int], blocks: tuple[float, float]) -> Image.Image:
    """The grid (0 to 1) as a smooth 8-bit picture of `size`, which shows `blocks` (columns, rows) of it."""
    rows, columns = grid.shape
    levels = np.clip(np.rint(grid * 255), 0, 255).astype(np.uint8)
    shown = (0.0, 0.0, min(blocks[0], columns), min(blocks[1], rows))
    return Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC, box=shown)


def _alpha_table(tint_strength: float) -> list[int]:
    return [round(255 * tint_strength * min(1.0, level / 255 / _SOLID_FROM)) for level in range(256)]


def _tinted(grey: Image.Image, strength: Image.Image) -> Image.Image:
    """The ramp's colours over the whole picture, shaded by the still."""
    colours = [ramp_colour(level / 255) for level in range(256)]
    tint = Image.merge("RGB", [strength.point([colour[channel] for colour in colours]) for channel in range(3)])
    shade = grey.point([round(255 * (_SHADE + (1 - _SHADE) * level / 255)) for level in range(256)])
    return ImageChops.multiply(tint, Image.merge("RGB", (shade, shade, shade)))


def _outline(image: Image.Image, box: PixelBox, scale: tuple[float, float]) -> None:
    """A thin light frame with a dark one around it, so that it shows on any ground."""
    thick = max(1, round(min(image.size) / 240))
    x0, y0 = round(box[0] * scale[0]), round(box[1] * scale[1])
    x1, y1 = round(box[2] * scale[0]) - 1, round(box[3] * scale[1]) - 1
    pen = ImageDraw.Draw(image)
    if x1 < x0 or y1 < y0:
        return
    pen.rectangle((x0 - thick, y0 - thick, x1 + thick, y1 + thick), outline=_BOX_SHADOW, width=thick)
    pen.rectangle((x0, y0, x1, y1), outline=_BOX_COLOUR, width=thick)
