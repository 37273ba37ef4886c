"""An Atom feed of regressions: metrics that stepped for the worse, gates that began to fail, answers that were lost.

In: histories. Out: the feed as XML (RFC 4287). Never: files, the network.

Ids are UUIDs made of the experiment, what happened and the commit, so that an entry stays the same one wherever the
site moves. Without a base URL there are no links, as a feed reader could follow none that are relative.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from xml.etree import ElementTree

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.comparison import Mark
from ecco_reports.comparison.words import amount
from ecco_reports.history.files import History
from ecco_reports.history.lines import Line
from ecco_reports.history.trends import Step, Trend, trends
from ecco_reports.records import control_sign, digest
from ecco_reports.registry import Registry

ATOM = "http://www.w3.org/2005/Atom"

MOST = 50
"""Entries of a feed: the youngest."""

_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, "https://www.rfc-editor.org/rfc/rfc4287#ecco-reports")


@dataclass(frozen=True)
class Regression:
    """Something that got worse at a commit.

    Attributes:
        experiment: Name of the experiment.
        line: The first commit that has it.
        since: The last one that has it not.
        name: What it is called from one feed to the next.
        title: What happened, in a few words.
        text: The same as one or two sentences.
        anchor: Where the experiment's page tells more; empty where that is the page itself.
    """

    experiment: str
    line: Line
    since: Line
    name: str
    title: str
    text: str
    anchor: str = ""

    @property
    def id(self) -> str:
        """A URN that stays."""
        return _urn(self.experiment, self.name, self.line.commit)


def regressions(
    history: History, analyses: Registry[AnyAnalysis] = ANALYSES, found: Sequence[Trend] | None = None
) -> tuple[Regression, ...]:
    """What got worse on the main branch of a history, the youngest first.

    Args:
        history: The history.
        analyses: The analyses that exist.
        found: Its trends, where somebody has them already.
    """
    lines = history.mainline
    made = trends(lines, analyses) if found is None else found
    all_of_them = [
        *(_stepped(history.experiment, trend, step) for trend in made for step in trend.steps if _counts(step)),
        *_began(history.experiment, lines),
    ]
    return tuple(sorted(all_of_them, key=lambda one: one.line.moment, reverse=True))


def _counts(step: Step) -> bool:
    return step.mark is Mark.WORSE and step.lasting


def _stepped(experiment: str, trend: Trend, step: Step) -> Regression:
    was, now = (amount(value, trend.measure) for value in (step.before, step.after))
    text = f"{trend.metric} of {trend.model} ({trend.measure.meaning}) went from {was} to {now}."
    return Regression(
        experiment,
        step.first.line,
        step.last.line,
        name=f"step {trend.model} {trend.metric}",
        title=f"{trend.metric} of {trend.model} got worse",
        text=text,
        anchor=anchor(trend),
    )


def anchor(trend: Trend) -> str:
    """Where a trend stands on its page."""
    return f"trend-{digest([trend.model, trend.label, trend.name])[:10]}"


def _urn(*names: str) -> str:
    return uuid.uuid5(_NAMES, digest(names)).urn


def _began(experiment: str, lines: Sequence[Line]) -> Iterator[Regression]:
    """Gates that fail and answers that are lost, and were not one commit before."""
    for before, after in pairwise(lines):
        for gate in after.failing:
            if gate not in before.failing:
                text = "It did not fail at the commit before."
                yield Regression(experiment, after, before, f"gate {gate}", f"The gate {gate} fails", text)
        if before.lost is not None and after.lost is not None:
            for prompt in after.lost:
                if prompt not in before.lost:
                    text = "The baseline has it as its first choice, and so had the commit before."
                    yield Regression(
                        experiment, after, before, f"lost {prompt}", f"The answer to {prompt} is lost", text
                    )


def feed(
    histories: Iterable[History],
    *,
    base_url: str = "",
    title: str = "Regressions",
    analyses: Registry[AnyAnalysis] = ANALYSES,
) -> bytes:
    """The feed of all regressions, the youngest first.

    Args:
        histories: What is known of earlier commits.
        base_url: Address of the site, with a slash at its end; empty where nobody knows it.
        title: Name of the feed.
        analyses: The analyses that exist.
    """
    known = list(histories)
    base_url = base_url and base_url.rstrip("/") + "/"
    entries = [one for history in known for one in regressions(history, analyses)]
    entries.sort(key=lambda one: one.line.moment, reverse=True)
    newest = max((line.moment for history in known for line in history.lines), default=datetime(1970, 1, 1, tzinfo=UTC))
    names = " ".join(sorted(history.experiment for history in known))
    root = ElementTree.Element("feed", xmlns=ATOM)
    _put(root, "id", _urn("feed", base_url or names))
    _put(root, "title", title)
    _put(root, "updated", _when(newest))
    _put(ElementTree.SubElement(root, "author"), "name", "ecco-reports")
    if base_url:
        ElementTree.SubElement(
            root, "link", rel="self", type="application/atom+xml", href=f"{base_url}history/feed.xml"
        )
        ElementTree.SubElement(root, "link", rel="alternate", type="text/html", href=f"{base_url}history/index.html")
    for one in entries[:MOST]:
        _entry(root, one, base_url)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _entry(root: ElementTree.Element, one: Regression, base_url: str) -> None:
    entry = ElementTree.SubElement(root, "entry")
    _put(entry, "id", one.id)
    _put(entry, "title", f"{one.experiment}: {one.title}")
    _put(entry, "updated", _when(one.line.moment))
    if base_url:
        place = f"{base_url}history/{one.experiment}.html" + (f"#{one.anchor}" if one.anchor else "")
        ElementTree.SubElement(entry, "link", rel="alternate", type="text/html", href=place)
    if base_url and one.line.run.startswith(("https://", "http://")):
        ElementTree.SubElement(entry, "link", rel="related", href=_clean(one.line.run))
    where = f"It happened after {one.since.short}, up to {one.line.short}."
    _put(entry, "content", f"{one.text} {where}").set("type", "text")


def _put(parent: ElementTree.Element, name: str, text: str) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, name)
    child.text = _clean(text)
    return child


def _when(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clean(text: str) -> str:
    """The text without what XML cannot hold: control characters become signs, half characters a question mark."""
    held = "".join(char if char in "\n\t" else control_sign(char) for char in text)
    held = held.encode("utf-8", "replace").decode()
    return held.replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
