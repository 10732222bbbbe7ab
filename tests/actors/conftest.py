"""What the tests of actors share."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.actors.household import Household
from tests.actors.watch import KITCHEN, Watch


@pytest.fixture(name="watch")
def make_watch(tmp_path: Path) -> Generator[Watch]:
    watch = Watch(tmp_path)
    watch.armed.set_armed(KITCHEN, armed=True)
    watch.start()
    yield watch
    for address in (watch.address, watch.habits):
        address.request_stop()
    for listener in (watch.bot, watch.recorder, watch.proxy):
        listener.stop()


@pytest.fixture(name="house")
def make_house(tmp_path: Path) -> Generator[Household]:
    house = Household(tmp_path)
    house.start()
    yield house
    house.address.request_stop()
    for listener in (house.camera, house.motion, house.recorder, house.auth):
        listener.stop()
