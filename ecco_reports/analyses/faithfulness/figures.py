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
from ecco_reports.charts.faithfulness import Bar, trust_chart
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.orders import order_grid
from ecco_reports.charts.removals import Curves, removal_curves

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
    """Methods beside random orders, the curves that this comes from, and what each method ranks where."""
    if result.methods:
        yield _trust(result)
        yield _curves(result)
        yield _orders(result)


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
                [bar_of(each.gap) for each in ordered],
                [bar_of(each.comprehensiveness) for each in ordered],
                [bar_of(each.sufficiency) for each in ordered],
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
            [orders_in_words(judged(result, None)[0].gap)] * len(_MEASURES),
        ),
    )


def _curves(result: FaithfulnessResult) -> ChartFigure:
    what, thing = watched(result), result.grain
    around = [_around(result, method) for method in result.methods]
    curves = [
        Curves(
            deletion=np.stack([method.deletion[target] for method in result.methods]),
            insertion=np.stack([method.insertion[target] for method in result.methods]),
            last=np.stack([last[target] for last, _ in around]),
            following=np.stack([following[target] for _, following in around]),
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


def _orders(result: FaithfulnessResult) -> ChartFigure:
    thing = result.grain
    best = [each.method for each in best_first(judged(result, None))]
    ordered = sorted(result.methods, key=lambda method: best.index(method.method))
    places = np.stack([np.argsort(method.orders, axis=1) + 1 for method in ordered], 1)
    first = ordered[0]
    word = result.word(result.units[int(first.orders[0, 0])])
    return ChartFigure(
        id="orders",
        title="What each method calls most important",
        reading=f"Each row is a method, the most faithful on top; the number is the place of a {thing} in its ranking "
        "for the chosen output. Number 1 is taken out first. Compare the rows that do well with those that do not: "
        "where their first numbers part is what made the difference.",
        alt_text=f"Places of {len(result.units)} {thing}s in {len(ordered)} rankings. {METHOD_TITLES[first.method]} "
        f"puts “{word}” first.",
        chart=order_grid(
            [METHOD_TITLES[method.method] for method in ordered],
            [result.label(unit) for unit in result.units],
            [target.label for target in result.explained],
            places,
            thing,
        ),
    )


def _choices(result: FaithfulnessResult) -> list[tuple[int | None, str]]:
    """What can be looked at: the mean of all outputs where there are several, and each output."""
    each = [(index, target.label) for index, target in enumerate(result.explained)]
    return [(None, _EVERYTHING), *each] if len(each) > 1 else [*each]


def bar_of(mark: Mark) -> Bar:
    """A measure as the chart of trust draws it."""
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


def _around(result: FaithfulnessResult, method: Examined) -> tuple[np.ndarray, np.ndarray]:
    """At each count the last of the first units, and the first of the others, ``[target, count]``; -1 for none."""
    nobody = np.full((len(method.orders), 1), -1)
    lasts = np.concatenate([nobody, method.orders], 1)
    following = np.concatenate([method.orders, nobody], 1)
    return lasts[:, list(result.counts)], following[:, list(result.counts)]


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
