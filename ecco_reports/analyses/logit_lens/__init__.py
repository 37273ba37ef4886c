"""What every layer would already predict: the model's own tail read out at each layer and position."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.layers import layer_in_words, layer_name, states_of
from ecco_reports.analyses.logit_lens.figures import grid_of, lines_of, names_of
from ecco_reports.analyses.logit_lens.results import LogitLensResult
from ecco_reports.analyses.logit_lens.tracing import MEASURES, LensTrace, drift_of, question_column, trace_of
from ecco_reports.analyses.measures import Drift, Measure, as_metrics
from ecco_reports.analyses.places import place_problems, places_of, right_at, token_at
from ecco_reports.analyses.preflight import layer_problems, target_problems
from ecco_reports.analyses.race import asked_about, labels_of
from ecco_reports.analyses.reading_out import (
    AS_ECCO,
    ReadoutParams,
    norm_problems,
    places_said,
    readout_checks,
    readout_work,
    way_to_read,
)
from ecco_reports.analyses.side_by_side import Side, settled, side_by_side
from ecco_reports.analyses.tracing_figures import depth_figures
from ecco_reports.analyses.tracing_ranks import first_top, logprob_of
from ecco_reports.analyses.voice import place_name, share, voice_of
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Check, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.methods.lens import Lens

__all__ = ["LogitLens", "LogitLensParams", "LogitLensResult"]


class LogitLensParams(ReadoutParams):
    """Which layers and positions to read out.

    Attributes:
        top_k: How many candidates to keep per cell.
        positions: ``all`` (prompt and continuation), or a list of positions, from 0, or from the end of the prompt when
            negative. In an encoder-decoder they count what the decoder has before it, 0 is its start.
    """

    top_k: int = Field(default=10, ge=1, le=50)
    positions: Literal["all"] | Annotated[tuple[int, ...], Field(min_length=1)] = "all"


class LogitLens(Analysis[LogitLensParams, LogitLensResult]):
    """The logit lens room."""

    name: ClassVar[str] = "logit_lens"
    version: ClassVar[int] = 4
    title: ClassVar[str] = "Logit lens"
    question: ClassVar[str] = "If the model had stopped after this layer, what would it have said?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.LAYER_READOUT})
    Params = LogitLensParams
    Result = LogitLensResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = LensTrace

    def problems(
        self, params: LogitLensParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Layers and positions out of range, targets that are not one token, a norm that cannot be left out."""
        yield from target_problems(prompt, facts)
        yield from layer_problems(params.layers, facts)
        yield from norm_problems(params, facts)
        if params.positions != "all":
            yield from place_problems(params.positions, ("positions",), params, prompt, facts)

    def work(self, params: LogitLensParams, extent: Extent) -> Work:
        """The layers are read at all places, and once more at that of the question; without the norm also with it."""
        said = places_said(extent)
        places = said if params.positions == "all" else min(said, len(params.positions))
        work = readout_work(params, extent, places, times=1 if params.apply_final_norm else 2)
        race = readout_work(params, extent, 1)
        # Where the question is not among the places, its logits take a pass of their own.
        return Work(
            passes=work.passes + (params.positions != "all"), readouts=work.readouts + race.readouts, memory=work.memory
        )

    def run(self, model: LanguageModel, prompt: Prompt, params: LogitLensParams) -> LogitLensResult:
        """Reads out every state asked for with the model's own tail."""
        import torch

        from ecco_reports.methods.distributions import NATS_PER_BIT
        from ecco_reports.methods.lens import logit_lens, token_ranks

        reading = model.read(prompt, params.decoding)
        states = states_of(params.layers, model.layers)
        right = right_at(reading)
        places = _places(params, reading, right)
        if not places:
            return _empty(model, reading, params, states)
        readout, targets = way_to_read(params), torch.tensor([right[place] for place in places])
        lens = logit_lens(model, reading, states, places, targets, params.top_k, readout)
        candidates = torch.stack([row.tokens for row in lens.rows]).cpu().numpy()
        known, indices = np.unique(candidates, return_inverse=True)
        agreement = None
        if not params.apply_final_norm:
            agreement = _agreement(lens, logit_lens(model, reading, states, places, targets, 1), states, model.layers)
        watched = asked_about(model, prompt) or [one.outcome for one in reading.spoken[:1]]
        ranks, shares = np.zeros((len(states), 0), np.int32), np.zeros((len(states), 0), np.float32)
        if watched:
            race = token_ranks(model, reading, states, [(reading.question, one) for one in watched], readout=readout)
            ranks, shares = race.ranks.cpu().numpy().astype(np.int32), race.probabilities.cpu().numpy()
        return LogitLensResult(
            passage=reading.passage,
            states=tuple(states),
            depth=model.layers,
            places=tuple(places),
            question=reading.question,
            next_tokens=tuple(token_at(model, reading, place, right[place]) for place in places),
            vocabulary=tuple(model.outcome(reading, int(number)) for number in known),
            numbers=tuple(known.tolist()),
            candidates=indices.reshape(candidates.shape).astype(np.int32),
            probabilities=_stack([row.probabilities for row in lens.rows]),
            entropy=_stack([row.entropy / NATS_PER_BIT for row in lens.rows]),
            divergence=_stack([row.divergence for row in lens.rows]),
            next_logprob=_stack([row.target_logprob for row in lens.rows]),
            next_rank=_stack([row.target_rank for row in lens.rows]).astype(np.int32),
            watched=tuple(model.outcome(reading, number) for number in watched),
            has_target=prompt.target is not None,
            watched_numbers=tuple(watched),
            watched_ranks=ranks,
            watched_probabilities=shares.astype(np.float32),
            vocab_size=lens.vocab_size,
            apply_final_norm=params.apply_final_norm,
            agreement=agreement,
            readout_gap=lens.readout_gap,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: LogitLensResult) -> Sequence[Check]:
        """The last layer, read out, is the model's own prediction."""
        return readout_checks(result.readout_gap, result.dtype, result.apply_final_norm)

    def metrics(self, result: LogitLensResult) -> Mapping[str, Metric]:
        """When the first thing said becomes the first choice."""
        values: dict[str, float | None] = {}
        column = question_column(result)
        if column is not None:
            ranks = result.next_rank[:, column]
            row = settled(ranks)
            values["final_rank"] = float(ranks[-1])
            values |= first_top(ranks, result.states, result.depth)
            values["settled_layer"] = None if row is None else float(result.states[row] - 1)
        if result.has_target and result.watched:
            values["target_rank"] = float(result.watched_ranks[-1, 0])
            values["target_logprob"] = logprob_of(float(result.watched_probabilities[-1, 0]))
        return as_metrics(MEASURES, values)

    def summary(self, result: LogitLensResult) -> str:
        """Where the next token is known."""
        if not result.places:
            return "There is nothing to read out: no token follows any of the positions asked about."
        return ("" if result.apply_final_norm else _warning(result)) + _finding(result)

    def charts(self, result: LogitLensResult) -> Sequence[Figure]:
        """The grid of layers and positions, and the probability of the watched tokens by layer."""
        figures: list[Figure] = []
        if result.places:
            figures.append(grid_of(result, self.summary(result)))
        if result.watched:
            figures.append(lines_of(result))
        return figures

    def table(self, result: LogitLensResult) -> Table:
        """One row per layer and position."""
        right = voice_of(result.passage.family).expected
        rows = []
        for row, state in enumerate(result.states):
            for column, place in enumerate(result.places):
                (best,) = names_of(result, result.candidates[row, column, :1].tolist())
                rows.append(
                    (
                        layer_name(state),
                        place,
                        place_name(result.passage, place),
                        best,
                        float(result.probabilities[row, column, 0]),
                        result.next_tokens[column].label,
                        math.exp(float(result.next_logprob[row, column])),
                        int(result.next_rank[row, column]),
                        float(result.entropy[row, column]),
                        float(result.divergence[row, column]),
                    )
                )
        return Table(
            columns=(
                "layer",
                "position",
                "token",
                "first choice",
                "its probability",
                right,
                f"probability of the {right}",
                f"rank of the {right}",
                "entropy (bits)",
                "KL to the last layer (nats)",
            ),
            rows=tuple(rows),
            caption="One row per layer and position, from the embedding upwards."
            + ("" if result.apply_final_norm else f" {AS_ECCO}."),
        )

    def between(self, first: LogitLensResult, second: LogitLensResult, names: tuple[str, str]) -> Between | None:
        """The watched tokens over the depth of both models."""
        return side_by_side(_side(first), _side(second), names)

    def trace(self, result: LogitLensResult) -> LensTrace:
        """What each layer would say where the model is asked, and the words that matter there."""
        return trace_of(result)

    def drift(self, before: LensTrace, after: LensTrace) -> Drift:
        """How far the layers' predictions moved."""
        return drift_of(before, after)

    def drift_figures(self, before: LensTrace, after: LensTrace, names: tuple[str, str]) -> Sequence[Figure]:
        """The words over the depth, before and after."""
        return depth_figures(before, after, names)


def _warning(result: LogitLensResult) -> str:
    """What must be known of a lens without the final norm, and what difference it makes."""
    if result.agreement is None:
        return f"{AS_ECCO}. "
    return f"{AS_ECCO}: below the top row, {result.agreement:.0%} of the cells name the same first choice as with it. "


def _finding(result: LogitLensResult) -> str:
    """Where the next token is known, in a sentence."""
    column = question_column(result)
    if column is None:
        return f"The lens was read at {len(result.places)} places and {len(result.states)} layers."
    word, ranks = result.next_tokens[column].word, result.next_rank[:, column]
    row = settled(ranks)
    start = f"“{word}” ranks {ranks[0]:,} at {layer_in_words(result.states[0])}"
    if row is None:
        end = layer_in_words(result.states[-1])
        return f"{start} and is never the first choice for good; at {end} it ranks {ranks[-1]:,}."
    where = layer_in_words(result.states[row])
    probability = math.exp(float(result.next_logprob[row, column]))
    return f"{start}; from {where} on it stays the first choice (probability {share(probability)} there)."


def _places(params: LogitLensParams, reading: Reading, right: Mapping[int, int]) -> list[int]:
    """The places asked for of which it is known what was right, in the order of the text."""
    if params.positions == "all":
        return sorted(right)
    return [place for place in places_of(params.positions, reading) if place in right]


def _agreement(bare: Lens, normed: Lens, states: Sequence[int], layers: int) -> float | None:
    """In which share of the cells below the top row two readings have the same first choice."""
    same = [
        (one.tokens[:, 0] == other.tokens[:, 0]).float().mean().item()
        for state, one, other in zip(states, bare.rows, normed.rows, strict=True)
        if state < layers
    ]
    return sum(same) / len(same) if same else None


def _empty(model: LanguageModel, reading: Reading, params: LogitLensParams, states: Sequence[int]) -> LogitLensResult:
    """The result where no token is followed by another."""
    nothing = np.zeros((len(states), 0), np.float32)
    return LogitLensResult(
        passage=reading.passage,
        states=tuple(states),
        depth=model.layers,
        places=(),
        question=None,
        next_tokens=(),
        vocabulary=(),
        numbers=(),
        candidates=np.zeros((len(states), 0, params.top_k), np.int32),
        probabilities=np.zeros((len(states), 0, params.top_k), np.float32),
        entropy=nothing,
        divergence=nothing,
        next_logprob=nothing,
        next_rank=nothing.astype(np.int32),
        watched=(),
        has_target=False,
        watched_numbers=(),
        watched_ranks=nothing.astype(np.int32),
        watched_probabilities=nothing,
        vocab_size=0,
        apply_final_norm=params.apply_final_norm,
        agreement=None,
        readout_gap=0.0,
        dtype=model.facts.spec.dtype,
    )


def _stack(rows: Sequence[object]) -> np.ndarray:
    import torch

    return torch.stack([row for row in rows if isinstance(row, torch.Tensor)]).cpu().numpy()


def _side(result: LogitLensResult) -> Side:
    return Side(
        family=result.passage.family,
        words=[token.word for token in result.watched],
        labels=labels_of(result.passage, result.watched, result.watched_numbers),
        states=result.states,
        depth=result.depth,
        outcomes=result.vocab_size,
        ranks=result.watched_ranks,
        probabilities=result.watched_probabilities,
    )
