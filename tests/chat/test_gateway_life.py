"""Starting without a network, with a wrong token, and stopping in the middle of anything."""

import asyncio
import logging
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from ratcam.chat.gateway import TelegramGateway
from ratcam.clock import SystemClock
from ratcam.errors import ConfigError
from ratcam.messages import (
    ChatEvent,
    ChatId,
    CommandReceived,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    FailureKind,
    MediaKind,
)
from tests.chat.gateway_rig import (
    COMMANDS,
    FAST,
    OWNER,
    TOKEN,
    Handler,
    Heard,
    LoopbackServer,
    ScriptedApi,
    black_hole,
    free_port,
    gateway_at,
    hang,
    ok,
    raw,
    refuse,
    reset,
    text_to,
)
from tests.deadline import wait_until

ALLOWED = frozenset({OWNER})


def telegram_threads() -> int:
    return sum(thread.name == "telegram" for thread in threading.enumerate())


def seconds_to_stop(gateway: TelegramGateway, timeout_s: float = 5.0) -> float:
    begun_s = time.monotonic()
    gateway.stop(timeout_s)
    return time.monotonic() - begun_s


def test_it_starts_without_a_network_and_works_once_there_is_one(
    api: ScriptedApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    heard, port = Heard(), free_port()
    with gateway_at(f"http://127.0.0.1:{port}", heard, allowed=ALLOWED):
        wait_until(lambda: "cannot be reached" in caplog.text)
        threading.Event().wait(0.5)
        assert caplog.text.count("cannot be reached") == 1
        with LoopbackServer(api.app, port=port):
            api.say(OWNER, "/status")
            assert heard.next(CommandReceived).name == "status"
            wait_until(lambda: "Telegram answers again" in caplog.text)


def test_a_refused_token_is_said_once_in_plain_words(
    api: ScriptedApi, base_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    api.script("getMe", *[refuse(401, "Unauthorized")] * 5)
    heard = Heard()
    with gateway_at(base_url, heard, allowed=ALLOWED):
        wait_until(lambda: api.count("getMe") >= 4)
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(errors) == 1
        assert "@BotFather" in errors[0].getMessage()
        api.say(OWNER, "/status")
        assert heard.next(CommandReceived).name == "status"


def test_what_stops_the_loop_from_starting_is_logged_and_tried_again(
    api: ScriptedApi, base_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    heard = Heard()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))
    with gateway_at(base_url, heard, allowed=ALLOWED):
        wait_until(lambda: "has failed and begins again" in caplog.text)
        monkeypatch.delenv("SSL_CERT_FILE")
        api.say(OWNER, "/status")
        assert heard.next(CommandReceived).name == "status"


def test_without_a_token_it_says_what_to_do() -> None:
    gateway = TelegramGateway(token="", base_url="http://127.0.0.1:1", commands=COMMANDS, clock=SystemClock())
    with pytest.raises(ConfigError, match="@BotFather"):
        gateway.start(Heard())


@pytest.mark.parametrize(
    "fault", [raw(200, b"<html>portal</html>"), refuse(500, "no"), refuse(429, "no", retry_after=0.1), reset]
)
def test_a_bad_start_is_tried_again(api: ScriptedApi, base_url: str, fault: Handler) -> None:
    heard = Heard()
    api.script("getMe", fault)
    api.script("deleteWebhook", fault)
    with gateway_at(base_url, heard, allowed=ALLOWED):
        api.say(OWNER, "/status")
        assert heard.next(CommandReceived).name == "status"


def test_it_stops_quickly_in_a_long_poll_and_twice_and_unstarted(api: ScriptedApi, base_url: str) -> None:
    with gateway_at(base_url, Heard()) as gateway:
        wait_until(lambda: api.count("getUpdates") > 0)
        assert seconds_to_stop(gateway) < 2
        assert telegram_threads() == 0
        assert seconds_to_stop(gateway) < 0.1
    unstarted = TelegramGateway(token=TOKEN, base_url=base_url, commands=COMMANDS, clock=SystemClock())
    unstarted.stop(1)


def test_it_stops_while_there_is_no_network() -> None:
    with gateway_at(f"http://127.0.0.1:{free_port()}", Heard()) as gateway:
        gateway.send(text_to(OWNER, "one"))
        assert seconds_to_stop(gateway) < 2
        assert telegram_threads() == 0


def test_it_stops_in_a_black_hole() -> None:
    with black_hole() as base_url, gateway_at(base_url, Heard()) as gateway:
        for chat in range(20):
            gateway.send(text_to(chat, "one"))
        assert seconds_to_stop(gateway) < 3
        assert telegram_threads() == 0


def test_it_stops_right_after_its_start() -> None:
    with black_hole() as base_url, gateway_at(base_url, Heard()) as gateway:
        assert seconds_to_stop(gateway) < 3
        assert telegram_threads() == 0


def test_it_stops_in_the_middle_of_an_upload(api: ScriptedApi, base_url: str, tmp_path: Path) -> None:
    path, entered, heard = tmp_path / "clip.mp4", threading.Event(), Heard()
    path.write_bytes(bytes(1_000_000))
    api.script("sendVideo", hang(entered))
    video = Delivery(delivery_id=DeliveryId("v"), chat=OWNER, kind=MediaKind.VIDEO, text="", path=str(path))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(video)
        gateway.send(replace(video, delivery_id=DeliveryId("waits")))
        assert entered.wait(10)
        assert seconds_to_stop(gateway, 2.5) < 2.5
        assert telegram_threads() == 0
    gateway.send(text_to(OWNER, "late"))
    assert heard.rest() == []


def test_texts_sent_right_before_a_stop_go_out_and_are_reported(api: ScriptedApi, base_url: str) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        wait_until(lambda: api.count("getUpdates") > 0)
        for name in ("one", "two", "three"):
            gateway.send(text_to(OWNER, name))
        assert seconds_to_stop(gateway, 2.5) < 2.5
    assert [heard.next(DeliverySucceeded).delivery_id for _ in range(3)] == ["one", "two", "three"]
    assert [fields["text"] for name, fields in api.calls if name == "sendMessage"] == ["one", "two", "three"]


def test_an_upload_under_way_may_end_during_a_stop_and_no_other_begins(
    api: ScriptedApi, base_url: str, tmp_path: Path
) -> None:
    path, entered, go_on, heard = tmp_path / "clip.mp4", threading.Event(), threading.Event(), Heard()
    path.write_bytes(bytes(1_000))

    async def slow(request: web.Request) -> web.StreamResponse:
        await request.read()
        entered.set()
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        return ok({"message_id": 1, "date": 1, "chat": {"id": 11, "type": "private"}})

    api.script("sendVideo", slow)
    video = Delivery(delivery_id=DeliveryId("v"), chat=OWNER, kind=MediaKind.VIDEO, text="", path=str(path))
    with gateway_at(base_url, heard) as gateway:
        wait_until(lambda: api.count("getUpdates") > 0)
        gateway.send(video)
        assert entered.wait(10)
        gateway.send(replace(video, delivery_id=DeliveryId("waits")))
        stopping = threading.Thread(target=gateway.stop, args=(5,))
        stopping.start()
        go_on.set()
        stopping.join(10)
    assert heard.next(DeliverySucceeded).delivery_id == "v"
    assert heard.rest() == []
    assert api.count("sendVideo") == 1


def test_a_stop_waits_for_no_answer_once_polling_fails(api: ScriptedApi) -> None:
    port = free_port()
    with gateway_at(f"http://127.0.0.1:{port}", Heard(), timings=replace(FAST, connect_timeout_s=30)) as gateway:
        with LoopbackServer(api.app, port=port):
            wait_until(lambda: api.count("getUpdates") > 0)
        # The poll under way has failed; from here on nobody answers.
        with socket.create_server(("127.0.0.1", port), backlog=16):
            gateway.send(text_to(OWNER, "one"))
            assert seconds_to_stop(gateway, 12) < 4
    assert telegram_threads() == 0


def test_a_stop_keeps_its_limit_when_the_link_has_just_died(api: ScriptedApi, base_url: str) -> None:
    entered = threading.Event()
    api.script("getUpdates", hang(entered))
    api.script("sendMessage", hang(threading.Event()))
    with gateway_at(base_url, Heard(), timings=replace(FAST, answer_timeout_s=30)) as gateway:
        assert entered.wait(10)
        for name in ("one", "two"):
            gateway.send(text_to(OWNER, name))
        assert seconds_to_stop(gateway, 2.5) < 2.5
        assert telegram_threads() == 0


def test_a_loop_that_fails_gives_up_what_was_on_its_way_and_goes_on(
    api: ScriptedApi, base_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard, entered = Heard(), threading.Event()
    api.script("sendMessage", hang(entered))
    with gateway_at(base_url, heard) as gateway:
        gateway.send(text_to(OWNER, "one"))
        assert entered.wait(10)
        unhashable = cast("ChatId", [])
        gateway.send(replace(text_to(OWNER, "bug"), chat=unhashable))
        failed = {event.delivery_id: event for event in (heard.next(DeliveryFailed) for _ in range(2))}
        assert failed.keys() == {"one", "bug"}
        assert {event.kind for event in failed.values()} == {FailureKind.AMBIGUOUS}
        assert {event.detail for event in failed.values()} == {"the gateway began again"}
        gateway.send(text_to(OWNER, "two"))
        assert heard.next(DeliverySucceeded).delivery_id == "two"
    assert "loop has failed and begins again" in caplog.text


def test_deliveries_before_the_start_are_sent_after_it(base_url: str) -> None:
    heard = Heard()
    gateway = TelegramGateway(token=TOKEN, base_url=base_url, commands=COMMANDS, clock=SystemClock(), timings=FAST)
    gateway.send(text_to(OWNER, "early"))
    gateway.start(heard)
    try:
        assert heard.next(DeliverySucceeded).delivery_id == "early"
    finally:
        gateway.stop(5)


def test_a_second_start_changes_nothing_and_after_a_stop_a_fresh_one_is_needed(api: ScriptedApi, base_url: str) -> None:
    first = Heard()
    with gateway_at(base_url, first, allowed=ALLOWED) as gateway:
        gateway.start(Heard())
        api.say(OWNER, "/help")
        assert first.next(CommandReceived).name == "help"
    with pytest.raises(RuntimeError):
        gateway.start(first)
    heard = Heard()
    with gateway_at(base_url, heard, allowed=ALLOWED):
        api.say(OWNER, "/status")
        assert heard.next(CommandReceived).name == "status"


def test_a_listener_that_raises_stops_nothing(
    api: ScriptedApi, base_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()

    def listener(event: ChatEvent) -> None:
        heard(event)
        raise KeyError("a bug of the listener")

    with gateway_at(base_url, listener, allowed=ALLOWED) as gateway:
        for name in ("one", "two"):
            gateway.send(text_to(OWNER, name))
            assert heard.next(DeliverySucceeded).delivery_id == name
            api.say(OWNER, f"/{name}")
            assert heard.next(CommandReceived).name == name
    assert caplog.text.count("KeyError: 'a bug of the listener'") == 4


def test_the_token_is_never_logged(caplog: pytest.LogCaptureFixture, api: ScriptedApi, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    heard, port = Heard(), free_port()
    page = raw(502, f"proxy: cannot fetch /bot{TOKEN}/x".encode())
    api.script("getMe", refuse(401, "Unauthorized"), page)
    api.script("getUpdates", page, raw(200, TOKEN.encode()))
    api.script("sendMessage", page, refuse(401, "Unauthorized"), reset)

    def listener(event: ChatEvent) -> None:
        heard(event)
        raise RuntimeError(f"the listener knows {TOKEN}")

    with gateway_at(f"http://127.0.0.1:{port}", listener, allowed=ALLOWED) as gateway:
        wait_until(lambda: "cannot be reached" in caplog.text)
        with LoopbackServer(api.app, port=port):
            for name in "abcd":
                gateway.send(text_to(OWNER, name))
            for _ in "abcd":
                event = heard.events.get(timeout=10)
                assert TOKEN not in repr(event)
            api.say(OWNER, "/status")
            heard.next(CommandReceived)
    formatter = logging.Formatter("%(name)s %(message)s")
    everything = "\n".join(formatter.format(record) for record in caplog.records)
    assert "the listener knows <token>" in everything
    assert TOKEN not in everything
    assert TOKEN.partition(":")[2] not in everything
