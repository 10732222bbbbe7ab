"""The whole configuration as one frozen value, and what its sections' fields say about themselves."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Any, get_args, get_origin, get_type_hints

from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings
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
    zones: tuple[ZoneSettings, ...] = ()
    """The [zone:NAME] sections in the order of the file."""
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
    """bool, int, float, str, or tuple for a polygon."""
    default: object
    """REQUIRED for a key that must be given, None for one that need not."""
    doc: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    is_secret: bool

    @property
    def full_name(self) -> str:
        """`section.name`."""
        return f"{self.section}.{self.name}"


REQUIRED = dataclasses.MISSING
"""The default of a key that has none."""

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

NAMED_SECTIONS: Mapping[str, type[Any]] = MappingProxyType({"zone": ZoneSettings})
"""The dataclasses of the sections of which there may be any number, [KIND:NAME], by kind."""


def kind_of(section: str) -> str:
    """What kind of section it is: "zone" for zone:door; empty for a section that there is once, or not at all."""
    kind, colon, _ = section.partition(":")
    return kind if colon and kind in NAMED_SECTIONS else ""


def keys_of(section: str) -> tuple[Key, ...]:
    """The keys of a section in the order of their dataclass. `section` may be a kind itself, such as "zone".

    Raises:
        KeyError: there is no such section.
    """
    kind = kind_of(section)
    return tuple(replace(key, section=section) for key in _keys(kind)) if kind else _keys(section)


@cache
def _keys(section: str) -> tuple[Key, ...]:
    settings = SECTIONS.get(section) or NAMED_SECTIONS[section]
    hints = get_type_hints(settings)
    return tuple(
        Key(
            section=section,
            name=part.name,
            type=_plain(hints[part.name]),
            default=part.default,
            doc=part.metadata["doc"],
            minimum=part.metadata.get("minimum"),
            maximum=part.metadata.get("maximum"),
            choices=part.metadata.get("choices", ()),
            is_secret=part.metadata.get("secret", False),
        )
        for part in dataclasses.fields(settings)
        if part.metadata.get("is_key", True)
    )


def _plain(hint: Any) -> type:
    """The type of a key's values: that of `int | None` is int, that of a tuple of anything is tuple."""
    if isinstance(hint, type):
        return hint
    origin = get_origin(hint)
    if origin is tuple:
        return tuple
    return next(part for part in get_args(hint) if part is not NoneType)
