"""Keeps secrets out of every text that leaves the program for a person's eyes. Pure."""

import re

MASK = "[hidden]"
TOKEN_SHAPE = re.compile(r"[0-9]{6,12}:[A-Za-z0-9_-]{30,64}")
"""What a bot token looks like; only such a token is accepted, so that every accepted token can be recognised."""
_LIKE_A_TOKEN = re.compile(r"[0-9]{6,12}(?::|%3[Aa])[A-Za-z0-9_-]{30,}")
_URL_CREDENTIALS = re.compile(r"(?<=://)[^\s\"'<>]{1,500}@")
"""Up to the last @ before a blank or quote: a password may hold anything, and hiding too much does no harm."""

_EXCERPT = 60


class Redactor:
    """Replaces the known secrets, whatever looks like a bot token, and the name and password in a URL."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        """Empty secrets are ignored. Of a bot token the part after the colon is a secret of its own."""
        halves = (secret.partition(":")[2] for secret in secrets if TOKEN_SHAPE.fullmatch(secret))
        known = sorted({secret for secret in (*secrets, *halves) if secret}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def redact(self, text: str) -> str:
        """The text without secrets."""
        text = _LIKE_A_TOKEN.sub(MASK, text)
        if self._known is not None:
            text = self._known.sub(MASK, text)
        return _URL_CREDENTIALS.sub(f"{MASK}@", text)


def excerpt(text: str) -> str:
    """What a message may quote of a text that a person typed: without what looks secret, and short."""
    text = Redactor().redact(text)  # before the cut, which could make a secret too short to be recognised
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."
