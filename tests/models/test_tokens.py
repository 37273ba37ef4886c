from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import pre_tokenizers

from ecco_reports.errors import CapabilityError, ModelLoadError
from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.records import Passage, Prompt
from ecco_reports.resources import bundled_models
from tests.models.tokenizers import KINDS, sentence_pieces, single_bytes, trimmed_bytes, word_pieces

FAMILY = "👨‍👩‍👧"
TRICKY = " \n\taAfi1xTheé½ﬁ日京🐉\u0301\u0327\u200d\ufe0f\u00a0\u3000İßǅ가\u1100\u1161\x00\x1b\u202eשﷺ"

make = functools.cache(lambda kind: FastTokenizer(KINDS[kind]()))


def read(tokenizer, text, pair=None):
    return tokenizer.encode(Prompt(name="p", text=text, text_pair=pair))


def readable(token):
    """What a reader can make out of a token: its characters, without signs for bytes."""
    whole = re.sub("⟨[^⟩]*⟩", "", token.text) if token.partial else token.text
    return token.before + (token.completes or "") + whole + token.after


def shown(tokens):
    return "".join(readable(token) for token in tokens if not token.special)


def labels(tokens):
    return [token.label for token in tokens]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=150, deadline=None)
@given(text=st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), max_size=30))
def test_the_tokens_of_any_text_read_as_it_was_written(kind, text):
    tokens = [token for token in read(make(kind), text).tokens if not token.special]
    spans = [token.span for token in tokens]
    assert spans == sorted(spans)
    assert not tokens or shown(tokens) == text
    assert all(token.text == text[slice(*token.span)] for token in tokens if not token.partial)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_what_the_tokenizer_makes_of_it(kind):
    text = "Heathrow  is ﬁne, naïve 日本 🐉"
    assert list(read(make(kind), text).ids) == KINDS[kind]().encode(text).ids


def test_a_model_that_knows_no_capitals_is_shown_what_was_written():
    tokens = read(make("WordPiece"), "  Heathrow  AIRPORT ").tokens
    assert [token.text for token in tokens] == ["[CLS]", "Heathrow", "AIRPORT", "[SEP]"]
    assert [token.piece for token in tokens[1:3]] == ["heathrow", "airport"]
    assert [(token.before, token.after) for token in tokens[1:3]] == [("  ", ""), ("  ", " ")]
    assert [token.span for token in tokens] == [None, (2, 10), (12, 19), None]


def test_a_space_is_part_of_a_token_only_where_the_vocabulary_says_so():
    assert labels(read(make("byte-level"), "Heathrow Heathrow").tokens) == ["He", "athrow", "·Heathrow"]
    assert labels(read(FastTokenizer(word_pieces()), "keys cabinet").tokens[1:-1]) == ["keys", "cabin", "##et"]
    assert labels(read(make("Unigram"), "is is").tokens[:-1]) == ["·is", "·is"]


def test_one_token_has_one_name_whether_or_not_its_space_was_written():
    tokenizer = FastTokenizer(sentence_pieces())
    (_, first), (_, second, third) = (read(tokenizer, text).tokens for text in ("The", "The The"))
    assert first.id == second.id == third.id
    assert [(token.text, token.label) for token in (first, second, third)] == [
        ("The", "·The"),
        ("The", "·The"),
        (" The", "·The"),
    ]


def test_a_space_that_stands_nowhere_is_a_token_without_text():
    _, space, *rest = read(FastTokenizer(sentence_pieces()), "京").tokens
    assert (space.text, space.label, space.span) == ("", "·", (0, 0))
    assert [token.text for token in rest] == ["⟨E4⟩", "⟨BA⟩", "⟨AC⟩"]
    assert rest[-1].completes == "京"


@pytest.mark.parametrize("text", ["Heathrow", "日本の首都", "🐉", FAMILY, "a\x00b\x1b\r\n\t", "</script> {{ x }} `|`"])
def test_single_bytes_are_shown_as_bytes_and_characters_where_they_are_complete(text):
    tokens = read(FastTokenizer(single_bytes()), text).tokens
    assert bytes.fromhex("".join(token.utf8 for token in tokens)).decode() == text
    assert [token.completes or token.text for token in tokens if token.completes or not token.partial] == list(text)


def test_a_split_character_is_shown_as_its_bytes_and_once_it_is_complete():
    first, middle, last = read(FastTokenizer(single_bytes()), "京").tokens
    assert [token.text for token in (first, middle, last)] == ["⟨E4⟩", "⟨BA⟩", "⟨AC⟩"]
    assert [token.partial for token in (first, middle, last)] == [True, True, True]
    assert [token.completes for token in (first, middle, last)] == [None, None, "京"]
    assert [token.span for token in (first, middle, last)] == [(0, 1)] * 3


def test_a_ligature_that_a_normaliser_takes_apart_is_completed_by_its_last_letter():
    tokens = read(make("folded Unigram"), "ﬁx").tokens
    assert [(token.text, token.completes) for token in tokens] == [("", None), ("⟨f⟩", None), ("⟨i⟩x", "ﬁ")]


def test_an_accent_that_a_normaliser_moves_stays_on_its_letter():
    tokens = read(make("byte-level after NFC"), "e\u0301").tokens[2:-1]
    assert [(token.text, token.completes) for token in tokens] == [("⟨C3⟩", None), ("⟨A9⟩", "e\u0301")]


def test_offsets_that_leave_out_spaces_do_not_take_them_from_the_tokens():
    tokens = read(FastTokenizer(trimmed_bytes()), "a  a <mask> a").tokens
    assert labels(tokens) == ["<s>", "·a", "·", "·a", "<mask>", "·a", "</s>"]
    assert shown(tokens) == "a  a <mask> a"


def test_a_sign_that_the_prompt_writes_itself_is_part_of_the_prompt():
    tokens = read(make("WordPiece"), "the [MASK] is").tokens
    assert [(token.text, token.special, token.span) for token in tokens[2:3]] == [("[MASK]", False, (4, 10))]
    assert [token.special for token in tokens] == [True, False, False, False, True]
    assert tokens[2].id == make("WordPiece").mask.id


def test_a_second_text_is_told_apart():
    encoding = read(FastTokenizer(word_pieces()), "The keys", "cabinet ")
    assert [token.text for token in encoding.tokens] == ["[CLS]", "The", "keys", "[SEP]", "cabin", "et", "[SEP]"]
    assert [token.span for token in encoding.tokens] == [None, (0, 3), (4, 8), None, (0, 5), (5, 7), None]
    assert [token.second for token in encoding.tokens] == [False] * 4 + [True, True, False]
    assert encoding.segments == (0, 0, 0, 0, 1, 1, 1)


def test_a_model_that_is_told_of_no_second_text_gets_no_segments(tmp_path):
    FastTokenizer(word_pieces())._backend.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "tokenizer_config.json").write_text('{"model_input_names": ["input_ids", "attention_mask"]}')
    assert read(FastTokenizer.from_folder(tmp_path), "The", "keys").segments == ()
    assert read(make("byte-level with trimmed offsets"), "a", "a").segments == ()
    assert read(make("Unigram"), "a", "a").segments == ()


def test_a_tokenizer_that_cannot_set_two_texts_apart_says_so():
    with pytest.raises(CapabilityError, match=r"no sign to set two texts apart\. Write both as one text"):
        read(make("byte-level"), "a", "b")


def test_written_words_get_the_spaces_that_a_decoder_puts_between_them():
    tokenizer = FastTokenizer(word_pieces())
    prompt = read(tokenizer, "the").tokens
    written = tokenizer.tokens(tokenizer.continuation_ids("keys cabinet."), after=prompt)
    assert [(token.before, token.text) for token in written] == [(" ", "keys"), (" ", "cabin"), ("", "et"), ("", ".")]
    assert Passage(tokens=(*prompt, *written), prompt_length=len(prompt)).written == " keys cabinet."


@pytest.mark.parametrize("kind", ["byte-level", "Unigram", "SentencePiece BPE with byte fallback"])
def test_written_text_reads_as_it_does_in_a_prompt(kind):
    tokenizer = make(kind)
    prompt, text = read(tokenizer, "The").tokens, " city of" + (" 京" if kind != "Unigram" else "")
    ids = KINDS[kind]().encode("The" + text, add_special_tokens=False).ids
    ids = ids[len(KINDS[kind]().encode("The", add_special_tokens=False).ids) :]
    written = tokenizer.tokens(ids, after=prompt)
    assert Passage(tokens=(*prompt, *written), prompt_length=len(prompt)).written == text


def test_a_character_begun_before_is_completed():
    tokenizer = FastTokenizer(single_bytes())
    *begun, last = tokenizer.continuation_ids("京")
    after = tokenizer.tokens(begun)
    assert [(token.text, token.completes) for token in tokenizer.tokens([last], after=after)] == [("⟨AC⟩", "京")]


def test_a_byte_that_breaks_a_character_off_does_not_complete_it():
    tokenizer = FastTokenizer(single_bytes())
    ids = [*tokenizer.continuation_ids("京")[:2], *tokenizer.continuation_ids("a")]
    *_, last = tokenizer.tokens(ids)
    assert (last.text, last.completes) == ("a", None)


def test_the_middle_of_a_character_alone_is_shown_as_bytes():
    tokenizer = FastTokenizer(single_bytes())
    tokens = tokenizer.tokens(tokenizer.continuation_ids("京都")[1:4])
    assert [token.text for token in tokens] == ["⟨BA⟩", "⟨AC⟩", "⟨E9⟩"]
    assert not any(token.completes for token in tokens)


@pytest.mark.parametrize("kind", KINDS)
def test_every_token_of_a_vocabulary_has_a_name(kind):
    backend = KINDS[kind]()
    for number in range(backend.get_vocab_size()):
        token = make(kind).token(number)
        assert token.label
        assert token.piece == backend.id_to_token(number)
        assert token.special or bytes.fromhex(token.utf8).decode(errors="replace") or token.piece == "</w>"


def test_an_unknown_number_is_shown_as_a_number():
    token = make("byte-level").token(10**6)
    assert (token.text, token.special) == ("⟨1000000⟩", True)
    assert make("byte-level").token(-1).text == "⟨-1⟩"


def test_a_continuation_gets_no_special_tokens():
    tokenizer = FastTokenizer(word_pieces())
    assert tokenizer.continuation_ids("the keys") == list(read(tokenizer, "the keys").ids[1:-1])


@pytest.mark.parametrize(
    ("kind", "text", "labels_of_it"),
    [
        ("SentencePiece BPE with byte fallback", " city", ["·city"]),
        ("SentencePiece BPE with byte fallback", "city", ["c", "i", "t", "y"]),
        ("byte-level with trimmed offsets", " a", ["·a"]),
        ("byte-level with trimmed offsets", "a", ["a"]),
        ("byte-level", " London", ["·London"]),
        ("Unigram", " is", ["·is"]),
        ("Unigram", "is", ["·is"]),
        ("WordPiece", " london", ["london"]),
    ],
)
def test_a_continuation_begins_with_a_space_only_where_one_is_written(kind, text, labels_of_it):
    assert labels(make(kind).tokens(make(kind).continuation_ids(text))) == labels_of_it


def test_the_mask_is_found_by_its_name_or_by_what_the_settings_call_it(tmp_path):
    assert make("byte-level with trimmed offsets").mask.text == "<mask>"
    assert make("Unigram").mask is None
    assert make("byte-level").mask is None
    FastTokenizer(word_pieces())._backend.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "special_tokens_map.json").write_text('{"mask_token": {"content": "cabin"}}')
    assert FastTokenizer.from_folder(tmp_path).mask.id == 5


def test_a_tokenizer_that_cuts_and_fills_up_is_made_to_show_all(tmp_path):
    backend = word_pieces()
    backend.enable_truncation(3)
    backend.enable_padding(length=9)
    assert len(read(FastTokenizer(backend), "the keys the keys").tokens) == 6
    assert backend.truncation is not None


@pytest.mark.parametrize("settings", [{"add_bos_token": True, "add_eos_token": False}, {"add_eos_token": True}, {}])
def test_first_and_last_tokens_are_those_that_transformers_reads(tmp_path, settings):
    from transformers import AutoTokenizer

    sentence_pieces().save(str(tmp_path / "tokenizer.json"))
    config = {"tokenizer_class": "TokenizersBackend", "bos_token": "<s>", "eos_token": "</s>", **settings}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    heavy = AutoTokenizer.from_pretrained(tmp_path)
    light = FastTokenizer.from_folder(tmp_path)
    assert list(read(light, "The city").ids) == heavy("The city")["input_ids"]
    assert list(read(light, "The city", "of").ids) == heavy("The city", "of")["input_ids"]


def test_a_tokenizer_of_transformers_brings_its_settings_along():
    from transformers import AutoTokenizer

    heavy = AutoTokenizer.from_pretrained(bundled_models() / "masked")
    light = FastTokenizer.of(heavy)
    encoding, expected = read(light, "Heathrow", "an airport"), heavy("Heathrow", "an airport")
    assert list(encoding.ids) == expected["input_ids"]
    assert list(encoding.segments) == expected["token_type_ids"]
    assert light.mask.id == heavy.mask_token_id
    assert FastTokenizer.of(heavy.backend_tokenizer).mask.id == heavy.mask_token_id


def test_a_tokenizer_with_a_part_of_somebody_s_own_is_read():
    class Whole:
        def pre_tokenize(self, pieces):
            """Leaves the text in one piece."""

    backend = word_pieces()
    backend.pre_tokenizer = pre_tokenizers.PreTokenizer.custom(Whole())
    assert [token.text for token in read(FastTokenizer(backend), "The").tokens] == ["[CLS]", "The", "[SEP]"]


def test_a_long_text_is_read_in_a_time_that_grows_with_its_length():
    tokenizer, sentence = make("byte-level"), "The keys to the cabinet, naïve 日本 🐉. "
    started = time.process_time()
    assert len(read(tokenizer, sentence * 400).tokens) > 8000
    assert time.process_time() - started < 10


def test_what_is_no_fast_tokenizer_is_refused():
    with pytest.raises(ModelLoadError, match="str is no fast tokenizer"):
        FastTokenizer.of("gpt2")


def test_a_folder_with_another_form_of_vocabulary_is_converted(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "heathrow", "is"]))
    tokenizer = FastTokenizer.from_folder(tmp_path)
    assert [token.text for token in read(tokenizer, "Heathrow is").tokens] == ["[CLS]", "Heathrow", "is", "[SEP]"]
    assert tokenizer.mask.id == 4


def test_a_vocabulary_that_cannot_be_converted_says_what_to_do(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.model").write_bytes(b"no sentence pieces")
    with pytest.raises(ModelLoadError, match=r"no tokenizer\.json.*cannot be converted.*Install `sentencepiece`"):
        FastTokenizer.from_folder(tmp_path)


def test_a_folder_without_any_vocabulary_says_so(tmp_path):
    with pytest.raises(ModelLoadError, match="has no tokenizer"):
        FastTokenizer.from_folder(tmp_path)


def test_a_damaged_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelLoadError, match=r"tokenizer\.json cannot be read"):
        FastTokenizer.from_folder(tmp_path)


def test_a_text_is_read_without_transformers():
    code = (
        "import sys; from ecco_reports.models.tokens import FastTokenizer; from ecco_reports.records import Prompt; "
        "from ecco_reports.resources import bundled_models; "
        "FastTokenizer.from_folder(bundled_models() / 'masked').encode(Prompt(name='p', text='x')); "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
