"""What an entry of an experiment says about attribution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import Field

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.explained import Choice

Method: TypeAlias = Literal["integrated_gradients", "input_x_gradient", "saliency", "occlusion", "shapley"]
ScoreName: TypeAlias = Literal["logprob", "logit", "probability"]
BaselineName: TypeAlias = Literal["zero", "mean", "eos", "pad", "mask"]
Replacement: TypeAlias = Literal["delete", "baseline"]

METHOD_TITLES: Mapping[Method, str] = {
    "integrated_gradients": "Integrated gradients",
    "input_x_gradient": "Input × gradient",
    "saliency": "Saliency",
    "occlusion": "Occlusion",
    "shapley": "Shapley values",
}
PERTURBATIONS: frozenset[Method] = frozenset({"occlusion", "shapley"})
"""The methods that leave parts of the prompt out; the others follow gradients."""


class AttributionParams(DecodingParams):
    """What to explain, by which methods.

    Attributes:
        methods: The methods, in the order of the page. The first three need gradients; occlusion and Shapley values
            leave parts of the prompt out and compare scores, so that they work behind an API too. Where a model can do
            only some of them, the page shows these and says why the others are missing.
        score: What is explained about a token or class: its log-probability, logit or probability. A model behind an
            API tells log-probabilities only.
        targets: Explain what the model says (the tokens it writes, the masks it fills in, its class, the ends of its
            answer), the prompt's own target (against its foil), or both.
        baseline: What stands for "no information" in integrated gradients: the mean embedding of the vocabulary, the
            zero embedding, or the embedding of the end-of-text, padding or mask token. Tokens of the template, and
            masks to be filled in, keep their embedding. Zero is a singular point of models that have no position
            embeddings and normalise their input (Llama, Gemma): there its completeness check fails.
        aggregation: How the dimensions of an embedding become one number: their signed sum, or their L2 norm. Occlusion
            and Shapley values are one number from the start.
        normalize: Show contributions as shares of their absolute sum.
        tolerance: Relative completeness gap at which integrated gradients stop adding steps.
        units: What occlusion and Shapley values leave out at a time: a token, or a word (what stands between white
            space). By itself (auto) it is a word for a model behind an API, and a token for any other.
        replacement: How a part is left out: by deleting its tokens, or by putting the baseline in their place, which
            keeps the others where they are but needs a model that takes embeddings.
        samples: Random orders for Shapley values. Where all combinations of parts cost no more than that, they are all
            scored instead, and the values are exact.
        seed: Of the random orders.
    """

    methods: tuple[Method, ...] = Field(default=("integrated_gradients",), min_length=1)
    score: ScoreName = "logprob"
    targets: Choice = "all"
    baseline: BaselineName = "mean"
    aggregation: Literal["sum", "l2"] = "sum"
    normalize: bool = False
    tolerance: float = Field(default=0.01, gt=0, le=0.1)
    units: Literal["auto", "token", "word"] = "auto"
    replacement: Replacement = "delete"
    samples: int = Field(default=64, ge=4, le=10_000)
    seed: int = Field(default=0, ge=0, lt=2**63)

    @property
    def perturbs(self) -> bool:
        """Whether any method leaves parts of the prompt out."""
        return not PERTURBATIONS.isdisjoint(self.methods)
