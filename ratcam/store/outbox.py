"""The deliveries that are owed: `outbox.json`."""

from pathlib import Path

from ratcam.messages import DeliveryId
from ratcam.ports import QueuedDelivery
from ratcam.store.table_file import TableFile


class TinyOutboxStore:
    """`ports.OutboxStore` in `state_dir`/outbox.json. Every method raises `StoreError` when it did not happen."""

    def __init__(self, *, state_dir: Path) -> None:
        self._table = TableFile(state_dir / "outbox.json", row_type=QueuedDelivery, key="delivery_id")

    def pending(self) -> tuple[QueuedDelivery, ...]:
        """All owed deliveries in the order they were added."""
        return self._table.rows()

    def add(self, deliveries: tuple[QueuedDelivery, ...]) -> None:
        """Owe these, all or none; one with a known id replaces that row in its place."""
        with self._table.transaction() as change:
            change.put(deliveries)

    def update(self, delivery: QueuedDelivery) -> None:
        """Replace the row with the same id; does nothing if there is none."""
        with self._table.transaction() as change:
            if any(row.delivery_id == delivery.delivery_id for row in change.rows()):
                change.put((delivery,))

    def remove(self, delivery_ids: tuple[DeliveryId, ...]) -> None:
        """Owe these no more."""
        with self._table.transaction() as change:
            change.remove(delivery_ids)
