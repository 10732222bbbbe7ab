"""Fixtures of the gateway's tests; a test file with another server has a `base_url` of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chat.gateway_rig import LoopbackServer, ScriptedApi


@pytest.fixture
def api() -> ScriptedApi:
    """A Bot API whose answers a test scripts."""
    return ScriptedApi()


@pytest.fixture
def base_url(api: ScriptedApi) -> Iterator[str]:
    """Where `api` is served."""
    with LoopbackServer(api.app) as server:
        yield server.base_url


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A file to upload, of a megabyte."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(1_000_000))
    return path
