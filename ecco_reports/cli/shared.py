"""What several verbs share: options, reading experiments, running them, and saying how that ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ecco_reports.errors import BaselineError

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.executors.base import Executor
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdict, Verdicts
    from ecco_reports.runner import Run
    from ecco_reports.snapshot import Snapshot

Command = TypeVar("Command", bound=Callable[..., Any])


def files_argument(command: Command) -> Command:
    """FILES: experiment files and folders of them; by default the folder ``experiments``."""
    return click.argument("files", nargs=-1, type=click.Path(path_type=Path))(command)


def store_option(command: Command) -> Command:
    """``--store``: where results are and go to."""
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(".ecco-reports/store"),
        show_default=True,
        help="Folder of the results.",
    )(command)


def baselines_option(command: Command) -> Command:
    """``--baselines``: where what runs are held against is kept."""
    return click.option(
        "--baselines",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("baselines"),
        show_default=True,
        help="Folder of what runs are held against.",
    )(command)


def history_option(command: Command) -> Command:
    """``--history``: where what earlier commits gave is kept."""
    return click.option(
        "--history",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("history"),
        show_default=True,
        help="Folder of what earlier commits gave.",
    )(command)


def jobs_option(command: Command) -> Command:
    """``--jobs``: how many processes compute."""
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Worker processes; 1 works in this one.",
    )(command)


def outputs_option(command: Command) -> Command:
    """``-o``: reports, each in the form that its ending says."""
    return click.option(
        "-o",
        "--output",
        "outputs",
        type=click.Path(path_type=Path, dir_okay=False),
        multiple=True,
        help="A report as .md, .json, .html or .junit.xml; may be given several times.",
    )(command)


def out_option(command: Command) -> Command:
    """``--out``: where the site goes."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("build/site"),
        show_default=True,
        help="Folder of the finished site.",
    )(command)


def load(files: Sequence[Path]) -> tuple[Experiment, ...]:
    """The experiments of files and folders; says which ones in sub-folders are left out."""
    from ecco_reports.experiment import load_experiments, subfolders

    asked = files or (Path("experiments"),)
    experiments = load_experiments(asked)
    for folder in subfolders(asked):
        why = ", which need models from the hub" if folder.of_the_hub else ""
        verb = click.get_current_context().command_path.partition(" ")[2]
        click.echo(
            f"left out: {counted(folder.experiments, 'experiment')} in {folder.path}{why}: "
            f"ecco-reports {verb} {folder.path}",
            err=True,
        )
    return experiments


def sources(files: Sequence[Path]) -> Iterator[Path]:
    """What a served site is made of."""
    for path in (*(files or (Path("experiments"),)), Path("templates"), Path("site"), Path("site.yml")):
        if path.exists():
            yield path


def executor_for(jobs: int) -> Executor:
    """Where the work is done: here, or in processes of their own."""
    if jobs == 1:
        from ecco_reports.executors.local import LocalExecutor

        return LocalExecutor()
    from ecco_reports.executors.process import ProcessExecutor

    return ProcessExecutor(jobs)


def run_all(experiments: Sequence[Experiment], store: Path, jobs: int) -> Run:
    """Computes what is missing, with progress on the terminal."""
    from ecco_reports.plan import make_plan
    from ecco_reports.progress import shown_progress
    from ecco_reports.runner import execute
    from ecco_reports.store import Store

    results = Store(store)
    made = make_plan(experiments, results)
    with shown_progress() as progress:
        return execute(made, executor_for(jobs), results, progress)


def recalled(experiments: Sequence[Experiment], store: Path) -> Run:
    """The run of experiments as far as it is stored; computes nothing."""
    from ecco_reports.plan import make_plan
    from ecco_reports.runner import recall
    from ecco_reports.store import Store

    results = Store(store)
    return recall(make_plan(experiments, results), results)


def blessed(experiments: Sequence[Experiment], baselines: Path) -> Mapping[str, Snapshot]:
    """The baselines of experiments, as far as there are any; asked for before anything is computed.

    Raises:
        BaselineError: There is one, and it cannot be used.
    """
    from ecco_reports.baselines import blessed_for

    return blessed_for((experiment.name for experiment in experiments), baselines)


def held_against(
    experiments: Sequence[Experiment], before: Mapping[str, Snapshot], after: Mapping[str, Snapshot]
) -> Mapping[str, Comparison]:
    """Each experiment that has a baseline, held against it: a blessed one, or one of its own models.

    Args:
        experiments: What was run.
        before: The blessed baselines, by experiment.
        after: What was found, by experiment.

    Raises:
        BaselineError: They have nothing in common.
    """
    from ecco_reports.comparison import compare, compare_within

    names = ("baseline", "this run")
    found = {name: compare(snapshot, after[name], names=names) for name, snapshot in before.items()}
    own = {one.name: compare_within(after[one.name], one.baseline) for one in experiments if one.baseline is not None}
    return {one.name: (own | found)[one.name] for one in experiments if one.name in own | found}


def noted(done: Run, store: Path) -> Mapping[str, Snapshot]:
    """Leaves a record of a run in the store, says what it is called, and hands on what is in it."""
    from ecco_reports.baselines import leave_record
    from ecco_reports.snapshot import snapshots_of

    snapshots = snapshots_of(done)
    try:
        click.echo(f"This is run {leave_record(store, snapshots)}.")
    except BaselineError as error:
        # The results are there all the same: a store that may only be read is enough to build from.
        click.echo(f"This run leaves no record: {error}", err=True)
    return snapshots


def finish(done: Run, verdicts: Verdicts) -> int:
    """Says what failed, and how the command ends."""
    for outcome in done.failures:
        task = outcome.task
        why = outcome.failure.message if outcome.failure else ""
        click.echo(f"failed: {task.experiment}: {task.prompt.name} · {task.label}: {why}", err=True)
    for verdict, times in gathered(verdicts.failed):
        click.echo(f"{verdict.kind} {verdict.status}: {told(verdict, times)}", err=True)
    if verdicts.gates:
        from ecco_reports.gates.words import outcomes

        click.echo(f"Gates: {outcomes(verdicts)}.")
    return verdicts.exit_code


def gathered(verdicts: Iterable[Verdict]) -> Iterator[tuple[Verdict, int]]:
    """Verdicts of one gate that say the same of several results: the first of them, and how many they are."""
    same: dict[tuple[Any, ...], list[Verdict]] = {}
    for verdict in verdicts:
        key = (verdict.experiment, verdict.name, verdict.line, verdict.status, verdict.message)
        same.setdefault(key, []).append(verdict)
    return ((group[0], len(group)) for group in same.values())


def told(verdict: Verdict, times: int = 1) -> str:
    """What a verdict is about, and what it says.

    Args:
        verdict: One of those that say the same.
        times: How many they are.
    """
    place = [verdict.prompt, verdict.model, verdict.label if verdict.name != verdict.label else None]
    if verdict.name.startswith(f"{verdict.label}."):
        place.pop()
    where = [f"{times} results"] if times > 1 else [part for part in place if part]
    return f"{' · '.join([verdict.experiment, *where])}: {verdict.name}: {verdict.message}"


def annotation(level: str, file: str, line: int, column: int, message: str, title: str = "") -> str:
    """A line that GitHub shows beside a line of a file: a workflow command.

    Its text has %25, %0D and %0A for percent signs and line ends, and its properties %3A and %2C for colons and commas
    as well.

    Args:
        level: ``error``, ``warning`` or ``notice``.
        file: The file; empty where it is about none.
        line: The line, from 1; 0 means the whole file.
        column: The column, from 1; 0 means the whole line.
        message: What is shown.
        title: What stands above it.
    """
    text = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    place = {"file": file, "line": str(line or 1), "col": str(column or 1)} if file else {}
    written = {**place, **({"title": title} if title else {})}
    escaped = {
        name: value.replace("%", "%25")
        .replace("\r", "%0D")
        .replace("\n", "%0A")
        .replace(":", "%3A")
        .replace(",", "%2C")
        for name, value in written.items()
    }
    properties = ",".join(f"{name}={value}" for name, value in escaped.items())
    return f"::{level}{' ' if properties else ''}{properties}::{text}"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Says how long a stage took."""
    began = time.perf_counter()
    yield
    click.echo(f"{name} in {time.perf_counter() - began:.1f} s.")


def counted(number: int, noun: str) -> str:
    """A number and its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some(items: Sequence[str], most: int = 3) -> str:
    """The first of many, and how many there are beside."""
    more = len(items) - most
    return "; ".join(items[:most]) + (f"; and {more} more" if more > 0 else "")
