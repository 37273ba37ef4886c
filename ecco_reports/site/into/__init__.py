"""Pages go into a MkDocs site that somebody has already, and come out of it again without a trace.

In: rendered pages and a MkDocs project. Out: a folder of ours among its pages, and marked lines in its settings. Never:
a file or a line of somebody else changed; MkDocs itself, which its owner runs.

Nothing is written before everything is rendered and every file is known to be ours to write. The manifest is written
first, so that whatever a killed run leaves is known to be ours; the settings after the pages they name; what is stale
goes last. The next run, or taking everything out, mends what is half done.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ecco_reports.errors import PublishingError
from ecco_reports.site.into.host import Host, open_host
from ecco_reports.site.into.lines import MARK, Additions, with_ours, without_ours
from ecco_reports.site.into.manifest import Manifest, checksum, manifests, read_manifest
from ecco_reports.site.into.parcel import pack
from ecco_reports.site.stamp import STAMP

if TYPE_CHECKING:
    from ecco_reports.pages import Page

__all__ = ["MARK", "Delivery", "Host", "deliver", "is_delivered", "open_host", "take_out"]

UNFINISHED = ".ecco-reports.tmp"
"""How the name of a file ends while it is being written."""

NAMED = 10
"""How many files a message names."""


@dataclass(frozen=True)
class Delivery:
    """What became of the pages.

    Attributes:
        place: Our folder.
        written: How many files were written.
        removed: How many of ours were removed, because nothing is behind them any more.
        left: Files that were ours, and that somebody has changed since: they are no longer ours, and were left.
    """

    place: Path
    written: int
    removed: int
    left: tuple[Path, ...] = ()


def deliver(
    pages: Iterable[Page], host: Host, under: str, bundle: bytes, stamp: str = "", source: Path | None = None
) -> Delivery:
    """Puts pages into a site, in place of those of the last time.

    Args:
        pages: Rendered pages, in the order of the navigation.
        host: The site.
        under: Our folder among its pages.
        bundle: The script that draws charts.
        stamp: What the pages were made from, so that ``is_delivered`` can tell next time.
        source: The folder with ``mkdocs.yml`` and hand-written ``docs``; by default the package's own.

    Raises:
        PublishingError: Something is in the way; then nothing was written.
    """
    host = open_host(host.folder)  # Drawing takes minutes; its owner may have written to it meanwhile.
    place = host.place(under)
    _only_here(host, place)
    parcel = pack(pages, host, under, bundle, source)
    settings = with_ours(host.text, parcel.additions, host.settings)
    before = read_manifest(place) or Manifest()
    _clear_to_write(host, place, parcel.files, before)

    sums = {path: [checksum(content)] for path, content in parcel.files.items()}
    folders = sorted({*before.folders, *_new_folders(host, place, parcel.files)})
    after = Manifest(sums, folders, stamp, asdict(parcel.additions))
    both = {path: [*before.files.get(path, ()), *sums.get(path, ())] for path in {*before.files, *sums}}
    _write(place / STAMP, replace(after, files=both, stamp="").text().encode())
    written = sum(_write(place / path, parcel.files[path]) for path in sorted(parcel.files, key=_pages_last))
    _write(host.config.resolve(), settings.encode())
    removed, left = _remove(host, place, before, {*before.files} - {*sums})
    _sweep(host, place)
    _write(place / STAMP, after.text().encode())
    return Delivery(place, written, removed, left)


def is_delivered(host: Host, under: str, stamp: str) -> bool:
    """Whether the site has the pages with this stamp, every file and every line of them."""
    place = host.place(under)
    known = read_manifest(place)
    if known is None or not stamp or known.stamp != stamp:
        return False
    try:
        if with_ours(host.text, Additions(**known.additions), host.settings) != host.text:
            return False
        return all(known.knows(path, (place / path).read_bytes()) for path in known.files)
    except (OSError, TypeError):
        return False


def take_out(host: Host) -> Delivery:
    """Takes everything of ours out of a site.

    Raises:
        PublishingError: There is nothing of ours in it, or it cannot be told what is.
    """
    places = manifests(host.docs)
    theirs = without_ours(host.text)
    if not places and theirs == host.text:
        raise PublishingError(f"there is nothing in {host.folder} that ecco-reports has put there.")
    known = {place: read_manifest(place) or Manifest() for place in places}
    for place in places:
        host.inside(place)
    if theirs != host.text:
        _write(host.config.resolve(), theirs.encode())
    removed, left = 0, list[Path]()
    for place, manifest in known.items():
        count, kept = _remove(host, place, manifest, set(manifest.files))
        removed, left = removed + count, [*left, *kept]
        _sweep(host, place)
        (place / STAMP).unlink()
        _remove_folders(host, manifest.folders)
    return Delivery(places[0] if places else host.docs, 0, removed, tuple(left))


def _only_here(host: Host, place: Path) -> None:
    """Pages of ours are in one place of a site; they would fight over the lines of its settings."""
    others = [other for other in manifests(host.docs) if other.resolve() != place.resolve()]
    if others:
        raise PublishingError(
            f"the pages are in {others[0]} already. Take them out first: "
            f"ecco-reports build --into {host.folder} --remove"
        )


def _clear_to_write(host: Host, place: Path, files: Mapping[str, bytes], known: Manifest) -> None:
    """Makes sure that each file is ours to write.

    Raises:
        PublishingError: A file is somebody else's, or somebody has changed it, or a link leads elsewhere.
    """
    for folder in {place, *((place / path).parent for path in files)}:
        host.inside(folder)
    foreign: list[Path] = []
    changed: list[Path] = []
    for path, content in files.items():
        target = place / path
        host.inside(target)
        if target.is_dir():
            foreign.append(target)
        elif target.exists() and (found := target.read_bytes()) != content and not known.knows(path, found):
            (changed if path in known.files else foreign).append(target)
    if foreign:
        raise PublishingError(
            f"these files are in the way, and were not made by ecco-reports: {_listed(foreign)}. Move them, or choose "
            "another folder with --under. Nothing was changed."
        )
    if changed:
        raise PublishingError(
            f"these files were changed since ecco-reports made them: {_listed(changed)}. Move what you want to keep, "
            "or remove the files to have them made anew. Nothing was changed."
        )


def _listed(paths: list[Path]) -> str:
    more = f", and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(map(str, paths[:NAMED])) + more


def _new_folders(host: Host, place: Path, files: Iterable[str]) -> Iterator[str]:
    """The folders below the docs that are not there yet."""
    for path in files:
        for folder in (place / path).parents:
            if folder == host.docs or folder.exists():
                break
            yield folder.relative_to(host.docs).as_posix()


def _pages_last(path: str) -> tuple[bool, str]:
    """Pages after what they show, so that no page names a file that is not there."""
    return path.endswith(".md"), path


def _write(target: Path, content: bytes) -> bool:
    """Writes a file as a whole or not at all, and only where that changes something."""
    if target.is_file() and target.read_bytes() == content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}{UNFINISHED}")
    unfinished.write_bytes(content)
    if target.exists():
        shutil.copymode(target, unfinished)
    unfinished.replace(target)
    return True


def _remove(host: Host, place: Path, known: Manifest, stale: set[str]) -> tuple[int, tuple[Path, ...]]:
    """Removes files of ours that are as we made them; the others are told."""
    removed, left = 0, []
    for path in sorted(stale):
        target = place / path
        if not target.is_file():
            continue
        if host.holds(target) and known.knows(path, target.read_bytes()):
            target.unlink()
            removed += 1
        else:
            left.append(target)
    _remove_folders(host, known.folders)
    return removed, tuple(left)


def _remove_folders(host: Host, folders: Iterable[str]) -> None:
    """Removes folders that we made, where nothing is in them."""
    for folder in sorted(folders, key=lambda one: -len(Path(one).parts)):
        path = host.docs / folder
        if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def _sweep(host: Host, place: Path) -> None:
    """Removes what a killed run has left half written."""
    for left in [*place.rglob(f".*{UNFINISHED}"), host.config.with_name(f".{host.config.name}{UNFINISHED}")]:
        left.unlink(missing_ok=True)
