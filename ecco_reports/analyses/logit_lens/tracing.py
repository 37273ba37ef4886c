"""What is kept of a lens for later comparisons, what two such traces say, and the catalogue of the lens's numbers.

In: a result, or two traces. Out: a trace, or how far they are apart. Light: no torch, no drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from pydantic import model_validator

from ecco_reports.analyses.layers import layer_in_words
from ecco_reports.analyses.logit_lens.figures import names_of
from ecco_reports.analyses.logit_lens.results import LogitLensResult
from ecco_reports.analyses.measures import Drift, Measure
from ecco_reports.analyses.race import labels_of
from ecco_reports.analyses.tracing import (
    DIVERGENCE_NOISE,
    NO_DIVERGENCE,
    RANK_NOISE,
    TARGET_NOISE,
    Listed,
    aligned,
    cut_of_prompt,
    divergence_bound,
    first_of,
    listed,
    word,
)
from ecco_reports.analyses.tracing_ranks import (
    DEPTH_SHIFT,
    RanksTrace,
    end_of,
    ends_apart,
    shared_words,
    top_shift,
    traced_words,
)
from ecco_reports.analyses.voice import share
from ecco_reports.records import Direction, Family

_CANDIDATES = 10
"""How many candidates of a layer are kept: the rest would not raise the bound of a divergence by much."""
_PLACES = 200
"""Of how many places the first choice is kept; of a longer text those of its end."""

# Beside what is said of these numbers in the generation room: from float32 to bfloat16, over the same 21 prompts, the
# mean bound over the layers was 0.0002 nats at most, that of the last layer 0.0005, and one place in nine changed its
# first choice where two words were level.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "final_rank": Measure(
            Direction.LOWER,
            "rank of the first token after the prompt (mask, class) at the last layer read out",
            "rank",
            relative=RANK_NOISE,
        ),
        "first_top_layer": Measure(
            Direction.NEITHER,
            "first layer at which the first token after the prompt is top-ranked (-1 is the embedding)",
            "layers",
        ),
        "first_top_depth": Measure(
            Direction.NEITHER,
            "share of the depth at which the first token after the prompt is first top-ranked (0 is the embedding, 1 "
            "the last layer)",
            "share",
        ),
        "settled_layer": Measure(
            Direction.NEITHER,
            "first layer from which the first token after the prompt stays top-ranked (-1 is the embedding)",
            "layers",
        ),
        "target_rank": Measure(
            Direction.LOWER, "rank of the prompt's target at the last layer read out", "rank", relative=RANK_NOISE
        ),
        "target_logprob": Measure(
            Direction.HIGHER,
            "natural log-probability of the prompt's target at the last layer read out",
            "nats",
            noise=TARGET_NOISE,
        ),
        "row_kl": Measure(
            Direction.LOWER,
            "KL(baseline || candidate) of what the layers would say where the model is asked, as the mean over layers "
            "at the same relative depth; a lower bound from the candidates that are kept",
            "nats",
            noise=DIVERGENCE_NOISE,
            equal=0.0,
        ),
        "row_kl_last": Measure(
            Direction.LOWER,
            "the same at the last layer read out; a lower bound",
            "nats",
            noise=DIVERGENCE_NOISE,
            equal=0.0,
        ),
        "first_choice_agreement": Measure(
            Direction.HIGHER,
            "share of the layers at the same relative depth that would say the same where the model is asked",
            "share",
            equal=1.0,
        ),
        "place_agreement": Measure(
            Direction.HIGHER,
            "share of the places of the prompt at which the last layer read out would say the same",
            "share",
            noise=0.12,
            equal=1.0,
        ),
        "top_depth_shift": DEPTH_SHIFT,
    }
)


class LensTrace(RanksTrace):
    """What each layer would say where the model is asked.

    Attributes:
        rows: The most probable candidates of each state, by label; none where the lens was not read there.
        choices: The first choice of the last state at each place of the prompt, in the order of the text.
    """

    rows: tuple[Listed, ...]
    choices: tuple[str, ...]

    @model_validator(mode="after")
    def _a_row_for_each_state(self) -> Self:
        if self.rows and len(self.rows) != len(self.states):
            raise ValueError(f"there are {len(self.rows)} rows, and {len(self.states)} layers were read")
        if not all(self.rows):
            raise ValueError("a layer has no candidates")
        return self


def question_column(result: LogitLensResult) -> int | None:
    """The column that predicts the first thing said, or that the prompt's own target is about."""
    return result.places.index(result.question) if result.question in result.places else None


def trace_of(result: LogitLensResult) -> LensTrace:
    """The trace of a lens."""
    words = traced_words(
        labels_of(result.passage, result.watched, result.watched_numbers),
        result.watched_ranks,
        result.watched_probabilities,
    )
    column = question_column(result)
    return LensTrace(
        cut=cut_of_prompt(result.passage),
        outcomes=result.vocab_size,
        layers=result.depth,
        states=result.states,
        words=words,
        target=words[0] if words else None,
        rows=() if column is None else tuple(_row(result, row, column) for row in range(len(result.states))),
        choices=_choices(result),
    )


def _row(result: LogitLensResult, row: int, column: int) -> Listed:
    names = names_of(result, result.candidates[row, column, :_CANDIDATES].tolist())
    return listed(zip(names, result.probabilities[row, column, :_CANDIDATES].tolist(), strict=True))


def _choices(result: LogitLensResult) -> tuple[str, ...]:
    """First choices at the places of the prompt; what a model says of the whole text has no places."""
    if result.passage.family in (Family.CLASSIFICATION, Family.QUESTION_ANSWERING):
        return ()
    columns = [column for column, place in enumerate(result.places) if place < result.passage.prompt_length]
    return tuple(names_of(result, result.candidates[-1, columns[-_PLACES:], 0].tolist())) if columns else ()


@dataclass(frozen=True)
class _Row:
    """What one state would say: which state it is, how deep it lies, and its candidates."""

    state: int
    depth: float
    candidates: Listed

    @property
    def first(self) -> str:
        return first_of(self.candidates)


def _rows(trace: LensTrace) -> list[_Row]:
    return [_Row(*one) for one in zip(trace.states, trace.depths, trace.rows, strict=True)] if trace.rows else []


def drift_of(before: LensTrace, after: LensTrace) -> Drift:
    """How far the layers' predictions are apart."""
    rows = aligned(_rows(before), _rows(after), lambda row: row.depth)
    values, remarks = _apart(before, after, rows), []
    if before.cut != after.cut:
        remarks.append(NO_DIVERGENCE)
    if before.layers != after.layers:
        remarks.append(
            f"The models have {before.layers} and {after.layers} layers: rows are compared at the same relative depth."
        )
    asked = (before.target, after.target)
    if asked[0] and asked[1] and asked[0].label == asked[1].label:
        shift, why = top_shift(asked[0], asked[1], before.depths, after.depths)
        values |= {} if shift is None else {"top_depth_shift": shift}
        remarks += [why] if why else []
    elif asked[0] and asked[1]:
        remarks.append(
            f"The lens follows “{word(asked[0].label)}” before and “{word(asked[1].label)}” after, so it is not "
            "compared where each becomes top-ranked."
        )
    return Drift(values, _finding(before, after, rows), tuple(remarks))


def _apart(before: LensTrace, after: LensTrace, rows: Sequence[tuple[_Row, _Row]]) -> dict[str, float]:
    """How far the rows are apart, and the places."""
    values = {}
    if rows:
        values["first_choice_agreement"] = sum(ours.first == theirs.first for ours, theirs in rows) / len(rows)
    if before.cut != after.cut:
        return values
    if rows:
        bounds = [divergence_bound(ours.candidates, theirs.candidates) for ours, theirs in rows]
        values |= {"row_kl": sum(bounds) / len(bounds), "row_kl_last": bounds[-1]}
    if before.choices and len(before.choices) == len(after.choices):
        same = [ours == theirs for ours, theirs in zip(before.choices, after.choices, strict=True)]
        values["place_agreement"] = sum(same) / len(same)
    return values


def _finding(before: LensTrace, after: LensTrace, rows: Sequence[tuple[_Row, _Row]]) -> str:
    """What moved at the last layer, or else the deepest layer that would say something else."""
    moves = [end_of(*pair) for pair in shared_words(before.words, after.words) if ends_apart(*pair)]
    if moves:
        return f"At the last layer {moves[0]}."
    parted = next(((ours, theirs) for ours, theirs in reversed(rows) if ours.first != theirs.first), None)
    if parted is None:
        return ""
    ours, theirs = parted
    where = layer_in_words(theirs.state)
    still = "" if parted == rows[-1] else f"; the last layer still says “{word(rows[-1][1].first)}”"
    return (
        f"{where[0].upper()}{where[1:]} would now say “{word(theirs.first)}” "
        f"({share(theirs.candidates[theirs.first])}) instead of “{word(ours.first)}” "
        f"({share(ours.candidates[ours.first])}){still}."
    )
