"""What a camera's detectors, one after the other, have learned of blocks that move for hours."""

import logging
from dataclasses import dataclass

from ratcam.actors.supervised import Address
from ratcam.errors import StoreError
from ratcam.messages import CameraId, LearnedPlace, SaveHabits
from ratcam.motion.detector import Detector
from ratcam.motion.kept_habits import NOTHING_LEARNED, Habits
from ratcam.motion.learned_places import places_of
from ratcam.ports import LearnedStore

_log = logging.getLogger(__name__)

SAVE_EVERY_S = 3600.0
"""What is learned changes over hours; a card should not be written to more often."""


class LearnedBlocks:
    """Puts the habits of one camera into its detectors and hands them to the keeper: hourly, at the end, when reset.

    It outlives the incarnations of the MotionActor, each of which goes on where the last one ended. Only the first
    `restore` waits for the disk. For one thread at a time.
    """

    def __init__(self, *, store: LearnedStore, camera: CameraId, keeper: Address) -> None:
        self._store = store
        self._camera = camera
        self._keeper = keeper
        self._is_loaded = False
        self._newest: Habits | None = None
        self._due_s: float | None = None
        self._listed: _Listed | None = None

    def restore(self, detector: Detector) -> None:
        """Let a new detector go on with what is known. A store that refuses is logged."""
        if not self._is_loaded:
            self._is_loaded = True
            try:
                self._newest = self._store.load(self._camera)
            except StoreError as exc:
                _log.error("%s: %s What was learned of its picture is learned again.", self._camera, exc)
        if self._newest is not None:
            detector.restore(self._newest)

    def save_if_due(self, detector: Detector, now_s: float) -> None:
        """Hand over what there is once an hour; to be called more often."""
        if self._due_s is None:
            self._due_s = now_s + SAVE_EVERY_S
        elif now_s >= self._due_s:
            self._due_s = now_s + SAVE_EVERY_S
            self.save(detector)

    def save(self, detector: Detector) -> None:
        """Hand over what there is; a store writes only what has changed."""
        habits = detector.habits()
        if habits is not None:
            self._hand_over(habits, "")

    def forget(self, detector: Detector, request_id: str) -> None:
        """Have the detector forget, and the disk: the keeper answers under `request_id`."""
        detector.forget_learned()
        # Before the first field a detector has none; the disk may have some all the same, also if it was not readable.
        self._hand_over(detector.habits() or NOTHING_LEARNED, request_id)

    def places(self, detector: Detector, size: tuple[int, int], rotation: int) -> tuple[LearnedPlace, ...] | None:
        """Where the blocks lie that a detector fades out, the largest place first; None before its first field.

        Args:
            detector: whose; it hands out another array whenever they change.
            size: of the coded picture, in pixels.
            rotation: by how much it is turned clockwise to be upright.
        """
        mask = detector.learned
        if not mask.size:
            return None
        if self._listed is None or not self._listed.is_of(mask, size, rotation):
            found = places_of(mask, *size, rotation)
            places = tuple(LearnedPlace(place=place, blocks=blocks) for place, blocks in found)
            self._listed = _Listed(mask=mask, size=size, rotation=rotation, places=places)
        return self._listed.places

    def _hand_over(self, habits: Habits, request_id: str) -> None:
        self._newest = habits
        self._keeper.tell(SaveHabits(camera=self._camera, request_id=request_id, habits=habits))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    """Places that were found once: it takes milliseconds, and they change over hours."""

    mask: object
    size: tuple[int, int]
    rotation: int
    places: tuple[LearnedPlace, ...]

    def is_of(self, mask: object, size: tuple[int, int], rotation: int) -> bool:
        return self.mask is mask and (self.size, self.rotation) == (size, rotation)
