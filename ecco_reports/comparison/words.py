"""Marks, numbers and places of a comparison in words, for everything that shows them.

In: marks, measures, numbers. Out: plain text, with no markup and no more digits than could be told apart. Never: what
is said as a whole, escaping, colours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison.findings import Change, Effect, Mark, Pair
from ecco_reports.records import Direction

DIGITS = 3
"""Significant digits of a number whose noise is not known."""
PLACES = {"rank": "rank", "layers": "layer"}
"""Units whose numbers say where something is rather than how much: what stands before the number."""
MINUS, SPACE = "−", "\u00a0"


@dataclass(frozen=True)
class Sign:
    """How a mark looks and what it means.

    Attributes:
        shape: One character, different for each mark, so that no reader needs its colour.
        tone: ``broken``, ``sound``, ``doubtful`` or ``neutral``.
        meaning: One sentence.
    """

    shape: str
    tone: str
    meaning: str


SIGNS: Mapping[Mark, Sign] = {
    Mark.NEWLY_FAILING: Sign("✗", "broken", "The baseline has a result, and the candidate has none: its task failed."),
    Mark.WORSE: Sign("▼", "broken", "It moved in the direction that is worse, by more than rounding could move it."),
    Mark.GONE: Sign("−", "doubtful", "Only the baseline has it."),
    Mark.CHANGED: Sign("◆", "doubtful", "It moved by more than rounding could move it, and neither way is better."),
    Mark.NOT_COMPARABLE: Sign(
        "⊘", "doubtful", "Both are there and must not be held against each other; the reason stands beside it."
    ),
    Mark.NOT_SIGNIFICANT: Sign(
        "○", "neutral", "Over all prompts it moved, but chance alone could have moved it as far."
    ),
    Mark.BETTER: Sign("▲", "sound", "It moved in the direction that is better, by more than rounding could move it."),
    Mark.MENDED: Sign("✓", "sound", "The baseline has no result, because its task failed, and the candidate has one."),
    Mark.ADDED: Sign("+", "neutral", "Only the candidate has it."),
    Mark.SAME: Sign("=", "neutral", "What moved is no more than rounding."),
}
"""How each mark looks and what it means, in the order of ``GRAVITY``."""


def places(noise: float) -> int:
    """Digits after the point that a number can be told by when changes up to ``noise`` mean nothing."""
    return max(0, math.ceil(-math.log10(noise) - 1e-9))


def amount(value: float | None, measure: Measure, signed: bool = False) -> str:
    """A number of a measure with its unit: ``97 %``, ``−1.23 nats``, ``rank 3``.

    Args:
        value: The number; None is written as a dash.
        measure: What is known of it.
        signed: Whether it is a difference: it always has a sign then.
    """
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not a number"
    if measure.unit == "share":
        written = _written(100 * value, 100 * measure.noise)
        unit = f" {_unit('points', written)}" if signed else " %"
    elif measure.unit in PLACES and not signed and not measure.of_two:
        at_start = measure.unit == "layers" and value == -1
        return "embedding" if at_start else f"{PLACES[measure.unit]}{SPACE}{_written(value, measure.noise)}"
    else:
        written = _written(value, measure.noise)
        unit = f" {_unit(measure.unit, written)}" if measure.unit else ""
    sign = "+" if signed and value > 0 and written.strip("0.") else ""
    return f"{sign}{written}{unit}".replace(" ", SPACE)


def _unit(unit: str, written: str) -> str:
    """The unit, in the singular for one of it."""
    if unit == "rank":
        return "rank" if written in {"1", f"{MINUS}1"} else "ranks"
    return unit.removesuffix("s") if written in {"1", f"{MINUS}1"} else unit


def _written(value: float, noise: float) -> str:
    """The number with the digits that its noise leaves, or with three significant ones; what rounds to zero is zero."""
    if noise > 0:
        digits = places(noise)
        if value and abs(value) < 10 ** (3 - digits):
            digits = max(0, min(digits, DIGITS - 1 - math.floor(math.log10(abs(value)))))
        written = f"{value:.{digits}f}"
    elif value == int(value) and abs(value) < 1e6:
        written = f"{value:.0f}"
    elif 1e-3 <= abs(value) < 1e6:
        written = f"{value:.{max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))}f}"
    else:
        written = f"{value:.{DIGITS}g}"
    return written.replace("-", MINUS) if written.strip("-0.") else "0"


def plain(value: float) -> str:
    """A number without a unit, with three significant digits."""
    return "not a number" if not math.isfinite(value) else _written(value, 0.0)


def probability(p: float | None) -> str:
    """A p-value: ``0.012``, ``< 0.001``; a dash where there is none."""
    if p is None:
        return "–"
    return f"<{SPACE}0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def interval(effect: Effect, unit: bool = True) -> str:
    """The bootstrap interval of a difference: ``−1.20 to −0.31 nats``; empty where there is none.

    Args:
        effect: Whose interval.
        unit: Whether to name the unit, which may stand beside it already.
    """
    if effect.interval is None:
        return ""
    low, high = (amount(end, effect.measure, signed=True) for end in effect.interval)
    low = low.partition(SPACE)[0]
    return f"{low}{SPACE}to{SPACE}{high if unit else high.partition(SPACE)[0]}"


def change_in_words(change: Change) -> str:
    """``rank 1 → rank 7``, or for a measure of two results its value alone."""
    if change.measure.of_two:
        return amount(change.after, change.measure)
    return f"{amount(change.before, change.measure)} → {amount(change.after, change.measure)}"


def metric(label: str, name: str) -> str:
    """A metric as gates name it."""
    return f"{label}.{name}"


def direction(measure: Measure) -> str:
    """Which way is better, in a few words."""
    return {Direction.HIGHER: "higher is better", Direction.LOWER: "lower is better"}.get(
        measure.direction, "neither way is better"
    )


def models(pair: tuple[str, str]) -> str:
    """Which model is held against which: one name where they share it."""
    return pair[0] if pair[0] == pair[1] else f"{pair[0]} → {pair[1]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number and its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def left_alone(effects: Sequence[Effect]) -> str:
    """How many metrics did not move, or no more than chance explains, as a sentence; empty where all did."""
    chance = sum(effect.mark is Mark.NOT_SIGNIFICANT for effect in effects)
    same = sum(effect.mark is Mark.SAME for effect in effects)
    said = [f"{counted(chance, 'metric')} moved no more than chance explains"] if chance else []
    if same:
        said.append(f"{counted(same, 'metric')} stayed the same to rounding")
    return f"{', '.join(said)}." if said else ""


def tally(pairs: tuple[Pair, ...]) -> Mapping[Mark, int]:
    """How many pairs have each mark, the gravest first; marks that none has are absent."""
    numbers = {mark: sum(pair.mark is mark for pair in pairs) for mark in SIGNS}
    return {mark: number for mark, number in numbers.items() if number}
