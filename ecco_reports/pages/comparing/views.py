"""What the page of a comparison is made of.

In: what ``arranging`` puts together. Out: frozen views of words, numbers and drawn figures. Never: Markdown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ecco_reports.comparison import Comparison, Fact, Mark, Pair, fewest_samples
from ecco_reports.comparison.saying import Said, said_of
from ecco_reports.comparison.telling import ChangedPrompt
from ecco_reports.comparison.words import SIGNS, counted, models
from ecco_reports.gates.words import Group, tone, verdict_line
from ecco_reports.pages.drawings import Drawn
from ecco_reports.pages.sections import Trouble
from ecco_reports.records import Prompt

if TYPE_CHECKING:
    from ecco_reports.gates import Verdicts

QUIET = frozenset({Mark.SAME, Mark.NOT_SIGNIFICANT})


@dataclass(frozen=True)
class MarkView:
    """A mark as it stands on a page.

    Attributes:
        word: Its name.
        shape: A character for those who do not see its colour.
        tone: ``broken``, ``sound``, ``doubtful`` or ``neutral``.
        meaning: One sentence.
    """

    word: str
    shape: str
    tone: str
    meaning: str

    @classmethod
    def of(cls, mark: Mark) -> MarkView:
        """The look of a mark."""
        sign = SIGNS[mark]
        return cls(mark.value, sign.shape, sign.tone, sign.meaning)


@dataclass(frozen=True)
class Row:
    """A number of one prompt before and after, in words."""

    mark: MarkView
    name: str
    meaning: str
    before: str
    after: str
    difference: str


@dataclass(frozen=True)
class EffectRow:
    """An effect over all prompts, in words."""

    mark: MarkView
    name: str
    models: str
    meaning: str
    samples: int
    before: str
    after: str
    difference: str
    interval: str
    size: str
    moved: str
    test: str
    p: str


@dataclass(frozen=True)
class Side:
    """The baseline or the candidate: what it is called and where it comes from."""

    name: str
    created: str
    commit: str
    models: tuple[tuple[str, str, str, str], ...]
    """Name, source, number type and digest of each model that is compared."""
    versions: str


@dataclass(frozen=True)
class PromptView:
    """A prompt that changed.

    Attributes:
        anchor: Its permanent id on the page.
        changed: What changed.
        rows: The numbers that moved.
        figures: What moved, drawn.
        troubles: What could not be drawn.
    """

    anchor: str
    changed: ChangedPrompt
    rows: tuple[Row, ...]
    figures: tuple[Drawn, ...] = ()
    troubles: tuple[Trouble, ...] = ()

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        return self.changed.prompt

    @property
    def models(self) -> str:
        """Which models read it."""
        return models(self.changed.models)

    @property
    def mark(self) -> MarkView:
        """Its gravest mark."""
        return MarkView.of(self.changed.mark)

    @property
    def said(self) -> tuple[Said, ...]:
        """What was said before and after."""
        return said_of(self.changed.pairs)

    @property
    def told(self) -> Iterator[tuple[str, MarkView, str, tuple[str, ...]]]:
        """Label, mark and sentence of what was found, with remarks on what could not be."""
        for pair in self.changed.pairs:
            sentence = pair.reason or pair.finding
            if sentence or pair.remarks:
                yield pair.label, MarkView.of(pair.mark), sentence, pair.remarks


@dataclass(frozen=True)
class OtherView:
    """A prompt that changed less than those with figures: its mark, its name and what moved most, in words."""

    mark: MarkView
    name: str
    models: str
    moved: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonView:
    """A comparison as its page shows it.

    Attributes:
        name: Part of its address.
        comparison: What was found.
        headline: The same in a sentence or two.
        sides: The baseline and the candidate.
        verdicts: What gates and proofs say of the experiment; None where nothing was judged.
        gates: Those that are not a pass, what needs a look first; those that say the same of many prompts together.
        lost: Targets that are not the first choice any more.
        gained: Targets that are now.
        effects: Effects over all prompts that are more than chance.
        chance: Those that may be chance.
        still: Those that are the same to rounding.
        figures: Of all prompts together.
        prompts: The prompts that changed most, with their figures.
        others: The other prompts that changed.
        apart: Results that came, went, failed, or must not be compared.
        csv: Address of all numbers from the page; empty in a document of its own.
        json: The same as JSON.
        files: What belongs into the site beside the page, by path from the site's root.
        troubles: What could not be drawn, with the anchor of its place.
        experiment: Whether the experiment has a page beside this one.
    """

    name: str
    comparison: Comparison
    headline: str
    sides: tuple[Side, Side]
    verdicts: Verdicts | None = None
    gates: tuple[Group, ...] = ()
    lost: tuple[Fact, ...] = ()
    gained: tuple[Fact, ...] = ()
    effects: tuple[EffectRow, ...] = ()
    chance: tuple[EffectRow, ...] = ()
    still: tuple[EffectRow, ...] = ()
    figures: tuple[Drawn, ...] = ()
    prompts: tuple[PromptView, ...] = ()
    others: tuple[OtherView, ...] = ()
    apart: tuple[tuple[MarkView, Pair], ...] = ()
    csv: str = ""
    json: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    troubles: tuple[tuple[str, Trouble], ...] = ()
    experiment: bool = False

    @property
    def path(self) -> str:
        """Its page, from the root of the docs."""
        return f"comparisons/{self.name}.md"

    @property
    def title(self) -> str:
        """Of the experiment."""
        return self.comparison.after.title

    @property
    def several(self) -> bool:
        """Whether more than one pair of models is compared."""
        return len(self.comparison.models) > 1

    @property
    def tally(self) -> tuple[tuple[MarkView, int], ...]:
        """How many results have each mark."""
        marks = [pair.mark for pair in self.comparison.pairs]
        return tuple((MarkView.of(mark), marks.count(mark)) for mark in SIGNS if mark in marks)

    @property
    def quiet(self) -> bool:
        """Whether nothing changed at all, and no gate complains."""
        return (
            all(pair.mark in QUIET for pair in self.comparison.pairs)
            and not self.gates
            and not self.effects
            and not self.chance
        )

    @property
    def found_nothing(self) -> str:
        """What is said where no metric moved by more than chance explains: that, or that nobody could have told."""
        most = max((effect.samples for effect in self.comparison.effects), default=0)
        if most < fewest_samples(self.comparison.alpha):
            return f"{counted(most, 'prompt')} are too few to tell from chance what a metric does on the whole."
        return "No metric moved by more than chance explains."

    @property
    def confidence(self) -> str:
        """Of the intervals, in per cent."""
        return f"{100 * next((effect.confidence for effect in self.comparison.effects), 0.95):.3g}\u00a0%"

    @property
    def status(self) -> str:
        """``broken``, ``doubtful`` or ``sound``: how its chip looks."""
        return tone(self.verdicts, [self.comparison])

    @property
    def status_words(self) -> str:
        """The verdict in a few words; where nothing was judged, what was found."""
        if self.verdicts is not None and self.verdicts.all:
            return verdict_line(self.verdicts)
        return ", ".join(f"{number:,} {mark.word}" for mark, number in self.tally[:3]) or "nothing to compare"
