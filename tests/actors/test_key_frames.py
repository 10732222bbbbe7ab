"""A real encoder that makes no key frame of its own, in a real camera process: the recorder asks, and one comes."""

import itertools
import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from ratcam.actors.camera_proxy import CameraProxy, Outage
from ratcam.actors.supervised import Address
from ratcam.clock import SystemClock
from ratcam.messages import AccessUnit, ChatId, ClipReady, RecordClip, RunId
from ratcam.settings import CameraSettings
from tests.actors.studio import CAMERA, S, Studio, clips, studio
from tests.deadline import wait_until
from tests.fakes import Listener
from tests.pictures import Picture, hashes_of_file, hashes_of_units

ENDLESS_GOP = """
import sys
from ratcam import camera_main
from ratcam.cameras import demo, libav

libav._X264["keyint"] = "infinite"

class EndlessGop(libav.X264Encoder):
    def encode(self, frame, pts_90k):
        self._next_key_90k = None
        return super().encode(frame, pts_90k)

demo.X264Encoder = EndlessGop
sys.exit(camera_main.main(sys.argv[1:]))
"""
"""The demo camera with x264 told to begin no GOP; what is asked of it, it does as ever."""
FPS = 20
SETTINGS = CameraSettings(width=160, height=96, fps=FPS)


@contextmanager
def camera(made: Studio, units: Listener, *, is_heard: bool = True) -> Generator[None]:
    """A camera that feeds a recorder and a listener; the former's requests may get lost."""
    address = made.proxy if is_heard else Address("camera")
    runs = itertools.count(1)
    CameraProxy.start(
        address=address,
        on_death=made.deaths.put,
        settings=SETTINGS,
        camera=CAMERA,
        clock=SystemClock(),
        next_run_id=lambda: RunId(next(runs)),
        outage=Outage(),
        units=(made.recorder, units.address),
        fields=(),
        listeners=(),
        snapshots=(),
        command=(sys.executable, "-I", "-c", ENDLESS_GOP),
    )
    try:
        yield
    finally:
        address.request_stop()
        assert made.deaths.get(timeout=10).name == address.name


def pictures(units: Listener) -> tuple[Picture, ...]:
    """What the encoder put out, as far as it has come here."""
    found = [message for message in units.of(AccessUnit) if isinstance(message, AccessUnit)]
    return tuple(Picture(one.pts_90k, one.is_key, one.data) for one in found)


def recorded(made: Studio, units: Listener, seconds: float) -> list[ClipReady]:
    """The parts of a clip of so long."""
    units.wait_for(AccessUnit)
    made.recorder.tell(RecordClip(camera=CAMERA, chat=ChatId(5), seconds=seconds))
    wait_until(lambda: any(clip.is_last for clip in clips(made.bot.heard)), timeout_s=40, what="the clip's last part")
    return clips(made.bot.heard)


def hashes_of(parts: list[ClipReady]) -> list[str]:
    return [value for part in parts for value in hashes_of_file(Path(part.path))]


def test_a_clip_is_split_on_key_frames_that_are_asked_for_and_is_the_encoders_output(tmp_path: Path) -> None:
    units = Listener("units", data_limit=10_000)
    with studio(tmp_path, pre_roll_s=0.0, segment_s=2.0) as made, camera(made, units):
        parts = recorded(made, units, 7.0)
    found = hashes_of(parts)
    assert found == hashes_of_units(pictures(units))[: len(found)]
    assert len(found) >= 7 * FPS
    assert len(parts) >= 3
    assert all(2000 <= part.duration_ms < 3500 for part in parts[:-1]), "a key frame comes within moments"
    assert all(part.duration_ms < 3500 for part in parts)


def test_a_clip_whose_encoder_is_deaf_is_one_part_and_loses_nothing(tmp_path: Path) -> None:
    """What the encoder does by itself; and a GOP of seven seconds reaches the file in pieces, whole."""
    units = Listener("units", data_limit=10_000)
    with studio(tmp_path, pre_roll_s=0.0, segment_s=2.0) as made, camera(made, units, is_heard=False):
        parts = recorded(made, units, 7.0)
    assert [one.is_key for one in pictures(units)[: 7 * FPS]] == [True] + [False] * (7 * FPS - 1)
    found = hashes_of(parts)
    assert found == hashes_of_units(pictures(units))[: len(found)]
    assert len(found) >= 7 * FPS
    assert len(parts) == 1


def test_while_nothing_is_recorded_a_gop_lasts_a_little_more_than_four_seconds_at_most(tmp_path: Path) -> None:
    units = Listener("units", data_limit=10_000)
    with studio(tmp_path) as made, camera(made, units):
        wait_until(lambda: len(pictures(units)) > 11 * FPS, timeout_s=40, what="eleven seconds of pictures")
    keys = [one.pts_90k for one in pictures(units) if one.is_key]
    assert len(keys) >= 3
    assert all(4 * S <= later - sooner < 5.5 * S for sooner, later in pairwise(keys))
