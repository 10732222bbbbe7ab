"""What the bot asked for: one entry a call."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from ratcam.simulator.json_types import JsonValue

_KEPT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a method. Files appear by their size only; the token never appears."""

    method: str
    parameters: Mapping[str, JsonValue]
    uploaded_bytes: Mapping[str, int]
    """Size of every file by the name of its part."""
    status: int
    """The HTTP status that the client saw; 0 when the connection was broken on purpose."""
    result: JsonValue = field(repr=False)
    """What the method gave, or None."""
    description: str
    """Why it was refused; empty if it was not."""


class Journal:
    """The newest 20,000 calls, and the number of all."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_KEPT)
        self._counts: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        """Write one call down."""
        self._calls.append(call)
        self._counts[call.method] += 1

    def calls(self) -> tuple[Call, ...]:
        """The calls, oldest first."""
        return tuple(self._calls)

    def counts(self) -> dict[str, int]:
        """How often each method was called."""
        return dict(sorted(self._counts.items()))
