"""What attribution says: its summary, its units and how to read its figures.

In: a result. Out: words and numbers. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import ATTENTIONS, FROM_BASELINE, METHOD_TITLES, PERTURBATIONS, Method
from ecco_reports.analyses.attribution.comparing import agreement_sentences, agreements, side_by_side
from ecco_reports.analyses.attribution.parts import encoder_share, quoted, shown_columns
from ecco_reports.analyses.voice import voice_of
from ecco_reports.records import Family

SCORE_NAMES = {"logprob": "log-probability", "logit": "logit", "probability": "probability"}
SCORE_UNITS = {"logprob": "log-probability, nats", "logit": "logit", "probability": "probability"}
WRITING = (Family.CAUSAL, Family.ENCODER_DECODER)
_NOTHING_WRITTEN = "There is nothing to explain: the model wrote nothing, and the prompt has no target."


def summary_of(result: AttributionResult) -> str:
    """What moved the first target most, which methods disagree, what is missing, and what a server did not tell."""
    beside = side_by_side(result)
    agreed = agreement_sentences(result, beside, agreements(beside)) if len(beside.methods) > 1 else ()
    return " ".join([found_of(result), *agreed, *_unsound(result), *result.left_out, *_bounded(result)])


def found_of(result: AttributionResult) -> str:
    """What moved the first target most, by the first method."""
    if not result.explained:
        family = result.passage.family
        return _NOTHING_WRITTEN if family in WRITING else f"There is nothing to explain. {voice_of(family).silence}"
    method, target = result.methods[0], result.explained[0]
    title = METHOD_TITLES[method.method]
    kept, columns = shown_columns(result, method)
    if not columns:
        return f"{title}: the prompt has nothing that could be left out."
    values = result.by_column(method)[0][kept]
    order = [index for index in np.argsort(-np.abs(values), kind="stable")[:3] if values[index]]
    if not order:
        return f"{title}: {target.phrase} was moved by nothing that the model read."
    with_sign, as_shares = result.is_signed(method), result.normalize or not result.is_signed(method)
    total = float(np.abs(values).sum()) or 1.0
    amounts = [
        f"{values[index] / total:{'+' if with_sign else ''}.0%}" if as_shares else f"{values[index]:+.2f}"
        for index in order
    ]
    named = ", ".join(
        f"{quoted(result, columns[int(index)])} {minus(amount)}" for index, amount in zip(order, amounts, strict=True)
    )
    if method.method in ATTENTIONS:
        found = f"{title}: where {target.phrase} was made, most attention went to {named}."
    else:
        found = f"{title}: {target.phrase} was moved most by {named}."
    return " ".join([found, *_streams(result, method)])


def _streams(result: AttributionResult, method: MethodResult) -> Iterator[str]:
    """How much of the first target came from what the encoder read; before it wrote, a decoder has a sign to start."""
    share = encoder_share(result, method, 0)
    if share is not None and share < 0.995:
        yield f"Of all that, {share:.0%} came from what the encoder read, {1 - share:.0%} from the decoder's own text."


def _unsound(result: AttributionResult) -> Iterator[str]:
    """What must be said of numbers that do not add up although their method promises it, or that explain little."""
    for method in result.methods:
        title, worst = METHOD_TITLES[method.method], float(method.residuals.max(initial=0.0))
        if method.method == "deep_lift" and worst > result.tolerance:
            yield f"{title} does not add up: it misses the change of the score by up to {worst:.0%} of it."
        if method.method == "lime" and worst > 0.5:
            explained = f"{max(0.0, 1 - worst):.0%}"
            yield f"{title}: for one output a linear model explains only {explained} of what leaving parts out changes."


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


def shares_of(result: AttributionResult, method: MethodResult) -> np.ndarray:
    """The contributions as signed shares of the sum of all magnitudes that are not ignored, ``[target, column]``."""
    values = result.by_column(method)
    totals: np.ndarray = np.abs(values[:, list(result.kept_columns(method))]).sum(-1, keepdims=True)
    shares: np.ndarray = np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)
    return shares


def shown_values(result: AttributionResult, method: MethodResult) -> np.ndarray:
    """The contributions as the page shows them, ``[target, column]``."""
    return shares_of(result, method) if result.normalize else result.by_column(method)


def in_shares(result: AttributionResult, method: MethodResult) -> bool:
    """Whether what is shown are shares of 1: of all contributions, or of a row of attention."""
    return result.normalize or method.method in ATTENTIONS


def unit_of(result: AttributionResult, method: MethodResult) -> str:
    """What a number is measured in. Only what is a part of a score is called a contribution to one."""
    score, name = SCORE_UNITS[result.score], method.method
    if name in ATTENTIONS:
        return "share of attention, not of a score"
    if result.normalize:
        return "share of the contributions" if result.is_signed(method) else "share of the sum"
    if name in ("saliency", "smooth_grad"):
        kind = "L2 norm of the gradient" if result.aggregation == "l2" else "absolute gradient"
        return f"{kind} of the {score}"
    if name == "lime":
        return f"weight in a linear model of the {score}"
    if result.is_signed(method):
        return f"contribution to the {score}"
    return f"{'L2 norm' if result.aggregation == 'l2' else 'sum of absolute values'}, {score}"


def detail_of(result: AttributionResult, method: MethodResult, index: int) -> str:
    """What is known of a target by itself: its score, and how exact its explanation is."""
    target = result.explained[index]
    what = SCORE_NAMES[result.score] if target.foil is None else f"difference in {SCORE_NAMES[result.score]}"
    says = [f"{what} {minus(f'{method.scores[index]:.3f}')}{_elsewhere(method, index)}"]
    if method.method == "integrated_gradients":
        says.append(f"completeness gap {method.residuals[index]:.2%} with {method.steps[index]} steps")
    elif result.adds_up(method) and method.method in FROM_BASELINE:
        sums, change = result.by_column(method)[index].sum(), method.scores[index] - method.baseline_scores[index]
        says.append(f"all together {minus(f'{sums:+.3f}')} of a difference of {minus(f'{change:+.3f}')}")
    if method.method == "lime":
        says.append(f"the linear model explains {1 - method.residuals[index]:.0%} of the variance")
    if method.perturbed is not None:
        says.append(f"{method.steps[index]} variants of the prompt")
    if method.drawn is not None:
        says += _drawn(result, method, index)
    if method.attended is not None:
        says += _attended(method, index)
    return "; ".join(says)


def _elsewhere(method: MethodResult, index: int) -> str:
    """The score that the target's is compared with."""
    score = minus(f"{method.baseline_scores[index]:.3f}")
    if method.method in FROM_BASELINE:
        return f", at the baseline {score}"
    return f", with nothing of the prompt left {score}" if method.method in ("shapley", "kernel_shap") else ""


def _drawn(result: AttributionResult, method: MethodResult, index: int) -> Iterator[str]:
    errors = result.errors_by_column(method)
    if method.drawn is not None and errors is not None:
        draws = {"shapley": "random orders", "smooth_grad": "noisy inputs"}.get(method.method, "random points")
        yield f"{method.drawn.draws} {draws}, standard errors up to {errors[index].max(initial=0.0):.2g}"


def _attended(method: MethodResult, index: int) -> Iterator[str]:
    if method.attended is not None:
        layers = method.attended.layers
        yield f"layer {layers[0]}" if len(layers) == 1 else f"layers {layers[0]} to {layers[-1]}"
        if method.attended.missing[index] > 0.005:
            yield f"{method.attended.missing[index]:.0%} of the attention fell on no token"


def minus(number: str) -> str:
    """A number with the sign that a typesetter takes for minus."""
    return number.replace("-", "\u2212")


def reading_of(result: AttributionResult, method: MethodResult) -> str:
    """How to read the strip of a method."""
    signs = (
        "One colour raised the score, the other lowered it; "
        if result.is_signed(method)
        else _UNSIGNED.get(method.method, "The stronger the colour, the more the score depends on it; ")
    )
    family, thing = result.passage.family, result.grain
    those = voice_of(result.passage).those
    choose = _HOW_TO_CHOOSE[family].format(those=those)
    if method.method in PERTURBATIONS and family in WRITING:
        choose = (
            f"Choose one of {those}: the {thing}s of the prompt take the colour of their contribution; what stands "
            "between stayed as it was. "
        )
    if method.method in ATTENTIONS:
        choose = choose.replace("their contribution", "the attention they got")
    if result.passage.forced:
        choose = choose.replace("the tokens the model wrote", f"the {voice_of(result.passage).things}")
        choose = choose.replace("what it had written before", "what stood there before")
        choose = choose.replace("it had written by then", "that stood there by then")
    says = f"{choose}{signs}the detailed view writes the number under each {thing}."
    if result.ignored:
        says += " What is grey was ignored, and shares are of the rest."
    return f"{says} The server tokenizes what is left of a prompt anew." if result.tokenized_anew else says


_UNSIGNED: Mapping[Method, str] = {
    "attention": "This is where the model looked, which is not yet what moved it; ",
    "attention_rollout": "This is where the model could have taken it from, layer by layer; not what moved it; ",
}
_HOW_TO_CHOOSE: Mapping[Family, str] = {
    Family.CAUSAL: "Choose one of {those}: the tokens before it take the colour of their contribution. ",
    Family.ENCODER_DECODER: "Choose one of {those}: the text that the encoder has read, and the tokens that stood in "
    "the decoder by then, take the colour of their contribution. ",
    Family.MASKED: "Choose one of the masks: all tokens of the text take the colour of their contribution to what the "
    "model filled in there. ",
    Family.CLASSIFICATION: "The tokens have the colour of their contribution to the class that is chosen above the "
    "text. ",
    Family.QUESTION_ANSWERING: "Choose the answer, its start or its end above the text: all tokens take the colour of "
    "their contribution to that choice. ",
    Family.NONE: "",
}
