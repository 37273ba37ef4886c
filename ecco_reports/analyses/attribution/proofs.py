"""What attribution proves, and the numbers that a gate may watch.

In: a result. Out: checks and metrics. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import ATTENTIONS, METHOD_TITLES, PERTURBATIONS, Method
from ecco_reports.analyses.attribution.catalogue import MEASURES
from ecco_reports.analyses.attribution.comparing import agreement_values, agreements, side_by_side
from ecco_reports.analyses.attribution.parts import encoder_share, shown_columns
from ecco_reports.analyses.attribution.words import WRITING
from ecco_reports.analyses.measures import as_metrics
from ecco_reports.records import Check, Family, Metric

# Central differences of a float32 function, a hundredth of the way: good to a few per cent where it curves. In half
# precision a score has two or three digits, and the difference of two scores says little more than the sign.
_GRADIENT_TOLERANCE = {"float64": 0.01, "float32": 0.05, "bfloat16": 2.0, "float16": 2.0}
# Sums of a few hundred differences, in double precision.
_EFFICIENCY_TOLERANCE = 1e-6
# Captum fits the weights of Kernel SHAP in single precision.
_KERNEL_TOLERANCE = 1e-3
_ATTENTION_TOLERANCE = {"float64": 1e-9, "float32": 1e-5, "bfloat16": 5e-3, "float16": 1e-3}
"""How far a row of weights may be above 1: each is rounded to the model's own type."""
# Five standard errors: by chance once in two million draws.
_ERRORS = 5.0


def checks(result: AttributionResult) -> Iterator[Check]:
    """Each method's own proof, and that nothing flows back where nothing can."""
    for method in result.methods:
        yield from _method_checks(result, method)
    followed = [method.leak for method in result.methods if method.method not in PERTURBATIONS]
    nothing_asked = not result.methods
    if result.passage.family in WRITING and (followed or nothing_asked):
        yield Check(
            name="no look ahead",
            residual=max(followed, default=0.0),
            tolerance=0.0,
            meaning="Gradient of a prediction with respect to tokens that come after it, or attention to them; a "
            "causal model has none."
            if result.passage.family is Family.CAUSAL
            else "Gradient of a prediction with respect to tokens written after it, or attention to them; a decoder "
            "has none.",
        )


def _method_checks(result: AttributionResult, method: MethodResult) -> Iterator[Check]:
    title = METHOD_TITLES[method.method]
    if method.method in _PROOFS:
        name, meaning = _PROOFS[method.method]
        yield Check(
            name=f"{title}: {name}",
            residual=_worst(method),
            tolerance=_tolerance(result, method.method),
            meaning=meaning.format(grain=result.grain),
        )
    if method.perturbed is not None:
        yield Check(
            name=f"{title}: the whole text among its variants",
            residual=float(np.max(method.perturbed.gaps, initial=0.0)),
            tolerance=method.perturbed.tolerance,
            meaning="The score of the unchanged text, computed in the way the variants are, against the model's own; "
            "the largest difference among the targets, relative to a score of at least 1.",
        )


_SLOPE = (
    "gradient against finite differences",
    "The slope of the score along the input, measured by moving it a little both ways, against the sum of input × "
    "gradient; the largest relative miss among the targets.",
)
_EFFICIENCY = (
    "efficiency",
    "The contributions of all {grain}s must add up to score(everything) − score(nothing); the largest relative miss "
    "among the targets.",
)
_ROWS = (
    "rows of weights",
    "No row of weights may add up to more than 1, and no weight may be negative; the largest excess. What is missing "
    "from 1 went to an attention sink and is said at each output.",
)
# Not among them: DeepLift and LIME, which promise nothing that must hold for a transformer. Their misses are said in
# the summary and at each output.
_PROOFS: Mapping[Method, tuple[str, str]] = {
    "integrated_gradients": (
        "completeness gap",
        "The contributions of all tokens must add up to score(input) − score(baseline); the largest relative miss "
        "among the targets.",
    ),
    "gradient_shap": (
        "completeness within chance",
        "The contributions of all tokens must add up to score(input) − score(baseline) on the average of many draws; "
        "the largest miss among the targets, in standard errors of the sum.",
    ),
    "input_x_gradient": _SLOPE,
    "saliency": _SLOPE,
    "smooth_grad": _SLOPE,
    "attention": _ROWS,
    "attention_rollout": _ROWS,
    "shapley": _EFFICIENCY,
    "kernel_shap": _EFFICIENCY,
}


def _tolerance(result: AttributionResult, method: Method) -> float:
    if method == "integrated_gradients":
        return result.tolerance
    if method == "gradient_shap":
        return _ERRORS
    if method == "kernel_shap":
        return _KERNEL_TOLERANCE
    if method in ATTENTIONS:
        return _ATTENTION_TOLERANCE[result.dtype]
    return _EFFICIENCY_TOLERANCE if method in PERTURBATIONS else _GRADIENT_TOLERANCE[result.dtype]


def _worst(method: MethodResult) -> float:
    return float(np.max(method.residuals, initial=0.0))


def metrics_of(result: AttributionResult) -> Mapping[str, Metric]:
    """How concentrated the explanation of the first target is, and how far the methods agree."""
    if not result.methods:
        return {}
    method = result.methods[0]
    kept, _ = shown_columns(result, method)
    first = np.abs(result.by_column(method)[0][kept])
    total = float(first.sum())
    # The worst miss of the methods whose residual is a relative miss of something that must hold.
    relative = [_worst(each) for each in result.methods if each.method not in ("lime", "deep_lift", "gradient_shap")]
    beside = side_by_side(result)
    values = {
        "top_token_share": float(first.max(initial=0.0)) / total if total else 0.0,
        "worst_residual": max(relative, default=None),
        "encoder_share": encoder_share(result, method, 0),
        **(dict(agreement_values(agreements(beside))) if len(beside.methods) > 1 else {}),
    }
    return as_metrics(MEASURES, values)
