"""What people read about the line to Telegram: one line per change of state."""

import logging

import pytest

from ratcam.chat.link_health import LinkHealth, Problem


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic_s(self) -> float:
        return self.now_s

    def unix_s(self) -> float:
        return 0.0


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def health(clock: HandClock, caplog: pytest.LogCaptureFixture) -> LinkHealth:
    caplog.set_level(logging.DEBUG)
    return LinkHealth(clock=clock)


def test_before_the_first_answer_a_problem_is_told_at_once(
    health: LinkHealth, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        health.failed(Problem.TOKEN, "Unauthorized")
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    health.failed(Problem.OFFLINE, "no route")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


@pytest.mark.parametrize(
    ("problem", "grace_s"), [(Problem.OFFLINE, 5), (Problem.TROUBLE, 5), (Problem.CONFLICT, 30), (Problem.TOKEN, 30)]
)
def test_a_problem_that_passes_soon_is_not_told(
    health: LinkHealth, clock: HandClock, caplog: pytest.LogCaptureFixture, problem: Problem, grace_s: float
) -> None:
    health.answered()
    health.failed(problem, "detail")
    clock.now_s += grace_s - 1
    health.failed(problem, "detail")
    health.answered()
    assert caplog.records == []
    health.failed(problem, "detail")
    clock.now_s += grace_s + 1
    health.failed(problem, "detail")
    health.failed(problem, "detail")
    assert len(caplog.records) == 1
    assert "(detail)" in caplog.text
    health.answered()
    health.answered()
    assert len(caplog.records) == 2
    assert "answers again" in caplog.text
