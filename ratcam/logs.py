"""Logging to stderr: one line a record, without secrets, and a count of what went wrong."""

import contextlib
import logging
import sys
import threading
from types import TracebackType
from typing import TextIO

from ratcam.redaction import Redactor

_NOISY = ("httpx", "httpcore", "telegram")
"""These log every request with its URL, which holds the token."""

logger = logging.getLogger(__name__)


class LogHandle:
    """The logging that `set_up` began. Everything is as before after `close`."""

    def __init__(self, *, level: int, secrets: tuple[str, ...]) -> None:
        self._level = level
        self._handler = _StderrHandler(Redactor(secrets))
        self._levels_before: dict[str, int] = {}
        self._hooks_before = (sys.excepthook, threading.excepthook)

    @property
    def errors_logged(self) -> int:
        """Records of level ERROR and above so far, and records that could not be formatted."""
        return self._handler.errors

    def start(self) -> None:
        """Log from now on; exceptions that end the program or a thread are logged as well."""
        for name, level in (("", self._level), *((name, logging.WARNING) for name in _NOISY)):
            other = logging.getLogger(name)
            self._levels_before[name] = other.level
            other.setLevel(level)
        logging.getLogger().addHandler(self._handler)
        sys.excepthook = _log_uncaught
        threading.excepthook = _log_uncaught_in_thread

    def close(self) -> None:
        """Stop logging. Idempotent."""
        logging.getLogger().removeHandler(self._handler)
        for name, level in self._levels_before.items():
            logging.getLogger(name).setLevel(level)
        if self._levels_before:
            sys.excepthook, threading.excepthook = self._hooks_before
        self._levels_before = {}


def set_up(level: str, secrets: tuple[str, ...] = ()) -> LogHandle:
    """Log to stderr from `level` ("debug", "info", "warning", "error") up; `secrets` never appear in it.

    Nor does anything that looks like a bot token, or the name and password in a URL. A record is one line: time, level,
    the logger's name without `ratcam.`, the message, with control characters written out; a traceback follows indented.
    """
    handle = LogHandle(level=logging.getLevelNamesMapping()[level.upper()], secrets=secrets)
    handle.start()
    return handle


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what `sys.stderr` is at its start, and counts errors."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(_LineFormatter(redactor))
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; the caller holds the handler's lock."""
        if record.levelno >= logging.ERROR:
            self.errors += 1
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        """Say which call is wrong; logging's own report would print the arguments as they are, secrets included."""
        self.errors += 1
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(f"a log record could not be written: {record.name}, line {record.lineno}\n")


class _LineFormatter(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The record's line, and the traceback's lines if it has one."""
        name = record.name.removeprefix("ratcam.")
        lines = [f"{self.formatTime(record)} {record.levelname:<7} {name}: {_printable(record.getMessage())}"]
        for detail in (self._exception_text(record), record.stack_info or ""):
            lines.extend(f"    {_printable(line)}" for line in detail.split("\n") if line)
        return "\n".join(self._redactor.redact(line) for line in lines)

    def _exception_text(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else (record.exc_text or "")


def _printable(text: str) -> str:
    """Line breaks, terminal escapes and direction marks written out: a chat's name must not forge a line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logger.critical("this is a bug: nobody caught %s", kind.__name__, exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if arguments.exc_value is None or issubclass(arguments.exc_type, SystemExit):
        return
    name = arguments.thread.name if arguments.thread is not None else "?"
    logger.critical(
        "this is a bug: thread %s ended by %s",
        name,
        arguments.exc_type.__name__,
        exc_info=(arguments.exc_type, arguments.exc_value, arguments.exc_traceback),
    )
