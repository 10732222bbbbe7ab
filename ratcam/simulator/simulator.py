"""The simulator as a whole: a Bot API server and a chat page on a thread of their own, and the persons in the chats."""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from ratcam.clock import SystemClock
from ratcam.errors import BadInputError, RatcamError
from ratcam.messages import ChatId
from ratcam.ports import Clock
from ratcam.simulator import person
from ratcam.simulator.faults import Fault, FaultKind, FaultScript, When
from ratcam.simulator.journal import Call, Journal
from ratcam.simulator.json_types import JsonObject
from ratcam.simulator.limits import RateModel
from ratcam.simulator.model import Model
from ratcam.simulator.page import ChatPage
from ratcam.simulator.polling import Poller
from ratcam.simulator.records import User
from ratcam.simulator.server import ApiServer
from ratcam.simulator.shared import Bell, SharedModel
from ratcam.simulator.transcript import ChatMessage, messages, save, tail, transcript

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 10.0
_SHUTDOWN_S = 1.0
"""How long requests under way may take to end."""
_ACCEPT_TURNS = 10
"""Turns of the loop, of which asyncio takes three, until the runner knows a connection accepted just before the end.
It closes those it knows; asyncio forgets one that it has not attached yet when the server ends, without closing it."""


class Simulator:
    """A Telegram of one bot on this machine. Every method may be called from any thread.

    The state outlives `stop`: what was said can still be read and saved, and `start` opens the same address again.
    With `group_privacy` (as bots are by default) the bot hears of a group only commands and replies to its messages.
    """

    def __init__(
        self,
        *,
        token: str,
        bot_username: str = "ratcam_demo_bot",
        bot_name: str = "Ratcam",
        host: str = "127.0.0.1",
        port: int = 0,
        rate_limits: bool = False,
        group_privacy: bool = True,
        clock: Clock | None = None,
    ) -> None:
        own_clock = clock or SystemClock()
        digits = token.partition(":")[0]
        bot = User(
            user_id=int(digits) if digits.isdecimal() else 1, first_name=bot_name, username=bot_username, is_bot=True
        )
        self._token = token
        self._host = host
        self._port = port
        self._shared = SharedModel(Model(bot=bot, clock=own_clock, group_privacy=group_privacy))
        self._rates = RateModel(clock=own_clock, is_on=rate_limits)
        self._faults = FaultScript()
        self._journal = Journal()
        self._life = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._listening = threading.Event()
        self._failure: OSError | None = None

    # --- life

    def start(self) -> None:
        """Listen; returns when the address answers. Does nothing when running.

        Raises:
            BadInputError: the address is taken or not of this machine.
            RatcamError: the server did not start in time.
        """
        with self._life:
            if self._thread is not None:
                return
            self._failure = None
            self._listening.clear()
            self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
            self._thread.start()
            is_ready = self._listening.wait(_START_TIMEOUT_S)
            if is_ready and self._failure is None:
                return
            self._thread.join(_STOP_TIMEOUT_S)
            self._thread = None
        if self._failure is not None:
            raise BadInputError(
                f"The simulator cannot listen on {self._host}:{self._port} ({self._failure}). Choose another port."
            ) from self._failure
        raise RatcamError("The simulator did not start in time.")

    def stop(self) -> None:
        """Close every connection and end the thread, within 10 seconds. Idempotent.

        Raises:
            RatcamError: the thread did not end in time.
        """
        with self._life:
            thread, loop, stopping = self._thread, self._loop, self._stopping
            if thread is None or loop is None or stopping is None:
                return
            loop.call_soon_threadsafe(stopping.set)
            thread.join(_STOP_TIMEOUT_S)
            if thread.is_alive():
                raise RatcamError("The simulator did not stop in time.")
            self._thread = None

    @property
    def base_url(self) -> str:
        """What belongs into [telegram] base_url; known once started."""
        return f"http://{self._host}:{self._port}"

    @property
    def page_url(self) -> str:
        """Where a browser shows the chats; known once started."""
        return f"{self.base_url}/"

    # --- the persons

    def add_private_chat(self, name: str) -> ChatId:
        """A new person, who may be written to at once; nothing is said yet."""
        with self._shared.change() as model:
            return ChatId(model.add_private_chat(name).chat_id)

    def add_group(self, title: str, member_names: tuple[str, ...] = ("Ada",)) -> ChatId:
        """A new group whose first member is its owner and adds the bot (my_chat_member)."""
        with self._shared.change() as model:
            return ChatId(model.add_group(title, member_names).chat_id)

    def say(self, chat: int, text: str, *, user: str | None = None, reply_to: int | None = None) -> int:
        """A person writes; in a group the member called `user`, who joins if need be. Returns the message's id.

        Raises:
            PersonError: there is no such chat, or nothing to say.
        """
        with self._shared.change() as model:
            return person.say(model, chat, text, user=user or "", reply_to=reply_to)

    def press(self, chat: int, message_id: int, button_text: str) -> str:
        """A person presses an inline button. Returns the id of the callback query.

        Raises:
            PersonError: there is no such message or button.
        """
        with self._shared.change() as model:
            return person.press(model, chat, message_id, button_text)

    def block(self, chat: int) -> None:
        """The person of a private chat blocks the bot.

        Raises:
            PersonError: there is no such private chat.
        """
        with self._shared.change() as model:
            person.block(model, chat)

    def unblock(self, chat: int) -> None:
        """The person of a private chat takes the block back.

        Raises:
            PersonError: there is no such private chat.
        """
        with self._shared.change() as model:
            person.unblock(model, chat)

    def kick(self, chat: int) -> None:
        """A group removes the bot.

        Raises:
            PersonError: there is no such group.
        """
        with self._shared.change() as model:
            person.kick(model, chat)

    def readd(self, chat: int) -> None:
        """A group adds the bot again.

        Raises:
            PersonError: there is no such group.
        """
        with self._shared.change() as model:
            person.readd(model, chat)

    def migrate(self, chat: int) -> ChatId:
        """A group becomes a supergroup. Returns the new chat's id.

        Raises:
            PersonError: there is no such group.
        """
        with self._shared.change() as model:
            return ChatId(person.migrate(model, chat))

    # --- what happened

    def messages(self, chat: int | None = None) -> tuple[ChatMessage, ...]:
        """The messages of one chat, or of all chat by chat, oldest first; deleted ones are left out."""
        with self._shared.read() as model:
            return messages(model, chat)

    def wait_for(self, predicate: Callable[[ChatMessage], bool], timeout_s: float) -> ChatMessage:
        """The oldest message that `predicate` accepts, as soon as there is one. `predicate` must be quick.

        Raises:
            TimeoutError: there was none within `timeout_s`; the error shows the newest messages.
        """
        found = self._shared.wait_for(
            lambda model: next((message for message in messages(model) if predicate(message)), None), timeout_s
        )
        if found is None:
            raise TimeoutError(f"no such message within {timeout_s:g} s; the newest are:\n{tail(self.messages())}")
        return found

    def wait_for_call(self, predicate: Callable[[Call], bool], timeout_s: float) -> Call:
        """The oldest finished call that `predicate` accepts, as soon as there is one. `predicate` must be quick.

        Raises:
            TimeoutError: there was none within `timeout_s`.
        """
        found = self._shared.wait_for(
            lambda _: next((call for call in self._journal.calls() if predicate(call)), None), timeout_s
        )
        if found is None:
            raise TimeoutError(f"no such call within {timeout_s:g} s; there were {self._journal.counts()}")
        return found

    def calls(self) -> tuple[Call, ...]:
        """The bot's newest 20,000 calls, oldest first."""
        with self._shared.read():
            return self._journal.calls()

    @property
    def problems(self) -> tuple[str, ...]:
        """What no correct client does: unknown methods or parameters, values of the wrong type. Empty is good."""
        with self._shared.read() as model:
            return tuple(model.problems)

    def save(self, directory: Path) -> None:
        """Write `transcript.json` and the media files beside it in `media/`.

        Raises:
            OSError: it cannot be written.
        """
        with self._shared.read() as model:
            record, shown = transcript(model, self._journal.counts()), messages(model)
        save(directory, record, shown)

    # --- faults

    def inject_fault(
        self,
        *,
        method: str = "*",
        chat: int | None = None,
        nth: int = 1,
        times: int = 1,
        when: When = "before",
        kind: FaultKind = "status",
        status: int = 500,
        description: str = "Internal Server Error",
        parameters: JsonObject | None = None,
        body: bytes = b"",
        content_type: str = "text/html",
        delay_s: float = 0.0,
    ) -> None:
        """Let calls from now on go wrong; `faults.Fault` tells what the words mean."""
        fault = Fault(
            method=method,
            chat=chat,
            nth=nth,
            times=times,
            when=when,
            kind=kind,
            status=status,
            description=description,
            parameters=parameters,
            body=body,
            content_type=content_type,
            delay_s=delay_s,
        )
        with self._shared.change():
            self._faults.add(fault)

    def clear_faults(self) -> None:
        """From now on everything works."""
        with self._shared.change():
            self._faults.clear()

    # --- the server's thread

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:  # cannot listen; start() tells
            self._failure = error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        bell = Bell(self._loop)
        poller = Poller(shared=self._shared, bell=bell)
        page = ChatPage(shared=self._shared, bell=bell)
        api = ApiServer(
            token=self._token,
            shared=self._shared,
            rates=self._rates,
            faults=self._faults,
            journal=self._journal,
            poller=poller,
        )
        application = web.Application(client_max_size=1 << 21)
        api.add_routes(application.router)
        page.add_routes(application.router)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            listener = _listener(self._host, self._port)
            site = web.SockSite(runner, listener)
            await site.start()
            self._port = int(listener.getsockname()[1])
            self._shared.attach(bell)
            self._listening.set()
            await self._stopping.wait()
            self._loop.remove_reader(listener)
            for _ in range(_ACCEPT_TURNS):
                await asyncio.sleep(0)
            await site.stop()
        finally:
            poller.close()
            page.close()
            self._shared.attach(None)
            await runner.cleanup()


def _listener(host: str, port: int) -> socket.socket:
    """A listening socket; its own, as it must stop to accept before the server closes."""
    return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
