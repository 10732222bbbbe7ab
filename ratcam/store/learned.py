"""What the detectors have learned of blocks that move for hours: `learned.json`."""

import base64
import binascii
import logging
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from ratcam.errors import StoreError
from ratcam.messages import CameraId
from ratcam.motion.kept_habits import Habits
from ratcam.store.table_file import TableFile

_MOST_BYTES = 16 * 1024 * 1024
"""No grid has so much to remember; what unpacks to more is damage."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LearnedRow:
    camera: CameraId
    columns: int
    rows: int
    habits: str = field(repr=False)
    """The payload, by zlib and Base64; zlib's sum tells whether it is what was saved."""


class TinyLearnedStore:
    """`ports.LearnedStore` in `state_dir`/learned.json. Every method raises `StoreError` when it did not happen.

    What is kept here can be learned again, so damage is no reason to keep nothing: a record that cannot be read is left
    out, and a file that is damaged beyond its backup is put aside by the next `save`; both with a line in the log.
    """

    def __init__(self, *, state_dir: Path) -> None:
        self._path = state_dir / "learned.json"
        self._table = TableFile(self._path, row_type=_LearnedRow, key="camera")

    def load(self, camera: CameraId) -> Habits | None:
        """What was saved last for this camera; None if nothing was, or if it cannot be read."""
        try:
            rows = self._table.rows()
        except StoreError as exc:
            if not _is_damage(exc):
                raise
            logger.warning("%s What was learned is learned again.", exc)
            return None
        row = next((row for row in rows if row.camera == camera), None)
        if row is None:
            return None
        try:
            return Habits(columns=row.columns, rows=row.rows, payload=_unpacked(row))
        except ValueError as exc:
            logger.warning("%s: what was learned of %s is damaged (%s); it is learned again.", self._path, camera, exc)
            return None

    def save(self, camera: CameraId, habits: Habits) -> None:
        """Replace what is kept for this camera; on disk on return, and not written if it is the same.

        Each change writes the whole file: call this once an hour and at the stop, not more often.
        """
        packed = base64.b64encode(zlib.compress(habits.payload)).decode()
        row = _LearnedRow(camera=camera, columns=habits.columns, rows=habits.rows, habits=packed)
        try:
            self._put(row)
        except StoreError as exc:
            if not _is_damage(exc):
                raise
            self._put_aside()
            self._put(row)

    def _put(self, row: _LearnedRow) -> None:
        with self._table.transaction() as change:
            change.put((row,))

    def _put_aside(self) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            self._path.rename(aside)
        except OSError as exc:
            raise StoreError(f"{self._path} is damaged and cannot be put aside: {exc.strerror or exc}.") from exc
        logger.warning("%s is damaged and so is its backup. It is kept as %s; a new one begins.", self._path, aside)


def _is_damage(exc: StoreError) -> bool:
    """Whether a store cannot be read for its content; not for the disk's or a newer version's sake."""
    return isinstance(exc.__cause__, ValueError)


def _unpacked(row: _LearnedRow) -> bytes:
    """The payload of a row.

    Raises:
        ValueError: it is not what was saved.
    """
    if row.columns < 1 or row.rows < 1:
        raise ValueError(f"a grid of {row.columns}x{row.rows} blocks")
    unpacker = zlib.decompressobj()
    try:
        payload = unpacker.decompress(base64.b64decode(row.habits, validate=True), _MOST_BYTES)
    except (binascii.Error, zlib.error) as exc:
        raise ValueError(str(exc)) from exc
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("it does not end where it should")
    return payload
