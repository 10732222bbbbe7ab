import numpy as np
import pytest

from ratcam.motion.calibration import QuietScore, exceeded
from ratcam.motion.detector import Calibration


def after(scale: float, *, seconds: float = 2000, wanted: float = 1.0) -> Calibration | None:
    quiet = QuietScore(wanted)
    for score in np.random.default_rng(3).exponential(scale, round(seconds * 10)):
        quiet.add(float(min(score, 0.999)), 0.1)
    return quiet.calibration


def test_nothing_is_said_before_ten_minutes_of_quiet() -> None:
    assert after(0.03, seconds=590) is None
    assert after(0.03, seconds=610) is not None


def test_the_score_that_one_in_a_thousand_exceeds_is_found() -> None:
    calibration = after(0.05)
    assert calibration is not None
    assert calibration.quiet == pytest.approx(0.05 * np.log(1000), abs=0.05)


def test_a_quiet_camera_keeps_its_trigger() -> None:
    calibration = after(0.02)
    assert calibration is not None
    assert calibration.trigger == 1.0
    assert calibration.margin > 5


def test_an_unquiet_camera_has_its_trigger_raised_to_the_wanted_rate() -> None:
    # An exponential tail of scale s exceeds x with exp(-x/s): once a week of 10 steps a second is x = s ln(6048000).
    calibration = after(0.08)
    assert calibration is not None
    assert calibration.trigger == pytest.approx(0.08 * np.log(6048000), abs=0.15)


def test_fewer_wanted_alarms_raise_the_trigger() -> None:
    often, seldom = after(0.08, wanted=100), after(0.08, wanted=0.1)
    assert often is not None
    assert seldom is not None
    assert seldom.trigger > often.trigger


def test_what_leads_up_to_motion_is_not_quiet() -> None:
    quiet = QuietScore(1.0)
    for _ in range(1000):
        for score in (0.0, 0.0, 0.4, 0.9):
            quiet.add(score, 1.0)
        quiet.discard()
    calibration = quiet.calibration
    assert calibration is not None
    assert calibration.quiet < 0.05


def test_the_trigger_stays_within_its_limits() -> None:
    calibration = after(0.5)
    assert calibration is not None
    assert calibration.trigger == 1.5


def test_old_nights_are_forgotten() -> None:
    quiet = QuietScore(1.0)
    for _ in range(1000):
        quiet.add(0.9, 1.0)
    loud = quiet.calibration
    for _ in range(200000):
        quiet.add(0.01, 1.0)
    calm = quiet.calibration
    assert loud is not None
    assert calm is not None
    assert calm.quiet < 0.1 < loud.quiet


def test_a_share_of_nothing_exceeds_nothing() -> None:
    counts = np.zeros(64)
    counts[0] = 10
    assert exceeded(counts, 0.01) == pytest.approx(1 / 64)
