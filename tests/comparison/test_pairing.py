from __future__ import annotations

import pytest

from ecco_reports.comparison import Mark, compare
from ecco_reports.errors import BaselineError
from ecco_reports.records import Message
from tests.comparison.makers import ANALYSES, entry, prompt, snapshot, traced_model


def compared(before, after, **asked):
    return compare(before, after, analyses=ANALYSES, **asked)


def only(comparison):
    (pair,) = comparison.pairs
    return pair


def test_models_are_paired_by_name():
    before = snapshot(entry(model="a"), entry(model="b"))
    after = snapshot(entry(model="b"), entry(model="a"))
    found = compared(before, after)
    assert found.models == (("b", "b"), ("a", "a"))
    assert [pair.place for pair in found.pairs] == [("b", "p", "weighing"), ("a", "p", "weighing")]


def test_the_only_model_of_each_side_is_paired_whatever_its_name():
    assert compared(snapshot(entry(model="old")), snapshot(entry(model="new"))).models == (("old", "new"),)


def test_two_models_of_one_snapshot_can_be_held_against_each_other():
    both = snapshot(entry(model="a"), entry(model="b", metrics={"logprob": -2.0}))
    found = compared(both, both, models=[("a", "b")])
    assert found.models == (("a", "b"),)
    assert only(found).change("logprob").difference == -1.0


def test_a_model_of_one_side_is_told_and_its_results_are_added_or_gone():
    found = compared(snapshot(entry(model="a"), entry(model="x")), snapshot(entry(model="a"), entry(model="y")))
    assert [(pair.models, pair.mark) for pair in found.pairs] == [
        (("a", "a"), Mark.SAME),
        (("y", "y"), Mark.ADDED),
        (("x", "x"), Mark.GONE),
    ]
    assert found.pairs[1].reason == "The baseline has no model y."
    assert found.notes == ("Only the candidate has the model y.", "Only the baseline has the model x.")


@pytest.mark.parametrize(
    ("before", "after", "models", "said"),
    [
        (["a", "b"], ["c", "d"], None, "no model in common: a and b before, c and d now"),
        (["a"], ["b"], [("a", "c")], "The candidate, a snapshot of capitals, has no model 'c'"),
        (["a"], ["b"], [("c", "b")], "The baseline, a snapshot of capitals, has no model 'c'"),
    ],
)
def test_models_that_cannot_be_paired_are_named(before, after, models, said):
    with pytest.raises(BaselineError, match=said):
        compared(*(snapshot(*(entry(model=name) for name in names)) for names in (before, after)), models=models)


def test_two_experiments_without_a_common_prompt_are_refused_by_name():
    with pytest.raises(
        BaselineError, match=r"of capitals and the candidate rivers have no prompt in common: a before, b now"
    ):
        compared(snapshot(entry("a")), snapshot(entry("b"), experiment="rivers"))


def test_another_experiment_with_the_same_prompts_is_compared_and_told():
    found = compared(snapshot(entry()), snapshot(entry(), experiment="rivers"))
    assert found.notes == ("The baseline is of the experiment capitals, the candidate of rivers.",)
    assert only(found).mark is Mark.SAME


@pytest.mark.parametrize(
    ("field", "was", "now", "said"),
    [
        ("text", "One", "Two", "another text: “One” before, “Two” now."),
        ("target", " Paris", None, "another target: “ Paris” before, none now."),
        ("foil", None, " Rome", "another foil: none before, “ Rome” now."),
        ("text_pair", "a", "b", "another second text: “a” before, “b” now."),
        ("continuation", "a", "b", "another continuation: “a” before, “b” now."),
        (
            "messages",
            (Message(role="user", content="Hi"),),
            (Message(role="user", content="Hi"), Message(role="assistant", content="Yes")),
            "another conversation: “Hi” before, “Hi / Yes” now.",
        ),
    ],
)
def test_a_prompt_that_asks_something_else_is_not_comparable(field, was, now, said):
    before = snapshot(entry(), contents=[prompt("p", **{field: was})])
    after = snapshot(entry(), contents=[prompt("p", **{field: now})])
    found = compared(before, after)
    assert only(found).mark is Mark.NOT_COMPARABLE
    assert only(found).reason == f"The prompt p has {said}"
    assert only(found).changes == ()
    assert found.notes == ("The prompt p asks something else now and cannot be compared.",)


def test_rows_of_a_data_set_that_moved_are_recognised():
    before = snapshot(
        entry("1"), entry("2"), contents=[prompt("1", text="A", target=None), prompt("2", text="B", target=None)]
    )
    after = snapshot(
        entry("1"), entry("2"), contents=[prompt("1", text="new", target=" x"), prompt("2", text="A", target=None)]
    )
    first, second = compared(before, after).pairs
    assert first.reason == ("The prompt 1 has another text: “A” before, “new” now; it also has another target.")
    assert second.reason.endswith("“B” before, “A” now. The baseline calls the same question 1.")


def test_prompts_of_one_side_are_added_and_gone_in_their_order():
    found = compared(snapshot(entry("p"), entry("old")), snapshot(entry("new"), entry("p")))
    assert [(pair.prompt.name, pair.mark) for pair in found.pairs] == [
        ("new", Mark.ADDED),
        ("p", Mark.SAME),
        ("old", Mark.GONE),
    ]
    assert found.pairs[0].reason == "The baseline has no prompt new."
    assert found.pairs[2].reason == "The candidate has no prompt old."
    assert (found.pairs[0].before, found.pairs[2].after) == (None, None)
    assert found.notes == ("Only the candidate has the prompt new.", "Only the baseline has the prompt old.")


def test_a_renamed_prompt_is_recognised():
    same = {"text": "A", "target": None}
    before = snapshot(entry("p"), entry("x"), contents=[prompt("x", **same)])
    after = snapshot(entry("p"), entry("y"), contents=[prompt("y", **same)])
    _, added, gone = compared(before, after).pairs
    assert added.reason == "The baseline has no prompt y. The baseline calls the same question x."
    assert gone.reason == "The candidate has no prompt x. The candidate calls the same question y."


def test_labels_of_one_side_are_added_and_gone():
    found = compared(snapshot(entry(label="a"), entry(label="b")), snapshot(entry(label="a"), entry(label="c")))
    assert [(pair.label, pair.mark, pair.reason) for pair in found.pairs[1:]] == [
        ("c", Mark.ADDED, "The baseline has no c of the prompt p."),
        ("b", Mark.GONE, "The candidate has no b of the prompt p."),
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"analysis": "numbering"}, "stands for weighing before and for numbering now"),
        ({"version": 2}, "has changed (version 1 before, 2 now)"),
        ({"settings": "t"}, "was computed with other settings"),
    ],
)
def test_what_was_computed_in_another_way_is_not_comparable(changed, said):
    pair = only(compared(snapshot(entry()), snapshot(entry(**changed))))
    assert (pair.mark, pair.changes) == (Mark.NOT_COMPARABLE, ())
    assert said in pair.reason


def test_a_result_that_became_a_failure_is_newly_failing_whatever_else_changed():
    pair = only(compared(snapshot(entry()), snapshot(entry(failure="out of memory", version=2))))
    assert (pair.mark, pair.reason) == (Mark.NEWLY_FAILING, "It had a result before and fails now: out of memory")


def test_a_model_that_lost_an_ability_is_newly_failing():
    after = snapshot(entry(failure="it shows no attention", lacking=True))
    assert only(compared(snapshot(entry()), after)).mark is Mark.NEWLY_FAILING


def test_a_failure_that_became_a_result_is_mended():
    pair = only(compared(snapshot(entry(failure="NaN in layer 3")), snapshot(entry())))
    assert (pair.mark, pair.reason) == (Mark.MENDED, "It has a result now, and failed before: NaN in layer 3")


def test_what_fails_on_both_sides_is_not_comparable():
    pair = only(compared(snapshot(entry(failure="NaN.")), snapshot(entry(failure="out of memory"))))
    assert pair.mark is Mark.NOT_COMPARABLE
    assert pair.reason == "It failed before (NaN) and fails now: out of memory"


@pytest.mark.parametrize(
    ("entries", "fields", "said"),
    [
        ([entry(), entry()], {}, "The candidate, a snapshot of capitals, has two entries for m · p · weighing"),
        ([entry()], {"models": {}}, "its entry m · p · weighing names the model 'm'"),
        ([entry()], {"prompts": {"q": prompt("q")}}, "its entry m · p · weighing names the prompt 'p'"),
    ],
)
def test_a_snapshot_that_contradicts_itself_is_refused(entries, fields, said):
    with pytest.raises(BaselineError, match=said):
        compared(snapshot(entry()), snapshot(*entries, **fields))


def test_another_tokenizer_dtype_and_version_are_told_first():
    after = snapshot(
        entry(), models={"m": traced_model("m", tokenizer="letters", dtype="float16")}, versions={"torch": "2.14.0"}
    )
    found = compared(snapshot(entry()), after)
    assert found.notes == (
        "m has another tokenizer: what stands at tokens is compared by words.",
        "m computes in float16 instead of float32.",
        "Computed with other versions, which may round otherwise: torch 2.13.0 before, 2.14.0 now.",
    )
    assert only(found).mark is Mark.SAME


def test_an_unknown_tokenizer_is_not_called_another_one():
    after = snapshot(entry(), models={"m": traced_model("m", tokenizer="")})
    assert compared(snapshot(entry()), after).notes == ()


def test_another_number_of_layers_is_told_first():
    before = snapshot(entry(weights=None), entry("q", trace={"layers": 4}))
    found = compared(before, snapshot(entry(weights=None), entry("q", trace={"layers": 6})))
    assert found.notes == ("m has 6 layers instead of 4: they are compared by their relative depth.",)
