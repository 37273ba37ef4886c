"""What an entry of an experiment says about testing attributions."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.attributing.settings import (
    Aggregation,
    AttentionLayer,
    AttributionParams,
    BaselineName,
    Heads,
    Method,
    Replacement,
    ScoreName,
)
from ecco_reports.analyses.explained import Choice

Measured: TypeAlias = Literal["probability", "logprob"]
Ranking: TypeAlias = Literal["signed", "magnitude"]


class FaithfulnessParams(DecodingParams):
    """Which methods to test, and how.

    Attributes:
        methods: The methods of attribution to test; see attribution for what each needs. What a model cannot do is
            named on the page, and the others are tested.
        targets: Test the explanations of what the model says (the tokens it writes, the masks it fills in, its class,
            its answer), of the prompt's own target (against its foil), or of both.
        score: What the methods explain: a log-probability, logit or probability, as in attribution.
        measured: What is watched while parts of the prompt are taken out: the probability of the target, as in the
            paper that the measures come from, or its log-probability, which still tells apart what is already
            improbable. Of a target against a foil it is the difference of the two.
        ranking: What comes first: what raised the score most (signed), or what moved it most either way (magnitude).
            Methods without a sign, such as saliency and attention, are ranked by size in any case.
        shares: Shares of the prompt, in per cent of its units, over which comprehensiveness and sufficiency are
            averaged. A share is rounded up to whole units, and shares that come to the same number count once: the five
            of the paper are the first 1, 2 and 4 of 8 units.
        steps: Points of a deletion or insertion curve after the first, at most; where there are more units, several
            are taken out at a time.
        random_rankings: How many random rankings the methods are compared with. With 6 units or fewer all orders are.
        ignore: Tokens that are never taken out, as texts ("sst2 sentence:", one token or several) or as positions (from
            0; negative ones from the end of the prompt).
        units: What is taken out at a time: a token, a word (what stands between white space) or a sentence. By itself
            (auto) it is a word for a model behind an API, and a token for any other.
        replacement: How a part is taken out: by deleting its tokens; by hiding them from the attention of all other
            tokens (attention), which keeps all positions where they are; or by putting something in their place: the
            embedding that baseline names (baseline), or zero, mean, eos, pad, mask or unk. Methods that leave parts out
            themselves do it in the same way.
        baseline: What stands for "no information", as in attribution.
        aggregation: How the dimensions of a gradient method become one number per token, as in attribution.
        tolerance: Relative completeness gap at which integrated gradients stop adding steps.
        samples: Random draws of the methods, as in attribution.
        variants: How many texts with random parts left out LIME and Kernel SHAP score.
        noise: Standard deviation of the noise of SmoothGrad, as in attribution.
        attention_layer: Which layer's weights attention ranks by, as in attribution.
        attention_heads: Which heads' weights attention ranks by, as in attribution.
        seed: Of everything that is drawn.
    """

    methods: tuple[Method, ...] = Field(
        default=("integrated_gradients", "input_x_gradient", "saliency", "occlusion"), min_length=1
    )
    targets: Choice = "all"
    score: ScoreName = "logprob"
    measured: Measured = "probability"
    ranking: Ranking = "signed"
    shares: tuple[Annotated[float, Field(gt=0, le=100)], ...] = Field(default=(1, 5, 10, 20, 50), min_length=1)
    steps: int = Field(default=20, ge=2, le=200)
    random_rankings: int = Field(default=100, ge=20, le=1000)
    ignore: tuple[str | int, ...] = ()
    units: Literal["auto", "token", "word", "sentence"] = "auto"
    replacement: Replacement = "delete"
    baseline: BaselineName = "mean"
    aggregation: Aggregation = "sum"
    tolerance: float = Field(default=0.01, gt=0, le=0.1)
    samples: int = Field(default=64, ge=4, le=10_000)
    variants: int = Field(default=512, ge=16, le=100_000)
    noise: float = Field(default=0.15, gt=0, le=2)
    attention_layer: AttentionLayer = "last"
    attention_heads: Heads = "mean"
    seed: int = Field(default=0, ge=0, lt=2**32)

    @property
    def attribution(self) -> AttributionParams:
        """The settings of the attributions that are tested."""
        shared = AttributionParams.model_fields.keys() & type(self).model_fields.keys()
        return AttributionParams(**{name: getattr(self, name) for name in shared})
