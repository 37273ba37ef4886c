"""The figures of attribution.

In: a result. Out: figures. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, PERTURBATIONS
from ecco_reports.analyses.attribution.comparing import MEASURES, Agreements, SideBySide, agreements, side_by_side
from ecco_reports.analyses.attribution.parts import encoder_share, output_name, part_notes, quoted, shown_columns
from ecco_reports.analyses.attribution.words import (
    detail_of,
    found_of,
    in_shares,
    reading_of,
    shown_values,
    unit_of,
)
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.units import Unit
from ecco_reports.charts.contributions import Explanation, contribution_matrix
from ecco_reports.charts.figure import ChartFigure, Figure, StripRow, StripToken, TokenStrip, joined, strip_tokens
from ecco_reports.charts.methods import Measure, agreement_matrix, methods_grid

_NUMBERS = 24_000
"""So many numbers at most in a chart of all methods: some 150 kB."""
_PAIRS = 6_000
"""So many pairs of methods at most, over all outputs, in a chart of their agreement."""


def figures_of(result: AttributionResult) -> Iterator[Figure]:
    """Per method the text to choose outputs in, methods beside and against each other, and a matrix of all outputs."""
    methods = [method for method in result.methods if shown_columns(result, method)[1]]
    beside = side_by_side(result)
    for number, method in enumerate(methods):
        yield _strip(result, method)
        if number == 0 and len(methods) > 1:
            yield methods_figure(result, beside)
            yield agreement_figure(result, agreements(beside))
    if methods and len(result.explained) > 1:
        yield _matrix(result, beside)


def methods_figure(result: AttributionResult, beside: SideBySide) -> ChartFigure:
    """All methods over the same inputs, for the output that is chosen."""
    outputs = _drawn(result, beside)
    first = _what_they_put_first(result, beside)
    return ChartFigure(
        id="methods",
        title="All methods side by side",
        reading="Each row is a method, each column an input; choose the output above. Every row has its own scale, "
        "since methods measure in different units: the strongest cell of each is what that method puts first. Orange "
        "raised the score (or, of a method without signs, matters), blue lowered it."
        + (" A row that is empty where others are not leaves that input as it is." if _some_are_empty(beside) else "")
        + _border_words(result, beside.columns)
        + _cut(len(outputs), len(result.explained)),
        alt_text=f"{len(beside.methods)} methods over {len(beside.columns)} inputs, for one of {len(outputs)} outputs "
        f"at a time. {first}".strip(),
        chart=methods_grid(
            beside.names,
            [result.label(column) for column in beside.columns],
            [output_name(target) for target in outputs],
            beside.values[: len(outputs)],
            [unit_of(result, method) for method in beside.methods],
            beside.signed,
            positions=[column[0] for column in beside.columns],
            border=_border(result, beside.columns),
            before=_encoder_shares(result, beside, len(outputs)),
            input_name=f"input {result.grain}",
        ),
    )


def agreement_figure(result: AttributionResult, found: Agreements) -> ChartFigure:
    """Each method against each other one."""
    count = len(found.names)
    outputs = result.explained[: max(1, _PAIRS // count**2)]
    several = len(outputs) > 1
    names = [output_name(target) for target in outputs]
    measures = []
    for name, title in MEASURES.items():
        values, chance = found.values[name][: len(outputs)], found.chance(name)[: len(outputs)]
        if several:
            values = np.concatenate([found.mean(name)[None], values])
            chance = [float(np.mean(found.chance(name))), *chance]
        if np.isfinite(values).any():
            measures.append(Measure(title, values, chance))
    pairs = sorted(found.pairs("tau_b"), reverse=True)
    told = (
        f"Mean tau-b from {pairs[-1][0]:.2f} ({pairs[-1][1]} and {pairs[-1][2]}) to {pairs[0][0]:.2f}." if pairs else ""
    )
    counts = sorted({*found.inputs[: len(outputs)]})
    compared = " to ".join(str(count) for count in (counts[0], *counts[1:][-1:]))
    return ChartFigure(
        id="agreement",
        title="How far the methods agree",
        reading="1 is full agreement, 0 for tau-b is chance; what chance gives by another measure is in the tooltip. "
        f"Compared are the magnitudes that both methods give to the {compared} inputs of the text that all methods "
        "score; signs only by the measure of that name, among methods that have them. Tokens of a template and ignored "
        "ones do not count." + _cut(len(outputs), len(result.explained)),
        alt_text=f"Agreement of each two of {count} methods. {told}".strip(),
        chart=agreement_matrix(found.names, ["mean of all outputs", *names] if several else names, measures),
    )


def _some_are_empty(beside: SideBySide) -> bool:
    """Whether there is an input that one method scores and another does not."""
    known = np.isfinite(beside.values).any(0)
    return bool((known.any(0) & ~known.all(0)).any())


def _what_they_put_first(result: AttributionResult, beside: SideBySide) -> str:
    named = []
    for name, row in zip(beside.names, beside.values[0], strict=True):
        sizes = np.where(np.isfinite(row), np.abs(row), -1.0)
        if sizes.max(initial=-1.0) > 0:
            named.append(f"{name} {quoted(result, beside.columns[int(sizes.argmax())])}")
    target = f" for {result.explained[0].phrase}" if named else ""
    return f"Strongest{target}: {', '.join(named)}." if named else ""


def _cut(shown: int, known: int) -> str:
    return "" if shown == known else f" The first {shown} of {known} outputs can be chosen; the table has all."


def _border(result: AttributionResult, columns: Sequence[Unit]) -> int:
    """How many of the columns an encoder reads, if others are a decoder's; else 0."""
    border = sum(column[-1] < result.passage.encoder_length for column in columns)
    return border if border < len(columns) else 0


def _border_words(result: AttributionResult, columns: Sequence[Unit]) -> str:
    two_streams = " The line parts what the encoder read from what the decoder had written."
    return two_streams if _border(result, columns) else ""


def _drawn(result: AttributionResult, beside: SideBySide) -> tuple[Explained, ...]:
    """As many outputs as a chart of all methods can hold."""
    return result.explained[: max(1, _NUMBERS // max(1, len(beside.methods) * len(beside.columns)))]


def _encoder_shares(result: AttributionResult, beside: SideBySide, outputs: int) -> np.ndarray:
    """Which share of an output came from the encoder, ``[output, method]``; NaN where that is no question."""
    shares = [[encoder_share(result, method, index) for method in beside.methods] for index in range(outputs)]
    return np.array(shares, dtype=float).reshape(outputs, len(beside.methods))


def _matrix(result: AttributionResult, beside: SideBySide) -> ChartFigure:
    """All targets by all inputs that any of them can depend on, for the method that is chosen."""
    outputs = _drawn(result, beside)
    several = len(beside.methods) > 1
    return ChartFigure(
        id="matrix",
        title="All outputs at once",
        reading=("Choose the method above. " if several else "") + "Each row is an output, each column an input; a "
        "strong cell in a row names what that output drew on. A column strong from top to bottom is an input "
        "everything depends on." + _border_words(result, beside.columns) + _cut(len(outputs), len(result.explained)),
        alt_text=f"{len(outputs)} outputs by {len(beside.columns)} inputs"
        + (f", by {len(beside.methods)} methods" if several else "")
        + f". {found_of(result)}",
        chart=contribution_matrix(
            [result.label(column) for column in beside.columns],
            [output_name(target) for target in outputs],
            [_explanation(result, beside, number, len(outputs)) for number in range(len(beside.methods))],
            positions=[column[0] for column in beside.columns],
            border=_border(result, beside.columns),
            input_name=f"input {result.grain}",
        ),
    )


def _explanation(result: AttributionResult, beside: SideBySide, number: int, outputs: int) -> Explanation:
    """What one method says of the first few outputs."""
    method, values = beside.methods[number], beside.values[:outputs, number]
    if result.normalize:
        totals = np.nansum(np.abs(values), -1, keepdims=True)
        values = values / np.where(totals > 0, totals, 1.0)
    columns = [list(column) for column in beside.columns]
    errors = None if method.drawn is None else method.drawn.standard_errors
    bounds = method.perturbed.at_least if method.perturbed is not None and method.perturbed.bounds else None
    return Explanation(
        METHOD_TITLES[method.method],
        values,
        unit_of(result, method),
        beside.signed[number],
        None if errors is None else np.stack([errors[:outputs, column].sum(-1) for column in columns], -1),
        None if bounds is None else np.stack([bounds[:outputs, column[0]] for column in columns], -1),
        _encoder_shares(result, beside, outputs)[:, number] if result.passage.encoder_length else None,
    )


def _strip(result: AttributionResult, method: MethodResult) -> TokenStrip:
    """The text in which one chooses an output and sees what it drew on."""
    numbers, columns = shown_columns(result, method)
    starts = {column[0]: number for number, column in zip(numbers.tolist(), columns, strict=True)}
    tokens = _tokens(result, method, starts.keys())
    openings = [token.position for token in tokens if token.opens]
    shown = shown_values(result, method)
    rows = []
    for index, target in enumerate(result.explained):
        seen = [token.position for token in tokens if token.position <= target.after]
        last = max((place for place, position in enumerate(seen) if position in starts), default=-1)
        scores = [float(shown[index, starts[position]]) if position in starts else 0.0 for position in seen[: last + 1]]
        parts = part_notes(result, method, index, openings) if openings else ()
        rows.append(StripRow(target.label, target.position, scores, detail_of(result, method, index), parts))
    return TokenStrip(
        id=method.method,
        title=METHOD_TITLES[method.method],
        reading=reading_of(result, method),
        alt_text=f"{len(result.passage.tokens)} tokens, {len(rows)} output{'' if len(rows) == 1 else 's'} to choose "
        f"from; unit: {unit_of(result, method)}.",
        tokens=tokens,
        rows=rows,
        unit=unit_of(result, method),
        signed=result.is_signed(method),
        shares=in_shares(result, method),
    )


def _tokens(result: AttributionResult, method: MethodResult, scored: Collection[int]) -> tuple[StripToken, ...]:
    """The tokens of a strip; those of one unit are one piece of text where the unit carries one number."""
    tokens = strip_tokens(result.passage)
    if method.method in PERTURBATIONS or result.grain != "token":
        tokens = _joined(tokens, result)
    units = {unit[0]: unit for unit in result.columns(method)}
    ignored = {*result.ignored}
    return tuple(
        replace(
            token,
            scored=token.position in scored,
            ignored=ignored >= {*units.get(token.position, (token.position,))},
        )
        for token in tokens
    )


def _joined(tokens: Sequence[StripToken], result: AttributionResult) -> tuple[StripToken, ...]:
    """The tokens of a strip, where those of one unit are one piece of text, which carries one number."""
    unit_at = {unit[0]: unit for unit in result.units}
    inside = {position for unit in result.units for position in unit[1:]}
    whole = []
    for index, token in enumerate(tokens):
        if token.position in inside:
            continue
        unit = unit_at.get(token.position, (token.position,))
        whole.append(joined(tokens[index : index + len(unit)], result.label(unit)))
    return tuple(whole)
