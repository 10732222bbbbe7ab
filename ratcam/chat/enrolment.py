"""How a chat becomes authorised: a one-time passcode that only the console shows. Pure; time comes as an argument.

One passcode at a time, for whichever chat sends it first, valid for a short time in memory only: a restart voids
it. 8 characters of 31 are 39.6 bits; with 20 guesses in all a stranger's chance is 2e-11 for each passcode. Every text
that is sent as a passcode counts as a try. A chat that has used up its tries waits, and its texts are not looked at.
"""

import hmac
import math
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from ratcam.messages import ChatId
from ratcam.settings import AuthSettings

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""31 characters; none of 0, O, 1, I, L, which are mistaken for one another."""
LENGTH = 8
_HYPHENS = "-\u2010\u2011\u2012\u2013\u2014\u2212"
_LONGEST_TEXT = 64
"""A longer text is wrong without a look: nobody types so many blanks and hyphens."""
_SHOW_AGAIN_S = 60.0


def new_passcode() -> str:
    """A passcode that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class PasscodeValid:
    """There is a passcode to be sent. Show it on the console if `is_to_be_shown`: it is new, or was shown long ago."""

    passcode: str = field(repr=False)
    is_to_be_shown: bool
    seconds_left: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MustWait:
    """The chat has used up its tries; until `seconds` from now nothing it sends counts."""

    seconds: float

    @property
    def minutes(self) -> int:
        """The same in whole minutes, at least 1."""
        return max(1, math.ceil(self.seconds / 60))


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The passcode was right and is used up: authorise the chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """The passcode was wrong. With no tries left the chat must wait from now on."""

    tries_left: int
    is_passcode_void: bool
    """The tries of all chats together are used up: there is no passcode any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired:
    """The passcode was no longer valid, whatever the chat sent; that was no try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NonePending:
    """There is no passcode at present; that was no try."""


RequestOutcome = PasscodeValid | MustWait
SubmitOutcome = Accepted | Wrong | Expired | NonePending | MustWait


@dataclass(slots=True, kw_only=True)
class _Passcode:
    text: str = field(repr=False)
    expires_s: float
    shown_s: float
    wrong_tries: int = 0


@dataclass(slots=True, kw_only=True)
class _Record:
    wrong_tries: int
    forgotten_s: float
    """When the wrong tries, and the wait that they may have brought, are over."""


class Enrolment:
    """Decides over passcodes; remembers a bounded number of chats. For one thread.

    `now_s` is monotonic time in seconds throughout.
    """

    def __init__(
        self,
        *,
        settings: AuthSettings,
        make_passcode: Callable[[], str] = new_passcode,
        remembered_chats: int = 1000,
    ) -> None:
        """Beyond `remembered_chats` the wrong tries of the chat that tried longest ago are forgotten."""
        self._valid_s = settings.passcode_minutes * 60.0
        self._retry_s = settings.retry_minutes * 60.0
        self._tries_per_chat = settings.tries_per_chat
        self._tries_total = settings.tries_total
        self._make_passcode = make_passcode
        self._remembered_chats = remembered_chats
        self._passcode: _Passcode | None = None
        self._records: OrderedDict[ChatId, _Record] = OrderedDict()

    def request(self, chat: ChatId, now_s: float) -> RequestOutcome:
        """A chat wants to enrol: the valid passcode, its time not renewed, or a new one if there is none."""
        wait = self._wait(chat, now_s)
        if wait is not None:
            return wait
        current = self._passcode
        if current is None or now_s >= current.expires_s:
            current = _Passcode(text=self._make_passcode(), expires_s=now_s + self._valid_s, shown_s=-math.inf)
            self._passcode = current
        is_to_be_shown = now_s - current.shown_s >= _SHOW_AGAIN_S
        if is_to_be_shown:
            current.shown_s = now_s
        return PasscodeValid(
            passcode=current.text, is_to_be_shown=is_to_be_shown, seconds_left=current.expires_s - now_s
        )

    def submit(self, chat: ChatId, text: str, now_s: float) -> SubmitOutcome:
        """A chat sent a text. Accepted at most once for each passcode; case, blanks and hyphens do not matter."""
        wait = self._wait(chat, now_s)
        if wait is not None:
            return wait
        current = self._passcode
        if current is None:
            return NonePending()
        if now_s >= current.expires_s:
            self._passcode = None
            return Expired()
        if _is_same(text, current.text):
            self._passcode = None
            self._records.pop(chat, None)
            return Accepted()
        return self._count_wrong_try(chat, current, now_s)

    def _count_wrong_try(self, chat: ChatId, current: _Passcode, now_s: float) -> Wrong:
        record = self._records.pop(chat, None)
        tries = (record.wrong_tries if record is not None else 0) + 1
        self._records[chat] = _Record(wrong_tries=tries, forgotten_s=now_s + self._retry_s)
        if len(self._records) > self._remembered_chats:
            self._records.popitem(last=False)
        current.wrong_tries += 1
        is_void = current.wrong_tries >= self._tries_total
        if is_void:
            self._passcode = None
        return Wrong(tries_left=self._tries_per_chat - tries, is_passcode_void=is_void)

    def _wait(self, chat: ChatId, now_s: float) -> MustWait | None:
        record = self._records.get(chat)
        if record is None:
            return None
        if now_s >= record.forgotten_s:
            del self._records[chat]
            return None
        if record.wrong_tries < self._tries_per_chat:
            return None
        return MustWait(seconds=record.forgotten_s - now_s)


def _is_same(text: str, passcode: str) -> bool:
    if len(text) > _LONGEST_TEXT:
        return False
    return hmac.compare_digest(_canonical(text), _canonical(passcode))


def _canonical(text: str) -> bytes:
    """Upper case of ASCII letters only: the folding of all Unicode would take other letters for these."""
    kept = "".join(char for char in text if not char.isspace() and char not in _HYPHENS)
    return kept.encode("utf-8", "backslashreplace").upper()
