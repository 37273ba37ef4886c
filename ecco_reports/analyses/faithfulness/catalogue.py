"""The numbers of the tests that a gate may watch, of one result and of two: what is known of them beforehand.

Noise was measured on ``bundled:facts``, float32 against float16 and bfloat16, over the 12 shorter prompts of
``experiments/*.yaml``. Most numbers stay within 0.006; but where a method gives two words nearly the same number,
rounding decides which of them goes first, and a short text then loses another word: 0.17 of the probability in one
prompt of 5 words, with a rank-biased overlap of 0.9 (the first two change places).
"""

from __future__ import annotations

from collections.abc import Mapping

from ecco_reports.analyses.measures import Measure
from ecco_reports.records import Direction

_OF = "by the first method, mean over all outputs"

MEASURES: Mapping[str, Measure] = {
    "aopc_comprehensiveness": Measure(
        Direction.HIGHER, f"what is lost without the first units of the ranking {_OF}", noise=0.2
    ),
    "aopc_sufficiency": Measure(
        Direction.LOWER, f"what is lost with only the first units of the ranking {_OF}", noise=0.2
    ),
    "deletion_auc": Measure(
        Direction.LOWER,
        f"area under the curve of the score while the first units of the ranking are removed, {_OF}",
        noise=0.1,
    ),
    "z_against_random": Measure(
        Direction.HIGHER,
        f"the area between least and most important first, above the mean of random rankings, in their standard "
        f"deviations, {_OF}",
        noise=0.7,
    ),
    "order_rbo": Measure(
        Direction.HIGHER,
        "order in which the first method takes the words out, before and after (rank-biased overlap), mean over the "
        "outputs that both test",
        noise=0.12,
        equal=1.0,
    ),
}
