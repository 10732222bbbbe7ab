"""All that a report tells, in one value: pages, texts and JSON are made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ratcam.motion.zones import NOTHING_WATCHED, watches_nothing
from ratcam.tune.advice import Advice, advise_by_tail, advise_by_truth, agreement
from ratcam.tune.choices import Choice
from ratcam.tune.ladder import Rung, rungs_of, steps_of
from ratcam.tune.recordings import LeftOut
from ratcam.tune.tail import Tail, tail_of
from ratcam.tune.tracks import Interval, Replayed
from ratcam.tune.truth import Agreement

ALL_BLOCKS = "all blocks"
_PATH = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What was replayed and what follows from it."""

    choices: tuple[Choice, ...]
    """One or two."""
    replays: tuple[Replayed, ...]
    truths: tuple[tuple[Interval, ...], ...] | None
    """For each recording what truly moved; None if nobody told."""
    tails: tuple[Tail, ...]
    """For each choice."""
    rungs: tuple[Rung, ...]
    """Of the first choice."""
    agreements: tuple[Agreement, ...]
    """For each choice; empty if nobody told what truly moved."""
    rung_agreements: tuple[Agreement, ...]
    """For each rung, likewise."""
    per_week: float
    """The false alarms that are wanted at most."""
    advice: Advice
    left_out: tuple[LeftOut, ...] = ()
    """What was given and could not be used."""

    @property
    def hours(self) -> float:
        """How long the recordings are together."""
        return sum(replayed.lasts_s for replayed in self.replays) / 3600

    @property
    def pictures(self) -> int:
        """How many pictures they have."""
        return sum(replayed.pictures for replayed in self.replays)

    def truth(self, number: int) -> tuple[Interval, ...] | None:
        """What truly moved in a recording; None if nobody told."""
        return None if self.truths is None else self.truths[number]

    def events(self, choice: int) -> int:
        """The events of one choice in all recordings."""
        return sum(len(replayed.tracks[choice].events) for replayed in self.replays)

    @property
    def quiet_hours(self) -> float:
        """How long nothing truly moved, as far as somebody told."""
        return _quiet_hours(self.replays, self.truths or ())

    def an_hour(self, how: Agreement) -> str:
        """The false alarms an hour of the time in which nothing moved; "-" if there is no such time."""
        return f"{how.false_alarms / self.quiet_hours:.1f}" if self.quiet_hours else "-"

    def stages(self, choice: int) -> dict[str, int]:
        """The blocks that each stage of a choice left, summed over all recordings, from all there were on.

        The path is none of them: it outlasts the blocks that made it.
        """
        sums = {ALL_BLOCKS: sum(replayed.pictures * replayed.columns * replayed.rows for replayed in self.replays)}
        for replayed in self.replays:
            for name, blocks in replayed.tracks[choice].stages:
                if name == _PATH:
                    continue
                sums[name] = sums.get(name, 0) + blocks
        return sums


def findings(
    choices: Sequence[Choice],
    replays: Sequence[Replayed],
    truths: Sequence[tuple[Interval, ...]] | None,
    per_week: float,
) -> Findings:
    """Work out what follows from replays."""
    numbers = range(len(choices))
    tails = tuple(
        tail_of(
            [
                (replayed.tracks[number], None if truths is None else truth)
                for replayed, truth in zip(replays, truths or [()] * len(replays), strict=True)
            ]
        )
        for number in numbers
    )
    rungs = rungs_of(steps_of(choices[0]), replays)
    hold_s = choices[0].hold_s
    agreements = tuple(
        agreement([replayed.tracks[number].seen for replayed in replays], truths, join_s=choice.hold_s)
        for number, choice in enumerate(choices)
        if truths is not None
    )
    judged = [(rung, agreement(rung.seen, truths, join_s=hold_s)) for rung in rungs if truths is not None]
    if truths is None:
        advice = advise_by_tail(choices, tails, per_week)
    else:
        quiet_hours = _quiet_hours(replays, truths)
        advice = advise_by_truth(choices, agreements, judged, quiet_hours=quiet_hours, per_week=per_week)
    advice = _with_blindness(advice, choices)
    return Findings(
        choices=tuple(choices),
        replays=tuple(replays),
        truths=None if truths is None else tuple(truths),
        tails=tails,
        rungs=rungs,
        agreements=agreements,
        rung_agreements=tuple(how for _, how in judged),
        per_week=per_week,
        advice=advice,
    )


def _quiet_hours(replays: Sequence[Replayed], truths: Sequence[tuple[Interval, ...]]) -> float:
    moved_s = sum(end_s - start_s for truth in truths for start_s, end_s in truth)
    return max(0.0, sum(replayed.lasts_s for replayed in replays) - moved_s) / 3600


def _with_blindness(advice: Advice, choices: Sequence[Choice]) -> Advice:
    """Say first what makes all else void: that a configuration watches nothing."""
    blind = [choice.name for choice in choices if watches_nothing(choice.zones)]
    names = f"{' and '.join(blind)}: " if len(choices) > 1 else ""
    return replace(advice, because=(f"{names}{NOTHING_WATCHED}", *advice.because)) if blind else advice
