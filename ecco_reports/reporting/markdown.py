"""A report as Markdown for GitHub: the step summary of a workflow, and the comment of a pull request.

In: a report. Out: Markdown, the verdict and the link first, details below, and no more bytes than are allowed: what
does not fit is dropped from the bottom, and a sentence says what was dropped and where it is. Never: a mention, a
picture, HTML or a broken table out of somebody's text (``github`` sees to that).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecco_reports.comparison import gained, headline, lost, most_changed
from ecco_reports.comparison.findings import Change, Comparison, Effect, Mark, Pair
from ecco_reports.comparison.saying import said_of
from ecco_reports.comparison.telling import ChangedPrompt, Fact
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
from ecco_reports.errors import ReportError
from ecco_reports.gates.words import Group, groups, outcomes, tone, unpassed, verdict_line
from ecco_reports.reporting.github import SPEECH, code, prose

if TYPE_CHECKING:
    from ecco_reports.reporting import Report

MARKER = "<!-- ecco-reports -->"
"""The first line: a workflow finds its own comment by it."""

LEAST_BYTES = 8_000
"""Below that the verdict and a long link might have no room."""

ICONS = {"broken": "❌", "doubtful": "⚠️", "sound": "✅"}
QUIET = frozenset({Mark.SAME, Mark.NOT_SIGNIFICANT})
NAMED = 8
"""So many prompts are named where a gate ended alike at many."""


@dataclass(frozen=True)
class Part:
    """A part of the summary that can be cut short.

    Attributes:
        called: What one of its items is, for the sentence that says how many were left out.
        head: What stands before the items.
        items: Each stands as a whole or not at all.
        tail: What stands after them.
    """

    called: str
    head: str
    items: tuple[str, ...]
    tail: str = "\n"


def summary(report: Report, max_bytes: int | None = None) -> str:
    """The report as Markdown.

    Args:
        report: What to say.
        max_bytes: How many bytes of UTF-8 it may have.

    Raises:
        ReportError: That is less than the verdict and the link may need.
    """
    must = "\n".join([MARKER, *_must(report)])
    parts = [part for part in _parts(report) if part.items]
    if max_bytes is None:
        return must + "".join(part.head + "".join(part.items) + part.tail for part in parts)
    if max_bytes < LEAST_BYTES:
        raise ReportError(
            f"a summary of {max_bytes:,} bytes has no room for the verdict and the link; allow {LEAST_BYTES:,} or more."
        )
    return _fitted(must, parts, report, max_bytes)


def _fitted(must: str, parts: Sequence[Part], report: Report, max_bytes: int) -> str:
    """As much as there is room for, from the top; then the sentence about the rest."""
    whole = must + "".join(part.head + "".join(part.items) + part.tail for part in parts)
    if _size(whole) <= max_bytes:
        return whole
    room = max_bytes - _size(must) - _size(_left_out([(part.called, len(part.items)) for part in parts], report))
    text = must
    dropped: list[tuple[str, int]] = []
    for part in parts:
        kept = 0 if dropped else _kept(part, room)
        if kept:
            piece = part.head + "".join(part.items[:kept]) + part.tail
            room -= _size(piece)
            text += piece
        if kept < len(part.items):
            dropped.append((part.called, len(part.items) - kept))
    return text + _left_out(dropped, report)


def _kept(part: Part, room: int) -> int:
    """How many items of a part there is room for."""
    room -= _size(part.head) + _size(part.tail)
    for kept, item in enumerate(part.items):
        room -= _size(item)
        if room < 0:
            return kept
    return len(part.items)


def _size(text: str) -> int:
    return len(text.encode())


def _left_out(dropped: Sequence[tuple[str, int]], report: Report) -> str:
    """What was left out, and where it is."""
    numbers: dict[str, int] = {}
    for called, number in dropped:
        numbers[called] = numbers.get(called, 0) + number
    what = ", ".join(counted(number, called) for called, number in numbers.items())
    if report.link:
        where = f"The [full report]({_address(report.link)}) has them."
    elif report.elsewhere:
        where = f"They are in {prose(report.elsewhere)}."
    else:
        where = "The other forms of this report have them."
    return f"\n---\nLeft out here to keep this short: {what}. {where}\n"


def _address(link: str) -> str:
    """The link as Markdown can hold it: in pointed brackets, without what would end them."""
    kept = "".join(char if char.isascii() and char.isprintable() and char not in "<> \\" else "" for char in link)
    return f"<{kept}>"


def _must(report: Report) -> Iterator[str]:
    icon = ICONS[tone(report.verdicts, report.comparisons)]
    names = [comparison.after.experiment for comparison in report.comparisons]
    about = f" · {prose(names[0], 80)}" if len(names) == 1 else ""
    yield f"## {icon} {verdict_line(report.verdicts)}{about}\n"
    if report.link:
        yield f"**[Full report]({_address(report.link)})**\n"
    elif report.elsewhere:
        yield f"The full report is in {prose(report.elsewhere)}.\n"
    if report.verdicts and report.verdicts.gates:
        yield f"Gates: {outcomes(report.verdicts)}.\n"
    yield ""


def _parts(report: Report) -> Iterator[Part]:
    several = len(report.comparisons) > 1
    yield Part("headline", "", tuple(_headline(one, several) for one in report.comparisons))
    yield _gates(groups(unpassed(report.verdicts)))
    for comparison in report.comparisons:
        title = f" in {prose(comparison.after.experiment, 80)}" if several else ""
        yield _facts("Facts lost", title, lost(comparison))
        yield _facts("Facts gained", title, gained(comparison))
        yield _missing(title, comparison)
        yield _effects(title, comparison)
    for comparison in report.comparisons:
        title = f" in {prose(comparison.after.experiment, 80)}" if several else ""
        changed = most_changed(comparison)
        yield Part(
            "changed prompt", f"### Prompts that changed most{title}\n\n", tuple(_prompt(one) for one in changed)
        )


def _headline(comparison: Comparison, several: bool) -> str:
    before, after = (prose(name, 80) for name in comparison.names)
    marks = ", ".join(
        f"{SIGNS[mark].shape} {number:,} {mark.value}" for mark, number in tally(comparison.pairs).items()
    )
    title = f"**{prose(comparison.after.experiment, 80)}**: " if several else ""
    notes = "".join(f"{prose(note, 300)}\n\n" for note in comparison.notes[:4])
    return (
        f"{title}{prose(headline(comparison))}\n\n{notes}"
        f"Held against {before}, the results of {after} are: {marks or 'none'}.\n\n"
    )


def _gates(found: Sequence[Group]) -> Part:
    head = "### Gates that are not a pass\n\n| outcome | gate | where | why |\n|---|---|---|---|\n"
    return Part("gate", head, tuple(_gate(group) for group in found))


def _gate(group: Group) -> str:
    one = group.worst
    places = [code(name, 60) for name in (one.experiment, one.model) if name]
    status = f"**{one.status.value}**" if one.failed else one.status.value
    kind = "" if one.kind.value == "gate" else f"{one.kind.value} "
    cells = [status, kind + code(one.name), " · ".join([*places, _prompts_of(group)]), prose(group.why)]
    return f"| {' | '.join(cells)} |\n"


def _prompts_of(group: Group) -> str:
    """The prompt, or how many there are, with the names of the first."""
    if len(group.verdicts) == 1:
        return code(group.where, 60)
    named = ", ".join(code(one.prompt or "", 60) for one in group.verdicts[:NAMED])
    left = len(group.verdicts) - NAMED
    return f"{group.where}: {named}{f' and {left:,} more' if left > 0 else ''}"


def _facts(title: str, where: str, facts: Sequence[Fact]) -> Part:
    return Part("fact", f"### {title}{where}\n\n", tuple(_fact(fact) for fact in facts))


def _fact(fact: Fact) -> str:
    target = f" {code(fact.prompt.target.strip(), 60)}" if fact.prompt.target is not None else ""
    ranks = f"rank {fact.before:g} → {fact.after:g}"
    said = ""
    if None not in fact.said and fact.said[0] != fact.said[1]:
        before, after = (code((text or "").strip(), 100) for text in fact.said)
        said = f"; said {before}, says {after}"
    return f"- {code(fact.prompt.name, 60)} ({code(models(fact.models), 60)}):{target} {ranks}{said}\n"


def _missing(where: str, comparison: Comparison) -> Part:
    """Results that came, went, or must not be compared, with the reason."""
    apart = [pair for pair in comparison.pairs if pair.reason and pair.mark not in QUIET]
    apart.sort(key=lambda pair: list(SIGNS).index(pair.mark))
    return Part("result", f"### Not compared, failing or mended{where}\n\n", tuple(_apart(pair) for pair in apart))


def _apart(pair: Pair) -> str:
    place = " · ".join(code(name, 60) for name in (pair.prompt.name, pair.label, models(pair.models)))
    return f"- {SIGNS[pair.mark].shape} {pair.mark.value}: {place}: {prose(pair.reason)}\n"


def _effects(where: str, comparison: Comparison) -> Part:
    """Effects over all prompts that are more than chance; the others stand in the full report."""
    told = [effect for effect in comparison.effects if effect.mark not in QUIET]
    told.sort(key=lambda effect: list(SIGNS).index(effect.mark))
    several = len(comparison.models) > 1
    head = (
        f"### Over all prompts{where}\n\n"
        f"Tests are paired; p is corrected for all of them ({prose(comparison.correction, 60)}).\n\n"
        "| | metric | prompts | baseline | candidate | difference | p |\n|---|---|--:|--:|--:|--:|--:|\n"
    )
    rest = f"\n{left_alone(comparison.effects)}\n\n"
    return Part("effect", head, tuple(_effect(effect, several) for effect in told), rest)


def _effect(effect: Effect, several: bool) -> str:
    name = code(metric(effect.label, effect.name)) + (f" {code(models(effect.models), 60)}" if several else "")
    span = interval(effect)
    difference = amount(effect.difference, effect.measure, signed=True) + (f" ({span})" if span else "")
    cells = [
        f"{SIGNS[effect.mark].shape} {effect.mark.value}",
        name,
        f"{effect.samples:,}",
        amount(effect.before, effect.measure),
        amount(effect.after, effect.measure),
        difference,
        probability(effect.adjusted).replace("<", "&lt;"),
    ]
    return f"| {' | '.join(cells)} |\n"


def _prompt(changed: ChangedPrompt) -> str:
    """One prompt, folded."""
    title = f"{SIGNS[changed.mark].shape} {code(changed.prompt.name, 60)} ({code(models(changed.models), 60)})"
    lines = [f"<details><summary>{title}: {changed.mark.value}</summary>", ""]
    lines.append(f"> {code(changed.prompt.text, SPEECH)}")
    lines.append("")
    for said in said_of(changed.pairs):
        if said.same:
            lines.append(f"- still says {code(said.after or '', SPEECH)}")
        else:
            texts = ["nothing is known" if text is None else code(text, SPEECH) for text in (said.before, said.after)]
            lines.append(f"- said {texts[0]}, says {texts[1]}")
    told = [(pair.label, pair.reason or pair.finding) for pair in changed.pairs]
    lines += [f"- {code(label, 60)}: {prose(sentence)}" for label, sentence in told if sentence]
    lines += [_moved(pair.label, change) for pair in changed.pairs for change in pair.changes[:12] if _loud(change)]
    return "\n".join([*lines, "", "</details>\n\n"])


def _loud(change: Change) -> bool:
    return change.mark not in QUIET


def _moved(label: str, change: Change) -> str:
    shape = SIGNS[change.mark].shape
    return f"- {shape} {code(metric(label, change.name))}: {change_in_words(change)} ({change.mark.value})"
