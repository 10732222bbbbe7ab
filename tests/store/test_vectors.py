"""VectorFiles: fields kept exactly, in a ring, readable up to where a power cut tore it."""

import itertools
import resource
import stat
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.errors import StoreError
from ratcam.messages import CameraId, MotionField, RunId, StreamStarted
from ratcam.motion.choose import new_detector
from ratcam.motion.events import EventEnded, EventTracker
from ratcam.motion.field import pack
from ratcam.motion.settings import MotionSettings
from ratcam.store.vector_format import KeptField, batch_bytes, is_kept_file, kept_files, read_fields, read_head
from ratcam.store.vectors import LEAVE_FREE_BYTES, VectorFiles
from tests.motion import scene_catalogue, scene_runs
from tests.motion.scenes import Scene

KITCHEN, GARDEN = CameraId("kitchen"), CameraId("garden")
COLUMNS, ROWS = 12, 8
STEP = 9000
BIG = 100_000_000


def start(run_id: int = 1, *, camera: CameraId = KITCHEN, width: int = 192, height: int = 128) -> StreamStarted:
    return StreamStarted(
        camera=camera,
        run_id=RunId(run_id),
        width=width,
        height=height,
        fps=10.0,
        started_unix_s=1.8e9 + run_id,
        rotation=90,
    )


def field(number: int, *, seed: int = 0, run_id: int = 1, camera: CameraId = KITCHEN, noise: int = 400) -> MotionField:
    chance = np.random.default_rng((seed, number))
    x, y = chance.integers(-128, 128, (2, ROWS, COLUMNS))
    sad = chance.integers(0, noise, (ROWS, COLUMNS)) * (chance.random((ROWS, COLUMNS)) < 0.7)
    return MotionField(
        camera=camera, run_id=RunId(run_id), pts_90k=number * STEP, columns=COLUMNS, rows=ROWS, payload=pack(x, y, sad)
    )


def keep(
    root: Path, count: int, *, camera: CameraId = KITCHEN, limit: int = BIG, run_id: int = 1, first: int = 0
) -> None:
    files = VectorFiles(root=root, camera=camera, limit_bytes=limit)
    for number in range(first, first + count):
        files.append(start(run_id, camera=camera), field(number, run_id=run_id, camera=camera))
    files.close()


def read_all(root: Path) -> list[KeptField]:
    return [kept for path in kept_files(root) for kept in read_fields(path)]


# --- what is kept ---------------------------------------------------------------------------------------------------


def test_fields_and_their_times_are_kept_exactly(tmp_path: Path) -> None:
    keep(tmp_path, 50)
    kept = read_all(tmp_path)
    assert [one.pts_90k for one in kept] == [number * STEP for number in range(50)]
    assert [one.payload for one in kept] == [field(number).payload for number in range(50)]


@given(st.lists(st.integers(0, 65535), min_size=COLUMNS, max_size=COLUMNS))
def test_any_sad_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, sads: list[int]) -> None:
    root = tmp_path_factory.mktemp("one")
    zero = np.zeros((ROWS, COLUMNS))
    files = VectorFiles(root=root, camera=KITCHEN, limit_bytes=BIG)
    payload = pack(zero, zero, zero + sads)
    one = MotionField(camera=KITCHEN, run_id=RunId(1), pts_90k=5, columns=COLUMNS, rows=ROWS, payload=payload)
    files.append(start(), one)
    files.close()
    assert [kept.payload for kept in read_all(root)] == [payload]


def test_the_head_says_what_was_recorded_when(tmp_path: Path) -> None:
    keep(tmp_path, 3, run_id=7)
    head = read_head(kept_files(tmp_path)[0])
    assert (head.width, head.height, head.columns, head.rows) == (192, 128, COLUMNS, ROWS)
    assert (head.rotation, head.fps, head.started_unix_s, head.run_id) == (90, 10.0, 1.8e9 + 7, 7)


def test_a_field_that_is_none_is_left_out(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    broken = MotionField(camera=KITCHEN, run_id=RunId(1), pts_90k=0, columns=COLUMNS, rows=ROWS, payload=b"short")
    files.append(start(), broken)
    files.append(start(), field(1))
    files.close()
    assert [kept.pts_90k for kept in read_all(tmp_path)] == [STEP]


SCENES = [
    (scene_catalogue.mouse(72), "luma"),
    (scene_catalogue.mouse(448, "night"), "luma"),
    (scene_catalogue.nuisance_alone("light"), "luma"),
    (scene_catalogue.nuisance_alone("shake"), "luma"),
    (scene_catalogue.mouse(241), "pi"),
    (scene_catalogue.mouse(72, "night"), "pi"),
]


@pytest.mark.parametrize(("scene", "feeder"), SCENES, ids=lambda value: value if isinstance(value, str) else value.name)
def test_events_from_kept_fields_are_those_of_the_live_ones(tmp_path: Path, scene: Scene, feeder: str) -> None:
    live = (scene_runs.luma_fields if feeder == "luma" else scene_runs.pi_fields)(scene)
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    for one in live:
        files.append(
            start(width=one.width, height=one.height),
            MotionField(
                camera=KITCHEN,
                run_id=RunId(1),
                pts_90k=one.pts_90k,
                columns=one.columns,
                rows=one.rows,
                payload=one.payload,
            ),
        )
    files.close()
    width, height, columns, rows = live[0].width, live[0].height, live[0].columns, live[0].rows

    def events(fields: list[tuple[bytes, int]]) -> list[tuple[int, int]]:
        detector, tracker, found = new_detector(MotionSettings()), EventTracker(), list[EventEnded | None]()
        for payload, pts_90k in fields:
            seen = detector.feed(payload, columns=columns, rows=rows, width=width, height=height, pts_90k=pts_90k)
            change = tracker.feed(seen)
            found += [change] if isinstance(change, EventEnded) else []
        return [(one.start_90k, one.end_90k) for one in (*found, tracker.close()) if one is not None]

    kept = [(one.payload, one.pts_90k) for one in read_all(tmp_path)]
    assert len(kept) == len(live)
    assert events(kept) == events([(one.payload, one.pts_90k) for one in live])


# --- the ring -------------------------------------------------------------------------------------------------------


def test_all_files_together_stay_within_the_limit_and_the_oldest_go_first(tmp_path: Path) -> None:
    limit = 400_000
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=limit)
    for number in range(6000):
        files.append(start(), field(number))
        if number % 200 == 0:
            assert sum(path.stat().st_size for path in kept_files(tmp_path)) <= limit
    files.close()
    kept = [one.pts_90k // STEP for one in read_all(tmp_path)]
    assert kept == list(range(kept[0], 6000))
    assert 0 < kept[0] < 6000
    sizes = [path.stat().st_size for path in kept_files(tmp_path)]
    assert max(sizes) <= limit / 8
    assert sum(sizes) > limit / 2


def test_the_limit_counts_for_all_cameras_and_the_oldest_file_of_any_goes(tmp_path: Path) -> None:
    keep(tmp_path, 300, camera=GARDEN, limit=200_000)
    before = kept_files(tmp_path / GARDEN)
    keep(tmp_path, 2000, camera=KITCHEN, limit=200_000)
    assert before
    assert not any(path.exists() for path in before)
    assert sum(path.stat().st_size for path in kept_files(tmp_path)) <= 200_000


def test_a_new_run_and_a_new_writer_begin_a_new_file(tmp_path: Path) -> None:
    keep(tmp_path, 5)
    keep(tmp_path, 5, first=5)
    keep(tmp_path, 5, run_id=2)
    assert [read_head(path).run_id for path in kept_files(tmp_path)] == [1, 1, 2]
    assert [path.name for path in kept_files(tmp_path)] == ["00000001.fields", "00000002.fields", "00000003.fields"]


def test_files_are_private(tmp_path: Path) -> None:
    keep(tmp_path / "vectors", 5)
    (path,) = kept_files(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_half_a_minute_is_written_at_once_and_not_each_field(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    sizes: set[int] = set()
    for number in range(1000):
        files.append(start(), field(number, noise=3))
        sizes |= {sum(path.stat().st_size for path in kept_files(tmp_path))}
    assert len(sizes) == 4, "none, and one after each 30 s"


def test_a_folder_that_is_deleted_meanwhile_is_made_anew(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path / "v", camera=KITCHEN, limit_bytes=BIG)
    files.append(start(), field(0))
    files.flush()
    kept_files(tmp_path)[0].unlink()
    (tmp_path / "v" / KITCHEN).rmdir()
    files.append(start(), field(1))
    files.close()
    assert [kept.pts_90k for kept in read_all(tmp_path)] == [STEP]


# --- a disk that is full ---------------------------------------------------------------------------------------------


def test_on_a_full_disk_the_oldest_kept_files_make_room_for_clips_before_anything_is_kept(tmp_path: Path) -> None:
    for run_id in range(1, 6):
        keep(tmp_path, 300, run_id=run_id)
    sizes = [path.stat().st_size for path in kept_files(tmp_path)]
    before = sum(sizes)

    def free(root: Path) -> int:
        given = before - sum(path.stat().st_size for path in kept_files(root))
        return LEAVE_FREE_BYTES - sum(sizes[:2]) + given

    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG, free_bytes=free)
    files.append(start(9), field(0, run_id=9))
    files.close()
    assert [read_head(path).run_id for path in kept_files(tmp_path)] == [4, 5, 9], "the third goes for the batch"


def test_nothing_is_kept_while_the_disk_is_full_though_all_that_was_kept_has_made_room(tmp_path: Path) -> None:
    keep(tmp_path, 300)
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG, free_bytes=lambda _: LEAVE_FREE_BYTES // 2)
    files.append(start(2), field(0, run_id=2))
    with pytest.raises(OSError, match="No space left"):
        files.close()
    assert kept_files(tmp_path) == []


def test_a_batch_is_kept_only_if_so_much_stays_free_behind_it(tmp_path: Path) -> None:
    free = LEAVE_FREE_BYTES + 30
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG, free_bytes=lambda _: free)
    files.append(start(), field(0))
    with pytest.raises(OSError, match="No space left"):
        files.flush()
    free = LEAVE_FREE_BYTES + 100_000
    files.append(start(), field(1))
    files.close()
    assert [kept.pts_90k for kept in read_all(tmp_path)] == [STEP]


def test_batches_that_the_disk_refuses_leave_no_files(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        for number in range(3):
            files.append(start(), field(number))
            with pytest.raises(OSError, match="File too large"):
                files.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert kept_files(tmp_path) == []


def test_a_run_whose_pictures_no_head_can_describe_is_left_out_in_words_and_the_next_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    for number in range(3):
        files.append(start(1, width=70_000), field(number))
    files.append(start(2), field(0, run_id=2))
    files.close()
    assert [read_head(path).run_id for path in kept_files(tmp_path)] == [2]
    assert caplog.text.count("70000x128") == 1


def test_who_appends_is_told_when_something_has_come_to_disk(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    assert [files.append(start(), field(number)) for number in (0, 1, 400)] == [False, False, True]
    assert not files.flush()
    files.append(start(), field(401))
    assert files.flush()


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_file_torn_anywhere_is_good_up_to_there(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    for number in range(6):
        files.append(start(), field(number))
        if number % 2:
            files.flush()
    files.close()
    (path,) = kept_files(tmp_path)
    whole, before = path.read_bytes(), -1
    for size in (*range(70), *range(70, len(whole), 7), len(whole)):
        path.write_bytes(whole[:size])
        try:
            count = len(list(read_fields(path)))
        except StoreError:
            assert size < 60, "the head alone"
            continue
        assert count in (0, 2, 4, 6)
        assert count >= before
        before = count
    assert before == 6


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_damaged_byte_loses_what_comes_after_and_invents_nothing(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    root = tmp_path_factory.mktemp("damaged")
    keep(root, 8)
    good = [one.payload for one in read_all(root)]
    (path,) = kept_files(root)
    data = bytearray(path.read_bytes())
    data[place % len(data)] ^= flip
    path.write_bytes(data)
    try:
        found = [one.payload for one in read_fields(path)]
    except StoreError:
        return
    assert found == good[: len(found)]


def test_a_file_of_a_later_version_is_refused_in_words(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    (path,) = kept_files(tmp_path)
    data = bytearray(path.read_bytes())
    data[8] = 9
    path.write_bytes(data)
    with pytest.raises(StoreError, match="is of version 9; this Ratcam reads version 1"):
        list(read_fields(path))


def test_other_files_are_none_of_ours(tmp_path: Path) -> None:
    other = tmp_path / "notes.fields"
    other.write_text("hello")
    assert not is_kept_file(other)
    assert not is_kept_file(tmp_path / "missing.fields")
    with pytest.raises(StoreError, match="is no file of kept motion fields"):
        read_head(other)


def test_a_disk_that_takes_only_a_part_leaves_what_was_whole_and_a_new_file_goes_on(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=BIG)
    files.append(start(), field(0))
    files.flush()
    (path,) = kept_files(tmp_path)
    size = path.stat().st_size
    files.append(start(), field(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            files.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    files.append(start(), field(2))
    files.close()
    assert [kept.pts_90k // STEP for kept in read_all(tmp_path)] == [0, 2]


def test_a_limit_below_one_batch_keeps_nothing_and_says_so(tmp_path: Path) -> None:
    files = VectorFiles(root=tmp_path, camera=KITCHEN, limit_bytes=100)
    with pytest.raises(OSError, match="keep_vectors_mb"):
        for number in itertools.count():
            files.append(start(), field(number))
    assert not any(path.stat().st_size for path in kept_files(tmp_path))


def test_a_batch_whose_bytes_do_not_have_their_sum_is_the_end_of_a_file_though_it_unpacks(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    (path,) = kept_files(tmp_path)
    whole = path.read_bytes()
    record = struct.pack("<qI", 7 * STEP, 0) + bytes(3 * ROWS * COLUMNS)
    good = batch_bytes(zlib.compress(record))
    path.write_bytes(whole + good)
    assert [kept.pts_90k for kept in read_fields(path)] == [0, STEP, 7 * STEP]
    wrong = struct.pack("<II", len(good) - 8, zlib.crc32(good[8:]) ^ 1) + good[8:]
    path.write_bytes(whole + wrong + good)
    assert [kept.pts_90k for kept in read_fields(path)] == [0, STEP]


def test_a_record_with_more_large_values_than_blocks_ends_its_batch_and_is_not_waited_for(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    (path,) = kept_files(tmp_path)
    record = struct.pack("<qI", 7 * STEP, 0xFFFFFFFF) + bytes(40_000_000)
    data = zlib.compress(record, 1)
    whole = path.read_bytes()
    path.write_bytes(whole + batch_bytes(data))
    tracemalloc.start()
    try:
        assert [kept.pts_90k for kept in read_fields(path)] == [0, STEP]
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
