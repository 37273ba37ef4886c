"""Whether a new model still gives the same reasons: two traces of attribution, word by word.

In: traces. Out: measures of two results, and the most telling sentence. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ecco_reports.analyses.attributing.settings import ATTENTIONS, METHOD_TITLES, Method
from ecco_reports.analyses.attribution.catalogue import MEASURES
from ecco_reports.analyses.attribution.shifting import Shift, shift_of, total_variation
from ecco_reports.analyses.attribution.tracing import AttributionTrace, TracedMethod
from ecco_reports.analyses.measures import Drift
from ecco_reports.analyses.traced_targets import TracedTarget, paired_targets
from ecco_reports.analyses.traced_words import Indices, common_parts

FEWEST_WORDS = 2
"""With fewer words there is no order."""


@dataclass(frozen=True)
class Held:
    """Two traces held against each other.

    Attributes:
        before: Of the baseline.
        after: Of the candidate.
        whole: Whether words are taken as wholes, as sentences and figures speak of them.
    """

    before: AttributionTrace
    after: AttributionTrace
    whole: bool = False

    @classmethod
    def in_words(cls, before: AttributionTrace, after: AttributionTrace) -> Held:
        """Held against each other word by word; piece by piece where the prompt is hardly more than a word."""
        whole = cls(before, after, whole=True)
        return whole if len(whole.words) >= FEWEST_WORDS else cls(before, after)

    @cached_property
    def words(self) -> tuple[tuple[Indices, Indices], ...]:
        """The words that both have, as indices into each trace's."""
        return common_parts(self.before.words, self.after.words, self.whole)

    @cached_property
    def outputs(self) -> tuple[tuple[int, int], ...]:
        """The outputs that both explain, by their numbers in each."""
        return paired_targets(self.before.targets, self.after.targets)

    @cached_property
    def methods(self) -> tuple[tuple[TracedMethod, TracedMethod], ...]:
        """The methods that both have, in the order of the baseline."""
        theirs = {method.method: method for method in self.after.methods}
        return tuple((method, theirs[method.method]) for method in self.before.methods if method.method in theirs)

    @cached_property
    def shifts(self) -> Mapping[Method, Sequence[Shift]]:
        """What each method says of each output; empty where nothing can be compared."""
        if len(self.words) < FEWEST_WORDS or not self.outputs:
            return {}
        return {mine.method: [self._shift(mine, other, pair) for pair in self.outputs] for mine, other in self.methods}

    def _shift(self, mine: TracedMethod, other: TracedMethod, outputs: tuple[int, int]) -> Shift:
        rows = [method.contributions[output] for method, output in zip((mine, other), outputs, strict=True)]
        signed = mine.signed and other.signed
        return shift_of(self._summed(rows[0], 0), self._summed(rows[1], 1), mine.method, self.before.score, signed)

    def _summed(self, row: Sequence[float], side: int) -> np.ndarray:
        """Contributions added up over the words that both have."""
        return np.array([sum(row[index] for index in pair[side]) for pair in self.words])

    def attended(self) -> Iterator[float]:
        """How far the attention of each method moved for each output, what fell on no word of the prompt included."""
        for mine, other in self.methods:
            if mine.method not in ATTENTIONS or len(self.words) < FEWEST_WORDS:
                continue
            for pair in self.outputs:
                rows = []
                for side, (method, output) in enumerate(zip((mine, other), pair, strict=True)):
                    given = self._summed(method.contributions[output], side)
                    missed = sum(method.contributions[output]) + method.elsewhere[output] - given.sum()
                    rows.append(np.append(given, max(0.0, missed)))
                moved = total_variation(*rows)
                if moved is not None:
                    yield moved

    def target(self, number: int) -> TracedTarget:
        """An output that both explain, as the candidate calls it."""
        return self.after.targets[self.outputs[number][1]]

    def label(self, number: int) -> str:
        """A word that both have, as the candidate writes it."""
        return "".join(self.after.words[index].text for index in self.words[number][1]).strip() or "␣"

    def quoted(self, number: int) -> str:
        """The same in a sentence; which of them it is where the prompt has it more than once: “of” (2nd)."""
        label = self.label(number)
        places = [other for other in range(len(self.words)) if self.label(other) == label]
        return f"“{label}” ({_ordinal(places.index(number) + 1)})" if len(places) > 1 else f"“{label}”"


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def drift_of(before: AttributionTrace, after: AttributionTrace) -> Drift:
    """Whether two models give the same reasons."""
    held = Held(before, after)
    values: dict[str, float] = {}
    if held.shifts:
        first, *_ = held.shifts.values()
        values |= _means([shift.values() for shift in first])
        taus = [_means([shift.values() for shift in shifts]).get("tau_b") for shifts in held.shifts.values()]
        known = [tau for tau in taus if tau is not None]
        if known:
            values["worst_tau_b"] = min(known)
    attended = list(held.attended())
    if attended:
        values["attention_drift"] = float(np.mean(attended))
    return Drift(values, _finding(Held.in_words(before, after)), tuple(_remarks(held)))


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each measure over the outputs that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}


def _finding(held: Held) -> str:
    """What moved most, by the first method, of the output whose reasons moved most; empty where nothing did."""
    if not held.shifts:
        return ""
    first, *_ = held.shifts.values()
    number = max(range(len(first)), key=lambda each: first[each].moved)
    if first[number].moved <= MEASURES["moved_share"].noise:
        return ""
    return sentence(held, number)


def sentence(held: Held, number: int) -> str:
    """What moved most of the reasons for one output, by the first method."""
    shift = next(iter(held.shifts.values()))[number]
    reasons = f"the reasons for {held.target(number).word}"
    before, after = np.abs(shift.before), np.abs(shift.after)
    if not before.any() or not after.any():
        when = "now" if before.any() else "in the baseline"
        return f"No word of the prompt moves {held.target(number).word} {when}."
    lost, won = int((after - before).argmin()), int((after - before).argmax())
    if len(shift.flipped):
        turned = max(shift.flipped.tolist(), key=lambda each: float(before[each] + after[each]))
        if before[turned] + after[turned] > before[lost] - after[lost]:
            sides = ("for", "against") if shift.before[turned] > 0 else ("against", "for")
            return (
                f"{held.quoted(turned)} spoke {sides[0]} {held.target(number).word} with {before[turned]:.0%} of all "
                f"reasons and now speaks {sides[1]} it with {after[turned]:.0%}."
            )
    gone, come = (f"{shift.before[lost]:.0%}", f"{shift.after[lost]:.0%}"), (shift.before[won], shift.after[won])
    told = (
        f"{held.quoted(lost)} held {gone[0]} of {reasons} and holds {gone[1]} now; {held.quoted(won)} "
        f"{'rises' if come[1] > come[0] else 'goes'} from {come[0]:.0%} to {come[1]:.0%}."
    )
    return told.replace("-0%", "0%").replace(" -", " \u2212")


def _remarks(held: Held) -> Iterator[str]:
    """What could not be compared, and why."""
    before, after = held.before, held.after
    if not held.outputs:
        if before.targets and after.targets:
            words = before.targets[0].word, after.targets[0].word
            yield (
                f"The reasons are not compared: the baseline explains {words[0]}, the candidate {words[1]}, and they "
                "have no output in common."
            )
        else:
            yield "The reasons are not compared: there was nothing to explain."
        return
    if len(held.words) < FEWEST_WORDS:
        yield (
            f"The reasons are not compared: the two have {len(held.words) or 'no'} "
            f"{'word' if len(held.words) == 1 else 'words'} of the prompt in common, and an order needs "
            f"{FEWEST_WORDS}."
        )
        return
    most = min(before.explained, after.explained)
    if len(held.outputs) < most:
        yield f"Compared are the reasons for {len(held.outputs)} of {most} outputs, which both explain and keep."
    if [word.ends_at for word in before.words] != [word.ends_at for word in after.words]:
        yield f"The two divide the prompt differently: they are compared over the {len(held.words)} parts both have."
    names = {method.method for method in before.methods} ^ {method.method for method in after.methods}
    for name in sorted(names):
        where = "baseline" if name in {method.method for method in before.methods} else "candidate"
        yield f"Only the {where} has {METHOD_TITLES[name]}."
