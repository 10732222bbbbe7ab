"""What both halves of the command line use; quick to import."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def positive_number(text: str) -> float | None:
    """The value of an argument that has to be a number above 0 and below 1e9; None if it is not."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < 1e9 else None


def leave(status: int) -> "NoReturn":
    """End the process without waiting for its threads and without tearing down the interpreter.

    The interpreter's own exit joins the threads that look up names, and where the resolver does not answer that takes
    minutes: the service manager would kill the process before. Everything has been stopped and closed by now.
    """
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105  contextlib is slow to import
            stream.flush()
        except (OSError, ValueError):
            pass  # whoever read it has gone
    os._exit(status)
