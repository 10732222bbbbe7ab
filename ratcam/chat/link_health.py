"""Says once, in plain words, that Telegram cannot be used, and once that it can again."""

import logging
from dataclasses import dataclass
from enum import Enum

from ratcam.ports import Clock

_logger = logging.getLogger(__name__)


class Problem(Enum):
    """Why polling does not work."""

    OFFLINE = "offline"
    TROUBLE = "trouble"
    CONFLICT = "conflict"
    TOKEN = "token"  # noqa: S105  (the name of a problem, not a secret)


@dataclass(frozen=True, slots=True)
class _Notice:
    level: int
    grace_s: float
    """Once the server has answered, a problem that passes within this time is not worth a line."""
    text: str


_NOTICES = {
    Problem.OFFLINE: _Notice(logging.WARNING, 5, "Telegram cannot be reached (%s). Ratcam goes on trying."),
    Problem.TROUBLE: _Notice(logging.WARNING, 5, "Telegram does not answer properly (%s). Ratcam goes on trying."),
    # After a restart the old connection's poll lives on at the server for a while.
    Problem.CONFLICT: _Notice(
        logging.WARNING,
        30,
        "Another program receives this bot's messages (%s). Stop it, or give each its own bot at @BotFather.",
    ),
    # Portals and proxies answer 401 or 404 for a moment, too.
    Problem.TOKEN: _Notice(
        logging.ERROR,
        30,
        "Telegram does not accept the bot's token (%s). Compare it with what @BotFather says, "
        "put the right one into the configuration and restart Ratcam.",
    ),
}


class LinkHealth:
    """Turns the fate of every poll into one log line per change of state."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._has_answered = False
        self._problem: Problem | None = None
        self._since_s = 0.0
        self._is_told = False

    def answered(self) -> None:
        """The server answered a request as it should."""
        if self._problem is not None and self._is_told:
            _logger.info("Telegram answers again after %.0f s.", self._clock.monotonic_s() - self._since_s)
        self._has_answered = True
        self._problem = None

    def failed(self, problem: Problem, detail: str) -> None:
        """A request failed. `detail` must not hold the token."""
        now_s = self._clock.monotonic_s()
        if problem is not self._problem:
            self._problem = problem
            self._since_s = now_s
            self._is_told = False
        notice = _NOTICES[problem]
        if self._is_told or (self._has_answered and now_s - self._since_s < notice.grace_s):
            return
        self._is_told = True
        _logger.log(notice.level, notice.text, detail)
