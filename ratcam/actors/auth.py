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

    A chat is on disk before it is told that it is enrolled. If the store cannot be read, nobody is authorised.
    """

    def __init__(
        self,
        *,
        address: Address,
        on_death: OnDeath,
        enrolment: Enrolment,
        store: AuthStore,
        console: Console,
        clock: Clock,
        bot: Address,
    ) -> None:
        super().__init__(address=address, on_death=on_death)
        self._enrolment = enrolment
        self._store = store
        self._console = console
        self._clock = clock
        self._bot = bot
        self._told: tuple[ChatId, ...] | None = None

    def on_start(self) -> None:
        """Tell who is authorised."""
        self._tell_chats()

    def on_tick(self, now_s: float) -> None:
        """Notice what `ratcam chats revoke` did."""
        try:
            has_changed = self._store.changed()
        except StoreError as exc:
            _log.error("%s", exc)
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
                self._revoke(message.chat)
            case ChatMigrated():
                self._migrate(message)
            case _:
                super().on_receive(message)

    def _request(self, message: EnrolmentRequested) -> None:
        match self._enrolment.request(message.chat, self._clock.monotonic_s()):
            case PasscodeValid() as valid:
                minutes = max(1, math.ceil(valid.seconds_left / 60))
                if valid.is_to_be_shown:
                    self._console.show_passcode(valid.passcode, chat_name=message.chat_name, minutes=minutes)
                text = texts.ASK_PASSCODE.format(minutes=minutes)
            case MustWait() as wait:
                text = texts.MUST_WAIT.format(minutes=wait.minutes)
        self._bot.tell(Reply(chat=message.chat, text=text))

    def _submit(self, message: PasscodeSubmitted) -> None:
        outcome = self._enrolment.submit(message.chat, message.text, self._clock.monotonic_s())
        if isinstance(outcome, Accepted):
            self._enrol(message)
        else:
            self._bot.tell(Reply(chat=message.chat, text=_refusal(outcome)))

    def _enrol(self, message: PasscodeSubmitted) -> None:
        chat = AuthorizedChat(chat=message.chat, name=message.chat_name, since_unix_s=self._clock.unix_s())
        try:
            self._store.grant(chat)
        except StoreError as exc:
            _log.error("chat %d cannot be enrolled: %s", message.chat, exc)
            self._bot.tell(Reply(chat=message.chat, text=texts.NOT_STORED.format(reason="the disk refused it")))
            return
        _log.info("chat %d is enrolled", message.chat)
        self._tell_chats()
        self._bot.tell(Reply(chat=message.chat, text=texts.WELCOME))

    def _revoke(self, chat: ChatId) -> None:
        try:
            was_authorised = self._store.revoke(chat)
        except StoreError as exc:
            _log.error("chat %d cannot be revoked on disk: %s", chat, exc)
            self._bot.tell(AuthorizationChanged(chats=tuple(known for known in self._told or () if known != chat)))
            return
        if was_authorised:
            _log.info("chat %d is not authorised any more", chat)
            self._tell_chats()

    def _migrate(self, message: ChatMigrated) -> None:
        try:
            self._store.migrate(message.chat, message.new_chat)
        except StoreError as exc:
            _log.error("chat %d has become %d, which cannot be stored: %s", message.chat, message.new_chat, exc)
            return
        self._tell_chats()

    def _tell_chats(self) -> None:
        try:
            chats = tuple(entry.chat for entry in self._store.chats())
        except StoreError as exc:
            _log.error("Nobody is authorised until this is mended: %s", exc)
            chats = ()
        self._told = chats
        self._bot.tell(AuthorizationChanged(chats=chats))


def _refusal(outcome: SubmitOutcome) -> str:
    match outcome:
        case MustWait():
            return texts.MUST_WAIT.format(minutes=outcome.minutes)
        case Wrong() if outcome.tries_left > 0 and not outcome.is_passcode_void:
            return texts.WRONG_PASSCODE.format(left=texts.tries(outcome.tries_left))
        case Wrong():
            return texts.WRONG_PASSCODE.format(left=texts.tries(max(0, outcome.tries_left))) + " " + texts.NO_PASSCODE
        case Expired() | NonePending():
            return texts.NO_PASSCODE
        case _:
            raise TypeError(f"not a refusal: {outcome!r}")
