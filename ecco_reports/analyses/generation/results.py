"""What was said, and the steps to it: what the generation room hands to the store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

from pydantic import Field

from ecco_reports.analyses import DecodingParams
from ecco_reports.records import Decoding, Passage, Record, Token, written_text


class GenerationParams(DecodingParams):
    """How to generate, and how much to show of each step.

    Attributes:
        top_k: How many candidates to show at each step.
    """

    top_k: int = Field(default=10, ge=1, le=100)


class Candidate(Record):
    """Something the model could have said.

    Attributes:
        token: What it is.
        probability: Its probability under the model.
        chance: The probability by which it was taken, after the decoding settings; 0 for what they leave out, None
            where there are none that matter.
        position: Where it stands in the text, for an end of an answer.
    """

    token: Token
    probability: float
    chance: float | None = None
    position: int | None = None


class Chance(Record):
    """What the decoding settings made of the model's distribution at one step.

    Attributes:
        chosen: The probability by which what was chosen was taken.
        largest: The largest such probability of all tokens.
        possible: How many tokens could be taken at all.
    """

    chosen: float
    largest: float
    possible: int


class Step(Record):
    """One thing the model said: a written token, a filled mask, a class, an end of an answer.

    A server lists only a few candidates: what would need all of them is then unknown.

    Attributes:
        token: What was chosen.
        position: Where it stands in the text, or None when it does not.
        logprob: Its natural log-probability under the model, before any decoding setting.
        rank: Its rank; 1 is the most probable candidate; None when it is not among those listed.
        entropy: Entropy of the distribution in bits, or None when unknown.
        nucleus: How many most probable candidates hold 90 % of the probability, or None when unknown.
        chance: What the decoding settings made of the distribution; None where they leave it as it is.
        candidates: The most probable candidates, most probable first.
    """

    token: Token
    position: int | None
    logprob: float
    rank: int | None
    entropy: float | None
    nucleus: int | None
    chance: Chance | None = None
    candidates: tuple[Candidate, ...]

    @property
    def probability(self) -> float:
        """Probability of what was chosen."""
        return math.exp(self.logprob)

    @property
    def shortfall(self) -> float:
        """By how many nats the first choice was more probable than what was chosen, after the decoding settings."""
        if self.chance is not None:
            return math.log(self.chance.largest / self.chance.chosen) if self.chance.chosen else math.inf
        return 0.0 if self.rank == 1 else max(0.0, math.log(self.candidates[0].probability) - self.logprob)

    @property
    def surprisal(self) -> float:
        """How surprised the model was by what it said, in bits."""
        return -self.logprob / math.log(2)


class Named(Record):
    """A word that the prompt names, its target or its foil, at the first step, the first mask, or among the classes.

    Attributes:
        token: What it is.
        logprob: Its natural log-probability under the model, before any decoding setting.
        rank: Its rank; 1 is the most probable.
    """

    token: Token
    logprob: float
    rank: int


class FollowedBeam(Record):
    """One of the continuations that a beam search followed.

    Attributes:
        tokens: Its tokens.
        logprobs: Their natural log-probabilities under the model, each after the tokens of this very continuation.
        score: What the search ranks it by.
    """

    tokens: tuple[Token, ...]
    logprobs: tuple[float, ...]
    score: float

    @property
    def total(self) -> float:
        """Natural log-probability of the whole continuation."""
        return sum(self.logprobs)

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Probability of each token."""
        return tuple(math.exp(logprob) for logprob in self.logprobs)

    @property
    def surprisals(self) -> tuple[float, ...]:
        """How surprising each token was, in bits."""
        return tuple(-logprob / math.log(2) for logprob in self.logprobs)

    @property
    def text(self) -> str:
        """What it says."""
        return written_text(self.tokens)

    def parts_from(self, other: Self) -> int | None:
        """The first step at which it says something else than another one; None where it never does."""
        pairs = enumerate(zip(self.tokens, other.tokens, strict=False))
        differs = next((step for step, (mine, theirs) in pairs if mine.id != theirs.id), None)
        shorter = min(len(self.tokens), len(other.tokens))
        return shorter if differs is None and shorter < len(self.tokens) else differs


class GenerationResult(Record):
    """What was said, and the steps to it.

    Attributes:
        passage: The prompt and the continuation.
        decoding: How the continuation was chosen, unless it was given.
        steps: One per token after the prompt, mask, class or end of an answer.
        target: The prompt's target at the first step; None where it has none, or where a server does not list it.
        foil: The same of its foil.
        beams: All continuations that a beam search followed, the best first, which is that of the steps; else none.
        complete: Whether whole distributions were seen, or only the candidates that a server lists.
        gap: Largest difference between a log-probability noted while speaking and the one looked up afterwards: by
            teacher forcing, or in a server's list of candidates. Of a given continuation only the first token is
            noted apart, on the prompt alone.
        beam_gap: Largest difference between the score of a beam and the one that follows from its own tokens.
        excess: By how much the probabilities of the candidates add up to more than one, at most; for whole
            distributions how far they are from one.
        chance_gap: Largest difference between the probabilities by which tokens were taken while writing and those
            that follow from the model's own by the settings.
        chance_excess: How far the latter are from adding up to one, at most.
        dtype: The model's floating point type, which sets the tolerance of these differences.
    """

    passage: Passage
    decoding: Decoding
    steps: tuple[Step, ...]
    target: Named | None = None
    foil: Named | None = None
    beams: tuple[FollowedBeam, ...] = ()
    complete: bool
    gap: float
    beam_gap: float = 0.0
    excess: float
    chance_gap: float = 0.0
    chance_excess: float = 0.0
    dtype: str

    @property
    def total(self) -> float:
        """Natural log-probability of everything that was said."""
        return sum(step.logprob for step in self.steps)

    @property
    def perplexity(self) -> float:
        """The number of equally likely choices that would be as hard to guess; of no steps, 1."""
        return math.exp(-self.total / len(self.steps)) if self.steps else 1.0

    @property
    def shown_steps(self) -> Sequence[Step]:
        """The steps one could be sure of: without the end of the text, unless there is nothing else."""
        return tuple(step for step in self.steps if not step.token.special) or self.steps
