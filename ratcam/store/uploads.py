"""The media items and Telegram's names for them: `media.json`."""

from pathlib import Path

from ratcam.ports import MediaItem
from ratcam.store.table_file import TableFile

LIMIT = 1000
"""Items that are remembered; each change writes the whole file."""


class TinyUploadStore:
    """`ports.UploadStore` in `state_dir`/media.json. Every method raises `StoreError` when it did not happen."""

    def __init__(self, *, state_dir: Path, limit: int = LIMIT) -> None:
        self._table = TableFile(state_dir / "media.json", row_type=MediaItem, key="media_id")
        self._limit = limit

    def get(self, media_id: str) -> MediaItem | None:
        """The item, or None."""
        return next((item for item in self._table.rows() if item.media_id == media_id), None)

    def put(self, item: MediaItem) -> None:
        """Add an item, or replace it in its place; those added first are forgotten beyond the limit."""
        with self._table.transaction() as change:
            change.put((item,))
            items = change.rows()
            change.remove(old.media_id for old in items[: max(0, len(items) - self._limit)])
