"""What a sentence for training states: a fact, with a template that it may be shown in."""

import random
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text.relations import RELATIONS
from ecco_reports.models.bundled.recipe.text.templates import Relation

_EXEMPT_SHARE = 0.05


class Combination(NamedTuple):
    """A fact and a sentence that may be shown together in training.

    Attributes:
        relation: The relation.
        subject: Subject of the fact.
        answer: Object of the fact.
        template: One of the relation's templates.
    """

    relation: Relation
    subject: str
    answer: str
    template: str


def draw(rng: random.Random) -> Combination:
    """Draw what a sentence for training states, and how.

    Args:
        rng: Source of randomness.

    Returns:
        A combination that is not held out.
    """
    relation = rng.choices(RELATIONS, [each.weight for each in RELATIONS])[0]
    while True:
        subject, answer = rng.choice(relation.pairs)
        template = _draw_template(relation, rng)
        if not relation.is_held_out(subject, template):
            return Combination(relation, subject, answer, template)


def _draw_template(relation: Relation, rng: random.Random) -> str:
    exempt = sorted(template for _, template in relation.always_shown)
    if exempt and rng.random() < _EXEMPT_SHARE:
        return rng.choice(exempt)
    return rng.choice(relation.templates)
