"""python-telegram-bot pointed at a simulator."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from telegram import Bot
from telegram.request import HTTPXRequest

from ratcam.simulator.simulator import Simulator

TOKEN = "7000000001:AAsimulatedTokenOfNoValueWhatsoever00"
T = TypeVar("T")


def new_bot(simulator: Simulator, token: str = TOKEN) -> Bot:
    return Bot(
        token,
        base_url=f"{simulator.base_url}/bot",
        base_file_url=f"{simulator.base_url}/file/bot",
        request=HTTPXRequest(connection_pool_size=8, media_write_timeout=60, read_timeout=10),
        get_updates_request=HTTPXRequest(connection_pool_size=2, read_timeout=10),
    )


def talk(simulator: Simulator, conversation: Callable[[Bot], Awaitable[T]]) -> T:
    """Run a conversation with an initialised client."""

    async def run() -> T:
        async with new_bot(simulator) as bot:
            return await asyncio.wait_for(conversation(bot), 60)

    return asyncio.run(run())
