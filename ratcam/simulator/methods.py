"""Every Bot API method that the simulator has, with every parameter it takes. What is not here is refused, loudly.

A parameter that Telegram has and this table lacks (parse_mode, topics, business connections, ...) is one that the
simulator does not play; it refuses it rather than pretend.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ratcam.simulator import chatting, messaging
from ratcam.simulator.arguments import Arguments
from ratcam.simulator.json_types import JsonValue
from ratcam.simulator.limits import RateModel
from ratcam.simulator.model import Model
from ratcam.simulator.refusal import ProtocolProblem, Refusal

_SEND = frozenset({"chat_id", "disable_notification", "protect_content", "reply_parameters"})
_CAPTION = frozenset({"caption", "show_caption_above_media"})
_CLIP = frozenset({"duration", "width", "height", "has_spoiler", "thumbnail"})
_TARGET = frozenset({"chat_id", "message_id", "reply_markup"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method: what it does, its parameters, and whether it counts against the rate limits."""

    name: str
    run: Callable[[Model, Arguments], JsonValue]
    parameters: frozenset[str] = frozenset()
    is_metered: bool = False


def _get_updates(model: Model, arguments: Arguments) -> JsonValue:
    del model, arguments
    raise AssertionError("getUpdates is answered by polling.Poller")


def _method(name: str, run: Callable[[Model, Arguments], JsonValue], parameters: str = "") -> Method:
    return Method(name=name, run=run, parameters=frozenset(parameters.split()))


def _metered(name: str, run: Callable[[Model, Arguments], JsonValue], parameters: frozenset[str]) -> Method:
    return Method(name=name, run=run, parameters=parameters, is_metered=True)


GET_UPDATES = "getUpdates"
METHODS = {
    method.name.lower(): method
    for method in (
        _method("getMe", chatting.get_me),
        _method(GET_UPDATES, _get_updates, "offset limit timeout allowed_updates"),
        _method("deleteWebhook", chatting.delete_webhook, "drop_pending_updates"),
        _method("getWebhookInfo", chatting.get_webhook_info),
        _method("logOut", chatting.log_out),
        _method("close", chatting.close),
        _metered("sendMessage", messaging.send_message, _SEND | {"text", "reply_markup", "link_preview_options"}),
        _metered("sendPhoto", messaging.send_photo, _SEND | _CAPTION | {"photo", "reply_markup", "has_spoiler"}),
        _metered(
            "sendVideo",
            messaging.send_video,
            _SEND | _CAPTION | _CLIP | {"video", "reply_markup", "supports_streaming"},
        ),
        _metered("sendAnimation", messaging.send_animation, _SEND | _CAPTION | _CLIP | {"animation", "reply_markup"}),
        _metered(
            "sendDocument",
            messaging.send_document,
            _SEND | {"document", "caption", "reply_markup", "thumbnail", "disable_content_type_detection"},
        ),
        _metered("sendMediaGroup", messaging.send_media_group, _SEND | {"media"}),
        _method("sendChatAction", messaging.send_chat_action, "chat_id action"),
        _metered("editMessageText", messaging.edit_message_text, _TARGET | {"text", "link_preview_options"}),
        _metered("editMessageCaption", messaging.edit_message_caption, _TARGET | _CAPTION),
        _metered("editMessageMedia", messaging.edit_message_media, _TARGET | {"media"}),
        _metered("editMessageReplyMarkup", messaging.edit_message_reply_markup, _TARGET),
        _method("deleteMessage", messaging.delete_message, "chat_id message_id"),
        _method("deleteMessages", messaging.delete_messages, "chat_id message_ids"),
        _method(
            "answerCallbackQuery",
            chatting.answer_callback_query,
            "callback_query_id text show_alert cache_time",
        ),
        _method("setMyCommands", chatting.set_my_commands, "commands scope language_code"),
        _method("getMyCommands", chatting.get_my_commands, "scope language_code"),
        _method("deleteMyCommands", chatting.delete_my_commands, "scope language_code"),
        _method("getChat", chatting.get_chat, "chat_id"),
        _method("getChatMember", chatting.get_chat_member, "chat_id user_id"),
        _method("getChatAdministrators", chatting.get_chat_administrators, "chat_id"),
        _method("getChatMemberCount", chatting.get_chat_member_count, "chat_id"),
        _method("leaveChat", chatting.leave_chat, "chat_id"),
        _method("getFile", chatting.get_file, "file_id"),
    )
}
"""By name in lower case: Telegram does not mind the case of a method's name."""


def find_method(name: str) -> Method:
    """The method with this name in any case.

    Raises:
        ProtocolProblem: the simulator has none.
    """
    method = METHODS.get(name.lower())
    if method is None:
        raise ProtocolProblem(404, "Not Found")
    return method


def check_call(model: Model, method: Method, arguments: Arguments) -> None:
    """Refuse what is wrong with a call before it is looked at.

    Raises:
        Refusal: a parameter is not known here, or the bot has logged out.
    """
    if model.is_logged_out:
        raise Refusal(400, "Logged out")
    arguments.check_names(method.name, method.parameters)


def execute(model: Model, rates: RateModel, method: Method, arguments: Arguments) -> JsonValue:
    """Carry out a checked call and return its result.

    Raises:
        Refusal: Telegram would refuse it.
    """
    if method.is_metered:
        chat = model.chat(arguments.chat_id())
        album = arguments.structure("media") if method.run is messaging.send_media_group else None
        rates.charge(chat.chat_id, len(album) if isinstance(album, list) else 1)
    return method.run(model, arguments)
