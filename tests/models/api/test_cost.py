"""What an experiment would cost, before anything is asked."""

from __future__ import annotations

from pathlib import Path

from ecco_reports.models.api.answers import Kept
from ecco_reports.models.api.cost import Cost, Question, estimate
from ecco_reports.models.api.server import Server
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Prompt, Sampling

SPEC = ModelSpec(source="openai:m")
CHAT = ModelSpec(source="openai:m", endpoint="chat")
PROMPT = Prompt(name="p", text="one two three four")  # 18 bytes: six tokens, about.
FIVE = Decoding(max_new_tokens=5)


def cost(spec: ModelSpec, folder: Path, *questions: Question) -> Cost:
    return estimate(spec, questions, folder)


def test_a_reading_is_asked_for_once_and_may_be_refused_once(tmp_path: Path) -> None:
    other = Prompt(name="q", text=PROMPT.text, target=" five")
    both = cost(SPEC, tmp_path, Question(PROMPT, FIVE, 0), Question(other, FIVE, 0))
    assert (both.calls, both.tokens) == (2, 2 * (6 + 5))
    assert cost(CHAT, tmp_path, Question(PROMPT, FIVE, 0)).calls == 1


def test_what_is_drawn_is_read_once_more(tmp_path: Path) -> None:
    drawn = Decoding(max_new_tokens=5, sampling=Sampling())
    assert cost(SPEC, tmp_path, Question(PROMPT, drawn, 0)).calls == 3
    assert cost(CHAT, tmp_path, Question(PROMPT, drawn, 0)).calls == 1


def test_variants_share_calls_and_cost_less_where_prompts_are_repeated(tmp_path: Path) -> None:
    question = Question(PROMPT, FIVE, 20)
    unknown = cost(SPEC, tmp_path, question)
    assert unknown.calls == 2 + 5 * 2  # Five tokens, sixteen texts to a call.
    Kept(tmp_path / Server(SPEC).folder).note("echo", offered=True)
    known = cost(SPEC, tmp_path, question)
    assert (known.calls, known.tokens) == (1 + 2, (1 + 20) * (6 + 5))
    assert cost(CHAT, tmp_path, question).calls == 1 + 20


def test_limits_are_those_of_the_model(tmp_path: Path) -> None:
    few = cost(ModelSpec(source="openai:m", max_calls=1), tmp_path, Question(PROMPT, FIVE, 0))
    assert few.excess == "would make up to 2 calls, and max_calls is 1"
    short = cost(ModelSpec(source="openai:m", max_tokens=21), tmp_path, Question(PROMPT, FIVE, 0))
    assert short.excess == "would cost up to about 22 tokens, and max_tokens is 21"
    assert cost(SPEC, tmp_path, Question(PROMPT, FIVE, 0)).excess == ""
