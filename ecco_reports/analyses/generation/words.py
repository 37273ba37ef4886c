"""What the generation room says of its result: the proof, the numbers a gate may watch, and a summary.

In: a result. Out: checks, metrics, sentences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from ecco_reports.analyses.generation.results import GenerationResult
from ecco_reports.analyses.measures import Measure, as_metrics
from ecco_reports.analyses.tracing import DIVERGENCE_NOISE, GAP_NOISE, RANK_NOISE, TARGET_NOISE
from ecco_reports.analyses.voice import answer, share, voice_of
from ecco_reports.records import Check, Direction, Family, Metric

# The log-probability noted while generating (with a cache) against that of one pass over the whole text. Norms may
# compute in single precision inside a model of doubles.
_TOLERANCE = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}
# Probabilities are added up in float64 from numbers of float32: a vocabulary of a quarter of a million loses this much.
_SUM_TOLERANCE = 1e-3
# The same few operations in single precision on the same logits, in two programs.
_CHANCE_TOLERANCE = 1e-5
_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER)

# Noise was measured on bundled:facts, float32 against bfloat16 (float16 moves about a tenth of that), over 21 prompts
# of the shipped experiments with probable and with improbable targets: perplexity moved by 0.049 (2.6 %) at most, the
# log-probability of all words by 0.046 nats, that of a target by 0.13 (of a probable one by 0.027), the gap of two
# words by 0.16, a probability by 0.015, the entropy by 0.048 bits, a rank by 2 in 70 (and where words are level by
# more), and the bound of the KL divergence was 0.0005 nats.
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "perplexity": Measure(
            Direction.LOWER,
            "exp of the mean negative log-probability of what was said",
            noise=0.05,
            relative=0.03,
        ),
        "total_logprob": Measure(
            Direction.HIGHER, "natural log-probability of everything that was said", "nats", noise=0.1
        ),
        "first_token_probability": Measure(
            Direction.HIGHER, "probability of the first generated token (mask, class)", "share", noise=0.02
        ),
        "mean_entropy": Measure(Direction.NEITHER, "mean entropy of the distributions, in bits", "bits", noise=0.05),
        "target_logprob": Measure(
            Direction.HIGHER,
            "natural log-probability of the prompt's target as the first thing said",
            "nats",
            noise=TARGET_NOISE,
        ),
        "target_rank": Measure(
            Direction.LOWER, "rank of the prompt's target as the first thing said", "rank", relative=RANK_NOISE
        ),
        "target_probability": Measure(
            Direction.HIGHER, "probability of the prompt's target as the first thing said", "share", noise=0.02
        ),
        "foil_gap": Measure(
            Direction.HIGHER,
            "log-probability of the prompt's target minus that of its foil, in nats",
            "nats",
            noise=GAP_NOISE,
        ),
        "same_text": Measure(Direction.HIGHER, "whether the same is said (1) or not (0)", equal=1.0),
        "shared_start": Measure(
            Direction.HIGHER, "share of the words said that agree from the start", "share", equal=1.0
        ),
        "kl": Measure(
            Direction.LOWER,
            "KL(baseline || candidate) of the first step; a lower bound from the candidates that are kept",
            "nats",
            noise=DIVERGENCE_NOISE,
            equal=0.0,
        ),
        "kl_mean": Measure(
            Direction.LOWER,
            "the same as the mean over the steps that both took after the same words; a lower bound",
            "nats",
            noise=DIVERGENCE_NOISE,
            equal=0.0,
        ),
    }
)


def checks_of(result: GenerationResult) -> Iterator[Check]:
    """Two ways to the same numbers; and a greedy choice is always the first one."""
    tolerance = _TOLERANCE[result.dtype]
    if not result.complete:
        yield Check(
            name="what was written against the list",
            residual=result.gap,
            tolerance=_TOLERANCE["float32"],
            meaning="Largest difference in log-probability (nats) between the server's own number for a token "
            "of the continuation and its number for the same token in its list of candidates.",
        )
    elif result.passage.forced:
        yield Check(
            name="the prompt alone against the whole text",
            residual=result.gap,
            tolerance=tolerance,
            meaning="Difference in log-probability (nats) of the continuation's first token between a pass over the "
            "prompt alone and the pass over the whole text, in which no token may see what follows.",
        )
    elif result.passage.family in _WRITERS:
        yield Check(
            name="decoding against teacher forcing",
            residual=result.gap,
            tolerance=tolerance,
            meaning="Largest difference in log-probability (nats) between generating token by token with a "
            f"cache and one pass over the whole text{', over all beams' if result.beams else ''}.",
        )
    yield Check(
        name="probabilities add up",
        residual=result.excess,
        tolerance=_SUM_TOLERANCE,
        meaning="How far the probabilities of everything that could have been said are from one."
        if result.complete
        else "By how much the probabilities of the listed candidates exceed one.",
    )
    yield from _checks_of_decoding(result, tolerance)


def _checks_of_decoding(result: GenerationResult, tolerance: float) -> Iterator[Check]:
    """That tokens were chosen as the settings say."""
    if result.beams:
        yield Check(
            name="scores of the beams",
            residual=result.beam_gap,
            tolerance=tolerance,
            meaning="Largest difference between the score that the search gave a beam and the mean log-probability of "
            "its tokens, looked up in one pass over that very text"
            + ("." if result.decoding.repetition_penalty == 1 else " and lowered by the repetition penalty."),
        )
    if any(step.chance for step in result.steps):
        yield Check(
            name="what tokens were chosen by",
            residual=result.chance_gap,
            tolerance=_CHANCE_TOLERANCE,
            meaning="Largest difference, over all tokens and steps, between the probabilities that the library chose "
            "by while writing and those computed here from the same logits and the settings.",
        )
        yield Check(
            name="changed probabilities add up",
            residual=result.chance_excess,
            tolerance=_SUM_TOLERANCE,
            meaning="How far the probabilities after the decoding settings are from one together.",
        )
    greedy = result.decoding.sampling is None and not result.beams and not result.passage.forced
    if greedy and result.passage.family is not Family.QUESTION_ANSWERING:
        yield Check(
            name="greedy choice",
            residual=max((step.shortfall for step in result.steps), default=0.0),
            tolerance=tolerance,
            meaning="The most probable candidate is taken"
            + (", after the repetition penalty" if any(step.chance for step in result.steps) else "")
            + ": by how many nats another one is more probable when looked at again, at most.",
        )


def metrics_of(result: GenerationResult) -> Mapping[str, Metric]:
    """Confidence in what was said, and in what the prompt names."""
    steps, target, foil = result.steps, result.target, result.foil
    if not steps:
        return {}
    entropies = [step.entropy for step in steps if step.entropy is not None]
    special = f"probability of the first {voice_of(result.passage).thing}"
    return as_metrics(
        MEASURES,
        {
            "perplexity": result.perplexity,
            "total_logprob": result.total,
            "first_token_probability": steps[0].probability,
            "mean_entropy": sum(entropies) / len(entropies) if entropies else None,
            "target_logprob": None if target is None else target.logprob,
            "target_rank": None if target is None else target.rank,
            "target_probability": None if target is None else math.exp(target.logprob),
            "foil_gap": None if target is None or foil is None else target.logprob - foil.logprob,
        },
        {"first_token_probability": special} if result.passage.forced else {},
    )


def summary_of(result: GenerationResult) -> str:
    """What was said, in words."""
    passage, voice = result.passage, voice_of(result.passage)
    if not result.steps:
        return voice.silence
    if passage.family is Family.QUESTION_ANSWERING:
        return _answered(result)
    if passage.family not in _WRITERS:
        chosen = " and ".join(f"“{step.token.word}” (probability {share(step.probability)})" for step in result.steps)
        return f"The model {voice.did} {chosen}."
    if passage.forced:
        return _given(result)
    written, steps = passage.written.strip(), result.shown_steps
    if not written:
        said = f"The model wrote no text but “{steps[0].token.word}” (probability {share(steps[0].probability)})."
    elif len(steps) == 1:
        said = f"The model wrote “{written}” (probability {share(steps[0].probability)})."
    else:
        surest, least = max(steps, key=lambda s: s.probability), min(steps, key=lambda s: s.probability)
        said = (
            f"The model wrote “{written}”{'' if written.endswith(('.', '!', '?')) else '.'} {_how(result)}; it was "
            f"surest of “{surest.token.word}” ({share(surest.probability)}) and least sure of “{least.token.word}” "
            f"({share(least.probability)})."
        )
    return said + _runner_up(result)


def _how(result: GenerationResult) -> str:
    """How its tokens were chosen, in a clause."""
    decoding, penalty = result.decoding, result.decoding.repetition_penalty
    lowered = "" if penalty == 1 else f", with a repetition penalty of {penalty:g}"
    if result.beams:
        return f"This is the best of {len(result.beams)} beams{lowered}"
    if decoding.sampling is not None:
        return f"Tokens were drawn{lowered}"
    return f"It always took its most probable token{lowered}"


def _runner_up(result: GenerationResult) -> str:
    """What the second of several beams says."""
    if len(result.beams) < 2:
        return ""
    best, second = result.beams[:2]
    text = second.text.strip() or second.tokens[0].word
    return (
        f" The beam after it says “{text}” (mean log-probability {_minus(second.score)} against {_minus(best.score)})."
    )


def _given(result: GenerationResult) -> str:
    """How the model takes a continuation that it did not write."""
    steps, text = result.steps, result.passage.written.strip()
    if len(steps) == 1:
        rank = "" if steps[0].rank is None else f", rank {steps[0].rank:,}"
        return f"The given continuation “{text}” has a probability of {share(steps[0].probability)}{rank}."
    least = min(steps, key=lambda step: step.logprob)
    own = sum(step.rank == 1 for step in steps)
    instead = ""
    if least.rank != 1 and least.candidates:
        first = least.candidates[0]
        instead = f", where its first choice was “{first.token.word}” ({share(first.probability)})"
    return (
        f"The given continuation “{text}” has a perplexity of {result.perplexity:,.1f}; {own} of its {len(steps)} "
        f"tokens {'is' if own == 1 else 'are'} what the model would have written there. It is most surprised by "
        f"“{least.token.word}” ({share(least.probability)}, {least.surprisal:.1f} bits){instead}."
    )


def _answered(result: GenerationResult) -> str:
    """The answer of a model that points at a span."""
    start, end = result.steps
    text = answer(result.passage, start.position or 0, end.position or 0)
    return f"The model answered “{text}” (start {share(start.probability)}, end {share(end.probability)})."


def _minus(number: float) -> str:
    """A number with the sign that a typesetter takes for minus."""
    return f"{number:.2f}".replace("-", "\u2212")
