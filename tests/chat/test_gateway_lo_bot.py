"""The gateway against a Bot API server that somebody else wrote."""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from PIL import Image

from ratcam.messages import (
    ChatId,
    CommandReceived,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    EnrolmentRequested,
    FailureKind,
    MediaKind,
    PasscodeSubmitted,
)
from tests.chat.gateway_rig import OWNER, TOKEN, Heard, LoopbackServer, gateway_at, message_update

emulator = pytest.importorskip("lo_bot_api_emulator", reason="needs lo-bot-api-emulator")
STRANGER = ChatId(22)


@web.middleware
async def with_username(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """This server's getMe has no `username`, which every real bot has."""
    response = await handler(request)
    if request.path.endswith("/getMe") and isinstance(response, web.Response):
        body: dict[str, Any] = json.loads(response.text or "")
        body["result"]["username"] = "ratcam_bot"
        return web.json_response(body)
    return response


@pytest.fixture
def base_url() -> Iterator[str]:
    app: web.Application = emulator.LoBotApiEmulator(enable_control=True).app()
    app.middlewares.append(with_username)
    with LoopbackServer(app) as server:
        yield server.base_url


def say(base_url: str, chat: ChatId, text: str) -> None:
    update = message_update(chat, text)
    httpx.post(f"{base_url}/__fixture/updates", json={"token": TOKEN, "update": update}).raise_for_status()


def test_a_stranger_enrols_and_an_allowed_chat_commands(base_url: str) -> None:
    heard = Heard()
    with gateway_at(base_url, heard, allowed=frozenset({OWNER})):
        say(base_url, STRANGER, "/start")
        assert heard.next(EnrolmentRequested).chat == STRANGER
        say(base_url, STRANGER, "K7PQ-X2")
        assert heard.next(PasscodeSubmitted).text == "K7PQ-X2"
        say(base_url, OWNER, "/Video@ratcam_bot 12")
        command = heard.next(CommandReceived)
        assert (command.chat, command.name, command.argument) == (OWNER, "video", "12")


def test_media_are_uploaded_once_and_sent_again_by_the_same_id(base_url: str, tmp_path: Path) -> None:
    heard = Heard()
    photo, video = tmp_path / "heat.jpg", tmp_path / "clip.mp4"
    Image.new("RGB", (64, 48), "red").save(photo)
    video.write_bytes(b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp41" + bytes(200_000))
    with gateway_at(base_url, heard, allowed=frozenset({OWNER})) as gateway:
        for kind, path in ((MediaKind.PHOTO, photo), (MediaKind.VIDEO, video)):
            first = Delivery(
                delivery_id=DeliveryId(f"{kind.value}-1"),
                chat=OWNER,
                kind=kind,
                text="Motion",
                path=str(path),
                width=64,
                height=48,
                duration_s=3,
                is_silent=True,
            )
            gateway.send(first)
            uploaded = heard.next(DeliverySucceeded)
            assert uploaded.delivery_id == first.delivery_id
            assert uploaded.file_id
            gateway.send(
                Delivery(
                    delivery_id=DeliveryId(f"{kind.value}-2"),
                    chat=STRANGER,
                    kind=kind,
                    text="Motion",
                    file_id=uploaded.file_id,
                )
            )
            assert heard.next(DeliverySucceeded).file_id == uploaded.file_id


def test_an_unknown_file_id_is_told_apart(base_url: str) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        gateway.send(
            Delivery(delivery_id=DeliveryId("d"), chat=OWNER, kind=MediaKind.VIDEO, text="", file_id="no-such-file")
        )
        assert heard.next(DeliveryFailed).kind is FailureKind.WRONG_FILE_ID
