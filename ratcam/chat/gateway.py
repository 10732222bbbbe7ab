"""The way to the chats over the Telegram Bot API: one thread with one event loop that owns all of it."""

import asyncio
import contextlib
import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from telegram import Bot, Update

from ratcam.chat.command_menu import CommandMenu
from ratcam.chat.inbound import InboundFilter
from ratcam.chat.link_health import LinkHealth
from ratcam.chat.receiver import Receiver
from ratcam.chat.sender import REQUESTS_AT_ONCE, UPLOADS_AT_ONCE, Sender, not_allowed
from ratcam.chat.telegram_request import PollingRequest, ServerClock, TelegramRequest
from ratcam.chat.timings import DEFAULT_TIMINGS, GatewayTimings
from ratcam.errors import ConfigError
from ratcam.messages import (
    ChatEvent,
    ChatId,
    Delivery,
    DeliveryFailed,
    DeliveryId,
    DeliverySucceeded,
    FailureKind,
    MediaKind,
)
from ratcam.ports import Clock

_logger = logging.getLogger(__name__)

_UPDATES_AHEAD = 200
_SPARE_CONNECTIONS = 2
"""For getMe and the command menu beside the deliveries."""
_CLOSE_TIMEOUT_S = 1.0
_TO_END_S = 1.0
"""What a stop keeps of its time for the end of the connections and the thread."""
_DUTY_RETRY_S = 1.0
_DUTY_RETRY_MAX_S = 60.0


class TelegramGateway:
    """A `ratcam.ports.ChatGateway`. After `stop` a new one is needed.

    It starts without a network and goes on trying. `DeliveryFailed` is never retried here. The `ChatMigrated` of one
    migration may be reported more than once. The token appears in no log line.
    """

    def __init__(
        self,
        *,
        token: str,
        base_url: str,
        commands: tuple[tuple[str, str], ...],
        clock: Clock,
        timings: GatewayTimings = DEFAULT_TIMINGS,
    ) -> None:
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._commands = commands
        self._clock = clock
        self._timings = timings
        self._lock = threading.Lock()
        self._waiting: deque[Delivery] = deque()
        self._on_the_way: set[DeliveryId] = set()
        self._allowed: frozenset[ChatId] = frozenset()
        self._revoked: set[ChatId] = set()
        self._dropped: list[Delivery] = []
        self._grace_s = 0.0
        self._listener: Callable[[ChatEvent], None] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stopping = False
        # These belong to the thread.
        self._news = asyncio.Event()
        self._quit = asyncio.Event()

    def start(self, listener: Callable[[ChatEvent], None]) -> None:
        """Begin to listen and send; see `ChatGateway.start`.

        Raises:
            ConfigError: there is no token.
            RuntimeError: it was stopped before.
        """
        if not self._token:
            raise ConfigError(("[telegram] has no token. Get one from @BotFather and put it into a token_file.",))
        # These log every URL (with the token) and every message; what matters of it reaches us as exceptions.
        for name, level in (("httpx", logging.WARNING), ("httpcore", logging.WARNING), ("telegram", logging.CRITICAL)):
            logging.getLogger(name).setLevel(level)
        with self._lock:
            if self._is_stopping:
                raise RuntimeError("a gateway that was stopped does not start again")
            if self._thread is not None:
                return
            self._listener = listener
            self._thread = threading.Thread(target=self._run, name="telegram", daemon=True)
            self._thread.start()

    def allow(self, chats: frozenset[ChatId]) -> None:
        """From now on only these chats' commands pass. May be called before `start`.

        What was sent to a chat that is not among them any more fails, a picture or clip in the middle of its upload,
        too; only a text under way goes out. Later deliveries to it are sent: others than these are answered, too.
        """
        with self._lock:
            revoked = self._allowed - chats
            self._allowed = chats
            self._revoked |= revoked
            self._dropped += [delivery for delivery in self._waiting if delivery.chat in revoked]
            self._waiting = deque(delivery for delivery in self._waiting if delivery.chat not in revoked)
            self._wake()

    def send(self, delivery: Delivery) -> None:
        """Send one delivery; see `ChatGateway.send`. Before `start` it waits; after `stop` it is lost."""
        with self._lock:
            if not self._is_stopping:
                self._on_the_way.add(delivery.delivery_id)
                self._waiting.append(delivery)
                self._wake()

    def on_the_way(self) -> frozenset[DeliveryId]:
        """See `ChatGateway.on_the_way`."""
        with self._lock:
            return frozenset(self._on_the_way)

    def stop(self, timeout_s: float) -> None:
        """End the thread within `timeout_s`. Not to be called by the listener.

        While Telegram answers, the texts that wait and everything under way have all of that but a second to go out,
        and the listener hears their results before this returns. The rest is given up without a result.
        """
        with self._lock:
            if not self._is_stopping:
                self._is_stopping = True
                self._grace_s = timeout_s - _TO_END_S
                self._waiting = deque(delivery for delivery in self._waiting if delivery.kind is MediaKind.TEXT)
            self._wake()
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._quit.set)
            thread = self._thread
        if thread is None:
            return
        thread.join(timeout_s)
        if thread.is_alive():
            _logger.warning("The telegram thread has not ended within %.1f s; leaving it behind.", timeout_s)

    def _wake(self) -> None:
        """Make the loop look at what has changed. The lock is held."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._news.set)

    # --- on the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        loop = asyncio.new_event_loop()
        loop.set_exception_handler(self._on_loop_error)
        with self._lock:
            self._loop = loop
        try:
            loop.run_until_complete(self._keep_doing("loop", self._live))
        finally:
            with self._lock:
                self._loop = None
            # Unlike asyncio.run this does not wait for name look-ups under way, which can take minutes.
            loop.close()

    async def _live(self) -> None:
        not_ours = asyncio.all_tasks()
        server_clock = ServerClock(clock=self._clock)
        health = LinkHealth(clock=self._clock)
        polling = PollingRequest(server_clock=server_clock, timings=self._timings, clock=self._clock, health=health)
        sending = TelegramRequest(
            server_clock=server_clock,
            timings=self._timings,
            pool_size=UPLOADS_AT_ONCE + REQUESTS_AT_ONCE + _SPARE_CONNECTIONS,
        )
        bot = Bot(
            self._token,
            base_url=f"{self._base_url}/bot",
            base_file_url=f"{self._base_url}/file/bot",
            request=sending,
            get_updates_request=polling,
        )
        updates: asyncio.Queue[object] = asyncio.Queue(_UPDATES_AHEAD)
        receiver = Receiver(
            bot=bot, polling=polling, updates=updates, timings=self._timings, clock=self._clock, health=health
        )
        inbound = InboundFilter(
            clock=self._clock,
            server_clock=server_clock,
            max_age_s=self._timings.command_age_s,
            strangers_per_s=self._timings.strangers_per_s,
        )
        menu = CommandMenu(bot=bot, commands=self._commands)
        sender = Sender(bot=bot, timings=self._timings, report=self._report)

        async def judge_updates() -> None:
            while True:
                update = await updates.get()
                if isinstance(update, Update):
                    event = inbound.event_of(update, allowed=self._allowed, username=bot.username or "")
                    if event is not None:
                        self._report(event)

        async def keep_menus() -> None:
            await receiver.is_accepted.wait()
            await menu.run()

        duties = [
            asyncio.create_task(self._keep_doing(name, duty))
            for name, duty in (("polling", receiver.run), ("judging", judge_updates), ("menus", keep_menus))
        ]
        try:
            await self._relay(sender, menu)
        finally:
            grace_s = self._grace_s if receiver.is_link_good else 0.0
            for duty in duties:
                duty.cancel()
            await sender.finish(grace_s)
            sender.close()
            self._give_up_on_the_way()
            await asyncio.wait(duties)
            await _cancel_all_but(not_ours)
            for request in (sending, polling):
                await asyncio.wait((asyncio.create_task(request.shutdown()),), timeout=_CLOSE_TIMEOUT_S)
            await _cancel_all_but(not_ours)

    async def _relay(self, sender: Sender, menu: CommandMenu) -> None:
        """Hand on what other threads ask for; returns when they ask to stop."""
        while True:
            self._news.clear()
            with self._lock:
                is_stopping = self._is_stopping
                deliveries, revoked, dropped = tuple(self._waiting), frozenset(self._revoked), tuple(self._dropped)
                self._waiting.clear()
                self._revoked.clear()
                self._dropped.clear()
                allowed = self._allowed
            # In this order: what was sent after the right was taken is for somebody who may enrol again.
            sender.drop(revoked)
            for delivery in dropped:
                self._report(not_allowed(delivery))
            for delivery in deliveries:
                sender.accept(delivery)
            if is_stopping:
                return
            menu.show_in(allowed)
            await self._news.wait()

    async def _keep_doing(self, name: str, duty: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a duty to its end: whatever it dies of is logged, and it begins again after a pause that grows."""
        pause_s = _DUTY_RETRY_S
        while True:
            begun_s = self._clock.monotonic_s()
            task = asyncio.create_task(duty())
            try:
                await asyncio.wait((task,))
            finally:
                task.cancel()
                await asyncio.wait((task,))
            error = None if task.cancelled() else task.exception()
            if error is None or self._is_stopping:
                return
            self._log_bug(f"The gateway's {name} has failed and begins again in {pause_s:g} s", error)
            if self._clock.monotonic_s() - begun_s > _DUTY_RETRY_MAX_S:
                pause_s = _DUTY_RETRY_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._quit.wait(), pause_s)
            pause_s = min(2 * pause_s, _DUTY_RETRY_MAX_S)

    def _give_up_on_the_way(self) -> None:
        """What had been taken up and has no result yet may have arrived or not; a stop reports nothing."""
        with self._lock:
            waiting = {delivery.delivery_id for delivery in (*self._waiting, *self._dropped)}
            given_up = () if self._is_stopping else tuple(self._on_the_way - waiting)
        for delivery_id in given_up:
            detail = "the gateway began again"
            self._report(DeliveryFailed(delivery_id=delivery_id, kind=FailureKind.AMBIGUOUS, detail=detail))

    def _report(self, event: ChatEvent) -> None:
        """Tell the listener, from the loop itself: what it raises ends in `_on_loop_error` and stops nothing here."""
        if self._listener is not None:
            asyncio.get_running_loop().call_soon(self._listener, event)
        if isinstance(event, DeliverySucceeded | DeliveryFailed):
            asyncio.get_running_loop().call_soon(self._arrived, event.delivery_id)

    def _arrived(self, delivery_id: DeliveryId) -> None:
        with self._lock:
            self._on_the_way.discard(delivery_id)

    def _on_loop_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # Not asyncio's own message: it shows the arguments of the call.
        self._log_bug("A call on the telegram thread has failed", context.get("exception"))

    def _log_bug(self, what: str, error: BaseException | None) -> None:
        trace = "".join(traceback.format_exception(error)) if error is not None else "no exception"
        _logger.error("%s: %s", what, trace.replace(self._token, "<token>"))


async def _cancel_all_but(others: set[asyncio.Task[Any]]) -> None:
    """End every task of this loop that is not in `others`, so that none is left when it closes."""
    tasks = asyncio.all_tasks() - others
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT_S)
