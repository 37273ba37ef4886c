"""What is kept of token ranks for later comparisons, and the catalogue of their numbers.

In: a result. Out: a trace. Light: no torch, no drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ecco_reports.analyses.measures import Measure
from ecco_reports.analyses.race import labels_of
from ecco_reports.analyses.token_ranks.figures import labels_of_columns
from ecco_reports.analyses.token_ranks.results import TokenRanksResult
from ecco_reports.analyses.tracing import RANK_NOISE, TARGET_NOISE, cut_of_prompt
from ecco_reports.analyses.tracing_ranks import DEPTH_SHIFT, RANK_SHIFT, SAME_WINNER, RanksTrace, traced_words
from ecco_reports.analyses.voice import said
from ecco_reports.records import Direction

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "median_final_rank": Measure(
            Direction.LOWER,
            "median rank of what was said, or given to be said, at the last layer read out",
            "rank",
            relative=RANK_NOISE,
        ),
        "target_rank": Measure(
            Direction.LOWER,
            "rank of the prompt's target after the prompt, at the last layer read out",
            "rank",
            relative=RANK_NOISE,
        ),
        "target_logprob": Measure(
            Direction.HIGHER,
            "natural log-probability of the prompt's target after the prompt, at the last layer read out",
            "nats",
            noise=TARGET_NOISE,
        ),
        "first_top_layer": Measure(
            Direction.NEITHER,
            "first layer at which the prompt's target is the first choice (-1 is the embedding)",
            "layers",
        ),
        "first_top_depth": Measure(
            Direction.NEITHER,
            "share of the depth at which the prompt's target is first the first choice (0 is the embedding, 1 the last "
            "layer)",
            "share",
        ),
        "rank_shift": RANK_SHIFT,
        "same_winner": SAME_WINNER,
        "top_depth_shift": DEPTH_SHIFT,
    }
)


def trace_of(result: TokenRanksResult) -> RanksTrace:
    """The watched words, or else the first thing that was said; and the target."""
    if result.watched:
        words = traced_words(
            labels_of(result.passage, result.watched, result.watched_numbers),
            result.watched_ranks,
            result.watched_probabilities,
        )
    else:
        first = next((column for column, own in enumerate(result.generated) if own), 0)
        one = slice(first, first + 1)
        words = traced_words(labels_of_columns(result)[one], result.ranks[:, one], result.probabilities[:, one])
    target = None
    if result.target_token is not None:
        label = said(result.passage, result.target_token)
        (target,) = traced_words([label], result.target[:, None], result.target_probabilities[:, None])
    return RanksTrace(
        cut=cut_of_prompt(result.passage),
        outcomes=result.vocab_size,
        layers=result.depth,
        states=result.states,
        words=words,
        target=target,
    )
