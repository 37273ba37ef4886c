"""What two models said of the same prompt, side by side.

In: two results. Out: a ``Between``. The models may cut text into other tokens, so texts are compared as characters, and
what a whole text costs each of them as bits.
"""

from __future__ import annotations

import math
from itertools import takewhile

from ecco_reports.analyses import Between
from ecco_reports.analyses.generation.figures import label_of
from ecco_reports.analyses.generation.results import GenerationResult
from ecco_reports.analyses.voice import share
from ecco_reports.records import Check, Family, Table

_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER)


def between_of(first: GenerationResult, second: GenerationResult, names: tuple[str, str]) -> Between | None:
    """Two models' words for one prompt; None where one of them said nothing, or one writes and the other does not."""
    results = (first, second)
    writes = [result.passage.family in _WRITERS for result in results]
    if not all(result.steps for result in results) or writes[0] is not writes[1]:
        return None
    from ecco_reports.charts.beams import BeamRow, beams_chart
    from ecco_reports.charts.figure import ChartFigure

    rows = [
        BeamRow(
            name=name,
            labels=[label_of(result.passage, step) for step in result.steps],
            logprobs=[step.logprob for step in result.steps],
        )
        for name, result in zip(names, results, strict=True)
    ]
    summary = _given(first, second, names) if first.passage.forced else _said(first, second, names, writes[0])
    figure = ChartFigure(
        id="side-by-side",
        title=f"{'The given continuation' if first.passage.forced else 'What both models said'}, token by token",
        reading="Each row is a model and each cell a token, the stronger the more probable it was for that model after "
        "what stands before it in the row. The models may cut the same text into other tokens, so the columns count "
        "tokens and need not stand over the same words.",
        alt_text=summary,
        chart=beams_chart(rows, "continuations"),
    )
    return Between(summary, (figure,), _checks(first, second), _table(first, second, names))


def _given(first: GenerationResult, second: GenerationResult, names: tuple[str, str]) -> str:
    """Whom the same text surprises less, in bits, which do not depend on how it is cut."""
    bits = [-result.total / math.log(2) for result in (first, second)]
    says = " and ".join(f"{name} by {bit:.1f} bits" for name, bit in zip(names, bits, strict=True))
    less = names[bits[1] < bits[0]]
    return f"The same continuation surprises {says}: {less} expected it more."


def _said(first: GenerationResult, second: GenerationResult, names: tuple[str, str], writes: bool) -> str:
    """Whether both say the same, and how far."""
    texts = [_text(result, writes) for result in (first, second)]
    if texts[0] == texts[1]:
        shares = " and ".join(
            f"{name} gives it {share(math.exp(result.total))}"
            for name, result in zip(names, (first, second), strict=True)
        )
        return f"Both models say “{texts[0]}”: {shares}."
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(*(text.split() for text in texts), strict=False))
    common = " ".join(word for word, _ in pairs)
    until = f" They agree up to “{common}”." if common else ""
    return f"{names[0]} says “{texts[0]}”, and {names[1]} says “{texts[1]}”.{until}"


def _text(result: GenerationResult, writes: bool) -> str:
    if writes:
        return result.passage.written.strip() or result.steps[0].token.word
    return " … ".join(label_of(result.passage, step).strip("·") for step in result.steps)


def _checks(first: GenerationResult, second: GenerationResult) -> tuple[Check, ...]:
    """That a given text is the same text to both."""
    if not (first.passage.forced and second.passage.forced):
        return ()
    texts = ["".join(result.passage.written.split()).casefold() for result in (first, second)]
    return (
        Check(
            name="the same text",
            residual=float(texts[0] != texts[1]),
            tolerance=0.0,
            meaning="Whether the tokens of the given continuation spell another text for one model than for the other "
            "(1) or not (0), spaces and capitals aside.",
        ),
    )


def _table(first: GenerationResult, second: GenerationResult, names: tuple[str, str]) -> Table:
    """One row per token of each model."""
    return Table(
        columns=("model", "step", "token", "probability", "surprisal (bits)", "rank", "entropy (bits)"),
        rows=tuple(
            (name, step, label_of(result.passage, each), each.probability, each.surprisal, each.rank, each.entropy)
            for name, result in zip(names, (first, second), strict=True)
            for step, each in enumerate(result.steps)
        ),
        caption="One row per model and step.",
    )
