"""What the simulator knows: users, chats, files, messages. Plain records; `model.Model` changes them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ratcam.simulator.json_types import JsonObject

ChatKind = Literal["private", "group", "supergroup"]
FileKind = Literal["photo", "video", "animation", "document", "thumbnail"]
MemberStatus = Literal["member", "left", "kicked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person or the bot."""

    user_id: int
    first_name: str
    username: str = ""
    is_bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file on the server. `file_id` names it for this bot and for its kind only; sizes are in pixels and bytes."""

    file_id: str
    file_unique_id: str
    kind: FileKind
    server_path: str
    """What getFile tells: a folder and a name, relative to the download address."""
    local_path: Path
    size_bytes: int
    width: int = 0
    height: int = 0
    duration_s: int = 0
    file_name: str = ""
    mime_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What a message shows. For a photo `sizes` holds every size, smallest first, `file` being the largest."""

    file: StoredFile
    sizes: tuple[StoredFile, ...] = ()
    thumbnail: StoredFile | None = None
    is_uploaded: bool = True
    """False: it was sent again by its file id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the sender of a message decides. `markup` is an inline keyboard in the API's own form, or None."""

    text: str = ""
    caption: str = ""
    media: Media | None = None
    markup: JsonObject | None = None


@dataclass(slots=True, kw_only=True)
class Message:
    """One message of one chat."""

    message_id: int
    sender: User
    date_unix_s: int
    content: Content
    edit_date_unix_s: int | None = None
    reply_to: int | None = None
    is_silent: bool = False
    is_protected: bool = False
    media_group_id: str = ""
    service: JsonObject = field(default_factory=lambda: {})
    """Fields of a service message (somebody joined, a group was upgraded)."""
    service_text: str = ""
    is_deleted: bool = False


@dataclass(slots=True, kw_only=True)
class Chat:
    """One chat: `members` are its people without the bot, the first being the owner."""

    chat_id: int
    kind: ChatKind
    title: str
    members: list[User]
    bot_status: MemberStatus = "member"
    """In a private chat "kicked" means that the person has blocked the bot."""
    migrated_to: int | None = None
    messages: list[Message] = field(default_factory=lambda: [])
    action: str = ""
    """The newest chat action ("typing", "upload_video"); shown until `action_until_s`."""
    action_until_s: float = 0.0
    notice: str = ""
    """What the bot last said to a button press, shown for a moment."""
    notice_number: int = 0


@dataclass(slots=True, kw_only=True)
class CallbackQuery:
    """One press of an inline button."""

    query_id: str
    chat_id: int
    made_at_s: float
    is_answered: bool = False
