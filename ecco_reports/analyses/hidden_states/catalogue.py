"""The numbers of hidden states that a gate may watch, of one result and of two: what is known of them beforehand.

Noise was measured on ``bundled:facts``, float32 against float16 and bfloat16, over the 12 shorter prompts of
``experiments/*.yaml``; the largest change is beside each.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecco_reports.analyses.measures import Measure
from ecco_reports.records import Direction

MEASURES: Mapping[str, Measure] = {
    # Measured: 0, as for the massive activations and the layer; one dimension may stand at the edge.
    "outlier_dimensions": Measure(
        Direction.NEITHER, "dimensions that stand out at many tokens of many layers", noise=1.0
    ),
    "massive_activations": Measure(
        Direction.NEITHER, "numbers above 100 that are 1,000 times the median of their layer", noise=1.0
    ),
    # Measured: 0.016 of 3.8.
    "largest_change": Measure(
        Direction.NEITHER,
        "largest change by one layer, relative to the length of the median token's vector",
        noise=0.03,
    ),
    "largest_change_layer": Measure(Direction.NEITHER, "the layer that makes it", "layers"),
    # Measured: 0.13 of 16.
    "norm_growth": Measure(
        Direction.NEITHER,
        "length of the median token's vector at the last layer, relative to the first state",
        noise=0.25,
    ),
    # Measured: 0.002.
    "neighbour_cka": Measure(Direction.NEITHER, "mean CKA of layers that follow one another", noise=0.005),
    # Measured: 0.006.
    "least_cka": Measure(Direction.NEITHER, "CKA of the two layers that are least alike", noise=0.015),
    # Measured: 0.0001, and 0.0003 at a single depth.
    "cka": Measure(
        Direction.HIGHER,
        "likeness of what the two make of the words (debiased linear CKA), mean over up to 5 depths",
        noise=0.001,
        equal=1.0,
    ),
    "worst_cka": Measure(
        Direction.HIGHER, "the same at the depth where the two are least alike", noise=0.002, equal=1.0
    ),
}
