"""Measurements of one ability each: facts, agreement, lists, repetition, and how an answer forms over the layers."""

import random
import re
import statistics
from collections.abc import Sequence
from typing import Any

import torch

from ecco_reports.models.bundled.recipe.agreement_questions import SHAPES, draw_subject
from ecco_reports.models.bundled.recipe.counts import share
from ecco_reports.models.bundled.recipe.facts import corpus
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.facts.prompts import UNION_LIST, UNION_LIST_TOKENS, FreeText, NextWord
from ecco_reports.models.bundled.recipe.facts.repeats import FIRST_WORD_PIECE
from ecco_reports.models.bundled.recipe.facts.tokenizer import END_OF_TEXT
from ecco_reports.models.bundled.recipe.text import words, world
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS
from ecco_reports.models.bundled.recipe.text.templates import Relation

Report = dict[str, Any]
"""A part of `evaluation.json`."""

_AGREEMENT_SENTENCES = 200
_REPEATED_SEGMENTS = 30
_REPEATED_LENGTH = 20
_REPEATED_WORDS = 8
_VOCABULARY_DOCUMENTS = 20_000
_WORD = re.compile(r"[A-Za-z]+")


def question(template: str, subject: str, answer: str) -> str:
    """Cut a sentence before its answer.

    Args:
        template: Template that ends in the answer.
        subject: Subject of the fact.
        answer: Object of the fact; it decides between "a" and "an" before it.

    Returns:
        The prompt, without the space before the answer.
    """
    return corpus.fill(template, subject, answer).removesuffix(answer).rstrip()


def questions(relation: Relation) -> dict[str, list[tuple[str, str]]]:
    """Make every prompt that a relation allows, by whether training showed its sentence.

    Args:
        relation: The relation.

    Returns:
        Prompts with their answers, under "seen", "held_out" and "new_template".
    """
    groups: dict[str, list[tuple[str, str]]] = {"seen": [], "held_out": [], "new_template": []}
    for subject, answer in relation.pairs:
        for template in relation.openings():
            group = "held_out" if relation.is_held_out(subject, template) else "seen"
            groups[group].append((question(template, subject, answer), f" {answer}"))
        for template in relation.new_templates:
            groups["new_template"].append((question(template, subject, answer), f" {answer}"))
    return groups


def facts(loaded: LoadedModel) -> Report:
    """Measure how many prompts about facts are answered with the whole right answer.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by relation and group, with a row for all relations.
    """
    report: Report = {}
    totals: dict[str, list[int]] = {}
    for relation in RELATIONS:
        report[relation.name] = {}
        for group, asked in questions(relation).items():
            results = list(loaded.answers(asked))
            right = sum(result.is_right for result in results)
            report[relation.name][group] = share(right, len(asked)) | {
                "mean_probability": round(statistics.fmean(result.probability for result in results), 4)
            }
            total = totals.setdefault(group, [0, 0])
            total[0] += right
            total[1] += len(asked)
    report["all"] = {group: share(right, count) for group, (right, count) in totals.items()}
    return report


def agreement_by_shape(loaded: LoadedModel) -> Report:
    """Measure how often the verb of the right number is likelier, with a distractor of the other number.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by the shape of the subject, for pairs of nouns that training shows and that it does not.
    """
    report: Report = {}
    singular, plural = loaded.encode(" is")[0], loaded.encode(" are")[0]
    for name, shape in SHAPES.items():
        report[name] = {}
        for group, held_out in (("seen", False), ("held_out", True)):
            rng, right = random.Random(7), 0
            for _ in range(_AGREEMENT_SENTENCES):
                subject = draw_subject(rng, shape, held_out=held_out)
                chances = loaded.probabilities(subject.text)
                right += bool(chances[plural] > chances[singular]) == subject.is_plural
            report[name][group] = share(right, _AGREEMENT_SENTENCES)
    return report


def union_list(loaded: LoadedModel) -> Report:
    """Let the model go on with the list of the European Union.

    Args:
        loaded: The model.

    Returns:
        The text, and how many tokens and countries follow the right order from the start.
    """
    right = "".join(f"\n{number}. {name}" for number, name in enumerate(world.EUROPEAN_UNION, start=1))
    right = right[right.index("\n4.") + len("\n4.") :]
    expected = loaded.encode(UNION_LIST + right)[len(loaded.encode(UNION_LIST)) :]
    written = loaded.greedy(UNION_LIST, len(expected))
    agreeing = next((place for place, token in enumerate(written) if token != expected[place]), len(expected))
    return {
        "text": loaded.decode(written[:UNION_LIST_TOKENS]),
        "right_tokens": agreeing,
        "tokens": len(expected),
    }


def repetition(loaded: LoadedModel) -> Report:
    """Measure induction: after a random sequence has been seen once, is its repetition predicted?

    The first token of the second half is left out, since nothing foretells that the repetition begins.

    Args:
        loaded: The model.

    Returns:
        For random tokens and for random words of the corpus: share of right tokens in the second half, and the mean
        probability of the repeated token.
    """
    generator, rng = torch.Generator().manual_seed(9), random.Random(11)
    pieces = int(loaded.model.config.vocab_size)
    nouns = words.OBJECTS + words.ANIMALS + words.PLACES
    of_tokens = [
        torch.randint(FIRST_WORD_PIECE, pieces, (_REPEATED_LENGTH,), generator=generator)
        for _ in range(_REPEATED_SEGMENTS)
    ]
    of_words = [
        torch.tensor(loaded.encode(" " + " ".join(rng.sample(nouns, _REPEATED_WORDS))))
        for _ in range(_REPEATED_SEGMENTS)
    ]
    return {"random_tokens": _second_time(loaded, of_tokens), "random_words": _second_time(loaded, of_words)}


def _second_time(loaded: LoadedModel, segments: Sequence[torch.Tensor]) -> Report:
    """How well the second occurrence of each token is predicted."""
    hits: list[bool] = []
    chances: list[float] = []
    for segment in segments:
        logits = loaded.logits(segment.repeat(2)[None])[0, len(segment) : -1]
        hits += (logits.argmax(-1) == segment[1:]).tolist()
        chances += logits.softmax(-1).gather(-1, segment[1:, None])[:, 0].tolist()
    return {
        "sequences": len(segments),
        "tokens": len(hits),
        "share": round(statistics.fmean(hits), 4),
        "mean_probability": round(statistics.fmean(chances), 4),
    }


def next_word(loaded: LoadedModel, case: NextWord) -> Report:
    """Answer a shipped prompt.

    Args:
        loaded: The model.
        case: The prompt.

    Returns:
        Probabilities of the answer and its rival, the first choice, and the answer's rank after every layer.
    """
    chances = loaded.probabilities(case.prompt)
    target = loaded.encode(case.answer)
    report: Report = {
        "prompt": case.prompt,
        "answer": case.answer,
        "answer_is_one_token": len(target) == 1,
        "probability": round(float(chances[target[0]]), 4),
        "first_choice": loaded.decode([int(chances.argmax())]),
        "rank_by_layer": loaded.ranks_by_layer(case.prompt, target[0]),
    }
    if case.rival is not None:
        report["rival"] = case.rival
        report["rival_probability"] = round(float(chances[loaded.encode(case.rival)[0]]), 4)
    return report


def known_words() -> frozenset[str]:
    """Collect the words of the training text.

    Returns:
        Every word of a large sample, in lower case.
    """
    texts = corpus.documents(_VOCABULARY_DOCUMENTS, seed=1)
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text))


def free_text(loaded: LoadedModel, case: FreeText, known: frozenset[str]) -> Report:
    """Continue a shipped prompt at length.

    Args:
        loaded: The model.
        case: The prompt and how to decode.
        known: Words of the training text.

    Returns:
        The text up to where the model ends it, its length in tokens, and the words that the training text does not
        have.
    """
    if case.decoding == "greedy":
        tokens = loaded.greedy(case.prompt, case.tokens)
    else:
        tokens = loaded.sample(case.prompt, case.tokens, case.temperature, case.seed)
    end = loaded.encode(END_OF_TEXT)[0]
    kept = tokens[: tokens.index(end)] if end in tokens else tokens
    text = loaded.decode(kept)
    found = [word.lower() for word in _WORD.findall(case.prompt + text)]
    return {
        "prompt": case.prompt,
        "decoding": case.decoding,
        "temperature": case.temperature,
        "seed": case.seed,
        "text": text,
        "tokens": len(kept),
        "unknown_words": sorted(set(found) - known),
    }


def single_tokens(loaded: LoadedModel, groups: Sequence[tuple[str, Sequence[str]]]) -> Report:
    """Tell which words are one token after a space.

    Args:
        loaded: The model.
        groups: Titles and words.

    Returns:
        For every group: how many words are one token, and which are not.
    """
    report: Report = {}
    for title, group in groups:
        split = [word for word in group if len(loaded.encode(f" {word}")) > 1]
        report[title] = {"words": len(group), "one_token": len(group) - len(split), "split": split}
    return report
