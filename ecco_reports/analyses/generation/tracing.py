"""What is kept of what was said for later comparisons, and how far two such traces are apart.

In: a result, or two traces. Out: a trace, or numbers and a sentence. Light: no torch, no drawing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated

from pydantic import Field

from ecco_reports.analyses.generation.figures import label_of
from ecco_reports.analyses.generation.results import GenerationResult, Named, Step
from ecco_reports.analyses.measures import Drift, Trace
from ecco_reports.analyses.tracing import (
    NO_DIVERGENCE,
    Listed,
    Logprob,
    Rank,
    cut_of_prompt,
    divergence_bound,
    first_of,
    has_moved,
    listed,
    moved,
    quoted,
    word,
)
from ecco_reports.analyses.voice import numbered, said, share
from ecco_reports.records import Family, Passage, Record

_FIRST, _LATER = 10, 5
"""How many candidates are kept of the first step, and of each of the others."""
_STEPS = 50
"""How many steps are kept."""
_LEVEL = 0.02
"""Two candidates whose probabilities are as near as that are level: rounding alone can turn them."""
_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER)


class TracedOutcome(Record):
    """A word that was said, or that the prompt names.

    Attributes:
        label: Its label.
        logprob: Its natural log-probability.
        rank: Its rank; None where a server does not tell it.
    """

    label: str
    logprob: Logprob
    rank: Rank | None

    @property
    def probability(self) -> float:
        """Its probability."""
        return math.exp(self.logprob)


class TracedStep(TracedOutcome):
    """A thing that was said, and what could have been said.

    Attributes:
        entropy: Of the distribution in bits; None where a server does not tell it.
        candidates: The most probable ones by label.
    """

    entropy: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    candidates: Listed


class GenerationTrace(Trace):
    """What was said.

    Attributes:
        said: The text; of a model that does not write on its answers, with spaces between.
        writes: Whether that is a text rather than answers.
        given: Whether it was given to the model.
        cut: Digest of the prompt's tokens.
        steps: The first things that were said.
        target: The prompt's target at the first step; None where it has none, or where it is not known.
        foil: The same of its foil.
    """

    said: str
    writes: bool
    given: bool
    cut: str
    steps: tuple[TracedStep, ...]
    target: TracedOutcome | None
    foil: TracedOutcome | None


def trace_of(result: GenerationResult) -> GenerationTrace:
    """The trace of what was said."""
    passage = result.passage
    writes = passage.family in _WRITERS
    answers = " ".join(word(label_of(passage, step)) for step in result.steps)
    return GenerationTrace(
        said=passage.written.strip() if writes else answers,
        writes=writes,
        given=passage.forced,
        cut=cut_of_prompt(passage),
        steps=tuple(
            _step(passage, step, _LATER if number else _FIRST) for number, step in enumerate(result.steps[:_STEPS])
        ),
        target=_named(passage, result.target),
        foil=_named(passage, result.foil),
    )


def _step(passage: Passage, step: Step, candidates: int) -> TracedStep:
    return TracedStep(
        label=label_of(passage, step),
        logprob=round(step.logprob, 4),
        rank=step.rank,
        entropy=None if step.entropy is None else round(step.entropy, 4),
        candidates=listed(
            (
                said(passage, each.token) if each.position is None else numbered(passage, each.position),
                each.probability,
            )
            for each in step.candidates[:candidates]
        ),
    )


def _named(passage: Passage, named: Named | None) -> TracedOutcome | None:
    if named is None:
        return None
    return TracedOutcome(label=said(passage, named.token), logprob=round(named.logprob, 4), rank=named.rank)


def drift_of(before: GenerationTrace, after: GenerationTrace) -> Drift:
    """How far what was said moved."""
    values: dict[str, float] = {}
    remarks = []
    if not (before.given and after.given) and before.writes is after.writes:
        values = {"same_text": float(before.said == after.said), "shared_start": _shared_start(before, after)}
    if before.cut != after.cut:
        remarks.append(NO_DIVERGENCE)
    elif pairs := _together(before, after):
        bounds = [divergence_bound(ours.candidates, theirs.candidates) for ours, theirs in pairs]
        values |= {"kl": bounds[0], "kl_mean": sum(bounds) / len(bounds)}
    if values.get("same_text") == 0:
        remarks.append(
            "The two say different things: the probability of what was said, its perplexity and its entropy are those "
            "of each one's own words."
        )
        remarks += _level(before, after)
    if (before.target is None) is not (after.target is None):
        which = "after" if before.target is None else "before"
        remarks.append(f"The probability of the target is known only {which}.")
    return Drift(values, _finding(before, after), tuple(remarks))


def _shared_start(before: GenerationTrace, after: GenerationTrace) -> float:
    """The share of words that agree from the start; 1 where neither says any."""
    words = [trace.said.split() for trace in (before, after)]
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(*words, strict=False)))
    longest = max(map(len, words))
    return same / longest if longest else 1.0


def _together(before: GenerationTrace, after: GenerationTrace) -> list[tuple[TracedStep, TracedStep]]:
    """The steps that both took after the same words: all up to the one at which they part, and that one.

    A server may list no candidates; steps behind such a one are not looked at.
    """
    both = zip(before.steps, after.steps, strict=False)
    pairs = list(takewhile(lambda pair: pair[0].candidates and pair[1].candidates, both))
    if not before.writes:
        return pairs
    same = sum(1 for _ in takewhile(lambda pair: pair[0].label == pair[1].label, pairs))
    return pairs[: same + 1]


def _level(before: GenerationTrace, after: GenerationTrace) -> list[str]:
    """Whether the step at which two texts part was decided by a hair."""
    pairs = enumerate(zip(before.steps, after.steps, strict=False), start=1)
    parted = next(((number, pair) for number, pair in pairs if pair[0].label != pair[1].label), None)
    if parted is None:
        return []
    number, (ours, theirs) = parted
    rival = ours.candidates.get(theirs.label)
    if rival is None or abs(ours.probability - rival) > _LEVEL:
        return []
    return [
        f"They part at step {number}, where “{word(ours.label)}” and “{word(theirs.label)}” were level before "
        f"({share(ours.probability)} and {share(rival)}): rounding alone can turn that."
    ]


def _finding(before: GenerationTrace, after: GenerationTrace) -> str:
    """What is said now, and how the word that is asked about moved."""
    given = before.given and after.given
    moves = _move(before, after)
    if given or before.said == after.said:
        if not moves:
            return ""
        still = "" if given else f"It still says {quoted(after.said)}, but " if after.said else ""
        return f"{still}{moves}."
    now = f"says {quoted(after.said)}" if after.said else "says nothing"
    was = quoted(before.said) if before.said else "nothing"
    return f"It now {now} instead of {was}" + (f"; {moves}." if moves else ".")


def _move(before: GenerationTrace, after: GenerationTrace) -> str:
    """How the target, or else what was said first before, moved at the first step; empty where it hardly did."""
    if not (before.steps and after.steps):
        return ""
    if before.target and after.target and before.target.label == after.target.label:
        ours, theirs = before.target, after.target
        ranks = (ours.rank, theirs.rank)
        odds = (ours.probability, theirs.probability)
    else:
        ours = before.steps[0]
        others = after.steps[0].candidates
        if ours.label not in others:
            return ""
        better = sum(odds > others[ours.label] for odds in others.values())
        ranks, odds = (ours.rank, 1 + better), (ours.probability, others[ours.label])
    return moved(ours.label, ranks, odds) if has_moved(ranks, odds) else ""


def shown_candidates(before: GenerationTrace, after: GenerationTrace, most: int) -> Sequence[str]:
    """Labels of the first step's candidates: the target and the two first choices, then the most probable of both."""
    sides = [trace.steps[0].candidates for trace in (before, after)]
    named = [one.label for one in (before.target, after.target) if one]
    firsts = [first_of(side) for side in sides if side]
    known = sorted({*sides[0], *sides[1]}, key=lambda label: (-max(side.get(label, 0.0) for side in sides), label))
    kept = list(dict.fromkeys([*named, *firsts, *known]))[:most]
    return sorted(kept, key=lambda label: -sides[0].get(label, 0.0))
