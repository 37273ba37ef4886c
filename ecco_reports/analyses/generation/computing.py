"""Looks at every step of a reading again: what could have been said there, and how probable it was.

In: a model and a reading. Out: the result, its residuals included. Imports torch only where it computes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecco_reports.analyses.generation.results import (
    Candidate,
    Chance,
    FollowedBeam,
    GenerationParams,
    GenerationResult,
    Named,
    Step,
)
from ecco_reports.analyses.preflight import outcome_of, outcome_problems
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.models.reading import Beam, Reading
from ecco_reports.records import Decoding, Family, Prompt

if TYPE_CHECKING:
    import torch

_NUCLEUS = 0.9


def generated(model: LanguageModel, reading: Reading, prompt: Prompt, params: GenerationParams) -> GenerationResult:
    """The result of what a model has read of a prompt and said."""
    if Capability.LOGITS not in model.capabilities:
        return _from_candidates(model, reading, prompt, params)
    # The other beams first: the pass over the text that is explained is then still there for other analyses.
    others = [_teacher_forced(model, beam.reading) for beam in reading.beams[1:]]
    result = _from_logits(model, reading, prompt, params)
    if not reading.beams:
        return result
    return _with_beams(result, reading.beams, [_teacher_forced(model, reading), *others], params.decoding)


def _teacher_forced(model: LanguageModel, reading: Reading) -> list[float]:
    """Natural log-probability of each thing said, from one pass over the whole text."""
    import torch

    logprobs = model.logits(reading, [one.place for one in reading.spoken]).log_softmax(-1)
    chosen = torch.tensor([one.outcome for one in reading.spoken], device=logprobs.device, dtype=torch.long)
    found: list[float] = logprobs.gather(-1, chosen[:, None])[:, 0].tolist()
    return found


def _with_beams(
    result: GenerationResult, beams: Sequence[Beam], logprobs: Sequence[Sequence[float]], decoding: Decoding
) -> GenerationResult:
    """The result with all beams, and how far what was noted of them is from what their own tokens say."""
    gaps, beam_gaps = [result.gap], [0.0]
    for beam, own in zip(beams, logprobs, strict=True):
        spoken = beam.reading.spoken
        gaps += [abs(one.logprob - forced) for one, forced in zip(spoken, own, strict=True)]
        # The search lowers log-probabilities, where we lower logits: they are negative, so it multiplies.
        lowered = [
            forced * decoding.repetition_penalty if one.outcome in before else forced
            for one, forced, before in zip(spoken, own, beam.reading.before, strict=True)
        ]
        beam_gaps.append(abs(beam.score - sum(lowered) / len(lowered)))
    followed = tuple(
        FollowedBeam(
            tokens=beam.reading.passage.generated,
            logprobs=tuple(min(0.0, logprob) for logprob in own),
            score=beam.score,
        )
        for beam, own in zip(beams, logprobs, strict=True)
    )
    return result.model_copy(update={"beams": followed, "gap": max(gaps), "beam_gap": max(beam_gaps)})


def _from_logits(model: LanguageModel, reading: Reading, prompt: Prompt, params: GenerationParams) -> GenerationResult:
    """The result of complete distributions."""
    import torch

    from ecco_reports.methods.distributions import NATS_PER_BIT, Distribution

    here = Distribution.of(model.logits(reading, [one.place for one in reading.spoken]))
    chosen = torch.tensor([one.outcome for one in reading.spoken], device=here.logits.device, dtype=torch.long)
    logprobs, ranks, entropies = here.logprob(chosen).tolist(), here.rank(chosen).tolist(), here.entropy().tolist()
    nuclei = here.nucleus_size(_NUCLEUS).tolist()
    outcomes, probabilities = here.most_probable(params.top_k)
    chances, offered, excess = _chances(reading, params.decoding, here.logits, chosen, outcomes)
    steps = tuple(
        Step(
            token=one.token,
            position=one.position,
            logprob=min(0.0, logprobs[index]),
            rank=ranks[index],
            entropy=entropies[index] / NATS_PER_BIT,
            nucleus=nuclei[index],
            chance=chances[index],
            candidates=tuple(
                Candidate(
                    token=model.outcome(reading, outcome),
                    probability=probability,
                    chance=chance,
                    position=outcome if reading.family is Family.QUESTION_ANSWERING else None,
                )
                for outcome, probability, chance in zip(
                    outcomes[index].tolist(), probabilities[index].tolist(), offered[index], strict=True
                )
            ),
        )
        for index, one in enumerate(reading.spoken)
    )
    gaps = [abs(one.logprob - forced) for one, forced in zip(reading.spoken, logprobs, strict=True)]
    return GenerationResult(
        passage=reading.passage,
        decoding=params.decoding,
        steps=steps,
        target=_named(model, reading, prompt.target, here.logits),
        foil=_named(model, reading, prompt.foil, here.logits),
        complete=True,
        gap=max(gaps, default=0.0),
        excess=_largest_excess(here.probabilities),
        chance_gap=reading.chance_gap,
        chance_excess=excess,
        dtype=model.facts.spec.dtype,
    )


def _named(model: LanguageModel, reading: Reading, word: str | None, logits: torch.Tensor) -> Named | None:
    """What the first of the distributions ``[step, vocab]`` says of a word.

    None where there is no word or no step, and where the word is nothing that this model could say in one step.
    """
    import torch

    from ecco_reports.methods.distributions import Distribution

    if word is None or not reading.spoken or any(outcome_problems(word, (), model.facts)):
        return None
    number = outcome_of(word, model.facts, model.tokenizer)
    first, one = Distribution.of(logits[:1]), logits.new_tensor([number], dtype=torch.long)
    return Named(
        token=model.outcome(reading, number),
        logprob=min(0.0, first.logprob(one).item()),
        rank=int(first.rank(one).item()),
    )


def _chances(
    reading: Reading, decoding: Decoding, logits: torch.Tensor, chosen: torch.Tensor, outcomes: torch.Tensor
) -> tuple[Sequence[Chance | None], Sequence[Sequence[float | None]], float]:
    """What the decoding settings made of distributions ``[step, vocab]``.

    Returns:
        For each step its chances, those of the candidates ``outcomes`` ``[step, candidate]``, and how far the chances
        are from adding up to one, at most. None where the settings leave everything as it is.
    """
    from ecco_reports.models.chances import chances

    writes = reading.family in (Family.CAUSAL, Family.ENCODER_DECODER) and not reading.passage.forced
    if not (writes and decoding.reshapes and reading.spoken):
        return [None] * len(outcomes), [[None] * outcomes.shape[-1]] * len(outcomes), 0.0
    taken = chances(logits, reading.before, decoding)
    found = [
        Chance(chosen=own, largest=largest, possible=possible)
        for own, largest, possible in zip(
            taken.gather(-1, chosen[:, None])[:, 0].tolist(),
            taken.amax(-1).tolist(),
            (taken > 0).sum(-1).tolist(),
            strict=True,
        )
    ]
    return found, taken.gather(-1, outcomes).tolist(), _largest_excess(taken)


def _largest_excess(probabilities: torch.Tensor) -> float:
    """How far rows of probabilities are from adding up to one, at most."""
    excesses: list[float] = (probabilities.double().sum(-1) - 1).abs().tolist()
    return max(excesses, default=0.0)


def _from_candidates(
    model: LanguageModel, reading: Reading, prompt: Prompt, params: GenerationParams
) -> GenerationResult:
    """The result of what a server lists."""
    steps, gaps, excesses = [], [0.0], [0.0]
    for one, listed in zip(reading.spoken, model.candidates(reading, params.top_k), strict=True):
        found = [rank for rank, token in enumerate(listed.tokens) if token.utf8 == one.token.utf8]
        gaps += [abs(one.logprob - listed.logprobs[rank]) for rank in found[:1]]
        excesses.append(sum(map(math.exp, listed.logprobs)) - 1)
        steps.append(
            Step(
                token=one.token,
                position=one.position,
                logprob=min(0.0, one.logprob),
                rank=found[0] + 1 if found else None,
                entropy=None,
                nucleus=None,
                candidates=tuple(
                    Candidate(token=token, probability=math.exp(logprob))
                    for token, logprob in zip(listed.tokens, listed.logprobs, strict=True)
                ),
            )
        )
    return GenerationResult(
        passage=reading.passage,
        decoding=params.decoding,
        steps=tuple(steps),
        target=_listed(prompt.target, steps),
        foil=_listed(prompt.foil, steps),
        complete=False,
        gap=max(gaps),
        excess=max(excesses),
        dtype=model.facts.spec.dtype,
    )


def _listed(word: str | None, steps: Sequence[Step]) -> Named | None:
    """A word as a server lists it at the first step; None where it does not."""
    if word is None or not steps:
        return None
    for rank, candidate in enumerate(steps[0].candidates, start=1):
        if candidate.token.utf8 == word.encode().hex() and candidate.probability > 0:
            return Named(token=candidate.token, logprob=min(0.0, math.log(candidate.probability)), rank=rank)
    return None
