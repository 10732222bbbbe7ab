"""How the simulator says no, in Telegram's words."""

from ratcam.simulator.json_types import JsonObject

_PREFIX_BY_STATUS = {400: "Bad Request: ", 403: "Forbidden: ", 409: "Conflict: "}


class Refusal(Exception):  # noqa: N818  the API's ordinary "no", not a fault of the program
    """A method call that Telegram would refuse: an HTTP status, a description and, for some, parameters."""

    def __init__(self, status: int, reason: str, parameters: JsonObject | None = None) -> None:
        super().__init__(_PREFIX_BY_STATUS.get(status, "") + reason)
        self.status = status
        self.description = _PREFIX_BY_STATUS.get(status, "") + reason
        self.parameters = parameters


class ProtocolProblem(Refusal):
    """A call that no correct client of this simulator makes; it is refused and recorded as a problem."""


def bad_request(reason: str) -> Refusal:
    """A 400 with Telegram's prefix."""
    return Refusal(400, reason)


def too_many_requests(retry_after_s: int) -> Refusal:
    """A 429 that tells how long to wait."""
    return Refusal(429, f"Too Many Requests: retry after {retry_after_s}", {"retry_after": retry_after_s})
