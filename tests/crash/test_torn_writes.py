"""Every write of a recording, torn at every page: what is left is recovered with the loss of one GOP at most.

A recording's writes are kept in memory, and the file is built as a power cut may leave it: all that was synced before,
and of the last write any pages. What recovery makes of it must be, to the byte, what it makes of the whole GOPs before
the write, or of these and the write; so it is enough to judge and to play these few files.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from ratcam.media.errors import StreamError
from ratcam.media.mp4 import Patch
from ratcam.media.recovery import recover
from tests.crash.clips import begin, gops_of, pictures_in
from tests.crash.long import chosen
from tests.media.players import complaints, needs_ffmpeg
from tests.media.recordings import patched, saved
from tests.pictures import Picture, stream

PAGE = 4096
GOP = 30
COUNT = 14 * GOP
LOST_SETS = chosen(short=10, long=300)
"""Sets of missing pages that are tried for each write."""


def units() -> tuple[Picture, ...]:
    return stream(count=COUNT, fps=30, gop=GOP, width=640, height=480)


@dataclass(frozen=True, slots=True)
class Write:
    """One write that is followed by a sync: `data` at `offset`, after which `gops` GOPs are in the file."""

    offset: int
    data: bytes
    gops: int

    @property
    def end(self) -> int:
        return self.offset + len(self.data)

    def pages(self) -> list[int]:
        """Where in the file its pages begin; the first of its bytes stands for the page it begins in."""
        return [self.offset, *range((self.offset // PAGE + 1) * PAGE, self.end, PAGE)]


@cache
def recorded(expected_frames: int) -> tuple[Write, ...]:
    """All writes of a recording in order; the last, of one byte, finishes it."""
    recording = begin(units()[0], frames=expected_frames)
    writes = [Write(0, recording.header(), 0)]
    for number, gop in enumerate(gops_of(units()), start=1):
        writes.append(Write(writes[-1].end, b"".join(recording.append(gop)), number))
    writes += [Write(patch.offset, patch.data, writes[-1].gops) for patch in recording.finish(None)]
    return tuple(writes)


def before(writes: tuple[Write, ...], number: int) -> bytes:
    """The file when the first `number` writes are on disk."""
    return patched(b"", [Patch(offset=write.offset, data=write.data) for write in writes[:number]])


def mended(content: bytes | bytearray) -> bytearray | None:
    """What recovery makes of a file; None if nothing of it can be played."""
    try:
        found = recover(lambda offset, size: bytes(content[offset : offset + size]), len(content))
    except StreamError:
        return None
    result = bytearray(content)
    del result[found.truncate_to :]
    for patch in found.patches:
        result[patch.offset : patch.offset + len(patch.data)] = patch.data
    return result


@cache
def whole(expected_frames: int, count: int) -> bytearray | None:
    """What recovery makes of a recording that grew to `count` whole GOPs; None for none."""
    content = mended(before(recorded(expected_frames), 1 + count))
    assert content is None or pictures_in(bytes(content), units()) == GOP * count
    return content


def prefixes(content: bytes, write: Write) -> Iterator[bytearray]:
    """The file with the pages up to each boundary of a write but its end, as if it was written page by page."""
    state = bytearray(content)
    begin = write.offset
    for end in write.pages():
        state[begin:end] = write.data[begin - write.offset : end - write.offset]
        begin = end
        yield state


def with_holes(content: bytes, write: Write, chance: random.Random) -> Iterator[bytearray]:
    """The file at its full new size with pages of a write missing: zeros behind the old end, the old bytes before."""
    grown = bytes(content) + bytes(max(0, write.end - len(content)))
    pages = write.pages()
    alone = pages if chosen(short=0, long=1) else [pages[0], pages[-1]]
    sets = [[other for other in pages if other != page] for page in alone if len(pages) > 1]
    for _ in range(LOST_SETS):
        there = [page for page in pages if chance.random() < chance.choice((0.05, 0.5, 0.95))]
        if len(there) == len(pages):
            there.remove(chance.choice(there))
        sets.append(there)
    for there in sets:
        result = bytearray(grown)
        for page in there:
            end = min(write.end, (page // PAGE + 1) * PAGE)
            result[page:end] = write.data[page - write.offset : end - write.offset]
        yield result


@pytest.mark.parametrize(
    ("expected_frames", "count"), [(COUNT, 2), (0, 3)], ids=["index in the reserve", "index at the end"]
)
def test_every_write_torn_at_every_page_costs_at_most_its_gop(expected_frames: int, count: int) -> None:
    writes = recorded(expected_frames)
    assert len(writes) == 1 + COUNT // GOP + count
    chance = random.Random(11)
    states = 0
    for number, write in enumerate(writes[:-1]):
        content = before(writes, number)
        least = whole(expected_frames, writes[number - 1].gops if number else 0)
        most = whole(expected_frames, write.gops)
        assert mended(before(writes, number + 1)) == most
        for state in chain(prefixes(content, write), with_holes(content, write, chance)):
            assert mended(state) == least, (number, states)
            states += 1
    finished = before(writes, len(writes))
    assert mended(finished) == finished
    assert pictures_in(finished, units()) == COUNT
    print(f"{states} torn states")  # noqa: T201
    assert states >= 1300


@pytest.mark.parametrize("is_finished", [False, True], ids=["growing", "finished and cut short"])
@pytest.mark.parametrize("expected_frames", [COUNT, 0], ids=["index in the reserve", "index at the end"])
def test_a_recovery_that_is_torn_at_any_page_is_done_again_with_the_same_result(
    expected_frames: int, *, is_finished: bool
) -> None:
    writes = recorded(expected_frames)
    torn = before(writes, len(writes) if is_finished else 9)[: writes[7].end + 100_000]
    expected = whole(expected_frames, 7)
    assert expected is not None
    found = recover(lambda offset, size: torn[offset : offset + size], len(torn))
    content = torn[: found.truncate_to]
    assert mended(content) == expected
    for number, patch in enumerate(found.patches):
        for state in prefixes(content, Write(patch.offset, patch.data, 7)):
            assert mended(state) == expected
        content = patched(content, [patch])
        if number == 0 and is_finished:
            # Opened again: the fragments are in force before the new index is written over the old one.
            room = slice(44, 36 + int.from_bytes(writes[0].data[36:40], "big"))
            blank = bytes(room.stop - room.start)
            assert content[: room.start] + blank + content[room.stop :] == before(writes, 8)
    assert content == expected


@needs_ffmpeg
def test_what_recovery_makes_of_torn_files_plays(tmp_path: Path) -> None:
    for expected_frames in (COUNT, 0):
        for count in range(1, COUNT // GOP + 1, 4):
            content = whole(expected_frames, count)
            assert content is not None
            assert complaints(saved(tmp_path, bytes(content))) == ""


@needs_ffmpeg
def test_a_recording_plays_between_any_two_of_its_writes(tmp_path: Path) -> None:
    for expected_frames in (COUNT, 0):
        writes = recorded(expected_frames)
        for number in (2, *range(len(writes) - 2, len(writes) + 1)):
            content = before(writes, number)
            if not (expected_frames == 0 and len(writes) - 3 < number < len(writes)):
                # An index at the end lies open before it is in force: two moov boxes, the first one counts.
                assert pictures_in(content, units()) == GOP * writes[number - 1].gops
            assert complaints(saved(tmp_path, content)) == ""


CUTS: list[Callable[[int], int]] = [lambda size: size - 1, lambda size: size - PAGE, lambda size: size // 2]


@pytest.mark.parametrize("expected_frames", [COUNT, 0], ids=["index in the reserve", "index at the end"])
def test_a_finished_recording_that_was_cut_short_is_opened_again_and_loses_one_gop_at_most(
    expected_frames: int,
) -> None:
    writes = recorded(expected_frames)
    finished = before(writes, len(writes))
    ends = [write.end for write in writes if write.offset >= 0][: 1 + COUNT // GOP]
    pages = range(PAGE, len(finished), PAGE * (1 if chosen(short=0, long=1) else 11))
    for size in sorted({*pages, *ends, *(end - 1 for end in ends), len(finished) - 1}):
        content = mended(finished[:size])
        count = sum(end <= size for end in ends[1:])
        assert content == whole(expected_frames, count), size
