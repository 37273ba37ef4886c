"""What an entry of an experiment says about attribution."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.explained import Choice

Method: TypeAlias = Literal[
    "integrated_gradients",
    "input_x_gradient",
    "saliency",
    "smooth_grad",
    "deep_lift",
    "gradient_shap",
    "attention",
    "attention_rollout",
    "occlusion",
    "shapley",
    "lime",
    "kernel_shap",
]
ScoreName: TypeAlias = Literal["logprob", "logit", "probability"]
BaselineName: TypeAlias = Literal["zero", "mean", "eos", "pad", "mask", "unk"]
Replacement: TypeAlias = Literal["delete", "attention", "baseline", "zero", "mean", "eos", "pad", "mask", "unk"]
Aggregation: TypeAlias = Literal["sum", "l2", "absolute"]
Heads: TypeAlias = Literal["mean", "max"] | Annotated[int, Field(ge=0)]
AttentionLayer: TypeAlias = Literal["last", "mean"] | int

METHOD_TITLES: Mapping[Method, str] = {
    "integrated_gradients": "Integrated gradients",
    "input_x_gradient": "Input × gradient",
    "saliency": "Saliency",
    "smooth_grad": "SmoothGrad",
    "deep_lift": "DeepLift",
    "gradient_shap": "GradientSHAP",
    "attention": "Attention",
    "attention_rollout": "Attention rollout",
    "occlusion": "Occlusion",
    "shapley": "Shapley values",
    "lime": "LIME",
    "kernel_shap": "Kernel SHAP",
}
GRADIENTS: frozenset[Method] = frozenset(
    {"integrated_gradients", "input_x_gradient", "saliency", "smooth_grad", "deep_lift", "gradient_shap"}
)
"""The methods that follow gradients; they give a number to every token."""
ATTENTIONS: frozenset[Method] = frozenset({"attention", "attention_rollout"})
"""The methods that read attention weights; what they say does not depend on what is explained, only on where."""
PERTURBATIONS: frozenset[Method] = frozenset({"occlusion", "shapley", "lime", "kernel_shap"})
"""The methods that leave parts of the prompt out and compare scores."""
BY_CAPTUM: frozenset[Method] = frozenset({"deep_lift", "gradient_shap", "lime", "kernel_shap"})
"""The methods that the captum library computes, which is an extra."""
FROM_BASELINE: frozenset[Method] = frozenset({"integrated_gradients", "deep_lift", "gradient_shap"})
"""The gradient methods that compare with a baseline, so that their contributions should add up."""


def captum_is_missing() -> bool:
    """Whether the library of some of the methods is not installed; finding out does not import it."""
    return find_spec("captum") is None


class AttributionParams(DecodingParams):
    """What to explain, by which methods.

    Attributes:
        methods: The methods, in the order of the page. Those that follow gradients (integrated_gradients,
            input_x_gradient, saliency, smooth_grad, deep_lift, gradient_shap) need a model that takes embeddings; those
            that read attention weights (attention, attention_rollout) need a model that shows them; those that leave
            parts of the prompt out and compare scores (occlusion, shapley, lime, kernel_shap) work behind an API too.
            deep_lift, gradient_shap, lime and kernel_shap are computed by captum (pip install ecco-reports[captum]).
            Where a model can do only some of them, the page shows these and says why the others are missing.
        score: What is explained about a token or class: its log-probability, logit or probability. A model behind an
            API tells log-probabilities only. Attention weights are no parts of a score.
        targets: Explain what the model says (the tokens it writes, the masks it fills in, its class, its answer), the
            prompt's own target (against its foil), or both.
        baseline: What stands for "no information" in integrated gradients, DeepLift and GradientSHAP: the mean
            embedding of the vocabulary, the zero embedding, or the embedding of the end-of-text, padding, mask or
            unknown token. Tokens of the template, and masks to be filled in, keep their embedding. Zero is a singular
            point of models that have no position embeddings and normalise their input (Llama, Gemma): there the
            completeness check of integrated gradients fails.
        aggregation: How the dimensions of a gradient method become one number per token: their signed sum, their L2
            norm, or the sum of their absolute values. Saliency and SmoothGrad have no sign: for them sum is the sum of
            absolute values. Other methods are one number from the start.
        normalize: Show contributions as shares of their absolute sum.
        ignore: Tokens that the page leaves out, as texts ("sst2 sentence:", one token or several) or as positions
            (from 0; negative ones from the end of the prompt). Shares are of what is left; the stored numbers stay.
        tolerance: Relative completeness gap at which integrated gradients stop adding steps.
        units: What a number stands for: a token, a word (what stands between white space) or a sentence. A method that
            leaves things out leaves out such a unit at a time; the numbers of other methods are added up over the
            tokens of a unit, also where they are norms. What the model wrote, and the template, stay tokens. By itself
            (auto) it is a word for a model behind an API, and a token for any other.
        replacement: How a part is left out: by deleting its tokens; by hiding them from the attention of all other
            tokens (attention), which keeps all positions where they are; or by putting something in their place: the
            embedding that baseline names (baseline), or zero, mean, eos, pad, mask or unk.
        samples: Random draws: orders for Shapley values, noisy copies of the input for SmoothGrad, points of the path
            for GradientSHAP. Where all combinations of parts cost no more than that many orders, Shapley values score
            them all instead, and are exact.
        variants: How many texts with random parts left out LIME and Kernel SHAP score.
        noise: Standard deviation of the noise of SmoothGrad, as a share of the standard deviation of all numbers of the
            text's input embeddings.
        attention_layer: Which layer's weights attention shows: the last one that has any, the mean of all, or a number
            (from 0; negative ones from the end). Attention rollout goes through all layers.
        attention_heads: What attention shows of the heads of a layer: their mean, their largest weight, or one head.
            Attention rollout takes the mean.
        seed: Of everything that is drawn.
    """

    methods: tuple[Method, ...] = Field(default=("integrated_gradients",), min_length=1)
    score: ScoreName = "logprob"
    targets: Choice = "all"
    baseline: BaselineName = "mean"
    aggregation: Aggregation = "sum"
    normalize: bool = False
    ignore: tuple[str | int, ...] = ()
    tolerance: float = Field(default=0.01, gt=0, le=0.1)
    units: Literal["auto", "token", "word", "sentence"] = "auto"
    replacement: Replacement = "delete"
    samples: int = Field(default=64, ge=4, le=10_000)
    variants: int = Field(default=512, ge=16, le=100_000)
    noise: float = Field(default=0.15, gt=0, le=2)
    attention_layer: AttentionLayer = "last"
    attention_heads: Heads = "mean"
    seed: int = Field(default=0, ge=0, lt=2**32)

    @property
    def perturbs(self) -> bool:
        """Whether any method leaves parts of the prompt out."""
        return not PERTURBATIONS.isdisjoint(self.methods)

    @property
    def attends(self) -> bool:
        """Whether any method reads attention weights."""
        return not ATTENTIONS.isdisjoint(self.methods)
