"""What moved in one picture: how strong, how much, where."""

from dataclasses import dataclass

EVERYWHERE = "all over the picture"
"""The one place that does not go with "in the"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What moved in one picture."""

    pts_90k: int
    """Of the picture."""
    score: float
    """How strong it was; 1.0 is the trigger."""
    area: int
    """Blocks that moved."""
    area_percent: float
    """Of all blocks of the picture; 0.0 if their number is not known."""
    box: tuple[int, int, int, int]
    """The blocks that moved, cut to the coded picture: x0, y0, x1, y1 in pixels, right and bottom exclusive."""
    place: str
    """Where that is in the upright picture, in words; empty if it is not known."""
    zone: str = ""
    """The watched zone where it was strongest; empty: the whole picture."""
