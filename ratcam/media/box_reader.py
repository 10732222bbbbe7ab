"""Reading ISO BMFF boxes (ISO/IEC 14496-12, 4.2)."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Read = Callable[[int, int], bytes]
"""read(offset, length): that part of a file, shorter only at its end."""


@dataclass(frozen=True, slots=True)
class BoxPlace:
    """Where a box of the file lies."""

    kind: bytes
    offset: int
    size: int
    header_size: int

    @property
    def end(self) -> int:
        """The offset behind it."""
        return self.offset + self.size


def header_at(read: Read, offset: int) -> BoxPlace | None:
    """The box whose header is at `offset`, even if the file ends within the box; None if there is no header."""
    head = read(offset, 16)
    if len(head) < 8:
        return None
    size, kind = struct.unpack_from(">I4s", head)
    header_size = 8
    if size == 1 and len(head) == 16:
        (size,), header_size = struct.unpack_from(">Q", head, 8), 16
    return BoxPlace(kind, offset, size, header_size) if size >= header_size else None


def box_at(read: Read, offset: int, file_size: int) -> BoxPlace | None:
    """The box that begins at `offset`, or None if no whole box does within the file's size."""
    place = header_at(read, offset)
    return place if place is not None and place.end <= file_size else None


def children(content: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """(type, content) of each box in a row of boxes; ends at the first that is not whole."""
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8 or at + size > len(content):
            return
        yield kind, content[at + 8 : at + size]
        at += size


def find(content: bytes | memoryview, *path: bytes) -> memoryview | None:
    """The content of the first box on a path of nested boxes, None where there is none."""
    view = memoryview(content)
    for kind in path:
        found = next((inside for name, inside in children(view) if name == kind), None)
        if found is None:
            return None
        view = found
    return view
