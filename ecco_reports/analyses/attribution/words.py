"""What attribution says: its proof, its metrics, and its sentences.

In: a result. Out: checks, metrics, words. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, PERTURBATIONS
from ecco_reports.analyses.voice import voice_of
from ecco_reports.records import Check, Direction, Family, Metric

SCORE_NAMES = {"logprob": "log-probability", "logit": "logit", "probability": "probability"}
SCORE_UNITS = {"logprob": "log-probability, nats", "logit": "logit", "probability": "probability"}
# Central differences of a float32 function, a hundredth of the way: good to a few per cent where it curves. In half
# precision a score has two or three digits, and the difference of two scores says little more than the sign.
_GRADIENT_TOLERANCE = {"float64": 0.01, "float32": 0.05, "bfloat16": 2.0, "float16": 2.0}
_WRITING = (Family.CAUSAL, Family.ENCODER_DECODER)
# Sums of a few hundred differences, in double precision.
_EFFICIENCY_TOLERANCE = 1e-6


def checks(result: AttributionResult) -> Iterator[Check]:
    """Each method's own proof, and that nothing flows back where nothing can."""
    for method in result.methods:
        yield from _method_checks(result, method)
    followed = [method.leak for method in result.methods if method.method not in PERTURBATIONS]
    nothing_asked = not result.methods
    if result.passage.family in _WRITING and (followed or nothing_asked):
        yield Check(
            name="no look ahead",
            residual=max(followed, default=0.0),
            tolerance=0.0,
            meaning="Gradient of a prediction with respect to tokens that come after it; a causal model has none."
            if result.passage.family is Family.CAUSAL
            else "Gradient of a prediction with respect to tokens written after it; a decoder has none.",
        )


def _method_checks(result: AttributionResult, method: MethodResult) -> Iterator[Check]:
    title = METHOD_TITLES[method.method]
    worst = float(np.max(method.residuals, initial=0.0))
    if method.method == "integrated_gradients":
        yield Check(
            name=f"{title}: completeness gap",
            residual=worst,
            tolerance=result.tolerance,
            meaning="The contributions of all tokens must add up to score(input) − score(baseline); the "
            "largest relative miss among the targets.",
        )
    elif method.perturbed is None:
        yield Check(
            name=f"{title}: gradient against finite differences",
            residual=worst,
            tolerance=_GRADIENT_TOLERANCE[result.dtype],
            meaning="The slope of the score along the input, measured by moving it a little both "
            "ways, against the sum of input × gradient; the largest relative miss among the targets.",
        )
    else:
        if method.method == "shapley":
            yield Check(
                name=f"{title}: efficiency",
                residual=worst,
                tolerance=_EFFICIENCY_TOLERANCE,
                meaning=f"The contributions of all {result.grain}s must add up to score(everything) − score(nothing); "
                "the largest relative miss among the targets.",
            )
        yield Check(
            name=f"{title}: the whole text among its variants",
            residual=float(np.max(method.perturbed.gaps, initial=0.0)),
            tolerance=method.perturbed.tolerance,
            meaning="The score of the unchanged text, computed in the way the variants are, against the model's own; "
            "the largest difference among the targets, relative to a score of at least 1.",
        )


def metrics_of(result: AttributionResult) -> Mapping[str, Metric]:
    """How concentrated the explanation of the first target is, by the first method."""
    if not result.methods:
        return {}
    method = result.methods[0]
    first = np.abs(result.by_column(method)[0])
    total = float(first.sum())
    thing = result.grain if method.method in PERTURBATIONS else "token"
    return {
        "top_token_share": Metric(
            value=float(first.max()) / total if total else 0.0,
            direction=Direction.NEITHER,
            meaning=f"share of the strongest {thing} in the explanation of the first target",
        ),
        "worst_residual": Metric(
            value=float(np.max([np.max(each.residuals, initial=0.0) for each in result.methods])),
            direction=Direction.LOWER,
            meaning="largest relative residual among methods and targets",
        ),
    }


def summary_of(result: AttributionResult) -> str:
    """What moved the first target most, what is missing, and what a server did not tell."""
    return " ".join([_found(result), *result.left_out, *_bounded(result)])


def _found(result: AttributionResult) -> str:
    if not result.explained:
        family = result.passage.family
        return _NOTHING_WRITTEN if family in _WRITING else f"There is nothing to explain. {voice_of(family).silence}"
    method, target = result.methods[0], result.explained[0]
    columns, values = result.columns(method), result.by_column(method)[0]
    title = METHOD_TITLES[method.method]
    if not columns:
        return f"{title}: the prompt has nothing that could be left out."
    order = np.argsort(-np.abs(values))[:3]
    with_sign = is_signed(result, method)
    total = float(np.abs(values).sum()) or 1.0
    if with_sign and not result.normalize:
        amounts = [f"{values[index]:+.2f}" for index in order]
    else:
        amounts = [f"{values[index] / total:{'+' if with_sign else ''}.0%}" for index in order]
    named = [
        f"“{result.word(columns[int(index)])}” ({minus(amount)})" for index, amount in zip(order, amounts, strict=True)
    ]
    return f"{title}: {target.phrase} was moved most by {', '.join(named)}."


_NOTHING_WRITTEN = "There is nothing to explain: the model wrote nothing, and the prompt has no target."


def _bounded(result: AttributionResult) -> Iterator[str]:
    """What is to be said where a server tells only its most probable tokens."""
    for method in result.methods:
        if method.perturbed is not None and method.perturbed.bounds:
            numbers = int(method.steps.sum())
            says = (
                "the contributions of what was left out there are at least as large as shown"
                if method.method == "occlusion"
                else "the contributions are estimates from these bounds"
            )
            yield (
                f"{METHOD_TITLES[method.method]}: for {method.perturbed.bounds} of {numbers} scores the server told "
                f"only an upper bound; {says}."
            )


def shown_values(result: AttributionResult, method: MethodResult) -> np.ndarray:
    """The contributions as the page shows them, ``[target, column]``."""
    values = result.by_column(method)
    if not result.normalize:
        return values
    totals: np.ndarray = np.abs(values).sum(-1, keepdims=True)
    shares: np.ndarray = np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)
    return shares


def is_signed(result: AttributionResult, method: MethodResult) -> bool:
    """Whether a contribution can lower the score."""
    return result.is_signed(method)


def unit_of(result: AttributionResult, method: MethodResult) -> str:
    """What a contribution is measured in."""
    if result.normalize:
        return "share of the contributions"
    what = SCORE_UNITS[result.score]
    if method.method == "saliency":
        return f"absolute gradient of the {what}"
    return f"contribution to the {what}" if is_signed(result, method) else f"L2 norm, {what}"


def detail_of(result: AttributionResult, method: MethodResult, index: int) -> str:
    """What is known of a target by itself: its score, and how exact its explanation is."""
    target = result.explained[index]
    what = SCORE_NAMES[result.score] if target.foil is None else f"difference in {SCORE_NAMES[result.score]}"
    says = [f"{what} {minus(f'{method.scores[index]:.3f}')}"]
    elsewhere = minus(f"{method.baseline_scores[index]:.3f}")
    if method.method == "integrated_gradients":
        says[0] += (
            f", at the baseline {elsewhere}; completeness gap {method.residuals[index]:.2%} with "
            f"{method.steps[index]} steps"
        )
    if method.perturbed is not None:
        if method.method == "shapley":
            says[0] += f", with nothing of the prompt left {elsewhere}"
        says.append(f"{method.steps[index]} variants of the prompt")
    errors = result.errors_by_column(method)
    if method.drawn is not None and errors is not None:
        draws = {"shapley": "random orders", "smooth_grad": "noisy inputs"}.get(method.method, "random points")
        says.append(f"{method.drawn.draws} {draws}, standard errors up to {errors[index].max(initial=0.0):.2g}")
    return "; ".join(says)


def errors_of(result: AttributionResult, method: MethodResult) -> np.ndarray | None:
    """Standard errors of the contributions, ``[target, column]``; None where nothing was drawn."""
    return result.errors_by_column(method)


def minus(number: str) -> str:
    """A number with the sign that a typesetter takes for minus."""
    return number.replace("-", "\u2212")


def reading_of(result: AttributionResult, method: MethodResult) -> str:
    """How to read the strip of a method."""
    signs = (
        "One colour raised the score, the other lowered it; "
        if is_signed(result, method)
        else "The stronger the colour, the more the score depends on the token; "
    )
    family = result.passage.family
    if method.method not in PERTURBATIONS:
        return f"{_HOW_TO_CHOOSE[family]}{signs}the detailed view writes the number under each token."
    choose = _HOW_TO_CHOOSE[family]
    if family in _WRITING:
        choose = (
            f"Choose one of the tokens the model wrote: the {result.grain}s of the prompt take the colour of their "
            "contribution; what it had written before stayed as it was. "
        )
    anew = " The server tokenizes what is left of a prompt anew." if result.tokenized_anew else ""
    return f"{choose}{signs}the detailed view writes the number under each {result.grain}.{anew}"


_HOW_TO_CHOOSE: Mapping[Family, str] = {
    Family.CAUSAL: "Choose one of the tokens the model wrote: the tokens before it take the colour of their "
    "contribution. ",
    Family.ENCODER_DECODER: "Choose one of the tokens the model wrote: the text it has read, and the tokens it had "
    "written by then, take the colour of their contribution. ",
    Family.MASKED: "Choose one of the masks: all tokens of the text take the colour of their contribution to what the "
    "model filled in there. ",
    Family.CLASSIFICATION: "The tokens have the colour of their contribution to the class that is chosen above the "
    "text. ",
    Family.QUESTION_ANSWERING: "Choose the start or the end of the answer above the text: all tokens take the colour "
    "of their contribution to that choice. ",
    Family.NONE: "",
}
