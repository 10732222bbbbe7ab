"""H.264 headers written bit by bit, with every value under the test's control."""

from collections.abc import Sequence


class BitWriter:
    """The opposite of `ratcam.media.bits.BitReader`."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def u(self, count: int, value: int) -> "BitWriter":
        self._bits.append(format(value, f"0{count}b") if count else "")
        return self

    def ue(self, *values: int) -> "BitWriter":
        for value in values:
            code = format(value + 1, "b")
            self._bits.append("0" * (len(code) - 1) + code)
        return self

    def se(self, *values: int) -> "BitWriter":
        return self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def extend(self, other: "BitWriter") -> "BitWriter":
        self._bits += other._bits
        return self

    def raw(self) -> bytes:
        """The bits so far, filled up with zeros."""
        bits = "".join(self._bits)
        bits += "0" * (-len(bits) % 8)
        return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:]

    def rbsp(self) -> bytes:
        """The bits so far and the stop bit."""
        self.u(1, 1)
        return self.raw()


def escaped(data: bytes) -> bytes:
    """With emulation prevention bytes."""
    out = bytearray()
    zeros = 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def made_sps(
    *,
    sps_id: int = 0,
    profile: int = 66,
    poc_type: int = 0,
    poc_lsb_bits: int = 4,
    offsets: Sequence[int] = (),
    width_mbs: int = 4,
    height_mbs: int = 3,
    frames_only: bool = True,
    crop: tuple[int, int, int, int] | None = None,
    scaling: bool = False,
    vui: BitWriter | None = None,
    chroma: int = 1,
    depths: tuple[int, int] = (8, 8),
) -> bytes:
    """An SPS with 4 bits of frame_num; chroma format and bit depths only in profiles from 100 on."""
    bits = BitWriter().u(8, profile).u(8, 0).u(8, 30).ue(sps_id)
    if profile >= 100:
        bits.ue(chroma, depths[0] - 8, depths[1] - 8).u(1, 0).u(1, int(scaling))
        if scaling:
            bits.u(1, 1)
            for _ in range(16):
                bits.se(1)
            bits.u(1, 1).se(-8)
            bits.u(5, 0)
            bits.u(1, 1)
            for _ in range(64):
                bits.se(0)
    bits.ue(0, poc_type)
    if poc_type == 0:
        bits.ue(poc_lsb_bits - 4)
    if poc_type == 1:
        bits.u(1, 0).se(-1, 0).ue(len(offsets)).se(*offsets)
    bits.ue(4).u(1, 0).ue(width_mbs - 1, height_mbs - 1).u(1, int(frames_only))
    if not frames_only:
        bits.u(1, 0)
    bits.u(1, 1).u(1, int(crop is not None))
    if crop is not None:
        bits.ue(*crop)
    bits.u(1, int(vui is not None))
    if vui is not None:
        bits.extend(vui)
    return b"\x67" + escaped(bits.rbsp())


def made_pps(*, pps_id: int = 0, sps_id: int = 0, groups: BitWriter | None = None, redundant: bool = False) -> bytes:
    bits = BitWriter().ue(pps_id, sps_id).u(1, 0).u(1, 0)
    if groups is None:
        bits.ue(0)
    else:
        bits.extend(groups)
    bits.ue(0, 0).u(3, 0).se(0, 0, 0).u(2, 0).u(1, int(redundant))
    return b"\x68" + escaped(bits.rbsp())


def made_slice(
    *,
    idr: bool = False,
    ref: int = 1,
    first_mb: int = 0,
    frame_num: int = 0,
    idr_id: int = 0,
    lsb: int | None = 0,
    lsb_bits: int = 4,
    delta: int | None = None,
    resets: bool = False,
    pps_id: int = 0,
    kind: int = 2,
    redundant: int | None = None,
) -> bytes:
    """A slice that is only a header; `kind` 2 is an I slice."""
    bits = BitWriter().ue(first_mb, kind, pps_id).u(4, frame_num)
    if idr:
        bits.ue(idr_id)
    if lsb is not None:
        bits.u(lsb_bits, lsb)
    if delta is not None:
        bits.se(delta)
    if redundant is not None:
        bits.ue(redundant)
    if ref:
        if idr:
            bits.u(2, 0)
        elif resets:
            bits.u(1, 1).ue(5, 0)
        else:
            bits.u(1, 0)
    return bytes([ref << 5 | (5 if idr else 1)]) + escaped(bits.u(32, 0x5A5A_5A5A).rbsp())


def annex_b(*units: bytes) -> bytes:
    return b"".join(b"\0\0\0\1" + unit for unit in units)
