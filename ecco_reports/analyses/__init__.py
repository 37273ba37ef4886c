"""The questions one can ask of a model, one room each, and the table that lists them.

An analysis has no state. Its ``Params`` come from YAML, its ``Result`` goes to the store, and the stored result is the
only thing that ``run`` hands to everything after it. A new analysis is one file and one line in ``ANALYSES``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from ecco_reports.analyses.measures import Drift, Measure, Trace
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Decoding, Metric, Prompt, Record, Table
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

P = TypeVar("P", bound=Record)
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Between:
    """What two results of one analysis, of the same prompt by two models, say about each other.

    Attributes:
        summary: What was found, in one or two plain sentences with the numbers that matter.
        figures: The most telling first.
        checks: What must hold of the comparison itself.
        table: The data of the figures as rows.
    """

    summary: str
    figures: Sequence[Figure]
    checks: Sequence[Check]
    table: Table


class Analysis(ABC, Generic[P, R]):
    """One question about a model and a prompt.

    Attributes:
        name: As it stands in YAML.
        version: Raised when the same inputs give other results; older results then count as missing.
        title: Its name on a page.
        question: The question it answers, in one plain sentence.
        requires: What a model must be able to do.
        Params: Its settings, from YAML.
        Result: Its outcome, to the store.
        measures: The metrics it has, of one result (``metrics``) and of two (``drift``), by name.
        Traced: What it keeps of a result for later comparisons; None where it keeps its metrics alone.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    title: ClassVar[str]
    question: ClassVar[str]
    requires: ClassVar[frozenset[Capability]]
    Params: type[P]
    Result: type[R]
    measures: ClassVar[Mapping[str, Measure]] = {}
    Traced: ClassVar[type[Trace] | None] = None

    def needs(self, params: P) -> frozenset[Capability]:
        """What a model must be able to do for these settings; for most analyses the same as for any others."""
        return self.requires

    def problems(
        self, params: P, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """What cannot work for this prompt and model although the YAML is well formed.

        Called before anything is computed, with what is known of the model without loading it.

        Yields:
            The path inside the params (``("watch", 0)``), what is wrong, and what to write instead. A path that
            starts with ``"prompt"`` is inside the prompt instead (``("prompt", "target")``).
        """
        return iter(())

    def variants(self, params: P, units: int) -> int:
        """How many variants of a prompt it has a model score at most, for people who pay for each of them.

        Args:
            params: The settings.
            units: How many parts the prompt has.
        """
        return 0

    def work(self, params: P, extent: Extent) -> Work:
        """What it costs beside the one pass over the text that all analyses of a prompt share.

        ``plan`` prints it before anything runs, so it is said without loading a model; at most, where it depends on
        what the model will say.

        Args:
            params: The settings.
            extent: How much text there is, and how large the model is.
        """
        return Work()

    @abstractmethod
    def run(self, model: LanguageModel, prompt: Prompt, params: P) -> R:
        """Computes the result; the only method that touches a model. Imports ``methods`` inside."""

    @abstractmethod
    def proof(self, result: R) -> Sequence[Check]:
        """The residuals the result carries, with their tolerances."""

    @abstractmethod
    def metrics(self, result: R) -> Mapping[str, Metric]:
        """The numbers of one result that a gate may watch, each of them in ``measures``."""

    @abstractmethod
    def summary(self, result: R) -> str:
        """What was found, in one or two plain sentences with the numbers that matter."""

    @abstractmethod
    def charts(self, result: R) -> Sequence[Figure]:
        """The figures of a result, the most telling first. Pure: no model, no files. Imports ``charts`` inside."""

    @abstractmethod
    def table(self, result: R) -> Table:
        """The data of the figures as rows, one observation per row."""

    def between(self, first: R, second: R, names: tuple[str, str]) -> Between | None:
        """Two results of the same prompt by two models, side by side; None where there is nothing to compare. Pure.

        Args:
            first: Of one model.
            second: Of another one, which may have another tokenizer and other layers.
            names: What the page calls the two models.
        """
        return None

    def trace(self, result: R) -> Trace | None:
        """What a later comparison needs of a result, of the class ``Traced``. Pure."""
        return None

    def drift(self, before: Any, after: Any) -> Drift:
        """How far a result has moved. Pure; the traces are of the class ``Traced``.

        Args:
            before: Of the baseline.
            after: Of the candidate, which may have another tokenizer (words are aligned by their characters) and
                other layers (they are aligned by relative depth).
        """
        return Drift()

    def drift_figures(self, before: Any, after: Any, names: tuple[str, str]) -> Sequence[Figure]:
        """Figures of what moved, the most telling first. Pure; imports ``charts`` inside.

        Args:
            before: Trace of the baseline.
            after: Trace of the candidate.
            names: What the page calls the two.
        """
        return ()


AnyAnalysis: TypeAlias = Analysis[Any, Any]


class DecodingParams(Decoding):
    """Params of an analysis that explains a continuation of the prompt.

    All analyses of an experiment explain the same continuation: the decoding settings written at one entry hold for
    the entries of the same model and prompt that say nothing about decoding.

    Attributes:
        about_speech: Whether the analysis is about what the model says, so that a prompt must give it something to say:
            a mask to fill in, a passage to find an answer in.
    """

    about_speech: ClassVar[bool] = True

    @property
    def decoding(self) -> Decoding:
        """The decoding settings alone."""
        return Decoding(**{name: getattr(self, name) for name in Decoding.model_fields})

    @property
    def says_nothing_about_decoding(self) -> bool:
        """Whether every decoding setting was left out, so that those of another entry hold."""
        return not self.model_fields_set & set(Decoding.model_fields)


ANALYSES: Registry[AnyAnalysis] = Registry(
    "analysis",
    {
        "generation": "ecco_reports.analyses.generation:Generation",
        "attribution": "ecco_reports.analyses.attribution:Attribution",
        "faithfulness": "ecco_reports.analyses.faithfulness:Faithfulness",
        "logit_lens": "ecco_reports.analyses.logit_lens:LogitLens",
        "token_ranks": "ecco_reports.analyses.token_ranks:TokenRanks",
        "watch": "ecco_reports.analyses.watch:Watch",
        "neuron_factors": "ecco_reports.analyses.neuron_factors:NeuronFactors",
        "hidden_states": "ecco_reports.analyses.hidden_states:HiddenStates",
    },
    group="ecco_reports.analyses",
)
