"""Picture order count (ISO/IEC 14496-10, 8.2.1): the order in which decoded pictures are shown."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratcam.media.slice_header import SliceHeader
    from ratcam.media.sps import Sps


class PictureOrder:
    """Gives every picture, fed in decoding order, a key that sorts pictures into the order they are shown in."""

    def __init__(self) -> None:
        self._period = 0
        self._previous_msb = self._previous_lsb = 0
        self._previous_frame_num = self._frame_num_offset = 0
        self._was_reset = False

    def key(self, header: "SliceHeader", sps: "Sps", *, resets: bool) -> tuple[int, int]:
        """The key of the next picture, given the header of its first slice.

        Args:
            header: the first slice's.
            sps: the SPS that it refers to.
            resets: whether the picture carries memory management operation 5.

        Returns:
            (period, count): an IDR picture and one that `resets` begin a new period; no picture of a period is shown
            before all of the last one are.
        """
        if header.is_idr:
            self._period += 1
        match sps.poc_type:
            case 0:
                count = self._type_0(header, sps, resets=resets)
            case 1:
                count = self._type_1(header, sps)
            case _:
                count = self._advance(header, sps) * 2 - (header.ref_idc == 0)
        self._previous_frame_num = 0 if resets else header.frame_num
        self._was_reset = resets
        if resets:
            self._period += 1
            self._frame_num_offset = 0
            count = 0
        return self._period, count

    def _type_0(self, header: "SliceHeader", sps: "Sps", *, resets: bool) -> int:
        if header.is_idr:
            self._previous_msb = self._previous_lsb = 0
        span, lsb, last = 1 << sps.poc_lsb_bits, header.poc_lsb, self._previous_lsb
        msb = self._previous_msb
        if lsb < last and last - lsb >= span // 2:
            msb += span
        elif lsb > last and lsb - last > span // 2:
            msb -= span
        first = msb + lsb
        lowest = first if header.is_field else min(first, first + header.delta_poc_bottom)
        if resets:
            self._previous_msb, self._previous_lsb = 0, 0 if header.is_bottom else first - lowest
        elif header.ref_idc:
            self._previous_msb, self._previous_lsb = msb, lsb
        return lowest

    def _type_1(self, header: "SliceHeader", sps: "Sps") -> int:
        number = self._advance(header, sps) if sps.offsets_for_ref_frames else 0
        if header.ref_idc == 0 and number > 0:
            number -= 1
        expected = 0
        if number > 0:
            cycles, place = divmod(number - 1, len(sps.offsets_for_ref_frames))
            expected = cycles * sum(sps.offsets_for_ref_frames) + sum(sps.offsets_for_ref_frames[: place + 1])
        if header.ref_idc == 0:
            expected += sps.offset_for_non_ref_pic
        top = expected + header.delta_poc[0]
        bottom = top + sps.offset_for_top_to_bottom
        if header.is_field:
            return bottom if header.is_bottom else top
        return min(top, bottom + header.delta_poc[1])

    def _advance(self, header: "SliceHeader", sps: "Sps") -> int:
        """FrameNumOffset + frame_num."""
        if header.is_idr or self._was_reset:
            self._frame_num_offset = 0
        if not header.is_idr and self._previous_frame_num > header.frame_num:
            self._frame_num_offset += 1 << sps.frame_num_bits
        return self._frame_num_offset + header.frame_num


def ranks(keys: "Sequence[int]") -> list[int]:
    """For pictures in decoding order the place of each in the order shown, from 0; equal keys keep their order."""
    result = [0] * len(keys)
    for rank, index in enumerate(sorted(range(len(keys)), key=keys.__getitem__)):
        result[index] = rank
    return result
