"""The queue of updates of one bot: numbered, kept until confirmed by a higher offset."""

from collections import deque

from ratcam.simulator.json_types import JsonObject

NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that a bot receives only when it names them in allowed_updates."""


class UpdateQueue:
    """Updates in the order they happened. Ids are consecutive and never used twice."""

    def __init__(self, *, first_id: int) -> None:
        self._next_id = first_id
        self._pending: deque[JsonObject] = deque()
        self._allowed: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self._pending)

    def allow(self, kinds: frozenset[str]) -> None:
        """From now on queue only these kinds; empty means Telegram's default. What is queued already stays."""
        self._allowed = kinds

    def add(self, kind: str, payload: JsonObject) -> None:
        """Queue one update unless its kind is not wanted."""
        if kind in self._allowed or (not self._allowed and kind not in NOT_BY_DEFAULT):
            self._pending.append({"update_id": self._next_id, kind: payload})
            self._next_id += 1

    def confirm(self, offset: int) -> None:
        """Forget every update below `offset`; a negative one keeps only the last `-offset` updates."""
        if offset < 0:
            while len(self._pending) > -offset:
                self._pending.popleft()
            return
        while self._pending and int(str(self._pending[0]["update_id"])) < offset:
            self._pending.popleft()

    def first(self, limit: int) -> list[JsonObject]:
        """The oldest unconfirmed updates, at most `limit`; they stay queued."""
        return [update for _, update in zip(range(limit), self._pending, strict=False)]

    def clear(self) -> None:
        """Drop everything that is queued."""
        self._pending.clear()
