"""Keeps the list of commands that Telegram shows in each chat: all of them for allowed chats, two for the others."""

import asyncio
import logging

from telegram import Bot, BotCommand, BotCommandScopeChat
from telegram.error import TelegramError

from ratcam.chat.failures import classify
from ratcam.messages import ChatId, FailureKind

_logger = logging.getLogger(__name__)

_FOR_EVERYBODY = ("start", "help")
_RETRY_S = 30.0


class CommandMenu:
    """A convenience: failures are retried quietly and stop nothing. Belongs to one event loop."""

    def __init__(self, *, bot: Bot, commands: tuple[tuple[str, str], ...]) -> None:
        self._bot = bot
        self._commands = tuple(BotCommand(name, description) for name, description in commands)
        self._wanted: frozenset[ChatId] = frozenset()
        self._shown: set[ChatId] = set()
        self._has_default = False
        self._changed = asyncio.Event()

    def show_in(self, chats: frozenset[ChatId]) -> None:
        """From now on these chats, and only these, are shown every command."""
        self._wanted = chats
        self._changed.set()

    async def run(self) -> None:
        """Bring the menus up to date whenever they are not. Ends only by cancellation."""
        while True:
            self._changed.clear()
            wait_s = await self._update()
            if wait_s:
                await asyncio.sleep(wait_s)
            else:
                await self._changed.wait()

    async def _update(self) -> float:
        """Change what differs; returns how long to wait before trying the rest, 0 when all is done."""
        wait_s = 0.0
        if not self._has_default:
            wait_s = await self._set(None)
            self._has_default = not wait_s
        for chat in sorted(self._wanted - self._shown):
            failed_s = await self._set(chat)
            wait_s = max(wait_s, failed_s)
            if not failed_s:
                self._shown.add(chat)
        for chat in sorted(self._shown - self._wanted):
            failed_s = await self._remove(chat)
            wait_s = max(wait_s, failed_s)
            if not failed_s:
                self._shown.discard(chat)
        return wait_s

    async def _set(self, chat: ChatId | None) -> float:
        try:
            if chat is None:
                few = [command for command in self._commands if command.command in _FOR_EVERYBODY]
                await self._bot.set_my_commands(few)
            else:
                await self._bot.set_my_commands(self._commands, scope=BotCommandScopeChat(chat))
        except TelegramError as error:
            return _wait_after(error)
        return 0.0

    async def _remove(self, chat: ChatId) -> float:
        try:
            await self._bot.delete_my_commands(scope=BotCommandScopeChat(chat))
        except TelegramError as error:
            return _wait_after(error)
        return 0.0


def _wait_after(error: TelegramError) -> float:
    """Seconds until another try makes sense; 0 for never."""
    failure = classify(error)
    _logger.debug("Telegram did not take the list of commands: %s", failure.detail)
    match failure.kind:
        case FailureKind.CHAT_GONE | FailureKind.REFUSED | FailureKind.WRONG_FILE_ID:
            return 0.0
        case FailureKind.RETRY_AFTER:
            return failure.retry_after_s + 0.5
        case _:
            return _RETRY_S
