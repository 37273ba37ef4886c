"""The models of one experiment, held against one of them."""

from __future__ import annotations

import pytest

from ecco_reports.comparison import compare, compare_within
from ecco_reports.errors import BaselineError
from tests.comparison.makers import ANALYSES, entry, snapshot


def test_every_other_model_is_held_against_the_one():
    taken = snapshot(*(entry("p", model=model) for model in ("old", "new", "newer")))
    found = compare_within(taken, "old", analyses=ANALYSES)
    assert found.models == (("old", "new"), ("old", "newer"))
    assert [pair.place for pair in found.pairs] == [("new", "p", "weighing"), ("newer", "p", "weighing")]
    assert found.names == ("old", "the others")


def test_a_single_other_model_is_called_by_its_name():
    taken = snapshot(*(entry("p", model=model) for model in ("new", "old")))
    assert compare_within(taken, "old", analyses=ANALYSES).names == ("old", "new")


def test_a_model_that_is_not_there_is_refused():
    with pytest.raises(BaselineError, match="'older'"):
        compare_within(snapshot(entry("p", model="old"), entry("p", model="new")), "older", analyses=ANALYSES)


def test_models_of_one_run_go_by_their_own_names():
    taken = snapshot(*(entry("p", model=model) for model in ("old", "new", "newer")))
    assert compare_within(taken, "old", analyses=ANALYSES).names_of(("old", "newer")) == ("old", "newer")
    one, other = snapshot(entry("p")), snapshot(entry("p"))
    assert compare(one, other, analyses=ANALYSES).names_of(("m", "m")) == ("baseline", "candidate")
