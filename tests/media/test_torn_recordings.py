"""What a recovery costs, and what it keeps, where much of a recording or a large part of it is damaged."""

import random

import pytest

from ratcam.media.fragments import fragment_header
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.recovery import CHUNK_BYTES, MAX_TORN_GOPS, recover
from tests.media.players import Unit
from tests.media.recordings import patched, unfinished
from tests.media.test_mp4 import made_units
from tests.media.test_recovery import reader, recovered
from tests.media.written import BitWriter, annex_b, made_pps, made_slice, made_sps


class Counted:
    """Reads of a file: how often, how many bytes, and how many at most in one go."""

    def __init__(self, content: bytes, *, zeros: int = 0) -> None:
        self._content = content
        self.size = len(content) + zeros
        self.reads = self.bytes = self.most = 0

    def read(self, offset: int, length: int) -> bytes:
        part = self._content[offset : offset + length]
        part += bytes(max(0, min(length, self.size - offset) - len(part)))
        self.reads, self.bytes, self.most = self.reads + 1, self.bytes + len(part), max(self.most, len(part))
        return part


def large_units(count: int, size: int, *, gop: int) -> list[Unit]:
    """Units whose bytes have no period, so that what is read from a wrong place is not taken for a unit."""
    chance = random.Random(size)
    return [
        Unit(
            pts_90k=unit.pts_90k,
            is_key=unit.is_key,
            data=unit.data + b"\0\0\1\6" + chance.randbytes(size // 2).hex().encode(),
        )
        for unit in made_units(count, gop=gop)
    ]


@pytest.mark.parametrize("torn", [1, 2, MAX_TORN_GOPS, MAX_TORN_GOPS + 1, 500])
def test_of_many_gops_without_data_only_the_last_few_are_looked_at(torn: int) -> None:
    content = bytearray(unfinished(made_units(1))[1])
    whole = len(content)
    for number in range(1, torn + 1):
        content += fragment_header(number + 1, [8], number * 3000, [3000], None, starts_with_key=True, payload=8)
        content += bytes(8)
    header = len(fragment_header(2, [8], 3000, [3000], None, starts_with_key=True, payload=8))
    file = Counted(bytes(content))
    found = recover(file.read, file.size)
    kept = max(0, torn - MAX_TORN_GOPS)
    assert (found.frames, found.truncate_to) == (1 + kept, whole + kept * (header + 8))
    headers = 3 * torn  # of a moof, that box itself, of its mdat
    assert file.reads <= headers + MAX_TORN_GOPS + 12


def test_a_fragment_of_a_gigabyte_of_zeros_is_not_read_into_memory() -> None:
    size = 1 << 30
    content = unfinished(made_units(1))[1]
    hollow = fragment_header(2, [size], 3000, [3000], None, starts_with_key=True, payload=size)
    file = Counted(content + hollow, zeros=size)
    found = recover(file.read, file.size)
    assert (found.frames, found.truncate_to) == (1, len(content))
    assert file.most <= CHUNK_BYTES
    assert file.bytes < 2 * CHUNK_BYTES


def test_a_large_fragment_is_looked_at_in_chunks_wherever_their_borders_lie() -> None:
    for size in (CHUNK_BYTES // 7, *range(CHUNK_BYTES // 2 - 40, CHUNK_BYTES // 2 + 2, 2)):
        recording, content = unfinished(large_units(9, size, gop=9))
        file = Counted(content)
        found = recover(file.read, file.size)
        assert patched(content, found.patches) == patched(content, recording.finish(None))
        assert file.most <= CHUNK_BYTES
        assert file.bytes < len(content) * 1.02


@pytest.mark.parametrize("place", [-600, -512, -511, -256, -1, 0, 1])
def test_a_hole_across_the_border_of_two_chunks_is_seen(place: int) -> None:
    units = [*made_units(1), *large_units(3, CHUNK_BYTES, gop=3)]
    units = [Unit(pts_90k=3000 * number, is_key=unit.is_key, data=unit.data) for number, unit in enumerate(units)]
    before, (_, content) = len(unfinished(units[:1])[1]), unfinished(units)
    begin = content.index(b"mdat", before) + 4  # where the first chunk begins
    for chunk in (1, 2):
        at = begin + chunk * CHUNK_BYTES + place
        found, _ = recovered(content[:at] + bytes(512) + content[at + 512 :])
        assert (found.frames, found.truncate_to) == (1, before)
    assert recovered(content)[0].frames == 4


def aspect(number: int, colours: int | None = None) -> BitWriter:
    """A VUI with a sample aspect ratio of table E-1 and maybe colours."""
    bits = BitWriter().u(1, 1).u(8, number).u(1, 0)
    if colours is None:
        bits.u(1, 0)
    else:
        bits.u(1, 1).u(3, 5).u(1, 0).u(1, 1).u(8, colours).u(8, colours).u(8, colours)
    return bits.u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0).u(1, 0)


@pytest.mark.parametrize("used", [0, 1, 2])
@pytest.mark.parametrize("title", ["", "x" * 70_000])
def test_of_sets_of_one_profile_and_size_the_one_with_the_shape_and_colours_of_the_file_counts(
    used: int, title: str
) -> None:
    sets = [made_sps(sps_id=number, vui=vui) for number, vui in enumerate((aspect(1), aspect(14), aspect(14, 9)))]
    data = annex_b(*sets, made_pps(sps_id=used), made_slice(idr=True))
    recording = Mp4Recording(first=data, created_unix_s=0, title=title)
    content = recording.header() + b"".join(recording.append([Unit(pts_90k=0, is_key=True, data=data)]))
    found, mended = recovered(content)
    assert mended == patched(content, recording.finish(None))
    assert (found.width, found.height) == (recording.width, recording.height) == ((85, 48) if used else (64, 48))
    assert recover(reader(mended), len(mended)).width == recording.width
