"""Where an answer comes from: contributions of tokens, and what the decoder looks at."""

import random
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any, Literal

import torch

from ecco_reports.models.bundled.recipe.inside import Score, integrated_gradients, puts_entity_first
from ecco_reports.models.bundled.recipe.sentiment import corpus
from ecco_reports.models.bundled.recipe.sentiment.corpus import Example
from ecco_reports.models.bundled.recipe.sentiment.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.text import passages, reviews
from ecco_reports.models.bundled.recipe.text.passages import Passage
from ecco_reports.models.bundled.recipe.text.reviews import Review

Report = dict[str, Any]
"""A part of `evaluation.json`."""

_NEGATIONS = "not never nothing no nobody hardly rarely neither nor without far anything but isn't wasn't don't didn't"

Baseline = Literal["zero", "padding"]
"""What stands for "nothing": embeddings of zero, or padding."""

BASELINES: tuple[Baseline, ...] = ("zero", "padding")
"""The baselines that are measured."""

NEGATIONS: frozenset[str] = frozenset(_NEGATIONS.split())
"""Words that turn an opinion into its opposite, in lower case."""

OTHER_LABEL: MappingProxyType[str, str] = MappingProxyType(
    {
        corpus.POSITIVE: corpus.NEGATIVE,
        corpus.NEGATIVE: corpus.POSITIVE,
        corpus.ACCEPTABLE: corpus.UNACCEPTABLE,
        corpus.UNACCEPTABLE: corpus.ACCEPTABLE,
    }
)
"""The label that a label has to beat."""

_STEPS = 64
_PROMPTS = 100
_PASSAGE_LENGTHS = (3, 4, 5)


def contributions(loaded: LoadedModel, example: Example, baseline: Baseline) -> torch.Tensor:
    """Attribute the score of an answer's first token to the tokens of the input.

    Args:
        loaded: The model.
        example: Input and right answer.
        baseline: What stands for "nothing": embeddings of zero, or of padding up to the token that ends the input.

    Returns:
        Integrated gradients, summed over the width, (position,).
    """
    inputs, nothing = path_ends(loaded, example.source, baseline)
    return integrated_gradients(answer_score(loaded, example.target), inputs, nothing, _STEPS).sum(-1)


@torch.no_grad()
def path_ends(loaded: LoadedModel, source: str, baseline: Baseline) -> tuple[torch.Tensor, torch.Tensor]:
    """Embed an input and the baseline that it is compared with.

    Args:
        loaded: The model.
        source: The input.
        baseline: What stands for "nothing".

    Returns:
        Embeddings of the input and of the baseline, each (position, width).
    """
    tokens = torch.tensor(loaded.encode(source))
    inputs: torch.Tensor = loaded.model.shared(tokens)
    if baseline == "zero":
        return inputs, torch.zeros_like(inputs)
    nothing = torch.full_like(tokens, loaded.model.config.pad_token_id)
    nothing[-1] = tokens[-1]
    return inputs, loaded.model.shared(nothing)


def answer_score(loaded: LoadedModel, answer: str) -> Score:
    """Make the score of an answer, from the embeddings of the encoder.

    A label has to beat the other label of its task, so what is explained is the difference between the two; a word of
    a passage has to beat all others, so it is the word's logit alone.

    Args:
        loaded: The model.
        answer: The right answer.

    Returns:
        The logit of its first token, minus that of the other label if there is one.
    """
    target, rival = loaded.first_token(answer), OTHER_LABEL.get(answer)
    start = torch.tensor([[loaded.model.config.decoder_start_token_id]])

    def score(embeddings: torch.Tensor) -> torch.Tensor:
        rows = start.expand(len(embeddings), 1)
        logits = loaded.model(inputs_embeds=embeddings, decoder_input_ids=rows, use_cache=False).logits[:, 0]
        chosen: torch.Tensor = logits[:, target]
        return chosen if rival is None else chosen - logits[:, loaded.first_token(rival)]

    return score


def words_of_tokens(loaded: LoadedModel, source: str) -> list[str]:
    """Tell which word each token belongs to.

    Args:
        loaded: The model.
        source: The input.

    Returns:
        One word per token, without punctuation at its ends; an empty string for the end of the text.
    """
    words = []
    for start, end in loaded.tokenizer(source, return_offsets_mapping=True)["offset_mapping"]:
        first = source.rfind(" ", 0, start + 1) + 1
        last = source.find(" ", end)
        words.append(source[first : last if last >= 0 else None].strip('.,;:!?()"') if end > start else "")
    return words


def _covered(loaded: LoadedModel, source: str, first: int, last: int) -> list[bool]:
    """Tell which tokens lie between two characters."""
    spans = loaded.tokenizer(source, return_offsets_mapping=True)["offset_mapping"]
    return [start >= first and end <= last and end > start for start, end in spans]


def _decides(loaded: LoadedModel, source: str, review: Review) -> list[bool]:
    """Tell which tokens belong to the deciding word, or to a negation of it."""
    first = source.lower().find(review.word.lower(), len(corpus.review_prompt("")))
    decides = _covered(loaded, source, first, first + len(review.word))
    if review.template.is_negated:
        words = words_of_tokens(loaded, source)
        decides = [yes or word.lower() in NEGATIONS for yes, word in zip(decides, words, strict=True)]
    return decides


def _one_opinion(rng: random.Random, *, is_negated: bool) -> Review:
    """Write a held-out review with one opinion."""
    while True:
        review = reviews.held_out_review(rng)
        slots = ("{s}", "{o}", "{hope}")
        if review.template.is_negated == is_negated and not any(slot in review.template.text for slot in slots):
            return review


def deciding_words(loaded: LoadedModel, baseline: Baseline) -> Report:
    """Measure how often the deciding words get more than all function words together.

    Args:
        loaded: The model.
        baseline: What stands for "nothing".

    Returns:
        Counts and shares for plain reviews, and for negated ones, where the negation counts as deciding.
    """
    report: Report = {}
    for name, is_negated in (("plain", False), ("negated", True)):
        rng, right = random.Random(21), 0
        for _ in range(_PROMPTS):
            review = _one_opinion(rng, is_negated=is_negated)
            example = corpus.from_review(review)
            sizes = contributions(loaded, example, baseline)
            words = words_of_tokens(loaded, example.source)
            right += puts_entity_first(sizes, _decides(loaded, example.source, review), words)
        report[name] = {"prompts": _PROMPTS, "right": right, "share": round(right / _PROMPTS, 4)}
    return report


def by_sentence(loaded: LoadedModel, passage: Passage, sizes: Sequence[float]) -> list[float]:
    """Add up what the tokens of each sentence of a passage get.

    Args:
        loaded: The model.
        passage: The passage.
        sizes: A size for every token of the input.

    Returns:
        One sum per sentence.
    """
    source = corpus.from_passage(passage).source
    first, sums = len(corpus.question_prompt(passage.question, "")), []
    for sentence in passage.sentences:
        covered = _covered(loaded, source, first, first + len(sentence))
        sums.append(sum(size for size, is_inside in zip(sizes, covered, strict=True) if is_inside))
        first += len(sentence) + 1
    return sums


def _passages(seed: int) -> list[Passage]:
    rng = random.Random(seed)
    return [passages.passage(rng, rng.choice(_PASSAGE_LENGTHS), held_out=True) for _ in range(_PROMPTS)]


def _found(loaded: LoadedModel, asked: list[Passage], sizes: Callable[[Passage], Sequence[float]]) -> Report:
    """Count for how many passages the sentence with the answer gets most."""
    right = 0
    for passage in asked:
        sums = by_sentence(loaded, passage, sizes(passage))
        right += sums.index(max(sums)) == passage.source
    return {"prompts": len(asked), "right": right, "share": round(right / len(asked), 4)}


def answering_sentences(loaded: LoadedModel) -> Report:
    """Measure how often the sentence that holds the answer gets more than any other.

    Args:
        loaded: The model.

    Returns:
        Counts and shares: by integrated gradients from each baseline, and by the attention of each layer of the
        decoder.
    """
    asked = _passages(22)

    def gradients(baseline: Baseline) -> Report:
        return _found(
            loaded, asked, lambda passage: contributions(loaded, corpus.from_passage(passage), baseline).abs().tolist()
        )

    def attention(layer: int) -> Report:
        return _found(loaded, asked, lambda passage: _attention(loaded, passage, layer))

    return {
        "sentences": list(_PASSAGE_LENGTHS),
        "integrated_gradients": {baseline: gradients(baseline) for baseline in BASELINES},
        "attention": [attention(layer) for layer in range(loaded.model.config.num_decoder_layers)],
    }


@torch.no_grad()
def _attention(loaded: LoadedModel, passage: Passage, layer: int) -> list[float]:
    """Read what a layer of the decoder looks at before it writes, as the mean over its heads."""
    attentions = loaded.model(
        input_ids=torch.tensor([loaded.encode(corpus.from_passage(passage).source)]),
        decoder_input_ids=torch.tensor([[loaded.model.config.decoder_start_token_id]]),
        use_cache=False,
        output_attentions=True,
    ).cross_attentions
    weights: list[float] = attentions[layer][0, :, 0].mean(0).tolist()
    return weights
