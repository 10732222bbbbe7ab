"""Polygons: what is read, what is refused and in which words, and which blocks they cover."""

import contextlib
import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ratcam.motion.polygon import EXAMPLE, Polygon, PolygonError, check_polygon, polygon_text, rasterised, read_polygon

PER_CENT = st.integers(0, 100_000).map(lambda milli: milli / 1000)
CORNERS = st.lists(st.tuples(PER_CENT, PER_CENT), min_size=1, max_size=8).map(tuple)
COARSE = st.lists(st.tuples(st.integers(0, 4).map(float), st.integers(0, 4).map(float)), min_size=1, max_size=6)
GRIDS = st.tuples(st.integers(1, 130), st.integers(1, 70))
HOW = "write each corner as x,y in per cent, with blanks between the corners, such as 10,40 35,40 35,95 10,95"


@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    """Simple polygons of any form that a point inside can see all of, from tiny to the whole picture."""
    centre = (draw(st.floats(20, 80)), draw(st.floats(20, 80)))
    size = draw(st.sampled_from((0.05, 0.5, 5.0, 20.0)))
    angles = sorted(draw(st.sets(st.integers(0, 359), min_size=3, max_size=9)))
    assume(all((after - before) % 360 < 180 for before, after in zip(angles, angles[1:] + angles[:1], strict=True)))
    corners: list[tuple[float, float]] = []
    for angle in angles:
        radius = size * draw(st.floats(0.3, 1.0))
        turn = math.radians(angle)
        corners.append((round(centre[0] + radius * math.cos(turn), 3), round(centre[1] + radius * math.sin(turn), 3)))
    try:
        check_polygon(tuple(corners))
    except PolygonError:  # rounding has put two corners of a tiny one together
        assume(False)
    return tuple(corners)


def even_edges(columns: int, rows: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    return np.linspace(0.0, 100.0, columns + 1), np.linspace(0.0, 100.0, rows + 1)


def cover(polygon: Polygon, columns: int, rows: int) -> npt.NDArray[np.bool_]:
    return rasterised(polygon, *even_edges(columns, rows))


def sides(polygon: Polygon) -> list[tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]]]:
    points = [(Fraction(str(x)), Fraction(str(y))) for x, y in polygon]
    return list(zip(points, points[1:] + points[:1], strict=True))


def winding(polygon: Polygon, x: Fraction, y: Fraction) -> int | None:
    """How often the polygon winds round a point; None on its outline. Exact."""
    turns = 0
    for (x0, y0), (x1, y1) in sides(polygon):
        side = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
        if side == 0 and min(x0, x1) <= x <= max(x0, x1) and min(y0, y1) <= y <= max(y0, y1):
            return None
        turns += (y0 <= y < y1 and side > 0) - (y1 <= y < y0 and side < 0)
    return turns


def share_more_than_a_corner(polygon: Polygon) -> bool:
    """Whether two sides have a point in common that they need not have, by solving for it. Exact."""
    every = sides(polygon)
    for first in range(len(every)):
        for second in range(first):
            (a, b), (c, d) = every[first], every[second]
            is_next = (first - second) in (1, len(every) - 1)
            common = meeting(a, b, c, d)
            if common == "many" or (common is not None and not is_next):
                return True
    return False


def meeting(
    a: tuple[Fraction, Fraction],
    b: tuple[Fraction, Fraction],
    c: tuple[Fraction, Fraction],
    d: tuple[Fraction, Fraction],
) -> str | None:
    """None, "one" or "many" points that two segments of some length share."""
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    wx, wy = c[0] - a[0], c[1] - a[1]
    area = ux * vy - uy * vx
    if area:
        s, t = (wx * vy - wy * vx) / area, (wx * uy - wy * ux) / area
        return "one" if 0 <= s <= 1 and 0 <= t <= 1 else None
    if wx * uy - wy * ux:
        return None
    length = ux * ux + uy * uy
    ends = sorted(((p[0] - a[0]) * ux + (p[1] - a[1]) * uy) / length for p in (c, d))
    low, high = max(ends[0], Fraction(0)), min(ends[1], Fraction(1))
    return None if low > high else "one" if low == high else "many"


@pytest.mark.parametrize(
    "text",
    [
        "10,40 35,40 35,95 10,95",
        "  10,40\t35,40   35,95 10,95 ",
        "10, 40 35 ,40 35 , 95 10,95",
        "10,40, 35,40, 35,95, 10,95",
        "10, 40, 35, 40, 35, 95, 10, 95",
        "10,40 35,40 35,95 10,95 10,40",
        "+10.0,40. 35,40.000 035,95 10,95",
    ],
)
def test_a_polygon_is_read_in_every_form_that_is_clear(text: str) -> None:
    assert read_polygon(text) == EXAMPLE


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", f"a zone needs at least 3 corners, this has 0; {HOW}"),
        ("1,1 50,50", f"a zone needs at least 3 corners, this has 2; {HOW}"),
        ("1,1 50,50 1,1", "its corners lie on one line; give it a breadth"),
        ("1,1 50 9,9", f"corner 2 (50) is none; {HOW}"),
        ("1,1,9,9,1,9", f"corner 1 (1,1,9,9,1,9) is none; {HOW}"),
        ("1;1 9;9 1;9", f"corner 1 (1;1) is none; {HOW}"),
        ("10%,10% 1,1 2,2", f"corner 1 (10%,10%) is none; {HOW}"),
        ("1,1 nan,2 2,3", f"corner 2 (nan,2) is none; {HOW}"),
        ("1,1 2,2 1e1,3", f"corner 3 (1e1,3) is none; {HOW}"),
        ("1,1 \uff12,2 2,3", f"corner 2 (\uff12,2) is none; {HOW}"),
        (f"8123456789:{'A' * 35} 1,1", f"corner 1 is none; {HOW}"),
        ("0,0 120.5,0 10,10", "corner 2 (120.5,0) lies outside the picture; write numbers from 0 to 100"),
        ("0,0 10,0 10,-0.5", "corner 3 (10,-0.5) lies outside the picture; write numbers from 0 to 100"),
        ("0,0 0,0 10,10 0,10", "corners 1 and 2 are the same; delete one of them"),
        ("0,0 9,0 9,9 9,9.0001", "corners 3 and 4 are the same; delete one of them"),
        ("0,0 5,5 10,10", "its corners lie on one line; give it a breadth"),
        ("5,5 5,5 5,5", "corners 1 and 2 are the same; delete one of them"),
        ("0,0 10,0 10,10 10,5 20,12", "it turns back on itself at corner 3; delete that corner or move it"),
        (
            "0,0 10,10 10,0 0,10",
            "the side from corner 1 to 2 meets the one from 3 to 4; give the corners in the order of a walk round "
            "the zone, or make two zones of it",
        ),
        (
            "0,0 10,0 5,5 10,10 0,10 5,5",
            "the side from corner 2 to 3 meets the one from 5 to 6; give the corners in the order of a walk round "
            "the zone, or make two zones of it",
        ),
        (" ".join("1,1 2,2" for _ in range(33)), "a zone may have 64 corners, this has 66; leave some out"),
    ],
)
def test_what_is_no_polygon_is_refused_in_these_words(text: str, reason: str) -> None:
    with pytest.raises(PolygonError) as caught:
        read_polygon(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1e-9, 100.0001, 1e300])
def test_a_number_that_is_no_per_cent_is_refused(bad: float) -> None:
    for corner in ((bad, 5.0), (5.0, bad)):
        with pytest.raises(PolygonError, match=r"corner 2 .* lies outside the picture"):
            check_polygon(((0.0, 0.0), corner, (10.0, 10.0)))


@given(stars())
@settings(max_examples=60)
def test_a_polygon_comes_back_from_its_text(polygon: Polygon) -> None:
    assert read_polygon(polygon_text(polygon)) == polygon


@given(st.text(alphabet="0123456789., \t+-e;%x", max_size=60))
@settings(max_examples=200)
def test_any_text_is_a_polygon_or_refused(text: str) -> None:
    with contextlib.suppress(PolygonError):
        check_polygon(read_polygon(text))


@given(st.one_of(CORNERS, COARSE.map(tuple)))
@settings(max_examples=400)
def test_exactly_those_whose_sides_share_nothing_but_corners_are_accepted(polygon: Polygon) -> None:
    repeats = any(here == after for here, after in zip(polygon, polygon[1:] + polygon[:1], strict=True))
    is_good = len(polygon) >= 3 and not repeats and not share_more_than_a_corner(polygon)
    try:
        check_polygon(polygon)
    except PolygonError:
        assert not is_good
    else:
        assert is_good


@given(stars(), st.integers(1, 16), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_a_block_is_covered_if_its_middle_is_inside(polygon: Polygon, columns: int, rows: int) -> None:
    mask = cover(polygon, columns, rows)
    assert mask.shape == (rows, columns)
    xs = [Fraction(2 * column + 1, 2 * columns) * 100 for column in range(columns)]
    ys = [Fraction(2 * row + 1, 2 * rows) * 100 for row in range(rows)]
    turns = {(row, column): winding(polygon, x, y) for row, y in enumerate(ys) for column, x in enumerate(xs)}
    if any(turns.values()):  # else it is too small for any middle: the next test's
        assert {place for place, times in turns.items() if times} == {
            place for place, times in turns.items() if times is not None and mask[place]
        }


@given(stars(), GRIDS)
@settings(max_examples=80, deadline=None)
def test_a_polygon_that_holds_no_middle_gets_the_blocks_it_touches(polygon: Polygon, grid: tuple[int, int]) -> None:
    columns, rows = grid
    mask = cover(polygon, columns, rows)
    assert mask.any()
    xs, ys = [corner[0] for corner in polygon], [corner[1] for corner in polygon]
    used_rows, used_columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    assert used_columns[0] >= math.floor(min(xs) * columns / 100 - 1e-9)
    assert used_columns[-1] <= math.floor(max(xs) * columns / 100 + 1e-9)
    assert used_rows[0] >= math.floor(min(ys) * rows / 100 - 1e-9)
    assert used_rows[-1] <= math.floor(max(ys) * rows / 100 + 1e-9)


def test_a_speck_gets_its_one_block_and_one_on_a_border_each_side() -> None:
    speck = read_polygon("61,31 61.2,31 61.2,31.2")
    assert np.argwhere(cover(speck, 10, 10)).tolist() == [[3, 6]]
    border = read_polygon("59.9,31 60.1,31 60.1,31.2")
    assert np.argwhere(cover(border, 10, 10)).tolist() == [[3, 5], [3, 6]]
    corner = read_polygon("99.9,99.9 100,99.9 100,100")
    assert np.argwhere(cover(corner, 10, 10)).tolist() == [[9, 9]]


def test_a_strip_between_the_middles_covers_its_whole_row() -> None:
    assert np.argwhere(cover(read_polygon("0,31 100,31 100,32 0,32"), 10, 10)).tolist() == [[3, x] for x in range(10)]


def test_a_corner_level_with_a_row_of_middles_is_counted_once() -> None:
    diamond = cover(read_polygon("25,5 45,45 25,85 5,45"), 10, 10)
    assert diamond[4, 1:4].all()
    assert not diamond[4, 5:].any()
    notch = cover(read_polygon("10,10 90,10 90,90 70,45 50,90 30,45 10,90"), 10, 10)
    assert notch[4, 1:9].all()
    assert not notch[4, 9:].any()


@given(GRIDS, st.integers(1, 99).map(float))
@settings(max_examples=60, deadline=None)
def test_zones_side_by_side_share_no_block_and_leave_none_out(grid: tuple[int, int], border: float) -> None:
    left = cover(((0.0, 0.0), (border, 0.0), (border, 100.0), (0.0, 100.0)), *grid)
    right = cover(((border, 0.0), (100.0, 0.0), (100.0, 100.0), (border, 100.0)), *grid)
    middles = (np.arange(grid[0]) + 0.5) * 100 / grid[0]
    if (middles < border - 1e-6).any() and (middles > border + 1e-6).any():
        assert (left ^ right).all()


@given(stars(), GRIDS, st.integers(0, 8), st.booleans())
@settings(max_examples=60, deadline=None)
def test_neither_the_first_corner_nor_the_direction_matters(
    polygon: Polygon, grid: tuple[int, int], start: int, is_reversed: bool
) -> None:
    start %= len(polygon)
    other = polygon[start:] + polygon[:start]
    other = other[::-1] if is_reversed else other
    check_polygon(other)
    differ = cover(polygon, *grid) ^ cover(other, *grid)
    for row, column in np.argwhere(differ):  # a middle on the very outline may go either way
        x, y = Fraction(2 * int(column) + 1, 2 * grid[0]) * 100, Fraction(2 * int(row) + 1, 2 * grid[1]) * 100
        assert min(distance(side, float(x), float(y)) for side in sides(polygon)) < 1e-9


def distance(side: tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]], x: float, y: float) -> float:
    (x0, y0), (x1, y1) = ((float(p[0]), float(p[1])) for p in side)
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
    along = min(max(along, 0.0), 1.0)
    return math.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0))
