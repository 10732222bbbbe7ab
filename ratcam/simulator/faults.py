"""Scripted faults: which calls go wrong, and how."""

from dataclasses import dataclass, field
from typing import Literal

from ratcam.simulator.json_types import JsonObject

When = Literal["before", "after"]
FaultKind = Literal["status", "raw", "not_ok", "reset", "delay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong with the calls number `nth` to `nth + times - 1` (from 1) of those that match.

    `method` is a method's name or "*"; "download" means fetching a file. `chat` limits it to one chat.
    `when` is "before" (the call is not carried out) or "after" (it is, yet the client sees the fault).
    Kinds: "status" answers `status` with `description` and `parameters` as Telegram words errors; "raw" answers
    `status` with `body` as it is; "not_ok" answers 200 with ok false; "reset" breaks the connection; "delay" waits
    `delay_s` before or after the call, which otherwise goes well.
    """

    method: str = "*"
    chat: int | None = None
    nth: int = 1
    times: int = 1
    when: When = "before"
    kind: FaultKind = "status"
    status: int = 500
    description: str = "Internal Server Error"
    parameters: JsonObject | None = None
    body: bytes = field(default=b"", repr=False)
    content_type: str = "text/html"
    delay_s: float = 0.0

    def matches(self, method: str, chat: int | None) -> bool:
        """Whether this fault is about such a call."""
        return self.method.lower() in {"*", method.lower()} and self.chat in {None, chat}


class FaultScript:
    """The faults that are still to come, in the order they were added; the first that is due is taken."""

    def __init__(self) -> None:
        self._seen: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Count calls for this fault from now on."""
        self._seen.append((fault, 0))

    def clear(self) -> None:
        """From now on everything works."""
        self._seen.clear()

    def take(self, method: str, chat: int | None) -> Fault | None:
        """Count one call, and return the fault it meets, if any."""
        due: Fault | None = None
        still: list[tuple[Fault, int]] = []
        for fault, seen in self._seen:
            count = seen + fault.matches(method, chat)
            if count > seen and due is None and count >= fault.nth:
                due = fault
            if count < fault.nth + fault.times - 1:
                still.append((fault, count))
        self._seen = still
        return due
