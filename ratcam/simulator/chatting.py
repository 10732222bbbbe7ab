"""The Bot API methods about the bot itself, its commands, button presses, chats, members and files."""

import json
import re

from ratcam.simulator import wire
from ratcam.simulator.arguments import Arguments, known_object
from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.limits import (
    MAX_CALLBACK_ANSWER_UNITS,
    MAX_COMMAND_DESCRIPTION_UNITS,
    MAX_COMMANDS,
    utf16_units,
)
from ratcam.simulator.model import Model
from ratcam.simulator.records import Chat
from ratcam.simulator.refusal import bad_request

_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_SCOPE_FIELDS: dict[str, frozenset[str]] = {
    "default": frozenset(),
    "all_private_chats": frozenset(),
    "all_group_chats": frozenset(),
    "all_chat_administrators": frozenset(),
    "chat": frozenset({"chat_id"}),
    "chat_administrators": frozenset({"chat_id"}),
    "chat_member": frozenset({"chat_id", "user_id"}),
}


def get_me(model: Model, arguments: Arguments) -> JsonValue:
    """The method getMe."""
    del arguments
    return wire.bot_json(model.bot, reads_groups=not model.group_privacy)


def log_out(model: Model, arguments: Arguments) -> JsonValue:
    """The method logOut: from now on every call is refused."""
    del arguments
    model.is_logged_out = True
    return True


def close(model: Model, arguments: Arguments) -> JsonValue:
    """The method close."""
    del model, arguments
    return True


def delete_webhook(model: Model, arguments: Arguments) -> JsonValue:
    """The method deleteWebhook: there is never one; the waiting updates are dropped on request."""
    if arguments.flag("drop_pending_updates"):
        model.updates.clear()
    return True


def get_webhook_info(model: Model, arguments: Arguments) -> JsonValue:
    """The method getWebhookInfo."""
    del arguments
    return {"url": "", "has_custom_certificate": False, "pending_update_count": len(model.updates)}


def answer_callback_query(model: Model, arguments: Arguments) -> JsonValue:
    """The method answerCallbackQuery: once, within 30 seconds."""
    query = model.open_query(arguments.text("callback_query_id"))
    text = arguments.text("text")
    if utf16_units(text) > MAX_CALLBACK_ANSWER_UNITS:
        raise bad_request("MESSAGE_TOO_LONG")
    arguments.flag("show_alert")
    query.is_answered = True
    chat = model.chats[query.chat_id]
    chat.notice = text
    chat.notice_number += 1
    return True


def set_my_commands(model: Model, arguments: Arguments) -> JsonValue:
    """The method setMyCommands."""
    items = arguments.structure("commands")
    if not isinstance(items, list) or len(items) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    commands: list[JsonValue] = []
    for item in items:
        command = known_object(item, "BotCommand", frozenset({"command", "description"}))
        name, description = command.get("command"), command.get("description")
        if not isinstance(name, str) or not _COMMAND.fullmatch(name.removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not isinstance(description, str) or not 1 <= utf16_units(description) <= MAX_COMMAND_DESCRIPTION_UNITS:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
        commands.append({"command": name.removeprefix("/"), "description": description})
    model.commands[_scope(model, arguments)] = commands
    return True


def get_my_commands(model: Model, arguments: Arguments) -> JsonValue:
    """The method getMyCommands: of exactly this scope and language."""
    return model.commands.get(_scope(model, arguments), [])


def delete_my_commands(model: Model, arguments: Arguments) -> JsonValue:
    """The method deleteMyCommands."""
    model.commands.pop(_scope(model, arguments), None)
    return True


def commands_shown(model: Model, chat: Chat) -> list[JsonValue]:
    """The commands that a person sees in a chat: those of the narrowest scope that has any."""
    everywhere = "all_private_chats" if chat.kind == "private" else "all_group_chats"
    scopes: tuple[JsonObject, ...] = (
        {"chat_id": chat.chat_id, "type": "chat"},
        {"type": everywhere},
        {"type": "default"},
    )
    lists = (model.commands.get((_key(scope), ""), []) for scope in scopes)
    return next(filter(None, lists), list[JsonValue]())


def get_chat(model: Model, arguments: Arguments) -> JsonValue:
    """The method getChat."""
    chat = model.writable_chat(arguments.chat_id())
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    accepted: JsonObject = {name: chat.kind == "private" for name in gifts}  # noqa: C420  fromkeys loses the type
    more: JsonObject = {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": accepted,
    }
    full = wire.chat_json(chat) | more
    if chat.kind != "private":
        full["permissions"] = {"can_send_messages": True}
    return full


def get_chat_member(model: Model, arguments: Arguments) -> JsonValue:
    """The method getChatMember."""
    chat = model.writable_chat(arguments.chat_id())
    user_id = arguments.required_integer("user_id")
    if user_id == model.bot.user_id:
        return wire.member_json(model.bot, chat.bot_status)
    for place, user in enumerate(chat.members):
        if user.user_id == user_id:
            return wire.member_json(user, "member", is_owner=place == 0 and chat.kind != "private")
    known = (user for other in model.chats.values() for user in other.members if user.user_id == user_id)
    stranger = next(known, None)
    if stranger is None:
        raise bad_request("PARTICIPANT_ID_INVALID")
    return wire.member_json(stranger, "left")


def get_chat_administrators(model: Model, arguments: Arguments) -> JsonValue:
    """The method getChatAdministrators: the owner."""
    chat = model.writable_chat(arguments.chat_id())
    if chat.kind == "private":
        raise bad_request("there are no administrators in the private chat")
    return [wire.member_json(chat.members[0], "member", is_owner=True)]


def get_chat_member_count(model: Model, arguments: Arguments) -> JsonValue:
    """The method getChatMemberCount, with the bot"""
    return len(model.writable_chat(arguments.chat_id()).members) + 1


def leave_chat(model: Model, arguments: Arguments) -> JsonValue:
    """The method leaveChat."""
    chat = model.writable_chat(arguments.chat_id())
    if chat.kind == "private":
        raise bad_request("chat member status can't be changed in private chats")
    model.set_bot_status(chat, "left", by=model.bot)
    return True


def get_file(model: Model, arguments: Arguments) -> JsonValue:
    """The method getFile."""
    file = model.files.downloadable(arguments.text("file_id"))
    return {
        "file_id": file.file_id,
        "file_unique_id": file.file_unique_id,
        "file_size": file.size_bytes,
        "file_path": file.server_path,
    }


def _scope(model: Model, arguments: Arguments) -> tuple[str, str]:
    value = arguments.structure("scope")
    scope: JsonObject = (
        {"type": "default"}
        if value is None
        else known_object(value, "scope", frozenset({"type", "chat_id", "user_id"}))
    )
    fields = _SCOPE_FIELDS.get(str(scope.get("type")))
    if fields is None or scope.keys() != fields | {"type"}:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    if "chat_id" in scope:
        chat_id = scope["chat_id"]
        if not isinstance(chat_id, int):
            raise bad_request("chat not found")
        model.writable_chat(chat_id)
    return _key(scope), arguments.text("language_code")


def _key(scope: JsonObject) -> str:
    return json.dumps(scope, sort_keys=True)
