"""Where something is, in words: nine fields of the upright picture, its halves, or all over it."""

from ratcam.motion.detector import PixelBox
from ratcam.motion.sighting import EVERYWHERE

_ALL_FROM = 0.7
"""What spans so much of a side spans all of it."""
_LARGE_FROM = 0.4
"""What spans so much is larger than one of three fields: it lies to one side unless its centre is near the middle."""
_NEAR_MIDDLE = 0.08
"""How far from the middle the centre of something large may be, for that."""
_FIELDS = (
    ("upper left", "upper middle", "upper right"),
    ("middle left", "centre", "middle right"),
    ("lower left", "lower middle", "lower right"),
)
_ACROSS = ("upper half", "middle", "lower half")
_ALONG = ("left half", "middle", "right half")
_Span = tuple[float, float]


def place_in_words(box: PixelBox, width: int, height: int, rotation: int = 0) -> str:
    """The place of a box as a person sees it, such as "lower left", "centre", "left half", "all over the picture".

    All but the last go with "in the". A box in one of nine equal fields is said to be there; a large one is named by
    the half, or else by the field, that its middle lies in.

    Args:
        box: in pixels of the coded picture; what lies outside it does not count.
        width: of the coded picture, in pixels.
        height: likewise.
        rotation: by how much the picture is turned clockwise to be upright: 0, 90, 180 or 270 degrees.

    Returns:
        The words; empty when nothing of the box lies in the picture.
    """
    x0, x1 = max(0, box[0]), min(width, box[2])
    y0, y1 = max(0, box[1]), min(height, box[3])
    if x0 >= x1 or y0 >= y1:
        return ""
    across, down = _upright((x0 / width, x1 / width), (y0 / height, y1 / height), rotation)
    column, row = _third(across), _third(down)
    match column, row:
        case None, None:
            return EVERYWHERE
        case None, int():
            return _ACROSS[row]
        case int(), None:
            return _ALONG[column]
        case _:
            return _FIELDS[row or 0][column or 0]


def _upright(x: _Span, y: _Span, rotation: int) -> tuple[_Span, _Span]:
    """Shares of the coded picture's width and height as those of the upright one."""
    match rotation % 360:
        case 90:
            return _mirrored(y), x
        case 180:
            return _mirrored(x), _mirrored(y)
        case 270:
            return y, _mirrored(x)
        case _:
            return x, y


def _mirrored(span: _Span) -> _Span:
    return 1 - span[1], 1 - span[0]


def _third(span: _Span) -> int | None:
    """Which third of a side a span belongs to, 0 to 2; None for all of it."""
    length, centre = span[1] - span[0], (span[0] + span[1]) / 2
    if length >= _ALL_FROM:
        return None
    if length >= _LARGE_FROM:
        return 1 + (centre > 0.5 + _NEAR_MIDDLE) - (centre < 0.5 - _NEAR_MIDDLE)
    return min(2, int(centre * 3))
