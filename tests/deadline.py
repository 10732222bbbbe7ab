"""Waiting in tests: for a condition, with a deadline, never for a time."""

import threading
import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], *, timeout_s: float = 30.0, what: str = "") -> None:
    """Return as soon as `condition` holds; fail the test when it does not within `timeout_s`."""
    ends_s = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        if time.monotonic() >= ends_s:
            raise AssertionError(f"not within {timeout_s:g} s: {what or condition}")
        pause.wait(0.01)
