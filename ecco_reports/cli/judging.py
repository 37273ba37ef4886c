"""The verbs about gates: ``metrics`` says what they may watch, ``check`` what they say of a run.

Neither computes anything, and neither loads a model.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecco_reports.cli.shared import (
    annotation,
    baselines_option,
    blessed,
    counted,
    files_argument,
    gathered,
    held_against,
    load,
    outputs_option,
    recalled,
    store_option,
    told,
)
from ecco_reports.errors import ReportError

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.experiment import Experiment
    from ecco_reports.experiment.sentences import Pattern
    from ecco_reports.gates import Verdict, Verdicts
    from ecco_reports.gates.catalogue import Listed
    from ecco_reports.runner import Run
    from ecco_reports.snapshot import Snapshot


@click.command()
@files_argument
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def metrics(files: tuple[Path, ...], form: str) -> None:
    """List what a gate may watch, and the sentences that it may expect.

    With FILES, the metrics of the entries of these experiments, by their labels; without, those of every analysis.
    """
    from ecco_reports.experiment.sentences import PATTERNS
    from ecco_reports.gates.catalogue import of_analyses, of_experiments

    listed = tuple(of_experiments(load(files)) if files else of_analyses())
    if form == "json":
        values = {"metrics": [_metric(one) for one in listed], "sentences": [_sentence(one) for one in PATTERNS]}
        click.echo(json.dumps(values, indent=2, ensure_ascii=False))
        return
    _print_metrics(listed)
    _print_sentences(PATTERNS)


def _metric(listed: Listed) -> dict[str, Any]:
    measure = listed.measure
    return {
        "metric": listed.metric,
        "analysis": listed.analysis,
        "label": listed.label,
        "name": listed.name,
        "results": 2 if measure.of_two else 1,
        "direction": measure.direction.value,
        "unit": measure.unit,
        "noise": measure.noise,
        "relative_noise": measure.relative,
        "equal": measure.equal,
        "meaning": measure.meaning,
        "experiments": list(listed.experiments),
    }


def _sentence(pattern: Pattern) -> dict[str, Any]:
    return {
        "example": pattern.example,
        "form": pattern.form,
        "meaning": pattern.meaning,
        "analyses": list(pattern.analyses),
        "against_baseline": pattern.of_two,
        "refusal": pattern.refusal,
    }


def _print_metrics(listed: Sequence[Listed]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Metrics", title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("metric", "better", "unit", "rounding", "meaning"):
        table.add_column(column, overflow="fold", no_wrap=column in ("metric", "better"))
    for one in listed:
        measure = one.measure
        compares = f" ({measure.equal:g} for equal results; against a baseline)" if measure.of_two else ""
        better = measure.direction.value
        cells = (one.metric, better, measure.unit or "–", _noise(one), f"{measure.meaning}{compares}")
        table.add_row(*map(Text, cells))
    _print(table)


def _noise(listed: Listed) -> str:
    """What rounding alone may change, in words."""
    noise, share = listed.measure.noise, listed.measure.relative
    return " or ".join(filter(None, [f"{noise:g}" if noise else "", f"{share:.0%}" if share else ""])) or "–"


def _print_sentences(patterns: Sequence[Pattern]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="\nSentences", title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("expect", "is true where", "needs"):
        table.add_column(column, overflow="fold", ratio=2 if column != "needs" else 1)
    for pattern in patterns:
        if not pattern.refusal:
            needs = " or ".join(pattern.analyses) + ("; a baseline" if pattern.of_two else "")
            table.add_row(Text(pattern.example), Text(pattern.meaning), Text(needs))
    _print(table)


def _print(table: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    console.width = min(max(console.width, 80), 140) if console.is_terminal else 140
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


@click.command()
@files_argument
@store_option
@baselines_option
@click.option("--baseline", metavar="REF", help="Hold the run against this instead: what compare takes as BASELINE.")
@click.option("--require-baseline", is_flag=True, help="A gate that lacks its baseline fails.")
@outputs_option
@click.option(
    "--comment",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The comment of a pull request: a .md file of less than 60,000 bytes.",
)
@click.option("--link", default="", metavar="URL", help="Where reports and the comment say the full report is.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
def check(
    files: tuple[Path, ...],
    store: Path,
    baselines: Path,
    baseline: str | None,
    require_baseline: bool,
    outputs: tuple[Path, ...],
    comment: Path | None,
    link: str,
    form: str,
) -> None:
    """Judge the gates and proofs of the run that is in the store; nothing is computed.

    Ends with 0 where all passed, 3 where one stops a release, 4 where a result is not there or its task failed, and 2
    where the experiments or the baseline cannot be used.
    """
    from ecco_reports.gates import judge
    from ecco_reports.reporting import COMMENT_BYTES, Report, write
    from ecco_reports.snapshot import snapshots_of

    _refuse_forms(outputs, comment)
    Report(link=link)
    experiments = load(files)
    before = blessed(experiments, baselines) if baseline is None else None
    done = recalled(experiments, store)
    snapshots = snapshots_of(done)
    if before is not None:
        comparisons = held_against(experiments, before, snapshots)
    else:
        comparisons = _held_against_named(str(baseline), experiments, snapshots, baselines, store)
    verdicts = judge(done, comparisons, require_baseline=require_baseline)
    report = Report(tuple(comparisons.values()), verdicts, link)
    for path in outputs:
        write(path, report)
    if comment is not None:
        write(comment, report, max_bytes=COMMENT_BYTES)
    _say(done, verdicts, report, form)
    for path in (*outputs, *([comment] if comment else [])):
        click.echo(f"wrote {path}", err=True)
    sys.exit(verdicts.exit_code)


def _refuse_forms(outputs: Iterable[Path], comment: Path | None) -> None:
    """Says before anything is judged that a report cannot be written as its name asks.

    Raises:
        ReportError: No report has such an ending.
    """
    from ecco_reports.reporting import form

    for path in outputs:
        form(path)
    if comment is not None and form(comment) != ".md":
        raise ReportError(f"{comment}: the comment of a pull request is Markdown: its name ends in .md.")


def _held_against_named(
    reference: str, experiments: Sequence[Experiment], snapshots: Mapping[str, Snapshot], baselines: Path, store: Path
) -> Mapping[str, Comparison]:
    """The comparisons with whatever a user calls a baseline."""
    from ecco_reports.baselines import Places, Resolved, resolve
    from ecco_reports.cli.comparing import compared

    def run_of(path: Path) -> Run:
        return recalled(load((path,)), store)

    before = resolve(reference, Places(baselines, store), run_of)
    click.echo(f"baseline: {before.said}", err=True)
    named = {experiment.name: experiment for experiment in experiments}
    return compared(before, Resolved("this run", "this run", snapshots, None, named))


def _say(done: Run, verdicts: Verdicts, report: Any, form: str) -> None:
    """Prints what was judged."""
    if form == "json":
        from ecco_reports.reporting.plain import json_bytes

        click.echo(json_bytes(report).decode(), nl=False)
        return
    if form == "text" and sys.stdout.isatty():
        from ecco_reports.reporting import Report, terminal

        terminal(Report((), verdicts))
    else:
        for line in _lines(verdicts, form):
            click.echo(line)
        click.echo(_summary(verdicts))
    for line in _missing(done):
        click.echo(line, err=True)


def _lines(verdicts: Verdicts, form: str) -> Iterator[str]:
    """A line for each gate and proof that is not a pass; what is the same of many prompts is said once."""
    for verdict, times in gathered(one for one in verdicts.all if one.status != "pass"):
        yield _annotated(verdict, times) if form == "github" else _plain(verdict, times)


def _plain(verdict: Verdict, times: int) -> str:
    where = f" ({verdict.file}:{verdict.line})" if verdict.file else ""
    return f"{verdict.status:<17} {told(verdict, times)}{where}"


def _annotated(verdict: Verdict, times: int) -> str:
    level = "error" if verdict.failed or verdict.status == "not-run" else "warning"
    kind = "notice" if verdict.status in ("no-baseline", "improved") and not verdict.failed else level
    title = f"{verdict.kind} {verdict.status}"
    return annotation(kind, verdict.file, verdict.line, verdict.column, told(verdict, times), title)


def _summary(verdicts: Verdicts) -> str:
    from ecco_reports.gates.words import outcomes, verdict_line

    gates = f" Gates: {outcomes(verdicts)}." if verdicts.gates else ""
    return f"{verdict_line(verdicts)}.{gates}"


def _missing(done: Run) -> Iterator[str]:
    """What to do about results that are not in the store, and why others failed."""
    from ecco_reports.runner import NOT_RUN

    for experiment in done.experiments:
        outcomes = done.of(experiment.name)
        absent = [one for one in outcomes if one.failure and one.failure.kind == NOT_RUN]
        if absent:
            share = f"{len(absent)} of {counted(len(outcomes), 'result')}"
            yield f"not run: {share} of {experiment.name} are not in the store: ecco-reports run {experiment.path}"
        for one in outcomes:
            if one.failure and one.failure.kind != NOT_RUN:
                place = f"{experiment.name} · {one.task.prompt.name} · {one.task.model} · {one.task.label}"
                yield f"failed: {place}: {one.failure.message}"
