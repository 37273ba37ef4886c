"""The figures of a comparison as a whole: effects over all prompts, and the target of each prompt before and after.

In: a comparison. Out: figures. Never: files, HTML.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ecco_reports.charts.effects import LOOKS, ForestRow, Move, forest, moves
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.comparison import Comparison, Effect, Mark, Pair
from ecco_reports.comparison.words import amount, interval, metric, models, probability
from ecco_reports.records import Direction

PROMPTS_DRAWN = 40
"""More rows than that are no picture any more; the table has them."""
TARGETS = ("target_logprob", "target_probability")
"""The metrics, of whichever analysis, that say how probable a prompt's target is; the first is a logarithm."""


def overall(comparison: Comparison) -> Sequence[ChartFigure]:
    """The figures about all prompts; those without anything to show are left out."""
    return [*_forest(comparison), *_moves(comparison)]


def _forest(comparison: Comparison) -> Iterator[ChartFigure]:
    rows = [row for effect in comparison.effects if (row := _row(effect, comparison)) is not None]
    if not rows:
        return
    worse, better = (sum(row.mark == mark for row in rows) for mark in ("worse", "better"))
    lines = sum(row.low is not None for row in rows)
    yield ChartFigure(
        "effects",
        "Effects over all prompts",
        "One row per metric. The sign stands where the mean difference is, measured in standard deviations of the "
        "differences between prompts, so that all metrics share one axis; it is turned so that better is to the right, "
        "and to the left what is worse, or further apart. The line is the bootstrap interval: where it crosses 0, the "
        "prompts disagree about the direction. Shape and colour say what came of the test. Metrics that are the same "
        "to rounding are left out.",
        f"{len(rows)} effects, {worse} worse and {better} better, {lines} of them with an interval.",
        forest(rows),
    )


def _row(effect: Effect, comparison: Comparison) -> ForestRow | None:
    """An effect in standard deviations of its differences; None where it is rounding, or has none to measure in."""
    if effect.mark is Mark.SAME or effect.size is None or not effect.size or not math.isfinite(effect.size):
        return None
    turn = -1.0 if effect.measure.direction is Direction.LOWER else 1.0
    unit = effect.difference / effect.size
    ends = sorted(turn * end / unit for end in effect.interval) if effect.interval else (None, None)
    name = metric(effect.label, effect.name) + (f" ({models(effect.models)})" if len(comparison.models) > 1 else "")
    span = interval(effect)
    difference = amount(effect.difference, effect.measure, signed=True) + (f" ({span})" if span else "")
    chance = effect.test
    if effect.adjusted is not None:
        chance = f"{effect.test}, p = {probability(effect.adjusted)} ({comparison.correction})".replace("= <", "<")
    mark = effect.mark.value if effect.mark.value in LOOKS else Mark.CHANGED.value
    return ForestRow(name, turn * effect.size, ends[0], ends[1], mark, difference, chance, effect.samples)


def _moves(comparison: Comparison) -> Iterator[ChartFigure]:
    """The probability of the target, prompt by prompt; those that moved most first."""
    found = [move for pairs in _by_prompt(comparison) if (move := _move(pairs, comparison)) is not None]
    moved = sorted(found, key=lambda move: -abs(math.exp(move.after) - math.exp(move.before)))[:PROMPTS_DRAWN]
    if not moved:
        return
    fell = sum(move.mark == Mark.WORSE.value for move in moved)
    rose = sum(move.mark == Mark.BETTER.value for move in moved)
    most = moved[0]
    cut = f" The {PROMPTS_DRAWN} that moved most, of {len(found)}." if len(found) > PROMPTS_DRAWN else ""
    yield ChartFigure(
        "targets",
        "The target of each prompt, before and after",
        "A row is a prompt, those that moved most first. The hollow circle is the probability of the prompt’s target "
        f"in the baseline, the filled sign in the candidate.{cut}",
        f"The target became less probable for {fell} and more probable for {rose} of {len(moved)} prompts; it moved "
        f"most for {most.name}, from {_percent(most.before)} to {_percent(most.after)}.",
        moves(moved, comparison.names),
    )


def _percent(logarithm: float) -> str:
    return f"{100 * math.exp(logarithm):.3g} %"


def _by_prompt(comparison: Comparison) -> Sequence[list[Pair]]:
    found: dict[tuple[tuple[str, str], str], list[Pair]] = {}
    for pair in comparison.pairs:
        found.setdefault((pair.models, pair.prompt.name), []).append(pair)
    return list(found.values())


def _move(pairs: Sequence[Pair], comparison: Comparison) -> Move | None:
    for name in TARGETS:
        for pair in pairs:
            change = pair.change(name)
            if change is None or change.before is None or change.after is None:
                continue
            ends = [change.before, change.after]
            if name != TARGETS[0]:
                if min(ends) <= 0:
                    continue
                ends = [math.log(end) for end in ends]
            called = pair.prompt.name + (f" ({models(pair.models)})" if len(comparison.models) > 1 else "")
            mark = change.mark.value if change.mark.value in LOOKS else Mark.CHANGED.value
            return Move(called, min(0.0, ends[0]), min(0.0, ends[1]), mark)
    return None
