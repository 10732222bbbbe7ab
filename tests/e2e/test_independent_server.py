"""`ratcam run` against a Bot API server that somebody else wrote: the main job, seen from that server's side."""

import json
import threading
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from ratcam.messages import ChatId
from ratcam.simulator.simulator import Simulator
from tests.chat.gateway_rig import LoopbackServer, message_update
from tests.deadline import wait_until
from tests.e2e.daemon import TOKEN, Home

emulator = pytest.importorskip("lo_bot_api_emulator", reason="needs lo-bot-api-emulator")
ADA, BEN = ChatId(11), ChatId(22)


class Server:
    """The server, what it answered to each call, and the persons who write."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, dict[str, Any]]] = []
        self.lock = threading.Lock()
        self.app: web.Application = emulator.LoBotApiEmulator(enable_control=True).app()
        self.app.middlewares.append(self._watch)
        self.base_url = ""

    @web.middleware
    async def _watch(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        response = await handler(request)
        if isinstance(response, web.Response) and "/bot" in request.path:
            method = request.path.rpartition("/")[2]
            body: dict[str, Any] = json.loads(response.text or "{}")
            if method == "getMe":
                # Every real bot has a name; this server's has none.
                body["result"]["username"] = "ratcam_bot"
                response = web.json_response(body)
            if method.startswith("send"):
                with self.lock:
                    self.answers.append((method, body))
        return response

    def say(self, chat: ChatId, text: str) -> None:
        update = message_update(chat, text)
        httpx.post(f"{self.base_url}/__fixture/updates", json={"token": TOKEN, "update": update}).raise_for_status()

    def sent(self, chat: ChatId, method: str) -> list[dict[str, Any]]:
        """The messages of this kind that the chat got."""
        with self.lock:
            good = [body["result"] for name, body in self.answers if name == method and body.get("ok")]
        return [message for message in good if message["chat"]["id"] == chat]

    def refused(self) -> list[tuple[str, dict[str, Any]]]:
        with self.lock:
            return [(name, body) for name, body in self.answers if not body.get("ok")]

    def texts(self, chat: ChatId) -> list[str]:
        return [message["text"] for message in self.sent(chat, "sendMessage")]

    def wait_for_text(self, chat: ChatId, start: str) -> None:
        wait_until(lambda: any(text.startswith(start) for text in self.texts(chat)), timeout_s=40, what=start)


@pytest.fixture(name="server")
def run_server() -> Generator[Server]:
    server = Server()
    with LoopbackServer(server.app) as listening:
        server.base_url = listening.base_url
        yield server


def test_the_main_job_on_an_independent_server(
    server: Server, tmp_path: Path, video: Path, simulator: Simulator
) -> None:
    home = Home(tmp_path, f"file:{video}", simulator, base_url=server.base_url)
    home.start()
    try:
        for chat in (ADA, BEN):
            server.say(chat, "/start")
            server.wait_for_text(chat, "Hello")
            server.say(chat, home.daemon.passcodes.get(timeout=30))
            server.wait_for_text(chat, "Welcome")

        server.say(ADA, "/photo")
        wait_until(lambda: len(server.sent(ADA, "sendPhoto")) == 1, what="the photo")
        server.say(ADA, "/video 2")
        wait_until(lambda: len(server.sent(ADA, "sendVideo")) == 1, what="the video")

        server.say(BEN, "/arm")
        for chat in (ADA, BEN):
            server.wait_for_text(chat, "Something is moving")
            server.wait_for_text(chat, "All quiet")
    finally:
        assert home.daemon.stop() == 0
    heat_maps = [server.sent(chat, "sendPhoto")[-1]["photo"][-1]["file_id"] for chat in (ADA, BEN)]
    clips = [server.sent(chat, "sendVideo")[-1]["video"] for chat in (ADA, BEN)]
    assert heat_maps[0] == heat_maps[1], "the second chat got it by the same file id"
    assert clips[0]["file_id"] == clips[1]["file_id"]
    assert server.refused() == []
    assert home.daemon.errors == []
