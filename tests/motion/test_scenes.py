"""That the generated scenes show what their labels say, and that the measure counts as it says."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.motion.scene_catalogue import NUISANCES, SENSORS, mixed, mouse, movers, nuisance_alone, still
from tests.motion.scene_runs import ENCODINGS, Encoding, decoded_fields, encode, in_size, measure
from tests.motion.scenes import Scene, Sensor, Truth

SMALL = (320, 180)
SILENT = Sensor(sigma=0.0)


def test_the_same_scene_gives_the_same_pictures() -> None:
    scene = in_size(mixed("rain", 5, minutes=0.5), *SMALL)
    for one, other in zip(scene.pictures(), scene.pictures(), strict=True):
        assert np.array_equal(one, other)


def test_another_seed_gives_another_place() -> None:
    one, other = (next(iter(in_size(still("kitchen", seed), *SMALL).pictures())).astype(int) for seed in (1, 2))
    assert np.abs(one - other).mean() > 3


@pytest.mark.parametrize("background", SENSORS)
def test_the_sensors_noise_is_as_strong_as_asked(background: str) -> None:
    scene = replace(in_size(still(background, seconds=2), *SMALL), sensor=Sensor(sigma=1.5))
    pictures = np.stack([picture.astype(float) for picture in scene.pictures()])
    assert np.median(pictures.std(axis=0, ddof=1)) == pytest.approx(1.5, rel=0.1)


@pytest.mark.parametrize("name", ["rat", "cat", "person", "mouse"])
def test_labels_say_when_somebody_is_to_be_seen(name: str) -> None:
    scene = in_size(mouse(241) if name == "mouse" else movers()[name], *SMALL)
    scene = replace(scene, sensor=SILENT)
    empty = next(iter(replace(scene, movers=()).pictures()))
    seen = [bool((np.abs(picture.astype(int) - empty) > 3).any()) for picture in scene.pictures()]
    labels = scene.labels()
    assert all(there for there, label in zip(seen, labels, strict=True) if label == 1)
    assert not any(there for there, label in zip(seen, labels, strict=True) if label == 0)
    assert (labels == 1).sum() >= 10


def test_the_body_has_the_area_asked_for() -> None:
    scene = replace(mouse(448), sensor=SILENT)
    empty = next(iter(replace(scene, movers=()).pictures())).astype(int)
    number = int(np.flatnonzero(scene.labels() == 1)[20])
    picture = next(picture for at, picture in enumerate(scene.pictures()) if at == number)
    covered = int((np.abs(picture - empty) > 3).sum())
    assert 448 * 0.9 <= covered <= 448 * 1.6  # head and tail come on top


@pytest.mark.parametrize("kind", NUISANCES)
def test_a_nuisance_changes_the_picture_in_its_time_and_at_no_other(kind: str) -> None:
    scene = replace(in_size(nuisance_alone(kind), *SMALL), sensor=SILENT)
    pictures = [picture.astype(int) for picture in scene.pictures()]
    changes = np.array([np.abs(b - a).mean() for a, b in pairwise(pictures)])
    ((first, last, found_kind),) = scene.truth()["nuisance"]
    assert found_kind == kind
    assert changes[max(0, first - 1) : last].max() > 0.01
    assert not changes[: max(0, first - 1)].any()
    assert changes[last + 1 :].max(initial=0.0) == 0
    assert not scene.labels().any()


def test_a_scene_twice_as_large_is_the_same_picture() -> None:
    scene = replace(in_size(mixed("none", 3, minutes=0.3, area=800), *SMALL), sensor=SILENT)
    twice = in_size(scene, 640, 360)
    assert twice.truth() == scene.truth()
    for small, large in zip(scene.pictures(), twice.pictures(), strict=True):
        shrunk = large.reshape(180, 2, 320, 2).mean(axis=(1, 3))
        assert np.abs(shrunk - small).mean() < 6


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_encoding_comes_back_with_all_pictures_in_order(name: str) -> None:
    scene: Scene = in_size(movers()["cat"], *SMALL)
    scene = replace(scene, seconds=5.0)
    encoding: Encoding = ENCODINGS[name]
    units = encode(scene.pictures(), fps=scene.fps, encoding=encoding)
    fields = list(decoded_fields(units, width=320, height=180, b_frames=encoding.b_frames))
    assert [field.pts_90k for field in fields] == [number * 9000 for number in range(scene.count)]


# --- the measure -----------------------------------------------------------------------------------------------------

TRUTH = Truth(fps=10, frames=300, labels=[(0, 99, 0), (100, 119, 1), (120, 299, 0)], nuisance=[(200, 219, "light")])


def flags(*runs: tuple[int, int]) -> list[bool]:
    return [any(first <= at <= last for first, last in runs) for at in range(300)]


def test_an_event_is_found_by_motion_in_its_time_with_its_delay() -> None:
    got = measure(flags((104, 125)), TRUTH)
    assert (got.events, got.found, got.alarms, got.latencies_s) == (1, 1, 0, (0.4,))


def test_motion_before_and_after_an_event_does_not_find_it() -> None:
    got = measure(flags((60, 70), (190, 195)), TRUTH)
    assert (got.found, got.alarms, got.disturbed) == (0, 2, ())


def test_motion_soon_after_an_event_is_no_alarm_and_none_is_counted_in_the_warm_up() -> None:
    assert measure(flags((0, 40), (121, 138)), TRUTH).alarms == 0


def test_an_alarm_is_put_down_to_the_nuisance_in_whose_time_it_began() -> None:
    got = measure(flags((210, 215), (230, 233)), TRUTH)  # less than two seconds apart: one alarm
    assert (got.alarms, got.disturbed) == (1, ("light",))
