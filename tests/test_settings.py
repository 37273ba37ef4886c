"""What a project may say about its own site, and how a slip in it is answered."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ecco_reports.errors import ExperimentError
from ecco_reports.resources import resource
from ecco_reports.site.settings import merged, project_settings

GITHUB = "{icon: fontawesome/brands/github, link: 'https://github.com/me', name: Me}"


def write(folder: Path, text: str) -> Path:
    (folder / "site.yml").write_text(text, encoding="utf-8")
    return folder


def test_a_project_without_the_file_has_no_settings(tmp_path: Path) -> None:
    assert project_settings(tmp_path) == {}


def test_what_is_said_becomes_settings_of_mkdocs(tmp_path: Path) -> None:
    write(tmp_path, f"site_name: My lab\nsite_url: https://me.github.io/lab\nsocial: [{GITHUB}]\n")
    assert project_settings(tmp_path) == {
        "site_name": "My lab",
        "site_url": "https://me.github.io/lab/",
        "extra": {"social": [{"icon": "fontawesome/brands/github", "link": "https://github.com/me", "name": "Me"}]},
    }


def test_the_file_that_init_writes_is_one(tmp_path: Path) -> None:
    text = (resource("templates") / "project" / "site.yml").read_text(encoding="utf-8")
    assert project_settings(write(tmp_path, text))["site_name"] == "Explainability reports"
    uncommented = text.replace("# copyright", "copyright").replace("# social", "social").replace("#   -", "  -")
    assert set(project_settings(write(tmp_path, uncommented))) >= {"copyright", "extra"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site_nam: x", "site.yml:1:1: the site has no key 'site_nam'. Did you mean 'site_name'"),
        ("plugins: [x]", "site.yml:1:1: the site has no key 'plugins'"),
        ("theme: {custom_dir: x}", "the site has no key 'theme'"),
        ("site_name: 3", "site.yml:1:12: site_name must be a text that is not empty, not 3. If it is meant as a text"),
        ("site_name: ''", "must be a text that is not empty"),
        ("site_name: a\nsite_name: b", "site.yml:2:1:"),
        ("site_url: my.lab", "site.yml:1:11: 'my.lab' cannot be the base URL of a site"),
        ("site_url: 'https://my.lab/?x=1'", "it has a query or a fragment"),
        (f"social: [{GITHUB.replace('github,', 'githb,')}]", "Did you mean 'fontawesome/brands/github'"),
        (
            f"social: [{GITHUB.replace('https:', 'javascript:')}]",
            "is not an address. Begin it with https:// or mailto:",
        ),
        ("social: [{icon: fontawesome/brands/github}]", "link"),
        ("- a", "the site must be a mapping, not a list of 1"),
        ("", "the file is empty"),
        ("a: [", "site.yml:"),
    ],
)
def test_a_slip_is_named_with_its_place_and_a_way_out(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ExperimentError) as error:
        project_settings(write(tmp_path, text))
    assert said in str(error.value)
    assert "site.yml" in str(error.value)


def test_mappings_are_laid_over_each_other_key_by_key_and_lists_as_a_whole() -> None:
    below = {"name": "a", "extra": {"generator": False, "social": [1]}, "theme": {"name": "material"}}
    above = {"name": "b", "extra": {"social": [2]}, "theme": "mkdocs"}
    assert merged(below, above) == {"name": "b", "extra": {"generator": False, "social": [2]}, "theme": "mkdocs"}
    assert below["extra"] == {"generator": False, "social": [1]}


def test_links_do_not_cost_the_site_the_settings_beside_them(tmp_path: Path) -> None:
    ours = yaml.safe_load((resource("site") / "mkdocs.yml").read_text(encoding="utf-8"))
    laid = merged(ours, project_settings(write(tmp_path, f"social: [{GITHUB}]")))
    assert laid["extra"] == {**ours["extra"], "social": laid["extra"]["social"]}
