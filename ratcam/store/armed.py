"""Which cameras are armed: `armed.json`."""

from dataclasses import dataclass
from pathlib import Path

from ratcam.messages import CameraId
from ratcam.store.table_file import TableFile


@dataclass(frozen=True, slots=True, kw_only=True)
class _ArmedCamera:
    camera: CameraId


class TinyArmedStore:
    """`ports.ArmedStore` in `state_dir`/armed.json. Every method raises `StoreError` when it did not happen."""

    def __init__(self, *, state_dir: Path) -> None:
        self._table = TableFile(state_dir / "armed.json", row_type=_ArmedCamera, key="camera")

    def is_armed(self, camera: CameraId) -> bool:
        """Whether motion of this camera is an event; False for one that was never armed."""
        return any(row.camera == camera for row in self._table.rows())

    def set_armed(self, camera: CameraId, *, armed: bool) -> None:
        """Remember it; on disk on return."""
        with self._table.transaction() as change:
            if armed:
                change.put((_ArmedCamera(camera=camera),))
            else:
                change.remove((camera,))
