"""The command itself: how errors become sentences and exit codes, and in which order the verbs stand.

In: what a verb raises. Out: one message and one exit code. Never: a traceback, unless it is asked for.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

import click

from ecco_reports import __version__
from ecco_reports.errors import (
    BaselineError,
    EccoReportsError,
    ExperimentError,
    HistoryError,
    ModelError,
    PublishingError,
    ReportError,
)

FINE, UNEXPECTED, USERS_MISTAKE, GATE_FAILED, TASK_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

_MISTAKES = (BaselineError, ExperimentError, HistoryError, ModelError, PublishingError, ReportError)
"""What the user can mend."""


class Verbs(click.Group):
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
            explain(error)
            sys.exit(USERS_MISTAKE if isinstance(error, _MISTAKES) else UNEXPECTED)
        except KeyboardInterrupt:
            click.echo("\nInterrupted. What was finished is stored; the same command goes on from there.", err=True)
            sys.exit(INTERRUPTED)
        except (click.exceptions.Exit, click.ClickException, click.Abort, SystemExit, BrokenPipeError):
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


def explain(error: EccoReportsError) -> None:
    """Says what is wrong, on the error output."""
    if isinstance(error, ExperimentError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
        count = len(error.problems)
        click.echo(f"{count} problem{'s' if count != 1 else ''}; nothing was computed.", err=True)
    else:
        click.echo(str(error), err=True)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ecco-reports")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(debug: bool) -> None:
    """Explains language models in static web pages: YAML experiments in, a browsable site out."""
