"""The Supervisor: starts the actors, watches and restarts them, stops them in order. The main thread, no actor."""

import faulthandler
import logging
import random
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import assert_never

from ratcam.actors.supervised import Address, OnDeath
from ratcam.errors import ExitStatus
from ratcam.messages import ChildFailed
from ratcam.ports import Clock

_log = logging.getLogger(__name__)

Starter = Callable[[Address, OnDeath], object]
"""Makes and starts a new incarnation of one child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How often a child may fail before the whole process gives up, and how long its restarts wait."""

    first_wait_s: float = 0.1
    longest_wait_s: float = 10.0
    most_failures: int = 6
    window_s: float = 60.0
    hang_timeout_s: float = 60.0
    """An actor that handles one message for longer hangs: the process ends, for the service manager to restart it."""
    stop_limit_s: float = 3.0
    """How long one actor may take to stop."""
    stop_total_s: float = 9.0
    """How long all of them may take."""
    optional_stop_s: float = 1.0
    """How long the optional ones may take after that, all together."""


@dataclass(slots=True)
class _Child:
    address: Address
    start: Starter
    is_optional: bool
    is_running: bool = False
    is_given_up: bool = False
    restart_at_s: float | None = None
    failures_s: deque[float] = field(default_factory=deque[float])


@dataclass(frozen=True, slots=True)
class _StopRequest:
    reason: str


class Supervisor:
    """Runs a list of children until it is asked to stop or a child gives up.

    Children start in the order they were added and stop in reverse. A child that fails is restarted after a wait that
    doubles with each failure of the last `window_s`; the new incarnation starts only when the old thread has ended, on
    the same `Address`. More than `most_failures` within the window end the process with `ExitStatus.FAILED`. A child
    that cannot be started has failed. One that waits for its restart when a stop is requested is started once more, for
    what waits in its mailbox, and then stopped within the same limits.

    What the others can do without is added as optional: where another child would end the process, this one is given
    up, with a line in the log, and its address closed. It stops after all others, within a short time of its own, and
    whatever becomes of it the status is that of the others.
    """

    def __init__(self, *, clock: Clock, policy: RestartPolicy | None = None, tick_s: float = 0.2) -> None:
        self._clock = clock
        self._policy = policy or RestartPolicy()
        self._tick_s = tick_s
        self._children: list[_Child] = []
        self._inbox: SimpleQueue[ChildFailed | _StopRequest] = SimpleQueue()
        self._status = ExitStatus.OK

    def add(
        self,
        address: Address,
        start: Starter,
        *,
        is_optional: bool = False,
    ) -> None:
        """Add a child: `start(address, on_death)` makes and starts a new incarnation."""
        self._children.append(_Child(address=address, start=start, is_optional=is_optional))

    def request_stop(self, reason: str) -> None:
        """Stop everything in order. For any thread and for signal handlers."""
        self._inbox.put(_StopRequest(reason))

    def run(self) -> ExitStatus:
        """Start the children and watch them until a stop is requested or one gives up, then stop them all.

        Whatever ends the watch, also an exception, the children are stopped.
        """
        try:
            _log.info("stopping: %s", self._watch())
        finally:
            self._stop_all()
        return self._status

    def _watch(self) -> str:
        for child in self._children:
            self._start(child)
        next_tick_s = self._clock.monotonic_s()
        reason = None
        while reason is None:
            now_s = self._clock.monotonic_s()
            if now_s >= next_tick_s:
                reason = self._tick(now_s)
                next_tick_s = now_s + self._tick_s
                continue
            try:
                event = self._inbox.get(timeout=next_tick_s - now_s)
            except Empty:
                continue
            match event:
                case ChildFailed():
                    reason = self._child_failed(event)
                case _StopRequest():
                    reason = event.reason
                case _:
                    assert_never(event)
        return reason

    def _start(self, child: _Child) -> None:
        child.restart_at_s = None
        try:
            child.start(child.address, self._inbox.put)
            child.is_running = True
        except Exception as exc:  # noqa: BLE001 - whatever it is (no more threads, say), it is this child's failure
            _log.error("%s could not be started", child.address.name, exc_info=exc)
            self._inbox.put(ChildFailed(name=child.address.name, reason=repr(exc)))

    def _tick(self, now_s: float) -> str | None:
        for child in self._children:
            if child.is_given_up:
                continue
            if child.restart_at_s is not None and now_s >= child.restart_at_s:
                self._start(child)
            child.address.ping(now_s)
            if child.is_running and child.address.busy_s(now_s) > self._policy.hang_timeout_s:
                _log.error("%s hangs; the stacks of all threads follow", child.address.name)
                faulthandler.dump_traceback(file=sys.__stderr__ or sys.stderr, all_threads=True)
                reason = self._give_up(child, f"{child.address.name} hangs")
                if reason is not None:
                    return reason
        return None

    def _give_up(self, child: _Child, reason: str) -> str | None:
        """Why everything is to be stopped now; None if the others go on without this child."""
        if not child.is_optional:
            self._status = ExitStatus.FAILED
            return reason
        _log.error("going on without %s, until the next start", child.address.name)
        child.is_given_up = True
        child.address.close()
        return None

    def _child_failed(self, event: ChildFailed) -> str | None:
        child = self._child(event.name)
        child.is_running = False
        if child.is_given_up:
            return None  # it hung, and has come to its end after all
        now_s = self._clock.monotonic_s()
        child.failures_s.append(now_s)
        while child.failures_s[0] < now_s - self._policy.window_s:
            child.failures_s.popleft()
        failures = len(child.failures_s)
        if failures > self._policy.most_failures:
            _log.error(
                "%s failed %d times in %.0f s (%s); giving up",
                event.name,
                failures,
                self._policy.window_s,
                event.reason,
            )
            return self._give_up(child, f"{event.name} gave up")
        wait_s = min(self._policy.longest_wait_s, self._policy.first_wait_s * 2 ** (failures - 1))
        wait_s *= random.uniform(0.8, 1.2)  # noqa: S311 - jitter, not a secret
        child.restart_at_s = now_s + wait_s
        _log.warning("%s failed (%s); restarting it in %.1f s", event.name, event.reason, wait_s)
        return None

    def _child(self, name: str) -> _Child:
        return next(child for child in self._children if child.address.name == name)

    def _stop_all(self) -> None:
        for is_optional, limit_s, total_s in (
            (False, self._policy.stop_limit_s, self._policy.stop_total_s),
            (True, self._policy.optional_stop_s, self._policy.optional_stop_s),
        ):
            children = [one for one in self._children if one.is_optional == is_optional and not one.is_given_up]
            for child in children if is_optional else ():
                child.address.request_stop()  # all at once: they do not know of each other, and time is short
            self._stop_some(children, limit_s, self._clock.monotonic_s() + total_s)

    def _stop_some(self, children: list[_Child], limit_s: float, ends_s: float) -> None:
        for child in children:
            if child.restart_at_s is not None:
                # What waits in its mailbox is handled by one more incarnation; it stops when it has.
                self._start(child)
        for child in reversed(children):
            if child.is_running:
                self._stop(child, min(ends_s, self._clock.monotonic_s() + limit_s))
            child.address.close()

    def _stop(self, child: _Child, until_s: float) -> None:
        child.address.request_stop()
        while (left_s := until_s - self._clock.monotonic_s()) > 0:
            try:
                event = self._inbox.get(timeout=left_s)
            except Empty:
                break
            if not isinstance(event, ChildFailed):
                continue
            ended = self._child(event.name)
            ended.is_running = False
            if event.reason:
                self._failed_to_stop(ended, f"failed while stopping ({event.reason})")
            if ended is child:
                return
        self._failed_to_stop(child, "did not stop in time")

    def _failed_to_stop(self, child: _Child, how: str) -> None:
        if child.is_optional:
            _log.warning("%s %s", child.address.name, how)
            return
        _log.error("%s %s", child.address.name, how)
        self._status = ExitStatus.FAILED
