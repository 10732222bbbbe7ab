"""Judges every update from Telegram before anything else sees it: who may command, who may enrol, who is not heard."""

import logging
import re
from collections import deque

from telegram import ChatMemberUpdated, Message, Update, User
from telegram.constants import ChatMemberStatus, ChatType

from ratcam.chat.telegram_request import ServerClock
from ratcam.messages import (
    ChatEvent,
    ChatId,
    ChatLost,
    ChatMigrated,
    CommandReceived,
    EnrolmentRequested,
    PasscodeSubmitted,
)
from ratcam.ports import Clock

_logger = logging.getLogger(__name__)

_LONGEST_TEXT = 256
_LONGEST_NAME = 64
_REMEMBERED_UPDATES = 256
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?", re.DOTALL)
_COMMAND_CHATS = (ChatType.PRIVATE, ChatType.GROUP, ChatType.SUPERGROUP)
_GONE = (ChatMemberStatus.LEFT, ChatMemberStatus.BANNED)


class InboundFilter:
    """Lets commands of allowed chats and enrolments of others pass, and drops everything else without a trace.

    A message counts only if a person sent it as themselves, just now and to this bot: no forwards, edits, bots, inline
    results, channels or anonymous administrators. Memory does not grow with the number of strangers.
    """

    def __init__(self, *, clock: Clock, server_clock: ServerClock, max_age_s: float, strangers_per_s: float) -> None:
        self._clock = clock
        self._server_clock = server_clock
        self._max_age_s = max_age_s
        self._strangers_per_s = strangers_per_s
        self._credit = strangers_per_s
        self._credited_s = clock.monotonic_s()
        self._seen: deque[int] = deque(maxlen=_REMEMBERED_UPDATES)

    def event_of(self, update: Update, *, allowed: frozenset[ChatId], username: str) -> ChatEvent | None:
        """What an update means, or None. An update that was judged before means nothing: servers repeat them."""
        if update.update_id in self._seen:
            return None
        self._seen.append(update.update_id)
        if update.my_chat_member is not None:
            return _loss_of(update.my_chat_member, allowed)
        message = update.message
        if message is None:
            return None
        if message.migrate_to_chat_id is not None or message.migrate_from_chat_id is not None:
            return _migration_of(message, allowed)
        return self._event_of_message(message, allowed, username)

    def _event_of_message(self, message: Message, allowed: frozenset[ChatId], username: str) -> ChatEvent | None:
        text = message.text
        sender = message.from_user
        if not text or len(text) > _LONGEST_TEXT or sender is None or not _is_from_person(message, sender):
            return None
        chat = ChatId(message.chat.id)
        command = _COMMAND.fullmatch(text)
        if command and command[2] and command[2].lower() != username.lower():
            return None
        if chat in allowed:
            return self._command_of(message, sender, command)
        if not self._is_fresh(message) or not self._may_disturb():
            return None
        return _enrolment_of(message, sender, command)

    def _command_of(self, message: Message, sender: User, command: re.Match[str] | None) -> ChatEvent | None:
        if command is None:
            return None
        name = command[1].lower()
        if not self._is_fresh(message):
            _logger.info("Ignored /%s: it was sent too long ago.", name)
            return None
        return CommandReceived(
            chat=ChatId(message.chat.id),
            sender_name=_printable(sender.full_name),
            name=name,
            argument=(command[3] or "").strip(),
        )

    def _is_fresh(self, message: Message) -> bool:
        return abs(self._server_clock.unix_s() - message.date.timestamp()) <= self._max_age_s

    def _may_disturb(self) -> bool:
        """A token bucket over all strangers together, of one second's worth."""
        now_s = self._clock.monotonic_s()
        earned = (now_s - self._credited_s) * self._strangers_per_s
        self._credited_s = now_s
        self._credit = min(self._strangers_per_s, self._credit + earned)
        if self._credit < 1:
            return False
        self._credit -= 1
        return True


def _is_from_person(message: Message, sender: User) -> bool:
    return (
        not sender.is_bot
        and message.chat.type in _COMMAND_CHATS
        and message.sender_chat is None
        and message.forward_origin is None
        and message.via_bot is None
        and message.edit_date is None
        and not message.is_automatic_forward
    )


def _enrolment_of(message: Message, sender: User, command: re.Match[str] | None) -> ChatEvent | None:
    chat = ChatId(message.chat.id)
    is_private = message.chat.type == ChatType.PRIVATE
    chat_name = _chat_name(message, sender)
    if command is None:
        text = (message.text or "").strip()
        is_passcode = is_private and text and not text.startswith("/")
        return PasscodeSubmitted(chat=chat, chat_name=chat_name, text=text) if is_passcode else None
    if command[1].lower() != "start":
        return None
    argument = (command[3] or "").strip()
    if argument:
        return PasscodeSubmitted(chat=chat, chat_name=chat_name, text=argument)
    return EnrolmentRequested(chat=chat, chat_name=chat_name)


def _loss_of(change: ChatMemberUpdated, allowed: frozenset[ChatId]) -> ChatEvent | None:
    chat = ChatId(change.chat.id)
    if chat not in allowed or change.new_chat_member.status not in _GONE:
        return None
    is_private = change.chat.type == ChatType.PRIVATE
    return ChatLost(chat=chat, reason="the bot was blocked" if is_private else "the bot was removed from the group")


def _migration_of(message: Message, allowed: frozenset[ChatId]) -> ChatEvent | None:
    old, new = message.chat.id, message.migrate_to_chat_id
    if new is None:
        old, new = message.migrate_from_chat_id or 0, message.chat.id
    return ChatMigrated(chat=ChatId(old), new_chat=ChatId(new)) if ChatId(old) in allowed else None


def _chat_name(message: Message, sender: User) -> str:
    if message.chat.type != ChatType.PRIVATE:
        return _printable(message.chat.title or "a group")
    name = _printable(sender.full_name)
    return f"{name} (@{_printable(sender.username)})" if sender.username else name


def _printable(name: str) -> str:
    """A name that cannot steer the terminal or the chat that shows it."""
    return "".join(character for character in name if character.isprintable())[:_LONGEST_NAME].strip() or "somebody"
