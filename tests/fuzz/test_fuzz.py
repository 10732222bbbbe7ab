"""The fuzz targets in the short: a few thousand damaged inputs, and seconds of guided fuzzing."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS

edits = st.lists(
    st.tuples(
        st.floats(0, 1), st.integers(0, 8), st.one_of(st.binary(max_size=8), st.sampled_from((b"\0\0\1", b"\0" * 8)))
    ),
    max_size=6,
)
"""Where in the input, how many bytes are taken away, what is put there."""


@pytest.mark.parametrize("target", TARGETS)
def test_sound_input_is_taken(target: str) -> None:
    for seed in seeds(target):
        TARGETS[target](seed)


@pytest.mark.parametrize("target", TARGETS)
@given(number=st.integers(0, 9), edits=edits)
@settings(max_examples=150, deadline=5000, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_input_is_taken_or_refused(target: str, number: int, edits: list[tuple[float, int, bytes]]) -> None:
    sound = seeds(target)
    data = bytearray(sound[number % len(sound)])
    for place, taken, put in edits:
        at = int(place * len(data))
        data[at : at + taken] = put
    TARGETS[target](bytes(data))


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.binary(max_size=300))
@settings(max_examples=100)
def test_any_bytes_are_taken_or_refused(target: str, data: bytes) -> None:
    TARGETS[target](data)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris (pip install 'ratcam[fuzz]')")
@pytest.mark.parametrize("target", TARGETS)
def test_guided_fuzzing_finds_nothing_in_a_few_seconds(target: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", target, "--seconds", "3", "--findings", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    assert f"{target}: sound, inputs tried: " in done.stdout
    assert "unknown" not in done.stdout
    assert not list(tmp_path.iterdir())
