"""What a comparison found and what gates say of it, as files for people and machines, and on a terminal.

In: comparisons and verdicts. Out: ``.md``, ``.json``, ``.html``, ``.junit.xml``, lines. Never: sites (``site``
publishes them), judging, torch. Light to import: each form brings what it needs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ecco_reports.errors import ReportError

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.gates import Verdicts

COMMENT_BYTES = 60_000
"""What a comment of a pull request may weigh; GitHub takes 65,536 characters, and characters are not bytes."""

SUMMARY_BYTES = 1_000_000
"""What any ``.md`` weighs at most: GitHub refuses a step summary of more than a mebibyte as a whole."""

LINK_LIMIT = 2_000
"""Longer addresses do not work everywhere, and a comment must always have room for its link."""
LINK_STARTS = ("https://", "http://", "file:///", "./", "../")


@dataclass(frozen=True)
class Report:
    """What there is to report.

    Attributes:
        comparisons: One for each experiment that was compared.
        verdicts: What gates and proofs say; None where nothing was judged.
        link: Address of the full report; empty where there is none.
        elsewhere: Where the full report is, in words, where there is no address; may be empty.
    """

    comparisons: tuple[Comparison, ...] = ()
    verdicts: Verdicts | None = None
    link: str = ""
    elsewhere: str = ""

    def __post_init__(self) -> None:
        if len(self.link) > LINK_LIMIT:
            raise ReportError(f"the link of a report has {len(self.link):,} characters, and {LINK_LIMIT:,} are allowed")
        if self.link and not self.link.startswith(LINK_STARTS):
            raise ReportError(
                f"the link of a report begins with {', '.join(LINK_STARTS)}, and this one with {self.link[:40]!r}"
            )


def _markdown(report: Report) -> bytes:
    from ecco_reports.reporting.markdown import summary

    return summary(report, SUMMARY_BYTES).encode()


def _json(report: Report) -> bytes:
    from ecco_reports.reporting.plain import json_bytes

    return json_bytes(report)


def _html(report: Report) -> bytes:
    from ecco_reports.reporting.document import document

    return document(report).encode()


def _junit(report: Report) -> bytes:
    from ecco_reports.reporting.junit import junit_bytes

    return junit_bytes(report)


FORMS: Mapping[str, Callable[[Report], bytes]] = {
    ".md": _markdown,
    ".json": _json,
    ".html": _html,
    ".junit.xml": _junit,
}
"""What can be written, by suffix."""


def form(path: Path | str) -> str:
    """The form that a file name asks for: a key of ``FORMS``.

    Raises:
        ReportError: It asks for none of them.
    """
    name = Path(path).name
    found = next((suffix for suffix in FORMS if name.lower().endswith(suffix)), None)
    if found is None:
        raise ReportError(f"{path}: a report ends in one of {', '.join(FORMS)}; the ending says which form it has.")
    return found


def write(path: Path | str, report: Report, *, max_bytes: int | None = None) -> None:
    """Writes a report in the form that the name of the file asks for; whoever looks sees the old file or the new one.

    Args:
        path: Where to; folders that are missing are made.
        report: What to report.
        max_bytes: How much a ``.md`` file may weigh instead of ``SUMMARY_BYTES``; details are dropped from the bottom.

    Raises:
        ReportError: The ending is unknown, the form cannot be made smaller, or the file cannot be written.
    """
    suffix = form(path)
    if max_bytes is None:
        content = FORMS[suffix](report)
    elif suffix == ".md":
        from ecco_reports.reporting.markdown import summary

        content = summary(report, max_bytes).encode()
    else:
        raise ReportError(f"{path}: only .md can be kept below a number of bytes, the other forms are always whole.")
    _replace(Path(path), content)


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ReportError(f"{path} cannot be written: {error.strerror or error}.") from error


def terminal(report: Report, stream: TextIO | None = None) -> None:
    """Says on a terminal what was found: a table where it is one, else plain lines of at most 80 columns.

    Args:
        report: What to report.
        stream: Where to; by default the standard output.
    """
    from ecco_reports.reporting.console import say

    say(report, stream)
