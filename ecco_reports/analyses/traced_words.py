"""The words of a prompt as a trace keeps them, and which of them two models have in common.

In: passages, or what traces kept of them. Out: words with the characters they end at, and pairs of them. Light: no
torch.

A word covers the text from where the one before it ended: some vocabularies give the space between two words to the
second of them, and others to none, so that only ends can be compared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import TypeAlias

from pydantic import Field

from ecco_reports.analyses.units import Unit, goes_on
from ecco_reports.records import Passage, Record, Token

Indices: TypeAlias = tuple[int, ...]
Place: TypeAlias = tuple[bool, int]
"""Which of two texts, and after how many of its characters."""


class TracedWord(Record):
    """A part of a prompt: a token, a word, or several words.

    Attributes:
        text: What it reads, with the space before it.
        begin: After how many characters of its text it begins.
        end: After how many it ends.
        second: Whether it stands in the second of two texts.
        opens: Whether a word begins with it; not so for ``##ing``.
    """

    text: str
    begin: int = Field(ge=0)
    end: int = Field(ge=0)
    second: bool = Field(default=False, exclude_if=lambda second: not second)
    opens: bool = Field(default=True, exclude_if=lambda opens: opens)

    @property
    def word(self) -> str:
        """How a sentence speaks of it."""
        return self.text.strip() or repr(self.text).strip("'")

    @property
    def begins_at(self) -> Place:
        """Where it begins."""
        return self.second, self.begin

    @property
    def ends_at(self) -> Place:
        """Where it ends."""
        return self.second, self.end


Part: TypeAlias = tuple[TracedWord, Unit]
"""A part of a prompt and the positions of its tokens in the passage."""


def parts_of(passage: Passage) -> tuple[Part, ...]:
    """The tokens of a prompt's text, in reading order; tokens that make up one character are one part.

    Signs of the template, and what the model wrote, are in no part.
    """
    of_the_text = [
        (position, token)
        for position, token in enumerate(passage.prompt)
        if token.span is not None and not token.special
    ]
    return tuple(_parts(of_the_text))


def _parts(of_the_text: Sequence[tuple[int, Token]]) -> Iterator[Part]:
    last: tuple[int, Token] | None = None
    for (second, end), run in groupby(of_the_text, key=lambda each: _end(each[1])):
        tokens = list(run)
        position, first = tokens[0]
        follows = last is not None and last[1].second == second
        opens = last is None or not follows or position != last[0] + 1 or not goes_on(last[1], first, "word")
        begin = _end(last[1])[1] if last is not None and follows else 0
        text = "".join(token.before + token.characters for _, token in tokens)
        yield (
            TracedWord(text=text, begin=min(begin, end), end=end, second=second, opens=opens),
            tuple(position for position, _ in tokens),
        )
        last = tokens[-1]


def _end(token: Token) -> Place:
    return token.second, token.span[1] if token.span is not None else 0


def words_of(passage: Passage) -> tuple[Part, ...]:
    """The same, joined to words: what stands between white space."""
    parts = parts_of(passage)
    starts = [index for index, (word, _) in enumerate(parts) if word.opens or index == 0]
    return tuple(joined_part(parts[first:after]) for first, after in pairwise([*starts, len(parts)]) if first < after)


def grouped(parts: Sequence[Part], units: Sequence[Unit]) -> tuple[Part, ...]:
    """Parts as larger units of the text have them; a part of which some token is in no unit is left out."""
    number = {position: index for index, unit in enumerate(units) for position in unit}
    inside = [part for part in parts if all(position in number for position in part[1])]
    runs = groupby(inside, key=lambda part: number[part[1][0]])
    return tuple(joined_part(list(run)) for _, run in runs)


def joined_part(parts: Sequence[Part]) -> Part:
    """Parts that follow one another as one."""
    (first, _), (last, _) = parts[0], parts[-1]
    text = "".join(word.text for word, _ in parts)
    whole = TracedWord(text=text, begin=first.begin, end=last.end, second=first.second, opens=first.opens)
    return whole, tuple(position for _, unit in parts for position in unit)


def common_parts(
    first: Sequence[TracedWord], second: Sequence[TracedWord], whole: bool = False
) -> tuple[tuple[Indices, Indices], ...]:
    """The smallest parts of a prompt that two lists of words have in common.

    Lists that end at the same characters are paired one by one. Where they do not, two vocabularies cut the text, and
    only whole words are paired: pieces of words that happen to end alike say little. What only one of the two has is in
    no part, nor is what it leaves out.

    Args:
        first: Of one model, in reading order.
        second: Of another.
        whole: Whether only whole words are paired in any case, as a sentence speaks of them.

    Returns:
        Indices into the first and into the second list, part by part in reading order.
    """
    one, other = ([(word.begins_at, word.ends_at) for word in words] for words in (first, second))
    if one == other and not whole:
        return tuple(((index,), (index,)) for index in range(len(one)))
    inside = {word.begins_at for words in (first, second) for word in words if not word.opens}
    return shared_stretches(one, other, inside)


def shared_stretches(
    first: Sequence[tuple[Place, Place]],
    second: Sequence[tuple[Place, Place]],
    uncut: Collection[Place] = (),
) -> tuple[tuple[Indices, Indices], ...]:
    """The smallest stretches of a text that two ways to cut it have in common.

    Args:
        first: Where each piece begins and ends, in reading order.
        second: The same of another way.
        uncut: Where no stretch may end.

    Returns:
        The pieces of both that make up each stretch, by their indices.
    """
    edges = [{place for piece in pieces for place in piece} for pieces in (first, second)]
    cuts = sorted(place for place in edges[0] & edges[1] if place not in uncut)
    one, other = (_between(pieces, cuts) for pieces in (first, second))
    return tuple((one[stretch], other[stretch]) for stretch in sorted(one.keys() & other.keys()))


def _between(pieces: Sequence[tuple[Place, Place]], cuts: Sequence[Place]) -> Mapping[tuple[Place, Place], Indices]:
    """The pieces that fill each stretch between two cuts without a gap."""
    filled: dict[int, list[int]] = {}
    for index, (_, end) in enumerate(pieces):
        filled.setdefault(bisect_left(cuts, end), []).append(index)
    found, edges = {}, set(cuts)
    for cut, indices in filled.items():
        runs_on = all(pieces[left][1] == pieces[right][0] for left, right in pairwise(indices))
        begin, end = pieces[indices[0]][0], pieces[indices[-1]][1]
        if cut < len(cuts) and cuts[cut] == end and runs_on and begin in edges:
            found[begin, end] = tuple(indices)
    return found


def rounded(value: float) -> float:
    """A number with the four digits that a trace keeps."""
    return float(f"{value:.4g}")
