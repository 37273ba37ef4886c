"""Checks for authors of analyses: what every room must keep to, wherever it is written.

    def test_my_analysis_keeps_the_contract():
        check_analysis(MyAnalysis)

In: a class of analysis. Out: nothing, or an ``AssertionError`` that says which promise is broken.
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.analyses.measures import Trace
from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import LanguageModel
from ecco_reports.records import Metric, Prompt, Record, join_arrays, split_arrays

TRACE_BYTES = 20_000
"""The most that the trace of a prompt of one sentence may take as JSON: baselines are committed."""
HEATHROW = Prompt(name="heathrow", text="Heathrow airport is located in the city of", target=" London", foil=" Paris")
"""A prompt that the bundled model knows the answer to."""


def check_analysis(
    analysis_class: type[AnyAnalysis],
    params: Mapping[str, Any] | None = None,
    model: LanguageModel | None = None,
    prompt: Prompt = HEATHROW,
) -> Record:
    """Holds an analysis to the contract of ``Analysis``.

    Args:
        analysis_class: The class.
        params: Settings as they would stand in YAML; none takes the defaults.
        model: The model to try it on; none takes ``bundled:facts``.
        prompt: The prompt to try it on.

    Returns:
        The result, for checks of one's own.

    Raises:
        AssertionError: A promise is broken.
    """
    from ecco_reports.notebook import load_model

    analysis = analysis_class()
    _check_description(analysis)
    settings = analysis.Params(**(params or {}))
    assert round_trip(settings) == settings, "the params change on their way through JSON"
    model = load_model("bundled:facts") if model is None else model
    assert not list(analysis.problems(settings, prompt, model.facts)), "it has objections to a prompt that is in order"
    _check_capabilities(analysis, model)
    found: Record = analysis.run(model, prompt, settings)
    assert type(found) is analysis.Result, f"run returned {type(found).__name__}, not {analysis.Result.__name__}"
    assert same(found, round_trip(found)), "the result changes on its way through the store"
    check_words(analysis, found)
    size = len(json.dumps(_as_kept(analysis.trace(found))).encode())
    assert size < TRACE_BYTES, f"the trace takes {size:,} bytes, and {TRACE_BYTES:,} is the most"
    return found


def check_words(analysis: AnyAnalysis, result: Record) -> None:
    """Checks what a result says: proof, metrics, summary, table, figures, and what is kept for comparisons.

    Raises:
        AssertionError: A promise is broken.
    """
    for check in analysis.proof(result):
        assert all((check.name, check.meaning)), "a check without a name or a meaning"
        assert check.passed, f"{check.name}: {check.residual:g} is above {check.tolerance:g}"
    for name, metric in analysis.metrics(result).items():
        assert name.isidentifier(), f"metric {name!r} cannot be written in a gate"
        assert math.isfinite(metric.value), f"metric {name} is {metric.value}"
        assert metric.meaning, f"metric {name} has no meaning"
        _check_metric(analysis, name, metric)
    check_trace(analysis, result)
    summary = analysis.summary(result)
    assert summary.endswith((".", "”", "?")), "the summary is no sentence"
    assert "\n\n" not in summary.strip(), "the summary is more than one paragraph"
    table = analysis.table(result)
    assert table.caption, "the table has no caption"
    assert len(set(table.columns)) == len(table.columns), "two columns have one name"
    assert {len(row) for row in table.rows} <= {len(table.columns)}, "rows and columns do not match"
    for row in table.rows:
        assert all(not isinstance(cell, float) or math.isfinite(cell) for cell in row), f"a cell is not finite: {row}"
    figures = analysis.charts(result)
    assert len({figure.id for figure in figures}) == len(figures), "two figures have one id"
    for figure in figures:
        check_figure(figure)


def _check_metric(analysis: AnyAnalysis, name: str, metric: Metric) -> None:
    """A metric is in the catalogue of its room, and says the same as stands there."""
    assert name in analysis.measures, f"metric {name} is not among the measures of {analysis.name}"
    measure = analysis.measures[name]
    assert not measure.of_two, f"metric {name} is a measure of two results"
    assert metric.direction is measure.direction, f"metric {name} is better in another direction than its measure"


def check_trace(analysis: AnyAnalysis, result: Record) -> None:
    """Checks what is kept of a result: that it survives a file, and that it is no different from itself.

    Raises:
        AssertionError: A promise is broken.
    """
    trace = analysis.trace(result)
    if analysis.Traced is None:
        assert trace is None, "there is a trace, and Traced does not say of which class"
        return
    assert type(trace) is analysis.Traced, f"trace returned {type(trace).__name__}, not {analysis.Traced.__name__}"
    kept = json.loads(json.dumps(_as_kept(trace), allow_nan=False))
    assert analysis.Traced.model_validate(kept) == trace, "the trace changes on its way through a file"
    drift = analysis.drift(trace, trace)
    for name, value in drift.values.items():
        assert name in analysis.measures, f"{name} is not among the measures of {analysis.name}"
        equal = analysis.measures[name].equal
        assert equal is not None, f"{name} is a measure of one result"
        assert math.isclose(value, equal, abs_tol=1e-9), f"{name} of a trace and itself is {value}, not {equal}"
    assert not drift.finding, f"there is a difference between a trace and itself: {drift.finding}"
    for figure in analysis.drift_figures(trace, trace, ("baseline", "candidate")):
        check_figure(figure)


def _as_kept(trace: Trace | None) -> Any:
    """A trace as a baseline has it."""
    return None if trace is None else trace.model_dump(mode="json", exclude_defaults=True)


def check_figure(figure: Any) -> None:
    """Checks that a figure can be drawn and read.

    Raises:
        AssertionError: A promise is broken.
    """
    from ecco_reports.charts.embed import embed
    from ecco_reports.charts.figure import FactorStrip, TokenStrip

    assert figure.id.replace("-", "").replace("_", "").isalnum(), f"figure id {figure.id!r} is no slug"
    assert all((figure.title, figure.reading, figure.alt_text)), f"figure {figure.id} lacks words"
    if isinstance(figure, TokenStrip):
        for row in figure.rows:
            assert all(math.isfinite(score) for score in row.scores), f"figure {figure.id}: a score is not finite"
    elif isinstance(figure, FactorStrip):
        for factor in figure.factors:
            assert len(factor.loadings) == len(figure.tokens), f"figure {figure.id}: a token has no loading"
            known = [loading for loading in factor.loadings if loading is not None]
            assert all(0 <= loading <= 1 for loading in known), f"figure {figure.id}: a loading is not from 0 to 1"
    else:
        json.dumps(figure.chart.to_dict(validate=True), allow_nan=False)
    embedded = embed(figure, f"check-{figure.id}", "assets/")
    assert "<" in embedded.html, f"figure {figure.id} is empty"


def round_trip(record: Record) -> Record:
    """A record after a visit to the store: JSON, and its arrays beside it."""
    values, arrays = split_arrays(record)
    return join_arrays(type(record), json.loads(json.dumps(values, allow_nan=False)), arrays.__getitem__)


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal, records by their fields and arrays by type, shape and content."""
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and bool(np.array_equal(left, right))
    if isinstance(left, Record):
        fields = type(left).model_fields
        return type(left) is type(right) and all(same(getattr(left, name), getattr(right, name)) for name in fields)
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, Sequence) and not isinstance(left, str):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _check_description(analysis: AnyAnalysis) -> None:
    assert analysis.name.isidentifier(), f"the name {analysis.name!r} cannot be written in YAML without quotes"
    assert analysis.version >= 1, "versions count from 1"
    assert analysis.title, "it has no title"
    assert analysis.question.endswith("?"), "its question is no question"
    assert analysis.requires, "it requires nothing of a model"
    for record in (analysis.Params, analysis.Result):
        assert issubclass(record, Record), f"{record.__name__} is no Record"
    for name, measure in analysis.measures.items():
        assert name.isidentifier(), f"measure {name!r} cannot be written in a gate"
        assert measure.meaning, f"measure {name} has no meaning"
        known = [measure.noise, measure.relative, measure.equal or 0.0]
        assert all(map(math.isfinite, known)), f"measure {name}: a number is not finite"
        assert min(measure.noise, measure.relative) >= 0, f"measure {name} has a noise below 0"


def _check_capabilities(analysis: AnyAnalysis, model: LanguageModel) -> None:
    """Without any one of the capabilities it requires, a model refuses in a readable sentence."""
    for missing in analysis.requires:
        poorer = copy.copy(model)
        poorer.capabilities = model.capabilities - {missing}
        poorer.reasons = {**model.reasons, missing: "it was taken away"}
        refusal = _refusal(poorer, analysis)
        assert missing.value in refusal, f"the refusal does not name what is missing: {refusal!r}"
        assert "it was taken away" in refusal, f"the refusal does not say why: {refusal!r}"


def _refusal(model: LanguageModel, analysis: AnyAnalysis) -> str:
    try:
        model.demand(analysis.requires)
    except CapabilityError as error:
        return str(error)
    return ""
