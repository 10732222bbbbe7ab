"""Frozen dataclasses as JSON documents and back, strictly: what does not fit the dataclass is damage."""

import dataclasses
import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, ClassVar, Generic, Protocol, TypeVar, cast, get_type_hints


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


RowT = TypeVar("RowT", bound=_Dataclass)


class RowCodec(Generic[RowT]):
    """Turns values of one dataclass into documents and back. Fields are str, int, float, bool, or an enum of these."""

    def __init__(self, row_type: type[RowT]) -> None:
        hints = get_type_hints(row_type)
        self._row_type = row_type
        self._types = {field.name: _plain_type(hints[field.name]) for field in dataclasses.fields(row_type)}
        self._required = {field.name for field in dataclasses.fields(row_type) if field.default is dataclasses.MISSING}

    def encode(self, row: RowT) -> dict[str, object]:
        """The document of a value."""
        return {name: _to_json(getattr(row, name)) for name in self._types}

    def decode(self, document: Mapping[str, object]) -> RowT:
        """The value of a document. A field with a default may be missing.

        Raises:
            ValueError: a field is missing, unknown, or of the wrong type.
        """
        unknown = document.keys() - self._types.keys()
        missing = self._required - document.keys()
        if unknown or missing:
            raise ValueError(f"a document has wrong keys: {', '.join(sorted(map(repr, unknown | missing)))}")
        values = {name: _from_json(self._types[name], name, value) for name, value in document.items()}
        return self._row_type(**values)


def _plain_type(hint: object) -> type:
    while not isinstance(hint, type):
        hint = cast("Any", hint).__supertype__  # a NewType
    return hint


def _to_json(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _from_json(wanted: type, name: str, value: object) -> object:
    if issubclass(wanted, Enum):
        return wanted(value)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise ValueError(f'"{name}" is not {_NAMES[wanted]}')
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f'"{name}" is not a finite number')
    return value


_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
