"""A running simulator, and a real python-telegram-bot client for it."""

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from ratcam.simulator.simulator import Simulator
from tests.simulator.client import TOKEN


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    simulator = Simulator(token=TOKEN)
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    picture = Image.linear_gradient("L").resize((640, 480)).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="session")
def thumbnail() -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize((320, 200)).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture(scope="session")
def mp4(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=3"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    subprocess.run(["ffmpeg", "-v", "error", *source, *coding, str(path)], check=True, timeout=60)
    return path
