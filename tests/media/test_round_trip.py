"""Whatever is muxed comes out again: the NAL units and times that our own box walker reads are those that went in."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.media.mp4 import Mp4Recording
from tests.media.players import Unit
from tests.media.recordings import patched
from tests.media.walker import ReadFile, read_file
from tests.media.written import escaped, made_pps, made_sps

REORDERS, IN_ORDER = made_sps(profile=77), made_sps(poc_type=2)
PPS = made_pps()
DROPPED = (b"\x09\xf0", b"\x0a", b"\x0b", b"\x0c\xff\xff\x80")
"""A delimiter, the ends of sequence and stream, a filler."""


@dataclass(frozen=True, slots=True)
class Coded:
    """An access unit and the NAL units that its sample must hold."""

    unit: Unit
    kept: tuple[bytes, ...]


payloads = st.binary(min_size=1, max_size=60).map(lambda data: escaped(data + b"\x80"))
start_codes = st.sampled_from((b"\0\0\1", b"\0\0\0\1"))
trailing = st.sampled_from((b"", b"", b"\0", b"\0\0\0"))


@st.composite
def units(draw: st.DrawFn, *, is_key: bool, pts_90k: int, sps: bytes) -> Coded:
    slices = [bytes([0x65 if is_key else 0x41]) + body for body in draw(st.lists(payloads, min_size=1, max_size=3))]
    sei = [b"\x06" + body for body in draw(st.lists(payloads, max_size=1))]
    junk = draw(st.lists(st.sampled_from(DROPPED), max_size=2))
    nals = [*junk[:1], *((sps, PPS) if is_key else ()), *sei, *slices, *junk[1:]]
    data = b"".join(draw(start_codes) + nal + draw(trailing) for nal in nals)
    return Coded(Unit(pts_90k=pts_90k, is_key=is_key, data=data), (*sei, *slices))


@st.composite
def recordings(draw: st.DrawFn, *, reorders: bool) -> list[list[Coded]]:
    """GOPs in decoding order; where pictures are reordered, those behind the key picture are in any order."""
    sps, time = REORDERS if reorders else IN_ORDER, draw(st.integers(-(10**9), 10**12))
    gops: list[list[Coded]] = []
    for _ in range(draw(st.integers(1, 4))):
        times: list[int] = []
        for _ in range(draw(st.integers(1, 6))):
            time += draw(st.integers(1, 200_000))
            times.append(time)
        later = draw(st.permutations(times[1:])) if reorders else times[1:]
        gops.append(
            [draw(units(is_key=number == 0, pts_90k=pts, sps=sps)) for number, pts in enumerate((times[0], *later))]
        )
    return gops


def written(gops: Sequence[Sequence[Coded]]) -> tuple[Mp4Recording, bytes]:
    recording = Mp4Recording(first=gops[0][0].unit.data, created_unix_s=0, title="t", expected_frames=30)
    content = recording.header()
    for gop in gops:
        content += b"".join(recording.append([coded.unit for coded in gop]))
    return recording, content


def check(read: ReadFile, gops: Sequence[Sequence[Coded]], sps: bytes) -> None:
    coded = [item for gop in gops for item in gop]
    first = min(item.unit.pts_90k for item in coded)
    assert [sample.nals for sample in read.samples] == [item.kept for item in coded]
    assert [sample.shown for sample in read.samples] == [item.unit.pts_90k - first for item in coded]
    assert [sample.is_key for sample in read.samples] == [item.unit.is_key for item in coded]
    decoded = [sample.decoded for sample in read.samples]
    assert all(sooner < later for sooner, later in pairwise(decoded))
    assert read.sets == (sps, PPS)


@given(recordings(reorders=False))
def test_units_come_out_of_a_finished_and_an_unfinished_file_as_they_went_in(gops: list[list[Coded]]) -> None:
    recording, content = written(gops)
    check(read_file(content), gops, IN_ORDER)
    finished = read_file(patched(content, recording.finish(None)))
    check(finished, gops, IN_ORDER)
    assert finished.duration == recording.duration_90k > finished.samples[-1].shown


@given(recordings(reorders=True))
def test_reordered_units_come_out_with_their_own_times(gops: list[list[Coded]]) -> None:
    recording, content = written(gops)
    check(read_file(content), gops, REORDERS)
    check(read_file(patched(content, recording.finish(None))), gops, REORDERS)


@given(recordings(reorders=True), st.integers(1, 5))
@settings(max_examples=50)
def test_a_gop_given_in_pieces_keeps_the_times_that_its_pictures_are_shown_at(
    gops: list[list[Coded]], size: int
) -> None:
    """Only the order within a piece is known then, so decoding times are less even, but no picture moves."""
    recording = Mp4Recording(first=gops[0][0].unit.data, created_unix_s=0, title="t", expected_frames=30)
    content = recording.header()
    for gop in gops:
        for begin in range(0, len(gop), size):
            content += b"".join(recording.append([item.unit for item in gop[begin : begin + size]]))
    check(read_file(patched(content, recording.finish(None))), gops, REORDERS)
