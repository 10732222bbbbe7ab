"""The commands of an enrolled chat: what a line of text asks for. Pure."""

from dataclasses import dataclass
from enum import Enum

from ratcam.chat import texts


class Action(Enum):
    """What a command asks for."""

    START = "start"
    HELP = "help"
    STATUS = "status"
    PHOTO = "photo"
    VIDEO = "video"
    ARM = "arm"
    DISARM = "disarm"
    LEARNED = "learned"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command that can be carried out."""

    action: Action
    seconds: float = 0.0
    """How long a video shall be."""
    is_reset: bool = False
    """What was learned shall be forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A command that cannot be carried out, and the line that tells the person how."""

    text: str


_WITH_ARGUMENT = frozenset({Action.START, Action.VIDEO, Action.LEARNED})
"""/start may carry the payload of a link."""


def understand(name: str, argument: str, *, video_s: float, longest_video_s: float) -> Command | Correction:
    """What `/name argument` asks for. `video_s` is a video's length when none is given."""
    try:
        action = Action(name.lower())
    except ValueError:
        return Correction(text=texts.UNKNOWN_COMMAND.format(name=name[:32]))
    argument = argument.strip()
    if argument and action not in _WITH_ARGUMENT:
        return Correction(text=texts.NO_ARGUMENT.format(name=action.value))
    match action:
        case Action.VIDEO:
            return _video(argument, video_s=video_s, longest_video_s=longest_video_s)
        case Action.LEARNED:
            if argument.lower() not in ("", "reset"):
                return Correction(text=texts.LEARNED_USAGE)
            return Command(action=action, is_reset=bool(argument))
        case _:
            return Command(action=action)


def _video(argument: str, *, video_s: float, longest_video_s: float) -> Command | Correction:
    action = Action.VIDEO
    if not argument:
        return Command(action=action, seconds=video_s)
    wanted = _seconds(argument)
    if wanted is None or not 1 <= wanted <= longest_video_s:
        return Correction(text=texts.VIDEO_USAGE.format(longest=longest_video_s))
    return Command(action=action, seconds=wanted)


def _seconds(argument: str) -> float | None:
    """A plain decimal number, also as "10s" or "10 s"; None for all else, also infinities and other scripts' digits."""
    digits = argument.lower().removesuffix("s").strip()
    if not digits.isascii() or not digits.replace(".", "", 1).isdigit():
        return None
    return float(digits)
