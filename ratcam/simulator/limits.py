"""What Telegram accepts: lengths, sizes, and how often."""

import math
from collections import defaultdict
from dataclasses import dataclass

from ratcam.ports import Clock
from ratcam.simulator.refusal import bad_request, too_many_requests

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
MAX_UPLOAD_BYTES = 50 << 20
MAX_PHOTO_BYTES = 10 << 20
MAX_DOWNLOAD_BYTES = 20 << 20
MAX_PHOTO_SIDES = 10_000
"""Width and height of a photo together, in pixels."""
MAX_PHOTO_RATIO = 20
MAX_THUMBNAIL_SIDE = 320
MAX_THUMBNAIL_BYTES = 200_000
"""A thumbnail must have fewer."""
MAX_CALLBACK_DATA_BYTES = 64
MAX_CALLBACK_ANSWER_UNITS = 200
MAX_BUTTONS = 100
MAX_COMMANDS = 100
MAX_COMMAND_DESCRIPTION_UNITS = 256
ALBUM_ITEMS = range(2, 11)
CALLBACK_LIFE_S = 30.0
CHAT_ACTION_S = 5.0
MAX_POLL_S = 50


def utf16_units(text: str) -> int:
    """The length of a text as Telegram counts it: in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def check_text(text: str) -> None:
    """Refuse a text that is empty or too long.

    Raises:
        Refusal: it is.
    """
    if not text.strip():
        raise bad_request("message text is empty")
    if utf16_units(text) > MAX_TEXT_UNITS:
        raise bad_request("message is too long")


def check_caption(caption: str) -> None:
    """Refuse a caption that is too long.

    Raises:
        Refusal: it is.
    """
    if utf16_units(caption) > MAX_CAPTION_UNITS:
        raise bad_request("message caption is too long")


def check_photo_size(size_bytes: int) -> None:
    """Refuse a photo of too many bytes.

    Raises:
        Refusal: it is.
    """
    if size_bytes > MAX_PHOTO_BYTES:
        raise bad_request(
            f"file of size {size_bytes} bytes is too big for a photo; the maximum size is {MAX_PHOTO_BYTES} bytes"
        )


def check_photo_dimensions(width: int, height: int) -> None:
    """Refuse a photo that is too large or too narrow, in pixels.

    Raises:
        Refusal: it is.
    """
    if width + height > MAX_PHOTO_SIDES or max(width, height) > MAX_PHOTO_RATIO * min(width, height):
        raise bad_request("PHOTO_INVALID_DIMENSIONS")


def thumbnail_fault(kind: str | None, width: int, height: int, size_bytes: int) -> str:
    """Why Telegram leaves a thumbnail out, which it does without a word; empty if it takes it.

    `kind` is the picture's format, None if it is no picture.
    """
    if kind != "JPEG":
        return "it is no JPEG"
    if max(width, height) > MAX_THUMBNAIL_SIDE:
        return f"{width}x{height} is more than {MAX_THUMBNAIL_SIDE} pixels a side"
    if size_bytes >= MAX_THUMBNAIL_BYTES:
        return f"it has {size_bytes} bytes, not less than {MAX_THUMBNAIL_BYTES}"
    return ""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at_s: float

    def wait_s(self, cost: int, *, rate: float, size: float, now_s: float) -> float:
        """Refill, and tell how long until `cost` tokens are there (an empty bucket pays any cost up to its size)."""
        self.tokens = min(size, self.tokens + (now_s - self.filled_at_s) * rate)
        self.filled_at_s = now_s
        return max(0.0, (min(cost, size) - self.tokens) / rate)


class RateModel:
    """Token buckets: 30 a second over all, 1 a second per chat with bursts of 3, 20 a minute per group.

    Sends, edits and every item of an album count. Telegram's real numbers are not published; these are what bots meet.
    """

    def __init__(self, *, clock: Clock, is_on: bool) -> None:
        self._clock = clock
        self._is_on = is_on
        self._buckets: dict[tuple[str, int], _Bucket] = {}
        self.refusals: dict[int, int] = defaultdict(int)

    def charge(self, chat_id: int, cost: int) -> None:
        """Pay for `cost` messages to a chat, or refuse and pay nothing.

        Raises:
            Refusal: 429 with the seconds to wait, rounded up.
        """
        if not self._is_on:
            return
        now_s = self._clock.monotonic_s()
        rules = [("all", 0, 30.0, 30.0), ("chat", chat_id, 1.0, 3.0)]
        if chat_id < 0:
            rules.append(("group", chat_id, 20 / 60, 20.0))
        buckets = [
            (self._buckets.setdefault((name, key), _Bucket(size, now_s)), rate, size) for name, key, rate, size in rules
        ]
        wait_s = max(bucket.wait_s(cost, rate=rate, size=size, now_s=now_s) for bucket, rate, size in buckets)
        if wait_s > 0:
            self.refusals[chat_id] += 1
            raise too_many_requests(math.ceil(wait_s))
        for bucket, _, _ in buckets:
            bucket.tokens -= cost
