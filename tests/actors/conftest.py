"""What the tests of actors share."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.actors.watch import KITCHEN, Watch


@pytest.fixture(name="watch")
def make_watch(tmp_path: Path) -> Generator[Watch]:
    watch = Watch(tmp_path)
    watch.armed.set_armed(KITCHEN, armed=True)
    watch.start()
    yield watch
    watch.address.request_stop()
    for listener in (watch.bot, watch.recorder, watch.proxy):
        listener.stop()
