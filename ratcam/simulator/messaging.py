"""The Bot API methods that put messages into chats, change them and take them away."""

from ratcam.simulator import content as contents
from ratcam.simulator.arguments import Arguments
from ratcam.simulator.json_types import JsonValue
from ratcam.simulator.limits import ALBUM_ITEMS, CHAT_ACTION_S, check_text
from ratcam.simulator.model import Model
from ratcam.simulator.records import Chat, Content, FileKind, Message
from ratcam.simulator.refusal import ProtocolProblem, Refusal, bad_request
from ratcam.simulator.wire import message_json

_ACTIONS = frozenset({"typing", "upload_photo", "record_video", "upload_video", "upload_document"})


def send_message(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendMessage."""
    chat = model.writable_chat(arguments.chat_id())
    text = arguments.text("text")
    check_text(text)
    return _post(model, chat, arguments, Content(text=text.strip(), markup=contents.keyboard(arguments)))


def send_photo(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendPhoto."""
    return _send_media(model, arguments, "photo")


def send_video(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendVideo."""
    return _send_media(model, arguments, "video")


def send_animation(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendAnimation."""
    return _send_media(model, arguments, "animation")


def send_document(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendDocument."""
    return _send_media(model, arguments, "document")


def send_media_group(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendMediaGroup: photos and videos may be mixed; nothing is posted if one item cannot be used."""
    chat = model.writable_chat(arguments.chat_id())
    items = arguments.structure("media")
    if not isinstance(items, list) or len(items) not in ALBUM_ITEMS:
        raise bad_request("wrong number of items in the album: it must be between 2 and 10")
    parts = [contents.input_media(model, arguments, item) for item in items]
    kinds = {media.file.kind for media, _ in parts}
    if not (kinds <= {"photo", "video"} or kinds == {"document"}):
        raise bad_request("document can't be mixed with other media types")
    reply_to = contents.reply_target(model, chat, arguments)
    album = model.new_album_id()
    return [
        message_json(
            chat,
            model.add_message(
                chat,
                model.bot,
                Content(caption=caption, media=media),
                reply_to=reply_to,
                is_silent=arguments.flag("disable_notification"),
                is_protected=arguments.flag("protect_content"),
                media_group_id=album,
            ),
        )
        for media, caption in parts
    ]


def send_chat_action(model: Model, arguments: Arguments) -> JsonValue:
    """The method sendChatAction: shown for 5 seconds or until the next message."""
    chat = model.writable_chat(arguments.chat_id())
    action = arguments.text("action")
    if action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.action = action
    chat.action_until_s = model.clock.monotonic_s() + CHAT_ACTION_S
    return True


def edit_message_text(model: Model, arguments: Arguments) -> JsonValue:
    """The method editMessageText."""
    chat, message = _own_message(model, arguments)
    text = arguments.text("text")
    check_text(text)
    if not message.content.text:
        raise bad_request("there is no text in the message to edit")
    return _edit(model, chat, message, Content(text=text.strip(), markup=contents.keyboard(arguments)))


def edit_message_caption(model: Model, arguments: Arguments) -> JsonValue:
    """The method editMessageCaption: without a caption the message loses its own."""
    chat, message = _own_message(model, arguments)
    if message.content.media is None:
        raise bad_request("there is no caption in the message to edit")
    new = Content(caption=contents.caption(arguments), media=message.content.media, markup=contents.keyboard(arguments))
    return _edit(model, chat, message, new)


def edit_message_media(model: Model, arguments: Arguments) -> JsonValue:
    """The method editMessageMedia: also turns a text into media; items of an album stay photos or videos."""
    chat, message = _own_message(model, arguments)
    media, caption = contents.input_media(model, arguments, arguments.structure("media"))
    if message.media_group_id and media.file.kind not in {"photo", "video"}:
        raise bad_request("message can't be edited")
    return _edit(model, chat, message, Content(caption=caption, media=media, markup=contents.keyboard(arguments)))


def edit_message_reply_markup(model: Model, arguments: Arguments) -> JsonValue:
    """The method editMessageReplyMarkup: without a keyboard the message loses its own."""
    chat, message = _own_message(model, arguments)
    old = message.content
    new = Content(text=old.text, caption=old.caption, media=old.media, markup=contents.keyboard(arguments))
    return _edit(model, chat, message, new)


def delete_message(model: Model, arguments: Arguments) -> JsonValue:
    """The method deleteMessage: the bot's own messages, and in a private chat the person's too."""
    chat = model.writable_chat(arguments.chat_id())
    message = model.message(chat, arguments.required_integer("message_id"))
    if message is None:
        raise bad_request("message to delete not found")
    if message.service or (message.sender is not model.bot and chat.kind != "private"):
        raise bad_request("message can't be deleted")
    message.is_deleted = True
    return True


def delete_messages(model: Model, arguments: Arguments) -> JsonValue:
    """The method deleteMessages: what cannot be found is skipped."""
    chat = model.writable_chat(arguments.chat_id())
    wanted = arguments.structure("message_ids")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= 100:
        raise bad_request("message identifiers are not specified")
    for message_id in wanted:
        if not isinstance(message_id, int):
            raise ProtocolProblem(400, "message_ids must be whole numbers")
        message = model.message(chat, message_id)
        if message is not None and (message.sender is model.bot or chat.kind == "private"):
            message.is_deleted = True
    return True


def _send_media(model: Model, arguments: Arguments, kind: FileKind) -> JsonValue:
    chat = model.writable_chat(arguments.chat_id())
    markup, caption = contents.keyboard(arguments), contents.caption(arguments)
    reply_to = contents.reply_target(model, chat, arguments)
    media = contents.media(model, arguments, kind)
    return _post(model, chat, arguments, Content(caption=caption, media=media, markup=markup), reply_to=reply_to)


def _post(
    model: Model, chat: Chat, arguments: Arguments, content: Content, *, reply_to: int | None = None
) -> JsonValue:
    message = model.add_message(
        chat,
        model.bot,
        content,
        reply_to=reply_to or contents.reply_target(model, chat, arguments),
        is_silent=arguments.flag("disable_notification"),
        is_protected=arguments.flag("protect_content"),
    )
    return message_json(chat, message)


def _own_message(model: Model, arguments: Arguments) -> tuple[Chat, Message]:
    chat = model.writable_chat(arguments.chat_id())
    message_id = arguments.integer("message_id")
    if message_id is None:
        raise bad_request("message identifier is not specified")
    message = model.message(chat, message_id)
    if message is None:
        raise bad_request("message to edit not found")
    if message.sender is not model.bot:
        raise bad_request("message can't be edited")
    return chat, message


def _edit(model: Model, chat: Chat, message: Message, new: Content) -> JsonValue:
    if _same(message.content, new):
        raise Refusal(
            400,
            "message is not modified: specified new message content and reply markup are exactly the same as a "
            "current content and reply markup of the message",
        )
    message.content = new
    message.edit_date_unix_s = model.now_unix_s()
    model.remember(new)
    return message_json(chat, message)


def _same(old: Content, new: Content) -> bool:
    old_file = old.media and old.media.file.file_id
    new_file = new.media and new.media.file.file_id
    return (old.text, old.caption, old.markup, old_file) == (new.text, new.caption, new.markup, new_file)
