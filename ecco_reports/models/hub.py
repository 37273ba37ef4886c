"""Files of the Hugging Face hub: from the local cache when they are there, else downloaded.

In: a repository and the names of files. Out: the folder of a snapshot, named by its commit. A branch or tag is looked
up when it is first downloaded; afterwards the copy in the cache counts, so that a build needs no network and two
builds read the same model.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ecco_reports.errors import ModelLoadError, OutOfReachError

_PATIENCE = 1.5
"""Seconds for the hub (or the proxy before it) to take a connection; the library itself would try for 23."""

_ANSWER = 10.0
"""Seconds for an answer of a hub that took the connection."""


@dataclass(frozen=True)
class HubRepo:
    """A repository of models.

    Attributes:
        id: Its name, ``organisation/model``.
        revision: Branch, tag or commit; None is the hub's default.
        token_env: The environment variable that holds the token, or None for the usual one.
    """

    id: str
    revision: str | None = None
    token_env: str | None = None


def cached(repo: HubRepo, names: Sequence[str]) -> Path | None:
    """The snapshot in the local cache, if it has all of the files that it should have.

    Args:
        repo: The repository.
        names: Names of files, or patterns; the first one must be there.

    Raises:
        ModelLoadError: The repository's name cannot be one.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = snapshot_download(repo.id, revision=repo.revision, local_files_only=True, allow_patterns=list(names))
    except LocalEntryNotFoundError:
        return None
    except ValueError as error:
        raise ModelLoadError(repo.id, f"{repo.id!r} is no name of a model: {error}") from error
    return Path(folder) if (Path(folder) / names[0]).is_file() else None


def downloaded(repo: HubRepo, names: Sequence[str], check: Callable[[frozenset[str]], None]) -> Path:
    """The snapshot with these files, downloaded as far as they are missing.

    Args:
        repo: The repository.
        names: Names of files, or patterns; what the repository does not have is left out.
        check: Called with the names of all its files before any of them is downloaded; raises to refuse.

    Raises:
        OutOfReachError: The hub cannot be asked.
        ModelLoadError: There is no such model, or it may not be read.
    """
    from huggingface_hub import HfApi, constants, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    transport_error: type[Exception] = HfHubHTTPError.__bases__[
        0
    ]  # Of httpx or httpx2, as the version of the library has it.
    if (obstacle := why_unreachable()) is not None:
        _unreachable(repo, obstacle)
    token = _token(repo)
    try:
        info = HfApi(token=token).model_info(repo.id, revision=repo.revision, timeout=_ANSWER)
        check(frozenset(file.rfilename for file in info.siblings or ()))
        return Path(snapshot_download(repo.id, revision=repo.revision, allow_patterns=list(names), token=token))
    except HfHubHTTPError as error:
        _refused(repo, error, constants.ENDPOINT)
    except (OSError, transport_error) as error:
        _unreachable(repo, f"the hub cannot be reached ({type(error).__name__})", error)


def why_unreachable() -> str | None:
    """Why nothing can be downloaded, in words that fit after "and"; None when somebody answers, within two seconds."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE forbids asking the hub"
    return None if _answers(constants.ENDPOINT) else f"the hub cannot be reached at {constants.ENDPOINT}"


def _token(repo: HubRepo) -> str | None:
    """The token, or None for the one that the hub's own library finds (HF_TOKEN, or that of ``hf auth login``)."""
    if repo.token_env is None:
        return None
    if not (token := os.environ.get(repo.token_env)):
        what = f"the environment variable {repo.token_env}, which token_env names, is not set."
        raise ModelLoadError(repo.id, f"{repo.id} must be downloaded, and {what}")
    return token


def _answers(endpoint: str) -> bool:
    """Whether somebody takes a connection; a name server that is silent counts as no."""
    parts = urlsplit(endpoint)
    if (proxy := getproxies().get(parts.scheme)) and not proxy_bypass(parts.hostname or ""):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}", scheme="http")
    address = (parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    connected, tried = threading.Event(), threading.Event()

    def connect() -> None:
        try:
            socket.create_connection(address, timeout=_PATIENCE).close()
        except OSError:
            pass
        else:
            connected.set()
        finally:
            tried.set()

    # Looking a name up knows no time limit, so it is left behind in a thread of its own.
    threading.Thread(target=connect, daemon=True).start()
    tried.wait(_PATIENCE)
    return connected.is_set()


def _unreachable(repo: HubRepo, why: str, cause: Exception | None = None) -> NoReturn:
    at = f" at revision {repo.revision}" if repo.revision else ""
    raise OutOfReachError(
        repo.id,
        f"{repo.id}{at} is neither a folder here nor in the local Hugging Face cache, and {why}. "
        "Give a folder, use a bundled model, or download it where there is a network.",
    ) from cause


def _refused(repo: HubRepo, error: OSError, endpoint: str) -> NoReturn:
    """What an answer of the hub means for somebody who wrote the name of a model."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    variable = repo.token_env or "HF_TOKEN"
    known = bool(repo.token_env or get_token())
    if isinstance(error, GatedRepoError):
        way = (
            f"Whoever the token in {variable} belongs to has no access: ask for it at {endpoint}/{repo.id}."
            if known
            else f"Ask for access at {endpoint}/{repo.id}, and put your token into the environment variable {variable}."
        )
        what = f"{repo.id} is gated: its owner wants to know who downloads it. {way}"
    elif isinstance(error, RevisionNotFoundError):
        what = f"{repo.id} has no revision {repo.revision!r}: no branch, tag or commit of it is called so."
    elif isinstance(error, RepositoryNotFoundError):
        hidden = f"the token in {variable} has no access to it" if known else f"{variable} must hold a token for it"
        what = f"the hub has no such model: {repo.id}. Look its name up at {endpoint}; if it is private, {hidden}."
    else:
        status = getattr(getattr(error, "response", None), "status_code", "no status")
        what = f"{repo.id} cannot be had from the Hugging Face hub: it answered with {status}. Try again later."
        if status in (401, 403):
            what = f"{repo.id} cannot be had from the Hugging Face hub: it refused the token in {variable} ({status})."
    raise ModelLoadError(repo.id, what) from error
