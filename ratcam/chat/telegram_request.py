"""The HTTP side of the gateway: python-telegram-bot's requests, made to survive what networks really answer."""

import asyncio
import contextlib
import json
import logging
import socket
from email.utils import parsedate_to_datetime
from typing import Any, cast
from urllib.request import getproxies

import httpx
from telegram import Update
from telegram.error import BadRequest, Conflict, NetworkError, TelegramError, TimedOut
from telegram.request import HTTPXRequest, RequestData

from ratcam.chat.failures import FloodWaitError
from ratcam.chat.link_health import LinkHealth, Problem
from ratcam.chat.timings import GatewayTimings
from ratcam.ports import Clock

_logger = logging.getLogger(__name__)

_SEND_BUFFER_BYTES = 131_072
"""A big kernel buffer takes a whole clip and starves the texts sent beside it."""
_KEEP_ALIVE_S = 120.0
_WRITE_TIMEOUT_S = 30.0
_CLOSE_TIMEOUT_S = 2.0
_WEDGED_POOL_TIMEOUTS = 2
_UNSAID_WAIT_S = 5.0
"""For a 429 that does not say how long."""
_LONGEST_POLL_WAIT_S = 60.0
_PLAIN_STATUSES = (413, 429)
"""They speak of the request itself, and Telegram's own front end says them without a Bot API answer."""
# What PTB's parsers raise for updates they do not expect.
_PARSE_ERRORS = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


class ServerClock:
    """The time by the `Date` of the server's newest answer: a Pi has no clock battery, Telegram has the right time."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s: float | None = None

    def note(self, date_header: str | None) -> None:
        """Take over an answer's Date header; one that is missing or not a date is ignored."""
        if date_header is None:
            return
        try:
            date_unix_s = parsedate_to_datetime(date_header).timestamp()
        except (ValueError, TypeError, OverflowError):
            return
        self._ahead_s = date_unix_s - self._clock.monotonic_s()

    def unix_s(self) -> float:
        """Seconds since 1970 by the server, to about a second; by this machine until the server has said it."""
        return self._clock.unix_s() if self._ahead_s is None else self._clock.monotonic_s() + self._ahead_s


class TelegramRequest(HTTPXRequest):
    """Requests whose answers PTB can always read.

    Only a JSON object with `ok` and either a result or an error code is an answer of the Bot API; any other (the page
    of a portal or proxy, an empty body) becomes a plain server error, whatever its status, but for 413 and 429. A
    flood limit becomes `FloodWaitError`; a payload that is too large a `BadRequest`. A whole request ends within twice
    its read timeout: a server that drips a byte a second would never time out. A connection pool that has got stuck is
    made anew.
    """

    def __init__(self, *, server_clock: ServerClock, timings: GatewayTimings, pool_size: int) -> None:
        async def note_date(response: httpx.Response) -> None:
            server_clock.note(response.headers.get("Date"))

        limits = httpx.Limits(
            max_connections=pool_size, max_keepalive_connections=pool_size, keepalive_expiry=_KEEP_ALIVE_S
        )
        # A client with a transport of its own ignores the proxies of the environment: then better without the option.
        transport = None if _environment_has_proxy() else _transport(limits)
        super().__init__(
            read_timeout=timings.answer_timeout_s,
            write_timeout=_WRITE_TIMEOUT_S,
            media_write_timeout=_WRITE_TIMEOUT_S,
            connect_timeout=timings.connect_timeout_s,
            pool_timeout=timings.pool_timeout_s,
            httpx_kwargs={
                "transport": transport,
                "limits": limits,
                "event_hooks": {"response": [note_date]},
            },
        )
        self._pool_timeouts = 0
        self._renewal = asyncio.Lock()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[int, bytes]:
        """Send one request; returns the status and a body that is always a Bot API answer.

        Raises:
            FloodWaitError: the server asks to wait.
            TimedOut: it took too long; `__cause__` is httpx's error, or None when the answer never ended.
            NetworkError: the connection failed; `__cause__` is httpx's error.
            BadRequest: the payload is too large.
        """
        async with self._renewal:
            pass  # not while the pool is being renewed
        read_timeout = kwargs.get("read_timeout")
        patience_s = 2 * float(read_timeout if isinstance(read_timeout, int | float) else self.read_timeout or 0)
        try:
            async with asyncio.timeout(patience_s):
                status, body = await super().do_request(url, method, request_data, *args, **kwargs)
        except TimeoutError:
            raise TimedOut(f"No whole answer within {patience_s:g} s") from None
        except TimedOut as error:
            if isinstance(error.__cause__, httpx.PoolTimeout):
                await self._count_pool_timeout()
            raise
        self._pool_timeouts = 0
        return _checked(status, body)

    async def _count_pool_timeout(self) -> None:
        self._pool_timeouts += 1
        if self._pool_timeouts < _WEDGED_POOL_TIMEOUTS or self._renewal.locked():
            return
        self._pool_timeouts = 0
        _logger.info("The connections to Telegram are stuck; making new ones.")
        async with self._renewal:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.shutdown(), _CLOSE_TIMEOUT_S)
            await self.initialize()


class PollingRequest(TelegramRequest):
    """Requests for updates that never end polling.

    PTB gives up polling for ever at one 401 or 404, and asks again at once for an update that it cannot read. Here the
    former is a server error like any other, and the latter is replaced by an update without content.
    """

    def __init__(self, *, server_clock: ServerClock, timings: GatewayTimings, clock: Clock, health: LinkHealth) -> None:
        super().__init__(server_clock=server_clock, timings=timings, pool_size=2)
        self._clock = clock
        self._health = health
        self._gap_s = timings.poll_gap_s
        self._has_skipped = False
        self.is_failing = False
        """Whether the newest attempt failed."""
        self.last_attempt_s = clock.monotonic_s()
        """Monotonic time of the newest attempt's begin or end."""

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> tuple[int, bytes]:
        """Ask for updates once; returns status 200 and a readable answer.

        Raises:
            NetworkError: anything went wrong; a 409 is a `Conflict`, a flood limit has been waited for.
        """
        try:
            answer = await self._ask(url, method, request_data, *args, **kwargs)
        except TelegramError:
            self.is_failing = True
            raise
        self.is_failing = False
        return answer

    async def _ask(
        self, url: str, method: str, request_data: RequestData | None, *args: Any, **kwargs: Any
    ) -> tuple[int, bytes]:
        begun_s = self.last_attempt_s = self._clock.monotonic_s()
        try:
            status, body = await super().do_request(url, method, request_data, *args, **kwargs)
        except FloodWaitError as error:
            self._health.failed(Problem.TROUBLE, str(error))
            await asyncio.sleep(min(error.retry_after_s, _LONGEST_POLL_WAIT_S))
            raise NetworkError("Polling too often") from error
        except TelegramError as error:
            self._health.failed(Problem.OFFLINE, str(error))
            raise
        finally:
            self.last_attempt_s = self._clock.monotonic_s()
        answer = _parsed(body)
        if not 200 <= status < 300:
            self._refuse(status, str(answer.get("description")))
        updates = self._readable(answer["result"])
        self._health.answered()
        is_long_poll = request_data is not None and bool(request_data.parameters.get("timeout"))
        if not updates and is_long_poll:
            await asyncio.sleep(max(0.0, self._gap_s - (self.last_attempt_s - begun_s)))
        return 200, json.dumps({"ok": True, "result": updates}).encode()

    def _refuse(self, status: int, description: str) -> None:
        match status:
            case 401 | 404:
                self._health.failed(Problem.TOKEN, f"{status} {description}")
                raise NetworkError(f"Polling was refused: {status}")
            case 409:
                self._health.failed(Problem.CONFLICT, description)
                raise Conflict(description)
            case _:
                self._health.failed(Problem.TROUBLE, f"{status} {description}")
                raise NetworkError(f"Polling failed: {status} {description}")

    def _readable(self, result: object) -> list[dict[str, Any]]:
        """The updates, each one that PTB cannot parse without its content, so that the offset moves past it."""
        if not isinstance(result, list):
            self._health.failed(Problem.TROUBLE, "the answer holds no updates")
            raise NetworkError("The answer holds no updates")
        updates: list[dict[str, Any]] = []
        for item in cast("list[object]", result):
            if not isinstance(item, dict):
                continue
            update = cast("dict[str, Any]", item)
            update_id = update.get("update_id")
            if not isinstance(update_id, int):
                continue
            updates.append(update if self._is_readable(update) else {"update_id": update_id})
        return updates

    def _is_readable(self, update: dict[str, Any]) -> bool:
        try:
            Update.de_json(update, None)
        except _PARSE_ERRORS as error:
            # Once: a stranger may be able to send many of these.
            level = logging.DEBUG if self._has_skipped else logging.WARNING
            _logger.log(level, "Skipped an update from Telegram that cannot be read (%s).", type(error).__name__)
            self._has_skipped = True
            return False
        return True


def _environment_has_proxy() -> bool:
    return not {"http", "https", "all"}.isdisjoint(getproxies())


def _transport(limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    options = [(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)]
    return httpx.AsyncHTTPTransport(limits=limits, socket_options=options)


def _parsed(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; empty when there is none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}


def _checked(status: int, body: bytes) -> tuple[int, bytes]:
    answer = _parsed(body)
    if 200 <= status < 300 and answer.get("ok") is True and "result" in answer:
        return status, body
    code = answer.get("error_code")
    is_refusal = answer.get("ok") is False and isinstance(code, int) and 400 <= code < 600
    if isinstance(code, int) and is_refusal:
        status = code
    elif status not in _PLAIN_STATUSES:
        # Never taken for Telegram's: the 403 of a proxy's page would cost a chat its authorisation.
        status = 502
    parameters: dict[str, Any] = answer["parameters"] if isinstance(answer.get("parameters"), dict) else {}
    description = str(answer.get("description") or f"status {status} without a Bot API answer")
    wait_s = parameters.get("retry_after")
    if status == 429 or wait_s:
        raise FloodWaitError(float(wait_s) if isinstance(wait_s, int | float) else _UNSAID_WAIT_S)
    if status == 413:
        raise BadRequest(f"Request Entity Too Large: {description}")
    failure: dict[str, Any] = {"ok": False, "description": description}
    if isinstance(parameters.get("migrate_to_chat_id"), int):
        failure["parameters"] = {"migrate_to_chat_id": parameters["migrate_to_chat_id"]}
    return status, json.dumps(failure).encode()
