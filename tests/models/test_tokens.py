from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.resources import bundled_models

FAMILY = "👨‍👩‍👧"


@pytest.fixture(scope="module")
def bundled():
    return FastTokenizer.from_file(bundled_models() / "facts" / "tokenizer.json")


@pytest.fixture(scope="module")
def single_bytes():
    """Byte-level BPE without any merge: every token is one byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({char: number for number, char in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return FastTokenizer(backend)


@pytest.fixture(scope="module")
def sentence_pieces():
    """As Llama's: ``▁`` for spaces, and bytes in words for what the vocabulary lacks."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁The", "▁city", "s", "▁of"]
    letters = sorted(set("▁Thecityof") - set(pieces))
    vocabulary = {piece: number for number, piece in enumerate([*pieces, *letters])}
    merges, known = [], set(vocabulary)
    for word in ("▁The", "▁city", "▁of"):
        for end in range(2, len(word) + 1):
            vocabulary.setdefault(word[:end], len(vocabulary))
            if (word[: end - 1], word[end - 1]) not in merges:
                merges.append((word[: end - 1], word[end - 1]))
    assert known <= set(vocabulary)
    backend = Tokenizer(models.BPE(vocabulary, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.add_special_tokens(["<s>", "</s>"])
    backend.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return FastTokenizer(backend)


@pytest.fixture(scope="module")
def word_pieces():
    vocabulary = ["[UNK]", "[CLS]", "[SEP]", "the", "cabin", "##et", "keys", "."]
    backend = Tokenizer(models.WordPiece({piece: n for n, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix="##")
    backend.add_special_tokens(["[CLS]", "[SEP]"])
    backend.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    return FastTokenizer(backend)


def shown(tokens):
    """The text a reader can put together: whole tokens as they are, characters where their last byte arrives."""
    return "".join((token.completes or "") if token.partial else token.text for token in tokens)


@pytest.mark.parametrize(
    "text",
    [
        "Heathrow airport",
        "日本の首都",
        "🐉",
        FAMILY,
        "e\u0301 n\u0303",
        "naïve café",
        "a\x00b\x1b\r\n\t",
        "\u202eright to left שלום",
        "</script> {{ x }} `|`",
    ],
)
def test_every_text_can_be_read_from_single_bytes(single_bytes, text):
    tokens = single_bytes.tokens(single_bytes.ids(text))
    assert shown(tokens) == text
    assert len(tokens) == len(text.encode())


def test_a_split_character_is_shown_as_its_bytes_and_once_it_is_complete(single_bytes):
    first, middle, last = single_bytes.tokens(single_bytes.ids("京"))
    assert [token.text for token in (first, middle, last)] == ["⟨E4⟩", "⟨BA⟩", "⟨AC⟩"]
    assert [token.partial for token in (first, middle, last)] == [True, True, True]
    assert [token.completes for token in (first, middle, last)] == [None, None, "京"]


def test_a_four_byte_character_is_complete_after_its_fourth_byte(single_bytes):
    tokens = single_bytes.tokens(single_bytes.ids("🐉"))
    assert [token.completes for token in tokens] == [None, None, None, "🐉"]


def test_a_text_of_nothing_but_the_middle_of_a_character_is_shown_as_bytes(single_bytes):
    ids = single_bytes.ids("京都")[1:4]
    tokens = single_bytes.tokens(ids)
    assert [token.text for token in tokens] == ["⟨BA⟩", "⟨AC⟩", "⟨E9⟩"]
    assert not any(token.completes for token in tokens)


def test_a_byte_that_breaks_a_character_off_does_not_complete_it(single_bytes):
    ids = [*single_bytes.ids("京")[:2], *single_bytes.ids("a")]
    *_, last = single_bytes.tokens(ids)
    assert (last.text, last.completes) == ("a", None)


def test_control_characters_are_visible_in_labels_and_exact_in_texts(single_bytes):
    (token,) = single_bytes.tokens(single_bytes.ids("\x00"))
    assert (token.text, token.label) == ("\x00", "⟨00⟩")


def test_every_token_of_the_bundled_vocabulary_goes_round(bundled):
    ids = range(bundled._backend.get_vocab_size())
    for token in bundled.tokens(list(ids)):
        assert token.text
    for token_id in ids:
        token = bundled.token(token_id)
        if not (token.partial or token.special):
            assert bundled._backend.decode([token_id], skip_special_tokens=False) == token.text


@pytest.mark.parametrize(
    "text", ["Heathrow airport is located in", "日本 🐉 " + FAMILY, "e\u0301\x00", " two  spaces "]
)
def test_bundled_texts_go_round(bundled, text):
    assert shown(bundled.tokens(bundled.ids(text))) == text


def test_sentence_pieces_keep_their_leading_spaces(sentence_pieces):
    tokens = sentence_pieces.tokens(sentence_pieces.ids("The city of"))
    assert [token.text for token in tokens] == ["<s>", " The", " city", " of"]
    assert tokens[0].special


def test_sentence_pieces_fall_back_to_bytes(sentence_pieces):
    tokens = sentence_pieces.tokens(sentence_pieces.continuation_ids("The京"))
    partial = [token for token in tokens if token.partial]
    assert [token.text for token in partial] == ["⟨E4⟩", "⟨BA⟩", "⟨AC⟩"]
    assert partial[-1].completes == "京"
    assert not any(token.special for token in partial)


def test_word_pieces_join_without_their_signs(word_pieces):
    tokens = word_pieces.tokens(word_pieces.ids("The cabinet keys."))
    assert [token.text for token in tokens] == ["[CLS]", " the", " cabin", "et", " keys", ".", "[SEP]"]
    assert [token.special for token in tokens] == [True, False, False, False, False, False, True]


def test_an_unknown_number_is_shown_as_a_number(bundled):
    token = bundled.token(10**6)
    assert (token.text, token.special) == ("⟨1000000⟩", True)


def test_a_continuation_gets_no_special_tokens(word_pieces):
    assert word_pieces.continuation_ids("the keys") == word_pieces.ids("the keys")[1:-1]
