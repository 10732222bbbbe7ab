"""The exceptions of Ratcam and the exit statuses they end in.

`ratcam.media` and `ratcam.motion` are pure and define their own (`ratcam.media.errors`); everything else raises these.
A message of a `RatcamError` is written for the person at the console: what is wrong, and what to do.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class ExitStatus(int):
    """What the `ratcam` command ends with. No enumeration: `enum` takes longer to import than a short file to mux."""

    OK: "ClassVar[ExitStatus]"
    FAILED: "ClassVar[ExitStatus]"
    """Something broke that a restart may mend."""
    BAD_INPUT: "ClassVar[ExitStatus]"
    """The command line or a file given on it cannot be used."""
    BAD_CONFIG: "ClassVar[ExitStatus]"
    """The configuration is wrong (EX_CONFIG of sysexits.h): a restart does not help."""


ExitStatus.OK = ExitStatus(0)
ExitStatus.FAILED = ExitStatus(1)
ExitStatus.BAD_INPUT = ExitStatus(2)
ExitStatus.BAD_CONFIG = ExitStatus(78)


class RatcamError(Exception):
    """Base of everything that Ratcam raises on purpose."""

    exit_status = ExitStatus.FAILED


class BadInputError(RatcamError):
    """A file or an argument that a person gave cannot be used; the message says why and what to do."""

    exit_status = ExitStatus.BAD_INPUT


class ConfigError(RatcamError):
    """The configuration is wrong. `problems` holds every problem found, one line each."""

    exit_status = ExitStatus.BAD_CONFIG

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MissingDependencyError(RatcamError):
    """An optional package is needed and not installed; the message says what to install."""

    exit_status = ExitStatus.BAD_INPUT


class CameraError(RatcamError):
    """A camera cannot be opened or has stopped delivering."""


class ChannelError(RatcamError):
    """The channel to a camera process broke or carried something that is not a message."""


class StoreError(RatcamError):
    """A store cannot be read or written; nothing was changed."""
