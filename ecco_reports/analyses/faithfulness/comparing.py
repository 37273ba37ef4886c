"""The tests of two models that read one prompt, side by side: is a method to be trusted in both. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecco_reports.analyses import Between
from ecco_reports.analyses.attributing.settings import METHOD_TITLES
from ecco_reports.analyses.faithfulness.figures import bar_of
from ecco_reports.analyses.faithfulness.judging import Judgement, judged
from ecco_reports.analyses.faithfulness.results import FaithfulnessResult
from ecco_reports.analyses.faithfulness.words import named, orders_in_words, watched
from ecco_reports.charts.faithfulness import trust_chart
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.records import Table

Pair = tuple[Judgement, Judgement]


def between(first: FaithfulnessResult, second: FaithfulnessResult, names: tuple[str, str]) -> Between | None:
    """The methods that were tested on both models; None where there are none, or where different things were watched.

    Args:
        first: Of one model.
        second: Of another.
        names: What the page calls the two.
    """
    theirs = {each.method: each for each in judged(second, None)}
    pairs = [(each, theirs[each.method]) for each in judged(first, None) if each.method in theirs]
    if not pairs or watched(first) != watched(second):
        return None
    pairs.sort(key=lambda pair: -(pair[0].gap.value + pair[1].gap.value))
    summary = _summary(pairs, names)
    return Between(
        summary=summary,
        figures=[_figure(pairs, names, watched(first), summary)],
        checks=[],
        table=Table(
            columns=("method", "model", "gap", "better than random orders", "random orders", "z"),
            rows=tuple(_rows(pairs, names)),
            caption="One row per method and model: the area between removing the least important and the most "
            "important parts first, and how many random orders it beats.",
        ),
    )


def _summary(pairs: Sequence[Pair], names: tuple[str, str]) -> str:
    """Which methods can be told from chance in both models, in one, in none."""
    groups: dict[str, list[Judgement]] = {}
    for mine, other in pairs:
        good = [name for name, each in zip(names, (mine, other), strict=True) if each.verdict == "better"]
        where = "in both models" if len(good) == 2 else f"for {good[0]} only" if good else "for neither model"
        groups.setdefault(where, []).append(mine)
    return "Better than random orders: " + "; ".join(f"{where} {named(found)}" for where, found in groups.items()) + "."


def _figure(pairs: Sequence[Pair], names: tuple[str, str], what: str, summary: str) -> ChartFigure:
    return ChartFigure(
        id="trust",
        title="The same methods, tested on both models",
        reading="The area between removing the least important and the most important parts first, for each model "
        "beside its own random orders; higher is better. A method whose dot is filled for one model and hollow for the "
        "other explains the one and decorates the other.",
        alt_text=summary,
        chart=trust_chart(
            [METHOD_TITLES[mine.method] for mine, _ in pairs],
            [(f"Gap for {name}", "higher is better") for name in names],
            ["mean of all outputs"],
            [[[bar_of(pair[side].gap) for pair in pairs] for side in (0, 1)]],
            f"change of the {what}",
            [orders_in_words(pairs[0][side].gap) for side in (0, 1)],
        ),
    )


def _rows(pairs: Sequence[Pair], names: tuple[str, str]) -> Iterator[tuple[str | int | float | bool | None, ...]]:
    for pair in pairs:
        for name, each in zip(names, pair, strict=True):
            standing = each.gap.standing
            yield each.method, name, each.gap.value, standing.better, standing.orders, standing.z
