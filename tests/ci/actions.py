"""The actions of others that the workflows use: their commits, their inputs, and what they do as far as needed here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ci.github import DEFAULT, git

if TYPE_CHECKING:
    from tests.ci.running import Job

Inputs = Mapping[str, str]


class RefusedError(Exception):
    """What GitHub would have refused, or an action would have failed at."""


@dataclass(frozen=True)
class Known:
    """An action of somebody else.

    Attributes:
        commit: The commit that is meant.
        version: Its tag.
        required: Inputs that must be given.
        optional: Inputs that may be given.
        outputs: What it says.
        act: What it does; answers its outputs.
    """

    commit: str
    version: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    outputs: tuple[str, ...]
    act: Callable[[Job, Inputs], dict[str, str]]


def _checkout(job: Job, inputs: Inputs) -> dict[str, str]:
    job.needs_permission("contents", "read")
    folder = job.workspace / inputs.get("path", ".")
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    git(folder, "remote", "add", "origin", job.github.origin.as_uri())
    git(folder, "fetch", "--quiet", "--depth=1", "origin", inputs.get("ref") or job.event.sha)
    git(folder, "checkout", "--quiet", "--detach", "FETCH_HEAD")
    keeps = inputs.get("persist-credentials", "true") == "true"
    nowhere = "file:///without/credentials"
    if not keeps:
        git(folder, "remote", "set-url", "origin", nowhere)
    if not keeps or job.permissions.get("contents") != "write":
        git(folder, "remote", "set-url", "--push", "origin", nowhere)
    return {}


def _setup_python(job: Job, inputs: Inputs) -> dict[str, str]:
    job.path.insert(0, str(job.python / "bin"))
    return {"python-path": str(job.python / "bin" / "python")}


def _restore(job: Job, inputs: Inputs) -> dict[str, str]:
    keys = [inputs["key"], *inputs.get("restore-keys", "").split()]
    if any("," in key or len(key) > 512 for key in keys):
        raise RefusedError(f"a key of a cache holds a comma, or is too long: {keys}")
    found = job.github.restored(keys, job.event.ref, _paths(job, inputs))
    return {"cache-hit": "true" if found == inputs["key"] else "", "cache-matched-key": found}


def _save(job: Job, inputs: Inputs) -> dict[str, str]:
    job.github.keep(inputs["key"], job.event.ref, _paths(job, inputs))
    return {}


def _cache(job: Job, inputs: Inputs) -> dict[str, str]:
    job.at_the_end.append(lambda: _save(job, inputs))
    return {"cache-hit": _restore(job, inputs)["cache-hit"]}


def _upload(job: Job, inputs: Inputs) -> dict[str, str]:
    target = job.github.artifacts(job.run_id) / inputs.get("name", "artifact")
    if target.exists():
        if inputs.get("overwrite") != "true":
            raise RefusedError(f"this run has an artifact {target.name} already")
        shutil.rmtree(target)
    searched = _paths(job, inputs)
    tops = [_before_wildcards(path) for path in searched]
    patterns = [path.relative_to(job.workspace).as_posix() for path in searched]
    found = [path for pattern in patterns for path in job.workspace.glob(pattern)]
    files = [file for path in found for file in (path.rglob("*") if path.is_dir() else [path])]
    files = [file for file in files if file.is_file() and not _hidden(file.relative_to(job.workspace))]
    if not files:
        raise RefusedError(f"there is nothing to upload: {inputs['path']}")
    top = Path(os.path.commonpath(tops))
    for file in files:
        copy = target / file.relative_to(top.parent if top.is_file() else top)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    return {"artifact-id": f"{job.run_id}-{target.name}"}


def _paths(job: Job, inputs: Inputs) -> list[Path]:
    return [job.workspace / line.strip() for line in inputs["path"].splitlines() if line.strip()]


def _before_wildcards(path: Path) -> Path:
    parts = path.parts
    plain = next((index for index, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    return Path(*parts[:plain])


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _download(job: Job, inputs: Inputs) -> dict[str, str]:
    run = job.run_id
    if "run-id" in inputs:
        if not inputs.get("github-token"):
            raise RefusedError("an artifact of another run takes a token")
        job.needs_permission("actions", "read")
        run = int(inputs["run-id"])
    source = job.github.artifacts(run) / inputs["name"]
    if not source.is_dir():
        raise RefusedError(f"run {run} has no artifact {source.name}")
    shutil.copytree(source, job.workspace / inputs["path"], dirs_exist_ok=True, symlinks=True)
    return {}


def _configure_pages(job: Job, inputs: Inputs) -> dict[str, str]:
    job.needs_permission("pages", "read")
    owner, name = job.github.repository.split("/")
    return {"base_url": f"https://{owner}.github.io/{name}", "base_path": f"/{name}"}


def _upload_pages(job: Job, inputs: Inputs) -> dict[str, str]:
    target = job.github.artifacts(job.run_id) / "github-pages"
    source = job.workspace / inputs["path"]
    if any(path.is_symlink() for path in source.rglob("*")) or not any(source.iterdir()):
        raise RefusedError("a site holds files, and no links")
    shutil.copytree(source, target)
    return {}


def _deploy_pages(job: Job, inputs: Inputs) -> dict[str, str]:
    job.needs_permission("pages", "write")
    job.needs_permission("id-token", "write")
    if job.environment != "github-pages" or job.event.ref != f"refs/heads/{DEFAULT}":
        raise RefusedError("Pages are deployed from the default branch, in the environment github-pages")
    shutil.rmtree(job.github.pages, ignore_errors=True)
    shutil.copytree(job.github.artifacts(job.run_id) / "github-pages", job.github.pages)
    owner, name = job.github.repository.split("/")
    return {"page_url": f"https://{owner}.github.io/{name}/"}


KNOWN: Mapping[str, Known] = {
    "actions/checkout": Known(
        commit="3d3c42e5aac5ba805825da76410c181273ba90b1",
        version="v7.0.1",
        required=(),
        optional=("ref", "path", "persist-credentials", "fetch-depth"),
        outputs=("ref", "commit"),
        act=_checkout,
    ),
    "actions/setup-python": Known(
        commit="5fda3b95a4ea91299a34e894583c3862153e4b97",
        version="v7.0.0",
        required=(),
        optional=("python-version", "cache", "cache-dependency-path"),
        outputs=("python-version", "cache-hit", "python-path"),
        act=_setup_python,
    ),
    "actions/cache": Known(
        commit="55cc8345863c7cc4c66a329aec7e433d2d1c52a9",
        version="v6.1.0",
        required=("path", "key"),
        optional=("restore-keys",),
        outputs=("cache-hit",),
        act=_cache,
    ),
    "actions/cache/restore": Known(
        commit="55cc8345863c7cc4c66a329aec7e433d2d1c52a9",
        version="v6.1.0",
        required=("path", "key"),
        optional=("restore-keys",),
        outputs=("cache-hit", "cache-primary-key", "cache-matched-key"),
        act=_restore,
    ),
    "actions/cache/save": Known(
        commit="55cc8345863c7cc4c66a329aec7e433d2d1c52a9",
        version="v6.1.0",
        required=("path", "key"),
        optional=(),
        outputs=(),
        act=_save,
    ),
    "actions/upload-artifact": Known(
        commit="043fb46d1a93c77aae656e7c1c64a875d1fc6a0a",
        version="v7.0.1",
        required=("path",),
        optional=("name", "if-no-files-found", "retention-days", "overwrite", "include-hidden-files"),
        outputs=("artifact-id", "artifact-url", "artifact-digest"),
        act=_upload,
    ),
    "actions/download-artifact": Known(
        commit="3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c",
        version="v8.0.1",
        required=(),
        optional=("name", "path", "run-id", "github-token", "pattern", "merge-multiple", "repository"),
        outputs=("download-path",),
        act=_download,
    ),
    "actions/configure-pages": Known(
        commit="45bfe0192ca1faeb007ade9deae92b16b8254a0d",
        version="v6.0.0",
        required=(),
        optional=("token", "enablement"),
        outputs=("base_url", "origin", "host", "base_path"),
        act=_configure_pages,
    ),
    "actions/upload-pages-artifact": Known(
        commit="fc324d3547104276b827a68afc52ff2a11cc49c9",
        version="v5.0.0",
        required=("path",),
        optional=("name", "retention-days"),
        outputs=("artifact_id",),
        act=_upload_pages,
    ),
    "actions/deploy-pages": Known(
        commit="368f82528645a54fb793d4d04e342629a3f51346",
        version="v5.0.1",
        required=(),
        optional=("token", "timeout"),
        outputs=("page_url",),
        act=_deploy_pages,
    ),
}
