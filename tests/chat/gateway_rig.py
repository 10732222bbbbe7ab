"""What the gateway's tests share: a listener with deadlines, and loopback servers that answer as a test says."""

import asyncio
import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

from aiohttp import web

from ratcam.chat.gateway import TelegramGateway
from ratcam.chat.timings import GatewayTimings
from ratcam.clock import SystemClock
from ratcam.messages import ChatEvent, ChatId, Delivery, DeliveryId, MediaKind

TOKEN = "123456789:AAtesttokenthatmustneverappearinanylog"
COMMANDS = (("start", "Begin"), ("help", "What I can do"), ("photo", "Take a photo"))
OWNER = ChatId(11)
DEADLINE_S = 15.0
FAST = GatewayTimings(
    poll_s=2,
    connect_timeout_s=1.0,
    answer_timeout_s=2.0,
    media_timeout_s=2.0,
    retry_first_s=0.05,
    retry_max_s=0.2,
    token_retry_s=0.1,
    poll_gap_s=0.1,
)
Event = TypeVar("Event", bound=ChatEvent)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.events: queue.Queue[ChatEvent] = queue.Queue()

    def __call__(self, event: ChatEvent) -> None:
        self.events.put(event)

    def next(self, kind: type[Event]) -> Event:
        """The next event, which must be of this kind, within the deadline."""
        event = self.events.get(timeout=DEADLINE_S)
        assert isinstance(event, kind), event
        return event

    def rest(self) -> list[ChatEvent]:
        """Everything heard and not yet taken."""
        events: list[ChatEvent] = []
        while not self.events.empty():
            events.append(self.events.get_nowait())
        return events


class LoopbackServer:
    """An aiohttp application on a thread of its own, on a free port of 127.0.0.1."""

    def __init__(self, app: web.Application, *, port: int = 0) -> None:
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        self._loop = asyncio.new_event_loop()
        self._port = port
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loopback-server")

    def __enter__(self) -> "LoopbackServer":
        self._thread.start()
        assert self._is_up.wait(DEADLINE_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(DEADLINE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE_S)
        self._loop.close()

    @property
    def base_url(self) -> str:
        """Where the server is, without a slash at the end."""
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    def _run(self) -> None:
        async def begin() -> None:
            await self._runner.setup()
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

        self._loop.run_until_complete(begin())
        self._loop.call_soon(self._is_up.set)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())


class ScriptedApi:
    """A Bot API of a few methods, whose next answers a test can replace one by one."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self._scripts: dict[str, deque[Handler]] = {}
        self._updates: list[dict[str, Any]] = []
        self._next_update = 1
        self._next_message = 1
        self.app = web.Application(client_max_size=64 * 1024 * 1024)
        self.app.router.add_post("/bot{token}/{method}", self._handle)

    def script(self, method: str, *handlers: Handler) -> None:
        """Answer the next calls of a method by these, in order."""
        self._scripts.setdefault(method, deque()).extend(handlers)

    def push(self, *updates: dict[str, Any]) -> None:
        """Queue updates; they get their ids here. All of one call are handed out together."""
        for update in updates:
            self._next_update += 1
            update["update_id"] = self._next_update
        self._updates.extend(updates)

    def say(self, chat: int, text: str, **changes: Any) -> None:
        """A person writes in a private chat."""
        self.push(message_update(chat, text, **changes))

    def count(self, method: str) -> int:
        """How often a method was called so far."""
        return sum(1 for name, _ in self.calls if name == method)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        scripts = self._scripts.get(method)
        if scripts:
            self.calls.append((method, {}))
            return await scripts.popleft()(request)
        fields = {name: _noted(value) for name, value in (await request.post()).items()}
        self.calls.append((method, fields))
        match method:
            case "getMe":
                return ok({"id": 1, "is_bot": True, "first_name": "Ratcam", "username": "ratcam_bot"})
            case "getUpdates":
                return ok(await self._poll(fields))
            case "sendMessage" | "sendPhoto" | "sendVideo":
                return ok(self._message(method, fields))
            case _:
                return ok(True)

    async def _poll(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        offset, give_up = int(fields.get("offset", 0)), time.monotonic() + int(fields.get("timeout", 0))
        while True:
            self._updates = [update for update in self._updates if update["update_id"] >= offset]
            if self._updates or time.monotonic() >= give_up:
                return list(self._updates)
            await asyncio.sleep(0.01)

    def _message(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        self._next_message += 1
        number = self._next_message
        chat = int(fields["chat_id"])
        message: dict[str, Any] = {
            "message_id": number,
            "date": int(time.time()),
            "chat": {"id": chat, "type": "private"},
        }
        file = {"file_id": f"file-{number}", "file_unique_id": f"unique-{number}"}
        match method:
            case "sendPhoto":
                small = {"file_id": "thumbnail", "file_unique_id": "t", "width": 90, "height": 60}
                message["photo"] = [{**file, "width": 640, "height": 480}, small]
            case "sendVideo":
                message["video"] = {**file, "width": 640, "height": 480, "duration": 3}
            case _:
                message["text"] = fields["text"]
        return message


def _noted(value: object) -> object:
    """A form's value; of a file its (name, size), as the file itself is gone after the request."""
    return (value.filename, value.file.seek(0, 2)) if isinstance(value, web.FileField) else value


def ok(result: object) -> web.Response:
    """What the Bot API answers when all is well."""
    return web.json_response({"ok": True, "result": result})


def refuse(status: int, description: str, **parameters: object) -> Handler:
    """An error answer of the Bot API."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        body = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
        return web.json_response(body, status=status)

    return handler


def raw(status: int, body: bytes) -> Handler:
    """An answer that is not the Bot API's."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, body=body, content_type="text/html")

    return handler


def hang(entered: threading.Event) -> Handler:
    """Take the whole request and never answer."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await request.read()
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets that event")

    return handler


async def reset(request: web.Request) -> web.StreamResponse:
    """Take the whole request and break the connection without an answer."""
    await request.read()
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def message_update(chat: int, text: str, *, chat_type: str = "private", **changes: Any) -> dict[str, Any]:
    """An update with a message that Ana writes now; `changes` replace or add fields of the message."""
    message: dict[str, Any] = {
        "message_id": 1,
        "date": int(time.time()),
        "chat": {"id": chat, "type": chat_type, "first_name": "Ana", "title": "House"},
        "from": {"id": abs(chat), "is_bot": False, "first_name": "Ana", "last_name": "Lee", "username": "ana"},
        "text": text,
        **changes,
    }
    return {"message": message}


@contextmanager
def gateway_at(
    base_url: str,
    listener: Callable[[ChatEvent], None],
    *,
    allowed: frozenset[ChatId] = frozenset(),
    timings: GatewayTimings = FAST,
) -> Generator[TelegramGateway]:
    """A started gateway; stopped at the end, within its time."""
    gateway = TelegramGateway(token=TOKEN, base_url=base_url, commands=COMMANDS, clock=SystemClock(), timings=timings)
    gateway.allow(allowed)
    gateway.start(listener)
    try:
        yield gateway
    finally:
        gateway.stop(5)


@contextmanager
def black_hole() -> Generator[str]:
    """The base URL of a server that takes connections and never reads or answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listened a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def text_to(chat: int, text: str, name: str = "") -> Delivery:
    """A text to deliver."""
    return Delivery(delivery_id=DeliveryId(name or text), chat=ChatId(chat), kind=MediaKind.TEXT, text=text)
