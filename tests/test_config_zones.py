"""[zone:NAME] sections: any number, every error in words, and what is shown and explained of them."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.config import Config, explain, load, sample, show
from ratcam.config_schema import NAMED_SECTIONS, REQUIRED, keys_of, kind_of
from ratcam.errors import BadInputError, ConfigError
from ratcam.motion.zones import ZoneSettings

DOOR = "[zone:door]\npolygon = 10,40 35,40 35,95 10,95\n"
GIVE = (
    "give the corners as x,y in per cent, such as 10,40 35,40 35,95 10,95 "
    "(`ratcam tune --zones` draws the grid to read them from)"
)
HOW = "write each corner as x,y in per cent, with blanks between the corners, such as 10,40 35,40 35,95 10,95"
LETTERS = "a zone's name has 1 to 32 letters (a-z), digits, - and _, such as door"
TOKEN = "8123456789:AAE-xyz_0123456789abcdefghijklmnopq"


def read(folder: Path, text: str) -> Config:
    path = folder / "ratcam.ini"
    path.write_text(text)
    return load(path, {})


def test_zones_are_read_in_the_order_of_the_file_beside_the_other_sections(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "[zone:tree]  # sways\npolygon = 0,0, 20,0, 20,30\nmode = ignore\n[camera]\nname = hall\n"
        f"{DOOR}sensitivity = 7\nmin_seconds = 0.3\n[zone:TV-2_b]\nmin_seconds=2\nmode = preclude\n"
        "polygon = 1.5,1 2,1 2,2.25\nsensitivity =\n",
    )
    assert config.camera.name == "hall"
    assert config.zones == (
        ZoneSettings(name="tree", polygon=((0.0, 0.0), (20.0, 0.0), (20.0, 30.0)), mode="ignore"),
        ZoneSettings(
            name="door",
            polygon=((10.0, 40.0), (35.0, 40.0), (35.0, 95.0), (10.0, 95.0)),
            sensitivity=7,
            min_seconds=0.3,
        ),
        ZoneSettings(name="TV-2_b", polygon=((1.5, 1.0), (2.0, 1.0), (2.0, 2.25)), mode="preclude", min_seconds=2.0),
    )
    assert config.origins["zone:door.sensitivity"] == f"{tmp_path}/ratcam.ini:8"
    assert "zone:door.mode" not in config.origins


def test_either_detector_is_accepted_without_zones(tmp_path: Path) -> None:
    for detector in ("simple", "track"):
        assert read(tmp_path, f"[motion]\ndetector = {detector}\n").motion.detector == detector


def test_without_such_a_section_there_is_no_zone(tmp_path: Path) -> None:
    assert read(tmp_path, "").zones == Config().zones == ()


BAD: dict[str, tuple[str, list[str]]] = {
    "no polygon": ("[auth]\n[zone:door]\nmode = watch\n", [f"F:2: [zone:door] has no polygon; {GIVE}"]),
    "empty polygon": (
        "[zone:door]\npolygon =\n",
        [
            "F:2: [zone:door] polygon has no value; write the corners as x,y in per cent, such as 10,40 35,40 35,95 "
            "10,95"
        ],
    ),
    "few corners": (
        "[zone:door]\npolygon = 10,40 35,40\n",
        [f"F:2: [zone:door] polygon = 10,40 35,40: a zone needs at least 3 corners, this has 2; {HOW}"],
    ),
    "no corner": (
        "[zone:door]\npolygon = 10,40 35 2,2\n",
        [f"F:2: [zone:door] polygon = 10,40 35 2,2: corner 2 (35) is none; {HOW}"],
    ),
    "outside": (
        "[zone:door]\npolygon = 0,0 10,0 10,101\n",
        [
            "F:2: [zone:door] polygon = 0,0 10,0 10,101: corner 3 (10,101) lies outside the picture; "
            "write numbers from 0 to 100"
        ],
    ),
    "crossing": (
        "[zone:door]\npolygon = 0,0 9,9 9,0 0,9\n",
        [
            "F:2: [zone:door] polygon = 0,0 9,9 9,0 0,9: the side from corner 1 to 2 meets the one from 3 to 4; "
            "give the corners in the order of a walk round the zone, or make two zones of it"
        ],
    ),
    "quotes": (
        '[zone:door]\npolygon = "0,0 9,0 9,9"\n',
        ["F:2: [zone:door] polygon is in quotes; write the value without them"],
    ),
    "a token": (
        f"[zone:door]\npolygon = 1,1 {TOKEN}\n[zone:{TOKEN}]\nmode = x\nkind = 1\n",
        [
            f"F:2: [zone:door] polygon = 1,1 [hidden]: corner 2 is none; {HOW}",
            f"F:3: [zone:[hidden]]: {LETTERS}",
            "F:4: [zone:[hidden]] mode = x: write watch, ignore or preclude, such as watch",
            "F:5: [zone:[hidden]] has no key kind; there are polygon, mode, sensitivity, min_seconds",
        ],
    ),
    "mode": (
        f"{DOOR}mode = look\n",
        ["F:3: [zone:door] mode = look: write watch, ignore or preclude, such as watch"],
    ),
    "sensitivity": (
        f"{DOOR}sensitivity = 10\n",
        ["F:3: [zone:door] sensitivity = 10: write a whole number from 1 to 9"],
    ),
    "min_seconds": (
        f"{DOOR}min_seconds = 0,5\n",
        ["F:3: [zone:door] min_seconds = 0,5: write a point for the comma: 0.5"],
    ),
    "unknown key": (f"{DOOR}sensitiv = 3\n", ["F:3: [zone:door] has no key sensitiv; did you mean sensitivity?"]),
    "unknown key for a polygon": (
        "[zone:door]\nplygon = 1\n",
        ["F:2: [zone:door] has no key plygon; did you mean polygon?"],
    ),
    "name is no key": (
        f"{DOOR}name = x\n",
        ["F:3: [zone:door] has no key name; there are polygon, mode, sensitivity, min_seconds"],
    ),
    "key twice": (
        f"{DOOR}mode = watch\nmode = ignore\n",
        ["F:4: 'mode' is set already on line 3; keep only one"],
    ),
    "zone twice": (
        f"{DOOR}{DOOR}",
        [
            "F:3: section [zone:door] began already on line 1; put its keys together there",
            "F:4: 'polygon' is set already on line 2; keep only one",
        ],
    ),
    "zone twice but for capitals": (
        f"{DOOR}{DOOR.replace('door', 'Door')}",
        ["F:3: [zone:Door] and [zone:door] on line 1 differ in capitals only; give one another name"],
    ),
    "no name": (
        "[zone]\n[zone:]\n",
        ["F:1: section [zone] has no name; give it one, such as [zone:door]", f"F:2: [zone:]: {LETTERS}"],
    ),
    "bad names": (
        "[zone: door]\n[zone:my door]\n[zone:a:b]\n[zone:tür]\n",
        [
            f"F:{line}: [zone:{name}]: {LETTERS}"
            for line, name in ((1, " door"), (2, "my door"), (3, "a:b"), (4, "tür"))
        ],
    ),
    "kind misspelt": (
        f"{DOOR.replace('zone', 'Zone')}{DOOR.replace('zone', 'zones')}",
        [
            "F:1: there is no section [Zone:door]; did you mean [zone:door]?",
            "F:3: there is no section [zones:door]; did you mean [zone:door]?",
        ],
    ),
    "with the detector that knows none": (
        f"[motion]\ndetector = simple\n{DOOR}{DOOR.replace('door', 'b')}",
        [
            "F:4: [motion] detector = simple watches the whole picture and knows no zones such as [zone:door]; "
            "write detector = track, or delete the zones"
        ],
    ),
    "name forgotten in its comment": (
        "[daemon]\n#[zone:door]\npolygon = 1,1 2,2 3,1\n",
        ["F:3: [daemon] has no key polygon; it belongs below a line of its own, such as [zone:door]"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_zone_is_refused_in_these_words(tmp_path: Path, name: str) -> None:
    text, expected = BAD[name]
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert [problem.replace(str(tmp_path / "ratcam.ini"), "F") for problem in caught.value.problems] == expected


def test_what_is_shown_reads_back_to_the_same(tmp_path: Path) -> None:
    config = read(tmp_path, f"{DOOR}mode = ignore\n[zone:b]\npolygon = 0.125,1 2,1 2,2.25\nsensitivity = 3\n")
    text = show(config)
    assert re.sub(" +", " ", text[text.index("[zone:door]") :]).splitlines() == [
        "[zone:door]",
        f"polygon = 10,40 35,40 35,95 10,95 # {tmp_path}/ratcam.ini:2",
        f"mode = ignore # {tmp_path}/ratcam.ini:3",
        "sensitivity = # default",
        "min_seconds = 0 # default",
        "",
        "[zone:b]",
        f"polygon = 0.125,1 2,1 2,2.25 # {tmp_path}/ratcam.ini:5",
        "mode = watch # default",
        f"sensitivity = 3 # {tmp_path}/ratcam.ini:6",
        "min_seconds = 0 # default",
    ]
    assert read(tmp_path, text) == config


def test_the_sample_has_a_zone_to_uncomment(tmp_path: Path) -> None:
    text = sample()
    for line in ("[zone:door]", "polygon ="):
        assert text.count(f"\n#{line}") == 1
        text = text.replace(f"\n#{line}", f"\n{line}")
    (zone,) = read(tmp_path, text).zones
    assert (zone.name, zone.mode) == ("door", "watch")


def test_a_keys_values_are_explained_for_every_zone(tmp_path: Path) -> None:
    config = read(tmp_path, f"{DOOR}[zone:tree]\npolygon = 0,0 20,0 20,30\nmode = ignore\n")
    path = f"{tmp_path}/ratcam.ini"
    lines = explain(config, "zone.polygon").splitlines()
    assert lines[0] == "[zone] polygon"
    assert "ratcam tune --zones" in " ".join(lines)
    assert lines[-3:] == [
        "default: none, it must be given",
        f"in force in [zone:door]: 10,40 35,40 35,95 10,95  # {path}:2",
        f"in force in [zone:tree]: 0,0 20,0 20,30  # {path}:4",
    ]
    assert explain(config, "zone:tree.mode").splitlines()[-2:] == ["default: watch", f"in force: ignore  # {path}:5"]
    assert explain(config, "[zone:tree]").count("\n[zone:tree] ") == 3
    assert explain(Config(), "zone.mode").splitlines()[-1] == "in force: there is no section [zone:NAME]"


def test_any_key_is_explained_by_its_name_alone_and_no_secret_is_told() -> None:
    config = dataclasses.replace(
        Config(), telegram=dataclasses.replace(Config().telegram, token=TOKEN), origins={"telegram.token": "x"}
    )
    both = explain(config, "sensitivity")
    assert both.index("[motion] sensitivity") < both.index("[zone] sensitivity")
    assert explain(config, "min_seconds").endswith("\n")
    assert "A number from 1 to 60.\ndefault: 10\nin force: 10  # default\n" in explain(config, "camera.fps")
    secret = explain(config, "telegram")
    assert TOKEN not in secret
    assert "in force: ********  # x" in secret


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("zone.polgon", "did you mean zone.polygon?"),
        ("zone:dor.mode", "did you mean zone:door.mode?"),
        ("polgon", "did you mean polygon?"),
        ("Motion.sensitivity", "did you mean motion.sensitivity?"),
        ("xyz", "there are keys such as telegram.token; see `ratcam config show`"),
        ("", "there are keys such as telegram.token; see `ratcam config show`"),
        (TOKEN, "there are keys such as telegram.token; see `ratcam config show`"),
    ],
)
def test_a_key_that_is_none_is_refused_with_the_nearest(tmp_path: Path, name: str, hint: str) -> None:
    with pytest.raises(BadInputError) as caught:
        explain(read(tmp_path, DOOR), name)
    assert str(caught.value) == f"There is no key {'[hidden]' if name == TOKEN else name}; {hint}"


def test_every_default_of_a_named_section_is_within_its_limits_and_documented() -> None:
    for kind in NAMED_SECTIONS:
        for key in keys_of(kind):
            assert key.doc.endswith("."), key.full_name
            if key.default is not REQUIRED and key.default is not None:
                assert type(key.default) is key.type, key.full_name
            if isinstance(key.default, int | float) and key.minimum is not None and key.maximum is not None:
                assert key.minimum <= key.default <= key.maximum, key.full_name


def test_a_named_section_has_its_kinds_keys_under_its_own_name() -> None:
    assert [key.full_name for key in keys_of("zone:a")] == [
        key.full_name.replace("zone.", "zone:a.") for key in keys_of("zone")
    ]
    assert (kind_of("zone:a"), kind_of("zone:"), kind_of("zone"), kind_of("camera"), kind_of("x:a")) == (
        "zone",
        "zone",
        "",
        "",
        "",
    )
    with pytest.raises(KeyError):
        keys_of("nothing")


PIECES = (
    "[zone:a]",
    "[zone:B]",
    "[zone:b]",
    "[zone]",
    "[zone:]",
    "[zone:a b]",
    "[zones:a]",
    "[motion]",
    "polygon = 1,1 9,1 9,9",
    "polygon = 1,1 9,9 9,1 1,9",
    "polygon =",
    "polygon",
    "mode = ignore",
    "mode = ",
    "sensitivity = 3",
    "sensitivity =",
    "min_seconds = 1e1",
    "polgon = 1,1",
    "",
    "# comment",
)


@given(st.lists(st.sampled_from(PIECES), max_size=14))
@settings(max_examples=200, deadline=None)
def test_any_lines_are_read_or_refused_with_their_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    try:
        zones = read(folder, "\n".join(lines)).zones
    except ConfigError as exc:
        for problem in exc.problems:
            found = re.match(re.escape(f"{folder}/ratcam.ini:") + r"(\d+): .", problem)
            assert found, problem
            assert 1 <= int(found[1]) <= len(lines)
    else:
        named = [line[6:-1] for line in lines if line.startswith("[zone:")]
        assert [zone.name for zone in zones] == named


@given(
    st.lists(
        st.tuples(
            st.tuples(*(st.integers(0, 99_999) for _ in range(2)), st.integers(1, 9_999)),
            st.sampled_from(("watch", "ignore", "preclude")),
            st.none() | st.integers(1, 9),
            st.integers(0, 600),
        ),
        max_size=6,
    )
)
@settings(max_examples=60, deadline=None)
def test_zones_of_any_numbers_come_back_from_what_is_shown(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[tuple[int, int, int], str, int | None, int]],
) -> None:
    zones: list[ZoneSettings] = []
    for number, ((x, y, size), mode, sensitivity, tenths) in enumerate(drawn):
        x0, y0 = x / 1000, y / 1000
        x1, y1 = min(100_000, x + size) / 1000, min(100_000, y + size) / 1000
        polygon = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        zones.append(
            ZoneSettings(
                name=f"z{number}", polygon=polygon, mode=mode, sensitivity=sensitivity, min_seconds=tenths / 10
            )
        )
    text = show(dataclasses.replace(Config(), zones=tuple(zones)))
    assert read(tmp_path_factory.getbasetemp(), text).zones == tuple(zones)


def test_more_zones_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    def sections(number: int) -> str:
        return "".join(f"[zone:z{one}]\npolygon = 0,0 50,0 50,50\n" for one in range(number))

    assert len(read(tmp_path, sections(64)).zones) == 64
    with pytest.raises(ConfigError, match=r"ratcam.ini:130: there are 65 zones, and at most 64 are allowed"):
        read(tmp_path, sections(65))
