"""Connects to Telegram and keeps polling it, from no network at all to a token that is taken away."""

import asyncio
import logging
import random

from telegram import Bot
from telegram.error import InvalidToken, TelegramError
from telegram.ext import Updater

from ratcam.chat.failures import FloodWaitError, classify
from ratcam.chat.link_health import LinkHealth, Problem
from ratcam.chat.telegram_request import PollingRequest
from ratcam.chat.timings import GatewayTimings
from ratcam.ports import Clock

_logger = logging.getLogger(__name__)

_ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
_STOP_TIMEOUT_S = 0.8
_CANCEL_TIMEOUT_S = 0.1
_WATCH_PERIOD_S = 5.0


class Receiver:
    """Puts every update into `updates`. Belongs to one event loop."""

    def __init__(
        self,
        *,
        bot: Bot,
        polling: PollingRequest,
        updates: "asyncio.Queue[object]",
        timings: GatewayTimings,
        clock: Clock,
        health: LinkHealth,
    ) -> None:
        self._bot = bot
        self._polling = polling
        self._updates = updates
        self._timings = timings
        self._clock = clock
        self._health = health
        self.is_accepted = asyncio.Event()
        """Set once the server has accepted the token."""

    @property
    def is_link_good(self) -> bool:
        """Whether the server has accepted the token and the newest poll that ended was answered as it should be."""
        return self.is_accepted.is_set() and not self._polling.is_failing

    async def run(self) -> None:
        """Connect, however long that takes, and poll. Ends only by cancellation, then within a second or so.

        Raises:
            RuntimeError: polling has stopped by itself; call again.
        """
        # A new updater each time: one whose polling failed cannot be started again.
        updater = Updater(self._bot, self._updates)
        try:
            await self._connect(updater)
            self.is_accepted.set()
            _logger.info("Connected to Telegram as @%s.", self._bot.username)
            while True:
                await asyncio.sleep(_WATCH_PERIOD_S)
                idle_s = self._clock.monotonic_s() - self._polling.last_attempt_s
                if idle_s > self._timings.poll_watch_s:
                    raise RuntimeError(f"polling has stood still for {idle_s:.0f} s")
        finally:
            await _stop(updater)

    async def _connect(self, updater: Updater) -> None:
        backoff_s = self._timings.retry_first_s
        while True:
            try:
                await updater.initialize()
                self._polling.last_attempt_s = self._clock.monotonic_s()
                await updater.start_polling(
                    timeout=self._timings.poll_s,
                    allowed_updates=_ALLOWED_UPDATES,
                    # Pending updates tell of chats that are lost; the age of commands is judged one by one.
                    drop_pending_updates=False,
                    # No error_callback: `PollingRequest` tells `LinkHealth` every failure, and that callback not all.
                )
            except InvalidToken as error:
                # Not its text: that holds the token.
                self._health.failed(Problem.TOKEN, str(error.__cause__ or type(error).__name__))
                pause_s = self._timings.token_retry_s
            except FloodWaitError as error:
                pause_s = error.retry_after_s
            except TelegramError as error:
                self._health.failed(Problem.OFFLINE, classify(error).detail)
                pause_s = backoff_s
                backoff_s = min(2 * backoff_s, self._timings.retry_max_s)
            else:
                self._health.answered()
                return
            await asyncio.sleep(pause_s * random.uniform(0.75, 1.25))  # noqa: S311  (jitter, not a secret)


async def _stop(updater: Updater) -> None:
    if not updater.running:
        return
    # Not awaited itself: it raises again whatever ended polling, and waits for a last answer of the server.
    stopping = asyncio.create_task(updater.stop())
    for patience_s in (_STOP_TIMEOUT_S, _CANCEL_TIMEOUT_S, _CANCEL_TIMEOUT_S):
        await asyncio.wait((stopping,), timeout=patience_s)
        # More than once: in the middle of its wait for the last poll it takes no notice, and goes on to ask the server.
        stopping.cancel()
    if stopping.done() and not stopping.cancelled() and stopping.exception() is not None:
        _logger.debug("Polling had ended with %s.", type(stopping.exception()).__name__)
