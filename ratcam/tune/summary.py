"""What `ratcam tune` prints: a short text, or JSON for scripts."""

import json
from typing import Any

from ratcam.tune.advice import doubts, only_in
from ratcam.tune.findings import Findings
from ratcam.tune.spell import clock, count, lasts, rate, table, when
from ratcam.tune.tail import Tail, spell_hours
from ratcam.tune.tracks import GUARDS, Found, Replayed, Track
from ratcam.tune.truth import Agreement


def text_of(found: Findings) -> str:
    """The findings for a person: events, the ladder, how often chance alarms, the lines to write."""
    blocks = [_head(found), *(_recording(found, number) for number in range(len(found.replays)))]
    if found.agreements:
        blocks.append(_agreement(found))
    blocks.append(ladder_text(found))
    blocks.append(_chance(found))
    blocks.append(advice_text(found))
    return "\n\n".join(blocks) + "\n"


def ladder_text(found: Findings) -> str:
    """The table of steps against events; with the truth known also what is found and what is false."""
    head = [found.rungs[0].step.key, "events"]
    if found.rung_agreements:
        head += ["found", "false", "an hour", "F1"]
    rows: list[list[str]] = []
    for number, rung in enumerate(found.rungs):
        row = [
            f"{rung.step.value}{' (now)' if rung.step.is_present else ''}",
            str(rung.count),
        ]
        if found.rung_agreements:
            how = found.rung_agreements[number]
            row += [f"{how.found}/{how.true}", str(how.false_alarms), found.an_hour(how), f1_text(how)]
        rows.append(row)
    return table(head, rows)


def advice_text(found: Findings) -> str:
    """The reasons, and the lines to write."""
    return "\n".join((*found.advice.because, "", *found.advice.lines))


def json_of(found: Findings) -> str:
    """Everything but the pictures, as one JSON object."""
    tracks = range(len(found.choices))
    record: dict[str, Any] = {
        "hours": round(found.hours, 6),
        "pictures": found.pictures,
        "choices": [
            {"name": choice.name, "source": choice.source, "changed": dict(choice.changed)} for choice in found.choices
        ],
        "recordings": [
            {
                "name": replayed.recording.name,
                "seconds": round(replayed.lasts_s, 3),
                "pictures": replayed.pictures,
                "size": [replayed.width, replayed.height],
                "grid": [replayed.columns, replayed.rows],
                "started_unix_s": replayed.started_unix_s,
                "notes": list(replayed.notes),
                "tracks": [_track_json(track) for track in replayed.tracks],
                "only_in": [
                    [_found_json(event) for event in only_in(replayed.tracks[one], replayed.tracks[1 - one])]
                    for one in (tracks if len(found.choices) == 2 else ())
                ],
            }
            for replayed in found.replays
        ],
        "left_out": [{"name": one.name, "why": one.why} for one in found.left_out],
        "tails": [
            {
                "quiet_hours": round(tail.quiet_hours, 6),
                "highest": round(tail.highest, 4),
                "peaks": tail.peaks,
                "slope": round(tail.slope, 6),
                "reached": tail.reached,
                "per_week_at_trigger": tail.at_trigger,
                "per_week_range": tail.range_at_trigger,
                "why_unknown": tail.why_unknown,
                "trigger_wanted": round(tail.trigger_for(found.per_week), 4) if tail.is_known else None,
                "warnings": list(tail.warnings),
            }
            for tail in found.tails
        ],
        "ladder": [{"key": rung.step.key, "value": rung.step.value, "events": rung.count} for rung in found.rungs],
        "advice": {"lines": list(found.advice.lines), "because": list(found.advice.because)},
    }
    if found.agreements:
        for name, parts in (("agreement", found.agreements), ("ladder_agreement", found.rung_agreements)):
            record[name] = [
                {
                    "true": part.true,
                    "found": part.found,
                    "false_alarms": part.false_alarms,
                    "recall": None if part.recall is None else round(part.recall, 4),
                    "f1": None if part.f1 is None else round(part.f1, 4),
                    "latency_s": None if part.latency_s is None else round(part.latency_s, 3),
                }
                for part in parts
            ]
    return json.dumps(record, allow_nan=False)


def _head(found: Findings) -> str:
    recorded = (
        f"{count(len(found.replays), 'recording')}, {lasts(found.hours * 3600)}, {count(found.pictures, 'picture')}"
    )
    choices = (f"{choice.name}: {choice.source}" for choice in found.choices)
    return "\n".join((recorded, *choices, *(one.sentence for one in found.left_out)))


def _recording(found: Findings, number: int) -> str:
    replayed = found.replays[number]
    lines = [f"{replayed.recording.name} ({lasts(replayed.lasts_s)})", *(f"  {note}" for note in replayed.notes)]
    for track in replayed.tracks:
        name = f"{track.choice.name}: " if len(replayed.tracks) > 1 else ""
        lines.append(f"  {name}{count(len(track.events), 'event') if track.events else 'no event'}")
        lines.extend(f"    {_line(event, replayed)}" for event in track.events[:12])
        if len(track.events) > 12:
            lines.append(f"    and {len(track.events) - 12} more")
    if len(replayed.tracks) == 2:
        for one, other in ((0, 1), (1, 0)):
            alone = only_in(replayed.tracks[one], replayed.tracks[other])
            times = ", ".join(when(event.start_s, replayed) for event in alone[:10]) or "none"
            lines.append(f"  only in {'AB'[one]}: {times}{' ...' if len(alone) > 10 else ''}")
    return "\n".join(lines)


def _line(event: Found, replayed: Replayed) -> str:
    zone = f" ({event.zone})" if event.zone else ""
    return (
        f"{when(event.start_s, replayed):>12} for {event.lasts_s:6.1f} s  score {event.peak_score:5.2f}  "
        f"{event.place}{zone}"
    )


def _agreement(found: Findings) -> str:
    lines: list[str] = []
    for choice, how in zip(found.choices, found.agreements, strict=True):
        false = f"{count(how.false_alarms, 'false alarm')} ({found.an_hour(how)} an hour)"
        if not how.true:
            lines.append(f"{choice.name}: {false}")
            continue
        latency = "" if how.latency_s is None else f", {how.latency_s:.1f} s after it begins (median)"
        lines.append(
            f"{choice.name}: found {how.found} of {how.true} true motions{latency}; {false}; F1 {f1_text(how)}"
        )
    return "\n".join((*lines, *explained(found)))


def _chance(found: Findings) -> str:
    return "\n".join(
        f"{choice.name}: {chance_text(tail, found.per_week)}"
        for choice, tail in zip(found.choices, found.tails, strict=True)
    )


def chance_text(tail: Tail, per_week: float, *, has_warnings: bool = True) -> str:
    """What quiet pictures tell of a configuration, with the reasons not to trust it or without."""
    words = f"{spell_hours(tail.quiet_hours)} of quiet pictures, highest score {tail.highest:.2f}"
    if tail.reached:
        words += f", {count(tail.reached, 'false alarm')} in it"
    words += "."
    if (expected := tail.at_trigger) is not None and (between := tail.range_at_trigger) is not None:
        low, middle, high = rate(between[0]), rate(expected), rate(between[1])
        words += f" False alarms to expect: {middle}{'' if low == high else f' (from {low} to {high})'}."
    if tail.is_known:
        words += f" For {rate(per_week)} the trigger has to be {tail.trigger_for(per_week):.2f} times the present one."
    return " ".join((words, *filter(None, (tail.why_unknown,)), *(tail.warnings if has_warnings else ())))


def explained(found: Findings) -> tuple[str, ...]:
    """A sentence for each figure that says how well a configuration does."""
    false = "A false alarm is an event, or a part of one, more than 2 s away from what you said moved"
    if not any(found.truths or ()):
        return (f"{false}: here, every event. Without true motion there is no F1.",)
    return (
        f"{false}: an event that outlasts the motion counts, and once more in each pause.",
        "F1 is 1 when all that moved was found and there was no false alarm, and 0 when nothing was found.",
    )


def f1_text(how: Agreement) -> str:
    """F1, or "-" where nothing was to be found."""
    return "-" if how.f1 is None else f"{how.f1:.2f}"


def _track_json(track: Track) -> dict[str, Any]:
    doubted = {doubt.event.start_s: list(doubt.reasons) for doubt in doubts(track)}
    return {
        "choice": track.choice.name,
        "events": [{**_found_json(event), "doubts": doubted.get(event.start_s, [])} for event in track.events],
        "nearly": [
            {"t_s": round(one.t_s, 3), "score": round(one.score, 4), "place": one.place} for one in track.nearly
        ],
        "guards": {
            str(guard): int((track.guards == number).sum())
            for number, guard in enumerate(GUARDS)
            if number and (track.guards == number).any()
        },
        "stages": dict(track.stages),
        "faded_blocks": track.faded,
    }


def _found_json(event: Found) -> dict[str, Any]:
    return {
        "start_s": round(event.start_s, 3),
        "end_s": round(event.end_s, 3),
        "peak_s": round(event.peak_s, 3),
        "peak_score": round(event.peak_score, 4),
        "area_percent": round(event.area_percent, 3),
        "place": event.place,
        "zone": event.zone,
        "travel": round(event.travel, 4),
        "at": clock(event.start_s),
    }
