"""Between the Supervisor and the actors."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """Sent by the Supervisor to every actor a few times a second: show progress, and do what is due by now."""

    now_s: float
    """Monotonic time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed:
    """An actor's thread has ended although nobody asked it to."""

    name: str
    reason: str
