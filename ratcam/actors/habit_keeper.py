"""HabitKeeper: saves what detectors have learned, so that no detector waits for a disk."""

import logging

from ratcam.actors.supervised import Address, OnDeath, Supervised
from ratcam.errors import StoreError
from ratcam.messages import HabitsSaved, SaveHabits
from ratcam.ports import LearnedStore

_log = logging.getLogger(__name__)


class HabitKeeper(Supervised):
    """Hands habits to their store, one after the other, and says what became of them. A refusal is logged."""

    def __init__(self, *, address: Address, on_death: OnDeath, store: LearnedStore, motion: Address) -> None:
        super().__init__(address=address, on_death=on_death)
        self._store = store
        self._motion = motion

    def on_receive(self, message: object) -> None:
        """Handle one message."""
        match message:
            case SaveHabits():
                is_kept = self._save(message)
                if message.request_id:
                    self._motion.tell(
                        HabitsSaved(camera=message.camera, request_id=message.request_id, is_kept=is_kept)
                    )
            case _:
                super().on_receive(message)

    def _save(self, message: SaveHabits) -> bool:
        try:
            self._store.save(message.camera, message.habits)
        except StoreError as exc:
            _log.error("%s: %s", message.camera, exc)
            return False
        return True
