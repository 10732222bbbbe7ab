"""Every plot of `ratcam tune`, as PNG: the only file that knows matplotlib, which is optional and imported at use."""
# Matplotlib's annotations leave many parameters open:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ratcam.errors import MissingDependencyError
from ratcam.motion.detector import Guard
from ratcam.tune.local_time import local_time
from ratcam.tune.spell import count
from ratcam.tune.tail import Tail
from ratcam.tune.tracks import GUARDS, Interval, Replayed, Track

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTALL = (
    "The report's plots need matplotlib, which is not installed. Install it with: pip install 'ratcam[tune]' "
    "(or print the findings alone, with --json)"
)
COLOURS = ("#1f5fa8", "#b4530a")
"""Of the first and the second configuration: also told apart by those who see no red or green."""
GUARD_WORDS = {
    Guard.SETTLING: ("#9aa0a6", "settling: the camera has just started"),
    Guard.LIGHT: ("#e6b800", "light: the whole picture changed at once"),
    Guard.CAMERA: ("#8e5bb5", "camera: the camera itself moved"),
    Guard.CROWD: ("#2a9d8f", "crowd: so much moves everywhere that nothing stands out"),
    Guard.PRECLUDED: ("#d1495b", "precluded: motion in a zone that suppresses all others"),
}
"""The colour and the meaning of each guard."""
TRUTH_COLOUR = "#2e7d32"
_MOST_POINTS = 1600
_TOP = 4.0  # of the score's axis, in triggers: higher is as good as this
_DAY_S = 86400.0


def check_installed() -> None:
    """Find out before the work whether plots can be drawn.

    Raises:
        MissingDependencyError: they cannot; says what to install.
    """
    _figure(1, 1)


def strip(replayed: Replayed, track: Track, truth: Sequence[Interval] | None, *, number: int) -> bytes:
    """The score over time against the trigger, with events as bars and guards shaded; `number` is 0 for A, 1 for B."""
    # Beside another strip it is shown half as wide: its letters must not shrink with it.
    figure = _figure(10 if len(replayed.tracks) == 1 else 6.2, 3.1)
    _draw_strip(figure.add_subplot(), replayed, track, truth, number=number)
    return _png(figure)


def tail_plot(tails: Sequence[Tail], per_week: float) -> bytes:
    """How often a week quiet pictures exceed a score, with the fitted lines."""
    figure = _figure(5.6, 3.6)
    axes = figure.add_subplot()
    for number, tail in enumerate(tails):
        if not tail.levels:
            continue
        colour = COLOURS[number]
        scores, rates = zip(*tail.levels, strict=True)
        axes.plot(scores, rates, ".", color=colour, markersize=4, label=f"{'AB'[number]}: seen")
        if not tail.is_known:
            continue
        line = np.linspace(tail.base, max(1.3, tail.highest * 1.1, tail.trigger_for(per_week) * 1.05), 50)
        axes.plot(line, [tail.on_line(float(x)) for x in line], color=colour, linewidth=1.2, label="the line through")
    axes.set_yscale("log")
    axes.axvline(1.0, color="#333333", linewidth=1, linestyle="--")
    axes.annotate("trigger", (1.0, 0.97), xycoords=("data", "axes fraction"), rotation=90, va="top", ha="right", size=8)
    axes.axhline(per_week, color=TRUTH_COLOUR, linewidth=1, linestyle=":", label=f"wanted: {per_week:g} a week")
    axes.set_xlabel("score (1 = trigger)")
    axes.set_ylabel("times a week")
    axes.legend(fontsize=8, frameon=False)
    _plain(axes)
    return _png(figure)


def stages_plot(stages: Sequence[Mapping[str, int]]) -> bytes:
    """The blocks that each stage left, for each configuration, summed over pictures; on a logarithmic scale."""
    names = list(dict.fromkeys(name for sums in stages for name in sums))
    figure = _figure(5.6, 0.9 + 0.34 * len(names) * len(stages))
    axes = figure.add_subplot()
    height = 0.8 / len(stages)
    for number, blocks in enumerate(stages):
        at = [place + number * height for place in range(len(names))]
        bars = axes.barh(at, [max(0.5, blocks.get(name, 0)) for name in names], height * 0.9, color=COLOURS[number])
        axes.bar_label(bars, [f" {blocks.get(name, 0):,}" for name in names], size=8)
    axes.set_yticks([place + 0.4 - height / 2 for place in range(len(names))], names)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(0.5, 20 * max((blocks for sums in stages for blocks in sums.values()), default=1) + 1)
    axes.set_xlabel("blocks left, all pictures together")
    _plain(axes)
    return _png(figure)


def sheet(
    replays: Sequence[Replayed],
    truths: Sequence[tuple[Interval, ...] | None],
    pictures: Sequence[Sequence[tuple[str, bytes]]],
    text: str,
) -> bytes:
    """Everything on one picture: for each recording its strips and its strongest moments, and the text below."""
    strips = sum(len(replayed.tracks) for replayed in replays)
    lines = text.count("\n") + 1
    shown = [each for each in pictures if each]
    heights = [2.4] * strips + [1.5] * len(shown) + [0.19 * lines + 0.4]
    figure = _figure(11, sum(heights) + 0.4)
    grid: Any = figure.add_gridspec(len(heights), 6, height_ratios=heights)
    row = 0
    for replayed, truth, moments in zip(replays, truths, pictures, strict=True):
        for number, track in enumerate(replayed.tracks):
            _draw_strip(
                figure.add_subplot(grid[row, :]), replayed, track, truth, number=number, title=replayed.recording.name
            )
            row += 1
        for column, (title, jpeg) in enumerate(moments[:6]):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(_pixels(jpeg))
            axes.set_title(title, size=7.5, parse_math=False)
            axes.set_axis_off()
        row += bool(moments)
    axes = figure.add_subplot(grid[row, :])
    axes.set_axis_off()
    words = axes.text(0, 1, text, va="top", family="monospace", size=8.5, transform=axes.transAxes, parse_math=False)
    words.set_in_layout(False)  # it is as wide as it is, and must not squeeze what stands above
    return _png(figure)


def _draw_strip(
    axes: Axes, replayed: Replayed, track: Track, truth: Sequence[Interval] | None, *, number: int, title: str = ""
) -> None:
    began = replayed.started_unix_s
    offset = 0.0 if began is None else began / _DAY_S
    unit = 1.0 if began is None else 1 / _DAY_S

    def at(seconds: Any) -> Any:
        return offset + seconds * unit

    top = float(min(_TOP, max(1.5, 1.08 * track.scores.max(initial=0.0))))
    times, scores = _thinned(track)
    axes.fill_between(at(times), np.minimum(scores, top), color=COLOURS[number], alpha=0.25, linewidth=0)
    axes.plot(at(times), np.minimum(scores, top), color=COLOURS[number], linewidth=0.9)
    axes.axhline(1.0, color="#333333", linewidth=1, linestyle="--")
    axes.annotate("trigger", (1.002, 1.0), xycoords=("axes fraction", "data"), size=8, va="center")
    for guard, (colour, words) in GUARD_WORDS.items():
        for index, (start_s, end_s) in enumerate(_runs(track, guard)):
            label = words.partition(":")[0] if index == 0 else None
            axes.axvspan(at(start_s), at(end_s), color=colour, alpha=0.35, linewidth=0, label=label)
    for event in track.events:
        width = max(event.lasts_s, replayed.lasts_s / 400)
        axes.broken_barh([(at(event.start_s), width * unit)], (1.05 * top, 0.08 * top), color=COLOURS[number])
    if truth is not None:
        bars = [(at(start_s), max(end_s - start_s, replayed.lasts_s / 400) * unit) for start_s, end_s in truth]
        axes.broken_barh(bars, (1.16 * top, 0.06 * top), color=TRUTH_COLOUR, label="truth")
    axes.annotate("events", (1.002, 1.09 * top), xycoords=("axes fraction", "data"), size=8, va="center")
    axes.set_ylim(0, 1.26 * top)
    ticks = [tick for tick in (0, 0.5, 1, 2, 3, 4) if tick <= top]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlim(at(0.0), at(max(replayed.lasts_s, 0.1)))
    axes.set_ylabel("score")
    _label_time(axes, replayed)
    name = f"{track.choice.name}: " if len(replayed.tracks) > 1 else ""
    events = f"{name}{count(len(track.events), 'event')}"
    axes.set_title(f"{title}, {events}" if title else events, size=9, loc="left", parse_math=False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7.5, frameon=False, ncols=6, loc="lower right", bbox_to_anchor=(1, 1))
    _plain(axes)


def _label_time(axes: Axes, replayed: Replayed) -> None:
    from matplotlib import dates, ticker  # noqa: PLC0415 - optional

    if replayed.started_unix_s is not None:
        began = local_time(replayed.started_unix_s)
        axes.xaxis.set_major_locator(dates.AutoDateLocator(tz=None if began is None else began.tzinfo))
        # Each tick by the offset in force then: across a change of the clocks there are two.
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(wall_clock(replayed.lasts_s)))
        return
    axes.xaxis.set_major_locator(ticker.MaxNLocator(10, steps=[1, 2, 3, 6, 10]))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(_clock))


def wall_clock(lasts_s: float) -> Callable[[float, int | None], str]:
    """What tells the time of day of a tick, given in days of UTC, on an axis of so many seconds."""
    form = "%d %b %H:%M" if lasts_s > 1.5 * _DAY_S else "%H:%M" if lasts_s > 600 else "%H:%M:%S"

    def words(days: float, _position: int | None = None) -> str:
        at = local_time(days * _DAY_S + 1e-3)
        return "" if at is None else at.strftime(form)

    return words


def _clock(seconds: float, _position: int | None = None) -> str:
    clock = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=max(0.0, seconds))
    return clock.strftime("%-H:%M:%S") if seconds >= 3600 else clock.strftime("%-M:%S")


def _thinned(track: Track) -> tuple[Any, Any]:
    """Times and scores; of many pictures the highest of each of `_MOST_POINTS` parts."""
    if track.scores.size <= _MOST_POINTS:
        return track.times_s, track.scores
    starts = np.linspace(0, track.scores.size, _MOST_POINTS, endpoint=False).astype(int)
    return track.times_s[starts], np.maximum.reduceat(track.scores, starts)


def _runs(track: Track, guard: Guard) -> list[Interval]:
    """When a guard held, joined over gaps of half a second."""
    at = track.times_s[track.guards == GUARDS.index(guard)]
    if not at.size:
        return []
    parts = np.split(at, np.flatnonzero(np.diff(at) > 0.5) + 1)
    step = float(np.median(np.diff(track.times_s))) if track.times_s.size > 1 else 0.1
    return [(float(part[0]), float(part[-1]) + step) for part in parts]


def _pixels(jpeg: bytes) -> Any:
    from PIL import Image  # noqa: PLC0415 - beside matplotlib, which needs it too

    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


def _figure(width: float, height: float) -> Figure:
    """A figure that is drawn by agg and belongs to no window: pyplot, which keeps figures for ever, is not used."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # a home that it cannot write to is not our user's affair
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional
    except ImportError as exc:
        raise MissingDependencyError(INSTALL) from exc
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # letters that no font has are drawn as boxes
        figure.savefig(out, format="png", facecolor="white")
    return out.getvalue()
