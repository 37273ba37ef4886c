"""What is said of a gate or a proof, and what follows for a release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecco_reports.runner import Outcome


class Status(StrEnum):
    """How a gate or a proof ended."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    IMPROVED = "improved"
    NO_BASELINE = "no-baseline"
    NOT_COMPARABLE = "not-comparable"
    INSUFFICIENT_DATA = "insufficient-data"
    NOT_RUN = "not-run"
    ERROR = "error"

    @property
    def meaning(self) -> str:
        """What it says, as a sentence."""
        return MEANINGS[self]


MEANINGS: Mapping[Status, str] = {
    Status.PASS: "the number is within its bounds",
    Status.FAIL: "the number is out of its bounds, or is not a finite number",
    Status.WARN: "it is out of its bounds, and the gate has `level: warn`, or the worsening is not significant",
    Status.IMPROVED: "better than the baseline by more than it might be worse, or, with a test, significantly better",
    Status.NO_BASELINE: "the gate asks for a comparison, and there is nothing to compare with",
    Status.NOT_COMPARABLE: "there is a baseline, and its number means something else",
    Status.INSUFFICIENT_DATA: "too few prompts for the test, or a result that has no such number",
    Status.NOT_RUN: "the task that gives the number failed, or was not run",
    Status.ERROR: "the gate itself is wrong: no result carries its metric, or the number cannot be computed",
}
"""What each status says."""


class Kind(StrEnum):
    """What was judged."""

    GATE = "gate"
    PROOF = "proof"


class Level(StrEnum):
    """What a broken bound does: stop a release, or only be shown."""

    FAIL = "fail"
    WARN = "warn"


STOPPING = frozenset({Status.FAIL, Status.NOT_COMPARABLE, Status.INSUFFICIENT_DATA})
"""What stops a release at level fail; an error in the gate itself stops it at every level."""


@dataclass(frozen=True)
class Verdict:
    """How one gate ended for one result or for one data set, or how one proof ended.

    Attributes:
        kind: A gate of the experiment or a proof of the result.
        status: How it ended.
        experiment: Name of the experiment.
        name: The metric as the gate names it, the sentence it expects, or the name of the check.
        message: One sentence that says so with its numbers.
        model: The model it is about; None where the gate found nothing to judge.
        prompt: The prompt it is about; None where it found nothing, or judges the mean over all prompts.
        label: The entry it is about; None where it found nothing.
        level: Whether a broken bound stops a release.
        value: What was measured, where something was.
        before: The same in the baseline, where the gate asks for a comparison.
        minimum: The least value that passes, also where it follows from the baseline.
        maximum: The largest value that passes, also where it follows from the baseline; for a proof its tolerance.
        bound: What the gate demands, as it is written ("max_drop 0.5").
        samples: Over how many prompts the mean was taken, or None.
        p: Of the test, or None.
        adjusted: The same, corrected for all tests of the experiment, or None.
        test: What was tested with, in words; may be empty.
        file: The experiment file, for a gate.
        line: Where the gate stands in it, from 1.
        column: The same, in characters.
        required: Whether a missing baseline stops a release.
    """

    kind: Kind
    status: Status
    experiment: str
    name: str
    message: str
    model: str | None = None
    prompt: str | None = None
    label: str | None = None
    level: Level = Level.FAIL
    value: float | None = None
    before: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    bound: str = ""
    samples: int | None = None
    p: float | None = None
    adjusted: float | None = None
    test: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    required: bool = False

    @property
    def place(self) -> tuple[str, str, str] | None:
        """Model, prompt and label; None where it is not about one result."""
        if self.model is None or self.prompt is None or self.label is None:
            return None
        return self.model, self.prompt, self.label

    @property
    def passed(self) -> bool:
        """Whether all is well."""
        return self.status in {Status.PASS, Status.IMPROVED}

    @property
    def failed(self) -> bool:
        """Whether it must stop a release.

        A task without a result counts as a failed task, not as a failed gate; a first run, which has no baseline,
        is reported and goes through unless a baseline is required.
        """
        if self.status is Status.ERROR:
            return True
        if self.status is Status.NO_BASELINE:
            return self.required
        return self.level is Level.FAIL and self.status in STOPPING


@dataclass(frozen=True)
class Verdicts:
    """All verdicts of a run.

    Attributes:
        all: Gates in the order of the experiments, then proofs in the order of the pages.
        failed_tasks: How many tasks have no result.
    """

    all: tuple[Verdict, ...]
    failed_tasks: int

    @property
    def gates(self) -> tuple[Verdict, ...]:
        """What is said of gates."""
        return tuple(verdict for verdict in self.all if verdict.kind is Kind.GATE)

    @property
    def proofs(self) -> tuple[Verdict, ...]:
        """What is said of proofs."""
        return tuple(verdict for verdict in self.all if verdict.kind is Kind.PROOF)

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many gates ended in which way, in the order of the statuses; none that did not occur."""
        found = Counter(verdict.status for verdict in self.gates)
        return {status: found[status] for status in Status if found[status]}

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Those that must stop a release."""
        return tuple(verdict for verdict in self.all if verdict.failed)

    @property
    def exit_code(self) -> int:
        """4 when a task has no result, else 3 when a gate or a proof failed, else 0.

        The missing result comes first: while results are missing, nobody knows how the gates would end.
        """
        not_run = any(verdict.status is Status.NOT_RUN for verdict in self.all)
        return 4 if self.failed_tasks or not_run else 3 if self.failed else 0

    def of(self, outcome: Outcome) -> tuple[Verdict, ...]:
        """What was judged about one outcome."""
        experiment, *place = outcome.task.place
        return tuple(verdict for verdict in self.of_experiment(experiment) if verdict.place == tuple(place))

    def of_experiment(self, name: str) -> tuple[Verdict, ...]:
        """What was judged about one experiment."""
        return tuple(verdict for verdict in self.all if verdict.experiment == name)
