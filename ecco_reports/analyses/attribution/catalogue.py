"""The numbers of attribution that a gate may watch, of one result and of two: what is known of them beforehand.

Noise was measured on ``bundled:facts``, float32 against float16 and bfloat16, over the 12 shorter prompts of
``experiments/*.yaml``, six methods each, for outputs that both write. In parts of the largest contribution of a method,
single contributions moved by up to 0.02 in float16 and 0.09 in bfloat16, and by up to 0.18 nats where scores of several
texts are subtracted. ``drift`` takes what is smaller for unmoved (``shifting.settled``), and its measures then came out
as equal in all of them; the noise below is what a single word beyond that does to them in a short prompt.
"""

from __future__ import annotations

from collections.abc import Mapping

from ecco_reports.analyses.measures import Measure
from ecco_reports.records import Direction

_FIRST = "by the first method, mean over the outputs that both explain"

MEASURES: Mapping[str, Measure] = {
    # Measured: 0.005.
    "top_token_share": Measure(
        Direction.NEITHER,
        "share of the strongest input in the explanation of the first target, by the first method",
        "share",
        noise=0.01,
    ),
    # Measured: 1.8. In half precision finite differences of a score hardly have a digit, and the proofs allow for that.
    "worst_residual": Measure(
        Direction.LOWER, "largest relative residual among methods and targets", "share", noise=2.0
    ),
    "encoder_share": Measure(
        Direction.NEITHER,
        "share of what the encoder read in the explanation of the first target, by the first method",
        "share",
        noise=0.02,
    ),
    # Measured: 0.11, 0.03 and 0.04. Nothing is forgiven here, where methods are compared within one result.
    "agreement_tau_b": Measure(
        Direction.NEITHER,
        "Kendall's tau-b of the inputs by magnitude; the mean over all pairs of methods and all targets",
        noise=0.15,
    ),
    "agreement_rbo": Measure(
        Direction.NEITHER,
        "rank-biased overlap of the inputs by magnitude; the mean over all pairs of methods and all targets",
        noise=0.05,
    ),
    "agreement_top": Measure(
        Direction.NEITHER,
        "share of the 3 strongest inputs that two methods have in common; the mean over all pairs of methods and all "
        "targets",
        "share",
        noise=0.06,
    ),
    "tau_b": Measure(
        Direction.HIGHER,
        f"order of the words by how much they moved the output, before and after (Kendall's tau-b), {_FIRST}",
        noise=0.1,
        equal=1.0,
    ),
    "rbo": Measure(
        Direction.HIGHER,
        f"order of the words with weight on the first (rank-biased overlap), before and after, {_FIRST}",
        noise=0.05,
        equal=1.0,
    ),
    "top_overlap": Measure(
        Direction.HIGHER,
        "share of the strongest words (three, but at most a third of all) that are still among the strongest, "
        f"{_FIRST}",
        "share",
        equal=1.0,
    ),
    "sign_flips": Measure(
        Direction.LOWER,
        "share of the words that were strongest in the baseline and now speak for the output instead of against it, "
        f"or the other way round, {_FIRST}",
        "share",
        equal=0.0,
    ),
    "cosine": Measure(
        Direction.HIGHER, f"cosine of the contributions before and after, {_FIRST}", noise=0.01, equal=1.0
    ),
    "moved_share": Measure(
        Direction.LOWER,
        f"share of the reasons that other words hold now, or that changed sides (total variation), {_FIRST}",
        "share",
        noise=0.05,
        equal=0.0,
    ),
    "top_word_same": Measure(
        Direction.HIGHER,
        "share of the outputs whose strongest word is still the strongest, by the first method",
        "share",
        equal=1.0,
    ),
    "worst_tau_b": Measure(Direction.HIGHER, "tau_b of the method for which it is least", noise=0.1, equal=1.0),
    # Measured: 0.01.
    "attention_drift": Measure(
        Direction.LOWER,
        "share of the attention that goes to other words now (total variation), mean over attention methods and "
        "outputs",
        "share",
        noise=0.02,
        equal=0.0,
    ),
}
