"""Commands go on to arrive, whatever a server or a network answers to a poll."""

import asyncio
import logging
import threading
from dataclasses import replace

import pytest
from aiohttp import web

from ratcam.messages import ChatId, CommandReceived, EnrolmentRequested
from tests.chat.gateway_rig import (
    FAST,
    OWNER,
    Handler,
    Heard,
    ScriptedApi,
    gateway_at,
    hang,
    message_update,
    ok,
    raw,
    refuse,
    reset,
)
from tests.deadline import wait_until

ALLOWED = frozenset({OWNER})


FAULTS: dict[str, tuple[Handler, ...]] = {
    "401": (refuse(401, "Unauthorized"),) * 2,
    "404-html": (raw(404, b"<html>not here</html>"),),
    "409": (refuse(409, "Conflict: terminated by other getUpdates request"),),
    "429": (refuse(429, "Too Many Requests", retry_after=1),),
    "429-without-a-time": (refuse(429, "Too Many Requests", retry_after=0.1),),
    "500": (refuse(500, "Internal"),),
    "200-html": (raw(200, b"<html>log in</html>"),),
    "200-empty": (raw(200, b""),),
    "200-not-ok": (raw(200, b'{"ok": false}'),),
    "200-no-list": (raw(200, b'{"ok": true, "result": 7}'),),
    "200-list-of-nothing": (raw(200, b'{"ok": true, "result": [1, null, {}, {"update_id": "x"}]}'),),
    "reset": (reset,) * 2,
    "hang": (hang(threading.Event()),),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_commands_arrive_after_a_poll_went_wrong(
    api: ScriptedApi, base_url: str, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    api.script("getUpdates", *FAULTS[fault])
    with gateway_at(base_url, heard, allowed=ALLOWED):
        api.say(OWNER, "/status")
        assert heard.next(CommandReceived).name == "status"
    assert [record for record in caplog.records if record.exc_info] == []


def test_an_update_that_cannot_be_read_takes_only_itself_away(api: ScriptedApi, base_url: str) -> None:
    heard = Heard()
    updates = [message_update(OWNER, f"/c{number}") for number in range(20)]
    updates[7] = {"message": {"message_id": "?", "date": "never"}}
    updates[9] = {"message": [1, 2]}
    updates[11] = {"brand_new_thing": {"x": 1}}
    api.push(*updates)
    with gateway_at(base_url, heard, allowed=ALLOWED):
        names = [heard.next(CommandReceived).name for _ in range(17)]
        assert names == [f"c{number}" for number in range(20) if number not in (7, 9, 11)]
        polls = api.count("getUpdates")
        api.say(OWNER, "/after")
        assert heard.next(CommandReceived).name == "after"
        assert api.count("getUpdates") <= polls + 3


def test_a_server_that_answers_polls_at_once_is_not_asked_in_a_hot_loop(api: ScriptedApi, base_url: str) -> None:
    async def nothing(request: web.Request) -> web.StreamResponse:
        await request.read()
        return ok([])

    heard = Heard()
    api.script("getUpdates", *([nothing] * 10_000))
    with gateway_at(base_url, heard):
        wait_until(lambda: api.count("getUpdates") > 0)
        threading.Event().wait(1.0)
        assert api.count("getUpdates") < 20


def test_a_drip_of_bytes_ends_in_time(api: ScriptedApi, base_url: str) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.3)

    heard = Heard()
    api.script("getUpdates", drip)
    impatient = replace(FAST, poll_s=1, answer_timeout_s=0.5)
    with gateway_at(base_url, heard, allowed=ALLOWED, timings=impatient):
        api.say(OWNER, "/status")
        assert heard.next(CommandReceived).name == "status"


def test_the_menu_is_set_for_allowed_chats_and_taken_back(api: ScriptedApi, base_url: str) -> None:
    with gateway_at(base_url, Heard(), allowed=ALLOWED) as gateway:
        wait_until(lambda: api.count("setMyCommands") == 2)
        everybody, owner = (fields for name, fields in api.calls if name == "setMyCommands")
        assert "photo" not in everybody["commands"]
        assert "scope" not in everybody
        assert "photo" in owner["commands"]
        assert str(OWNER) in owner["scope"]
        gateway.allow(frozenset())
        wait_until(lambda: api.count("deleteMyCommands") == 1)


def test_permission_takes_effect_for_the_next_message(api: ScriptedApi, base_url: str) -> None:
    heard = Heard()
    with gateway_at(base_url, heard) as gateway:
        api.say(OWNER, "/start")
        assert heard.next(EnrolmentRequested).chat == OWNER
        gateway.allow(ALLOWED)
        api.say(OWNER, "/photo")
        assert heard.next(CommandReceived).name == "photo"
        gateway.allow(frozenset({ChatId(99)}))
        api.say(OWNER, "/photo")
        api.say(99, "/photo")
        assert heard.next(CommandReceived).chat == 99


def test_strangers_leave_no_line_in_the_log(api: ScriptedApi, base_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    heard = Heard()
    with gateway_at(base_url, heard, allowed=ALLOWED):
        wait_until(lambda: api.count("getUpdates") > 0)
        before = len(caplog.records)
        api.push(*(message_update(1000 + number, "/start") for number in range(500)))
        api.say(OWNER, "/status")
        wait_until(lambda: any(isinstance(event, CommandReceived) for event in heard.rest()))
        assert [record.getMessage() for record in caplog.records[before:]] == []


def test_polling_asks_for_the_three_kinds_and_keeps_what_is_pending(api: ScriptedApi, base_url: str) -> None:
    api.say(OWNER, "/early")
    heard = Heard()
    with gateway_at(base_url, heard, allowed=ALLOWED):
        assert heard.next(CommandReceived).name == "early"
    polls = [fields for name, fields in api.calls if name == "getUpdates"]
    for kind in ("message", "callback_query", "my_chat_member"):
        assert kind in polls[0]["allowed_updates"]
    webhook = next(fields for name, fields in api.calls if name == "deleteWebhook")
    assert webhook.get("drop_pending_updates") in {None, "false", "False"}
