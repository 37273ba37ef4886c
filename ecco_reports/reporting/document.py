"""A report as one HTML file that opens anywhere: no script, no other file, no request to any host.

In: a report. Out: HTML. The content is that of the pages of a site, with pictures at rest instead of charts; the file
follows the reader's choice of light or dark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.gates.words import groups, tone, unpassed, verdict_line
from ecco_reports.pages.comparing import Hand, compared
from ecco_reports.pages.drawings import Drawing, Drawings, Drawn
from ecco_reports.pages.escape import slug
from ecco_reports.pages.press import Press, environment
from ecco_reports.registry import Registry
from ecco_reports.resources import resource

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.reporting import Report

_DARK = re.compile(r'\[data-md-color-scheme="slate"\] \{(.*?)\}', re.DOTALL)
_OWN_NAMES = re.compile(r'(\bid="|\bhref="#)')


def document(report: Report, *, analyses: Registry[AnyAnalysis] = ANALYSES) -> str:
    """The report as HTML.

    Args:
        report: What to show.
        analyses: The analyses that exist.
    """
    views = compared(report.comparisons, report.verdicts, Hand(analyses, Drawings(), at_rest))
    templates = environment()
    press = Press(templates)
    contents = []
    for view in views:
        page = press.page("comparison.md.jinja", view.path, view.title, view=view, alone=True)
        contents.append((view, _html(page.markdown, view.name if len(views) > 1 else "")))
    known = {comparison.after.experiment for comparison in report.comparisons}
    context: dict[str, Any] = {
        "style": Markup(style()),
        "status": tone(report.verdicts, report.comparisons),
        "status_words": verdict_line(report.verdicts),
        "link": report.link,
        "contents": contents,
        "others": groups(verdict for verdict in unpassed(report.verdicts) if verdict.experiment not in known),
    }
    title = views[0].title if len(views) == 1 else "What changed"
    return press.page("report.html.jinja", "report.html", title, **context).markdown.lstrip()


def _html(page: str, name: str) -> Markup:
    """A page as HTML, with ids of its own where several pages lie in one file."""
    from markdown import markdown

    _, _, body = page.split("---\n", 2)
    made = markdown(body, extensions=["attr_list", "tables"])
    return Markup(_OWN_NAMES.sub(rf"\g<1>{name}-", made) if name else made)


def style() -> str:
    """The style of the site without its theme, and its dark colours for those whose system is dark.

    Our own files hold nothing that could end a ``<style>``.
    """
    folder = resource("site") / "docs" / "assets" / "stylesheets"
    site, charts = ((folder / name).read_text(encoding="utf-8") for name in ("site.css", "charts.css"))
    own = (resource("templates") / "report.css").read_text(encoding="utf-8")
    dark = "".join(_DARK.findall(site))
    return f"{site}\n{charts}\n{own}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def at_rest(figures: Sequence[Figure], anchor: str, _folder: str) -> Drawing:
    """Figures as pictures inside the file; no folder is needed, nothing lies beside it."""
    return Drawing(tuple(_pictures(figures, anchor)), {})


def _pictures(figures: Sequence[Figure], anchor: str) -> Iterator[Drawn]:
    from ecco_reports.charts.embed import PAPER, embed, specification, static_picture
    from ecco_reports.charts.figure import ChartFigure

    for figure in figures:
        id = f"{anchor}-{slug(figure.id)}"
        if isinstance(figure, ChartFigure):
            # The page gives the ink, so that one picture serves light and dark.
            picture = static_picture(figure, specification(figure)).replace(f' color="{PAPER}"', "", 1)
            html = f'<div class="er-picture">{picture}</div>'
        else:
            html = embed(figure, id, "").html
        yield Drawn(id, figure.title, figure.reading, "\n".join(line for line in html.splitlines() if line.strip()))
