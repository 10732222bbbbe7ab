"""The configurations that `ratcam tune` compares: a ratcam.ini, and keys that are tried in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ratcam.config import Config, load
from ratcam.config_rules import check_together
from ratcam.config_schema import Key, keys_of
from ratcam.config_values import as_text, read_value
from ratcam.console import shown
from ratcam.errors import BadInputError
from ratcam.motion.settings import MotionSettings
from ratcam.motion.zones import ZoneSettings

_SECTION = "motion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One configuration to try."""

    name: str
    """A or B."""
    motion: MotionSettings
    zones: tuple[ZoneSettings, ...]
    hold_s: float
    """Motion that begins again sooner than this belongs to the same event, as in the daemon."""
    source: str
    """Where it comes from, for people: the file, or that it is the defaults; then the keys that were set."""
    changed: tuple[tuple[str, str], ...]
    """The keys of [motion] that differ from the defaults, with their values as in an ini file."""


def choose(
    config: Path | None,
    sets: Sequence[str],
    *,
    environ: Mapping[str, str],
    name: str = "A",
) -> Choice:
    """The configuration of `config`, or of what `ratcam run` would find, with `key=value` settings on top.

    Raises:
        ConfigError: the file is wrong.
        BadInputError: a setting is.
    """
    return _choice(with_settings(load(config, environ), sets), sets, name)


def with_settings(config: Config, sets: Sequence[str]) -> Config:
    """The configuration with `motion.key=value` settings (the section may be left out), checked as an ini file is.

    Raises:
        BadInputError: there is no such key, or its value does not fit; every problem is told.
    """
    keys = {key.name: key for key in keys_of(_SECTION)}
    values: dict[str, object] = {}
    problems: list[str] = []
    for text in sets:
        try:
            key, value = _read(text, keys)
        except ValueError as exc:
            problems.append(f"--set {text}: {exc}")
            continue
        values[key.name] = value
    tried = replace(config, motion=replace(config.motion, **values))
    if not problems:
        problems = [problem for names, problem in check_together(tried) if names[0].startswith(f"{_SECTION}.")]
    if problems:
        raise BadInputError("; ".join(problems))
    return tried


def _read(text: str, keys: Mapping[str, Key]) -> tuple[Key, object]:
    name, equals, value = text.partition("=")
    section, _, rest = name.strip().rpartition(".")
    if not equals or section not in ("", _SECTION):
        raise ValueError("write it as motion.key=value, such as motion.sensitivity=7")
    if rest not in keys:
        raise ValueError(f"[motion] has no key {rest[:40]!r}; there are {', '.join(keys)}")
    try:
        return keys[rest], read_value(keys[rest], value.strip())
    except ValueError as exc:
        raise ValueError(f"[motion] {rest} {exc}") from exc


def _choice(config: Config, sets: Sequence[str], name: str) -> Choice:
    source = str(config.path) if config.path is not None else "the defaults"
    changed = tuple(
        (key.name, as_text(getattr(config.motion, key.name)))
        for key in keys_of(_SECTION)
        if getattr(config.motion, key.name) != key.default
    )
    return Choice(
        name=name,
        motion=config.motion,
        zones=config.zones,
        hold_s=config.recording.post_roll_s,
        source=shown(
            source if not sets else f"{source} with {', '.join(text.removeprefix('motion.') for text in sets)}"
        ),
        changed=changed,
    )
