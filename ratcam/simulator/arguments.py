"""The parameters of one call: strictly named, converted on request."""

import json
from collections.abc import Mapping

from ratcam.simulator.files import Upload
from ratcam.simulator.json_types import JsonObject, JsonValue
from ratcam.simulator.refusal import ProtocolProblem, bad_request


class Arguments:
    """What a client sent: values from a form are strings, from JSON anything; files came as multipart parts."""

    def __init__(self, values: Mapping[str, JsonValue], uploads: Mapping[str, Upload]) -> None:
        self._values = dict(values)
        self._uploads = dict(uploads)

    @property
    def values(self) -> Mapping[str, JsonValue]:
        """Everything but the files, as it came."""
        return self._values

    @property
    def uploads(self) -> Mapping[str, Upload]:
        """The files by the name of their part."""
        return self._uploads

    def check_names(self, method: str, known: frozenset[str]) -> None:
        """Refuse parameters that the method does not have here, and files that no parameter refers to.

        Raises:
            ProtocolProblem: there is one.
        """
        sent = set(self._values) | {name for name in self._uploads if f"attach://{name}" not in str(self._values)}
        if unknown := sorted(sent - known):
            raise ProtocolProblem(400, f"the simulator does not know parameter {', '.join(unknown)} of {method}")

    def text(self, name: str) -> str:
        """A string; empty when missing.

        Raises:
            ProtocolProblem: it is no string.
        """
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ProtocolProblem(400, f"{name} must be of type String")
        return value

    def integer(self, name: str) -> int | None:
        """A whole number, or None when missing.

        Raises:
            ProtocolProblem: it is no whole number.
        """
        value = self._values.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, str | int) and not isinstance(value, bool):
                return int(value)
        except ValueError:
            pass
        raise ProtocolProblem(400, f"{name} must be a whole number, not {value!r}")

    def flag(self, name: str) -> bool:
        """A boolean; False when missing.

        Raises:
            ProtocolProblem: it is neither true nor false.
        """
        match self._values.get(name):
            case None | False | "false" | "False":
                return False
            case True | "true" | "True":
                return True
            case other:
                raise ProtocolProblem(400, f"{name} must be true or false, not {other!r}")

    def structure(self, name: str) -> JsonValue:
        """A JSON value, which a form carries as text; None when missing.

        Raises:
            Refusal: the text is not JSON.
        """
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise bad_request(f"can't parse {name} JSON object") from error

    def object(self, name: str, known: frozenset[str]) -> JsonObject | None:
        """A JSON object with no other keys than `known`; None when missing.

        Raises:
            Refusal: it is not one.
        """
        value = self.structure(name)
        return None if value is None else known_object(value, name, known)

    def chat_id(self) -> int:
        """The parameter chat_id.

        Raises:
            Refusal: it is missing, or names a public channel, which does not exist here.
        """
        value = self._values.get("chat_id")
        if value is None or value == "":
            raise bad_request("chat_id is empty")
        if isinstance(value, str) and value.startswith("@"):
            raise bad_request("chat not found")
        return self.required_integer("chat_id")

    def required_integer(self, name: str) -> int:
        """A whole number that must be there.

        Raises:
            Refusal: it is missing or no number.
        """
        value = self.integer(name)
        if value is None:
            raise bad_request(f"{name} is not specified")
        return value

    def file(self, name: str, reference: JsonValue = None) -> Upload | str | None:
        """A file: sent as the part `name`, attached (`attach://PART`), or a file id; None when missing.

        `reference` stands for the parameter's value where that is inside another object.

        Raises:
            Refusal: the part is missing, or the value is an address.
        """
        value = self._values.get(name) if reference is None else reference
        if value is None:
            part = name
        elif isinstance(value, str) and value.startswith("attach://"):
            part = value.removeprefix("attach://")
        elif isinstance(value, str):
            if value.startswith(("http://", "https://")):
                raise ProtocolProblem(400, "wrong file identifier/HTTP URL specified")
            return value or None
        else:
            raise ProtocolProblem(400, f"{name} must be a file or a file id")
        upload = self._uploads.get(part)
        if upload is None:
            if value is None:
                return None
            raise ProtocolProblem(400, f"there is no file part {part} in the request")
        return upload


def known_object(value: JsonValue, name: str, known: frozenset[str]) -> JsonObject:
    """A value as an object with no other keys than `known`.

    Raises:
        Refusal: it is not one.
    """
    if not isinstance(value, dict):
        raise bad_request(f"{name} must be an object")
    if unknown := sorted(set(value) - known):
        raise ProtocolProblem(400, f"the simulator does not know {', '.join(unknown)} of {name}")
    return value
