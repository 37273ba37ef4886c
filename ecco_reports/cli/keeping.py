"""The verbs that keep what runs found and hold one against another: ``baseline`` and ``compare``.

Nothing here loads a model but a comparison with an experiment file whose results are not all stored.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecco_reports.cli.shared import (
    baselines_option,
    counted,
    files_argument,
    jobs_option,
    load,
    recalled,
    run_all,
    stage,
    store_option,
)
from ecco_reports.errors import BaselineError, did_you_mean

if TYPE_CHECKING:
    from ecco_reports.baselines import Blessed, Resolved
    from ecco_reports.comparison import Comparison
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdicts
    from ecco_reports.reporting import Report
    from ecco_reports.runner import Run
    from ecco_reports.snapshot import Snapshot

_SHOWN = 3


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
    refusals = list(_missing(done))
    if not allow_failed:
        refusals.extend(_failed(done, judge(done)))
    if not allow_dirty:
        refusals.extend(_dirty(experiments))
    if refusals:
        raise BaselineError("\n".join([*refusals, "Nothing was blessed; every baseline is as it was."]))
    for snapshot in snapshots_of(done).values():
        click.echo(_blessed(snapshot, baselines, note))


def _missing(done: Run) -> Iterator[str]:
    """A sentence for each experiment of which results are not there."""
    from ecco_reports.runner import NOT_RUN

    for experiment in done.experiments:
        outcomes = done.of(experiment.name)
        missing = [outcome for outcome in outcomes if outcome.failure and outcome.failure.kind == NOT_RUN]
        if missing:
            yield (
                f"{experiment.name}: {len(missing)} of {counted(len(outcomes), 'result')} are not in the store. "
                f"First: ecco-reports run {experiment.path}"
            )


def _failed(done: Run, verdicts: Verdicts) -> Iterator[str]:
    """A sentence for each experiment in which something failed."""
    from ecco_reports.runner import NOT_RUN

    for experiment in done.experiments:
        broken = [
            f"{outcome.task.prompt.name} · {outcome.task.label}: {outcome.failure.message}"
            for outcome in done.of(experiment.name)
            if outcome.failure and outcome.failure.kind != NOT_RUN
        ]
        judged = [
            f"{verdict.kind} {verdict.name}: {verdict.message}"
            for verdict in verdicts.of_experiment(experiment.name)
            if verdict.failed
        ]
        for found, what in ((broken, "of the tasks failed"), (judged, "of the gates and checks did not pass")):
            if found:
                yield f"{experiment.name}: {len(found)} {what} ({_some(found)}). --allow-failed blesses it as it is."


def _dirty(experiments: Sequence[Experiment]) -> Iterator[str]:
    """A sentence for each folder of experiments in which something is not committed."""
    from ecco_reports.checkout import changes_in

    for folder in dict.fromkeys(experiment.path.parent for experiment in experiments):
        if changes := changes_in(folder):
            yield (
                f"{folder}: {counted(len(changes), 'change')} not committed ({_some(changes)}). Commit, or bless with "
                "--allow-dirty."
            )


def _some(items: Sequence[str]) -> str:
    """The first of many, and how many there are beside."""
    more = len(items) - _SHOWN
    return "; ".join(items[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")


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


@click.command()
@click.argument("before", metavar="BASELINE")
@click.argument("after", metavar="CANDIDATE")
@store_option
@jobs_option
@baselines_option
@click.option(
    "-o",
    "--output",
    "outputs",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="A report as .md, .json, .html or .junit.xml; may be given several times.",
)
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
    """Hold CANDIDATE against BASELINE.

    Each is a run (an id, the beginning of one, latest, latest~1), the name of a blessed baseline, a .json file, a
    folder of baselines, a store, or an experiment file, which means its run now. #MODEL after it takes one model.
    """
    from ecco_reports.baselines import Places, resolve
    from ecco_reports.reporting import Report, form, terminal, write

    for path in outputs:
        form(path)
    places = Places(baselines, store)

    def run_of(path: Path) -> Run:
        return run_all(load((path,)), store, jobs)

    baseline_side, candidate = resolve(before, places, run_of), resolve(after, places, run_of)
    click.echo(f"baseline: {baseline_side.said}\ncandidate: {candidate.said}")
    comparisons = _compared(baseline_side, candidate)
    verdicts = _judged(baseline_side, candidate, comparisons)
    report = Report(tuple(comparisons.values()), verdicts)
    terminal(report)
    for path in outputs:
        write(path, report)
        click.echo(f"wrote {path}")
    _publish(report, out)
    sys.exit(verdicts.exit_code)


def _compared(before: Resolved, after: Resolved) -> Mapping[str, Comparison]:
    """The comparison of each experiment that both sides have.

    Raises:
        BaselineError: They have none in common, or nobody knows which models to pair.
    """
    from ecco_reports.comparison import compare as compared

    common = [name for name in after.snapshots if name in before.snapshots]
    if not common:
        raise BaselineError(
            f"nothing can be compared: {before.said} is about {_some(list(before.snapshots))}, and {after.said} about "
            f"{_some(list(after.snapshots))}."
        )
    for side, other in ((before, after), (after, before)):
        if alone := [name for name in side.snapshots if name not in other.snapshots]:
            click.echo(f"only in {side.said}: {_some(alone)}", err=True)
    names = (before.name, after.name)
    return {
        name: compared(before.snapshots[name], after.snapshots[name], names=names, models=_models(before, after, name))
        for name in common
    }


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


def _judged(before: Resolved, after: Resolved, comparisons: Mapping[str, Comparison]) -> Verdicts:
    """What the gates of the candidate say, or of the baseline where only that names its experiment file."""
    from ecco_reports.gates import judge_snapshots

    known = {**before.experiments, **after.experiments}
    experiments = [known[name] for name in comparisons if name in known]
    if not experiments:
        click.echo("No gates were judged: they stand in experiment files, and neither side is one.", err=True)
    snapshots = {name: comparison.after for name, comparison in comparisons.items()}
    return judge_snapshots(experiments, snapshots, comparisons)


def _publish(report: Report, out: Path) -> None:
    """Writes the page of the comparison."""
    from ecco_reports.pages import comparison_paths, render_comparisons
    from ecco_reports.site import publish

    with stage("Built the page"):
        pages = render_comparisons(report.comparisons, report.verdicts)
        publish(pages, out)
    first = comparison_paths(report.comparisons)[0]
    click.echo(f"Open {out / Path(first).with_suffix('.html')}")
