"""Configuration: what is read, what is refused and in which words, where the token comes from."""

import dataclasses
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratcam.config import Config, load, require_token, sample, show
from ratcam.config_schema import NAMED_SECTIONS, SECTIONS, keys_of
from ratcam.config_values import as_text
from ratcam.errors import ConfigError
from ratcam.ini_file import parse
from ratcam.motion.polygon import EXAMPLE
from ratcam.motion.zones import ZoneSettings

ROOT = Path(__file__).parents[1]
TOKEN = "8123456789:AAE-xyz_0123456789abcdefghijklmnopq"


def write(folder: Path, text: str | bytes, *, mode: int = 0o600) -> Path:
    path = folder / "ratcam.ini"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def problems(folder: Path, text: str | bytes, *, mode: int = 0o600, **environ: str) -> list[str]:
    """The problems of a file, with `F` for its path."""
    path = write(folder, text, mode=mode)
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    assert not any(TOKEN in problem for problem in caught.value.problems)
    return [problem.replace(str(path), "F").replace(str(folder), "D") for problem in caught.value.problems]


KNOWN = "there are [telegram], [auth], [camera], [motion], [recording], [daemon], [zone:NAME]"
URL = "[telegram] base_url = {}: {}"
CLEAR = "the token would cross the network in the clear; write https:// (http:// is for 127.0.0.1 and localhost)"
WHOLE = "write the whole address, such as https://api.telegram.org"
PLAIN = "write only scheme, host, port and path, such as https://api.telegram.org"
SOURCE = "write demo, or file: and the path of a video, such as file:video.mp4"
NAME = "use 1 to 32 letters (a-z), digits, - and _, such as kitchen"

BAD: dict[str, tuple[str | bytes, list[str]]] = {
    "unknown section": ("[motoin]\nx = 1\n", ["F:1: there is no section [motoin]; did you mean [motion]?"]),
    "section in capitals": ("[Camera]\n", ["F:1: there is no section [Camera]; did you mean [camera]?"]),
    "section like nothing": ("[xyzzy]\n", [f"F:1: there is no section [xyzzy]; {KNOWN}"]),
    "unknown key": ("[camera]\n\nnmae = x\n", ["F:3: [camera] has no key nmae; did you mean name?"]),
    "key in capitals": ("[camera]\nFPS = 5\n", ["F:2: [camera] has no key FPS; did you mean fps?"]),
    "key like nothing": (
        "[daemon]\nxyzzy = x\n",
        ["F:2: [daemon] has no key xyzzy; there are state_dir, log_level"],
    ),
    "too large": ("[camera]\nfps = 61\n", ["F:2: [camera] fps = 61: write a number from 1 to 60, such as 10"]),
    "too small": (
        "[auth]\ntries_total = 0\n",
        ["F:2: [auth] tries_total = 0: write a whole number from 1 to 100, such as 20"],
    ),
    "not whole": (
        "[auth]\ntries_total = 2.5\n",
        ["F:2: [auth] tries_total = 2.5: write a whole number from 1 to 100, such as 20"],
    ),
    "not a number": ("[camera]\nfps = nan\n", ["F:2: [camera] fps = nan: write a number from 1 to 60, such as 10"]),
    "infinite": ("[camera]\nfps = 1e99\n", ["F:2: [camera] fps = 1e99: write a number from 1 to 60, such as 10"]),
    "full-width digits": (
        "[camera]\nfps = \uff11\uff10\n",
        ["F:2: [camera] fps = \uff11\uff10: write a number from 1 to 60, such as 10"],
    ),
    "comma": ("[camera]\nfps = 2,5\n", ["F:2: [camera] fps = 2,5: write a point for the comma: 2.5"]),
    "comma in whole number": (
        "[camera]\nwidth = 1,280\n",
        ["F:2: [camera] width = 1,280: write a whole number from 64 to 4096, such as 640"],
    ),
    "not a yes": ("[camera]\nloop = maybe\n", ["F:2: [camera] loop = maybe: write yes or no, such as yes"]),
    "no choice": (
        "[daemon]\nlog_level = loud\n",
        ["F:2: [daemon] log_level = loud: write debug, info, warning or error, such as info"],
    ),
    "no value": (
        "[camera]\nfps =\nname = # nothing\n",
        [
            "F:2: [camera] fps has no value; write a number from 1 to 60, or delete the line for 10",
            "F:3: [camera] name has no value; write a text, or delete the line for camera",
        ],
    ),
    "quotes": ('[camera]\nname = "hall"\n', ["F:2: [camera] name is in quotes; write the value without them"]),
    "long value": (
        f"[camera]\nfps = {'9' * 100}\n",
        [f"F:2: [camera] fps = {'9' * 60}...: write a number from 1 to 60, such as 10"],
    ),
    "duplicate key": (
        "[camera]\nfps = 5\nfps = 5\n",
        ["F:3: 'fps' is set already on line 2; keep only one"],
    ),
    "duplicate section": (
        "[camera]\nfps = 5\n[auth]\n[camera]\nname = x\n",
        ["F:4: section [camera] began already on line 1; put its keys together there"],
    ),
    "no equals sign": (
        "[camera]\nfps 5\nfps: 5\n",
        [
            "F:2: 'fps' has no '='; write key = value, or # before a comment",
            "F:3: this line has no '='; write key = value, or # before a comment",
        ],
    ),
    "no key": ("[camera]\n = 5\n", ["F:2: there is no key before the '='; write key = value"]),
    "no section": ("fps = 5\n", ["F:1: 'fps' stands before the first section; put it below one, such as [camera]"]),
    "broken section": (
        "[camera\nfps = 5\n[]\n[auth] x\n",
        [f"F:{line}: a section is a name in brackets and nothing else, such as [camera]" for line in (1, 3, 4)],
    ),
    "control character": (
        "[camera]\nname = a\0b\n",
        ["F:2: there is a control character (0x00); delete it"],
    ),
    "latin-1": ("[camera]\n# für\n".encode("latin-1"), ["F:2: byte 0xfc is not UTF-8; save the file as UTF-8"]),
    "utf-16": ("[camera]\n".encode("utf-16"), ["F: it is saved as UTF-16; save it as UTF-8"]),
    "huge": (b"#" * 1024 * 1025, ["F: it is longer than 1048576 bytes and so no ratcam.ini"]),
    "release above trigger": (
        "[motion]\nrelease_level = 9\ntrigger_level = 8.5\ntrigger_area = 2\n\nrelease_area = 3\n",
        [
            "F:3: [motion] release_level (9) must not be larger than trigger_level (8.5); "
            "lower release_level or raise trigger_level",
            "F:6: [motion] release_area (3) must not be larger than trigger_area (2); "
            "lower release_area or raise trigger_area",
        ],
    ),
    "video longer than the longest": (
        "[recording]\nmax_video_s = 9\n",
        ["F:2: [recording] video_s (10) must not be larger than max_video_s (9); lower video_s or raise max_video_s"],
    ),
    "no rule between a bad value and another": (
        "[motion]\nrelease_level = 200\ntrigger_level = x\n",
        ["F:3: [motion] trigger_level = x: write a number from 0.1 to 255, such as 12"],
    ),
    "camera name": (
        "[camera]\nname = my hall\n",
        [f"F:2: [camera] name = my hall: {NAME}"],
    ),
    "source": (
        "[camera]\nsource = rtsp://user:secret@cam/1\n",
        [f"F:2: [camera] source = rtsp://[hidden]@cam/1: {SOURCE}"],
    ),
    "source without path": ("[camera]\nsource = file:\n", [f"F:2: [camera] source = file:: {SOURCE}"]),
    "token and others may read": (
        f"[telegram]\ntoken = {TOKEN}\n",
        ["F:2: others may read this file and so the token; type: chmod 600 F"],
    ),
    "token without equals sign or on a second line": (
        f"[telegram]\ntoken {TOKEN}\n{TOKEN}\n{TOKEN[20:]}\n",
        [
            "F:2: 'token' has no '='; write key = value, or # before a comment",
            "F:3: this line has no '='; write key = value, or # before a comment",
            "F:4: this line has no '='; write key = value, or # before a comment",
        ],
    ),
    "token as key": (
        f"[telegram]\n{TOKEN} = x\n",
        ["F:2: [telegram] has no key [hidden]; there are token, token_file, base_url"],
    ),
    "token in the address": (
        f"[telegram]\nbase_url = https://api.telegram.org/bot{TOKEN}?\n",
        [f"F:2: [telegram] base_url = https://api.telegram.org/bot[hidden]?: {PLAIN}"],
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_these_words(tmp_path: Path, name: str) -> None:
    text, expected = BAD[name]
    mode = 0o644 if "others may read" in name else 0o600
    assert problems(tmp_path, text, mode=mode) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://api.telegram.org", CLEAR),
        ("http://192.168.1.5:8081", CLEAR),
        ("http://localhost.example.org", CLEAR),
        ("http://127.0.0.1.example.org", CLEAR),
        ("http://127.1", CLEAR),
        ("http://0.0.0.0", CLEAR),
        ("http://[::ffff:127.0.0.1]", CLEAR),
        ("http://[::2]", CLEAR),
        ("http://user@localhost", PLAIN),
        ("http://127.0.0.1\\@example.org", PLAIN),
        ("http://localhost#x", PLAIN),
        ("https://host/?a=b", PLAIN),
        ("api.telegram.org", WHOLE),
        ("https://", WHOLE),
        ("https:///x", WHOLE),
        ("https://host:99999", WHOLE),
        ("https://[::1", WHOLE),
        ("ftp://127.0.0.1", WHOLE),
        ("https://api.telegram.org/bot", "leave out the /bot at its end; Ratcam adds it"),
    ],
)
def test_an_address_that_could_leak_the_token_is_refused(tmp_path: Path, url: str, reason: str) -> None:
    shown = url.replace("user@", "[hidden]@").replace("127.0.0.1\\@", "[hidden]@")
    assert problems(tmp_path, f"[telegram]\nbase_url = {url}\n") == [f"F:2: {URL.format(shown, reason)}"]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.telegram.org",
        "https://api.telegram.org/",
        "https://my-server.example:8443/telegram",
        "http://127.0.0.1:8081",
        "http://127.8.8.8:1/x",
        "http://[::1]:8081",
        "http://localhost:8081/",
    ],
)
def test_an_address_that_keeps_the_token_safe_is_accepted(tmp_path: Path, url: str) -> None:
    config = load(write(tmp_path, f"[telegram]\nbase_url = {url}\n"), {})
    assert config.telegram.base_url == url.rstrip("/")


def test_every_problem_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "x = 1\n[camera]\nfps = 0\nnmae = x\n[telegram]\nbase_url = http://example.org\n[motoin]\n[daemon]\nnonsense\n",
    )
    assert [problem.partition(": ")[0] for problem in found] == ["F:1", "F:3", "F:4", "F:6", "F:7", "F:9"]


def test_comments_blanks_bom_crlf_percent_and_colons_are_read(tmp_path: Path) -> None:
    text = (
        "\ufeff# head\r\n; other\r\n[camera]  # inline\r\n  name=hall\t; inline\r\n\r\n"
        "source = file:/clips/100%(x)s;1#a:b=c.mp4 # inline ; twice\r\nfps = 2.5\rloop = Off\n"
        "[auth]\nretry_minutes = +7"
    )
    config = load(write(tmp_path, text), {})
    assert config.camera.name == "hall"
    assert config.camera.source == "file:/clips/100%(x)s;1#a:b=c.mp4"
    assert (config.camera.fps, config.camera.loop, config.auth.retry_minutes) == (2.5, False, 7)
    assert isinstance(config.camera.fps, float)


def test_paths_count_from_the_files_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    write(folder, "[camera]\nsource = file:clips/a.mp4\n[daemon]\nstate_dir = ../state\n")
    monkeypatch.chdir(tmp_path)
    config = load(Path("etc/ratcam.ini"), {})
    assert config.camera.source == f"file:{folder}/clips/a.mp4"
    assert config.daemon.state_dir == f"{folder}/../state"
    write(folder, "[camera]\nsource = file:~/a.mp4\n[daemon]\nstate_dir = /var/lib/ratcam\n")
    config = load(Path("etc/ratcam.ini"), {"HOME": "/home/ann"})
    assert config.camera.source == "file:/home/ann/a.mp4"
    assert config.daemon.state_dir == "/var/lib/ratcam"


def test_without_a_file_the_defaults_are_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load(None, {})
    default = Config()
    assert config == dataclasses.replace(
        default, daemon=dataclasses.replace(default.daemon, state_dir=str(tmp_path / "state"))
    )
    assert config.path is None


def test_a_file_in_the_working_directory_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "[camera]\nname = hall\n")
    config = load(None, {})
    assert (config.camera.name, config.path) == ("hall", Path("ratcam.ini"))
    write(tmp_path, "[camera]\nname = my hall\n")
    with pytest.raises(ConfigError, match=r"^ratcam\.ini:2: "):
        load(None, {})


@pytest.mark.parametrize(("name", "reason"), [("none.ini", "there is no such file"), ("", "it cannot be read")])
def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path / name}: {reason}")):
        load(tmp_path / name, {})


def test_a_token_in_a_private_file_is_taken(tmp_path: Path) -> None:
    config = load(write(tmp_path, f"[telegram]\ntoken = {TOKEN}  # mine\n"), {})
    assert require_token(config) == TOKEN
    assert TOKEN not in repr(config)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_token_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    expected = ["F:2: others may read this file and so the token; type: chmod 600 F"]
    assert problems(tmp_path, f"[telegram]\ntoken = {TOKEN}\n", mode=mode) == expected
    assert load(write(tmp_path, "[telegram]\ntoken =\n", mode=mode), {}).telegram.token == ""


def test_a_token_file_is_read_from_beside_the_ini_and_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"\n{TOKEN}\n")
    (tmp_path / "secret").chmod(0o600)
    (tmp_path / "link").symlink_to("secret")
    for name in ("secret", "link"):
        config = load(write(tmp_path, f"[telegram]\ntoken_file = {name}\n", mode=0o644), {})
        assert require_token(config) == TOKEN
        assert config.telegram.token_file == str(tmp_path / name)


def test_a_token_file_that_is_no_good_is_refused(tmp_path: Path) -> None:
    text = "[telegram]\ntoken_file = secret\n"
    about = "F:2: [telegram] token_file D/secret: "
    bad = "it is not a bot token; copy it again from @BotFather, digits, a colon and 35 characters"
    assert problems(tmp_path, text) == [
        f"{about}it cannot be read: No such file or directory; put the token there and nothing else"
    ]
    (tmp_path / "secret").write_text(TOKEN)
    (tmp_path / "secret").chmod(0o640)
    assert problems(tmp_path, text) == [f"{about}others may read it; type: chmod 600 D/secret"]
    (tmp_path / "secret").chmod(0o600)
    for content in (b"", TOKEN.encode() + b" x", TOKEN[:30].encode(), b"\xff\0"):
        (tmp_path / "secret").write_bytes(content)
        assert problems(tmp_path, text) == [about + bad]
    (tmp_path / "secret").unlink()
    os.mkfifo(tmp_path / "secret", 0o600)
    keeper = os.open(tmp_path / "secret", os.O_RDWR)
    assert problems(tmp_path, text) == [about + bad]
    os.close(keeper)


def test_the_environments_token_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert require_token(load(None, {"RATCAM_TELEGRAM_TOKEN": f" {TOKEN}\n"})) == TOKEN
    assert load(None, {"RATCAM_TELEGRAM_TOKEN": ""}).telegram.token == ""
    with pytest.raises(ConfigError, match=r"^RATCAM_TELEGRAM_TOKEN: it is not a bot token") as caught:
        load(None, {"RATCAM_TELEGRAM_TOKEN": "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", [TOKEN[:-12], TOKEN.replace(":", ""), f"x{TOKEN}", f"bot{TOKEN}", f"{TOKEN}!"])
def test_a_token_of_another_shape_is_refused_unseen(tmp_path: Path, token: str) -> None:
    (problem,) = problems(tmp_path, f"[telegram]\ntoken = {token}\n")
    assert problem.startswith("F:2: [telegram] token: it is not a bot token")
    assert token[5:] not in problem


def test_more_than_one_token_is_refused_by_name(tmp_path: Path) -> None:
    text = f"[telegram]\ntoken = {TOKEN}\ntoken_file = secret\n"
    assert problems(tmp_path, text, RATCAM_TELEGRAM_TOKEN=TOKEN) == [
        "F:3: the token is given more than once: [telegram] token (line 2), [telegram] token_file (line 3), "
        "the environment variable RATCAM_TELEGRAM_TOKEN; keep only one"
    ]


def test_a_missing_token_is_an_error_only_when_it_is_needed(tmp_path: Path) -> None:
    config = load(write(tmp_path, ""), {})
    with pytest.raises(ConfigError, match=r"no bot token.*@BotFather.*token_file.*RATCAM_TELEGRAM_TOKEN"):
        require_token(config)


def test_the_sample_is_the_schema() -> None:
    expected = (ROOT / "ratcam.ini").read_text()
    command = "python -c \"from ratcam.config import sample; print(sample(), end='')\" > ratcam.ini"
    assert expected == sample(), f"ratcam.ini is out of date; type: {command}"


def test_the_sample_loads_to_the_defaults_as_it_is_and_with_every_key_set(tmp_path: Path) -> None:
    default = load(write(tmp_path, ""), {})
    assert load(write(tmp_path, sample()), {}) == default
    text, count = re.subn(r"(?m)^#(\w+ =)", r"\1", sample().replace("#[zone:door]", "[zone:door]"))
    assert count == sum(len(keys_of(section)) for section in (*SECTIONS, *NAMED_SECTIONS))
    config = load(write(tmp_path, text), {})
    assert config == dataclasses.replace(default, zones=(ZoneSettings(name="door", polygon=EXAMPLE),))
    assert len(config.origins) == count


def test_every_default_is_within_its_own_limits_and_documented() -> None:
    for section in SECTIONS:
        for key in keys_of(section):
            assert key.doc.endswith("."), key.full_name
            assert type(key.default) is key.type, key.full_name
            if isinstance(key.default, int | float) and key.minimum is not None and key.maximum is not None:
                assert key.minimum <= key.default <= key.maximum, key.full_name


def test_show_names_every_key_its_value_and_its_origin_but_no_secret(tmp_path: Path) -> None:
    path = write(tmp_path, "[camera]\nname = hall\nfps = 2.5\n")
    config = load(path, {"RATCAM_TELEGRAM_TOKEN": TOKEN})
    lines = show(config).splitlines()
    assert re.sub(" +", " ", next(line for line in lines if line.startswith("fps"))) == f"fps = 2.5 # {path}:3"
    assert re.sub(" +", " ", next(line for line in lines if line.startswith("width"))) == "width = 640 # default"
    assert re.sub(" +", " ", next(line for line in lines if line.startswith("token ="))) == (
        "token = ******** # environment RATCAM_TELEGRAM_TOKEN"
    )
    assert sum(" = " in line or line.startswith("token_file =") for line in lines) == sum(
        len(keys_of(section)) for section in SECTIONS
    )
    shown = tmp_path / "shown.ini"
    shown.write_text(show(load(path, {})))
    assert load(shown, {}) == dataclasses.replace(load(path, {}), path=shown)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (False, "no"), (5.0, "5"), (0.75, "0.75"), (1e-05, "1e-05"), (7, "7"), ("", "")]
)
def test_a_value_is_written_as_a_person_would(value: object, text: str) -> None:
    assert as_text(value) == text


@given(st.binary(max_size=300) | st.text(alphabet="[]=#; \n\r\tacmerfps1.%:\x00", max_size=80).map(str.encode))
@settings(max_examples=400)
def test_no_file_breaks_the_reader(data: bytes) -> None:
    result = parse(data)
    lines = len(re.split(rb"\r\n|\r|\n", data))
    assert all(0 <= problem.line <= lines for problem in result.problems)
    assert len({(entry.section, entry.key) for entry in result.entries}) == len(result.entries)


@given(text=st.text(alphabet="[]=#; \n\r\tacmerfpsluodg1.%:\"'", max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_file_is_loaded_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.ini"
    path.write_text(text)
    try:
        load(path, {})
    except ConfigError as exc:
        assert all(problem.startswith(f"{path}:") for problem in exc.problems)
