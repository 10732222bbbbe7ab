"""How patient the gateway is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayTimings:
    """The gateway's waits and limits; the defaults suit a camera on a home line."""

    poll_s: int = 15
    """How long the server may hold a poll without news. Short, so that a dead line is noticed soon."""
    connect_timeout_s: float = 10.0
    pool_timeout_s: float = 5.0
    """How long a request waits for a free connection; deliveries never have to."""
    answer_timeout_s: float = 15.0
    """Longest silence while an answer is awaited, for everything without a file."""
    media_timeout_s: float = 30.0
    """The same for a photo or video, before what `upload_bytes_per_s` adds for its size."""
    upload_bytes_per_s: int = 32_000
    """The slowest line that still gets a clip through."""
    retry_first_s: float = 1.0
    retry_max_s: float = 60.0
    token_retry_s: float = 60.0
    """Pause between tries with a token that the server refuses: only a person can mend that."""
    command_age_s: float = 60.0
    """Older commands are not executed."""
    strangers_per_s: float = 20.0
    """At most so many messages of chats that are not allowed reach the listener."""
    poll_gap_s: float = 0.5
    """An empty answer to a poll takes at least so long, whatever the server does."""
    poll_watch_s: float = 180.0
    """No attempt to poll for so long: polling is started anew."""


DEFAULT_TIMINGS = GatewayTimings()
