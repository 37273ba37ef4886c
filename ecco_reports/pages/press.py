"""Templates in, pages out.

In: the name of a template and what it prints. Out: a page. Never: knowledge of what pages are about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2

from ecco_reports.errors import RenderError
from ecco_reports.pages import escape
from ecco_reports.records import visible
from ecco_reports.resources import resource


@dataclass(frozen=True)
class Page:
    """A page of the site.

    Attributes:
        path: Where its Markdown lies below the docs folder.
        title: Its title, as written.
        markdown: Its content, front matter included.
        assets: Files that come with it, by path below the docs folder.
        picture: A small SVG that stands for it where it is shared; empty when there is none.
    """

    path: str
    title: str
    markdown: str
    assets: Mapping[str, bytes] = field(default_factory=dict)
    picture: bytes = b""


def environment(templates: Iterable[Path] = ()) -> jinja2.Environment:
    """The Jinja environment: strict, and everything it prints is escaped unless our own code made it as markup."""
    folders = [*templates, resource("templates")]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=escape.escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "title_text": escape.title,
        "bidi": escape.bidi,
        "one_line": escape.one_line,
        "number": escape.number,
        "slug": escape.slug,
        "visible": _visible,
    }
    return made


def _visible(text: str) -> str:
    return escape.one_line(visible(text))


class Press:
    """Makes pages out of templates.

    Args:
        templates: The environment that they live in.
    """

    def __init__(self, templates: jinja2.Environment) -> None:
        self._templates = templates

    def has(self, template: str) -> bool:
        """Whether there is a template of that name."""
        return template in self._templates.list_templates()

    def page(
        self, template: str, path: str, title: str, assets: Mapping[str, bytes] | None = None, **context: Any
    ) -> Page:
        """Prints a template.

        Args:
            template: Its name.
            path: Of the page, from the root of the docs.
            title: Of the page.
            assets: Files that come with it.
            context: What the template may print.

        Raises:
            RenderError: The template is wrong.
        """
        try:
            body = self._templates.get_template(template).render(title=title, path=path, **context)
        except jinja2.TemplateError as error:
            where = f"{error.filename}:{error.lineno}: " if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise RenderError(f"{path}: the template {template} cannot be used: {where}{error}") from error
        return Page(path, title, body, dict(assets or {}))
