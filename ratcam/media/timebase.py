"""Media time: whole ticks of 1/90000 s, the time scale of the MP4 files and of every `_90k` value."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

TICKS_PER_S = 90_000


def ticks(seconds: float) -> int:
    """The tick nearest to a time in seconds."""
    return round(seconds * TICKS_PER_S)


def seconds(ticks: int) -> float:
    """A time in ticks as seconds."""
    return ticks / TICKS_PER_S


def median(steps: "Sequence[int]") -> int:
    """The middle one of at least one number, of two in the middle the lower.

    Not that of `statistics`, whose import takes longer than all of a short file's muxing.
    """
    return sorted(steps)[(len(steps) - 1) // 2]
