"""What a chat hears of the detector, and what stays on disk of what it saw, with the whole daemon in this process."""

import io
import re
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ratcam.motion.field import unpack
from ratcam.simulator.simulator import Simulator
from ratcam.store.vector_format import kept_files, read_fields, read_head
from tests.e2e.daemon import media
from tests.e2e.test_system import Running


@pytest.fixture(name="running")
def make_running(tmp_path: Path, video: Path, simulator: Simulator) -> Generator[Running]:
    running = Running(tmp_path, video, simulator, keep_vectors_mb=1)
    yield running
    running.stop()


def answer(running: Running, text: str, start: str) -> str:
    said = running.simulator.say(running.chat, text)
    return running.simulator.wait_for(
        lambda m: m.is_from_bot and m.message_id > said and m.text.startswith(start), 30
    ).text


def test_a_chat_is_shown_where_it_moved_and_told_how_the_detector_is(running: Running, tmp_path: Path) -> None:
    photo = running.simulator.wait_for(media("photo"), 40)
    found = re.fullmatch(
        r"kitchen, \d\d:\d\d:\d\d: moving in the (upper|middle|lower) (left|middle|right)"
        r", (less than 1|\d+) % of the picture, strength (\d+\.\d)\.|.*moving in the centre.*",
        photo.caption,
    )
    assert found, photo.caption
    assert photo.media is not None
    with Image.open(io.BytesIO(Path(photo.media.path).read_bytes())) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    assert 0.001 < (colour > 60).mean() < 0.5, "some of it is tinted"
    status = answer(running, "/status", "kitchen: armed")
    assert re.search(r"^Last motion: \d\d:\d\d:\d\d$", status, re.MULTILINE)
    assert "still learning" in status or "margin" in status
    assert "The detector does not answer" not in status
    assert "nothing moves for hours" in answer(running, "/learned", "kitchen: ")
    assert "forgotten" in answer(running, "/learned reset", "kitchen: ")
    running.stop()
    (kept,) = kept_files(tmp_path / "state" / "vectors")
    head = read_head(kept)
    assert (head.width, head.height) == (320, 240)
    fields = [unpack(it.payload, head.columns, head.rows) for it in read_fields(kept)]
    assert len(fields) > 10
    assert any(it.x.any() for it in fields), "kept are the vectors too, for the sake of the other detector"
