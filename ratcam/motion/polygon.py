"""Polygons on the picture: read from text, checked, and laid on a grid of blocks.

Corners are in per cent of the picture: x from the left, y from the top.
"""

import math
import re

import numpy as np
import numpy.typing as npt

Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y) in per cent, in the order of a walk round it; the last one is joined to the first."""

EXAMPLE: Polygon = ((10.0, 40.0), (35.0, 40.0), (35.0, 95.0), (10.0, 95.0))
MOST_CORNERS = 64
_FINENESS = 1000
"""Corners are told apart, and sides tested for crossing, in thousandths of a per cent: whole numbers, so exactly."""
_STEPS_PER_BLOCK = 8
_AXIS = r"([+-]?[0-9]{1,9}(?:\.[0-9]{0,9})?)"
_CORNER = re.compile(rf"{_AXIS}\s*,\s*{_AXIS}(?:\s*,\s+|\s+|$)")
"""Also "10, 40, 35, 40": a comma may stand behind a corner if a blank follows."""
_MOST_QUOTED = 24
"""A longer word is not quoted in a message: it might be a secret that was pasted into the wrong line."""
_HOW = "write each corner as x,y in per cent, with blanks between the corners, such as {}"

_Point = tuple[int, int]


class PolygonError(ValueError):
    """A polygon that encloses nothing clear; the message says what is wrong and what to do."""


def read_polygon(text: str) -> Polygon:
    """The polygon that a text such as "10,40 35,40 35,95 10,95" means.

    A last corner that repeats the first is left out.

    Raises:
        PolygonError: it is none; the message says what to write.
    """
    how = _HOW.format(polygon_text(EXAMPLE))
    text = text.strip()
    corners: list[tuple[float, float]] = []
    place = 0
    while place < len(text):
        found = _CORNER.match(text, place)
        if found is None:
            word = text[place:].split(maxsplit=1)[0]
            quoted = f" ({word})" if len(word) <= _MOST_QUOTED else ""
            raise PolygonError(f"corner {len(corners) + 1}{quoted} is none; {how}")
        corners.append((float(found[1]), float(found[2])))
        place = found.end()
    if len(corners) > 3 and corners[0] == corners[-1]:
        corners.pop()
    polygon = tuple(corners)
    check_polygon(polygon)
    return polygon


def polygon_text(polygon: Polygon) -> str:
    """A polygon as it is written in the ini, to a thousandth of a per cent; `read_polygon` reads it back."""
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in polygon)


def check_polygon(polygon: Polygon) -> None:
    """Refuse what is no polygon with an inside: each side may touch its two neighbours only, at the corner they share.

    Raises:
        PolygonError: what is wrong with which corner, and what to do.
    """
    count = len(polygon)
    if count < 3:
        how = _HOW.format(polygon_text(EXAMPLE))
        raise PolygonError(f"a zone needs at least 3 corners, this has {count}; {how}")
    if count > MOST_CORNERS:
        raise PolygonError(f"a zone may have {MOST_CORNERS} corners, this has {count}; leave some out")
    for number, (x, y) in enumerate(polygon, start=1):
        if not (0 <= x <= 100 and 0 <= y <= 100):  # also refuses what is not a number
            raise PolygonError(
                f"corner {number} ({_number(x)},{_number(y)}) lies outside the picture; write numbers from 0 to 100"
            )
    _check_sides([(round(x * _FINENESS), round(y * _FINENESS)) for x, y in polygon])


def _check_sides(points: list[_Point]) -> None:
    count = len(points)
    if not any(_turn(points[0], points[1], point) for point in points) and points[0] != points[1]:
        raise PolygonError("its corners lie on one line; give it a breadth")
    for here in range(count):
        after = (here + 1) % count
        if points[here] == points[after]:
            raise PolygonError(f"corners {here + 1} and {after + 1} are the same; delete one of them")
    for here in range(count):
        before, after = points[here - 1], points[(here + 1) % count]
        if not _turn(before, points[here], after) and _is_ahead(points[here], before, after):
            raise PolygonError(f"it turns back on itself at corner {here + 1}; delete that corner or move it")
    for first in range(count):
        for second in range(first + 2, count - (first == 0)):
            if _meet(points[first], points[first + 1], points[second], points[(second + 1) % count]):
                raise PolygonError(
                    f"the side from corner {first + 1} to {first + 2} meets the one from {second + 1} to "
                    f"{(second + 1) % count + 1}; give the corners in the order of a walk round the zone, "
                    "or make two zones of it"
                )


def _turn(a: _Point, b: _Point, c: _Point) -> int:
    """Above 0 if the way from a over b to c turns to one hand, below 0 to the other, 0 if it goes straight or back."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _is_ahead(centre: _Point, a: _Point, b: _Point) -> bool:
    return (a[0] - centre[0]) * (b[0] - centre[0]) + (a[1] - centre[1]) * (b[1] - centre[1]) > 0


def _meet(a: _Point, b: _Point, c: _Point, d: _Point) -> bool:
    """Whether the segments a-b and c-d have a point in common."""
    around_ab = (_sign(_turn(a, b, c)), _sign(_turn(a, b, d)))
    around_cd = (_sign(_turn(c, d, a)), _sign(_turn(c, d, b)))
    if around_ab[0] * around_ab[1] < 0 and around_cd[0] * around_cd[1] < 0:
        return True
    ends = (
        (around_ab[0], a, b, c),
        (around_ab[1], a, b, d),
        (around_cd[0], c, d, a),
        (around_cd[1], c, d, b),
    )
    return any(side == 0 and _is_between(p, q, point) for side, p, q, point in ends)


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)


def _is_between(p: _Point, q: _Point, point: _Point) -> bool:
    return all(min(p[axis], q[axis]) <= point[axis] <= max(p[axis], q[axis]) for axis in range(2))


def _number(value: float) -> str:
    return f"{round(value, 3):.10g}" if math.isfinite(value) else str(value)


def rasterised(
    polygon: Polygon, x_edges: npt.NDArray[np.float64], y_edges: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """The polygon's blocks on a grid, shape (rows, columns).

    A block belongs to the polygon if its middle lies in it. If no block's middle does, because the polygon is too small
    or too thin, it gets the blocks that its outline touches; so it always gets one.

    Args:
        polygon: any corners between 0 and 100, also of sides that cross.
        x_edges: where the columns begin and end in per cent, rising strictly: columns + 1 values.
        y_edges: likewise for the rows.
    """
    x_middles, y_middles = (x_edges[:-1] + x_edges[1:]) / 2, (y_edges[:-1] + y_edges[1:]) / 2
    mask = np.zeros((y_middles.size, x_middles.size), np.bool_)
    for (x0, y0), (x1, y1) in _sides(polygon):
        if y0 == y1:
            continue
        # Half-open, so that a corner belongs to one side and a middle on the border of two zones to one zone.
        crosses = (y0 > y_middles) != (y1 > y_middles)
        where = x0 + (y_middles - y0) * ((x1 - x0) / (y1 - y0))
        mask ^= crosses[:, None] & (x_middles < where[:, None])
    if not mask.any():
        _trace(mask, polygon, x_edges, y_edges)
    return mask


def _trace(
    mask: npt.NDArray[np.bool_],
    polygon: Polygon,
    x_edges: npt.NDArray[np.float64],
    y_edges: npt.NDArray[np.float64],
) -> None:
    """Mark the blocks that the polygon's outline touches."""
    rows, columns = mask.shape
    for (x0, y0), (x1, y1) in _sides(polygon):
        blocks = max(abs(x1 - x0) * columns, abs(y1 - y0) * rows) / 100
        steps = np.linspace(0.0, 1.0, 2 + math.ceil(blocks * _STEPS_PER_BLOCK))
        column = np.searchsorted(x_edges, x0 + steps * (x1 - x0), side="right") - 1
        row = np.searchsorted(y_edges, y0 + steps * (y1 - y0), side="right") - 1
        mask[np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1)] = True


def _sides(polygon: Polygon) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    return list(zip(polygon, (*polygon[1:], polygon[0]), strict=True))
