"""The records in the form that the Bot API gives them on the wire."""

import re

from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.limits import utf16_units
from ratcam.simulator.records import Chat, Media, MemberStatus, Message, StoredFile, User

_COMMAND = re.compile(r"(?<![\w/])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")


def user_json(user: User) -> JsonObject:
    """A User object."""
    wire: JsonObject = {"id": user.user_id, "is_bot": user.is_bot, "first_name": user.first_name}
    if user.username:
        wire["username"] = user.username
    if not user.is_bot:
        wire["language_code"] = "en"
    return wire


def bot_json(bot: User, *, reads_groups: bool) -> JsonObject:
    """The User object that getMe gives."""
    return user_json(bot) | {
        "can_join_groups": True,
        "can_read_all_group_messages": reads_groups,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def chat_json(chat: Chat) -> JsonObject:
    """A Chat object."""
    if chat.kind == "private":
        return {"id": chat.chat_id, "type": "private", "first_name": chat.title}
    wire: JsonObject = {"id": chat.chat_id, "type": chat.kind, "title": chat.title}
    if chat.kind == "group":
        wire["all_members_are_administrators"] = False
    return wire


def member_json(user: User, status: MemberStatus, *, is_owner: bool = False) -> JsonObject:
    """A ChatMember object."""
    wire: JsonObject = {"user": user_json(user), "status": "creator" if is_owner else status}
    if is_owner:
        wire["is_anonymous"] = False
    elif status == "kicked":
        wire["until_date"] = 0
    return wire


def command_entities(text: str) -> list[JsonValue]:
    """The bot_command entities of a text; offsets and lengths in UTF-16 code units."""
    return [
        {
            "type": "bot_command",
            "offset": utf16_units(text[: match.start()]),
            "length": utf16_units(match.group()),
        }
        for match in _COMMAND.finditer(text)
    ]


def size_json(file: StoredFile) -> JsonObject:
    """A PhotoSize object."""
    return {
        "file_id": file.file_id,
        "file_unique_id": file.file_unique_id,
        "file_size": file.size_bytes,
        "width": file.width,
        "height": file.height,
    }


def media_json(media: Media) -> JsonObject:
    """The fields of a message that carry its media: `photo`, `video`, `animation` or `document`."""
    file = media.file
    if file.kind == "photo":
        return {"photo": [size_json(size) for size in media.sizes]}
    wire: JsonObject = {
        "file_id": file.file_id,
        "file_unique_id": file.file_unique_id,
        "file_size": file.size_bytes,
        "file_name": file.file_name,
        "mime_type": file.mime_type,
    }
    if file.kind != "document":
        wire |= {"width": file.width, "height": file.height, "duration": file.duration_s}
    if media.thumbnail is not None:
        wire["thumbnail"] = size_json(media.thumbnail)
    if file.kind == "animation":
        return {"animation": wire, "document": dict(wire)}  # Telegram repeats an animation as a document
    return {file.kind: wire}


def message_json(chat: Chat, message: Message, *, with_reply: bool = True) -> JsonObject:
    """A Message object; the message it replies to is included once, without its own."""
    content = message.content
    wire: JsonObject = {
        "message_id": message.message_id,
        "from": user_json(message.sender),
        "chat": chat_json(chat),
        "date": message.date_unix_s,
    }
    if message.edit_date_unix_s is not None:
        wire["edit_date"] = message.edit_date_unix_s
    if content.text:
        wire["text"] = content.text
        if entities := command_entities(content.text):
            wire["entities"] = entities
    if content.media is not None:
        wire |= media_json(content.media)
    if content.caption:
        wire["caption"] = content.caption
        if entities := command_entities(content.caption):
            wire["caption_entities"] = entities
    if content.markup is not None:
        wire["reply_markup"] = content.markup
    if message.media_group_id:
        wire["media_group_id"] = message.media_group_id
    if message.is_protected:
        wire["has_protected_content"] = True
    if with_reply and message.reply_to is not None:
        target = next((other for other in chat.messages if other.message_id == message.reply_to), None)
        if target is not None and not target.is_deleted:
            wire["reply_to_message"] = message_json(chat, target, with_reply=False)
    return wire | message.service
