"""A model behind a server says what the same model says here."""

from __future__ import annotations

from typing import Any

import pytest

import ecco_reports
from ecco_reports.errors import CapabilityError, ModelApiError
from ecco_reports.models.api.model import ApiModel
from ecco_reports.models.api.patience import Patience
from ecco_reports.models.api.server import Server
from ecco_reports.models.base import Capability
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Message, Prompt, Sampling
from tests.models.api.served import Manners, Running, answer, serving

HEATHROW = Prompt(name="heathrow", text="Heathrow airport is located in the city of")
KEYS = Prompt(name="keys", text="The keys to the cabinet")
# Of words that are one token each, so that words and tokens are the same units.
CAPITAL = Prompt(name="capital", text="The capital of Japan is the city of")
FOUR = Decoding(max_new_tokens=4)


def model_of(run: Running, **fields: Any) -> ApiModel:
    fields = {"top_logprobs": 20, **fields}
    spec = ModelSpec(source="openai:facts", base_url=run.url, **fields)
    return ApiModel(Server(spec), Patience(sleep=lambda _: None))


def texts(passage_tokens: Any) -> list[str]:
    return [token.text for token in passage_tokens]


def most_probable(model: Any, reading: Any, k: int) -> list[list[tuple[str, float]]]:
    """The most probable tokens at each step by the local model's complete distributions."""
    top = model.logits(reading, [one.place for one in reading.spoken]).log_softmax(-1).topk(k)
    return [
        [(model.outcome(reading, number).text, value) for number, value in zip(numbers, values, strict=True)]
        for numbers, values in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]


@pytest.mark.parametrize("echoes", ["yes", "refused", "ignored"])
@pytest.mark.parametrize("prompt", [HEATHROW, KEYS], ids=lambda prompt: prompt.name)
def test_generation_agrees_with_the_local_model(facts_model: Any, prompt: Prompt, echoes: str) -> None:
    here = facts_model.read(prompt, FOUR)
    with serving(Manners(echoes=echoes)) as run:
        model = model_of(run)
        there = model.read(prompt, FOUR)
        listed = model.candidates(there, 10)
    assert texts(there.passage.generated) == texts(here.passage.generated)
    assert [one.logprob for one in there.spoken] == pytest.approx([one.logprob for one in here.spoken], abs=1e-4)
    for ours, theirs in zip(most_probable(facts_model, here, 10), listed, strict=True):
        assert texts(theirs.tokens) == [text for text, _ in ours]
        assert list(theirs.logprobs) == pytest.approx([logprob for _, logprob in ours], abs=1e-4)
    if echoes == "yes":
        assert texts(there.passage.prompt) == texts(here.passage.prompt)
        assert [one.place for one in there.spoken] == [one.place for one in here.spoken]
    assert "".join(texts(there.passage.prompt)) == prompt.text
    assert all(prompt.text[slice(*token.span)] == token.text for token in there.passage.prompt if token.span)


@pytest.mark.parametrize("echoes", ["yes", "refused"])
def test_scores_agree_with_the_local_model(facts_model: Any, echoes: str) -> None:
    here = facts_model.read(CAPITAL, FOUR)
    assert len(here.passage.prompt) == len(CAPITAL.text.split())
    units = [(position,) for position in range(8)]
    dropped = [(), *((unit,) for unit in range(8)), (0, 3), (2, 3, 4, 7)]
    expected = facts_model.scores_without(here, units, dropped).logprobs
    with serving(Manners(echoes=echoes)) as run:
        model = model_of(run)
        found = model.scores_without(model.read(CAPITAL, FOUR), units, dropped)
    assert len(found.logprobs) == len(dropped)
    for variant, (ours, theirs) in enumerate(zip(expected, found.logprobs, strict=True)):
        for index, (exact, told) in enumerate(zip(ours, theirs, strict=True)):
            if (variant, index) in found.bounds:
                assert exact <= told + 1e-4
            else:
                assert told == pytest.approx(exact, abs=1e-4)
    assert bool(found.bounds) is (echoes == "refused")
    # All variants of a server that repeats prompts are one call; the other one is asked again where it goes astray.
    assert len(run.manners.bodies) == 2 if echoes == "yes" else len(run.manners.bodies) > 2


def test_chat_tells_of_the_first_token_what_is_left_of_the_turns(facts_model: Any) -> None:
    one = Decoding(max_new_tokens=1)
    here = facts_model.read(CAPITAL, one)
    units = [(position,) for position in range(8)]
    expected = facts_model.scores_without(here, units, [(3,), (1,)]).logprobs
    with serving() as run:
        model = model_of(run, endpoint="chat")
        reading = model.read(CAPITAL, one)
        found = model.scores_without(reading, units, [(3,), (1,)])
        listed = texts(model.candidates(reading, 5)[0].tokens)
        longer = model.read(CAPITAL, FOUR)
        with pytest.raises(CapabilityError, match="max_new_tokens: 1"):
            model.scores_without(longer, units, [(0,)])
    assert listed == [text for text, _ in most_probable(facts_model, here, 5)[0]]
    for ours, theirs, variant in zip(expected, found.logprobs, range(2), strict=True):
        bound = (variant, 0) in found.bounds
        assert ours[0] <= theirs[0] + 1e-4 if bound else theirs[0] == pytest.approx(ours[0], abs=1e-4)
    assert [body["messages"][0]["content"] for body in run.manners.bodies[1:3]] == [
        "The capital of is the city of",
        "The of Japan is the city of",
    ]


def test_a_conversation_is_sent_turn_by_turn() -> None:
    turns = (Message(role="system", content="Be short."), Message(role="user", content="The city of"))
    prompt = Prompt(name="talk", text="Be short.\nThe city of", messages=turns)
    with serving() as run:
        model = model_of(run, endpoint="chat")
        reading = model.read(prompt, Decoding(max_new_tokens=1))
        model.scores_without(reading, [(0,), (1,), (2,), (3,), (4,)], [(1, 3)])
        with pytest.raises(CapabilityError, match="endpoint: chat"):
            model_of(run).read(prompt, Decoding(max_new_tokens=1))
    assert texts(reading.passage.prompt) == ["Be", " short.", "The", " city", " of"]
    assert run.manners.bodies[0]["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "The city of"},
    ]
    assert [turn["content"] for turn in run.manners.bodies[1]["messages"]] == ["Be", "The of"]


def test_drawn_tokens_have_the_log_probabilities_from_before_the_draw(facts_model: Any) -> None:
    drawn = Decoding(max_new_tokens=5, sampling=Sampling(temperature=3.0, top_p=0.9, seed=7))
    with serving(Manners(raw=False)) as run:
        reading = model_of(run).read(CAPITAL, drawn)
    text = CAPITAL.text + "".join(texts(reading.passage.generated))
    ids = facts_model.tokenizer.continuation_ids(text)
    here = facts_model.read(Prompt(name="all", text=text), Decoding(max_new_tokens=1))
    logprobs = facts_model.logits(here, range(7, len(ids) - 1)).log_softmax(-1)
    exact = [float(row[number]) for row, number in zip(logprobs, ids[8:], strict=True)]
    assert [one.logprob for one in reading.spoken] == pytest.approx(exact, abs=1e-4)
    assert run.manners.bodies[0]["temperature"] == 3.0
    assert run.manners.bodies[0]["top_p"] == 0.9
    assert run.manners.bodies[0]["seed"] == 7


@pytest.mark.parametrize("echoes", ["yes", "refused"])
def test_writing_stops_where_a_local_model_stops(facts_model: Any, echoes: str) -> None:
    whole = facts_model.read(KEYS, Decoding(max_new_tokens=6)).passage.written
    settings = Decoding(max_new_tokens=6, stop=("nothing of this", whole[3:6]))
    here = facts_model.read(KEYS, settings)
    with serving(Manners(echoes=echoes)) as run:
        there = model_of(run).read(KEYS, settings)
    assert texts(there.passage.generated) == texts(here.passage.generated)
    assert len(there.spoken) == len(here.spoken) < 6


def test_a_given_continuation_has_the_log_probabilities_of_the_local_model(facts_model: Any) -> None:
    given = CAPITAL.model_copy(update={"continuation": " Paris, not Tokyo"})
    here = facts_model.read(given, FOUR)
    with serving() as run:
        model = model_of(run)
        there = model.read(given, FOUR)
        listed = model.candidates(there, 5)
        without = model.scores_without(there, [[0]], [[0]])
    assert there.passage.forced
    assert texts(there.passage.tokens) == texts(here.passage.tokens)
    assert there.passage.prompt_length == here.passage.prompt_length
    assert [one.logprob for one in there.spoken] == pytest.approx([one.logprob for one in here.spoken], abs=1e-4)
    assert [one.place for one in there.spoken] == [one.place for one in here.spoken]
    for ours, theirs in zip(most_probable(facts_model, here, 5), listed, strict=True):
        assert texts(theirs.tokens) == [text for text, _ in ours]
    assert list(without.logprobs[0]) == pytest.approx(
        facts_model.scores_without(here, [[0]], [[0]]).logprobs[0], abs=1e-4
    )


@pytest.mark.parametrize(
    ("echoes", "continuation", "words"), [("refused", "y to", "repeats a text"), ("yes", "y to", "over the border")]
)
def test_a_continuation_of_which_a_server_cannot_tell_is_refused(echoes: str, continuation: str, words: str) -> None:
    prompt = Prompt(name="p", text="The ke", continuation=continuation)
    with serving(Manners(echoes=echoes)) as run, pytest.raises(CapabilityError, match=words):
        model_of(run).read(prompt, FOUR)


def test_only_what_a_server_can_do_is_offered() -> None:
    with serving() as run:
        model = model_of(run)
        reading = model.read(CAPITAL, FOUR)
        assert set(Capability) - model.capabilities == set(model.reasons)
        with pytest.raises(CapabilityError, match=r"gradients.*shows text and log-probabilities"):
            model.embed(reading)
        with pytest.raises(CapabilityError, match="residual stream between its layers"):
            model.residual_states(reading)
        with pytest.raises(CapabilityError, match=r"complete distributions.*most probable tokens only"):
            model.logits(reading, [0])
        with pytest.raises(CapabilityError, match="tokenizer"):
            model.outcome(reading, -1)
        for name, settings in {
            "top_k": Decoding(sampling=Sampling(top_k=5)),
            "min_p": Decoding(sampling=Sampling(min_p=0.1)),
            "repetition_penalty": Decoding(repetition_penalty=1.2),
            "beams": Decoding(beams=2),
        }.items():
            with pytest.raises(CapabilityError, match=name):
                model.read(CAPITAL, settings)
        with pytest.raises(CapabilityError, match="two"):
            model.read(Prompt(name="pair", text="a", text_pair="b"), FOUR)
    assert model.served == {"served model": "facts-0001", "system fingerprint": "fp_abc"}


@pytest.mark.parametrize("echoes", ["yes", "refused"])
def test_what_was_answered_is_never_asked_again(tmp_path: Any, echoes: str) -> None:
    found = []
    with serving(Manners(echoes=echoes)) as run:
        for name in ("first", "second"):
            model = model_of(run)
            model.keep_answers(tmp_path, name)
            reading = model.read(CAPITAL, FOUR)
            found.append((reading, model.scores_without(reading, [(0,), (1,)], [(0,), (1,), (0, 1)])))
            asked = len(run.manners.bodies)
            run.manners.always = answer(500)
    assert found[0] == found[1]
    assert asked == len(run.manners.bodies)


def test_a_damaged_answer_is_asked_for_again(tmp_path: Any) -> None:
    with serving() as run:
        for _ in range(2):
            model = model_of(run)
            model.keep_answers(tmp_path, "run")
            model.read(CAPITAL, FOUR)
            for path in tmp_path.glob("*/*/*.json"):
                path.write_text(path.read_text()[:-7])
    assert len(run.manners.bodies) == 2


def test_a_server_that_refuses_for_another_reason_is_not_taken_for_one_without_echo(tmp_path: Any) -> None:
    with serving(Manners(listed=5)) as run:
        model = model_of(run)
        model.keep_answers(tmp_path, "first")
        with pytest.raises(ModelApiError, match="logprobs is at most 5"):
            model.read(CAPITAL, FOUR)
        model = model_of(run, top_logprobs=5)
        model.keep_answers(tmp_path, "second")
        assert len(model.candidates(model.read(CAPITAL, FOUR), 10)[0].tokens) == 5
    assert run.manners.bodies[-1]["echo"] is True


def test_a_server_may_tell_of_completions_as_of_chat() -> None:
    spoken = {"token": " Tokyo", "logprob": -0.25, "bytes": list(b" Tokyo")}
    other = {"token": " Kyoto", "logprob": -1.75, "bytes": list(b" Kyoto")}
    told = {"content": [{**spoken, "top_logprobs": [other, spoken]}]}
    with serving(Manners(always=answer(200, {"choices": [{"text": " Tokyo", "logprobs": told}]}))) as run:
        model = model_of(run)
        reading = model.read(CAPITAL, Decoding(max_new_tokens=1))
    assert texts(model.candidates(reading, 5)[0].tokens) == [" Tokyo", " Kyoto"]
    assert reading.spoken[0].logprob == -0.25


def test_a_notebook_asks_a_server_too() -> None:
    with serving() as run:
        model = ecco_reports.load_model(ModelSpec(source="openai:facts", base_url=run.url))
        result = ecco_reports.analyze(model, CAPITAL, "generation", max_new_tokens=2)
    assert len(ecco_reports.charts(result)) == 1
    assert model.device == run.url


def test_half_a_character_at_the_end_is_shown_as_bytes() -> None:
    half = {
        "choices": [
            {
                "text": "東\ufffd",
                "logprobs": {
                    "tokens": ["東", r"bytes:\xe4\xba"],
                    "token_logprobs": [-0.5, -0.25],
                    "top_logprobs": [{"東": -0.5}, {r"bytes:\xe4\xba": -0.25}],
                    "text_offset": [0, 1],
                },
            }
        ]
    }
    with serving(Manners(always=answer(200, half))) as run:
        model = model_of(run)
        reading = model.read(CAPITAL, Decoding(max_new_tokens=2))
    assert texts(reading.passage.generated) == ["東", "⟨E4 BA⟩"]
    assert reading.passage.generated[1].partial
    assert texts(model.candidates(reading, 1)[1].tokens) == ["⟨E4 BA⟩"]
