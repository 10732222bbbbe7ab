"""Videos that a player has to turn or stretch: what the container says reaches the stream and the stills."""

import io
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ratcam.cameras.file import FileSource
from ratcam.media.access_unit import is_idr, parameter_sets
from ratcam.media.sps import parse_sps
from ratcam.motion.field import unpack
from ratcam.ports import CapturedPicture, SourceInfo
from ratcam.settings import CameraSettings
from tests.scene import corners, is_shown, scene_jpeg, shown_corners, write_turned


def opened(path: Path) -> tuple[SourceInfo, FileSource, list[CapturedPicture]]:
    source = FileSource(CameraSettings(source=f"file:{path}", loop=False, pace="fast"), has_vectors=True)
    info = source.open()
    return info, source, list(itertools.islice(iter(source.next_picture, None), 15))


def test_the_scene_of_these_tests_tells_which_way_it_is_turned() -> None:
    picture = Image.open(io.BytesIO(scene_jpeg()))
    assert is_shown(picture)
    assert len({shown_corners(rotation) for rotation in (0, 90, 180, 270)}) == 4
    assert corners(picture.transpose(Image.Transpose.ROTATE_270)) != corners(picture)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_containers_rotation_reaches_the_stream_and_the_stills(tmp_path: Path, name: str, rotation: int) -> None:
    info, source, pictures = opened(write_turned(tmp_path / name, rotation))
    assert (info.width, info.height, info.rotation) == (128, 96, rotation), "the size is that of the coded pictures"
    _, still = source.still_jpeg()
    assert is_shown(still, rotation)
    assert (pictures[5].columns, pictures[5].rows) == (16, 12)
    field = unpack(pictures[5].field, 16, 12)
    assert np.abs(field.x).max() > 0, "fields are those of the coded pictures, in which the square moves across"
    assert np.abs(field.y).max() == 0
    source.close()


@pytest.mark.parametrize("rotation", [90, 270])
def test_the_rotation_of_a_file_that_is_encoded_anew_is_kept(tmp_path: Path, rotation: int) -> None:
    info, source, _ = opened(write_turned(tmp_path / "a.mp4", rotation, codec="mpeg4"))
    assert (info.width, info.height, info.rotation) == (128, 96, rotation)
    assert is_shown(source.still_jpeg()[1], rotation)
    source.close()


def test_the_sample_aspect_ratio_of_a_file_that_is_encoded_anew_is_kept(tmp_path: Path) -> None:
    _, source, pictures = opened(write_turned(tmp_path / "a.avi", 0, codec="mpeg4", aspect=Fraction(4, 3)))
    key = next(picture.data for picture in pictures if is_idr(picture.data))
    assert parse_sps(parameter_sets(key).sps[0]).vui.sar == (4, 3)
    _, still = source.still_jpeg()
    assert is_shown(still)
    assert _size(still) == (171, 96), "stills are stretched as a player does"
    source.close()


def test_a_file_without_pictures_is_opened_without_a_rotation(tmp_path: Path) -> None:
    whole = write_turned(tmp_path / "whole.mp4", 90).read_bytes()
    cut = tmp_path / "cut.mp4"
    at = whole.index(b"mdat") + 4
    cut.write_bytes(whole[:at] + bytes(len(whole[at : whole.index(b"moov") - 4])) + whole[whole.index(b"moov") - 4 :])
    source = FileSource(CameraSettings(source=f"file:{cut}", loop=False, pace="fast"))
    assert source.open().rotation == 0
    source.close()


def _size(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.size
