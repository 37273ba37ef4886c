"""Measurements of one ability each: facts, agreement, how an answer forms, and what there is to see inside."""

import random
import statistics
from typing import Any

from ecco_reports.models.bundled.recipe import inside
from ecco_reports.models.bundled.recipe.agreement_questions import SHAPES, draw_subject
from ecco_reports.models.bundled.recipe.counts import share
from ecco_reports.models.bundled.recipe.masked.batches import Row
from ecco_reports.models.bundled.recipe.masked.corpus import Document, fill
from ecco_reports.models.bundled.recipe.masked.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.masked.prompts import NATURE_PARAGRAPH, Cloze
from ecco_reports.models.bundled.recipe.text import nature
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS
from ecco_reports.models.bundled.recipe.text.templates import Relation

Report = dict[str, Any]
"""A part of `evaluation.json`."""

GROUPS: tuple[str, ...] = ("seen", "held_out", "new_template")
"""Questions by whether training showed their sentence."""

_LENS_RELATIONS = ("airport", "capital", "language")
_LENS_QUESTIONS = 150
_CONTRIBUTION_QUESTIONS = 220
_CONTRIBUTION_STEPS = 50
_AGREEMENT_SENTENCES = 200
_CANDIDATES = 5
_BEST_HEADS = 3


def questions(relation: Relation) -> dict[str, list[Document]]:
    """Make every sentence that a relation allows, by whether training showed it.

    Args:
        relation: The relation.

    Returns:
        Sentences with their answers, under "seen", "held_out" and "new_template".
    """
    groups: dict[str, list[Document]] = {group: [] for group in GROUPS}
    for subject, answer in relation.pairs:
        for template in relation.templates:
            group = "held_out" if relation.is_held_out(subject, template) else "seen"
            groups[group].append(_question(template, subject, answer))
        for template in relation.new_templates:
            groups["new_template"].append(_question(template, subject, answer))
    return groups


def _question(template: str, subject: str, answer: str) -> Document:
    sentence = fill(template, subject, answer)
    return Document(f"{sentence.text}.", sentence.blanks)


def facts(loaded: LoadedModel) -> Report:
    """Measure how many blanks are filled with the whole right answer.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by relation and group, with a row for all relations.
    """
    report: Report = {}
    totals = {group: [0, 0, 0] for group in GROUPS}
    for relation in RELATIONS:
        report[relation.name] = {}
        for group, documents in questions(relation).items():
            asked = loaded.rows(documents)
            results = list(loaded.answers(asked))
            right = sum(result.is_right for result in results)
            one_piece = sum(len(row.blanks[0][0]) == 1 for row in asked)
            report[relation.name][group] = share(right, len(asked)) | {
                "one_piece": one_piece,
                "mean_probability": round(statistics.fmean(result.probability for result in results), 4),
            }
            totals[group] = [old + new for old, new in zip(totals[group], (right, len(asked), one_piece), strict=True)]
    report["all"] = {
        group: share(right, count) | {"one_piece": one_piece} for group, (right, count, one_piece) in totals.items()
    }
    return report


def agreement_by_shape(loaded: LoadedModel) -> Report:
    """Measure how often the verb of the right number is likelier, with a distractor of the other number.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by the shape of the subject, for pairs of nouns that training shows and that it does not.
    """
    report: Report = {}
    singular, plural = loaded.number("is"), loaded.number("are")
    for name, shape in SHAPES.items():
        report[name] = {}
        for group, held_out in (("seen", False), ("held_out", True)):
            rng, right = random.Random(7), 0
            for _ in range(_AGREEMENT_SENTENCES):
                text, is_plural = draw_subject(rng, shape, held_out=held_out)
                chances = loaded.chances(f"{text} [MASK] old.")
                right += bool(chances[plural] > chances[singular]) == is_plural
            report[name][group] = share(right, _AGREEMENT_SENTENCES)
    return report


def _some_questions(loaded: LoadedModel, relations: tuple[Relation, ...], count: int) -> list[tuple[str, Row]]:
    """Choose questions of one piece that training showed, evenly over relations."""
    chosen: list[tuple[str, Row]] = []
    for relation in relations:
        asked = [row for row in loaded.rows(questions(relation)["seen"]) if len(row.blanks[0][0]) == 1]
        chosen += [(relation.name, row) for row in asked[:: max(1, len(asked) * len(relations) // count)]]
    return chosen


def lens(loaded: LoadedModel) -> Report:
    """Measure after which layer the answer to a question about a fact is the first choice.

    Args:
        loaded: The model.

    Returns:
        For the embedding and every layer: median rank of the answer, and share of questions with rank 1.
    """
    relations = tuple(relation for relation in RELATIONS if relation.name in _LENS_RELATIONS)
    ranks = []
    for _, row in _some_questions(loaded, relations, _LENS_QUESTIONS):
        (place,) = row.blanks[0][0]
        ranks.append(loaded.ranks_by_layer(loaded.asked(row), place, row.tokens[place]))
    by_layer = list(zip(*ranks, strict=True))
    return {
        "prompts": len(ranks),
        "median_rank": [statistics.median(layer) for layer in by_layer],
        "first_choice_share": [round(sum(rank == 1 for rank in layer) / len(layer), 4) for layer in by_layer],
    }


def contributions(loaded: LoadedModel) -> Report:
    """Measure how often integrated gradients give more to the subject of a fact than to all function words together.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by relation, with a row for all relations.
    """
    counts: dict[str, list[int]] = {}
    for name, row in _some_questions(loaded, RELATIONS, _CONTRIBUTION_QUESTIONS):
        answer, subject = row.blanks[0]
        asked = loaded.asked(row)
        given = loaded.contributions(asked, answer[0], row.tokens[answer[0]], _CONTRIBUTION_STEPS)
        of_subject = [place in subject for place in range(len(asked))]
        is_first = inside.puts_entity_first(given, of_subject, loaded.pieces(asked))
        for key in (name, "all"):
            count = counts.setdefault(key, [0, 0])
            count[0] += is_first
            count[1] += 1
    total = counts.pop("all")
    return {name: share(right, count) for name, (right, count) in (*counts.items(), ("all", total))}


def word_classes(pieces: list[str]) -> dict[str, list[bool]]:
    """Tell which tokens of a text in words of `text.nature` belong to which class of words.

    Args:
        pieces: Pieces of the text; each word is one piece.

    Returns:
        For every class, whether each token belongs to it: the classes of `text.nature`, single marks that occur more
        than twice, and special tokens.
    """
    classes: dict[str, list[bool]] = {
        name: [piece in members for piece in pieces] for name, members in nature.WORD_CLASSES.items()
    }
    classes["special token"] = [piece.startswith("[") for piece in pieces]
    for name, mark in (("comma", ","), ("full stop", ".")):
        classes[name] = [piece == mark for piece in pieces]
    return classes


def factors(loaded: LoadedModel) -> Report:
    """Factorize the neurons of all layers on the nature paragraph, and name the factors.

    Args:
        loaded: The model.

    Returns:
        The text, the number of its tokens, and the factors, the best fit first.
    """
    pieces = loaded.pieces(loaded.encode(NATURE_PARAGRAPH))
    found = inside.named_factors(loaded.activations(NATURE_PARAGRAPH), pieces, word_classes(pieces))
    return {
        "text": NATURE_PARAGRAPH,
        "tokens": len(pieces),
        "nameable": sum(factor.is_nameable for factor in found),
        "factors": [factor._asdict() for factor in found],
    }


def heads(loaded: LoadedModel) -> Report:
    """Score how much each head looks at the token before, on the nature paragraph.

    Args:
        loaded: The model.

    Returns:
        The best heads, counted from 0.
    """
    best = inside.previous_token_heads(loaded.attentions(NATURE_PARAGRAPH))[:_BEST_HEADS]
    return {"previous_token": [head._asdict() for head in best]}


def cloze(loaded: LoadedModel, case: Cloze) -> Report:
    """Fill the mask of a shipped prompt.

    Args:
        loaded: The model.
        case: The prompt.

    Returns:
        The likeliest pieces with their probabilities, and the rank of the answer, or else of the likeliest piece,
        after every layer.
    """
    chances = loaded.chances(case.prompt)
    best = chances.topk(_CANDIDATES)
    pieces = loaded.pieces(best.indices.tolist())
    tokens = loaded.encode(case.prompt)
    word = case.answer or pieces[0]
    report: Report = {
        "prompt": case.prompt,
        "answer": case.answer,
        "candidates": [
            {"piece": piece, "probability": round(float(value), 4)}
            for piece, value in zip(pieces, best.values, strict=True)
        ],
        "ranked": word,
        "probability": round(float(chances[loaded.number(word)]), 4),
        "rank_by_layer": loaded.ranks_by_layer(tokens, tokens.index(loaded.mask), loaded.number(word)),
    }
    if case.rival is not None:
        report |= {"rival": case.rival, "rival_probability": round(float(chances[loaded.number(case.rival)]), 4)}
    return report
