from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecco_reports.errors import CapabilityError
from ecco_reports.models.chat import ChatTemplate, turns
from ecco_reports.models.tokens import FastTokenizer, TokenizerSettings
from ecco_reports.records import Message, Prompt
from ecco_reports.resources import bundled_models
from tests.fakes import ROOT
from tests.models.test_tokens import TRICKY
from tests.models.tokenizers import bundled

SIGNS = {"bos_token": "<s>", "eos_token": "</s>"}
CHATML = """\
{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}\
{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
NO_SYSTEM = """\
{{ bos_token }}{% for message in messages %}\
{% if message['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}\
{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}{% endfor %}"""


def conversation(*said):
    messages = tuple(Message(role=role, content=content) for role, content in said)
    return Prompt(name="p", text=turns(messages), messages=messages)


def reader(template=CHATML, name="facts"):
    return FastTokenizer(bundled(name), TokenizerSettings(SIGNS, template))


READERS = {template: reader(template) for template in (CHATML, NO_SYSTEM)}


def words(prompt, tokens):
    """What stands in the prompt, taken from it by the spans."""
    return [prompt.text[slice(*token.span)] for token in tokens if token.span]


def test_a_conversation_reads_for_people_as_one_turn_below_the_other():
    assert conversation(("system", "Be brief."), ("user", "Where?")).text == "system: Be brief.\nuser: Where?"


def test_signs_of_the_template_are_told_apart_from_what_was_said():
    prompt = conversation(("user", "Heathrow is in London"))
    tokens = reader().encode(prompt).tokens
    said = [token for token in tokens if not token.special]
    assert "".join(token.text for token in said) == "Heathrow is in London"
    assert "".join(words(prompt, said)) == "Heathrow is in London"
    assert all(token.span is None for token in tokens if token.special)
    assert "".join(token.text for token in tokens) == (
        "<|im_start|>user\nHeathrow is in London<|im_end|>\n<|im_start|>assistant\n"
    )


@settings(max_examples=200, deadline=None)
@given(
    said=st.lists(
        st.text(st.one_of(st.sampled_from(TRICKY), st.characters(exclude_categories=["Cs"])), min_size=1),
        min_size=1,
        max_size=4,
    ),
    template=st.sampled_from([CHATML, NO_SYSTEM]),
)
def test_every_character_that_was_said_and_kept_is_found_where_it_was_said(said, template):
    roles = itertools.cycle(["user", "assistant"])
    prompt = conversation(*zip(roles, said, strict=False))
    if prompt.messages[-1].role == "assistant" and not said[-1].strip():
        return  # There is nothing to go on from, which transformers refuses.
    tokens = READERS[template].encode(prompt).tokens
    covered = {position for token in tokens if token.span for position in range(*token.span)}
    start = 0
    for message in prompt.messages:
        start = prompt.text.index(": ", start) + 2
        kept = range(start, start + len(message.content))
        first = len(message.content) - len(message.content.lstrip())
        last = len(message.content.rstrip())
        assert {kept[place] for place in range(first, last)} <= covered
        start = kept.stop


def test_a_word_of_the_template_is_no_word_of_the_user():
    prompt = conversation(("user", "user"), ("assistant", "assistant"), ("user", "user"))
    tokens = reader().encode(prompt).tokens
    said = [token for token in tokens if not token.special]
    assert "".join(token.text for token in said) == "userassistantuser"
    assert [prompt.text[token.span[0] - 2] for token in said if token.text[:2] in {"us", "as"}] == [":"] * 3


def test_a_last_turn_of_the_assistant_is_left_open():
    tokens = reader().encode(conversation(("user", "Where?"), ("assistant", "It is in"))).tokens
    assert "".join(token.text for token in tokens).endswith("<|im_start|>assistant\nIt is in")
    assert tokens[-1].span is not None


def test_what_a_template_trims_has_no_token_and_the_rest_keeps_its_place():
    prompt = conversation(("user", "  Where? \n"))
    tokens = reader(NO_SYSTEM).encode(prompt).tokens
    said = [token for token in tokens if not token.special]
    assert "".join(words(prompt, said)) == "Where?"
    assert said[0].span[0] == len("user:   ")
    assert "".join(token.text for token in tokens) == "<s>[INST] Where? [/INST]"


def test_a_template_that_looks_at_what_is_said_is_searched_instead():
    template = "{{ messages[0]['content'] }}{% if messages[0]['content'] == 'Where?' %}!{% endif %}"
    prompt = conversation(("user", "Where?"))
    tokens = reader(template).encode(prompt).tokens
    assert "".join(token.text for token in tokens) == "Where?!"
    assert "".join(words(prompt, tokens)) == "Where?"


def test_the_beginning_of_a_text_is_signed_once():
    tokens = reader(NO_SYSTEM, "masked").encode(conversation(("user", "the keys"))).tokens
    assert "[CLS]" not in [token.text for token in tokens]


def test_a_template_that_refuses_is_quoted():
    with pytest.raises(CapabilityError, match=r"chat template refuses this conversation: System role not supported\."):
        reader(NO_SYSTEM).encode(conversation(("system", "Be brief."), ("user", "Where?")))


def test_a_template_that_cannot_be_read_is_an_answer_too():
    with pytest.raises(CapabilityError, match="chat template refuses"):
        reader("{% for %}").encode(conversation(("user", "Where?")))


def test_a_model_without_a_template_says_what_to_write():
    with pytest.raises(CapabilityError, match=r"no chat template.*Write `text:`"):
        reader(None).encode(conversation(("user", "Where?")))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config.json", {"chat_template": CHATML}),
        (
            "tokenizer_config.json",
            {"chat_template": [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": "x"}]},
        ),
        ("chat_template.json", {"chat_template": CHATML}),
        ("chat_template.jinja", CHATML),
    ],
)
def test_a_template_is_found_where_models_keep_it(tmp_path, name, content):
    bundled("facts").save(str(tmp_path / "tokenizer.json"))
    (tmp_path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    tokens = FastTokenizer.from_folder(tmp_path).encode(conversation(("user", "Where?"))).tokens
    assert "".join(token.text for token in tokens) == "<|im_start|>user\nWhere?<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("template", [CHATML, NO_SYSTEM])
@pytest.mark.parametrize("last", [(), (("assistant", "It is in "),)])
def test_what_is_read_is_what_transformers_reads(template, last):
    from transformers import AutoTokenizer

    heavy = AutoTokenizer.from_pretrained(bundled_models() / "facts")
    heavy.chat_template = template
    prompt = conversation(("user", " Heathrow  airport"), *last)
    chat = [message.model_dump() for message in prompt.messages]
    expected = heavy.apply_chat_template(
        chat, add_generation_prompt=not last, continue_final_message=bool(last), return_dict=True
    )
    assert list(FastTokenizer.of(heavy).encode(prompt).ids) == expected["input_ids"]


def test_a_conversation_is_read_without_torch():
    code = (
        "import sys; from tests.models.test_chat import conversation, reader; "
        "reader().encode(conversation(('user', 'Where?'))); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_rendered_conversation_without_words_has_no_parts():
    rendered = ChatTemplate("x", {}).render((Message(role="user", content=" "),))
    assert (rendered.text, rendered.parts) == ("x", ())
