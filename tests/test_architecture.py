"""What import-linter cannot say: every third party stands behind its own files, and no contract forgets a module."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ratcam"
SOURCES = sorted(PACKAGE.rglob("*.py"))

BEHIND = {
    "pykka": ("actors/supervised.py", "actors/camera.py", "camera_main.py"),
    "telegram": ("chat/",),
    "httpx": ("chat/",),
    "tinydb": ("store/safe_json.py", "store/table_file.py"),
    "av": ("cameras/libav.py", "cameras/decoding.py"),
    "aiohttp": ("simulator/",),
    "PIL": ("motion/heat_map.py", "motion/zone_drawing.py", "zone_picture.py", "cameras/", "simulator/", "tune/"),
    "numpy": ("motion/", "cameras/", "actors/event_picture.py", "analyze.py", "store/vector_format.py", "tune/"),
    "matplotlib": ("tune/plots.py",),
}
"""Which files may import a third party."""
KNOW_TELEGRAM = {"command_menu", "failures", "gateway", "inbound", "receiver", "sender", "telegram_request"}
"""The files of chat/ that may; the others are pure rules."""
FORBIDDEN_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "registry", "service", "context"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_third_parties_stand_behind_their_own_files(path: Path) -> None:
    name = path.relative_to(PACKAGE).as_posix()
    for module in {module.partition(".")[0] for module in imported(path)}:
        places = BEHIND.get(module)
        assert places is None or name.startswith(places), f"{name} imports {module}"
        if module in ("telegram", "httpx"):
            assert path.stem in KNOW_TELEGRAM, f"{name} is a pure rule and imports {module}"


def test_every_runtime_dependency_is_in_the_table() -> None:
    pinned = (ROOT / "requirements.txt").read_text()
    names = ("pykka", "python-telegram-bot", "tinydb", "av", "aiohttp", "Pillow", "numpy", "httpx", "matplotlib")
    for distribution in names:
        assert f"{distribution}==" in pinned


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [path for path in SOURCES if path.stem in FORBIDDEN_NAMES] == []


def test_the_contracts_of_the_pure_packages_name_every_other_module() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    modules = {f"ratcam.{path.stem}" for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    modules -= {"ratcam.__init__", "ratcam.__main__", "ratcam.__pycache__", "ratcam.media"}
    for contract in contracts:
        if contract["name"].startswith("media is pure"):
            assert modules <= set(contract["forbidden_modules"])
        if contract["name"].startswith("motion is pure"):
            assert modules - {"ratcam.motion"} <= set(contract["forbidden_modules"])


def test_only_app_and_the_command_line_import_the_application() -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix() for path in SOURCES if {"ratcam.app", "ratcam.cli"} & set(imported(path))
    }
    assert importers == {"commands.py", "__main__.py"}


def test_ports_stay_small() -> None:
    """A port has at most five methods."""
    for node in ast.walk(ast.parse((PACKAGE / "ports.py").read_text())):
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Protocol" for b in node.bases):
            assert sum(isinstance(item, ast.FunctionDef) for item in node.body) <= 5, node.name
