"""What the index of a long recording takes while its tables are made: no list of a number for each picture."""

import random
import tracemalloc

import pytest

from ratcam.media.access_unit import ParameterSets
from ratcam.media.avc_config import by_id
from ratcam.media.boxes import FileInfo
from ratcam.media.movie import movie
from ratcam.media.sample_tables import SampleIndex
from tests.media.written import made_pps, made_sps

PICTURES, RUN = 60_000, 30


def long_index(*, is_even: bool, reorders: bool) -> SampleIndex:
    index, chance, time = SampleIndex(), random.Random(1), 0
    for number in range(0, PICTURES, RUN):
        times: list[int] = []
        for _ in range(RUN):
            times.append(time)
            time += 3000 if is_even else chance.randint(1600, 4400)
        shifts = [chance.choice((0, 3000, 6000)) for _ in range(RUN)] if reorders else None
        sizes = [chance.randint(300, 40_000) for _ in range(RUN)]
        index.add_run(1_000_000 * number, sizes, times, shifts, starts_with_key=True)
    return index


@pytest.mark.parametrize(("is_even", "reorders"), [(True, False), (False, False), (False, True)])
def test_the_index_box_of_a_long_recording_is_made_in_little_more_memory_than_it_has(
    *, is_even: bool, reorders: bool
) -> None:
    index = long_index(is_even=is_even, reorders=reorders)
    sets = by_id(ParameterSets(sps=(made_sps(),), pps=(made_pps(),)))
    size = len(movie(FileInfo(created_unix_s=0, title=""), (sets,), index))
    tracemalloc.start()
    try:
        box = movie(FileInfo(created_unix_s=0, title=""), (sets,), index)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(box) == size
    # Each table, all of them in a row, and twice the box around them while it is put into another one.
    assert peak <= 3 * size + 700_000
