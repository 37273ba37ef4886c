"""What a prompt may be and should not: every room works on it, or says in words why not, before or while it runs."""

from __future__ import annotations

from functools import cache

import pytest

import ecco_reports
from ecco_reports.analyses import ANALYSES
from ecco_reports.analyses.preflight import family_problems, length_problems
from ecco_reports.errors import EccoReportsError
from ecco_reports.records import Family, Prompt
from ecco_reports.store import not_finite
from ecco_reports.testing import check_figure
from tests.contract.test_analyses import SETTINGS
from tests.models.families import wrapped

pytestmark = pytest.mark.usefixtures("one_thread")

BUNDLED = ("facts", "masked", "sentiment", "sentiment-classifier")
QA = "BERT (answers by a span)"
ONE_TOKEN = {"facts": "The", "masked": "[MASK]", "sentiment": "good", "sentiment-classifier": "good"}


@cache
def model_of(name):
    return wrapped(QA) if name == QA else ecco_reports.load_model(f"bundled:{name}")


def outcome(room, model, prompt, settings=None):
    """What becomes of a prompt: the problems that are known beforehand, the words of a refusal, or a result."""
    analysis = ANALYSES[room]
    params = analysis.Params(**(settings or {}))
    about = params, prompt, model.facts
    problems = [*length_problems(*about), *family_problems(*about)] or list(analysis.problems(*about))
    if problems:
        return [f"{what} {hint}" for _, what, hint in problems]
    try:
        model.demand(analysis.needs(params))
        result = analysis.run(model, prompt, params)
    except EccoReportsError as error:
        return [str(error)]
    assert not_finite(result) is None
    # A proof that fails on such a text is said on its page; here it only has to be one.
    assert all(check.meaning for check in analysis.proof(result))
    assert all(isinstance(metric.value, float | int) for metric in analysis.metrics(result).values())
    assert analysis.summary(result)
    assert analysis.table(result).columns
    for figure in analysis.charts(result):
        check_figure(figure)
    return result


def polite(said):
    """Whether what was said is said in sentences."""
    return bool(said) and all(line.strip()[-1] in ".!?" and "Traceback" not in line for line in said)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("room", list(ANALYSES))
def test_a_prompt_of_one_token_gives_a_page_or_a_sentence(room, name):
    model, word = model_of(name), ONE_TOKEN[name]
    content = [token for token in model.tokenizer.encode(Prompt(name="p", text=word)).tokens if not token.special]
    assert len(content) == 1
    found = outcome(room, model, Prompt(name="p", text=word), SETTINGS.get(room))
    assert not isinstance(found, list) or polite(found), found


@pytest.mark.parametrize("room", list(ANALYSES))
def test_a_question_and_a_passage_of_one_token_each_give_a_page_or_a_sentence(room):
    found = outcome(room, model_of(QA), Prompt(name="p", text="is", text_pair="cat"))
    assert not isinstance(found, list) or polite(found), found


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("text", ["", "   ", "\n\t\n"], ids=["empty", "spaces", "lines"])
@pytest.mark.parametrize("room", list(ANALYSES))
def test_a_text_of_white_space_gives_a_page_or_a_sentence(room, text, name):
    found = outcome(room, model_of(name), Prompt(name="p", text=text))
    assert not isinstance(found, list) or polite(found), found


@pytest.mark.parametrize("name", ["facts", "masked", "sentiment-classifier"])
@pytest.mark.parametrize("room", list(ANALYSES))
def test_a_text_longer_than_the_model_reads_is_refused_in_one_sentence(room, name):
    model = model_of(name)
    word = "[MASK] " if model.family is Family.MASKED else "good "
    found = outcome(room, model, Prompt(name="p", text=word * model.facts.context_length))
    assert isinstance(found, list)
    (said,) = found
    assert polite(found)
    assert f"which reads {model.facts.context_length} at most" in said
    assert "Shorten it by" in said


@pytest.mark.parametrize("room", list(ANALYSES))
def test_signs_that_no_vocabulary_has_give_a_page_or_a_sentence(room):
    for name in BUNDLED:
        masks = "[MASK] " if name == "masked" else ""
        found = outcome(room, model_of(name), Prompt(name="p", text=f"{masks}\u2603\ufe0f 𒀀 \u0000 \u202e good"))
        assert not isinstance(found, list) or polite(found), found
