"""The verb that holds anything with a name against anything else: ``compare``.

It computes only what an experiment file lacks that is named as one of the two; everything else is read.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecco_reports.cli.group import FINE, GATE_FAILED, TASK_FAILED
from ecco_reports.cli.shared import (
    baselines_option,
    jobs_option,
    load,
    outputs_option,
    run_all,
    some,
    stage,
    store_option,
)
from ecco_reports.errors import BaselineError

if TYPE_CHECKING:
    from ecco_reports.baselines import Resolved
    from ecco_reports.comparison import Comparison
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdicts
    from ecco_reports.reporting import Report
    from ecco_reports.runner import Run


@click.command()
@click.argument("before", metavar="BASELINE")
@click.argument("after", metavar="CANDIDATE")
@store_option
@jobs_option
@baselines_option
@outputs_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/comparison"),
    show_default=True,
    help="Folder of the page.",
)
def compare(
    before: str, after: str, store: Path, jobs: int, baselines: Path, outputs: tuple[Path, ...], out: Path
) -> None:
    """Hold CANDIDATE against BASELINE, and say what changed.

    Each is a run (an id, the beginning of one, latest, latest~1), the name of a blessed baseline, a .json file, a
    folder of baselines, a store, or an experiment file, which means its run now. #MODEL after it takes one model.
    """
    from ecco_reports.baselines import Places, resolve
    from ecco_reports.reporting import Report, form, terminal, write

    for path in outputs:
        form(path)
    places = Places(baselines, store)

    @cache
    def run_of(path: Path) -> Run:
        return run_all(load((path,)), store, jobs)

    baseline_side, candidate = resolve(before, places, run_of), resolve(after, places, run_of)
    click.echo(f"baseline: {baseline_side.said}\ncandidate: {candidate.said}")
    comparisons = compared(baseline_side, candidate)
    verdicts = _judged(baseline_side, candidate, comparisons)
    report = Report(tuple(comparisons.values()), verdicts)
    terminal(report)
    for path in outputs:
        write(path, report)
        click.echo(f"wrote {path}")
    _publish(report, out)
    sys.exit(_code(comparisons, verdicts))


def compared(before: Resolved, after: Resolved) -> Mapping[str, Comparison]:
    """The comparison of each experiment that both sides have.

    Raises:
        BaselineError: They have none in common, or nobody knows which models to pair.
    """
    from ecco_reports.comparison import compare as hold

    common = [name for name in after.snapshots if name in before.snapshots]
    if not common:
        raise BaselineError(
            f"nothing can be compared: {before.said} is about {some(list(before.snapshots))}, and {after.said} about "
            f"{some(list(after.snapshots))}."
        )
    for side, other in ((before, after), (after, before)):
        if alone := [name for name in side.snapshots if name not in other.snapshots]:
            click.echo(f"only in {side.said}: {some(alone)}", err=True)
    names = _names(before, after)
    return {
        name: hold(before.snapshots[name], after.snapshots[name], names=names, models=_models(before, after, name))
        for name in common
    }


def _names(before: Resolved, after: Resolved) -> tuple[str, str]:
    """What reports call the two: by their models alone, where these are all that differs."""
    if before.model and after.model and before.model != after.model:
        whole = [side.said.removeprefix(f"the model {side.model} of ") for side in (before, after)]
        if whole[0] == whole[1]:
            return before.model, after.model
    return before.name, after.name


def _models(before: Resolved, after: Resolved, name: str) -> tuple[tuple[str, str], ...] | None:
    """Which model is held against which, where one was chosen; None leaves that to their names."""
    if before.model is None and after.model is None:
        return None
    mine, theirs = before.snapshots[name].models, after.snapshots[name].models
    first = before.model or _partner(str(after.model), list(mine), before)
    return ((first, after.model or _partner(first, list(theirs), after)),)


def _partner(model: str, models: Sequence[str], side: Resolved) -> str:
    """The model to hold a chosen one against, where the other side chose none."""
    if model in models:
        return model
    if len(models) == 1:
        return models[0]
    raise BaselineError(
        f"nobody knows which model of {side.said} the model {model!r} is compared with. Write one of them after #: "
        f"{', '.join(models)}."
    )


def _judged(before: Resolved, after: Resolved, comparisons: Mapping[str, Comparison]) -> Verdicts | None:
    """What the gates of the candidate say, or of the baseline where only that names its experiment file."""
    from ecco_reports.gates import judge_snapshots

    known = {**before.experiments, **after.experiments}
    experiments = [_about(after.model, known[name]) for name in comparisons if name in known]
    if unknown := [name for name in comparisons if name not in known]:
        click.echo(f"no gates were judged of {some(unknown)}: they stand in the experiment file, name it", err=True)
    snapshots = {name: comparison.after for name, comparison in comparisons.items()}
    return judge_snapshots(experiments, snapshots, comparisons) if experiments else None


def _about(model: str | None, experiment: Experiment) -> Experiment:
    """The experiment with those of its gates that are about a model."""
    if model is None:
        return experiment
    gates = tuple(gate for gate in experiment.gates if not gate.models or model in gate.models)
    return replace(experiment, gates=gates)


def _code(comparisons: Mapping[str, Comparison], verdicts: Verdicts | None) -> int:
    """How a comparison ends: with a failed task or check of the candidate, else as its gates say."""
    entries = [(name, entry) for name, comparison in comparisons.items() for entry in comparison.after.entries]
    for name, entry in entries:
        for said in filter(None, [entry.failure, *entry.unproven]):
            click.echo(f"failed: {name}: {entry.prompt} · {entry.label}: {said}", err=True)
    if any(entry.failure is not None for _, entry in entries):
        return TASK_FAILED
    if any(entry.unproven for _, entry in entries):
        return GATE_FAILED
    return verdicts.exit_code if verdicts else FINE


def _publish(report: Report, out: Path) -> None:
    """Writes the page of the comparison."""
    from ecco_reports.pages import KeptDrawings, comparison_paths, render_comparisons
    from ecco_reports.site import publish

    with stage("Built the page"):
        kept = KeptDrawings(out.with_name(".cache") / "drawings")
        pages = render_comparisons(report.comparisons, report.verdicts, drawings=kept)
        publish(pages, out)
    for trouble in pages.problems:
        click.echo(f"not drawn: {trouble.page}#{trouble.anchor}: {trouble.message}", err=True)
    first = comparison_paths(report.comparisons)[0]
    click.echo(f"Open {out / Path(first).with_suffix('.html')}")
