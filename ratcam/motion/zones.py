"""Zones: parts of the picture that are watched, ignored, or whose motion precludes any event.

A polygon's corners are in per cent of the picture as a person sees it: x from the left, y from the top. Zones mask hits
and nothing else: what looks at the whole picture (the light guard, the rates) goes on doing so.
"""

import dataclasses
import re
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ratcam.motion.field import block_px
from ratcam.motion.polygon import Polygon, PolygonError, check_polygon, rasterised

MODES = ("watch", "ignore", "preclude")
NOTHING_WATCHED = "Nothing is watched: zones that ignore or preclude cover all, so no motion can begin an event."
MOST_ZONES = 64
"""More cannot be told apart on a picture, and each costs time in every one."""
_FINE = 100
"""Blocks along each side: per cent by per cent."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")


class ZoneError(ValueError):
    """A zone that makes no sense; the message says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSettings:
    """[zone:NAME]"""

    name: str = field(metadata={"is_key": False, "doc": "What stands behind the colon of [zone:NAME]."})
    polygon: Polygon = field(
        metadata={
            "doc": "The zone's corners in the order of a walk round it, each x,y in per cent of the picture as it is "
            "shown, from its top left corner. `ratcam tune --zones` draws the grid on a still to read them from. "
            "A block belongs to the zone if its middle does."
        },
    )
    mode: str = field(
        default="watch",
        metadata={
            "choices": MODES,
            "doc": "watch: motion counts here, and where no zone watches it does not; without any such zone the whole "
            "picture is watched. ignore: motion never counts here, also where a watched zone overlaps. preclude: as "
            "long as something moves here nothing counts anywhere, as with a lamp or a screen that lights the room.",
        },
    )
    sensitivity: int | None = field(
        default=None,
        metadata={
            "minimum": 1,
            "maximum": 9,
            "doc": "This zone's own sensitivity; without it that of [motion].",
        },
    )
    min_seconds: float = field(
        default=0.0,
        metadata={
            "minimum": 0,
            "maximum": 60,
            "doc": "Motion in this zone counts when it has lasted so long: more keeps out what only flits past, and "
            "delays every alert by as much.",
        },
    )

    def __post_init__(self) -> None:
        """Refuse what is no zone.

        Raises:
            ZoneError: the name, the polygon or the mode is none.
        """
        check_name(self.name)
        try:
            check_polygon(self.polygon)
        except PolygonError as exc:
            raise ZoneError(f"its polygon is none: {exc}") from exc
        if self.mode not in MODES:
            raise ZoneError(f"a zone's mode is {', '.join(MODES[:-1])} or {MODES[-1]}, not {self.mode!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneMask:
    """One zone's blocks on a grid, without those that an ignored zone takes away; it may be left with none."""

    name: str
    """Empty for the whole picture, which is watched where no zone is."""
    sensitivity: int | None
    min_seconds: float
    mask: npt.NDArray[np.bool_] = field(repr=False)
    """Shape (rows, columns), read-only."""


class ZoneMasks:
    """The zones on one grid of blocks. All arrays have the shape (rows, columns) and are read-only.

    A block belongs to a zone if the middle of what the picture shows of it lies in the polygon. A polygon in which no
    block has its middle, because it is too small or too thin, gets the blocks that it touches.
    """

    ignored: npt.NDArray[np.bool_]
    precluding: npt.NDArray[np.bool_]
    """Blocks of any precluding zone that are not ignored."""
    watched: npt.NDArray[np.bool_]
    """Blocks whose motion counts in some zone: neither ignored nor precluding."""
    watch: tuple[ZoneMask, ...]
    """The watched zones in their order, at least one: without any it is the whole picture, with an empty name."""
    preclude: tuple[ZoneMask, ...]
    is_whole: bool
    """Whether every block is watched by one and the same zone: nothing needs to be masked."""

    def __init__(
        self,
        zones: tuple[ZoneSettings, ...],
        columns: int,
        rows: int,
        *,
        width: int = 0,
        height: int = 0,
        rotation: int = 0,
    ) -> None:
        """Rasterise the zones.

        Args:
            zones: as the person drew them, on the picture as shown.
            columns: blocks in a row of the coded picture, without padding.
            rows: rows of blocks of the coded picture.
            width: of the coded picture in pixels. The last block of a row may be cut off by its edge; without a size
                the blocks are taken to fill the picture.
            height: likewise.
            rotation: by how much a player turns the coded picture, in degrees clockwise: 0, 90, 180 or 270. For zones
                that `as_coded` has turned already it is 0.

        Raises:
            ZoneError: the grid has no blocks, or the rotation is none of those.
        """
        if columns < 1 or rows < 1:
            raise ZoneError(f"a grid of {columns}x{rows} blocks is empty")
        self._zones = zones
        self._grid = (columns, rows, width, height)
        self._rotation = rotation
        block = block_px(width, columns)
        x_edges, y_edges = _edges(columns, width, block), _edges(rows, height, block)
        drawn = [(zone, rasterised(zone.polygon, x_edges, y_edges)) for zone in as_coded(zones, rotation)]
        self.ignored = _union([mask for zone, mask in drawn if zone.mode == "ignore"], rows, columns)
        seen = ~self.ignored
        self.preclude = tuple(_cut(zone, mask & seen) for zone, mask in drawn if zone.mode == "preclude")
        self.precluding = _union([zone.mask for zone in self.preclude], rows, columns)
        free = _read_only(seen & ~self.precluding)
        watch = tuple(_cut(zone, mask & free) for zone, mask in drawn if zone.mode == "watch")
        self.watch = watch or (ZoneMask(name="", sensitivity=None, min_seconds=0.0, mask=free),)
        self.watched = _union([zone.mask for zone in self.watch], rows, columns)
        self.is_whole = len(self.watch) == 1 and bool(self.watched.all())

    def on(self, columns: int, rows: int, *, width: int = 0, height: int = 0) -> "ZoneMasks":
        """The same zones on another grid; this very object if it is the grid that it was made for.

        Raises:
            ZoneError: the grid has no blocks.
        """
        if (columns, rows, width, height) == self._grid:
            return self
        return ZoneMasks(self._zones, columns, rows, width=width, height=height, rotation=self._rotation)


def watches_nothing(zones: tuple[ZoneSettings, ...]) -> bool:
    """Whether the zones leave no part of the picture where motion counts."""
    return bool(zones) and not ZoneMasks(zones, _FINE, _FINE).watched.any()


def as_coded(zones: tuple[ZoneSettings, ...], rotation: int) -> tuple[ZoneSettings, ...]:
    """The zones of a picture as shown, as they lie on the coded picture that is turned by `rotation` to show it.

    Raises:
        ZoneError: `rotation` is none of 0, 90, 180 and 270 degrees clockwise.
    """
    if rotation not in (0, 90, 180, 270):
        raise ZoneError(f"a picture is turned by 0, 90, 180 or 270 degrees, not by {rotation}")
    if rotation == 0:
        return zones
    return tuple(
        dataclasses.replace(zone, polygon=tuple(_turned_back(corner, rotation) for corner in zone.polygon))
        for zone in zones
    )


def check_name(name: str) -> None:
    """Refuse what cannot be a zone's name.

    Raises:
        ZoneError: what to use instead.
    """
    if not _NAME.fullmatch(name):
        raise ZoneError("a zone's name has 1 to 32 letters (a-z), digits, - and _, such as door")


def _turned_back(corner: tuple[float, float], rotation: int) -> tuple[float, float]:
    """Where a point of the shown picture lies on the coded one, which is turned clockwise to show it."""
    x, y = corner
    match rotation:
        case 90:
            return y, 100 - x
        case 180:
            return 100 - x, 100 - y
        case _:
            return 100 - y, x


def _edges(blocks: int, length: int, block: int) -> npt.NDArray[np.float64]:
    """Where the blocks of one axis begin and end, in per cent of the picture: `blocks` + 1 values, 0 to 100."""
    if length < 1 or -(-length // block) != blocks:
        return np.linspace(0.0, 100.0, blocks + 1)
    return np.minimum(np.arange(blocks + 1) * (100.0 * block / length), 100.0)


def _cut(zone: ZoneSettings, mask: npt.NDArray[np.bool_]) -> ZoneMask:
    return ZoneMask(name=zone.name, sensitivity=zone.sensitivity, min_seconds=zone.min_seconds, mask=_read_only(mask))


def _union(masks: list[npt.NDArray[np.bool_]], rows: int, columns: int) -> npt.NDArray[np.bool_]:
    union = np.zeros((rows, columns), np.bool_)
    for mask in masks:
        union |= mask
    return _read_only(union)


def _read_only(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    mask.flags.writeable = False
    return mask
