"""What both halves of the command line use; quick to import."""

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import NoReturn

    from ratcam.media.progressive import Rate

_SIGNALS = __import__("_signal")
"""What `signal` is made of: that takes longer to import than a short file to mux, for its enumerations."""
_MAX_DIGITS = 9
_OUTPUT = 1


class StoppedError(BaseException):
    """A signal asks the process to end. Like KeyboardInterrupt no `Exception`, so that only clean-ups catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_status = 128 + number
        """As shells tell it."""


class Stoppable:
    """While this is entered, SIGTERM and SIGHUP raise `StoppedError` once, so that no half file stays behind.

    What comes after the first is ignored: it would interrupt the tidying up. A signal that is ignored (`nohup`) stays
    so. Only for the main thread.
    """

    def __init__(self) -> None:
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        """Take the signals."""
        for number in (_SIGNALS.SIGTERM, _SIGNALS.SIGHUP):
            if _SIGNALS.getsignal(number) == _SIGNALS.SIG_DFL:
                self._before[number] = _SIGNALS.signal(number, self._stop)

    def __exit__(
        self, kind: "type[BaseException] | None", error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        """Let them be what they were."""
        for number, handler in self._before.items():
            _SIGNALS.signal(number, handler)

    def _stop(self, number: int, _frame: object) -> None:
        for each in self._before:
            _SIGNALS.signal(each, _SIGNALS.SIG_IGN)
        raise StoppedError(number)


def prepare_output() -> None:
    """Let every text be written, whatever the encoding of standard output; one that is closed takes it and drops it.

    File names may hold bytes that no encoding has, and characters that the terminal's has not.
    """
    output: object = sys.stdout
    if isinstance(output, io.TextIOWrapper):
        output.reconfigure(errors="backslashreplace")
    # Python has None for a stream that is closed, whatever its type says.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123  as long as the process


def shown(text: str) -> str:
    """A file name as part of a line on a terminal: what cannot be printed is written as an escape."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def say(line: str) -> None:
    """Write a line about work that is done to standard output, at once.

    If it cannot be written, that is told on standard error and is no failure of the work.

    Raises:
        BrokenPipeError: whoever read it has gone.
    """
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as exc:
        drop_output()
        sys.stderr.write(f"ratcam: what was done cannot be told on standard output ({exc.strerror}): {line}\n")


def drop_output() -> None:
    """Let what is still held for standard output go nowhere: Python would complain again when it closes it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _OUTPUT)
    os.close(null)


def positive_number(text: str) -> float | None:
    """The value of an argument that has to be a number above 0 and below 1e9; None if it is not."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < 1e9 else None


def frame_rate(text: str) -> "float | Rate | None":
    """The pictures a second that an argument names, a number or a fraction such as 30000/1001; None if neither."""
    over, line, under = text.partition("/")
    if not line:
        return positive_number(text)
    if not all(part.isascii() and part.isdigit() and len(part) <= _MAX_DIGITS and int(part) for part in (over, under)):
        return None
    return int(over), int(under)


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
