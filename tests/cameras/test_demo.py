"""The demo camera: a quiet kitchen, and a mouse that the detector can see."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from ratcam.cameras.demo import DemoSource
from ratcam.cameras.kitchen import Kitchen
from ratcam.cameras.mouse import visit_of
from ratcam.errors import CameraError
from ratcam.media.access_unit import is_idr
from ratcam.motion.choose import new_detector
from ratcam.motion.field import unpack
from ratcam.motion.settings import MotionSettings
from ratcam.ports import CapturedPicture
from ratcam.settings import CameraSettings

FAST = CameraSettings(pace="fast")


@pytest.fixture(scope="module")
def forty_seconds() -> list[CapturedPicture]:
    source = DemoSource(FAST, has_vectors=True)
    source.open()
    pictures = list(itertools.islice(iter(source.next_picture, None), 400))
    source.close()
    return pictures


def _moving_blocks(picture: CapturedPicture) -> int:
    field = unpack(picture.field, picture.columns, picture.rows)
    return int(np.count_nonzero(np.hypot(field.x.astype(float), field.y.astype(float)) >= 2))


def test_it_delivers_at_its_rate_with_a_key_frame_a_second(forty_seconds: list[CapturedPicture]) -> None:
    assert [picture.pts_90k for picture in forty_seconds] == [9000 * number for number in range(400)]
    assert [number for number, p in enumerate(forty_seconds) if is_idr(p.data)] == list(range(0, 400, 10))
    assert {(picture.columns, picture.rows) for picture in forty_seconds} == {(80, 60)}


def test_the_detector_sees_every_visit_and_nothing_else(forty_seconds: list[CapturedPicture]) -> None:
    detector = new_detector(MotionSettings())
    kitchen = Kitchen(width=640, height=480)
    seen: set[float] = set()
    for picture in forty_seconds:
        time_s = picture.field_pts_90k / 90_000
        observed = detector.feed(
            picture.field, columns=80, rows=60, width=640, height=480, pts_90k=picture.field_pts_90k
        )
        # Motion is said to last for a second after the mouse is gone, and until its evidence has faded.
        visit = kitchen.visit(time_s) or kitchen.visit(time_s - 1.8)
        if observed.moving:
            assert visit is not None, f"motion at {time_s:.1f} s with no mouse"
            seen.add(visit.begin_s)
    assert len(seen) == 3
    assert min(seen) == 8.0


def test_the_still_kitchen_has_hardly_any_vectors(forty_seconds: list[CapturedPicture]) -> None:
    kitchen = Kitchen(width=640, height=480)
    quiet = [p for p in forty_seconds if kitchen.visit(p.pts_90k / 90_000) is None]
    assert np.mean([_moving_blocks(picture) for picture in quiet]) < 1


def test_the_mouse_fills_three_by_three_blocks_when_it_runs(forty_seconds: list[CapturedPicture]) -> None:
    running = [_moving_blocks(picture) for picture in forty_seconds[86:90]]
    assert min(running) >= 9


def test_the_same_moment_is_the_same_picture_and_noise_is_not() -> None:
    one, other = Kitchen(width=320, height=240), Kitchen(width=320, height=240)
    assert np.array_equal(one.picture(9.3), other.picture(9.3))
    first = one.picture(2.0).copy()
    difference = first[:240].astype(int) - one.picture(2.1)[:240]
    assert 1 < difference.std() < 3


def test_visits_come_about_every_fifteen_seconds_and_last_three_to_six() -> None:
    visits = [visit_of(number, seed=1, left_x=14, right_x=547) for number in range(50)]
    assert visits[0].begin_s == 8.0
    for before, after in itertools.pairwise(visits):
        assert 3 <= before.end_s - before.begin_s <= 6
        assert 13 <= after.begin_s - before.begin_s <= 17


@pytest.mark.parametrize("size", [(64, 64), (321, 241), (1280, 720)])
def test_any_size_can_be_drawn_with_and_without_the_mouse(size: tuple[int, int]) -> None:
    source = DemoSource(CameraSettings(pace="fast", width=size[0], height=size[1], fps=1))
    info = source.open()
    assert (info.width, info.height) == (size[0] & ~1, size[1] & ~1)
    pictures = list(itertools.islice(iter(source.next_picture, None), 12))
    source.close()
    assert len(pictures) == 12


def test_a_still_is_a_jpeg_of_the_scene() -> None:
    source = DemoSource(FAST)
    with pytest.raises(CameraError):
        source.still_jpeg()
    source.open()
    source.next_picture()
    pts_90k, jpeg = source.still_jpeg()
    source.close()
    assert pts_90k == 0
    image = Image.open(io.BytesIO(jpeg)).convert("L")
    assert image.size == (640, 480)
    assert 30 < np.asarray(image).mean() < 130


def test_a_key_frame_comes_on_request() -> None:
    source = DemoSource(FAST)
    source.open()
    for _ in range(3):
        source.next_picture()
    source.request_key_frame()
    picture = source.next_picture()
    source.close()
    assert picture is not None
    assert is_idr(picture.data)
