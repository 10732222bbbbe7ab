"""The deliveries and their stores: owed on disk before they are sent; files go when nobody waits for them any more."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from ratcam.chat import texts
from ratcam.chat.outbox import Outbox, Verdict
from ratcam.errors import StoreError
from ratcam.messages import ChatId, Delivery, DeliveryFailed, DeliveryId, DeliverySucceeded, MediaKind
from ratcam.ports import Clock, MediaFiles, MediaItem, OutboxStore, QueuedDelivery, UploadStore

_log = logging.getLogger(__name__)

MOST_REPLIES = 20
"""Answers that may wait for one chat."""
MOST_STRANGERS = 500
"""With so many answers waiting, of whomever, strangers get none: they must not fill the memory."""
REPLY_ATTEMPTS = 6
"""An answer that cannot be sent is given up after so many tries: the question is old by then. Alerts are never."""


class Deliveries:
    """Keeps an `Outbox` and its stores in step. One thread.

    A store that fails is logged and does not hold up a delivery: it is then owed in memory only. The records of the
    pictures and clips that are owed are kept in memory; the store is written through, and read at the start.
    """

    def __init__(self, *, outbox: OutboxStore, uploads: UploadStore, files: MediaFiles, clock: Clock) -> None:
        self._store = outbox
        self._uploads = uploads
        self._files = files
        self._clock = clock
        self._outbox = Outbox(is_uploaded=self._is_uploaded)
        self._in_memory: set[DeliveryId] = set()
        self._items: dict[str, MediaItem] = {}

    def load(self, on_the_way: frozenset[DeliveryId]) -> int:
        """Owe again what was owed before a restart; how many deliveries that is.

        Those `on_the_way` are not sent again before their result is known.
        """
        try:
            rows = self._store.pending()
        except StoreError as exc:
            _log.error("What was owed before cannot be read: %s", exc)
            rows = ()
        for media_id in {row.media_id for row in rows if row.media_id}:
            item = self._stored(media_id)
            if item is not None:
                self._items[media_id] = item
        self._outbox.add(tuple(row for row in rows if not row.media_id or row.media_id in self._items), on_the_way)
        lost = tuple(row for row in rows if row.media_id and row.media_id not in self._items)
        if lost:
            _log.error("%d deliveries of pictures and clips have lost their records", len(lost))
            self._forget(lost)
        return len(self._outbox)

    def waiting(self) -> int:
        """How many deliveries are owed, answers to commands not counted."""
        return len(self._outbox) - len(self._in_memory)

    def knows(self, media_id: str) -> bool:
        """Whether this picture or clip is owed now, or has arrived before: it need not be owed again."""
        if media_id in self._items:
            return True
        item = self._stored(media_id)
        return item is not None and bool(item.file_id)

    def owe_text(self, chats: tuple[ChatId, ...], text: str, *, after_media: bool = False) -> None:
        """Owe a text to each chat; with `after_media` it goes behind the pictures and clips owed already."""
        self._owe(chats, MediaKind.TEXT, text, after_media=after_media)

    def owe_media(self, chats: tuple[ChatId, ...], item: MediaItem, caption: str) -> None:
        """Owe a picture or clip to each chat. With no chat its file is let go."""
        if not chats:
            _log.warning("%s: no chat is enrolled to get it", item.media_id)
            self._files.discard(item.path)
            return
        self._remember(item)
        self._owe(chats, item.kind, caption, media_id=item.media_id)

    def owe_clip(self, chats: tuple[ChatId, ...], item: MediaItem, caption: str, thumbnail_jpeg: bytes) -> None:
        """Owe a clip to each chat; its thumbnail, if it has one, is stored beside it and goes with it."""
        if chats and thumbnail_jpeg:
            try:
                item = replace(item, thumbnail_path=self._files.save_thumbnail(item.path, thumbnail_jpeg))
            except StoreError as exc:
                _log.error("%s goes without a thumbnail: %s", item.media_id, exc)
        self.owe_media(chats, item, caption)

    def owe_photo(self, chats: tuple[ChatId, ...], name: str, jpeg: bytes, caption: str) -> None:
        """Store a JPEG as `name` and owe it; if it cannot be stored, the caption goes as a text and says so."""
        try:
            path = self._files.save_photo(name, jpeg)
        except StoreError as exc:
            _log.error("%s cannot be stored: %s", name, exc)
            self.owe_text(
                chats, f"{caption}\n" + texts.MEDIA_REFUSED.format(kind="picture", reason="the disk refused it")
            )
            return
        self.owe_media(chats, MediaItem(media_id=name, kind=MediaKind.PHOTO, path=path), caption)

    def reply(self, chat: ChatId, text: str, *, is_stranger: bool = False) -> None:
        """Owe an answer, in memory only. It is dropped if `MOST_REPLIES` wait for this chat.

        Of a stranger's answers one may wait, and none is added while `MOST_STRANGERS` of anybody do; so the enrolled
        are answered in any flood.
        """
        waiting = self._outbox.count_waiting(lambda row: row.chat == chat and row.delivery_id in self._in_memory)
        if waiting >= (1 if is_stranger else MOST_REPLIES) or (is_stranger and len(self._in_memory) >= MOST_STRANGERS):
            return
        row = self._row(chat, MediaKind.TEXT, text)
        self._in_memory.add(row.delivery_id)
        self._outbox.add((row,))

    def due(self, now_s: float) -> tuple[Delivery, ...]:
        """What is to be sent now; each must come back as `succeeded` or `failed`."""
        return tuple(_delivery(row, self._items.get(row.media_id)) for row in self._outbox.due(now_s))

    def succeeded(self, done: DeliverySucceeded) -> None:
        """It has arrived: remember the file id, owe it no more."""
        row = self._outbox.succeeded(done.delivery_id, now_s=self._clock.monotonic_s())
        if row is None:
            return
        item = self._items.get(row.media_id)
        if item is not None and done.file_id and item.file_id != done.file_id:
            self._remember(replace(item, file_id=done.file_id))
        self._forget((row,))

    def failed(self, failure: DeliveryFailed) -> ChatId | None:
        """It did not arrive: see to what follows. Returns the chat if nothing reaches it any more."""
        outcome = self._outbox.failed(
            failure.delivery_id, failure.kind, now_s=self._clock.monotonic_s(), retry_after_s=failure.retry_after_s
        )
        if outcome is None:
            return None
        row, verdict = outcome
        _log.warning("delivery to chat %d: %s (%s), %s", row.chat, failure.kind.value, failure.detail, verdict.value)
        match verdict:
            case Verdict.AGAIN if row.delivery_id in self._in_memory:
                if row.attempts >= REPLY_ATTEMPTS:
                    self._forget(self._outbox.drop(lambda other: other.delivery_id == row.delivery_id))
            case Verdict.AGAIN:
                self._attempt(lambda: self._store.update(row))
            case Verdict.UPLOAD_AGAIN:
                item = self._items.get(row.media_id)
                if item is not None:
                    self._remember(replace(item, file_id=""))
            case Verdict.DROPPED:
                self._forget((row,))
                if row.media_id:
                    refused = texts.MEDIA_REFUSED.format(kind=row.kind.value, reason=failure.detail)
                    self.owe_text((row.chat,), f"{row.text}\n{refused}")
            case Verdict.CHAT_GONE:
                return row.chat
        return None

    def drop_chat(self, chat: ChatId) -> None:
        """Owe this chat nothing more, no answer either."""
        self._forget(self._outbox.drop(lambda row: row.chat == chat))

    def keep_only(self, chats: tuple[ChatId, ...]) -> None:
        """Owe others than these nothing more but the answers that are on their way."""
        self._forget(self._outbox.drop(lambda row: row.chat not in chats and row.delivery_id not in self._in_memory))

    def migrate(self, chat: ChatId, new_chat: ChatId) -> None:
        """A chat has a new id."""
        for row in self._outbox.migrate(chat, new_chat):
            if row.delivery_id not in self._in_memory:
                self._attempt(lambda row=row: self._store.update(row))

    def _owe(
        self, chats: tuple[ChatId, ...], kind: MediaKind, text: str, *, media_id: str = "", after_media: bool = False
    ) -> None:
        rows = tuple(self._row(chat, kind, text, media_id=media_id, after_media=after_media) for chat in chats)
        if rows:
            self._attempt(lambda: self._store.add(rows))
            self._outbox.add(rows)

    def _row(
        self, chat: ChatId, kind: MediaKind, text: str, *, media_id: str = "", after_media: bool = False
    ) -> QueuedDelivery:
        return QueuedDelivery(
            delivery_id=DeliveryId(secrets.token_hex(6)),
            chat=chat,
            kind=kind,
            text=text,
            media_id=media_id,
            after_media=after_media,
            created_unix_s=self._clock.unix_s(),
        )

    def _forget(self, rows: tuple[QueuedDelivery, ...]) -> None:
        """These are owed no more: drop their records, and the files nobody waits for."""
        stored = tuple(row.delivery_id for row in rows if row.delivery_id not in self._in_memory)
        self._in_memory.difference_update(row.delivery_id for row in rows)
        if stored:
            self._attempt(lambda: self._store.remove(stored))
        for media_id in {row.media_id for row in rows if row.media_id and not self._outbox.is_owed(row.media_id)}:
            item = self._items.pop(media_id, None)
            if item is not None:
                self._files.discard(item.path)

    def _remember(self, item: MediaItem) -> None:
        self._items[item.media_id] = item
        self._attempt(lambda: self._uploads.put(item))

    def _stored(self, media_id: str) -> MediaItem | None:
        try:
            return self._uploads.get(media_id)
        except StoreError as exc:
            _log.error("%s", exc)
            return None

    def _is_uploaded(self, media_id: str) -> bool:
        item = self._items.get(media_id)
        return item is not None and bool(item.file_id)

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoreError as exc:
            _log.error("%s What is owed now is kept in memory only.", exc)


def _delivery(row: QueuedDelivery, item: MediaItem | None) -> Delivery:
    delivery = Delivery(delivery_id=row.delivery_id, chat=row.chat, kind=row.kind, text=row.text)
    if item is None:
        return delivery
    return replace(
        delivery,
        path=item.path,
        file_id=item.file_id,
        width=item.width,
        height=item.height,
        duration_s=item.duration_s,
        thumbnail_path=item.thumbnail_path,
        is_silent=item.kind is MediaKind.VIDEO,
    )
