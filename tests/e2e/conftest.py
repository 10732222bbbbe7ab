"""Fixtures of the end-to-end tests."""

from collections.abc import Generator
from pathlib import Path

import pytest

from ratcam.simulator.simulator import Simulator
from tests.e2e.daemon import TOKEN, Home
from tests.moving_square import write_video


@pytest.fixture(name="simulator")
def make_simulator() -> Generator[Simulator]:
    simulator = Simulator(token=TOKEN)
    simulator.start()
    yield simulator
    simulator.stop()
    assert simulator.problems == ()


@pytest.fixture(name="video", scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight seconds in which a square moves from 3 s to 5 s."""
    return write_video(tmp_path_factory.mktemp("video") / "square.mp4")


@pytest.fixture(name="home")
def make_home(tmp_path: Path, simulator: Simulator, video: Path) -> Generator[Home]:
    """A daemon on a looped video, not yet started; killed at the end if it still runs."""
    home = Home(tmp_path, f"file:{video}", simulator)
    yield home
    home.daemon.stop()
