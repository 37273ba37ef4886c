"""The verb ``history``: what commits gave, kept as lines of JSON.

It looks at stored results and at files; nothing here loads a model or computes a result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecco_reports.cli.shared import (
    baselines_option,
    blessed,
    counted,
    files_argument,
    held_against,
    history_option,
    load,
    recalled,
    store_option,
)
from ecco_reports.errors import HistoryError, did_you_mean

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.history import History, Line, Trend


@click.group()
def history() -> None:
    """Keep what commits gave, and look back at it."""


@history.command()
@files_argument
@store_option
@baselines_option
@history_option
@click.option("--branch", metavar="NAME", help="The branch.  [default: the one that is checked out]")
@click.option("--run-url", metavar="URL", default="", help="Where this run can be looked at: an http address.")
@click.option("--replace", is_flag=True, help="Count this run instead of what is told of its commit already.")
@click.option("--allow-dirty", is_flag=True, help="Add although changes beside the experiments are not committed.")
def add(
    files: tuple[Path, ...],
    store: Path,
    baselines: Path,
    history: Path,
    branch: str | None,
    run_url: str,
    replace: bool,
    allow_dirty: bool,
) -> None:
    """Add the run that is in the store to the history of its experiments.

    Adding a commit again changes nothing where it gave the same, and is refused where it gave something else.
    """
    from ecco_reports.history import add as append

    if run_url and not run_url.startswith(("https://", "http://")):
        raise click.BadParameter("an address that begins with https:// is needed.", param_hint="--run-url")
    experiments = load(files)
    if not allow_dirty:
        _refuse_dirty(experiments)
    # All lines are made before the first is added: an experiment that has no place in a history adds none at all.
    for line in list(_lines(experiments, store, baselines, branch, run_url)):
        click.echo(f"{line.experiment}: {line.short} {append(history, line, replace=replace).value}")


def _refuse_dirty(experiments: Sequence[Experiment]) -> None:
    """Refuses what could not be had again from its commit.

    Raises:
        HistoryError: A folder of experiments has changes that are not committed.
    """
    from ecco_reports.checkout import changes_in

    for folder in dict.fromkeys(experiment.path.parent for experiment in experiments):
        if changes := changes_in(folder):
            raise HistoryError(
                f"{folder}: {counted(len(changes), 'change')} not committed ({changes[0]}"
                f"{', ...' if changes[1:] else ''}). Commit, or add with --allow-dirty."
            )


def _lines(
    experiments: Sequence[Experiment], store: Path, baselines: Path, branch: str | None, run_url: str
) -> Iterator[Line]:
    """The line of each experiment, from what is stored."""
    from ecco_reports.checkout import branch_of, committed_at
    from ecco_reports.gates import judge
    from ecco_reports.history import line_of
    from ecco_reports.snapshot import snapshots_of

    before = blessed(experiments, baselines)
    done = recalled(experiments, store)
    snapshots = snapshots_of(done)
    comparisons = held_against(experiments, before, snapshots)
    verdicts = judge(done, comparisons)
    for experiment in experiments:
        folder = experiment.path.parent
        yield line_of(
            snapshots[experiment.name],
            time=committed_at(folder),
            branch=(branch_of(folder) or "") if branch is None else branch,
            run=run_url,
            comparison=comparisons.get(experiment.name),
            verdicts=verdicts,
        )


@history.command("list")
@history_option
def listed(history: Path) -> None:
    """Say what is known: experiments, commits, and lines that cannot be used."""
    from ecco_reports.history import histories

    known = histories(history)
    if not known:
        click.echo(f"There is no history in {history}; ecco-reports history add begins one.")
    for one in known:
        last = f", the latest {one.lines[-1].short} of {one.lines[-1].time[:10]}" if one.lines else ""
        click.echo(f"{one.experiment}: {counted(len(one.lines), 'commit')}{last}")
        _say_damages(one)


@history.command()
@click.argument("name")
@history_option
@click.option("--all", "everything", is_flag=True, help="Tell metrics without a step, too.")
def show(name: str, history: Path, everything: bool) -> None:
    """Tell how the metrics of the experiment NAME stepped, the most worrying first."""
    from ecco_reports.history import histories, trends

    known = {one.experiment: one for one in histories(history)}
    if name not in known:
        hint = did_you_mean(name, sorted(known)) if known else "There is none; ecco-reports history add begins one."
        raise HistoryError(f"there is no history of {name!r} in {history}. {hint}")
    found = known[name]
    made = trends(found.mainline)
    told = [trend for trend in made if trend.steps or everything]
    branch = f" of {found.branch}" if found.branch else ""
    click.echo(f"{name}: {counted(len(made), 'metric')} over {counted(len(found.mainline), 'commit')}{branch}")
    for trend in told:
        for line in _said(trend):
            click.echo(line)
    if not told:
        click.echo("No metric stepped.")
    _say_damages(found)


def _said(trend: Trend) -> Iterator[str]:
    """A metric and its steps, the latest first."""
    from ecco_reports.comparison.words import amount

    now = amount(trend.points[-1].value, trend.measure)
    yield f"  {trend.metric} of {trend.model}: {now} (mean of {counted(trend.points[-1].samples, 'prompt')})"
    for step in reversed(trend.steps):
        was, became = amount(step.before, trend.measure), amount(step.after, trend.measure)
        doubt = "" if step.lasting else "; the next commit will tell whether it stays"
        yield f"    {step.mark.value}: {was} → {became} in {step.last.line.short}..{step.first.line.short}{doubt}"


def _say_damages(found: History) -> None:
    for damage in found.damages:
        click.echo(str(damage), err=True)
