"""What is said of a residual stream: the summary, the numbers for gates, the proof, the table. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ecco_reports.analyses.hidden_states.catalogue import MEASURES
from ecco_reports.analyses.hidden_states.results import HiddenStatesResult
from ecco_reports.analyses.layers import layer_in_words, layer_name
from ecco_reports.analyses.measures import as_metrics
from ecco_reports.methods.similarity import FEWEST_TOKENS
from ecco_reports.models.base import READOUT_TOLERANCE, Stack
from ecco_reports.records import Check, Metric, Table

ROUNDING = 1e-6
"""How far sums in double precision of numbers in single precision may be from what they should be."""


def token_labels(result: HiddenStatesResult) -> list[str]:
    """The labels of the tokens shown."""
    return [result.passage.tokens[position].label for position in result.positions]


def layer_names(result: HiddenStatesResult) -> list[str]:
    """The names of the states shown."""
    return [layer_name(state) for state in result.states]


def stack_in_words(result: HiddenStatesResult) -> str:
    """Whose stream it is, where there are two; begins with a space."""
    if not result.two_stacks:
        return ""
    return " of the encoder" if result.stack is Stack.ENCODER else " of the decoder"


def usual(result: HiddenStatesResult, numbers: np.ndarray) -> np.ndarray:
    """The median over the tokens of the text (over all where none is), by row of ``[row, token]``."""
    columns = list(result.text) or list(range(numbers.shape[1]))
    medians: np.ndarray = np.median(numbers[:, columns], axis=1)
    return medians


def neighbours(grid: np.ndarray) -> float:
    """The mean similarity of states that follow one another."""
    return float(np.diag(grid, 1).mean())


def not_compared(result: HiddenStatesResult) -> str:
    """Why layers are not compared, as a sentence that begins with a space; empty where they are."""
    if result.similarities:
        return ""
    count = len(result.text)
    if count < FEWEST_TOKENS:
        there = "there is 1" if count == 1 else f"there are {count or 'none'}"
        return f" Layers are not compared: that takes {FEWEST_TOKENS} tokens of the text, and {there}."
    return " Layers are not compared: there is only one." if len(result.states) < 2 else ""


def summary_of(result: HiddenStatesResult) -> str:
    """How far the stream moves, and which of its layers are alike."""
    whose = stack_in_words(result)
    norms = usual(result, result.norms)
    if len(result.states) < 2:
        where = layer_in_words(result.states[0])
        return f"At {where}{whose} the vector of the median token has length {norms[0]:.3g}.{not_compared(result)}"
    changes = usual(result, result.changes)
    strongest = int(changes.argmax())
    said = (
        f"{layer_in_words(result.states[strongest + 1]).capitalize()}{whose} changes the stream most: the vector of "
        f"the median token by {changes[strongest]:.0%} of its length, which is {norms[0]:.3g} at "
        f"{layer_in_words(result.states[0])} and {norms[-1]:.3g} at {layer_in_words(result.states[-1])}."
    )
    return said + (_alike(result) or not_compared(result)) + _outliers(result)


def _alike(result: HiddenStatesResult) -> str:
    """What CKA says of neighbours and of the two states that are least alike."""
    grid = result.similarities.get("cka")
    if grid is None:
        return ""
    row, column = np.unravel_index(int(grid.argmin()), grid.shape)
    least = " and ".join(layer_in_words(result.states[index]) for index in sorted((int(row), int(column))))
    smallest = f"{grid.min():.2f}".replace("-", "\u2212")
    return f" Neighbours have a CKA of {neighbours(grid):.2f} on average; least alike are {least} ({smallest})."


def _outliers(result: HiddenStatesResult) -> str:
    count, massive = len(result.outliers), result.massive_count
    parts = []
    if count:
        named = ", ".join(map(str, result.outliers[:3])) + (" and others" if count > 3 else "")
        parts.append(f"{count} outlier dimension{'s' if count > 1 else ''} ({named})")
    if massive:
        parts.append(f"{massive} massive activation{'s' if massive > 1 else ''}")
    return f" There {'is' if count + massive == 1 else 'are'} {' and '.join(parts)}." if parts else ""


def metrics_of(result: HiddenStatesResult) -> Mapping[str, Metric]:
    """The numbers a gate may watch; layers are counted from 0."""
    values: dict[str, float | None] = {
        "outlier_dimensions": len(result.outliers),
        "massive_activations": result.massive_count,
    }
    if len(result.states) > 1:
        norms, changes = usual(result, result.norms), usual(result, result.changes)
        values["largest_change"] = changes.max()
        values["largest_change_layer"] = result.states[int(changes.argmax()) + 1] - 1
        values["norm_growth"] = norms[-1] / norms[0] if norms[0] > 0 else None
    if "cka" in result.similarities:
        grid = result.similarities["cka"]
        values |= {"neighbour_cka": neighbours(grid), "least_cka": grid.min()}
    return as_metrics(MEASURES, values)


def checks_of(result: HiddenStatesResult) -> Sequence[Check]:
    """The residuals a result carries."""
    two = ", and the last state of the encoder, run through the rest of the model, must give the model's own answer"
    tolerance = READOUT_TOLERANCE[result.dtype]
    checks = [
        Check(
            name="stream",
            residual=result.stream_gap,
            tolerance=tolerance,
            meaning="On a short text, each block must take in, to the last bit, what the one before it gave out"
            f"{two if result.two_stacks else ''}.",
        ),
        Check(
            name="variance",
            residual=result.components_gap,
            tolerance=ROUNDING,
            meaning="The variances along all principal components must add up to that of the vectors, and those of the "
            "coordinates shown must be their part of it; relative to the whole.",
        ),
        Check(
            name="stored vectors",
            residual=result.kept_gap,
            tolerance=ROUNDING,
            meaning="The largest difference between an inner product of stored vectors and of the model's own, "
            "relative to the largest.",
        ),
    ]
    if result.readout_gap is not None:
        checks.append(
            Check(
                name="readout identity",
                residual=result.readout_gap,
                tolerance=tolerance,
                meaning="Largest difference between the logits that the model's last step makes of the last state and "
                "the logits of the model itself, relative to the largest logit.",
            )
        )
    if result.similarities:
        checks.append(
            Check(
                name="likeness to itself",
                residual=result.self_gap,
                tolerance=ROUNDING,
                meaning="How far the likeness of a layer to itself is from 1, and the likeness of two layers from that "
                "of the same two the other way round (but for PWCCA, which has a side).",
            )
        )
    return checks


def table_of(result: HiddenStatesResult) -> Table:
    """One row per state and token."""
    labels = token_labels(result)
    rows = [
        (
            layer_name(state),
            position,
            labels[column],
            float(result.norms[row, column]),
            float(result.changes[row - 1, column]) if row else None,
            float(result.cosines[row - 1, column]) if row else None,
        )
        for row, state in enumerate(result.states)
        for column, position in enumerate(result.positions)
    ]
    return Table(
        columns=(
            "layer",
            "position",
            "token",
            "length",
            "change (of its length)",
            "cosine with the layer before",
        ),
        rows=tuple(rows),
        caption="One row per layer and token, from the embedding upwards.",
    )
