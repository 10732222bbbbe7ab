"""What a chat shows before anybody plays a video: through the whole daemon, from a clip that has to be turned."""

import io
from pathlib import Path

import pytest
from PIL import Image

from ratcam.messages import ChatId
from ratcam.simulator.simulator import Simulator
from tests.deadline import wait_until
from tests.e2e.daemon import Home, media
from tests.media.players import needs_ffprobe, run
from tests.scene import is_shown, write_turned


def enrolled(home: Home, simulator: Simulator) -> ChatId:
    chat = simulator.add_private_chat("Ada")
    home.start()
    home.enrol(chat)
    return chat


@needs_ffprobe
@pytest.mark.parametrize("rotation", [0, 90])
def test_photo_and_video_of_a_turned_clip_are_upright_and_the_videos_thumbnail_too(
    tmp_path: Path, simulator: Simulator, rotation: int
) -> None:
    home = Home(tmp_path, f"file:{write_turned(tmp_path / 'turned.mp4', rotation)}", simulator)
    shown = (96, 128) if rotation else (128, 96)
    try:
        chat = enrolled(home, simulator)
        said = simulator.say(chat, "/video 1")
        video = home.hear(chat, media("video"), after=said).media
        assert video is not None
        assert (video.width, video.height) == shown
        assert video.thumbnail is not None
        thumbnail = video.thumbnail.read_bytes()
        with Image.open(io.BytesIO(thumbnail)) as picture:
            assert (picture.format, picture.size) == ("JPEG", shown)
        assert is_shown(thumbnail, rotation), "no black square"
        found = run("ffprobe", "-v", "error", "-show_entries", "stream_side_data=rotation", str(video.path)).stdout
        assert ("rotation=-90" in found) == bool(rotation)
        said = simulator.say(chat, "/photo")
        photo = home.hear(chat, media("photo"), after=said).media
        assert photo is not None
        assert (photo.width, photo.height) == shown
        assert is_shown(photo.path.read_bytes(), rotation)
        kept = tmp_path / "state" / "media"
        wait_until(lambda: not any(path.is_file() for path in kept.rglob("*")), what="nothing left of what arrived")
    finally:
        home.daemon.stop()
