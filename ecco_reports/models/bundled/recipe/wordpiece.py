"""The lower-case WordPiece tokenizer that the encoder models share, and how its pieces are chosen."""

import string
from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

PADDING, UNKNOWN, START, END, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"

SPECIAL_PIECES: tuple[str, ...] = (PADDING, UNKNOWN, START, END, MASK)
"""Pieces that no text holds, numbered from 0."""

_CHARACTERS = string.ascii_lowercase + string.digits + string.punctuation
_ENDING_LENGTHS = range(2, 5)
_SHARE_OF_ENDINGS = 0.04
_LEAST_COUNT = 8


def choose_pieces(texts: Iterable[str], pieces: int) -> list[str]:
    """Choose a vocabulary: every character, the most frequent words, and the endings that most words share.

    The learner of the library breaks ties by the order of a hash table, so that it would not give the same vocabulary
    twice. Generated text has few words, and counting them is enough.

    Args:
        texts: A sample of the training text.
        pieces: Size of the vocabulary at most.

    Returns:
        The pieces, special ones first.
    """
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    counts = Counter(word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    chosen = [*SPECIAL_PIECES, *_CHARACTERS]
    chosen += [f"##{character}" for character in string.ascii_lowercase + string.digits]
    endings = Counter(
        word[-length:] for word in counts for length in _ENDING_LENGTHS if word.isalpha() and len(word) > length + 1
    )
    chosen += [f"##{ending}" for ending, _ in _by_frequency(endings)[: round(_SHARE_OF_ENDINGS * pieces)]]
    known = set(chosen)
    frequent = [word for word, count in _by_frequency(counts) if word not in known and count >= _LEAST_COUNT]
    return chosen + frequent[: pieces - len(chosen)]


def _by_frequency(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))


def new_tokenizer(pieces: list[str]) -> Tokenizer:
    """Make the tokenizer of a vocabulary.

    Args:
        pieces: The pieces, in the order of their numbers.

    Returns:
        The tokenizer; it puts `[CLS]` before and `[SEP]` after a text, and tells a second text apart.
    """
    numbers = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token=UNKNOWN, max_input_chars_per_word=100))
    tokenizer.add_special_tokens(list(SPECIAL_PIECES))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        pair=f"{START} $A {END} $B:1 {END}:1",
        special_tokens=[(piece, numbers[piece]) for piece in (START, END)],
    )
    return tokenizer


def for_transformers(tokenizer: Tokenizer, positions: int) -> PreTrainedTokenizerFast:
    """Wrap the tokenizer for saving next to a model.

    Args:
        tokenizer: The tokenizer.
        positions: Longest input of the model, in tokens.

    Returns:
        The tokenizer as `transformers` loads it.
    """
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PADDING,
        unk_token=UNKNOWN,
        cls_token=START,
        sep_token=END,
        mask_token=MASK,
        model_max_length=positions,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
    )
