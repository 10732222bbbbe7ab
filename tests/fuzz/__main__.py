"""Fuzz what reads bytes from outside, guided by coverage: `python -m tests.fuzz [--seconds N] [TARGET…]`.

Every target runs in a process of its own, and ends it by a crash, a hang of 10 s or more than 1 GB of memory. What it
found then stays in the folder `fuzz-findings`.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

FINDINGS = Path("fuzz-findings")
LIMITS = ("-rss_limit_mb=1024", "-timeout=10", "-max_len=20000", "-print_final_stats=1")
_CORPUS = "--corpus-of-child"


def main() -> int:
    """Fuzz the targets one after the other; 1 if one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="where inputs that failed are kept")
    parser.add_argument(_CORPUS, type=Path, dest="corpus", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.corpus is not None:
        _fuzz(given.targets[0], given.seconds, given.findings, given.corpus)
    return max([_run(target, given.seconds, given.findings) for target in given.targets or _names()])


def _names() -> list[str]:
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - in a child they must be imported by the fuzzer's hook

    return list(TARGETS)


def _run(target: str, seconds: int, findings: Path) -> int:
    # The fuzzer ends its process however it likes: the folder of what it tries is made and removed here.
    with tempfile.TemporaryDirectory(prefix="ratcam-fuzz-") as folder:
        arguments = [target, "--seconds", str(seconds), "--findings", str(findings), _CORPUS, folder]
        command = [sys.executable, "-m", "tests.fuzz", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    stats = [line.split()[-1] for line in done.stderr.splitlines() if "stat::number_of_executed_units" in line]
    outcome = "FAILED" if done.returncode else "sound"
    print(f"{target}: {outcome}, inputs tried: {''.join(stats) or 'unknown'}", flush=True)
    if done.returncode:
        print("\n".join(done.stderr.splitlines()[-30:]))
    return int(done.returncode != 0)


def _fuzz(target: str, seconds: int, findings: Path, corpus: Path) -> None:
    """Never returns: the fuzzer ends the process."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["ratcam.media"]):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415
    from tests.fuzz.seeds import seeds  # noqa: PLC0415

    findings.mkdir(exist_ok=True, parents=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / str(number)).write_bytes(seed)
    options = [*LIMITS, f"-max_total_time={seconds}", f"-artifact_prefix={findings}/{target}-"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
