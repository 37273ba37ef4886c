"""Two models that read the same prompt: whether their explanations agree, over the parts of the prompt both have.

In: two results and what the page calls the models. Out: sentences, figures, a check and a table. Never: torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ecco_reports.analyses import Between
from ecco_reports.analyses.alignment import aligned_units
from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, Method
from ecco_reports.analyses.attribution.comparing import TOP, decimals
from ecco_reports.analyses.attribution.parts import quoted
from ecco_reports.analyses.attribution.words import unit_of
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.traced_targets import TracedTarget, paired_targets
from ecco_reports.analyses.units import Unit
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.methods import methods_grid
from ecco_reports.methods.rankings import Agreement, agreement, rbo_by_chance
from ecco_reports.records import Check, Table

Pair = tuple[Unit, Unit]


@dataclass(frozen=True)
class Compared:
    """What two models say by one method of one output, over the same inputs.

    Attributes:
        method: The method.
        outputs: The output of the first model, and that of the second, by their numbers.
        values: ``[model, input]``.
        found: How far the two agree.
    """

    method: Method
    outputs: tuple[int, int]
    values: np.ndarray
    found: Agreement


@dataclass(frozen=True)
class _Two:
    """Two results of one prompt.

    Attributes:
        results: Of the first model and of the second.
        names: What the page calls them.
        inputs: The parts of the prompt that both score, as positions in each.
        outputs: The outputs that are compared, by their numbers in each.
    """

    results: tuple[AttributionResult, AttributionResult]
    names: tuple[str, str]
    inputs: tuple[Pair, ...]
    outputs: tuple[tuple[int, int], ...]

    def compared(self) -> Iterator[Compared]:
        """Method by method that both have, output by output."""
        second = {method.method: method for method in self.results[1].methods}
        for method in self.results[0].methods:
            if method.method not in second:
                continue
            pair = (method, second[method.method])
            signed = all(result.is_signed(each) for result, each in zip(self.results, pair, strict=True))
            for outputs in self.outputs:
                values = self._values(pair, outputs)
                yield Compared(method.method, outputs, values, agreement(values[0], values[1], TOP, signed=signed))

    def _values(self, methods: tuple[MethodResult, MethodResult], outputs: tuple[int, int]) -> np.ndarray:
        return np.array(
            [
                [method.contributions[output, list(unit[model])].sum() for unit in self.inputs]
                for model, (method, output) in enumerate(zip(methods, outputs, strict=True))
            ]
        )

    def output(self, outputs: tuple[int, int]) -> str:
        """What the page calls an output of both."""
        one, other = (result.explained[index] for result, index in zip(self.results, outputs, strict=True))
        return one.label if _same(one, other) else f"{one.label} / {other.label}"

    def labels(self) -> list[str]:
        """What the page calls the inputs: as the first model reads them."""
        return [self.results[0].label(unit) for unit, _ in self.inputs]


def between_of(first: AttributionResult, second: AttributionResult, names: tuple[str, str]) -> Between | None:
    """Two results side by side; None where they have no method, no output or no two inputs in common."""
    two = _Two((first, second), names, _inputs(first, second), _outputs(first, second))
    compared = list(two.compared()) if len(two.inputs) > 1 else []
    if not compared:
        return None
    return Between(_summary(two, compared), [_figure(two, compared)], [_check(two)], _table(two, compared))


def _inputs(first: AttributionResult, second: AttributionResult) -> tuple[Pair, ...]:
    """The smallest parts of the prompt in which a unit of either result begins and ends.

    Left out are what either ignores, and what is no unit: signs of a template, and masks to be filled in.
    """
    pairs = aligned_units(first.passage, second.passage)
    pairs = _joined(_joined(pairs, first, 0), second, 1)
    in_first, in_second = ({at for unit in result.units for at in unit} for result in (first, second))
    return tuple(
        (one, other)
        for one, other in pairs
        if in_first >= {*one}
        and in_second >= {*other}
        and not ({*first.ignored} >= {*one} or {*second.ignored} >= {*other})
    )


def _joined(pairs: Sequence[Pair], result: AttributionResult, model: int) -> tuple[Pair, ...]:
    """Parts that lie in one unit of a result as one part: its contribution is not told apart any further."""
    unit_of_position = {position: number for number, unit in enumerate(result.units) for position in unit}
    joined: list[Pair] = []
    last = None
    for pair in pairs:
        units = {unit_of_position.get(position) for position in pair[model]}
        if joined and last is not None and last in units:
            joined[-1] = (joined[-1][0] + pair[0], joined[-1][1] + pair[1])
        else:
            joined.append(pair)
        last = unit_of_position.get(pair[model][-1])
    return tuple(joined)


def _outputs(first: AttributionResult, second: AttributionResult) -> tuple[tuple[int, int], ...]:
    """The outputs that both models explain; where there is none, the first thing that each said."""
    one, other = ([TracedTarget.of(target) for target in result.explained] for result in (first, second))
    return paired_targets(one, other) or (((0, 0),) if one and other else ())


def _same(one: Explained, other: Explained) -> bool:
    """Whether two models were asked for the same word, or said it."""
    return TracedTarget.of(one).same_as(TracedTarget.of(other))


def _summary(two: _Two, compared: Sequence[Compared]) -> str:
    one, other = two.names
    sentences = []
    for method in dict.fromkeys(each.method for each in compared):
        found = [each.found for each in compared if each.method == method]
        tau, rbo, top = (_mean([getattr(each, measure) for each in found]) for measure in ("tau_b", "rbo", "top"))
        told = [f"tau-b {decimals(tau)}"] if tau is not None else []
        told += [f"RBO {decimals(rbo)} (chance {decimals(rbo_by_chance(len(two.inputs)))})"] if rbo is not None else []
        told += [f"{top:.0%} of the {TOP} strongest in common"] if top is not None and len(two.inputs) > TOP else []
        flips = [flip for each in compared if each.method == method for flip in _flips(two, each)]
        told += [f"opposite signs for {', '.join(dict.fromkeys(flips))}"] if flips else []
        sentences.append(f"{METHOD_TITLES[method]}: {'; '.join(told)}." if told else "")
    outputs = ", ".join(two.results[0].explained[index].word for index, _ in two.outputs[:3])
    more = f" and {len(two.outputs) - 3} more" if len(two.outputs) > 3 else ""
    start = f"{one} and {other} are compared for {outputs}{more}, over {len(two.inputs)} parts of the prompt."
    first, second = (result.explained[index] for result, index in zip(two.results, two.outputs[0], strict=True))
    if not _same(first, second):
        start = (
            f"{one} explains {first.word}, {other} {second.word}: two outputs are compared, over {len(two.inputs)} "
            "parts of the prompt."
        )
    return " ".join([start, *filter(None, sentences)])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _flips(two: _Two, each: Compared) -> Iterator[str]:
    """Inputs among the strongest of either model that one says raise the output and the other that they lower it.

    What is less than a hundredth of all that a model says has a sign by chance.
    """
    if each.found.same_sign is None:
        return
    shares = _shares(each.values)
    strongest = {int(index) for row in np.abs(shares) for index in np.argsort(-row, kind="stable")[:TOP]}
    for index in sorted(strongest):
        if shares[0, index] * shares[1, index] < 0 and np.abs(shares[:, index]).min() >= 0.01:
            yield quoted(two.results[0], two.inputs[index][0])


def _figure(two: _Two, compared: Sequence[Compared]) -> ChartFigure:
    methods = tuple(dict.fromkeys(each.method for each in compared))
    values = np.full((len(two.outputs), 2 * len(methods), len(two.inputs)), np.nan)
    for each in compared:
        row = 2 * methods.index(each.method)
        values[two.outputs.index(each.outputs), row : row + 2] = each.values
    alone = len(methods) == 1
    rows = [name if alone else f"{METHOD_TITLES[method]}: {name}" for method in methods for name in two.names]
    told = [
        (result, next(each for each in result.methods if each.method == method))
        for method in methods
        for result in two.results
    ]
    return ChartFigure(
        id="between",
        title="The same words, read by two models",
        reading="Each row is a model, each column a part of the prompt that begins and ends with a token in both; "
        "every row has its own scale. Where the strongest cells of two rows stand in different columns, the models "
        "give different reasons; where the colours differ, one took for the output what the other took against it.",
        alt_text=_summary(two, compared),
        chart=methods_grid(
            rows,
            two.labels(),
            [two.output(pair) for pair in two.outputs],
            values,
            [unit_of(*each) for each in told],
            [result.is_signed(each) for result, each in told],
            positions=[unit[0] for unit, _ in two.inputs],
            input_name="part of the prompt",
            row_name="model",
        ),
    )


def _check(two: _Two) -> Check:
    """That no token of the prompt is left without a partner."""
    misses = 0
    for model, result in enumerate(two.results):
        paired = {
            position
            for pair in aligned_units(two.results[0].passage, two.results[1].passage)
            for position in pair[model]
        }
        of_the_text = (
            position
            for position, token in enumerate(result.passage.prompt)
            if token.span is not None and not token.special
        )
        misses += sum(position not in paired for position in of_the_text)
    return Check(
        name="tokens without a partner",
        residual=float(misses),
        tolerance=0.0,
        meaning="Tokens of the prompt, as either model reads it, that are in no part which both have.",
    )


def _table(two: _Two, compared: Sequence[Compared]) -> Table:
    one, other = two.names
    rows: list[tuple[str | int | float | bool | None, ...]] = []
    for each in compared:
        shares = _shares(each.values)
        for index, label in enumerate(two.labels()):
            positions = [unit[0] for unit in two.inputs[index]]
            numbers = [float(value) for value in (*each.values[:, index], *shares[:, index])]
            rows.append((each.method, two.output(each.outputs), label, *positions, *numbers))
    measures = (f"{one}: contribution", f"{other}: contribution", f"{one}: share", f"{other}: share")
    return Table(
        columns=("method", "output", "input", f"{one}: position", f"{other}: position", *measures),
        rows=tuple(rows),
        caption="One row per method, output and part of the prompt that both models have; shares are of the sum of all "
        "magnitudes over these parts.",
    )


def _shares(values: np.ndarray) -> np.ndarray:
    totals: np.ndarray = np.abs(values).sum(-1, keepdims=True)
    shares: np.ndarray = np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)
    return shares
