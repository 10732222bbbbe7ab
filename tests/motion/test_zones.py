"""Zones on a grid: what each mode takes and leaves, on any grid, size and rotation."""

import dataclasses
import typing

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ratcam.cameras.upright import upright
from ratcam.motion.field import grid_of
from ratcam.motion.polygon import Polygon, read_polygon
from ratcam.motion.zones import MODES, ZoneError, ZoneMasks, ZoneSettings, as_coded

LEFT, RIGHT = "0,0 50,0 50,100 0,100", "50,0 100,0 100,100 50,100"
TOP, ALL = "0,0 100,0 100,50 0,50", "0,0 100,0 100,100 0,100"

BOXES = st.tuples(*(st.integers(0, 99) for _ in range(2)), *(st.integers(1, 100) for _ in range(2)))
ANY_ZONES = st.lists(st.tuples(BOXES, st.sampled_from(MODES)), max_size=5).map(
    lambda parts: tuple(box_zone(f"z{number}", box, mode) for number, (box, mode) in enumerate(parts))
)
GRIDS = st.tuples(st.integers(1, 130), st.integers(1, 80))


def zone(name: str, polygon: str, mode: str = "watch", **more: typing.Any) -> ZoneSettings:
    return ZoneSettings(name=name, polygon=read_polygon(polygon), mode=mode, **more)


def box_zone(name: str, box: tuple[int, ...], mode: str) -> ZoneSettings:
    x, y, width, height = box
    x1, y1 = float(min(100, x + width)), float(min(100, y + height))
    polygon: Polygon = ((float(x), float(y)), (x1, float(y)), (x1, y1), (float(x), y1))
    return ZoneSettings(name=name, polygon=polygon, mode=mode)


def halves(mask: npt.NDArray[np.bool_]) -> tuple[bool | None, bool | None]:
    """Whether the left and the right half are set; None if only partly."""
    middle = mask.shape[1] // 2
    return tuple(  # type: ignore[return-value]
        True if half.all() else None if half.any() else False for half in (mask[:, :middle], mask[:, middle:])
    )


def test_without_zones_the_whole_picture_is_watched() -> None:
    masks = ZoneMasks((), 40, 30)
    assert masks.is_whole
    assert masks.watched.all()
    assert not masks.ignored.any()
    assert not masks.precluding.any()
    (whole,) = masks.watch
    assert (whole.name, whole.sensitivity, whole.min_seconds) == ("", None, 0.0)
    assert whole.mask.all()
    assert masks.preclude == ()


def test_where_a_zone_watches_nothing_else_is_watched() -> None:
    masks = ZoneMasks((zone("door", LEFT, sensitivity=7, min_seconds=0.3),), 40, 30)
    assert halves(masks.watched) == (True, False)
    assert not masks.is_whole
    (door,) = masks.watch
    assert (door.name, door.sensitivity, door.min_seconds) == ("door", 7, 0.3)
    assert halves(door.mask) == (True, False)


def test_an_ignored_zone_leaves_the_rest_watched_and_wins_over_a_watched_one() -> None:
    masks = ZoneMasks((zone("tree", LEFT, "ignore"),), 40, 30)
    assert (halves(masks.ignored), halves(masks.watched)) == ((True, False), (False, True))
    assert masks.watch[0].name == ""
    for zones in ((zone("tree", LEFT, "ignore"), zone("all", ALL)), (zone("all", ALL), zone("tree", LEFT, "ignore"))):
        masks = ZoneMasks(zones, 40, 30)
        assert halves(masks.watched) == halves(masks.watch[0].mask) == (False, True)


def test_a_precluding_zone_is_not_watched_itself_and_is_none_where_it_is_ignored() -> None:
    masks = ZoneMasks((zone("lamp", LEFT, "preclude", min_seconds=2),), 40, 30)
    assert (halves(masks.precluding), halves(masks.watched)) == ((True, False), (False, True))
    (lamp,) = masks.preclude
    assert (lamp.name, lamp.min_seconds, halves(lamp.mask)) == ("lamp", 2, (True, False))
    masks = ZoneMasks((zone("lamp", ALL, "preclude"), zone("tree", LEFT, "ignore")), 40, 30)
    assert (halves(masks.precluding), halves(masks.watched)) == ((False, True), (False, False))


def test_overlapping_watched_zones_each_keep_their_blocks() -> None:
    masks = ZoneMasks((zone("left", LEFT), zone("top", TOP), zone("right", RIGHT)), 40, 30)
    assert [part.name for part in masks.watch] == ["left", "top", "right"]
    assert [int(part.mask.sum()) for part in masks.watch] == [600, 600, 600]
    assert masks.watched.all()
    assert not masks.is_whole


def test_one_watched_zone_over_everything_needs_no_mask() -> None:
    assert ZoneMasks((zone("all", ALL),), 7, 5).is_whole
    assert not ZoneMasks((zone("all", ALL), zone("left", LEFT)), 7, 5).is_whole


@given(ANY_ZONES, GRIDS, st.sampled_from((0, 90, 180, 270)))
@settings(max_examples=80, deadline=None)
def test_every_block_is_ignored_or_precluding_or_watched_by_its_zones_or_none(
    zones: tuple[ZoneSettings, ...], grid: tuple[int, int], rotation: int
) -> None:
    columns, rows = grid
    masks = ZoneMasks(zones, columns, rows, rotation=rotation)
    every = (masks.ignored, masks.precluding, masks.watched, *(part.mask for part in (*masks.watch, *masks.preclude)))
    for mask in every:
        assert (mask.shape, mask.dtype, mask.flags.writeable) == ((rows, columns), np.bool_, False)
    assert not (masks.ignored & masks.precluding).any()
    assert not (masks.watched & (masks.ignored | masks.precluding)).any()
    assert (np.logical_or.reduce([part.mask for part in masks.watch]) == masks.watched).all()
    modes = [part.mode for part in zones]
    assert masks.ignored.any() == ("ignore" in modes)
    if "watch" not in modes:
        assert (masks.watched == ~(masks.ignored | masks.precluding)).all()
    if modes == ["watch"] * len(modes):
        assert all(part.mask.any() for part in masks.watch)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (1920, 1080), (33, 17), (641, 479), (100, 8)])
@pytest.mark.parametrize("block", [8, 16, 32])
def test_blocks_cut_by_the_edge_count_by_what_is_seen_of_them(width: int, height: int, block: int) -> None:
    columns, rows = grid_of(width, height, block)
    assert ZoneMasks((zone("all", ALL),), columns, rows, width=width, height=height).watched.all()
    for border in range(3, 100, 4):
        right = ZoneMasks(
            (zone("right", f"{border},0 100,0 100,100 {border},100"),), columns, rows, width=width, height=height
        ).watched
        expected = [(x * block + min(width, (x + 1) * block)) / 2 > width * border / 100 for x in range(columns)]
        if any(expected):  # else it is too thin for any middle
            assert (right == np.array(expected)).all(), border
        below = ZoneMasks(
            (zone("below", f"0,{border} 100,{border} 100,100 0,100"),), columns, rows, width=width, height=height
        ).watched
        expected = [(y * block + min(height, (y + 1) * block)) / 2 > height * border / 100 for y in range(rows)]
        if any(expected):
            assert (np.array(expected) == below.T).all(), border


def test_a_grid_that_does_not_fit_the_picture_is_taken_to_fill_it() -> None:
    for size in ((640, 360), (5, 5), (100000, 1), (0, 0), (-5, 3)):
        masks = ZoneMasks((zone("left", LEFT),), 10, 10, width=size[0], height=size[1])
        assert halves(masks.watched) == (True, False)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_zone_drawn_on_the_upright_still_lies_on_the_same_things_in_the_coded_picture(rotation: int) -> None:
    drawn = "5,5 45,10 40,45 12,80"
    coded = ZoneMasks((zone("a", drawn),), 24, 16, rotation=rotation).watched
    turned = np.array(upright(Image.fromarray(coded.astype(np.uint8)), rotation), np.bool_)
    columns, rows = (24, 16) if rotation in (0, 180) else (16, 24)
    assert (turned == ZoneMasks((zone("a", drawn),), columns, rows).watched).all()


@given(ANY_ZONES, st.sampled_from((90, 180, 270)))
@settings(max_examples=60)
def test_turning_back_and_on_is_no_turn(zones: tuple[ZoneSettings, ...], rotation: int) -> None:
    assert as_coded(zones, 0) is zones
    assert as_coded(as_coded(zones, rotation), 360 - rotation) == zones
    assert [part.name for part in as_coded(zones, rotation)] == [part.name for part in zones]


def test_the_masks_are_kept_for_their_grid_and_made_anew_for_another() -> None:
    masks = ZoneMasks((zone("left", LEFT),), 40, 23, width=640, height=360, rotation=90)
    assert masks.on(40, 23, width=640, height=360) is masks
    other = masks.on(80, 45, width=640, height=360)
    assert other.watched.shape == (45, 80)
    expected = ZoneMasks((zone("left", LEFT),), 80, 45, width=640, height=360, rotation=90)
    assert (other.watched == expected.watched).all()


@pytest.mark.parametrize(("columns", "rows"), [(0, 5), (5, 0), (-1, 3)])
def test_an_empty_grid_is_refused(columns: int, rows: int) -> None:
    with pytest.raises(ZoneError, match="is empty"):
        ZoneMasks((), columns, rows)


def test_a_rotation_that_is_none_is_refused() -> None:
    with pytest.raises(ZoneError, match="not by 45"):
        ZoneMasks((), 5, 5, rotation=45)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "ü", "x" * 33, "a\n", "a/b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ZoneError, match="1 to 32 letters"):
        zone(name, ALL)


def test_no_zone_can_be_made_that_makes_no_sense() -> None:
    good = zone("a", ALL)
    with pytest.raises(ZoneError, match="its polygon is none: the side from corner 1 to 2 meets"):
        dataclasses.replace(good, polygon=((0.0, 0.0), (9.0, 9.0), (9.0, 0.0), (0.0, 9.0)))
    with pytest.raises(ZoneError, match="watch, ignore or preclude, not 'look'"):
        dataclasses.replace(good, mode="look")


def test_every_key_says_what_it_is() -> None:
    for part in dataclasses.fields(ZoneSettings):
        assert part.metadata["doc"].endswith("."), part.name
