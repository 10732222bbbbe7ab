"""Reads `ratcam.ini` and the environment into a `Config`; reports everything that is wrong at once.

The schema is the sections' dataclasses (`ratcam.settings`, `ratcam.motion.settings`): this module knows no key by name
but those that need more than a type, a range or a choice.
"""

import contextlib
import difflib
import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from ratcam.config_rules import TEXT_RULES, check_together
from ratcam.config_schema import NAMED_SECTIONS, SECTIONS, Config, Key, keys_of, kind_of
from ratcam.config_text import explain, sample, show
from ratcam.config_values import echo, read_value, wanted
from ratcam.errors import ConfigError
from ratcam.ini_file import Entry, IniText, Section, parse
from ratcam.motion.zones import ZoneError, ZoneSettings, check_name
from ratcam.redaction import TOKEN_SHAPE, excerpt

__all__ = ["DEFAULT_PATH", "TOKEN_VARIABLE", "Config", "explain", "load", "require_token", "sample", "show"]

DEFAULT_PATH = Path("ratcam.ini")
TOKEN_VARIABLE = "RATCAM_TELEGRAM_TOKEN"  # noqa: S105  # the variable's name
_LIMIT_BYTES = 1024 * 1024
_TOKEN = "telegram.token"  # noqa: S105  # the key's name
_BAD_TOKEN = "it is not a bot token; copy it again from @BotFather, digits, a colon and 35 characters"  # noqa: S105


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the configuration.

    Without a `path` it is `ratcam.ini` in the working directory if there is one, else the defaults. The token comes
    from the file, from `token_file` or from the environment; that there is none is no error here.

    Raises:
        ConfigError: with every problem found, in the order of the file: `FILE:LINE: what is wrong and what to do`.
    """
    if path is None and DEFAULT_PATH.exists():
        path = DEFAULT_PATH
    loader = _Loader(path, environ)
    config = loader.load()
    if loader.problems:
        lines = sorted(loader.problems, key=lambda problem: problem[0])
        raise ConfigError(tuple(text for _, text in lines))
    return config


def require_token(config: Config) -> str:
    """The bot's token.

    Raises:
        ConfigError: there is none; the message says how to get one and where to put it.
    """
    if config.telegram.token:
        return config.telegram.token
    place = str(config.path) if config.path is not None else "ratcam.ini"
    raise ConfigError(
        (
            f"{place}: there is no bot token. Write /newbot to @BotFather in Telegram, put the token that it answers "
            "into a file of its own (chmod 600) and name it in [telegram] token_file, or set the environment variable "
            f"{TOKEN_VARIABLE}. To try Ratcam without a token: ratcam demo",
        )
    )


class _Loader:
    def __init__(self, path: Path | None, environ: Mapping[str, str]) -> None:
        self._path = path
        self._environ = environ
        self._folder = (path.parent if path is not None else Path()).absolute()
        self._mode = 0
        self._unread: set[str] = set()
        self._unclear: set[str] = set()
        """Sections with a bad name or an unknown key: that something is missing in them is not said as well."""
        self._values: dict[str, object] = {}
        self._lines: dict[str, int] = {}
        self._origins: dict[str, str] = {}
        self.problems: list[tuple[int, str]] = []

    def load(self) -> Config:
        text = self._read_file()
        for problem in text.problems:
            self._refuse(problem.line, problem.text)
        self._check_sections(text)
        for entry in text.entries:
            self._read_entry(entry)
        self._read_token()
        self._make_absolute()
        config = Config(
            **{section: settings(**self._given(section)) for section, settings in SECTIONS.items()},
            zones=tuple(self._zones(text)),
            path=self._path,
            origins=MappingProxyType(self._origins),
        )
        for names, problem in check_together(config):
            if self._unread.isdisjoint(names):
                self._refuse(max(self._lines.get(name, 0) for name in names), problem)
        return config

    def _refuse(self, line: int, text: str, *, place: str = "") -> None:
        place = place or (f"{self._path}:{line}" if line else str(self._path))
        self.problems.append((line, f"{place}: {text}"))

    def _read_file(self) -> IniText:
        if self._path is None:
            return parse(b"")
        try:
            with self._path.open("rb") as file:
                self._mode = os.fstat(file.fileno()).st_mode
                data = file.read(_LIMIT_BYTES + 1)
        except FileNotFoundError:
            self._refuse(
                0,
                "there is no such file; give its path, or make one: ratcam config sample > ratcam.ini",
            )
            return parse(b"")
        except OSError as exc:
            self._refuse(0, f"it cannot be read: {exc.strerror or exc}")
            return parse(b"")
        if len(data) > _LIMIT_BYTES:
            self._refuse(0, f"it is longer than {_LIMIT_BYTES} bytes and so no ratcam.ini")
            return parse(b"")
        return parse(data)

    def _given(self, section: str) -> dict[str, object]:
        return {key.name: self._values[key.full_name] for key in keys_of(section) if key.full_name in self._values}

    def _check_sections(self, text: IniText) -> None:
        known = (*SECTIONS, *(f"{kind}:NAME" for kind in NAMED_SECTIONS))
        alike: dict[str, Section] = {}
        for section in text.sections:
            kind, _, name = section.name.partition(":")
            if section.name in SECTIONS:
                continue
            if kind_of(section.name):
                try:
                    check_name(name)
                except ZoneError as exc:
                    self._refuse(section.line, f"[{excerpt(section.name)}]: {exc}")
                    self._unclear.add(section.name)
                    continue
                first = alike.setdefault(section.name.lower(), section)
                if first is not section:
                    self._refuse(
                        section.line,
                        f"[{section.name}] and [{first.name}] on line {first.line} differ in capitals only; "
                        "give one another name",
                    )
            elif kind in NAMED_SECTIONS:
                self._refuse(section.line, f"section [{kind}] has no name; give it one, such as [{kind}:door]")
            elif close := difflib.get_close_matches(kind.lower(), NAMED_SECTIONS, n=1) if name else ():
                advice = f"did you mean [{close[0]}:{excerpt(name.strip())}]?"
                self._refuse(section.line, f"there is no section [{excerpt(section.name)}]; {advice}")
            else:
                hint = _did_you_mean(section.name, known, "[{}]")
                self._refuse(section.line, f"there is no section [{excerpt(section.name)}]; {hint}")

    def _zones(self, text: IniText) -> Iterator[ZoneSettings]:
        """The zones that are whole; what is missing in others is refused."""
        for section in text.sections:
            if kind_of(section.name) != "zone":
                continue
            (polygon,) = (key for key in keys_of(section.name) if key.type is tuple)
            given = self._given(section.name)
            if polygon.name in given:
                with contextlib.suppress(ZoneError):  # its name, which has been refused
                    yield NAMED_SECTIONS["zone"](name=section.name.partition(":")[2], **given)
            elif polygon.full_name not in self._lines and section.name not in self._unclear:
                self._refuse(
                    section.line,
                    f"[{excerpt(section.name)}] has no {polygon.name}; give {wanted(polygon)} "
                    "(`ratcam tune --zones` draws the grid to read them from)",
                )

    def _read_entry(self, entry: Entry) -> None:
        if entry.section not in SECTIONS and not kind_of(entry.section):
            return
        keys = {key.name: key for key in keys_of(entry.section)}
        key = keys.get(entry.key)
        if key is None:
            hint = _elsewhere(entry.key) or _did_you_mean(entry.key, tuple(keys), "{}")
            self._refuse(entry.line, f"[{excerpt(entry.section)}] has no key {excerpt(entry.key)}; {hint}")
            self._unclear.add(entry.section)
            return
        self._lines[key.full_name] = entry.line
        try:
            value = read_value(key, entry.value)
            if isinstance(value, str) and key.full_name in TEXT_RULES:
                _check_text(key, value)
        except ValueError as exc:
            self._refuse(entry.line, f"[{excerpt(key.section)}] {key.name} {exc}")
            self._unread.add(key.full_name)
            return
        self._values[key.full_name] = value
        self._origins[key.full_name] = f"{self._path}:{entry.line}"

    def _read_token(self) -> None:
        """Take the token from the one place that has it."""
        in_file = str(self._values.pop(_TOKEN, ""))
        token_file = str(self._values.get("telegram.token_file", ""))
        in_environment = self._environ.get(TOKEN_VARIABLE, "").strip()
        line = self._lines.get(_TOKEN, 0)
        file_line = self._lines.get("telegram.token_file", 0)
        if in_file and _is_open_to_others(self._mode):
            self._refuse(line, f"others may read this file and so the token; type: {_close(self._path)}")
        places = [
            name
            for name, value in (
                (f"[telegram] token (line {line})", in_file),
                (f"[telegram] token_file (line {file_line})", token_file),
                (f"the environment variable {TOKEN_VARIABLE}", in_environment),
            )
            if value
        ]
        if len(places) > 1:
            self._refuse(max(line, file_line), f"the token is given more than once: {', '.join(places)}; keep only one")
        elif in_file:
            self._take_token(in_file, line, f"[{_TOKEN.replace('.', '] ')}: ", self._origins[_TOKEN])
        elif token_file:
            self._read_token_file(token_file, file_line)
        elif in_environment:
            self._take_token(in_environment, 0, "", f"environment {TOKEN_VARIABLE}")

    def _read_token_file(self, name: str, line: int) -> None:
        path = self._absolute(name)
        about = f"[telegram] token_file {path}: "
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                data = file.read(_LIMIT_BYTES) if stat.S_ISREG(mode) else b""
        except OSError as exc:
            self._refuse(line, f"{about}it cannot be read: {exc.strerror or exc}; put the token there and nothing else")
            return
        if _is_open_to_others(mode):
            self._refuse(line, f"{about}others may read it; type: {_close(path)}")
            return
        self._take_token(data.decode("utf-8-sig", "replace").strip(), line, about, f"token_file {path}")

    def _take_token(self, token: str, line: int, about: str, origin: str) -> None:
        if not TOKEN_SHAPE.fullmatch(token):
            self._refuse(line, about + _BAD_TOKEN, place="" if about else TOKEN_VARIABLE)
            return
        self._values[_TOKEN] = token
        self._origins[_TOKEN] = origin

    def _make_absolute(self) -> None:
        """Paths count from the ini's folder, wherever the program runs."""
        defaults = {key.full_name: key.default for section in SECTIONS for key in keys_of(section)}
        self._values["daemon.state_dir"] = str(
            self._absolute(str(self._values.get("daemon.state_dir", defaults["daemon.state_dir"])))
        )
        token_file = self._values.get("telegram.token_file")
        if token_file:
            self._values["telegram.token_file"] = str(self._absolute(str(token_file)))
        base_url = self._values.get("telegram.base_url")
        if base_url:
            self._values["telegram.base_url"] = str(base_url).rstrip("/")
        source = str(self._values.get("camera.source", ""))
        if source.startswith("file:"):
            self._values["camera.source"] = f"file:{self._absolute(source.removeprefix('file:').strip())}"

    def _absolute(self, name: str) -> Path:
        home = self._environ.get("HOME", "")
        if home and name.startswith("~/"):
            return Path(home) / name[2:]
        return self._folder / name


def _check_text(key: Key, value: str) -> None:
    advice = TEXT_RULES[key.full_name](value)
    if advice:
        raise ValueError(f"= {echo(key, value)}: {advice}")


def _did_you_mean(name: str, known: tuple[str, ...], form: str) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {form.format(close[0])}?"
    return f"there are {', '.join(form.format(one) for one in known)}"


def _elsewhere(name: str) -> str:
    """Where a key belongs that only sections with a name of their own have; they are easily left in a comment."""
    kinds = [kind for kind in NAMED_SECTIONS if name in {key.name for key in keys_of(kind)}]
    if not kinds or any(name == key.name for section in SECTIONS for key in keys_of(section)):
        return ""
    return f"it belongs below a line of its own, such as [{kinds[0]}:door]"


def _is_open_to_others(mode: int) -> bool:
    return bool(mode & 0o077)


def _close(path: Path | None) -> str:
    return f"chmod 600 {shlex.quote(str(path))}"
