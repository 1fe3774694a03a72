"""Measure explanations on real pictures and on defects with exact masks; write docs/results.md.

    CAMEXPORT_DATA=FOLDER python benchmarks/results [--folder build/results] [--only inspector]
        [--samples 40] [--page]

FOLDER holds `classifiers/`, `imagenet_val/`, `coco/` and `magnetic_tile/`; without it only the
inspector is measured. Every evaluation is a run of `camruntime evaluate`, goes on where it was, and
takes some hours; the network of the tiles is trained before, by `examples/train_small.py`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from results.data import prepare
from results.page import write_page
from results.runs import ROOT, runs

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "results")
    parser.add_argument("--only", help="Evaluations whose name contains this.")
    parser.add_argument("--samples", type=int, help="Of each data set only so many.")
    parser.add_argument("--page", action="store_true", help="Only write the page again.")
    arguments = parser.parse_args()
    given = os.environ.get("CAMEXPORT_DATA")
    data = Path(given) if given else None
    wanted = [run for run in runs(data, arguments.folder) if (arguments.only or "") in run.name]
    for run in [] if arguments.page else wanted:
        prepare(run, data)
        console.print(run.title)
        out = str(arguments.folder / run.name)
        command = [sys.executable, "-m", "camruntime", "evaluate", str(run.bundle)]
        limit = ("--limit", str(arguments.samples)) if arguments.samples else ()
        options = [str(run.dataset), *run.options, *limit, "--out", out]
        subprocess.run([*command, *options], check=True)
    write_page(runs(data, arguments.folder), arguments.folder)


if __name__ == "__main__":
    main()
