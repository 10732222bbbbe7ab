"""Questions of chats that the detectors of all cameras answer together, and the answers in words. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ratcam.chat import texts
from ratcam.messages import CameraId, ChatId, LearnedPlace, MotionStatus

PLACES_SHOWN = 3
"""In the status; /learned shows all of them."""


class Topic(Enum):
    """What a chat wants to know."""

    STATUS = "status"
    LEARNED = "learned"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question with what the detectors said until all had, or until time was up."""

    chat: ChatId
    topic: Topic
    found: Mapping[CameraId, MotionStatus]


@dataclass(slots=True)
class _Question:
    chat: ChatId
    topic: Topic
    until_s: float
    missing: set[CameraId]
    found: dict[CameraId, MotionStatus] = field(default_factory=dict[CameraId, MotionStatus])


class Questions:
    """The open questions, each known by the id under which it was put to the detectors.

    A chat has one open question of each topic at most, so their number is bounded, and no chat can flood a detector.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Question] = {}

    def ask(
        self, request_id: str, chat: ChatId, topic: Topic, cameras: Collection[CameraId], *, until_s: float
    ) -> bool:
        """A chat asks. False: the same question of its is open; the answer to that serves for both."""
        if any((one.chat, one.topic) == (chat, topic) for one in self._open.values()):
            return False
        self._open[request_id] = _Question(chat, topic, until_s, set(cameras))
        return True

    def take(self, status: MotionStatus) -> tuple[Answered, ...]:
        """A detector's answer; the question if that was the last one it waited for."""
        question = self._open.get(status.request_id)
        if question is None:
            return ()
        question.found[status.camera] = status
        question.missing.discard(status.camera)
        return () if question.missing else (self._close(status.request_id),)

    def overdue(self, now_s: float) -> tuple[Answered, ...]:
        """The questions whose time is up."""
        return tuple(self._close(key) for key, question in tuple(self._open.items()) if now_s >= question.until_s)

    def _close(self, request_id: str) -> Answered:
        question = self._open.pop(request_id)
        return Answered(chat=question.chat, topic=question.topic, found=question.found)


def status_lines(
    camera: CameraId,
    *,
    is_armed: bool,
    lost: str | None,
    last_motion_unix_s: float | None,
    detector: MotionStatus | None,
) -> list[str]:
    """One camera in /status. `lost` says why it gives no pictures, if it gives none."""
    armed = texts.STATUS_ARMED if is_armed else texts.STATUS_DISARMED
    first = texts.STATUS_CAMERA.format(camera=camera, armed=armed)
    if lost is not None:
        first += texts.STATUS_LOST.format(reason=lost)
    last = texts.STATUS_NEVER if last_motion_unix_s is None else texts.clock_time(last_motion_unix_s)
    lines = [first, texts.STATUS_LAST_MOTION.format(at=last)]
    if detector is None:
        return [*lines, texts.STATUS_NO_DETECTOR]
    if (quiet := detector.quiet) is not None:
        lines.append(texts.STATUS_QUIET.format(quiet=quiet.quiet_score, trigger=quiet.trigger, margin=quiet.margin))
    elif detector.is_learning:
        lines.append(texts.STATUS_LEARNING)
    if detector.guard in texts.GUARDS:
        lines.append(texts.STATUS_GUARD.format(reason=texts.GUARDS[detector.guard]))
    if detector.learned is None:
        lines.append(texts.STATUS_LEARNED_UNKNOWN)
    elif detector.learned:
        shown = [entry.place for entry in detector.learned[:PLACES_SHOWN]]
        if len(detector.learned) > PLACES_SHOWN:
            shown.append(texts.AND_MORE)
        lines.append(texts.STATUS_LEARNED.format(places=", ".join(shown)))
    return lines


def learned_text(cameras: Collection[CameraId], found: Mapping[CameraId, MotionStatus]) -> str:
    """The answer to /learned."""
    lines: list[str] = []
    for camera in cameras:
        status = found.get(camera)
        if status is None:
            lines.append(texts.LEARNED_NO_ANSWER.format(camera=camera))
        elif status.learned is None:
            lines.append(texts.LEARNED_UNKNOWN.format(camera=camera))
        elif status.learned:
            lines.append(texts.LEARNED.format(camera=camera, places=", ".join(map(_place, status.learned))))
        else:
            lines.append(texts.NOTHING_LEARNED.format(camera=camera))
    if any(status.learned for status in found.values()):
        lines.append(texts.LEARNED_HINT)
    return "\n".join(lines)


def forgotten_text(cameras: Collection[CameraId], found: Mapping[CameraId, MotionStatus]) -> str:
    """The answer to /learned reset."""
    lines: list[str] = []
    for camera in cameras:
        status = found.get(camera)
        if status is None:
            lines.append(texts.LEARNED_NOT_CONFIRMED.format(camera=camera))
        else:
            refused = "" if status.is_kept else texts.NOT_REMEMBERED
            lines.append(texts.LEARNED_FORGOTTEN.format(camera=camera) + refused)
    return "\n".join(lines)


def _place(learned: LearnedPlace) -> str:
    return f"{learned.place} ({texts.blocks(learned.blocks)})"
