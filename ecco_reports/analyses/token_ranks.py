"""How the tokens the model wrote climb through the layers, and how chosen words compete for one position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.analyses.layers import LayerChoice, layer_in_words, layer_name, states_of
from ecco_reports.analyses.preflight import (
    layer_problems,
    outcome_of,
    outcome_problems,
    position_problems,
    target_problems,
)
from ecco_reports.analyses.voice import numbered, place_name, said, voice_of
from ecco_reports.models.base import READOUT_TOLERANCE, Capability, LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Array, Check, Direction, Family, Metric, Passage, Prompt, Record, Table, Token

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure


class TokenRanksParams(DecodingParams):
    """Which tokens to follow through which layers.

    Attributes:
        watch: Words to compare at one position, each one token (with its leading space); by default the prompt's
            target and foil.
        position: The position after which the watched words compete, counted in the prompt; -1 is its last token.
        layers: ``all``, or a list of layer numbers (negative ones from the end) and ``embedding``.
    """

    watch: tuple[str, ...] = Field(default=(), max_length=12)
    position: int = -1
    layers: LayerChoice = "all"


class TokenRanksResult(Record):
    """Ranks of tokens at each layer.

    Attributes:
        passage: The prompt and the continuation.
        states: The residual states read out: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        spoken: What the model said: the tokens it wrote, those it put in masks, its class, the ends of its answer.
        positions: Where each of them stands in the text, or None.
        ranks: Its rank, ``[state, step]``; 1 is the most probable.
        probabilities: Its probability, ``[state, step]``.
        watched: The watched tokens.
        watch_place: The place at which they compete.
        watched_ranks: ``[state, token]``.
        watched_probabilities: ``[state, token]``.
        target: The rank of the prompt's target at its last position at each state, ``[state]``; empty without one.
        vocab_size: How many ranks there are.
        readout_gap: Largest difference between the last layer's replayed logits and the model's own, relative to the
            largest logit.
        final_rank_gap: Largest difference between the ranks read at the last layer and those of the model's own logits,
            beyond what rounding can shift.
        dtype: The model's floating point type, which says what rounding can shift.
    """

    passage: Passage
    states: tuple[int, ...]
    spoken: tuple[Token, ...]
    positions: tuple[int | None, ...]
    ranks: Array
    probabilities: Array
    watched: tuple[Token, ...]
    watch_place: int
    watched_ranks: Array
    watched_probabilities: Array
    target: Array
    vocab_size: int
    readout_gap: float
    final_rank_gap: int
    dtype: str


class TokenRanks(Analysis[TokenRanksParams, TokenRanksResult]):
    """The token ranks room."""

    name: ClassVar[str] = "token_ranks"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Token ranks"
    question: ClassVar[str] = "At which layer did what the model said become its first choice?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.LAYER_READOUT})
    Params = TokenRanksParams
    Result = TokenRanksResult

    def problems(
        self, params: TokenRanksParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Watched words that are not one token; layers and positions out of range."""
        yield from target_problems(prompt, facts)
        yield from layer_problems(params.layers, facts)
        yield from position_problems([params.position], ("position",), prompt, facts)
        if facts.tokenize is not None:
            for index, word in enumerate(params.watch):
                yield from outcome_problems(word, ("watch", index), facts)

    def run(self, model: LanguageModel, prompt: Prompt, params: TokenRanksParams) -> TokenRanksResult:
        """Counts, at every layer, the tokens that are more probable than the one that was written."""
        from ecco_reports.methods.lens import token_ranks

        reading = model.read(prompt, params.decoding)
        states = states_of(params.layers, model.layers)
        words = params.watch or tuple(word for word in (prompt.target, prompt.foil) if word is not None)
        watched = [outcome_of(word, model.facts, model.tokenizer) for word in words]
        target = [] if prompt.target is None else [outcome_of(prompt.target, model.facts, model.tokenizer)]
        place = _watch_place(reading, params.position, "position" in params.model_fields_set)
        places = [(one.place, one.outcome) for one in reading.spoken]
        places += [(place, number) for number in watched]
        # Where nothing was said and nothing is watched, any outcome carries the proof.
        places += [(reading.question, number) for number in target or [0]]
        found = token_ranks(model, reading, states, places)
        ranks, probabilities = found.ranks.cpu().numpy().astype(np.int32), found.probabilities.cpu().numpy()
        steps, end = len(reading.spoken), len(reading.spoken) + len(watched)
        return TokenRanksResult(
            passage=reading.passage,
            spoken=tuple(one.token for one in reading.spoken),
            positions=tuple(one.position for one in reading.spoken),
            states=tuple(states),
            ranks=ranks[:, :steps],
            probabilities=probabilities[:, :steps],
            watched=tuple(model.outcome(reading, number) for number in watched),
            watch_place=place,
            watched_ranks=ranks[:, steps:end],
            watched_probabilities=probabilities[:, steps:end],
            target=ranks[:, end] if target else np.zeros(0, np.int32),
            vocab_size=found.vocab_size,
            readout_gap=found.readout_gap,
            final_rank_gap=found.final_rank_gap,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: TokenRanksResult) -> Sequence[Check]:
        """The last layer, replayed, is the model's own prediction: the same logits and the same ranks."""
        return [
            Check(
                name="readout identity",
                residual=result.readout_gap,
                tolerance=READOUT_TOLERANCE[result.dtype],
                meaning="Largest difference between the logits read at the last layer and the logits of the model "
                "itself, relative to the largest logit.",
            ),
            Check(
                name="final rank",
                residual=float(result.final_rank_gap),
                tolerance=0.0,
                meaning="Largest difference between the ranks read at the last layer and the ranks in the model's own "
                "logits, beyond what rounding can shift.",
            ),
        ]

    def metrics(self, result: TokenRanksResult) -> Mapping[str, Metric]:
        """Where the written tokens, and the target, end up."""
        metrics = {}
        if result.ranks.size:
            metrics["median_final_rank"] = Metric(
                value=float(np.median(result.ranks[-1])),
                direction=Direction.LOWER,
                meaning="median rank of the generated tokens at the last layer read out",
            )
        if result.target.size:
            metrics["target_rank"] = Metric(
                value=float(result.target[-1]),
                direction=Direction.LOWER,
                meaning="rank of the prompt's target after the prompt, at the last layer read out",
            )
        return metrics

    def summary(self, result: TokenRanksResult) -> str:
        """How far the tokens climbed, and which watched word won."""
        tokens = result.spoken
        first = voice_of(result.passage.family).silence
        if tokens:
            first = (
                f"“{tokens[0].word}” goes from rank {result.ranks[0, 0]:,} at {layer_in_words(result.states[0])} to "
                f"rank {result.ranks[-1, 0]:,} at {layer_in_words(result.states[-1])}."
            )
        if len(result.watched) < 2:
            return first
        finals = result.watched_ranks[-1]
        order = np.argsort(finals, kind="stable")
        best, second = (result.watched[int(index)].word for index in order[:2])
        return (
            f"{first} Of the watched words “{best}” ends highest (rank {finals[order[0]]:,}), then “{second}” "
            f"(rank {finals[order[1]]:,})."
        )

    def charts(self, result: TokenRanksResult) -> Sequence[Figure]:
        """The ranks of all generated tokens, and the race of the watched ones."""
        from ecco_reports.charts.figure import ChartFigure
        from ecco_reports.charts.ranks import rank_grid, rank_lines

        layers = [layer_name(state) for state in result.states]
        figures: list[Figure] = []
        voice = voice_of(result.passage.family)
        if result.spoken:
            figures.append(
                ChartFigure(
                    id="grid",
                    title=f"Rank of each {voice.thing}, layer by layer",
                    reading=f"Each column is one {voice.thing}, read from the bottom up; the number is its rank among "
                    f"the {result.vocab_size:,} candidates if the model stopped after that layer. Rank 1 means it is "
                    "the first choice. The layer where a column turns to 1 is where that was decided.",
                    alt_text=f"Ranks of {len(result.spoken)} {voice.things} over {len(layers)} layers. "
                    + self.summary(result),
                    chart=rank_grid(layers, _columns(result), result.ranks, result.vocab_size, voice.thing),
                )
            )
        if result.watched:
            where = _where(result)
            figures.append(
                ChartFigure(
                    id="watch",
                    title="The watched words compete",
                    reading=f"The rank of each watched word {where}, layer by layer; the scale is logarithmic "
                    "and 1 is on top. Where lines cross, the model changed its mind.",
                    alt_text="; ".join(
                        f"“{token.word}” ends at rank {result.watched_ranks[-1, index]:,}"
                        for index, token in enumerate(result.watched)
                    )
                    + ".",
                    chart=rank_lines(
                        layers,
                        [said(result.passage, t) for t in result.watched],
                        result.watched_ranks,
                        result.vocab_size,
                    ),
                )
            )
        return figures

    def table(self, result: TokenRanksResult) -> Table:
        """One row per layer and token."""
        rows = []
        for row, state in enumerate(result.states):
            for step, (token, position) in enumerate(zip(result.spoken, result.positions, strict=True)):
                rows.append(
                    (
                        "generated",
                        layer_name(state),
                        position,
                        token.label,
                        int(result.ranks[row, step]),
                        float(result.probabilities[row, step]),
                    )
                )
            for index, token in enumerate(result.watched):
                rows.append(
                    (
                        "watched",
                        layer_name(state),
                        _stands_at(result),
                        token.label,
                        int(result.watched_ranks[row, index]),
                        float(result.watched_probabilities[row, index]),
                    )
                )
        return Table(
            columns=("kind", "layer", "position", "token", "rank", "probability"),
            rows=tuple(rows),
            caption="One row per layer and token; the position is where the token stands or would stand.",
        )


def _columns(result: TokenRanksResult) -> list[str]:
    """Labels of what was said; the ends of an answer with their place in the text."""
    if result.passage.family is Family.QUESTION_ANSWERING:
        return [numbered(result.passage, position) for position in result.positions]
    return [said(result.passage, token) for token in result.spoken]


def _watch_place(reading: Reading, position: int, given: bool) -> int:
    """Where watched words compete: at the position asked for, else where the model is asked."""
    if not given or reading.family not in (Family.CAUSAL, Family.MASKED, Family.ENCODER_DECODER):
        return reading.question
    place = position % reading.passage.prompt_length
    return place if place in reading.places else reading.question


def _where(result: TokenRanksResult) -> str:
    """Where watched words compete, in a sentence."""
    passage, place = result.passage, result.watch_place
    match passage.family:
        case Family.CLASSIFICATION:
            return "for the whole text"
        case Family.QUESTION_ANSWERING:
            return f"as the {place_name(passage, place)} of the answer"
        case Family.ENCODER_DECODER if place == passage.prompt_length - 1:
            return "as the first token that the decoder writes"
        case Family.MASKED:
            return f"in the place of “{passage.tokens[place].word}” (position {place})"
        case _:
            return f"right after “{passage.tokens[place].word}” (position {place})"


def _stands_at(result: TokenRanksResult) -> int | None:
    """Where a watched word would stand."""
    if result.passage.family in (Family.CLASSIFICATION, Family.QUESTION_ANSWERING):
        return None
    return result.watch_place + (result.passage.family is not Family.MASKED)
