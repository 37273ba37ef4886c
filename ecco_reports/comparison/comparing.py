"""Holds one snapshot against another: pairs, effects, and what a reader should know first.

In: two snapshots. Out: a comparison. Never: files, torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.comparison.changes import pair_of
from ecco_reports.comparison.effects import effects_of
from ecco_reports.comparison.findings import Comparison, Pair
from ecco_reports.comparison.pairing import (
    ModelPairs,
    Side,
    listed,
    matched,
    other_content,
    paired_models,
    require_common_prompts,
    require_sound,
)
from ecco_reports.comparison.statistics import ALPHA, CORRECTIONS
from ecco_reports.registry import Registry
from ecco_reports.snapshot import Entry, Snapshot


def compare(
    before: Snapshot,
    after: Snapshot,
    *,
    names: tuple[str, str] = ("baseline", "candidate"),
    models: Sequence[tuple[str, str]] | None = None,
    analyses: Registry[AnyAnalysis] = ANALYSES,
    test: str = "permutation",
    correction: str = "holm",
    alpha: float = ALPHA,
) -> Comparison:
    """Holds a candidate against a baseline.

    Models are paired by name, or, where each side has exactly one, these; prompts by name and content; results by
    label. What has no partner is added or gone; what cannot be compared says why.

    Args:
        before: The baseline.
        after: The candidate.
        names: What reports call the two.
        models: Which model of the baseline is held against which of the candidate; None pairs them by name. Models in
            no pair of these are left out.
        analyses: The analyses that exist.
        test: The paired test over prompts, a name of ``statistics.TESTS``.
        correction: For many tests, a name of ``statistics.CORRECTIONS``.
        alpha: Up to which corrected p-value an effect is significant.

    Raises:
        BaselineError: The two have no prompt or no model in common, or one of them contradicts itself.
    """
    for side, snapshot in (("baseline", before), ("candidate", after)):
        require_sound(snapshot, side)
    require_common_prompts(before, after)
    partners = paired_models(before, after, models)
    found = matched(Side("baseline", before), Side("candidate", after), partners, all_models=not models)
    pairs = tuple(pair_of(match, analyses) for match in found)
    return Comparison(
        before=before,
        after=after,
        names=names,
        models=partners,
        pairs=pairs,
        effects=effects_of(pairs, test=test, correction=correction, alpha=alpha),
        notes=(*_notes(before, after, partners, all_models=not models), *_layer_notes(pairs, partners)),
        correction=CORRECTIONS[correction].words,
        alpha=alpha,
    )


def compare_within(snapshot: Snapshot, baseline: str, *, analyses: Registry[AnyAnalysis] = ANALYSES) -> Comparison:
    """Holds the models of one experiment against one of them.

    Args:
        snapshot: The experiment.
        baseline: The name of that model.
        analyses: The analyses that exist.

    Raises:
        BaselineError: There is no such model, or no other.
    """
    others = [name for name in snapshot.models if name != baseline]
    names = (baseline, others[0] if len(others) == 1 else "the others")
    return compare(snapshot, snapshot, names=names, models=[(baseline, other) for other in others], analyses=analyses)


def _notes(before: Snapshot, after: Snapshot, models: ModelPairs, *, all_models: bool) -> Iterator[str]:
    """What a reader should know before the numbers, a sentence each."""
    if before.experiment != after.experiment:
        yield f"The baseline is of the experiment {before.experiment}, the candidate of {after.experiment}."
    yield from _prompt_notes(before, after)
    for mine, theirs in models:
        yield from _model_notes(before, after, mine, theirs)
    if all_models:
        yield from _alone("model", before.models, after.models, {name for pair in models for name in pair})
    if changed := [
        f"{package} {before.versions[package]} before, {version} now"
        for package, version in after.versions.items()
        if before.versions.get(package, version) != version
    ]:
        yield f"Computed with other versions, which may round otherwise: {'; '.join(changed)}."


def _prompt_notes(before: Snapshot, after: Snapshot) -> Iterator[str]:
    yield from _alone("prompt", before.prompts, after.prompts)
    other = [
        name
        for name, prompt in after.prompts.items()
        if name in before.prompts and other_content(before.prompts[name], prompt)
    ]
    if other:
        asks = "asks" if len(other) == 1 else "ask"
        yield f"The {_named('prompt', other)} {asks} something else now and cannot be compared."


def _alone(noun: str, before: Collection[str], after: Collection[str], paired: Collection[str] = ()) -> Iterator[str]:
    """Names that only one side has."""
    for here, there, side in ((after, before, "candidate"), (before, after, "baseline")):
        if names := [name for name in here if name not in there and name not in paired]:
            yield f"Only the {side} has the {_named(noun, names)}."


def _named(noun: str, names: Sequence[str]) -> str:
    return f"{noun}{'' if len(names) == 1 else 's'} {listed(names)}"


def _model_notes(before: Snapshot, after: Snapshot, mine: str, theirs: str) -> Iterator[str]:
    was, now = before.models[mine], after.models[theirs]
    who = theirs if mine == theirs else f"{theirs} (held against {mine})"
    if was.tokenizer and now.tokenizer and was.tokenizer != now.tokenizer:
        yield f"{who} has another tokenizer: what stands at tokens is compared by words."
    if was.dtype != now.dtype:
        yield f"{who} computes in {now.dtype} instead of {was.dtype}."


def _layer_notes(pairs: Sequence[Pair], models: ModelPairs) -> Iterator[str]:
    """Models of another depth, as far as their traces tell it."""
    for partners in models:
        depths = (tuple(map(_layers, (pair.before, pair.after))) for pair in pairs if pair.models == partners)
        was, now = next((depth for depth in depths if None not in depth), (None, None))
        if was != now:
            yield f"{partners[1]} has {now} layers instead of {was}: they are compared by their relative depth."


def _layers(entry: Entry | None) -> int | None:
    layers = entry.trace.get("layers") if entry is not None and entry.trace is not None else None
    return layers if isinstance(layers, int) else None
