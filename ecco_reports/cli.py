"""The command ``ecco-reports``: verbs in the order of work. The only module that prints, and the only one that exits.

Everything heavy is imported inside the verbs, so that ``--help`` and ``validate`` answer at once.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ecco_reports import __version__
from ecco_reports.errors import EccoReportsError, ExperimentError, ModelError

if TYPE_CHECKING:
    from ecco_reports.executors.base import Executor
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdicts
    from ecco_reports.runner import Run

FINE, UNEXPECTED, USERS_MISTAKE, GATE_FAILED, TASK_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

Command = TypeVar("Command", bound=Callable[..., Any])


class _Verbs(click.Group):
    """Keeps the verbs in the order of work and turns errors into sentences and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order they are defined in."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a verb; what goes wrong is said in words, and nothing is printed twice."""
        try:
            return super().invoke(ctx)
        except EccoReportsError as error:
            if ctx.params.get("debug"):
                raise
            _explain(error)
            sys.exit(USERS_MISTAKE if isinstance(error, ExperimentError | ModelError) else UNEXPECTED)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What was finished is stored; the same command goes on from there.", err=True)
            sys.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException, click.Abort, SystemExit):
            raise
        except Exception as error:
            if ctx.params.get("debug"):
                raise
            last = traceback.extract_tb(error.__traceback__)[-1]
            click.echo(
                f"ecco-reports failed unexpectedly: {type(error).__name__}: {error} "
                f"({Path(last.filename).name}:{last.lineno}). Run it again with --debug before the verb to see where.",
                err=True,
            )
            sys.exit(UNEXPECTED)


def _explain(error: EccoReportsError) -> None:
    if isinstance(error, ExperimentError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
        count = len(error.problems)
        click.echo(f"{count} problem{'s' if count != 1 else ''}; nothing was computed.", err=True)
    else:
        click.echo(str(error), err=True)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ecco-reports")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(debug: bool) -> None:
    """Explains language models in static web pages: YAML experiments in, a browsable site out."""


def _files(command: Command) -> Command:
    """FILES: experiment files and folders of them; by default the folder ``experiments``."""
    return click.argument("files", nargs=-1, type=click.Path(path_type=Path))(command)


def _store(command: Command) -> Command:
    return click.option(
        "--store",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(".ecco-reports/store"),
        show_default=True,
        help="Folder of the results.",
    )(command)


def _jobs(command: Command) -> Command:
    return click.option(
        "--jobs",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Worker processes; 1 works in this one.",
    )(command)


def _out(command: Command) -> Command:
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("build/site"),
        show_default=True,
        help="Folder of the finished site.",
    )(command)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
def init(folder: Path) -> None:
    """Make a new project in FOLDER: an experiment that runs at once."""
    from ecco_reports.resources import resource

    source = resource("templates") / "project"
    written = []
    for path in sorted(source.rglob("*")):
        target = folder / path.relative_to(source).with_name(path.name.replace("dot-", "."))
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            written.append(target)
    for target in written:
        click.echo(f"wrote {target}")
    if not written:
        click.echo(f"{folder} is a project already; nothing was changed.")
    step = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"Next: {step}ecco-reports build")


@main.command()
@_files
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
def validate(files: tuple[Path, ...], form: str) -> None:
    """Check experiments without loading a model."""
    from ecco_reports.plan import make_plan
    from ecco_reports.store import Store

    try:
        experiments = _load(files)
        plan = make_plan(experiments, Store(Path("/nonexistent")))
    except ExperimentError as error:
        if form == "text":
            raise
        _print_problems(error, form)
        sys.exit(USERS_MISTAKE)
    if form == "json":
        click.echo("[]")
    elif form == "text":
        tasks = len(plan.tasks) + sum(model.results for model in plan.out_of_reach)
        click.echo(f"{_count(len(experiments), 'experiment')} with {_count(tasks, 'task')}: no problems.")
        for model in plan.out_of_reach:
            click.echo(f"{model.spec.described} needs the hub, and was checked only as far as that goes without it.")


def _print_problems(error: ExperimentError, form: str) -> None:
    import json
    from dataclasses import asdict

    if form == "json":
        click.echo(json.dumps([asdict(problem) for problem in error.problems], indent=2))
        return
    for problem in error.problems:
        # The annotation format of GitHub's workflow commands: % and line ends are written as %25, %0D, %0A.
        text = f"{problem.message} {problem.hint}".strip()
        text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        click.echo(f"::error file={problem.file},line={problem.line or 1},col={problem.column or 1}::{text}")


@main.command()
@_files
@_store
def plan(files: tuple[Path, ...], store: Path) -> None:
    """Show what would run, what it costs, and what is stored already."""
    from ecco_reports.plan import make_plan
    from ecco_reports.plan.words import described
    from ecco_reports.store import Store

    for line in described(make_plan(_load(files), Store(store))):
        click.echo(line)


@main.command()
@_files
@_store
@_jobs
def run(files: tuple[Path, ...], store: Path, jobs: int) -> None:
    """Compute what is missing; safe to interrupt: running again goes on."""
    from ecco_reports.gates import judge

    with _stage("Ran"):
        done = _run(_load(files), store, jobs)
    sys.exit(_finish(done, judge(done)))


@main.command()
@_files
@_store
@_jobs
@_out
def build(files: tuple[Path, ...], store: Path, jobs: int, out: Path) -> None:
    """Run what is missing, render, and assemble the site."""
    code = _build(files, store, jobs, out)
    sys.exit(code)


@main.command()
@_files
@_store
@_jobs
@_out
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(files: tuple[Path, ...], store: Path, jobs: int, out: Path, host: str, port: int) -> None:
    """Build, serve, watch the experiments, and reload the browser when they change."""
    from mkdocs.livereload import LiveReloadServer

    _build(files, store, jobs, out)

    def again() -> None:
        try:
            _build(files, store, jobs, out)
        except EccoReportsError as error:
            # A half-typed experiment is no reason to stop serving what is there.
            _explain(error)

    server = LiveReloadServer(builder=again, host=host, port=port, root=str(out))
    for watched in _watched(files):
        server.watch(str(watched))
    click.echo(f"Serving {server.url}; Ctrl-C ends it.")
    try:
        server.serve()
    finally:
        server.shutdown()


@main.command()
def schema() -> None:
    """Print the JSON Schema of experiment files, for editors."""
    import json

    from ecco_reports.experiment import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@main.command()
@_store
def doctor(store: Path) -> None:
    """Say what this machine has, and what is missing."""
    from ecco_reports.doctor import examine

    found = examine(store)
    width = max(len(finding.name) for finding in found)
    for finding in found:
        click.echo(f"{'ok  ' if finding.fine else 'LOOK'}  {finding.name:<{width}}  {finding.detail}")
    sys.exit(FINE if all(finding.fine for finding in found) else UNEXPECTED)


def _load(files: Sequence[Path]) -> tuple[Experiment, ...]:
    """The experiments of files and folders; says which ones in sub-folders are left out."""
    from ecco_reports.experiment import load_experiments, subfolders

    asked = files or (Path("experiments"),)
    experiments = load_experiments(asked)
    for folder in subfolders(asked):
        why = ", which need models from the hub" if folder.of_the_hub else ""
        verb = click.get_current_context().info_name
        click.echo(
            f"left out: {_count(folder.experiments, 'experiment')} in {folder.path}{why}: "
            f"ecco-reports {verb} {folder.path}",
            err=True,
        )
    return experiments


def _watched(files: Sequence[Path]) -> Iterator[Path]:
    for path in (*(files or (Path("experiments"),)), Path("templates"), Path("site")):
        if path.exists():
            yield path


def _executor(jobs: int) -> Executor:
    if jobs == 1:
        from ecco_reports.executors.local import LocalExecutor

        return LocalExecutor()
    from ecco_reports.executors.process import ProcessExecutor

    return ProcessExecutor(jobs)


def _run(experiments: Sequence[Experiment], store: Path, jobs: int) -> Run:
    from ecco_reports.plan import make_plan
    from ecco_reports.progress import shown_progress
    from ecco_reports.runner import execute
    from ecco_reports.store import Store

    results = Store(store)
    made = make_plan(experiments, results)
    with shown_progress() as progress:
        return execute(made, _executor(jobs), results, progress)


def _build(files: Sequence[Path], store: Path, jobs: int, out: Path) -> int:
    """The river: experiments, plan, run, verdicts, pages, site."""
    from ecco_reports.gates import judge
    from ecco_reports.site import describe, is_current, site_stamp

    with _stage("Ran"):
        done = _run(_load(files), store, jobs)
    verdicts = judge(done)
    templates = _own_templates()
    stamp = site_stamp(done, verdicts, templates)
    if is_current(out, stamp):
        click.echo("The site is current; nothing was drawn or built.")
    else:
        _draw(done, verdicts, templates, stamp, out)
    site = describe(out)
    click.echo(f"{_count(site.pages, 'page')}, {site.size / 1e6:.1f} MB. Open {site.index}")
    return _finish(done, verdicts)


def _own_templates() -> list[Path]:
    """The project's folder of templates, whose files come before those of the package."""
    from ecco_reports.resources import resource

    own = Path("templates")
    return [own] if own.is_dir() and own.resolve() != resource("templates") else []


def _draw(done: Run, verdicts: Verdicts, templates: Sequence[Path], stamp: str, out: Path) -> None:
    from ecco_reports.pages import KeptDrawings, render
    from ecco_reports.site import publish

    with _stage("Drew"):
        pages = render(done, verdicts, templates, KeptDrawings(out.with_name(".cache") / "drawings"))
    with _stage("Built"):
        publish(pages, out, stamp=stamp)
    for trouble in pages.problems:
        click.echo(f"not drawn: {trouble.page}#{trouble.anchor}: {trouble.message}", err=True)


def _finish(done: Run, verdicts: Verdicts) -> int:
    """Says what failed, and how the command ends."""
    for outcome in done.failures:
        task = outcome.task
        why = outcome.failure.message if outcome.failure else ""
        click.echo(f"failed: {task.experiment}: {task.prompt.name} · {task.label}: {why}", err=True)
    for verdict in verdicts.failed:
        click.echo(
            f"{verdict.kind} {verdict.status}: {verdict.experiment}: {verdict.name}: {verdict.message}", err=True
        )
    return verdicts.exit_code


@contextmanager
def _stage(name: str) -> Iterator[None]:
    """Says how long a stage took."""
    began = time.perf_counter()
    yield
    click.echo(f"{name} in {time.perf_counter() - began:.1f} s.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    main()
