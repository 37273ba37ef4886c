"""The figures and the table of a result. Pure: no model, no torch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecco_reports.analyses.neuron_factors.results import (
    NeuronFactorsResult,
    StackFactors,
    factor_name,
    factor_words,
    in_words,
)
from ecco_reports.charts.factors import factor_layers, factor_neurons, scree
from ecco_reports.charts.figure import ChartFigure, FactorRow, FactorStrip, Figure, strip_tokens
from ecco_reports.records import Table


def figures_of(result: NeuronFactorsResult) -> Iterator[Figure]:
    """Of each stack: the text with its factors, the neurons and the layers that carry them, the scree."""
    for stack in result.stacks:
        yield _strip(result, stack)
        yield _neurons(result, stack)
        if len(stack.layers) > 1:
            yield _layers(result, stack)
        if stack.scree is not None:
            yield _scree(stack)


def table_of(result: NeuronFactorsResult) -> Table:
    """One row per token, with its loading in every factor."""
    most = max((stack.count for stack in result.stacks), default=0)
    named = any(stack.stack for stack in result.stacks)
    rows = []
    for stack in result.stacks:
        missing = (None,) * (most - stack.count)
        for column, position in enumerate(stack.positions):
            loadings = stack.loadings[:, column].tolist()
            strongest = int(np.argmax(loadings)) + 1 if max(loadings) > 0 else None
            label = result.passage.tokens[position].label
            own = tuple(float(f"{loading:.4g}") for loading in loadings)
            rows.append((*((stack.stack,) if named else ()), position, label, strongest, *own, *missing))
    return Table(
        columns=(
            *(("stack",) if named else ()),
            "position",
            "token",
            "strongest factor",
            *(f"factor {number + 1}" for number in range(most)),
        ),
        rows=tuple(rows),
        caption="One row per token: how strong each factor is there, as a share of its strongest token.",
    )


def names_of(result: NeuronFactorsResult, stack: StackFactors) -> list[str]:
    """What a chart calls the factors: "3: “saw” “heard”"."""
    return [f"{number + 1}: {factor_name(result.passage, stack, number)}" for number in range(stack.count)]


def _id(stack: StackFactors, name: str) -> str:
    return f"{stack.stack}-{name}" if stack.stack else name


def _of(stack: StackFactors) -> str:
    return f" of the {stack.stack}" if stack.stack else ""


def _strip(result: NeuronFactorsResult, stack: StackFactors) -> FactorStrip:
    passage = result.passage
    first, last = 0, len(passage.tokens)
    if stack.stack and passage.encoder_length:
        first, last = (0, passage.encoder_length) if stack.stack == "encoder" else (passage.encoder_length, last)
    columns = {position: column for column, position in enumerate(stack.positions)}
    strongest = "; ".join(
        f"factor {number + 1} is strongest at {in_words(factor_words(passage, stack, number))}"
        for number in range(min(stack.count, 3))
    )
    return FactorStrip(
        id=_id(stack, "text"),
        title=f"Neurons{_of(stack)} that fire together, and where",
        reading="Each line is a group of neurons; its bars stand over the tokens of the text, in reading order, and "
        "its words are those at which it is strongest. Choose a line, and the text takes its colour; choose a token, "
        "and the lines show what it is made of. At rest each token has the colour of its strongest factor.",
        alt_text=f"{stack.count} factors over {len(stack.positions)} tokens: {strongest}.",
        tokens=strip_tokens(passage)[first:last],
        factors=[
            FactorRow(
                name=factor_name(passage, stack, number),
                share=f"{float(stack.shares[number]):.1%}".replace("%", "\u00a0%"),
                loadings=[
                    float(stack.loadings[number, columns[position]]) if position in columns else None
                    for position in range(first, last)
                ],
            )
            for number in range(stack.count)
        ],
    )


def _neurons(result: NeuronFactorsResult, stack: StackFactors) -> ChartFigure:
    carried = [
        [
            (
                _neuron(stack, factor, rank),
                float(stack.neuron_weight[factor, rank]),
                float(stack.neuron_share[factor, rank]),
            )
            for rank in range(stack.neuron.shape[1])
            if stack.neuron[factor, rank] >= 0
        ]
        for factor in range(stack.count)
    ]
    together = stack.neuron_share.sum(1)
    return ChartFigure(
        id=_id(stack, "neurons"),
        title=f"The neurons{_of(stack)} that carry a factor",
        reading="A neuron's bar is its part of what the factor explains, and the number behind it is its activation, "
        "by this factor, at the factor's strongest token. Short bars mean that the factor is spread over very many "
        "neurons, of which these are a sample. “Below zero” means that what counts is how far the activation falls "
        "below zero.",
        alt_text=f"The {stack.neuron.shape[1]} neurons named for each factor carry {together.min():.0%} to "
        f"{together.max():.0%} of it; of factor 1 the first is {carried[0][0][0]}.",
        chart=factor_neurons(names_of(result, stack), carried),
    )


def _neuron(stack: StackFactors, factor: int, rank: int) -> str:
    below = " below zero" if stack.neuron_below[factor, rank] else ""
    return f"layer {stack.neuron_layer[factor, rank]}, {stack.neuron[factor, rank]}{below}"


def _layers(result: NeuronFactorsResult, stack: StackFactors) -> ChartFigure:
    totals = stack.layer_shares.sum(1, keepdims=True)
    shares = stack.layer_shares / np.where(totals > 0, totals, 1)
    top = shares.argmax(1)
    return ChartFigure(
        id=_id(stack, "layers"),
        title=f"The layers{_of(stack)} that carry a factor",
        reading="Each row adds up to 100 %. The lowest layers know little but the word itself; the upper ones have had "
        "the text around it to go by. Layers whose activations are larger weigh more in every factor.",
        alt_text=f"Where {stack.count} factors lie in {len(stack.layers)} layers; factor 1 has {shares[0].max():.0%} "
        f"of itself in layer {stack.layers[int(top[0])]}.",
        chart=factor_layers(names_of(result, stack), [str(layer) for layer in stack.layers], shares),
    )


def _scree(stack: StackFactors) -> ChartFigure:
    found = stack.scree
    assert found is not None
    steps = ", ".join(f"{count}: {error:.2f}" for count, error in zip(found.counts, found.errors, strict=True))
    chosen = "The ring is the elbow, which chose the number shown." if found.chosen_by else "The ring is the one shown."
    return ChartFigure(
        id=_id(stack, "scree"),
        title=f"How many factors{_of(stack)}?",
        reading="The error that remains with more and more factors. Where the curve bends, the next factors say little "
        "that is new. The lower line is the least error that so many parts could have if they might be negative. "
        + chosen,
        alt_text=f"Relative error by number of factors: {steps}.",
        chart=scree(found.counts, found.errors, found.floors, stack.count),
    )
