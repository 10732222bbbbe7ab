"""The whole configuration as one frozen value, and what its sections' fields say about themselves."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_type_hints

from ratcam.motion.settings import MotionSettings
from ratcam.settings import AuthSettings, CameraSettings, DaemonSettings, RecordingSettings, TelegramSettings

DEFAULT = "default"
"""The origin of a value that nobody set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Every setting in force; `Config()` is the defaults. Only the application and the command line see all of it.

    What `load` returns has absolute paths in `state_dir`, `token_file` and a `file:` source.
    """

    telegram: TelegramSettings = field(default_factory=TelegramSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    camera: CameraSettings = field(default_factory=CameraSettings)
    motion: MotionSettings = field(default_factory=MotionSettings)
    recording: RecordingSettings = field(default_factory=RecordingSettings)
    daemon: DaemonSettings = field(default_factory=DaemonSettings)
    path: Path | None = None
    """The file it was read from."""
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False, compare=False)
    """Where the value of `section.key` comes from; a key that is not in it has its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the ini: its place, type, default and limits."""

    section: str
    name: str
    type: type
    default: object
    doc: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    is_secret: bool

    @property
    def full_name(self) -> str:
        """`section.name`."""
        return f"{self.section}.{self.name}"


SECTIONS: Mapping[str, type[Any]] = MappingProxyType(
    {
        "telegram": TelegramSettings,
        "auth": AuthSettings,
        "camera": CameraSettings,
        "motion": MotionSettings,
        "recording": RecordingSettings,
        "daemon": DaemonSettings,
    }
)
"""The sections' dataclasses by name, in the order of the sample file; the fields of `Config` have the same names."""


def keys_of(section: str) -> tuple[Key, ...]:
    """The keys of a section in the order of their dataclass."""
    hints = get_type_hints(SECTIONS[section])
    return tuple(
        Key(
            section=section,
            name=part.name,
            type=hints[part.name],
            default=part.default,
            doc=part.metadata["doc"],
            minimum=part.metadata.get("minimum"),
            maximum=part.metadata.get("maximum"),
            choices=part.metadata.get("choices", ()),
            is_secret=part.metadata.get("secret", False),
        )
        for part in dataclasses.fields(SECTIONS[section])
    )
