"""From a reading to its factors: which tokens and layers of which stack count, and what is kept of the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.layers import blocks_of
from ecco_reports.analyses.neuron_factors.results import NeuronFactorsResult, Scree, StackFactors
from ecco_reports.analyses.neuron_factors.settings import NeuronFactorsParams
from ecco_reports.analyses.preflight import layer_problems
from ecco_reports.models.base import LanguageModel, Stack
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Prompt

if TYPE_CHECKING:
    from ecco_reports.methods.factors import Factorization, Factors, Rows


def compute(model: LanguageModel, prompt: Prompt, params: NeuronFactorsParams) -> NeuronFactorsResult:
    """The factors of every stack that is asked for and has enough tokens."""
    reading = model.read(prompt, params.decoding)
    stacks, left_out = [], []
    for stack in _stacks(model, reading, params):
        name = _name(stack, reading, model)
        columns = _positions(reading, stack, params)
        if len(columns) <= params.fewest:
            left_out.append(_too_few(name, len(columns), params.fewest))
            continue
        found = _factors_of(model, reading, stack, name, columns, params)
        if isinstance(found, str):
            left_out.append(found)
        else:
            stacks.append(found)
    return NeuronFactorsResult(passage=reading.passage, stacks=tuple(stacks), left_out=tuple(left_out))


def _stacks(model: LanguageModel, reading: Reading, params: NeuronFactorsParams) -> Iterator[Stack]:
    """The stacks to look at.

    Of a classifier that has two, the encoder reads the text as it stands; the decoder reads it moved by one token.
    """
    known = model.neuron_stacks
    if reading.family is Family.ENCODER_DECODER:
        wanted = {"encoder": {Stack.ENCODER}, "decoder": {Stack.MAIN}, "both": {Stack.ENCODER, Stack.MAIN}}
        yield from (stack for stack in known if stack in wanted[params.stack])
    else:
        yield from known[:1]


def _name(stack: Stack, reading: Reading, model: LanguageModel) -> str:
    """How a page calls a stack; a model that has only one needs no name for it."""
    if reading.family is not Family.ENCODER_DECODER and len(model.neuron_stacks) == 1:
        return ""
    return "encoder" if stack is Stack.ENCODER else "decoder"


def _positions(reading: Reading, stack: Stack, params: NeuronFactorsParams) -> list[int]:
    """Which positions of the passage count."""
    passage = reading.passage
    border, end = passage.encoder_length, len(passage.tokens)
    own = range(border) if stack is Stack.ENCODER and border else range(border, end)
    return [
        position
        for position in own
        if ("prompt" if position < passage.prompt_length else "generated") in params.include
        and (params.special_tokens == "keep" or not passage.tokens[position].special)
    ]


def _too_few(name: str, tokens: int, factors: int) -> str:
    what = f"The {name} has" if name else "The text has"
    count = "no token that counts" if tokens == 0 else f"{tokens} token{'s' if tokens > 1 else ''} that count"
    needed = "1 factor needs" if factors == 1 else f"{factors} factors need"
    return f"{what} {count}{'s' if tokens == 1 else ''}, and {needed} at least {factors + 1}."


def _factors_of(
    model: LanguageModel,
    reading: Reading,
    stack: Stack,
    name: str,
    positions: list[int],
    params: NeuronFactorsParams,
) -> StackFactors | str:
    """The factors of one stack, or why there are none."""
    from ecco_reports.methods.factors import Factorization, rows_of

    activations = model.neurons(reading, stack)
    depth = max(model.layers_of(stack), max(activations) + 1)  # Blocks of an encoder may be called more than once.
    if any(layer_problems(params.layers, replace(model.facts, layers=depth))):
        return f"The {name} has {depth} layers, and others were asked for."
    layers = [layer for layer in blocks_of(params.layers, depth) if layer in activations]
    if not layers:
        return "None of the chosen layers has neurons that can be had."
    first = 0 if stack is Stack.ENCODER else reading.passage.encoder_length
    kept = {layer: activations[layer] for layer in layers}
    rows = rows_of(kept, [position - first for position in positions], params.negative, params.balance == "layers")
    if not len(rows.values):
        return "No neuron of the chosen layers fires at any of the tokens that count."
    parts = Factorization(rows.values, params.tolerance, params.max_iterations)
    counts = [count for count in params.counts if count < len(positions)]
    tried = {count: parts.factors(count) for count in counts}
    count = _chosen(params, counts, tried)
    factors = tried[count] if count in tried else parts.factors(count)
    return StackFactors(
        stack=name,
        positions=tuple(positions),
        layers=tuple(layers),
        rows=len(rows.values),
        negative=rows.negative,
        loadings=factors.loadings.astype(np.float32),
        shares=factors.shares.astype(np.float32),
        error=factors.error,
        floor=parts.floor(count),
        movement=factors.movement,
        iterations=factors.iterations,
        converged=factors.converged,
        scree=_scree(parts, tried, params.n_components == "auto"),
        **_carried(factors, rows, layers, params.top_neurons),
    )


def _chosen(params: NeuronFactorsParams, counts: list[int], tried: dict[int, Factors]) -> int:
    """How many factors to show."""
    from ecco_reports.methods.factors import elbow

    if params.n_components != "auto":
        return params.n_components
    return elbow(counts, [tried[count].error for count in counts])


def _scree(parts: Factorization, tried: dict[int, Factors], chosen_by: bool) -> Scree | None:
    if not tried:
        return None
    return Scree(
        counts=tuple(tried),
        errors=tuple(found.error for found in tried.values()),
        floors=tuple(parts.floor(count) for count in tried),
        chosen_by=chosen_by,
    )


def _carried(factors: Factors, rows: Rows, layers: list[int], top: int) -> dict[str, np.ndarray]:
    """The shares of the layers, and the neurons that carry most of each factor."""
    order = np.argsort(-factors.row_shares, axis=0, kind="stable")[:top].T
    column = np.arange(len(order))[:, None]
    shares, whole = factors.row_shares[order, column], factors.shares[:, None]
    per_layer = [factors.row_shares[rows.layer == layer].sum(0) for layer in layers]
    return {
        "layer_shares": np.stack(per_layer, axis=1).astype(np.float32),
        "neuron_layer": rows.layer[order].astype(np.int32),
        "neuron": np.where(shares > 0, rows.neuron[order], -1).astype(np.int32),
        "neuron_below": rows.below[order],
        "neuron_weight": (factors.weights[order, column] / rows.scale[order]).astype(np.float32),
        "neuron_share": (shares / np.where(whole > 0, whole, 1)).astype(np.float32),
    }
