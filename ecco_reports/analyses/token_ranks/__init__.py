"""How what the model said climbs through the layers, and how chosen words compete for one position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.layers import layer_in_words, layer_name, states_of
from ecco_reports.analyses.measures import Drift, Measure, as_metrics
from ecco_reports.analyses.places import SPEAKS_ONCE, place_problems, places_of, right_at, token_at
from ecco_reports.analyses.preflight import layer_problems, outcome_of, target_problems
from ecco_reports.analyses.race import Watched, asked_about, labels_of, number_of, verdict, watch_problems
from ecco_reports.analyses.reading_out import (
    AS_ECCO,
    ReadoutParams,
    norm_problems,
    places_said,
    rank_check,
    readout_checks,
    readout_work,
    way_to_read,
)
from ecco_reports.analyses.side_by_side import Side, side_by_side
from ecco_reports.analyses.token_ranks.figures import labels_of_columns, position_of, race_of, rank_grid_of
from ecco_reports.analyses.token_ranks.results import TokenRanksResult
from ecco_reports.analyses.token_ranks.tracing import MEASURES, trace_of
from ecco_reports.analyses.tracing_figures import depth_figures
from ecco_reports.analyses.tracing_ranks import RanksTrace, drift_of, first_top, logprob_of
from ecco_reports.analyses.voice import voice_of
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Check, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

__all__ = ["TokenRanks", "TokenRanksParams", "TokenRanksResult"]


class TokenRanksParams(ReadoutParams):
    """Which tokens to follow through which layers.

    Attributes:
        positions: ``generated`` follows what the model said; ``all`` also the prompt's own tokens; or a list of
            positions whose next token is followed (in a masked text: the token that stands there).
        top_k: How many tokens to name in each cell that the layer would rather have said.
        watch: Words to compare at one position, each one token (with its leading space) or its number; by default the
            prompt's target and foil. For more than that there is the analysis ``watch``.
        position: The position after which the watched words compete, counted in the prompt; -1 is its last token.
    """

    positions: Literal["generated", "all"] | Annotated[tuple[int, ...], Field(min_length=1)] = "generated"
    top_k: int = Field(default=3, ge=1, le=50)
    watch: Annotated[tuple[Watched, ...], Field(max_length=12)] = ()
    position: int = -1


class TokenRanks(Analysis[TokenRanksParams, TokenRanksResult]):
    """The token ranks room."""

    name: ClassVar[str] = "token_ranks"
    version: ClassVar[int] = 4
    title: ClassVar[str] = "Token ranks"
    question: ClassVar[str] = "At which layer did what the model said become its first choice?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.LAYER_READOUT})
    Params = TokenRanksParams
    Result = TokenRanksResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = RanksTrace

    def problems(
        self, params: TokenRanksParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Watched words that are not one token; layers and positions out of range; a norm that cannot be left out."""
        yield from target_problems(prompt, facts)
        yield from layer_problems(params.layers, facts)
        yield from norm_problems(params, facts)
        if not isinstance(params.positions, str):
            yield from place_problems(params.positions, ("positions",), params, prompt, facts)
        if "position" in params.model_fields_set:
            yield from place_problems([params.position], ("position",), params, prompt, facts)
        yield from watch_problems(params.watch, "watch", facts)

    def work(self, params: TokenRanksParams, extent: Extent) -> Work:
        """The layers are read at the places followed, and at that of the watched words."""
        places = extent.written
        if params.positions != "generated":
            places = places_said(extent) if params.positions == "all" else len(params.positions)
        return readout_work(params, extent, places + (extent.family not in SPEAKS_ONCE))

    def run(self, model: LanguageModel, prompt: Prompt, params: TokenRanksParams) -> TokenRanksResult:
        """Counts, at every layer, the tokens that are more probable than the one that was written."""
        from ecco_reports.methods.lens import token_ranks

        reading = model.read(prompt, params.decoding)
        states = states_of(params.layers, model.layers)
        columns = _columns(reading, params)
        watched = [number_of(word, model.facts) for word in params.watch] or asked_about(model, prompt)
        target = [] if prompt.target is None else [outcome_of(prompt.target, model.facts, model.tokenizer)]
        place = _watch_place(reading, params)
        asked = [*columns, *((place, number) for number in watched)]
        # Where nothing was said and nothing is watched, any outcome carries the proof.
        asked += [(reading.question, number) for number in target or [0]]
        found = token_ranks(model, reading, states, asked, params.top_k, way_to_read(params))
        ranks = found.ranks.cpu().numpy().astype(np.int32)
        probabilities = found.probabilities.cpu().numpy().astype(np.float32)
        steps, end = len(columns), len(columns) + len(watched)
        known, indices = np.unique(found.tokens[:, :steps].cpu().numpy(), return_inverse=True)
        said_there = {one.place for one in reading.spoken}
        return TokenRanksResult(
            passage=reading.passage,
            states=tuple(states),
            depth=model.layers,
            places=tuple(place for place, _ in columns),
            tokens=tuple(token_at(model, reading, *column) for column in columns),
            generated=tuple(place in said_there for place, _ in columns),
            ranks=ranks[:, :steps],
            probabilities=probabilities[:, :steps],
            vocabulary=tuple(model.outcome(reading, int(number)) for number in known),
            numbers=tuple(known.tolist()),
            candidates=indices.reshape(len(states), steps, found.tokens.shape[-1]).astype(np.int32),
            watched=tuple(model.outcome(reading, number) for number in watched),
            watched_numbers=tuple(watched),
            watch_place=place,
            watched_ranks=ranks[:, steps:end],
            watched_probabilities=probabilities[:, steps:end],
            target=ranks[:, end] if target else np.zeros(0, np.int32),
            target_token=model.outcome(reading, target[0]) if target else None,
            target_probabilities=probabilities[:, end] if target else np.zeros(0, np.float32),
            vocab_size=found.vocab_size,
            apply_final_norm=params.apply_final_norm,
            readout_gap=found.readout_gap,
            final_rank_gap=found.final_rank_gap,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: TokenRanksResult) -> Sequence[Check]:
        """The last layer is the model's own prediction: the same logits and the same ranks."""
        checks = readout_checks(result.readout_gap, result.dtype, result.apply_final_norm)
        return [*checks, rank_check(result.final_rank_gap)]

    def metrics(self, result: TokenRanksResult) -> Mapping[str, Metric]:
        """Where the written tokens, and the target, end up."""
        said = list(result.generated)
        values: dict[str, float | None] = {}
        if any(said):
            values["median_final_rank"] = float(np.median(result.ranks[-1, said]))
        if result.target.size:
            values["target_rank"] = float(result.target[-1])
            values["target_logprob"] = logprob_of(float(result.target_probabilities[-1]))
            values |= first_top(result.target, result.states, result.depth)
        return as_metrics(MEASURES, values)

    def summary(self, result: TokenRanksResult) -> str:
        """How far the tokens climbed, and which watched word won."""
        first = voice_of(result.passage).silence
        if result.tokens:
            column = next((index for index, own in enumerate(result.generated) if own), 0)
            first = (
                f"“{result.tokens[column].word}” goes from rank {result.ranks[0, column]:,} at "
                f"{layer_in_words(result.states[0])} to rank {result.ranks[-1, column]:,} at "
                f"{layer_in_words(result.states[-1])}."
            )
        if not result.apply_final_norm:
            first = f"{AS_ECCO}. {first}"
        if len(result.watched) < 2:
            return first
        words = [token.word for token in result.watched]
        return f"{first} Of the watched words, " + (
            verdict(words, result.watched_ranks, result.watched_probabilities, result.states)
        )

    def charts(self, result: TokenRanksResult) -> Sequence[Figure]:
        """The ranks of what was said, and the race of the watched words."""
        figures: list[Figure] = []
        if result.tokens:
            figures.append(rank_grid_of(result, self.summary(result)))
        if result.watched:
            figures.append(race_of(result))
        return figures

    def table(self, result: TokenRanksResult) -> Table:
        """One row per layer and token."""
        watched = (result.watch_place,) * len(result.watched)
        kinds = [("given" if result.passage.forced else "generated") if own else "read" for own in result.generated]
        groups = (
            (kinds, result.places, result.tokens, result.ranks, result.probabilities),
            (["watched"] * len(watched), watched, result.watched, result.watched_ranks, result.watched_probabilities),
        )
        rows = [
            (
                kind,
                layer_name(state),
                position_of(result.passage, place),
                token.label,
                int(ranks[row, column]),
                float(probabilities[row, column]),
            )
            for row, state in enumerate(result.states)
            for group_kinds, places, tokens, ranks, probabilities in groups
            for column, (kind, place, token) in enumerate(zip(group_kinds, places, tokens, strict=True))
        ]
        return Table(
            columns=("kind", "layer", "position", "token", "rank", "probability"),
            rows=tuple(rows),
            caption="One row per layer and token; the position is where the token stands or would stand.",
        )

    def between(self, first: TokenRanksResult, second: TokenRanksResult, names: tuple[str, str]) -> Between | None:
        """The watched words, or else the first thing each model said, over the depth of both models."""
        return side_by_side(_side(first), _side(second), names)

    def trace(self, result: TokenRanksResult) -> RanksTrace:
        """The watched words, or else the first thing said, and the prompt's target."""
        return trace_of(result)

    def drift(self, before: RanksTrace, after: RanksTrace) -> Drift:
        """How far the words moved in rank."""
        return drift_of(before, after)

    def drift_figures(self, before: RanksTrace, after: RanksTrace, names: tuple[str, str]) -> Sequence[Figure]:
        """The words over the depth, before and after."""
        return depth_figures(before, after, names)


def _columns(reading: Reading, params: TokenRanksParams) -> list[tuple[int, int]]:
    """Which places are followed, and what was right there."""
    if params.positions == "generated" or reading.family in SPEAKS_ONCE:
        return [(one.place, one.outcome) for one in reading.spoken]
    right = right_at(reading)
    places = sorted(right) if params.positions == "all" else places_of(params.positions, reading)
    return [(place, right[place]) for place in places if place in right]


def _watch_place(reading: Reading, params: TokenRanksParams) -> int:
    """Where watched words compete: at the position asked for, else where the model is asked."""
    if "position" not in params.model_fields_set or reading.family in SPEAKS_ONCE:
        return reading.question
    return next(iter(places_of([params.position], reading)), reading.question)


def _side(result: TokenRanksResult) -> Side:
    """The watched words, or else the first thing that was said."""
    if result.watched:
        tokens, labels = result.watched, labels_of(result.passage, result.watched, result.watched_numbers)
        ranks, probabilities = result.watched_ranks, result.watched_probabilities
    else:
        tokens, labels = result.tokens[:1], labels_of_columns(result)[:1]
        ranks, probabilities = result.ranks[:, :1], result.probabilities[:, :1]
    return Side(
        family=result.passage.family,
        words=[token.word for token in tokens],
        labels=labels,
        states=result.states,
        depth=result.depth,
        outcomes=result.vocab_size,
        ranks=ranks,
        probabilities=probabilities,
    )
