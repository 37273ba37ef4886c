"""Asks a model for its residual stream and takes down what the figures need. The only part that touches a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np

from ecco_reports.analyses.hidden_states.comparing import Side, by_chance, self_gap, similarity_grid
from ecco_reports.analyses.hidden_states.results import HiddenStatesResult, MassiveActivation
from ecco_reports.analyses.hidden_states.settings import HiddenStatesParams, Measure
from ecco_reports.analyses.layers import states_of
from ecco_reports.analyses.preflight import layer_problems
from ecco_reports.errors import CapabilityError
from ecco_reports.methods import stream
from ecco_reports.methods.similarity import FEWEST_TOKENS
from ecco_reports.models.base import Capability, LanguageModel, Stack
from ecco_reports.models.reading import Reading
from ecco_reports.records import Passage, Prompt

MOST_KEPT = 5_000_000
"""How many numbers of the states are stored, 20 MB in single precision."""
MASSIVE_KEPT = 20
COMPONENTS = 3


def hidden_states(model: LanguageModel, prompt: Prompt, params: HiddenStatesParams) -> HiddenStatesResult:
    """The residual stream of a prompt, and what can be said of it."""
    model.demand(frozenset({Capability.STATES}))
    reading = model.read(prompt, params.decoding)
    stack = Stack(params.stack) if params.stack else model.stacks[0]
    every = model.residual_states(reading, stack)
    count = len(every) - 1
    _refuse_layers(model, params, stack, count)
    states = states_of(params.layers, count)
    own = stack_positions(reading.passage, stack)
    positions = _positions(params, reading.passage, own)
    chosen = every[states][:, [position - own.start for position in positions]]
    vectors = chosen.to("cpu").float().numpy() if chosen.element_size() < 8 else chosen.cpu().numpy()
    tokens = reading.passage.tokens
    text = [index for index, at in enumerate(positions) if params.template_tokens or not tokens[at].special]
    compared = vectors[:, text]
    moved = stream.movement(vectors)
    largest = stream.dimensions(vectors, params.top_dimensions, params.outlier_times)
    massive = stream.massive_activations(vectors)
    around = stream.principal_components(compared, COMPONENTS, by_state=params.centre == "layer")
    grids, chance, directions = _similarities(params.measures, compared)
    kept, share, gap = stream.compact(vectors, MOST_KEPT)
    return HiddenStatesResult(
        passage=reading.passage,
        stack=stack,
        two_stacks=reading.passage.encoder_length > 0,
        width=vectors.shape[-1],
        states=tuple(states),
        positions=tuple(positions),
        text=tuple(text),
        norms=_single(moved.norms),
        cosines=_single(moved.cosines),
        changes=_single(moved.changes),
        dimensions=largest.numbers.astype(np.int32),
        values=_single(largest.values),
        times=_single(largest.times),
        peaks=largest.tokens.astype(np.int32),
        outlier_times=params.outlier_times,
        outliers=largest.outliers,
        outlier_states=largest.outlier_states,
        massive=tuple(MassiveActivation(**asdict(one)) for one in massive[:MASSIVE_KEPT]),
        massive_count=len(massive),
        components=_single(around.coordinates),
        explained=around.explained,
        by_layer=params.centre == "layer",
        components_gap=around.gap,
        similarities={measure: _single(grid) for measure, grid in grids.items()},
        chance=chance,
        directions=directions,
        kept=kept,
        whole=kept.size == vectors.size,
        kept_share=share,
        kept_gap=gap,
        self_gap=self_gap(grids, compared),
        stream_gap=model.proofs.get(Capability.STATES, 0.0),
        readout_gap=_readout_gap(model, reading, stack) if states[-1] == count else None,
        dtype=model.facts.spec.dtype,
    )


def stack_positions(passage: Passage, stack: Stack) -> range:
    """Where the tokens that a stack reads stand in a passage."""
    border = passage.encoder_length
    return range(border) if stack is Stack.ENCODER else range(border, len(passage.tokens))


def _positions(params: HiddenStatesParams, passage: Passage, own: range) -> list[int]:
    """The positions asked for, of those that the stack reads."""
    if params.positions == "all":
        return list(own)
    given = passage.encoder_length or passage.prompt_length
    return sorted({position % given for position in params.positions} & set(own))


def _refuse_layers(model: LanguageModel, params: HiddenStatesParams, stack: Stack, count: int) -> None:
    """Makes sure that the stack has the layers asked for; how many an encoder has is not known before it is loaded.

    Raises:
        CapabilityError: It has not.
    """
    for _, what, hint in layer_problems(params.layers, replace(model.facts, layers=count)):
        source = model.facts.spec.source
        raise CapabilityError(source, f"{source}, stack {stack}: {what} {hint}")


def _similarities(
    measures: Sequence[Measure], states: np.ndarray
) -> tuple[dict[Measure, np.ndarray], dict[Measure, float], dict[Measure, np.ndarray]]:
    """The grids, what chance would give, and how many directions were kept; nothing where there is too little."""
    if not measures or len(states) < 2 or states.shape[1] < FEWEST_TOKENS:
        return {}, {}, {}
    side = Side.of(states)
    grids = {measure: similarity_grid(measure, side, side) for measure in measures}
    kept = side.directions()
    chance = by_chance(measures, side, side, list(pairwise(range(len(states)))))
    return grids, chance, {one: kept[one] for one in measures if one in kept}


def _readout_gap(model: LanguageModel, reading: Reading, stack: Stack) -> float | None:
    """How far the logits that the model's tail reads from its last state are from its own, relative to the largest."""
    needed = {Capability.LAYER_READOUT, Capability.LOGITS}
    if stack is not Stack.MAIN or not needed <= model.capabilities or not reading.places:
        return None
    places = reading.places[-1:]
    own = model.logits(reading, places)
    read = model.read_out(reading, model.residual_states(reading)[-1:], places)[0]
    return float((read - own).abs().max()) / max(1.0, float(own.abs().max()))


def _single(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.float32)
