"""What gates say as a whole, in a few words.

In: verdicts and comparisons. Out: sentences and an order. Never: markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecco_reports.comparison.words import counted, tally

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.gates import Verdict, Verdicts

ORDER = ("error", "fail", "not-run", "not-comparable", "insufficient-data", "no-baseline", "warn", "improved", "pass")
"""The outcomes of gates, what needs a look first."""
PASSING = frozenset({"pass", "improved"})
APART = 3
"""Up to so many prompts at which a gate ended alike have a line each; more share one, with the worst of them."""


@dataclass(frozen=True)
class Group:
    """What one gate said of one model, where it ended alike.

    Attributes:
        verdicts: One for each prompt, the worst first.
    """

    verdicts: tuple[Verdict, ...]

    @property
    def worst(self) -> Verdict:
        """The one that is furthest from what the gate allows."""
        return self.verdicts[0]

    @property
    def where(self) -> str:
        """The prompt, or how many there are; ``all prompts`` where the gate judges them together."""
        if len(self.verdicts) > 1:
            return counted(len(self.verdicts), "prompt")
        return self.worst.prompt or "all prompts"

    @property
    def why(self) -> str:
        """What the verdict says; of several, the worst."""
        if len(self.verdicts) == 1:
            return self.worst.message
        return f"worst: {self.worst.prompt}: {self.worst.message}"


def groups(verdicts: Iterable[Verdict]) -> tuple[Group, ...]:
    """Verdicts with those together that say the same thing of many prompts, in the order of the first of each."""
    alike: dict[tuple[object, ...], list[Verdict]] = {}
    for one in verdicts:
        key = (one.kind, one.experiment, one.model, one.name, one.line, one.status, one.prompt is None)
        alike.setdefault(key, []).append(one)
    found: list[Group] = []
    for together in alike.values():
        if len(together) > APART:
            found.append(Group(tuple(sorted(together, key=_beyond, reverse=True))))
        else:
            found += [Group((one,)) for one in together]
    return tuple(found)


def _beyond(verdict: Verdict) -> float:
    """How far a value is beyond what it was held against; 0 where nothing says."""
    if verdict.value is None:
        return 0.0
    above = verdict.value - verdict.maximum if verdict.maximum is not None else 0.0
    below = verdict.minimum - verdict.value if verdict.minimum is not None else 0.0
    return max(above, below, 0.0)


def tone(verdicts: Verdicts | None, comparisons: Sequence[Comparison]) -> str:
    """``broken``, ``doubtful`` or ``sound``: how the whole looks at a glance."""
    if verdicts is not None and verdicts.exit_code:
        return "broken"
    if verdicts is not None and any(not verdict.passed for verdict in verdicts.gates):
        return "doubtful"
    marks = {mark.value for comparison in comparisons for mark in tally(comparison.pairs)}
    if verdicts is None or not verdicts.gates:
        return "doubtful" if marks & {"worse", "newly failing"} else "sound"
    return "sound"


def verdict_line(verdicts: Verdicts | None) -> str:
    """The verdict in one sentence, without a full stop: ``2 of 40 gates failed``."""
    if verdicts is None:
        return "No gates were judged"
    said = []
    gates = [verdict for verdict in verdicts.gates if verdict.failed]
    proofs = [verdict for verdict in verdicts.proofs if verdict.failed]
    if verdicts.failed_tasks:
        said.append(f"{counted(verdicts.failed_tasks, 'task')} failed or did not run")
    if gates:
        said.append(f"{len(gates):,} of {counted(len(verdicts.gates), 'gate')} failed")
    if proofs:
        said.append(f"{len(proofs):,} of {counted(len(verdicts.proofs), 'proof')} failed")
    if said:
        return ", ".join(said)
    if not verdicts.gates:
        return "There are no gates, and no proof failed"
    passed = sum(verdict.passed for verdict in verdicts.gates)
    rest = [f"{number:,} {status.value}" for status, number in verdicts.counts.items() if status.value not in PASSING]
    whole = f"{counted(passed, 'gate')} passed" if rest else f"All {counted(passed, 'gate')} passed"
    return ", ".join([whole if passed != 1 or rest else "The gate passed", *rest])


def outcomes(verdicts: Verdicts) -> str:
    """How many gates ended in which way, what needs a look first: ``2 fail, 1 warn, 37 pass``."""
    counts = sorted(verdicts.counts.items(), key=lambda item: ORDER.index(item[0].value))
    return ", ".join(f"{number:,} {status.value}" for status, number in counts)


def unpassed(verdicts: Verdicts | None, experiment: str | None = None) -> tuple[Verdict, ...]:
    """Gates and proofs that are not a pass, those first that need a look first."""
    if verdicts is None:
        return ()
    found = [verdict for verdict in verdicts.all if not verdict.passed and experiment in (None, verdict.experiment)]
    return tuple(sorted(found, key=lambda verdict: (not verdict.failed, ORDER.index(verdict.status.value))))
