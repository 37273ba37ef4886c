from __future__ import annotations

import copy
import functools
import json

import numpy as np
import pytest
import torch

import ecco_reports
from ecco_reports.analyses.attribution import Attribution, AttributionParams
from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import Capability
from ecco_reports.records import Decoding, Prompt
from ecco_reports.testing import check_words
from tests import tiny
from tests.analyses.stubborn import silent

ROOM = Attribution()
PROMPT = Prompt(name="p", text=tiny.TEXT)
RACE = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")
METHODS = ("integrated_gradients", "input_x_gradient", "saliency")
PERTURBATIONS = ("occlusion", "shapley")
EVERY = (*METHODS, *PERTURBATIONS)


def run(model, prompt=PROMPT, **params):
    return ROOM.run(model, prompt, AttributionParams(**{"max_new_tokens": 3, **params}))


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(family, dtype, tiny_model):
    check_words(ROOM, run(tiny_model(family, dtype), methods=EVERY, replacement="baseline", samples=4))


def test_contributions_add_up_to_what_the_text_changed(tiny_model):
    (method,) = run(tiny_model("gpt2")).methods
    assert method.contributions.sum(-1) == pytest.approx(method.scores - method.baseline_scores, rel=0.01)


def test_a_target_against_its_foil_comes_first_and_the_written_tokens_follow(tiny_model):
    model = tiny_model("gpt2")
    result = run(model, RACE)
    assert result.explained[0].label == "London rather than Paris"
    assert [target.position for target in result.explained] == [None, 8, 9, 10]
    reading = model.read(PROMPT, Decoding(max_new_tokens=1))
    logits = model.logits(reading, [reading.question])[0]
    london, paris = (model.tokenizer.continuation_ids(word)[0] for word in ("London", "Paris"))
    assert result.methods[0].scores[0] == pytest.approx((logits[london] - logits[paris]).item(), abs=1e-5)


def test_only_the_given_target_or_only_what_was_written_can_be_asked_for(tiny_model):
    given, written = (run(tiny_model("gpt2"), RACE, targets=targets) for targets in ("given", "generated"))
    assert [target.position for target in given.explained] == [None]
    assert [target.position for target in written.explained] == [8, 9, 10]


def test_nothing_flows_back_from_later_tokens(tiny_model):
    result = run(tiny_model("llama"), methods=METHODS)
    for method in result.methods:
        assert method.leak == 0.0
        for target, row in zip(result.explained, method.contributions, strict=True):
            assert not row[target.after + 1 :].any()


def test_the_methods_are_told_apart(tiny_model):
    integrated, times, saliency = run(tiny_model("gpt2"), methods=METHODS).methods
    assert saliency.contributions.min() >= 0
    assert times.contributions.min() < 0 < times.contributions.max()
    assert not np.allclose(integrated.contributions, times.contributions)
    assert times.steps.tolist() == [1, 1, 1]
    assert integrated.steps.min() >= 32


def test_normalised_shares_add_up_to_one_on_the_page_and_stay_raw_in_the_table(tiny_model):
    result = run(tiny_model("gpt2"), normalize=True, aggregation="l2")
    strip = ROOM.charts(result)[0]
    assert [sum(row.scores) for row in strip.rows] == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    rows = cells(ROOM.table(result), "output", "contribution")
    raw = [value for output, value in rows if output == result.explained[0].label]
    assert raw[: len(strip.rows[0].scores)] == pytest.approx(
        result.methods[0].contributions[0][: result.explained[0].after + 1].tolist()
    )


def cells(table, *names):
    """Some columns of a table."""
    at = [table.columns.index(name) for name in names]
    return [tuple(row[index] for index in at) for row in table.rows]


def with_template():
    """A model whose tokenizer puts a sign before every text."""
    from tokenizers.processors import TemplateProcessing

    from ecco_reports.models.huggingface import wrap

    tokenizer = tiny.word_tokenizer()
    tokenizer.post_processor = TemplateProcessing(single=f"{tiny.END} $A", special_tokens=[(tiny.END, 0)])
    return wrap(tiny.build("gpt2"), tokenizer)


def test_tokens_of_the_template_stay_and_get_nothing():
    result = run(with_template(), Prompt(name="p", text="London is"), methods=("integrated_gradients", *PERTURBATIONS))
    assert result.passage.tokens[0].special
    assert result.units == ((1,), (2,))
    for method in result.methods:
        assert not method.contributions[:, 0].any()
        assert method.contributions[:, 1:3].all()


def test_a_zero_baseline_where_it_is_singular_fails_its_check_instead_of_lying(tiny_model):
    result = run(tiny_model("llama"), baseline="zero")
    assert [check.passed for check in ROOM.proof(result)] == [False, True]


@pytest.mark.parametrize("prompt", [PROMPT, Prompt(name="p", text="London")])
def test_a_model_that_writes_nothing_gets_a_page_all_the_same(prompt, tiny_model):
    result = run(silent(tiny_model("gpt2")), prompt)
    check_words(ROOM, result)
    assert "nothing to explain" in ROOM.summary(result)
    assert (result.explained, result.methods, ROOM.charts(result)) == ((), (), [])


def test_a_given_target_can_be_explained_although_nothing_was_written(tiny_model):
    result = run(silent(tiny_model("gpt2")), RACE, methods=METHODS)
    check_words(ROOM, result)
    assert len(result.explained) == 1


def test_a_prompt_of_one_token_is_enough(tiny_model):
    check_words(ROOM, run(tiny_model("neox"), Prompt(name="p", text="London"), methods=METHODS, max_new_tokens=1))


def test_a_long_text_goes_through_the_model_in_bounded_chunks(one_thread):
    """500 tokens: what is held at once is a chunk of targets, not all targets x nodes x positions."""
    from transformers import GPT2Config, GPT2LMHeadModel

    from ecco_reports.models.huggingface import wrap

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=46, n_embd=16, n_layer=2, n_head=2, n_positions=512, bos_token_id=0, eos_token_id=0)
    model = wrap(GPT2LMHeadModel(config), tiny.word_tokenizer())
    rows, forward = [], model.logits_from_embeddings

    def counted(reading, embeddings, places):
        rows.append(len(embeddings) * embeddings.shape[1])
        return forward(reading, embeddings, places)

    model.logits_from_embeddings = counted
    result = run(model, Prompt(name="p", text="the city of London is " * 100), max_new_tokens=3)
    assert result.methods[0].contributions.shape == (len(result.explained), 500 + len(result.passage.generated))
    assert max(rows) <= 2048


CAPITAL = Prompt(name="p", text="The capital of Japan is [MASK].", target="tokyo", foil="paris")
REVIEW = Prompt(name="p", text="sst2 sentence: The film is not bad at all.")
FILM = Prompt(name="p", text="The film is not bad at all.", target="negative")


@pytest.fixture(scope="module")
def bundled(one_thread):
    return functools.cache(lambda name: ecco_reports.load_model(f"bundled:{name}"))


@pytest.mark.parametrize(
    ("name", "prompt", "strongest", "phrase"),
    [
        ("facts", Prompt(name="p", text="The capital of Japan is the city of"), "Japan", "the prediction “Tokyo”"),
        ("masked", CAPITAL, "Japan", "“tokyo” rather than “paris” at the mask"),
        ("sentiment", REVIEW, "not", "the prediction “positive”"),
        ("sentiment-classifier", FILM, "not", "the class “negative”"),
    ],
)
@pytest.mark.parametrize("replacement", ["delete", "baseline"])
def test_each_family_is_explained_and_proved_by_every_method(name, prompt, strongest, phrase, replacement, bundled):
    params = {"methods": ("occlusion", "shapley", "integrated_gradients"), "replacement": replacement}
    result = run(bundled(name), prompt, targets="all", max_new_tokens=1, **params)
    check_words(ROOM, result)
    assert phrase in ROOM.summary(result)
    lost = result.methods[0]
    order = np.argsort(-np.abs(result.by_column(lost)[0]))
    assert strongest in [result.word(result.columns(lost)[int(index)]) for index in order[:2]]


def test_a_mask_is_chosen_where_it_stands_and_nothing_is_taken_from_it(bundled):
    result = run(bundled("masked"), CAPITAL, methods=("integrated_gradients", "occlusion"))
    mask = next(index for index, token in enumerate(result.passage.tokens) if token.text == "[MASK]")
    assert [one.position for one in result.explained] == [None, mask]
    assert [one.kind for one in result.explained] == ["mask", "mask"]
    assert all(one.after == len(result.passage.tokens) - 1 for one in result.explained)
    assert (mask,) not in result.units
    assert not any(method.contributions[:, mask].any() for method in result.methods)
    assert result.methods[0].contributions[0, mask + 1] != 0  # What stands after a mask matters to it.
    assert "no look ahead" not in [check.name for check in ROOM.proof(result)]


def test_a_class_has_a_button_of_its_own_and_a_named_one_comes_first(bundled):
    result = run(bundled("sentiment-classifier"), FILM, methods=("occlusion",))
    assert [(one.label, one.position) for one in result.explained] == [("negative", None), ("positive", None)]
    said = run(bundled("sentiment-classifier"), FILM.model_copy(update={"target": "positive"}), methods=("occlusion",))
    assert [one.label for one in said.explained] == ["positive"]


def test_what_an_encoder_reads_and_what_its_decoder_wrote_are_told_apart(bundled):
    result = run(bundled("sentiment"), REVIEW, methods=("integrated_gradients", "occlusion"), max_new_tokens=2)
    border = result.passage.encoder_length
    gradients, lost = result.methods
    assert max(position for unit in result.units for position in unit) < border
    assert gradients.contributions[1, border + 1] != 0  # The second token drew on the first, which the decoder wrote.
    assert not lost.contributions[:, border:].any()
    matrix = next(figure for figure in ROOM.charts(result) if figure.id == "matrix")
    assert "encoder" in matrix.reading
    assert '"strokeDash": [4, 3]' in json.dumps(matrix.chart.to_dict(validate=False))
    assert "no look ahead" in [check.name for check in ROOM.proof(result)]


def test_the_two_ends_of_an_answer_are_explained_with_the_baseline(one_thread):
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertForQuestionAnswering

    from ecco_reports.models.huggingface import wrap

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny.VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    tokenizer = tiny.word_tokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single=f"{tiny.END} $A", pair=f"{tiny.END} $A {tiny.END} $B:1", special_tokens=[(tiny.END, 0)]
    )
    model = wrap(BertForQuestionAnswering(config), tokenizer)
    prompt = Prompt(name="p", text="the city is", text_pair="the capital of Japan is Tokyo")
    result = run(model, prompt, methods=("integrated_gradients", "occlusion", "shapley"), replacement="baseline")
    check_words(ROOM, result)
    assert [one.kind for one in result.explained] == ["span", "start", "end"]
    assert [one.label.split(":")[0] for one in result.explained] == ["answer", "start", "end"]
    assert [one.position for one in result.explained] == [None, None, None]
    deleted = run(model, prompt, methods=("integrated_gradients", "occlusion"))
    assert [method.method for method in deleted.methods] == ["integrated_gradients"]
    assert "take away the answer itself" in ROOM.summary(deleted)
    with pytest.raises(CapabilityError, match="write replacement: baseline"):
        run(model, prompt, methods=("occlusion",))


def test_a_word_of_several_tokens_carries_one_number_and_sums_are_right(bundled):
    prompt = Prompt(name="p", text="Heathrow airport is located in the city of", target=" London", foil=" Paris")
    params = {"methods": PERTURBATIONS, "targets": "given"}
    words, tokens = (run(bundled("facts"), prompt, units=units, **params) for units in ("word", "token"))
    assert len(words.units) == 8
    assert len(tokens.units) > 8
    heathrow = words.units[0]
    assert words.word(heathrow) == "Heathrow"
    for method in words.methods:
        shares = method.contributions[0, list(heathrow)]
        assert np.ptp(shares) == 0
        table = cells(ROOM.table(words), "method", "position", "input", "contribution")
        rows = [row for row in table if row[0] == method.method]
        assert rows[0][1:] == (0, "Heathrow", pytest.approx(shares.sum()))
        assert len(rows) == 8
        strip = next(figure for figure in ROOM.charts(words) if figure.id == method.method)
        assert strip.tokens[0].text == "Heathrow"
        assert strip.rows[0].scores == pytest.approx([row[3] for row in rows])
    shared = words.methods[1]
    table = cells(ROOM.table(words), "method", "contribution")
    assert sum(value for method, value in table if method == "shapley") == pytest.approx(
        float(shared.scores[0] - shared.baseline_scores[0])
    )


def test_drawn_values_carry_their_errors_and_exact_ones_have_none(tiny_model):
    drawn, exact = (run(tiny_model("gpt2"), methods=("shapley",), samples=samples) for samples in (4, 100))
    assert (drawn.methods[0].drawn.draws, exact.methods[0].drawn) == (4, None)
    assert all(error > 0 for (error,) in cells(ROOM.table(drawn), "standard error"))
    assert all(error is None for (error,) in cells(ROOM.table(exact), "standard error"))
    assert "4 random orders, standard errors up to" in ROOM.charts(drawn)[0].rows[0].detail
    assert "256 variants of the prompt" in ROOM.charts(exact)[0].rows[0].detail
    check_words(ROOM, drawn)


def test_what_is_scored_is_what_was_announced(tiny_model):
    for methods in (("occlusion",), ("shapley",), PERTURBATIONS):
        for samples in (4, 100):
            params = AttributionParams(methods=methods, samples=samples, max_new_tokens=1)
            result = ROOM.run(tiny_model("gpt2"), PROMPT, params)
            most = ROOM.variants(params, len(result.units))
            assert max(int(method.steps[0]) for method in result.methods) <= most <= 9 + 2**8
    assert ROOM.variants(AttributionParams(), 8) == 0


def without(model, *missing):
    poorer = copy.copy(model)
    poorer.capabilities = model.capabilities - {*missing}
    poorer.reasons = {**model.reasons, **dict.fromkeys(missing, "it was taken away")}
    return poorer


def test_a_model_without_gradients_does_what_it_can_and_says_what_is_missing(tiny_model):
    scorer = without(tiny_model("gpt2"), Capability.GRADIENTS)
    result = run(scorer, RACE, methods=EVERY)
    check_words(ROOM, result)
    assert [method.method for method in result.methods] == ["occlusion", "shapley"]
    assert [one.said for one in result.explained] == [0, 1, 2]
    assert len(result.left_out) == 4
    assert "Saliency: GPT2LMHeadModel has no gradients" in ROOM.summary(result)
    assert "“London” rather than “Paris”: only what" in ROOM.summary(result)
    whole = run(tiny_model("gpt2"), methods=PERTURBATIONS)
    for mine, theirs in zip(result.methods, whole.methods, strict=True):
        assert mine.contributions == pytest.approx(theirs.contributions, abs=1e-5)


@pytest.mark.parametrize(
    ("missing", "params", "why"),
    [
        ((Capability.GRADIENTS,), {"methods": METHODS}, "has no gradients"),
        ((Capability.GRADIENTS,), {"methods": ("occlusion",), "replacement": "baseline"}, "has no gradients"),
        ((Capability.GRADIENTS,), {"methods": ("occlusion",), "score": "logit"}, "write score: logprob"),
        ((Capability.GRADIENTS,), {"methods": ("occlusion",), "targets": "given"}, "only what .* says itself"),
        ((Capability.GRADIENTS, Capability.SCORES), {"methods": PERTURBATIONS}, "has no log-probabilities of given"),
    ],
)
def test_a_model_that_can_do_nothing_of_it_says_why(missing, params, why, tiny_model):
    with pytest.raises(CapabilityError, match=why):
        run(without(tiny_model("gpt2"), *missing), RACE, **params)


def test_gradients_are_demanded_only_where_every_method_needs_them():
    room = ROOM.needs
    assert Capability.GRADIENTS in room(AttributionParams())
    assert Capability.GRADIENTS in room(AttributionParams(methods=("occlusion",), replacement="baseline"))
    assert Capability.GRADIENTS not in room(AttributionParams(methods=("occlusion",)))
    assert Capability.GRADIENTS not in room(AttributionParams(methods=("saliency", "shapley")))
