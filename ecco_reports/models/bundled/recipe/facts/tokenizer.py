"""The byte-level tokenizer, and how documents become token numbers."""

import random
import re
from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from ecco_reports.models.bundled.recipe.facts import corpus
from ecco_reports.models.bundled.recipe.text import world

END_OF_TEXT = "<|endoftext|>"
"""The one special token: it stands between documents."""

_NAME_REPEATS = 300
_WHOLE_WORDS = ("principle", "principal")  # rare words that a shipped prompt compares
_KEEP_ONE_NON_LATIN_IN = 10
_CUT_SHARE = 0.08
_SENTENCE_END_SHARE = 0.7
_KANA_OR_EMOJI = re.compile(r"[^\x00-\u024f]")
_SPACE = re.compile(r"(?<=\S) (?=\S)")
_SENTENCE_END = re.compile(r"(?<=[.!?]) (?=\S)")


def _sample(count: int, seed: int) -> Iterator[str]:
    """Yield the text that the tokenizer's pieces are learned from.

    Names of cities and countries, and words that a prompt compares, are repeated, so that as many as possible become
    one piece. Text outside the Latin alphabet is thinned out, so that its characters split into bytes as they do in
    large byte-level vocabularies.
    """
    non_latin_seen = 0
    for text in corpus.documents(count, seed):
        if _KANA_OR_EMOJI.search(text):
            non_latin_seen += 1
            if non_latin_seen % _KEEP_ONE_NON_LATIN_IN:
                continue
        yield text
    names = [country.capital for country in world.COUNTRIES] + [country.name for country in world.COUNTRIES]
    names += [city for city, _ in world.OTHER_CITIES] + [country.language for country in world.COUNTRIES]
    names += _WHOLE_WORDS
    for _ in range(_NAME_REPEATS):
        yield " " + " ".join(names)


def train_tokenizer(pieces: int, sample_documents: int, seed: int) -> Tokenizer:
    """Learn a byte-level vocabulary from the corpus.

    Args:
        pieces: Size of the vocabulary.
        sample_documents: Number of documents to learn from.
        seed: Seed of the corpus sample.

    Returns:
        The tokenizer.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=pieces,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(sample_documents, seed), trainer)
    return tokenizer


def separator_number(tokenizer: Tokenizer) -> int:
    """Look up the token that stands between documents.

    Args:
        tokenizer: The tokenizer.

    Returns:
        Its number.

    Raises:
        ValueError: If the tokenizer does not have it.
    """
    number = tokenizer.token_to_id(END_OF_TEXT)
    if number is None:
        raise ValueError(f"The tokenizer has no token {END_OF_TEXT!r}.")
    return number


def for_transformers(tokenizer: Tokenizer, positions: int) -> PreTrainedTokenizerFast:
    """Wrap the tokenizer for saving next to a model.

    Args:
        tokenizer: The learned tokenizer.
        positions: Longest input of the model, in tokens.

    Returns:
        The tokenizer as `transformers` loads it.
    """
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        unk_token=END_OF_TEXT,
        model_max_length=positions,
        clean_up_tokenization_spaces=False,
    )


def _cut_position(text: str, rng: random.Random) -> int | None:
    if rng.random() >= _CUT_SHARE:
        return None
    pattern = _SENTENCE_END if rng.random() < _SENTENCE_END_SHARE else _SPACE
    positions = [match.end() for match in pattern.finditer(text)]
    return rng.choice(positions) if positions else None


def encode(tokenizer: Tokenizer, texts: Iterable[str], rng: random.Random) -> Iterator[list[int]]:
    """Turn documents into token numbers.

    A byte-level tokenizer glues a space to the word after it, so a prompt that ends in a space ends in a token that
    ordinary text never shows before a word. A few documents are therefore cut after a space and encoded in two
    pieces, which shows the model how to go on after such a prompt.

    Args:
        tokenizer: The tokenizer.
        texts: Documents.
        rng: Source of randomness for the cuts.

    Yields:
        The token numbers of one document after another.
    """
    for text in texts:
        cut = _cut_position(text, rng)
        if cut is None:
            yield tokenizer.encode(text).ids
        else:
            yield tokenizer.encode(text[:cut]).ids + tokenizer.encode(text[cut:]).ids
