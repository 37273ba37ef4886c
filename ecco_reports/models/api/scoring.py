"""Log-probabilities of given tokens after given texts, as exactly as a server tells them.

A server that repeats prompts with their log-probabilities tells every one of them, many texts to a call. One that does
not is asked to write at each place, and lists its most probable tokens: what is not on the list is at most as probable
as the last of it, and as all that the list leaves over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ecco_reports.errors import CapabilityError, ModelApiError
from ecco_reports.models.api.answers import Step, Written
from ecco_reports.models.api.asking import Asker, Text
from ecco_reports.models.reading import Scores

# What may be lost of the sum of a list: a server adds up in single precision, and may round what it tells.
_ROUNDING = 1e-5


@dataclass
class _Board:
    """What is known so far of every pair of a text and a token.

    Attributes:
        said: The tokens.
        known: Log-probabilities by text and token.
        bounds: The pairs of which only an upper bound is known.
    """

    said: Sequence[Step]
    known: list[dict[int, float]]
    bounds: set[tuple[int, int]] = field(default_factory=set)

    def next_of(self, text: int) -> int:
        """The first token that is not known after a text; the number of tokens when all are."""
        return next((index for index in range(len(self.said)) if index not in self.known[text]), len(self.said))

    def prefix(self, index: int) -> str | None:
        """What was said before a token, or None when that ends inside a character or holds a sign of the template."""
        try:
            return b"".join(step.piece for step in self.said[:index]).decode()
        except UnicodeDecodeError:
            return None

    def scores(self) -> Scores:
        """The finished board."""
        rows = tuple(tuple(row[index] for index in range(len(self.said))) for row in self.known)
        return Scores(rows, frozenset(self.bounds))


def scores_after(asker: Asker, source: str, texts: Sequence[Text], said: Sequence[Step], specials: int) -> Scores:
    """The log-probability of each token after each text and the tokens before it.

    Args:
        asker: Asks the server.
        source: The model, for messages.
        texts: The texts.
        said: The tokens.
        specials: How many of the last ones are signs of the template, which cannot be sent as text.

    Raises:
        CapabilityError: The server cannot tell.
        ModelApiError: There is no answer.
    """
    if asker.is_chat and len(said) > 1:
        raise CapabilityError(
            source,
            f"{source} tells of messages only what it answers first: the chat endpoint does not go on after given "
            "words. Set max_new_tokens: 1 for this analysis, or use endpoint: completions where the server has it.",
        )
    board = _Board(said, [{} for _ in texts])
    _by_repeating(asker, board, texts, len(said) - specials)
    _by_listing(asker, source, board, texts)
    return board.scores()


def _by_repeating(asker: Asker, board: _Board, texts: Sequence[Text], count: int) -> None:
    """Fills in what a server tells that repeats the texts with what was said after them."""
    said = board.prefix(count)
    if not asker.may_echo or not said or not all(isinstance(text, str) for text in texts):
        return
    repeated = asker.write_and_repeat([f"{text}{said}" for text in texts], new=1, listed=1)
    for row, (text, written) in enumerate(zip(texts, repeated or (), strict=bool(repeated))):
        _match(board, row, len(str(text).encode()), written, count)


def _match(board: _Board, row: int, start: int, written: Written, count: int) -> None:
    """Takes the log-probabilities of those tokens that the server has cut as they were said.

    Behind another text the server may cut the same characters otherwise, and tokens of the template may stand before
    it; what cannot be told apart stays unknown.
    """
    whole = written.text.encode()
    done = 0
    found: dict[int, Step] = {}
    for step in written.steps:
        if step.piece and whole.startswith(step.piece, done):
            found[done] = step
            done += len(step.piece)
    for index in range(count):
        here = found.get(start)
        if here is not None and here.piece == board.said[index].piece and here.logprob is not None:
            board.known[row][index] = here.logprob
        start += len(board.said[index].piece)


def _by_listing(asker: Asker, source: str, board: _Board, texts: Sequence[Text]) -> None:
    """Fills in the rest from the lists of most probable tokens.

    As long as the server, taking its most probable token each time, writes what was said, one answer tells of several
    places. Where it goes another way, it is asked again with what was said up to there.
    """
    while open_rows := [row for row in range(len(texts)) if board.next_of(row) < len(board.said)]:
        asked = [_asked(board, source, texts[row], board.next_of(row)) for row in open_rows]
        new = max(len(board.said) - board.next_of(row) for row in open_rows)
        for row, written in zip(open_rows, _written(asker, source, asked, new), strict=True):
            if not written.steps:
                raise CapabilityError(source, f"{source} wrote nothing after a part of the prompt, so nothing is told.")
            _take(board, row, written)


def _written(asker: Asker, source: str, texts: Sequence[Text], new: int) -> Iterator[Written]:
    """What is written after each text; an empty one is asked about by itself, as a server may refuse it."""
    full = iter(asker.write([text for text in texts if text], new))
    for text in texts:
        if text:
            yield next(full)
            continue
        try:
            yield from asker.write([text], new)
        except ModelApiError as error:
            if error.status not in (400, 422):
                raise
            raise CapabilityError(source, f"{source}: its server refuses to go on after an empty text.") from error


def _asked(board: _Board, source: str, text: Text, index: int) -> Text:
    """A text with what was said before a token."""
    before = board.prefix(index)
    if before is None:
        raise CapabilityError(
            source,
            f"{source}: what was written is cut inside a character here, and a server reads whole characters only. "
            "Set another max_new_tokens.",
        )
    return text + before if isinstance(text, str) else text


def _take(board: _Board, row: int, written: Written) -> None:
    """Reads the lists of an answer as far as it says what was said."""
    for index, step in enumerate(written.steps, start=board.next_of(row)):
        if index == len(board.said):
            return
        wanted = board.said[index]
        if step.piece == wanted.piece and step.logprob is not None:
            board.known[row].setdefault(index, step.logprob)
        elif (listed := next((one for one in step.listing if one.piece == wanted.piece), None)) is not None:
            board.known[row].setdefault(index, listed.logprob)
        elif index not in board.known[row]:
            board.bounds.add((row, index))
            board.known[row][index] = bound_beside([one.logprob for one in step.listing])
        if step.piece != wanted.piece:
            return


def bound_beside(listed: Sequence[float]) -> float:
    """The largest log-probability that a token can have which is not on a list of the most probable ones.

    Args:
        listed: Natural log-probabilities of the tokens on the list.
    """
    left_over = max(0.0, 1.0 - sum(map(math.exp, listed))) + _ROUNDING
    return min(0.0, math.log(left_over), *listed)
