"""The numbers of neuron factors that a gate may watch, of one result and of two: what is known of them beforehand.

Noise was measured on ``bundled:facts``, float32 against float16 and bfloat16, 4 factors of each of 11 short prompts of
``experiments/*.yaml``; the largest change is beside each.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecco_reports.analyses.measures import Measure
from ecco_reports.records import Direction

LOST = 0.5
"""Below this cosine with its partner, a factor of the baseline counts as lost."""

MEASURES: Mapping[str, Measure] = {
    # Measured: 0.0006.
    "relative_error": Measure(
        Direction.LOWER, "length of what the factors leave of the activations, over that of the whole", noise=0.002
    ),
    "n_components": Measure(Direction.NEITHER, "number of factors"),
    # Measured: 0.002.
    "largest_cosine": Measure(
        Direction.LOWER,
        "largest cosine between the loadings of two factors: near 1, two of them say the same",
        noise=0.01,
    ),
    "matched_cosine": Measure(
        Direction.HIGHER,
        "likeness of the factors before and after over the words (mean cosine of the best one-to-one match)",
        noise=0.01,
        equal=1.0,
    ),
    "lost_factors": Measure(
        Direction.LOWER,
        f"factors of the baseline whose partner has a cosine below {LOST}, or that have none",
        equal=0.0,
    ),
}
