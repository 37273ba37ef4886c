"""What a site costs: the first build, a build with nothing to do, a build after one prompt has changed, and its pages.

Usage: python benchmarks/site.py [--runs 3]

Copies ``experiments/`` into a temporary project, so that nothing stored already helps. Prints a table and a JSON line.
The last two figures need Debian's chromium and are left out without it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main() -> None:
    """Measures, and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="repetitions of the short measurements")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copytree(CHECKOUT / "experiments", project / "experiments")
        first = build(project)
        unchanged = [build(project) for _ in range(runs)]
        stored = results(project)
        (one,) = (project / "experiments").glob("*heathrow.yaml")
        one.write_text(one.read_text(encoding="utf-8").replace("Heathrow airport", "Gatwick airport"), encoding="utf-8")
        changed = build(project)
        figures = {
            "first build, wall s": first["wall"],
            "first build, CPU s": first["cpu"],
            "nothing changed, wall s": statistics.median(run["wall"] for run in unchanged),
            "nothing changed, CPU s": statistics.median(run["cpu"] for run in unchanged),
            "nothing changed, modules of torch": max(run["torch"] for run in unchanged),
            "one prompt changed, wall s": changed["wall"],
            "one prompt changed, results computed": len(results(project) - stored),
            "results in all": len(stored),
            **sizes(project / "build" / "site"),
            **first_chart(project / "build" / "site" / "experiments" / "heathrow.html", runs),
        }
    for name, value in figures.items():
        print(f"{name:<44} {value:>10.2f}" if isinstance(value, float) else f"{name:<44} {value:>10}")
    print(json.dumps(figures))


def build(project: Path) -> dict[str, float]:
    """Builds the project in a process of its own: wall and CPU seconds, and whether torch was imported."""
    code = (
        "import sys, os\n"
        "from ecco_reports.cli import main\n"
        "try: main(['build'])\n"
        "finally: print('torch', sum(name.partition('.')[0] == 'torch' for name in sys.modules))\n"
    )
    before, began = os.times(), time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - began, os.times()
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": wall, "cpu": cpu, "torch": int(done.stdout.rsplit(maxsplit=1)[-1])}


def results(project: Path) -> set[str]:
    """The keys that are stored."""
    return {path.parent.name for path in (project / ".ecco-reports").rglob("result.json")}


def sizes(site: Path) -> dict[str, float | str]:
    """The weight of the site and of its heaviest page, without what all pages share."""
    pages = {path.relative_to(site).as_posix(): path.stat().st_size for path in site.rglob("*.html")}
    heaviest = max(pages, key=lambda path: pages[path])
    return {
        "pages": len(pages),
        "site, MB": sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) / 1e6,
        f"largest page ({heaviest}), kB": pages[heaviest] / 1e3,
    }


def first_chart(page: Path, runs: int) -> dict[str, float]:
    """Milliseconds from opening a page, scrolled to its first chart, until that chart is drawn."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        for _ in range(runs):
            tab = browser.new_page()
            began = time.perf_counter()
            tab.goto(page.as_uri(), wait_until="commit")
            tab.wait_for_selector("figure.ecco-chart")
            tab.evaluate("document.querySelector('figure.ecco-chart').scrollIntoView()")
            tab.wait_for_selector("figure.ecco-chart svg.marks, figure.ecco-chart canvas.marks", state="visible")
            found.append(1000 * (time.perf_counter() - began))
            tab.close()
        browser.close()
    return {"first chart visible, ms": statistics.median(found)}


if __name__ == "__main__":
    main()
