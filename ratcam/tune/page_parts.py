"""The pieces of HTML that the report is put together from; all text that comes in is escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root { color-scheme: light; --a: #1f5fa8; --b: #b4530a; --line: #d9dde2; --soft: #f4f6f8; --dim: #59636e; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 1240px; color: #1c2126; background: #fff;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: .2rem 0; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; padding-top: .6rem; border-top: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 1.2rem 0 .3rem; }
p { margin: .35rem 0; max-width: 75ch; }
.dim, figcaption, small { color: var(--dim); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .6rem; margin: .8rem 0; }
.card { background: var(--soft); border-radius: 8px; padding: .6rem .8rem; }
.card b { display: block; font-size: 1.35rem; line-height: 1.25; }
.pair { display: grid; grid-template-columns: minmax(0, 1fr); gap: .2rem 1.4rem; }
@media (min-width: 900px) { .pair.two { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
.a > h3 { color: var(--a); } .b > h3 { color: var(--b); }
figure { margin: .4rem 0; } figure img { max-width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; } .strip img { min-width: 560px; width: 100%; }
.moments { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: .7rem; margin: .5rem 0; }
.moments figure { margin: 0; border: 1px solid var(--line); border-radius: 8px; overflow: hidden; background: #fff; }
.moments img { width: 100%; } .moments figcaption { padding: .35rem .55rem .5rem; font-size: .85rem; line-height: 1.4; }
.moments figcaption b { color: #1c2126; }
table { border-collapse: collapse; font-size: .9rem; margin: .4rem 0; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
td:first-child { white-space: normal; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.now td { background: #fff6d6; font-weight: 600; }
pre { background: #1c2126; color: #f2f5f7; padding: .8rem 1rem; border-radius: 8px; overflow-x: auto; font-size: .95rem;
  user-select: all; }
.warn { background: #fff1e0; border-left: 4px solid #d9822b; padding: .5rem .8rem; margin: .5rem 0; max-width: 80ch; }
.key { display: inline-block; width: .9em; height: .9em; border-radius: 3px; vertical-align: -1px; margin-right: .4em; }
.legend { list-style: none; padding: 0; margin: .5rem 0; font-size: .9rem; } .legend li { margin: .15rem 0; }
details { margin: .6rem 0; } summary { cursor: pointer; font-weight: 600; padding: .3rem 0; }
@media (max-width: 600px) {
  body { padding: .7rem; } .moments { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .5rem; }
  td, th { padding-right: .5rem; } .moments figcaption { font-size: .78rem; }
}
"""

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
"""


def document(title: str, parts: Iterable[str]) -> str:
    """A whole page that loads nothing from anywhere."""
    return _HEAD.format(title=escape(title), style=STYLE) + "\n".join(parts) + "\n</body></html>\n"


def text(words: str) -> str:
    """A paragraph."""
    return f"<p>{escape(words)}</p>"


def dim(words: str) -> str:
    """A paragraph of explanation."""
    return f'<p class="dim">{escape(words)}</p>'


def warning(words: str) -> str:
    """A paragraph that must not be overlooked."""
    return f'<p class="warn">{escape(words)}</p>'


def heading(words: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(words)}</h{level}>"


def cards(figures: Sequence[tuple[str, str]]) -> str:
    """Figures side by side, each with what it is."""
    inner = "".join(f'<div class="card"><b>{escape(figure)}</b>{escape(words)}</div>' for figure, words in figures)
    return f'<div class="cards">{inner}</div>'


def image(data: bytes, about: str) -> str:
    """A picture inside the page: a PNG or a JPEG."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f'<img alt="{escape(about)}" src="data:image/{kind};base64,{base64.b64encode(data).decode()}">'


def plot(data: bytes, about: str, *, is_strip: bool = False) -> str:
    """A plot; a strip over time keeps its width on a phone and is scrolled."""
    return f'<figure class="{"wide strip" if is_strip else ""}">{image(data, about)}</figure>'


def moment(data: bytes, title: str, lines: Sequence[str]) -> str:
    """A heat map with its caption."""
    caption = "<br>".join((f"<b>{escape(title)}</b>", *(escape(line) for line in lines if line)))
    return f"<figure>{image(data, title)}<figcaption>{caption}</figcaption></figure>"


def moments(figures: Sequence[str]) -> str:
    """Heat maps side by side."""
    return f'<div class="moments">{"".join(figures)}</div>' if figures else ""


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, now: int | None = None) -> str:
    """A table; columns that begin with a digit in their first row are figures. Row `now` is marked."""
    figures = [bool(rows) and rows[0][column][:1] in "~0123456789-" for column in range(len(head))]

    def row(cells: Sequence[str], tag: str, kind: str = "") -> str:
        inner = "".join(
            f"<{tag}{' class=n' if is_figure else ''}>{escape(cell)}</{tag}>"
            for cell, is_figure in zip(cells, figures, strict=True)
        )
        return f"<tr{kind}>{inner}</tr>"

    body = "".join(row(cells, "td", " class=now" if number == now else "") for number, cells in enumerate(rows))
    return f'<div class="wide"><table>{row(head, "th")}{body}</table></div>'


def columns(parts: Sequence[str], names: Sequence[str]) -> str:
    """One column, or two with their names: A on the left, B on the right."""
    if len(parts) == 1:
        return parts[0]
    inner = "".join(
        f'<div class="{"ab"[number]}"><h3>{escape(name)}</h3>{part}</div>'
        for number, (part, name) in enumerate(zip(parts, names, strict=True))
    )
    return f'<div class="pair two">{inner}</div>'


def folded(summary: str, inner: str) -> str:
    """Something that is shown when it is asked for."""
    return f"<details><summary>{escape(summary)}</summary>{inner}</details>"


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Colours and what they mean."""
    items = "".join(
        f'<li><span class="key" style="background:{colour}"></span>{escape(words)}</li>' for colour, words in entries
    )
    return f'<ul class="legend">{items}</ul>'


def code(lines: Sequence[str]) -> str:
    """Lines to copy: one click selects them all."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"
