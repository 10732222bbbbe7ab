"""Turns what python-telegram-bot raises for a delivery into the few classes that decide what to do next."""

import re
from dataclasses import dataclass
from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    PassportDecryptionError,
    RetryAfter,
    TelegramError,
)

from ratcam.messages import FailureKind

_DETAIL_LENGTH = 200
_KIND_BY_CLASS: dict[type[BaseException], FailureKind] = {
    InvalidToken: FailureKind.TOKEN,
    Forbidden: FailureKind.CHAT_GONE,
    ChatMigrated: FailureKind.NOT_SENT,
    Conflict: FailureKind.NOT_SENT,
    EndPointNotFound: FailureKind.REFUSED,
    PassportDecryptionError: FailureKind.REFUSED,
}
_NOT_SENT_CAUSES = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.WriteError,
    httpx.WriteTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)
# Descriptions are not documented; these are the ones seen in the wild, in lower case.
_CHAT_GONE_WORDS = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "chat_id_invalid",
    "user is deactivated",
    "group chat was deactivated",
    "group chat was deleted",
    "bot was kicked",
    "bot was blocked",
    "bot is not a member",
    "chat_id is empty",
)
_WRONG_FILE_ID_WORDS = (
    "wrong file identifier",
    "wrong file_id",
    "wrong remote file",
    "wrong type of file",
    "can't use file of type",
    "type of file mismatch",
    "file reference",
    "temporarily unavailable",
    "invalid file id",
)
_WAIT_IN_WORDS = re.compile(r"retry after (\d+)", re.IGNORECASE)


class FloodWaitError(TelegramError):
    """The server asks to wait; stands in for PTB's RetryAfter, whose constructor warns that its type will change."""

    __slots__ = ("retry_after_s",)

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"Too many requests: retry after {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a request failed. `retry_after_s` is set for RETRY_AFTER only."""

    kind: FailureKind
    detail: str
    retry_after_s: float = 0.0


def classify(error: BaseException, *, by_file_id: bool = False) -> Failure:
    """The class of a failed request.

    Guarantees that NOT_SENT is said only of requests that the server cannot have acted on; whatever is not understood
    is AMBIGUOUS. `detail` is one line of at most 200 characters. WRONG_FILE_ID is said only where a file id was used.
    """
    kind, retry_after_s = _kind(error, by_file_id=by_file_id)
    detail = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, InvalidToken):
        detail = type(error).__name__  # PTB puts the token itself into some of these
    return Failure(kind=kind, detail=detail[:_DETAIL_LENGTH], retry_after_s=retry_after_s)


def _kind(error: BaseException, *, by_file_id: bool) -> tuple[FailureKind, float]:
    match error:
        case FloodWaitError():
            return FailureKind.RETRY_AFTER, error.retry_after_s
        case RetryAfter():
            wait = error.retry_after
            return FailureKind.RETRY_AFTER, wait.total_seconds() if isinstance(wait, timedelta) else float(wait)
        case BadRequest():  # a subclass of NetworkError: must come first
            return _kind_of_bad_request(str(error), by_file_id=by_file_id)
        case NetworkError() if isinstance(error.__cause__, _NOT_SENT_CAUSES):
            return FailureKind.NOT_SENT, 0.0
        case NetworkError() if isinstance(error.__cause__, ValueError):  # cannot be put into a request at all
            return FailureKind.REFUSED, 0.0
        case _:
            return _KIND_BY_CLASS.get(type(error), FailureKind.AMBIGUOUS), 0.0


def _kind_of_bad_request(description: str, *, by_file_id: bool) -> tuple[FailureKind, float]:
    words = description.lower()
    if wait := _WAIT_IN_WORDS.search(words):
        return FailureKind.RETRY_AFTER, float(wait[1])
    if any(phrase in words for phrase in _CHAT_GONE_WORDS):
        return FailureKind.CHAT_GONE, 0.0
    if by_file_id and any(phrase in words for phrase in _WRONG_FILE_ID_WORDS):
        return FailureKind.WRONG_FILE_ID, 0.0
    return FailureKind.REFUSED, 0.0
