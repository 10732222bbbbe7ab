"""The heat map: a still in grey, tinted where something moved, with a frame around what moves now.

It is made to be read at a glance on a phone, where a picture is some 360 pixels wide: what is dark is lifted, what is
tiny is tinted beyond its edge and framed from afar.
"""

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ratcam.motion.detector import PixelBox
from ratcam.motion.field import block_px
from ratcam.motion.settings import MotionSettings

_RAMP = (
    (0.00, (110, 30, 160)),
    (0.22, (190, 45, 130)),
    (0.41, (235, 85, 60)),
    (0.65, (250, 150, 40)),
    (1.00, (255, 235, 110)),
)
"""Strength to colour: violet, magenta, red, orange, yellow. The stops lie where CIE lightness rises evenly, from 31 to
92: equal steps of strength look equal, also in grey."""
_POWER = 0.7  # below 1: what is left of the path shows beside the strongest place
_FAINTEST = 16.0
"""The ramp ends at the strongest block, but not below this, of the accumulator's 255: less is a trace, and looks it."""
_SOLID_FROM = 0.35  # of the scale: from here the tint has its full strength, below it fades into the grey
_COLUMNS_PER_RING = 60
"""In a grid so fine a block is 6 pixels on a phone: each time there are so many columns, tints grow by a block."""
_RING = 0.45  # how much weaker each of those is

_DARK = 90  # a still whose median is darker is lifted towards this, as far as noise allows
_STEEPEST = 0.45  # the least exponent of that

_SMALLEST_FRAME = 1 / 11
"""Of the picture's longer side, 33 pixels on a phone: a frame around something smaller is drawn from afar."""
_PEN = 1 / 200
"""Of the longer side: just under 2 pixels on a phone."""
_FRAME_COLOUR = (0, 229, 255)  # light and cold: neither any grey nor any colour of the ramp is like it
_FRAME_SHADOW = (20, 20, 20)
_TURNS = {  # Pillow counts the other way round
    90: Image.Transpose.ROTATE_270,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}
_Plane = npt.NDArray[np.float32]


class HeatMapError(ValueError):
    """The still is not a picture that can be read."""


def render(
    still_jpeg: bytes,
    accumulator: _Plane,
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
    accumulator: _Plane,
    *,
    box: PixelBox | None,
    settings: MotionSettings,
    picture_size: tuple[int, int] | None = None,
    rotation: int = 0,
) -> Image.Image:
    """The heat map in RGB, of the still's size.

    Where the accumulator (0 to 255, of any detector) is 0, and no fine block beside it is not, the still is grey; from
    there up to `settings.tint_strength` of the ramp's colour comes in. A dark still is lifted. `box` and the
    accumulator belong to a picture of `picture_size` (width, height) pixels, the still's own if None; another still is
    tinted to scale. The size of the accumulator's blocks follows from that and from its shape. The still is that
    picture turned by `rotation` degrees clockwise: 0, 90, 180 or 270. Nothing of the frame lies on what is in the box.

    Raises:
        HeatMapError: the still cannot be read.
    """
    grey = _turned(_lifted(_read_grey(still_jpeg)), -rotation)
    width, height = picture_size or grey.size
    plain = Image.merge("RGB", (grey, grey, grey))
    strength = _strength(accumulator)
    if strength.any():
        side = block_px(width, accumulator.shape[1])
        _tint(plain, strength, (width / side / plain.width, height / side / plain.height), settings.tint_strength)
    if box is not None and box[0] < box[2] and box[1] < box[3]:
        _frame(plain, box, (grey.width / width, grey.height / height))
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


def _lifted(grey: Image.Image) -> Image.Image:
    """A dark still made lighter by a power of its levels: black and white stay where they are. Others as they are."""
    median = max(1, int(np.median(np.asarray(grey)[::4, ::4])))
    if median >= _DARK:
        return grey
    power = max(_STEEPEST, math.log(_DARK / 255) / math.log(median / 255))
    return grey.point([round(255 * (level / 255) ** power) for level in range(256)])


def _turned(image: Image.Image, degrees: int) -> Image.Image:
    """The picture turned clockwise by whole quarters."""
    turn = _TURNS.get(degrees % 360)
    return image if turn is None else image.transpose(turn)


def _strength(accumulator: _Plane) -> _Plane:
    """How strongly to tint each block, 0 to 1."""
    if not accumulator.size:
        return accumulator
    strength = (accumulator / np.float32(max(float(accumulator.max()), _FAINTEST))) ** np.float32(_POWER)
    for _ in range(accumulator.shape[1] // _COLUMNS_PER_RING):
        strength = np.maximum(strength, _most_around(strength) * np.float32(_RING))
    return strength


def _most_around(plane: _Plane) -> _Plane:
    """The largest of each block and its eight neighbours."""
    padded = np.pad(plane, 1)
    across = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    return np.maximum(np.maximum(across[:-2], across[1:-1]), across[2:])


def _tint(image: Image.Image, strength: _Plane, scale: tuple[float, float], tint_strength: float) -> None:
    """Mix the ramp's colours in, smoothly from block to block. `scale` is in blocks a pixel.

    Mixed, not multiplied: on a dark ground, too, the stronger place must be the lighter one.
    """
    rows, columns = np.nonzero(strength)
    left, right = _reach(columns, scale[0], image.width)
    top, bottom = _reach(rows, scale[1], image.height)
    if left >= right or top >= bottom:
        return
    levels = Image.fromarray(np.clip(np.rint(strength * 255), 0, 255).astype(np.uint8))
    shown = (
        left * scale[0],
        top * scale[1],
        min(right * scale[0], levels.width),
        min(bottom * scale[1], levels.height),
    )
    smooth = levels.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=shown)
    colours = [ramp_colour(level / 255) for level in range(256)]
    tint = Image.merge("RGB", [smooth.point([colour[channel] for colour in colours]) for channel in range(3)])
    alpha = smooth.point([round(255 * tint_strength * min(1.0, level / 255 / _SOLID_FROM)) for level in range(256)])
    image.paste(tint, (left, top), alpha)


def _reach(blocks: npt.NDArray[np.intp], scale: float, length: int) -> tuple[int, int]:
    """The first pixel and the one after the last that these blocks colour along one axis."""
    spread = 2  # blocks that the smoothing looks at on each side
    first = math.floor((int(blocks.min()) - spread) / scale)
    return max(0, first), min(length, math.ceil((int(blocks.max()) + 1 + spread) / scale))


def _frame(image: Image.Image, box: PixelBox, scale: tuple[float, float]) -> None:
    """A light frame around the box, and a thinner dark one around that, so that it shows on any ground."""
    longer = max(image.size)
    thick = max(1, round(longer * _PEN))
    x0, x1 = _side(box[0] * scale[0], box[2] * scale[0], longer * _SMALLEST_FRAME, image.width, 2 * thick)
    y0, y1 = _side(box[1] * scale[1], box[3] * scale[1], longer * _SMALLEST_FRAME, image.height, 2 * thick)
    pen = ImageDraw.Draw(image)
    thin = max(1, thick // 2)
    pen.rectangle((x0 - thin, y0 - thin, x1 + thin, y1 + thin), outline=_FRAME_SHADOW, width=thin)
    pen.rectangle((x0, y0, x1, y1), outline=_FRAME_COLOUR, width=thick)


def _side(low: float, high: float, smallest: float, length: int, margin: int) -> tuple[int, int]:
    """The first and the last pixel of a frame along one axis: at least `smallest` long, within the picture."""
    wider = max(0.0, smallest - (high - low)) / 2
    first, last = round(low - wider) - margin, round(high + wider) - 1 + margin
    shift = max(0, -first) - max(0, last - (length - 1))
    if wider:
        first, last = first + shift, last + shift
    return max(0, min(first, length - 1)), max(0, min(last, length - 1))
