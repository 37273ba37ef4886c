"""Scorers of coalitions: how a model is asked what it would have said, had parts of the prompt not been there.

In: a reading, units as positions of its prompt. Out: callables as ``methods.perturbation`` wants them. Four ways: the
embeddings of what is dropped are replaced, or taken out, or what is dropped is hidden from attention, or the model
itself is asked (which a server can do).

A text is never tokenised anew here: dropping a token drops its number, and the tokens around it stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from ecco_reports.methods.perturbation import Scored, Scorer
from ecco_reports.methods.targets import Score, Target, places_of, score_targets
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.prefix import Prefix
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Token

# What one pass holds at once: positions of all rows together, and numbers of logits.
_TOKENS_AT_ONCE = 4096
_LOGITS_AT_ONCE = 2**24
# Variants of a text that is long enough are read from their first change on, in so many groups at most: a group begins
# where the first of its changes is.
_GROUPS = 8
_LONG = 32
# The families whose places are positions, which move up when something before them is taken out.
_SPEAKING_AT_POSITIONS = (Family.CAUSAL, Family.MASKED, Family.ENCODER_DECODER)


def own_scores(model: LanguageModel, reading: Reading, targets: Sequence[Target], score: Score) -> np.ndarray:
    """The targets' scores as the model has them after the whole text, ``[target]``."""
    with torch.no_grad():
        logits = model.logits(reading, places_of(targets))[None]
        return score_targets(logits, targets, score)[0].cpu().double().numpy()


def by_model(model: LanguageModel, reading: Reading, units: Sequence[Sequence[int]], spoken: Sequence[int]) -> Scorer:
    """A scorer that leaves the work to the model, which deletes what is dropped.

    Args:
        model: A model that gives scores.
        reading: What it read and said.
        units: Positions of the tokens of each unit.
        spoken: Which of the things it said are the targets; their scores are log-probabilities.
    """

    def scores(kept: np.ndarray) -> Scored:
        found = model.scores_without(reading, units, [np.flatnonzero(~row).tolist() for row in kept])
        bounds = [[(variant, one) in found.bounds for one in spoken] for variant in range(len(kept))]
        return Scored(np.array(found.logprobs, dtype=float)[:, list(spoken)], np.array(bounds))

    return scores


@dataclass(frozen=True)
class Perturbed:
    """What the three local scorers share.

    Attributes:
        model: The model.
        reading: What it read and said.
        units: Positions of the tokens of each unit.
        targets: What is explained.
        score: What counts as a target's score.
    """

    model: LanguageModel
    reading: Reading
    units: Sequence[Sequence[int]]
    targets: Sequence[Target]
    score: Score

    def replacing(self, baseline: torch.Tensor) -> Scorer:
        """A scorer that puts baseline embeddings ``[position, width]`` in the place of what is dropped."""
        places, length = places_of(self.targets), self._length

        def scores(kept: np.ndarray) -> Scored:
            gone = torch.from_numpy(self._gone(kept)[:, :length])

            def embeddings(rows: Sequence[int], start: int) -> torch.Tensor:
                dropped = gone[list(rows), start:].to(baseline.device)
                return torch.where(dropped[..., None], baseline[start:length], self._inputs[start:length])

            found = np.zeros((len(kept), len(self.targets)))
            for rows, start in self._from_the_first_change(gone.numpy(), min(places)):
                found[rows] = self._scored(rows, places, self._endings(self.reading, embeddings, start, places))
            return Scored(found, np.zeros(found.shape, bool))

        return scores

    def hiding(self) -> Scorer:
        """A scorer that hides what is dropped from the attention of all other positions, where everything stays.

        Raises:
            CapabilityError: By the scorer: the model has no attention that obeys, or would have nothing to look at.
        """
        places = places_of(self.targets)

        def scores(kept: np.ndarray) -> Scored:
            gone = torch.from_numpy(self._gone(kept)[:, : self._length])
            found = self._scored(
                range(len(kept)), places, lambda rows: self.model.logits_unseen(self.reading, gone[list(rows)], places)
            )
            return Scored(found, np.zeros(found.shape, bool))

        return scores

    def deleting(self) -> Scorer:
        """A scorer that takes out what is dropped.

        Texts of equal length share passes. Where nothing is left to read, the end-of-text token stands alone.

        Raises:
            CapabilityError: By the scorer: nothing is left to read, and the model has no end-of-text token.
        """

        def scores(kept: np.ndarray) -> Scored:
            gone = self._gone(kept)[:, : self._length]
            remains = [np.flatnonzero(~row) for row in gone]
            values = np.zeros((len(kept), len(self.targets)))
            for alike in self._alike(remains):
                shortened = self._shortened(remains[alike[0]])
                for rows, start in self._from_the_first_change(gone[alike], min(shortened.places)):
                    values[np.array(alike)[rows]] = self._without(
                        [remains[alike[row]] for row in rows], shortened, start
                    )
            return Scored(values, np.zeros(values.shape, bool))

        return scores

    def _without(self, remains: Sequence[np.ndarray], shortened: _Shortened, start: int) -> np.ndarray:
        """Scores of texts that one pass can serve, given the positions that are left of each."""

        def embeddings(rows: Sequence[int], start: int) -> torch.Tensor:
            left = [torch.cat([shortened.stand_in, self._inputs[torch.from_numpy(remains[row])]]) for row in rows]
            return torch.stack(left)[:, start:]

        logits = self._endings(shortened.reading, embeddings, start, shortened.places)
        return self._scored(range(len(remains)), shortened.places, logits)

    def _endings(
        self,
        reading: Reading,
        embeddings: Callable[[Sequence[int], int], torch.Tensor],
        start: int,
        places: Sequence[int],
    ) -> Callable[[Sequence[int]], torch.Tensor]:
        """The logits of rows whose embeddings are the text's own up to ``start``, where reading them may begin."""
        if start and self._prefix is not None:
            prefix = self._prefix
            return lambda rows: prefix.logits(start, embeddings(rows, start), places)
        return lambda rows: self.model.logits_from_embeddings(reading, embeddings(rows, 0), places)

    def _from_the_first_change(self, gone: np.ndarray, place: int) -> Iterator[tuple[list[int], int]]:
        """Rows in few groups, each with the position that reading may begin at: nothing before it is dropped.

        Args:
            gone: Which positions are dropped, ``[row, position]``.
            place: The first place that is asked about; it is always read.
        """
        if len(gone) < _GROUPS or self._length < _LONG or self._prefix is None:
            yield [*range(len(gone))], 0
            return
        first = np.minimum(np.where(gone.any(1), gone.argmax(1), self._length), place)
        width = -(-self._length // _GROUPS)
        for group in np.unique(first // width):
            rows = np.flatnonzero(first // width == group)
            yield rows.tolist(), int(first[rows].min())

    @cached_property
    def _prefix(self) -> Prefix | None:
        """What the model remembers of the whole text, if that helps."""
        return self.model.prefix(self.reading, self._length)

    @cached_property
    def _inputs(self) -> torch.Tensor:
        with torch.no_grad():
            return self.model.embed(self.reading)

    @cached_property
    def _length(self) -> int:
        """Nothing behind the reach of the last target can matter to any."""
        return max(map(self.reading.reach, places_of(self.targets))) + 1

    @cached_property
    def _outcomes(self) -> int:
        return self.model.logits(self.reading, [self.targets[0].place]).shape[-1]

    def _gone(self, kept: np.ndarray) -> np.ndarray:
        """Which positions are dropped, ``[coalition, position]``."""
        gone = np.zeros((len(kept), len(self.reading.passage.tokens)), bool)
        for unit, positions in enumerate(self.units):
            gone[:, list(positions)] = ~kept[:, unit, None]
        return gone

    def _scored(
        self, rows: Sequence[int], places: Sequence[int], logits: Callable[[Sequence[int]], torch.Tensor]
    ) -> np.ndarray:
        """Scores of rows ``[row, target]`` in passes of bounded size; ``logits`` makes those of some rows."""
        width = self._length + 1
        at_once = max(1, min(_TOKENS_AT_ONCE // width, _LOGITS_AT_ONCE // (len(places) * self._outcomes)))

        def compute(chunk: Sequence[int]) -> np.ndarray:
            with torch.no_grad():
                return score_targets(logits(chunk), self.targets, self.score).cpu().double().numpy()

        return np.concatenate([*self.model.memory.chunks("the perturbation", "variant", rows, at_once, compute)])

    def _alike(self, remains: Sequence[np.ndarray]) -> Iterator[list[int]]:
        """Rows that one pass can serve: of one length, with the same segments, and asked at the same places."""
        groups: dict[tuple[int, bytes, tuple[int, ...]], list[int]] = {}
        segments = np.array(self.reading.segments, dtype=np.int8)
        for row, positions in enumerate(remains):
            told = segments[positions[positions < len(segments)]].tobytes()
            groups.setdefault((len(positions), told, self._places_in(positions)), []).append(row)
        yield from groups.values()

    def _places_in(self, positions: np.ndarray) -> tuple[int, ...]:
        """The targets' places once only these positions are left; -1 where all before one are gone."""
        places = places_of(self.targets)
        if self.reading.family in _SPEAKING_AT_POSITIONS:
            places = (np.searchsorted(positions, places, side="right") - 1).tolist()
        return tuple(places)

    def _shortened(self, positions: np.ndarray) -> _Shortened:
        """The reading of which only these positions are left."""
        whole, passage = self.reading, self.reading.passage
        encoder = int((positions < passage.encoder_length).sum())
        prompt = int((positions < passage.prompt_length).sum())
        readable = encoder if passage.encoder_length else prompt
        tokens: list[Token] = [passage.tokens[position] for position in positions]
        segments = [whole.segments[position] for position in positions if position < len(whole.segments)]
        places, added = self._places_in(positions), int(readable == 0)
        stand_in = self._inputs[:0]
        if added:
            stand_in = self.model.token_embedding("eos")[None].to(self._inputs)
            # Its number is never looked up, its embedding is given.
            tokens, segments = [passage.tokens[0], *tokens], [0, *segments] if whole.segments else []
            if whole.family in _SPEAKING_AT_POSITIONS:
                places = tuple(place + 1 for place in places)
        shortened = passage.model_copy(
            update={
                "tokens": tuple(tokens),
                "prompt_length": prompt + added,
                "encoder_length": encoder + added if passage.encoder_length else 0,
            }
        )
        reading = replace(whole, passage=shortened, segments=tuple(segments), places=places, spoken=())
        return _Shortened(reading, places, stand_in)


@dataclass(frozen=True)
class _Shortened:
    """A reading with tokens taken out.

    Attributes:
        reading: What is left of it.
        places: The targets' places in it.
        stand_in: Embedding of what stands there if nothing is left, ``[0 or 1, width]``.
    """

    reading: Reading
    places: tuple[int, ...]
    stand_in: torch.Tensor
