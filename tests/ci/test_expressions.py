"""The small GitHub evaluates expressions as GitHub documents them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ci.expressions import Declared, evaluated, filled

CONTEXTS = {
    "github": {"event": {"pull_request": {"number": 7}}, "repository": "me/Reports", "head_ref": "dependabot/x"},
    "steps": Declared(one=Declared(outputs={"code": "3"})),
    "vars": {},
}
FUNCTIONS = {
    "startsWith": lambda text, head: text.casefold().startswith(head.casefold()),
    "always": lambda: True,
}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it's"),
        ("github.event.pull_request.number", 7),
        ("github.event.workflow_run.id", None),
        ("steps.one.outputs.code == '3'", True),
        ("steps.one.outputs.code == 3", True),
        ("steps.one.outputs.none != ''", False),
        ("github.repository == 'ME/reports'", True),
        ("!startsWith(github.head_ref, 'dependabot/')", False),
        ("vars.HISTORY != 'off' && 'history' || ''", "history"),
        ("false || true && false", False),
        ("(false || true) && 'x'", "x"),
        ("'' || null || 'last'", "last"),
        ("${{ always() }}", True),
        ("null == ''", True),
        ("'a' == 0", False),
    ],
)
def test_an_expression_has_the_value_that_github_gives_it(expression: str, value: Any) -> None:
    assert evaluated(expression, CONTEXTS, FUNCTIONS) == value


def test_a_text_is_filled_in() -> None:
    assert filled("n=${{ github.event.pull_request.number }}, ${{ vars.none }}.", CONTEXTS, FUNCTIONS) == "n=7, ."


@pytest.mark.parametrize("expression", ["steps.two.outputs.code", "step.one", "github.", "'a", "a b", "true true"])
def test_what_github_would_pass_over_in_silence_is_a_mistake(expression: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        evaluated(expression, CONTEXTS, FUNCTIONS)
