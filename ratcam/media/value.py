"""Immutable values without the standard library's dataclasses, whose import costs more than muxing a short file."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self, dataclass_transform
else:

    def dataclass_transform(**_options: bool):
        """What type checkers know of at run time: nothing."""
        return lambda cls: cls


_MISSING = object()


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Value:
    """The base of a small value: annotated fields, given by keyword, that never change.

    Like a frozen dataclass it compares and hashes by its fields and has a readable `repr`; a field may have a default.
    """

    _fields: "tuple[tuple[str, object], ...]" = ()

    def __init_subclass__(cls) -> None:
        """Take the fields from the annotations; those of a base come first."""
        own = ((name, cls.__dict__.get(name, _MISSING)) for name in cls.__annotations__)
        cls._fields = (*cls._fields, *own)

    def __init__(self, **values: object) -> None:
        """Set every field.

        Raises:
            TypeError: a field without default is missing, or there is no such field.
        """
        held = self.__dict__
        for name, default in self._fields:
            held[name] = values.pop(name, default)
            if held[name] is _MISSING:
                raise TypeError(f"{type(self).__name__} needs {name}")
        if values:
            raise TypeError(f"{type(self).__name__} has no {', '.join(values)}")

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        """Refuse.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{type(self).__name__}.{name} cannot be deleted")

    def __eq__(self, other: object) -> bool:
        """Whether it is of the same class and has equal fields."""
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        """A hash of the fields."""
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        """The class and its fields, as they would be given."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({fields})"

    def replaced(self, **changes: object) -> "Self":
        """The same value with other fields.

        Raises:
            TypeError: there is no such field.
        """
        return type(self)(**{**self.__dict__, **changes})
