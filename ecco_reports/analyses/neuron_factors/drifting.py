"""Whether the neurons of a new model still fire together at the same words: factors of two traces, matched.

In: traces. Out: measures of two results, a sentence, a figure. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.measures import Drift
from ecco_reports.analyses.neuron_factors.aligning import Matching, aligned_factors, over_units
from ecco_reports.analyses.neuron_factors.catalogue import LOST, MEASURES
from ecco_reports.analyses.neuron_factors.results import in_words
from ecco_reports.analyses.neuron_factors.tracing import NeuronFactorsTrace, TracedFactor, TracedStack
from ecco_reports.analyses.traced_words import common_parts

if TYPE_CHECKING:
    from ecco_reports.charts.figure import ChartFigure


@dataclass(frozen=True)
class Matched:
    """The factors of one stack before and after.

    Attributes:
        before: Of the baseline.
        after: Of the candidate.
        matching: Which belong together.
        parts: Over how many parts of the prompt.
    """

    before: TracedStack
    after: TracedStack
    matching: Matching
    parts: int

    @property
    def cosines(self) -> list[float]:
        """Of each factor of the baseline with its partner; 0 where it has none."""
        found = [0.0] * len(self.before.factors)
        for one, other in self.matching.pairs:
            found[one] = float(self.matching.cosines[one, other])
        return found

    @property
    def lost(self) -> list[int]:
        """The factors of the baseline that have no counterpart, the largest first."""
        return [number for number, cosine in enumerate(self.cosines) if cosine < LOST]


def drift_of(before: NeuronFactorsTrace, after: NeuronFactorsTrace) -> Drift:
    """How alike the factors are, and how many were lost."""
    matched = matched_of(before, after)
    if not matched:
        return Drift(remarks=tuple(_remarks(before, after, matched)))
    values = {
        "matched_cosine": float(np.mean([each.matching.mean for each in matched])),
        "lost_factors": float(sum(len(each.lost) for each in matched)),
    }
    same = values["matched_cosine"] >= 1 - MEASURES["matched_cosine"].noise and not values["lost_factors"]
    return Drift(values, "" if same else sentence(matched), tuple(_remarks(before, after, matched)))


def matched_of(before: NeuronFactorsTrace, after: NeuronFactorsTrace) -> list[Matched]:
    """The stacks of one name that have more parts of the prompt in common than factors: with fewer, all match."""
    theirs = {stack.stack: stack for stack in after.stacks}
    found = []
    for one in before.stacks:
        other = theirs.get(one.stack)
        if other is None or not one.factors or not other.factors:
            continue
        parts = common_parts(one.words, other.words)
        if len(parts) > max(len(one.factors), len(other.factors)):
            left = over_units(one.loadings, [pair[0] for pair in parts])
            right = over_units(other.loadings, [pair[1] for pair in parts])
            found.append(Matched(one, other, aligned_factors(left, right), len(parts)))
    return found


def sentence(matched: Sequence[Matched]) -> str:
    """The largest factor that was lost, or the one that changed most."""
    losing = next((each for each in matched if each.lost), None)
    if losing is not None:
        factor = losing.before.factors[losing.lost[0]]
        told = f"The factor {_at(factor)} ({factor.share:.0%} of what the neurons do) has no counterpart now"
        partner = dict(losing.matching.pairs).get(losing.lost[0])
        if partner is None:
            return f"{told}: the candidate has fewer factors."
        cosine = losing.cosines[losing.lost[0]]
        return (
            f"{told}: the nearest that is left is strongest {_at(losing.after.factors[partner])} (cosine {cosine:.2f})."
        )
    least = min(matched, key=lambda each: min(each.cosines))
    number = int(np.argmin(least.cosines))
    mean = float(np.mean([each.matching.mean for each in matched]))
    return (
        f"Every factor has a counterpart, alike to {mean:.2f} on average; least alike is the factor "
        f"{_at(least.before.factors[number])} ({least.cosines[number]:.2f})."
    )


def _at(factor: TracedFactor) -> str:
    return f"at {in_words(factor.named)}" if factor.named else "nowhere"


def _remarks(before: NeuronFactorsTrace, after: NeuronFactorsTrace, matched: Sequence[Matched]) -> Iterator[str]:
    """What could not be compared, and why."""
    done = {each.before.stack for each in matched}
    for stack in dict.fromkeys(stack.stack for stack in (*before.stacks, *after.stacks)):
        of = f" of the {stack}" if stack else ""
        if stack not in done:
            both = all(any(one.stack == stack for one in trace.stacks) for trace in (before, after))
            why = "the two have hardly more words in common than factors" if both else "only one of the two has them"
            yield f"The factors{of} are not compared: {why}."
    if not before.stacks and not after.stacks:
        yield "The factors are not compared: there are none."
    for each in matched:
        counts = len(each.before.factors), len(each.after.factors)
        if counts[0] != counts[1]:
            yield f"The baseline has {counts[0]} factors, the candidate {counts[1]}."


def figures_of(before: NeuronFactorsTrace, after: NeuronFactorsTrace, names: tuple[str, str]) -> Iterator[ChartFigure]:
    """How alike each factor of the baseline and its partner are."""
    from ecco_reports.charts.before_after import Scale, paired_bars
    from ecco_reports.charts.figure import ChartFigure

    for each in matched_of(before, after):
        of = f" of the {each.before.stack}" if each.before.stack else ""
        partners = dict(each.matching.pairs)
        yield ChartFigure(
            id="-".join(filter(None, ["drift-factors", each.before.stack])),
            title=f"Do the factors{of} have counterparts?",
            reading=f"Each row is a group of neurons of {names[0]} that fire together, named by the words at which it "
            f"is strongest; the bar says how alike its best partner in {names[1]} is over {each.parts} parts of the "
            f"prompt. Below {LOST} it counts as lost. With one text moved along the other, the mean would be "
            f"{each.matching.by_chance:.2f}: that much is chance.",
            alt_text=sentence([each]),
            chart=paired_bars(
                [
                    f"{number + 1}: " + " ".join(f"“{word}”" for word in factor.named)
                    for number, factor in enumerate(each.before.factors)
                ],
                [f"{names[0]} and {names[1]}"],
                ["likeness"],
                np.array([[[c if n in partners else np.nan for n, c in enumerate(each.cosines)]]]),
                Scale("cosine with its partner", whole=1.0),
                "factor",
            ),
        )
