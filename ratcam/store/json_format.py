"""The text of a store's file: JSON with one document a line, the same bytes for the same content. Pure.

    {
    "meta": {"kind":"auth","schema":1},
    "auth": {
    "1": {"chat":42,"name":"Ann","since_unix_s":1760000000.0}
    }
    }

Documents stand in the order of their numbers, keys in alphabetical order.
"""

import json
from collections.abc import Callable, Mapping
from typing import NoReturn, cast

Document = dict[str, object]
Tables = dict[str, dict[str, Document]]
"""What TinyDB hands a storage: tables of documents by number, the number as text."""

SCHEMA = 1
_META = "meta"


class NewerSchemaError(Exception):
    """The file is of a newer version of the program. `schema` is its number."""

    def __init__(self, schema: int) -> None:
        super().__init__(f"schema {schema}")
        self.schema = schema


def encode(tables: Mapping[str, Mapping[str, Mapping[str, object]]], *, kind: str) -> bytes:
    """The file's text.

    Raises:
        ValueError: a number is not finite, a table has a reserved name, a document's number is none.
        TypeError: a value is not one of JSON's.
    """
    if _META in tables:
        raise ValueError(f"no table may be called {_META}")
    lines = ["{", f'"{_META}": {_line({"kind": kind, "schema": SCHEMA})}']
    for name in sorted(tables):
        documents = sorted(tables[name].items(), key=lambda item: int(item[0]))
        lines[-1] += ","
        lines.append(f"{_line(name)}: {{")
        lines.extend(f'"{int(number)}": {_line(document)},' for number, document in documents)
        lines[-1] = lines[-1].removesuffix(",")
        lines.append("}")
    lines.append("}")
    return ("\n".join(lines) + "\n").encode()


def decode(data: bytes, *, kind: str, check: Callable[[Tables], None]) -> Tables:
    """The tables in a file's text, each time new objects; `check` raises ValueError for content it does not accept.

    Raises:
        ValueError: it is not such a text, in any respect; the message says where.
        NewerSchemaError: it is of a newer version.
    """
    try:
        content: object = json.loads(data.decode(), parse_constant=_refuse_constant, object_pairs_hook=_unique)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    tables = cast("dict[str, object]", content)
    _check_meta(tables.pop(_META, None), kind=kind)
    for name, table in tables.items():
        _check_table(name, table)
    checked = cast("Tables", tables)
    check(checked)
    return checked


def _check_meta(meta: object, *, kind: str) -> None:
    if not isinstance(meta, dict):
        raise ValueError(f'it has no "{_META}"')
    fields = cast("dict[str, object]", meta)
    schema = fields.get("schema")
    if type(schema) is not int or schema < 1:
        raise ValueError(f'"{_META}" has no schema number')
    if schema > SCHEMA:
        raise NewerSchemaError(schema)
    if fields.get("kind") != kind:
        raise ValueError(f'it is not of the kind "{kind}"')


def _check_table(name: str, table: object) -> None:
    if not isinstance(table, dict):
        raise ValueError(f'"{name}" is not a JSON object')
    for number, document in cast("dict[str, object]", table).items():
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f'"{name}" holds something that is not numbered')
        if not isinstance(document, dict):
            raise ValueError(f'"{name}" number {number} is not a JSON object')


def _line(value: object) -> str:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair, which a chat's name may well contain
        return json.dumps(value, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return text


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result
