"""A report on a terminal: a few tables with colours there, the same as plain lines of 80 columns elsewhere.

In: a report. Out: lines on a stream. Never: markup of users (rich would read brackets), more than a screen or two.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ecco_reports.comparison import headline, lost, most_changed
from ecco_reports.comparison.findings import Comparison, Effect, Mark
from ecco_reports.comparison.telling import ChangedPrompt
from ecco_reports.comparison.words import (
    SIGNS,
    amount,
    change_in_words,
    counted,
    interval,
    left_alone,
    metric,
    models,
    probability,
    tally,
)
from ecco_reports.gates.words import Group, groups, outcomes, tone, unpassed, verdict_line
from ecco_reports.reporting.text import cut, one_line

if TYPE_CHECKING:
    from ecco_reports.reporting import Report

WIDTH, WIDEST = 80, 110
PROMPTS, GATES, EFFECTS = 10, 20, 20
"""How many of them are told; the files have all."""

QUIET = frozenset({Mark.SAME, Mark.NOT_SIGNIFICANT})
STYLES = {"broken": "bold red", "sound": "green", "doubtful": "yellow", "neutral": "default"}
TONES = {"fail": "broken", "error": "broken", "not-run": "broken", "pass": "sound", "improved": "sound"}
"""How an outcome of a gate looks; the others look doubtful."""


def say(report: Report, stream: TextIO | None = None) -> None:
    """Writes the report to a stream, by default the standard output."""
    stream = stream or sys.stdout
    written = io.StringIO()
    lively = stream.isatty()
    console = Console(file=written, force_terminal=lively, highlight=False, markup=False, emoji=False, soft_wrap=False)
    console.width = min(console.width, WIDEST) if lively else WIDTH
    for piece in _pieces(report, lively):
        console.print(piece)
    encoding = getattr(stream, "encoding", None) or "utf-8"
    lines = (line.rstrip() for line in written.getvalue().splitlines())
    stream.write("".join(f"{line}\n" for line in lines).encode(encoding, "replace").decode(encoding))


def _pieces(report: Report, lively: bool) -> Iterator[Text | Table]:
    yield _text(f"{verdict_line(report.verdicts)}.", tone(report.verdicts, report.comparisons), bold=True)
    if report.verdicts and report.verdicts.gates:
        yield _text(f"Gates: {outcomes(report.verdicts)}")
    if found := groups(unpassed(report.verdicts)):
        yield _gates(found, lively)
        yield from _more(len(found) - GATES, "gate")
    for comparison in report.comparisons:
        yield Text()
        yield from _comparison(comparison, lively)
    if report.link:
        yield Text()
        yield _text(f"Full report: {report.link}")


def _comparison(comparison: Comparison, lively: bool) -> Iterator[Text | Table]:
    before, after = comparison.names
    yield _text(f"{comparison.after.experiment}: {after} against {before}", bold=True)
    yield _text(headline(comparison))
    for note in comparison.notes:
        yield _text(note)
    marks = tally(comparison.pairs)
    counts = ", ".join(f"{SIGNS[mark].shape} {number:,} {mark.value}" for mark, number in marks.items())
    yield _text(f"Results: {counts or 'none'}")
    if facts := lost(comparison):
        named = ", ".join(cut(fact.prompt.name, 30) for fact in facts[:PROMPTS])
        more = f" and {len(facts) - PROMPTS:,} more" if len(facts) > PROMPTS else ""
        yield _text(f"Lost: {named}{more}", "broken")
    moved = [effect for effect in comparison.effects if effect.mark not in QUIET]
    if moved:
        moved.sort(key=lambda effect: list(SIGNS).index(effect.mark))
        yield _effects(moved, len(comparison.models) > 1, comparison, lively)
        yield from _more(len(moved) - EFFECTS, "effect")
    if any(effect.mark is not Mark.SAME for effect in comparison.effects):
        yield _text(left_alone(comparison.effects))
    if changed := most_changed(comparison):
        yield _prompts(changed, len(comparison.models) > 1, lively)
        yield from _more(len(changed) - PROMPTS, "changed prompt")


def _more(number: int, noun: str) -> Iterator[Text]:
    if number > 0:
        yield _text(f"  and {counted(number, 'more ' + noun)}; a report (-o report.html) has all of them.")


def _text(text: str, tone: str = "neutral", bold: bool = False) -> Text:
    style = STYLES[tone]
    return Text(one_line(text).replace("\u00a0", " "), style=f"bold {style}" if bold else style)


def _table(title: str, columns: Sequence[str], numeric: Sequence[str], lively: bool) -> Table:
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD if lively else None,
        pad_edge=lively,
        show_edge=False,
    )
    for column in columns:
        right = column in numeric
        table.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=right)
    return table


def _gates(found: Sequence[Group], lively: bool) -> Table:
    table = _table("\nGates that are not a pass", ("outcome", "gate", "where", "why"), (), lively)
    for group in found[:GATES]:
        one = group.worst
        where = " · ".join(cut(name, 24) for name in (one.experiment, one.model, group.where) if name)
        table.add_row(
            _text(one.status.value, TONES.get(one.status.value, "doubtful")),
            _text(cut(one.name, 60)),
            _text(where),
            _text(cut(group.why, 160)),
        )
    return table


def _effects(effects: Sequence[Effect], several: bool, comparison: Comparison, lively: bool) -> Table:
    columns = ("", "metric", "before", "after", "difference", "p")
    title = f"\nOver all prompts (paired test, p corrected after {comparison.correction})"
    table = _table(title, columns, ("before", "after", "difference", "p"), lively)
    for effect in effects[:EFFECTS]:
        name = metric(effect.label, effect.name) + (f" ({models(effect.models)})" if several else "")
        difference, span = amount(effect.difference, effect.measure, signed=True), interval(effect, unit=False)
        table.add_row(
            _text(SIGNS[effect.mark].shape, SIGNS[effect.mark].tone),
            _text(cut(name, 60)),
            _text(amount(effect.before, effect.measure)),
            _text(amount(effect.after, effect.measure)),
            Text("\n").join(_text(line) for line in (difference, span) if line),
            _text(probability(effect.adjusted)),
        )
    return table


def _prompts(changed: Sequence[ChangedPrompt], several: bool, lively: bool) -> Table:
    table = _table("\nPrompts that changed most", ("", "prompt", "what changed"), (), lively)
    for one in changed[:PROMPTS]:
        name = cut(one.prompt.name, 40) + (f" ({cut(models(one.models), 24)})" if several else "")
        table.add_row(
            _text(SIGNS[one.mark].shape, SIGNS[one.mark].tone), _text(name), _text("; ".join(_reasons(one)) or "–")
        )
    return table


def _reasons(changed: ChangedPrompt) -> Iterator[str]:
    for reason in changed.reasons:
        if reason.change is None:
            yield f"{reason.pair.label}: {reason.pair.mark.value}"
        else:
            yield f"{metric(reason.pair.label, reason.change.name)} {change_in_words(reason.change)}"
