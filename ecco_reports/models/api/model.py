"""A model behind an OpenAI-compatible server: what it writes, and what else it could have written.

In: a ``ModelSpec`` whose source begins with ``openai:``. Out: a ``LanguageModel`` that can do three things and says of
all others why it cannot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

from ecco_reports.errors import CapabilityError, ModelApiError
from ecco_reports.models.api.answers import Kept, Step
from ecco_reports.models.api.asking import Asker, Text
from ecco_reports.models.api.budget import Budget
from ecco_reports.models.api.client import Client
from ecco_reports.models.api.patience import Patience
from ecco_reports.models.api.scoring import scores_after
from ecco_reports.models.api.server import Server, facts_of, refused_settings
from ecco_reports.models.api.words import Words, laid_out, length_of, token_of, words
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.models.reading import Candidates, Reading, Scores, Spoken
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Message, Passage, Prompt, Sampling, Token, written_text

_OFFERED = frozenset({Capability.GENERATION, Capability.CANDIDATES, Capability.SCORES})
_ONLY_TEXT = "its server shows text and log-probabilities, and nothing of what happens inside"
_ONLY_THE_TOP = "its server lists the most probable tokens only"


def load(spec: ModelSpec) -> LanguageModel:
    """The model of a spec; asks the server nothing before an analysis does."""
    return ApiModel(Server(spec))


@dataclass(frozen=True)
class _Read:
    """What a reading was made of.

    Attributes:
        text: What the server was asked about.
        prompt: The prompt.
        said: What it wrote, token by token.
        specials: How many of the last tokens are signs of the template.
    """

    text: Text
    prompt: Prompt
    said: tuple[Step, ...]
    specials: int


class ApiModel(LanguageModel):
    """A causal language model of which only a server knows more than its name.

    Args:
        server: The server.
        patience: How often and how long to ask again.
        transport: What carries the questions; None is HTTP.
    """

    def __init__(
        self, server: Server, patience: Patience | None = None, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._server = server
        self._asker = Asker(server, Client(server, Kept(), Budget(server), patience, transport))
        self._read: dict[Reading, _Read] = {}
        self._readings: dict[tuple[Prompt, Decoding], Reading] = {}
        self.facts = facts_of(server.spec)
        self.tokenizer = Words(server.spec.source)
        self.family = Family.CAUSAL
        self.capabilities = _OFFERED
        self.reasons = {
            capability: _ONLY_THE_TOP if capability is Capability.LOGITS else _ONLY_TEXT
            for capability in Capability
            if capability not in _OFFERED
        }
        self.proofs: Mapping[Capability, float] = {}

    def keep_answers(self, folder: Path, run: str) -> None:
        """Keeps answers below a folder, where those of earlier runs are, and counts calls for a run."""
        own = folder / self._server.folder
        self._asker.client.kept = Kept(own)
        self._asker.client.budget = Budget(self._server, own / "runs" / f"{run}.txt")

    @property
    def device(self) -> str:
        """The address of its server."""
        return self._server.base_url

    @property
    def layers(self) -> int:
        """Not known."""
        return 0

    @property
    def served(self) -> Mapping[str, str]:
        """What the server said of itself: the name of its model, the fingerprint of its system."""
        return dict(self._asker.served)

    def read(self, prompt: Prompt, decoding: Decoding) -> Reading:
        """Has the server continue a prompt, or read a continuation that is given.

        The tokens of the prompt are those of the server where it repeats them, else its words. A text that ends
        generation is looked for on this side: a server leaves out what ended it.

        Raises:
            CapabilityError: The server cannot read such a prompt, cannot choose tokens so, or tells nothing of a
                continuation that it did not write.
            ModelApiError: It does not answer, or not with what was asked for.
        """
        key = (prompt, decoding)
        if key not in self._readings:
            if prompt.text_pair is not None:
                raise CapabilityError(self._source, f"{self._source} reads one text, and this prompt has two.")
            if not prompt.text:
                raise CapabilityError(self._source, f"{self._source} says nothing after an empty text.")
            if prompt.continuation is not None:
                self._readings[key] = self._continued(prompt, prompt.continuation)
                return self._readings[key]
            for _, what, hint in refused_settings(decoding):
                raise CapabilityError(self._source, f"{self._source} {what} {hint}")
            self._readings[key] = self._read_anew(prompt, decoding)
        return self._readings[key]

    def outcome(self, reading: Reading, number: int) -> Token:
        """Not to be had: a server does not number its tokens."""
        raise CapabilityError(self._source, f"{self._source} has no token numbers: its server keeps its tokenizer.")

    def candidates(self, reading: Reading, k: int) -> Sequence[Candidates]:
        """The most probable tokens at each step, as many of them as the server lists."""
        return tuple(
            Candidates(
                tokens=tuple(
                    token_of(one.piece, special=spoken.token.special and one.written == step.written)
                    for one in step.listing[:k]
                ),
                logprobs=tuple(one.logprob for one in step.listing[:k]),
            )
            for spoken, step in zip(reading.spoken, self._read[reading].said, strict=True)
        )

    def scores_without(
        self, reading: Reading, units: Sequence[Sequence[int]], dropped: Sequence[Sequence[int]]
    ) -> Scores:
        """Log-probabilities of what was written, if the characters of some units had not been in the prompt."""
        read = self._read[reading]
        tokens = reading.passage.tokens
        texts = []
        for left_out in dropped:
            positions = {position for unit in left_out for position in units[unit]}
            spans = [span for position in positions if (span := tokens[position].span) is not None]
            texts.append(_without(read, spans))
        return scores_after(self._asker, self._source, texts, read.said, read.specials)

    @property
    def _source(self) -> str:
        return self._server.spec.source

    def _read_anew(self, prompt: Prompt, decoding: Decoding) -> Reading:
        text: Text = prompt.messages or prompt.text
        new, sampling = decoding.max_new_tokens, decoding.sampling
        given: tuple[Token, ...] | None = None
        steps: tuple[Step, ...] = ()
        tokens: tuple[Token, ...] = ()
        if isinstance(text, str) and (found := self._repeated(text, new, sampling)) is not None:
            given, tokens, steps = found
        if given is None:
            given = tuple(_words_of(prompt))
            (written,) = self._asker.write([text], new, sampling)
            tokens, steps = _written_tokens(written.steps, written.text), written.steps
        end = _end_of(tokens, decoding.stop)
        tokens, steps = tokens[:end], steps[:end]
        if sampling is not None and isinstance(text, str):
            steps = self._before_drawing(text, steps)
        return self._reading(prompt, text, given, tokens, steps)

    def _continued(self, prompt: Prompt, continuation: str) -> Reading:
        """A prompt with a continuation that the server repeats with its log-probabilities."""
        text = prompt.text
        repeated = (
            None if prompt.messages else self._asker.write_and_repeat([text + continuation], 1, self._server.listed)
        )
        if repeated is None:
            raise CapabilityError(
                self._source,
                f"{self._source}: a continuation can be explained only where a server repeats a text with its "
                "log-probabilities, and this one does not. Leave out the continuation.",
            )
        (written,) = repeated
        pieces, offsets = [step.piece for step in written.steps], written.offsets
        border = length_of(pieces, text, offsets)
        behind = tuple(offset - len(text) for offset in offsets[border:])
        end = border + length_of(pieces[border:], continuation, behind)
        # Where the bytes of its tokens are not those of the text, the server must tell of one that begins there.
        begins = behind[:1] == (0,) or laid_out(pieces[:border], text) is not None
        given = laid_out(pieces[:border], text, offsets[:border])
        tokens = laid_out(pieces[border:end], continuation, behind[: end - border])
        if given is None or tokens is None or not begins:
            raise CapabilityError(
                self._source,
                f"{self._source}: its server has a token over the border of prompt and continuation. Move the border: "
                "most tokens begin with the space before a word.",
            )
        return self._reading(prompt, text, given, tokens, written.steps[border:end])

    def _repeated(
        self, text: str, new: int, sampling: Sampling | None
    ) -> tuple[tuple[Token, ...], tuple[Token, ...], tuple[Step, ...]] | None:
        """The tokens of the prompt, and those written after it, of a server that repeats prompts."""
        repeated = self._asker.write_and_repeat([text], new, self._server.listed, sampling)
        if repeated is None:
            return None
        (written,) = repeated
        pieces = [step.piece for step in written.steps]
        length = length_of(pieces, text, written.offsets)
        given = laid_out(pieces[:length], text, written.offsets[:length])
        if given is None:
            return None
        steps = written.steps[length:]
        return given, _written_tokens(steps, written.text[len(text) :]), steps

    def _before_drawing(self, text: str, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """The same tokens with the log-probabilities that they had before temperature and truncation.

        Servers differ in what they tell of a token that was drawn (OpenAI does not document it; vLLM has a setting).
        Of a text that they only repeat there is nothing that could have been changed.
        """
        try:
            said = b"".join(step.piece for step in steps).decode()
        except UnicodeDecodeError:
            return steps
        repeated = self._asker.write_and_repeat([text + said], 1, self._server.listed)
        if repeated is None:
            return steps
        pieces = [step.piece for step in steps]
        (written,) = repeated
        for first in range(len(written.steps) - len(steps), -1, -1):
            same = written.steps[first : first + len(steps)]
            if [step.piece for step in same] == pieces:
                return same
        return steps

    def _reading(
        self, prompt: Prompt, text: Text, given: Sequence[Token], tokens: Sequence[Token], steps: Sequence[Step]
    ) -> Reading:
        length = len(given)
        written = tuple(token.model_copy(update={"span": None}) for token in tokens)
        spoken = []
        for index, (token, step) in enumerate(zip(written, steps, strict=True)):
            if step.logprob is None:
                raise ModelApiError(
                    self._source,
                    f"{self._source}: the server tells no log-probability of {token.word!r}, which it wrote itself. "
                    "Set a higher top_logprobs, or draw closer to its most probable tokens.",
                )
            spoken.append(Spoken(length - 1 + index, token.id, token, step.logprob, length + index))
        reading = Reading(
            passage=Passage(
                tokens=(*given, *written),
                prompt_length=length,
                family=Family.CAUSAL,
                forced=prompt.continuation is not None,
            ),
            segments=(),
            places=tuple(range(length - 1, length - 1 + max(1, len(spoken)))),
            spoken=tuple(spoken),
        )
        specials = next((index for index, token in enumerate(reversed(written)) if not token.special), len(written))
        self._read[reading] = _Read(text, prompt, tuple(steps), specials)
        return reading


def _written_tokens(steps: Sequence[Step], text: str) -> tuple[Token, ...]:
    """What a reader sees of the tokens of a text; one that ends inside a character is no text any more."""
    pieces = [step.piece for step in steps]
    laid = laid_out(pieces, text)
    return laid if laid is not None else tuple(token_of(piece) for piece in pieces)


def _end_of(tokens: Sequence[Token], stop: Sequence[str]) -> int:
    """How many tokens there are up to the first that completes one of some texts; all where none does."""
    said = ((count, written_text(tokens[:count])) for count in range(1, len(tokens) + 1))
    return next((count for count, so_far in said if any(text in so_far for text in stop)), len(tokens))


def _words_of(prompt: Prompt) -> Iterator[Token]:
    """The words of a text; of a conversation those that were said, without what stands between the turns."""
    for start, content in _contents(prompt):
        yield from words(content, start)


def _contents(prompt: Prompt) -> Iterator[tuple[int, str]]:
    """Where each turn begins in the text of the prompt, and what was said in it."""
    if not prompt.messages:
        yield 0, prompt.text
    start = 0
    for message in prompt.messages:
        start = prompt.text.index(message.content, start)
        yield start, message.content
        start += len(message.content)


def _without(read: _Read, spans: Sequence[tuple[int, int]]) -> Text:
    """A text or a conversation without some of its characters."""
    gone = {char for start, end in spans for char in range(start, end)}
    left = [
        "".join(char for index, char in enumerate(content, start) if index not in gone)
        for start, content in _contents(read.prompt)
    ]
    if isinstance(read.text, str):
        return left[0]
    return tuple(
        Message.model_construct(role=turn.role, content=text) for turn, text in zip(read.text, left, strict=True)
    )
