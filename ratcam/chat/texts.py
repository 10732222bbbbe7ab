"""The sentences that chats see, each a constant or a function. Plain text; places and zones come as words of others."""

import time

from ratcam.messages import Sighting
from ratcam.motion.sighting import EVERYWHERE

ASK_PASSCODE = "Hello. Please send me the passcode that Ratcam shows on its console. It is good for {minutes} minutes."
WELCOME = "Welcome, this chat is enrolled. /arm makes me watch for motion, /help tells the rest."
WRONG_PASSCODE = "That is not the passcode. {left} left."
LAST_WRONG_PASSCODE = "That is not the passcode. Send /start again in {minutes} minutes."
VOID_PASSCODE = (
    "That is not the passcode, and it is void now: too many wrong ones were sent. Send /start for a new one."
)
NO_PASSCODE = "There is no passcode open any more. Send /start for a new one."
MUST_WAIT = "Too many wrong passcodes. Send /start again in {minutes} minutes."
ALREADY_ENROLLED = "This chat is enrolled already. /help tells what I can do."
LOGGED_OUT = "This chat is logged out: no alerts, no commands. /start enrols it again."
NOT_STORED = (
    "The passcode is right, but I could not store that: {reason}. Send /start for a new one, or look at the console."
)
NO_CONSOLE = "I cannot show a passcode: Ratcam's console is gone. Look at how it was started."
NOT_REMEMBERED = " But the disk refused it: after a restart I will not remember."
NO_ANSWER = "the camera did not answer"
UNKNOWN_COMMAND = "I do not know /{name}. /help tells what I can do."
ARMED = "Armed. I tell you when something moves."
ALREADY_ARMED = "I am armed already."
DISARMED = "Disarmed. I ignore motion until /arm."
ALREADY_DISARMED = "I am disarmed already."
RECORDING = "Recording the next {seconds:g} s; the video follows."
VIDEO_USAGE = "How many seconds? A number from 1 to {longest:g}, for example: /video 10"
NO_ARGUMENT = "/{name} takes nothing behind it."
PHOTO_FAILED = "No photo from {camera}: {reason}."
CLIP_FAILED = "No video from {camera}: {reason}."
CLIP_PART_FAILED = "A part of the video from {camera} was lost: {reason}."
CAMERA_LOST = "{camera} has stopped giving pictures ({reason}). I keep trying."
CAMERA_BACK = "{camera} is back. I was blind for {blind}."
MOTION = "Something is moving: {parts}."
HEAT_MAP = "{camera}, {at}: {parts}."
QUIET = "All quiet after {duration}: {camera}."
CLIP_LOST_TOO = "The video of this event was lost: {reason}."
CLIP_PART_LOST_TOO = "A part of the video of this event was lost: {reason}."
MEDIA_REFUSED = "A {kind} could not be sent: {reason}."
PHOTO = "{camera}, {at}"
CLIP = "{camera}, {at}, {duration}"
CLIP_PART = "{camera}, {at}, {duration}, part {part}"
RECOVERED = " (cut short, recovered after a power cut or a crash)"
CUT_SHORT = " (cut short: the disk did not take the rest)"
STATUS_CAMERA = "{camera}: {armed}"
STATUS_ARMED = "armed"
STATUS_DISARMED = "disarmed"
STATUS_LOST = ", no pictures ({reason})"
STATUS_LAST_MOTION = "Last motion: {at}"
STATUS_NEVER = "none"
STATUS_QUIET = "Quiet score {quiet:.2f}, trigger {trigger:.1f}, margin {margin:.1f}x"
STATUS_LEARNING = "Quiet score: still learning"
STATUS_GUARD = "Not counted just now: {reason}"
STATUS_LEARNED = "Not counted, moves for hours: {places}"
STATUS_LEARNED_UNKNOWN = "Not counted, moves for hours: not known without pictures"
STATUS_NO_DETECTOR = "The detector does not answer."
STATUS_END = "Waiting to be sent: {waiting}\nChats: {chats}\nRatcam {version}, up {up}"
AND_MORE = "and more"
GUARDS = {
    "light": "the light changed",
    "camera": "the camera moved",
    "crowd": "too much changes everywhere (rain, flicker, noise)",
    "precluded": "something moves in a zone that precludes the rest",
}
"""Why motion is not counted; the keys are the detector's guards."""
NOTHING_LEARNED = "{camera}: nothing moves for hours, so nothing is faded out."
LEARNED_UNKNOWN = (
    "{camera}: it gives no pictures just now, so I cannot say what moves for hours. Try again when it does."
)
LEARNED = "{camera}: moves for hours, so it is not counted: {places}."
LEARNED_HINT = "/learned reset makes me watch there again."
LEARNED_FORGOTTEN = "{camera}: forgotten. I watch everywhere again, until I have learned anew."
LEARNED_NO_ANSWER = "{camera}: the detector does not answer. Try again in a minute."
LEARNED_NOT_CONFIRMED = "{camera}: no word yet whether that is forgotten. See /learned in a minute."
LEARNED_USAGE = "/learned lists what moves for hours and is not counted; /learned reset forgets it."

HELP = """I am a camera.
/photo - a picture, now
/video 10 - a video of the next 10 seconds and a few before
/arm - tell me when something moves
/disarm - ignore motion
/status - how I am
/learned - what moves for hours and is not counted; /learned reset forgets it
/logout - forget this chat
When something moves while I am armed, you get a text at once, then a picture of where it moved, then the video."""

COMMANDS: tuple[tuple[str, str], ...] = (
    ("photo", "a picture, now"),
    ("video", "a video of the next seconds; how many may follow"),
    ("arm", "tell me when something moves"),
    ("disarm", "ignore motion"),
    ("status", "how the camera is"),
    ("learned", "what moves for hours and is not counted"),
    ("help", "what I can do"),
    ("logout", "forget this chat"),
)
"""What the chat app offers to an enrolled chat: name and description."""


def reason(text: str) -> str:
    """A reason from elsewhere as the end of a sentence of ours: no full stop of its own, a small letter first."""
    text = text.strip().rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def clock_time(unix_s: float) -> str:
    """Local time of day, as 23:59:59."""
    return time.strftime("%H:%M:%S", time.localtime(unix_s))


def duration(seconds: float) -> str:
    """A span of time as 0:42 or 1:02:03; longer than a day as 2 d 03:04:05."""
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02}:{minutes:02}:{rest:02}"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def tries(count: int) -> str:
    """1 try, 2 tries."""
    return "1 try" if count == 1 else f"{count} tries"


def motion(camera: str, at: str, seen: Sighting) -> str:
    """The first word of an event: Something is moving: kitchen, 23:59:59, in the lower left, zone door."""
    return MOTION.format(parts=", ".join([camera, at, *_where(seen)]))


def heat_map(camera: str, at: str, seen: Sighting) -> str:
    """Under the picture of an event: where, how much and how strong."""
    where = [" ".join(["moving", *_where(seen)[:1]]), *_where(seen)[1:]]
    parts = [*where, f"{_share(seen.area_percent)} of the picture", f"strength {seen.score:.1f}"]
    return HEAT_MAP.format(camera=camera, at=at, parts=", ".join(parts))


def _where(seen: Sighting) -> list[str]:
    """A place and a zone, as far as they are known."""
    place = seen.place if seen.place in ("", EVERYWHERE) else f"in the {seen.place}"
    return [part for part in (place, seen.zone and f"zone {seen.zone}") if part]


def _share(percent: float) -> str:
    """How much of a picture, as 12 %; what is little is not called nothing."""
    return f"{percent:.0f} %" if percent >= 1 else "less than 1 %"


def blocks(count: int) -> str:
    """1 block, 2 blocks."""
    return "1 block" if count == 1 else f"{count} blocks"
