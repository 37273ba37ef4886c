"""What every layer would already predict: the model's own tail read out at each layer and position."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.analyses.layers import LayerChoice, layer_in_words, layer_name, states_of
from ecco_reports.analyses.lens_words import grid_reading, grid_title, lens_words
from ecco_reports.analyses.preflight import layer_problems, outcome_of, position_problems, target_problems
from ecco_reports.analyses.voice import numbered, place_name, said, voice_of
from ecco_reports.models.base import READOUT_TOLERANCE, Capability, LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Array, Check, Direction, Family, Metric, Passage, Prompt, Record, Table, Token

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.charts.lens import LensCell


class LogitLensParams(DecodingParams):
    """Which layers and positions to read out.

    Attributes:
        top_k: How many candidates to keep per cell.
        layers: ``all``, or a list of layer numbers (negative ones from the end) and ``embedding``.
        positions: ``all`` (prompt and continuation), or a list of positions in the prompt.
    """

    top_k: int = Field(default=10, ge=1, le=50)
    layers: LayerChoice = "all"
    positions: Literal["all"] | Annotated[tuple[int, ...], Field(min_length=1)] = "all"


class LogitLensResult(Record):
    """A lens over layers and positions.

    Attributes:
        passage: The prompt and the continuation.
        states: The residual states read out: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        places: Where the model was asked: positions that a token follows, or (for a masked model) that hold one; the
            one place of a classifier; the start and the end of an answer.
        question: The place that the prompt's own target is about, or that the first thing said came from.
        next_tokens: What was right at each place: the token that came next (the prompt's own, or what the model
            wrote), the token that stands there, the class or the end that was chosen.
        vocabulary: Every token that is named by ``candidates``.
        numbers: Their numbers among all outcomes: of the ends of an answer, where they stand in the text.
        candidates: Most probable tokens as indices into ``vocabulary``, ``[state, place, k]``.
        probabilities: Their probabilities, ``[state, place, k]``.
        entropy: In bits, ``[state, place]``.
        divergence: ``KL(final || state)`` in nats, ``[state, place]``.
        next_logprob: Log-probability of what was right, ``[state, place]``.
        next_rank: Its rank, ``[state, place]``.
        watched: The prompt's target and foil, or the first thing said; none where nothing was said.
        watched_probabilities: Their probability at the place of the question, ``[state, token]``.
        readout_gap: Largest difference between the last layer's replayed logits and the model's own, relative to the
            largest logit.
        dtype: The model's floating point type, which sets the tolerance of that difference.
    """

    passage: Passage
    states: tuple[int, ...]
    places: tuple[int, ...]
    question: int | None
    next_tokens: tuple[Token, ...]
    vocabulary: tuple[Token, ...]
    numbers: tuple[int, ...]
    candidates: Array
    probabilities: Array
    entropy: Array
    divergence: Array
    next_logprob: Array
    next_rank: Array
    watched: tuple[Token, ...]
    watched_probabilities: Array
    readout_gap: float
    dtype: str


class LogitLens(Analysis[LogitLensParams, LogitLensResult]):
    """The logit lens room."""

    name: ClassVar[str] = "logit_lens"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Logit lens"
    question: ClassVar[str] = "If the model had stopped after this layer, what would it have said?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.LAYER_READOUT})
    Params = LogitLensParams
    Result = LogitLensResult

    def problems(
        self, params: LogitLensParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Layers and positions out of range, targets that are not one token."""
        yield from target_problems(prompt, facts)
        yield from layer_problems(params.layers, facts)
        if params.positions != "all":
            yield from position_problems(params.positions, ("positions",), prompt, facts)

    def run(self, model: LanguageModel, prompt: Prompt, params: LogitLensParams) -> LogitLensResult:
        """Reads out every state asked for with the model's own tail."""
        import torch

        from ecco_reports.methods.distributions import NATS_PER_BIT
        from ecco_reports.methods.lens import logit_lens, token_ranks

        reading = model.read(prompt, params.decoding)
        states = states_of(params.layers, model.layers)
        right = _right(reading)
        places = _places(params, reading, right)
        question = reading.question if reading.places else None
        watched = _watched(model, reading, prompt)
        if not places:
            return _empty(reading.passage, states, params.top_k, model.facts.spec.dtype)
        lens = logit_lens(model, reading, states, places, torch.tensor([right[p] for p in places]), params.top_k)
        candidates = torch.stack([row.tokens for row in lens.rows]).cpu().numpy()
        known, indices = np.unique(candidates, return_inverse=True)
        watched_probabilities = np.zeros((len(states), 0), np.float32)
        if watched and question is not None:
            wanted = [(question, number) for number in watched]
            watched_probabilities = token_ranks(model, reading, states, wanted).probabilities.cpu().numpy()
        return LogitLensResult(
            passage=reading.passage,
            states=tuple(states),
            places=tuple(places),
            question=question,
            next_tokens=tuple(_token_at(model, reading, place, right[place]) for place in places),
            vocabulary=tuple(model.outcome(reading, int(number)) for number in known),
            numbers=tuple(known.tolist()),
            candidates=indices.reshape(candidates.shape).astype(np.int32),
            probabilities=_stack([row.probabilities for row in lens.rows]),
            entropy=_stack([row.entropy / NATS_PER_BIT for row in lens.rows]),
            divergence=_stack([row.divergence for row in lens.rows]),
            next_logprob=_stack([row.target_logprob for row in lens.rows]),
            next_rank=_stack([row.target_rank for row in lens.rows]).astype(np.int32),
            watched=tuple(model.outcome(reading, number) for number in watched),
            watched_probabilities=watched_probabilities,
            readout_gap=lens.readout_gap,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: LogitLensResult) -> Sequence[Check]:
        """The last layer, replayed, is the model's own prediction."""
        return [
            Check(
                name="readout identity",
                residual=result.readout_gap,
                tolerance=READOUT_TOLERANCE[result.dtype],
                meaning="Largest difference between the logits that the lens reads at the last layer and the logits of "
                "the model itself, relative to the largest logit.",
            )
        ]

    def metrics(self, result: LogitLensResult) -> Mapping[str, Metric]:
        """When the first thing said becomes the first choice."""
        column = _question_column(result)
        if column is None:
            return {}
        ranks = result.next_rank[:, column]
        metrics = {
            "final_rank": Metric(
                value=float(ranks[-1]),
                direction=Direction.LOWER,
                meaning="rank of the first generated token (mask, class) at the last layer read out",
            )
        }
        settled = _settled(ranks)
        if settled is not None:
            metrics["settled_layer"] = Metric(
                value=float(result.states[settled] - 1),
                direction=Direction.NEITHER,
                meaning="first layer from which the first generated token stays top-ranked (-1 is the embedding)",
            )
        return metrics

    def summary(self, result: LogitLensResult) -> str:
        """Where the next token is known."""
        column = _question_column(result)
        if not result.places:
            return "There is nothing to read out: the text is a single token and nothing came after it."
        if column is None:
            return f"The lens was read at {len(result.places)} places and {len(result.states)} layers."
        word, ranks = result.next_tokens[column].word, result.next_rank[:, column]
        settled = _settled(ranks)
        start = f"“{word}” ranks {ranks[0]:,} at {layer_in_words(result.states[0])}"
        if settled is None:
            end = layer_in_words(result.states[-1])
            return f"{start} and is never the first choice for good; at {end} it ranks {ranks[-1]:,}."
        where = layer_in_words(result.states[settled])
        probability = math.exp(float(result.next_logprob[settled, column]))
        return f"{start}; from {where} on it stays the first choice (probability {probability:.1%} there)."

    def charts(self, result: LogitLensResult) -> Sequence[Figure]:
        """The grid of layers and positions, and the probability of the watched tokens by layer."""
        from ecco_reports.charts.figure import ChartFigure
        from ecco_reports.charts.lens import lens_grid, lens_lines

        layers = [layer_name(state) for state in result.states]
        figures: list[Figure] = []
        summary, family = self.summary(result), result.passage.family
        if result.places:
            columns = range(len(result.places))
            cells = [[_cell(result, row, column) for column in columns] for row in range(len(layers))]
            figures.append(
                ChartFigure(
                    id="grid",
                    title=grid_title(family),
                    reading=grid_reading(family),
                    alt_text=f"Logit lens over {len(layers)} layers and {len(result.places)} places. {summary}",
                    chart=lens_grid(
                        layers,
                        [place_name(result.passage, place) for place in result.places],
                        _right_labels(result),
                        cells,
                        lens_words(family),
                    ),
                )
            )
        if result.watched:
            names = [said(result.passage, token) for token in result.watched]
            words = [f"“{token.word}”" for token in result.watched]
            finals = result.watched_probabilities[-1]
            figures.append(
                ChartFigure(
                    id="lines",
                    title=f"Probability of {' and '.join(words)} by layer",
                    reading=f"The same lens for {voice_of(result.passage.family).asked} alone, and for chosen "
                    "candidates only: the layer where a line climbs is where the model makes up its mind.",
                    alt_text=", ".join(f"{word} ends at {final:.1%}" for word, final in zip(words, finals, strict=True))
                    + ".",
                    chart=lens_lines(layers, names, result.watched_probabilities),
                )
            )
        return figures

    def table(self, result: LogitLensResult) -> Table:
        """One row per layer and position."""
        right = voice_of(result.passage.family).expected
        rows = []
        for row, state in enumerate(result.states):
            for column, place in enumerate(result.places):
                (best,) = _names(result, result.candidates[row, column, :1].tolist())
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
            caption="One row per layer and position, from the embedding upwards.",
        )


def _right_labels(result: LogitLensResult) -> list[str]:
    """What was right in each column; of an answer, where in the text it is, since a word may stand there twice."""
    passage = result.passage
    if passage.family is not Family.QUESTION_ANSWERING:
        return [said(passage, token) for token in result.next_tokens]
    return [numbered(passage, passage.answer_positions[place]) for place in result.places]


def _names(result: LogitLensResult, indices: Sequence[int]) -> list[str]:
    """Labels of outcomes, given as indices into the vocabulary."""
    if result.passage.family is Family.QUESTION_ANSWERING:
        return [numbered(result.passage, result.numbers[index]) for index in indices]
    return [said(result.passage, result.vocabulary[index]) for index in indices]


def _right(reading: Reading) -> dict[int, int]:
    """What was right at each place: what came next or stands there, and what the model said where it was asked."""
    ids, family = reading.ids, reading.family
    known: dict[int, int] = {}
    if family in (Family.CAUSAL, Family.ENCODER_DECODER):
        known = {place: ids[place + 1] for place in reading.places if place + 1 < len(ids)}
    elif family is Family.MASKED:
        known = {place: ids[place] for place in reading.places}
    return known | {one.place: one.outcome for one in reading.spoken}


def _token_at(model: LanguageModel, reading: Reading, place: int, number: int) -> Token:
    """What a reader sees of what was right: in its context where it stands in the text."""
    if reading.family in (Family.CLASSIFICATION, Family.QUESTION_ANSWERING):
        return model.outcome(reading, number)
    position = place if reading.family is Family.MASKED else place + 1
    tokens = reading.passage.tokens
    if position >= len(tokens) or tokens[position].id != number:
        return model.outcome(reading, number)
    return tokens[position]


def _places(params: LogitLensParams, reading: Reading, right: Mapping[int, int]) -> list[int]:
    """The places asked for of which it is known what was right, in the order of the text."""
    if params.positions == "all" or reading.family in (Family.CLASSIFICATION, Family.QUESTION_ANSWERING):
        return sorted(right)
    length = reading.passage.prompt_length
    return sorted({position % length for position in params.positions} & right.keys())


def _watched(model: LanguageModel, reading: Reading, prompt: Prompt) -> list[int]:
    """The prompt's target and foil, or the first thing that was said."""
    words = [word for word in (prompt.target, prompt.foil) if word is not None]
    return [outcome_of(word, model.facts, model.tokenizer) for word in words] or [
        one.outcome for one in reading.spoken[:1]
    ]


def _empty(passage: Passage, states: Sequence[int], top_k: int, dtype: str) -> LogitLensResult:
    """The result where no token is followed by another."""
    nothing = np.zeros((len(states), 0), np.float32)
    return LogitLensResult(
        passage=passage,
        states=tuple(states),
        places=(),
        question=None,
        next_tokens=(),
        vocabulary=(),
        numbers=(),
        candidates=np.zeros((len(states), 0, top_k), np.int32),
        probabilities=np.zeros((len(states), 0, top_k), np.float32),
        entropy=nothing,
        divergence=nothing,
        next_logprob=nothing,
        next_rank=nothing.astype(np.int32),
        watched=(),
        watched_probabilities=nothing,
        readout_gap=0.0,
        dtype=dtype,
    )


def _stack(rows: Sequence[object]) -> np.ndarray:
    import torch

    return torch.stack([row for row in rows if isinstance(row, torch.Tensor)]).cpu().numpy()


def _cell(result: LogitLensResult, row: int, column: int) -> LensCell:
    from ecco_reports.charts.lens import LensCell

    names = _names(result, result.candidates[row, column].tolist())
    return LensCell(
        candidates=list(zip(names, result.probabilities[row, column].tolist(), strict=True)),
        target_probability=math.exp(float(result.next_logprob[row, column])),
        target_rank=int(result.next_rank[row, column]),
        entropy=float(result.entropy[row, column]),
        kl=float(result.divergence[row, column]),
    )


def _question_column(result: LogitLensResult) -> int | None:
    """The column that predicts the first thing said, or that the prompt's own target is about."""
    return result.places.index(result.question) if result.question in result.places else None


def _settled(ranks: np.ndarray) -> int | None:
    """The first row from which the rank stays 1, or None."""
    if ranks[-1] != 1:
        return None
    wrong = np.flatnonzero(ranks != 1)
    return int(wrong[-1]) + 1 if wrong.size else 0
