"""The figures and the table of attribution.

In: a result. Out: figures and a table. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, PERTURBATIONS
from ecco_reports.analyses.attribution.words import (
    detail_of,
    errors_of,
    is_signed,
    reading_of,
    shown_values,
    summary_of,
    unit_of,
)
from ecco_reports.analyses.units import Unit
from ecco_reports.charts.contributions import contribution_matrix
from ecco_reports.charts.figure import ChartFigure, Figure, StripRow, StripToken, TokenStrip, joined, strip_tokens


def figures_of(result: AttributionResult) -> Iterator[Figure]:
    """Per method the text to choose targets in, and the matrix of all contributions."""
    for method in result.methods:
        if not result.columns(method):
            continue
        yield _strip(result, method)
        if len(result.explained) > 1:
            yield _matrix(result, method)


def table_columns(result: AttributionResult) -> tuple[str, ...]:
    """The names of the table's columns."""
    bounded = any(method.perturbed is not None and method.perturbed.bounds for method in result.methods)
    return (
        "method",
        "output",
        "position",
        "input",
        "contribution",
        "standard error",
        *(("at least",) if bounded else ()),
    )


def table_rows(result: AttributionResult) -> Iterator[tuple[str | int | float | bool | None, ...]]:
    """One row per method, target and input that the target can depend on."""
    width = len(table_columns(result))
    for method in result.methods:
        values, errors, columns = result.by_column(method), errors_of(result, method), result.columns(method)
        for index, target in enumerate(result.explained):
            for number, column in enumerate(columns):
                if column[-1] > target.after:
                    continue
                error = None if errors is None else float(errors[index, number])
                at_least = method.perturbed is not None and bool(method.perturbed.at_least[index, column[0]])
                yield (
                    method.method,
                    target.label,
                    column[0],
                    result.label(column),
                    float(values[index, number]),
                    error,
                    at_least,
                )[:width]


def _matrix(result: AttributionResult, method: MethodResult) -> ChartFigure:
    """All targets by all inputs that any of them can depend on."""
    after = np.array([target.after for target in result.explained])
    columns = [column for column in result.columns(method) if column[-1] <= after.max()]
    ends = np.array([column[-1] for column in columns])
    shown = shown_values(result, method)[:, : len(columns)]
    errors = errors_of(result, method)
    border = sum(column[-1] < result.passage.encoder_length for column in columns)
    title = METHOD_TITLES[method.method]
    of_words = method.method in PERTURBATIONS and result.grain == "word"
    two_streams = " The line parts what the encoder read from what the decoder had written."
    return ChartFigure(
        id=f"{method.method}-matrix",
        title=f"{title}: all targets at once",
        reading="Each row is an output, each column an input; a strong cell in a row names what "
        "that output drew on. A column strong from top to bottom is an input everything depends on."
        + (two_streams if 0 < border < len(columns) else ""),
        alt_text=f"{title} of {len(result.explained)} outputs by {len(columns)} inputs. {summary_of(result)}",
        chart=contribution_matrix(
            [result.label(column) for column in columns],
            [target.label for target in result.explained],
            np.where(ends <= after[:, None], shown, np.nan),
            unit=unit_of(result, method),
            signed=is_signed(result, method),
            positions=[column[0] for column in columns],
            errors=None if errors is None else errors[:, : len(columns)],
            at_least=_bounds(method, columns),
            border=border if border < len(columns) else 0,
            input_name="input word" if of_words else "input token",
        ),
    )


def _bounds(method: MethodResult, columns: Sequence[Unit]) -> np.ndarray | None:
    """Where the true contribution may be larger, ``[target, column]``; None where it nowhere is."""
    if method.perturbed is None or not method.perturbed.at_least.any():
        return None
    return method.perturbed.at_least[:, [column[0] for column in columns]]


def _strip(result: AttributionResult, method: MethodResult) -> TokenStrip:
    """The text in which one chooses an output and sees what it drew on."""
    tokens = strip_tokens(result.passage)
    if method.method in PERTURBATIONS:
        tokens = _joined(tokens, result)
    starts = {column[0]: number for number, column in enumerate(result.columns(method))}
    shown = shown_values(result, method)
    rows = []
    for index, target in enumerate(result.explained):
        seen = [token.position for token in tokens if token.position <= target.after]
        last = max((place for place, position in enumerate(seen) if position in starts), default=-1)
        scores = [float(shown[index, starts[position]]) if position in starts else 0.0 for position in seen[: last + 1]]
        rows.append(StripRow(target.label, target.position, scores, detail_of(result, method, index)))
    return TokenStrip(
        id=method.method,
        title=METHOD_TITLES[method.method],
        reading=reading_of(result, method),
        alt_text=f"{len(result.passage.tokens)} tokens, {len(rows)} output{'' if len(rows) == 1 else 's'} to choose "
        f"from; unit: {unit_of(result, method)}.",
        tokens=tokens,
        rows=rows,
        unit=unit_of(result, method),
        signed=is_signed(result, method),
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
