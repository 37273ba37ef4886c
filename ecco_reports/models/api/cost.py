"""What an experiment would ask of a server at most, estimated without asking it.

In: what each analysis does with a prompt. Out: calls and tokens. The number of tokens of a text is a guess, as servers
keep their tokenizers; the limits of a run count what was really spent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ecco_reports.models.api.answers import Kept, count_kept
from ecco_reports.models.api.server import TEXTS_PER_CALL, Server
from ecco_reports.models.api.words import about_tokens
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Message, Prompt


@dataclass(frozen=True)
class Question:
    """What an analysis wants of a prompt.

    Attributes:
        prompt: The prompt.
        decoding: How it is continued.
        variants: How many variants of it are to be scored.
    """

    prompt: Prompt
    decoding: Decoding
    variants: int


@dataclass(frozen=True)
class Cost:
    """What a model behind a server would cost.

    Attributes:
        url: Where the model is asked.
        calls: Calls, at most.
        tokens: Tokens sent and received, at most; a guess.
        kept: How many answers are kept already, which cost nothing again.
        max_calls: The limit of a run.
        max_tokens: The limit of a run.
    """

    url: str
    calls: int
    tokens: int
    kept: int
    max_calls: int
    max_tokens: int

    @property
    def excess(self) -> str:
        """What passes a limit, in words; empty when nothing does."""
        if self.calls > self.max_calls:
            return f"would make up to {self.calls:,} calls, and max_calls is {self.max_calls:,}"
        if self.tokens > self.max_tokens:
            return f"would cost up to about {self.tokens:,} tokens, and max_tokens is {self.max_tokens:,}"
        return ""


def units_of(prompt: Prompt) -> int:
    """How many units a prompt has, about: one for each of its tokens."""
    return about_tokens(prompt.text)


def estimate(spec: ModelSpec, questions: Iterable[Question], answers: Path) -> Cost:
    """What a model would cost, if no answer were kept and no call failed.

    Args:
        spec: The model.
        questions: What the analyses want; equal readings are asked for once.
        answers: Where the answers of all models are kept.
    """
    server = Server(spec)
    folder = answers / server.folder
    repeats = None if server.is_chat else Kept(folder).noted("echo")
    calls = tokens = 0
    readings: set[tuple[str, tuple[Message, ...], str | None, Decoding]] = set()
    for question in questions:
        asked, continuation = question.prompt, question.prompt.continuation
        prompt = about_tokens(asked.text)
        new = question.decoding.max_new_tokens if continuation is None else about_tokens(continuation) + 1
        reading = (asked.text, asked.messages, continuation, question.decoding)
        if reading not in readings:
            readings.add(reading)
            # A server that was never asked to repeat a prompt may refuse and be asked again without; what was drawn is
            # read once more.
            times = 1 if server.is_chat or repeats is not None else 2
            times += question.decoding.sampling is not None and repeats is not False and not server.is_chat
            calls += times
            tokens += times * (prompt + new)
        # Without repeated prompts every token may need a question of its own.
        rounds = 1 if server.is_chat or repeats else new
        calls += rounds * -(-question.variants // (1 if server.is_chat else TEXTS_PER_CALL))
        tokens += rounds * question.variants * (prompt + new)
    return Cost(server.url, calls, tokens, count_kept(folder), server.max_calls, server.max_tokens)
