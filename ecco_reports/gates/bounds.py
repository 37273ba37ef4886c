"""What a bound demands of numbers, and how far they are out of it.

In: values of the candidate, and of the baseline where a bound holds them against each other. Out: the excess of each,
in the unit of the metric: above 0 it is out of the bound, below 0 within it; and words for both. Never: verdicts.

Every demand is linear in its values, so the excess of a mean is the mean of the excesses, and one way of testing does
for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison.words import MINUS, places
from ecco_reports.records import Direction

SLACK = 1e-9
"""How far the difference of two decimal numbers may be off, relative to them: 0.3 is not more than 0.1 + 0.2."""

DIGITS = 4
"""Significant digits in a sentence, unless two numbers that differ would then read alike."""


class UndefinedError(Exception):
    """A bound says nothing about these values; the message says why."""


@dataclass(frozen=True)
class Sample:
    """The values that one gate judges together: of one prompt, or of all.

    Attributes:
        measure: What is known of the metric.
        after: Of the candidate.
        before: Of the baseline; None where the run is judged alone. For a measure of two results, its value for equal
            ones.
    """

    measure: Measure
    after: np.ndarray
    before: np.ndarray | None = None

    @property
    def value(self) -> float:
        """The mean of the candidate."""
        return float(self.after.mean())

    @property
    def reference(self) -> float | None:
        """The mean of the baseline."""
        return None if self.before is None else float(self.before.mean())

    @property
    def noise(self) -> np.ndarray:
        """What rounding alone can do to each value of the baseline."""
        values = self.after if self.before is None else self.before
        noise = [self.measure.noise if self.measure.of_two else self.measure.noise_at(value) for value in values]
        return np.array(noise, dtype=float)

    @property
    def worsening(self) -> np.ndarray:
        """How much worse each value is than in the baseline; where neither way is better, how it moved."""
        if self.before is None:
            raise UndefinedError("there is no baseline")
        moved: np.ndarray = self.after - self.before
        return -moved if self.measure.direction is Direction.HIGHER else moved


@dataclass(frozen=True)
class Excess:
    """How far values are out of a bound.

    Attributes:
        each: One number per value.
        two_sided: Whether either way out was open, so that chance had twice the choice.
        minimum: The least mean that the bound lets pass, or None.
        maximum: The largest mean that the bound lets pass, or None.
    """

    each: np.ndarray
    two_sided: bool = False
    minimum: float | None = None
    maximum: float | None = None

    @property
    def mean(self) -> float:
        """Above 0 where the mean of the values is out of the bound."""
        return float(self.each.mean())


def excess(bound: str, amount: float, sample: Sample) -> Excess:
    """How far values are out of a bound.

    Args:
        bound: ``min``, ``max``, ``max_drop``, ``max_ratio`` or ``min_agreement``.
        amount: Its number.
        sample: The values.

    Raises:
        UndefinedError: The bound says nothing about these values.
    """
    match bound:
        case "min" | "min_agreement":
            return Excess(amount - sample.after, minimum=amount)
        case "max":
            return Excess(sample.after - amount, maximum=amount)
        case "max_drop":
            return _drop(np.maximum(amount, sample.noise), sample)
        case _:
            return _ratio(amount, sample)


def _drop(each: np.ndarray, sample: Sample) -> Excess:
    """Worse than the baseline by more than what is allowed, and by more than what rounding alone can do."""
    worse, reference, allowed = sample.worsening, sample.reference or 0.0, float(each.mean())
    match sample.measure.direction:
        case Direction.HIGHER:
            return Excess(worse - each, minimum=reference - allowed)
        case Direction.LOWER:
            return Excess(worse - each, maximum=reference + allowed)
        case _:
            way = math.copysign(1.0, float(worse.mean()))
            return Excess(way * worse - each, True, reference - allowed, reference + allowed)


def _ratio(factor: float, sample: Sample) -> Excess:
    """Worse than the baseline by more than a factor, and by more than what rounding alone can do.

    It is a ratio of means: the excess is linear in both.

    Raises:
        UndefinedError: A mean of the baseline that is not above 0, or values below 0: their ratio means nothing.
    """
    if sample.before is None or sample.reference is None:
        raise UndefinedError("there is no baseline")
    if (sample.before < 0).any() or (sample.after < 0).any():
        raise UndefinedError("a ratio is defined for values that are not negative")
    if sample.reference == 0:
        raise UndefinedError("the baseline is 0, and nothing is a multiple of that")
    moved = np.abs(sample.after - sample.before) - sample.noise
    rises = np.minimum(sample.after - factor * sample.before, moved)
    falls = np.minimum(sample.before - factor * sample.after, moved)
    least, most = sample.reference / factor, sample.reference * factor
    match sample.measure.direction:
        case Direction.HIGHER:
            return Excess(falls, minimum=least)
        case Direction.LOWER:
            return Excess(rises, maximum=most)
        case _:
            larger = sample.value >= sample.reference
            return Excess(rises if larger else falls, True, least, most)


def broken(found: Excess, sample: Sample) -> bool:
    """Whether the mean is out of the bound, beyond what decimal numbers cannot help."""
    scale = max(1e-300, float(np.abs(sample.after).max()), abs(sample.reference or 0.0))
    return found.mean > SLACK * scale


def improvement(bounds: Mapping[str, float], sample: Sample) -> np.ndarray | None:
    """How much better each value is than in the baseline, beyond what the bounds would have let it be worse.

    Args:
        bounds: The bounds of a gate by name.
        sample: The values.

    Returns:
        None where there is no better way, or no bound against the baseline.
    """
    if sample.before is None or sample.measure.of_two or sample.measure.direction is Direction.NEITHER:
        return None
    better, found = -sample.worsening, []
    if "max_drop" in bounds:
        found.append(better - np.maximum(bounds["max_drop"], sample.noise))
    if "max_ratio" in bounds:
        lower = sample.measure.direction is Direction.LOWER
        worse, best = (sample.before, sample.after) if lower else (sample.after, sample.before)
        found.append(np.minimum(worse - bounds["max_ratio"] * best, better - sample.noise))
    return np.minimum.reduce(found) if found else None


def described(bounds: Mapping[str, float]) -> str:
    """Bounds as they are written: ``min 1, max_drop 0.5``."""
    return ", ".join(f"{name} {amount:g}" for name, amount in bounds.items())


def said(value: float, *others: float | None, unit: str = "", noise: float = 0.0) -> str:
    """A measured number as a sentence has it: the digits that its noise leaves, or as many as tell it from others.

    Args:
        value: The number.
        others: Numbers in the same sentence.
        unit: Its unit; only units that are words of a sentence are said.
        noise: What rounding alone may change.
    """
    before_point = math.floor(math.log10(abs(value))) + 1 if value and math.isfinite(value) else 1
    least = min(DIGITS, max(1, before_point + places(noise))) if noise > 0 else DIGITS
    for digits in range(least, 16):
        text = f"{value:.{digits}g}"
        if not any(_reads_alike(text, digits, other) for other in others if other is not None and other != value):
            break
    return _written(text, value, unit)


def _reads_alike(text: str, digits: int, other: float) -> bool:
    """Whether a number would be taken for another one."""
    return float(text) in (other, float(f"{other:.{digits}g}"))


def asked(amount: float, unit: str = "") -> str:
    """The number of a bound, as its author wrote it."""
    return _written(f"{amount:.12g}", amount, unit)


def _written(text: str, value: float, unit: str) -> str:
    suffix = f" {unit if value != 1 else unit.removesuffix('s')}" if unit in ("nats", "bits", "layers") else ""
    return (f"{float(text):,.15g}{suffix}" if abs(value) < 1e15 else f"{text}{suffix}").replace("-", MINUS)


def _unit_of_values(measure: Measure) -> str:
    """The unit of a number rather than of a difference: layer 5 is not 5 layers."""
    return "" if measure.unit == "layers" and not measure.of_two else measure.unit


def broken_sentence(bound: str, amount: float, sample: Sample) -> str:
    """How the values are out of one bound, with the numbers."""
    unit = _unit_of_values(sample.measure)
    shown, limit = said(sample.value, amount, unit=unit, noise=sample.measure.noise), asked(amount, unit)
    match bound:
        case "min":
            return f"{shown} is less than {limit}"
        case "max":
            return f"{shown} is more than {limit}"
        case "min_agreement":
            return f"{shown} is less than {limit}, the agreement with the baseline that is asked for"
    return _against(bound, amount, sample, True)


def kept_sentence(bounds: Mapping[str, float], sample: Sample) -> str:
    """How the values stand to bounds that they keep, with the numbers."""
    measure, least, unit = sample.measure, ("min", "min_agreement"), _unit_of_values(sample.measure)
    lone = {name: amount for name, amount in bounds.items() if name in (*least, "max")}
    alone = [f"at {'least' if name in least else 'most'} {asked(bound, unit)}" for name, bound in lone.items()]
    shown = said(sample.value, *lone.values(), unit=unit, noise=measure.noise)
    parts = [f"{shown} is {' and '.join(alone)}"] if alone else []
    parts += [_against(name, bounds[name], sample, False) for name in ("max_drop", "max_ratio") if name in bounds]
    return "; ".join(parts)


def _against(bound: str, amount: float, sample: Sample, outside: bool) -> str:
    """How a value stands to that of the baseline."""
    measure, value, reference = sample.measure, sample.value, sample.reference or 0.0
    unit, noise = measure.unit, measure.noise
    own = _unit_of_values(measure)
    shown, before = said(value, reference, unit=own, noise=noise), said(reference, value, unit=own, noise=noise)
    moved = abs(value - reference)
    if moved <= SLACK * max(abs(value), abs(reference)):
        return f"{shown} is what it was in the baseline"
    if bound == "max_drop":
        allowed = float(np.maximum(amount, sample.noise).mean())
        rounding = ", which is what rounding can do" if allowed > amount else ""
        limit = said(allowed, moved, unit=unit) if rounding else asked(amount, unit)
        way = "more" if value > reference else "less"
        by = said(moved, allowed, unit=unit, noise=noise)
        relation = f"{by} {way} than the baseline's {before}"
        end = f"at most {limit} is allowed{rounding}" if outside else f"{limit} is allowed{rounding}"
    else:
        smaller, larger = sorted((value, reference))
        factor = said(larger / smaller, amount) if smaller > 0 else ""
        times = (
            f"{factor} times the baseline's {before}" if value > reference else f"the baseline's {before} / {factor}"
        )
        relation = times if factor else f"nothing beside the baseline's {before}"
        end = f"{'at most ' if outside else ''}a factor of {asked(amount)} is allowed"
    return f"{shown} is {relation}{'; ' if outside else ', and '}{end}"
