"""What is kept of blocks that move for hours. Needs no numpy, so that stores and ports can know it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """Which blocks move for hours, in a form that can be kept over a restart; made and read by the detector only."""

    columns: int
    rows: int
    payload: bytes = field(repr=False)


NOTHING_LEARNED = Habits(columns=1, rows=1, payload=b"")
"""No habits of no picture: every detector ignores them."""
