"""Reading bits and exp-Golomb codes (ISO/IEC 14496-10, 7.2 and 9.1)."""

from ratcam.media.errors import StreamError

MAX_LEADING_ZEROS = 32
"""The longest code of the standard has 32 leading zeros."""


class BitReader:
    """Reads an RBSP from its first bit on; every read raises `StreamError` when the bits run out."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self.left = len(data) * 8
        """How many bits are still to be read."""

    def u(self, count: int) -> int:
        """The next `count` bits, an unsigned integer, most significant bit first.

        Raises:
            StreamError: there are fewer bits left.
        """
        left = self.left - count
        if left < 0:
            raise StreamError("the H.264 data end in the middle of a header")
        self.left = left
        return (self._value >> left) & ((1 << count) - 1)

    def flag(self) -> bool:
        """The next bit.

        Raises:
            StreamError: there is none.
        """
        return self.u(1) == 1

    def ue(self, limit: int = (1 << 32) - 2) -> int:
        """The next unsigned exp-Golomb code.

        Raises:
            StreamError: the bits run out, the code is malformed, or it is above `limit`.
        """
        rest = self._value & ((1 << self.left) - 1)
        zeros = self.left - rest.bit_length()
        if zeros > MAX_LEADING_ZEROS:
            raise StreamError("the H.264 data hold a malformed number")
        value = self.u(2 * zeros + 1) - 1
        if value > limit:
            raise StreamError("the H.264 data hold a number out of its range")
        return value

    def se(self) -> int:
        """The next signed exp-Golomb code.

        Raises:
            StreamError: the bits run out or the code is malformed.
        """
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def skip(self, count: int) -> None:
        """Pass over `count` bits.

        Raises:
            StreamError: there are fewer bits left.
        """
        self.u(count)
