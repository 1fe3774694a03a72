"""Good parts and defects, on the relative and on the calibrated scale; writes docs/evidence.md.

    python benchmarks/evidence --data FOLDER [--anomalib PYTHON] [--out docs/evidence.md]
        [--work build/evidence] [--only NAME ...] [--methods SPEC ...] [--page]

Every data set and method is a file in `--work`, so a run that was cut goes on where it was;
networks that are not there are trained first, ten minutes each. Without `--anomalib`, PatchCore is
left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from rich.console import Console

from evidence.datasets import DATA_SETS, ROOT
from evidence.drift import drift
from evidence.measures import Found, read_found
from evidence.measuring import measured, patchcore, place
from evidence.page import MAIN, page
from evidence.sheets import draw

METHODS = (MAIN, "recipro-cam:score=logit:mask=gaussian", "grad-cam", "hires-cam", "score-cam")
TITLES = {
    "inspector": "Drawn surfaces, the built-in network",
    "tiles": "Magnetic tiles, three-fold cross-validation, labels of pictures alone",
    "tiles-masks": "Magnetic tiles, the same with masks in training",
    "boards": "Circuit boards, other boards than in training",
}

console = Console(width=None if sys.stdout.isatty() else 140)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "evidence.md")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "evidence")
    parser.add_argument("--anomalib", metavar="PYTHON", help="one that has anomalib")
    parser.add_argument("--only", nargs="+", choices=DATA_SETS, default=[*DATA_SETS])
    parser.add_argument("--methods", nargs="+", default=[*METHODS], metavar="SPEC")
    parser.add_argument("--page", action="store_true", help="only write the page again")
    return parser.parse_args()


def run(name: str, given: argparse.Namespace) -> None:
    """Measure what is missing of a data set, and draw it."""
    data = DATA_SETS[name](given.data, given.work)
    for method in given.methods:
        console.print(f"{name}: {method}", highlight=False)
        measured(data, method, given.work)
    weights = given.data / "classifiers" / "mobilenet_v2.pth"
    patchcore(data, given.anomalib, weights, given.work)
    sheet = given.out.with_name(f"evidence-{name}.png")
    found = read_found(place(given.work, name, MAIN))
    if found is not None:
        draw(data, found, MAIN, given.work, sheet)


def known(work: Path) -> dict[str, dict[str, Found]]:
    """All that was measured, in this run and in others."""
    by_name = {}
    for name in DATA_SETS:
        files = {method: place(work, name, method) for method in (*METHODS, "PatchCore")}
        read = {method: read_found(file) for method, file in files.items()}
        by_name[name] = {method: found for method, found in read.items() if found is not None}
    return {name: named for name, named in by_name.items() if MAIN in named}


def main() -> None:
    given = arguments()
    given.work.mkdir(parents=True, exist_ok=True)
    for name in [] if given.page else given.only:
        run(name, given)
    changed = drift(given.data, given.work)
    text = page(TITLES, known(given.work), changed, given.out.parent)
    given.out.write_text(text, encoding="utf-8")
    console.print(f"written: {given.out}", highlight=False)


if __name__ == "__main__":
    main()
