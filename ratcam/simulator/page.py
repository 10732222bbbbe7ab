"""The chat page: every chat as its person sees it, live, in a browser."""

import json
import mimetypes
from importlib.resources import files

from aiohttp import web

from ratcam.simulator import person
from ratcam.simulator.chatting import commands_shown
from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.model import Model
from ratcam.simulator.records import Chat
from ratcam.simulator.shared import Bell, SharedModel
from ratcam.simulator.transcript import ChatMessage, message_record, messages

_SHOWN_MESSAGES = 300
"""The newest messages of a chat that the page shows."""
_HEARTBEAT_S = 15.0
"""How often a quiet stream of events shows that it is alive."""
_SAFETY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ChatPage:
    """The page's routes. Used on the server's loop only."""

    def __init__(self, *, shared: SharedModel, bell: Bell) -> None:
        self._shared = shared
        self._bell = bell
        self._is_closing = False

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Serve the page at / and what it asks for under /page/."""
        router.add_get("/", self._send_document)
        router.add_get("/page/{name:page\\.(?:css|js)}", self._send_document)
        router.add_get("/page/state", self._send_state)
        router.add_get("/page/events", self._send_events)
        router.add_get("/page/media/{path:.+}", self._send_media)
        router.add_post("/page/say", self._say)
        router.add_post("/page/press", self._press)

    def close(self) -> None:
        """Let the open streams of events end now."""
        self._is_closing = True
        self._bell.ring()

    async def _send_document(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "page.html")
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        text = files("ratcam.simulator").joinpath(name).read_text(encoding="utf-8")
        return web.Response(text=text, content_type=kind, charset="utf-8", headers=_SAFETY)

    async def _send_state(self, request: web.Request) -> web.Response:
        del request
        with self._shared.read() as model:
            state = _state(model)
        return web.Response(text=json.dumps(state), content_type="application/json", headers=_SAFETY)

    async def _send_events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers=_SAFETY | {"Content-Type": "text/event-stream"})
        await response.prepare(request)
        told = -1
        try:
            while not self._is_closing:
                version = self._shared.version
                await response.write(b": alive\n\n" if version == told else f"data: {version}\n\n".encode())
                told = version
                if self._shared.version == told:
                    await self._bell.wait(_HEARTBEAT_S)
        except ConnectionError:
            pass  # the browser went away
        return response

    async def _send_media(self, request: web.Request) -> web.StreamResponse:
        with self._shared.read() as model:
            file = model.files.at(request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound
        kind = mimetypes.guess_type(file.local_path.name)[0] or ""
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
        if kind.startswith(("image/", "video/")) and kind != "image/svg+xml":
            headers["Content-Type"] = kind
        else:
            headers |= {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
        return web.FileResponse(file.local_path, headers=headers)

    async def _say(self, request: web.Request) -> web.Response:
        order = await _read_order(request)
        chat, text = order.get("chat"), order.get("text")
        if not isinstance(chat, int) or not isinstance(text, str):
            raise web.HTTPBadRequest(text="chat and text are needed")
        with self._shared.change() as model:
            try:
                person.say(model, chat, text)
            except person.PersonError as error:
                raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(text="")

    async def _press(self, request: web.Request) -> web.Response:
        order = await _read_order(request)
        chat, message, button = order.get("chat"), order.get("message"), order.get("button")
        if not isinstance(chat, int) or not isinstance(message, int) or not isinstance(button, str):
            raise web.HTTPBadRequest(text="chat, message and button are needed")
        with self._shared.change() as model:
            try:
                person.press(model, chat, message, button)
            except person.PersonError as error:
                raise web.HTTPBadRequest(text=str(error)) from error
        return web.Response(text="")


async def _read_order(request: web.Request) -> JsonObject:
    if request.content_type != "application/json":  # a foreign page cannot send this type without being asked first
        raise web.HTTPUnsupportedMediaType
    try:
        order: JsonValue = json.loads(await request.read())
    except ValueError as error:
        raise web.HTTPBadRequest(text="not JSON") from error
    if not isinstance(order, dict):
        raise web.HTTPBadRequest(text="not an object")
    return order


def _state(model: Model) -> JsonObject:
    chats: list[JsonValue] = [_chat_state(model, chat) for chat in model.chats.values()]
    return {
        "bot": {"name": model.bot.first_name, "username": model.bot.username},
        "chats": chats,
        "problems": len(model.problems),
    }


def _chat_state(model: Model, chat: Chat) -> JsonObject:
    left_s = chat.action_until_s - model.clock.monotonic_s() if chat.action else 0.0
    shown: list[JsonValue] = [_message_state(message) for message in messages(model, chat.chat_id)[-_SHOWN_MESSAGES:]]
    return {
        "id": chat.chat_id,
        "title": chat.title,
        "type": chat.kind,
        "is_writable": chat.migrated_to is None,
        "is_cut_off": chat.bot_status != "member",
        "action": chat.action if left_s > 0 else "",
        "action_left_s": max(0.0, left_s),
        "notice": chat.notice,
        "notice_number": chat.notice_number,
        "commands": commands_shown(model, chat),
        "messages": shown,
    }


def _message_state(message: ChatMessage) -> JsonObject:
    record = message_record(message)
    if message.media is not None and isinstance(media := record["media"], dict):
        media["url"] = f"/page/media/{message.media.server_path}"
        if message.media.thumbnail_path:
            media["poster"] = f"/page/media/{message.media.thumbnail_path}"
    return record
