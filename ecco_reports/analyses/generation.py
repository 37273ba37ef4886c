"""What the model said, one step at a time: what it chose, and what it could have chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.analyses.voice import answer, numbered, place_name, said, voice_of
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Check, Decoding, Direction, Family, Metric, Passage, Prompt, Record, Table, Token

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

# The log-probability noted while generating (with a cache) against that of one pass over the whole text. Norms may
# compute in single precision inside a model of doubles.
_TOLERANCE = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}
_NUCLEUS = 0.9
# Probabilities are added up in float64 from numbers of float32: a vocabulary of a quarter of a million loses this much.
_SUM_TOLERANCE = 1e-3
_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER)


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
        probability: Its probability.
        position: Where it stands in the text, for an end of an answer.
    """

    token: Token
    probability: float
    position: int | None = None


class Step(Record):
    """One thing the model said: a written token, a filled mask, a class, an end of an answer.

    A server lists only a few candidates: what would need all of them is then unknown.

    Attributes:
        token: What was chosen.
        position: Where it stands in the text, or None when it does not.
        logprob: Its natural log-probability under the model, before temperature and truncation.
        rank: Its rank; 1 is the most probable candidate; None when it is not among those listed.
        entropy: Entropy of the distribution in bits, or None when unknown.
        nucleus: How many most probable candidates hold 90 % of the probability, or None when unknown.
        candidates: The most probable candidates, most probable first.
    """

    token: Token
    position: int | None
    logprob: float
    rank: int | None
    entropy: float | None
    nucleus: int | None
    candidates: tuple[Candidate, ...]

    @property
    def probability(self) -> float:
        """Probability of what was chosen."""
        return math.exp(self.logprob)

    @property
    def shortfall(self) -> float:
        """By how many nats the most probable candidate is more probable than what was chosen."""
        return 0.0 if self.rank == 1 else max(0.0, math.log(self.candidates[0].probability) - self.logprob)

    @property
    def surprisal(self) -> float:
        """How surprised the model was by what it said, in bits."""
        return -self.logprob / math.log(2)


class GenerationResult(Record):
    """What was said, and the steps to it.

    Attributes:
        passage: The prompt and the continuation.
        decoding: How the continuation was chosen.
        steps: One per generated token, mask, class or end of an answer.
        complete: Whether whole distributions were seen, or only the candidates that a server lists.
        gap: Largest difference between a log-probability noted while speaking and the one looked up afterwards: by
            teacher forcing, or in a server's list of candidates.
        excess: By how much the probabilities of the candidates add up to more than one, at most; for whole
            distributions how far they are from one.
        dtype: The model's floating point type, which sets the tolerance of that difference.
    """

    passage: Passage
    decoding: Decoding
    steps: tuple[Step, ...]
    complete: bool
    gap: float
    excess: float
    dtype: str


class Generation(Analysis[GenerationParams, GenerationResult]):
    """The generation room."""

    name: ClassVar[str] = "generation"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Generation, step by step"
    question: ClassVar[str] = "What did the model say, and what else could it have said at each step?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION})
    Params = GenerationParams
    Result = GenerationResult

    def problems(
        self, params: GenerationParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Nothing but the length can be wrong, and that is looked at for every analysis."""
        return iter(())

    def run(self, model: LanguageModel, prompt: Prompt, params: GenerationParams) -> GenerationResult:
        """Lets the model speak, then looks at every step again."""
        reading = model.read(prompt, params.decoding)
        complete = Capability.LOGITS in model.capabilities
        seen = _from_logits if complete else _from_candidates
        steps, gap, excess = seen(model, reading, params.top_k)
        return GenerationResult(
            passage=reading.passage,
            decoding=params.decoding,
            steps=steps,
            complete=complete,
            gap=gap,
            excess=excess,
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: GenerationResult) -> Sequence[Check]:
        """Two ways to the same numbers; and a greedy choice is always the most probable one."""
        checks = []
        tolerance = _TOLERANCE[result.dtype]
        if not result.complete:
            checks.append(
                Check(
                    name="what was written against the list",
                    residual=result.gap,
                    tolerance=_TOLERANCE["float32"],
                    meaning="Largest difference in log-probability (nats) between the server's own number for a token "
                    "it wrote and its number for the same token in its list of candidates.",
                )
            )
        elif result.passage.family in _WRITERS:
            checks.append(
                Check(
                    name="decoding against teacher forcing",
                    residual=result.gap,
                    tolerance=tolerance,
                    meaning="Largest difference in log-probability (nats) between generating token by token with a "
                    "cache and one pass over the whole text.",
                )
            )
        checks.append(
            Check(
                name="probabilities add up",
                residual=result.excess,
                tolerance=_SUM_TOLERANCE,
                meaning="How far the probabilities of everything that could have been said are from one."
                if result.complete
                else "By how much the probabilities of the listed candidates exceed one.",
            )
        )
        if result.decoding.sampling is None and result.passage.family is not Family.QUESTION_ANSWERING:
            checks.append(
                Check(
                    name="greedy choice",
                    residual=max((step.shortfall for step in result.steps), default=0.0),
                    tolerance=tolerance,
                    meaning="The most probable candidate is taken: by how many nats another one is more probable when "
                    "looked at again, at most.",
                )
            )
        return checks

    def metrics(self, result: GenerationResult) -> Mapping[str, Metric]:
        """Confidence in what was said."""
        steps = result.steps
        if not steps:
            return {}
        mean_logprob = sum(step.logprob for step in steps) / len(steps)
        metrics = {
            "perplexity": Metric(
                value=math.exp(-mean_logprob),
                direction=Direction.LOWER,
                meaning="exp of the mean negative log-probability of what was said",
            ),
            "first_token_probability": Metric(
                value=steps[0].probability,
                direction=Direction.HIGHER,
                meaning="probability of the first generated token (mask, class)",
            ),
        }
        entropies = [step.entropy for step in steps if step.entropy is not None]
        if entropies:
            metrics["mean_entropy"] = Metric(
                value=sum(entropies) / len(entropies),
                direction=Direction.NEITHER,
                meaning="mean entropy of the distributions, in bits",
            )
        return metrics

    def summary(self, result: GenerationResult) -> str:
        """What was said, in words."""
        steps, voice = result.steps, voice_of(result.passage.family)
        if not steps:
            return voice.silence
        if result.passage.family is Family.QUESTION_ANSWERING:
            return _answered(result)
        if result.passage.family not in _WRITERS:
            chosen = " and ".join(f"“{step.token.word}” (probability {step.probability:.1%})" for step in steps)
            return f"The model {voice.did} {chosen}."
        written = result.passage.written.strip()
        # The end of the text is no word that one could be sure of.
        steps = tuple(step for step in steps if not step.token.special) or steps
        surest, least = max(steps, key=lambda s: s.probability), min(steps, key=lambda s: s.probability)
        how = "It always took its most probable token" if result.decoding.sampling is None else "Tokens were drawn"
        if not written:
            return f"The model wrote no text but “{steps[0].token.word}” (probability {steps[0].probability:.1%})."
        if len(steps) == 1:
            return f"The model wrote “{written}” (probability {steps[0].probability:.1%})."
        return (
            f"The model wrote “{written}”. {how}; it was surest of “{surest.token.word}” ({surest.probability:.1%}) "
            f"and least sure of “{least.token.word}” ({least.probability:.1%})."
        )

    def charts(self, result: GenerationResult) -> Sequence[Figure]:
        """The steps, and the candidates of the step one chooses."""
        from ecco_reports.charts.candidates import Step as ChartStep
        from ecco_reports.charts.candidates import candidates_chart
        from ecco_reports.charts.figure import ChartFigure

        if not result.steps:
            return ()
        steps = [
            ChartStep(
                position=step.position,
                heading=_heading(result.passage, number),
                chosen=_chosen(result.passage, step),
                candidates=_offered(result.passage, step),
                rank=step.rank,
                probability=step.probability,
                entropy=step.entropy,
            )
            for number, step in enumerate(result.steps)
        ]
        voice = voice_of(result.passage.family)
        return (
            ChartFigure(
                id="candidates",
                title=voice.choices,
                reading=f"{'Each column is one' if len(steps) > 1 else 'The column is the'} {voice.thing}: "
                "how probable it was"
                + (
                    ", and how spread out the model's choice was (entropy in bits: 0 is certain, 1 is a coin toss, 3 "
                    "is eight equal candidates). "
                    if result.complete
                    else ". The server lists only its most probable candidates. "
                )
                + ("Choose a step to see" if len(steps) > 1 else "Below are")
                + " its most probable candidates; the one that was taken is marked.",
                alt_text=self.summary(result),
                chart=candidates_chart(steps, voice.things),
            ),
        )

    def table(self, result: GenerationResult) -> Table:
        """One row per candidate and step."""
        rows = []
        for number, step in enumerate(result.steps):
            chosen = _chosen(result.passage, step)
            for rank, (label, probability) in enumerate(_offered(result.passage, step), start=1):
                rows.append((number, step.position, chosen, step.rank, step.entropy, rank, label, probability))
        return Table(
            columns=(
                "step",
                "position",
                "chosen",
                "rank of chosen",
                "entropy (bits)",
                "rank",
                "candidate",
                "probability",
            ),
            rows=tuple(rows),
            caption="One row per step and candidate, most probable first.",
        )


def _offered(passage: Passage, step: Step) -> list[tuple[str, float]]:
    """Labels and probabilities of the candidates; of an answer's ends with their positions."""
    return [
        (said(passage, c.token) if c.position is None else numbered(passage, c.position), c.probability)
        for c in step.candidates
    ]


def _chosen(passage: Passage, step: Step) -> str:
    """Label of what was chosen, as it stands among the candidates."""
    return (
        numbered(passage, step.position) if passage.family is Family.QUESTION_ANSWERING else said(passage, step.token)
    )


def _heading(passage: Passage, number: int) -> str:
    """What stands above the column of a step, where that is not its label."""
    return place_name(passage, number) if passage.family is Family.QUESTION_ANSWERING else ""


def _from_logits(model: LanguageModel, reading: Reading, top_k: int) -> tuple[tuple[Step, ...], float, float]:
    """The steps from complete distributions; the largest gap, and how far probabilities are from adding up to one."""
    import torch

    from ecco_reports.methods.distributions import NATS_PER_BIT, Distribution

    here = Distribution.of(model.logits(reading, [one.place for one in reading.spoken]))
    chosen = torch.tensor([one.outcome for one in reading.spoken], device=here.logits.device, dtype=torch.long)
    logprobs, ranks, entropies = here.logprob(chosen).tolist(), here.rank(chosen).tolist(), here.entropy().tolist()
    nuclei = here.nucleus_size(_NUCLEUS).tolist()
    outcomes, probabilities = (tensor.tolist() for tensor in here.most_probable(top_k))
    steps = tuple(
        Step(
            token=one.token,
            position=one.position,
            logprob=min(0.0, logprobs[index]),
            rank=ranks[index],
            entropy=entropies[index] / NATS_PER_BIT,
            nucleus=nuclei[index],
            candidates=tuple(
                Candidate(
                    token=model.outcome(reading, outcome),
                    probability=probability,
                    position=outcome if reading.family is Family.QUESTION_ANSWERING else None,
                )
                for outcome, probability in zip(outcomes[index], probabilities[index], strict=True)
            ),
        )
        for index, one in enumerate(reading.spoken)
    )
    gaps = [abs(one.logprob - forced) for one, forced in zip(reading.spoken, logprobs, strict=True)]
    excesses = (here.probabilities.double().sum(-1) - 1).abs().tolist()
    return steps, max(gaps, default=0.0), max(excesses, default=0.0)


def _from_candidates(model: LanguageModel, reading: Reading, top_k: int) -> tuple[tuple[Step, ...], float, float]:
    """The steps from what a server lists; the largest gap, and by how much a list exceeds a probability of one."""
    steps, gaps, excesses = [], [0.0], [0.0]
    for one, listed in zip(reading.spoken, model.candidates(reading, top_k), strict=True):
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
    return tuple(steps), max(gaps), max(excesses)


def _answered(result: GenerationResult) -> str:
    """The answer of a model that points at a span."""
    start, end = result.steps
    text = answer(result.passage, start.position or 0, end.position or 0)
    return f"The model answered “{text}” (start {start.probability:.1%}, end {end.probability:.1%})."
