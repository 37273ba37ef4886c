"""Tells whether a site is what would be built again.

In: a run, and everything else that a site is made of. Out: a digest, and whether a folder holds the whole site with
that digest. Never: MkDocs, Altair, torch; this is what makes a build with nothing to do cheap.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.records import canonical_json
from ecco_reports.registry import Registry
from ecco_reports.resources import PACKAGE, bundled_models, code_digest, resource

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.gates import Verdicts
    from ecco_reports.runner import Run

STAMP = ".ecco-reports.json"
"""The file that marks a folder as made by ecco-reports, and says what is in it."""

_MAKERS = (
    "altair",
    "jinja2",
    "markdown",
    "mkdocs",
    "mkdocs-material",
    "pygments",
    "pymdown-extensions",
    "vl-convert-python",
)


def site_stamp(
    run: Run,
    verdicts: Verdicts | None = None,
    templates: Iterable[Path] = (),
    settings: Mapping[str, Any] | None = None,
    source: Path | None = None,
    *,
    analyses: Registry[AnyAnalysis] = ANALYSES,
    comparisons: Sequence[Comparison] = (),
) -> str:
    """Digest of all that has an influence on the site: results, words, templates, code and the versions of its makers.

    Args:
        run: The run to publish.
        verdicts: What the gates say of it.
        templates: Folders of templates that come before the package's own.
        settings: MkDocs settings that replace those of the source.
        source: The folder with ``mkdocs.yml`` and hand-written ``docs``; by default the package's own.
        analyses: The analyses that exist.
        comparisons: Of its experiments with their baselines.
    """
    found = hashlib.sha256()
    folders = [resource("templates"), source or resource("site"), *templates]
    modules = sorted({type(analyses[outcome.task.analysis]).__module__ for outcome in run.outcomes})
    compared = map(repr, comparisons)
    for part in (*_parts(run, verdicts, settings or {}), *compared, *_folders(folders), *_foreign(modules)):
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        found.update(len(content).to_bytes(8, "big") + content)
    return found.hexdigest()


def _parts(run: Run, verdicts: Verdicts | None, settings: Mapping[str, Any]) -> Iterator[str | bytes]:
    yield canonical_json(dict(settings))
    yield repr(verdicts)
    yield os.environ.get("SOURCE_DATE_EPOCH", "")
    for name in _MAKERS:
        yield f"{name} {_version(name)}"
    for one in run.experiments:
        yield repr((one.name, one.title, one.summary, dict(one.models), dict(one.prompts), one.gates))
    for outcome in run.outcomes:
        task = outcome.task
        yield repr((task.experiment, task.model, task.prompt, task.analysis, task.label, task.params, task.key))
        yield repr((outcome.provenance, outcome.failure, outcome.result is None))
    yield code_digest()


def _folders(folders: Iterable[Path]) -> Iterator[str | bytes]:
    """Every file of what pages are written with."""
    for folder in folders:
        yield from _contents(folder, "*")
    yield from _contents(bundled_models(), "*.md")


def _foreign(modules: Iterable[str]) -> Iterator[str | bytes]:
    """The code of analyses that come from other packages."""
    for module in modules:
        if not module.startswith(f"{PACKAGE.name}."):
            file = getattr(sys.modules[module], "__file__", None)
            yield module
            yield Path(file).read_bytes() if file else b""


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _contents(folder: Path, pattern: str) -> Iterator[str | bytes]:
    for path in sorted(folder.rglob(pattern)):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(folder).as_posix()
            yield path.read_bytes()


def write_stamp(folder: Path, stamp: str) -> None:
    """Marks a finished site, with the size of each of its files."""
    text = json.dumps({"stamp": stamp, "files": sizes(folder)}, indent=0, sort_keys=True)
    (folder / STAMP).write_text(text + "\n", encoding="utf-8")


def is_current(out: Path, stamp: str) -> bool:
    """Whether ``out`` holds the site with this stamp, and every file of it is still there and as long as it was."""
    try:
        said = json.loads((out / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and said.get("stamp") == stamp and said.get("files") == sizes(out)


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file below a folder, by path; the stamp itself is left out."""
    found: dict[str, int] = {}
    pending = [(folder, "")]
    while pending:
        here, prefix = pending.pop()
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append((Path(entry.path), f"{prefix}{entry.name}/"))
                elif prefix + entry.name != STAMP:
                    found[prefix + entry.name] = entry.stat(follow_symlinks=False).st_size
    return found
