"""The report as one HTML page that loads nothing from anywhere."""

from collections.abc import Sequence

from ratcam.motion.detector import Guard
from ratcam.tune import page_parts as html
from ratcam.tune import plots
from ratcam.tune.advice import SHORT_S, STILL, WEAK, doubts, only_in
from ratcam.tune.findings import Findings
from ratcam.tune.moments import Moment
from ratcam.tune.pictures import picture_of
from ratcam.tune.spell import count, lasts, rate, when
from ratcam.tune.summary import chance_text, explained, f1_text
from ratcam.tune.tracks import GUARDS, Found, Replayed, Track

_SHOWN_EVENTS = 12
"""Pictures of events for each recording and configuration; the table has them all."""
_SHOWN_DOUBTS = 12
_LISTED = 500


def page_of(found: Findings) -> str:
    """The whole page."""
    names = [recording.recording.name for recording in found.replays]
    title = f"ratcam tune: {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"
    parts = [
        html.heading(title, 1),
        *_in_short(found),
        *_how_to_read(found),
        *(part for number in range(len(found.replays)) for part in _recording(found, number)),
        *_doubted(found),
        *_ladder(found),
        *_chance(found),
        *_stages(found),
        *_configurations(found),
    ]
    return html.document(title, parts)


def _in_short(found: Findings) -> list[str]:
    recorded = (lasts(found.hours * 3600), f"in {count(len(found.replays), 'recording')}")
    figures = [_figures(found, number) for number in range(len(found.choices))]
    if len(figures) == 1:
        short = html.cards([recorded, *figures[0]])
    else:
        # Of what is one here and two there, the plural.
        rows = [[max(a, b), first, second] for (first, a), (second, b) in zip(*figures, strict=True)]
        short = html.text(" ".join(recorded)) + html.table(["", "A", "B"], rows)
    return [
        short,
        *(html.warning(one.sentence) for one in found.left_out),
        html.heading("What to write into ratcam.ini", 3),
        *(html.text(sentence) for sentence in found.advice.because if sentence not in found.tails[0].warnings),
        *(html.warning(sentence) for sentence in found.advice.because if sentence in found.tails[0].warnings),
        html.code(found.advice.lines),
    ]


def _figures(found: Findings, number: int) -> list[tuple[str, str]]:
    """The figures of a configuration, each with what it is."""
    figures = [(str(found.events(number)), "events" if found.events(number) != 1 else "event")]
    if found.agreements:
        how = found.agreements[number]
        latency = "-" if how.latency_s is None else f"{how.latency_s:.1f} s"
        if how.true:
            figures.append((f"{how.found} of {how.true}", "true motions found"))
            figures.append((latency, "from motion to event (median)"))
            figures.append((f1_text(how), "F1"))
        figures.append((str(how.false_alarms), "false alarms" if how.false_alarms != 1 else "false alarm"))
        figures.append((found.an_hour(how), "false alarms an hour"))
    tail = found.tails[number]
    expected = None if tail.warnings else tail.at_trigger
    figures.append(("-" if expected is None else rate(expected), "false alarms to expect from chance"))
    return figures


def _how_to_read(found: Findings) -> list[str]:
    colours = [
        (plots.COLOURS[number], f"score of {choice.name}: {choice.source}" if len(found.choices) > 1 else "score")
        for number, choice in enumerate(found.choices)
    ]
    seen = {
        guard
        for replayed in found.replays
        for track in replayed.tracks
        for number, guard in enumerate(GUARDS)
        if number and (track.guards == number).any()
    }
    guards = [plots.GUARD_WORDS[guard] for guard in plots.GUARD_WORDS if guard in seen]
    truth = [(plots.TRUTH_COLOUR, "truth: what you said really moved")] if found.truths is not None else []
    return [
        html.heading("How to read the plots", 3),
        html.text(
            "The score says how sure the detector is that something moves along a path, in triggers: an event begins "
            "when it reaches the dashed line at 1, and what is still held back (a flicker, or a zone's min_seconds) "
            "stays below. The bars above the score are the events; motion that begins again within post_roll_s "
            "belongs to the same one. The area is the share of the picture's blocks that move in the strongest "
            "picture." + (" Where the background is coloured a guard held the detector back." if guards else "")
        ),
        html.legend([*colours, *truth, *guards]),
        html.dim(
            "Heat maps show the strongest moment in grey, tinted where it moved lately, with a box round what moved."
        ),
    ]


def _recording(found: Findings, number: int) -> list[str]:
    replayed, truth = found.replays[number], found.truth(number)
    size = f"{replayed.width}x{replayed.height} pixels, {replayed.columns}x{replayed.rows} blocks"
    joined: list[str] = []
    for index, track in enumerate(replayed.tracks):
        about = f"Score over time, {count(len(track.events), 'event')}"
        strip = html.plot(plots.strip(replayed, track, truth, number=index), about, is_strip=True)
        joined.append(strip + _events(replayed, track))
    names = [f"{choice.name}: {choice.source}" for choice in found.choices]
    return [
        html.heading(replayed.recording.name),
        html.dim(
            f"{lasts(replayed.lasts_s)}, {count(replayed.pictures, 'picture')} of {size}"
            + (f", from {when(0, replayed)}" if replayed.started_unix_s is not None else "")
            + ("; motion fields only, so there are no stills" if replayed.recording.is_kept else "")
        ),
        *(html.warning(note) for note in replayed.notes),
        html.columns(joined, names),
        *_differences(replayed),
    ]


def _events(replayed: Replayed, track: Track) -> str:
    shown = sorted(track.events, key=lambda event: -event.peak_score)[:_SHOWN_EVENTS]
    shown.sort(key=lambda event: event.start_s)
    figures = [_event_figure(event, replayed, track) for event in shown if event.moment is not None]
    parts = [html.heading(f"{count(len(track.events), 'event')}", 3) if track.events else html.text("No event.")]
    if len(figures) < len(track.events):
        parts.append(html.dim(f"The {len(figures)} strongest are shown."))
    parts.append(html.moments(figures))
    if track.events:
        rows = [
            [
                when(event.start_s, replayed),
                f"{event.lasts_s:.1f} s",
                f"{event.peak_score:.2f}",
                f"{event.area_percent:.2f} %",
                event.place,
                event.zone or "-",
            ]
            for event in track.events[:_LISTED]
        ]
        listed = html.table(["begins", "lasts", "score", "area", "place", "zone"], rows)
        parts.append(html.folded(f"All {count(len(rows), 'event')} as a table", listed))
    if track.nearly:
        parts.append(html.heading("What almost alarmed", 3))
        parts.append(html.moments([_moment_figure(one, replayed, track) for one in track.nearly]))
    if track.faded:
        blocks = count(track.faded, "block")
        parts.append(html.dim(f"{blocks} moved for hours and are faded out: learned as a tree, a clock or the like."))
    return "".join(parts)


def _event_figure(event: Found, replayed: Replayed, track: Track, reasons: Sequence[str] = ()) -> str:
    moment = event.moment
    if moment is None:
        return ""
    zone = f" ({event.zone})" if event.zone else ""
    lines = [
        f"{event.lasts_s:.1f} s, score {event.peak_score:.2f}",
        f"{event.area_percent:.2f} % {event.place}{zone}",
        *reasons,
    ]
    return html.moment(picture_of(moment, replayed, track.choice.motion), when(event.start_s, replayed), lines)


def _moment_figure(one: Moment, replayed: Replayed, track: Track) -> str:
    held = "" if one.guard is Guard.NONE else f"held back: {one.guard}"
    lines = [f"score {one.score:.2f}", one.place, held]
    return html.moment(picture_of(one, replayed, track.choice.motion), when(one.t_s, replayed), lines)


def _differences(replayed: Replayed) -> list[str]:
    if len(replayed.tracks) < 2:
        return []
    parts: list[str] = []
    for one, other in ((0, 1), (1, 0)):
        track = replayed.tracks[one]
        alone = only_in(track, replayed.tracks[other])
        figures = [_event_figure(event, replayed, track) for event in alone[:_SHOWN_EVENTS]]
        times = ", ".join(when(event.start_s, replayed) for event in alone)
        words = f"{count(len(alone), 'event')}: {times}." if alone else "None."
        parts.append(html.text(words) + html.moments(figures))
    return [html.columns(parts, ["Only in A", "Only in B"])]


def _doubted(found: Findings) -> list[str]:
    parts: list[str] = []
    for number in range(len(found.choices)):
        figures: list[str] = []
        total = 0
        for replayed in found.replays:
            track = replayed.tracks[number]
            doubted = doubts(track)
            total += len(doubted)
            figures += [_event_figure(each.event, replayed, track, each.reasons) for each in doubted[:_SHOWN_DOUBTS]]
        of = f"{total or 'None'} of {count(found.events(number), 'event')}"
        parts.append(html.text(f"{of}.") + html.moments(figures[: 2 * _SHOWN_DOUBTS]))
    return [
        html.heading("Which events may be false alarms"),
        html.dim(
            f"The most doubtful first: shorter than {SHORT_S:g} s, weaker than {WEAK:g} times the trigger, or staying "
            f"within {100 * STILL:g} % of the picture's width. What they really were, only you can see. If one place "
            "comes up again and again, draw a zone there with mode = ignore (ratcam tune --zones STILL shows the grid)."
        ),
        html.columns(parts, [choice.name for choice in found.choices]),
    ]


def _ladder(found: Findings) -> list[str]:
    key = found.rungs[0].step.key
    head = [key, "events"] + (["found", "false alarms", "an hour", "F1"] if found.rung_agreements else [])
    rows: list[list[str]] = []
    for number, rung in enumerate(found.rungs):
        row = [rung.step.value, str(rung.count)]
        if found.rung_agreements:
            how = found.rung_agreements[number]
            row += [f"{how.found} of {how.true}", str(how.false_alarms), found.an_hour(how), f1_text(how)]
        rows.append(row)
    now = next((number for number, rung in enumerate(found.rungs) if rung.step.is_present), None)
    with_a = "with A " if len(found.choices) > 1 else ""
    return [
        html.heading(f"Another {key}"),
        html.dim(
            f"How many events the same recordings would give {with_a}at another {key}; the marked "
            "line is what it has now."
            + (" Of recordings as long as these only some steps are replayed." if len(rows) < 9 else "")
        ),
        html.table(head, rows, now=now),
        *(html.dim(sentence) for sentence in (explained(found) if found.agreements else ())),
    ]


def _chance(found: Findings) -> list[str]:
    parts = [
        html.heading("How often chance would alarm"),
        html.dim(
            "On pictures where nothing moves the score jumps by chance, and how often it passes a level falls in a "
            "straight line on this scale. Where the line meets the trigger is the number of false alarms to expect; "
            "where it meets the wanted rate is the trigger to choose. Beyond the dots it is a forecast. "
            + ("" if found.truths is not None else "All events are taken as true here. ")
        ),
    ]
    if any(tail.is_known for tail in found.tails):
        parts.append(html.plot(plots.tail_plot(found.tails, found.per_week), "Scores of quiet pictures"))
    for choice, tail in zip(found.choices, found.tails, strict=True):
        name = f"{choice.name}: " if len(found.choices) > 1 else ""
        parts.append(html.text(name + chance_text(tail, found.per_week, has_warnings=False)))
        parts.extend(html.warning(sentence) for sentence in tail.warnings)
    return parts


def _stages(found: Findings) -> list[str]:
    sums = [found.stages(number) for number in range(len(found.choices))]
    if not any(sums):
        return []
    return [
        html.heading("What each stage removed"),
        html.dim(
            "The detector works in stages, each of which drops blocks that need not be looked at further: of all "
            "blocks of all pictures, how many were left. A stage that leaves almost nothing of what you want to see is "
            "the one whose key to change."
        ),
        html.plot(plots.stages_plot(sums), "Blocks left after each stage"),
    ]


def _configurations(found: Findings) -> list[str]:
    parts = [
        html.table(["key", "value"], [list(pair) for pair in choice.changed])
        if choice.changed
        else html.text("All keys of [motion] have their defaults.")
        for choice in found.choices
    ]
    zones = [
        html.text(f"Zones: {', '.join(f'{zone.name} ({zone.mode})' for zone in choice.zones)}.") if choice.zones else ""
        for choice in found.choices
    ]
    joined = [
        f"{html.dim(choice.source)}{part}{zone}" for choice, part, zone in zip(found.choices, parts, zones, strict=True)
    ]
    return [
        html.heading("The configuration" + "s" * (len(found.choices) > 1)),
        html.columns(joined, [choice.name for choice in found.choices]),
    ]
