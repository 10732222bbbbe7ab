"""What one key's type cannot say: forms of texts, and keys that must fit each other. Pure."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from ratcam.config_schema import Config
from ratcam.motion.zones import MOST_ZONES

_CAMERA_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_PLAIN_URL = re.compile(r"[A-Za-z0-9.:/\[\]_~-]+")
"""No user name, query or escape: whatever two parsers could read as two different hosts."""


def _camera_name(value: str) -> str:
    return "" if _CAMERA_NAME.fullmatch(value) else "use 1 to 32 letters (a-z), digits, - and _, such as kitchen"


def _source(value: str) -> str:
    if value == "demo" or (value.startswith("file:") and value.removeprefix("file:").strip()):
        return ""
    return "write demo, or file: and the path of a video, such as file:video.mp4"


def _base_url(value: str) -> str:
    if not _PLAIN_URL.fullmatch(value):
        return "write only scheme, host, port and path, such as https://api.telegram.org"
    whole = "write the whole address, such as https://api.telegram.org"
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        return whole
    if not host or port == 0 or parts.scheme not in ("https", "http"):
        return whole
    if parts.scheme == "http" and not _is_loopback(host):
        return "the token would cross the network in the clear; write https:// (http:// is for 127.0.0.1 and localhost)"
    if parts.path.rstrip("/").endswith("/bot"):
        return "leave out the /bot at its end; Ratcam adds it"
    return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and (address.version == 4 or address == ipaddress.IPv6Address("::1"))


TEXT_RULES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"camera.name": _camera_name, "camera.source": _source, "telegram.base_url": _base_url}
)
"""For each text key with a form of its own: what to do about a value, empty if it is good."""


def check_together(config: Config) -> tuple[tuple[tuple[str, str], str], ...]:
    """What is wrong between keys, each good by itself: the two keys' full names, and what is wrong and to do."""
    motion, recording = config.motion, config.recording
    pairs = (
        ("motion.release_level", motion.release_level, "motion.trigger_level", motion.trigger_level),
        ("motion.release_area", motion.release_area, "motion.trigger_area", motion.trigger_area),
        ("recording.video_s", recording.video_s, "recording.max_video_s", recording.max_video_s),
    )
    too_large = tuple(
        ((small, large), _too_large(small, low, large, high)) for small, low, large, high in pairs if low > high
    )
    return (*too_large, *_zones_without_use(config), *_too_many_zones(config))


def _zones_without_use(config: Config) -> tuple[tuple[tuple[str, str], str], ...]:
    if config.motion.detector != "simple" or not config.zones:
        return ()
    name = config.zones[0].name
    text = (
        f"[motion] detector = {config.motion.detector} watches the whole picture and knows no zones such as "
        f"[zone:{name}]; write detector = track, or delete the zones"
    )
    return ((("motion.detector", f"zone:{name}.polygon"), text),)


def _too_many_zones(config: Config) -> tuple[tuple[tuple[str, str], str], ...]:
    number = len(config.zones)
    if number <= MOST_ZONES:
        return ()
    place = f"zone:{config.zones[MOST_ZONES].name}.polygon"
    text = f"there are {number} zones, and at most {MOST_ZONES} are allowed; join some, a polygon may have many corners"
    return (((place, place), text),)


def _too_large(small: str, low: float, large: str, high: float) -> str:
    section, _, name = small.partition(".")
    other = large.partition(".")[2]
    return f"[{section}] {name} ({low:g}) must not be larger than {other} ({high:g}); lower {name} or raise {other}"
