"""Arranges comparisons for their pages.

In: comparisons and verdicts. Out: the views of ``views``, with the files that belong to them. Never: Markdown, torch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.comparison import Change, ChangedPrompt, Comparison, Effect, Mark, Pair, gained, headline, lost
from ecco_reports.comparison import most_changed as ordered
from ecco_reports.comparison.words import (
    SIGNS,
    amount,
    change_in_words,
    counted,
    interval,
    metric,
    models,
    plain,
    probability,
)
from ecco_reports.gates.words import groups, unpassed
from ecco_reports.pages.comparing.figures import overall
from ecco_reports.pages.comparing.views import (
    QUIET,
    ComparisonView,
    EffectRow,
    MarkView,
    OtherView,
    PromptView,
    Row,
    Side,
)
from ecco_reports.pages.drawings import Drawing, Drawings, Drawn, draw_section
from ecco_reports.pages.escape import slugs
from ecco_reports.pages.sections import Trouble
from ecco_reports.pages.tables import Cell, csv_bytes, json_bytes
from ecco_reports.records import Table, canonical_json
from ecco_reports.registry import Registry
from ecco_reports.snapshot import Snapshot

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.gates import Verdicts

log = logging.getLogger(__name__)

PROMPTS_DRAWN = 12
"""Prompts that have figures; the others stand in a table."""
FIGURES = 4
"""Figures of one prompt at most."""

Lower: TypeAlias = Callable[[Sequence["Figure"], str, str], Drawing]
"""Makes figures part of a page, given the anchor that begins their ids and the folder for their files."""


@dataclass(frozen=True)
class Hand:
    """Who draws, and how.

    Attributes:
        analyses: The analyses that exist.
        drawings: Who remembers drawings.
        lower: How figures become a part of the page.
    """

    analyses: Registry[AnyAnalysis]
    drawings: Drawings
    lower: Lower = draw_section


def names_of(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """What the pages of comparisons are called: as their experiments, numbered where one has several."""
    experiments = [comparison.after.experiment for comparison in comparisons]
    plain_names = slugs(experiments)
    taken: dict[str, int] = {}
    names = []
    for experiment in experiments:
        taken[experiment] = taken.get(experiment, 0) + 1
        number = taken[experiment]
        names.append(plain_names[experiment] if number == 1 else f"{plain_names[experiment]}-{number}")
    return tuple(names)


def compared(
    comparisons: Sequence[Comparison], verdicts: Verdicts | None, hand: Hand, experiments: Sequence[str] = ()
) -> tuple[ComparisonView, ...]:
    """The views of comparisons.

    Args:
        comparisons: What was found.
        verdicts: What gates say, of any experiments.
        hand: Who draws, and how.
        experiments: Names of the experiments that have a page of their own beside these.
    """
    return tuple(
        _view(name, comparison, _about(verdicts, comparison), hand, comparison.after.experiment in experiments)
        for name, comparison in zip(names_of(comparisons), comparisons, strict=True)
    )


def _about(verdicts: Verdicts | None, comparison: Comparison) -> Verdicts | None:
    """What gates say of one experiment; failed tasks are counted by their results that are not there."""
    if verdicts is None:
        return None
    experiment = comparison.after.experiment
    failed = sum(entry.failure is not None and not entry.lacking for entry in comparison.after.entries)
    return replace(verdicts, all=verdicts.of_experiment(experiment), failed_tasks=min(verdicts.failed_tasks, failed))


def _view(name: str, comparison: Comparison, verdicts: Verdicts | None, hand: Hand, experiment: bool) -> ComparisonView:
    folder = f"assets/comparisons/{name}/"
    changed = ordered(comparison)
    prompts, troubles, files = _prompts(name, comparison, changed[:PROMPTS_DRAWN], hand)
    drawing, trouble = _drawn(
        hand, "all", f"assets/comparisons/{name}/", lambda: overall(comparison), _made(comparison)
    )
    if trouble:
        troubles = (("effects", trouble), *troubles)
    rows = [_effect(effect) for effect in _graver(comparison.effects)]
    table = numbers(comparison)
    base = f"{folder}numbers"
    facts = {"experiment": comparison.after.experiment, "names": list(comparison.names)}
    apart = [pair for pair in comparison.pairs if pair.reason]
    return ComparisonView(
        name=name,
        comparison=comparison,
        headline=headline(comparison),
        sides=(_side(comparison, 0), _side(comparison, 1)),
        verdicts=verdicts,
        gates=groups(unpassed(verdicts)),
        lost=lost(comparison),
        gained=gained(comparison),
        effects=tuple(row for row in rows if row.mark.word not in QUIET),
        chance=tuple(row for row in rows if row.mark.word == Mark.NOT_SIGNIFICANT.value),
        still=tuple(row for row in rows if row.mark.word == Mark.SAME.value),
        figures=drawing.figures,
        prompts=prompts,
        others=tuple(_other(one) for one in changed[PROMPTS_DRAWN:]),
        apart=tuple((MarkView.of(pair.mark), pair) for pair in sorted(apart, key=lambda pair: _order(pair.mark))),
        csv=f"../{base}.csv",
        json=f"../{base}.json",
        files={
            **files,
            **{path: content.encode() for path, content in (drawing.files or {}).items()},
            f"{base}.csv": csv_bytes(table),
            f"{base}.json": json_bytes(facts, table),
        },
        troubles=troubles,
        experiment=experiment,
    )


def _other(changed: ChangedPrompt) -> OtherView:
    moved = (
        f"{pair.label}: {pair.mark.value}"
        if change is None
        else f"{metric(pair.label, change.name)} {change_in_words(change)}"
        for pair, change in ((reason.pair, reason.change) for reason in changed.reasons)
    )
    return OtherView(MarkView.of(changed.mark), changed.prompt.name, models(changed.models), tuple(moved))


def _order(mark: Mark) -> int:
    return list(SIGNS).index(mark)


def _graver(effects: Sequence[Effect]) -> Sequence[Effect]:
    return sorted(effects, key=lambda effect: _order(effect.mark))


def _side(comparison: Comparison, index: int) -> Side:
    snapshot: Snapshot = (comparison.before, comparison.after)[index]
    names = dict.fromkeys(pair[index] for pair in comparison.models)
    known = [(name, snapshot.models[name]) for name in names if name in snapshot.models]
    commit = (snapshot.commit or "in no repository")[:16]
    return Side(
        name=comparison.names[index],
        created=snapshot.created,
        commit=f"{commit}, with changes that were not committed" if snapshot.commit and snapshot.dirty else commit,
        models=tuple((name, model.source, model.dtype, model.identity[:12]) for name, model in known),
        versions=", ".join(f"{name} {version}" for name, version in sorted(snapshot.versions.items())),
    )


def _effect(effect: Effect) -> EffectRow:
    moved = f"{effect.changed:,} moved"
    if effect.worse or effect.better:
        moved = f"{effect.worse:,} worse, {effect.better:,} better"
    return EffectRow(
        mark=MarkView.of(effect.mark),
        name=metric(effect.label, effect.name),
        models=models(effect.models),
        meaning=effect.measure.meaning,
        samples=effect.samples,
        before=amount(effect.before, effect.measure),
        after=amount(effect.after, effect.measure),
        difference=amount(effect.difference, effect.measure, signed=True),
        interval=interval(effect),
        size="–" if effect.size is None else plain(effect.size),
        moved=moved,
        test=effect.test,
        p=probability(effect.adjusted),
    )


def _prompts(
    name: str, comparison: Comparison, changed: Sequence[ChangedPrompt], hand: Hand
) -> tuple[tuple[PromptView, ...], tuple[tuple[str, Trouble], ...], dict[str, bytes]]:
    """The prompts that changed most with their figures, what could not be drawn, and the files."""
    anchors = slugs(f"{one.prompt.name} {models(one.models)}" for one in changed)
    views: list[PromptView] = []
    troubles: list[tuple[str, Trouble]] = []
    files: dict[str, bytes] = {}
    for one in changed:
        anchor = f"prompt-{anchors[f'{one.prompt.name} {models(one.models)}']}"
        figures: list[Drawn] = []
        broken: list[Trouble] = []
        for drawing, trouble in _drifts(name, anchor, one, comparison.names_of(one.models), hand):
            if trouble:
                broken.append(trouble)
            room = FIGURES - len(figures)
            figures += drawing.figures[:room]
            kept = tuple(drawn.id for drawn in drawing.figures[:room])
            files |= {path: text.encode() for path, text in (drawing.files or {}).items() if _is_of(path, kept)}
        troubles += [(anchor, trouble) for trouble in broken]
        views.append(PromptView(anchor, one, tuple(_rows(one.pairs)), tuple(figures), tuple(broken)))
    return tuple(views), tuple(troubles), files


def _is_of(path: str, ids: Sequence[str]) -> bool:
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0] in ids


def _rows(pairs: Sequence[Pair]) -> Iterator[Row]:
    """The numbers that moved, the gravest first."""
    moved = [(pair, change) for pair in pairs for change in pair.changes if change.mark not in QUIET]
    for pair, change in sorted(moved, key=lambda one: _order(one[1].mark)):
        yield _row(pair.label, change)


def _row(label: str, change: Change) -> Row:
    return Row(
        mark=MarkView.of(change.mark),
        name=metric(label, change.name),
        meaning=change.reason or change.measure.meaning,
        before="" if change.measure.of_two else amount(change.before, change.measure),
        after=change_in_words(change) if change.measure.of_two else amount(change.after, change.measure),
        difference=amount(change.difference, change.measure, signed=True),
    )


def _drifts(
    name: str, anchor: str, changed: ChangedPrompt, names: tuple[str, str], hand: Hand
) -> Iterator[tuple[Drawing, Trouble | None]]:
    """What the rooms draw of two results, for each entry that moved and has traces on both sides."""
    labels = slugs(pair.label for pair in changed.pairs)
    for pair in changed.pairs:
        if pair.mark in QUIET or pair.analysis not in hand.analyses or not pair.changes:
            continue
        before, after = (entry.trace if entry else None for entry in (pair.before, pair.after))
        room = hand.analyses[pair.analysis]
        if before is None or after is None or room.Traced is None:
            continue
        made = [canonical_json([before, after, list(names), pair.analysis])]
        figures = partial(_drift_figures, room, before, after, names)
        drawing, trouble = _drawn(hand, f"{anchor}-{labels[pair.label]}", f"assets/comparisons/{name}/", figures, made)
        yield drawing, trouble


def _drift_figures(
    room: AnyAnalysis, before: Mapping[str, Any], after: Mapping[str, Any], names: tuple[str, str]
) -> Sequence[Figure]:
    """What a room draws of two traces as they lie in snapshots."""
    if room.Traced is None:
        return ()
    return room.drift_figures(room.Traced.model_validate(before), room.Traced.model_validate(after), names)


def _drawn(
    hand: Hand, anchor: str, folder: str, figures: Callable[[], Sequence[Figure]], made_from: Sequence[str]
) -> tuple[Drawing, Trouble | None]:
    """Figures as a part of the page, or why there are none: what cannot be drawn must not take the page with it."""
    try:
        return hand.drawings.section(
            [*made_from, anchor, folder], lambda: hand.lower(list(figures())[:FIGURES], anchor, folder)
        ), None
    except Exception as error:
        log.debug("drawing %s failed", anchor, exc_info=True)
        return Drawing(), Trouble(type(error).__name__, f"The numbers are there, but they could not be drawn: {error}")


def _made(comparison: Comparison) -> Sequence[str]:
    """What the figures about all prompts depend on."""
    return [repr(comparison.effects), repr([pair.changes for pair in comparison.pairs]), repr(comparison.names)]


def numbers(comparison: Comparison) -> Table:
    """Every number of every prompt, before and after."""
    rows: list[tuple[Cell, ...]] = []
    for pair in comparison.pairs:
        place = (*pair.models, pair.prompt.name, pair.label)
        if not pair.changes:
            rows.append((*place, "", None, None, None, "", pair.mark.value, pair.reason))
        for change in pair.changes:
            measure, reason = change.measure, change.reason or pair.reason
            values = (change.before, change.after, change.difference)
            rows.append((*place, change.name, *values, measure.unit, change.mark.value, reason))
    return Table(
        columns=(
            "model of the baseline",
            "model of the candidate",
            "prompt",
            "label",
            "metric",
            "baseline",
            "candidate",
            "difference",
            "unit",
            "mark",
            "reason",
        ),
        rows=tuple(rows),
        caption=f"One row per number: {counted(len(rows), 'row')}.",
    )
