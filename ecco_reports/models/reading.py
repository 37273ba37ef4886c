"""What a model reads and says: a prompt as tokens, the reading that comes of it, and the places where the model speaks.

Light: no torch at import. Frozen views, made by models, that methods and rooms ask about.
"""

from __future__ import annotations

from dataclasses import dataclass

from ecco_reports.records import Family, Passage, Token


@dataclass(frozen=True)
class Encoding:
    """A prompt as a model reads it.

    Attributes:
        tokens: Its tokens, those of the model's own template included and marked as special.
        segments: Which of two texts each token belongs to (0 or 1), for models that are told; else empty.
    """

    tokens: tuple[Token, ...]
    segments: tuple[int, ...] = ()

    @property
    def ids(self) -> tuple[int, ...]:
        """The token numbers."""
        return tuple(token.id for token in self.tokens)


@dataclass(frozen=True)
class Spoken:
    """Something a model said: a token, a class, or an end of a span.

    Attributes:
        place: Where it was said; see ``Reading``.
        outcome: Its number among everything that could have been said there; -1 where a server does not tell it.
        token: What a reader sees of it.
        logprob: Its natural log-probability, raw (before any decoding setting), as measured when it was said.
        position: Where it stands in the passage, or None when it is not part of it.
    """

    place: int
    outcome: int
    token: Token
    logprob: float
    position: int | None


@dataclass(frozen=True)
class Beam:
    """One of several continuations that a model followed side by side.

    Attributes:
        reading: The prompt with this continuation.
        score: What the search ranks it by: the mean log-probability of its tokens, with a repetition penalty where
            there is one.
    """

    reading: Reading
    score: float


@dataclass(frozen=True)
class Reading:
    """A text as a model has read and continued it, and the places where the model speaks of it.

    A *place* is a number that names one distribution. For a causal model, and for the decoder of an encoder-decoder,
    it is the position whose next token is predicted; for a masked model the position that is filled in; a classifier
    has the one place 0, and a model that answers by a span has 0 for its start and 1 for its end. Positions count
    through the whole passage: what an encoder reads, then what the decoder starts with, then what was written.

    Attributes:
        passage: Everything that was read, what the model wrote included.
        segments: As in ``Encoding``; for the encoder's part.
        places: All places where the model speaks.
        spoken: What it said of itself: the tokens it wrote or was given to go on with, the masks it filled in, the
            class or the span it chose.
        beams: All continuations of a beam search, the best first, which is that of this reading; else none.
        chance_gap: Largest difference between the probabilities by which its tokens were chosen and those that
            ``models.chances`` makes of the same logits.
    """

    passage: Passage
    segments: tuple[int, ...]
    places: tuple[int, ...]
    spoken: tuple[Spoken, ...]
    beams: tuple[Beam, ...] = ()
    chance_gap: float = 0.0

    @property
    def family(self) -> Family:
        """What kind of model read it."""
        return self.passage.family

    @property
    def ids(self) -> tuple[int, ...]:
        """The token numbers of the passage."""
        return tuple(token.id for token in self.passage.tokens)

    @property
    def before(self) -> tuple[tuple[int, ...], ...]:
        """For each thing said, the token numbers that a repetition penalty counts there: those its own stack read."""
        ids, first = self.ids, self.passage.encoder_length
        return tuple(ids[first : one.place + 1] for one in self.spoken)

    def reach(self, place: int) -> int:
        """The last position that what is said at a place can depend on."""
        return place if self.family in (Family.CAUSAL, Family.ENCODER_DECODER) else len(self.passage.tokens) - 1

    @property
    def question(self) -> int:
        """The place that a prompt's own target and foil are about: what comes next, the first mask, the class."""
        if self.family in (Family.CAUSAL, Family.ENCODER_DECODER):
            return self.passage.prompt_length - 1
        return self.spoken[0].place if self.spoken else self.places[0]


@dataclass(frozen=True)
class Candidates:
    """The most probable outcomes at one place, as far as they are known.

    Attributes:
        tokens: What a reader sees of them, most probable first.
        logprobs: Their natural log-probabilities.
    """

    tokens: tuple[Token, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Scores:
    """Log-probabilities of what a model said, after variants of the prompt.

    Attributes:
        logprobs: Natural log-probabilities, ``[variant, spoken]``.
        bounds: The pairs (variant, spoken) of which the model told only that the log-probability is at most this: a
            server that lists its most probable tokens says of all others that they are below the last of the list.
    """

    logprobs: tuple[tuple[float, ...], ...]
    bounds: frozenset[tuple[int, int]] = frozenset()
