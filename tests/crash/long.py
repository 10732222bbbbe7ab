"""Two lengths of the crash tests: a short one among all tests, a long one for `make crash`."""

import os


def chosen(*, short: int, long: int) -> int:
    """The long one where RATCAM_TESTS_CRASH=long."""
    return long if os.environ.get("RATCAM_TESTS_CRASH") == "long" else short
