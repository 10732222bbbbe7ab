"""Between the chats and Ratcam: commands, deliveries, and who is authorised."""

from dataclasses import dataclass, field
from enum import Enum

from ratcam.messages.ids import ChatId, DeliveryId


class MediaKind(Enum):
    """What a delivery carries."""

    TEXT = "text"
    PHOTO = "photo"
    VIDEO = "video"


class FailureKind(Enum):
    """Why a delivery failed, as far as it decides what to do next."""

    NOT_SENT = "not sent"
    """The request never reached the server: try again freely."""
    AMBIGUOUS = "ambiguous"
    """The server may have taken it."""
    RETRY_AFTER = "retry after"
    """The server asks to wait `retry_after_s`."""
    CHAT_GONE = "chat gone"
    """Blocked, kicked, deleted, unknown: nothing reaches this chat any more."""
    WRONG_FILE_ID = "wrong file id"
    """The stored file id is not accepted: upload again."""
    REFUSED = "refused"
    """This payload will never be accepted."""
    TOKEN = "token"  # noqa: S105 - a kind of failure
    """The bot's token is not accepted at present."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One item to one chat. Media come from `file_id` if set, else they are uploaded from `path`."""

    delivery_id: DeliveryId
    chat: ChatId
    kind: MediaKind
    text: str = field(repr=False)
    """The message, or the caption of a photo or video. Plain text."""
    path: str = ""
    file_id: str = ""
    width: int = 0
    height: int = 0
    duration_s: int = 0
    thumbnail_path: str = ""
    """A JPEG that the chat shows until the video is played; empty if there is none."""
    is_silent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandReceived:
    """An authorised chat sent a command. `name` is without slash and bot name, in lower case."""

    chat: ChatId
    sender_name: str
    name: str
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRequested:
    """A chat that is not authorised sent /start."""

    chat: ChatId
    chat_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PasscodeSubmitted:
    """A chat that is not authorised sent a text, maybe a passcode."""

    chat: ChatId
    chat_name: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeChat:
    """Take a chat's authorisation away (its /logout, or it is gone)."""

    chat: ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text to one chat, authorised or not; not worth keeping over a restart."""

    chat: ChatId
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySucceeded:
    """A delivery is in the chat. `file_id` names the media at Telegram from now on (empty for a text)."""

    delivery_id: DeliveryId
    file_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """A delivery did not arrive, for `kind`; `detail` is for the log."""

    delivery_id: DeliveryId
    kind: FailureKind
    detail: str
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMigrated:
    """A group became a supergroup and has a new id."""

    chat: ChatId
    new_chat: ChatId


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatLost:
    """The bot was blocked by, or removed from, a chat."""

    chat: ChatId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationAsked:
    """Whoever asks does not know who is authorised; answered by `AuthorizationChanged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationChanged:
    """The chats that may command and are alerted, from now on.

    With `is_known` False nobody can say at present (the store cannot be read): nobody may command and nothing is sent,
    but what is owed stays owed.
    """

    chats: tuple[ChatId, ...]
    is_known: bool = True


ChatEvent = (
    CommandReceived
    | EnrolmentRequested
    | PasscodeSubmitted
    | DeliverySucceeded
    | DeliveryFailed
    | ChatMigrated
    | ChatLost
)
"""What a chat gateway reports."""
