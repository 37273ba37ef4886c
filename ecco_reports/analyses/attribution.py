"""Which input tokens moved the prediction: integrated gradients, input x gradient, saliency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.analyses.explained import Choice, Explained, explained_of
from ecco_reports.analyses.preflight import target_problems
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Array, Check, Direction, Metric, Passage, Prompt, Record, Table

if TYPE_CHECKING:
    import torch

    from ecco_reports.charts.figure import Figure, TokenStrip
    from ecco_reports.methods.gradients import Attributions
    from ecco_reports.methods.targets import Target

Method = Literal["integrated_gradients", "input_x_gradient", "saliency"]

METHOD_TITLES: Mapping[Method, str] = {
    "integrated_gradients": "Integrated gradients",
    "input_x_gradient": "Input × gradient",
    "saliency": "Saliency",
}
SCORE_NAMES = {"logprob": "log-probability", "logit": "logit", "probability": "probability"}
SCORE_UNITS = {"logprob": "log-probability, nats", "logit": "logit", "probability": "probability"}
# Central differences of a float32 function, a hundredth of the way: good to a few per cent where it curves. In half
# precision a score has two or three digits, and the difference of two scores says little more than the sign.
_GRADIENT_TOLERANCE = {"float64": 0.01, "float32": 0.05, "bfloat16": 2.0, "float16": 2.0}
# Below this completeness gap more steps add rounding and nothing else.
_ROUNDING = {"float64": 0.0, "float32": 0.0, "bfloat16": 0.1, "float16": 0.02}


class AttributionParams(DecodingParams):
    """What to explain, by which methods.

    Attributes:
        methods: The methods, in the order of the page.
        score: What is explained about a token: its log-probability, logit or probability.
        targets: Explain the generated tokens, the prompt's own target (against its foil), or both.
        baseline: What stands for "no information" in integrated gradients: the mean embedding of the vocabulary, the
            zero embedding, or the embedding of the end-of-text token. Zero is a singular point of models that have no
            position embeddings and normalise their input (Llama, Gemma): there its completeness check fails.
        aggregation: How the dimensions of an embedding become one number: their signed sum, or their L2 norm.
        normalize: Show contributions as shares of their absolute sum.
        tolerance: Relative completeness gap at which integrated gradients stop adding steps.
    """

    methods: tuple[Method, ...] = Field(default=("integrated_gradients",), min_length=1)
    score: Literal["logprob", "logit", "probability"] = "logprob"
    targets: Choice = "all"
    baseline: Literal["zero", "mean", "eos"] = "mean"
    aggregation: Literal["sum", "l2"] = "sum"
    normalize: bool = False
    tolerance: float = Field(default=0.01, gt=0, le=0.1)


class MethodResult(Record):
    """What one method says.

    Attributes:
        method: Its name.
        contributions: ``[target, position]``; 0 after the target's ``after``.
        scores: The targets' scores at the input, ``[target]``.
        baseline_scores: At the baseline, ``[target]``; equal to ``scores`` where the method has none.
        residuals: Relative error of the method's own proof, ``[target]``.
        steps: Interpolation steps used, ``[target]``.
        leak: Largest gradient at a position after a target; 0 for a causal model.
    """

    method: Method
    contributions: Array
    scores: Array
    baseline_scores: Array
    residuals: Array
    steps: Array
    leak: float


class AttributionResult(Record):
    """Contributions of the input tokens to each target, by each method.

    Attributes:
        passage: The prompt and the continuation.
        explained: The targets; none where nothing was written and no target was given.
        methods: One per method asked for.
        score: As in the params.
        baseline: As in the params.
        aggregation: As in the params.
        normalize: As in the params.
        tolerance: The completeness gap that passes, which rounding may set.
        dtype: The model's floating point type.
    """

    passage: Passage
    explained: tuple[Explained, ...]
    methods: tuple[MethodResult, ...]
    score: Literal["logprob", "logit", "probability"]
    baseline: Literal["zero", "mean", "eos"]
    aggregation: Literal["sum", "l2"]
    normalize: bool
    tolerance: float
    dtype: str


class Attribution(Analysis[AttributionParams, AttributionResult]):
    """The attribution room."""

    name: ClassVar[str] = "attribution"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Input attribution"
    question: ClassVar[str] = "Which earlier tokens moved the prediction of this one, and which way?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.GRADIENTS})
    Params = AttributionParams
    Result = AttributionResult

    def problems(
        self, params: AttributionParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A target that is not one token, or none although it is asked for."""
        yield from target_problems(prompt, facts)
        if params.targets == "given" and prompt.target is None:
            yield (
                ("targets",),
                f"targets: given explains the target of a prompt, and prompt {prompt.name!r} has none.",
                "Give the prompt a target, or leave targets out to explain what the model writes.",
            )
        if prompt.foil is not None and prompt.target is None:
            yield (
                ("prompt", "foil"),
                "a foil needs a target to be compared with.",
                "Write target: as well: the explanation is why the target rather than the foil.",
            )

    def run(self, model: LanguageModel, prompt: Prompt, params: AttributionParams) -> AttributionResult:
        """Generates, then explains every target from one pass over the whole text per method."""
        import torch

        from ecco_reports.methods.baselines import baseline_embeddings
        from ecco_reports.methods.targets import Target

        written = model.generate(model.tokenizer.ids(prompt.text), params.decoding)
        passage = Passage(tokens=model.tokenizer.tokens(written.ids), prompt_length=written.prompt_length)
        explained = explained_of(prompt, params.targets, written, passage, model.tokenizer)
        targets = [Target(one.after, one.token.id, one.foil.id if one.foil else None) for one in explained]
        tolerance = max(params.tolerance, _ROUNDING[model.facts.spec.dtype])
        methods: tuple[MethodResult, ...] = ()
        if targets:
            with torch.no_grad():
                inputs = model.embed(torch.tensor([written.ids]))[0]
                of_template = torch.tensor([token.special for token in passage.tokens])
                baseline = baseline_embeddings(model, params.baseline, inputs, keep=of_template)
            methods = tuple(_by_methods(model, inputs, baseline, targets, params, tolerance))
        return AttributionResult(
            passage=passage,
            explained=explained,
            methods=methods,
            score=params.score,
            baseline=params.baseline,
            aggregation=params.aggregation,
            normalize=params.normalize,
            tolerance=tolerance,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: AttributionResult) -> Sequence[Check]:
        """Completeness for integrated gradients, a derivative measured another way for the rest, and causality."""
        checks = []
        for method in result.methods:
            title = METHOD_TITLES[method.method]
            worst = float(np.max(method.residuals, initial=0.0))
            if method.method == "integrated_gradients":
                checks.append(
                    Check(
                        name=f"{title}: completeness gap",
                        residual=worst,
                        tolerance=result.tolerance,
                        meaning="The contributions of all tokens must add up to score(input) − score(baseline); the "
                        "largest relative miss among the targets.",
                    )
                )
            else:
                checks.append(
                    Check(
                        name=f"{title}: gradient against finite differences",
                        residual=worst,
                        tolerance=_GRADIENT_TOLERANCE[result.dtype],
                        meaning="The slope of the score along the input, measured by moving it a little both "
                        "ways, against the sum of input × gradient; the largest relative miss among the targets.",
                    )
                )
        checks.append(
            Check(
                name="no look ahead",
                residual=max((method.leak for method in result.methods), default=0.0),
                tolerance=0.0,
                meaning="Gradient of a prediction with respect to tokens that come after it; a causal model has none.",
            )
        )
        return checks

    def metrics(self, result: AttributionResult) -> Mapping[str, Metric]:
        """How concentrated the explanation of the first target is, by the first method."""
        if not result.explained:
            return {}
        first = np.abs(result.methods[0].contributions[0])
        total = float(first.sum())
        return {
            "top_token_share": Metric(
                value=float(first.max()) / total if total else 0.0,
                direction=Direction.NEITHER,
                meaning="share of the strongest token in the explanation of the first target",
            ),
            "worst_residual": Metric(
                value=float(np.max([np.max(method.residuals, initial=0.0) for method in result.methods])),
                direction=Direction.LOWER,
                meaning="largest relative residual among methods and targets",
            ),
        }

    def summary(self, result: AttributionResult) -> str:
        """The tokens that moved the first target most."""
        if not result.explained:
            return "There is nothing to explain: the model wrote nothing, and the prompt has no target."
        method, target = result.methods[0], result.explained[0]
        values = method.contributions[0]
        order = np.argsort(-np.abs(values))[:3]
        signed = _signed(result, method)
        total = float(np.abs(values).sum()) or 1.0
        if signed and not result.normalize:
            amounts = [f"{values[index]:+.2f}" for index in order]
        else:
            amounts = [f"{values[index] / total:{'+' if signed else ''}.0%}" for index in order]
        named = [
            f"“{result.passage.tokens[int(index)].word}” ({_minus(amount)})"
            for index, amount in zip(order, amounts, strict=True)
        ]
        return f"{METHOD_TITLES[method.method]}: the prediction {target.word} was moved most by {', '.join(named)}."

    def charts(self, result: AttributionResult) -> Sequence[Figure]:
        """Per method the text to choose tokens in, and the matrix of all contributions."""
        from ecco_reports.charts.contributions import contribution_matrix
        from ecco_reports.charts.figure import ChartFigure

        figures: list[Figure] = []
        length = max((target.after for target in result.explained), default=-1) + 1
        inputs = [token.label for token in result.passage.tokens[:length]]
        for method in result.methods:
            shown = _shown(result, method)
            visible = np.where(_reach(result), shown, np.nan)[:, : len(inputs)]
            figures.append(_strip(result, method, shown))
            if len(result.explained) > 1:
                figures.append(
                    ChartFigure(
                        id=f"{method.method}-matrix",
                        title=f"{METHOD_TITLES[method.method]}: all targets at once",
                        reading="Each row is an output, each column an input token; a strong cell in a row names what "
                        "that output drew on. A column strong from top to bottom is a token everything depends on.",
                        alt_text=f"{METHOD_TITLES[method.method]} of {len(result.explained)} outputs by "
                        f"{len(inputs)} inputs. {self.summary(result)}",
                        chart=contribution_matrix(
                            inputs,
                            [target.label for target in result.explained],
                            visible,
                            unit=_unit(result, method),
                            signed=_signed(result, method),
                        ),
                    )
                )
        return figures

    def table(self, result: AttributionResult) -> Table:
        """One row per method, target and input token."""
        rows = tuple(
            (method.method, target.label, position, result.passage.tokens[position].label, float(values[position]))
            for method in result.methods
            for target, values in zip(result.explained, method.contributions, strict=True)
            for position in range(target.after + 1)
        )
        return Table(
            columns=("method", "output", "position", "input token", "contribution"),
            rows=rows,
            caption="One row per method, output and input token; contributions as computed, before any normalising.",
        )


def _by_methods(
    model: LanguageModel,
    inputs: torch.Tensor,
    baseline: torch.Tensor,
    targets: Sequence[Target],
    params: AttributionParams,
    tolerance: float,
) -> Iterator[MethodResult]:
    """What each method says; the two that need plain gradients share them."""
    from ecco_reports.methods.gradients import gradients, integrated_gradients

    plain = gradients(model, inputs, targets, params.score) if set(params.methods) - {"integrated_gradients"} else None
    for method in params.methods:
        if method == "integrated_gradients":
            found = integrated_gradients(model, inputs, baseline, targets, params.score, tolerance)
            yield _method_result(method, found, found.vectors, targets, params)
        elif plain is not None:
            vectors = plain.vectors * inputs if method == "input_x_gradient" else plain.vectors
            yield _method_result(method, plain, vectors, targets, params)


def _method_result(
    method: Method, found: Attributions, vectors: torch.Tensor, targets: Sequence[Target], params: AttributionParams
) -> MethodResult:
    """One number per target and position from vectors ``[target, position, width]``."""
    import torch

    if params.aggregation == "l2":
        values = vectors.norm(dim=-1)
    else:
        values = vectors.abs().sum(-1) if method == "saliency" else vectors.sum(-1)
    after = torch.tensor([target.position for target in targets], device=vectors.device)
    beyond = torch.arange(vectors.shape[1], device=vectors.device) > after[:, None]
    return MethodResult(
        method=method,
        contributions=values.masked_fill(beyond, 0.0).cpu().numpy(),
        scores=found.scores.cpu().numpy(),
        baseline_scores=found.baseline_scores.cpu().numpy(),
        residuals=found.residuals.cpu().numpy(),
        steps=found.steps.cpu().numpy(),
        leak=float(vectors.abs().amax(-1).masked_fill(~beyond, 0.0).max()),
    )


def _reach(result: AttributionResult) -> np.ndarray:
    """Whether an input token comes before a target, ``[target, position]``."""
    after = np.array([target.after for target in result.explained])
    return np.arange(len(result.passage.tokens)) <= after[:, None]


def _shown(result: AttributionResult, method: MethodResult) -> np.ndarray:
    """The contributions as the page shows them, ``[target, position]``."""
    values = method.contributions
    if not result.normalize:
        return values
    totals: np.ndarray = np.abs(values).sum(-1, keepdims=True)
    shares: np.ndarray = np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)
    return shares


def _signed(result: AttributionResult, method: MethodResult) -> bool:
    return result.aggregation == "sum" and method.method != "saliency"


def _unit(result: AttributionResult, method: MethodResult) -> str:
    if result.normalize:
        return "share of the contributions"
    what = SCORE_UNITS[result.score]
    if method.method == "saliency":
        return f"absolute gradient of the {what}"
    return f"contribution to the {what}" if result.aggregation == "sum" else f"L2 norm, {what}"


def _minus(number: str) -> str:
    """A number with the sign that a typesetter takes for minus."""
    return number.replace("-", "\u2212")


def _strip(result: AttributionResult, method: MethodResult, shown: np.ndarray) -> TokenStrip:
    """The text in which one chooses an output and sees what it drew on."""
    from ecco_reports.charts.figure import StripRow, TokenStrip, strip_tokens

    tokens, rows = strip_tokens(result.passage), []
    for index, target in enumerate(result.explained):
        what = SCORE_NAMES[result.score] if target.foil is None else f"difference in {SCORE_NAMES[result.score]}"
        detail = f"{what} {_minus(f'{method.scores[index]:.3f}')}"
        if method.method == "integrated_gradients":
            detail += (
                f", at the baseline {_minus(f'{method.baseline_scores[index]:.3f}')}; completeness gap "
                f"{method.residuals[index]:.2%} with {method.steps[index]} steps"
            )
        rows.append(
            StripRow(target.label, target.position, [float(v) for v in shown[index, : target.after + 1]], detail)
        )
    return TokenStrip(
        id=method.method,
        title=METHOD_TITLES[method.method],
        reading="Choose one of the tokens the model wrote: the tokens before it take the colour of their contribution. "
        + (
            "One colour raised the score, the other lowered it; "
            if _signed(result, method)
            else "The stronger the colour, the more the score depends on the token; "
        )
        + "the detailed view writes the number under each token.",
        alt_text=f"{len(tokens)} tokens, {len(rows)} outputs to choose from; unit: {_unit(result, method)}.",
        tokens=tokens,
        rows=rows,
        unit=_unit(result, method),
        signed=_signed(result, method),
    )
