"""Decoded pictures as a person sees them: in the samples' aspect ratio, and turned as the container says."""

from fractions import Fraction

from PIL import Image

_TURNS = {
    90: Image.Transpose.ROTATE_270,  # Pillow counts the other way round
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_90,
}


_STRANGEST = 16
"""No camera's samples are so many times as wide as high, or as high as wide: such a ratio is damage."""


def fitted(width: int, height: int, aspect: Fraction | None, most_side: int | None = None) -> tuple[int, int]:
    """The size as shown of a picture whose samples are `aspect` times as wide as high, at most `most_side` a side.

    The width is stretched, never the height, and at most to its 16-fold or 16th; None is 1. No size is below 1.
    """
    across = width * min(max(aspect or Fraction(1), Fraction(1, _STRANGEST)), Fraction(_STRANGEST))
    scale = min(Fraction(1), most_side / Fraction(max(across, height))) if most_side else Fraction(1)
    return max(1, round(across * scale)), max(1, round(height * scale))


def upright(image: Image.Image, rotation: int) -> Image.Image:
    """The picture turned by `rotation` degrees clockwise: 0, 90, 180 or 270."""
    return image.transpose(_TURNS[rotation]) if rotation else image
