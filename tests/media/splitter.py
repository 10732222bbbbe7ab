"""Access units of a raw stream, as a camera gives them, cut by the rules that `ratcam mux` goes by."""

from ratcam.media import nal
from ratcam.media.access_unit import MAX_UNIT_BYTES, UnitBoundaries
from ratcam.media.errors import StreamError


def begins_unit(boundaries: UnitBoundaries, unit: memoryview | bytes) -> bool:
    """Take the next NAL unit of the stream; True when it starts an access unit and there was a picture before."""
    kind = nal.nal_type(unit)
    if kind in nal.FIRST_SLICES:
        return boundaries.begins_picture(unit)
    begins = boundaries.has_picture and kind in nal.BEFORE_PICTURE
    if begins:
        boundaries.end_picture()
    boundaries.sets.take(unit)
    return begins


class AccessUnitSplitter:
    """Cuts a raw Annex B stream, given in chunks of any size, into access units.

    The units joined are the stream from its first start code on, byte for byte, however it was cut into chunks.
    """

    def __init__(self) -> None:
        self._boundaries = UnitBoundaries()
        self._buffer = bytearray()
        self._scanned = 0
        self._nal = -1
        self._begin = -1
        self._prefix = -1
        self._unit = -1

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the access units that they complete.

        Raises:
            StreamError: a unit is larger than any picture can be.
        """
        self._buffer += chunk
        done = self._scan()
        if len(self._buffer) > MAX_UNIT_BYTES:
            raise StreamError("this is no H.264 stream: it goes on for 64 MiB without a picture's end")
        return done

    def finish(self) -> list[bytes]:
        """The stream is over: return the units that are left, the last one even if it has no picture."""
        done: list[bytes] = []
        if self._unit >= 0:
            self._take(len(self._buffer), done)
            done.append(bytes(self._buffer[self._unit :]))
        self._buffer.clear()
        self._scanned, self._nal, self._prefix, self._unit = 0, -1, -1, -1
        return done

    def _scan(self) -> list[bytes]:
        buffer, done = self._buffer, list[bytes]()
        while (at := buffer.find(b"\x00\x00\x01", self._scanned)) >= 0:
            self._scanned = at + 3
            start = at - 1 if at > max(self._nal, 0) and not buffer[at - 1] else at
            if self._unit < 0:
                self._unit = start
            else:
                self._take(at, done)
            self._nal, self._begin = at + 3, start
        self._scanned = max(self._scanned, len(buffer) - 2)
        self._drop(self._unit if self._unit >= 0 else max(0, len(buffer) - 3))
        return done

    def _take(self, end: int, done: list[bytes]) -> None:
        """The NAL unit from self._nal to `end` is whole."""
        buffer = self._buffer
        end = nal.trimmed_end(buffer, self._nal, end)
        if end == self._nal:
            return
        unit = bytes(buffer[self._nal : end])
        if nal.nal_type(unit) == nal.PREFIX:
            self._prefix = self._begin if self._prefix < 0 else self._prefix
            return
        begin = self._prefix if self._prefix >= 0 else self._begin
        self._prefix = -1
        if begins_unit(self._boundaries, unit):
            done.append(bytes(buffer[self._unit : begin]))
            self._unit = begin

    def _drop(self, count: int) -> None:
        if count > 0:
            del self._buffer[:count]
            self._scanned -= count
            self._nal -= count
            self._begin -= count
            self._prefix -= count if self._prefix >= 0 else 0
            self._unit -= count if self._unit >= 0 else 0
