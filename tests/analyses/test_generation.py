from __future__ import annotations

import math

import pytest
import torch

from ecco_reports.analyses.generation import FollowedBeam, Generation, GenerationParams
from ecco_reports.analyses.work import Extent
from ecco_reports.records import Family, Prompt, Sampling, Token
from ecco_reports.testing import check_figure, check_words, round_trip
from tests import tiny
from tests.analyses.stubborn import silent

ROOM = Generation()
PROMPT = Prompt(name="p", text=tiny.TEXT)


def test_steps_say_what_the_model_says(tiny_model):
    model = tiny_model("llama")
    result = ROOM.run(model, PROMPT, GenerationParams(max_new_tokens=1, top_k=4))
    ids = torch.tensor([model.tokenizer.encode(PROMPT).ids])
    p = tiny.build("llama")(ids).logits[0, -1].double().softmax(-1)
    (step,) = result.steps
    assert step.probability == pytest.approx(p.max().item(), rel=1e-5)
    assert step.surprisal == pytest.approx(-math.log2(p.max().item()), rel=1e-5)
    assert step.entropy == pytest.approx(-(p * p.log2()).sum().item(), rel=1e-5)
    assert step.nucleus == int((p.sort(descending=True).values.cumsum(0) < 0.9).sum()) + 1
    assert [candidate.token.id for candidate in step.candidates] == p.topk(4).indices.tolist()
    assert (step.rank, step.position) == (1, ids.shape[1])


def test_a_drawn_token_keeps_the_rank_it_has_without_temperature(tiny_model):
    params = GenerationParams(max_new_tokens=12, sampling=Sampling(temperature=3.0, seed=2))
    result = ROOM.run(tiny_model("gpt2"), PROMPT, params)
    assert max(step.rank for step in result.steps) > 1
    assert result.gap < 1e-4
    assert [check.name for check in ROOM.proof(result)] == [
        "decoding against teacher forcing",
        "probabilities add up",
        "what tokens were chosen by",
        "changed probabilities add up",
    ]
    assert "Tokens were drawn" in ROOM.summary(result)


def test_perplexity_is_that_of_the_steps(tiny_model):
    result = ROOM.run(tiny_model("neox"), PROMPT, GenerationParams(max_new_tokens=5))
    product = math.prod(step.probability for step in result.steps)
    assert ROOM.metrics(result)["perplexity"].value == pytest.approx(product ** (-1 / 5), rel=1e-6)


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(family, dtype, tiny_model):
    check_words(ROOM, ROOM.run(tiny_model(family, dtype), PROMPT, GenerationParams(max_new_tokens=6)))


def test_a_greedy_text_that_is_not_greedy_is_found_out(tiny_model):
    result = ROOM.run(tiny_model("gpt2"), PROMPT, GenerationParams(max_new_tokens=3))
    worse = result.steps[1].model_copy(update={"rank": 2, "logprob": result.steps[1].logprob - 1.0})
    forged = result.model_copy(update={"steps": (result.steps[0], worse, result.steps[2])})
    assert [check.passed for check in ROOM.proof(forged)] == [True, True, False]


def test_a_model_that_writes_nothing_gets_a_page_all_the_same(tiny_model):
    result = ROOM.run(silent(tiny_model("gpt2")), PROMPT, GenerationParams())
    check_words(ROOM, result)
    assert ROOM.summary(result) == "The model wrote nothing."
    assert (ROOM.charts(result), ROOM.metrics(result), ROOM.table(result).rows) == ((), {}, ())


def test_a_prompt_of_one_token_is_enough(tiny_model):
    check_words(ROOM, ROOM.run(tiny_model("gpt2"), Prompt(name="p", text="London"), GenerationParams()))


DRAWN = {
    "sampling": Sampling(temperature=1.5, top_k=12, top_p=0.9, min_p=0.02, seed=2),
    "repetition_penalty": 1.3,
}


def test_candidates_show_what_the_settings_made_of_them(tiny_model):
    model = tiny_model("gpt2")
    params = GenerationParams(max_new_tokens=6, top_k=tiny_size(), **DRAWN)
    result = round_trip(ROOM.run(model, PROMPT, params))
    check_words(ROOM, result)
    assert result.chance_gap < 1e-6
    for step in result.steps:
        chances = [candidate.chance for candidate in step.candidates]
        assert sum(chances) == pytest.approx(1, abs=1e-5)
        assert 0 < step.chance.possible == sum(chance > 0 for chance in chances) <= 12
        assert step.chance.largest == max(chances)
        assert step.chance.chosen in chances
        assert sum(candidate.probability for candidate in step.candidates) == pytest.approx(1, abs=1e-5)
    assert "probability after the settings" in ROOM.table(result).columns
    assert "left out" in ROOM.charts(result)[0].chart.to_json()


def tiny_size():
    return len(tiny.VOCABULARY)


def test_without_settings_that_matter_there_is_one_probability(tiny_model):
    for params in (GenerationParams(), GenerationParams(sampling=Sampling(seed=1)), GenerationParams(beams=2)):
        result = ROOM.run(tiny_model("neox"), PROMPT, params)
        assert {step.chance for step in result.steps} == {None}
        assert "probability after the settings" not in ROOM.table(result).columns


def test_a_penalised_choice_is_the_first_after_the_penalty(tiny_model):
    result = ROOM.run(tiny_model("gemma2"), PROMPT, GenerationParams(max_new_tokens=6, repetition_penalty=3.0))
    check_words(ROOM, result)
    assert max(step.rank for step in result.steps) > 1
    (greedy,) = (check for check in ROOM.proof(result) if check.name == "greedy choice")
    assert greedy.passed
    assert "after the repetition penalty" in greedy.meaning
    assert "with a repetition penalty of 3;" in ROOM.summary(result)
    step = result.steps[0]
    worse = step.model_copy(update={"chance": step.chance.model_copy(update={"largest": 2 * step.chance.chosen})})
    forged = result.model_copy(update={"steps": (worse, *result.steps[1:])})
    assert [check.name for check in ROOM.proof(forged) if not check.passed] == ["greedy choice"]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_all_beams_are_kept_with_their_own_log_probabilities(family, penalty, tiny_model):
    model = tiny_model(family)
    params = GenerationParams(max_new_tokens=5, beams=4, repetition_penalty=penalty)
    result = round_trip(ROOM.run(model, PROMPT, params))
    check_words(ROOM, result)
    reading = model.read(PROMPT, params.decoding)
    assert len(result.beams) == 4
    assert [beam.score for beam in result.beams] == sorted((beam.score for beam in result.beams), reverse=True)
    assert [beam.tokens for beam in result.beams] == [beam.reading.passage.generated for beam in reading.beams]
    best = result.beams[0]
    assert best.tokens == result.passage.generated
    assert best.logprobs == pytest.approx([step.logprob for step in result.steps], abs=1e-5)
    given = result.passage.prompt_length
    for beam, read in zip(result.beams, reading.beams, strict=True):
        logits = tiny.build(family)(torch.tensor([read.reading.ids])).logits[0, given - 1 : -1].log_softmax(-1)
        expected = [logits[step, token.id].item() for step, token in enumerate(beam.tokens)]
        assert beam.logprobs == pytest.approx(expected, abs=2e-5)
        assert beam.total == pytest.approx(sum(expected), abs=1e-4)
        if penalty == 1:
            assert beam.score == pytest.approx(sum(expected) / len(expected), abs=2e-5)
    names = [check.name for check in ROOM.proof(result)]
    assert names == ["decoding against teacher forcing", "probabilities add up", "scores of the beams"]
    assert [figure.id for figure in ROOM.charts(result)] == ["candidates", "beams"]
    rows = ROOM.table(result).rows
    assert [row[0] for row in rows if row[0] > 1] == [n for n in (2, 3, 4) for _ in result.beams[n - 1].tokens]


def test_the_states_of_another_beam_are_found_out(tiny_model):
    result = ROOM.run(tiny_model("gpt2"), PROMPT, GenerationParams(beams=2))
    first, second = result.beams
    swapped = abs(first.total / len(first.logprobs) - second.score)
    forged = result.model_copy(update={"beam_gap": swapped})
    assert [check.name for check in ROOM.proof(forged) if not check.passed] == ["scores of the beams"]


def test_beams_part_where_they_first_differ():
    def beam(*numbers):
        tokens = tuple(Token(id=number, text=str(number)) for number in numbers)
        return FollowedBeam(tokens=tokens, logprobs=(-1.0,) * len(numbers), score=-1.0)

    assert beam(1, 2, 3).parts_from(beam(1, 2, 3)) is None
    assert beam(1, 4, 3).parts_from(beam(1, 2, 3)) == 1
    assert beam(1, 2, 3).parts_from(beam(1, 2)) == 2
    assert beam(1, 2).parts_from(beam(1, 2, 3)) is None


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_given_continuation_is_explained_as_given(family, tiny_model):
    prompt = PROMPT.model_copy(update={"continuation": "Tokyo and not Paris"})
    result = round_trip(ROOM.run(tiny_model(family), prompt, GenerationParams(max_new_tokens=1, **DRAWN)))
    check_words(ROOM, result)
    assert [step.token.text for step in result.steps] == ["Tokyo", "and", "not", "Paris"]
    assert {step.chance for step in result.steps} == {None}
    assert [check.name for check in ROOM.proof(result)] == [
        "the prompt alone against the whole text",
        "probabilities add up",
    ]
    said = " ".join([ROOM.summary(result), *(figure.title + figure.reading for figure in ROOM.charts(result))])
    assert "given continuation" in said
    assert "wrote" not in said
    assert "generated" not in said
    assert "given" in ROOM.table(result).columns
    perplexity = math.exp(-sum(step.logprob for step in result.steps) / 4)
    assert ROOM.metrics(result)["perplexity"].value == pytest.approx(perplexity, rel=1e-6)
    assert ROOM.metrics(result)["total_logprob"].value == pytest.approx(-4 * math.log(perplexity), rel=1e-6)


@pytest.mark.parametrize("beams", [1, 3])
def test_the_work_is_what_was_done(beams, tiny_model, monkeypatch):
    model = tiny_model("llama")
    params = GenerationParams(max_new_tokens=4, beams=beams)
    prompt = Prompt(name="p", text="one two three")
    model.logits(model.read(prompt, params.decoding), [0])
    passes = []
    monkeypatch.setattr(model._passes, "logits", counted(model._passes.logits, passes))
    ROOM.run(model, prompt, params)
    extent = Extent(Family.CAUSAL, read=3, written=4, words=3, outcomes=tiny_size())
    # The shared pass is run by whoever comes first.
    assert len(passes) - 1 <= ROOM.work(params, extent).passes <= len(passes)
    assert ROOM.work(params, extent).memory >= 4 * 4 * tiny_size()
    assert ROOM.work(params, Extent(Family.MASKED, read=3, written=1, words=3)).passes == 0


def counted(call, calls):
    def counting(*arguments, **settings):
        calls.append(1)
        return call(*arguments, **settings)

    return counting


def test_two_models_say_other_things(tiny_model):
    names = ("one", "two")
    first, second = (ROOM.run(tiny_model(f), PROMPT, GenerationParams(max_new_tokens=4)) for f in ("gpt2", "neox"))
    found = ROOM.between(first, second, names)
    texts = [result.passage.written.strip() for result in (first, second)]
    assert found.summary == f"one says “{texts[0]}”, and two says “{texts[1]}”."
    assert [row[:3] for row in found.table.rows] == [
        (name, step, each.token.label)
        for name, result in zip(names, (first, second), strict=True)
        for step, each in enumerate(result.steps)
    ]
    check_figure(found.figures[0])
    same = ROOM.between(first, first, names)
    share = math.exp(sum(step.logprob for step in first.steps))
    assert same.summary == f"Both models say “{texts[0]}”: one gives it {share:.1%} and two gives it {share:.1%}."


def test_the_same_continuation_costs_two_models_so_many_bits(tiny_model):
    prompt = PROMPT.model_copy(update={"continuation": "Tokyo and not Paris"})
    results = [ROOM.run(tiny_model(f), prompt, GenerationParams()) for f in ("gpt2", "neox")]
    bits = [sum(step.surprisal for step in result.steps) for result in results]
    found = ROOM.between(*results, ("one", "two"))
    assert f"one by {bits[0]:.1f} bits and two by {bits[1]:.1f} bits" in found.summary
    assert found.summary.endswith(f": {('one', 'two')[bits[1] < bits[0]]} expected it more.")
    assert [check.passed for check in found.checks] == [True]
    other = prompt.model_copy(update={"continuation": "Tokyo"})
    mixed = ROOM.between(results[0], ROOM.run(tiny_model("neox"), other, GenerationParams()), ("one", "two"))
    assert [check.passed for check in mixed.checks] == [False]


def test_a_model_that_says_nothing_is_compared_with_none(tiny_model):
    spoke = ROOM.run(tiny_model("gpt2"), PROMPT, GenerationParams())
    nothing = ROOM.run(silent(tiny_model("gpt2")), PROMPT, GenerationParams())
    assert ROOM.between(spoke, nothing, ("one", "two")) is None
