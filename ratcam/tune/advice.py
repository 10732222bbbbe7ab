"""What to make of a replay: which events to doubt, what differs between two configurations, which lines to write."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ratcam.config_schema import keys_of
from ratcam.config_values import as_text
from ratcam.tune.choices import Choice
from ratcam.tune.ladder import Rung
from ratcam.tune.spell import count, rate
from ratcam.tune.tail import HOURS_A_WEEK, Tail
from ratcam.tune.tracks import Found, Interval, Seen, Track
from ratcam.tune.truth import Agreement, agree, together

SHORT_S = 1.0
WEAK = 1.15
"""Of the trigger: an event that goes no further beyond it is one that a slightly higher trigger would not give."""
STILL = 0.02
"""Of the picture's width."""
SURE_HOURS = 1.0
"""With less quiet time no change is proposed."""
_WELL = 0.8
"""An F1 below is nothing to be content with."""
CALIBRATED = 1.5
"""As far as auto_calibrate raises a trigger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An event that may be a false alarm, and why; the reasons say what is seen, not what it was."""

    event: Found
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The lines to write, and why."""

    lines: tuple[str, ...]
    """Of a ratcam.ini, from [motion] on."""
    because: tuple[str, ...]
    """Sentences."""


def doubts(track: Track) -> tuple[Doubt, ...]:
    """The events to look at first: short, weak, or without a path; the most doubtful first."""
    found = [Doubt(event=event, reasons=_reasons(event)) for event in track.events]
    found.sort(key=lambda doubt: (-len(doubt.reasons), doubt.event.peak_score, doubt.event.lasts_s))
    return tuple(doubt for doubt in found if doubt.reasons)


def _reasons(event: Found) -> tuple[str, ...]:
    reasons: list[str] = []
    if event.lasts_s < SHORT_S:
        reasons.append(f"short: {event.lasts_s:.1f} s")
    if event.peak_score < WEAK:
        reasons.append(f"weak: {event.peak_score:.2f} times the trigger")
    if event.travel < STILL:
        reasons.append("stays where it began")
    return tuple(reasons)


def only_in(first: Track, second: Track) -> tuple[Found, ...]:
    """The events of one configuration that no event of the other overlaps."""
    others = [(event.start_s, event.end_s) for event in second.events]
    return tuple(
        event
        for event in first.events
        if not any(event.start_s <= end_s and event.end_s >= start_s for start_s, end_s in others)
    )


def agreement(seen: Sequence[Seen], truths: Sequence[tuple[Interval, ...]], *, join_s: float) -> Agreement:
    """How well what was seen in all recordings agrees with what truly moved in each; `join_s` as in `agree`."""
    return together([agree(one.motions, truth, join_s=join_s) for one, truth in zip(seen, truths, strict=True)])


def best_rung(
    judged: Sequence[tuple[Rung, Agreement]], *, quiet_hours: float, per_week: float
) -> tuple[Rung, Agreement]:
    """The step to advise: where something truly moved by F1 and then fewest false alarms.

    Where nothing did, the one nearest to the present step that has no more false alarms than are wanted; if none has,
    the quietest. Of several equally good ones the nearest to the present one.
    """
    present = next((rung.step.number for rung, _ in judged if rung.step.is_present), 5)
    best = max(_merit(how) for _, how in judged)
    if judged[0][1].true:
        good = [(rung, how) for rung, how in judged if _merit(how) == best]
    else:
        allowed = per_week * quiet_hours / HOURS_A_WEEK
        fewest = -best[1]
        good = [(rung, how) for rung, how in judged if how.false_alarms <= max(allowed, fewest)]
    return min(good, key=lambda pair: abs(pair[0].step.number - present))


def advise_by_truth(
    choices: Sequence[Choice],
    agreements: Sequence[Agreement],
    judged: Sequence[tuple[Rung, Agreement]],
    *,
    quiet_hours: float,
    per_week: float,
) -> Advice:
    """The step, or the second configuration, that agrees best with what truly moved.

    Args:
        choices: one or two.
        agreements: of each of them.
        judged: the steps of the first, and how well each agrees.
        quiet_hours: how long nothing moved.
        per_week: the false alarms that are wanted at most.
    """
    rung, how = best_rung(judged, quiet_hours=quiet_hours, per_week=per_week)
    setting = f"{rung.step.key} = {rung.step.value}"
    compared = _compared(choices, agreements)
    if len(choices) > 1 and _merit(how) <= _merit(agreements[1]) > _merit(agreements[0]):
        because = [*compared, *_missed_wish(agreements[1], quiet_hours, per_week, "B"), *_poor(agreements[1])]
        if choices[1].zones != choices[0].zones:
            because.append("Its zones are part of that: take them too.")
        return Advice(lines=_lines(choices[1]), because=tuple(because))
    because = [*compared, f"{'With A, ' * bool(compared)}{setting} {_does(how)}."]
    missed = _missed_wish(how, quiet_hours, per_week, setting)
    if rung.step.is_present:
        because.append(f"That is what you have{'' if missed else ': change nothing'}.")
    because += [*missed, *_poor(how)]
    return Advice(lines=_lines(choices[0], rung.step.key, rung.step.value), because=tuple(because))


def advise_by_tail(choices: Sequence[Choice], tails: Sequence[Tail], per_week: float) -> Advice:
    """The trigger that chance reaches so often, no lower than the present one; or the second configuration."""
    if len(choices) > 1:
        return _compared_by_tail(choices, tails, per_week)
    return _by_tail(choices[0], tails[0], per_week)


def _merit(how: Agreement) -> tuple[float, int]:
    """What agrees better has more; of the false alarms alone if nothing truly moved."""
    return round(how.f1 or 0.0, 3), -how.false_alarms


def _does(how: Agreement) -> str:
    false = count(how.false_alarms, "false alarm")
    if not how.true:
        return f"gives {false}"
    late = "" if how.latency_s is None else f", {how.latency_s:.1f} s after they begin (median)"
    return f"finds {how.found} of {how.true} true motions with {false}{late}"


def _compared(choices: Sequence[Choice], agreements: Sequence[Agreement]) -> list[str]:
    if len(choices) < 2:
        return []
    first, second = agreements
    if _merit(first) == _merit(second):
        return [f"A and B do equally well: each {_does(first)}."]
    better, worse = (second, first) if _merit(second) > _merit(first) else (first, second)
    names = ("B", "A") if better is second else ("A", "B")
    return [f"{names[0]} is better: it {_does(better)}; {names[1]} {_does(worse)}."]


def _missed_wish(how: Agreement, quiet_hours: float, per_week: float, name: str) -> list[str]:
    """That there are more false alarms than are wanted."""
    if quiet_hours <= 0 or how.false_alarms <= per_week * quiet_hours / HOURS_A_WEEK:
        return []
    given = rate(how.false_alarms / quiet_hours * HOURS_A_WEEK)
    if how.true:
        return [f"Its false alarms are {given}, more than the {rate(per_week)} that you want."]
    return [
        f"No step gives as few as {rate(per_week)}; {name} gives {given}, as few as any. Look at the pictures of the "
        "report: a zone that ignores what disturbs may help."
    ]


def _poor(how: Agreement) -> list[str]:
    if how.f1 is None or how.f1 >= _WELL:
        return []
    return [
        "No step does well here. Look at the pictures of the report: a zone that ignores what disturbs may help more "
        "than another sensitivity."
    ]


def _compared_by_tail(choices: Sequence[Choice], tails: Sequence[Tail], per_week: float) -> Advice:
    first, second = (tail.at_trigger if not tail.warnings else None for tail in tails)
    if first is not None and second is not None and second <= per_week < first:
        return Advice(
            lines=_lines(choices[1]),
            because=(
                f"B is better as far as chance goes: false alarms to expect are {rate(second)}, with A {rate(first)}.",
                "Whether it finds as much can be told only if you say with --motion what truly moved.",
            ),
        )
    advice = _by_tail(choices[0], tails[0], per_week)
    unknown = "Which of A and B is better can be told only if you say with --motion what truly moved. As to A:"
    return Advice(lines=advice.lines, because=(unknown, *advice.because))


def _by_tail(choice: Choice, tail: Tail, per_week: float) -> Advice:
    if not tail.is_known:
        then = (
            "Look at those moments in the report; say with --motion what truly moved, and the best step can be told."
            if tail.reached
            else "Change nothing, and try a higher sensitivity if something was missed."
        )
        return Advice(lines=_lines(choice), because=(f"{tail.why_unknown} {then}",))
    needed = tail.trigger_for(per_week)
    said = [
        f"Quiet pictures would reach the trigger of this configuration {_often(tail.per_week(1.0))}; for "
        f"{_often(per_week)} the trigger has to be {needed:.2f} times as high."
    ]
    if needed <= 1.0:
        lines = _lines(choice)
        said.append("So it is high enough: change nothing. A higher sensitivity may find more.")
    elif tail.quiet_hours < SURE_HOURS:
        lines = _lines(choice)
        said.append("But so little quiet is no reason to change anything: replay a night first.")
    elif choice.motion.detector == "track" and choice.motion.auto_calibrate and needed <= CALIBRATED:
        lines = _lines(choice)
        said.append("auto_calibrate raises it so far by itself once it has seen ten quiet minutes: change nothing.")
    else:
        lines = _lines(choice, *_higher(choice, needed))
        said.append("If that misses too much, look at what almost alarmed instead, and draw a zone that ignores it.")
    return Advice(lines=lines, because=(*said, *tail.warnings))


def _higher(choice: Choice, times: float) -> tuple[str, str]:
    """The key that sets the trigger, with a value so many times the present one, as far as the key goes."""
    name = "trigger_level" if choice.motion.detector == "simple" else "trigger_steps"
    most = next(key.maximum for key in keys_of("motion") if key.name == name)
    value = math.ceil(100 * times * float(getattr(choice.motion, name))) / 100
    return name, as_text(min(value, most if most is not None else value))


def _lines(choice: Choice, key: str = "", value: str = "") -> tuple[str, ...]:
    """The section with all that differs from the defaults, one key of it set anew; never empty."""
    keys = dict(choice.changed)
    if key:
        keys[key] = value
    if not keys:
        keys["sensitivity"] = str(choice.motion.sensitivity)
    return ("[motion]", *(f"{name} = {text}" for name, text in keys.items()))


def _often(per_week: float) -> str:
    if per_week >= 7 * 24:
        return f"about {per_week / 7 / 24:.1f} times an hour"
    if per_week >= 7:
        return f"about {per_week / 7:.1f} times a day"
    if per_week >= 0.95:
        return "once a week" if per_week < 1.05 else f"{per_week:.1f} times a week"
    if per_week >= 0.02:
        return f"once in {1 / per_week:.0f} weeks"
    return "less than once a year"
