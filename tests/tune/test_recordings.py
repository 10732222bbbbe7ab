"""What is named, and what of it can be used."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from ratcam.errors import BadInputError
from ratcam.motion.field import pack, unpack
from ratcam.motion.settings import MotionSettings
from ratcam.store.vector_format import KeptHead, batch_bytes, head_bytes, record_parts
from ratcam.tune.choices import Choice
from ratcam.tune.recordings import recordings
from ratcam.tune.replay import replay

HEAD = KeptHead(
    width=320, height=240, columns=20, rows=15, rotation=0, fps=10.0, started_unix_s=1_800_000_000.0, run_id=1
)
CHOICE = Choice(name="A", motion=MotionSettings(), zones=(), hold_s=5.0, source="", changed=())


def kept_file(path: Path, head: KeptHead = HEAD, times_90k: tuple[int, ...] = (0, 9000, 18_000)) -> Path:
    plane = np.zeros((head.rows, head.columns))
    planes = unpack(pack(plane, plane, plane), head.columns, head.rows)
    records = b"".join(part for pts_90k in times_90k for part in record_parts(pts_90k, planes))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(head_bytes(head) + (batch_bytes(zlib.compress(records)) if times_90k else b""))
    return path


@pytest.mark.parametrize(
    "wrong", [{"fps": 0.0}, {"fps": float("nan")}, {"fps": float("inf")}, {"fps": -5.0}, {"fps": 1e9}, {"rotation": 45}]
)
def test_a_kept_file_whose_head_makes_no_sense_is_left_out(tmp_path: Path, wrong: dict[str, float]) -> None:
    given = recordings([kept_file(tmp_path / "a.fields", HEAD._replace(**wrong))])
    assert given.recordings == ()
    assert "is damaged at its beginning" in given.left_out[0].why


@pytest.mark.parametrize("started_unix_s", [float("nan"), float("inf"), 1e300, -1e12])
def test_a_kept_file_without_a_sensible_date_is_used_without_one(tmp_path: Path, started_unix_s: float) -> None:
    (recording,) = recordings(
        [kept_file(tmp_path / "a.fields", HEAD._replace(started_unix_s=started_unix_s))]
    ).recordings
    assert recording.started_unix_s is None
    assert replay(recording, [CHOICE]).started_unix_s is None


def test_files_of_one_run_are_one_recording_until_time_goes_back(tmp_path: Path) -> None:
    first = kept_file(tmp_path / "k" / "1.fields")
    second = kept_file(tmp_path / "k" / "2.fields", times_90k=(27_000, 36_000))
    third = kept_file(tmp_path / "k" / "3.fields", times_90k=(9_000, 18_000))
    given = recordings([tmp_path / "k"])
    assert [recording.paths for recording in given.recordings] == [(first, second), (third,)]


def test_a_kept_file_without_a_field_is_told_to_be_empty_and_not_to_be_a_video(tmp_path: Path) -> None:
    (recording,) = recordings([kept_file(tmp_path / "a.fields", times_90k=())]).recordings
    with pytest.raises(BadInputError, match="no motion field in it that can be read"):
        replay(recording, [CHOICE])


def test_a_folder_without_anything_is_left_out_with_its_name(tmp_path: Path) -> None:
    given = recordings([tmp_path])
    assert given.recordings == ()
    assert str(tmp_path) in given.left_out[0].sentence
