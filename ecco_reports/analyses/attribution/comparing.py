"""How far the methods of a result agree: over the inputs that all of them score, by magnitude.

In: a result. Out: numbers and sentences. Never: torch, drawing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, PERTURBATIONS
from ecco_reports.analyses.attribution.parts import quoted
from ecco_reports.analyses.units import Unit
from ecco_reports.methods.rankings import pairwise, rbo_by_chance

TOP = 3
"""How many inputs are the top."""
_NAMED = 4
"""Of so many methods each is named with what it puts first."""
MEASURES: Mapping[str, str] = {
    "tau_b": "order of all inputs (Kendall's tau-b)",
    "rbo": "order with weight on the first (RBO)",
    "top": f"share of the {TOP} strongest in common",
    "same_sign": f"same sign among the {TOP} strongest",
}


@dataclass(frozen=True)
class SideBySide:
    """What several methods say of the same inputs.

    Attributes:
        methods: Those that gave a number to anything.
        signed: Whether what they say can be negative.
        columns: The inputs, as positions; ignored ones are left out.
        values: ``[target, method, column]``; NaN where a method says nothing, or the input comes after the target.
        compared: Which columns count when methods are compared: those of the text that all methods score, ``[column]``.
    """

    methods: tuple[MethodResult, ...]
    signed: tuple[bool, ...]
    columns: tuple[Unit, ...]
    values: np.ndarray
    compared: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """What the page calls the methods."""
        return tuple(METHOD_TITLES[method.method] for method in self.methods)


def side_by_side(result: AttributionResult) -> SideBySide:
    """All methods over one set of inputs: the coarsest that any of them has."""
    methods = tuple(method for method in result.methods if result.columns(method))
    columns = _columns(result, methods)
    values = np.full((len(result.explained), len(methods), len(columns)), np.nan)
    for number, method in enumerate(methods):
        own = {*result.units} if method.method in PERTURBATIONS else {*columns}
        for index, column in enumerate(columns):
            if column in own:
                values[:, number, index] = method.contributions[:, list(column)].sum(-1)
    after = np.array([target.after for target in result.explained], dtype=int)
    ends = np.array([column[-1] for column in columns], dtype=int)
    scored = np.isfinite(values).all((0, 1)) if methods else np.zeros(len(columns), dtype=bool)
    values = np.where(ends <= after[:, None, None], values, np.nan)
    tokens = result.passage.tokens
    of_the_text = [not all(tokens[position].special for position in column) for column in columns]
    signed = tuple(result.is_signed(method) for method in methods)
    return SideBySide(methods, signed, columns, values, scored & np.array(of_the_text, dtype=bool))


def _columns(result: AttributionResult, methods: tuple[MethodResult, ...]) -> tuple[Unit, ...]:
    """The units that are left out, and the single tokens that other methods score besides."""
    last = max((target.after for target in result.explained), default=-1)
    with_units = any(method.method in PERTURBATIONS for method in methods)
    found = [*result.units] if with_units else []
    inside = {position for unit in found for position in unit}
    for method in methods:
        if method.method not in PERTURBATIONS:
            found += [column for column in result.columns(method) if inside.isdisjoint(column)]
            break
    ignored = {*result.ignored}
    return tuple(column for column in sorted(found) if not ignored >= {*column} and column[-1] <= last)


@dataclass(frozen=True)
class Agreements:
    """How far each two methods agree.

    Attributes:
        names: What the page calls the methods.
        values: By measure, ``[target, method, method]``; NaN where it is not defined, and of a method with itself.
        inputs: How many inputs were compared, ``[target]``.
    """

    names: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    inputs: tuple[int, ...]

    def mean(self, measure: str) -> np.ndarray:
        """Over the targets for which it is defined, ``[method, method]``."""
        return nan_mean(self.values[measure], 0)

    def pairs(self, measure: str) -> Iterator[tuple[float, str, str]]:
        """The mean over targets of each two methods for which there is one."""
        means = self.mean(measure)
        for one, other in combinations(range(len(self.names)), 2):
            if math.isfinite(means[one, other]):
                yield float(means[one, other]), self.names[one], self.names[other]

    def chance(self, measure: str) -> list[float]:
        """What two random rankings would have, ``[target]``."""
        if measure == "rbo":
            return [rbo_by_chance(count) for count in self.inputs]
        if measure == "top":
            return [min(1.0, TOP / max(count, 1)) for count in self.inputs]
        return [0.0 if measure == "tau_b" else 0.5] * len(self.inputs)


def agreements(beside: SideBySide) -> Agreements:
    """Each two methods compared, for each target."""
    count = len(beside.methods)
    values = {measure: np.full((len(beside.values), count, count), np.nan) for measure in MEASURES}
    with_signs = np.array(beside.signed, dtype=bool)
    inputs = []
    for target, rows in enumerate(beside.values):
        kept = rows[:, beside.compared & np.isfinite(rows).all(0)]
        inputs.append(kept.shape[1])
        found = pairwise(kept, TOP)
        for measure, table in values.items():
            table[target] = getattr(found, measure)
        if kept.shape[1] <= TOP:  # The three strongest of three or fewer are always the same.
            values["top"][target] = np.nan
    values["same_sign"][:, ~(with_signs[:, None] & with_signs)] = np.nan
    for table in values.values():
        table[:, np.arange(count), np.arange(count)] = np.nan
    return Agreements(beside.names, values, tuple(inputs))


def agreement_values(found: Agreements) -> Iterator[tuple[str, float]]:
    """The mean over all pairs of methods and all targets, where there is any, by the name of its metric."""
    for measure in ("tau_b", "rbo", "top"):
        means = [value for value, _, _ in found.pairs(measure)]
        if means:
            yield f"agreement_{measure}", float(np.mean(means))


def agreement_sentences(result: AttributionResult, beside: SideBySide, found: Agreements) -> Iterator[str]:
    """Which methods agree, and what each holds to be strongest."""
    pairs = sorted(found.pairs("tau_b"), reverse=True)
    if not pairs:
        return
    if len(pairs) == 1:
        value, one, other = pairs[0]
        yield f"{one} and {other} agree in the order of the inputs with a tau-b of {decimals(value)}."
    else:
        (high, *near), (low, *far) = pairs[0], pairs[-1]
        mean = float(np.mean([value for value, _, _ in pairs]))
        yield (
            f"The {len(found.names)} methods agree in the order of the inputs with a mean tau-b of {decimals(mean)}; "
            f"nearest are {near[0]} and {near[1]} ({decimals(high)}), furthest apart {far[0]} and {far[1]} "
            f"({decimals(low)})."
        )
    yield from _strongest(result, beside)


def _strongest(result: AttributionResult, beside: SideBySide) -> Iterator[str]:
    """The input that each method puts first for the first target."""
    kept = beside.compared & np.isfinite(beside.values[0]).all(0)
    if not kept.any():
        return
    sizes = np.where(kept, np.abs(beside.values[0]), -1.0)
    firsts: dict[str, list[str]] = {}
    for name, row in zip(beside.names, sizes, strict=True):
        firsts.setdefault(quoted(result, beside.columns[int(row.argmax())]), []).append(name)
    ordered = sorted(firsts.items(), key=lambda first: -len(first[1]))
    if len(ordered) == 1:
        yield f"All put {ordered[0][0]} first."
    elif len(beside.names) > _NAMED and len(ordered) < len(beside.names):
        told = [f"{word} by {len(names)}" for word, names in ordered]
        yield f"Put first: {', '.join(told)} of them."
    elif len(ordered) < len(beside.names) or len(ordered) == 2:
        named = "; ".join(f"{word} by {_listed(names)}" for word, names in ordered)
        yield f"Put first: {named}."
    else:
        yield "Each puts another input first."


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def decimals(value: float) -> str:
    """Two decimals, with the sign that a typesetter takes for minus."""
    return f"{value:.2f}".replace("-", "\u2212")


def nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """The mean of what is not NaN along an axis; NaN where nothing is left."""
    known = np.isfinite(values)
    counts = known.sum(axis)
    sums = np.where(known, values, 0.0).sum(axis)
    means: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means
