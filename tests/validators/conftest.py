import shutil

import pytest

from tests.validators.files import MadeFile, make_files

Files = dict[tuple[str, str], MadeFile]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Every stream in every state, made once."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    return make_files(tmp_path_factory.mktemp("validators"))
