import numpy as np

from ratcam.motion.guards import Flash, FlashGuard, share_above

STEP_S = 0.1


def guard(share: float = 0.25) -> FlashGuard:
    return FlashGuard(share=share, hold_s=0.3, longest_s=2.0)


def fed(it: FlashGuard, *shares: float) -> list[Flash]:
    return [it.feed(share, STEP_S) for share in shares]


def test_the_share_counts_blocks_above_the_level() -> None:
    above = np.zeros((4, 5), np.float32)
    above[0] = 9
    assert share_above(above) == 0.25


def test_a_flash_holds_for_a_while_after_its_last_picture() -> None:
    assert fed(guard(), 0, 0.9, 0, 0, 0, 0, 0) == [Flash.OFF] + [Flash.ON] * 4 + [Flash.OFF] * 2


def test_less_than_the_share_is_no_flash() -> None:
    assert set(fed(guard(), 0.25, 0.1, 0.25)) == {Flash.OFF}


def test_a_flash_that_does_not_end_is_how_the_picture_is() -> None:
    seen = fed(guard(), *[0.9] * 22)
    assert seen[:19] == [Flash.ON] * 19
    assert Flash.STAYS in seen[19:]


def test_a_lamp_that_blinks_is_a_flash_each_time() -> None:
    it = guard()
    for _ in range(50):
        assert fed(it, 0.9, 0, 0, 0) == [Flash.ON] * 4
        assert fed(it, *[0] * 6)[1:] == [Flash.OFF] * 5


def test_a_guard_without_share_is_off() -> None:
    assert set(fed(guard(0), 1.0, 1.0)) == {Flash.OFF}
