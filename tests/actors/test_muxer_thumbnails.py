"""MuxerActor: what it tells the chat of a clip besides its path: a thumbnail, the size as shown, the duration."""

import io
import json
import sys
from collections.abc import Generator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from ratcam.actors import muxer
from ratcam.cameras.decoding import decode_picture
from ratcam.cameras.file import FileSource
from ratcam.cameras.thumbnails import LibavThumbnails
from ratcam.errors import CameraError
from ratcam.media.access_unit import is_idr
from ratcam.messages import AccessUnit, ClipReady, Segment, SegmentAppended, SegmentClosed
from ratcam.ports import CapturedPicture, ThumbnailMaker
from ratcam.settings import CameraSettings, RecordingSettings
from tests.actors.studio import CAMERA, RUN, clips, failures
from tests.actors.test_muxer import SEGMENT, SOURCE, Workshop, closed, full, gop, part
from tests.deadline import wait_until
from tests.media.players import needs_ffprobe, run
from tests.pictures import hashes_of_file, hashes_of_units
from tests.scene import is_shown, key_unit, write_turned


@dataclass
class Refusing:
    """A `ThumbnailMaker` that fails."""

    exception: Exception
    tries: int = 0

    def jpeg_of(self, key_unit: bytes, rotation: int) -> bytes:
        self.tries += 1
        raise self.exception


@pytest.fixture(name="shop")
def make_shop(tmp_path: Path) -> Generator[Workshop]:
    shop = Workshop(tmp_path, RecordingSettings())
    yield shop
    shop.muxer.request_stop()
    shop.bot.address.request_stop()


def is_picture_of(jpeg: bytes, unit: bytes) -> bool:
    """Whether a JPEG shows what a key unit decodes to, and not just something grey."""
    with Image.open(io.BytesIO(jpeg)) as opened:
        shown = opened.convert("RGB")
    meant = decode_picture(unit, most_side=320)
    difference = ImageStat.Stat(ImageChops.difference(shown, meant)).mean
    return shown.size == meant.size and max(difference) < 10 and max(ImageStat.Stat(meant).stddev) > 10


def closed_with(cover: bytes, segment: Segment = SEGMENT) -> SegmentClosed:
    return replace(closed(segment), cover=cover)


def test_the_thumbnail_is_the_cover_or_else_the_first_picture(shop: Workshop) -> None:
    shop.start_muxer()
    turned = replace(part(3), rotation=270)
    shop.tell(gop(0), closed(), gop(1, part(2)), closed_with(key_unit(), part(2)))
    shop.tell(gop(2, turned), closed_with(key_unit(), turned))
    first, second, third = clips(shop.bot.wait_for(ClipReady, 3))
    assert is_picture_of(first.thumbnail_jpeg, SOURCE[0].data)
    assert not is_picture_of(first.thumbnail_jpeg, SOURCE[10].data)
    assert is_shown(second.thumbnail_jpeg)
    assert is_shown(third.thumbnail_jpeg, 270)
    assert (third.width, third.height) == (48, 64)


def test_a_thumbnail_that_cannot_be_made_never_costs_the_clip(shop: Workshop, caplog: pytest.LogCaptureFixture) -> None:
    shop.thumbnails = Refusing(CameraError("The picture cannot be decoded: it is torn"))
    shop.start_muxer()
    shop.tell(gop(0), closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert clip.thumbnail_jpeg == b""
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(SOURCE)[:10]
    assert "has no thumbnail: The picture cannot be decoded: it is torn" in caplog.text


def test_for_a_cover_that_cannot_be_decoded_the_first_picture_stands(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(gop(0), closed_with(b"\0\0\0\1\x65\x88\x80"))
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert is_picture_of(clip.thumbnail_jpeg, SOURCE[0].data)


def test_where_there_is_no_decoder_it_is_said_once_and_clips_go_without(
    shop: Workshop, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start_muxer()
    monkeypatch.setitem(sys.modules, "av", None)
    for number in (1, 2, 3):
        shop.tell(gop(number, part(number)), closed(part(number)))
    found = clips(shop.bot.wait_for(ClipReady, 3))
    assert [clip.thumbnail_jpeg for clip in found] == [b"", b"", b""]
    assert caplog.text.count("the clips have no thumbnails") == 1
    assert "pip install" in caplog.text


def killed(shop: Workshop) -> None:
    """The muxer dies with what is open left as it is."""
    shop.muxer.tell("not a message")
    assert shop.deaths.get(timeout=10).reason


def test_a_recovered_clip_has_its_first_picture_as_thumbnail(shop: Workshop) -> None:
    shop.start_muxer()
    turned = replace(SEGMENT, rotation=90)
    shop.tell(gop(0, turned), gop(1, turned))
    wait_until(lambda: any(path.read_bytes().count(b"moof") == 2 for path in shop.folder.glob("*.spool")), what="GOPs")
    killed(shop)
    shop.start_muxer()
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert (clip.is_recovered, clip.is_last, clip.width, clip.height) == (True, False, 48, 64)
    with Image.open(io.BytesIO(clip.thumbnail_jpeg)) as picture:
        assert picture.size == (48, 64)
        upright = io.BytesIO()
        picture.transpose(Image.Transpose.ROTATE_90).save(upright, "JPEG", quality=95)
    assert is_picture_of(upright.getvalue(), SOURCE[0].data), "turned back it is the first picture"


def test_clips_that_are_told_again_have_their_thumbnails_while_there_is_time(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.start_muxer()
    for number in (1, 2):
        shop.tell(gop(number, part(number)), closed(part(number)))
    shop.bot.wait_for(ClipReady, 2)
    killed(shop)
    shop.start_muxer()
    again = clips(shop.bot.wait_for(ClipReady, 4))[2:]
    assert [is_picture_of(clip.thumbnail_jpeg, SOURCE[10 * n].data) for n, clip in enumerate(again, 1)] == [True, True]
    shop.tell(gop(3, part(3)))
    wait_until(lambda: any(b"moof" in path.read_bytes() for path in shop.folder.glob("*.spool")), what="a GOP")
    killed(shop)
    monkeypatch.setattr(muxer, "LEFTOVER_THUMBNAILS_S", 0.0)
    shop.start_muxer()
    last = clips(shop.bot.wait_for(ClipReady, 7))[4:]
    assert [bool(clip.thumbnail_jpeg) for clip in last] == [False, False, True], "a recovered one always has it"


def test_what_the_disk_took_before_it_was_full_has_a_thumbnail_and_is_not_called_recovered(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(gop(0))
    wait_until(lambda: any(b"moof" in path.read_bytes() for path in shop.folder.glob("*.spool")), what="a GOP")
    shop.files.on_append = full
    shop.tell(gop(1), closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert (clip.is_recovered, clip.is_cut_short) == (False, True)
    assert is_picture_of(clip.thumbnail_jpeg, SOURCE[0].data)


@pytest.mark.parametrize("exception", [CameraError("it is torn"), MemoryError("too large"), AssertionError("a bug")])
def test_a_maker_that_fails_on_what_an_earlier_muxer_left_does_not_keep_the_next_from_its_work(
    shop: Workshop, exception: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    shop.start_muxer()
    shop.tell(gop(1, part(1)), closed(part(1)))
    shop.bot.wait_for(ClipReady)
    shop.tell(gop(2, part(2)))
    wait_until(lambda: any(b"moof" in path.read_bytes() for path in shop.folder.glob("*.spool")), what="a GOP")
    killed(shop)
    maker = shop.thumbnails = Refusing(exception)
    shop.start_muxer()
    shop.tell(gop(3, part(3)), closed(part(3)))
    found = clips(shop.bot.wait_for(ClipReady, 4))[1:]
    assert [(clip.segment.part, clip.thumbnail_jpeg) for clip in found] == [(1, b""), (2, b""), (3, b"")]
    assert maker.tries == 3
    assert caplog.text.count("has no thumbnail") == 3
    assert shop.deaths.empty()


def pieces(*bounds: int, segment: Segment = SEGMENT) -> list[SegmentAppended]:
    """The source's pictures in pieces that begin at the bounds, whether with a key picture or not."""
    units = [AccessUnit(camera=CAMERA, run_id=RUN, pts_90k=p.pts_90k, is_key=p.is_key, data=p.data) for p in SOURCE]
    return [SegmentAppended(segment=segment, units=tuple(units[begin:end])) for begin, end in pairwise(bounds)]


def test_a_gop_may_come_in_pieces(shop: Workshop) -> None:
    shop.start_muxer()
    shop.tell(*pieces(0, 1, 2, 5, 10, 14, 20), closed())
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert hashes_of_file(Path(clip.path)) == hashes_of_units(SOURCE)[:20]
    data = Path(clip.path).read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_after_a_restart_in_a_gop_a_segment_goes_on_from_the_next_key_picture(shop: Workshop) -> None:
    shop.start_muxer()
    first, *rest = pieces(0, 13, 17, 20, 30)
    shop.tell(first)
    wait_until(lambda: any(path.read_bytes().count(b"moof") == 2 for path in shop.folder.glob("*.spool")), what="GOPs")
    killed(shop)
    shop.start_muxer()
    shop.tell(*rest, closed())
    recovered, last = clips(shop.bot.wait_for(ClipReady, 2))
    assert hashes_of_file(Path(recovered.path)) == hashes_of_units(SOURCE)[:13]
    assert hashes_of_file(Path(last.path)) == hashes_of_units(SOURCE)[20:30]
    assert (recovered.is_recovered, last.is_recovered, last.is_last) == (True, False, True)
    assert is_picture_of(last.thumbnail_jpeg, SOURCE[20].data)
    assert failures(shop.bot.heard) == []


def test_a_segment_of_which_no_key_picture_comes_is_no_file(shop: Workshop, tmp_path: Path) -> None:
    shop.start_muxer()
    shop.tell(*pieces(3, 5, 9), closed(), gop(1, part(2)), closed(part(2)))
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    assert clip.segment.part == 2
    assert [path.suffix for path in tmp_path.iterdir()] == [".mp4"]


def recorded(path: Path) -> tuple[int, list[AccessUnit]]:
    """A file's rotation, and its pictures as its camera gives them."""
    source = FileSource(CameraSettings(source=f"file:{path}", loop=False, pace="fast"))
    rotation = source.open().rotation
    units = [_unit(picture) for picture in iter(source.next_picture, None) if picture.data]
    source.close()
    return rotation, units


def _unit(picture: CapturedPicture) -> AccessUnit:
    is_key = is_idr(picture.data)
    return AccessUnit(camera=CAMERA, run_id=RUN, pts_90k=picture.pts_90k, is_key=is_key, data=picture.data)


@needs_ffprobe
@pytest.mark.parametrize("is_killed", [False, True])
@pytest.mark.parametrize(
    ("rotation", "aspect", "shown"),
    [(0, None, (128, 96)), (90, None, (96, 128)), (180, Fraction(4, 3), (171, 96)), (270, Fraction(3, 2), (96, 192))],
)
def test_what_is_told_of_a_clip_is_what_ffprobe_finds(
    shop: Workshop, rotation: int, aspect: Fraction | None, shown: tuple[int, int], *, is_killed: bool
) -> None:
    told, units = recorded(write_turned(shop.folder / "source.mp4", rotation, aspect=aspect))
    assert told == rotation
    segment = replace(SEGMENT, rotation=rotation)
    shop.start_muxer()
    for begin in range(0, 20, 10):
        shop.tell(SegmentAppended(segment=segment, units=tuple(units[begin : begin + 10])))
    if is_killed:
        wait_until(
            lambda: any(path.read_bytes().count(b"moof") == 2 for path in shop.folder.glob("*.spool")), what="GOPs"
        )
        killed(shop)
        shop.start_muxer()
    else:
        shop.tell(closed(segment))
    (clip,) = clips(shop.bot.wait_for(ClipReady))
    (stream, duration_s) = probed(clip.path)
    assert clip.is_recovered == is_killed
    assert clip.size_bytes == Path(clip.path).stat().st_size
    assert clip.duration_ms == round(duration_s * 1000) == 2000
    across = Fraction(*map(int, str(stream.get("sample_aspect_ratio", "1:1")).split(":")))
    assert across == (aspect or 1)
    size = (round(int(str(stream["width"])) * across), int(str(stream["height"])))
    assert -int(str(stream["rotation"])) % 360 == rotation
    assert (clip.width, clip.height) == shown == (size[::-1] if rotation % 180 else size)
    with Image.open(io.BytesIO(clip.thumbnail_jpeg)) as picture:
        assert picture.size == shown
    assert is_shown(clip.thumbnail_jpeg, rotation)


def probed(path: str) -> tuple[dict[str, object], float]:
    """The video stream, and the container's duration in seconds, as ffprobe sees them."""
    done = run("ffprobe", "-v", "error", "-show_streams", "-show_format", "-of", "json", path)
    found = json.loads(done.stdout)
    stream = found["streams"][0]
    matrix = next((data for data in stream.get("side_data_list", []) if "rotation" in data), {"rotation": 0})
    return stream | {"rotation": matrix["rotation"]}, float(found["format"]["duration"])


def test_the_makers_are_interchangeable() -> None:
    makers: list[ThumbnailMaker] = [LibavThumbnails(), Refusing(CameraError("no"))]
    assert len(makers) == 2
