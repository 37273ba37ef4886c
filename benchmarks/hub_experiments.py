"""The experiments under ``experiments/hub`` on models of the same architectures and sizes, with random weights.

Builds the twins once under ``build/benchmarks/hub``, runs every experiment on them from nothing, draws its page, and
prints seconds, checks and the size of the page. Nothing is downloaded.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from measure import report

from ecco_reports.executors.local import LocalExecutor
from ecco_reports.experiment import load_experiment
from ecco_reports.gates import judge
from ecco_reports.pages import render
from ecco_reports.plan import make_plan
from ecco_reports.runner import execute
from ecco_reports.site import publish
from ecco_reports.store import Store
from tests.twins import HUB, with_twins

FOLDER = Path(__file__).resolve().parent.parent / "build" / "benchmarks" / "hub"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of the files' names, such as 01; all by default")
    options = parser.parse_args()
    work = FOLDER / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    rows = []
    for file in sorted(HUB.glob("*.yaml")):
        if options.names and not file.name.startswith(tuple(options.names)):
            continue
        experiment = load_experiment(with_twins(file, FOLDER, work, small=False))
        store = Store(work / file.stem / "store")
        began = time.process_time()
        run = execute(make_plan([experiment], store), LocalExecutor(), store)
        computed = time.process_time() - began
        verdicts = judge(run)
        pages = render(run)
        publish(pages, work / file.stem / "site")
        report_of = next(page for page in pages if page.path.endswith(f"{experiment.name}.md"))
        html = work / file.stem / "site" / "experiments" / f"{experiment.name}.html"
        size = html.stat().st_size + sum(
            len(content) for path, content in report_of.assets.items() if path.endswith(".js")
        )
        failed = [*run.failures, *verdicts.failed, *pages.problems]
        rows.append((file.stem, len(run.outcomes), computed, len(failed), size / 1e3))
        for one in failed:
            print(one)
    columns = ("experiment", "results", "CPU s", "failed", "page kB")
    report("experiments/hub on models of the same sizes", columns, rows, {name: kb for name, *_, kb in rows})


if __name__ == "__main__":
    main()
