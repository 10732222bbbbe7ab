"""Sends deliveries: a chat's texts in order, its media in order, chats side by side, few uploads at a time."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, BinaryIO

from telegram import Bot, InputFile, Message
from telegram.error import ChatMigrated as MigratedError
from telegram.error import TelegramError

from ratcam.chat.failures import classify
from ratcam.chat.timings import GatewayTimings
from ratcam.messages import (
    ChatEvent,
    ChatId,
    ChatMigrated,
    Delivery,
    DeliveryFailed,
    DeliverySucceeded,
    FailureKind,
    MediaKind,
)

_logger = logging.getLogger(__name__)

UPLOADS_AT_ONCE = 2
REQUESTS_AT_ONCE = 8
"""Requests without a file; with the uploads fewer than the connections of the pool, so that none waits there."""

_Lane = tuple[ChatId, bool]
"""A chat, and whether it is its texts: they do not wait for its pictures and clips."""


class Sender:
    """Reports exactly one result per delivery, unless it is closed first. Belongs to one event loop."""

    def __init__(self, *, bot: Bot, timings: GatewayTimings, report: Callable[[ChatEvent], object]) -> None:
        self._bot = bot
        self._timings = timings
        self._report = report
        self._lanes: dict[_Lane, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._attempts: dict[_Lane, asyncio.Task[None]] = {}
        self._upload_slots = asyncio.Semaphore(UPLOADS_AT_ONCE)
        self._request_slots = asyncio.Semaphore(REQUESTS_AT_ONCE)

    def accept(self, delivery: Delivery) -> None:
        """Send this after what was accepted before for the same chat: texts after texts, media after media."""
        key = (delivery.chat, delivery.kind is MediaKind.TEXT)
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(delivery)
            return
        self._lanes[key] = deque((delivery,))
        self._start(self._serve(key))

    def drop(self, chats: frozenset[ChatId]) -> None:
        """These chats get nothing more of what was accepted so far, except a text that is under way.

        What waited was NOT_SENT; a picture or clip under way is broken off and AMBIGUOUS: it may have arrived already.
        """
        for (chat, is_text), lane in self._lanes.items():
            if chat not in chats:
                continue
            for delivery in lane:
                self._report(not_allowed(delivery))
            lane.clear()
            if not is_text and (chat, is_text) in self._attempts:
                self._attempts[chat, is_text].cancel()

    async def finish(self, timeout_s: float) -> None:
        """Let texts, and the pictures and clips that are under way, go out for so long; begin no further upload."""
        for (_, is_text), lane in self._lanes.items():
            if not is_text:
                lane.clear()
        if self._tasks and timeout_s > 0:
            await asyncio.wait(self._tasks, timeout=timeout_s)

    def close(self) -> None:
        """Give up what is under way and forget what waits, without results."""
        self._lanes.clear()
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, key: _Lane) -> None:
        lane = self._lanes[key]
        while lane:
            delivery = lane.popleft()
            # A task of its own: whatever goes wrong in it, the lane lives on and the result is reported.
            attempt = self._attempts[key] = self._start(self._deliver(delivery))
            await asyncio.wait((attempt,))
            del self._attempts[key]
            if attempt.cancelled():
                self._report(not_allowed(delivery, FailureKind.AMBIGUOUS))
            elif (error := attempt.exception()) is not None:
                _logger.error("Delivery %s hit a bug in Ratcam.", delivery.delivery_id, exc_info=error)
                self._report(_failed(delivery, error))
        self._lanes.pop(key, None)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            if delivery.kind is MediaKind.TEXT:
                result = await self._send_text(delivery)
            elif delivery.file_id:
                result = await self._send_by_file_id(delivery)
            else:
                result = await self._upload(delivery)
        except MigratedError as error:
            self._report(ChatMigrated(chat=delivery.chat, new_chat=ChatId(error.new_chat_id)))
            result = _failed(delivery, error)
        except TelegramError as error:
            result = _failed(delivery, error)
        self._report(result)

    async def _send_text(self, delivery: Delivery) -> ChatEvent:
        async with self._request_slots:
            await self._bot.send_message(
                delivery.chat,
                delivery.text,
                disable_notification=delivery.is_silent,
                read_timeout=self._timings.answer_timeout_s,
            )
        return DeliverySucceeded(delivery_id=delivery.delivery_id)

    async def _send_by_file_id(self, delivery: Delivery) -> ChatEvent:
        async with self._request_slots:
            message = await self._send_media(delivery, delivery.file_id, size=0)
        return DeliverySucceeded(delivery_id=delivery.delivery_id, file_id=_file_id_of(message) or delivery.file_id)

    async def _upload(self, delivery: Delivery) -> ChatEvent:
        path = Path(delivery.path)
        async with self._upload_slots:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                return _refused(delivery, "file missing")
            except OSError as error:
                return _refused(delivery, f"file cannot be read: {error.strerror}")
            with file:
                size = os.fstat(file.fileno()).st_size
                thumbnail = _thumbnail(delivery)
                result = await self._upload_file(delivery, file, size=size, thumbnail=thumbnail)
                if thumbnail is not None and _is_refused(result):
                    _logger.warning("Delivery %s is tried again without its thumbnail.", delivery.delivery_id)
                    file.seek(0)
                    result = await self._upload_file(delivery, file, size=size)
        return result

    async def _upload_file(
        self, delivery: Delivery, file: BinaryIO, *, size: int, thumbnail: InputFile | None = None
    ) -> ChatEvent:
        # Handed on as it is: PTB would read the whole clip into memory.
        upload = InputFile(file, filename=Path(delivery.path).name, read_file_handle=False)
        try:
            message = await self._send_media(delivery, upload, size=size, thumbnail=thumbnail)
        except MigratedError:
            raise
        except TelegramError as error:
            # Whatever the server said or did not say, it cannot have posted half a file.
            return _failed(delivery, error, is_whole=file.tell() >= size)
        return DeliverySucceeded(delivery_id=delivery.delivery_id, file_id=_file_id_of(message))

    async def _send_media(
        self, delivery: Delivery, media: str | InputFile, *, size: int, thumbnail: InputFile | None = None
    ) -> Message:
        patience_s = self._timings.media_timeout_s + size / self._timings.upload_bytes_per_s
        if delivery.kind is MediaKind.PHOTO:
            return await self._bot.send_photo(
                delivery.chat,
                media,
                caption=delivery.text or None,
                disable_notification=delivery.is_silent,
                read_timeout=patience_s,
            )
        # Above some 10 MB Telegram does not look at the video itself: without these it is shown square and black. A
        # file id stands for a video whose size is known; there they would be out of place.
        is_upload = isinstance(media, InputFile)
        return await self._bot.send_video(
            delivery.chat,
            media,
            caption=delivery.text or None,
            width=delivery.width if is_upload and delivery.width else None,
            height=delivery.height if is_upload and delivery.height else None,
            duration=delivery.duration_s if is_upload and delivery.duration_s else None,
            supports_streaming=True if is_upload else None,
            thumbnail=thumbnail,
            disable_notification=delivery.is_silent,
            read_timeout=patience_s,
        )


def not_allowed(delivery: Delivery, kind: FailureKind = FailureKind.NOT_SENT) -> DeliveryFailed:
    """The result of a delivery to a chat whose right was taken before it was sent."""
    return DeliveryFailed(delivery_id=delivery.delivery_id, kind=kind, detail="the chat is not authorised any more")


def _thumbnail(delivery: Delivery) -> InputFile | None:
    """The picture to go with a video; a video without it is better than none."""
    if not delivery.thumbnail_path:
        return None
    try:
        jpeg = Path(delivery.thumbnail_path).read_bytes()
    except OSError as error:
        _logger.warning("Delivery %s goes without its thumbnail: %s", delivery.delivery_id, error.strerror)
        return None
    return InputFile(jpeg, filename="thumbnail.jpg", attach=True)


def _file_id_of(message: Message) -> str:
    """The id of the media in a message: Telegram may turn a video without sound into an animation or a document."""
    if message.photo:
        return max(message.photo, key=lambda photo: photo.width * photo.height).file_id
    media = message.video or message.animation or message.document
    return media.file_id if media else ""


def _failed(delivery: Delivery, error: BaseException, *, is_whole: bool = True) -> DeliveryFailed:
    failure = classify(error, by_file_id=bool(delivery.file_id))
    kind = failure.kind
    if kind is FailureKind.AMBIGUOUS and not is_whole:
        kind = FailureKind.NOT_SENT
    return DeliveryFailed(
        delivery_id=delivery.delivery_id, kind=kind, detail=failure.detail, retry_after_s=failure.retry_after_s
    )


def _is_refused(result: ChatEvent) -> bool:
    return isinstance(result, DeliveryFailed) and result.kind is FailureKind.REFUSED


def _refused(delivery: Delivery, detail: str) -> DeliveryFailed:
    return DeliveryFailed(delivery_id=delivery.delivery_id, kind=FailureKind.REFUSED, detail=detail)
