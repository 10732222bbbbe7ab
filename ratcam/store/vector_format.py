"""The files of kept motion fields: their format, and how they are read.

A file (`NUMBER.fields`, little endian) is a head and batches.

    head   8s "RATCAMVF", u16 version (1), u16 width, height, columns, rows, rotation, f64 pictures a second,
           f64 wall-clock time of media time 0, u32 run, u32 CRC-32 of all that
    batch  u32 bytes, u32 CRC-32 of the bytes, then the bytes: a zlib stream of records
    record i64 time in ticks of 1/90000 s, u32 number of large values, then three planes of columns x rows bytes, rows
           from the top: x, y (int8) and sad, where 255 stands for a large value; then those in their order, u16 each

Nothing is rounded: what is detected in kept fields is what was detected when they came. Most of sad is below 255, and
rounding it would save a third and move an event here and there by a picture. A file that ends within a batch is good up
to there: nothing is written behind a batch that failed.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from ratcam.errors import StoreError
from ratcam.motion.field import BlockField, pack

SUFFIX = ".fields"
VERSION = 1

_MAGIC = b"RATCAMVF"
_HEAD = struct.Struct("<8sHHHHHHddI")
_CRC = struct.Struct("<I")
_BATCH = struct.Struct("<II")
_RECORD = struct.Struct("<qI")
_LARGE = 255
MOST_BATCH_BYTES = 1_000_000
_MOST_BLOCKS = 1 << 20  # of a field: more is damage, and would only fill the memory
_MOST = 0xFFFF  # what a head's numbers can say


class KeptHead(NamedTuple):
    """What a file says of its fields. Files of one run, one after the other, are one recording."""

    width: int
    height: int
    columns: int
    rows: int
    rotation: int
    fps: float
    started_unix_s: float
    """Wall-clock time of media time 0."""
    run_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptField:
    """One field as it was kept, in MMAL form (see `messages.MotionField`)."""

    pts_90k: int
    payload: bytes = field(repr=False)


def read_head(path: Path) -> KeptHead:
    """The head of a kept file.

    Raises:
        StoreError: it cannot be read, is none, or is of a version that is not known here.
    """
    try:
        with path.open("rb") as file:
            return _head(file, path)
    except OSError as exc:
        raise StoreError(f"{path} cannot be read: {exc.strerror or exc}.") from exc


def read_fields(path: Path, *, tell: Callable[[str], object] = bool) -> Iterator[KeptField]:
    """The fields of a kept file in their order, up to its end or to where it is torn or damaged.

    Args:
        path: the file.
        tell: is told in words, to be put behind the file's name, where the file is not read to its end.

    Raises:
        StoreError: as `read_head`.
    """
    try:
        with path.open("rb") as file:
            head = _head(file, path)
            for batch in _batches(file, tell):
                yield from _records(batch, head.columns, head.rows)
    except OSError as exc:
        raise StoreError(f"{path} cannot be read any further: {exc.strerror or exc}.") from exc


def is_kept_file(path: Path) -> bool:
    """Whether a file has the whole head of a kept one, of whatever version. False also if it cannot be read."""
    length = _HEAD.size + _CRC.size
    try:
        with path.open("rb") as file:
            head = file.read(length)
        return head.startswith(_MAGIC) and len(head) == length
    except OSError:
        return False


def _head(file: BinaryIO, path: Path) -> KeptHead:
    data = file.read(_HEAD.size + _CRC.size)
    if len(data) < _HEAD.size + _CRC.size or not data.startswith(_MAGIC):
        raise StoreError(f"{path} is no file of kept motion fields, or was cut off before its first one.")
    magic_and_all, (crc,) = data[: _HEAD.size], _CRC.unpack_from(data, _HEAD.size)
    _, version, width, height, columns, rows, rotation, fps, started_unix_s, run_id = _HEAD.unpack(magic_and_all)
    if version != VERSION:
        raise StoreError(
            f"{path} is of version {version}; this Ratcam reads version {VERSION}. Use that which kept it."
        )
    if crc != zlib.crc32(magic_and_all) or not 0 < columns * rows <= _MOST_BLOCKS or not width * height:
        raise StoreError(f"{path} is damaged at its beginning and cannot be used.")
    return KeptHead(width, height, columns, rows, rotation, fps, started_unix_s, run_id)


def _batches(file: BinaryIO, tell: Callable[[str], object]) -> Iterator[bytes]:
    while head := file.read(_BATCH.size):
        length, crc = _BATCH.unpack(head) if len(head) == _BATCH.size else (1, 0)
        data = file.read(min(length, 2 * MOST_BATCH_BYTES))
        if len(data) != length and not file.read(1):
            tell("breaks off, as after a power cut: its last half minute is missing")
            return
        if len(data) != length or zlib.crc32(data) != crc:
            tell("is damaged: what follows in it is left out")
            return
        yield data


def _records(batch: bytes, columns: int, rows: int) -> Iterator[KeptField]:
    """The records of a batch, unpacked some at a time: a batch of still pictures can be very many."""
    blocks = columns * rows
    least = _RECORD.size + 3 * blocks
    unpacker = zlib.decompressobj()
    rest, waiting = b"", batch
    while True:
        try:
            data = unpacker.decompress(waiting, max_length=16 * least)
        except zlib.error:
            return
        waiting = unpacker.unconsumed_tail
        rest += data
        while len(rest) >= least:
            pts_90k, large = _RECORD.unpack_from(rest)
            if large > blocks:  # it would be waited for until the whole batch is in memory
                return
            size = least + 2 * large
            if len(rest) < size:
                break
            try:
                payload = _payload(rest[_RECORD.size : size], columns, rows)
            except ValueError:  # a count that does not agree with its plane: written by something else
                return
            yield KeptField(pts_90k=pts_90k, payload=payload)
            rest = rest[size:]
        if not data and not waiting:
            return


def _payload(record: bytes, columns: int, rows: int) -> bytes:
    planes = np.frombuffer(record, np.uint8, 3 * columns * rows).reshape(3, rows, columns)
    sad = planes[2].astype(np.uint16)
    sad[sad == _LARGE] = np.frombuffer(record, "<u2", offset=planes.size)
    return pack(planes[0].view(np.int8), planes[1].view(np.int8), sad)


def kept_files(root: Path) -> list[Path]:
    """Every file of kept fields below a folder, of all cameras; those of one camera in the order they were written."""
    return sorted(root.glob(f"**/*{SUFFIX}"))


# --- for the writer -------------------------------------------------------------------------------------------------


def fits(head: KeptHead) -> bool:
    """Whether a file can have such a head, and be read again."""
    numbers = (head.width, head.height, head.columns, head.rows)
    return all(0 < number <= _MOST for number in numbers) and head.columns * head.rows <= _MOST_BLOCKS


def record_parts(pts_90k: int, planes: BlockField) -> Iterable[bytes]:
    """A record's bytes, in parts."""
    large = planes.sad[planes.sad >= _LARGE]
    return (
        _RECORD.pack(pts_90k, large.size),
        planes.x.tobytes(),
        planes.y.tobytes(),
        np.minimum(planes.sad, _LARGE).astype(np.uint8).tobytes(),
        large.astype("<u2").tobytes(),
    )


def batch_bytes(data: bytes) -> bytes:
    """A batch of so packed records."""
    return _BATCH.pack(len(data), zlib.crc32(data)) + data


def head_bytes(head: KeptHead) -> bytes:
    """The beginning of a file."""
    data = _HEAD.pack(
        _MAGIC,
        VERSION,
        head.width,
        head.height,
        head.columns,
        head.rows,
        head.rotation,
        head.fps,
        head.started_unix_s,
        head.run_id & 0xFFFFFFFF,
    )
    return data + _CRC.pack(zlib.crc32(data))
