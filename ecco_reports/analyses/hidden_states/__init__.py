"""What the residual stream looks like on its way up: how it moves, where it is large, which of its layers are alike.

``computing`` asks the model, ``comparing`` compares layers, ``figures`` and ``words`` are what the page shows, and
``meeting`` is what two models' results say about each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.hidden_states.catalogue import MEASURES
from ecco_reports.analyses.hidden_states.computing import hidden_states
from ecco_reports.analyses.hidden_states.figures import figures_of
from ecco_reports.analyses.hidden_states.meeting import meeting_of
from ecco_reports.analyses.hidden_states.results import HiddenStatesResult, MassiveActivation
from ecco_reports.analyses.hidden_states.settings import HiddenStatesParams
from ecco_reports.analyses.hidden_states.tracing import HiddenStatesTrace, trace_of
from ecco_reports.analyses.hidden_states.words import checks_of, metrics_of, summary_of, table_of
from ecco_reports.analyses.layers import states_of
from ecco_reports.analyses.measures import Drift, Measure
from ecco_reports.analyses.preflight import layer_problems, position_problems
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Family, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

__all__ = ["HiddenStates", "HiddenStatesParams", "HiddenStatesResult", "HiddenStatesTrace", "MassiveActivation"]


class HiddenStates(Analysis[HiddenStatesParams, HiddenStatesResult]):
    """The room of hidden states."""

    name: ClassVar[str] = "hidden_states"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Hidden states"
    question: ClassVar[str] = "How does the model's picture of each token change from layer to layer?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.STATES})
    Params = HiddenStatesParams
    Result = HiddenStatesResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = HiddenStatesTrace

    def problems(
        self, params: HiddenStatesParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A stack, layers or positions that are not there, and positions of the template alone."""
        two = facts.family is Family.ENCODER_DECODER
        if params.stack == "encoder" and facts.family is not None and not two:
            what = f"the model {facts.spec.source!r} has one stack of layers, not an encoder beside a decoder."
            yield ("stack",), what, "Leave it out."
        if not two or params.stack == "main":
            yield from layer_problems(params.layers, facts)
        if params.positions == "all":
            return
        if two and params.stack == "main":
            what = "positions are those of the prompt, which the encoder reads and the decoder does not."
            yield ("positions",), what, "Leave them out, or write stack: encoder."
            return
        found = list(position_problems(params.positions, ("positions",), prompt, facts))
        yield from found or _template_alone(params, prompt, facts)

    def work(self, params: HiddenStatesParams, extent: Extent) -> Work:
        """One pass for an encoder's stream; that of other stacks is kept by the pass that all analyses share.

        The model's tail is read out once, for the proof. In memory, as measured: the states as the model has them, in
        single precision, and up to three times in double precision; and the inner products of all tokens by state.
        """
        encoder = extent.family is Family.ENCODER_DECODER and params.stack != "main"
        speaks = not encoder and extent.family is not Family.NONE
        memory = None
        if extent.layers is not None and extent.width is not None:
            tokens = extent.read if encoder else extent.length
            states = len(states_of(params.layers, extent.layers))
            vectors = tokens * extent.width
            held = (extent.layers + 1) * vectors * extent.itemsize + states * vectors * (4 + 3 * 8)
            memory = held + (2 * states + 4) * 8 * tokens**2 + 8 * min(extent.width, states * tokens) ** 2
        return Work(passes=float(encoder), readouts=float(speaks), memory=memory)

    def run(self, model: LanguageModel, prompt: Prompt, params: HiddenStatesParams) -> HiddenStatesResult:
        """The states of one pass over the text, and what can be said of them."""
        return hidden_states(model, prompt, params)

    def proof(self, result: HiddenStatesResult) -> Sequence[Check]:
        """That the states are the model's own, and that comparisons keep to their axioms."""
        return checks_of(result)

    def metrics(self, result: HiddenStatesResult) -> Mapping[str, Metric]:
        """How far the stream moves, how it grows, what stands out, how alike neighbours are."""
        return metrics_of(result)

    def summary(self, result: HiddenStatesResult) -> str:
        """Which layer changes most, and how alike layers are."""
        return summary_of(result)

    def charts(self, result: HiddenStatesResult) -> Sequence[Figure]:
        """Changes by layer and token, layers against layers, ways of the tokens, dimensions that stand out."""
        return list(figures_of(result))

    def table(self, result: HiddenStatesResult) -> Table:
        """One row per layer and token."""
        return table_of(result)

    def between(self, first: HiddenStatesResult, second: HiddenStatesResult, names: tuple[str, str]) -> Between | None:
        """Layers of one model against layers of the other, over the parts of the prompt that both have."""
        return meeting_of(first, second, names)

    def trace(self, result: HiddenStatesResult) -> HiddenStatesTrace:
        """How alike the words are to each other, at a few depths."""
        return trace_of(result)

    def drift(self, before: HiddenStatesTrace, after: HiddenStatesTrace) -> Drift:
        """CKA over the words and the depths that both have."""
        from ecco_reports.analyses.hidden_states.drifting import drift_of

        return drift_of(before, after)

    def drift_figures(
        self, before: HiddenStatesTrace, after: HiddenStatesTrace, names: tuple[str, str]
    ) -> Sequence[Figure]:
        """CKA by depth."""
        from ecco_reports.analyses.hidden_states.drifting import figures_of

        return list(figures_of(before, after, names))


def _template_alone(
    params: HiddenStatesParams, prompt: Prompt, facts: ModelFacts
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Positions at which nothing of the text stands, if only the text is to be compared."""
    if params.template_tokens or params.positions == "all" or facts.tokenize is None:
        return
    tokens = facts.tokenize.encode(prompt).tokens
    if all(tokens[position % len(tokens)].special for position in params.positions):
        what = "nothing but tokens of the template stands at these positions."
        yield ("positions",), what, "Add a position of the text, or set template_tokens to true."
