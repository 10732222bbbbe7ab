"""A TinyDB table of dataclass values in a file of its own, changed in transactions."""

import contextlib
from collections.abc import Callable, Generator, Hashable, Iterable
from pathlib import Path
from typing import Any, Generic, cast

from tinydb import where
from tinydb.queries import QueryLike
from tinydb.storages import MemoryStorage
from tinydb.table import Table

from ratcam.store.json_format import Document, Tables
from ratcam.store.rows import RowCodec, RowT
from ratcam.store.safe_json import SafeJsonStorage


class TableFile(Generic[RowT]):
    """The rows of one kind, unique in the field `key`, in the order they were added.

    Threads and processes may share the file. A change is one transaction: on disk as a whole on return, or not at all.
    """

    def __init__(self, path: Path, *, row_type: type[RowT], key: str) -> None:
        """`path` ends in `.json`; its stem names the table."""
        self._name = path.stem
        self._key = key
        self._codec = RowCodec(row_type)
        self._storage = SafeJsonStorage(path, kind=self._name, check=self._check)

    def rows(self) -> tuple[RowT, ...]:
        """All rows, the first added first.

        Raises:
            StoreError: the file cannot be read, or is damaged beyond its backup.
        """
        return _in_order(self._storage.read() or {}, self._name, self._codec)

    @contextlib.contextmanager
    def transaction(self, *, is_final: bool = False) -> Generator["Transaction[RowT]", None, None]:
        """Read and change the rows while nobody else can; written once at the end, and only if they changed.

        An exception from the body leaves everything as it was. With `is_final` the state before is gone from the backup
        as well, so that no damage can bring it back: for taking rights away.

        Raises:
            StoreError: as for `rows`, or the change cannot be written; nothing was changed.
        """
        with self._storage.lock:
            before = self._storage.read_again() or {}
            change = Transaction(self._storage.read() or {}, name=self._name, key=self._key, codec=self._codec)
            yield change
            after = change.tables()
            if after.get(self._name, {}) != before.get(self._name, {}):
                self._storage.write(after)
                if is_final:
                    self._storage.write(after)

    def is_changed(self) -> bool:
        """Whether somebody else has changed the file since this object last read or wrote it."""
        return self._storage.is_changed()

    def _check(self, tables: Tables) -> None:
        if tables.keys() - {self._name}:
            raise ValueError("it holds a table that does not belong there")
        documents = tables.get(self._name, {}).values()
        for document in documents:
            self._codec.decode(document)
        if len({cast("Hashable", document[self._key]) for document in documents}) != len(documents):
            raise ValueError(f'two documents have the same "{self._key}"')


class Transaction(Generic[RowT]):
    """The rows while they are being changed. Not to be used after its `with` block."""

    def __init__(self, tables: dict[str, dict[str, Any]], *, name: str, key: str, codec: RowCodec[RowT]) -> None:
        self._storage = MemoryStorage()
        self._storage.memory = tables
        # A table of its own for each transaction: TinyDB's remembers the next number and the last searches, and both
        # are wrong once another process has written.
        table = Table(self._storage, name, cache_size=0)
        self._remove: Callable[[QueryLike], list[int]] = table.remove
        # TinyDB types these with bare Mappings.
        self._update = cast("Callable[[Document, QueryLike], list[int]]", table.update)  # pyright: ignore[reportUnknownMemberType]
        self._insert = cast("Callable[[Iterable[Document]], list[int]]", table.insert_multiple)  # pyright: ignore[reportUnknownMemberType]
        self._name = name
        self._key = key
        self._codec = codec

    def rows(self) -> tuple[RowT, ...]:
        """All rows as they stand now, the first added first."""
        return _in_order(self.tables(), self._name, self._codec)

    def put(self, rows: Iterable[RowT]) -> None:
        """Add rows at the end; one with the same key is replaced in its place."""
        known = {getattr(row, self._key) for row in self.rows()}
        new: dict[object, dict[str, object]] = {}
        for row in rows:
            document = self._codec.encode(row)
            value = document[self._key]
            if value in known:
                self._update(document, where(self._key) == value)
            else:
                new[value] = document
        if new:
            self._insert(new.values())

    def remove(self, keys: Iterable[object]) -> int:
        """Remove the rows with these keys; returns how many there were."""
        return len(self._remove(where(self._key).one_of(list(keys))))

    def tables(self) -> dict[str, dict[str, Any]]:
        """The tables as TinyDB has them."""
        return self._storage.read() or {}


def _in_order(tables: dict[str, dict[str, Any]], name: str, codec: RowCodec[RowT]) -> tuple[RowT, ...]:
    numbered = sorted(tables.get(name, {}).items(), key=lambda item: int(item[0]))
    return tuple(codec.decode(document) for _, document in numbered)
