from __future__ import annotations

from dataclasses import replace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.layers import BlockRange, LayerRange, blocks_of, layer_in_words, layer_name, states_of
from ecco_reports.analyses.preflight import (
    family_problems,
    layer_problems,
    length_problems,
    not_one_token,
    position_problems,
    target_problems,
)
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.source import facts_of
from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family, Message, Prompt, Sampling
from tests.models.tokenizers import word_pieces


@pytest.fixture(scope="module")
def tokenizer():
    """`` Tokyo`` is one token, ``Tokyo`` is two."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("T", "o"), ("k", "y"), ("ky", "o"), ("Ġ", "To"), ("ĠTo", "kyo")]
    pieces = [*alphabet, *(left + right for left, right in merges)]
    backend = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    backend.decoder = decoders.ByteLevel()
    return FastTokenizer(backend)


@pytest.fixture(scope="module")
def facts(tokenizer):
    return ModelFacts(ModelSpec(source="x"), {}, layers=4, context_length=8, tokenize=tokenizer)


UNKNOWN = ModelFacts(ModelSpec(source="x"), {})


def test_one_token_is_no_problem(tokenizer):
    assert not list(not_one_token(" Tokyo", ("target",), tokenizer))


def test_a_forgotten_space_is_named(tokenizer):
    ((path, what, hint),) = not_one_token("Tokyo", ("watch", 0), tokenizer)
    assert path == ("watch", 0)
    assert what == "'Tokyo' is not one token for this model but 2: 'To', 'kyo'."
    assert hint == "Write ' Tokyo', with the space in front: that is one token."


def test_a_word_of_several_tokens_gets_its_first_one_offered(tokenizer):
    ((_, what, hint),) = not_one_token("zoo", ("watch", 0), tokenizer)
    assert "but 3: 'z', 'o', 'o'" in what
    assert "first token, 'z'" in hint


def test_an_empty_word_is_no_token(tokenizer):
    ((_, what, _),) = not_one_token("", ("watch", 0), tokenizer)
    assert what == "an empty text is no token."


def test_target_and_foil_are_looked_at_both(facts):
    found = list(target_problems(Prompt(name="p", text="x", target="Tokyo", foil="zoo"), facts))
    assert [path for path, _, _ in found] == [("prompt", "target"), ("prompt", "foil")]


@pytest.mark.parametrize(
    ("layer", "wrong"), [(0, False), (3, False), (-4, False), ("embedding", False), (4, True), (-5, True)]
)
def test_layers_count_from_both_ends(layer, wrong, facts):
    assert bool(list(layer_problems((layer,), facts))) is wrong


@pytest.mark.parametrize(
    ("layers", "paths"),
    [
        (LayerRange(), []),
        (LayerRange(first="embedding", last=3), []),
        (LayerRange(first=-4, last=-1), []),
        (BlockRange(first=1, last=1), []),
        (BlockRange(first=4), [("layers", "first")]),
        (LayerRange(first=-5, last=9), [("layers", "first"), ("layers", "last")]),
        (LayerRange(first=-1, last=0), [("layers",)]),
    ],
)
def test_ranges_of_layers_lie_in_the_model_and_do_not_end_before_they_begin(layers, paths, facts):
    assert [path for path, _, _ in layer_problems(layers, facts)] == paths


def test_a_range_the_wrong_way_round_is_offered_the_right_way_round(facts):
    ((_, what, hint),) = layer_problems(LayerRange(first=-1, last=1), facts)
    assert what == "this range begins at layer 3 and ends at layer 1, below it."
    assert hint == "Write {first: 1, last: 3}."


@pytest.mark.parametrize(("position", "wrong"), [(0, False), (2, False), (-3, False), (3, True), (-4, True)])
def test_positions_count_from_both_ends(position, wrong, facts):
    found = list(position_problems([position], ("position",), Prompt(name="p", text="abc"), facts))
    assert bool(found) is wrong


def test_the_position_of_a_list_is_named_in_the_list(facts):
    found = list(position_problems([0, 9], ("positions",), Prompt(name="p", text="abc"), facts))
    assert [path for path, _, _ in found] == [("positions", 1)]


def test_what_is_unknown_is_no_problem():
    prompt = Prompt(name="p", text="abc", target="two tokens")
    assert not list(target_problems(prompt, UNKNOWN))
    assert not list(layer_problems((99,), UNKNOWN))
    assert not list(position_problems([99], ("position",), prompt, UNKNOWN))


def test_states_are_layers_and_the_embedding_below_them():
    assert states_of("all", 3) == [0, 1, 2, 3]
    assert states_of((-1, "embedding", 0, 2), 3) == [0, 1, 3]
    assert states_of(LayerRange(), 3) == [0, 1, 2, 3]
    assert states_of(LayerRange(first=1), 3) == [2, 3]
    assert states_of(LayerRange(first="embedding", last=-2), 3) == [0, 1, 2]
    assert [layer_name(state) for state in (0, 1, 3)] == ["embedding", "0", "2"]
    assert (layer_in_words(0), layer_in_words(3)) == ("the embedding", "layer 2")


def test_blocks_are_counted_without_the_embedding():
    assert blocks_of("all", 3) == [0, 1, 2]
    assert blocks_of((-1, 0, 2), 3) == [0, 2]
    assert blocks_of(BlockRange(), 3) == [0, 1, 2]
    assert blocks_of(BlockRange(first=-2), 3) == [1, 2]
    assert blocks_of(BlockRange(last=0), 3) == [0]


@pytest.mark.parametrize(
    ("prompt", "part", "words"),
    [
        (Prompt(name="p", text="x", text_pair="y"), "text_pair", "x: the model's tokenizer has no sign to set"),
        (
            Prompt(name="p", text="user: x", messages=(Message(role="user", content="x"),)),
            "messages",
            "x: the model has no chat template, so it cannot read a conversation. Write `text:`",
        ),
    ],
)
def test_a_prompt_that_the_model_cannot_read_is_a_problem_of_that_part(facts, prompt, part, words):
    ((path, what, _),) = length_problems(ModelSpec(source="y"), prompt, facts)
    assert path == ("prompt", part)
    assert what.startswith(words)


def test_a_prompt_of_which_only_signs_of_the_template_are_left_has_no_token():
    facts = ModelFacts(ModelSpec(source="x"), {}, tokenize=FastTokenizer(word_pieces()))
    ((path, what, _),) = length_problems(ModelSpec(source="y"), Prompt(name="p", text="  "), facts)
    assert path == ("prompt",)
    assert what == "the model 'x' sees no token in this prompt."


def of_family(family, context_length=None, source="bundled:masked"):
    return replace(facts_of(ModelSpec(source=source)), family=family, context_length=context_length)


def test_a_masked_model_needs_a_mask():
    facts = of_family(Family.MASKED)
    ((path, what, hint),) = family_problems(DecodingParams(), Prompt(name="p", text="Nothing is missing."), facts)
    assert path == ("prompt",)
    assert what == "the model 'bundled:masked' fills in masks, and this prompt has none."
    assert hint == "Write [MASK] where a word is missing."
    assert not list(family_problems(DecodingParams(), Prompt(name="p", text="A [MASK] is missing."), facts))


def test_a_model_that_answers_by_a_span_needs_a_passage():
    facts = of_family(Family.QUESTION_ANSWERING)
    ((path, what, hint),) = family_problems(DecodingParams(), Prompt(name="p", text="Who?"), facts)
    assert (path, "answers a question by a span of a second text" in what) == (("prompt",), True)
    assert "text_pair" in hint
    assert not list(family_problems(DecodingParams(), Prompt(name="p", text="Who?", text_pair="Tom."), facts))


def test_what_is_not_about_something_said_needs_neither_mask_nor_passage():
    for family in (Family.MASKED, Family.QUESTION_ANSWERING):
        assert not list(family_problems(ModelSpec(source="y"), Prompt(name="p", text="Who?"), of_family(family)))


def test_a_target_that_is_no_class_is_told_what_the_classes_are():
    facts = of_family(Family.CLASSIFICATION, source="bundled:sentiment-classifier")
    ((path, what, _),) = target_problems(Prompt(name="p", text="Fine.", target="great"), facts)
    assert path == ("prompt", "target")
    assert what == "'great' is no class of this model, which knows 'negative', 'positive'."


@pytest.mark.parametrize("family", [Family.MASKED, Family.CLASSIFICATION])
def test_a_model_that_does_not_write_on_needs_no_room_for_it(family):
    prompt, params = Prompt(name="p", text="A [MASK] is missing."), DecodingParams(max_new_tokens=50)
    length = len(of_family(family).tokenize.encode(prompt).tokens)
    assert not list(length_problems(params, prompt, of_family(family, length)))
    ((_, what, hint),) = length_problems(params, prompt, of_family(family, length - 1))
    assert what.endswith(f"which reads {length - 1} at most.")
    assert hint == "Shorten it by 1 token."


def test_an_encoder_decoder_counts_what_it_reads_and_what_it_writes_apart():
    prompt = Prompt(name="p", text="sst2 sentence: The film is bad.")
    length = len(of_family(None, source="bundled:sentiment").tokenize.encode(prompt).tokens)
    facts = of_family(Family.ENCODER_DECODER, length, "bundled:sentiment")
    assert not list(length_problems(DecodingParams(max_new_tokens=length - 1), prompt, facts))
    ((_, what, hint),) = length_problems(DecodingParams(max_new_tokens=length), prompt, facts)
    assert what.startswith(f"{length} tokens are more than the decoder of the model 'bundled:sentiment' can write")
    assert hint == f"Set max_new_tokens to {length - 1} or less."
    narrow = replace(facts, context_length=length - 1)
    ((_, what, hint),) = length_problems(DecodingParams(max_new_tokens=1), prompt, narrow)
    assert what.endswith(f"which reads {length - 1} at most.")
    assert hint == "Shorten it by 1 token."


def given(text, continuation):
    return Prompt(name="p", text=text, continuation=continuation)


def test_a_continuation_counts_instead_of_what_would_have_been_written(facts):
    params = DecodingParams(max_new_tokens=50)
    assert not list(length_problems(params, given("abcd", "efgh"), facts))
    ((path, what, hint),) = length_problems(params, given("abcd", "efghi"), facts)
    assert path == ("prompt",)
    assert what == "this prompt has 4 tokens for the model 'x', which reads 8 at most, 5 of the continuation included."
    assert hint == "Shorten it by 1 token."


def test_the_continuation_of_a_decoder_has_a_limit_of_its_own(facts):
    decoder = replace(facts, family=Family.ENCODER_DECODER)
    assert not list(length_problems(DecodingParams(), given("abcdefgh", "abcdefg"), decoder))
    ((path, what, hint),) = length_problems(DecodingParams(), given("abcdefgh", "abcdefgh"), decoder)
    assert path == ("prompt", "continuation")
    assert what == "this continuation has 8 tokens for the decoder of the model 'x', which reads 7 at most."
    assert hint == "Shorten it by 1 token."


@pytest.mark.parametrize(
    ("family", "words", "advice"),
    [
        (Family.MASKED, "fills in masks", "write a mask where the token is missing"),
        (Family.CLASSIFICATION, "chooses a class", "Write it at the end of the text"),
        (Family.QUESTION_ANSWERING, "answers by a span", "Leave it out"),
    ],
)
def test_a_model_that_does_not_write_on_takes_no_continuation(family, words, advice, facts):
    prompt = given("ab", "cd").model_copy(update={"text_pair": "ef"})
    ((path, what, hint),) = family_problems(DecodingParams(), prompt, replace(facts, family=family))
    assert path == ("prompt", "continuation")
    assert words in what
    assert advice in hint


@pytest.mark.parametrize("family", [Family.CAUSAL, Family.ENCODER_DECODER, None])
def test_a_model_that_writes_on_takes_a_continuation(family, facts):
    assert not list(family_problems(DecodingParams(), given("ab", "cd"), replace(facts, family=family)))


def test_a_continuation_has_a_token_at_least():
    words = FastTokenizer(word_pieces())
    facts = ModelFacts(ModelSpec(source="x"), {}, tokenize=words, family=Family.CAUSAL)
    ((path, what, _),) = family_problems(DecodingParams(), given("one", " "), facts)
    assert (path, what) == (("prompt", "continuation"), "the model 'x' sees no token in this continuation.")


SERVED = ModelFacts(ModelSpec(source="openai:m", base_url="http://localhost:1/v1"), {}, family=Family.CAUSAL)


def test_settings_that_a_server_has_no_word_for_are_named_before_anything_is_asked():
    sampled = DecodingParams(sampling=Sampling(top_k=3, min_p=0.1), repetition_penalty=1.2)
    found = [path for path, _, _ in family_problems(sampled, Prompt(name="p", text="x"), SERVED)]
    assert found == [("sampling", "top_k"), ("sampling", "min_p"), ("repetition_penalty",)]
    ((path, what, _),) = family_problems(DecodingParams(beams=2), Prompt(name="p", text="x"), SERVED)
    assert path == ("beams",)
    assert what == "openai:m follows no beams: the server writes one continuation at a time."
    fine = DecodingParams(sampling=Sampling(temperature=0.5, top_p=0.5), stop=(".",))
    assert not list(family_problems(fine, Prompt(name="p", text="x"), SERVED))


def test_the_chat_endpoint_takes_no_continuation():
    chat = replace(SERVED, spec=SERVED.spec.model_copy(update={"endpoint": "chat"}))
    ((path, what, hint),) = family_problems(DecodingParams(), given("x", " y"), chat)
    assert path == ("prompt", "continuation")
    assert "endpoint: chat" in what
    assert "completions" in hint
