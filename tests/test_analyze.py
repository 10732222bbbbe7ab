# PyAV's stubs leave the parameter of Packet open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ratcam.analyze import analyze
from ratcam.errors import BadInputError
from ratcam.motion.field import pack
from ratcam.motion.settings import MotionSettings
from ratcam.store.vector_format import KeptHead, head_bytes
from tests.moving_square import (
    BEGINS,
    ENDS,
    FPS,
    HEIGHT,
    PICTURES,
    SQUARE,
    TOP,
    WIDTH,
    left_of_square,
    texture,
    write_video,
)
from tests.scene import turn

CLIPS = Path(__file__).resolve().parents[2] / "shared" / "clips"
COLUMNS, ROWS = 20, 15
"""Of picamera's fields; a decoder's have blocks of half the size."""
SETTINGS = MotionSettings(detector="simple")
"""What is tested here is how analyze tells what a detector finds; the simple one is easily foretold."""
FRAME = ["type", "t_s", "score", "moving", "guard", "zone", "place", "area", "area_percent", "box"]
EVENT = ["type", "start_s", "end_s", "peak_s", "peak_score", "area", "box", "area_percent", "place", "zone", "guard"]

Record = dict[str, Any]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("video") / "square.mp4")


def records(
    video: Path, *, vectors: Path | None = None, motion: MotionSettings = SETTINGS, hold_s: float = 0.0
) -> list[Record]:
    out = io.StringIO()
    analyze(video, motion=motion, hold_s=hold_s, vectors=vectors, as_json=True, heat_map=None, out=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def of_type(found: list[Record], name: str) -> list[Record]:
    return [record for record in found if record["type"] == name]


def vector_file(path: Path, *, pictures: int = PICTURES, first: int = 40, last: int = 59) -> Path:
    """Picamera's file: a mover of 4x4 blocks at block (2, 3) from picture `first` to `last`."""
    still = np.zeros((ROWS, COLUMNS))
    moving = still.copy()
    moving[3:7, 2:6] = 20
    path.write_bytes(b"".join(pack(moving if first <= n <= last else still, still, still) for n in range(pictures)))
    return path


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_the_stream_comes_first_and_the_summary_last(video: Path) -> None:
    found = records(video)
    assert found[0] == {"type": "stream", "width": WIDTH, "height": HEIGHT, "fps": FPS, "grid": [40, 30]}
    summary = found[-1]
    assert list(summary) == ["type", "frames", "events", "decode_us_per_frame", "detect_us_per_frame"]
    assert (summary["type"], summary["frames"], summary["events"]) == ("summary", PICTURES, 1)
    assert summary["decode_us_per_frame"] > 0
    assert summary["detect_us_per_frame"] > 0


def test_every_picture_has_a_frame_at_its_time_from_the_first(video: Path) -> None:
    frames = of_type(records(video), "frame")
    assert [frame["t_s"] for frame in frames] == [pytest.approx(n / FPS, abs=1e-4) for n in range(PICTURES)]
    assert all(list(frame) == FRAME for frame in frames)


def test_the_moving_square_is_one_event_at_its_time_and_place(video: Path) -> None:
    (event,) = of_type(records(video), "event")
    assert list(event) == EVENT
    assert BEGINS / FPS < event["start_s"] <= BEGINS / FPS + 0.6
    assert ENDS / FPS <= event["end_s"] <= ENDS / FPS + 2.0
    assert event["start_s"] <= event["peak_s"] <= ENDS / FPS
    assert event["peak_score"] > 1.5
    assert event["area"] >= 25
    x0, y0, x1, y1 = event["box"]
    left = left_of_square(round(event["peak_s"] * FPS))
    assert x0 <= left + 24
    assert left + SQUARE - 24 <= x1 <= left + SQUARE + 32
    assert abs(y0 - TOP) <= 32
    assert abs(y1 - TOP - SQUARE) <= 32


def test_frames_move_from_the_events_start_to_its_end(video: Path) -> None:
    found = records(video)
    (event,) = of_type(found, "event")
    for frame in of_type(found, "frame"):
        assert frame["moving"] == (event["start_s"] <= frame["t_s"] <= event["end_s"])
        if not frame["moving"]:
            assert frame["score"] < 1


def test_an_event_is_written_right_after_the_picture_that_ends_it(video: Path) -> None:
    found = records(video)
    place = found.index(of_type(found, "event")[0])
    assert not found[place - 1]["moving"]
    assert found[place - 2]["moving"]


def test_a_trigger_out_of_reach_gives_no_event(video: Path) -> None:
    found = records(video, motion=replace(SETTINGS, trigger_level=255.0, trigger_area=250))
    assert found[-1]["events"] == 0
    assert not of_type(found, "event")


# --- vectors --------------------------------------------------------------------------------------------------------


def test_vectors_replace_decoding_at_the_times_of_the_video(video: Path, tmp_path: Path) -> None:
    found = records(video, vectors=vector_file(tmp_path / "v.data"))
    (event,) = of_type(found, "event")
    assert found[-1]["frames"] == PICTURES
    assert event["start_s"] == pytest.approx(4.0, abs=1e-4)
    assert event["peak_s"] == pytest.approx(5.9, abs=0.3)
    assert event["box"] == [32, 48, 96, 112]


def test_vectors_of_another_count_run_at_the_nominal_rate(video: Path, tmp_path: Path) -> None:
    found = records(video, vectors=vector_file(tmp_path / "v.data", pictures=100))
    assert found[-1]["frames"] == 100
    assert of_type(found, "frame")[-1]["t_s"] == pytest.approx(9.9, abs=1e-4)
    (note,) = of_type(found, "note")
    assert "100 fields and the video 80 pictures: they may not belong together" in note["text"]


@pytest.mark.parametrize("more", [-1, 1])
def test_a_field_more_or_less_than_pictures_is_accepted_and_said(video: Path, tmp_path: Path, more: int) -> None:
    found = records(video, vectors=vector_file(tmp_path / "v.data", pictures=PICTURES + more))
    assert [frame["t_s"] for frame in of_type(found, "frame")] == [
        pytest.approx(n / FPS, abs=1e-3) for n in range(PICTURES + more)
    ]
    assert found[1] == {
        "type": "note",
        "text": f"The vector file has {PICTURES + more} fields and the video {PICTURES} pictures: "
        "taken as beginning together.",
    }
    (event,) = of_type(found, "event")
    assert event["start_s"] == pytest.approx(4.0, abs=1e-4)


@pytest.mark.parametrize("cut", [1, 7, 1259])
def test_a_file_cut_within_its_last_field_is_read_up_to_there_and_that_is_said(
    video: Path, tmp_path: Path, cut: int
) -> None:
    path = vector_file(tmp_path / "v.data")
    path.write_bytes(path.read_bytes()[:-cut])
    found = records(video, vectors=path)
    assert found[-1]["frames"] == PICTURES - 1
    assert len(of_type(found, "event")) == 1
    assert any("cut off within its last field" in note["text"] for note in of_type(found, "note"))


def test_a_cut_file_of_another_count_is_refused_with_both_sizes_that_would_do(video: Path, tmp_path: Path) -> None:
    path = vector_file(tmp_path / "v.data", pictures=10)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInputError, match="9 pictures would be 11340 bytes, 10 would be 12600"):
        records(video, vectors=path)


def test_an_event_that_runs_at_the_end_is_closed_there(video: Path, tmp_path: Path) -> None:
    found = records(video, vectors=vector_file(tmp_path / "v.data", last=PICTURES))
    assert [record["type"] for record in found[-2:]] == ["event", "summary"]
    assert found[-2]["end_s"] == pytest.approx((PICTURES - 1) / FPS, abs=1e-4)


def test_vectors_of_another_size_are_refused_with_the_size_expected(video: Path, tmp_path: Path) -> None:
    path = vector_file(tmp_path / "v.data")
    path.write_bytes(path.read_bytes()[: PICTURES * 1000 + 7])
    with pytest.raises(BadInputError, match=r"320x240 pixels have 20x15 blocks, \(20 \+ 1\) \* 15 \* 4 = 1260 bytes"):
        records(video, vectors=path)


def test_missing_vectors_are_refused(video: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no vector file .*nothing\.data"):
        records(video, vectors=tmp_path / "nothing.data")


def test_motion_that_begins_again_within_the_hold_is_one_event_and_frames_stay_as_they_are(
    video: Path, tmp_path: Path
) -> None:
    still = np.zeros((ROWS, COLUMNS))
    moving = still.copy()
    moving[3:7, 2:6] = 20
    at = {*range(20, 30), *range(50, 60)}
    path = tmp_path / "v.data"
    path.write_bytes(b"".join(pack(moving if number in at else still, still, still) for number in range(PICTURES)))
    apart = records(video, vectors=path)
    joined = records(video, vectors=path, hold_s=5.0)
    assert [len(of_type(found, "event")) for found in (apart, joined)] == [2, 1]
    assert of_type(apart, "frame") == of_type(joined, "frame")
    (event,) = of_type(joined, "event")
    assert (event["start_s"], event["end_s"]) == (
        of_type(apart, "event")[0]["start_s"],
        of_type(apart, "event")[1]["end_s"],
    )


# --- table and heat map ---------------------------------------------------------------------------------------------


def test_the_table_has_a_line_for_the_event(video: Path) -> None:
    out = io.StringIO()
    analyze(video, motion=SETTINGS, vectors=None, as_json=False, heat_map=None, out=out)
    first, head, event, last = out.getvalue().splitlines()
    assert first == "320x240 pixels, 10 pictures/s, 40x30 blocks"
    assert head.split()[:2] == ["begins", "lasts"]
    assert event.split()[0].startswith("0:03.")
    assert event.rstrip().endswith(("middle", "centre", "half"))
    assert last.startswith("1 event in 80 pictures;")


def test_the_table_of_a_still_video_says_so(video: Path) -> None:
    out = io.StringIO()
    analyze(video, motion=replace(SETTINGS, settle_s=60), vectors=None, as_json=False, heat_map=None, out=out)
    assert "no motion in 80 pictures" in out.getvalue()
    assert "begins" not in out.getvalue()


def test_the_heat_map_shows_the_peak_in_colour_where_the_square_is(video: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "heat.png", io.StringIO()
    analyze(video, motion=SETTINGS, vectors=None, as_json=True, heat_map=path, out=out)
    event = next(record for record in map(json.loads, out.getvalue().splitlines()) if record["type"] == "event")
    with Image.open(path) as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
        pixels = np.asarray(image).astype(int)
    colour = pixels.max(axis=2) - pixels.min(axis=2)
    left = left_of_square(round(event["peak_s"] * FPS))
    assert colour[TOP + 48, left + 40] > 60
    assert colour[10:40].max() == 0


def test_the_still_under_the_heat_map_is_that_of_the_peak(video: Path, tmp_path: Path) -> None:
    path, out = tmp_path / "heat.png", io.StringIO()
    colourless = replace(SETTINGS, tint_strength=0.0)
    analyze(video, motion=colourless, vectors=None, as_json=True, heat_map=path, out=out)
    event = next(record for record in map(json.loads, out.getvalue().splitlines()) if record["type"] == "event")
    left = left_of_square(round(event["peak_s"] * FPS))
    with Image.open(path) as image:
        pixels = np.asarray(image)[TOP + 20 : TOP + 76, left + 20 : left + 76, 0]
    assert np.corrcoef(pixels.ravel(), texture(SQUARE, SQUARE, 2)[20:76, 20:76].ravel())[0, 1] > 0.95


def test_without_an_event_the_heat_map_shows_the_strongest_picture(video: Path, tmp_path: Path) -> None:
    path = tmp_path / "heat.png"
    still = replace(SETTINGS, settle_s=60)
    analyze(video, motion=still, vectors=None, as_json=True, heat_map=path, out=io.StringIO())
    with Image.open(path) as image:
        pixels = np.asarray(image).astype(int)
    assert (pixels.max(axis=2) - pixels.min(axis=2)).max() > 60


def test_vectors_have_a_heat_map_too(video: Path, tmp_path: Path) -> None:
    path = tmp_path / "heat.png"
    vectors = vector_file(tmp_path / "v.data")
    analyze(video, motion=SETTINGS, vectors=vectors, as_json=True, heat_map=path, out=io.StringIO())
    with Image.open(path) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels[80, 64].max() - pixels[80, 64].min() > 60


@pytest.mark.parametrize(("name", "says"), [("heat.jpg", "ends in .png"), ("nowhere/heat.png", "no folder")])
def test_a_heat_map_that_cannot_be_written_is_refused_before_the_work(
    video: Path, tmp_path: Path, name: str, says: str
) -> None:
    out = io.StringIO()
    with pytest.raises(BadInputError, match=says):
        analyze(video, motion=SETTINGS, vectors=None, as_json=True, heat_map=tmp_path / name, out=out)
    assert not out.getvalue()


# --- bad input ------------------------------------------------------------------------------------------------------


def test_a_missing_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"no video .*none\.mp4"):
        records(tmp_path / "none.mp4")


def test_an_empty_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(BadInputError, match=r"empty\.mp4 is empty"):
        records(path)


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("This is not a video.\n" * 50)
    with pytest.raises(BadInputError, match=r"notes\.txt is a text file"):
        records(path)


def test_bytes_that_are_no_video_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "noise.bin"
    path.write_bytes(np.random.default_rng(3).bytes(5000))
    with pytest.raises(BadInputError, match=r"noise\.bin cannot be analysed"):
        records(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is a folder"):
        records(tmp_path)


def test_a_video_cut_short_before_its_index_is_refused(video: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(video.read_bytes()[:2000])
    with pytest.raises(BadInputError, match=r"cut\.mp4 cannot be analysed"):
        records(path)


def test_vectors_without_a_video_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="Name a video"):
        analyze(
            None,
            motion=SETTINGS,
            vectors=vector_file(tmp_path / "v.data"),
            as_json=True,
            heat_map=None,
            out=io.StringIO(),
        )


def test_kept_fields_are_refused_with_the_command_that_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "00000001.fields"
    path.write_bytes(head_bytes(KeptHead(320, 240, 20, 15, 0, 10.0, 1.8e9, 1)) + bytes(100))
    with pytest.raises(BadInputError, match=r"00000001\.fields holds motion fields that the daemon kept.*ratcam tune"):
        records(path)


# --- real clips -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "moving"),
    [("intel", (60, 90)), ("cd_highway", (100, 700)), ("bgsroad", (100, 250)), ("ezchamber", None)],
)
def test_people_and_cars_are_found_and_an_empty_chamber_is_quiet(name: str, moving: tuple[int, int] | None) -> None:
    path = CLIPS / f"{name}.mp4"
    if not path.exists():
        pytest.skip(f"no {path.name} in ../shared/clips")
    found = records(path)
    frames = of_type(found, "frame")
    if moving is None:
        assert not any(frame["moving"] for frame in frames)
        return
    first, last = moving
    assert sum(frame["moving"] for frame in frames[first : last + 1]) > 0.5 * (last - first + 1)
    assert found[-1]["events"] >= 1


def test_the_heat_map_of_a_video_that_players_turn_is_upright(video: Path, tmp_path: Path) -> None:
    drawn: list[Image.Image] = []
    for clip in (video, turn(video, tmp_path / "turned.mp4", 90)):
        path = tmp_path / f"{clip.stem}.png"
        analyze(clip, motion=SETTINGS, vectors=None, as_json=True, heat_map=path, out=io.StringIO())
        with Image.open(path) as opened:
            drawn.append(opened.convert("RGB"))
    plain, turned = drawn
    assert turned.size == (HEIGHT, WIDTH)
    difference = np.abs(np.asarray(plain.transpose(Image.Transpose.ROTATE_270)).astype(int) - np.asarray(turned))
    assert difference.mean() < 1, "but for the JPEG between"
