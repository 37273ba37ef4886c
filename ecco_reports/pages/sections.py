"""What the templates see: reports (of an experiment), readings (a prompt read by a model), sections (one analysis).

In: what ``arranging`` puts together. Out: frozen views of words, numbers and drawn figures. Never: Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from markupsafe import Markup

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.analyses.voice import voice_of
from ecco_reports.pages.drawings import Drawn
from ecco_reports.pages.sayings import Boxes, Piece, count_of_tokens, groups, pieces
from ecco_reports.pages.tables import Cell, table_html
from ecco_reports.records import Check, Family, Metric, Passage, Prompt, Provenance, Record, Table

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.pages.comparing import ComparisonView
    from ecco_reports.plan import Task

ROWS_SHOWN = 25
"""Rows of a table that stand on the page; the files beside it have all of them."""

VERDICTS_SHOWN = 20
"""Verdicts of gates that a page shows without folding away those that passed."""

CAPABILITY = "CapabilityError"


@dataclass(frozen=True)
class Trouble:
    """Why a section has no figures, or a page a box instead of a chart.

    Attributes:
        kind: The name of the error.
        message: What it says.
    """

    kind: str
    message: str

    @property
    def lacking(self) -> bool:
        """Whether the model simply cannot do what was asked for, which is nobody's fault."""
        return self.kind == CAPABILITY


@dataclass(frozen=True)
class Section:
    """One analysis of one prompt by one model, as a page shows it.

    Attributes:
        anchor: Its permanent id on the page.
        analysis: The room it comes from.
        label: As the experiment calls the entry.
        task: The task it reports on.
        summary: What was found; empty where there is no result.
        figures: The drawn figures, the most telling first.
        checks: The proof.
        metrics: The numbers gates may watch.
        table: The data, or None.
        csv: Address of the CSV file from the page; empty without a table.
        json: Address of the JSON file from the page; empty without a table.
        trouble: Why there is no result, or None.
        provenance: Where the result comes from, or None.
        files: What belongs into the site beside the page, by path from the site's root.
        result: What it shows, or None.
        undrawn: Whether there is a result that could not be drawn.
        models: The two models it compares; empty for a section about one.
    """

    anchor: str
    analysis: AnyAnalysis
    label: str
    task: Task
    summary: str = ""
    figures: tuple[Drawn, ...] = ()
    checks: tuple[Check, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    table: Table | None = None
    csv: str = ""
    json: str = ""
    trouble: Trouble | None = None
    provenance: Provenance | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    result: Record | None = None
    undrawn: bool = False
    models: tuple[str, ...] = ()

    @property
    def heading(self) -> str:
        """Its title on the page, with the label where the label says more than the analysis."""
        return self.analysis.title if self.label == self.analysis.name else f"{self.analysis.title}: {self.label}"

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.passed for check in self.checks)

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows of the table that the page shows."""
        return self.table.rows[:ROWS_SHOWN] if self.table else ()

    @property
    def table_html(self) -> Markup:
        """Header and body of the table; built here because a template would take ten times as long."""
        return table_html(self.table.columns, self.rows) if self.table else Markup()


@dataclass(frozen=True)
class Continuation:
    """One way in which a model went on after a prompt; greedy and sampled entries of an experiment give several.

    Attributes:
        passage: Prompt and continuation as tokens.
        labels: The entries that explain it.
    """

    passage: Passage
    labels: tuple[str, ...]

    @property
    def tokens(self) -> tuple[Boxes, ...]:
        """Its tokens, by the part of the model that reads them."""
        return groups(self.passage)

    @property
    def count(self) -> str:
        """How many tokens there are and where they come from, in words."""
        return count_of_tokens(self.passage)


@dataclass(frozen=True)
class Reading:
    """A prompt read by a model: what was asked, what the model wrote, and what was found.

    Attributes:
        anchor: Its permanent id on the page.
        prompt_anchor: The id of the prompt, which several models may have read.
        prompt: The prompt.
        model: The model's name in the experiment.
        source: What that name stands for.
        sections: One per analysis, in the order of the experiment.
        continuations: What the model wrote, each different text once; empty when no result tells.
    """

    anchor: str
    prompt_anchor: str
    prompt: Prompt
    model: str
    source: str
    sections: tuple[Section, ...]
    continuations: tuple[Continuation, ...] = ()

    def text(self, continuation: Continuation | None) -> tuple[Piece, ...]:
        """The prompt with what the model said, in pieces."""
        return pieces(self.prompt, continuation.passage if continuation else None)

    @property
    def expected(self) -> str:
        """What a target of the prompt is about: the next token, the class."""
        family = self.continuations[0].passage.family if self.continuations else Family.CAUSAL
        return voice_of(family).asked

    @property
    def checks(self) -> int:
        """How many checks its sections carry."""
        return sum(len(section.checks) for section in self.sections)

    @property
    def passed(self) -> int:
        """How many of them passed."""
        return sum(section.passed for section in self.sections)

    @property
    def troubles(self) -> tuple[Section, ...]:
        """Sections that could not be shown although the model can do what they need."""
        return tuple(section for section in self.sections if section.trouble and not section.trouble.lacking)


@dataclass(frozen=True)
class Meeting:
    """Two models that read the same prompt, and what their results say about each other.

    Attributes:
        anchor: Its permanent id on the page.
        prompt: The prompt.
        models: Their names in the experiment.
        sections: One per analysis that can compare, in the order of the experiment.
    """

    anchor: str
    prompt: Prompt
    models: tuple[str, str]
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Verdict:
    """How a gate ended for one result, or for all prompts of a model.

    Attributes:
        status: How it ended.
        metric: The metric it watches, or the sentence it expects.
        message: A sentence with the numbers.
        failed: Whether it must stop a release.
        passed: Whether all is well.
        model: The model it was about; None where it found nothing to judge.
        prompt: The prompt it was about; None where it found nothing, or judged the mean over all of them.
        samples: Over how many prompts the mean was taken, or None.
    """

    status: str
    metric: str
    message: str
    failed: bool
    passed: bool
    model: str | None = None
    prompt: str | None = None
    samples: int | None = None

    @property
    def tone(self) -> str:
        """``sound``, ``broken`` or ``neutral``: how the status looks."""
        return "broken" if self.failed else "sound" if self.passed else "neutral"


@dataclass(frozen=True)
class Report:
    """An experiment as its page shows it.

    Attributes:
        experiment: The experiment.
        readings: Every prompt read by every model, in the order of the experiment.
        verdicts: What its gates say.
        meetings: What the results of two models say about each other, prompt by prompt.
        comparisons: What changed since its baselines.
    """

    experiment: Experiment
    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...] = ()
    meetings: tuple[Meeting, ...] = ()
    comparisons: tuple[ComparisonView, ...] = ()

    @property
    def path(self) -> str:
        """Its page, from the root of the docs."""
        return f"experiments/{self.experiment.name}.md"

    @property
    def verdicts_shown(self) -> tuple[Verdict, ...]:
        """The gates that stand on the page at once: all of a few; of many, those that are not a pass."""
        return tuple(verdict for verdict in self.verdicts if not (self._many_verdicts and verdict.passed))

    @property
    def verdicts_folded(self) -> tuple[Verdict, ...]:
        """The gates behind a line that says how many they are: of many, those that passed."""
        return tuple(verdict for verdict in self.verdicts if self._many_verdicts and verdict.passed)

    @property
    def _many_verdicts(self) -> bool:
        return len(self.verdicts) > VERDICTS_SHOWN

    @property
    def sections(self) -> Iterator[Section]:
        """All sections of all readings."""
        return (section for reading in self.readings for section in reading.sections)

    @property
    def all_sections(self) -> Iterator[Section]:
        """The sections of all readings, and those that compare two of them."""
        yield from self.sections
        for meeting in self.meetings:
            yield from meeting.sections

    def meetings_about(self, prompt: str) -> tuple[Meeting, ...]:
        """The comparisons of the models that read a prompt."""
        return tuple(meeting for meeting in self.meetings if meeting.prompt.name == prompt)

    @cached_property
    def checks(self) -> int:
        """How many checks its results carry."""
        return sum(len(section.checks) for section in self.all_sections)

    @cached_property
    def passed(self) -> int:
        """How many of them passed."""
        return sum(section.passed for section in self.all_sections)

    @property
    def versions(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The different sets of versions that its results were computed with."""
        origins = (section.provenance for section in self.sections if section.provenance)
        return tuple(dict.fromkeys(tuple(sorted(origin.versions.items())) for origin in origins))

    @property
    def notes(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """What a reader should know of the way its results were computed, each with the anchors that it is about.

        What is about all of them has no anchors.
        """
        anchors: dict[str, list[str]] = {}
        computed = [section for section in self.sections if section.provenance]
        for section in computed:
            for note in section.provenance.notes if section.provenance else ():
                anchors.setdefault(note, []).append(section.anchor)
        return tuple((note, () if len(about) == len(computed) else tuple(about)) for note, about in anchors.items())

    @cached_property
    def failures(self) -> int:
        """How many sections could not be shown."""
        undrawn = sum(section.undrawn for meeting in self.meetings for section in meeting.sections)
        return sum(len(reading.troubles) for reading in self.readings) + undrawn

    @property
    def status(self) -> str:
        """``broken`` (something failed), ``doubtful`` (a check did not pass), ``sound``; gates speak for themselves."""
        if self.failures:
            return "broken"
        return "doubtful" if self.passed < self.checks else "sound"

    @property
    def status_words(self) -> str:
        """The status in a few words."""
        if self.failures:
            return f"{self.failures} {'analysis' if self.failures == 1 else 'analyses'} failed"
        if missed := self.checks - self.passed:
            return f"{missed} of {self.checks} checks not passed"
        return f"all {self.checks} checks passed" if self.checks else "nothing to check"

    @property
    def gate_words(self) -> str:
        """What the gates say, in a few words; empty where there are none."""
        total = len(self.verdicts)
        if not total:
            return ""
        gates = "gate" if total == 1 else "gates"
        if failed := sum(verdict.failed for verdict in self.verdicts):
            return f"{failed} of {total} {gates} failed"
        if other := sum(not verdict.passed for verdict in self.verdicts):
            warned = sum(verdict.status == "warn" for verdict in self.verdicts)
            return f"{warned} of {total} {gates} warned" if warned else f"{other} of {total} {gates} undecided"
        return "the gate passed" if total == 1 else f"all {total} gates passed"

    @property
    def gate_status(self) -> str:
        """``broken``, ``doubtful`` or ``sound``: how that looks."""
        if any(verdict.failed for verdict in self.verdicts):
            return "broken"
        return "sound" if all(verdict.passed for verdict in self.verdicts) else "doubtful"
