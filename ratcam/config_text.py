"""The configuration as ini text: what is in force, and the commented sample file. Pure."""

import textwrap

from ratcam.config_schema import DEFAULT, SECTIONS, Config, Key, keys_of
from ratcam.config_values import as_text, limits, wanted

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


def show(config: Config) -> str:
    """Every key in force as ini text, with its origin in a comment and secrets masked."""
    blocks: list[str] = []
    for section in SECTIONS:
        settings = getattr(config, section)
        lines = [
            (_assignment(key, getattr(settings, key.name)), config.origins.get(key.full_name, DEFAULT))
            for key in keys_of(section)
        ]
        width = min(60, max(len(text) for text, _ in lines))
        blocks.append("\n".join([f"[{section}]", *(f"{text:<{width}}  # {origin}" for text, origin in lines)]))
    return "\n\n".join(blocks) + "\n"


def sample() -> str:
    """The text of the sample `ratcam.ini`: every key, documented, commented out, at its default."""
    blocks = [_SAMPLE_HEAD]
    for section in SECTIONS:
        blocks.append(f"[{section}]\n")
        blocks.extend(f"{_explanation(key)}\n#{_assignment(key, key.default)}\n" for key in keys_of(section))
    return "\n".join(blocks)


def _assignment(key: Key, value: object) -> str:
    text = _MASK if key.is_secret and value else as_text(value)
    return f"{key.name} = {text}".rstrip()


def _explanation(key: Key) -> str:
    text = key.doc
    if limits(key):
        text += f" {'A whole number' if key.type is int else 'A number'}{limits(key)}."
    elif key.type is bool:
        text += " yes or no."
    elif not all(choice in text for choice in key.choices):
        text += f" {wanted(key)}."
    return textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
