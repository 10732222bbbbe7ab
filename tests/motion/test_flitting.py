import math

import numpy as np
import numpy.typing as npt

from ratcam.motion.flitting import Flits, is_flood, is_leap, is_line

SHAPE = (60, 80)


def thing(left: int, *, top: int = 20, side: int = 5) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SHAPE, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def test_what_moves_half_its_length_and_more_leaps() -> None:
    assert is_leap(thing(24), thing(20), 22, 26)


def test_what_walks_does_not_leap() -> None:
    for ahead in range(3):
        assert not is_leap(thing(20 + ahead), thing(20), 22, 22)


def test_what_appears_or_begins_to_move_does_not_leap() -> None:
    assert not is_leap(thing(20), np.zeros(SHAPE, np.bool_), 22, 22)
    assert not is_leap(thing(20), thing(20, side=2), 22, 22)


def test_a_person_does_not_leap() -> None:
    assert not is_leap(thing(30, side=20), thing(20, side=20), 30, 40)


def test_what_leaps_elsewhere_is_not_asked_for() -> None:
    now, before = thing(20) | thing(60, top=45), thing(20) | thing(50, top=40)
    assert not is_leap(now, before, 22, 22)
    assert is_leap(now, before, 47, 62)


def test_the_edge_of_the_picture_is_no_hindrance() -> None:
    assert is_leap(thing(0, top=0), thing(6, top=4), 0, 0)
    assert not is_leap(np.zeros(SHAPE, np.bool_), thing(0), 0, 0)


def thread(*, top: int = 5, bottom: int = 50, lean: float = 0.4, wide: int = 3) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SHAPE, np.bool_)
    for row in range(top, bottom):
        left = 20 + round(lean * row)
        mask[row, left : left + wide] = True
    return mask


def test_a_thread_is_a_line_upright_slanting_or_lying() -> None:
    assert is_line(thread())
    assert is_line(thread(lean=0))
    assert is_line(np.ascontiguousarray(thread(lean=0).T))


def test_a_line_may_have_gaps_but_not_be_short_or_wide() -> None:
    with_gaps = thread()
    with_gaps[::7] = False
    assert is_line(with_gaps)
    assert not is_line(thread(bottom=20))
    assert not is_line(thread(wide=6))


def test_a_person_a_crowd_of_mice_and_nothing_are_no_line() -> None:
    assert not is_line(thing(30, top=10, side=30))
    scattered = np.random.default_rng(3).random(SHAPE) < 0.02
    assert not is_line(scattered)
    assert not is_line(np.zeros(SHAPE, np.bool_))


def test_who_comes_in_from_the_side_is_no_line() -> None:
    entering = np.zeros(SHAPE, np.bool_)
    entering[10:55, :3] = True
    assert not is_line(entering)


def test_what_covers_ever_more_without_being_displaced_floods() -> None:
    assert is_flood(0.10, 0.06, 0.3)
    assert not is_flood(0.10, 0.095, 0.3)
    assert not is_flood(0.10, 0.06, 0.9)
    assert not is_flood(0.06, 0.04, 0.0)
    assert not is_flood(0.10, 0.0, 0.0)


def waits(flits: Flits, hits: npt.NDArray[np.bool_] | None, *, share: float = 0.0, moved: float | None = None) -> float:
    flits.feed_share(share, moved, 0.1)
    path = np.zeros(SHAPE, np.float32) if hits is None else hits.astype(np.float32)
    return flits.feed(hits, path)


def test_what_leaps_waits_for_its_time_and_what_walks_does_not() -> None:
    flits = Flits(1.2)
    assert [waits(flits, thing(left)) for left in (10, 11, 12)] == [0, 0, 0]
    assert waits(flits, thing(16)) == 1.2
    assert [waits(flits, None) for _ in range(3)][-1] == 0


def test_a_line_waits_for_as_long_as_it_is_there_and_a_little_longer() -> None:
    flits = Flits(1.2)
    assert [waits(flits, thread()) for _ in range(20)] == [math.inf] * 20
    after = [waits(flits, None) for _ in range(25)]
    assert after[:15] == [math.inf] * 15
    assert after[-1] == 0


def test_a_line_in_a_single_step_is_forgotten_soon() -> None:
    flits = Flits(1.2)
    assert waits(flits, thread()) == math.inf
    assert [waits(flits, None) for _ in range(4)][-1] == 0


def test_a_flood_waits_where_there_is_an_estimator_only() -> None:
    for moved, wait_s in ((0.2, 1.2), (None, 0.0)):
        flits = Flits(1.2)
        assert [waits(flits, None, share=share, moved=moved) for share in (0.05, 0.10)][-1] == wait_s


def test_nothing_waits_where_the_time_is_zero() -> None:
    flits = Flits(0)
    assert [waits(flits, thread(), share=share, moved=0.0) for share in (0.05, 0.10, 0.20)] == [0, 0, 0]
    assert [waits(flits, thing(left)) for left in (10, 30)] == [0, 0]
