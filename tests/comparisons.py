"""Comparisons and verdicts made by hand: every mark, every outcome, and text that tries to be more than text.

Two models of an experiment about capitals, twelve prompts, three labels. What the numbers say together (means,
differences, which of them is marked) is true of the pairs; intervals and p-values are written down, not computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison import Change, Comparison, Effect, Mark, Pair
from ecco_reports.gates import Kind, Level, Status, Verdict, Verdicts
from ecco_reports.records import Direction, Prompt
from ecco_reports.snapshot import Entry, Snapshot, TracedModel
from tests.stories import HOSTILE

MEASURES: Mapping[str, Mapping[str, Measure]] = {
    "generation": {
        "first_token_probability": Measure(
            Direction.HIGHER, "probability of the first token that was said", "share", noise=0.01
        ),
    },
    "ranks": {
        "target_logprob": Measure(Direction.HIGHER, "natural log-probability of the target", "nats", noise=0.02),
        "target_rank": Measure(Direction.LOWER, "rank of the target at the last layer", "rank"),
        "first_top_layer": Measure(Direction.NEITHER, "first layer at which the target is top-ranked", "layers"),
    },
    "attribution": {
        "tau_b": Measure(Direction.HIGHER, "agreement of the rankings (Kendall's tau-b)", noise=0.05, equal=1.0),
        "top_token_share": Measure(Direction.NEITHER, "share of the strongest token", "share", noise=0.02),
    },
}
ANALYSIS = {"generation": "generation", "ranks": "token_ranks", "attribution": "attribution"}
CITIES = {
    "japan": "Tokyo",
    "france": "Paris",
    "egypt": "Cairo",
    "norway": "Oslo",
    "peru": "Lima",
    "kenya": "Nairobi",
    "cuba": "Havana",
    "italy": "Rome",
    "spain": "Madrid",
    "korea": "Seoul",
}
PROMPTS: Mapping[str, Prompt] = {
    **{
        name: Prompt(name=name, text=f"The capital of {name.title()} is the city of", target=f" {city}")
        for name, city in CITIES.items()
    },
    HOSTILE: Prompt(name=HOSTILE, text=HOSTILE * 2, target=" <b>|`@octocat`#1"),
    "שלום": Prompt(name="שלום", text="בירת ישראל היא\nהעיר", target=" ירושלים"),
}
NAMES = ("baseline main", "candidate")


def _logprob(model: str, number: int) -> tuple[float, float]:
    """Log-probability of the target before and after: the first two prompts of the first model are lost."""
    before = -0.05 - 0.07 * number
    lost = model == "facts" and number < 2
    return before, before - (4.0 + number) if lost else before - 0.001 * number


def _numbers(model: str, label: str, number: int) -> Mapping[str, tuple[float, float]]:
    before, after = _logprob(model, number)
    lost = after < -3
    if label == "generation":
        return {"first_token_probability": (0.9 - 0.02 * number, 0.4 if lost else 0.9 - 0.02 * number)}
    if label == "ranks":
        return {
            "target_logprob": (before, after),
            "target_rank": (1.0, 7.0 + number if lost else 1.0),
            "first_top_layer": (4.0, 5.0 if number % 4 == 3 else 4.0),
        }
    moved = 0.35 if number == 3 else 0.98
    return {"tau_b": (1.0, moved), "top_token_share": (0.5, 0.55 if number == 4 else 0.5)}


def _mark(measure: Measure, before: float, after: float) -> Mark:
    difference = after - before
    if abs(difference) <= measure.noise:
        return Mark.SAME
    if measure.direction is Direction.NEITHER or measure.of_two:
        return Mark.CHANGED
    return Mark.BETTER if (difference > 0) == (measure.direction is Direction.HIGHER) else Mark.WORSE


def _trace(label: str, prompt: Prompt, lost: bool) -> Mapping[str, Any] | None:
    """What generation keeps of a result that it was asked for; the other labels keep their numbers alone."""
    if label != "generation":
        return None
    city = "Rome" if lost else (prompt.target or "").strip()
    first = {"label": f"·{city}", "logprob": -0.1, "rank": 1}
    return {
        "said": f"{city}, of course",
        "writes": True,
        "given": False,
        "cut": "a" * 16,
        "steps": [{**first, "entropy": 0.5, "candidates": {f"·{city}": 0.9, "·x": 0.05}}],
        "target": first,
        "foil": None,
    }


def _entry(model: str, prompt: Prompt, label: str, version: int = 1, **more: Any) -> Entry:
    return Entry(
        model=model,
        prompt=prompt.name,
        label=label,
        analysis=ANALYSIS[label],
        version=version,
        settings="5" * 64,
        key="c" * 64,
        **more,
    )


def _pair(model: str, prompt: Prompt, number: int, label: str) -> Pair:
    measures = MEASURES[label]
    numbers = _numbers(model, label, number)
    changes = tuple(
        Change(name, measures[name], before, after, _mark(measures[name], before, after))
        for name, (before, after) in numbers.items()
    )
    marks = [change.mark for change in changes]
    mark = next((one for one in (Mark.WORSE, Mark.BETTER, Mark.CHANGED) if one in marks), Mark.SAME)
    lost = _logprob(model, number)[1] < -3
    finding = ""
    if lost and label == "ranks":
        finding = f"The target “{(prompt.target or '').strip()}” was top-ranked, and has rank {7 + number} now."
    elif mark is Mark.CHANGED and label == "attribution" and number == 3:
        finding = "The words are ranked in another order: Kendall's tau-b is 0.35."
    traces = {"before": _trace(label, prompt, False), "after": _trace(label, prompt, lost)}
    sides = {
        side: _entry(
            model,
            prompt,
            label,
            metrics={name: pair[index] for name, pair in numbers.items() if not measures[name].of_two},
            trace=traces[side],
        )
        for index, side in enumerate(("before", "after"))
    }
    return Pair((model, model), prompt, label, ANALYSIS[label], mark, "", changes, finding, (), **sides)


def _odd(pairs: list[Pair]) -> Iterator[Pair]:
    """The pairs, of which some end in another way: one for each mark that has no numbers."""
    for pair in pairs:
        asked = (pair.models[1], pair.prompt.name, pair.label)
        model, prompt = pair.models[1], pair.prompt
        if asked == ("gpt", "italy", "attribution"):
            after = _entry(model, prompt, pair.label, failure=f"NumericalError: not a number in layer 3 {HOSTILE}")
            reason = "The candidate has no result: NumericalError: not a number in layer 3."
            yield replace(pair, mark=Mark.NEWLY_FAILING, reason=reason, changes=(), finding="", after=after)
        elif asked == ("gpt", "spain", "attribution"):
            before = _entry(model, prompt, pair.label, failure="ModelMemoryError: not enough memory")
            reason = "The baseline had no result: ModelMemoryError: not enough memory."
            yield replace(pair, mark=Mark.MENDED, reason=reason, changes=(), finding="", before=before)
        elif asked == ("gpt", "korea", "attribution"):
            before = _entry(model, prompt, pair.label, version=1)
            after = _entry(model, prompt, pair.label, version=2)
            reason = "Version 1 of the analysis computed the baseline, and version 2 the candidate."
            yield replace(
                pair, mark=Mark.NOT_COMPARABLE, reason=reason, changes=(), finding="", before=before, after=after
            )
        elif asked == ("gpt", HOSTILE, "generation"):
            reason = "Only the candidate has it."
            yield replace(pair, mark=Mark.ADDED, reason=reason, changes=(), finding="", before=None)
        elif asked == ("gpt", "שלום", "generation"):
            reason = "Only the baseline has it."
            yield replace(pair, mark=Mark.GONE, reason=reason, changes=(), finding="", after=None)
        elif asked == ("gpt", "japan", "ranks"):
            change = Change("target_logprob", MEASURES["ranks"]["target_logprob"], -2.5, -0.1, Mark.BETTER)
            yield replace(pair, mark=Mark.BETTER, changes=(change, *pair.changes[1:]))
        else:
            yield pair


def _effect(model: str, label: str, name: str, pairs: Sequence[Pair]) -> Effect | None:
    changes = [
        change
        for pair in pairs
        if pair.models[1] == model and pair.label == label
        for change in pair.changes
        if change.name == name and change.before is not None and change.after is not None
    ]
    if not changes:
        return None
    before = [change.before or 0.0 for change in changes]
    after = [change.after or 0.0 for change in changes]
    differences = [late - early for early, late in zip(before, after, strict=True)]
    samples = len(changes)
    mean = sum(differences) / samples
    spread = (sum((one - mean) ** 2 for one in differences) / (samples - 1)) ** 0.5
    if all(change.mark is Mark.SAME for change in changes):
        mark, p, adjusted = Mark.SAME, 0.8, 1.0
    elif (model, name) == ("facts", "target_logprob"):
        mark, p, adjusted = Mark.WORSE, 0.0004, 0.0048
    elif (model, name) == ("gpt", "target_logprob"):
        mark, p, adjusted = Mark.BETTER, 0.002, 0.02
    elif name == "first_top_layer":
        mark, p, adjusted = Mark.CHANGED, 0.004, 0.036
    else:
        mark, p, adjusted = Mark.NOT_SIGNIFICANT, 0.21, 0.84
    return Effect(
        models=(model, model),
        label=label,
        name=name,
        measure=MEASURES[label][name],
        samples=samples,
        before=sum(before) / samples,
        after=sum(after) / samples,
        difference=mean,
        interval=(mean - spread / 2, mean + spread / 2) if spread else None,
        confidence=0.95,
        p=p,
        adjusted=adjusted,
        test="Wilcoxon signed-rank",
        size=mean / spread if spread else None,
        worse=sum(change.mark is Mark.WORSE for change in changes),
        better=sum(change.mark is Mark.BETTER for change in changes),
        mark=mark,
    )


def _snapshot(experiment: str, entries: Sequence[Entry | None], created: str, commit: str) -> Snapshot:
    return Snapshot(
        experiment=experiment,
        title=f"Capitals {HOSTILE[:40]}",
        created=created,
        commit=commit,
        dirty=created > "2026-02",
        versions={"python": "3.11.9", "torch": "2.13.0"},
        models={
            name: TracedModel(
                source=f"./checkpoints/{name}", identity=f"{len(name)}{created[6]}" * 32, tokenizer="", dtype="float32"
            )
            for name in ("facts", "gpt")
        },
        prompts=PROMPTS,
        entries=tuple(entry for entry in entries if entry is not None),
    )


def comparison(experiment: str = "capitals") -> Comparison:
    """Two models, twelve prompts, three labels; every mark is in it."""
    plain = [
        _pair(model, prompt, number, label)
        for model in ("facts", "gpt")
        for number, prompt in enumerate(PROMPTS.values())
        for label in MEASURES
    ]
    pairs = tuple(_odd(plain))
    effects = [
        _effect(model, label, name, pairs)
        for model in ("facts", "gpt")
        for label, measures in MEASURES.items()
        for name in measures
    ]
    return Comparison(
        before=_snapshot(experiment, [pair.before for pair in pairs], "2026-01-02T03:04:05+00:00", "c0ffee" * 6),
        after=_snapshot(experiment, [pair.after for pair in pairs], "2026-02-03T04:05:06+00:00", "bead" * 10),
        names=NAMES,
        models=(("facts", "facts"), ("gpt", "gpt")),
        pairs=pairs,
        effects=tuple(effect for effect in effects if effect is not None),
        notes=("The tokenizers differ: words are held against each other by their characters.",),
    )


def nothing_changed(experiment: str = "calm") -> Comparison:
    """The same without a difference anywhere."""
    full = comparison(experiment)
    calm = tuple(
        replace(
            pair,
            mark=Mark.SAME,
            finding="",
            changes=tuple(replace(change, after=change.before, mark=Mark.SAME) for change in pair.changes),
            after=pair.before,
        )
        for pair in full.pairs
        if pair.changes and pair.models[1] == "facts"
    )
    effects = tuple(
        replace(
            effect, after=effect.before, difference=0.0, interval=(0.0, 0.0), p=1.0, adjusted=1.0, size=None, worse=0,
            better=0, mark=Mark.SAME,
        )
        for effect in full.effects
        if effect.models[1] == "facts"
    )  # fmt: skip
    entries = [pair.before for pair in calm]
    return replace(
        full,
        before=_snapshot(experiment, entries, full.before.created, "c0ffee" * 6),
        after=_snapshot(experiment, entries, full.after.created, "bead" * 10),
        pairs=calm,
        effects=effects,
        models=(("facts", "facts"),),
        notes=(),
    )


def verdicts(experiment: str = "capitals") -> Verdicts:
    """Every outcome that a gate can have, and two proofs."""
    about = {"model": "facts", "prompt": "japan", "label": "ranks"}
    rank = "ranks.target_rank"

    def gate(status: Status, name: str, message: str, **more: Any) -> Verdict:
        return Verdict(Kind.GATE, status, experiment, name, message, **{**about, "file": "capitals.yaml", **more})

    return Verdicts(
        (
            gate(Status.PASS, rank, "1 is within its bounds", prompt="egypt", value=1.0, bound="max 1"),
            gate(Status.FAIL, rank, "7 is more than 1", value=7.0, before=1.0, maximum=1.0, bound="max 1", line=12),
            gate(Status.WARN, "attribution.tau_b", f"0.35 is less than 0.6 {HOSTILE}", level=Level.WARN, value=0.35),
            gate(Status.IMPROVED, "ranks.target_logprob", "−0.1 is better than −2.5", model="gpt", bound="max_drop 1"),
            gate(Status.NO_BASELINE, "attribution.rbo", "it asks for a comparison, and there is no baseline"),
            gate(Status.NOT_COMPARABLE, "attribution.tau_b", "another version computed it", prompt="korea"),
            gate(Status.INSUFFICIENT_DATA, "generation.kl", "4 prompts are too few for the test", prompt=None),
            gate(Status.NOT_RUN, rank, "its task failed", prompt=HOSTILE),
            gate(Status.ERROR, "ranks.traget_rank", "no result carries it", model=None, prompt=None, label=None),
            Verdict(
                Kind.PROOF, Status.PASS, experiment, "final rank", "the residual 0 is within its tolerance", **about
            ),
            Verdict(Kind.PROOF, Status.FAIL, experiment, f"<gap> {HOSTILE}", "the residual 1 is above 0.1", **about),
        ),
        failed_tasks=1,
    )


def passed(experiment: str = "calm") -> Verdicts:
    """One gate, which passed."""
    verdict = Verdict(
        Kind.GATE, Status.PASS, experiment, "ranks.target_rank", "1 is within its bounds", "facts", "japan"
    )
    return Verdicts((verdict,), 0)
