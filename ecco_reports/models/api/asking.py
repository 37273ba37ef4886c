"""Questions in the two dialects of a server: texts to continue, and messages to answer.

In: texts. Out: what the server wrote after each, token by token. What a server does not offer is found out by trying
once, and noted beside the answers that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ecco_reports.errors import CapabilityError, ModelApiError
from ecco_reports.models.api.answers import Written
from ecco_reports.models.api.client import Client
from ecco_reports.models.api.server import TEXTS_PER_CALL, Server
from ecco_reports.records import Message, Sampling

Text: TypeAlias = str | tuple[Message, ...]
"""What a model is asked about: a text, or the turns of a conversation."""

# What a template may add to a text or to each of its turns.
_TEMPLATE = 16
# How servers say that they do not repeat a prompt with its log-probabilities, or answer as if they had not been asked.
_NO_ECHO = frozenset({200, 400, 422, 501})


class Asker:
    """Asks a server to write after texts.

    Args:
        server: The server.
        client: How it is reached.
    """

    def __init__(self, server: Server, client: Client) -> None:
        self._server = server
        self.client = client
        self.served: dict[str, str] = {}
        self._echo_refused = False

    @property
    def is_chat(self) -> bool:
        """Whether it answers messages rather than continues texts."""
        return self._server.is_chat

    @property
    def may_echo(self) -> bool:
        """Whether the server repeats a prompt with its log-probabilities, or may do so as nobody has tried."""
        return not self._server.is_chat and self.client.kept.noted("echo") is not False

    def write(self, texts: Sequence[Text], new: int, sampling: Sampling | None = None) -> list[Written]:
        """What the server writes after each text.

        Args:
            texts: The texts.
            new: How many tokens it writes at most.
            sampling: How they are drawn; None takes the most probable one each time.

        Raises:
            ModelApiError: There is no answer.
            CapabilityError: The server cannot read such a text.
        """
        found = self._ask(texts, new, self._server.listed, _drawing(sampling))
        if self._echo_refused and found:
            # Asked the same without a repeated prompt, the server answers: that was what it refused.
            self.client.kept.note("echo", offered=False)
        return found

    def write_and_repeat(
        self, texts: Sequence[Text], new: int, listed: int, sampling: Sampling | None = None
    ) -> list[Written] | None:
        """The texts themselves, token by token, and what the server writes after each.

        Args:
            texts: The texts.
            new: How many tokens it writes at most, one at least.
            listed: How many of the most probable tokens to list at each place.
            sampling: As for ``write``.

        Returns:
            One for each text, which it begins with; None when the server does not repeat prompts.
        """
        if not self.may_echo:
            return None
        try:
            found = self._ask(texts, new, listed, {**_drawing(sampling), "echo": True})
        except ModelApiError as error:
            if self.client.kept.noted("echo") or error.status not in _NO_ECHO:
                raise
            self._echo_refused = True
            return None
        offers = all(
            written.text.startswith(str(text)) and _tells_of_prompt(written, str(text))
            for text, written in zip(texts, found, strict=True)
        )
        self.client.kept.note("echo", offered=offers)
        return found if offers else None

    def _ask(self, texts: Sequence[Text], new: int, listed: int, extra: Mapping[str, Any]) -> list[Written]:
        found: list[Written] = []
        for some in self._portions(texts):
            tokens = sum(_at_most_tokens(text) + new for text in some)
            answer = self.client.ask(self._body(some, new, listed, extra), tokens, texts=len(some), listed=listed)
            self.served.update(answer.served)
            found.extend(answer.texts)
        return found

    def _portions(self, texts: Sequence[Text]) -> Iterator[Sequence[Text]]:
        size = 1 if self._server.is_chat else TEXTS_PER_CALL
        for first in range(0, len(texts), size):
            yield texts[first : first + size]

    def _body(self, texts: Sequence[Text], new: int, listed: int, extra: Mapping[str, Any]) -> dict[str, Any]:
        common = {"model": self._server.model, "max_tokens": new, **extra}
        if self._server.is_chat:
            (text,) = texts
            turns = (
                [{"role": "user", "content": text}] if isinstance(text, str) else [turn.model_dump() for turn in text]
            )
            return {**common, "messages": turns, "logprobs": True, "top_logprobs": listed}
        if not all(isinstance(text, str) for text in texts):
            source = self._server.spec.source
            raise CapabilityError(
                source,
                f"{source} is asked to continue texts (endpoint: completions), and this prompt is a conversation. "
                "Write endpoint: chat.",
            )
        return {**common, "prompt": texts[0] if len(texts) == 1 else list(texts), "logprobs": listed}


def _drawing(sampling: Sampling | None) -> dict[str, Any]:
    """How tokens are drawn, in the words of the protocol."""
    if sampling is None:
        return {"temperature": 0}
    chosen = {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": sampling.seed}
    return {name: value for name, value in chosen.items() if value is not None}


def _at_most_tokens(text: Text) -> int:
    """No token is shorter than a byte."""
    turns = [text] if isinstance(text, str) else [turn.content for turn in text]
    return sum(len(turn.encode()) + _TEMPLATE for turn in turns)


def _tells_of_prompt(written: Written, text: str) -> bool:
    """Whether the log-probabilities begin with those of the prompt; that of its first token is never known."""
    repeated = b"".join(step.piece for step in written.steps)
    return len(repeated) >= len(text.encode()) and any(step.logprob is not None for step in written.steps[1:2])
