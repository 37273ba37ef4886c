"""The address at which a site will be found, as sitemaps, canonical links, feeds and cards need it.

In: what the user wrote. Out: an address to which paths can be added. Never: the network; nobody is asked.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

from ecco_reports.errors import PublishingError

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:.]+\]")


def base_url(text: str) -> str:
    """The address with a slash at its end, ready for a path behind it.

    Args:
        text: An address with http or https; a host in other letters than ASCII is written in its ASCII form.

    Raises:
        PublishingError: It is no address that pages can lie below.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        named = parts.hostname or ""
        host = f"[{named}]" if ":" in named else named.encode("idna").decode() if named else ""
    except ValueError as error:
        raise _refused(text, str(error)) from error
    if parts.scheme not in {"http", "https"}:
        raise _refused(text, "it begins with neither http:// nor https://")
    if not _HOST.fullmatch(host):
        raise _refused(text, "it names no host")
    if parts.username is not None or parts.password is not None:
        raise _refused(text, "it holds a user name or a password, which would be published")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise _refused(text, "it has a query or a fragment, behind which no page can lie")
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    if any(part in {".", ".."} for part in path.split("/")):
        raise _refused(text, "its path has steps like ..")
    where = host if port is None else f"{host}:{port}"
    return urlunsplit((parts.scheme, where, path.rstrip("/") + "/", "", ""))


def _refused(text: str, why: str) -> PublishingError:
    return PublishingError(
        f"{text!r} cannot be the base URL of a site: {why}. Write the address at which its front page will be found, "
        "for example https://me.github.io/project/."
    )
