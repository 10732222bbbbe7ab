"""Scripted faults as a real python-telegram-bot client sees them."""

import asyncio

import pytest
from telegram import Bot
from telegram.error import BadRequest, NetworkError, RetryAfter, TelegramError, TimedOut

from ratcam.simulator.faults import Fault, FaultScript
from ratcam.simulator.simulator import Simulator
from tests.simulator.client import talk


def test_a_fault_before_a_call_leaves_no_message_and_is_over_after_its_times(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(method="sendMessage", status=502, description="Bad Gateway", times=2)

    async def conversation(bot: Bot) -> None:
        for _ in range(2):
            with pytest.raises(NetworkError, match="Bad Gateway"):
                await bot.send_message(chat, "x")
        await bot.send_message(chat, "y")

    talk(simulator, conversation)
    assert [message.text for message in simulator.messages(chat)] == ["y"]


def test_a_fault_after_a_call_leaves_the_message(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(method="sendMessage", when="after", kind="reset")
    simulator.inject_fault(method="sendMessage", when="after", kind="raw", status=504, body=b"<html>late</html>", nth=2)

    async def conversation(bot: Bot) -> None:
        for text in ("reset", "html"):
            with pytest.raises(NetworkError):
                await bot.send_message(chat, text)

    talk(simulator, conversation)
    assert [message.text for message in simulator.messages(chat)] == ["reset", "html"]


def test_a_broken_upload_is_not_in_the_chat(simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(method="sendPhoto", kind="reset")

    async def conversation(bot: Bot) -> None:
        with pytest.raises(NetworkError):
            await bot.send_photo(chat, jpeg)
        await bot.send_photo(chat, jpeg)

    talk(simulator, conversation)
    assert len(simulator.messages(chat)) == 1
    statuses = [(call.status, call.uploaded_bytes) for call in simulator.calls() if call.method == "sendPhoto"]
    assert statuses == [(0, {"photo": len(jpeg)}), (200, {"photo": len(jpeg)})]


def test_a_fault_can_be_for_one_chat_and_carry_parameters(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # the old form of retry_after warns
    first, second = simulator.add_private_chat("Ada"), simulator.add_private_chat("Bob")
    simulator.inject_fault(
        chat=first, status=429, description="Too Many Requests: retry after 37", parameters={"retry_after": 37}
    )

    async def conversation(bot: Bot) -> None:
        await bot.send_message(second, "x")
        with pytest.raises(RetryAfter, match="Retry in 0:00:37"):
            await bot.send_message(first, "x")

    talk(simulator, conversation)


def test_an_answer_can_say_that_it_is_not_ok_with_status_200(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(method="sendMessage", kind="not_ok")
    simulator.inject_fault(method="sendMessage", kind="raw", status=200, body=b"", nth=2)

    async def conversation(bot: Bot) -> None:
        with pytest.raises(KeyError):
            await bot.send_message(chat, "x")
        with pytest.raises(TelegramError, match="Invalid server response"):
            await bot.send_message(chat, "x")

    talk(simulator, conversation)


def test_a_delayed_call_happens_although_the_client_gave_up(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(method="sendMessage", kind="delay", delay_s=0.5)

    async def conversation(bot: Bot) -> None:
        with pytest.raises(TimedOut):
            await bot.send_message(chat, "late", read_timeout=0.1)
        await asyncio.to_thread(simulator.wait_for, lambda message: message.text == "late", 10)

    talk(simulator, conversation)


def test_cleared_faults_never_happen(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(status=400, times=100)

    async def conversation(bot: Bot) -> None:
        with pytest.raises(BadRequest):
            await bot.send_message(chat, "x")
        simulator.clear_faults()
        await bot.send_message(chat, "x")

    simulator.clear_faults()
    simulator.inject_fault(method="sendMessage", status=400, times=100)
    talk(simulator, conversation)


def test_a_download_can_fail(simulator: Simulator, jpeg: bytes) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.inject_fault(method="download", status=500)

    async def conversation(bot: Bot) -> None:
        file = await (await bot.send_photo(chat, jpeg)).photo[-1].get_file()
        with pytest.raises(NetworkError):
            await file.download_as_bytearray()
        assert bytes(await file.download_as_bytearray()) == jpeg

    talk(simulator, conversation)


def test_every_call_is_counted_by_every_fault_and_meets_the_first_that_is_due() -> None:
    script = FaultScript()
    second = Fault(method="sendMessage", nth=2, times=2, status=501)
    anything = Fault(nth=3, status=502)
    script.add(second)
    script.add(anything)
    names = ["sendMessage", "getMe", "SENDMESSAGE", "sendMessage", "sendMessage"]
    assert [script.take(name, None) for name in names] == [None, None, second, second, None]
