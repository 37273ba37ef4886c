"""What a metric did over all prompts: paired differences, their interval, and whether chance could have done it.

In: pairs. Out: effects, one per models, label and metric with at least two prompts. Never: pairs that are not
comparable, and numbers that one side lacks.

What is tested. For a number of one result, and for a signed measure of two (one whose direction is neither, such as a
shift of layers), each difference could as well have had the other sign if nothing had changed: a paired test asks about
that. A measure of two results that is an agreement or a distance has no other sign: equal results lie at the edge of
its range, every difference points away from it, and a test against that edge would call any rounding significant. For
these there is an interval of the mean, held against the noise of the measure, and the count of the prompts beyond it.

An effect none of whose prompts differs beyond the noise is not tested and does not count in the correction for many
tests. That is no look at the outcome: the tests above ask about the signs of the differences, given their sizes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison.changes import mark_of, noise_between, within_noise
from ecco_reports.comparison.findings import Effect, Mark, Pair
from ecco_reports.comparison.statistics import (
    CONFIDENCE,
    CORRECTIONS,
    TESTS,
    bootstrap_interval,
    cohens_d,
    fewest_samples,
    paired_p,
    rank_biserial,
    seed_of,
)
from ecco_reports.records import Direction


@dataclass(frozen=True)
class Samples:
    """One metric of all prompts that have it on both sides, in the order of the page.

    Attributes:
        models: Names of the model of the baseline and of the candidate.
        label: As the experiment calls the analysis.
        name: Of the metric, without the label.
        measure: What is known of it.
        prompts: Names of the prompts.
        before: Of the baseline, one per prompt; for a measure of two results, its value for equal ones.
        after: Of the candidate.
    """

    models: tuple[str, str]
    label: str
    name: str
    measure: Measure
    prompts: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]

    @property
    def seed(self) -> int:
        """Of everything that is drawn for it, from its names alone."""
        return seed_of(*self.models, self.label, self.name)


def samples_of(pairs: Iterable[Pair]) -> tuple[Samples, ...]:
    """The numbers of all pairs by models, label and metric, in the order of the page."""
    found: dict[tuple[tuple[str, str], str, str], list[tuple[str, Measure, float, float]]] = {}
    for pair in pairs:
        for change in pair.changes:
            if change.before is not None and change.after is not None:
                row = (pair.prompt.name, change.measure, change.before, change.after)
                found.setdefault((pair.models, pair.label, change.name), []).append(row)
    return tuple(
        Samples(
            models,
            label,
            name,
            measure=rows[0][1],
            prompts=tuple(row[0] for row in rows),
            before=tuple(row[2] for row in rows),
            after=tuple(row[3] for row in rows),
        )
        for (models, label, name), rows in found.items()
    )


def effects_of(
    pairs: Iterable[Pair], *, test: str, correction: str, alpha: float, confidence: float = CONFIDENCE
) -> tuple[Effect, ...]:
    """The effects of all metrics that at least two prompts have on both sides.

    Args:
        pairs: What was compared.
        test: A name of ``TESTS``.
        correction: A name of ``CORRECTIONS``; over all effects of the comparison that were tested.
        alpha: Up to which corrected p-value an effect is significant.
        confidence: Of the intervals.
    """
    enough = fewest_samples(alpha)
    found = [_effect(samples, test, enough, confidence) for samples in samples_of(pairs) if len(samples.prompts) >= 2]
    tested = [effect.p for effect in found if effect.p is not None]
    adjusted = iter(CORRECTIONS[correction].adjust(tested))
    return tuple(_marked(effect, None if effect.p is None else next(adjusted), alpha) for effect in found)


def _effect(samples: Samples, test: str, enough: int, confidence: float) -> Effect:
    """Everything but the correction and the mark."""
    measure = samples.measure
    differences = np.asarray(samples.after) - np.asarray(samples.before)
    marks = [mark_of(before, after, measure) for before, after in zip(samples.before, samples.after, strict=True)]
    changed = sum(mark is not Mark.SAME for mark in marks)
    why_not = _untested(measure, len(marks), changed, enough)
    wide = len(marks) >= enough
    return Effect(
        models=samples.models,
        label=samples.label,
        name=samples.name,
        measure=measure,
        samples=len(marks),
        before=float(np.mean(samples.before)),
        after=float(np.mean(samples.after)),
        difference=float(differences.mean()),
        interval=bootstrap_interval(differences, seed=samples.seed, confidence=confidence) if wide else None,
        confidence=confidence,
        p=None if why_not else paired_p(differences, test=test, seed=samples.seed),
        adjusted=None,
        test=why_not or TESTS[test].words,
        size=cohens_d(differences),
        worse=sum(mark is Mark.WORSE for mark in marks),
        better=sum(mark is Mark.BETTER for mark in marks),
        mark=Mark.SAME,
        changed=changed,
        rank_biserial=rank_biserial(differences),
    )


def one_sided(measure: Measure) -> bool:
    """Whether equal results lie at the edge of the range, so that differences from them have one sign only."""
    return measure.of_two and measure.direction is not Direction.NEITHER


def _untested(measure: Measure, samples: int, changed: int, enough: int) -> str:
    """Why nothing is tested; empty where something is."""
    if one_sided(measure):
        return "not tested: equal results lie at the edge of its range; the interval of the mean is held to the noise"
    if samples < enough:
        return f"not tested: {samples} prompts are too few, {enough} are needed"
    if not changed:
        return "not tested: no prompt differs beyond the noise"
    return ""


def _marked(effect: Effect, adjusted: float | None, alpha: float) -> Effect:
    """The effect with its corrected p-value and its mark."""
    noise = noise_between(effect.before, effect.after, effect.measure)
    if within_noise(effect.before, effect.after, effect.measure):
        mark = Mark.SAME
    elif one_sided(effect.measure):
        beyond = effect.interval is not None and (effect.interval[0] > noise or effect.interval[1] < -noise)
        mark = Mark.CHANGED if beyond else Mark.NOT_SIGNIFICANT
    elif adjusted is None or adjusted > alpha:
        mark = Mark.NOT_SIGNIFICANT
    else:
        mark = mark_of(effect.before, effect.after, effect.measure)
    return replace(effect, adjusted=adjusted, mark=mark)
