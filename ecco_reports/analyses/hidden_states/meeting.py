"""What the residual streams of two models say about each other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ecco_reports.analyses import Between
from ecco_reports.analyses.alignment import aligned_units
from ecco_reports.analyses.hidden_states.comparing import Side, by_chance, similarity_grid
from ecco_reports.analyses.hidden_states.figures import likeness_between
from ecco_reports.analyses.hidden_states.results import HiddenStatesResult
from ecco_reports.analyses.hidden_states.settings import MEASURES, Measure
from ecco_reports.analyses.hidden_states.words import ROUNDING, layer_names
from ecco_reports.analyses.layers import layer_in_words
from ecco_reports.analyses.units import Unit
from ecco_reports.methods.similarity import FEWEST_TOKENS
from ecco_reports.methods.stream import means
from ecco_reports.records import Check, Table


def meeting_of(first: HiddenStatesResult, second: HiddenStatesResult, names: tuple[str, str]) -> Between | None:
    """Layers of one model against those of another, over the parts of the prompt that both have."""
    units = _shared(first, second)
    measures = [one for one in first.similarities if one in second.similarities and (first.whole or one != "pwcca")]
    if len(units) < FEWEST_TOKENS or not measures:
        return None
    one, other = (
        Side.of(means(result.kept, [pair[side] for pair in units])) for side, result in enumerate((first, second))
    )
    grids = {measure: similarity_grid(measure, one, other) for measure in measures}
    return Between(
        summary=_summary(grids, first, second, names, len(units)),
        figures=[likeness_between(grids, _chance(measures, one, other), first, second, names)],
        checks=[
            Check(
                name="the other way round",
                residual=_turned_gap(grids, one, other),
                tolerance=ROUNDING,
                meaning="Largest difference between the likeness of two layers and of the same two the other way "
                "round, or between the likeness of a layer to itself and 1.",
            )
        ],
        table=_table(grids, first, second, names),
    )


def _shared(first: HiddenStatesResult, second: HiddenStatesResult) -> list[tuple[Unit, Unit]]:
    """Parts of the prompt that both looked at, as indices of their tokens."""
    places = [{result.positions[index]: index for index in result.text} for result in (first, second)]
    return [
        (tuple(places[0][at] for at in one), tuple(places[1][at] for at in other))
        for one, other in aligned_units(first.passage, second.passage)
        if all(at in places[0] for at in one) and all(at in places[1] for at in other)
    ]


def _chance(measures: Sequence[Measure], one: Side, other: Side) -> dict[Measure, float]:
    """What the measures find by chance: over states of both, from the bottom to the top."""
    longer = max(len(one.states), len(other.states))
    pairs = [(index * len(one.states) // longer, index * len(other.states) // longer) for index in range(longer)]
    return by_chance(measures, one, other, pairs)


def _turned_gap(grids: Mapping[Measure, np.ndarray], one: Side, other: Side) -> float:
    """How far grids are from those with the sides exchanged, where a measure has no side, and from 1 for one side."""
    worst = 0.0
    for measure, grid in grids.items():
        if measure != "pwcca":
            worst = max(worst, float(np.abs(similarity_grid(measure, other, one).T - grid).max()))
        own = np.diag(similarity_grid(measure, one, one))
        worst = max(worst, float(np.abs(own - 1)[own > 0].max(initial=0.0)))
    return worst


def _summary(
    grids: Mapping[Measure, np.ndarray],
    first: HiddenStatesResult,
    second: HiddenStatesResult,
    names: tuple[str, str],
    parts: int,
) -> str:
    measure, grid = next(iter(grids.items()))
    row, column = (int(index) for index in np.unravel_index(int(grid.argmax()), grid.shape))
    last = layer_in_words(second.states[int(grid[-1].argmax())])
    tops = f"The last layer of {names[0]} is most like {last} of {names[1]} ({grid[-1].max():.2f})."
    if row == len(grid) - 1:
        tops = f"Their last layers are alike to {grid[-1, -1]:.2f}."
    return (
        f"Over {parts} parts of the text, {layer_in_words(first.states[row])} of {names[0]} and "
        f"{layer_in_words(second.states[column])} of {names[1]} are most alike "
        f"({MEASURES[measure]}: {grid.max():.2f}). {tops}"
    )


def _table(
    grids: Mapping[Measure, np.ndarray], first: HiddenStatesResult, second: HiddenStatesResult, names: tuple[str, str]
) -> Table:
    rows = tuple(
        (below, beside, *(float(grid[row, column]) for grid in grids.values()))
        for row, below in enumerate(layer_names(first))
        for column, beside in enumerate(layer_names(second))
    )
    return Table(
        columns=(f"layer of {names[0]}", f"layer of {names[1]}", *(MEASURES[measure] for measure in grids)),
        rows=rows,
        caption="One row per pair of layers, one of each model.",
    )
