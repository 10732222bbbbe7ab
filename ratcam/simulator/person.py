"""The person's side: what somebody with Telegram on a phone does to the bot's world."""

from ratcam.simulator import wire
from ratcam.simulator.json_types import JsonObject
from ratcam.simulator.model import Model
from ratcam.simulator.records import Chat, Content, Message


class PersonError(ValueError):
    """A person cannot do that: there is no such chat, message or button."""


def say(model: Model, chat_id: int, text: str, *, user: str = "", reply_to: int | None = None) -> int:
    """Write into a chat; returns the message's id. The bot hears it, in a group as far as privacy mode lets it.

    Raises:
        PersonError: there is no such chat, or nothing to say.
    """
    chat = _chat(model, chat_id)
    if not text.strip():
        raise PersonError("an empty message cannot be sent")
    sender = model.person(chat, user)
    message = model.add_message(chat, sender, Content(text=text.strip()), reply_to=reply_to)
    if chat.bot_status == "member" and _is_heard(model, chat, message):
        model.updates.add("message", wire.message_json(chat, message))
    return message.message_id


def press(model: Model, chat_id: int, message_id: int, button: str) -> str:
    """Press the inline button with this text; returns the callback query's id, empty for a button that is a link.

    Raises:
        PersonError: there is no such message or button.
    """
    chat = _chat(model, chat_id)
    message = model.message(chat, message_id)
    if message is None:
        raise PersonError(f"there is no message {message_id} in {chat.title}")
    found = next((cell for row in _buttons(message) for cell in row if cell.get("text") == button), None)
    if found is None:
        raise PersonError(f"message {message_id} in {chat.title} has no button {button!r}")
    if "callback_data" not in found:
        return ""
    query = model.new_query(chat)
    model.updates.add(
        "callback_query",
        {
            "id": query.query_id,
            "from": wire.user_json(model.person(chat, "")),
            "message": wire.message_json(chat, message),
            "chat_instance": str(chat.chat_id),
            "data": found["callback_data"],
        },
    )
    return query.query_id


def block(model: Model, chat_id: int) -> None:
    """Block the bot in a private chat.

    Raises:
        PersonError: there is no such private chat.
    """
    model.set_bot_status(_private(model, chat_id), "kicked")


def unblock(model: Model, chat_id: int) -> None:
    """Take the block back.

    Raises:
        PersonError: there is no such private chat.
    """
    model.set_bot_status(_private(model, chat_id), "member")


def kick(model: Model, chat_id: int) -> None:
    """Remove the bot from a group.

    Raises:
        PersonError: there is no such group.
    """
    model.set_bot_status(_group(model, chat_id), "kicked")


def readd(model: Model, chat_id: int) -> None:
    """Add the bot to a group again.

    Raises:
        PersonError: there is no such group.
    """
    model.set_bot_status(_group(model, chat_id), "member")


def migrate(model: Model, chat_id: int) -> int:
    """Turn a group into a supergroup; returns the new chat's id.

    Raises:
        PersonError: there is no such group, or it is one already.
    """
    chat = _group(model, chat_id)
    if chat.kind != "group":
        raise PersonError(f"{chat.title} is a supergroup already")
    return model.migrate(chat).chat_id


def _is_heard(model: Model, chat: Chat, message: Message) -> bool:
    text = message.content.text
    if chat.kind == "private" or not model.group_privacy:
        return True
    if text.startswith("/"):
        command = text.split(maxsplit=1)[0]
        return "@" not in command or command.lower().endswith(f"@{model.bot.username.lower()}")
    target = model.message(chat, message.reply_to) if message.reply_to else None
    return target is not None and target.sender is model.bot


def _buttons(message: Message) -> list[list[JsonObject]]:
    rows = (message.content.markup or {}).get("inline_keyboard")
    if not isinstance(rows, list):
        return []
    return [[cell for cell in row if isinstance(cell, dict)] for row in rows if isinstance(row, list)]


def button_texts(message: Message) -> tuple[tuple[str, ...], ...]:
    """The texts of a message's inline buttons, row by row."""
    return tuple(tuple(str(cell["text"]) for cell in row) for row in _buttons(message))


def _chat(model: Model, chat_id: int) -> Chat:
    chat = model.chats.get(chat_id)
    if chat is None:
        raise PersonError(f"there is no chat {chat_id}")
    if chat.migrated_to is not None:
        raise PersonError(f"{chat.title} became a supergroup: its id is now {chat.migrated_to}")
    return chat


def _private(model: Model, chat_id: int) -> Chat:
    chat = _chat(model, chat_id)
    if chat.kind != "private":
        raise PersonError(f"{chat.title} is a group: kick the bot there")
    return chat


def _group(model: Model, chat_id: int) -> Chat:
    chat = _chat(model, chat_id)
    if chat.kind == "private":
        raise PersonError(f"{chat.title} is a private chat: block the bot there")
    return chat
