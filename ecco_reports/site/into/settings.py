"""What settings of MkDocs say, read without running anything that they name.

In: the text of a ``mkdocs.yml``. Out: plain values. Never: code of a plugin or an extension; a tag that names some
becomes text.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import yaml

from ecco_reports.errors import PublishingError


def own_settings(text: str) -> dict[str, Any]:
    """What a settings file says itself; tags that name code become text.

    Raises:
        PublishingError: It is not YAML, or no mapping.
    """
    try:
        said = yaml.load(text, Loader=_loader())
    except (yaml.YAMLError, ValueError) as error:
        raise PublishingError(f"the settings of the MkDocs project are not YAML: {error}") from error
    if not isinstance(said, dict):
        raise PublishingError("the settings of the MkDocs project are no mapping.")
    return said


def all_settings(text: str, config: Path) -> dict[str, Any]:
    """What a settings file and those it inherits from say together.

    Args:
        text: The text of the file.
        config: Where it lies, from which others are found.

    Raises:
        PublishingError: One of them cannot be read.
    """
    from mkdocs.exceptions import ConfigurationError
    from mkdocs.utils.yaml import yaml_load

    source = io.StringIO(text)
    source.name = str(config)
    try:
        said: dict[str, Any] = yaml_load(source, _loader())
    except (ConfigurationError, yaml.YAMLError, OSError, ValueError, TypeError) as error:
        raise PublishingError(f"{config} cannot be read: {error}") from error
    return said


def _loader() -> type[yaml.SafeLoader]:
    """A loader that knows ``!ENV`` as MkDocs does, and takes every other tag as text."""
    from mkdocs.utils.yaml import get_yaml_loader

    loader: type[yaml.SafeLoader] = get_yaml_loader(yaml.SafeLoader)
    loader.add_constructor(None, _as_text)
    return loader


def _as_text(_: yaml.SafeLoader, node: yaml.Node) -> str:
    return f"{node.tag} {yaml.serialize(node)}"
