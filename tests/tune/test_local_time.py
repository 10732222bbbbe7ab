"""The time of day, also of another season and of stamps that are none."""

import time
from collections.abc import Iterator

import pytest

from ratcam.tune.local_time import local_time
from ratcam.tune.plots import wall_clock

CHANGE_UNIX_S = 1_793_494_800.0 - 7 * 86_400
"""Central Europe: on Sunday 25 October 2026 at 01:00 UTC summer time ends."""


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("central_europe")
def test_ticks_on_both_sides_of_a_change_of_the_clocks_show_the_time_in_force_there() -> None:
    words = wall_clock(8 * 3600)
    hours = [(CHANGE_UNIX_S + hour * 3600) / 86_400 for hour in (-2, -1, 0, 1)]
    assert [words(at, None) for at in hours] == ["01:00", "02:00", "02:00", "03:00"]


@pytest.mark.usefixtures("central_europe")
def test_a_moment_of_another_season_has_its_own_offset() -> None:
    summer, winter = local_time(CHANGE_UNIX_S - 86_400 * 90), local_time(CHANGE_UNIX_S + 86_400)
    assert summer is not None
    assert winter is not None
    assert (summer.strftime("%z"), winter.strftime("%z")) == ("+0200", "+0100")


@pytest.mark.parametrize("unix_s", [float("nan"), float("inf"), -1.0, 1e11, 1e300])
def test_what_is_no_time_is_none(unix_s: float) -> None:
    assert local_time(unix_s) is None
