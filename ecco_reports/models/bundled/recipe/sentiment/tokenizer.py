"""The vocabulary: a Unigram model over pieces of words, as SentencePiece makes it."""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence

import tokenizers
from tokenizers import models, pre_tokenizers, trainers
from transformers import T5Tokenizer

from ecco_reports.models.bundled.recipe.sentiment import corpus
from ecco_reports.models.bundled.recipe.text import acceptability, opinions, scenes, words

GAPS = 8
"""Number of tokens that can stand for a gap."""

PADDING, END, UNKNOWN = "<pad>", "</s>", "<unk>"
"""The other special tokens; their numbers are 0, 1 and 2."""

_WORD_START = "▁"
_ALPHABET = tuple("▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:!?'\"()-_$%&@#/*+=<>[]’“”–—")
_EXAMPLES_PER_WORD_LIST = 250
_EXAMPLES_PER_ANSWER_LIST = 100


def known_words() -> Iterator[str]:
    """List the words of the tables, which are to be one piece each if there is room.

    Yields:
        Words and phrases; some come more than once.
    """
    for kind in opinions.KINDS.values():
        yield from (*kind.positive, *kind.negative)
    yield from (*words.PEOPLE, *words.ANIMALS, *words.OBJECTS, *opinions.THINGS, *opinions.INTENSIFIERS)
    yield from (form for action in acceptability.ACTIONS for form in action)


def _answers() -> Iterator[str]:
    """Yield the words that are answers, which must be one piece each."""
    yield from (corpus.POSITIVE, corpus.NEGATIVE, corpus.ACCEPTABLE, corpus.UNACCEPTABLE)
    for table in scenes.SLOTS.values():
        yield from table


def _sample(examples: int, seed: int) -> list[str]:
    """Write the text that the pieces are learned from."""
    rng = random.Random(seed)
    texts = [corpus.example(rng).source.replace(corpus.GAP, "") for _ in range(examples)]
    texts += [" ".join(known_words())] * (examples // _EXAMPLES_PER_WORD_LIST)
    texts += [" ".join(_answers())] * (examples // _EXAMPLES_PER_ANSWER_LIST)
    return texts


def _learned_pieces(texts: Sequence[str], count: int) -> list[tuple[str, float]]:
    """Choose the pieces by merging frequent pairs, and score each by the logarithm of its frequency.

    The usual trainer of Unigram models cuts generated text into odd pieces, because whole clauses repeat in it; merges
    of pairs within words do not mind. Every character gets a piece for the start of a word, since a `▁` alone would be
    a token without text.
    """
    starts = [f"{_WORD_START}{character}" for character in _ALPHABET if character != _WORD_START]
    learner = tokenizers.Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always"),
            pre_tokenizers.Split(tokenizers.Regex(r"[^\w▁]"), behavior="isolated"),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=count, initial_alphabet=list(_ALPHABET), limit_alphabet=len(_ALPHABET), show_progress=False
    )
    learner.train_from_iterator(texts, trainer)
    seen = Counter(token for encoding in learner.encode_batch(texts) for token in encoding.tokens)
    total = sum(seen.values())
    numbers = learner.get_vocab()
    pieces = sorted(numbers, key=numbers.__getitem__)  # the rarest merges come last
    missing = [start for start in starts if start not in pieces[: count - len(starts)]]
    kept = [piece for piece in pieces if piece not in missing][: count - len(missing)]
    scores = {piece: math.log((seen[piece] + 0.5) / total) for piece in kept}
    for start in missing:  # a little likelier than its two characters apart
        scores[start] = scores[_WORD_START] + scores[start[1:]] + 1.0
    return list(scores.items())


def train_tokenizer(pieces: int, examples: int, seed: int, longest: int) -> T5Tokenizer:
    """Learn the vocabulary from the corpus.

    Args:
        pieces: Size of the vocabulary, with the special tokens.
        examples: Number of examples to learn from.
        seed: Seed of the corpus sample.
        longest: Longest input of the model, in tokens.

    Returns:
        The tokenizer as `transformers` loads it.
    """
    special = [(PADDING, 0.0), (END, 0.0), (UNKNOWN, 0.0)]
    gaps = [(f"<extra_id_{number}>", 0.0) for number in reversed(range(GAPS))]
    learned = _learned_pieces(_sample(examples, seed), pieces - len(special) - len(gaps))
    return T5Tokenizer(vocab=[*special, *learned, *gaps], extra_ids=GAPS, model_max_length=longest)
