"""getUpdates as a real python-telegram-bot client meets it."""

import asyncio
import contextlib
import socket
import threading

from telegram import Bot
from telegram.error import Conflict, NetworkError

from ratcam.simulator.simulator import Simulator
from tests.simulator.client import TOKEN, new_bot, talk


async def texts(bot: Bot, offset: int | None = None, limit: int | None = None) -> list[str]:
    updates = await bot.get_updates(offset=offset, limit=limit)
    return [update.message.text or "" for update in updates if update.message]


def test_updates_wait_until_a_higher_offset_confirms_them(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    for text in ("one", "two", "three", "four"):
        simulator.say(chat, text)

    async def conversation(bot: Bot) -> None:
        updates = await bot.get_updates()
        first = updates[0].update_id
        assert [update.update_id - first for update in updates] == [0, 1, 2, 3]
        assert await texts(bot) == ["one", "two", "three", "four"]
        assert await texts(bot, limit=2) == ["one", "two"]
        assert await texts(bot, offset=first + 1) == ["two", "three", "four"]
        assert await texts(bot) == ["two", "three", "four"]
        assert await texts(bot, offset=-1) == ["four"]
        assert await texts(bot) == ["four"]
        assert await texts(bot, offset=first + 4) == []

    talk(simulator, conversation)


def test_a_held_poll_ends_as_soon_as_something_is_said(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        poll = asyncio.create_task(bot.get_updates(timeout=30))
        await bot.get_me()  # a round trip: the poll is on its way
        assert not poll.done()
        simulator.say(chat, "now")
        (update,) = await asyncio.wait_for(poll, 30)
        assert update.message is not None
        assert update.message.text == "now"

    talk(simulator, conversation)


def test_a_poll_without_news_is_held_for_its_timeout(simulator: Simulator) -> None:
    async def conversation(bot: Bot) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await bot.get_updates(timeout=1) == ()
        assert 0.9 < loop.time() - began < 5

    talk(simulator, conversation)


def test_of_two_pollers_the_first_gets_409(simulator: Simulator) -> None:
    async def conversation(bot: Bot) -> None:
        async with new_bot(simulator) as second:
            polls = [client.get_updates(timeout=1) for client in (bot, second)]
            ended = await asyncio.gather(*polls, return_exceptions=True)
        (refused,) = [end for end in ended if isinstance(end, Conflict)]
        assert "terminated by other getupdates request" in str(refused).lower()
        assert () in ended

    talk(simulator, conversation)


def test_only_the_wanted_kinds_of_updates_are_queued(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")

    async def conversation(bot: Bot) -> None:
        await bot.get_updates(allowed_updates=["callback_query"])
        simulator.say(chat, "unheard")
        assert await bot.get_updates() == ()
        await bot.get_updates(allowed_updates=["message"])
        simulator.say(chat, "heard")
        simulator.block(chat)
        assert [update.message is not None for update in await bot.get_updates()] == [True]

    talk(simulator, conversation)


def test_delete_webhook_can_drop_what_waits(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    simulator.say(chat, "old")

    async def conversation(bot: Bot) -> None:
        assert (await bot.get_webhook_info()).pending_update_count == 1
        await bot.delete_webhook(drop_pending_updates=False)
        assert (await bot.get_webhook_info()).pending_update_count == 1
        await bot.delete_webhook(drop_pending_updates=True)
        assert await bot.get_updates() == ()

    talk(simulator, conversation)


def test_stop_ends_a_held_poll_at_once_and_start_opens_the_same_address(simulator: Simulator) -> None:
    chat = simulator.add_private_chat("Ada")
    address = simulator.base_url

    async def conversation(bot: Bot) -> None:
        poll = asyncio.create_task(bot.get_updates(timeout=50))
        await bot.get_me()
        await asyncio.wait_for(asyncio.to_thread(simulator.stop), 30)
        with contextlib.suppress(NetworkError):
            assert await asyncio.wait_for(poll, 30) == ()

    talk(simulator, conversation)
    simulator.stop()
    assert "simulator" not in {thread.name for thread in threading.enumerate()}
    simulator.say(chat, "while it was down")
    simulator.start()
    assert simulator.base_url == address
    assert talk(simulator, texts) == ["while it was down"]


def test_stop_closes_connections_that_are_just_being_made() -> None:
    poll = f"POST /bot{TOKEN}/getUpdates?timeout=50 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode()
    for _ in range(40):
        simulator = Simulator(token=TOKEN)
        simulator.start()
        address = ("127.0.0.1", int(simulator.base_url.rpartition(":")[2]))
        clients: list[socket.socket] = []

        def connect(address: tuple[str, int], clients: list[socket.socket]) -> None:
            with contextlib.suppress(OSError):
                while len(clients) < 500:
                    clients.append(socket.create_connection(address, timeout=5))
                    clients[-1].sendall(poll)

        crowd = threading.Thread(target=connect, args=(address, clients))
        crowd.start()
        while len(clients) < 5:
            crowd.join(0.001)
        simulator.stop()
        crowd.join()
        for client in clients:
            with client, contextlib.suppress(ConnectionError):
                while client.recv(4096):
                    pass
