"""The configuration as ini text: what is in force, and the commented sample file. Pure."""

import difflib
import textwrap
from collections.abc import Iterator

from ratcam.config_schema import DEFAULT, NAMED_SECTIONS, REQUIRED, SECTIONS, Config, Key, keys_of, kind_of
from ratcam.config_values import as_text, limits, wanted
from ratcam.errors import BadInputError
from ratcam.motion.polygon import EXAMPLE
from ratcam.redaction import excerpt

_WIDTH = 100
_MASK = "********"
_SAMPLE_HEAD = """\
# ratcam.ini: every key of Ratcam with its default. To change one, remove the # before it.
#
# Check it:             ratcam config check
# See what is in force: ratcam config show
#
# A comment begins with # or ; at a line's start or after a blank. Values are written without quotes.
# Relative paths count from this file's folder.
"""


_EXAMPLES = {"zone": ("door", {"polygon": EXAMPLE})}
"""A name and the keys that must be given, for the sample file."""
_ABOUT_KIND = {
    "zone": "A part of the picture with a name of its own. There may be any number of such sections, or none: then the "
    "whole picture is watched. To use this one, remove the # before its name and its polygon."
}


def show(config: Config) -> str:
    """Every key in force as ini text, with its origin in a comment and secrets masked."""
    blocks: list[str] = []
    for section, settings in _sections_of(config):
        lines = [
            (_assignment(key, getattr(settings, key.name)), config.origins.get(key.full_name, DEFAULT))
            for key in keys_of(section)
        ]
        width = min(60, max(len(text) for text, _ in lines))
        blocks.append("\n".join([f"[{section}]", *(f"{text:<{width}}  # {origin}" for text, origin in lines)]))
    return "\n\n".join(blocks) + "\n"


def sample() -> str:
    """The text of the sample `ratcam.ini`: every key, documented, commented out, at its default.

    A section that needs a name is commented out itself, with an example of what must be given.
    """
    blocks = [_SAMPLE_HEAD]
    for section in SECTIONS:
        blocks.append(f"[{section}]\n")
        blocks.extend(f"{_explanation(key)}\n#{_assignment(key, key.default)}\n" for key in keys_of(section))
    # At the end: a key whose section's line was left in its comment then stands in a section that does not know it.
    for kind in NAMED_SECTIONS:
        blocks.extend(_sample_of_kind(kind))
    return "\n".join(blocks)


def explain(config: Config, name: str) -> str:
    """What a key, a section or all keys of one name mean, with what is in force and where it comes from.

    Args:
        config: what is in force.
        name: `section.key`, such as motion.sensitivity or zone.polygon; `section`; or a key's name alone. One zone's
            key is zone:NAME.key.

    Raises:
        BadInputError: there is no such key; the message names the nearest.
    """
    name = name.strip().strip("[]")
    every = [key for section in (*SECTIONS, *NAMED_SECTIONS) for key in keys_of(section)]
    if kind_of(name.partition(".")[0]):
        every.extend(key for section, _ in _sections_of(config) if kind_of(section) for key in keys_of(section))
    found = [key for key in every if name in (key.full_name, key.section, key.name)]
    if not found:
        known = [key.full_name for key in every]
        close = difflib.get_close_matches(name.lower(), [*known, *(key.name for key in every)], n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are keys such as {known[0]}; see `ratcam config show`"
        raise BadInputError(f"There is no key {excerpt(name)}; {hint}")
    return "\n".join(_explained(config, key) for key in found)


def _explained(config: Config, key: Key) -> str:
    """One key: its section and name, what it does, and a line for each value in force."""
    in_force = [
        (section, getattr(settings, key.name))
        for section, settings in _sections_of(config)
        if key.section in (section, kind_of(section))
    ]
    lines = [f"[{key.section}] {key.name}", textwrap.fill(_words(key), _WIDTH)]
    if key.default is REQUIRED:
        lines.append("default: none, it must be given")
    else:
        lines.append(f"default: {as_text(key.default) or 'none'}")
    for section, value in in_force:
        origin = config.origins.get(f"{section}.{key.name}", DEFAULT)
        place = "" if section == key.section else f" in [{section}]"
        text = _MASK if key.is_secret and value else as_text(value) or "none"
        lines.append(f"in force{place}: {text}  # {origin}")
    if not in_force:
        lines.append(f"in force: there is no section [{key.section}:NAME]")
    return "\n".join(lines) + "\n"


def _sections_of(config: Config) -> Iterator[tuple[str, object]]:
    """Every section in force with its settings, in the order of the sample file."""
    for section in SECTIONS:
        yield section, getattr(config, section)
    for zone in config.zones:
        yield f"zone:{zone.name}", zone


def _sample_of_kind(kind: str) -> Iterator[str]:
    name, given = _EXAMPLES[kind]
    yield f"{_filled(_ABOUT_KIND[kind])}\n#[{kind}:{name}]\n"
    for key in keys_of(kind):
        yield f"{_explanation(key)}\n#{_assignment(key, given.get(key.name, key.default))}\n"


def _assignment(key: Key, value: object) -> str:
    text = _MASK if key.is_secret and value else as_text(value)
    return f"{key.name} = {text}".rstrip()


def _explanation(key: Key) -> str:
    return _filled(_words(key))


def _words(key: Key) -> str:
    if limits(key):
        return f"{key.doc} {'A whole number' if key.type is int else 'A number'}{limits(key)}."
    if key.type is bool:
        return f"{key.doc} yes or no."
    if not all(choice in key.doc for choice in key.choices):
        return f"{key.doc} {wanted(key)}."
    return key.doc


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
