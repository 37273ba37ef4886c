"""What a comparison finds: the marks, changes, pairs and effects that gates judge and reports show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ecco_reports.analyses.measures import Measure
from ecco_reports.records import Prompt
from ecco_reports.snapshot import Entry, Snapshot


class Mark(StrEnum):
    """How something changed, after the marks of asv."""

    WORSE = "worse"
    BETTER = "better"
    CHANGED = "changed"
    SAME = "same"
    NOT_SIGNIFICANT = "not significant"
    NOT_COMPARABLE = "not comparable"
    NEWLY_FAILING = "newly failing"
    MENDED = "mended"
    ADDED = "added"
    GONE = "gone"


GRAVITY = (
    Mark.NEWLY_FAILING,
    Mark.WORSE,
    Mark.GONE,
    Mark.CHANGED,
    Mark.NOT_COMPARABLE,
    Mark.NOT_SIGNIFICANT,
    Mark.BETTER,
    Mark.MENDED,
    Mark.ADDED,
    Mark.SAME,
)
"""The marks, the gravest first: what broke, what got worse or went, what moved, what nobody can tell, and the rest."""


def gravest(marks: Iterable[Mark]) -> Mark:
    """The gravest of some marks; same where there are none."""
    return min(marks, key=GRAVITY.index, default=Mark.SAME)


@dataclass(frozen=True)
class Change:
    """One number, before and after.

    Attributes:
        name: Of the metric, without the label.
        measure: What is known of it.
        before: Of the baseline; for a measure of two results, its value for equal ones.
        after: Of the candidate; for a measure of two results, its value for these two. None where only the baseline
            has it, and ``before`` is None where only the candidate has it.
        mark: worse, better, changed (neither direction is better, or a measure of two results, which can only say that
            they are apart), same (within the noise of the measure), added, gone; newly failing, mended and not
            comparable where a number that should be there is none (NaN, or it cannot be computed) now, before, or on
            both sides.
        reason: Why a number that should be there is none, as a sentence; empty for others.
    """

    name: str
    measure: Measure
    before: float | None
    after: float | None
    mark: Mark
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """After minus before."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(frozen=True)
class Pair:
    """One analysis of one prompt by the baseline and by the candidate.

    Attributes:
        models: Their names; twice the same one where only one side has the model.
        prompt: The prompt; of the candidate, if it has it.
        label: As the experiment calls the analysis.
        analysis: Name of the analysis.
        mark: Of the pair as a whole: the gravest of its changes by ``GRAVITY`` (a number that came or went counts as
            changed), or why there are none.
        reason: Why it is not comparable, newly failing, added or gone, as a sentence; empty for others.
        changes: What the two results have in numbers, measures of two results first.
        finding: The most telling difference as a sentence; may be empty.
        remarks: What could not be compared, a sentence each.
        before: Of the baseline; None where it has no such entry.
        after: Of the candidate; None where it has no such entry.
    """

    models: tuple[str, str]
    prompt: Prompt
    label: str
    analysis: str
    mark: Mark
    reason: str = ""
    changes: tuple[Change, ...] = ()
    finding: str = ""
    remarks: tuple[str, ...] = ()
    before: Entry | None = None
    after: Entry | None = None

    @property
    def place(self) -> tuple[str, str, str]:
        """Model of the candidate, prompt and label."""
        return self.models[1], self.prompt.name, self.label

    def change(self, name: str) -> Change | None:
        """The change of that name."""
        return next((change for change in self.changes if change.name == name), None)


@dataclass(frozen=True)
class Effect:
    """What one metric did over all prompts that have it on both sides.

    Attributes:
        models: Names of the model of the baseline and of the candidate.
        label: As the experiment calls the analysis.
        name: Of the metric, without the label.
        measure: What is known of it.
        samples: How many prompts.
        before: Mean of the baseline; for a measure of two results, its value for equal ones.
        after: Mean of the candidate.
        difference: Mean of the paired differences.
        interval: Its bootstrap interval, or None for too few samples.
        confidence: Of that interval.
        p: Of the paired test against no difference, two-sided; None where nothing was tested, ``test`` says why.
        adjusted: The same, corrected for all metrics that were tested.
        test: What was tested with, in words, or why nothing was.
        size: Effect size (Cohen's d of paired differences); None where all differences are equal.
        worse: In how many prompts it is worse, and ``better`` in how many better, beyond the noise of the measure.
        mark: worse, better, changed, same, not significant.
        changed: In how many prompts it differs at all beyond the noise; the only count where no direction is better,
            and for a measure of two results.
        rank_biserial: Matched-pairs rank-biserial correlation, -1 (all ranks of differences down) to 1 (all up); None
            where no prompt differs.
    """

    models: tuple[str, str]
    label: str
    name: str
    measure: Measure
    samples: int
    before: float
    after: float
    difference: float
    interval: tuple[float, float] | None
    confidence: float
    p: float | None
    adjusted: float | None
    test: str
    size: float | None
    worse: int
    better: int
    mark: Mark
    changed: int = 0
    rank_biserial: float | None = None


@dataclass(frozen=True)
class Comparison:
    """A candidate held against a baseline.

    Attributes:
        before: The baseline.
        after: The candidate.
        names: What reports call the two.
        models: Which model is held against which.
        pairs: In the order of the candidate's page; what only the baseline has comes last.
        effects: By label and metric, in the order of the page.
        notes: What a reader should know first, a sentence each: another tokenizer, other layers, prompts that only one
            side has.
        correction: Whose correction for many tests the adjusted p-values have: "Holm", "Benjamini-Hochberg".
        alpha: Up to which adjusted p-value an effect counts as significant.
    """

    before: Snapshot
    after: Snapshot
    names: tuple[str, str]
    models: tuple[tuple[str, str], ...]
    pairs: tuple[Pair, ...]
    effects: tuple[Effect, ...]
    notes: tuple[str, ...] = ()
    correction: str = "Holm"
    alpha: float = 0.05

    @property
    def is_within(self) -> bool:
        """Whether both sides are one run, whose models are held against one of them."""
        return self.before is self.after

    def names_of(self, models: tuple[str, str]) -> tuple[str, str]:
        """What reports call two of the models: by their own names where both are of one run."""
        return models if self.is_within else self.names
