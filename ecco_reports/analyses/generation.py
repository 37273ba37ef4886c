"""How the model wrote its continuation, one step at a time: what it chose, and what it could have chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Decoding, Direction, Metric, Passage, Prompt, Record, Table, Token

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

# The log-probability noted while generating (with a cache) against that of one pass over the whole text. Norms may
# compute in single precision inside a model of doubles.
_TOLERANCE = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}
_NUCLEUS = 0.9


class GenerationParams(DecodingParams):
    """How to generate, and how much to show of each step.

    Attributes:
        top_k: How many candidates to show at each step.
    """

    top_k: int = Field(default=10, ge=1, le=100)


class Candidate(Record):
    """A token the model could have chosen, with its probability."""

    token: Token
    probability: float


class Step(Record):
    """One generated token.

    Attributes:
        token: The token that was chosen.
        position: Its position in the text.
        logprob: Its natural log-probability under the model, before temperature and truncation.
        rank: Its rank; 1 is the most probable token.
        entropy: Entropy of the distribution in bits.
        nucleus: How many most probable tokens hold 90 % of the probability.
        candidates: The most probable tokens, most probable first.
    """

    token: Token
    position: int
    logprob: float
    rank: int
    entropy: float
    nucleus: int
    candidates: tuple[Candidate, ...]

    @property
    def probability(self) -> float:
        """Probability of the chosen token."""
        return math.exp(self.logprob)

    @property
    def shortfall(self) -> float:
        """By how many nats the most probable token is more probable than the chosen one."""
        return max(0.0, math.log(self.candidates[0].probability) - self.logprob) if self.rank > 1 else 0.0

    @property
    def surprisal(self) -> float:
        """How surprised the model was by its own token, in bits."""
        return -self.logprob / math.log(2)


class GenerationResult(Record):
    """A continuation and its steps.

    Attributes:
        passage: The prompt and the continuation.
        decoding: How the continuation was chosen.
        steps: One per generated token.
        decode_gap: Largest difference between a log-probability noted while generating and by teacher forcing.
        dtype: The model's floating point type, which sets the tolerance of that difference.
    """

    passage: Passage
    decoding: Decoding
    steps: tuple[Step, ...]
    decode_gap: float
    dtype: str


class Generation(Analysis[GenerationParams, GenerationResult]):
    """The generation room."""

    name: ClassVar[str] = "generation"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Generation, step by step"
    question: ClassVar[str] = "What did the model write, and what else could it have written at each step?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION, Capability.LOGITS})
    Params = GenerationParams
    Result = GenerationResult

    def problems(
        self, params: GenerationParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Nothing but the length can be wrong, and that is looked at for every analysis."""
        return iter(())

    def run(self, model: LanguageModel, prompt: Prompt, params: GenerationParams) -> GenerationResult:
        """Generates, then looks at every step again with one pass over the whole text."""
        import torch

        from ecco_reports.methods.distributions import NATS_PER_BIT, Distribution

        written = model.generate(model.tokenizer.ids(prompt.text), params.decoding)
        ids = torch.tensor(written.ids)
        positions = range(written.prompt_length, len(ids))
        here = Distribution.of(model.logits(ids[None], [position - 1 for position in positions])[0])
        chosen = ids[written.prompt_length :].to(here.logits.device)
        logprobs, ranks, entropies = here.logprob(chosen).tolist(), here.rank(chosen).tolist(), here.entropy().tolist()
        nuclei = here.nucleus_size(_NUCLEUS).tolist()
        tokens, probabilities = (tensor.tolist() for tensor in here.most_probable(params.top_k))
        passage = Passage(tokens=model.tokenizer.tokens(written.ids), prompt_length=written.prompt_length)
        steps = tuple(
            Step(
                token=passage.tokens[position],
                position=position,
                logprob=min(0.0, logprobs[step]),
                rank=ranks[step],
                entropy=entropies[step] / NATS_PER_BIT,
                nucleus=nuclei[step],
                candidates=tuple(
                    Candidate(token=model.tokenizer.token(token), probability=probability)
                    for token, probability in zip(tokens[step], probabilities[step], strict=True)
                ),
            )
            for step, position in enumerate(positions)
        )
        gaps = [abs(noted - forced) for noted, forced in zip(written.step_logprobs, logprobs, strict=True)]
        return GenerationResult(
            passage=passage,
            decoding=params.decoding,
            steps=steps,
            decode_gap=max(gaps, default=0.0),
            dtype=model.facts.spec.dtype,
        )

    def proof(self, result: GenerationResult) -> Sequence[Check]:
        """Two ways to the same numbers; and a greedy choice is always the most probable token."""
        checks = [
            Check(
                name="decoding against teacher forcing",
                residual=result.decode_gap,
                tolerance=_TOLERANCE[result.dtype],
                meaning="Largest difference in log-probability (nats) between generating token by token with a cache "
                "and one pass over the whole text.",
            )
        ]
        if result.decoding.sampling is None:
            checks.append(
                Check(
                    name="greedy choice",
                    residual=max((step.shortfall for step in result.steps), default=0.0),
                    tolerance=_TOLERANCE[result.dtype],
                    meaning="Greedy decoding takes the most probable token: by how many nats another one is more "
                    "probable in the pass over the whole text, at most.",
                )
            )
        return checks

    def metrics(self, result: GenerationResult) -> Mapping[str, Metric]:
        """Confidence in the continuation."""
        steps = result.steps
        if not steps:
            return {}
        mean_logprob = sum(step.logprob for step in steps) / len(steps)
        return {
            "perplexity": Metric(
                value=math.exp(-mean_logprob),
                direction=Direction.LOWER,
                meaning="exp of the mean negative log-probability of the generated tokens",
            ),
            "first_token_probability": Metric(
                value=steps[0].probability,
                direction=Direction.HIGHER,
                meaning="probability of the first generated token",
            ),
            "mean_entropy": Metric(
                value=sum(step.entropy for step in steps) / len(steps),
                direction=Direction.NEITHER,
                meaning="mean entropy of the next-token distributions, in bits",
            ),
        }

    def summary(self, result: GenerationResult) -> str:
        """The continuation in words."""
        steps = result.steps
        if not steps:
            return "The model wrote nothing."
        written = result.passage.written.strip()
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
                chosen=step.token.label,
                candidates=[(candidate.token.label, candidate.probability) for candidate in step.candidates],
                rank=step.rank,
                probability=step.probability,
                entropy=step.entropy,
            )
            for step in result.steps
        ]
        return (
            ChartFigure(
                id="candidates",
                title="What it wrote, and what it could have written",
                reading="Each column is a generated token: how probable it was, and how spread out the model's choice "
                "was (entropy in bits: 0 is certain, 1 is a coin toss, 3 is eight equal candidates). Choose a step to "
                "see its most probable candidates; the token that was taken is marked.",
                alt_text=self.summary(result),
                chart=candidates_chart(steps),
            ),
        )

    def table(self, result: GenerationResult) -> Table:
        """One row per candidate and step."""
        rows = []
        for number, step in enumerate(result.steps):
            offered = [(c.token.label, c.probability) for c in step.candidates]
            for rank, (label, probability) in enumerate(offered, start=1):
                rows.append(
                    (number, step.position, step.token.label, step.rank, step.entropy, rank, label, probability)
                )
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
