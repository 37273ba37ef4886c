"""The verbs that keep what later runs are held against: ``baseline`` and those below it.

Nothing here computes anything: what is blessed is in the store, and a baseline changes only when somebody says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecco_reports.cli.shared import (
    baselines_option,
    counted,
    files_argument,
    held_against,
    load,
    recalled,
    some,
    store_option,
)
from ecco_reports.errors import BaselineError, did_you_mean

if TYPE_CHECKING:
    from ecco_reports.baselines import Blessed
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdict, Verdicts
    from ecco_reports.runner import Run
    from ecco_reports.snapshot import Snapshot


@click.group()
def baseline() -> None:
    """Bless runs, and look at what later ones are held against."""


@baseline.command()
@files_argument
@store_option
@baselines_option
@click.option("--note", default="", help="Why, in your own words; kept with the baseline.")
@click.option("--allow-dirty", is_flag=True, help="Bless although changes beside the experiments are not committed.")
@click.option("--allow-failed", is_flag=True, help="Bless although tasks, gates or checks failed.")
def bless(
    files: tuple[Path, ...], store: Path, baselines: Path, note: str, allow_dirty: bool, allow_failed: bool
) -> None:
    """Make the stored results of experiments what later runs are held against."""
    from ecco_reports.gates import judge
    from ecco_reports.snapshot import snapshots_of

    experiments = load(files)
    done = recalled(experiments, store)
    snapshots = snapshots_of(done)
    refusals = list(_missing(done))
    if not allow_failed:
        # What was blessed before has no say in what is blessed now; what an experiment holds against itself has.
        refusals.extend(_failed(done, judge(done, held_against(experiments, {}, snapshots))))
    if not allow_dirty:
        refusals.extend(_dirty(experiments))
    if refusals:
        raise BaselineError("\n".join([*refusals, "Nothing was blessed; every baseline is as it was."]))
    for snapshot in snapshots.values():
        click.echo(_blessed(snapshot, baselines, note))


def _missing(done: Run) -> Iterator[str]:
    """A sentence for each experiment of which results are not there."""
    for experiment in done.experiments:
        missing = [outcome for outcome in done.missing if outcome.task.experiment == experiment.name]
        if missing:
            asked = counted(len(done.of(experiment.name)), "result")
            yield (
                f"{experiment.name}: {len(missing)} of {asked} are not in the store. "
                f"First: ecco-reports run {experiment.path}"
            )


def _failed(done: Run, verdicts: Verdicts) -> Iterator[str]:
    """A sentence for each experiment in which something failed."""
    missing = done.missing
    for experiment in done.experiments:
        broken = [
            f"{outcome.task.prompt.name} · {outcome.task.label}: {outcome.failure.message}"
            for outcome in done.of(experiment.name)
            if outcome.failure and outcome not in missing
        ]
        judged = [
            f"{verdict.kind} {_place(verdict)}{verdict.name}: {verdict.message}"
            for verdict in verdicts.of_experiment(experiment.name)
            if verdict.failed
        ]
        for found, what in ((broken, "of the tasks failed"), (judged, "of the gates and checks did not pass")):
            if found:
                yield f"{experiment.name}: {len(found)} {what} ({some(found)}). --allow-failed blesses it as it is."


def _place(verdict: Verdict) -> str:
    """The prompt that a verdict is about, before its name."""
    return f"{verdict.prompt} · " if verdict.prompt else ""


def _dirty(experiments: Sequence[Experiment]) -> Iterator[str]:
    """A sentence for each folder of experiments in which something is not committed."""
    from ecco_reports.checkout import changes_in

    for folder in dict.fromkeys(experiment.path.parent for experiment in experiments):
        if changes := changes_in(folder):
            yield (
                f"{folder}: {counted(len(changes), 'change')} not committed ({some(changes)}). Commit, or bless with "
                "--allow-dirty."
            )


def _blessed(snapshot: Snapshot, folder: Path, note: str) -> str:
    """Blesses a snapshot, and says what that changes."""
    from ecco_reports.baselines import blessed_names, read_baseline, write_baseline
    from ecco_reports.baselines.blessed import baseline_file

    name = snapshot.experiment
    before = "It is the first one."
    if name in blessed_names(folder):
        try:
            old = read_baseline(baseline_file(folder, name), name)
        except BaselineError as error:
            before = f"It takes the place of a file that could not be used: {error}"
        else:
            if _same(old.snapshot, snapshot) and note in {"", old.blessing.note}:
                return f"{name}: nothing has changed since it was blessed on {_day(old)}; the file is as it was."
            before = f"Against the one of {_day(old)}: {_difference(old.snapshot, snapshot)}"
    path = write_baseline(folder, snapshot, note)
    size = path.stat().st_size / 1e3
    content = f"{counted(len(snapshot.entries), 'result')} of {counted(len(snapshot.prompts), 'prompt')}"
    return f"{name}: blessed {content} as {path} ({size:,.1f} kB). {before}"


def _same(old: Snapshot, new: Snapshot) -> bool:
    """Whether two snapshots say the same of their models, wherever and whenever they were taken."""
    when: dict[str, object] = {"commit": None, "dirty": None, "created": "", "versions": {}}
    return old.model_copy(update=when) == new.model_copy(update=when)


def _difference(old: Snapshot, new: Snapshot) -> str:
    from ecco_reports.comparison import compare, headline

    try:
        return headline(compare(old, new))
    except BaselineError as error:
        return f"not comparable: {error}"


def _day(blessed: Blessed) -> str:
    return blessed.blessing.when[:10]


@baseline.command("list")
@baselines_option
def list_them(baselines: Path) -> None:
    """List the baselines, and say which cannot be used."""
    from ecco_reports.baselines import blessed_names, read_baseline
    from ecco_reports.baselines.blessed import baseline_file

    names = blessed_names(baselines)
    if not names:
        click.echo(f"There is no baseline in {baselines}. ecco-reports baseline bless makes them.")
    width = max(map(len, names), default=0)
    unusable = []
    for name in names:
        path = baseline_file(baselines, name)
        try:
            found = read_baseline(path, name)
        except BaselineError as error:
            unusable.append(str(error))
            continue
        snapshot = found.snapshot
        commit = f"  {snapshot.commit[:8]}{'+' if snapshot.dirty else ''}" if snapshot.commit else ""
        content = f"{counted(len(snapshot.entries), 'result')}, {path.stat().st_size / 1e3:,.1f} kB"
        note = f"  {found.blessing.note}" if found.blessing.note else ""
        click.echo(f"{name:<{width}}  {_day(found)}  {content}{commit}{note}")
    if unusable:
        raise BaselineError("\n".join(unusable))


@baseline.command()
@click.argument("name")
@baselines_option
def show(name: str, baselines: Path) -> None:
    """Show what was blessed as NAME: when, why, and its numbers."""
    found = _read(name, baselines)
    snapshot, blessing = found.snapshot, found.blessing
    commit = snapshot.commit or "no commit"
    dirty = ", with changes that were not committed" if snapshot.dirty else ""
    versions = ", ".join(f"{package} {version}" for package, version in snapshot.versions.items())
    click.echo(f"{snapshot.title} ({snapshot.experiment})")
    click.echo(f"blessed   {blessing.when} by ecco-reports {blessing.version}")
    if blessing.note:
        click.echo(f"note      {blessing.note}")
    click.echo(f"computed  {snapshot.created} at {commit}{dirty}")
    click.echo(f"versions  {versions}")
    for model, traced in snapshot.models.items():
        click.echo(f"model     {model}: {traced.source}, {traced.dtype}")
    click.echo(f"prompts   {len(snapshot.prompts)}")
    for entry in snapshot.entries:
        numbers = ", ".join(f"{metric} {value:.4g}" for metric, value in entry.metrics.items())
        missing = [f"{metric or 'all numbers'}: {why}" for metric, why in entry.unmeasured.items()]
        said = "; ".join(filter(None, [numbers, entry.failure, *missing, *entry.unproven])) or "no numbers"
        click.echo(f"{entry.model} · {entry.prompt} · {entry.label}: {said}")


@baseline.command()
@click.argument("name")
@files_argument
@store_option
@baselines_option
def diff(name: str, files: tuple[Path, ...], store: Path, baselines: Path) -> None:
    """Hold the stored results of the experiment NAME against what was blessed."""
    from ecco_reports.comparison import compare
    from ecco_reports.reporting import Report, terminal
    from ecco_reports.snapshot import snapshots_of

    before = _read(name, baselines).snapshot
    experiments = {experiment.name: experiment for experiment in load(files)}
    if before.experiment not in experiments:
        hint = did_you_mean(before.experiment, sorted(experiments))
        raise BaselineError(f"there is no experiment {before.experiment!r} to hold against its baseline. {hint}")
    done = recalled((experiments[before.experiment],), store)
    if missing := list(_missing(done)):
        raise BaselineError("\n".join(missing))
    after = snapshots_of(done)[before.experiment]
    comparison = compare(before, after, names=(f"baseline {name}", "stored results"))
    terminal(Report((comparison,)))


@baseline.command()
@click.argument("name")
@baselines_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def rm(name: str, baselines: Path, yes: bool) -> None:
    """Remove the baseline NAME."""
    from ecco_reports.baselines import blessed_names
    from ecco_reports.baselines.blessed import baseline_file

    if name not in (names := blessed_names(baselines)):
        raise _no_such(name, names, baselines)
    path = baseline_file(baselines, name)
    if not yes:
        click.confirm(f"Remove {path}?", abort=True)
    try:
        path.unlink()
    except OSError as error:
        raise BaselineError(f"{path} cannot be removed: {error.strerror or error}.") from error
    click.echo(f"removed {path}")


def _read(name: str, folder: Path) -> Blessed:
    """The baseline of that name."""
    from ecco_reports.baselines import blessed_names, read_baseline
    from ecco_reports.baselines.blessed import baseline_file

    if name not in (names := blessed_names(folder)):
        raise _no_such(name, names, folder)
    return read_baseline(baseline_file(folder, name), name)


def _no_such(name: str, names: Sequence[str], folder: Path) -> BaselineError:
    hint = did_you_mean(name, names) if names else "There is none; ecco-reports baseline bless makes them."
    return BaselineError(f"there is no baseline {name!r} in {folder}. {hint}")
