"""From the text of a value to the value: types, limits, choices. Pure."""

import re
from typing import cast

from ratcam.config_schema import REQUIRED, Key
from ratcam.motion.polygon import EXAMPLE, Polygon, PolygonError, polygon_text, read_polygon
from ratcam.redaction import excerpt

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_YES = frozenset(("yes", "true", "on", "1"))
_NO = frozenset(("no", "false", "off", "0"))


def read_value(key: Key, text: str) -> object:
    """The value that a text means for a key.

    Raises:
        ValueError: none; the message says what is wrong and what to write, without a secret.
    """
    if not text and key.default is None:
        return None
    if not text and key.default != "":
        otherwise = "" if key.default is REQUIRED else f", or delete the line for {as_text(key.default)}"
        raise ValueError(f"has no value; write {wanted(key)}{otherwise}")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        raise ValueError("is in quotes; write the value without them")
    if key.type is bool:
        return _read_bool(key, text)
    if key.type in (int, float):
        return _read_number(key, text)
    if key.type is tuple:
        return _read_polygon(key, text)
    if key.choices and text not in key.choices:
        raise _unfit(key, text)
    return text


def as_text(value: object) -> str:
    """A value as it is written in an ini file."""
    match value:
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case None:
            return ""
        case tuple():
            return polygon_text(cast("Polygon", value))
        case _:
            return str(value)


def wanted(key: Key) -> str:
    """What may be written: "a whole number from 1 to 60"."""
    if key.choices:
        return " or ".join((", ".join(key.choices[:-1]), key.choices[-1]))
    if key.type is bool:
        return "yes or no"
    if key.type is str:
        return "a text"
    if key.type is tuple:
        return f"the corners as x,y in per cent, such as {polygon_text(EXAMPLE)}"
    return f"{'a whole number' if key.type is int else 'a number'}{limits(key)}"


def limits(key: Key) -> str:
    """The limits of a number: " from 1 to 60", with a blank before it; empty where there are none."""
    if key.minimum is None or key.maximum is None:
        return ""
    return f" from {as_text(key.minimum)} to {as_text(key.maximum)}"


def echo(key: Key, text: str) -> str:
    """A value as a message may show it: short, and not at all if it is a secret."""
    if key.is_secret:
        return "(hidden)"
    return excerpt(text)


def _read_bool(key: Key, text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise _unfit(key, text)
    return word in _YES


def _read_number(key: Key, text: str) -> int | float:
    if key.type is float and "," in text and _NUMBER.fullmatch(text.replace(",", ".", 1)):
        raise ValueError(f"= {echo(key, text)}: write a point for the comma: {text.replace(',', '.', 1)}")
    shape = _INTEGER if key.type is int else _NUMBER
    if not shape.fullmatch(text):
        raise _unfit(key, text)
    value = int(text) if key.type is int else float(text)
    is_low = key.minimum is not None and value < key.minimum
    if is_low or (key.maximum is not None and value > key.maximum):
        raise _unfit(key, text)
    return value


def _read_polygon(key: Key, text: str) -> Polygon:
    try:
        return read_polygon(text)
    except PolygonError as exc:
        raise ValueError(f"= {echo(key, text)}: {exc}") from exc


def _unfit(key: Key, text: str) -> ValueError:
    example = as_text(key.default)
    such = f", such as {example}" if example else ""
    return ValueError(f"= {echo(key, text)}: write {wanted(key)}{such}")
