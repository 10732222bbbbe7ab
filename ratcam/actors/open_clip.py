"""A clip that is being recorded: its parts, from the units it is fed to what the muxer is told."""

import logging
from dataclasses import replace
from typing import assert_never

from ratcam.actors.segment_feed import SegmentFeed
from ratcam.media.cutter import Appended, ClipCutter, Closed, Event, Opened
from ratcam.media.timebase import seconds
from ratcam.media.timeline import MAX_GAP
from ratcam.messages import AccessUnit, ClipCause, Segment, SegmentAppended, SegmentClosed
from ratcam.ports import Clock

_log = logging.getLogger(__name__)

NO_KEY_FRAMES = (
    "%s: clip %s lacks %d pictures: a part was as large as it may be and no key frame came to begin the next one. Set "
    "the camera's key frame interval (GOP, I-frame interval) to one or two seconds"
)


class OpenClip:
    """Feeds the muxer one clip, cut into segments. For one thread."""

    def __init__(
        self,
        *,
        segment: Segment,
        cutter: ClipCutter[AccessUnit],
        feed: SegmentFeed,
        clock: Clock,
        asked_90k: int,
        length_90k: int | None = None,
    ) -> None:
        """Begin a clip.

        Args:
            segment: names the clip; its part is 0.
            cutter: cuts it; nothing was fed to it.
            feed: leads to the muxer.
            clock: tells the time of a part's first picture, and for how long the clip waits for its first one.
            asked_90k: when what it is recorded for began.
            length_90k: how long it lasts from `go_live`, or from its first key unit if that comes later; None: see
                `end_at`.
        """
        self.cause: ClipCause = segment.cause
        self.asked_s = clock.monotonic_s()
        self._segment = segment
        self._cutter = cutter
        self._feed = feed
        self._clock = clock
        self._asked_90k = asked_90k
        self._length_90k = length_90k
        self._is_live = False
        self._cover = b""
        self._is_cover_sought = True

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self._cutter.is_done

    @property
    def has_begun(self) -> bool:
        """Whether its first key unit has come."""
        return self._segment.part > 0

    @property
    def is_request(self) -> bool:
        """Whether it has a length of its own."""
        return self._length_90k is not None

    @property
    def needs_key(self) -> bool:
        """Whether nothing of it is recorded before the next key unit."""
        return self._cutter.needs_key

    @property
    def is_due(self) -> bool:
        """Whether its part is to end at a key unit soon."""
        return self._cutter.is_due

    def end_at(self, pts_90k: int) -> None:
        """End it before the first unit to come that is shown at this time or later."""
        self._cutter.end_at(pts_90k)

    def go_live(self, newest_90k: int) -> None:
        """It was fed what was there before; what comes is new. A fixed length begins here if the clip has."""
        self._is_live = True
        if self.has_begun and self._length_90k is not None:
            self._cutter.end_at(newest_90k + self._length_90k)

    def take(self, unit: AccessUnit, *, newest_90k: int) -> bool:
        """Record the next unit, which the newest one is so far ahead of. False when the disk is too slow for it."""
        return self._emit(self._cutter.feed(unit), newest_90k)

    def finish(self) -> bool:
        """End it now. False when the disk is too slow for the rest. Idempotent."""
        return self._emit(self._cutter.finish(), self._asked_90k)

    def _emit(self, events: tuple[Event[AccessUnit], ...], newest_90k: int) -> bool:
        is_taken = True
        for event in events:
            match event:
                case Opened():
                    self._opened(event, newest_90k)
                case Appended():
                    self._find_cover(event.units[0])
                    is_taken &= self._feed.append(SegmentAppended(segment=self._segment, units=event.units))
                case Closed():
                    self._closed(event)
                case _:
                    assert_never(event)
        return is_taken

    def _opened(self, event: Opened, newest_90k: int) -> None:
        behind_90k = newest_90k - event.start_pts_90k
        # More is a clock that was set in between.
        behind_s = seconds(behind_90k) if 0 <= behind_90k <= MAX_GAP else 0.0
        self._segment = replace(self._segment, part=event.part, started_unix_s=self._clock.unix_s() - behind_s)
        self._cover, self._is_cover_sought = b"", True
        if event.part == 1 and self._is_live and self._length_90k is not None:
            self._cutter.end_at(event.start_pts_90k + self._length_90k)

    def _find_cover(self, first: AccessUnit) -> None:
        if self._is_cover_sought and first.is_key:
            self._is_cover_sought = first.pts_90k < self._asked_90k
            if not (self._is_cover_sought and self._cover):
                self._cover = first.data

    def _closed(self, event: Closed) -> None:
        if event.is_last and self._cutter.left_out:
            _log.warning(NO_KEY_FRAMES, self._segment.camera, self._segment.clip_id, self._cutter.left_out)
        self._feed.close(
            SegmentClosed(
                segment=self._segment, is_last=event.is_last, end_pts_90k=event.end_pts_90k, cover=self._cover
            )
        )
