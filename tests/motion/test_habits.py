import numpy as np
import numpy.typing as npt
import pytest

from ratcam.motion.detector import Habits
from ratcam.motion.habits import HabitMemory

SHAPE = (4, 6)


def block(row: int = 1, column: int = 2) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SHAPE, np.bool_)
    mask[row, column] = True
    return mask


def live(memory: HabitMemory, hours: float, share: float, *, mask: npt.NDArray[np.bool_] | None = None) -> None:
    """So many hours in steps of a second; in so large a share of each minute's steps there is a hit."""
    hits = block() if mask is None else mask
    for second in range(round(hours * 3600)):
        memory.add(hits if second % 60 < share * 60 else None, 1.0)


def test_a_clock_is_learned_after_hours_and_not_before() -> None:
    memory = HabitMemory(*SHAPE, 2.0)
    live(memory, 1.5, 1.0)
    assert not memory.learned.any()
    live(memory, 0.5, 1.0)
    assert np.array_equal(memory.learned, block())


def test_a_mouse_that_visits_every_night_is_never_learned() -> None:
    memory = HabitMemory(*SHAPE, 2.0)
    for _ in range(5):
        live(memory, 0.25, 0.5)
        live(memory, 1.75, 0.0)
        assert not memory.learned.any()


def test_a_learned_block_is_watched_again_when_it_has_long_been_still() -> None:
    memory = HabitMemory(*SHAPE, 1.0)
    live(memory, 2.0, 1.0)
    assert memory.learned.any()
    live(memory, 0.2, 0.0)
    assert memory.learned.any()
    live(memory, 2.0, 0.0)
    assert not memory.learned.any()


def test_forgetting_begins_anew() -> None:
    memory = HabitMemory(*SHAPE, 1.0)
    live(memory, 2.0, 1.0)
    memory.forget()
    assert not memory.learned.any()
    live(memory, 0.5, 1.0)
    assert not memory.learned.any()


def test_what_is_saved_can_be_restored_and_goes_on() -> None:
    memory, other = HabitMemory(*SHAPE, 1.0), HabitMemory(*SHAPE, 1.0)
    live(memory, 2.0, 1.0)
    assert other.restore(memory.saved())
    assert np.array_equal(other.learned, memory.learned)
    assert other.saved() == memory.saved()
    live(other, 0.2, 0.0)
    assert other.learned.any()


@pytest.mark.parametrize(
    "habits",
    [
        Habits(columns=5, rows=4, payload=b"ratcam habits 1\n" + bytes(20)),
        Habits(columns=6, rows=4, payload=b""),
        Habits(columns=6, rows=4, payload=b"something else 1" + bytes(24)),
        Habits(columns=6, rows=4, payload=b"ratcam habits 1\n" + bytes(23)),
    ],
)
def test_habits_of_another_grid_and_damaged_ones_change_nothing(habits: Habits) -> None:
    memory = HabitMemory(*SHAPE, 1.0)
    live(memory, 2.0, 1.0)
    before = memory.saved()
    assert not memory.restore(habits)
    assert memory.saved() == before


def test_no_hours_learn_nothing() -> None:
    memory = HabitMemory(*SHAPE, 0.0)
    live(memory, 2.0, 1.0)
    assert not memory.learned.any()


def test_the_learned_blocks_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        HabitMemory(*SHAPE, 1.0).learned[0, 0] = True
