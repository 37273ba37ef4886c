"""Judges the sentences an experiment expects to be true.

In: what a sentence expects, and the evidence. Out: a verdict for each model and prompt that it is about. Each sentence
of ``experiment.sentences`` has one reader here, which asks the metrics and the trace of a result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ecco_reports.errors import SpanError
from ecco_reports.gates.bounds import SLACK, said
from ecco_reports.gates.evidence import Evidence, inner
from ecco_reports.gates.verdicts import Status, Verdict
from ecco_reports.snapshot import Entry

if TYPE_CHECKING:
    from ecco_reports.analyses.attribution.tracing import AttributionTrace
    from ecco_reports.experiment import Gate
    from ecco_reports.experiment.sentences import Expectation

MOST_SHOWN = 60
"""Characters of an answer that a message repeats."""


class _UntoldError(Exception):
    """A result cannot say whether the sentence is true.

    Attributes:
        status: How the gate ends.
    """

    def __init__(self, status: Status, reason: str) -> None:
        self.status = status
        super().__init__(reason)


@dataclass(frozen=True)
class Answer:
    """Whether a sentence is true of a result.

    Attributes:
        holds: Whether it is.
        because: What was found, as a sentence with its numbers.
        value: The number that decides, where there is one.
        before: The same of the baseline.
        minimum: The least value that passes.
        maximum: The largest value that passes.
    """

    holds: bool
    because: str
    value: float | None = None
    before: float | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Look:
    """A result, as a sentence asks it.

    Attributes:
        expected: The sentence.
        entry: The result.
        past: Of the baseline; None for a sentence about this run alone.
        evidence: Where both come from.
    """

    expected: Expectation
    entry: Entry
    past: Entry | None
    evidence: Evidence

    def number(self, name: str, of: Entry | None = None) -> float | None:
        """A number of a result, or None where it has none.

        Raises:
            _UntoldError: There should be one, and it is not finite or cannot be computed.
        """
        entry = of or self.entry
        if reason := entry.unmeasured.get(name) or entry.unmeasured.get(""):
            past = entry is self.past
            broken = Status.FAIL if name in entry.unmeasured else Status.ERROR
            where = "in the baseline, " if past else ""
            raise _UntoldError(Status.NOT_COMPARABLE if past else broken, where + inner(reason))
        found = entry.metrics.get(name)
        if found is not None and not math.isfinite(found):
            raise _UntoldError(Status.FAIL, f"{name} is not a finite number")
        return found

    def needed(self, name: str, of: Entry | None = None) -> float:
        """A number that a result must have.

        Raises:
            _UntoldError: It has none.
        """
        found = self.number(name, of)
        if found is None:
            status = Status.NO_BASELINE if of is not None and of is self.past else Status.INSUFFICIENT_DATA
            which = "the result of the baseline" if of is not None and of is self.past else "this result"
            raise _UntoldError(status, f"{which} has no {name}")
        return found

    def trace(self, of: Entry | None = None) -> Mapping[str, Any]:
        """What a result keeps for comparisons.

        Raises:
            _UntoldError: It keeps nothing.
        """
        entry = of or self.entry
        if entry.trace is None:
            past = entry is self.past
            reason = inner(entry.unmeasured.get("trace", f"the result of {entry.label} keeps no trace"))
            raise _UntoldError(
                Status.NOT_COMPARABLE if past else Status.ERROR, f"{'in the baseline, ' if past else ''}{reason}"
            )
        return entry.trace

    def answer(self, of: Entry | None = None) -> str:
        """What the model wrote, or filled in."""
        text = self.trace(of).get("said")
        if not isinstance(text, str):
            raise _UntoldError(Status.ERROR, f"the trace of {self.entry.label} does not tell what was said")
        return text

    def reasons(self, of: Entry | None = None) -> AttributionTrace:
        """What an attribution keeps."""
        from ecco_reports.analyses.attribution.tracing import AttributionTrace

        try:
            return AttributionTrace.model_validate(dict(self.trace(of)))
        except ValidationError as error:
            past = of is not None and of is self.past
            reason = f"the trace of {self.entry.label} cannot be read: {error.errors()[0]['msg']}"
            raise _UntoldError(Status.NOT_COMPARABLE if past else Status.ERROR, reason) from error

    @property
    def method(self) -> str | None:
        """The method that is asked for; None for the first one."""
        return self.expected.method or None


def behaviour(gate: Gate, expected: Expectation, evidence: Evidence, blank: Verdict) -> Iterator[Verdict]:
    """One verdict for each model and prompt that a sentence is about.

    Args:
        gate: The gate.
        expected: Its sentence.
        evidence: Where it looks.
        blank: A verdict about the gate that says nothing yet.
    """
    from ecco_reports.experiment.gates import concerns

    askable: dict[tuple[str, str], list[Entry]] = {}
    for analysis in expected.pattern.analyses:
        for entry in evidence.snapshot.entries:
            prompt = evidence.snapshot.prompts[entry.prompt]
            if entry.analysis == analysis and evidence.covers(gate, entry) and concerns(expected, prompt):
                askable.setdefault((entry.model, entry.prompt), []).append(entry)
    if not askable:
        yield replace(blank, message="no result can tell whether this is so")
    order = {entry.place[:2]: None for entry in evidence.snapshot.entries}
    for place in order:
        if place in askable:
            yield _asked(expected, askable[place], evidence, blank)


def _asked(expected: Expectation, entries: Sequence[Entry], evidence: Evidence, blank: Verdict) -> Verdict:
    """What the first result says that can say something; else why the first of them cannot."""
    untold: Verdict | None = None
    for entry in entries:
        about = replace(blank, model=entry.model, prompt=entry.prompt, label=entry.label)
        try:
            answer = _answer(expected, entry, evidence)
        except _UntoldError as error:
            untold = untold or replace(about, status=error.status, message=str(error))
            continue
        return replace(
            about,
            status=Status.PASS if answer.holds else Status.FAIL,
            message=answer.because,
            value=answer.value,
            before=answer.before,
            minimum=answer.minimum,
            maximum=answer.maximum,
        )
    assert untold is not None, "there is a result to ask"
    return untold


def _answer(expected: Expectation, entry: Entry, evidence: Evidence) -> Answer:
    if entry.failure is not None:
        raise _UntoldError(Status.NOT_RUN, f"there is no result: {inner(entry.failure)}")
    past = None
    if expected.pattern.of_two:
        pair = evidence.pair(entry)
        if (obstacle := evidence.obstacle(pair)) is not None:
            raise _UntoldError(*obstacle)
        past = pair.before if pair else None
    try:
        return READERS[expected.pattern.name](Look(expected, entry, past, evidence))
    except SpanError as error:
        raise _UntoldError(Status.INSUFFICIENT_DATA, inner(str(error))) from error


def _first_choice(look: Look) -> Answer:
    return _ranked(look, 1)


def _among_the_first(look: Look) -> Answer:
    return _ranked(look, look.expected.count)


def _ranked(look: Look, most: int) -> Answer:
    rank = look.needed("target_rank")
    return Answer(rank <= most, f"its rank is {said(rank)}", rank, maximum=most)


def _by_layer(look: Look) -> Answer:
    look.needed("target_rank")
    layer, most = look.number("first_top_layer"), look.expected.count
    if layer is None:
        return Answer(False, "at no layer that was read out is it the first choice", maximum=most)
    return Answer(layer <= most, f"it is the first choice from {_layer(layer)} on", layer, maximum=most)


def _by_depth(look: Look) -> Answer:
    look.needed("target_rank")
    depth, most = look.number("first_top_depth"), look.expected.share
    if depth is None:
        return Answer(False, "at no layer that was read out is it the first choice", maximum=most)
    return Answer(depth <= most + SLACK, f"it is the first choice {_depth(depth)}", depth, maximum=most)


def _layer(number: float) -> str:
    return "the embedding" if number < 0 else f"layer {number:.0f}"


def _probability(look: Look) -> Answer:
    share = look.number("target_probability")
    if share is None:
        share = math.exp(look.needed("target_logprob"))
    least = look.expected.share
    return Answer(share >= least - SLACK, f"it has {_percent(share, least)}", share, minimum=least)


def _beats_the_foil(look: Look) -> Answer:
    gap, least = look.needed("foil_gap"), look.expected.amount
    holds = gap > 0 and gap >= least - SLACK
    if gap == 0:
        return Answer(False, "both are equally probable", gap, minimum=least)
    way = "ahead of" if gap > 0 else "behind"
    return Answer(holds, f"it is {said(abs(gap), least, unit='nats')} {way} the foil", gap, minimum=least)


def _answer_contains(look: Look) -> Answer:
    return _said(look, look.expected.quote in f" {look.answer()} ")


def _answer_lacks(look: Look) -> Answer:
    return _said(look, look.expected.quote not in f" {look.answer()} ")


def _answer_begins(look: Look) -> Answer:
    return _said(look, look.answer().strip().startswith(look.expected.quote.strip()))


def _answer_is(look: Look) -> Answer:
    return _said(look, look.answer().strip() == look.expected.quote.strip())


def _said(look: Look, holds: bool) -> Answer:
    return Answer(holds, f"the answer is {_quoted(look.answer())}")


def _same_answer(look: Look) -> Answer:
    now, past = look.answer().strip(), look.answer(look.past).strip()
    if now == past:
        return Answer(True, f"the answer is still {_quoted(now)}")
    return Answer(False, f"the answer is {_quoted(now)} instead of {_quoted(past)}")


def _holds(look: Look) -> Answer:
    share, least = _share(look), look.expected.share
    return Answer(share >= least - SLACK, f"it holds {_percent(share, least)}", share, minimum=least)


def _holds_at_most(look: Look) -> Answer:
    share, most = _share(look), look.expected.share
    return Answer(share <= most + SLACK, f"it holds {_percent(share, most)}", share, maximum=most)


def _share(look: Look) -> float:
    from ecco_reports.analyses.attribution.spans import span_share

    return span_share(look.reasons(), look.expected.quote, look.method)


def _strongest(look: Look) -> Answer:
    from ecco_reports.analyses.attribution.spans import place_of, top_word

    trace = look.reasons()
    place = place_of(trace, look.expected.quote, look.method)
    found = top_word(trace, look.method)
    return Answer(place == 1, f"the strongest word is {_quoted(found)}", float(place), maximum=1)


def _stays_among(look: Look) -> Answer:
    from ecco_reports.analyses.attribution.spans import place_of

    most, quote = look.expected.count, look.expected.quote
    now = place_of(look.reasons(), quote, look.method)
    past = place_of(look.reasons(look.past), quote, look.method)
    if past > most:
        because = f"it was number {past} in the baseline, not among the first {most}, and is number {now}"
    else:
        because = f"it is number {now}, and was number {past}"
    return Answer(now <= most or past > most, because, float(now), float(past), maximum=most)


def _same_strongest(look: Look) -> Answer:
    from ecco_reports.analyses.attribution.spans import top_word

    now, past = top_word(look.reasons(), look.method), top_word(look.reasons(look.past), look.method)
    if now == past:
        return Answer(True, f"it is still {_quoted(now)}")
    return Answer(False, f"it is {_quoted(now)} instead of {_quoted(past)}")


def _target_loses(look: Look) -> Answer:
    now, past = look.needed("target_logprob"), look.needed("target_logprob", look.past)
    lost, most = past - now, look.expected.amount
    move = f"it loses {said(lost, most, unit='nats')}" if lost >= 0 else f"it gains {said(-lost, unit='nats')}"
    return Answer(lost <= most + SLACK, move, now, past, minimum=past - most)


def _no_later(look: Look) -> Answer:
    look.needed("target_rank")
    look.needed("target_rank", look.past)
    now, past = look.number("first_top_depth"), look.number("first_top_depth", look.past)
    if now is None and past is None:
        raise _UntoldError(Status.INSUFFICIENT_DATA, "at no layer is it the first choice, and in the baseline neither")
    there = "at no layer" if now is None else _depth(now)
    because = f"it is the first choice {there}, and was {'at none' if past is None else _depth(past)}"
    holds = past is None or (now is not None and now <= past + SLACK)
    return Answer(holds, because, now, past, maximum=past)


def _depth(share: float) -> str:
    return f"after {said(100 * share, noise=1.0)} % of the layers"


def _percent(share: float, bound: float) -> str:
    return f"{said(100 * share, 100 * bound, noise=1.0)} %"


def _quoted(text: str) -> str:
    shown = " ".join(text.split())
    return f"“{shown if len(shown) <= MOST_SHOWN else shown[: MOST_SHOWN - 1] + '…'}”" if shown else "empty"


READERS: Mapping[str, Callable[[Look], Answer]] = {
    "first choice": _first_choice,
    "among the first": _among_the_first,
    "by layer": _by_layer,
    "by depth": _by_depth,
    "probability": _probability,
    "beats the foil": _beats_the_foil,
    "answer contains": _answer_contains,
    "answer lacks": _answer_lacks,
    "answer begins": _answer_begins,
    "answer is": _answer_is,
    "holds": _holds,
    "holds at most": _holds_at_most,
    "strongest": _strongest,
    "stays among the strongest": _stays_among,
    "same strongest": _same_strongest,
    "same answer": _same_answer,
    "target loses": _target_loses,
    "no later": _no_later,
}
"""Who judges which sentence."""
