"""Makes an ``Experiment`` of a YAML file: every problem in one go, as file:line:column with what to write instead.

In: a path. Out: models, prompts and analyses by name, checked as far as that can be done without a tokenizer. It loads
no model and imports no torch.

A file is first *resolved*: shared files and defaults are laid under it, data sets become prompts, matrices become
entries. The resolved tree still knows where each value was written, so what is found wrong later can be shown there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ecco_reports.analyses import ANALYSES
from ecco_reports.errors import ExperimentError, ModelLoadError, Problem, did_you_mean
from ecco_reports.experiment.documents import Document, read_document
from ecco_reports.experiment.entries import AnalysisEntry, EntryReader
from ecco_reports.experiment.gates import Gate, GateReader
from ecco_reports.experiment.materials import Materials
from ecco_reports.experiment.nodes import Node, Steps
from ecco_reports.experiment.prompts import PromptReader
from ecco_reports.experiment.schema import NAME_PATTERN, SLUG_PATTERN, Head, Rooms, json_schema
from ecco_reports.experiment.validation import Report, shown, validated
from ecco_reports.models.source import needs_the_hub
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Prompt

__all__ = [
    "AnalysisEntry",
    "Experiment",
    "Gate",
    "Subfolder",
    "json_schema",
    "load_experiment",
    "load_experiments",
    "subfolders",
]

SUFFIXES = (".yaml", ".yml")
"""What the names of experiment files end in."""

SECTIONS = (*Head.model_fields, "include", "defaults", "models", "prompts", "analyses", "gates")
"""The keys an experiment may have, besides those that begin with ``x-``."""

EXAMPLES = {
    "models": "Write for instance `models: {facts: bundled:facts}`.",
    "prompts": "Write for instance `prompts: {capital: The capital of Japan is the city of}`.",
    "analyses": "Write for instance `analyses: [generation, logit_lens]`.",
}
"""What a newcomer may write in the sections that must be there."""


@dataclass(frozen=True)
class Experiment:
    """What a person wants to know about some models.

    Attributes:
        name: A slug, unique in a site.
        path: The file.
        title: Heading of its page.
        summary: One sentence for the gallery; may be empty.
        notes: Paragraphs for the top of its page.
        seed: What all draws derive from.
        models: Models by name.
        prompts: Prompts by name, in the order of the page.
        analyses: Entries, in the order of the page.
        gates: Bounds for the results.
        document: The resolved file.
        baseline: The model that the others are held against; None leaves that to what was blessed.
    """

    name: str
    path: Path
    title: str
    summary: str
    notes: tuple[str, ...]
    seed: int
    models: Mapping[str, ModelSpec]
    prompts: Mapping[str, Prompt]
    analyses: tuple[AnalysisEntry, ...]
    gates: tuple[Gate, ...]
    document: Document
    baseline: str | None = None

    def problem(self, path: Steps, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """Something wrong with a part of the experiment, or with the nearest part on the way there that was written.

        Args:
            path: For instance ``("prompts", "capital", "target")``, or the ``path`` of an entry and a setting.
            message: What is wrong.
            hint: What to write instead.
            key: Whether the key is to blame rather than the value.
        """
        return self.document.problem(path, message, hint, key=key)


def load_experiment(path: Path | str, analyses: Rooms = ANALYSES) -> Experiment:
    """Reads one experiment.

    Args:
        path: A YAML file.
        analyses: The analyses it may name.

    Raises:
        ExperimentError: With all problems of the file.
    """
    path = Path(path)
    document = read_document(path)
    report = Report()
    report.add_unsound(document.problems)
    experiment = _Loader(path, document, analyses, report).experiment()
    if experiment is None or report.problems:
        raise ExperimentError(report.problems)
    return experiment


def load_experiments(paths: Iterable[Path | str], analyses: Rooms = ANALYSES) -> tuple[Experiment, ...]:
    """Reads experiments from files and folders.

    Of a folder, all files directly in it that end in .yaml or .yml are read, by name; those that begin with ``_`` are
    parts for others to include.

    Raises:
        ExperimentError: With all problems of all files.
    """
    report = Report()
    found: dict[str, Experiment] = {}
    files = [file for path in paths for file in _files(Path(path), report)]
    for file in {file.resolve(): file for file in files}.values():
        try:
            experiment = load_experiment(file, analyses)
        except ExperimentError as error:
            report.extend(error.problems)
            continue
        first = found.setdefault(experiment.name, experiment)
        if first is not experiment:
            message = f"two experiments are called {experiment.name!r}: the other one is {first.path}."
            named = "name" in experiment.document.root.entries
            problem = experiment.problem(("name",), message, "Give one of them another `name:`.")
            report.extend([problem if named else replace(problem, file=str(file), line=0, column=0)])
    if report.problems:
        raise ExperimentError(report.problems)
    return tuple(found.values())


@dataclass(frozen=True)
class Subfolder:
    """Experiments that nobody has asked for although the folder above them was.

    Attributes:
        path: Where they are.
        experiments: How many they are.
        of_the_hub: Whether each of them needs a model from the hub.
    """

    path: Path
    experiments: int
    of_the_hub: bool


def subfolders(paths: Iterable[Path | str]) -> Iterator[Subfolder]:
    """The folders directly in those that are asked for, as far as they hold experiments that are not asked for.

    A file without analyses of its own is a part of others.
    """
    asked = [Path(path) for path in paths]
    given = {path.resolve() for path in asked}
    for folder in (inside for path in asked if path.is_dir() for inside in sorted(path.iterdir())):
        if not folder.is_dir() or folder.name[0] in "._" or folder.resolve() in given:
            continue
        roots = []
        for file in _inside(folder):
            with suppress(ExperimentError):
                roots.append(read_document(file).root)
        found = [root for root in roots if root.child("analyses") is not None]
        if found:
            yield Subfolder(folder, len(found), all(map(_names_the_hub, found)))


def _names_the_hub(root: Node) -> bool:
    """Whether any model of a file is on the hub, as far as its name tells."""
    models = root.child("models")
    sources = [node.child("source") or node for node in models.entries.values()] if models is not None else []
    with suppress(ModelLoadError):
        return any(needs_the_hub(node.value) for node in sources if isinstance(node.value, str))
    return False


def _inside(folder: Path) -> list[Path]:
    """The experiment files directly in a folder, by name."""
    inside = sorted(folder.iterdir())
    return [file for file in inside if file.suffix in SUFFIXES and file.is_file() and file.name[0] not in "._"]


def _files(path: Path, report: Report) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = _inside(path)
    if not files:
        report.extend(
            [Problem(str(path), 0, 0, "there is no experiment in this folder.", "Its name must end in .yaml.")]
        )
    return files


class _Loader:
    """Reads one document; what it finds wrong goes to its report, and it goes on."""

    def __init__(self, path: Path, document: Document, analyses: Rooms, report: Report) -> None:
        self._path = path
        self._document = document
        self._analyses = analyses
        self._report = report
        self._materials = Materials(path.parent, report)
        self._models: dict[str, ModelSpec] = {}
        self._prompts = PromptReader(self._materials, report)

    def experiment(self) -> Experiment | None:
        """The experiment, or None where nothing can be made of the document."""
        if not self._document.root.is_mapping:
            message = f"an experiment must be a mapping, not {shown(self._document.root)}."
            self._report.add(self._document.root.place, message, "It has the keys models, prompts and analyses.")
            return None
        root = self._materials.with_included(self._document)
        if root is None:
            return None
        self._root = root
        self._check_keys()
        head = self._head()
        models = self._model_nodes()
        for prompt, node in self._named("prompt"):
            self._prompts.read(prompt, node)
        names = [*self._prompts.nodes, *self._section("prompts").entries]
        self._entries = EntryReader(
            self._analyses,
            models={name: (name,) for name in models.entries},
            prompts={**{name: (name,) for name in names}, **self._prompts.groups},
            defaults=self._section("defaults"),
            report=self._report,
        )
        entries = self._entry_nodes()
        gates = self._gates()
        name = self._name(head.name) if head else None
        if head is None or name is None:
            return None
        prompts = Node(self._prompts.nodes, self._root.at(("prompts",)), self._root.at(("prompts",), key=True))
        resolved = self._root.with_entries({"models": models, "prompts": prompts, "analyses": entries})
        return Experiment(
            name=name,
            path=self._path,
            title=" ".join((head.title or "").split()) or re.sub(r"[-_]+", " ", name).capitalize(),
            summary=" ".join(head.summary.split()),
            notes=tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", head.notes) if part.strip()),
            seed=head.seed,
            models=self._models,
            prompts=self._prompts.prompts,
            analyses=tuple(self._entries.entries),
            gates=gates,
            document=replace(self._document, root=resolved),
            baseline=self._baseline(head.baseline, list(models.entries)),
        )

    def _check_keys(self) -> None:
        for key, node in self._root.entries.items():
            if key not in SECTIONS and not key.startswith("x-"):
                self._report.add(node.anchor, f"an experiment has no key {key!r}.", did_you_mean(key, SECTIONS))
        for key, node in self._section("defaults").entries.items():
            if not node.is_mapping:
                self._report.add(node.anchor, f"the defaults of {key} must be a mapping, not {shown(node)}.")
            if key != "models" and key not in self._analyses:
                known = ["models", *self._analyses]
                self._report.add(
                    node.anchor, f"there is no analysis {key!r} to set defaults for.", did_you_mean(key, known)
                )

    def _section(self, key: str) -> Node:
        """A part that must be a mapping where it is written; an empty one where it is not."""
        node = self._root.child(key)
        if node is not None and not node.is_mapping:
            self._report.add(node.anchor, f"{key} must be a mapping, not {shown(node)}.", EXAMPLES.get(key, ""))
        elif key in EXAMPLES and (node is None or not node.entries):
            message = f"the experiment has no {key}."
            self._report.add(node.anchor if node else self._root.place, message, EXAMPLES[key])
        return node if node is not None and node.is_mapping else Node({}, self._root.place)

    def _head(self) -> Head | None:
        fields = {key: node for key, node in self._root.entries.items() if key in Head.model_fields}
        return validated(Node(fields, self._root.place), Head, self._report, "the experiment")

    def _baseline(self, written: str | None, models: list[str]) -> str | None:
        place = self._root.at(("baseline",))
        if written is not None and written not in models:
            self._report.add(place, f"there is no model {written!r}.", did_you_mean(written, models))
        elif written is not None and len(models) < 2:
            message = f"{written} is the only model, so nothing can be held against it."
            self._report.add(place, message, "Add another model, or leave the key out.")
        return written

    def _name(self, written: str | None) -> str | None:
        slug = re.sub(r"[^a-z0-9_-]+", "-", (self._path.stem if written is None else written).lower()).strip("-_")
        name = slug if written is None else written
        if re.fullmatch(SLUG_PATTERN, name) and len(name) <= 80:
            return name
        shown_name = self._path.name if written is None else written
        message = f"{shown_name!r} cannot be the name of an experiment: a name has only a-z, 0-9, - and _."
        hint = f"Write `name: {slug[:80] or 'my-experiment'}`."
        place = self._root.at(("name",))
        self._report.extend(
            [place.problem(message, hint) if written is not None else Problem(str(self._path), 0, 0, message, hint)]
        )
        return None

    def _named(self, kind: str) -> Iterator[tuple[str, Node]]:
        """The entries of models or prompts whose names can be names."""
        folded: dict[str, str] = {}
        for name, node in self._section(f"{kind}s").entries.items():
            if not re.fullmatch(NAME_PATTERN, name) or len(name) > 80:
                message = f"{name!r} cannot be the name of a {kind}: a name has only letters, digits, -, _ and dots."
                slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80]
                self._report.add(node.anchor, message, f"Write {slug or f'{kind}-1'!r} instead.")
            elif folded.setdefault(name.casefold(), name) != name:
                message = (
                    f"{name!r} and {folded[name.casefold()]!r} differ only in case, which some file systems ignore."
                )
                self._report.add(node.anchor, message, "Rename one of them.")
            yield name, node

    def _model_nodes(self) -> Node:
        defaults = self._section("defaults").child("models")
        nodes = {}
        for name, node in self._named("model"):
            long = node if node.is_mapping else Node({"source": node}, node.place, node.key)
            nodes[name] = long.over(defaults)
            if spec := validated(nodes[name], ModelSpec, self._report, f"the model {name!r}"):
                self._models[name] = spec
        return Node(nodes, self._root.at(("models",)), self._root.at(("models",), key=True))

    def _entry_nodes(self) -> Node:
        written = self._root.child("analyses")
        if written is not None and not written.is_list and written.value is not None:
            self._report.add(written.anchor, f"analyses must be a list, not {shown(written)}.", EXAMPLES["analyses"])
        elif written is None or not written.elements:
            place = written.anchor if written else self._root.place
            self._report.add(place, "the experiment has no analyses.", EXAMPLES["analyses"])
        else:
            for node in written.elements:
                self._entries.read(node)
        place = written.place if written else self._root.place
        return Node(tuple(self._entries.nodes), place, written.key if written else None)

    def _gates(self) -> tuple[Gate, ...]:
        written = self._root.child("gates")
        if written is None or written.value is None:
            return ()
        if not written.is_list:
            hint = "Write for instance `gates: [{metric: token_ranks.target_rank, max: 1}]`."
            self._report.add(written.anchor, f"gates must be a list, not {shown(written)}.", hint)
        reader = GateReader(self._analyses, self._entries, self._prompts.prompts, self._report)
        gates = [reader.read(node, index) for index, node in enumerate(written.elements)]
        return tuple(gate for gate in gates if gate is not None)
