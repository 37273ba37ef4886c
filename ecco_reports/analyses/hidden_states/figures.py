"""The figures of a residual stream, and of two side by side. Pure; charts are imported inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.hidden_states.results import HiddenStatesResult
from ecco_reports.analyses.hidden_states.settings import MEASURES, Measure
from ecco_reports.analyses.hidden_states.words import (
    layer_names,
    neighbours,
    not_compared,
    stack_in_words,
    token_labels,
    usual,
)
from ecco_reports.analyses.layers import layer_in_words

if TYPE_CHECKING:
    from ecco_reports.charts.figure import ChartFigure

_NAMED_MASSIVE = 3


def figures_of(result: HiddenStatesResult) -> Iterator[ChartFigure]:
    """All figures that a result has something to show in."""
    yield _movement(result)
    if result.similarities:
        yield _likeness(result)
    if len(result.states) > 1 and result.components.shape[-1] > 1:
        yield _ways(result)
    yield _dimensions(result)


def _movement(result: HiddenStatesResult) -> ChartFigure:
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.states import movement_grid

    norms = usual(result, result.norms)
    alt_text = f"Lengths of {len(result.positions)} vectors: {norms[0]:.3g} at {layer_in_words(result.states[0])}"
    if len(result.states) > 1:
        changes = usual(result, result.changes)
        strongest = layer_in_words(result.states[int(changes.argmax()) + 1])
        alt_text += (
            f" and {norms[-1]:.3g} at {layer_in_words(result.states[-1])} for the median token; the largest change, "
            f"{changes.max():.0%}, is made by {strongest}"
        )
    border = next((index for index, at in enumerate(result.positions) if at >= result.passage.prompt_length), 0)
    return ChartFigure(
        id="movement",
        title=f"How much each layer{stack_in_words(result)} changes each token's vector",
        reading="Each row is a layer, each column a token. The colour is how far the layer moved the vector of that "
        "token, relative to how long it was. The drop-down shows how far it turned instead, or how long it is."
        + not_compared(result),
        alt_text=alt_text + ".",
        chart=movement_grid(
            layer_names(result), token_labels(result), result.norms, result.changes, result.cosines, border
        ),
    )


def _likeness(result: HiddenStatesResult) -> ChartFigure:
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.likeness import likeness_grid

    first, grid = next(iter(result.similarities.items()))
    names, tokens = layer_names(result), len(result.text)
    return ChartFigure(
        id="likeness",
        title=f"Which layers{stack_in_words(result)} are alike",
        reading=f"Each cell compares two layers over the {tokens} tokens of the text: do the same tokens lie near "
        "each other in both? 1 is the same up to rotation and size. If the tokens of one layer are shuffled, chance is "
        f"left: {_chance(result.chance)}.{_truncation(result)}",
        alt_text=f"{MEASURES[first]}, of {len(names)} states: {neighbours(grid):.2f} on average for neighbours, "
        f"{grid.min():.2f} for the two that are least alike.",
        chart=likeness_grid(names, names, {MEASURES[one]: found for one, found in result.similarities.items()}),
    )


def _truncation(result: HiddenStatesResult) -> str:
    """What is said of the directions that canonical correlations were taken of; begins with a space."""
    whole, most = result.directions.get("cca", result.directions.get("pwcca")), result.directions.get("svcca")
    tokens = len(result.text)
    limit = max(int(found.max()) for found in (whole, most) if found is not None) if result.directions else tokens
    if limit >= min(result.width, tokens - 1):
        return ""
    fewer = ""
    if most is not None and whole is not None and most.min() < whole.max():
        fewer = (
            f"; SVCCA at {most.min()} to {most.max()}, which hold 99 % of the variance or as much as there is room for"
        )
    looked = "direction" if limit == 1 else f"{limit} directions"
    return (
        f" Few tokens make everything correlate: {tokens} tokens can tell no {result.width} dimensions apart. So "
        f"canonical correlations look at the leading {looked} only{fewer}."
    )


def _ways(result: HiddenStatesResult) -> ChartFigure:
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.ways import token_ways

    labels = token_labels(result)
    shares = [float(share) for share in result.explained]
    centred = " Every layer is centred by itself, so what all its tokens share is gone." if result.by_layer else ""
    return ChartFigure(
        id="ways",
        title="The ways of the tokens through the layers",
        reading="Each dot is a token at a layer, blue at the bottom and orange at the top, seen from the side where "
        "the vectors differ most. Choose a token, or click a dot, to follow it; the slider stops at a layer. The first "
        f"two components hold {sum(shares[:2]):.0%} of the variance.{centred}",
        alt_text=f"{_tokens(len(result.text))} at {len(result.states)} states along principal components that hold "
        f"{', '.join(f'{share:.0%}' for share in shares)} of the variance.",
        chart=token_ways(layer_names(result), [labels[index] for index in result.text], result.components, shares),
    )


def _dimensions(result: HiddenStatesResult) -> ChartFigure:
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.states import dimension_grid

    row, column = np.unravel_index(int(result.times.argmax()), result.times.shape)
    labels = token_labels(result)
    where = f"dimension {result.dimensions[column]} at {layer_in_words(result.states[int(row)])}"
    strongest = f"{where}, {result.times.max():.1f} times the root mean square of its vector"
    return ChartFigure(
        id="dimensions",
        title="The dimensions that stand out",
        reading="Each column is one of the stream's dimensions, those that stand out most first. The number says how "
        "many times the root mean square of its vector the largest one is, over all tokens; hover for the token."
        + _outlier_words(result)
        + _massive_words(result, labels),
        alt_text=f"The largest is {strongest}, at the token {labels[int(result.peaks[row, column])]}.",
        chart=dimension_grid(
            layer_names(result),
            [str(number) for number in result.dimensions],
            labels,
            result.values,
            result.times,
            result.peaks,
            result.outlier_times,
        ),
    )


def _outlier_words(result: HiddenStatesResult) -> str:
    if not result.outliers:
        return " None stands out at enough tokens of enough layers to be called an outlier dimension."
    named = ", ".join(
        f"{number} (in {states} of {len(result.states)} states)"
        for number, states in zip(result.outliers[:6], result.outlier_states, strict=False)
    )
    more = f" and {len(result.outliers) - 6} more" if len(result.outliers) > 6 else ""
    return f" Outlier dimensions, at 6 % of the tokens or more: {named}{more}."


def _massive_words(result: HiddenStatesResult, labels: list[str]) -> str:
    """The largest massive activations, and how many sit at the first token."""
    if not result.massive_count:
        return ""
    first = sum(one.token == 0 for one in result.massive)
    named = "; ".join(
        f"{one.value:.0f} at {labels[one.token]}, dimension {one.dimension}, {layer_in_words(result.states[one.state])}"
        for one in result.massive[:_NAMED_MASSIVE]
    )
    return (
        f" Massive activations: {result.massive_count}; of the {len(result.massive)} largest, {first} at the first "
        f"token. The largest: {named}."
    )


def _chance(found: Mapping[Measure, float]) -> str:
    """What each measure makes of chance."""
    return ", ".join(f"{_short(measure)} {_plain(value)}" for measure, value in found.items())


def _short(measure: Measure) -> str:
    return MEASURES[measure].partition(",")[0] + (" (biased)" if measure == "cka_biased" else "")


def _tokens(count: int) -> str:
    return f"{count} token{'' if count == 1 else 's'}"


def _plain(value: float) -> str:
    """Two digits, and no minus before a nought."""
    return f"{value:.2f}".replace("-0.00", "0.00").replace("-", "−")


def likeness_between(
    grids: Mapping[Measure, np.ndarray],
    chance: Mapping[Measure, float],
    first: HiddenStatesResult,
    second: HiddenStatesResult,
    names: tuple[str, str],
) -> ChartFigure:
    """Layers of one model against layers of another."""
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.likeness import likeness_grid

    grid = next(iter(grids.values()))
    row, column = np.unravel_index(int(grid.argmax()), grid.shape)
    return ChartFigure(
        id="between",
        title=f"Which layers of {names[0]} and of {names[1]} are alike",
        reading="Each cell compares a layer of one model with a layer of the other over the same parts of the text: do "
        "the same parts lie near each other in both? A bright diagonal means that both arrange the text the same way "
        f"in the same order. If the parts are shuffled for one model, chance is left: {_chance(chance)}.",
        alt_text=f"Most alike are {layer_in_words(first.states[int(row)])} of {names[0]} and "
        f"{layer_in_words(second.states[int(column)])} of {names[1]} ({grid.max():.2f}).",
        chart=likeness_grid(
            layer_names(first), layer_names(second), {MEASURES[one]: found for one, found in grids.items()}, names
        ),
    )
