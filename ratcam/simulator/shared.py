"""One model for several threads: the server's loop, and whoever plays the persons."""

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from ratcam.simulator.model import Model

T = TypeVar("T")


class Bell:
    """Wakes coroutines of one loop from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everybody who waits by now. The loop must not be closed."""
        self._loop.call_soon_threadsafe(self._wake)

    async def wait(self, timeout_s: float) -> None:
        """Return at the next ring, or after `timeout_s`. No ring is lost between two steps of the loop."""
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait_for(future, timeout_s)
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(future)

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


class SharedModel:
    """A model that one thread at a time may use; whoever waits for a change hears of it."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._changed = threading.Condition()
        self._bell: Bell | None = None
        self._version = 0

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._version

    def attach(self, bell: Bell | None) -> None:
        """From now on ring this bell at every change; None before its loop is closed."""
        with self._changed:
            self._bell = bell

    @contextmanager
    def read(self) -> Generator[Model, None, None]:
        """The model, for looking only. Do not wait inside."""
        with self._changed:
            yield self._model

    @contextmanager
    def note(self) -> Generator[Model, None, None]:
        """As `change`, for what no chat shows: only threads in `wait_for` are told."""
        with self._changed:
            try:
                yield self._model
            finally:
                self._changed.notify_all()

    @contextmanager
    def change(self) -> Generator[Model, None, None]:
        """The model, for changing; everybody is told afterwards. Do not wait inside."""
        with self._changed:
            try:
                yield self._model
            finally:
                self._version += 1
                self._changed.notify_all()
                if self._bell is not None:
                    self._bell.ring()

    def wait_for(self, find: Callable[[Model], T | None], timeout_s: float) -> T | None:
        """Wait until `find` returns something and return that, or None after `timeout_s`. Not on the server's loop."""
        with self._changed:
            found: list[T] = []

            def is_found() -> bool:
                value = find(self._model)
                if value is not None:
                    found.append(value)
                return value is not None

            self._changed.wait_for(is_found, timeout_s)
            return found[-1] if found else None
