"""getUpdates: held until there is something to hear, and only one at a time."""

import asyncio

from ratcam.simulator.arguments import Arguments
from ratcam.simulator.json_types import JsonValue
from ratcam.simulator.limits import MAX_POLL_S
from ratcam.simulator.refusal import ProtocolProblem, Refusal
from ratcam.simulator.shared import Bell, SharedModel


class Poller:
    """Answers getUpdates. A newer poll ends an older one with 409, as Telegram does. Used on the server's loop only."""

    def __init__(self, *, shared: SharedModel, bell: Bell) -> None:
        self._shared = shared
        self._bell = bell
        self._newest: object = None
        self._is_closing = False

    def close(self) -> None:
        """Let held polls end now, empty."""
        self._is_closing = True
        self._bell.ring()

    async def poll(self, arguments: Arguments) -> list[JsonValue]:
        """The updates that wait, at once or within the timeout; an empty list after it.

        Raises:
            Refusal: 409, a newer poll has begun; or the parameters are wrong.
        """
        ticket = object()
        self._newest = ticket
        self._bell.ring()
        limit = arguments.integer("limit")
        limit = min(100, max(1, 100 if limit is None else limit))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + min(MAX_POLL_S, max(0, arguments.integer("timeout") or 0))
        self._prepare(arguments)
        while True:
            if self._newest is not ticket:
                raise Refusal(
                    409, "terminated by other getUpdates request; make sure that only one bot instance is running"
                )
            with self._shared.read() as model:
                updates: list[JsonValue] = [*model.updates.first(limit)]
            left_s = deadline_s - loop.time()
            if updates or left_s <= 0 or self._is_closing:
                return updates
            await self._bell.wait(left_s)

    def _prepare(self, arguments: Arguments) -> None:
        offset = arguments.integer("offset")
        kinds = arguments.structure("allowed_updates")
        with self._shared.note() as model:
            if isinstance(kinds, list):
                model.updates.allow(frozenset(str(kind) for kind in kinds))
            elif kinds is not None:
                raise ProtocolProblem(400, "allowed_updates must be an Array of String")
            if offset:
                model.updates.confirm(offset)
