"""The pages of comparisons say what changed, whatever the text is made of, and stay short where nothing did."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import pytest

from ecco_reports.analyses import ANALYSES as ROOMS
from ecco_reports.analyses.measures import Trace
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.comparison import Mark, most_changed
from ecco_reports.gates import Status
from ecco_reports.pages import comparison_paths, render, render_comparisons
from ecco_reports.pages.comparing import Hand, compared
from ecco_reports.pages.comparing.arranging import FIGURES, PROMPTS_DRAWN
from ecco_reports.pages.comparing.figures import overall
from ecco_reports.pages.drawings import Drawing, Drawings, Drawn
from ecco_reports.registry import Registry
from ecco_reports.site import site_stamp
from tests import stories
from tests.charts.figures import charts
from tests.comparisons import comparison, nothing_changed, passed, verdicts
from tests.stories import HOSTILE
from tests.test_pages import as_html, read


class Told(Trace):
    """What generation keeps, as far as the hand-made traces go."""

    said: str
    accident: bool = False


class Telling(stories.Story):
    """Draws two figures of each pair of traces, or fails."""

    name = "generation"
    Traced = Told

    def drift_figures(self, before, after, names):
        if before.accident:
            raise ValueError("the pencil <b>broke</b>")
        assert before.said
        assert len(names) == 2
        made = charts(["a", "b"])
        return [ChartFigure(kind, kind, "Look.", f"{kind}.", made[kind].chart) for kind in ("moves", "forest")]


ANALYSES = Registry(
    "analysis", {"generation": "tests.test_comparison_pages:Telling"}, group="ecco_reports.no_such_group"
)


def bare(one, **trace):
    """The comparison with traces of ``Told`` in the place of those of generation."""

    def told(entry):
        if entry is None or entry.trace is None:
            return entry
        return entry.model_copy(update={"trace": {"said": entry.trace["said"], **trace}})

    return replace(
        one, pairs=tuple(replace(pair, before=told(pair.before), after=told(pair.after)) for pair in one.pairs)
    )


@pytest.fixture(scope="module")
def pages():
    made = render_comparisons([bare(comparison()), nothing_changed()], verdicts(), analyses=ANALYSES)
    return {page.path: page for page in made}


@pytest.fixture(scope="module")
def page(pages):
    return pages["comparisons/capitals.md"]


@pytest.fixture(scope="module")
def seen(page):
    return read(as_html(page)[1])


def view_of(one, judged=None):
    """The view without the labour of drawing."""

    def unpainted(figures, anchor, folder):
        return Drawing(tuple(Drawn(f"{anchor}-{figure.id}", figure.title, "", "") for figure in figures))

    (view,) = compared([one], judged, Hand(ANALYSES, Drawings(), unpainted))
    return view


def test_there_is_a_list_and_a_page_for_each(pages):
    assert list(pages)[:4] == ["index.md", "comparisons/index.md", "comparisons/capitals.md", "comparisons/calm.md"]
    for path in ("index.md", "comparisons/index.md"):
        text = read(as_html(pages[path])[1]).text
        assert "2 of 24 prompts lost their answer" in text
        assert "nothing moved beyond rounding" in text


def test_an_experiment_with_several_comparisons_has_a_page_for_each():
    both = [comparison("a b"), comparison("a b"), comparison("c")]
    assert comparison_paths(both) == ("comparisons/a-b.md", "comparisons/a-b-2.md", "comparisons/c.md")


def test_verdict_facts_effects_and_prompts_stand_in_this_order(page):
    headings = re.findall(r"^## (.*?) \{", page.markdown, re.MULTILINE)
    assert headings == [
        "Gates that are not a pass",
        "Facts lost and gained",
        "Over all prompts",
        "Prompts that changed most",
        "Not compared, failing or mended",
        "What is compared",
    ]


def test_everything_that_was_found_is_said(seen):
    for mark in set(Mark) - {Mark.SAME}:
        assert mark.value in seen.text
    for status in set(Status) - {Status.PASS, Status.IMPROVED}:
        assert status.value in seen.text
    for said in ("Wilcoxon signed-rank", "after Holm", "95 % bootstrap interval", "The tokenizers differ", "float32"):
        assert said in seen.text.replace("\u00a0", " ")


def test_both_sides_say_where_they_come_from(seen):
    for said in (
        "2026-01-02T03:04:05+00:00",
        "c0ffeec0ffeec0ff",
        "beadbeadbeadbead",
        "./checkpoints/gpt",
        "torch 2.13.0",
    ):
        assert said in seen.text
    assert "with changes that were not committed" in seen.text


def test_a_mark_is_told_by_shape_and_word(seen):
    assert "▼ worse" in seen.text
    assert "⊘ not comparable" in seen.text


def test_the_prompts_that_changed_most_come_first_with_what_was_said(page, seen):
    anchors = re.findall(r"^### .*\{: #(prompt-\S+) \}", page.markdown, re.MULTILINE)
    changed = most_changed(comparison())
    assert len(anchors) == min(PROMPTS_DRAWN, len(changed))
    assert anchors[1] == "prompt-france-facts"
    tags = [tag for tag, _ in seen.tags]
    assert tags.count("del") >= 2
    assert tags.count("ins") >= 2


def test_rooms_draw_what_moved_and_every_figure_has_its_files(page):
    sources = re.findall(r'data-chart="\.\./([^"]+)"', page.markdown)
    assert len(sources) >= 4
    for source in sources:
        for suffix in (".js", ".svg", ".json"):
            assert source.removesuffix(".js") + suffix in page.assets
    drawn = {path for path in page.assets if path.endswith(".js")}
    assert drawn == set(sources)


def test_ids_are_unique(seen):
    ids = [attrs["id"] for _, attrs in seen.tags if "id" in attrs]
    assert len(set(ids)) == len(ids)


def test_hostile_text_is_text(seen):
    assert not [tag for tag, attrs in seen.tags if tag in ("script", "b") or any(key.startswith("on") for key in attrs)]
    sources = [attrs["src"] for tag, attrs in seen.tags if tag == "img"]
    assert all(source.startswith("../assets/comparisons/") for source in sources)


def test_where_nothing_changed_one_line_says_so(pages):
    calm = pages["comparisons/calm.md"]
    text = read(as_html(calm)[1]).text
    assert "Nothing changed: in 36 results, every number of candidate is the one of baseline main, to rounding." in text
    assert "Over all prompts" not in text
    assert len(calm.markdown) < 4_000


def test_a_failed_gate_is_shown_although_nothing_changed():
    view = view_of(nothing_changed("capitals"), verdicts())
    assert not view.quiet
    assert view.status == "broken"


def test_gates_of_other_experiments_are_not_shown():
    view = view_of(comparison("other"), replace(verdicts(), failed_tasks=0))
    assert view.gates == ()
    assert view.status == "doubtful"


def test_a_task_that_failed_is_counted_where_it_failed():
    assert view_of(comparison("other"), verdicts()).status == "broken"
    assert view_of(nothing_changed("other"), verdicts()).status == "sound"


def test_what_cannot_be_drawn_is_a_box_and_a_problem():
    made = render_comparisons([bare(comparison(), accident=True)], analyses=ANALYSES)
    assert {problem.page for problem in made.problems} == {"comparisons/capitals.md"}
    (page,) = (page for page in made if page.path == "comparisons/capitals.md")
    assert "the pencil <b>broke</b>" in read(as_html(page)[1]).text
    assert "#prompt-france-facts" in page.markdown


def test_a_trace_that_its_room_does_not_know_is_a_box_too():
    made = render_comparisons([bare(comparison(), more="?")], analyses=ANALYSES)
    assert made.problems
    assert "Extra inputs" in made.problems[0].message


def test_an_analysis_that_is_not_there_any_more_is_shown_without_figures():
    empty = Registry("analysis", {}, group="ecco_reports.no_such_group")
    made = render_comparisons([comparison()], analyses=empty)
    assert made.problems == ()


def test_a_prompt_has_few_figures():
    assert all(len(one.figures) <= FIGURES for one in view_of(bare(comparison())).prompts)


def test_all_numbers_are_in_the_files(page):
    rows = list(csv.DictReader(io.StringIO(page.assets["assets/comparisons/capitals/numbers.csv"].decode())))
    value = json.loads(page.assets["assets/comparisons/capitals/numbers.json"])
    expected = sum(max(1, len(pair.changes)) for pair in comparison().pairs)
    assert len(rows) == len(value["rows"]) == expected
    (row,) = (
        r for r in rows if (r["prompt"], r["metric"], r["model of the baseline"]) == ("japan", "target_rank", "facts")
    )
    assert (row["baseline"], row["candidate"], row["difference"], row["mark"]) == ("1", "7", "6", "worse")
    assert {row["mark"] for row in rows} >= {"newly failing", "mended", "not comparable", "added", "gone"}


def many(prompts):
    """The comparison with so many prompts."""
    one = comparison()
    pairs = [pair for pair in one.pairs if pair.models[1] == "facts" and pair.prompt.name != HOSTILE]
    names = list(dict.fromkeys(pair.prompt.name for pair in pairs))
    more = [
        replace(pair, prompt=pair.prompt.model_copy(update={"name": f"{pair.prompt.name} {number}"}))
        for number in range(prompts // len(names) + 1)
        for pair in pairs
    ]
    kept = set(list(dict.fromkeys(pair.prompt.name for pair in more))[:prompts])
    return replace(one, pairs=tuple(pair for pair in more if pair.prompt.name in kept), models=(("facts", "facts"),))


def test_forty_prompts_weigh_less_than_half_a_megabyte_with_all_that_comes_with_the_page():
    made = {page.path: page for page in render_comparisons([bare(many(40))], analyses=ANALYSES)}
    page = made["comparisons/capitals.md"]
    assert len(page.markdown.encode()) < 150_000
    at_once = sum(len(content) for path, content in page.assets.items() if path.endswith((".svg", ".js")))
    assert len(page.markdown.encode()) + at_once < 500_000


def test_what_is_beyond_the_first_prompts_stands_in_a_table():
    view = view_of(bare(many(40)))
    assert len(view.prompts) == PROMPTS_DRAWN
    assert len(view.prompts) + len(view.others) == len(most_changed(many(40)))


class TestFigures:
    def test_effects_are_turned_so_that_better_is_to_the_right(self):
        forest = overall(comparison())[0].chart.to_dict()
        rows = forest["datasets"]["effects"]
        (names,) = (param["value"] for param in forest["params"] if param["name"] == "metrics")
        by_name = {names[row["i"]]: row for row in rows}
        # The rank rose, and a lower rank is better.
        assert by_name["ranks.target_rank (facts)"]["d"] < 0
        assert by_name["ranks.target_logprob (facts)"]["d"] < 0
        assert by_name["ranks.target_logprob (gpt)"]["d"] > 0
        assert all(row["low"] <= row["d"] <= row["high"] for row in rows)

    def test_an_interval_is_measured_in_the_unit_of_its_effect(self):
        effect = next(one for one in comparison().effects if one.name == "target_logprob")
        spread = effect.difference / effect.size
        row = overall(replace(comparison(), effects=(effect,)))[0].chart.to_dict()["datasets"]["effects"][0]
        assert row["low"] == pytest.approx(effect.interval[0] / spread, rel=1e-3)
        assert row["high"] == pytest.approx(effect.interval[1] / spread, rel=1e-3)

    def test_what_moved_most_comes_first(self):
        chart = overall(comparison())[1].chart.to_dict()
        (names,) = (param["value"] for param in chart["params"] if param["name"] == "prompts")
        assert names[:3] == ["japan (facts)", "france (facts)", "japan (gpt)"]

    def test_without_effects_and_targets_there_is_nothing_to_draw(self):
        assert overall(replace(comparison(), effects=(), pairs=())) == []

    def test_a_probability_that_no_logarithm_has_is_left_out(self):
        one = comparison()
        pair = next(pair for pair in one.pairs if pair.change("first_token_probability"))
        change = replace(pair.changes[0], name="target_probability", before=0.0, after=0.5)
        assert overall(replace(one, effects=(), pairs=(replace(pair, changes=(change,)),))) == []


class TestBesideTheExperiment:
    @pytest.fixture(scope="class")
    @classmethod
    def made(cls):
        tale = stories.tale(name="capitals")
        run = stories.run_of(tale)
        pages = render(run, passed("capitals"), analyses=stories.ANALYSES, comparisons=[comparison()])
        return {page.path: page for page in pages}

    def test_the_experiment_names_its_comparison_and_the_reverse(self, made):
        assert '<a href="../comparisons/capitals.html">What changed</a>' in made["experiments/capitals.md"].markdown
        assert '<a href="../experiments/capitals.html">The experiment</a>' in made["comparisons/capitals.md"].markdown

    def test_card_and_experiment_say_what_gates_say(self, made):
        for path in ("index.md", "experiments/capitals.md"):
            assert "the gate passed" in read(as_html(made[path])[1]).text

    def test_without_a_comparison_there_is_no_page_of_comparisons(self):
        run = stories.run_of(stories.tale())
        assert not [page for page in render(run, analyses=stories.ANALYSES) if page.path.startswith("comparisons/")]

    def test_another_baseline_is_another_site(self):
        run = stories.run_of(stories.tale(name="capitals"))
        stamps = {
            site_stamp(run, analyses=stories.ANALYSES, comparisons=made)
            for made in ([], [comparison()], [nothing_changed("capitals")])
        }
        assert len(stamps) == 3


def test_every_real_room_that_traces_can_be_drawn_or_says_why():
    """The registry of the package: nothing of the hand-made comparison is unknown to it."""
    made = render_comparisons([comparison()], analyses=ROOMS)
    assert made.problems == ()


@pytest.mark.parametrize(
    ("samples", "said"),
    [(3, "3 prompts are too few to tell from chance"), (12, "No metric moved by more than chance explains")],
)
def test_where_nothing_was_found_the_page_says_whether_anything_could_have_been(samples, said):
    found = comparison()
    effects = tuple(replace(effect, samples=samples, mark=Mark.NOT_SIGNIFICANT) for effect in found.effects)
    assert view_of(replace(found, effects=effects)).found_nothing.startswith(said)
