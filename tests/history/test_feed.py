from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest

from ecco_reports.history import History, feed, regressions
from tests.comparison.makers import ANALYSES
from tests.history.makers import commit, history, line

ATOM = "{http://www.w3.org/2005/Atom}"
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
BASE = "https://team.example/reports/"


def parsed(*known, **asked):
    return ElementTree.fromstring(feed(known, analyses=ANALYSES, **asked))


def require_atom(root, absolute):
    """What RFC 4287 asks of a feed, sections 4.1.1, 4.1.2, 4.2.6 and 3.3."""
    assert root.tag == f"{ATOM}feed"
    ids = []
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            (child,) = element.findall(f"{ATOM}{name}")
            assert child.text
        ids.append(element.find(f"{ATOM}id").text)
        assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", ids[-1])
        updated = element.find(f"{ATOM}updated").text
        assert RFC_3339.fullmatch(updated)
        assert datetime.fromisoformat(updated).utcoffset() is not None
        links = element.findall(f"{ATOM}link")
        alternates = [(link.get("type"), link.get("hreflang")) for link in links if link.get("rel") == "alternate"]
        assert len(alternates) == len(set(alternates))
        for link in links:
            assert urlsplit(link.get("href")).scheme in {"https", "http"}
        assert bool(links) is absolute
    assert len(ids) == len(set(ids))
    assert root.find(f"{ATOM}author/{ATOM}name").text
    for entry in root.findall(f"{ATOM}entry"):
        (content,) = entry.findall(f"{ATOM}content")
        assert content.get("type") == "text"
        assert content.text


STEPPED = history([-1.0] * 6 + [-3.0] * 4)
FAILING = History(
    "rivers",
    (
        line(0, experiment="rivers", lost=()),
        line(1, experiment="rivers", failing=("weighing.logprob of a (m)",), lost=("a",)),
        line(2, experiment="rivers", failing=("weighing.logprob of a (m)",), lost=("a",)),
    ),
)


@pytest.mark.parametrize("base_url", ["", BASE])
@pytest.mark.parametrize("known", [(), (History("empty", ()),), (STEPPED,), (STEPPED, FAILING)])
def test_a_feed_is_atom(known, base_url):
    require_atom(parsed(*known, base_url=base_url), absolute=bool(base_url))


def test_regressions_are_told_once_at_the_commit_that_has_them_first():
    (step,) = regressions(STEPPED, ANALYSES)
    assert (step.line.commit, step.since.commit) == (commit(6), commit(5))
    assert step.title == "weighing.logprob of m got worse"
    assert step.text == "weighing.logprob of m (log-probability) went from −1.0\u00a0nats to −3.0\u00a0nats."
    gate, fact = regressions(FAILING, ANALYSES)
    assert {found.line.commit for found in (gate, fact)} == {commit(1)}
    assert (gate.title, fact.title) == ("The gate weighing.logprob of a (m) fails", "The answer to a is lost")


def test_what_got_better_what_may_not_last_and_what_always_failed_are_no_regressions():
    assert regressions(history([-3.0] * 6 + [-1.0] * 4), ANALYSES) == ()
    assert regressions(history([-1.0] * 6 + [-3.0]), ANALYSES) == ()
    assert regressions(history([-1.0] * 3, failing=("g",), lost=("a",)), ANALYSES) == ()


def test_a_baseline_that_comes_first_loses_nothing():
    lines = (line(0), line(1, lost=("a",)))
    assert regressions(History("capitals", lines), ANALYSES) == ()


def test_entries_are_the_youngest_first_and_keep_their_ids_wherever_the_site_is():
    def ids(**asked):
        return [entry.find(f"{ATOM}id").text for entry in parsed(STEPPED, FAILING, **asked).findall(f"{ATOM}entry")]

    assert ids() == ids(base_url=BASE) == ids(base_url="https://elsewhere.example/")
    updated = [entry.find(f"{ATOM}updated").text for entry in parsed(STEPPED, FAILING).findall(f"{ATOM}entry")]
    assert updated == ["2026-03-07T12:00:00Z", "2026-03-02T12:00:00Z", "2026-03-02T12:00:00Z"]


def test_a_later_commit_adds_no_entry_and_changes_none():
    longer = history([-1.0] * 6 + [-3.0] * 9)
    assert regressions(longer, ANALYSES) == regressions(STEPPED, ANALYSES)


def test_entries_link_to_their_trend_and_their_run():
    lines = tuple(one.model_copy(update={"run": "https://ci.example/runs/7"}) for one in STEPPED.lines)
    (entry,) = parsed(History("capitals", lines), base_url=BASE).findall(f"{ATOM}entry")
    links = {link.get("rel"): link.get("href") for link in entry.findall(f"{ATOM}link")}
    assert re.fullmatch(re.escape(BASE) + r"history/capitals\.html#trend-[0-9a-f]{10}", links["alternate"])
    assert links["related"] == "https://ci.example/runs/7"


def test_names_that_xml_cannot_hold_are_shown_as_signs():
    hostile = "<b>\x00\x1b & ]]> \ud800 \uffff ünï"
    lines = (line(0), line(1, failing=(hostile,)))
    written = feed([History("capitals", lines)], analyses=ANALYSES)
    (entry,) = ElementTree.fromstring(written).findall(f"{ATOM}entry")
    assert entry.find(f"{ATOM}title").text == "capitals: The gate <b>⟨00⟩⟨1B⟩ & ]]> ? \ufffd ünï fails"
