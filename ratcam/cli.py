"""The `ratcam` command: does what its arguments ask for, and says in words what went wrong.

Putting a minute of video into an MP4 file takes less time than importing what understands every command line. So the
plain form of `ratcam mux` is understood here; everything else, help and mistakes too, is `ratcam.commands`' affair.
"""

import sys

from ratcam.console import Stoppable, StoppedError, drop_output, frame_rate, leave, prepare_output, shown
from ratcam.errors import ConfigError, ExitStatus, RatcamError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratcam.media.progressive import Rate


def main(argv: "Sequence[str] | None" = None) -> int:
    """Run one command; returns the exit status. Never raises for a person's mistake.

    `run`, and `mux` when it is the process's own command line, do not return: they end the process.
    """
    words = sys.argv[1:] if argv is None else argv
    prepare_output()
    try:
        plain = _plain_mux(words)
        if plain is None:
            from ratcam.commands import parsed  # noqa: PLC0415  slow to import

            return parsed(words)()
        from ratcam.muxing import mux  # noqa: PLC0415  the other commands do not need it

        source, target, fps = plain
        with Stoppable():
            mux(source, target, fps=fps)
    except RatcamError as exc:
        problems = exc.problems if isinstance(exc, ConfigError) else (shown(f"ratcam: {exc}"),)
        for problem in problems:
            print(problem, file=sys.stderr)
        return exc.exit_status
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        drop_output()
        return ExitStatus.OK
    except OSError as exc:
        print(f"ratcam: {exc.strerror or exc}{f': {exc.filename}' if exc.filename else ''}", file=sys.stderr)
        return ExitStatus.FAILED
    except (KeyboardInterrupt, StoppedError) as exc:
        return exc.exit_status if isinstance(exc, StoppedError) else 130
    if argv is None:
        leave(ExitStatus.OK)
    return ExitStatus.OK


def _plain_mux(words: "Sequence[str]") -> "tuple[str, str, float | Rate | None] | None":
    """Source, target and rate of `mux IN OUT`, with or without `--fps N` anywhere; None: it is not as plain as that."""
    if not words or words[0] != "mux":
        return None
    rest, fps = list(words[1:]), None
    if "--fps" in rest:
        at = rest.index("--fps")
        fps = frame_rate(rest[at + 1]) if at + 1 < len(rest) else None
        if fps is None:
            return None
        del rest[at : at + 2]
    if len(rest) != 2 or any(word.startswith("-") or not word for word in rest):
        return None
    return rest[0], rest[1], fps
