"""What a user may call a baseline or a candidate, and which snapshots that means.

In: a word. Out: snapshots by experiment, and a sentence that says which ones were taken. Never: guessing in silence.

    20261121T070250.482Z-1a2b3c4d    a run, or as much of its id as is its own
    latest, latest~2                 the newest run, or the second before it
    heathrow                         the blessed baseline of that name
    old/heathrow.json                the file of a baseline or of a run
    old/baselines                    a folder of baselines, a project with one, a store with runs, or experiments
    experiments/heathrow.yaml        the run of that experiment now

``#MODEL`` after any of them takes one of its models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ecco_reports.baselines.blessed import SUFFIX, baseline_file, baseline_of, blessed_names, read_baseline
from ecco_reports.baselines.runs import RunRecord, read_record, record_file, record_of, run_ids
from ecco_reports.baselines.sealed import Kind, read_sealed
from ecco_reports.errors import BaselineError, did_you_mean
from ecco_reports.snapshot import Snapshot, snapshots_of

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.runner import Run

RunOf: TypeAlias = "Callable[[Path], Run]"

_EXPERIMENTS = (".yaml", ".yml")
_LATEST = re.compile(r"latest(?:~(\d{1,6}))?")
_PROJECT = Path("baselines")
_NEVER_SHORTER = 4


@dataclass(frozen=True)
class Places:
    """Where things are looked for.

    Attributes:
        baselines: The folder of blessed baselines.
        store: The folder of the store.
    """

    baselines: Path
    store: Path


@dataclass(frozen=True)
class Resolved:
    """What a reference means.

    Attributes:
        name: What reports call it.
        said: Which snapshots were taken, as the end of a sentence.
        snapshots: By experiment; of the chosen model alone, where one was chosen.
        model: The model that was chosen, or None for all.
        experiments: The experiment files, by name, where the reference names some.
    """

    name: str
    said: str
    snapshots: Mapping[str, Snapshot]
    model: str | None = None
    experiments: Mapping[str, Experiment] = field(default_factory=dict)


def resolve(text: str, places: Places, run_of: RunOf) -> Resolved:
    """Finds what a user means.

    Args:
        text: As it was written.
        places: Where to look.
        run_of: Gives the run of an experiment file, or of a folder of them, as it is now.

    Raises:
        BaselineError: Nothing answers to it, several things do, or it cannot be used.
        ExperimentError: It names an experiment file that cannot be used.
    """
    try:
        reference, model = _divided(text)
        found = _found(reference, places, run_of)
    except OSError as error:
        raise BaselineError(f"{text[:80]!r} cannot be looked up: {error.strerror or error}.") from error
    if model is None:
        return found
    having = {name: _only(model, snapshot) for name, snapshot in found.snapshots.items() if model in snapshot.models}
    if not having:
        known = sorted({name for snapshot in found.snapshots.values() for name in snapshot.models})
        raise BaselineError(f"there is no model {model!r} in {found.said}. {did_you_mean(model, known)}")
    return Resolved(
        name=f"{model} of {found.name}",
        said=f"the model {model} of {found.said}",
        snapshots=having,
        model=model,
        experiments=found.experiments,
    )


def _only(model: str, snapshot: Snapshot) -> Snapshot:
    """What a snapshot says of one model."""
    entries = tuple(entry for entry in snapshot.entries if entry.model == model)
    return snapshot.model_copy(update={"models": {model: snapshot.models[model]}, "entries": entries})


def _divided(text: str) -> tuple[str, str | None]:
    """The reference and the model; a sign that belongs to the name of a file stays with it."""
    reference, sign, model = text.rpartition("#")
    if not sign or Path(text).exists():
        return text, None
    if not model or not reference:
        raise BaselineError(f"{text!r} chooses no model: write REFERENCE#MODEL, for instance latest#facts.")
    return reference, model


def _found(text: str, places: Places, run_of: RunOf) -> Resolved:
    path = Path(text)
    if path.suffix in _EXPERIMENTS:
        return _run_now(path, run_of)
    if match := _LATEST.fullmatch(text):
        return _latest(places.store, int(match[1] or 0))
    if text in blessed_names(places.baselines):
        return _baseline(baseline_file(places.baselines, text), text)
    if text and path.is_dir():
        return _folder(path, run_of)
    if path.suffix == SUFFIX and (path.exists() or path.is_symlink()):
        return _file(path)
    ids = run_ids(places.store)
    matches = [name for name in ids if name.startswith(text)] if len(text) >= _NEVER_SHORTER else []
    if len(matches) == 1:
        return _record(read_record(record_file(places.store, matches[0])))
    if matches:
        shown = ", ".join(matches[-3:])
        raise BaselineError(f"{text!r} is the beginning of {len(matches)} runs ({shown}). Write more of it.")
    raise _unknown(text, places, ids)


def _unknown(text: str, places: Places, ids: Sequence[str]) -> BaselineError:
    """The error for what nothing answers to, with what there is."""
    names = blessed_names(places.baselines)
    known = [*names, *(["latest"] if ids else [])]
    files = [str(path) for path in Path(text).parent.glob("*") if path.suffix in (*_EXPERIMENTS, SUFFIX)]
    hint = did_you_mean(text, [*known, *files, *ids]) if known or files else ""
    if not hint.startswith("Did you mean"):
        hint = f"Baselines in {places.baselines}: {', '.join(names) or 'none'}. Runs in {places.store}: {len(ids)}."
    what = "baseline, run, file or folder"
    return BaselineError(f"there is no {what} called {text!r}. {hint}")


def _run_now(path: Path, run_of: RunOf) -> Resolved:
    run = run_of(path)
    if missing := run.missing:
        raise BaselineError(
            f"{len(missing)} of the {len(run.outcomes)} results of {path} are not in the store, so that nothing can be "
            f"held against them. First: ecco-reports run {path}"
        )
    names = [experiment.name for experiment in run.experiments]
    return Resolved(
        name=f"{names[0] if len(names) == 1 else path.resolve().name} now",
        said=f"the run of {path} as it is now",
        snapshots=snapshots_of(run),
        experiments={experiment.name: experiment for experiment in run.experiments},
    )


def _latest(store: Path, back: int) -> Resolved:
    ids = run_ids(store)
    if back >= len(ids):
        there = f"it has {len(ids)}" if ids else "it has none"
        raise BaselineError(
            f"{f'latest~{back}' if back else 'latest'} asks the store {store} for the record of a run, and {there}. "
            "Each ecco-reports run that finds something new leaves one."
        )
    return _record(read_record(record_file(store, ids[-1 - back])))


def _record(record: RunRecord) -> Resolved:
    return Resolved(f"run {record.id}", f"the run {record.id}", record.snapshots)


def _baseline(path: Path, name: str) -> Resolved:
    snapshot = read_baseline(path, name).snapshot
    return Resolved(f"baseline {name}", f"the baseline {path}", {name: snapshot})


def _file(path: Path) -> Resolved:
    kind, values = read_sealed(path, again="make it again")
    if kind is Kind.RUN:
        return _record(record_of(path, values))
    snapshot = baseline_of(path, values).snapshot
    return Resolved(f"baseline {path.stem}", f"the baseline {path}", {snapshot.experiment: snapshot})


def _folder(path: Path, run_of: RunOf) -> Resolved:
    """What a folder holds: baselines, a project with some, a store with runs, or experiments."""
    for folder in (path / _PROJECT, path):
        if names := blessed_names(folder):
            snapshots = {name: read_baseline(baseline_file(folder, name), name).snapshot for name in names}
            called = path.resolve().name
            label = "baselines" if called == _PROJECT.name else f"baselines of {called}"
            return Resolved(label, f"{len(names)} baseline{'s' * (len(names) > 1)} in {folder}", snapshots)
    if run_ids(path):
        latest = _latest(path, 0)
        return Resolved(latest.name, f"the newest run of the store {path}", latest.snapshots)
    if any(file.suffix in _EXPERIMENTS for file in path.iterdir()):
        return _run_now(path, run_of)
    raise BaselineError(
        f"the folder {path} has no baselines, no folder baselines with any, no runs of a store, and no experiments."
    )
