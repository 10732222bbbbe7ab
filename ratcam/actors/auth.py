"""AuthActor: decides who is authorised, and is the only one who changes it while the daemon runs."""

import logging
import math

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.chat import texts
from ratcam.chat.enrolment import (
    Accepted,
    Enrolment,
    Expired,
    MustWait,
    NonePending,
    PasscodeValid,
    SubmitOutcome,
    Wrong,
)
from ratcam.errors import StoreError
from ratcam.messages import (
    AuthorizationAsked,
    AuthorizationChanged,
    ChatId,
    ChatMigrated,
    EnrolmentRequested,
    PasscodeSubmitted,
    Reply,
    RevokeChat,
)
from ratcam.ports import AuthorizedChat, AuthStore, Clock, Console

_log = logging.getLogger(__name__)


class AuthActor(Supervised):
    """Runs the enrolment by passcode and tells the bot who is authorised, also when another process changed the store.

    A chat is on disk before it is told that it is enrolled. What takes rights away counts at once, also if the disk
    refuses it, and is tried again. If the store cannot be read, nobody is authorised. `enrolment` outlives an
    incarnation: a stranger must get no new tries by making this actor fail.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        enrolment: Enrolment,
        retry_minutes: int,
        store: AuthStore,
        console: Console,
        clock: Clock,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._enrolment = enrolment
        self._retry_minutes = retry_minutes
        self._store = store
        self._console = console
        self._clock = clock
        self._bot = bot
        self._unsaved: dict[ChatId, ChatId | None] = {}
        """Chats whose loss (None) or new id the disk has refused so far."""
        self._problem = ""

    def on_start(self) -> None:
        """Tell who is authorised."""
        self._tell_chats()

    def on_tick(self, now_s: float) -> None:
        """Notice what `ratcam chats revoke` did; try again what the disk refused."""
        for chat, new_chat in tuple(self._unsaved.items()):
            self._save(chat, new_chat)
        try:
            has_changed = bool(self._problem) or self._store.changed()
        except StoreError as exc:
            self._report(exc)
            return
        if has_changed:
            self._tell_chats()

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case EnrolmentRequested():
                self._request(message)
            case PasscodeSubmitted():
                self._submit(message)
            case RevokeChat():
                self._save(message.chat, None)
                self._tell_chats()
            case ChatMigrated():
                self._save(message.chat, message.new_chat)
                self._tell_chats()
            case AuthorizationAsked():
                self._tell_chats()
            case _:
                super().on_receive(message)

    def _request(self, message: EnrolmentRequested) -> None:
        match self._enrolment.request(message.chat, self._clock.monotonic_s()):
            case PasscodeValid() as valid:
                minutes = max(1, math.ceil(valid.seconds_left / 60))
                is_shown = not valid.is_to_be_shown or self._show(valid.passcode, message.chat_name, minutes)
                text = texts.ASK_PASSCODE.format(minutes=minutes) if is_shown else texts.NO_CONSOLE
            case MustWait() as wait:
                text = texts.MUST_WAIT.format(minutes=wait.minutes)
        self._bot.tell(Reply(chat=message.chat, text=text))

    def _show(self, passcode: str, chat_name: str, minutes: int) -> bool:
        try:
            self._console.show_passcode(passcode, chat_name=chat_name, minutes=minutes)
        except (OSError, ValueError) as exc:  # a closed terminal or pipe; a character that it cannot show
            _log.error("The passcode cannot be shown on standard output: %s", type(exc).__name__)
            return False
        return True

    def _submit(self, message: PasscodeSubmitted) -> None:
        outcome = self._enrolment.submit(message.chat, message.text, self._clock.monotonic_s())
        if isinstance(outcome, Accepted):
            self._enrol(message)
        else:
            self._bot.tell(Reply(chat=message.chat, text=_refusal(outcome, self._retry_minutes)))

    def _enrol(self, message: PasscodeSubmitted) -> None:
        chat = AuthorizedChat(chat=message.chat, name=message.chat_name, since_unix_s=self._clock.unix_s())
        try:
            self._store.grant(chat)
        except StoreError as exc:
            _log.error("chat %d cannot be enrolled: %s", message.chat, exc)
            self._tell_chats()
            self._bot.tell(Reply(chat=message.chat, text=texts.NOT_STORED.format(reason="the disk refused it")))
            return
        _log.info("chat %d is enrolled", message.chat)
        self._tell_chats()
        self._bot.tell(Reply(chat=message.chat, text=texts.WELCOME))

    def _save(self, chat: ChatId, new_chat: ChatId | None) -> None:
        """Store that a chat is gone (None) or has a new id; if the disk refuses, remember to try again."""
        is_new = chat not in self._unsaved
        self._unsaved[chat] = new_chat
        try:
            if new_chat is not None:
                self._store.migrate(chat, new_chat)
            elif self._store.revoke(chat):
                _log.info("chat %d is not authorised any more", chat)
        except StoreError as exc:
            if is_new:
                _log.error("What became of chat %d cannot be stored; I try again: %s", chat, exc)
            return
        del self._unsaved[chat]

    def _tell_chats(self) -> None:
        try:
            stored = tuple(entry.chat for entry in self._store.chats())
        except StoreError as exc:
            self._report(exc)
            self._bot.tell(AuthorizationChanged(chats=(), is_known=False))
            return
        if self._problem:
            _log.info("The store of chats can be read again")
            self._problem = ""
        moved = (self._unsaved.get(chat, chat) for chat in stored)
        self._bot.tell(AuthorizationChanged(chats=tuple(chat for chat in moved if chat is not None)))

    def _report(self, exc: StoreError) -> None:
        """Once for each problem, not five times a second."""
        if str(exc) != self._problem:
            self._problem = str(exc)
            _log.error("Nobody is authorised until this is mended: %s", exc)


def _refusal(outcome: SubmitOutcome, retry_minutes: int) -> str:
    match outcome:
        case MustWait():
            return texts.MUST_WAIT.format(minutes=outcome.minutes)
        case Wrong() if outcome.tries_left <= 0:
            return texts.LAST_WRONG_PASSCODE.format(minutes=retry_minutes)
        case Wrong() if outcome.is_passcode_void:
            return texts.VOID_PASSCODE
        case Wrong():
            return texts.WRONG_PASSCODE.format(left=texts.tries(outcome.tries_left))
        case Expired() | NonePending():
            return texts.NO_PASSCODE
        case _:
            raise TypeError(f"not a refusal: {outcome!r}")
