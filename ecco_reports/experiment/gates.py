"""Makes gates of what an experiment writes under ``gates:``, and says at once what a gate could never judge.

In: nodes: a metric with its bounds, or a sentence. Out: gates. What a metric means is asked of the analysis that has
it, so a bound that makes no sense for it is answered at its place, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ecco_reports.analyses.measures import Measure
from ecco_reports.errors import did_you_mean
from ecco_reports.experiment.entries import AnalysisEntry, EntryReader, chosen
from ecco_reports.experiment.nodes import Node
from ecco_reports.experiment.schema import GateFields, Rooms
from ecco_reports.experiment.sentences import About, Expectation, read_sentence
from ecco_reports.experiment.validation import Report, validated
from ecco_reports.records import Direction, Prompt

BOUNDS = ("min", "max", "max_drop", "max_ratio", "min_agreement")
"""What a gate may demand of a number."""

AGAINST_BASELINE = ("max_drop", "max_ratio", "min_agreement")
"""Those that hold it against the baseline."""

OVER_PROMPTS = ("over", "min_samples", "test", "alpha", "correction")
"""What makes a gate judge the mean over all prompts."""

BESIDE_SENTENCE = ("expect", "level", "models", "prompts", "against")
"""What may be written beside a sentence."""


@dataclass(frozen=True)
class Gate:
    """A bound for one number of the results, or a sentence that must be true of them.

    Attributes:
        metric: Label of an entry, a dot, and the name of the number; empty for a sentence.
        expect: What a sentence expects; None for a metric.
        min: The smallest number that passes.
        max: The largest number that passes.
        max_drop: How much worse than in the baseline it may be, in its own unit.
        max_ratio: By which factor it may be worse than in the baseline.
        min_agreement: How far the two results must agree.
        against: None judges the run alone; "baseline" holds it against one.
        level: Whether a broken bound stops a release ("fail") or is only shown ("warn").
        models: The models it watches; empty for all.
        prompts: The prompts it watches; empty for all.
        over: "prompts" judges the mean over all prompts; None judges each.
        min_samples: The smallest number of prompts for a mean; None where the test alone decides.
        test: How the mean is told from chance: permutation, wilcoxon, sign, none.
        alpha: The largest probability of a false alarm.
        correction: How all tests of the experiment that name the same one are counted: holm, benjamini-hochberg, none.
        path: Where it stands in the resolved document.
    """

    metric: str = ""
    expect: Expectation | None = None
    min: float | None = None
    max: float | None = None
    max_drop: float | None = None
    max_ratio: float | None = None
    min_agreement: float | None = None
    against: Literal["baseline"] | None = None
    level: Literal["fail", "warn"] = "fail"
    models: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    over: Literal["prompts"] | None = None
    min_samples: int | None = None
    test: Literal["permutation", "wilcoxon", "sign", "none"] = "none"
    alpha: float = 0.05
    correction: Literal["holm", "benjamini-hochberg", "none"] = "holm"
    path: tuple[str | int, ...] = ()

    @property
    def title(self) -> str:
        """What a verdict calls it: its metric, or its sentence."""
        return self.expect.text if self.expect else self.metric

    @property
    def label(self) -> str:
        """Of the entry whose number it watches."""
        return self.metric.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Of the number, without the label."""
        return self.metric.rpartition(".")[2]

    @property
    def bounds(self) -> Mapping[str, float]:
        """What it demands, by the names of the keys."""
        found = {name: getattr(self, name) for name in BOUNDS}
        return {name: bound for name, bound in found.items() if bound is not None}


class GateReader:
    """Reads gates one after the other; what it finds wrong goes to the report, and it goes on.

    Args:
        analyses: The analyses that exist.
        entries: What stands under ``analyses:``, already read.
        prompts: The prompts by name.
        report: Where problems are noted.
    """

    def __init__(self, analyses: Rooms, entries: EntryReader, prompts: Mapping[str, Prompt], report: Report) -> None:
        self._analyses = analyses
        self._entries = entries
        self._prompts = prompts
        self._report = report

    def read(self, node: Node, index: int) -> Gate | None:
        """One element of the list."""
        fields = validated(node, GateFields, self._report, "a gate")
        if fields is None:
            return None
        before = len(self._report.problems)
        models = chosen(node.child("models"), "model", self._entries.models, self._report, "gate")
        named = chosen(node.child("prompts"), "prompt", self._entries.prompts, self._report, "gate")
        prompts = tuple(name for name in named if name in self._prompts)  # The others are broken, as was said of them.
        if len(self._report.problems) > before:
            return None
        expect = None
        if fields.expect is not None:
            expect = self._sentence(node, fields, models, prompts)
        else:
            self._metric(node, fields, models, prompts)
        if len(self._report.problems) > before:
            return None
        over_prompts = expect is None and any(name in fields.model_fields_set for name in OVER_PROMPTS)
        tested = bool(fields.model_fields_set & {"alpha", "correction"})
        return Gate(
            metric=fields.metric or "",
            expect=expect,
            **{name: getattr(fields, name) for name in BOUNDS},
            against="baseline" if self._compares(fields, expect) else None,
            level=fields.level,
            models=models if "models" in fields.model_fields_set else (),
            prompts=prompts if "prompts" in fields.model_fields_set else (),
            over="prompts" if over_prompts else None,
            min_samples=fields.min_samples,
            test=fields.test or ("permutation" if tested else "none"),
            alpha=fields.alpha,
            correction=fields.correction,
            path=("gates", index),
        )

    def _compares(self, fields: GateFields, expect: Expectation | None) -> bool:
        if expect is not None:
            return expect.pattern.of_two
        measure = self._measure(fields.metric or "")
        asked = any(getattr(fields, name) is not None for name in AGAINST_BASELINE)
        return fields.against is not None or asked or bool(measure and measure.of_two)

    def _entry(self, label: str) -> AnalysisEntry | None:
        return next((entry for entry in self._entries.entries if entry.label == label), None)

    def _measure(self, metric: str) -> Measure | None:
        """What is known of a metric; None where its analysis does not list its metrics."""
        label, _, name = metric.rpartition(".")
        entry = self._entry(label)
        return self._analyses[entry.analysis].measures.get(name) if entry else None

    def _metric(self, node: Node, fields: GateFields, models: Sequence[str], prompts: Sequence[str]) -> None:
        """Notes what is wrong with a gate on a number."""
        if fields.metric is None:
            message = "a gate names what it watches."
            self._report.add(node.anchor, message, "Write `metric:` and a bound, or a sentence after `expect:`.")
            return
        if (found := self._unknown(fields.metric)) is not None:
            self._report.add(node.at(("metric",)), *found)
            return
        entry = self._entry(fields.metric.rpartition(".")[0])
        if entry is not None and not (set(entry.models) & set(models) and set(entry.prompts) & set(prompts)):
            message = f"{entry.label} runs on none of these models and prompts, so this gate watches nothing."
            self._report.add(node.anchor, message, "Widen `models:` or `prompts:`, or leave them out.")
        for key, message, hint in _misfits(fields, self._measure(fields.metric)):
            self._report.add(node.at((key,)) if key else node.anchor, message, hint)

    def _unknown(self, metric: str) -> tuple[str, str] | None:
        """Why there is no such metric, and what to write instead."""
        label, _, name = metric.rpartition(".")
        labels = self._entries.labels
        if not label or not name:
            hint = "Write the label of an analysis, a dot, and one of its numbers: token_ranks.target_rank."
            return f"{metric!r} is no metric.", hint
        if label not in labels:
            return f"no entry under analyses is called {label!r}.", did_you_mean(label, list(labels))
        entry = self._entry(label)
        known = self._analyses[entry.analysis].measures if entry else {}
        if known and name not in known:
            return f"{label} has no metric {name!r}.", did_you_mean(name, list(known))
        return None

    def _sentence(
        self, node: Node, fields: GateFields, models: Sequence[str], prompts: Sequence[str]
    ) -> Expectation | None:
        """What a sentence expects; what is wrong with it is noted."""
        others = [name for name in node.entries if name not in BESIDE_SENTENCE]
        for name in others:
            message = f"{name} cannot stand beside a sentence, which says all that is expected."
            self._report.add(node.at((name,), key=True), message, "Remove it, or write a gate with `metric:`.")
        place = node.at(("expect",))
        try:
            found = read_sentence(fields.expect or "")
        except ValueError as error:
            self._report.add(place, f"expect: {error}")
            return None
        if fields.against is not None and not found.pattern.of_two:
            message = "this sentence is about this run alone."
            self._report.add(node.at(("against",), key=True), message, "Remove `against:`.")
        for message, hint in self._unanswerable(found, models, prompts):
            self._report.add(place, message, hint)
        return found

    def _unanswerable(
        self, found: Expectation, models: Sequence[str], prompts: Sequence[str]
    ) -> Iterator[tuple[str, str]]:
        """Why no result of this experiment can say whether a sentence is true, and what to add."""
        pattern = found.pattern
        concerned = [name for name in prompts if concerns(found, self._prompts[name])]
        for about, kind in ((About.TARGET, "target"), (About.FOIL, "foil")):
            if about in pattern.about and not any(getattr(self._prompts[name], kind) for name in prompts):
                yield f"none of its prompts has a {kind}.", f'Write one: `{{text: ..., {kind}: " London"}}`.'
                return
        if not concerned and About.ANSWER in pattern.about:
            yield (
                "each of its prompts has its continuation given: the model says nothing of its own.",
                "Widen `prompts:`.",
            )
            return
        if not concerned:
            words = sorted({word for name in prompts for word in _words(self._prompts[name])})
            yield f"none of its prompts has “{found.quote}” in its text.", did_you_mean(found.quote, words[:20])
            return
        entries = [entry for entry in self._entries.entries if entry.analysis in pattern.analyses]
        answering = [
            entry for entry in entries if set(entry.models) & set(models) and set(entry.prompts) & set(concerned)
        ]
        if not answering:
            message = f"no analysis of these prompts can tell whether “{found.text}”."
            yield message, f"Add under analyses: `- {pattern.analyses[0]}`."
        elif found.method and (problem := _unknown_method(found.method, answering)):
            yield problem


def concerns(expected: Expectation, prompt: Prompt) -> bool:
    """Whether a prompt has what a sentence is about: a target, a foil, the quoted words, an answer of its own."""
    about = expected.pattern.about
    return not (
        (About.TARGET in about and prompt.target is None)
        or (About.FOIL in about and prompt.foil is None)
        or (About.QUOTE in about and expected.quote.casefold() not in _text(prompt).casefold())
        or (About.ANSWER in about and prompt.continuation is not None)
    )


def _text(prompt: Prompt) -> str:
    return f"{prompt.text}\n{prompt.text_pair or ''}"


def _words(prompt: Prompt) -> list[str]:
    return [word.strip(".,;:!?()“”\"'") for word in _text(prompt).split()]


def _unknown_method(method: str, entries: Sequence[AnalysisEntry]) -> tuple[str, str] | None:
    """Why no entry has a method, as far as their settings say which methods they have."""
    known = sorted({name for entry in entries for name in getattr(entry.params, "methods", ())})
    if not known or method in known:
        return None
    return f"no entry computes the method {method!r}.", did_you_mean(method, known)


def _misfits(fields: GateFields, measure: Measure | None) -> Iterator[tuple[str, str, str]]:
    """Bounds that make no sense together, or not for this metric: the key to blame, what is wrong, what to write."""
    bounds = [name for name in BOUNDS if getattr(fields, name) is not None]
    if not bounds:
        yield "", "a gate without a bound stops nothing.", f"Write {', '.join(f'`{name}:`' for name in BOUNDS)}."
    elif fields.min is not None and fields.max is not None and fields.min > fields.max:
        yield "min", f"no number is at least {fields.min:g} and at most {fields.max:g}.", "Swap min and max."
    elif measure is not None:
        yield from _misfits_of_two(fields, measure) if measure.of_two else _misfits_of_one(fields)


def _misfits_of_one(fields: GateFields) -> Iterator[tuple[str, str, str]]:
    if fields.min_agreement is not None:
        message = f"{fields.metric} describes one result, and agrees with nothing."
        yield "min_agreement", message, "Write `max_drop:` to hold it against the baseline."
    if fields.against is not None and fields.max_drop is None and fields.max_ratio is None:
        message = f"{fields.metric} describes one result: min and max judge it alone."
        yield "against", message, "Write `max_drop:` or `max_ratio:` to hold it against the baseline."


def _misfits_of_two(fields: GateFields, measure: Measure) -> Iterator[tuple[str, str, str]]:
    equal = f"{measure.equal:g} for equal results"
    if fields.max_ratio is not None:
        message = f"{fields.metric} compares two results already ({equal}), and is no factor of anything."
        yield "max_ratio", message, "Write `min_agreement:` or `max:`."
    if measure.direction is not Direction.HIGHER and fields.min_agreement is not None:
        message = f"{fields.metric} is a distance ({equal}), not an agreement."
        yield "min_agreement", message, "Write `max:`, the largest distance that passes."
    if measure.direction is Direction.HIGHER and fields.max is not None and fields.min is None:
        message = f"{fields.metric} is an agreement ({equal}): a max would ask for two results that differ."
        yield "max", message, "Write `min_agreement:`."
    if measure.direction is Direction.LOWER and fields.min is not None and fields.max is None:
        message = f"{fields.metric} is a distance ({equal}): a min would ask for two results that differ."
        yield "min", message, "Write `max:`."
