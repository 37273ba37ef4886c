"""A small run whose pages are known: an analysis that tells stories, and text that tries to be more than text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.analyses import Analysis, Between, DecodingParams
from ecco_reports.charts.figure import ChartFigure, StripRow, StripToken, TokenStrip
from ecco_reports.models.base import Capability
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan import Task
from ecco_reports.records import Check, Direction, Metric, Passage, Prompt, Provenance, Record, Table, Token, digest
from ecco_reports.registry import Registry
from ecco_reports.runner import Failure, Outcome, Run

HOSTILE = (
    "<b>bold</b> & | `code` *star* __under__ # [link](javascript:alert(1)) ![i](x) ~~gone~~ ^up^ H~2~O == ++ "
    '{: .attribute #top } {{ 7*7 }} {% raw %} ${7*7} --8<-- "tests" :smile: </script><script>window.pwned=1</script> '
    "<!-- <img src=x onerror=window.pwned=1> &lt; datum.value \\ ' \x00 \x1b 😀 שלום \u202e evil \\ud83d"
)
LINES = (
    "\n\n# no heading\n\n1. no list\n\n    no code\n\n---\n+++\n!!! note\n    no box\n\n| a | b |\n|---|---|\n\t=1+1"
)


class StoryParams(DecodingParams):
    """How to tell it.

    Attributes:
        words: How many words.
        accident: What goes wrong while drawing.
    """

    words: int = 3
    accident: str = ""


class StoryResult(Record):
    """A story; ``accident`` says where telling it fails."""

    passage: Passage
    rows: int = 3
    residual: float = 1e-7
    accident: str = ""


class Story(Analysis[StoryParams, StoryResult]):
    """Tells what was read."""

    name = "story"
    version = 1
    title = "Story"
    question = "What was told?"
    requires = frozenset({Capability.LOGITS})
    Params = StoryParams
    Result = StoryResult

    def run(self, model, prompt, params):
        raise NotImplementedError

    def proof(self, result):
        return [Check(name="truth gap", residual=result.residual, tolerance=1e-6, meaning="Told against happened.")]

    def metrics(self, result):
        return {"length": Metric(value=0.25, direction=Direction.NEITHER, meaning="Its length.")}

    def summary(self, result):
        if result.accident == "summary":
            raise ValueError("lost for <i>words</i>")
        return "They wrote “" + "".join(token.text for token in result.passage.generated) + "”."

    def charts(self, result):
        if result.accident == "charts":
            raise ValueError("the pencil broke <b>")
        tokens = [StripToken(t.text, t.label, i) for i, t in enumerate(result.passage.tokens)]
        last = len(tokens) - 1
        rows = [StripRow(tokens[last - back].label, last - back, [0.5] * (last - back), "surely") for back in (1, 0)]
        strip = TokenStrip("strip", "The strip", "Choose a token.", "A strip.", tokens, rows, "nats", True)
        data = alt.InlineData(values=[{"x": t.label, "y": i} for i, t in enumerate(tokens)])
        chart = alt.Chart(data).mark_bar().encode(x="x:N", y="y:Q").properties(width="container", height=80)
        return [strip, ChartFigure("bars", "The bars", "Higher is later.", "Bars.", chart)]

    def table(self, result):
        label = result.passage.tokens[0].label
        rows = tuple((label, "=cmd|' /C calc'!A0", index / 3, None, True) for index in range(result.rows))
        return Table(columns=("token", "formula", "number", "nothing", "truth"), rows=rows, caption="A row per row.")

    def between(self, first, second, names):
        if first.accident == "between":
            raise ValueError("they <i>quarrel</i>")
        if second.accident == "silence":
            return None
        return Between(
            summary=f"{names[0]} and {names[1]} told it alike.",
            figures=self.charts(first)[1:],
            checks=self.proof(second),
            table=self.table(second),
        )


ANALYSES: Registry[Any] = Registry("analysis", {"story": "tests.stories:Story"}, group="ecco_reports.no_such_group")


@dataclass(frozen=True)
class Tale:
    """An experiment without a file."""

    name: str
    title: str
    summary: str
    models: dict[str, ModelSpec]
    prompts: dict[str, Prompt]
    gates: tuple[Any, ...] = ()
    notes: tuple[str, ...] = ()
    baseline: str | None = None


PROVENANCE = Provenance(
    created="2026-01-02T03:04:05+00:00",
    seconds=0.5,
    device="abacus",
    dtype="float32",
    seed=7,
    commit="c0ffee" * 6,
    versions={"python": "3.11"},
)


def passage(text: str, written: str = " the end") -> Passage:
    """One token per word."""
    words = [text[:1], *(" " + word for word in text[1:].split(" ") if word)]
    tokens = [Token(id=index, text=word) for index, word in enumerate([*words, *(" " + w for w in written.split())])]
    return Passage(tokens=tuple(tokens), prompt_length=len(words))


def outcome(
    tale: Tale, prompt: str, model: str = "m", label: str = "story", failure=None, written=" the end", **result: Any
) -> Outcome:
    """What became of one task of a tale."""
    asked = tale.prompts[prompt]
    key = digest(
        [tale.name, prompt, model, label, written, repr(result), asked.text.encode("utf-8", "replace").decode()]
    )
    task = Task(tale.name, model, tale.models[model], asked, "story", label, StoryParams(), key)
    told = None if failure else StoryResult(passage=passage(asked.text, written), **result)
    return Outcome(task, told, Failure(kind=failure[0], message=failure[1]) if failure else None, PROVENANCE, True)


def tale(
    name="tale", title="A tale", summary="It is told.", texts: dict[str, str] | None = None, models=("m",)
) -> Tale:
    """An experiment over texts by name."""
    texts = texts or {"first": "Once upon a time"}
    prompts = {key: Prompt(name=key, text=text) for key, text in texts.items()}
    return Tale(name, title, summary, {model: ModelSpec(source=f"bundled:{model}") for model in models}, prompts)


def run_of(*tales: Tale, outcomes: Sequence[Outcome] | None = None) -> Run:
    """A run in which every prompt of every tale was told by every model."""
    if outcomes is None:
        outcomes = [outcome(one, prompt, model) for one in tales for model in one.models for prompt in one.prompts]
    return Run(tuple(tales), tuple(outcomes))  # type: ignore[arg-type]
