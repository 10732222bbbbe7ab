"""Settings on the command line pass the checks of an ini file, in the same words."""

from pathlib import Path

import pytest

from ratcam.config import load
from ratcam.errors import BadInputError, ConfigError
from ratcam.motion.settings import MotionSettings
from ratcam.tune.choices import choose, with_settings


def test_settings_override_the_file_and_the_rest_stays(tmp_path: Path) -> None:
    ini = tmp_path / "a.ini"
    ini.write_text("[motion]\nsensitivity = 3\nsettle_s = 7\n[recording]\npost_roll_s = 9\n")
    choice = choose(ini, ["motion.sensitivity=8", "jpeg_quality = 50"], environ={})
    assert (choice.motion.sensitivity, choice.motion.settle_s, choice.motion.jpeg_quality) == (8, 7, 50)
    assert choice.hold_s == 9
    assert choice.source == f"{ini} with sensitivity=8, jpeg_quality = 50"
    assert dict(choice.changed) == {"sensitivity": "8", "settle_s": "7", "jpeg_quality": "50"}


def test_without_anything_it_is_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    choice = choose(None, [], environ={})
    assert (choice.motion, choice.zones, choice.source, choice.changed) == (MotionSettings(), (), "the defaults", ())


def test_the_zones_of_the_file_apply(tmp_path: Path) -> None:
    ini = tmp_path / "z.ini"
    ini.write_text("[zone:door]\npolygon = 10,40 35,40 35,95 10,95\nmode = ignore\n")
    assert [(zone.name, zone.mode) for zone in choose(ini, [], environ={}).zones] == [("door", "ignore")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sensitivity=10", "[motion] sensitivity = 10: write a whole number from 1 to 9, such as 5"),
        ("sensitivity=", "[motion] sensitivity has no value"),
        ("motion.detector=clever", "write track or simple"),
        ("sensitivty=4", "[motion] has no key 'sensitivty'; there are detector, sensitivity"),
        ("sensitivity", "write it as motion.key=value, such as motion.sensitivity=7"),
        ("recording.video_s=4", "write it as motion.key=value"),
        ("settle_s=nan", "write a number from 0 to 600"),
    ],
)
def test_a_wrong_setting_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(BadInputError) as refused:
        with_settings(load(None, {}), [text])
    assert str(refused.value).startswith(f"--set {text}: ")
    assert says in str(refused.value)


def test_every_wrong_setting_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as refused:
        with_settings(load(None, {}), ["a=1", "sensitivity=0", "settle_s=3"])
    assert str(refused.value).count("--set ") == 2
    assert "\n" not in str(refused.value), "a message is one line: the command line escapes all else"


def test_settings_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"release_level .* must not be larger than trigger_level"):
        with_settings(load(None, {}), ["release_level=9", "trigger_level=8"])


def test_a_wrong_file_is_the_error_of_every_command(tmp_path: Path) -> None:
    ini = tmp_path / "a.ini"
    ini.write_text("[motion]\nsensitivity = much\n")
    with pytest.raises(ConfigError, match=r"a.ini:2: \[motion\] sensitivity = much: write a whole number"):
        choose(ini, [], environ={})
