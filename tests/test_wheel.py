"""The wheel carries everything it needs: it works in a folder and an environment that have never seen the checkout."""

from __future__ import annotations

import html
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; what the wheel depends on is lent by this one through a path file.

    A folder that a path file names is searched, but its own path files are not read: the editable install of the
    checkout stays invisible.
    """
    folder = tmp_path_factory.mktemp("fresh") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (site / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder


def _run(environment: Path, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "HOME": str(cwd), "HF_HUB_OFFLINE": "1", "LANG": "C.UTF-8"}
    if "SOURCE_DATE_EPOCH" in os.environ:
        clean["SOURCE_DATE_EPOCH"] = os.environ["SOURCE_DATE_EPOCH"]
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=300, check=False)


def test_the_wheel_holds_templates_site_source_and_the_bundled_model(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "ecco_reports/_resources/templates/experiment.md.jinja",
        "ecco_reports/_resources/templates/project/experiments/first.yaml",
        "ecco_reports/_resources/templates/project/dot-gitignore",
        "ecco_reports/_resources/templates/project/dot-github/workflows/regression.yml",
        "ecco_reports/_resources/site/mkdocs.yml",
        "ecco_reports/_resources/site/docs/assets/javascripts/charts.js",
        "ecco_reports/models/bundled/facts/model.safetensors",
        "ecco_reports/models/bundled/facts/CARD.md",
    ):
        assert wanted in names


def test_the_wheel_leaves_tests_and_built_things_behind(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "build/", ".venv/"))]


def test_a_new_project_builds_from_the_wheel_alone(environment: Path, tmp_path: Path) -> None:
    where = _run(environment, "python", "-c", "import ecco_reports; print(ecco_reports.__file__)", cwd=tmp_path)
    assert where.stdout.startswith(str(environment)), where.stdout + where.stderr

    made = _run(environment, "ecco-reports", "init", "demo", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "demo/.gitignore").is_file()
    assert (tmp_path / "demo/.github/workflows/reports.yml").is_file()
    assert not list((tmp_path / "demo").rglob("dot-*"))
    built = _run(environment, "ecco-reports", "build", cwd=tmp_path / "demo")
    assert built.returncode == 0, built.stdout + built.stderr

    page = (tmp_path / "demo/build/site/experiments/first.html").read_text(encoding="utf-8")
    page = html.unescape(page)
    assert "Does the model know where Heathrow is?" in page
    assert "London" in page
    assert (tmp_path / "demo/build/site/index.html").is_file()
