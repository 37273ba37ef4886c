"""What an entry of an experiment says about hidden states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.layers import LayerChoice
from ecco_reports.methods.stream import OUTLIER_TIMES

Measure: TypeAlias = Literal["cka", "cka_biased", "cca", "svcca", "pwcca"]

MEASURES: Mapping[Measure, str] = {
    "cka": "CKA, debiased",
    "cka_biased": "CKA, biased (as the original ecco)",
    "cca": "CCA, mean correlation",
    "svcca": "SVCCA",
    "pwcca": "PWCCA, weighted by the row",
}
"""What the page calls them."""


class HiddenStatesParams(DecodingParams):
    """Which states to look at, and how to compare them.

    Attributes:
        layers: ``all``, a list of layer numbers (negative ones from the end) and ``embedding``, or a range
            ``{first: 2, last: 8}``.
        positions: ``all`` (prompt and continuation), or a list of positions in the prompt.
        stack: ``encoder`` or ``main`` (the decoder), for a model that has both; left out, the encoder, which reads the
            prompt. Models of one stack have nothing to choose.
        measures: What layers are compared by: ``cka`` (without its bias), ``cka_biased``, ``cca``, ``svcca``,
            ``pwcca``; none leaves the comparison out.
        template_tokens: Whether tokens of the template (``[CLS]``, ``<s>``) count when layers are compared and in the
            principal components; the other figures show them anyway.
        centre: What the principal components are taken around: the mean of ``all`` states, or that of each ``layer``.
        top_dimensions: How many dimensions to show, those that stand out most.
        outlier_times: How many times the root mean square of its vector a number must be to stand out.
    """

    about_speech: ClassVar[bool] = False

    layers: LayerChoice = "all"
    positions: Literal["all"] | Annotated[tuple[int, ...], Field(min_length=1)] = "all"
    stack: Literal["encoder", "main"] | None = None
    measures: tuple[Measure, ...] = tuple(MEASURES)
    template_tokens: bool = False
    centre: Literal["all", "layer"] = "all"
    top_dimensions: int = Field(default=12, ge=1, le=50)
    outlier_times: float = Field(default=OUTLIER_TIMES, gt=1, allow_inf_nan=False)
