"""The time of day as this machine's clock shows it."""

from datetime import datetime

_LATEST_UNIX_S = 64_000_000_000.0
"""The year 3998: what lies beyond is no time, and some calendars cannot show it."""


def local_time(unix_s: float) -> datetime | None:
    """A moment with the offset that is in force then, not today's; None if it is no time that can be shown."""
    if not 0 <= unix_s < _LATEST_UNIX_S:
        return None
    return datetime.fromtimestamp(unix_s).astimezone()
