"""Makes analyses with their settings of what an experiment writes under ``analyses:``.

In: nodes: the name of an analysis, or a mapping with its settings and with what narrows or multiplies them. Out:
entries, each combination of a matrix one of its own, and the nodes they come from with defaults filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ecco_reports.errors import did_you_mean, nearest
from ecco_reports.experiment.matrix import applied, combinations, described
from ecco_reports.experiment.nodes import Node, Place
from ecco_reports.experiment.schema import Rooms, Siblings
from ecco_reports.experiment.validation import Report, shown, validated
from ecco_reports.records import Record

SIBLINGS = tuple(Siblings.model_fields)
"""The keys that may stand beside an analysis in an entry."""


@dataclass(frozen=True)
class AnalysisEntry:
    """One analysis with its settings, on some models and prompts.

    Attributes:
        analysis: Its name in the registry.
        label: What the page calls it; different for each entry of an experiment.
        params: Its settings.
        models: Names of models.
        prompts: Names of prompts.
        path: Where the settings stand in the resolved document.
    """

    analysis: str
    label: str
    params: Record
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    path: tuple[str | int, ...]


@dataclass
class EntryReader:
    """Reads entries one after the other.

    Attributes:
        analyses: The analyses an entry may name.
        models: What each name under ``models:`` in an entry stands for: itself, if there is such a model.
        prompts: What each name under ``prompts:`` in an entry stands for: itself, or the rows of a data set.
        defaults: Settings by the names of analyses.
        report: Where problems are noted.
        entries: What was read.
        nodes: Where each entry stands, as a mapping with its analysis.
        labels: The labels of all entries, also of those that could not be read, and where they stand.
    """

    analyses: Rooms
    models: Mapping[str, Sequence[str]]
    prompts: Mapping[str, Sequence[str]]
    defaults: Node
    report: Report
    entries: list[AnalysisEntry] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    labels: dict[str, Place] = field(default_factory=dict)

    def read(self, node: Node) -> None:
        """Reads one element of the list."""
        if isinstance(node.value, str):
            node = Node({node.value: Node({}, node.place, node.place)}, node.place)
        if not node.entries:
            message = f"an entry must be the name of an analysis or a mapping, not {shown(node)}."
            self.report.add(node.place, message, f"Known analyses: {', '.join(self.analyses)}.")
            return
        if (analysis := self._analysis(node)) is None:
            return
        beside = {key: child for key, child in node.entries.items() if key in SIBLINGS and key != "matrix"}
        siblings = validated(Node(beside, node.place), Siblings, self.report, "the entry")
        models = chosen(beside.get("models"), "model", self.models, self.report)
        prompts = chosen(beside.get("prompts"), "prompt", self.prompts, self.report)
        settings = node.entries[analysis]
        if settings.value is None:
            settings = replace(settings, value={})
        settings = settings.over(self.defaults.child(analysis))
        matrix = node.child("matrix")
        for combination in [{}] if matrix is None else combinations(matrix, self.report):
            label = " ".join(siblings.label.split()) if siblings and siblings.label else analysis
            if combination:
                label = f"{label} ({described(combination)})"
            self._add(node, analysis, label, applied(combination, settings), models, prompts)

    def _analysis(self, node: Node) -> str | None:
        """The one analysis that an entry names."""
        named = [key for key in node.entries if key in self.analyses]
        others = [key for key in node.entries if key not in self.analyses and key not in SIBLINGS]
        known = self.analyses[named[0]].Params.model_fields if named else {}
        for key in others:
            place = node.entries[key].anchor
            if key in known:
                message = f"{key} is a setting of {named[0]} and stands beside it."
                self.report.add(place, message, f"Indent it further: `{named[0]}: {{{key}: ...}}`.")
            elif named:
                self.report.add(place, f"an entry has no key {key!r}.", did_you_mean(key, SIBLINGS))
            else:
                hint = did_you_mean(key, [*self.analyses, *(near for near in SIBLINGS if nearest(key, [near]))])
                self.report.add(place, f"there is no analysis {key!r}.", hint)
        for key in named[1:]:
            message = f"this entry names two analyses, {named[0]} and {key}."
            self.report.add(node.entries[key].anchor, message, f"Each has a line of its own: `- {key}`.")
        if not named and not others:
            self.report.add(node.place, "this entry names no analysis.", f"Known analyses: {', '.join(self.analyses)}.")
        return named[0] if named else None

    def _add(
        self, node: Node, analysis: str, label: str, settings: Node, models: tuple[str, ...], prompts: tuple[str, ...]
    ) -> None:
        params = validated(settings, self.analyses[analysis].Params, self.report, analysis)
        first = next((one for one in self.labels if one.casefold() == label.casefold()), None)
        if first is not None:
            place = node.at(("label",)) if "label" in node.entries else node.entries[analysis].anchor
            message = f"two entries are called {label!r}; the first is in line {self.labels[first].line}."
            self.report.add(place, message, "Give each a `label:` of its own.")
            return
        self.labels[label] = node.entries[analysis].anchor
        path = ("analyses", len(self.nodes), analysis)
        self.nodes.append(Node({**node.entries, analysis: settings}, node.place))
        if params is not None:
            self.entries.append(AnalysisEntry(analysis, label, params, models, prompts, path))


def chosen(
    node: Node | None, kind: str, known: Mapping[str, Sequence[str]], report: Report, asker: str = "entry"
) -> tuple[str, ...]:
    """The models or prompts that an entry or a gate is for, in the order of the experiment; all if it says nothing.

    Args:
        node: What is written.
        kind: ``model`` or ``prompt``.
        known: What each name stands for.
        report: Where problems are noted.
        asker: What a message calls the one that asks.
    """
    every = dict.fromkeys(name for names in known.values() for name in names)
    if node is None or node.value is None:
        return tuple(every)
    if node.is_list and not node.elements:
        report.add(node.anchor, f"this {asker} is for no {kind}.", "Leave the key out to take all.")
    wanted: set[str] = set()
    for name in node.elements if node.is_list else (node,):
        if name.value in known:
            wanted.update(known[str(name.value)])
        elif isinstance(name.value, str):
            hint = did_you_mean(name.value, list(known))
            report.add(name.place, f"there is no {kind} {name.value!r}.", hint)
    return tuple(name for name in every if name in wanted)
