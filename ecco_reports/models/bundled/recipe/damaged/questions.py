"""What the copies are asked: facts that the bundled model knows, with one token as the answer."""

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

import torch

from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.facts.probes import question
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS
from ecco_reports.models.bundled.recipe.text.templates import SUBJECT

_ASKED = {"capital": 16, "airport": 14, "landmark": 10}
"""How many facts of a relation the shipped experiment asks for."""


class Question(NamedTuple):
    """A fact to complete.

    Attributes:
        name: What the experiment calls it.
        relation: Name of its relation.
        subject: What it is about.
        text: The prompt.
        answer: What comes next, with its space; one token.
        tokens: The prompt's token numbers.
        answer_token: That of the answer.
        subject_tokens: Where the subject stands.
    """

    name: str
    relation: str
    subject: str
    text: str
    answer: str
    tokens: tuple[int, ...]
    answer_token: int
    subject_tokens: tuple[int, ...]


def known(model: LoadedModel) -> tuple[Question, ...]:
    """Every question about a capital, an airport or a landmark that the model answers right with one token.

    Args:
        model: The undamaged model.

    Returns:
        The questions, by relation.
    """
    found = [made for relation in RELATIONS if relation.name in _ASKED for made in _of(relation.name, model)]
    rows = Rows(found)
    with torch.no_grad():
        right = rows.answers(model.model(rows.tokens, use_cache=False).logits).argmax(-1) == rows.answer_tokens
    return tuple(one for one, is_right in zip(found, right.tolist(), strict=True) if is_right)


def shipped(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions of the shipped experiment: some of each relation, drawn once and for all."""
    rng = random.Random(7)
    chosen = []
    for relation, count in _ASKED.items():
        of_it = [one for one in questions if one.relation == relation]
        picked = {one.name for one in rng.sample(of_it, count)}
        chosen += [one for one in of_it if one.name in picked]
    return tuple(chosen)


def _of(name: str, model: LoadedModel) -> list[Question]:
    relation = next(one for one in RELATIONS if one.name == name)
    template = next(one for one in relation.openings() if one.endswith("the city of {o}"))
    found = []
    for subject, answer in relation.pairs:
        text = question(template, subject, answer)
        tokens, numbers = model.encode(text), model.encode(f" {answer}")
        inside = _places(model, template, text, subject)
        if len(numbers) == 1 and inside:
            slug = re.sub(r"[^a-z0-9]+", "-", f"{name} {subject.removeprefix('the ')}".lower()).strip("-")
            made = Question(slug, name, subject, text, f" {answer}", tuple(tokens), numbers[0], inside)
            found.append(made)
    return found


def _places(model: LoadedModel, template: str, text: str, subject: str) -> tuple[int, ...]:
    """The positions of the tokens that lie inside the subject."""
    start = template.index(SUBJECT)
    end = start + len(subject)
    if text[start:end].lower() != subject.lower():
        return ()
    spans = model.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return tuple(place for place, (first, last) in enumerate(spans) if first < end and last > start)


class Rows:
    """Questions as tensors, padded at the end.

    Attributes:
        tokens: ``[question, position]``.
        mask: 1 where a token stands, ``[question, position]``.
        subject: 1 where the subject stands, ``[question, position]``.
        answer_tokens: ``[question]``.
    """

    def __init__(self, questions: Sequence[Question]) -> None:
        """Put questions side by side.

        Args:
            questions: The questions.
        """
        longest = max(len(one.tokens) for one in questions)
        self.tokens = torch.zeros(len(questions), longest, dtype=torch.long)
        self.mask = torch.zeros(len(questions), longest)
        self.subject = torch.zeros(len(questions), longest)
        for row, one in enumerate(questions):
            self.tokens[row, : len(one.tokens)] = torch.tensor(one.tokens)
            self.mask[row, : len(one.tokens)] = 1
            self.subject[row, list(one.subject_tokens)] = 1
        self.answer_tokens = torch.tensor([one.answer_token for one in questions])
        self._last = torch.tensor([len(one.tokens) - 1 for one in questions])

    def answers(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits after each prompt.

        Args:
            logits: ``[question, position, vocab]``.

        Returns:
            ``[question, vocab]``.
        """
        return logits[torch.arange(len(self._last)), self._last]
