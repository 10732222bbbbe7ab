"""The outbox's rules: what is sent next, and what follows from how it went. Pure; time comes as an argument.

Per chat, texts go before media and each in its order; one of each is under way at a time. A picture or clip that
Telegram does not know yet is uploaded by one chat at a time; the others wait for its file id. A chat that fails waits
by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from ratcam.messages import ChatId, DeliveryId, FailureKind, MediaKind
from ratcam.ports import QueuedDelivery

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
AMBIGUOUS_WAIT_S = 10.0
"""A delivery that may have arrived is not repeated sooner."""
TOKEN_WAIT_S = 60.0
PATIENT_ATTEMPTS = 5
"""A picture or clip that fails so often while others arrive lets those behind it go first."""
GIVE_UP_S = 86_400.0
"""A picture or clip that has failed for so long while others arrived is given up."""


class Verdict(Enum):
    """What has become of a delivery that failed."""

    AGAIN = "again"
    """It stays owed and is sent again later."""
    UPLOAD_AGAIN = "upload again"
    """It stays owed; the file id is not good any more."""
    DROPPED = "dropped"
    """This chat does not get it."""
    CHAT_GONE = "chat gone"
    """Nothing reaches this chat any more; what it was owed is to be dropped."""


@dataclass(slots=True)
class _Row:
    delivery: QueuedDelivery
    not_before_s: float = 0.0
    is_under_way: bool = False
    first_failed_s: float | None = None
    """When it failed first in this process; monotonic."""

    @property
    def lane(self) -> tuple[ChatId, bool]:
        is_quick = self.delivery.kind is MediaKind.TEXT and not self.delivery.after_media
        return (self.delivery.chat, is_quick)


class Outbox:
    """The deliveries that are owed, in memory; whoever holds it keeps the store in step. Monotonic seconds."""

    def __init__(self, *, is_uploaded: Callable[[str], bool]) -> None:
        """`is_uploaded(media_id)` says whether Telegram has given the item a file id."""
        self._is_uploaded = is_uploaded
        self._rows: dict[DeliveryId, _Row] = {}
        self._chat_not_before_s: dict[ChatId, float] = {}
        self._last_success_s = float("-inf")

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, deliveries: tuple[QueuedDelivery, ...], on_the_way: frozenset[DeliveryId] = frozenset()) -> None:
        """Owe these, behind what is owed already; those `on_the_way` count as under way."""
        for delivery in deliveries:
            self._rows[delivery.delivery_id] = _Row(delivery, is_under_way=delivery.delivery_id in on_the_way)

    def due(self, now_s: float) -> tuple[QueuedDelivery, ...]:
        """What can be sent now; it counts as under way until `succeeded` or `failed`."""
        self._chat_not_before_s = {chat: at_s for chat, at_s in self._chat_not_before_s.items() if at_s > now_s}
        busy = {row.lane for row in self._rows.values() if row.is_under_way}
        uploading = {row.delivery.media_id for row in self._rows.values() if row.is_under_way}
        chosen: list[QueuedDelivery] = []
        for row in self._rows.values():
            delivery = row.delivery
            if row.is_under_way or row.lane in busy:
                continue
            # Whether it goes now or has to wait: what is behind it in its lane must not overtake it.
            busy.add(row.lane)
            if now_s < max(row.not_before_s, self._chat_not_before_s.get(delivery.chat, 0.0)):
                continue
            if delivery.media_id and not self._is_uploaded(delivery.media_id):
                if delivery.media_id in uploading:
                    continue
                uploading.add(delivery.media_id)
            row.is_under_way = True
            chosen.append(delivery)
        return tuple(chosen)

    def count_waiting(self, is_wanted: Callable[[QueuedDelivery], bool]) -> int:
        """How many deliveries of this kind are owed and not under way."""
        return sum(not row.is_under_way and is_wanted(row.delivery) for row in self._rows.values())

    def succeeded(self, delivery_id: DeliveryId, *, now_s: float) -> QueuedDelivery | None:
        """It has arrived and is owed no more; None if it was not owed."""
        self._last_success_s = now_s
        row = self._rows.pop(delivery_id, None)
        return None if row is None else row.delivery

    def failed(
        self, delivery_id: DeliveryId, kind: FailureKind, *, now_s: float, retry_after_s: float = 0.0
    ) -> tuple[QueuedDelivery, Verdict] | None:
        """It did not arrive: the row as it is now, and what becomes of it. None if it was not owed."""
        row = self._rows.get(delivery_id)
        if row is None:
            return None
        row.is_under_way = False
        row.delivery = replace(row.delivery, attempts=row.delivery.attempts + 1)
        row.first_failed_s = now_s if row.first_failed_s is None else row.first_failed_s
        growing_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(row.delivery.attempts - 1, 16))
        match kind:
            case FailureKind.NOT_SENT:
                row.not_before_s = now_s + growing_s
            case FailureKind.AMBIGUOUS:
                row.not_before_s = now_s + max(AMBIGUOUS_WAIT_S, growing_s)
            case FailureKind.RETRY_AFTER:
                self._chat_not_before_s[row.delivery.chat] = now_s + retry_after_s + 0.5
            case FailureKind.TOKEN:
                row.not_before_s = now_s + TOKEN_WAIT_S
            case FailureKind.WRONG_FILE_ID:
                return row.delivery, Verdict.UPLOAD_AGAIN
            case FailureKind.CHAT_GONE:
                return row.delivery, Verdict.CHAT_GONE
            case FailureKind.REFUSED:
                del self._rows[delivery_id]
                return row.delivery, Verdict.DROPPED
        return row.delivery, self._let_others_pass(row, now_s)

    def _let_others_pass(self, row: _Row, now_s: float) -> Verdict:
        """One picture or clip that never gets through must not hold up those behind it for ever.

        In an outage, when nothing arrives anywhere, everything waits in its order instead.
        """
        failed_s = row.first_failed_s
        others_arrive = failed_s is not None and self._last_success_s > failed_s
        if not row.delivery.media_id or not others_arrive or row.delivery.attempts % PATIENT_ATTEMPTS:
            return Verdict.AGAIN
        delivery_id = row.delivery.delivery_id
        del self._rows[delivery_id]
        if failed_s is not None and now_s - failed_s > GIVE_UP_S:
            return Verdict.DROPPED
        self._rows[delivery_id] = row
        return Verdict.AGAIN

    def drop(self, is_unwanted: Callable[[QueuedDelivery], bool]) -> tuple[QueuedDelivery, ...]:
        """Owe nothing more of what `is_unwanted`; what that was."""
        dropped = tuple(row.delivery for row in self._rows.values() if is_unwanted(row.delivery))
        for delivery in dropped:
            del self._rows[delivery.delivery_id]
        return dropped

    def migrate(self, chat: ChatId, new_chat: ChatId) -> tuple[QueuedDelivery, ...]:
        """A chat has a new id: the rows that changed."""
        changed: list[QueuedDelivery] = []
        for row in self._rows.values():
            if row.delivery.chat == chat:
                row.delivery = replace(row.delivery, chat=new_chat)
                changed.append(row.delivery)
        return tuple(changed)

    def is_owed(self, media_id: str) -> bool:
        """Whether any chat still waits for this item."""
        return any(row.delivery.media_id == media_id for row in self._rows.values())
