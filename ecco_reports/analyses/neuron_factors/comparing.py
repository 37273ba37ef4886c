"""The factors of two models that read one prompt, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ecco_reports.analyses import Between
from ecco_reports.analyses.neuron_factors.aligning import Matching, aligned_factors, over_units, shared_units
from ecco_reports.analyses.neuron_factors.figures import names_of
from ecco_reports.analyses.neuron_factors.results import NeuronFactorsResult, StackFactors
from ecco_reports.charts.factors import factor_matches
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.records import Table

ALIKE = 0.8
"""From this cosine on, two factors are called alike."""


@dataclass(frozen=True)
class _Compared:
    """A stack of one model and a stack of another that have words in common.

    Attributes:
        stacks: The two.
        labels: What a chart calls their factors.
        matching: Which belong together.
        units: Over how many parts of the text that was asked.
    """

    stacks: tuple[StackFactors, StackFactors]
    labels: tuple[Sequence[str], Sequence[str]]
    matching: Matching
    units: int


def between(first: NeuronFactorsResult, second: NeuronFactorsResult, names: tuple[str, str]) -> Between | None:
    """Pairs the factors of the stacks that read the same words; None where none of them do."""
    compared = list(_compared(first, second))
    if not compared:
        return None
    return Between(
        summary=" ".join(_sentence(one) for one in compared),
        figures=[_figure(one, names) for one in compared],
        checks=[],
        table=Table(
            columns=("pair", f"factor of {names[0]}", f"factor of {names[1]}", "cosine"),
            rows=tuple(row for one in compared for row in _rows(one)),
            caption="One row per pair of factors, the most alike first; below them those that have no partner.",
        ),
    )


def _compared(first: NeuronFactorsResult, second: NeuronFactorsResult) -> Iterator[_Compared]:
    for one in first.stacks:
        for other in second.stacks:
            units = shared_units((first.passage, one), (second.passage, other))
            if len(units) > max(one.count, other.count):  # With fewer, everything matches.
                left = over_units(one.loadings, [unit for unit, _ in units])
                right = over_units(other.loadings, [unit for _, unit in units])
                labels = names_of(first, one), names_of(second, other)
                yield _Compared((one, other), labels, aligned_factors(left, right), len(units))


def _sentence(compared: _Compared) -> str:
    matching = compared.matching
    alike = sum(bool(matching.cosines[pair] >= ALIKE) for pair in matching.pairs)
    pairs = "1 pair of factors" if len(matching.pairs) == 1 else f"{len(matching.pairs)} pairs of factors"
    named = [stack.stack or "text" for stack in compared.stacks]
    where = f" ({named[0]} and {named[1]})" if any(stack.stack for stack in compared.stacks) else ""
    return (
        f"Of {pairs}{where}, {alike or 'none'} {'is' if alike <= 1 else 'are'} alike (cosine of {ALIKE} or more over "
        f"{compared.units} parts of the text). Their mean cosine is {matching.mean:.2f}; with one text moved along the "
        f"other it is {matching.by_chance:.2f}."
    )


def _figure(compared: _Compared, names: tuple[str, str]) -> ChartFigure:
    matching, (left, right) = compared.matching, compared.labels
    rows = [*(pair[0] for pair in matching.pairs), *matching.first_alone]
    columns = [*(pair[1] for pair in matching.pairs), *matching.second_alone]
    best = matching.pairs[0]
    stacks = [stack.stack for stack in compared.stacks]
    titles = [f"{name} ({stack})" if stack else name for name, stack in zip(names, stacks, strict=True)]
    return ChartFigure(
        id="-".join(["matches", *filter(None, stacks)]),
        title="Which factors belong together?",
        reading="How alike the factors of two models are over the text: 1 if they rise and fall together, 0 if they "
        "have no word in common. Framed are the pairs of the best one-to-one match, the most alike first. Nothing here "
        "is negative, so that even unrelated factors have a cosine above 0.",
        alt_text=f"{len(matching.pairs)} pairs; the best is {left[best[0]]} with {right[best[1]]}, cosine "
        f"{float(matching.cosines[best]):.2f}; the mean is {matching.mean:.2f}.",
        chart=factor_matches(
            [left[row] for row in rows],
            [right[column] for column in columns],
            matching.cosines[rows][:, columns],
            [(number, number) for number in range(len(matching.pairs))],
            titles,
        ),
    )


def _rows(compared: _Compared) -> Iterator[tuple[str | int | float | None, ...]]:
    matching, (left, right) = compared.matching, compared.labels
    for number, pair in enumerate(matching.pairs):
        yield number + 1, left[pair[0]], right[pair[1]], float(f"{float(matching.cosines[pair]):.4g}")
    for row in matching.first_alone:
        yield None, left[row], None, None
    for column in matching.second_alone:
        yield None, None, right[column], None
