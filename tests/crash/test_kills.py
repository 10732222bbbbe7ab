"""kill -9 at random instants of a real writer on a real folder."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.crash.clips import save_units
from tests.crash.kills import STEPS
from tests.crash.long import chosen
from tests.media.players import complaints, needs_ffmpeg
from tests.pictures import Picture, hashes_of_file, hashes_of_units, stream

ROOT = Path(__file__).parents[2]
KILLS = chosen(short=40, long=1000)
GOP = 30


def source() -> tuple[Picture, ...]:
    return stream(count=4 * GOP, fps=30, gop=GOP, width=320, height=240)


@needs_ffmpeg
def test_no_kill_costs_more_than_the_gop_that_was_being_written(tmp_path: Path) -> None:
    save_units(source(), tmp_path / "units")
    keep_every = KILLS // 8
    command = [sys.executable, "-m", "tests.crash.kills", str(tmp_path), str(tmp_path / "units")]
    done = subprocess.run(
        [*command, str(KILLS), "7", str(keep_every)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(kills) == KILLS
    assert [kill for kill in kills if kill["unplayable"] or kill["lost"]] == []
    steps = Counter(kill["step"] for kill in kills)
    print(f"{KILLS} kills, while: {dict(steps)}")  # noqa: T201
    wanted = set(STEPS) - {"end"} if KILLS >= 1000 else {"gop"}
    assert wanted <= set(steps)
    expected = hashes_of_units(source())
    clips = [path for folder in tmp_path.iterdir() if folder.is_dir() for path in sorted(folder.glob("*.mp4"))[-1:]]
    assert len(clips) >= 5
    for clip in clips:
        hashes = hashes_of_file(clip)
        assert hashes
        assert hashes == expected[: len(hashes)]
        assert complaints(clip) == ""
