"""The figures and the table of the tests.

In: a result. Out: figures and a table. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecco_reports.analyses.attributing.settings import METHOD_TITLES
from ecco_reports.analyses.faithfulness.judging import Judgement, Mark, best_first, judged
from ecco_reports.analyses.faithfulness.results import Examined, FaithfulnessResult
from ecco_reports.analyses.faithfulness.words import counts_in_words, named, orders_in_words, summary_of, watched
from ecco_reports.charts.faithfulness import Bar, Curves, removal_curves, trust_chart
from ecco_reports.charts.figure import ChartFigure

Cell = str | int | float | bool | None

COLUMNS = (
    "method",
    "output",
    "gap",
    "comprehensiveness",
    "sufficiency",
    "deletion AUC",
    "insertion AUC",
    "better than random orders",
    "random orders",
    "z",
    "gap from",
    "gap to",
    "tau with leaving one out",
    "first taken out",
)
_MEASURES = (
    ("Gap between least and most important first", "higher is better"),
    ("Comprehensiveness", "higher is better"),
    ("Sufficiency", "lower is better"),
)
_EVERYTHING = "mean of all outputs"
# As many units as a cell of the table names.
_NAMED = 5


def figures_of(result: FaithfulnessResult) -> Iterator[ChartFigure]:
    """Methods beside random orders, and the curves that this comes from."""
    if result.methods:
        yield _trust(result)
        yield _curves(result)


def table_rows(result: FaithfulnessResult) -> Iterator[tuple[Cell, ...]]:
    """One row per method and output, the means over outputs first, and those of the random orders last."""
    for target, output in _choices(result):
        judgements = judged(result, target)
        for method, judgement in zip(result.methods, judgements, strict=True):
            agreement = _agreement(method, target)
            first = None if target is None else _first(result, method.orders[target])
            yield (*_cells(judgement, output), agreement, first)
        if judgements:
            yield _by_chance(judgements[0], output)


def _trust(result: FaithfulnessResult) -> ChartFigure:
    choices = _choices(result)
    order = [each.method for each in best_first(judged(result, choices[0][0]))]
    bars = []
    for target, _ in choices:
        by_method = {each.method: each for each in judged(result, target)}
        ordered = [by_method[method] for method in order]
        bars.append(
            [
                [_bar(each.gap) for each in ordered],
                [_bar(each.comprehensiveness) for each in ordered],
                [_bar(each.sufficiency) for each in ordered],
            ]
        )
    what, things = watched(result), f"{result.grain}s"
    mean = (
        " For the mean over outputs the line through a dot is its 95 % interval, were other such outputs drawn."
        if len(choices) > 1
        else ""
    )
    return ChartFigure(
        id="trust",
        title="Which ranking names what counts?",
        reading=f"Each method ranks the {things} of the prompt; they go in that order, and the {what} of the output is "
        "watched. A dot outside the grey band, on the better side, is a ranking that chance would hardly "
        "have found; the numbers say how many of the random orders it beats. Comprehensiveness is what is lost without "
        f"the first {counts_in_words(result)}, sufficiency what is lost with only them.{mean}",
        alt_text=summary_of(result),
        chart=trust_chart(
            [METHOD_TITLES[method] for method in order],
            _MEASURES,
            [output for _, output in choices],
            bars,
            f"change of the {what}",
            orders_in_words(judged(result, None)[0].gap),
        ),
    )


def _curves(result: FaithfulnessResult) -> ChartFigure:
    what, thing = watched(result), result.grain
    lasts = [_last(result, method) for method in result.methods]
    curves = [
        Curves(
            deletion=np.stack([method.deletion[target] for method in result.methods]),
            insertion=np.stack([method.insertion[target] for method in result.methods]),
            last=np.stack([last[target] for last in lasts]),
            random_deletion=result.random_deletion[:, target],
            random_insertion=result.random_insertion[:, target],
        )
        for target in range(len(result.explained))
    ]
    best = best_first(judged(result, None))
    return ChartFigure(
        id="curves",
        title="What happens as the prompt goes",
        reading=f"From left to right more {thing}s are taken out; the further down a line has fallen, the more of what "
        "the output hangs on is gone. A good ranking falls at once when its most important part goes first, and stays "
        "up when its least important part does. The drop-downs choose the output, the direction, and one method to "
        "bring forward.",
        alt_text=f"The {what} of {len(result.explained)} outputs while {len(result.units)} {thing}s are removed in the "
        f"order of {len(result.methods)} methods. From the most faithful to the least: {named(best)}.",
        chart=removal_curves(
            [METHOD_TITLES[method.method] for method in result.methods],
            [result.label(unit) for unit in result.units],
            [target.label for target in result.explained],
            result.counts,
            curves,
            what,
            thing,
        ),
    )


def _choices(result: FaithfulnessResult) -> list[tuple[int | None, str]]:
    """What can be looked at: the mean of all outputs where there are several, and each output."""
    each = [(index, target.label) for index, target in enumerate(result.explained)]
    return [(None, _EVERYTHING), *each] if len(each) > 1 else [*each]


def _bar(mark: Mark) -> Bar:
    standing = mark.standing
    return Bar(
        value=mark.value,
        low=standing.low,
        mean=standing.mean,
        high=standing.high,
        interval=mark.interval,
        beaten=standing.better,
        verdict=mark.verdict,
    )


def _last(result: FaithfulnessResult, method: Examined) -> np.ndarray:
    """The unit that a ranking takes out last to reach each count, ``[target, count]``; -1 before the first."""
    counts = np.array(result.counts)
    lasts = method.orders[:, np.maximum(counts - 1, 0)]
    return np.where(counts > 0, lasts, -1)


def _first(result: FaithfulnessResult, order: np.ndarray) -> str:
    return ", ".join(result.label(result.units[unit]) for unit in order[:_NAMED].tolist())


def _agreement(method: Examined, target: int | None) -> float | None:
    """Kendall's tau with leaving one out; the mean over the outputs where it is defined."""
    if target is not None:
        return method.agreement[target]
    known = [tau for tau in method.agreement if tau is not None]
    return float(np.mean(known)) if known else None


def _cells(judgement: Judgement, output: str) -> tuple[Cell, ...]:
    gap = judgement.gap
    low, high = gap.interval or (None, None)
    return (
        judgement.method,
        output,
        gap.value,
        judgement.comprehensiveness.value,
        judgement.sufficiency.value,
        judgement.deletion.value,
        judgement.insertion.value,
        gap.standing.better,
        gap.standing.orders,
        gap.standing.z,
        low,
        high,
    )


def _by_chance(judgement: Judgement, output: str) -> tuple[Cell, ...]:
    """The means of the random orders, with the ends of their middle 90 per cent."""
    gap = judgement.gap.standing
    means = (
        mark.standing.mean
        for mark in (judgement.comprehensiveness, judgement.sufficiency, judgement.deletion, judgement.insertion)
    )
    return ("random orders", output, gap.mean, *means, None, gap.orders, 0.0, gap.low, gap.high, None, None)
