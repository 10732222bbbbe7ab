"""The deliveries and their stores: owed on disk before they are sent; files go when nobody waits for them any more."""

import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from ratcam.chat import texts
from ratcam.chat.outbox import Outbox, Verdict
from ratcam.errors import StoreError
from ratcam.messages import ChatId, Delivery, DeliveryFailed, DeliveryId, DeliverySucceeded, FailureKind, MediaKind
from ratcam.ports import Clock, MediaFiles, MediaItem, OutboxStore, QueuedDelivery, UploadStore

_log = logging.getLogger(__name__)

REPLY_ATTEMPTS = 6
"""An answer that cannot be sent is given up after so many tries: the question is old by then. Alerts are never."""


class Deliveries:
    """Keeps an `Outbox` and its stores in step. One thread.

    A store that fails is logged and does not hold up a delivery: it is then owed in memory only.
    """

    def __init__(self, *, outbox: OutboxStore, uploads: UploadStore, files: MediaFiles, clock: Clock) -> None:
        self._store = outbox
        self._uploads = uploads
        self._files = files
        self._clock = clock
        self._outbox = Outbox(is_uploaded=self._is_uploaded)
        self._in_memory: set[DeliveryId] = set()

    def load(self, on_the_way: frozenset[DeliveryId]) -> int:
        """Owe again what was owed before a restart; how many deliveries that is.

        Those `on_the_way` are not sent again before their result is known.
        """
        try:
            self._outbox.add(self._store.pending(), on_the_way)
        except StoreError as exc:
            _log.error("What was owed before cannot be read: %s", exc)
        return len(self._outbox)

    def waiting(self) -> int:
        """How many deliveries are owed, answers to commands not counted."""
        return len(self._outbox) - len(self._in_memory)

    def knows(self, media_id: str) -> bool:
        """Whether this picture or clip has been taken over before."""
        return self._uploads.get(media_id) is not None

    def owe_text(self, chats: tuple[ChatId, ...], text: str, *, after_media: bool = False) -> None:
        """Owe a text to each chat; with `after_media` it goes behind the pictures and clips owed already."""
        self._owe(chats, MediaKind.TEXT, text, after_media=after_media)

    def owe_media(self, chats: tuple[ChatId, ...], item: MediaItem, caption: str) -> None:
        """Owe a picture or clip to each chat. With no chat its file is let go."""
        self._attempt(lambda: self._uploads.put(item))
        self._owe(chats, item.kind, caption, media_id=item.media_id)
        if not chats:
            _log.warning("%s: no chat is enrolled to get it", item.media_id)
            self._files.discard(item.path)

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

    def reply(self, chat: ChatId, text: str) -> None:
        """Owe an answer, in memory only."""
        row = self._row(chat, MediaKind.TEXT, text)
        self._in_memory.add(row.delivery_id)
        self._outbox.add((row,))

    def due(self, now_s: float) -> tuple[Delivery, ...]:
        """What is to be sent now; each must come back as `succeeded` or `failed`."""
        ready: list[Delivery] = []
        for row in self._outbox.due(now_s):
            item = self._uploads.get(row.media_id) if row.media_id else None
            if row.media_id and item is None:
                gone = "its record is gone"
                self.failed(DeliveryFailed(delivery_id=row.delivery_id, kind=FailureKind.REFUSED, detail=gone))
            else:
                ready.append(_delivery(row, item))
        return tuple(ready)

    def succeeded(self, done: DeliverySucceeded) -> None:
        """It has arrived: remember the file id, owe it no more."""
        row = self._outbox.succeeded(done.delivery_id)
        if row is None:
            return
        item = self._uploads.get(row.media_id) if row.media_id else None
        if item is not None and done.file_id and item.file_id != done.file_id:
            known = replace(item, file_id=done.file_id)
            self._attempt(lambda: self._uploads.put(known))
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
                    self._outbox.succeeded(row.delivery_id)
                    self._forget((row,))
            case Verdict.AGAIN:
                self._attempt(lambda: self._store.update(row))
            case Verdict.UPLOAD_AGAIN:
                self._forget_file_id(row.media_id)
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
            item = self._uploads.get(media_id)
            if item is not None:
                self._files.discard(item.path)

    def _forget_file_id(self, media_id: str) -> None:
        item = self._uploads.get(media_id)
        if item is not None:
            self._attempt(lambda: self._uploads.put(replace(item, file_id="")))

    def _is_uploaded(self, media_id: str) -> bool:
        item = self._uploads.get(media_id)
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
        is_silent=item.kind is MediaKind.VIDEO,
    )
