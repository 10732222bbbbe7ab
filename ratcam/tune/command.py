"""`ratcam tune`: replay, find out, write the report."""

import secrets
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from ratcam.console import shown
from ratcam.errors import BadInputError
from ratcam.tune.choices import Choice
from ratcam.tune.findings import Findings, findings
from ratcam.tune.ladder import steps_of
from ratcam.tune.recordings import LeftOut, Recording, left_out, recordings
from ratcam.tune.replay import replay
from ratcam.tune.spell import when
from ratcam.tune.summary import advice_text, json_of, ladder_text, text_of
from ratcam.tune.tracks import Interval, Replayed
from ratcam.tune.truth import check_inside, read_truth

DEFAULT_REPORT = Path("ratcam-tune.html")
_SHEET_PICTURES = 6
_SHEET_LETTERS = 130
_LINE_LETTERS = 78
_LISTED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks of `ratcam tune`."""

    places: tuple[Path, ...]
    choices: tuple[Choice, ...]
    """One or two."""
    report: Path | None
    """A .html or .png file; None for none."""
    as_json: bool = False
    per_week: float = 1.0
    motion: tuple[str, ...] = ()
    """What truly moved: for no recording, or for each in order."""


def tune(wish: Wish, out: TextIO, *, progress: TextIO | None = None) -> None:
    """Replay, tell the findings on `out`, and write the report.

    Everything that a person can have got wrong is found before the work, as far as it can be. Of several recordings
    those that cannot be used are left out, which is told. `progress`, a terminal, is told what is being done.

    Raises:
        BadInputError: no recording can be used, or a path or an interval cannot; or the report could not be written,
            the findings having been told.
        MissingDependencyError: matplotlib or the video decoder is not installed.
    """
    if wish.report is None:
        _tell(wish, _found(wish, progress), out)
        return
    _check_report(wish.report)
    part = _new_part(wish.report)
    try:
        found = _found(wish, progress)
        _tell(wish, found, out)
        out.flush()
        if progress is not None:
            _show(progress, "writing the report")
        data = _sheet(found) if wish.report.suffix.lower() == ".png" else _page(found)
        if progress is not None:
            _show(progress, "")
        try:
            part.write_bytes(data)
            part.replace(wish.report)
        except OSError as exc:
            raise _unwritable(wish.report, exc) from exc
    finally:
        part.unlink(missing_ok=True)
    if not wish.as_json:
        out.write(f"\nThe report is in {shown(str(wish.report))}\n")


def _tell(wish: Wish, found: Findings, out: TextIO) -> None:
    out.write(json_of(found) + "\n" if wish.as_json else text_of(found))


def _found(wish: Wish, progress: TextIO | None) -> Findings:
    given = recordings(wish.places)
    if not given.recordings:
        raise _nothing_left(given.left_out)
    truths = _truths(wish.motion, given.recordings)
    steps = steps_of(wish.choices[0])
    unused = list(given.left_out)
    replays: list[Replayed] = []
    told: list[tuple[Interval, ...]] = []
    for number, each in enumerate(given.recordings):
        if progress is not None:
            _show(progress, f"{number + 1} of {len(given.recordings)}: {each.name}")
        try:
            replayed = replay(each, wish.choices, steps)
        except BadInputError as exc:
            unused.append(left_out(each.paths[0], exc))
            continue
        finally:
            if progress is not None:
                _show(progress, "")
        if truths is not None:
            check_inside(truths[number], replayed.lasts_s, each.name)
            told.append(truths[number])
        replays.append(replayed)
    if not replays:
        raise _nothing_left(unused)
    found = findings(wish.choices, replays, None if truths is None else told, wish.per_week)
    return replace(found, left_out=tuple(unused))


def _nothing_left(unused: Sequence[LeftOut]) -> BadInputError:
    if len(unused) == 1:
        return BadInputError(unused[0].why)
    return BadInputError(" ".join(("Nothing of it can be used.", *(one.sentence for one in unused[:_LISTED]))))


def _show(progress: TextIO, line: str) -> None:
    """A line that the next one replaces; the last one is empty."""
    progress.write(f"\r\x1b[K{line[:_LINE_LETTERS]}" if line else "\r\x1b[K")
    progress.flush()


def _check_report(path: Path) -> None:
    if path.suffix.lower() not in (".html", ".htm", ".png"):
        raise BadInputError(
            f"The report is a page or a picture: give it a name that ends in .html or .png, not {path}."
        )
    if not path.parent.is_dir():
        raise BadInputError(f"There is no folder {path.parent} for the report. Make it first.")
    if path.is_dir():
        raise BadInputError(f"{path} is a folder. Give the report another name.")
    from ratcam.tune.plots import check_installed  # noqa: PLC0415 - matplotlib is slow to import, and optional

    check_installed()


def _truths(texts: Sequence[str], places: Sequence[Recording]) -> list[tuple[tuple[float, float], ...]] | None:
    if not texts:
        return None
    if len(texts) != len(places):
        names = ", ".join(place.name for place in places[:5])
        raise BadInputError(
            f"--motion is given {len(texts)} time{'s' * (len(texts) != 1)} for {len(places)} "
            f"recording{'s' * (len(places) != 1)} ({names}"
            f"{', ...' if len(places) > 5 else ''}). Give it once for each, in this order; none where nothing moves."
        )
    return [read_truth(text) for text in texts]


def _new_part(path: Path) -> Path:
    """A new empty file beside the report: what is open in a browser stays whole until the new one is.

    It is made before the work: so it is known that the folder takes it.
    """
    part = path.with_name(f".ratcam-{secrets.token_hex(6)}.part")
    try:
        part.touch(exist_ok=False)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    return part


def _unwritable(path: Path, exc: OSError) -> BadInputError:
    return BadInputError(f"The report {path} cannot be written: {exc.strerror or exc}.")


def _page(found: Findings) -> bytes:
    from ratcam.tune.page import page_of  # noqa: PLC0415 - as matplotlib

    return page_of(found).encode(errors="backslashreplace")


def _sheet(found: Findings) -> bytes:
    from ratcam.tune.pictures import picture_of  # noqa: PLC0415 - as matplotlib
    from ratcam.tune.plots import sheet  # noqa: PLC0415 - as matplotlib

    pictures: list[list[tuple[str, bytes]]] = []
    for replayed in found.replays:
        track = replayed.tracks[0]
        events = [(event.peak_score, True, event.moment) for event in track.events if event.moment is not None]
        nearly = [(moment.score, False, moment) for moment in track.nearly]
        strongest = sorted([*events, *nearly], key=lambda entry: entry[:2], reverse=True)[:_SHEET_PICTURES]
        pictures.append(
            [
                (
                    f"{when(moment.t_s, replayed)}, {'event' if is_event else 'no event'}, {score:.2f}",
                    picture_of(moment, replayed, track.choice.motion),
                )
                for score, is_event, moment in strongest
            ]
        )
    text = f"{ladder_text(found)}\n\n{advice_text(found)}"
    text = "\n".join(textwrap.fill(line, _SHEET_LETTERS) if line else "" for line in text.split("\n"))
    return sheet(found.replays, [found.truth(number) for number in range(len(found.replays))], pictures, text)
