"""Pages show what a run found, whatever the text is made of, and say it where something failed."""

from __future__ import annotations

import csv
import html
import io
import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import jinja2
import markdown
import pytest
import yaml

from ecco_reports.errors import RenderError
from ecco_reports.gates import Kind, Status, Verdict, Verdicts
from ecco_reports.pages import KeptDrawings, environment, escape, render
from ecco_reports.pages.lessons import docstring_attributes, settings
from ecco_reports.pages.tables import csv_bytes, json_bytes
from ecco_reports.records import Family, Message, Passage, Prompt, Table, Token
from tests.stories import ANALYSES, HOSTILE, LINES, PROVENANCE, StoryParams, StoryResult, outcome, run_of, tale


def rendered(run, **options):
    pages = render(run, analyses=ANALYSES, **options)
    return {page.path: page for page in pages}


def as_html(page):
    """What MkDocs makes of a page: front matter and body."""
    _, front, body = page.markdown.split("---\n", 2)
    extensions = ["admonition", "attr_list", "def_list", "tables", "toc", "pymdownx.highlight", "pymdownx.superfences"]
    return yaml.safe_load(front), markdown.markdown(body, extensions=extensions)


class Reader(HTMLParser):
    """Reads HTML like a browser does: the text, and every tag it is wrapped in."""

    def __init__(self):
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


class TestEscaping:
    @pytest.mark.parametrize("text", [HOSTILE, LINES, HOSTILE + LINES, "-", "1.", "    four", "a\\\n", "&amp;#42;"])
    def test_a_text_is_what_a_reader_sees(self, text):
        assert html.unescape(escape.entities(text)) == escape.shown(text)

    @pytest.mark.parametrize("text", [HOSTILE, LINES])
    def test_markdown_finds_nothing_to_do_in_an_escaped_text(self, text):
        line = escape.entities(escape.one_line(text))
        extensions = [
            "extra",
            "admonition",
            "toc",
            "pymdownx.extra",
            "pymdownx.tilde",
            "pymdownx.caret",
            "pymdownx.mark",
        ]
        made = read(markdown.markdown(f"before {line} after", extensions=extensions))
        assert [tag for tag, _ in made.tags] == ["p"]
        assert made.text == f"before {escape.one_line(text)} after"

    def test_control_characters_become_signs(self):
        assert escape.shown("\x00\x1b\x7f\x85") == "⟨00⟩⟨1B⟩⟨7F⟩⟨U+0085⟩"
        assert escape.one_line("a\nb\tc\r\u2028") == "a⏎b⇥c␍⟨U+2028⟩"

    def test_half_of_a_surrogate_pair_is_spelt_out(self):
        assert escape.shown("\ud83d!") == "\\ud83d!"

    def test_characters_that_turn_text_around_are_shown_and_do_nothing(self):
        assert escape.shown("\u202etxt") == "⟨U+202E⟩txt"

    def test_a_title_with_right_to_left_text_is_isolated(self):
        assert html.unescape(escape.title("  שלום  ")) == "\u2068שלום\u2069"
        assert escape.title("Plain") == "Plain"

    def test_a_combining_mark_cannot_melt_into_a_tag(self):
        assert "\u0338" not in escape.entities("\u0338")

    def test_a_template_that_prints_none_is_wrong(self):
        with pytest.raises(RenderError, match="None"):
            environment().from_string("{{ nothing }}").render(nothing=None)

    def test_a_template_cannot_forget_to_escape(self):
        assert environment().from_string("{{ a }}{{ [a] | join }}").render(a="<*>") == "&#60;&#42;&#62;" * 2

    def test_a_template_cannot_use_what_is_not_there(self):
        with pytest.raises(jinja2.UndefinedError):
            environment().from_string("{{ missing }}").render()

    @pytest.mark.parametrize(
        ("value", "shown"),
        [(0.0, "0"), (3.2e-7, "3.2 × 10⁻⁷"), (-0.5, "−0.5"), (12345.6, "12\u202f346"), (1234, "1\u202f234"),
         (0.01, "0.01"), (float("nan"), "not a number"), (float("-inf"), "−∞"), (2e9, "2.0 × 10⁹")],
    )  # fmt: skip
    def test_numbers_have_the_digits_a_reader_needs(self, value, shown):
        assert escape.number(value) == shown

    def test_slugs_stay_apart(self):
        found = escape.slugs(["a b", "a-b", "東京", "c"])
        assert len(set(found.values())) == 4
        assert found["c"] == "c"
        assert all(re.fullmatch(r"[a-z0-9-]+", slug) for slug in found.values())


class TestPromptsOfSeveralParts:
    def text_of(self, prompt):
        one = replace(tale(), prompts={"first": prompt})
        return read(as_html(rendered(run_of(one))["experiments/tale.md"])[1]).text

    def test_a_conversation_is_shown_turn_by_turn_and_the_answer_is_the_next_one(self):
        said = (Message(role="system", content="Be *brief*."), Message(role="user", content="Where?"))
        text = self.text_of(Prompt(name="first", text="system: Be *brief*.\nuser: Where?", messages=said))
        assert "system: Be *brief*.user: Where?assistant:  the end" in text

    def test_a_turn_that_the_model_went_on_with_is_one_with_what_it_wrote(self):
        said = (Message(role="user", content="Where?"), Message(role="assistant", content="It is"))
        text = self.text_of(Prompt(name="first", text="user: Where?\nassistant: It is", messages=said))
        assert "user: Where?assistant: It is the end" in text

    def test_a_second_text_stands_below_the_first(self):
        assert "Is it?It is. the end" in self.text_of(Prompt(name="first", text="Is it?", text_pair="It is."))


class TestWhatIsSaidOfAPrompt:
    def html_of(self, prompt, passage):
        one = replace(tale(), prompts={"first": prompt})
        told = replace(outcome(one, "first"), result=StoryResult(passage=passage))
        return as_html(rendered(run_of(one, outcomes=[told]))["experiments/tale.md"])[1]

    def test_a_mask_is_filled_in_where_it_stands_and_named_in_the_list_of_tokens(self):
        tokens = (Token(id=0, text="A", span=(0, 1)), Token(id=1, text="[MASK]", span=(2, 8)))
        passage = Passage(
            tokens=tokens,
            prompt_length=2,
            family=Family.MASKED,
            answers=(Token(id=2, text="cat"),),
            answer_positions=(1,),
        )
        made = self.html_of(Prompt(name="first", text="A [MASK]", target="cat"), passage)
        text = read(made).text
        assert "A cat" in text
        assert "1[MASK]cat" in text
        assert "Asked about the first mask: cat." in text

    def test_a_class_stands_after_an_arrow_also_where_a_conversation_is_judged(self):
        said = (Message(role="user", content="Where?"), Message(role="assistant", content="Here."))
        passage = Passage(
            tokens=(Token(id=0, text="Where?"),),
            prompt_length=1,
            family=Family.CLASSIFICATION,
            answers=(Token(id=1, text="helpful"),),
            answer_positions=(None,),
        )
        for turns in (said, said[:1]):
            prompt = Prompt(name="first", text="Where?", messages=turns)
            text = read(self.html_of(prompt, passage)).text
            assert f"{turns[-1].content} → helpful" in text
        assert "assistant" not in text

    def test_tokens_of_an_encoder_stand_apart(self):
        tokens = tuple(Token(id=number, text=text) for number, text in enumerate(["Hi", "<s>", "Hello"]))
        passage = Passage(tokens=tokens, prompt_length=2, encoder_length=1, family=Family.ENCODER_DECODER)
        text = read(self.html_of(Prompt(name="first", text="Hi"), passage)).text
        assert "Hi → Hello" in text
        assert "3 tokens: 1 read by the encoder, 1 to start the decoder, 1 written by it" in text
        assert text.index("read by the encoder") < text.index("read and written by the decoder")


class TestHostileText:
    @pytest.fixture(scope="class")
    @classmethod
    def pages(cls):
        one = tale("hostile", HOSTILE, HOSTILE + LINES, {"p": HOSTILE + LINES, HOSTILE: "x y"}, models=("m",))
        return rendered(run_of(one, outcomes=[outcome(one, "p", label=HOSTILE), outcome(one, HOSTILE)]))

    def test_the_prompt_is_shown_as_written(self, pages):
        _, made = as_html(pages["experiments/hostile.md"])
        assert escape.shown(HOSTILE + LINES) in read(made).text

    def test_the_title_is_shown_as_written_on_every_page_that_names_it(self, pages):
        for path in ("experiments/hostile.md", "experiments/index.md", "index.md", "how-to-read/story.md"):
            assert escape.one_line(HOSTILE) in read(as_html(pages[path])[1]).text, path

    def test_the_front_matter_holds_nothing_that_a_theme_could_take_for_markup(self, pages):
        front, _ = as_html(pages["experiments/hostile.md"])
        assert not set("<>\"'{}`") & set(front["title"] + front["description"])
        assert html.unescape(front["title"]).strip("\u2068\u2069") == escape.one_line(HOSTILE)

    def test_nothing_of_it_becomes_a_tag(self, pages):
        ours = rendered(run_of(tale("hostile", texts={"p": "x y", "q": "x y"})))
        for path, page in pages.items():
            # A strip shows control characters as <i> signs; the text itself has no such tag.
            plain = {"i"} | {tag for tag, _ in read(as_html(ours[path])[1]).tags}
            assert {tag for tag, _ in read(as_html(page)[1]).tags} <= plain, path

    def test_no_event_handler_and_no_script_address_gets_through(self, pages):
        for page in pages.values():
            for _, attributes in read(as_html(page)[1]).tags:
                assert not [name for name in attributes if name.startswith("on")]
                assert not str(attributes.get("href", "")).startswith("javascript")

    def test_ids_are_unique(self, pages):
        for page in pages.values():
            ids = [attributes["id"] for _, attributes in read(as_html(page)[1]).tags if attributes.get("id")]
            assert len(ids) == len(set(ids))

    def test_blocks_of_html_hold_no_empty_line(self, pages):
        for path, page in pages.items():
            depth = 0
            for line in page.markdown.splitlines():
                depth += len(re.findall(r"<(?:div|details|table|ul|ol|dl)\b", line))
                depth -= len(re.findall(r"</(?:div|details|table|ul|ol|dl)>", line))
                assert line.strip() or not depth, path


class TestExperimentPage:
    @pytest.fixture(scope="class")
    @classmethod
    def page(cls):
        one = tale(texts={"first": "Once upon a time", "second": "In the end"}, models=("m", "n"))
        return rendered(run_of(one))["experiments/tale.md"]

    def test_it_begins_with_the_short_version(self, page):
        text = read(as_html(page)[1]).text
        assert text.index("In short") < text.index("They wrote “ the end”.") < text.index("Prompt first")

    def test_it_has_one_first_heading_and_skips_no_level(self, page):
        levels = [int(tag[1]) for tag, _ in read(as_html(page)[1]).tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(lower - upper <= 1 for upper, lower in itertools.pairwise(levels))

    def test_each_analysis_has_a_permanent_address(self, page):
        ids = {attributes.get("id") for _, attributes in read(as_html(page)[1]).tags}
        assert {"first-m-story", "first-n-story", "second-m-story", "second-n-story"} <= ids

    def test_links_on_the_page_lead_somewhere(self, page):
        tags = read(as_html(page)[1]).tags
        ids = {attributes.get("id") for _, attributes in tags}
        wanted = {attributes["href"][1:] for _, attributes in tags if str(attributes.get("href", "")).startswith("#")}
        assert wanted <= ids

    def test_downloads_are_files_of_the_page(self, page):
        tags = read(as_html(page)[1]).tags
        wanted = {attributes["href"].removeprefix("../") for _, attributes in tags if "download" in attributes}
        assert wanted
        assert wanted <= set(page.assets)

    def test_what_the_model_wrote_is_set_apart(self, page):
        assert '<ins class="er-written" title="written by the model"> the end</ins>' in page.markdown

    def test_different_continuations_of_a_prompt_stand_apart(self):
        one = tale()
        entries = [outcome(one, "first", label=label, written=text) for label, text in
                   (("short", " by"), ("long", " by chance"), ("drawn", " in vain"))]  # fmt: skip
        made = rendered(run_of(one, outcomes=entries))["experiments/tale.md"].markdown
        full = made[made.index("## Prompt ") :]
        assert re.findall(r"<ins [^>]*>(.*?)</ins>", full) == [" by chance", " in vain"]
        assert "Explained by short, long" in read(full).text
        assert "Explained by drawn" in read(full).text

    def test_the_checks_are_there_with_their_numbers(self, page):
        text = read(as_html(page)[1]).text
        assert "truth gap" in text
        assert "1.0 × 10⁻⁷" in text
        assert "1 of 1 checks passed" in text

    def test_the_provenance_is_at_the_end(self, page):
        text = read(as_html(page)[1]).text
        assert "abacus" in text[text.index("Where these numbers come from") :]

    @pytest.mark.parametrize("note", ["For want of memory, the lens took 4 states at a time.", HOSTILE])
    def test_what_is_to_be_known_of_a_computation_stands_by_the_provenance(self, note):
        one = tale(texts={"first": "Once", "second": "Twice"})
        plain, other = outcome(one, "first"), outcome(one, "second")
        noted = replace(plain, provenance=plain.provenance.model_copy(update={"notes": (note,)}))
        with_note, without = (
            read(as_html(rendered(run_of(one, outcomes=[first, other]))["experiments/tale.md"])[1])
            for first in (noted, plain)
        )
        end = with_note.text[with_note.text.index("Where these numbers come from") :]
        assert f"first-m-story: {escape.one_line(note)}" in end
        assert len(with_note.tags) == len(without.tags) + 2

    def test_what_is_to_be_known_of_all_computations_is_said_once(self):
        one = tale(texts={"first": "Once", "second": "Twice"})
        found = [outcome(one, "first"), outcome(one, "second")]
        told = [replace(each, provenance=PROVENANCE.model_copy(update={"notes": ("It was cold.",)})) for each in found]
        made = read(as_html(rendered(run_of(one, outcomes=told))["experiments/tale.md"])[1])
        assert made.text.count("It was cold.") == 1
        assert "story: It was cold." not in made.text

    def test_a_long_table_is_cut_and_says_so(self):
        one = tale()
        page = rendered(run_of(one, outcomes=[outcome(one, "first", rows=205)]))["experiments/tale.md"]
        assert "The first 25 rows are shown" in read(as_html(page)[1]).text
        assert page.assets["assets/experiments/tale/first-m-story.csv"].count(b"\n") == 206

    def test_a_gate_stands_on_the_page(self):
        one = tale()
        run = run_of(one)
        verdict = Verdict(Kind.GATE, Status.FAIL, "tale", "story.length", "0.25 is less than 1", "m", "first", "story")
        pages = rendered(run, verdicts=Verdicts((verdict,), 0))
        assert "0.25 is less than 1" in html.unescape(pages["experiments/tale.md"].markdown)
        assert "1 of 1 gate failed" in pages["index.md"].markdown

    @pytest.mark.parametrize(
        ("status", "words"),
        [
            (Status.WARN, "1 of 1 gate warned"),
            (Status.NO_BASELINE, "1 of 1 gate undecided"),
            (Status.PASS, "the gate passed"),
        ],
    )
    def test_a_card_says_how_the_gates_ended_that_stop_nothing(self, status, words):
        verdict = Verdict(Kind.GATE, status, "tale", "story.length", "it is 1", "m", "first", "story")
        assert words in rendered(run_of(tale()), verdicts=Verdicts((verdict,), 0))["index.md"].markdown

    def test_of_many_gates_those_that_passed_are_folded_away_and_counted(self):
        one = tale()
        passed = [
            Verdict(Kind.GATE, Status.PASS, "tale", "story.length", f"it is {number}", "m", f"p{number}", "story")
            for number in range(30)
        ]
        failed = Verdict(Kind.GATE, Status.FAIL, "tale", "story.length", "it is <b>", "m", None, "story", samples=30)
        page = rendered(run_of(one), verdicts=Verdicts((*passed, failed), 0))["experiments/tale.md"]
        text = " ".join(read(as_html(page)[1]).text.split())
        assert "story.length for all prompts: it is <b>" in text
        assert "30 more gates passed" in text
        assert text.index("it is <b>") < text.index("30 more gates passed") < text.index("for p0: it is 0")
        few = rendered(run_of(one), verdicts=Verdicts(tuple(passed[:3]), 0))["experiments/tale.md"]
        assert "more gates passed" not in few.markdown


class TestTrouble:
    def test_a_failed_analysis_is_a_box_and_the_others_stand(self):
        one = tale()
        broken = outcome(one, "first", label="other", failure=("ValueError", "boom <b>"))
        page = rendered(run_of(one, outcomes=[broken, outcome(one, "first")]))["experiments/tale.md"]
        text = read(as_html(page)[1]).text
        assert "ValueError: boom <b>" in text
        assert "They wrote “ the end”." in text

    def test_a_model_that_cannot_is_not_called_a_failure(self):
        one = tale()
        lacking = outcome(one, "first", failure=("CapabilityError", "it has no gradients"))
        pages = rendered(run_of(one, outcomes=[lacking]))
        assert "This model cannot answer this question" in pages["experiments/tale.md"].markdown
        assert "failed" not in pages["index.md"].markdown

    def told_by_two(self, first: dict[str, Any] | None = None, second: dict[str, Any] | None = None):
        one = tale(models=("m", "n"))
        outcomes = [outcome(one, "first", **(first or {})), outcome(one, "first", model="n", **(second or {}))]
        return render(run_of(one, outcomes=outcomes), analyses=ANALYSES)

    def test_two_models_that_read_the_same_prompt_are_compared(self):
        page = {page.path: page for page in self.told_by_two()}["experiments/tale.md"]
        html = read(as_html(page)[1])
        assert html.text.count("m and n told it alike.") == 2
        assert "first-m-and-n-story" in {attributes.get("id") for _, attributes in html.tags}
        assert "all 3 checks passed" in html.text
        assert json.loads(page.assets["assets/experiments/tale/first-m-and-n-story.json"])["models"] == ["m", "n"]

    def test_the_notes_of_the_author_stand_above_the_short_version(self):
        one = replace(tale(), notes=("Look at <b>this</b>.", "And at *that*."))
        text = read(as_html(rendered(run_of(one))["experiments/tale.md"])[1]).text
        assert text.index("Look at <b>this</b>.") < text.index("And at *that*.") < text.index("In short")

    def test_one_model_is_compared_with_nothing(self):
        assert "told it alike" not in rendered(run_of(tale()))["experiments/tale.md"].markdown

    @pytest.mark.parametrize("second", [{"accident": "silence"}, {"failure": ("ModelError", "lost")}])
    def test_where_there_is_nothing_to_compare_nothing_is_said(self, second):
        page = {page.path: page for page in self.told_by_two(second=second)}["experiments/tale.md"]
        assert "first-m-and-n" not in page.markdown

    def test_a_comparison_that_cannot_be_drawn_is_a_box_and_is_told(self):
        pages = self.told_by_two(first={"accident": "between"})
        assert [trouble.anchor for trouble in pages.problems] == ["first-m-and-n-story"]
        page = {page.path: page for page in pages}["experiments/tale.md"]
        assert "they <i>quarrel</i>" in read(as_html(page)[1]).text

    @pytest.mark.parametrize("accident", ["charts", "summary"])
    def test_what_cannot_be_drawn_is_a_box_and_is_told(self, accident):
        one = tale(texts={"first": "a b", "second": "c d"})
        run = run_of(one, outcomes=[outcome(one, "first", accident=accident), outcome(one, "second")])
        pages = render(run, analyses=ANALYSES)
        assert [(problem.page, problem.anchor) for problem in pages.problems] == [
            ("experiments/tale.md", "first-m-story")
        ]
        page = next(page for page in pages if page.path == "experiments/tale.md")
        assert "could not be drawn" in page.markdown
        assert "They wrote" in page.markdown

    def test_a_check_that_does_not_pass_is_seen_in_the_gallery(self):
        one = tale()
        pages = rendered(run_of(one, outcomes=[outcome(one, "first", residual=1.0)]))
        assert "1 of 1 checks not passed" in pages["index.md"].markdown
        assert "not passed" in pages["experiments/tale.md"].markdown

    def test_a_broken_template_says_which_one(self, tmp_path):
        (tmp_path / "gallery.md.jinja").write_text("{% for %}")
        with pytest.raises(RenderError, match=r"gallery\.md\.jinja.*:1"):
            rendered(run_of(tale()), templates=[tmp_path])


class TestTheOtherPages:
    def test_the_gallery_has_a_card_with_a_picture_for_each_experiment(self):
        pages = rendered(run_of(tale("one", "First tale"), tale("two", "Second tale")))
        text = read(as_html(pages["index.md"])[1]).text
        assert "First tale" in text
        assert "Second tale" in text
        assert set(pages["index.md"].assets) == {f"assets/experiments/{name}/thumbnail.svg" for name in ("one", "two")}

    def test_a_gallery_without_experiments_says_so(self):
        assert "There is no experiment" in rendered(run_of())["index.md"].markdown

    def test_a_lesson_without_prose_of_its_own_shows_an_example_and_the_settings(self):
        page = rendered(run_of(tale()))["how-to-read/story.md"]
        text = read(as_html(page)[1]).text
        assert "They wrote “ the end”." in text
        assert "How many words." in text

    def test_a_lesson_prefers_the_experiment_its_prose_was_written_beside(self):
        pages = rendered(run_of(tale("aaa", "Another"), tale("heathrow", "The airport")))
        text = read(as_html(pages["how-to-read/story.md"])[1]).text
        assert "The airport" in text
        assert "Another" not in text

    def test_a_template_beside_the_experiments_comes_first(self, tmp_path):
        (tmp_path / "analyses").mkdir()
        (tmp_path / "analyses" / "story.md.jinja").write_text(
            "---\ntitle: x\n---\n# Mine {{ lesson.analysis.question }}"
        )
        page = rendered(run_of(tale()), templates=[tmp_path])["how-to-read/story.md"]
        assert page.markdown.endswith("# Mine What was told&#63;")

    def test_every_shipped_analysis_has_a_lesson_of_its_own(self):
        from ecco_reports.analyses import ANALYSES as SHIPPED

        ours = [name for name in environment().list_templates() if name.startswith("analyses/")]
        assert {f"analyses/{name}.md.jinja" for name in SHIPPED} <= set(ours)

    def test_a_shipped_lesson_can_be_read_without_any_result(self):
        pages = {page.path: page for page in render(run_of())}
        for name in ("generation", "attribution", "logit_lens", "token_ranks", "neuron_factors"):
            text = read(as_html(pages[f"how-to-read/{name}.md"])[1]).text
            for heading in ("A walk through the picture", "What is computed", "What it does not say", "Settings"):
                assert heading in text, (name, heading)

    def test_settings_say_what_may_be_written(self):
        found = {setting.name: setting for setting in settings(StoryParams)}
        assert found["words"].meaning == "How many words."
        assert found["max_new_tokens"].kind == "whole number, at least 1"
        assert found["max_new_tokens"].meaning.startswith("Tokens to generate at most")
        assert found["sampling.temperature"].default == "1.0"
        assert all(setting.meaning for setting in found.values())

    def test_a_docstring_attribute_may_go_over_several_lines(self):
        class Wrapped:
            """Something.

            Attributes:
                name: A meaning that
                    goes on.
                other: Another.
            """

        assert docstring_attributes(Wrapped) == {"name": "A meaning that goes on.", "other": "Another."}


class TestDownloads:
    TABLE = Table(
        columns=("token", "=formula", "value"),
        rows=(("=1+1", "@x", 1 / 3), ("+\nb", '"q", \x00', float("nan")), (" -2", "plain", -2.5), ("שלום", "😀", None)),
        caption="Rows.",
    )

    def test_no_cell_of_text_is_a_formula_for_a_spreadsheet(self):
        rows = list(csv.reader(io.StringIO(csv_bytes(self.TABLE).decode())))
        texts = [cell for row in rows for cell in row[:2]]
        assert not [text for text in texts if text.lstrip().startswith(("=", "+", "-", "@"))]
        assert rows[0][1] == "'=formula"
        assert rows[3] == ["' -2", "plain", "-2.5"]

    def test_a_row_is_a_line(self):
        assert len(csv_bytes(self.TABLE).decode().splitlines()) == 5

    def test_text_comes_back_from_csv(self):
        rows = list(csv.reader(io.StringIO(csv_bytes(self.TABLE).decode())))
        assert rows[2] == ["'+⏎b", '"q", ⟨00⟩', "nan"]
        assert rows[4] == ["שלום", "😀", ""]

    def test_json_has_the_text_as_it_is_and_null_for_what_is_no_number(self):
        read_back = json.loads(json_bytes({"prompt": HOSTILE, "half": "\ud83d"}, self.TABLE))
        assert read_back["prompt"] == HOSTILE
        assert read_back["rows"][0] == ["=1+1", "@x", 0.3333333]
        assert read_back["rows"][1] == ["+\nb", '"q", \x00', None]

    def test_an_empty_table_is_fine(self):
        empty = Table(columns=("a",), rows=(), caption="None.")
        assert csv_bytes(empty) == b"a\n"
        assert json.loads(json_bytes({}, empty))["rows"] == []


class TestKeptDrawings:
    def test_a_figure_is_drawn_once(self, tmp_path, monkeypatch):
        run = run_of(tale())
        first = render(run, analyses=ANALYSES, drawings=KeptDrawings(tmp_path))
        monkeypatch.setattr("tests.stories.Story.charts", lambda *_: pytest.fail("drawn again"))
        assert render(run, analyses=ANALYSES, drawings=KeptDrawings(tmp_path)) == first

    def test_a_damaged_file_is_drawn_again(self, tmp_path):
        run = run_of(tale())
        first = render(run, analyses=ANALYSES, drawings=KeptDrawings(tmp_path))
        for path in tmp_path.rglob("*.json"):
            path.write_text('{"figures": [')
        again = render(run, analyses=ANALYSES, drawings=KeptDrawings(tmp_path))
        assert again == first

    def test_what_other_code_has_drawn_is_removed(self, tmp_path, monkeypatch):
        render(run_of(tale()), analyses=ANALYSES, drawings=KeptDrawings(tmp_path))
        monkeypatch.setattr("ecco_reports.pages.drawings.code_digest", lambda: "f" * 64)
        KeptDrawings(tmp_path)
        assert not list(tmp_path.rglob("*.json"))


def test_rendering_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    render(run_of(tale()), analyses=ANALYSES)
    assert not list(tmp_path.iterdir())


def test_the_same_run_gives_the_same_pages():
    assert render(run_of(tale()), analyses=ANALYSES) == render(run_of(tale()), analyses=ANALYSES)


def test_models_with_a_baseline_among_them_are_compared_on_a_page_of_their_own():
    for baseline, beside in (("m", False), (None, True)):
        told = replace(tale(models=("m", "n")), baseline=baseline)
        pages = {page.path: page.markdown for page in render(run_of(told), analyses=ANALYSES)}
        assert ("m beside n" in pages["experiments/tale.md"]) is beside
