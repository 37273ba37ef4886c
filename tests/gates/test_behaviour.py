"""Sentences, judged on results that are written down: each is true of one, false of another, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from ecco_reports.analyses import ANALYSES
from ecco_reports.analyses.attribution.tracing import AttributionTrace, TracedMethod
from ecco_reports.analyses.generation.tracing import GenerationTrace
from ecco_reports.analyses.traced_targets import TracedTarget
from ecco_reports.analyses.traced_words import TracedWord
from ecco_reports.experiment import Gate
from ecco_reports.experiment.sentences import PATTERNS, read_sentence
from ecco_reports.gates import Status
from ecco_reports.gates.behaviour import READERS
from ecco_reports.records import Prompt
from ecco_reports.snapshot import Entry, Snapshot
from tests.gates import bench

PROMPT = Prompt(name="p", text="Heathrow is in", target=" London", foil=" Paris")


def expect(sentence: str, **fields: Any) -> Gate:
    """A gate on a sentence, as the loader makes it."""
    found = read_sentence(sentence)
    return Gate(expect=found, against="baseline" if found.pattern.of_two else None, path=("gates", 0), **fields)


def result(analysis: str, trace: Any = None, **metrics: float) -> Entry:
    """What an analysis found for the prompt."""
    version = ANALYSES[analysis].version
    kept = trace.model_dump(mode="json", exclude_defaults=True) if trace else None
    return bench.entry("p", metrics, label=analysis, analysis=analysis, version=version, trace=kept)


def saying(text: str, **metrics: float) -> Entry:
    """A generation that said this."""
    trace = GenerationTrace(said=text, writes=True, given=False, cut="c", steps=(), target=None, foil=None)
    return result("generation", trace, **metrics)


def reasons(*shares: float, other: tuple[float, ...] = (), targets: int = 1) -> Entry:
    """An attribution to the three words of the prompt."""
    words, at = [], 0
    for text in ("Heathrow", " is", " in"):
        words.append(TracedWord(text=text, begin=at, end=at + len(text)))
        at += len(text)
    methods = {"integrated_gradients": shares, **({"input_x_gradient": other} if other else {})}
    trace = AttributionTrace(
        words=tuple(words),
        targets=tuple(TracedTarget(kind="next", token="London") for _ in range(targets)),
        explained=targets,
        score="logit",
        methods=tuple(
            TracedMethod(method=name, signed=True, contributions=(values,) * targets, elsewhere=(0.0,) * targets)
            for name, values in methods.items()
        ),
    )
    return result("attribution", trace)


def taken(*entries: Entry, prompt: Prompt = PROMPT) -> Snapshot:
    return bench.snapshot(*entries, prompts={"p": prompt})


def asked(sentence: str, after: Entry, before: Entry | None = None, **options: Any) -> Any:
    """What a sentence says of a result."""
    held = taken(before) if before is not None else None
    return bench.only(bench.judged(expect(sentence), after=taken(after), before=held, analyses=ANALYSES, **options))


def test_every_sentence_has_a_reader_and_every_reader_a_sentence() -> None:
    assert set(READERS) == {pattern.name for pattern in PATTERNS if not pattern.refusal}


@pytest.mark.parametrize(
    ("sentence", "after", "holds", "because"),
    [
        ("the target is the first choice", result("generation", target_rank=1), True, "its rank is 1"),
        ("the target is the first choice", result("generation", target_rank=2), False, "its rank is 2"),
        ("the target is the first choice", result("token_ranks", target_rank=2), False, "its rank is 2"),
        ("the target is among the first three choices", result("logit_lens", target_rank=3), True, "its rank is 3"),
        ("the target is among the first three choices", result("logit_lens", target_rank=4), False, "its rank is 4"),
        (
            "the target is top-ranked by layer 3",
            result("token_ranks", target_rank=1, first_top_layer=3),
            True,
            "it is the first choice from layer 3 on",
        ),
        (
            "the target is top-ranked by layer 3",
            result("token_ranks", target_rank=1, first_top_layer=4),
            False,
            "it is the first choice from layer 4 on",
        ),
        (
            "the target is top-ranked by layer 3",
            result("token_ranks", target_rank=1, first_top_layer=-1),
            True,
            "it is the first choice from the embedding on",
        ),
        (
            "the target is top-ranked by layer 3",
            result("token_ranks", target_rank=5),
            False,
            "at no layer that was read out is it the first choice",
        ),
        (
            "the target is top-ranked within the first half of the layers",
            result("token_ranks", target_rank=1, first_top_depth=0.5),
            True,
            "it is the first choice after 50 % of the layers",
        ),
        (
            "the target is top-ranked within the first half of the layers",
            result("token_ranks", target_rank=1, first_top_depth=0.75),
            False,
            "it is the first choice after 75 % of the layers",
        ),
        (
            "the target has a probability of at least 50 %",
            result("generation", target_probability=0.5),
            True,
            "it has 50 %",
        ),
        (
            "the target has a probability of at least 50 %",
            result("generation", target_probability=0.49996),
            False,
            "it has 49.996 %",
        ),
        (
            "the target has a probability of at least 50 %",
            result("token_ranks", target_logprob=-0.7),
            False,
            "it has 49.7 %",
        ),
        ("the target beats the foil", result("generation", foil_gap=0.25), True, "it is 0.25 nats ahead of the foil"),
        ("the target beats the foil", result("generation", foil_gap=0.0), False, "both are equally probable"),
        ("the target beats the foil", result("generation", foil_gap=-2.0), False, "it is 2 nats behind the foil"),
        (
            "the target beats the foil by at least one nat",
            result("generation", foil_gap=0.5),
            False,
            "it is 0.5 nats ahead of the foil",
        ),
        ("the answer contains “London”", saying("It is London ."), True, "the answer is “It is London .”"),
        ("the answer contains “London”", saying("It is Paris ."), False, "the answer is “It is Paris .”"),
        ("the answer contains “ It”", saying("It is"), True, "the answer is “It is”"),
        ("the answer contains “london”", saying("London"), False, "the answer is “London”"),
        ("the answer does not contain “Paris”", saying("London"), True, "the answer is “London”"),
        ("the answer does not contain “Paris”", saying("Paris"), False, "the answer is “Paris”"),
        ("the answer begins with “ Lon”", saying("London"), True, "the answer is “London”"),
        ("the answer begins with “don”", saying("London"), False, "the answer is “London”"),
        ("the answer is “ London”", saying("London"), True, "the answer is “London”"),
        ("the answer is “London”", saying("London ."), False, "the answer is “London .”"),
        ("the answer is “London”", saying(""), False, "the answer is empty"),
        ("“Heathrow” holds at least 30 % of the attribution", reasons(-3, 3, 4), True, "it holds 30 %"),
        ("“Heathrow” holds at least 30 % of the attribution", reasons(2, 4, 4), False, "it holds 20 %"),
        ("“Heathrow is” holds at least 60 % of the attribution", reasons(2, 4, 4), True, "it holds 60 %"),
        ("“in” holds at most a quarter of the attribution", reasons(2, 4, 2), True, "it holds 25 %"),
        ("“in” holds at most a quarter of the attribution", reasons(2, 4, 3), False, "it holds 33 %"),
        (
            "“Heathrow” holds at least half of the attribution by input x gradient",
            reasons(1, 4, 5, other=(8, 1, 1)),
            True,
            "it holds 80 %",
        ),
        ("“Heathrow” is the strongest word", reasons(-5, 4, 1), True, "the strongest word is “Heathrow”"),
        ("“Heathrow” is the strongest word", reasons(3, 4, 1), False, "the strongest word is “is”"),
    ],
)
def test_a_sentence_is_true_or_false_of_a_result_and_says_why(sentence, after, holds, because) -> None:
    verdict = asked(sentence, after)
    assert (verdict.status, verdict.message) == (Status.PASS if holds else Status.FAIL, because)
    assert verdict.name == sentence
    assert verdict.place == ("m", "p", after.label)


@pytest.mark.parametrize(
    ("sentence", "before", "after", "status", "because"),
    [
        ("the answer stays the same", saying("London"), saying("London"), Status.PASS, "the answer is still “London”"),
        (
            "the answer stays the same",
            saying("London"),
            saying("Paris"),
            Status.FAIL,
            "the answer is “Paris” instead of “London”",
        ),
        (
            "“Heathrow” stays among the 2 strongest words",
            reasons(5, 4, 1),
            reasons(4, 5, 1),
            Status.PASS,
            "it is number 2, and was number 1",
        ),
        (
            "“Heathrow” stays among the 2 strongest words",
            reasons(5, 4, 1),
            reasons(1, 5, 4),
            Status.FAIL,
            "it is number 3, and was number 1",
        ),
        (
            "“Heathrow” stays among the two strongest words",
            reasons(1, 5, 4),
            reasons(1, 5, 4),
            Status.PASS,
            "it was number 3 in the baseline, not among the first 2, and is number 3",
        ),
        (
            "the strongest word stays the same",
            reasons(5, 4, 1),
            reasons(-9, 4, 1),
            Status.PASS,
            "it is still “Heathrow”",
        ),
        (
            "the strongest word stays the same",
            reasons(5, 4, 1),
            reasons(3, 4, 1),
            Status.FAIL,
            "it is “is” instead of “Heathrow”",
        ),
        (
            "the target loses at most half a nat",
            result("token_ranks", target_logprob=-1.0),
            result("token_ranks", target_logprob=-1.5),
            Status.PASS,
            "it loses 0.5 nats",
        ),
        (
            "the target loses at most half a nat",
            result("token_ranks", target_logprob=-1.0),
            result("token_ranks", target_logprob=-1.51),
            Status.FAIL,
            "it loses 0.51 nats",
        ),
        (
            "the target loses at most half a nat",
            result("token_ranks", target_logprob=-1.0),
            result("token_ranks", target_logprob=-0.25),
            Status.PASS,
            "it gains 0.75 nats",
        ),
        (
            "the target loses at most half a nat",
            result("token_ranks"),
            result("token_ranks", target_logprob=-0.25),
            Status.NO_BASELINE,
            "the result of the baseline has no target_logprob",
        ),
        (
            "the target is top-ranked no later than in the baseline",
            result("token_ranks", target_rank=1, first_top_depth=0.5),
            result("token_ranks", target_rank=1, first_top_depth=0.5),
            Status.PASS,
            "it is the first choice after 50 % of the layers, and was after 50 % of the layers",
        ),
        (
            "the target is top-ranked no later than in the baseline",
            result("token_ranks", target_rank=1, first_top_depth=0.5),
            result("token_ranks", target_rank=1, first_top_depth=0.75),
            Status.FAIL,
            "it is the first choice after 75 % of the layers, and was after 50 % of the layers",
        ),
        (
            "the target is top-ranked no later than in the baseline",
            result("token_ranks", target_rank=1, first_top_depth=0.5),
            result("token_ranks", target_rank=3),
            Status.FAIL,
            "it is the first choice at no layer, and was after 50 % of the layers",
        ),
        (
            "the target is top-ranked no later than in the baseline",
            result("token_ranks", target_rank=2),
            result("token_ranks", target_rank=3),
            Status.INSUFFICIENT_DATA,
            "at no layer is it the first choice, and in the baseline neither",
        ),
    ],
)
def test_a_sentence_about_two_results_holds_them_against_each_other(sentence, before, after, status, because) -> None:
    # A trace of ranks is not needed here, and has its own tests.
    verdict = asked(sentence, after, before)
    assert (verdict.status, verdict.message) == (status, because)


@pytest.mark.parametrize("pattern", [one for one in PATTERNS if one.of_two], ids=lambda one: one.name)
def test_without_a_baseline_a_sentence_about_two_results_says_so(pattern) -> None:
    entries = {
        "generation": saying("London", target_logprob=-1.0),
        "attribution": reasons(1, 2, 3),
        "token_ranks": result("token_ranks", target_rank=1, target_logprob=-1.0),
    }
    verdict = asked(pattern.example, entries[pattern.analyses[0]])
    assert (verdict.status, verdict.message) == (Status.NO_BASELINE, "there is no baseline")


def test_a_failed_task_tells_nothing_and_another_analysis_may_answer() -> None:
    failed = bench.entry("p", label="generation", analysis="generation", failure="It broke.")
    alone = asked("the target is the first choice", failed)
    assert (alone.status, alone.message) == (Status.NOT_RUN, "there is no result: It broke")
    both = taken(failed, result("token_ranks", target_rank=1))
    verdict = bench.only(bench.judged(expect("the target is the first choice"), after=both, analyses=ANALYSES))
    assert (verdict.status, verdict.label) == (Status.PASS, "token_ranks")


@pytest.mark.parametrize(
    ("entry", "sentence", "status", "because"),
    [
        (
            bench.entry("p", analysis="generation", unmeasured={"target_rank": "it is not a finite number but nan"}),
            "the target is the first choice",
            Status.FAIL,
            "it is not a finite number but nan",
        ),
        (
            bench.entry("p", analysis="generation", unmeasured={"": "they cannot be computed."}),
            "the target is the first choice",
            Status.ERROR,
            "they cannot be computed",
        ),
        (
            bench.entry("p", {"target_rank": float("nan")}, analysis="generation"),
            "the target is the first choice",
            Status.FAIL,
            "target_rank is not a finite number",
        ),
        (
            bench.entry("p", analysis="generation"),
            "the target is the first choice",
            Status.INSUFFICIENT_DATA,
            "this result has no target_rank",
        ),
        (
            bench.entry("p", analysis="generation"),
            "the answer contains “x”",
            Status.ERROR,
            "the result of gauge keeps no trace",
        ),
        (
            bench.entry("p", analysis="generation", trace={"text": "x"}),
            "the answer contains “x”",
            Status.ERROR,
            "the trace of gauge does not tell what was said",
        ),
        (
            bench.entry("p", analysis="attribution", trace={"words": []}),
            "“Heathrow” is the strongest word",
            Status.ERROR,
            "the trace of gauge cannot be read: Field required",
        ),
        (
            reasons(0, 0, 0),
            "“Heathrow” is the strongest word",
            Status.INSUFFICIENT_DATA,
            "by integrated_gradients no word of the prompt moves “London”",
        ),
        (
            reasons(1, 2, 3),
            "“Heathrow” is the strongest word by occlusion",
            Status.INSUFFICIENT_DATA,
            "the attribution has no method occlusion, only integrated_gradients",
        ),
    ],
)
def test_what_a_result_cannot_tell_is_never_a_pass(entry, sentence, status, because) -> None:
    verdict = asked(sentence, entry)
    assert (verdict.status, verdict.message) == (status, because)


def test_a_word_is_a_whole_one_whatever_pieces_the_model_reads_it_in() -> None:
    """“Heathrow” in two pieces of 3 and 2 is stronger than “is” with 4, as it is in one piece of 5."""
    whole = reasons(5, 4, 1)
    pieces = [("He", True, 3), ("athrow", False, 2), (" is", True, 4), (" in", True, 1)]
    words, at = [], 0
    for text, opens, _ in pieces:
        words.append(TracedWord(text=text, begin=at, end=at + len(text), opens=opens))
        at += len(text)
    sizes = tuple(float(size) for *_, size in pieces)
    method = TracedMethod(method="integrated_gradients", signed=True, contributions=(sizes,), elsewhere=(0.0,))
    target = TracedTarget(kind="next", token="London")
    trace = AttributionTrace(words=tuple(words), targets=(target,), explained=1, score="logit", methods=(method,))
    cut = result("attribution", trace)
    assert asked("“Heathrow” is the strongest word", cut).message == "the strongest word is “Heathrow”"
    assert asked("“Heathrow” holds at least half of the attribution", cut).value == 0.5
    for before, after in ((whole, cut), (cut, whole)):
        assert asked("the strongest word stays the same", after, before).status is Status.PASS
        assert asked("“in” stays among the 2 strongest words", after, before).status is Status.PASS


def test_prompts_without_what_the_sentence_is_about_are_no_concern_of_it() -> None:
    prompts = {"p": PROMPT, "q": Prompt(name="q", text="Nothing is asked")}
    entries = [result("generation", target_rank=1), result("generation").model_copy(update={"prompt": "q"})]
    after = bench.snapshot(*entries, prompts=prompts)
    verdict = bench.only(bench.judged(expect("the target is the first choice"), after=after, analyses=ANALYSES))
    assert verdict.prompt == "p"


def test_a_sentence_that_no_result_can_answer_is_an_error() -> None:
    verdict = asked("the target is the first choice", result("hidden_states"))
    assert (verdict.status, verdict.place) == (Status.ERROR, None)
    assert verdict.message == "no result can tell whether this is so"


def test_level_warn_holds_for_sentences_too() -> None:
    gate = expect("the target is the first choice", level="warn")
    verdicts = bench.judged(gate, after=taken(result("generation", target_rank=2)), analyses=ANALYSES)
    assert bench.only(verdicts).status is Status.WARN
    assert verdicts.exit_code == 0


def test_a_long_answer_is_cut() -> None:
    verdict = asked("the answer contains “x”", saying("word " * 50))
    assert len(verdict.message) < 90
    assert verdict.message.endswith("…”")
