"""Every way a request can fail has one class that decides what to do next."""

import httpx
import pytest
from telegram import error as ptb

from ratcam.chat.failures import FloodWaitError, classify
from ratcam.messages import FailureKind as Kind
from tests.chat.gateway_rig import TOKEN


def caused(error: ptb.TelegramError, cause: Exception) -> ptb.TelegramError:
    error.__cause__ = cause
    return error


SIMPLE: list[tuple[Exception, Kind]] = [
    (ptb.InvalidToken(), Kind.TOKEN),
    (ptb.Forbidden("Forbidden: bot was blocked by the user"), Kind.CHAT_GONE),
    (ptb.ChatMigrated(-100), Kind.NOT_SENT),
    (ptb.Conflict("terminated by other getUpdates request"), Kind.NOT_SENT),
    (ptb.EndPointNotFound("no"), Kind.REFUSED),
    (ptb.PassportDecryptionError("no"), Kind.REFUSED),
    (ptb.TelegramError("Invalid server response"), Kind.AMBIGUOUS),
    (ptb.NetworkError("Bad Gateway"), Kind.AMBIGUOUS),
    (ptb.TimedOut(), Kind.AMBIGUOUS),
    (ptb.BadRequest("Bad Request: chat not found"), Kind.CHAT_GONE),
    (ptb.BadRequest("Bad Request: group chat was deactivated"), Kind.CHAT_GONE),
    (ptb.BadRequest("Bad Request: message is too long"), Kind.REFUSED),
    (ptb.BadRequest("Bad Request: PHOTO_INVALID_DIMENSIONS"), Kind.REFUSED),
    (ptb.BadRequest("Request Entity Too Large: nginx"), Kind.REFUSED),
    (ptb.BadRequest("Bad Request: wrong file identifier/HTTP URL specified"), Kind.REFUSED),
    (FloodWaitError(3), Kind.RETRY_AFTER),
    (TimeoutError(), Kind.AMBIGUOUS),
    (KeyError("result"), Kind.AMBIGUOUS),
]


@pytest.mark.parametrize(("error", "kind"), SIMPLE, ids=lambda value: type(value).__name__)
def test_an_error_has_its_kind(error: Exception, kind: Kind) -> None:
    assert classify(error).kind is kind


def test_every_exception_class_of_the_library_is_considered() -> None:
    considered = {type(error).__name__ for error, _ in SIMPLE} | {"RetryAfter"}
    assert set(ptb.__all__) <= considered


@pytest.mark.parametrize(
    "cause",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.PoolTimeout("full"),
        httpx.WriteError("broken"),
        httpx.WriteTimeout("stuck"),
        httpx.ProxyError("no"),
    ],
    ids=lambda cause: type(cause).__name__,
)
@pytest.mark.parametrize("wrapper", [ptb.NetworkError("httpx"), ptb.TimedOut()], ids=lambda error: type(error).__name__)
def test_a_request_that_never_arrived_is_not_sent(wrapper: ptb.TelegramError, cause: Exception) -> None:
    assert classify(caused(wrapper, cause)).kind is Kind.NOT_SENT


@pytest.mark.parametrize(
    "cause",
    [httpx.ReadTimeout("slow"), httpx.ReadError("reset"), httpx.RemoteProtocolError("closed")],
    ids=lambda cause: type(cause).__name__,
)
def test_a_request_that_may_have_arrived_is_ambiguous(cause: Exception) -> None:
    assert classify(caused(ptb.NetworkError("httpx"), cause)).kind is Kind.AMBIGUOUS


def test_what_cannot_be_put_into_a_request_is_refused() -> None:
    cause = UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
    assert classify(caused(ptb.NetworkError("Unknown error in HTTP implementation"), cause)).kind is Kind.REFUSED


@pytest.mark.parametrize("wanted", ["true", "false"])
@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
def test_the_wait_is_known_in_both_forms_of_retry_after(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", wanted)
    failure = classify(ptb.RetryAfter(37))
    assert (failure.kind, failure.retry_after_s) == (Kind.RETRY_AFTER, 37.0)


def test_a_wait_inside_a_bad_request_is_found() -> None:
    words = 'Bad Request: failed to send message #1 with the error message "Too Many Requests: retry after 8"'
    failure = classify(ptb.BadRequest(words))
    assert (failure.kind, failure.retry_after_s) == (Kind.RETRY_AFTER, 8.0)


@pytest.mark.parametrize(
    "words",
    [
        "Bad Request: wrong file identifier/HTTP URL specified",
        "Bad Request: wrong remote file identifier specified: Wrong padding in the string",
        "Bad Request: can't use file of type Photo as Video",
    ],
)
def test_a_file_id_that_is_not_accepted_is_told_apart(words: str) -> None:
    assert classify(ptb.BadRequest(words), by_file_id=True).kind is Kind.WRONG_FILE_ID


def test_the_detail_is_one_short_line_without_the_token() -> None:
    assert TOKEN not in classify(ptb.InvalidToken(f"The token `{TOKEN}` was rejected by the server.")).detail
    detail = classify(ptb.NetworkError("a\nb" * 500)).detail
    assert "\n" not in detail
    assert len(detail) <= 200
