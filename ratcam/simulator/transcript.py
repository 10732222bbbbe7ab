"""Every chat as its persons see it: frozen values, and the files of `transcript.json`."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.model import Model
from ratcam.simulator.person import button_texts
from ratcam.simulator.records import Chat, Media, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaView:
    """The media of a message; sizes in pixels, bytes and seconds, 0 where unknown."""

    kind: str
    file_id: str
    file_unique_id: str
    size_bytes: int
    width: int
    height: int
    duration_s: int
    is_uploaded: bool
    """False: it was sent again by its file id."""
    name: str
    """A file name that is unique in this simulator."""
    server_path: str
    """Its folder and name on the server."""
    thumbnail_path: str
    """The same of its thumbnail; empty if there is none."""
    thumbnail: Path | None
    """Where the thumbnail's bytes are; its file name is unique in this simulator."""
    path: Path
    """Where the bytes are while the simulator exists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """One message of one chat."""

    chat_id: int
    message_id: int
    is_from_bot: bool
    name: str
    """The sender's."""
    date_unix_s: int
    edit_date_unix_s: int | None
    text: str
    caption: str
    media: MediaView | None
    buttons: tuple[tuple[str, ...], ...]
    is_silent: bool
    reply_to: int | None
    service: str
    """What a service message says; empty for others."""


def view(model: Model, chat: Chat, message: Message) -> ChatMessage:
    """A message as a person sees it now."""
    content = message.content
    return ChatMessage(
        chat_id=chat.chat_id,
        message_id=message.message_id,
        is_from_bot=message.sender is model.bot,
        name=message.sender.first_name,
        date_unix_s=message.date_unix_s,
        edit_date_unix_s=message.edit_date_unix_s,
        text=content.text,
        caption=content.caption,
        media=_media_view(content.media) if content.media is not None else None,
        buttons=button_texts(message),
        is_silent=message.is_silent,
        reply_to=message.reply_to,
        service=message.service_text,
    )


def messages(model: Model, chat_id: int | None = None) -> tuple[ChatMessage, ...]:
    """The messages of one chat or of all, chat by chat, oldest first; deleted ones are left out."""
    return tuple(
        view(model, chat, message)
        for chat, message in model.every_message()
        if chat_id is None or chat.chat_id == chat_id
    )


def message_record(message: ChatMessage) -> JsonObject:
    """A message as transcript.json has it; what does not apply is left out."""
    record: JsonObject = {
        "message_id": message.message_id,
        "from": "bot" if message.is_from_bot else "person",
        "name": message.name,
        "date_unix_s": message.date_unix_s,
    }
    if message.edit_date_unix_s is not None:
        record["edit_date_unix_s"] = message.edit_date_unix_s
    for key, text in (("text", message.text), ("caption", message.caption), ("service", message.service)):
        if text:
            record[key] = text
    if message.buttons:
        record["buttons"] = [list[JsonValue](row) for row in message.buttons]
    if message.is_silent:
        record["silent"] = True
    if message.reply_to is not None:
        record["reply_to"] = message.reply_to
    if message.media is not None:
        record["media"] = {
            "kind": message.media.kind,
            "file": f"media/{message.media.name}",
            "size_bytes": message.media.size_bytes,
            "width": message.media.width,
            "height": message.media.height,
            "duration_s": message.media.duration_s,
            "file_id": message.media.file_id,
            "file_unique_id": message.media.file_unique_id,
            "uploaded": message.media.is_uploaded,
        }
        if message.media.thumbnail is not None:
            record["media"]["thumbnail"] = f"media/{message.media.thumbnail.name}"
    return record


def transcript(model: Model, counts: dict[str, int]) -> JsonObject:
    """What transcript.json holds; `counts` tells how often each method was called."""
    chats: list[JsonValue] = []
    for chat in model.chats.values():
        shown: list[JsonValue] = [message_record(message) for message in messages(model, chat.chat_id)]
        chats.append({"id": chat.chat_id, "title": chat.title, "type": chat.kind, "messages": shown})
    return {
        "bot": {"id": model.bot.user_id, "username": model.bot.username, "name": model.bot.first_name},
        "chats": chats,
        "calls": dict[str, JsonValue](counts),
        "problems": list[JsonValue](model.problems),
    }


def save(directory: Path, record: JsonObject, shown: Iterable[ChatMessage]) -> None:
    """Write transcript.json and media/ into a directory, which is made if need be; the transcript comes last, whole.

    Raises:
        OSError: it cannot be written.
    """
    media_folder = directory / "media"
    media_folder.mkdir(parents=True, exist_ok=True)
    for media in {message.media.name: message.media for message in shown if message.media is not None}.values():
        shutil.copyfile(media.path, media_folder / media.name)
        if media.thumbnail is not None:
            shutil.copyfile(media.thumbnail, media_folder / media.thumbnail.name)
    draft = directory / "transcript.json.new"
    draft.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(directory / "transcript.json")


def tail(shown: tuple[ChatMessage, ...], count: int = 10) -> str:
    """The newest messages, a line each, for error messages."""
    lines = [
        f"  {message.chat_id} #{message.message_id} {message.name}: "
        f"{message.text or message.caption or message.service}{f' [{message.media.kind}]' if message.media else ''}"
        for message in sorted(shown, key=lambda message: message.date_unix_s)[-count:]
    ]
    return "\n".join(lines) or "  (nothing was said)"


def _media_view(media: Media) -> MediaView:
    file = media.file
    return MediaView(
        kind=file.kind,
        file_id=file.file_id,
        file_unique_id=file.file_unique_id,
        size_bytes=file.size_bytes,
        width=file.width,
        height=file.height,
        duration_s=file.duration_s,
        is_uploaded=media.is_uploaded,
        name=file.local_path.name,
        server_path=file.server_path,
        thumbnail_path=media.thumbnail.server_path if media.thumbnail is not None else "",
        thumbnail=media.thumbnail.local_path if media.thumbnail is not None else None,
        path=file.local_path,
    )
