"""From parameters to the content of a message: texts, captions, keyboards, media."""

import mimetypes

from ratcam.simulator.arguments import Arguments, known_object
from ratcam.simulator.files import Upload
from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.limits import MAX_BUTTONS, MAX_CALLBACK_DATA_BYTES, check_caption
from ratcam.simulator.model import Model
from ratcam.simulator.records import Chat, FileKind, Media, StoredFile
from ratcam.simulator.refusal import ProtocolProblem, bad_request

CAPTION = frozenset({"caption", "show_caption_above_media"})
_BUTTON = frozenset({"text", "callback_data", "url", "style"})
_REPLY = frozenset({"message_id", "allow_sending_without_reply"})
_INPUT_MEDIA: dict[FileKind, frozenset[str]] = {
    "photo": frozenset({"has_spoiler"}),
    "video": frozenset({"width", "height", "duration", "supports_streaming", "has_spoiler", "thumbnail"}),
    "animation": frozenset({"width", "height", "duration", "has_spoiler", "thumbnail"}),
    "document": frozenset({"disable_content_type_detection", "thumbnail"}),
}


def keyboard(arguments: Arguments) -> JsonObject | None:
    """The inline keyboard in `reply_markup`; None when missing or empty.

    Raises:
        Refusal: it is malformed, or a button's data are not 1 to 64 bytes.
    """
    markup = arguments.object("reply_markup", frozenset({"inline_keyboard"}))
    if markup is None:
        return None
    rows = markup.get("inline_keyboard")
    if not isinstance(rows, list):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Array')
    count = 0
    for row in rows:
        if not isinstance(row, list):
            raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Array')
        for cell in row:
            _check_button(known_object(cell, "InlineKeyboardButton", _BUTTON))
            count += 1
    if count > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    return {"inline_keyboard": [row for row in rows if row]} if count else None


def _check_button(button: JsonObject) -> None:
    text, data, url = button.get("text"), button.get("callback_data"), button.get("url")
    if not isinstance(text, str) or not text:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if url is None and data is None:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if data is not None and not (isinstance(data, str) and 1 <= len(data.encode()) <= MAX_CALLBACK_DATA_BYTES):
        raise bad_request("BUTTON_DATA_INVALID")


def caption(arguments: Arguments) -> str:
    """The caption; empty when missing.

    Raises:
        Refusal: it is too long.
    """
    text = arguments.text("caption").strip()
    check_caption(text)
    return text


def reply_target(model: Model, chat: Chat, arguments: Arguments) -> int | None:
    """The id of the message that is replied to, or None.

    Raises:
        Refusal: it is not there and the sender insists.
    """
    reply = arguments.object("reply_parameters", _REPLY)
    if reply is None:
        return None
    wanted = reply.get("message_id")
    if isinstance(wanted, int) and model.message(chat, wanted) is not None:
        return wanted
    if reply.get("allow_sending_without_reply") is True:
        return None
    raise bad_request("message to be replied not found")


def media(model: Model, arguments: Arguments, kind: FileKind) -> Media:
    """The media of sendPhoto, sendVideo, sendAnimation or sendDocument.

    Raises:
        Refusal: there is none, or it cannot be used.
    """
    source = arguments.file(kind)
    if source is None:
        raise bad_request(f"there is no {kind} in the request")
    sizes = {name: arguments.integer(name) or 0 for name in ("width", "height", "duration")}
    return _media(model, source, kind, sizes, arguments.file("thumbnail"))


def input_media(model: Model, arguments: Arguments, value: JsonValue) -> tuple[Media, str]:
    """An InputMedia object of an album or an edit as (media, caption).

    Raises:
        Refusal: it is malformed, or cannot be used.
    """
    if not isinstance(value, dict):
        raise bad_request("media must be an object")
    kind = _kind(value.get("type"))
    item = known_object(value, "InputMedia", frozenset({"type", "media"}) | CAPTION | _INPUT_MEDIA[kind])
    source = arguments.file("media", item.get("media"))
    if source is None:
        raise bad_request("media not found")
    text = item.get("caption") or ""
    if not isinstance(text, str):
        raise ProtocolProblem(400, "caption must be of type String")
    check_caption(text)
    sizes: dict[str, int] = {}
    for name in ("width", "height", "duration"):
        number = item.get(name, 0)
        if not isinstance(number, int):
            raise ProtocolProblem(400, f"{name} must be a whole number")
        sizes[name] = number
    thumbnail = arguments.file("thumbnail", item["thumbnail"]) if item.get("thumbnail") else None
    return _media(model, source, kind, sizes, thumbnail), text.strip()


def _kind(name: JsonValue) -> FileKind:
    match name:
        case "photo" | "video" | "animation" | "document":
            return name
        case _:
            raise ProtocolProblem(400, f"the simulator does not know media of type {name!r}")


def _media(
    model: Model, source: Upload | str, kind: FileKind, sizes: dict[str, int], thumbnail: Upload | str | None
) -> Media:
    if isinstance(source, str):
        known = model.media_of(source)
        file = model.files.reuse(source, kind, known)
        if known is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        if kind == "photo":
            file = known.file  # any size of a photo names the photo
        return Media(file=file, sizes=known.sizes, thumbnail=known.thumbnail, is_uploaded=False)
    if kind == "photo":
        photo = model.files.keep_photo(source)
        return Media(file=photo[-1], sizes=photo)
    if not source.mime_type or source.mime_type == "application/octet-stream":
        guessed = mimetypes.guess_type(source.file_name)[0]
        source = Upload(
            field=source.field,
            file_name=source.file_name,
            mime_type=guessed or "application/octet-stream",
            path=source.path,
            size_bytes=source.size_bytes,
        )
    cover = _thumbnail(model, thumbnail) if thumbnail is not None else None
    if kind == "document":
        return Media(file=model.files.keep(source, kind), thumbnail=cover)
    # Telegram cannot be relied on to measure a video: without the sender's word it shows a square of no duration.
    file = model.files.keep(
        source,
        kind,
        width=sizes["width"] or 320,
        height=sizes["height"] or 320,
        duration_s=sizes["duration"],
    )
    return Media(file=file, thumbnail=cover)


def _thumbnail(model: Model, source: Upload | str) -> StoredFile | None:
    """A thumbnail; one that Telegram leaves out, without telling, is a problem of the sender's."""
    kept = model.files.keep_thumbnail(source) if isinstance(source, Upload) else "it is not uploaded"
    if isinstance(kept, str):
        model.problems.append(f"a thumbnail is left out: {kept}")
        return None
    return kept
