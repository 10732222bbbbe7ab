"""Reads the text of an ini file into entries with line numbers, and names everything that is not in order. Pure.

Sections in brackets, `key = value` lines, comments from `#` or `;` at a line's start or after a blank. Names count as
they are written; nothing is interpolated, so that `%` stands for itself; a value ends at its line's end.
"""

import codecs
import re
from dataclasses import dataclass, field

_SECTION = re.compile(r"\[(?P<name>[^\[\]]*)\](?P<rest>.*)")
_INLINE_COMMENT = re.compile(r"(?:^|\s)[#;].*")
_WORD = re.compile(r"[A-Za-z_]{1,20}")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One `key = value` line; lines count from 1."""

    section: str
    key: str
    value: str = field(repr=False)
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One `[name]` line."""

    name: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong on a line, and what to do. Line 0 is the file as a whole."""

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IniText:
    """What a file says, in its order, and everything that is wrong with it. A duplicate is a problem, not an entry."""

    sections: tuple[Section, ...]
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]


def parse(data: bytes) -> IniText:
    """Read a whole file. Never raises: a file that is not text at all is one problem."""
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            return _only(Problem(line=0, text="it is saved as UTF-16; save it as UTF-8"))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        return _only(Problem(line=line, text=f"byte 0x{data[exc.start]:02x} is not UTF-8; save the file as UTF-8"))
    return _Reader().read(text)


def _only(problem: Problem) -> IniText:
    return IniText(sections=(), entries=(), problems=(problem,))


class _Reader:
    def __init__(self) -> None:
        self._sections: dict[str, Section] = {}
        self._entries: dict[tuple[str, str], Entry] = {}
        self._problems: list[Problem] = []
        self._section: str | None = None
        self._is_lost = False
        """After a broken section line: its keys are not reported again for standing in no section."""

    def read(self, text: str) -> IniText:
        for number, line in enumerate(_LINE_END.split(text), start=1):
            self._read_line(line.strip(), number)
        return IniText(
            sections=tuple(self._sections.values()),
            entries=tuple(self._entries.values()),
            problems=tuple(self._problems),
        )

    def _read_line(self, line: str, number: int) -> None:
        if not line or line[0] in "#;":
            return
        control = next((char for char in line if char != "\t" and (ord(char) < 0x20 or ord(char) == 0x7F)), None)
        if control is not None:
            self._refuse(number, f"there is a control character (0x{ord(control):02x}); delete it")
        elif line[0] == "[":
            self._read_section(line, number)
        else:
            self._read_entry(line, number)

    def _read_section(self, line: str, number: int) -> None:
        found = _SECTION.fullmatch(line)
        if found is None or not found["name"].strip() or _INLINE_COMMENT.sub("", found["rest"]).strip():
            self._refuse(number, "a section is a name in brackets and nothing else, such as [camera]")
            self._section, self._is_lost = None, True
            return
        name = found["name"].strip()
        self._section, self._is_lost = name, False
        first = self._sections.setdefault(name, Section(name=name, line=number))
        if first.line != number:
            self._refuse(number, f"section [{name}] began already on line {first.line}; put its keys together there")

    def _read_entry(self, line: str, number: int) -> None:
        key, equals, value = line.partition("=")
        key = key.strip()
        if not equals:
            self._refuse(number, f"{_name_of(line)} has no '='; write key = value, or # before a comment")
        elif not key:
            self._refuse(number, "there is no key before the '='; write key = value")
        elif self._section is not None:
            self._add(Entry(section=self._section, key=key, value=_without_comment(value), line=number))
        elif not self._is_lost:
            self._refuse(number, f"{_name_of(key)} stands before the first section; put it below one, such as [camera]")

    def _add(self, entry: Entry) -> None:
        first = self._entries.setdefault((entry.section, entry.key), entry)
        if first is not entry:
            self._refuse(entry.line, f"{_name_of(entry.key)} is set already on line {first.line}; keep only one")

    def _refuse(self, line: int, text: str) -> None:
        self._problems.append(Problem(line=line, text=text))


def _without_comment(value: str) -> str:
    return _INLINE_COMMENT.sub("", value, count=1).strip()


def _name_of(line: str) -> str:
    """The first word if it can be a key; a line that is none may be part of a token, and is not quoted."""
    word = line.split(maxsplit=1)[0]
    return f"'{word}'" if _WORD.fullmatch(word) else "this line"
