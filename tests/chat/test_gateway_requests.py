"""The request class alone: a connection pool that got stuck, and what it makes of memory."""

import asyncio
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from telegram import Bot, InputFile
from telegram.error import NetworkError

from ratcam.chat.telegram_request import ServerClock, TelegramRequest
from ratcam.clock import SystemClock
from tests.chat.gateway_rig import FAST, TOKEN, LoopbackServer, ScriptedApi, hang, ok

IMPATIENT = replace(FAST, connect_timeout_s=0.2, pool_timeout_s=0.2)


@pytest.fixture
def api() -> ScriptedApi:
    return ScriptedApi()


@pytest.fixture
def base_url(api: ScriptedApi) -> Iterator[str]:
    with LoopbackServer(api.app) as server:
        yield server.base_url


def request_of(pool_size: int = 1) -> TelegramRequest:
    return TelegramRequest(server_clock=ServerClock(clock=SystemClock()), timings=IMPATIENT, pool_size=pool_size)


def test_a_full_pool_is_made_anew(api: ScriptedApi, base_url: str) -> None:
    entered = threading.Event()
    api.script("getMe", hang(entered))

    async def scenario() -> None:
        request = request_of()
        url = f"{base_url}/bot{TOKEN}/getMe"
        stuck = asyncio.create_task(request.do_request(url, "POST", read_timeout=60))
        while not entered.is_set():
            await asyncio.sleep(0.01)
        for _ in range(2):
            with pytest.raises(NetworkError, match="Pool timeout"):
                await request.do_request(url, "POST")
        status, _ = await request.do_request(url, "POST")
        assert status == 200
        await asyncio.wait((stuck,))
        assert isinstance(stuck.exception(), NetworkError)
        await request.shutdown()

    asyncio.run(scenario())


def test_a_proxy_that_stalls_in_the_handshake_does_not_wedge_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    tunnels = 0

    async def stalling_proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tunnels
        await reader.readuntil(b"\r\n\r\n")
        tunnels += 1
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        while await reader.read(65536):  # the handshake's begin, which nobody answers
            pass
        writer.close()

    async def scenario() -> None:
        server = await asyncio.start_server(stalling_proxy, "127.0.0.1", 0)
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        request = request_of()
        for _ in range(8):
            with pytest.raises(NetworkError):
                await request.do_request("https://telegram.invalid/bot/getMe", "POST", read_timeout=0.2)
        first_tunnels = tunnels
        for _ in range(4):
            with pytest.raises(NetworkError):
                await request.do_request("https://telegram.invalid/bot/getMe", "POST", read_timeout=0.2)
        assert tunnels > first_tunnels, "no more connections are tried: the pool is wedged"
        await request.shutdown()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_an_upload_is_not_read_into_memory(api: ScriptedApi, base_url: str, tmp_path: Path) -> None:
    async def swallow(request: web.Request) -> web.StreamResponse:
        size = 0
        async for chunk in request.content.iter_chunked(1 << 16):
            size += len(chunk)
        assert size > 40_000_000
        return ok({"message_id": 1, "date": 1, "chat": {"id": 11, "type": "private"}})

    big = tmp_path / "big.mp4"
    with big.open("wb") as file:
        file.truncate(40_000_000)
    api.script("sendVideo", swallow)

    async def scenario() -> int:
        request = request_of()
        bot = Bot(TOKEN, base_url=f"{base_url}/bot", request=request, get_updates_request=request)
        with big.open("rb") as file:
            tracemalloc.start()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            try:
                await bot.send_video(11, InputFile(file, read_file_handle=False), read_timeout=20)
                return tracemalloc.get_traced_memory()[1] - before
            finally:
                tracemalloc.stop()
                await request.shutdown()

    assert asyncio.run(scenario()) < 5_000_000
