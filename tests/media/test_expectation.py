import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratcam.media.cutter import Appended, ClipCutter, Event
from ratcam.media.expectation import expected_frames, expected_gop_frames
from ratcam.media.mp4 import Mp4Recording
from ratcam.media.timebase import TICKS_PER_S as S
from tests.media.players import Unit
from tests.media.written import annex_b, made_pps, made_slice, made_sps

KEY = annex_b(made_sps(), made_pps(), made_slice(idr=True))
OTHER = annex_b(made_slice(frame_num=1))
UNLIMITED = sys.maxsize


def gop(count: int, *, fps: float, size: int = 1000, begin: int = 0) -> list[Unit]:
    """A key unit of ten times the size, at least, and units of the size."""
    return [made(begin + round(number * S / fps), size if number else 10 * size, not number) for number in range(count)]


def made(time: int, size: int, is_key: bool) -> Unit:
    data = (KEY if is_key else OTHER) + b"\0\0\1\6"
    return Unit(pts_90k=time, is_key=is_key, data=data + b"\x55" * (size - len(data)))


@pytest.mark.parametrize(("fps", "taken"), [(5, 30), (30, 30), (60, 60), (120, 120), (1000, 120)])
def test_a_segment_has_a_quarter_more_pictures_than_its_rate_says_and_another_piece(fps: int, taken: int) -> None:
    units = gop(50, fps=fps)
    assert abs(expected_frames(units, segment_s=20.0, max_bytes=UNLIMITED) - (25 * taken + 50)) <= 1


@pytest.mark.parametrize("units", [gop(1, fps=1), [made(0, 100, True)] * 9], ids=["one picture", "no time"])
def test_a_piece_that_does_not_tell_its_rate_has_the_usual_one(units: list[Unit]) -> None:
    assert expected_frames(units, segment_s=20.0, max_bytes=UNLIMITED) == 750 + len(units)


def test_no_more_pictures_are_expected_than_the_file_has_room_for_with_a_margin() -> None:
    found = expected_frames(gop(60, fps=60), segment_s=600.0, max_bytes=1_000_000)
    assert 3000 < found < 4000, "if they turn a quarter as large; and the large key picture says nothing"


def test_a_piece_is_expected_however_little_room_there_is() -> None:
    assert expected_frames(gop(300, fps=60), segment_s=2.0, max_bytes=1000) == 300


def test_the_gops_to_come_may_have_half_the_pictures_of_the_first() -> None:
    assert [expected_gop_frames(gop(count, fps=30)) for count in (1, 2, 3, 60)] == [1, 1, 2, 30]


@given(st.integers(1, 60), st.integers(1, 120), st.integers(60, 3000), st.integers(1_000_000, 45_000_000))
def test_the_room_for_the_index_is_less_than_half_of_the_file(count: int, fps: int, size: int, most: int) -> None:
    units = gop(count, fps=fps, size=size)
    frames = expected_frames(units, segment_s=600.0, max_bytes=most)
    recording = Mp4Recording(
        first=units[0].data,
        created_unix_s=0,
        title="kitchen",
        expected_frames=frames,
        gop_frames=expected_gop_frames(units),
    )
    assert recording.reserve_bytes < most / 2 + 70_000


@pytest.mark.parametrize(
    ("fps", "segment_s", "max_bytes", "gops", "length_s"),
    [
        (60, 600, 1_000_000, (60, 1000), 60),
        (60, 600, 1_000_000, (60, 60), 300),
        (60, 600, 9_500_000, (60, 500), 300),
        (30, 600, 1_000_000, (30, 2000), 60),
        (30, 600, 1_000_000, (1, 300), 200),
        (120, 600, 1_500_000, (1, 60), 200),
        (30, 30, 9_500_000, (30, 6000), 90),
    ],
)
def test_parts_stay_below_the_size_that_is_asked_for_and_come_near_it(
    fps: int, segment_s: int, max_bytes: int, gops: tuple[int, int], length_s: int
) -> None:
    """Files as the muxer makes them; a room for the index by the time alone would take all of some."""
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=segment_s * S, max_bytes=max_bytes)
    events: list[Event[Unit]] = []
    per_gop, size = gops
    for begin in range(0, length_s * fps, per_gop):
        for one in gop(per_gop, fps=fps, size=size, begin=round(begin * S / fps)):
            events += cutter.feed(one)
    events += cutter.finish()
    sizes, lengths = files_of(events, segment_s=segment_s, max_bytes=max_bytes)
    assert all(file <= max_bytes for file in sizes)
    full = [file for file, length in zip(sizes[:-1], lengths, strict=False) if length < segment_s - 2]
    assert full or length_s > segment_s
    assert all(file > 0.55 * max_bytes for file in full)
    assert all(length > 3 for length in lengths[:-1])


def test_parts_stay_below_the_size_that_is_asked_for_also_when_the_pictures_turn_very_small() -> None:
    """More than were expected, in another order and at uneven times, so that a large index is behind them."""
    cutter: ClipCutter[Unit] = ClipCutter(segment_90k=600 * S, max_bytes=3_000_000)
    events: list[Event[Unit]] = [event for one in gop(4, fps=120, size=4000) for event in cutter.feed(one)]
    for begin in range(240, 48_000, 240):
        for number, one in enumerate(gop(240, fps=120, size=60, begin=begin * 750)):
            swap = 750 * ((number % 2) * 2 - 1) + number * 37 % 100 if 0 < number < 239 else 0
            events += cutter.feed(Unit(pts_90k=one.pts_90k + swap, is_key=one.is_key, data=one.data))
    events += cutter.finish()
    sizes, _ = files_of(events, segment_s=600, max_bytes=3_000_000)
    assert len(sizes) > 1
    assert all(file <= 3_000_000 for file in sizes)


def files_of(events: list[Event[Unit]], *, segment_s: float, max_bytes: int) -> tuple[list[int], list[float]]:
    """The files' sizes and their lengths in seconds."""
    recordings: dict[int, Mp4Recording] = {}
    for event in events:
        if not isinstance(event, Appended):
            continue
        units = event.units
        if event.part not in recordings:
            recordings[event.part] = Mp4Recording(
                first=units[0].data,
                created_unix_s=0,
                title="kitchen",
                expected_frames=expected_frames(units, segment_s=segment_s, max_bytes=max_bytes),
                gop_frames=expected_gop_frames(units),
            )
        recordings[event.part].append(units)
    sizes: list[int] = []
    for recording in recordings.values():
        patches = recording.finish(None)
        sizes.append(max([recording.size_bytes, *(patch.offset + len(patch.data) for patch in patches)]))
    return sizes, [recording.duration_90k / S for recording in recordings.values()]
