"""`ratcam tune --zones`: from a still or a video to a picture, and to lines that can be pasted."""
# PyAV's own annotations leave its packets half unknown.
# pyright: basic

import io
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from ratcam.config import load
from ratcam.errors import BadInputError
from ratcam.motion.polygon import read_polygon
from ratcam.motion.zones import ZoneSettings
from ratcam.zone_picture import zone_picture
from tests.scene import corners, is_shown, write_turned

DOOR = ZoneSettings(name="door", polygon=read_polygon("10,40 35,40 35,95 10,95"))
ALL = "0,0 100,0 100,100 0,100"


def still(path: Path, size: tuple[int, int] = (160, 120)) -> Path:
    """Four quarters of different grey."""
    grey = np.empty((size[1], size[0]), np.uint8)
    grey[: size[1] // 2, : size[0] // 2], grey[: size[1] // 2, size[0] // 2 :] = 214, 156
    grey[size[1] // 2 :, size[0] // 2 :], grey[size[1] // 2 :, : size[0] // 2] = 98, 40
    Image.fromarray(grey).save(path)
    return path


def drawn(source: Path, out_path: Path, *zones: ZoneSettings) -> tuple[Image.Image, str]:
    """The picture without its margins, and what was said."""
    out = io.StringIO()
    zone_picture(source, zones=zones, out_path=out_path, out=out)
    with Image.open(out_path) as image:
        assert image.format == "PNG"
        return image.crop((70, 70, image.width - 70, image.height - 70 - 112)), out.getvalue()


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.mp4", "without-suffix"])
def test_a_still_or_a_video_becomes_a_picture(tmp_path: Path, name: str) -> None:
    if name == "a.mp4":
        source = write_turned(tmp_path / name, 0)
    else:
        source = still(tmp_path / "a.png").rename(tmp_path / name) if "." not in name else still(tmp_path / name)
    image, _ = drawn(source, tmp_path / "zones.png", ZoneSettings(name="x", polygon=DOOR.polygon, mode="ignore"))
    assert image.size == (1280, 960)
    top_left, top_right, bottom_right, _ = corners(image)
    assert top_left > top_right > bottom_right


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_video_is_drawn_as_a_player_shows_it(tmp_path: Path, rotation: int) -> None:
    source = write_turned(tmp_path / "a.mp4", rotation)
    ignore = ZoneSettings(name="x", polygon=read_polygon("0,0 5,0 5,5"), mode="ignore")
    image, _ = drawn(source, tmp_path / "zones.png", ignore)
    assert image.size == ((1280, 960) if rotation == 180 else (960, 1280))
    assert is_shown(image.crop((5, 5, image.width - 5, image.height - 5)), rotation)


def test_a_still_that_says_how_it_is_to_be_turned_is_turned(tmp_path: Path) -> None:
    plain, turned = still(tmp_path / "a.jpg"), tmp_path / "b.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees
    with Image.open(plain) as image:
        image.save(turned, exif=exif)
    image, _ = drawn(turned, tmp_path / "zones.png", ZoneSettings(name="x", polygon=DOOR.polygon, mode="ignore"))
    assert image.size == (960, 1280)


def bright_halves(path: Path, levels: list[int]) -> Path:
    """A video of black pictures whose right half has these grey levels, one a picture."""
    with av.open(str(path), "w") as box:
        stream = box.add_stream("libx264", rate=10)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, level in enumerate(levels):
            grey = np.full((48, 64), 16, np.uint8)
            grey[:, 32:] = level
            frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [([16] * 12 + [200] * 8, 200), ([120] * 12 + [250] * 8, 120), ([16] * 5 + [24] * 3 + [16] * 5, 24)],
    ids=["begins black", "good at once", "never good"],
)
def test_a_videos_first_picture_that_shows_something_is_drawn(tmp_path: Path, levels: list[int], wanted: int) -> None:
    ignore = ZoneSettings(name="x", polygon=DOOR.polygon, mode="ignore")
    image, _ = drawn(bright_halves(tmp_path / "a.mp4", levels), tmp_path / "zones.png", ignore)
    grey = np.full((48, 64), 16, np.uint8)
    grey[:, 32:] = wanted
    Image.fromarray(grey).save(tmp_path / "same.png")
    same, _ = drawn(tmp_path / "same.png", tmp_path / "same-zones.png", ignore)
    steps = [corners(one)[1] - corners(one)[0] for one in (image, same)]
    assert steps[1] >= 15
    assert abs(steps[0] - steps[1]) <= 10


def test_without_zones_the_example_is_drawn_and_its_lines_can_be_pasted(tmp_path: Path) -> None:
    _, said = drawn(still(tmp_path / "a.png"), tmp_path / "zones.png")
    assert said.splitlines()[0] == (
        f"{tmp_path}/zones.png: a.png with a grid in per cent and the example below; the configuration has no zone yet."
    )
    ini = tmp_path / "ratcam.ini"
    ini.write_text(said[said.index("[zone:") :])
    assert load(ini, {}).zones == (DOOR,)
    ini.write_text(said[said.index("[zone:") :].replace("\n#", "\n"))
    (zone,) = load(ini, {}).zones
    assert (zone.sensitivity, zone.min_seconds) == (7, 0.5)


def test_the_lines_to_paste_do_not_clash_with_the_zones_that_there_are(tmp_path: Path) -> None:
    upper = ZoneSettings(name="DOOR2", polygon=DOOR.polygon, mode="preclude")
    _, said = drawn(still(tmp_path / "a.png"), tmp_path / "zones.png", DOOR, upper)
    assert "and the zones door (watch), DOOR2 (preclude)." in said
    assert "\n[zone:door3]\n" in said


def test_a_zone_of_which_nothing_is_left_is_named(tmp_path: Path) -> None:
    ignore = ZoneSettings(name="all", polygon=read_polygon(ALL), mode="ignore")
    _, said = drawn(still(tmp_path / "a.png"), tmp_path / "zones.png", DOOR, ignore)
    assert "Nothing is left of door: zones that ignore or preclude cover it.\n" in said
    assert "Nothing is watched: zones that ignore or preclude cover all, so no motion can begin an event.\n" in said
    _, said = drawn(still(tmp_path / "a.png"), tmp_path / "zones.png", DOOR)
    assert "Nothing" not in said


def refused(source: Path, out_path: Path) -> str:
    with pytest.raises(BadInputError) as caught:
        zone_picture(source, zones=(), out_path=out_path, out=io.StringIO())
    return str(caught.value).replace(f"{source.parent}/", "")


def test_a_source_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    out_path = tmp_path / "zones.png"
    assert refused(tmp_path / "none.jpg", out_path) == "There is no still or video none.jpg. Check the name."
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder", out_path) == "folder is a folder. Name a still or a video in it."
    (tmp_path / "empty.jpg").write_bytes(b"")
    assert "empty.jpg is empty" in refused(tmp_path / "empty.jpg", out_path)
    (tmp_path / "text.jpg").write_text("no picture\n")
    assert "text.jpg is a text file" in refused(tmp_path / "text.jpg", out_path)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(3000))
    assert "noise.mp4" in refused(tmp_path / "noise.mp4", out_path)
    for name in ("a.jpg", "a.png"):
        whole = still(tmp_path / name, (640, 480)).read_bytes()
        (tmp_path / f"cut-{name}").write_bytes(whole[: len(whole) // 2])
        assert refused(tmp_path / f"cut-{name}", out_path).startswith(f"The still cut-{name} cannot be read: ")
    assert not out_path.exists()


def test_a_picture_that_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    source = still(tmp_path / "a.png")
    before = source.read_bytes()
    assert refused(source, tmp_path / "zones.jpg") == (
        "The picture of the zones is a PNG: give it a name that ends in .png, not zones.jpg."
    )
    assert refused(source, tmp_path / "none" / "zones.png") == (
        "There is no folder none for the picture. Make it first."
    )
    os.link(source, tmp_path / "same.png")
    assert refused(source, tmp_path / "same.png") == (
        "same.png would be drawn over. Give the picture of the zones another name with --out."
    )
    assert source.read_bytes() == before
    (tmp_path / "full.png").symlink_to("/dev/full")
    assert refused(source, tmp_path / "full.png") == (
        "The picture full.png cannot be written: No space left on device."
    )


@pytest.mark.parametrize("mode", ["ignore", "preclude"])
def test_what_a_zone_takes_from_a_watched_one_is_dimmed(tmp_path: Path, mode: str) -> None:
    """Between hatching and grid lines: the darker fifth of the pixels."""
    grey = tmp_path / "grey.png"
    Image.new("L", (160, 120), 128).save(grey)
    watch = ZoneSettings(name="w", polygon=read_polygon(ALL))
    taken = ZoneSettings(name="t", polygon=read_polygon("50,0 100,0 100,100 50,100"), mode=mode)

    def ground(image: Image.Image, left: int, right: int) -> float:
        return float(np.percentile(np.asarray(image.crop((left, 100, right, 860)).convert("L")), 20))

    # Without any watched zone all that is not taken away is watched.
    for zones in ((watch, taken), (taken,)):
        image, _ = drawn(grey, tmp_path / "zones.png", *zones)
        assert ground(image, 700, 1200) < 0.85 * ground(image, 80, 560)


def test_the_words_say_when_nothing_is_watched(tmp_path: Path) -> None:
    everywhere = ZoneSettings(name="x", polygon=read_polygon(ALL), mode="ignore")
    _, words = drawn(still(tmp_path / "a.png"), tmp_path / "zones.png", everywhere)
    assert "Nothing is watched" in words


def test_names_with_control_characters_are_shown_as_escapes(tmp_path: Path) -> None:
    _, words = drawn(still(tmp_path / "a\x1b[31m.png"), tmp_path / "zones.png")
    assert "\x1b" not in words
    assert "a\\x1b[31m.png" in words
