"""Times and figures as a person reads them."""

from collections.abc import Sequence

from ratcam.tune.local_time import local_time
from ratcam.tune.tracks import Replayed


def clock(seconds: float) -> str:
    """Seconds from the first picture: 0:05.2, 12:30.0, 1:02:03."""
    if seconds >= 3600:
        return f"{int(seconds // 3600)}:{int(seconds // 60 % 60):02}:{int(seconds % 60):02}"
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def when(seconds: float, replayed: Replayed) -> str:
    """The same, or the wall clock where it is known."""
    began = replayed.started_unix_s
    at = None if began is None else local_time(began + seconds)
    return clock(seconds) if at is None else at.strftime("%a %H:%M:%S")


def lasts(seconds: float) -> str:
    """A length of time: 42 s, 12.5 min, 9.2 h."""
    if seconds >= 5400:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 90 else f"{seconds:.1f} s"


def count(number: int, noun: str) -> str:
    """A number and its noun: 1 event, 3 events."""
    return f"{number} {noun}{'s' * (number != 1)}"


def rate(per_week: float) -> str:
    """How often something happens, in the unit that suits it."""
    if per_week >= 168:
        return f"{per_week / 168:.1f} an hour"
    if per_week >= 7:
        return f"{per_week / 7:.1f} a day"
    return f"{per_week:.1f} a week" if per_week >= 0.1 else "fewer than one in ten weeks"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of text, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (head, *rows)
    ]
    return "\n".join(lines)
