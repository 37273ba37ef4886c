"""How chosen words compete through the layers, at one place or at several: "is" against "are"."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.layers import layer_name, states_of
from ecco_reports.analyses.measures import Drift, Measure, as_metrics
from ecco_reports.analyses.places import place_problems, places_of, stands_at
from ecco_reports.analyses.preflight import layer_problems, target_problems
from ecco_reports.analyses.race import (
    Watched,
    asked_about,
    context,
    favourites,
    labels_of,
    number_of,
    overtaking,
    verdict,
    watch_problems,
    where,
)
from ecco_reports.analyses.reading_out import (
    AS_ECCO,
    ReadoutParams,
    norm_problems,
    rank_check,
    readout_checks,
    readout_work,
    way_to_read,
)
from ecco_reports.analyses.side_by_side import Side, side_by_side
from ecco_reports.analyses.tracing import GAP_NOISE, RANK_NOISE, cut_of_prompt, word
from ecco_reports.analyses.tracing_figures import depth_figures
from ecco_reports.analyses.tracing_ranks import RANK_SHIFT, SAME_WINNER, RanksTrace, drift_of, traced_words
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Array, Check, Direction, Metric, Passage, Prompt, Record, Table, Token

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.charts.lines import Race


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "first_rank": Measure(
            Direction.LOWER,
            "rank of the first watched word at the last layer read out, at the last place",
            "rank",
            relative=RANK_NOISE,
        ),
        "lead": Measure(
            Direction.HIGHER,
            "log-probability of the first watched word minus that of the second one, in nats",
            "nats",
            noise=GAP_NOISE,
        ),
        "overtaking_layer": Measure(
            Direction.NEITHER,
            "first layer from which the first watched word stays ahead of the second one (-1 is the embedding)",
            "layers",
        ),
        "rank_shift": RANK_SHIFT,
        "same_winner": SAME_WINNER,
    }
)


class WatchParams(ReadoutParams):
    """Which words compete where.

    Attributes:
        tokens: The words, each one token (with its leading space), a class, or the number of either; left out, they are
            the prompt's target and foil, and what any layer puts first.
        positions: After which positions they compete (in a masked text: in which); left out, at the end of the prompt
            or in the first mask. From 0, or from the end of the prompt when negative.
        top_k: How many words to watch besides target and foil where ``tokens`` is left out.
    """

    tokens: Annotated[tuple[Watched, ...], Field(max_length=12)] = ()
    positions: Annotated[tuple[int, ...], Field(max_length=24)] = ()
    top_k: int = Field(default=4, ge=1, le=12)


class WatchResult(Record):
    """Ranks and probabilities of watched words at each layer. A column is a word at a place.

    Attributes:
        passage: The prompt and the continuation.
        states: The residual states read out: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        depth: How many layers the model has.
        places: Where words compete, in the order of the text; none where the positions asked for were never reached.
        columns: Which of the places each column belongs to.
        tokens: The word of each column.
        numbers: Its number among all that could be said there.
        chosen: Whether the experiment named the words; else they were found.
        ranks: ``[state, column]``; 1 is the most probable.
        probabilities: ``[state, column]``.
        vocab_size: How many ranks there are.
        apply_final_norm: Whether the layers were read with the final norm.
        readout_gap: How far the last layer, read out, is from the model's own logits, relative to the largest logit.
        final_rank_gap: Largest difference between the ranks read at the last layer and those of the model's own logits,
            beyond what rounding can shift.
        dtype: The model's floating point type, which says what rounding can shift.
    """

    passage: Passage
    states: tuple[int, ...]
    depth: int
    places: tuple[int, ...]
    columns: tuple[int, ...]
    tokens: tuple[Token, ...]
    numbers: tuple[int, ...]
    chosen: bool
    ranks: Array
    probabilities: Array
    vocab_size: int
    apply_final_norm: bool
    readout_gap: float
    final_rank_gap: int
    dtype: str

    @property
    def main(self) -> list[int]:
        """The columns of the last place, before which the model has read most."""
        return self.columns_of(len(self.places) - 1)

    def columns_of(self, index: int) -> list[int]:
        """The columns of one of the places."""
        return [column for column, place in enumerate(self.columns) if place == index]


class Watch(Analysis[WatchParams, WatchResult]):
    """The watch room."""

    name: ClassVar[str] = "watch"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Words that compete"
    question: ClassVar[str] = "Which of these words does each layer prefer, and where does one overtake the other?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.LAYER_READOUT})
    Params = WatchParams
    Result = WatchResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = RanksTrace

    def problems(
        self, params: WatchParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Words that are not one token; layers and positions out of range; a norm that cannot be left out."""
        yield from target_problems(prompt, facts)
        yield from layer_problems(params.layers, facts)
        yield from norm_problems(params, facts)
        if params.positions:
            yield from place_problems(params.positions, ("positions",), params, prompt, facts)
        yield from watch_problems(params.tokens, "tokens", facts)

    def work(self, params: WatchParams, extent: Extent) -> Work:
        """The layers are read at the places; twice where it must first be found what to watch."""
        return readout_work(params, extent, len(params.positions), times=1 if params.tokens else 2)

    def run(self, model: LanguageModel, prompt: Prompt, params: WatchParams) -> WatchResult:
        """Counts, at every layer, what is more probable than each of the watched words."""
        from ecco_reports.methods.lens import token_ranks

        reading = model.read(prompt, params.decoding)
        states = states_of(params.layers, model.layers)
        places = places_of(params.positions, reading) if params.positions else [reading.question]
        watched = _watched(model, reading, prompt, params, states, places)
        # Where no place was reached, any outcome of the question carries the proof.
        asked = [(places[index], number) for index, number in watched] or [(reading.question, 0)]
        found = token_ranks(model, reading, states, asked, readout=way_to_read(params))
        count = len(watched)
        return WatchResult(
            passage=reading.passage,
            states=tuple(states),
            depth=model.layers,
            places=tuple(places),
            columns=tuple(index for index, _ in watched),
            tokens=tuple(model.outcome(reading, number) for _, number in watched),
            numbers=tuple(number for _, number in watched),
            chosen=bool(params.tokens),
            ranks=found.ranks[:, :count].cpu().numpy().astype(np.int32),
            probabilities=found.probabilities[:, :count].cpu().numpy().astype(np.float32),
            vocab_size=found.vocab_size,
            apply_final_norm=params.apply_final_norm,
            readout_gap=found.readout_gap,
            final_rank_gap=found.final_rank_gap,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: WatchResult) -> Sequence[Check]:
        """The last layer is the model's own prediction: the same logits and the same ranks."""
        checks = readout_checks(result.readout_gap, result.dtype, result.apply_final_norm)
        return [*checks, rank_check(result.final_rank_gap)]

    def metrics(self, result: WatchResult) -> Mapping[str, Metric]:
        """Where the first of the words ends, and how it stands to the second."""
        columns = result.main
        if not columns:
            return {}
        first = columns[0]
        values: dict[str, float | None] = {"first_rank": float(result.ranks[-1, first])}
        if len(columns) > 1:
            odds = result.probabilities[-1, [first, columns[1]]].astype(float)
            row = overtaking(result.ranks, first, columns[1])
            values["lead"] = math.log(odds[0] / odds[1]) if odds.min() > 0 else None
            values["overtaking_layer"] = None if row is None else float(result.states[row] - 1)
        return as_metrics(MEASURES, values)

    def summary(self, result: WatchResult) -> str:
        """Who overtook whom, and where."""
        lead = "" if result.apply_final_norm else f"{AS_ECCO}. "
        if not result.places:
            return f"{lead}The text ended before it came to any of the positions asked about."
        told, others = _verdict(result, len(result.places) - 1), len(result.places) - 1
        if not others:
            return f"{lead}{_sentence(told)}"
        more = f"The chart shows {others} more {'place' if others == 1 else 'places'}."
        return f"{lead}{_sentence(where(result.passage, result.places[-1]))}: {told} {more}"

    def charts(self, result: WatchResult) -> Sequence[Figure]:
        """The same words by rank and by probability."""
        from ecco_reports.charts.figure import ChartFigure
        from ecco_reports.charts.lens import lens_lines
        from ecco_reports.charts.ranks import rank_lines

        if not result.places:
            return []
        layers = [layer_name(state) for state in result.states]
        text = context(result.passage, result.places[-1])
        spot = where(result.passage, result.places[-1])
        which = spot if len(result.places) == 1 else "at the place that the drop-down names"
        warning = "" if result.apply_final_norm else f"{AS_ECCO}. "
        told = " ".join(_verdict(result, index) for index in range(len(result.places)))
        return [
            ChartFigure(
                id="ranks",
                title=f"Rank by layer: “{text}”",
                reading=f"{warning}How many candidates each layer prefers to a word {which}; the scale is logarithmic, "
                "and 1, the first choice, is on top. Where two lines cross, the model changed its mind about them.",
                alt_text=told,
                chart=rank_lines(layers, _races(result, result.ranks), result.vocab_size),
            ),
            ChartFigure(
                id="probabilities",
                title=f"Probability by layer: “{text}”",
                reading=f"{warning}The same words by their probability. Where all lines lie at the bottom, other words "
                "are in front; the ranks above tell how many.",
                alt_text=told,
                chart=lens_lines(layers, _races(result, result.probabilities)),
            ),
        ]

    def table(self, result: WatchResult) -> Table:
        """One row per layer, place and word."""
        labels = _labels(result)
        return Table(
            columns=("layer", "place", "position", "token", "rank", "probability"),
            rows=tuple(
                (
                    layer_name(state),
                    where(result.passage, result.places[index]),
                    stands_at(result.passage, result.places[index]),
                    labels[column],
                    int(result.ranks[row, column]),
                    float(result.probabilities[row, column]),
                )
                for row, state in enumerate(result.states)
                for column, index in enumerate(result.columns)
            ),
            caption="One row per layer and watched word; the position is where the word would stand.",
        )

    def between(self, first: WatchResult, second: WatchResult, names: tuple[str, str]) -> Between | None:
        """The words at the last place, over the depth of both models."""
        return side_by_side(_side(first), _side(second), names)

    def trace(self, result: WatchResult) -> RanksTrace:
        """The words at the last place."""
        side = _side(result)
        return RanksTrace(
            cut=cut_of_prompt(result.passage),
            outcomes=result.vocab_size,
            layers=result.depth,
            states=result.states,
            words=traced_words(side.labels, side.ranks, side.probabilities),
        )

    def drift(self, before: RanksTrace, after: RanksTrace) -> Drift:
        """How far the words moved in rank."""
        drift = drift_of(before, after)
        raced = [" and ".join(f"“{word(one.label)}”" for one in trace.words[:2]) for trace in (before, after)]
        if raced[0] == raced[1]:
            return drift
        other = (
            f"The first two words are {raced[0]} before, and {raced[1]} after: lead and overtaking are about others."
        )
        return replace(drift, remarks=(*drift.remarks, other))

    def drift_figures(self, before: RanksTrace, after: RanksTrace, names: tuple[str, str]) -> Sequence[Figure]:
        """The words over the depth, before and after."""
        return depth_figures(before, after, names)


def _sentence(words: str) -> str:
    """Words that begin a sentence."""
    return words[0].upper() + words[1:]


def _watched(
    model: LanguageModel,
    reading: Reading,
    prompt: Prompt,
    params: WatchParams,
    states: Sequence[int],
    places: Sequence[int],
) -> list[tuple[int, int]]:
    """What is watched: indices of places and numbers of outcomes."""
    from ecco_reports.methods.lens import token_ranks

    if params.tokens:
        numbers = [number_of(word, model.facts) for word in params.tokens]
        return [(index, number) for index in range(len(places)) for number in numbers]
    if not places:
        return []
    readout = way_to_read(params)
    best = token_ranks(model, reading, states, [(place, 0) for place in places], params.top_k + 2, readout).tokens
    asked = asked_about(model, prompt)
    return [
        (index, number)
        for index in range(len(places))
        for number in favourites(best[:, index].cpu().numpy(), asked, params.top_k)
    ]


def _labels(result: WatchResult) -> list[str]:
    """Labels of all columns."""
    labels: list[str] = []
    for index in range(len(result.places)):
        columns = result.columns_of(index)
        tokens, numbers = [result.tokens[one] for one in columns], [result.numbers[one] for one in columns]
        labels += labels_of(result.passage, tokens, numbers)
    return labels


def _verdict(result: WatchResult, index: int) -> str:
    columns = result.columns_of(index)
    words = [result.tokens[column].word for column in columns]
    return verdict(words, result.ranks[:, columns], result.probabilities[:, columns], result.states)


def _races(result: WatchResult, values: np.ndarray) -> list[Race]:
    """The lines of each place."""
    from ecco_reports.charts.lines import Race as Lines

    labels = _labels(result)
    races = []
    for index, place in enumerate(result.places):
        columns = result.columns_of(index)
        races.append(Lines(where(result.passage, place), [labels[column] for column in columns], values[:, columns]))
    return races


def _side(result: WatchResult) -> Side:
    columns = result.main
    labels = _labels(result)
    return Side(
        family=result.passage.family,
        words=[result.tokens[column].word for column in columns],
        labels=[labels[column] for column in columns],
        states=result.states,
        depth=result.depth,
        outcomes=result.vocab_size,
        ranks=result.ranks[:, columns],
        probabilities=result.probabilities[:, columns],
    )
